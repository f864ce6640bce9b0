/* SPDX-License-Identifier: Apache-2.0 */
/* Schemas survive as documents, and every flaw of a document is found. */
#include "recording_fixture.h"

#include "recording/check.h"
#include "recording/encoder.h"

/* Whether a field of the pair would pass; the engine's own are not asked. */
static bool is_allowed(enum type type, enum layout layout)
{
	struct schema_builder b;

	begin(&b, SCHEMA_NO_SEQ);
	add(&b, make_field(type, layout));
	return schema_check(schema_end(&b), NULL) == 0;
}

static const struct schema *everything(void)
{
	struct schema_builder b;
	uint32_t n = 0;

	begin(&b, 8);
	for (int type = 0; type < TYPE_COUNT; type++)
		for (int layout = 0; layout < LAYOUT_COUNT; layout++) {
			struct field f;

			if (!is_allowed((enum type)type, (enum layout)layout))
				continue;
			f = make_field((enum type)type, (enum layout)layout);
			f.flags = (uint8_t)(n++ % 8);
			if (n % 3 == 0)
				f.notes = &full_notes;
			add(&b, f);
		}
	assert_true(n > 60);
	return schema_end(&b);
}

static void assert_same_text(const char *a, const char *b)
{
	if (a || b)
		assert_string_equal(a, b);
}

static void assert_same_names(const struct names *a, const struct names *b)
{
	if (!a && !b)
		return;
	assert_int_equal(a->n, b->n);
	assert_string_equal(a->unknown, b->unknown);
	assert_string_equal(a->separator, b->separator);
	assert_int_equal(a->hides_number, b->hides_number);
	assert_int_equal(a->is_signed, b->is_signed);
	assert_int_equal(a->text_max, b->text_max);
	for (uint32_t i = 0; i < a->n; i++) {
		assert_true(a->list[i].mask == b->list[i].mask);
		assert_true(a->list[i].value == b->list[i].value);
		assert_int_equal(a->list[i].text.len, b->list[i].text.len);
		assert_memory_equal(a->list[i].text.at, b->list[i].text.at, a->list[i].text.len);
		assert_int_equal(a->sorted[i], b->sorted[i]);
	}
}

static void assert_same_notes(const struct notes *a, const struct notes *b)
{
	if (!a && !b)
		return;
	assert_same_text(a->description, b->description);
	assert_same_text(a->alias, b->alias);
	assert_int_equal(a->width, b->width);
	assert_int_equal(a->min_width, b->min_width);
	assert_int_equal(a->max_width, b->max_width);
	assert_int_equal(a->align, b->align);
	assert_int_equal(a->ellipsis, b->ellipsis);
	assert_int_equal(a->is_fixed, b->is_fixed);
	assert_int_equal(a->is_hex, b->is_hex);
	assert_int_equal(a->has_precision, b->has_precision);
	assert_int_equal(a->precision, b->precision);
}

static void assert_same_fields(const struct field *a, const struct field *b, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++, a++, b++) {
		assert_string_equal(a->name, b->name);
		assert_string_equal(a->label, b->label);
		assert_int_equal(a->type, b->type);
		assert_int_equal(a->layout, b->layout);
		assert_int_equal(a->loc, b->loc);
		assert_int_equal(a->flags, b->flags);
		assert_int_equal(a->at, b->at);
		assert_int_equal(a->size, b->size);
		assert_int_equal(a->bit, b->bit);
		assert_int_equal(a->bits, b->bits);
		assert_int_equal(a->len_at, b->len_at);
		assert_same_names(a->names, b->names);
		assert_same_notes(a->notes, b->notes);
		assert_int_equal(!a->element, !b->element);
		if (!a->element)
			continue;
		assert_int_equal(a->element->stride, b->element->stride);
		assert_int_equal(a->element->is_object, b->element->is_object);
		assert_int_equal(a->element->nfields, b->element->nfields);
		assert_same_fields(a->element->fields, b->element->fields, a->element->nfields);
	}
}

