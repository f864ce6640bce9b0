/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of recordings share: an arena, a file, and schemas with all there is.
 */
#ifndef TEST_RECORDING_FIXTURE_H
#define TEST_RECORDING_FIXTURE_H

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "data/names.h"
#include "recording/document.h"

static struct arena arena;
static char path[64];

static int setup(void **state)
{
	int fd;

	(void)state;
	(void)snprintf(path, sizeof(path), "/tmp/test_recording.XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	(void)close(fd);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	(void)unlink(path);
	arena_release(&arena);
	return 0;
}

/* ---- schemas ------------------------------------------------------------ */

enum { ROW_MIN = 512 };

static void begin(struct schema_builder *b, uint32_t seq_at)
{
	struct schema_head head = { .event = "evt",
				    .source = "src",
				    .gadget = "gad\xff get", /* no UTF-8 */
				    .host = "höst",
				    .row_min = ROW_MIN,
				    .seq_at = seq_at };

	schema_begin(b, &arena, &head);
}

static void add(struct schema_builder *b, struct field field)
{
	assert_int_equal(schema_add(b, &field), 0);
}

static const struct names *make_names(void)
{
	static const struct name list[] = {
		{ UINT64_MAX, 0, { "zero", 4 } },
		{ 3, 2, { "two", 3 } },
		{ UINT64_MAX, UINT64_MAX, { "all", 3 } },
		{ 8, 8, { "a\0b\xfe", 4 } },
	};
	const struct names_options options = {
		.unknown = "unknown#", .separator = ", ", .is_signed = true, .hides_number = true
	};
	const struct names *names = names_make(&arena, list, 4, &options);

	assert_non_null(names);
	return names;
}

static const struct element *make_element(const struct element *inner)
{
	static const struct field number = {
		.name = "n", .label = "n", .type = TYPE_INT, .layout = LAYOUT_S16, .size = 2
	};
	struct element *e = arena_alloc(&arena, sizeof(*e));
	struct field *fields = arena_array(&arena, 2, sizeof(*fields));

	fields[0] = number;
	*e = (struct element){ .stride = 2, .nfields = 1, .fields = fields };
	if (!inner)
		return e;
	fields[1] = (struct field){ .name = "inner",
				    .label = "in",
				    .type = TYPE_ARRAY,
				    .layout = LAYOUT_BYTES,
				    .at = 2,
				    .size = 8,
				    .element = inner };
	*e = (struct element){ .stride = 10, .is_object = true, .nfields = 2, .fields = fields };
	return e;
}

/* A field of that type in that layout, with all that belongs to it. */
__attribute__((unused)) static struct field make_field(enum type type, enum layout layout)
{
	struct field f = { .name = arena_printf(&arena, "%s.%s", type_name(type),
						layout_name(layout)),
			   .type = (uint8_t)type,
			   .layout = (uint8_t)layout,
			   .at = 16 + layout,
			   .size = layout_bytes(layout) };

	if (!f.size && layout != LAYOUT_TAIL && layout != LAYOUT_REST)
		f.size = 8;
	if (layout == LAYOUT_REST)
		f.len_at = 40;
	if (layout == LAYOUT_BITS || layout == LAYOUT_SBITS) {
		f.bit = 3;
		f.bits = 61;
		f.size = 9;
	}
	if (type == TYPE_NAME || type == TYPE_FLAGS)
		f.names = make_names();
	if (type == TYPE_ARRAY)
		f.element = make_element(make_element(NULL));
	return f;
}

static const struct notes full_notes = { .description = "what \"it\" is",
					 .alias = "HDR",
					 .width = 7,
					 .min_width = 3,
					 .max_width = 65535,
					 .align = ALIGN_RIGHT,
					 .ellipsis = ELLIPSIS_MIDDLE,
					 .is_fixed = true,
					 .is_hex = true,
					 .has_precision = true,
					 .precision = 0 };

static const struct schema *small(void)
{
	struct schema_builder b;

	begin(&b, SCHEMA_NO_SEQ);
	add(&b,
	    (struct field){ .name = "when", .type = TYPE_TIME, .layout = LAYOUT_BOOT, .size = 8 });
	add(&b, (struct field){ .name = "kind",
				.type = TYPE_NAME,
				.layout = LAYOUT_U8,
				.at = 8,
				.size = 1,
				.names = make_names() });
	add(&b, (struct field){ .name = "rest",
				.type = TYPE_BYTES,
				.layout = LAYOUT_REST,
				.at = 16,
				.len_at = 12 });
	add(&b, (struct field){ .name = "bits",
				.type = TYPE_UINT,
				.layout = LAYOUT_BITS,
				.at = 9,
				.size = 2,
				.bit = 1,
				.bits = 12 });
	add(&b, (struct field){ .name = "list",
				.type = TYPE_ARRAY,
				.layout = LAYOUT_BYTES,
				.at = 20,
				.size = 10,
				.element = make_element(NULL),
				.notes = &full_notes });
	return schema_end(&b);
}

/* The text with the first `from` replaced. */
__attribute__((unused)) static char *change(const char *text, const char *from, const char *to)
{
	const char *at = strstr(text, from);

	if (!at)
		fail_msg("the document has no '%s': %s", from, text);
	return arena_printf(&arena, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
}

#endif
