/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "data/batch.h"

struct __attribute__((packed)) record {
	uint64_t seq, boot;
	int8_t s8;
	uint16_t u16;
	int32_t s32;
	uint64_t u64;
	float f32;
	double f64;
	char comm[4];
	uint8_t raw[3];
	char tail[];
};

#define AT(m) \
	.loc = LOC_ROW, .at = offsetof(struct record, m), .size = sizeof(((struct record *)0)->m)

static const struct schema *make_schema(struct arena *arena)
{
	static const struct field fields[] = {
		{ .name = "time", .type = TYPE_TIME, .layout = LAYOUT_BOOT, AT(boot) },
		{ .name = "s8", .type = TYPE_INT, .layout = LAYOUT_S8, AT(s8) },
		{ .name = "u16", .type = TYPE_UINT, .layout = LAYOUT_U16, AT(u16) },
		{ .name = "s32", .type = TYPE_INT, .layout = LAYOUT_S32, AT(s32) },
		{ .name = "u64", .type = TYPE_UINT, .layout = LAYOUT_U64, AT(u64) },
		{ .name = "f32", .type = TYPE_FLOAT, .layout = LAYOUT_F32, AT(f32) },
		{ .name = "f64", .type = TYPE_FLOAT, .layout = LAYOUT_F64, AT(f64) },
		{ .name = "comm", .type = TYPE_STRING, .layout = LAYOUT_CHARS, AT(comm) },
		{ .name = "raw", .type = TYPE_BYTES, .layout = LAYOUT_BYTES, AT(raw) },
		{ .name = "args",
		  .type = TYPE_STRINGS,
		  .layout = LAYOUT_TAIL,
		  .loc = LOC_ROW,
		  .at = offsetof(struct record, tail) },
	};
	struct schema_head head = { .event = "open",
				    .source = "opens",
				    .gadget = "trace_open",
				    .host = "web1",
				    .row_min = sizeof(struct record),
				    .seq_at = offsetof(struct record, seq) };
	struct schema_builder b;

	schema_begin(&b, arena, &head);
	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++)
		assert_int_equal(schema_add(&b, &fields[i]), 0);
	assert_int_equal(schema_add(&b, &fields[1]), -EEXIST);
	return schema_end(&b);
}

struct fixture {
	struct arena arena;
	const struct schema *schema;
	_Alignas(8) uint8_t bytes[sizeof(struct record) + 8 + ROW_SLACK];
	const uint8_t *at[1];
	uint32_t len[1];
	uint64_t pos[1];
	struct origin origin;
	struct rows rows;
	struct batch batch;
};

static int set_up(void **state)
{
	static struct fixture f;
	struct record r = { .seq = (UINT64_C(3) << 48) | 99,
			    .boot = 1000,
			    .s8 = -8,
			    .u16 = 65535,
			    .s32 = -5,
			    .u64 = UINT64_MAX,
			    .f32 = 1.5f,
			    .f64 = -2.25,
			    .comm = { 'a', 'b', 0, 'x' },
			    .raw = { 0, 1, 255 } };

	f = (struct fixture){ 0 };
	f.schema = make_schema(&f.arena);
	memcpy(f.bytes, &r, sizeof(r));
	memcpy(f.bytes + sizeof(r), "ls\0-l\0", 6);
	f.at[0] = f.bytes;
	f.len[0] = sizeof(r) + 6;
	f.pos[0] = 77;
	f.origin = (struct origin){ .source = "opens",
				    .boot = "0123456789abcdef0123456789abcdef",
				    .epoch = 0xe };
	f.rows = (struct rows){ .at = f.at,
				.len = f.len,
				.pos = f.pos,
				.origin = &f.origin,
				.wall_ns = 500,
				.boot_to_wall_ns = 7000,
				.n = 1 };
	f.batch = (struct batch){ .schema = f.schema, .rows = &f.rows };
	*state = &f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	arena_release(&f->arena);
	return 0;
}

static struct value read_field(struct fixture *f, const char *name)
{
	const struct field *field = schema_find(f->batch.schema, name);
	struct value v;

	assert_non_null(field);
	batch_read(&f->batch, 0, field, &v);
	assert_false(v.missing);
	return v;
}

static void each_layout_is_read_with_its_sign(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(read_field(f, "s8").i, -8);
	assert_int_equal(read_field(f, "u16").u, 65535);
	assert_int_equal(read_field(f, "s32").i, -5);
	assert_true(read_field(f, "u64").u == UINT64_MAX);
	assert_true(read_field(f, "f32").f == 1.5);
	assert_true(read_field(f, "f64").f == -2.25);
}