static void assert_same_schema(const struct schema *a, const struct schema *b)
{
	static const char *const constants[] = { "@event", "@source", "@gadget", "@host" };

	assert_string_equal(a->event, b->event);
	assert_string_equal(a->source, b->source);
	assert_int_equal(a->row_min, b->row_min);
	assert_int_equal(a->seq_at, b->seq_at);
	assert_int_equal(a->nfields, b->nfields);
	assert_same_fields(a->fields, b->fields, a->nfields);
	assert_string_equal(a->time->name, b->time->name);
	assert_true(a->hash == b->hash);
	for (size_t i = 0; i < 4; i++) {
		struct str s = field_const_str(a, schema_find(a, constants[i])),
			   t = field_const_str(b, schema_find(b, constants[i]));

		assert_int_equal(s.len, t.len);
		assert_memory_equal(s.at, t.at, s.len);
	}
}

static void every_type_in_every_layout_survives(void **state)
{
	const struct schema *a = everything(), *b = NULL;
	struct error err = ERROR_INIT;
	char *text = document_of_schema(a);

	(void)state;
	if (document_to_schema(&arena, text, strlen(text), &b, &err) < 0)
		fail_msg("%s", err.text);
	assert_same_schema(a, b);
	free(text);
}

static void a_selection_of_fields_survives(void **state)
{
	static const uint16_t indexes[] = { 8, 0, 7 };
	const struct schema *a = schema_project(&arena, small(), indexes, 3), *b = NULL;
	char *text = document_of_schema(a);

	(void)state;
	assert_int_equal(document_to_schema(&arena, text, strlen(text), &b, NULL), 0);
	assert_same_schema(a, b);
	free(text);
}

