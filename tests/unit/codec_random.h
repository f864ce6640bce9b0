/* SPDX-License-Identifier: Apache-2.0 */
/*
 * codec_random: random schemas that have fields of every type in every layout
 * it can have, arrays of them, arrays of arrays and of structs; and random rows.
 */
#ifndef TESTS_CODEC_RANDOM_H
#define TESTS_CODEC_RANDOM_H

#include "codec_fixture.h"
#include "data/names.h"

enum { RANDOM_ROW_MIN = 200, RANDOM_FIELDS = 14, RANDOM_DEPTH = 3 };

static inline uint32_t random_below(uint64_t *random, uint32_t n)
{
	return (uint32_t)(fixture_random(random) >> 16) % n;
}

/* Numbers that have names; some of the names need escapes everywhere. */
static inline const struct names *random_names(struct fixture *f, bool is_flags)
{
	static const char *const texts[] = { "",    "ENOENT", "O_WRONLY", "say \"x\"", "µs",
					     "yes", "a,b",    "# no",     "12",        "\n",
					     "a|b", "null",   "-",        "x: y",      "~" };
	struct name list[15];

	for (unsigned i = 0; i < 15; i++)
		list[i] = (struct name){
			.mask = is_flags ? UINT64_C(1) << i : UINT64_MAX,
			.value = is_flags ? UINT64_C(1) << i : (i < 12 ? i : i - 15 * UINT64_C(7)),
			.text = { texts[i], strlen(texts[i]) },
		};
	return names_make(&f->arena, list, 15,
			  &(struct names_options){ .unknown = is_flags ? NULL : "no \\ ",
						   .is_signed = true });
}

static inline enum layout random_number_layout(uint64_t *random, bool is_signed)
{
	static const enum layout all[] = { LAYOUT_U8,  LAYOUT_U16,   LAYOUT_U32,
					   LAYOUT_U64, LAYOUT_S8,    LAYOUT_S16,
					   LAYOUT_S32, LAYOUT_SBITS, LAYOUT_BITS };

	return is_signed                      ? all[random_below(random, 9)]
	       : random_below(random, 5) == 4 ? LAYOUT_BITS
					      : all[random_below(random, 4)];
}

static inline void random_array(struct fixture *f, uint64_t *random, struct field *field,
				unsigned depth);

/* Type, layout and size; the place is the caller's.  is_fixed: no more than size. */
static inline void random_field(struct fixture *f, uint64_t *random, struct field *field,
				bool is_fixed, unsigned depth)
{
	static const enum layout spans[] = { LAYOUT_BYTES, LAYOUT_CHARS, LAYOUT_TAIL, LAYOUT_REST };
	enum layout span = spans[random_below(random, is_fixed ? 2 : 4)];

	field->type = (uint8_t)random_below(random, TYPE_COUNT);
	field->size = 1 + random_below(random, 24);
	switch ((enum type)field->type) {
	case TYPE_INT:
		field->layout = (uint8_t)random_number_layout(random, true);
		if (random_below(random, 8) == 0)
			field->layout = LAYOUT_S128;
		break;
	case TYPE_UINT:
		field->layout = (uint8_t)random_number_layout(random, false);
		if (random_below(random, 8) == 0)
			field->layout = LAYOUT_U128;
		break;
	case TYPE_NAME:
	case TYPE_FLAGS:
		field->names = random_names(f, field->type == TYPE_FLAGS);
		/* fallthrough */
	case TYPE_BOOL:
	case TYPE_DURATION:
	case TYPE_SIZE:
	case TYPE_MODE:
		field->layout = (uint8_t)random_number_layout(random, true);
		break;
	case TYPE_FLOAT:
		field->layout = random_below(random, 2) ? LAYOUT_F32 : LAYOUT_F64;
		break;
	case TYPE_TIME:
	case TYPE_TIME_NS:
		field->layout = random_below(random, 2) ? LAYOUT_BOOT : LAYOUT_U64;
		break;
	case TYPE_IP:
		field->layout = LAYOUT_L3;
		break;
	case TYPE_ENDPOINT:
		field->layout = LAYOUT_L4;
		break;
	case TYPE_ARRAY:
		field->layout = (uint8_t)(span == LAYOUT_CHARS ? LAYOUT_BYTES : span);
		random_array(f, random, field, depth);
		break;
	default:
		field->layout = (uint8_t)span;
	}
	if (field->layout == LAYOUT_BITS || field->layout == LAYOUT_SBITS) {
		field->size = 1 + random_below(random, 9);
		field->bit = (uint8_t)random_below(random, 8);
		field->bits = (uint8_t)(1 + random_below(random, 8 * field->size - field->bit));
		if (field->bits > 64)
			field->bits = 64;
	} else if (layout_bytes((enum layout)field->layout)) {
		field->size = layout_bytes((enum layout)field->layout);
	}
	if (field->layout == LAYOUT_TAIL || field->layout == LAYOUT_REST) {
		field->size = 0;
		field->at = RANDOM_ROW_MIN;
		field->len_at = random_below(random, RANDOM_ROW_MIN - 4);
	}
}