static void char_arrays_are_cut_at_nul_and_bytes_are_not(void **state)
{
	struct fixture *f = *state;
	struct value comm = read_field(f, "comm"), raw = read_field(f, "raw"),
		     args = read_field(f, "args");

	assert_int_equal(comm.s.len, 2);
	assert_memory_equal(comm.s.at, "ab", 2);
	assert_int_equal(raw.s.len, 3);
	assert_int_equal(args.s.len, 6);
	assert_memory_equal(args.s.at, "ls\0-l\0", 6);
}

static void time_comes_from_the_record_when_it_has_one(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(read_field(f, "time").i, 8000);
	assert_int_equal(batch_time(&f->batch, 0), 8000);
}

static void engine_fields_answer_to_the_bare_word(void **state)
{
	struct fixture *f = *state;
	struct value v = read_field(f, "event");

	assert_memory_equal(v.s.at, "open", v.s.len);
	v = read_field(f, "@host");
	assert_memory_equal(v.s.at, "web1", v.s.len);
	assert_null(schema_find(f->schema, "evnt"));
	assert_string_equal(schema_find(f->schema, "event")->label, "event");
}

static void identity_is_the_records_own_number(void **state)
{
	struct fixture *f = *state;
	struct value v = read_field(f, "@id");
	static const char want[] = "0123456789abcdef0123456789abcdef-000000000000000e-3-99";

	assert_int_equal(v.s.len, strlen(want));
	assert_memory_equal(v.s.at, want, v.s.len);
}

static void identity_without_a_number_is_the_position(void **state)
{
	struct fixture *f = *state;
	struct schema copy = *f->schema;

	copy.seq_at = SCHEMA_NO_SEQ;
	f->batch.schema = &copy;
	assert_int_equal(batch_rid(&f->batch, 0).cpu, 0);
	assert_int_equal(batch_rid(&f->batch, 0).seq, 77);
}

static void projecting_keeps_order_and_hides_the_engines_rest(void **state)
{
	struct fixture *f = *state;
	uint16_t wanted[2];
	const struct schema *p;

	wanted[0] = (uint16_t)(schema_find(f->schema, "comm") - f->schema->fields);
	wanted[1] = (uint16_t)(schema_find(f->schema, "s8") - f->schema->fields);
	p = schema_project(&f->arena, f->schema, wanted, 2);
	assert_string_equal(p->fields[0].name, "comm");
	assert_string_equal(p->fields[1].name, "s8");
	assert_null(schema_find(p, "u16"));
	assert_true(schema_find(p, "event")->flags & FIELD_HIDDEN);
	assert_true(p->hash != f->schema->hash);
	f->batch.schema = p;
	assert_int_equal(batch_time(&f->batch, 0), 8000);
}

static void a_field_called_event_keeps_the_word(void **state)
{
	struct fixture *f = *state;
	struct schema_head head = { .event = "x",
				    .source = "s",
				    .gadget = "g",
				    .host = "h",
				    .row_min = 1,
				    .seq_at = SCHEMA_NO_SEQ };
	struct schema_builder b;
	const struct schema *s;

	schema_begin(&b, &f->arena, &head);
	assert_int_equal(schema_add(&b, &(struct field){ .name = "event",
							 .type = TYPE_UINT,
							 .layout = LAYOUT_U8,
							 .size = 1 }),
			 0);
	s = schema_end(&b);
	assert_int_equal(schema_find(s, "event")->type, TYPE_UINT);
	assert_string_equal(schema_find(s, "@event")->label, "@event");
}

static void columns_know_what_is_missing(void **state)
{
	struct fixture *f = *state;
	uint64_t values[1] = { 5 }, present[1] = { 1 };
	struct column column = { .present = present, .u = values };
	struct field field = {
		.name = "c", .type = TYPE_UINT, .layout = LAYOUT_U64, .loc = LOC_COL
	};
	struct value v;

	f->batch.cols = &column;
	batch_read(&f->batch, 0, &field, &v);
	assert_int_equal(v.u, 5);
	present[0] = 0;
	batch_read(&f->batch, 0, &field, &v);
	assert_true(v.missing);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_layout_is_read_with_its_sign),
		TEST(char_arrays_are_cut_at_nul_and_bytes_are_not),
		TEST(time_comes_from_the_record_when_it_has_one),
		TEST(engine_fields_answer_to_the_bare_word),
		TEST(identity_is_the_records_own_number),
		TEST(identity_without_a_number_is_the_position),
		TEST(projecting_keeps_order_and_hides_the_engines_rest),
		TEST(a_field_called_event_keeps_the_word),
		TEST(columns_know_what_is_missing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