/* What a change to a document of a good schema is answered with. */
static const struct {
	const char *from, *to, *why;
} changes[] = {
	{ "{\"event\"", "[\"event\"", "no JSON" },
	{ "\"row_min\":512", "\"row_min\":-1", "'row_min' is no number" },
	{ "\"row_min\":512", "\"row_min\":99999999", "'row_min' is no number" },
	{ "\"row_min\":512", "\"row_min\":512,\"row_min\":512", "duplicate" },
	{ "\"row_min\":512", "\"row_min\":512,\"endian\":1",
	  "unknown schema 'endian'; made by a newer" },
	{ "\"row_min\":512", "\"row_min\":512,\"seq_at\":505",
	  "numbers of 'evt' are not in its rows" },
	{ "\"row_min\":512", "\"row_min\":7", "ends behind the end of the row" },
	{ "\"event\":\"evt\"", "\"event\":17", "'event' is no text" },
	{ "\"event\":\"evt\"", "\"event\":{\"hex\":\"0\"}", "no hexadecimal" },
	{ "\"event\":\"evt\"", "\"event\":{\"hex\":\"zz\"}", "no hexadecimal" },
	{ "\"event\":\"evt\"", "\"event\":{\"hex\":\"00\"}", "holds a NUL" },
	{ "\"event\":\"evt\",", "", "'event' is missing" },
	{ "\"layout\":\"BOOT\"", "\"layout\":\"TOES\"", "unknown layout 'TOES'; made by a newer" },
	{ "\"type\":\"bytes\"", "\"type\":\"colour\"", "unknown type 'colour'; made by a newer" },
	{ "\"type\":\"bytes\"", "\"type\":\"float\"", "a float cannot lie as REST" },
	{ "\"place\":\"row\"", "\"place\":\"moon\"", "unknown place 'moon'" },
	{ "\"place\":\"row\"", "\"place\":\"\"", "computed by a stage" },
	{ "\"layout\":\"BOOT\",\"place\":\"row\"", "\"layout\":\"STR\",\"place\":\"row\"",
	  "cannot lie" },
	{ "\"layout\":\"U8\",\"place\":\"row\"", "\"layout\":\"STR\",\"place\":\"row\"",
	  "cannot lie" },
	{ "\"layout\":\"REST\",\"place\":\"row\"", "\"layout\":\"STR\",\"place\":\"row\"",
	  "cannot lie" },
	{ "\"layout\":\"STR\",\"place\":\"const\"", "\"layout\":\"STR\",\"place\":\"row\"",
	  "only constants are kept by address" },
	{ "\"layout\":\"STR\",\"place\":\"const\"", "\"layout\":\"CHARS\",\"place\":\"const\"",
	  "only constants are kept by address" },
	{ "\"layout\":\"RID\",\"place\":\"batch\"", "\"layout\":\"RID\",\"place\":\"row\"",
	  "not where its layout says" },
	{ "\"len_at\":12", "\"len_at\":509", "length is not in the row" },
	{ "\"at\":16", "\"at\":513", "begins behind" },
	{ "\"at\":16", "\"at\":1e3", "'at' is no number" },
	{ "\"at\":20,\"size\":10", "\"at\":508,\"size\":10", "ends behind" },
	{ "\"at\":20,\"size\":10", "\"at\":20,\"size\":0", "has no size" },
	{ "\"at\":8,\"size\":1", "\"at\":8,\"size\":2", "size is not that of its layout" },
	{ "\"bits\":12", "\"bits\":16", "bits are not in its bytes" },
	{ "\"bits\":12", "\"bits\":0", "bits are not in its bytes" },
	{ "\"size\":2,\"bit\"", "\"size\":10,\"bit\"", "bits are not in its bytes" },
	{ "\"at\":8,\"size\":1", "\"at\":8,\"size\":1,\"bits\":1", "only bit-fields have bits" },
	{ "\"names\":0", "\"names\":1", "'names' is no table" },
	{ "\"type\":\"name\"", "\"type\":\"uint\"", "have a table, others have none" },
	{ ",\"names\":0", "", "have a table, others have none" },
	{ "\"0x0\"", "\"-0x1\"", "no number" },
	{ "\"stride\":2", "\"stride\":0", "no proper size" },
	{ "\"stride\":2", "\"stride\":1", "ends behind" },
	{ "\"object\":false", "\"object\":3", "neither true nor false" },
	{ "\"layout\":\"S16\"", "\"layout\":\"TAIL\"", "no fixed place" },
	{ "\"type\":\"int\",\"layout\":\"S16\"", "\"type\":\"bytes\",\"layout\":\"TAIL\"",
	  "no fixed place" },
	{ "\"type\":\"int\",\"layout\":\"S16\",\"place\":\"row\"",
	  "\"type\":\"time\",\"layout\":\"READ\",\"place\":\"batch\"", "no fixed place" },
	{ "\"type\":\"array\"", "\"type\":\"bytes\"", "arrays have an element" },
	{ "\"align\":\"right\"", "\"align\":\"up\"", "unknown align 'up'" },
	{ "\"width\":7", "\"width\":70000", "'width' is no number" },
	{ "\"name\":\"bits\"", "\"name\":\"kind\"", "is there twice" },
	{ "\"name\":\"bits\"", "\"name\":\"\"", "'name' is empty" },
	{ "\"name\":\"bits\"", "\"name\":\"@moon\"", "not known; made by a newer" },
	{ "\"name\":\"@host\"", "\"name\":\"host\"", "has no field '@host'" },
	{ "\"name\":\"@time\"", "\"name\":\"time\"", "has no field '@time'" },
	{ "\"flags\":[\"hidden\"]", "\"flags\":[\"loud\"]", "unknown flag 'loud'" },
	{ "\"flags\":[\"hidden\"]", "\"flags\":\"hidden\"", "'flags' is no list" },
	{ "\"tables\":[", "\"tables\":7,\"x\":[", "unknown schema 'x'" },
	{ "\"tables\":[", "\"tables\":[7,", "'tables' is no object" },
};