static inline void random_array(struct fixture *f, uint64_t *random, struct field *field,
				unsigned depth)
{
	static const char *const names[] = { "a", "b.c", "b.d", "e" };
	struct element *element = arena_alloc(&f->arena, sizeof(*element));
	uint32_t n = 1 + random_below(random, 4);
	struct field *members = arena_array(&f->arena, n, sizeof(*members));
	uint32_t end = 0;

	element->is_object = n > 1 || random_below(random, 3) == 0;
	for (uint32_t i = 0; i < n; i++) {
		members[i] = (struct field){ .name = names[i], .label = names[i], .loc = LOC_ROW };
		do
			random_field(f, random, &members[i], true, depth + 1);
		while (members[i].type == TYPE_ARRAY && depth + 1 >= RANDOM_DEPTH);
		members[i].at = end;
		end += members[i].size;
	}
	element->stride = end + random_below(random, 3);
	element->nfields = n;
	element->fields = members;
	field->element = element;
	/* A partial last element is dropped. */
	field->size = element->stride * random_below(random, 5) + random_below(random, 2);
}

/* How columns should show a field: anything that notes can say. */
static inline const struct notes *random_notes(struct fixture *f, uint64_t *random)
{
	struct notes *notes = arena_alloc(&f->arena, sizeof(*notes));

	if (random_below(random, 2))
		return NULL;
	*notes = (struct notes){
		.alias = random_below(random, 4) ? NULL : "x y",
		.width = (uint16_t)random_below(random, 30),
		.min_width = (uint16_t)(random_below(random, 2) * random_below(random, 20)),
		.max_width = (uint16_t)(random_below(random, 2) * random_below(random, 20)),
		.align = (uint8_t)random_below(random, 3),
		.ellipsis = (uint8_t)random_below(random, 4),
		.is_fixed = random_below(random, 4) == 0,
		.is_hex = random_below(random, 2),
		.has_precision = random_below(random, 2),
		.precision = (uint8_t)fixture_random(random),
	};
	return notes;
}

static inline void random_schema(struct fixture *f, uint64_t *random)
{
	static const char *const parts[] = { "", "o.", "o.p.", "q." };
	uint32_t n = 1 + random_below(random, RANDOM_FIELDS);

	fixture_begin(f, RANDOM_ROW_MIN);
	for (uint32_t i = 0; i < n; i++) {
		struct field field = { .loc = LOC_ROW };
		char name[32];

		random_field(f, random, &field, false, 0);
		if (field.size > RANDOM_ROW_MIN)
			continue;
		if (field.layout != LAYOUT_TAIL && field.layout != LAYOUT_REST)
			field.at = random_below(random, RANDOM_ROW_MIN - field.size + 1);
		snprintf(name, sizeof(name), "%sf%u", parts[random_below(random, 4)], i);
		field.name = name;
		field.notes = random_notes(f, random);
		fixture_add(f, field);
	}
	fixture_column(f, "q.when", TYPE_TIME, LAYOUT_S64, 0);
	fixture_column(f, "q.r.note", TYPE_STRING, LAYOUT_STR, 1);
	fixture_ready(f);
}

/* Bytes that are often text, often small numbers, and sometimes anything. */
static inline uint8_t random_byte(uint64_t *random)
{
	static const char often[] = "abz09-:#'\"\\\n\r,~ {}[]&*!|>%@`?=.yn\x7f\xc2\x85\xc3\xa9\xe2"
				    "\x80\xa8\xef\xbb\xbf\xf0\x9f\x98\x80\xed\xa0\xff\x80\1\33";

	switch (random_below(random, 8)) {
	case 0:
		return (uint8_t)fixture_random(random);
	case 1:
	case 2:
		return 0;
	case 3:
		return (uint8_t)(4 + 2 * random_below(random, 2));
	default:
		return (uint8_t)often[random_below(random, sizeof(often) - 1)];
	}
}

static inline void random_row(struct fixture *f, uint64_t *random)
{
	uint8_t row[RANDOM_ROW_MIN + 100];
	uint32_t len = RANDOM_ROW_MIN + random_below(random, 100);
	bool is_wild = random_below(random, 4) == 0;

	for (uint32_t i = 0; i < len; i++)
		row[i] = is_wild ? (uint8_t)fixture_random(random) : random_byte(random);
	fixture_row(f, row, len);
}

/* The two columns: of each row, half are missing. */
static inline void random_columns(struct fixture *f, uint64_t *random)
{
	static const struct str notes[] = {
		{ "", 0 }, { "note", 4 }, { "a\0b", 3 }, { "\xff#", 2 }
	};
	int64_t *when = arena_array(&f->arena, FIXTURE_ROWS, sizeof(*when));
	struct str *note = arena_array(&f->arena, FIXTURE_ROWS, sizeof(*note));

	for (uint32_t i = 0; i < f->rows.n; i++) {
		when[i] = (int64_t)fixture_random(random) >> random_below(random, 40);
		note[i] = notes[random_below(random, 4)];
	}
	f->cols[0].i = when;
	f->cols[1].s = note;
	for (unsigned c = 0; c < 2; c++) {
		for (uint32_t i = 0; i < FIXTURE_ROWS / 64; i++)
			f->present[c][i] = fixture_random(random);
		f->cols[c].present = f->present[c];
	}
}

#endif