static void every_flaw_of_a_document_is_an_error_that_says_so(void **state)
{
	char *good = document_of_schema(small());
	const struct schema *schema = NULL;

	(void)state;
	assert_int_equal(document_to_schema(&arena, good, strlen(good), &schema, NULL), 0);
	for (size_t i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
		char *bad = change(good, changes[i].from, changes[i].to);
		struct error err = ERROR_INIT;

		if (document_to_schema(&arena, bad, strlen(bad), &schema, &err) == 0)
			fail_msg("accepted: %s", bad);
		if (!strstr(err.text, changes[i].why))
			fail_msg("'%s' does not say '%s'", err.text, changes[i].why);
	}
	free(good);
}

static void a_document_that_is_cut_anywhere_is_an_error(void **state)
{
	char *good = document_of_schema(small());
	const struct schema *schema = NULL;

	(void)state;
	for (size_t len = 0; len < strlen(good); len++) {
		char *cut = arena_strndup(&arena, good, len);

		assert_true(document_to_schema(&arena, cut, len, &schema, NULL) < 0);
	}
	free(good);
}

static void a_schema_with_columns_is_refused(void **state)
{
	struct schema *s = arena_memdup(&arena, small(), sizeof(struct schema));
	const struct encoder *encoder;
	struct error err = ERROR_INIT;

	(void)state;
	s->ncols = 1;
	assert_true(recording_encoder(&arena, s, 0, &encoder, &err) < 0);
	assert_non_null(strstr(err.text, "only rows can be recorded"));
}

/* What no reader would take is not written in the first place. */
static void a_schema_that_cannot_be_read_back_is_refused(void **state)
{
	char *essay = arena_alloc(&arena, 20001);
	struct notes notes = { .description = memset(essay, 'x', 20000) };
	const struct encoder *encoder;
	struct error err = ERROR_INIT;
	struct schema_builder b;

	(void)state;
	begin(&b, SCHEMA_NO_SEQ);
	add(&b, (struct field){ .name = "a",
				.type = TYPE_UINT,
				.layout = LAYOUT_U8,
				.size = 1,
				.notes = &notes });
	assert_true(recording_encoder(&arena, schema_end(&b), 0, &encoder, &err) < 0);
	assert_non_null(strstr(err.text, "'evt' cannot be recorded"));
	assert_non_null(strstr(err.text, "'description' is too long"));
}

static void a_head_survives_and_another_byte_order_is_refused(void **state)
{
	const struct recording_head a = { .program = "gadgetctl 9",
					  .host = "h\x80",
					  .kernel = "6.1",
					  .machine = "aarch64",
					  .boot = "0123",
					  .created_ns = INT64_MAX,
					  .boot_to_wall_ns = -5 };
	struct error err = ERROR_INIT;
	struct recording_head b;
	char *text = document_of_head(&a), *big;

	(void)state;
	assert_int_equal(document_to_head(&arena, text, strlen(text), &b, &err), 0);
	assert_string_equal(b.program, a.program);
	assert_string_equal(b.machine, a.machine);
	assert_string_equal(b.boot, a.boot);
	assert_true(b.created_ns == a.created_ns && b.boot_to_wall_ns == a.boot_to_wall_ns);
	big = change(text, "\"little\"", "\"big\"");
	assert_true(document_to_head(&arena, big, strlen(big), &b, &err) < 0);
	assert_non_null(strstr(err.text, "byte order 'big'"));
	free(text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_type_in_every_layout_survives),
		TEST(a_selection_of_fields_survives),
		TEST(every_flaw_of_a_document_is_an_error_that_says_so),
		TEST(a_document_that_is_cut_anywhere_is_an_error),
		TEST(a_schema_with_columns_is_refused),
		TEST(a_schema_that_cannot_be_read_back_is_refused),
		TEST(a_head_survives_and_another_byte_order_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
