/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Binding an expression to a schema: types, folding, and the program that comes
 * out, as predicate_dump() shows it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/names.h"
#include "expr/ast.h"
#include "expr/expr.h"

static const struct pos start = { .file = "p.yaml", .line = 7, .col = 1 };

static const struct {
	const char *name;
	enum type type;
	enum layout layout;
	enum loc loc;
	uint32_t at, size;
	const char *names; /* NAME, FLAGS: one letter for 0, 1, 2, 4, ... */
} fields[] = {
	{ "u8", TYPE_UINT, LAYOUT_U8, LOC_ROW, 0, 1 },
	{ "s8", TYPE_INT, LAYOUT_S8, LOC_ROW, 1, 1 },
	{ "u16", TYPE_UINT, LAYOUT_U16, LOC_ROW, 2, 2 },
	{ "u32", TYPE_UINT, LAYOUT_U32, LOC_ROW, 4, 4 },
	{ "s32", TYPE_INT, LAYOUT_S32, LOC_ROW, 8, 4 },
	{ "flag", TYPE_BOOL, LAYOUT_U8, LOC_ROW, 12, 1 },
	{ "u64", TYPE_UINT, LAYOUT_U64, LOC_ROW, 16, 8 },
	{ "s64", TYPE_INT, LAYOUT_S64, LOC_ROW, 24, 8 },
	{ "f64", TYPE_FLOAT, LAYOUT_F64, LOC_ROW, 32, 8 },
	{ "boot", TYPE_TIME, LAYOUT_BOOT, LOC_ROW, 40, 8 },
	{ "ns", TYPE_TIME_NS, LAYOUT_S64, LOC_ROW, 48, 8 },
	{ "comm", TYPE_STRING, LAYOUT_CHARS, LOC_ROW, 56, 16 },
	{ "raw", TYPE_BYTES, LAYOUT_BYTES, LOC_ROW, 72, 8 },
	{ "name", TYPE_STRING, LAYOUT_CHARS, LOC_ROW, 80, 40 },
	{ "args", TYPE_STRINGS, LAYOUT_TAIL, LOC_ROW, 120, 0 },
	{ "path", TYPE_STRING, LAYOUT_TAIL, LOC_ROW, 120, 0 },
	{ "col", TYPE_UINT, LAYOUT_U64, LOC_COL, 0, 8 },
	{ "label", TYPE_STRING, LAYOUT_STR, LOC_COL, 1, 16 },
	{ "error", TYPE_NAME, LAYOUT_U32, LOC_ROW, 4, 4, "NPI" },
	{ "code", TYPE_NAME, LAYOUT_S8, LOC_ROW, 1, 1, "abb" },
	{ "flags", TYPE_FLAGS, LAYOUT_U16, LOC_ROW, 2, 2, "RWC" },
	{ "latency", TYPE_DURATION, LAYOUT_U64, LOC_ROW, 16, 8 },
	{ "mode", TYPE_MODE, LAYOUT_U32, LOC_ROW, 4, 4 },
	{ "addr", TYPE_IP, LAYOUT_L4, LOC_ROW, 80, 21 },
	{ "peer", TYPE_ENDPOINT, LAYOUT_L4, LOC_ROW, 80, 21 },
	{ "query", TYPE_DNS, LAYOUT_CHARS, LOC_ROW, 80, 40 },
	{ "wide", TYPE_INT, LAYOUT_S128, LOC_ROW, 80, 16 },
	{ "bits", TYPE_UINT, LAYOUT_BITS, LOC_ROW, 0, 1 },
	{ "list", TYPE_ARRAY, LAYOUT_BYTES, LOC_ROW, 80, 16 },
};

static const struct names *make_names(struct arena *arena, const char *letters, bool is_flags)
{
	struct name list[8];
	uint32_t n = 0;

	for (; letters[n]; n++) {
		uint64_t value = n ? UINT64_C(1) << (n - 1) : 0;

		list[n] = (struct name){ .mask = is_flags && !n ? 3 : value,
					 .value = value,
					 .text = { &letters[n], 1 } };
	}
	return names_make(arena, list, n, &(struct names_options){ .unknown = "error#" });
}

static const struct schema *make_schema(struct arena *arena)
{
	const struct schema_head head = { .event = "open",
					  .source = "opens",
					  .gadget = "trace_open",
					  .host = "web-1",
					  .row_min = 120,
					  .seq_at = SCHEMA_NO_SEQ };
	struct schema_builder b;

	schema_begin(&b, arena, &head);
	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
		const struct field f = { .name = fields[i].name,
					 .type = (uint8_t)fields[i].type,
					 .layout = (uint8_t)fields[i].layout,
					 .loc = (uint8_t)fields[i].loc,
					 .at = fields[i].at,
					 .size = fields[i].size,
					 .bit = 2,
					 .bits = 5,
					 .names = fields[i].names
							  ? make_names(arena, fields[i].names,
								       fields[i].type == TYPE_FLAGS)
							  : NULL };

		assert_int_equal(schema_add(&b, &f), 0);
	}
	b.schema->ncols = 2;
	return schema_end(&b);
}

static int bind(struct arena *arena, const char *text, struct predicate **ret, struct error *err)
{
	struct expr *expr;

	if (expr_parse(arena, text, start, &expr, err) < 0)
		fail_msg("'%s': %s", text, err->text);
	return expr_bind(expr, make_schema(arena), arena, ret, err);
}

/* The program must be these lines; "true\n" and "false\n" are folded ones. */
static void assert_program(const char *text, const char *program)
{
	struct arena arena = ARENA_INIT;
	struct error err = ERROR_INIT;
	struct predicate *p;
	char *dump;

	if (bind(&arena, text, &p, &err) < 0)
		fail_msg("'%s': %s", text, err.text);
	dump = predicate_dump(p, &arena);
	if (strcmp(dump, program) != 0)
		fail_msg("'%s' gives\n%snot\n%s", text, dump, program);
	assert_int_equal(predicate_folded(p), !strcmp(program, "true\n")    ? FOLDED_TRUE
					      : !strcmp(program, "false\n") ? FOLDED_FALSE
									    : FOLDED_NO);
	arena_release(&arena);
}

static void assert_always(const char *text)
{
	assert_program(text, "true\n");
}

static void assert_never(const char *text)
{
	assert_program(text, "false\n");
}

static void assert_type_error(const char *text, uint32_t col, const char *part)
{
	struct arena arena = ARENA_INIT;
	struct error err = ERROR_INIT;
	struct predicate *p = NULL;

	if (bind(&arena, text, &p, &err) == 0)
		fail_msg("'%s' is accepted", text);
	assert_null(p);
	if (!strstr(err.text, part))
		fail_msg("'%s': '%s' lacks '%s'", text, err.text, part);
	assert_string_equal(err.pos.file, "p.yaml");
	assert_int_equal(err.pos.line, 7);
	if (err.pos.col != col)
		fail_msg("'%s': column %u, not %u", text, err.pos.col, col);
	arena_release(&arena);
}

static void a_comparison_is_one_operation(void **state)
{
	(void)state;
	assert_program("u32 == 5", "0: unless ROW32 u32 in 5..5 drop\n");
	assert_program("s8 < 0", "0: unless ROW8 s8 in -128..-1 drop\n");
	assert_program("s32 >= -2", "0: unless ROW32 s32 in -2..2147483647 drop\n");
	assert_program("u16 > 80", "0: unless ROW16 u16 in 81..65535 drop\n");
	assert_program("s64 <= 7", "0: unless ROW64 s64 in -9223372036854775808..7 drop\n");
	assert_program("flag", "0: unless ROW8 flag in 1..255 drop\n");
	assert_program("flag != true", "0: if ROW8 flag in 1..255 drop\n");
	assert_program("flag == false", "0: unless ROW8 flag in 0..0 drop\n");
	assert_program("col != 1", "0: if COL col in 1..1 drop\n");
	assert_program("f64 < 1", "0: unless FLOAT f64 < 1 drop\n");
	assert_program("u64 == s64", "0: unless NUMBERS u64 == s64 drop\n");
	assert_program("comm < name", "0: unless TEXTS comm < name drop\n");
}

static void strings_become_masked_compares_where_they_can(void **state)
{
	(void)state;
	assert_program("comm == 'cat'", "0: unless HEAD8 comm begins \"cat\\x00\" drop\n");
	assert_program("comm ~ 'cu*'", "0: unless HEAD8 comm begins \"cu\" drop\n");
	assert_program("comm ~ 'cat'", "0: unless HEAD8 comm begins \"cat\\x00\" drop\n");
	assert_program("name ~ '/etc/shadow*'",
		       "0: unless HEAD16 name begins \"/etc/shadow\" drop\n");
	assert_program("name == '/usr/lib/os-release'",
		       "0: unless HEAD name begins \"/usr/lib/os-rele\" then \"ase\\x00\" drop\n");
	assert_program("comm == '0123456789abcdef'",
		       "0: unless HEAD16 comm begins \"0123456789abcdef\" drop\n");
	assert_program("path ~ '/etc/shadow*'",
		       "0: unless TAIL path begins \"/etc/shadow\" drop\n");
	assert_program(
		"path == '/usr/lib/os-release'",
		"0: unless TAIL path begins \"/usr/lib/os-rele\" then \"ase\" and ends drop\n");
	assert_program("name ~ '*.conf'", "0: unless STRING name ends \".conf\" drop\n");
	assert_program("name ~ '*dpkg*'", "0: unless STRING name contains \"dpkg\" drop\n");
	assert_program("name ~ '/etc/*.d'", "0: unless STRING name ~ drop\n");
	assert_program("name ~ 'a\\\\*b'", "0: unless HEAD8 name begins \"a*b\\x00\" drop\n");
	assert_program("label ~ 'x*'", "0: unless STRING label begins \"x\" drop\n");
	assert_program("args == '-r'", "0: unless STRINGS args == \"-r\" drop\n");
	assert_program("args ~ '*'", "0: unless STRINGS args any drop\n");
}

static void and_narrows_and_or_parks(void **state)
{
	(void)state;
	assert_program("u8 == 1 && u16 == 2 && flag", "0: unless ROW8 u8 in 1..1 drop\n"
						      "1: unless ROW16 u16 in 2..2 drop\n"
						      "2: unless ROW8 flag in 1..255 drop\n");
	assert_program("u8 == 1 || u16 == 2", "0: if ROW8 u8 in 1..1 keep\n"
					      "1: unless ROW16 u16 in 2..2 drop\n");
	assert_program("(u8 == 1 && u16 == 2 || u8 == 3) && flag",
		       "0: unless ROW8 u8 in 1..1 goto 2\n"
		       "1: if ROW16 u16 in 2..2 goto 3\n"
		       "2: unless ROW8 u8 in 3..3 drop\n"
		       "3: unless ROW8 flag in 1..255 drop\n");
	assert_program("u8 in (1, 3)", "0: if ROW8 u8 in 1..1 keep\n"
				       "1: unless ROW8 u8 in 3..3 drop\n");
}

static void not_moves_down_to_the_tests(void **state)
{
	(void)state;
	assert_program("!(u8 == 1 || !flag)", "0: if ROW8 u8 in 1..1 drop\n"
					      "1: unless ROW8 flag in 1..255 drop\n");
	assert_program("!(u8 == 1 && flag)", "0: unless ROW8 u8 in 1..1 keep\n"
					     "1: if ROW8 flag in 1..255 drop\n");
	assert_program("!!flag", "0: unless ROW8 flag in 1..255 drop\n");
}

static void what_the_type_decides_folds(void **state)
{
	(void)state;
	assert_never("u8 == 300");
	assert_always("u8 != 300");
	assert_always("u8 < 256");
	assert_always("u32 > -1");
	assert_never("u64 < 0");
	assert_always("u64 >= -9223372036854775808");
	assert_never("s64 == 18446744073709551615");
	assert_always("s8 >= -128");
	assert_never("u8 == 1.5");
	assert_always("u8 < 255.5");
	assert_never("u8 > 1e30");
	assert_never("f64 == 9007199254740993"); /* no double is 2^53 + 1 */
	assert_never("comm == '01234567890123456'");
	assert_never("comm ~ '01234567890123456*'");
	assert_never("comm == 'a\\0b'");
	assert_never("path == 'a\\0b'");
	assert_always("comm ~ '*'");
	assert_always("comm ~ ''  || comm ~ '**'");
	assert_always("boot < '9999-01-01T00:00:00Z'");
	assert_never("boot == '0001-01-01T00:00:00Z'");
	/* A column can be missing for a record, so only its presence is known. */
	assert_program("col >= 0", "0: unless PRESENT col drop\n");
	assert_program("label !~ '*'", "0: if PRESENT label drop\n");
	assert_never("col < 0");
	assert_always("col != -1");
}

static void floats_meet_integers_exactly(void **state)
{
	(void)state;
	assert_program("u8 < 1.5", "0: unless ROW8 u8 in 0..1 drop\n");
	assert_program("u8 <= 1.5", "0: unless ROW8 u8 in 0..1 drop\n");
	assert_program("u8 < 2.0", "0: unless ROW8 u8 in 0..1 drop\n");
	assert_program("u8 > 1.5", "0: unless ROW8 u8 in 2..255 drop\n");
	assert_program("u8 >= 2.0", "0: unless ROW8 u8 in 2..255 drop\n");
	assert_program("s8 > -1.5", "0: unless ROW8 s8 in -1..127 drop\n");
	assert_program("s8 < -1.5", "0: unless ROW8 s8 in -128..-2 drop\n");
	/* 2^53 + 1 lies between two doubles; the nearest is 2^53. */
	assert_program("f64 < 9007199254740993", "0: unless FLOAT f64 <= 9007199254740992 drop\n");
	assert_program("f64 >= 9007199254740993", "0: unless FLOAT f64 > 9007199254740992 drop\n");
	/* 2^63 - 1; the nearest is 2^63. */
	assert_program("f64 <= 9223372036854775807",
		       "0: unless FLOAT f64 < 9.2233720368547758e+18 drop\n");
	assert_program("f64 > 9223372036854775807",
		       "0: unless FLOAT f64 >= 9.2233720368547758e+18 drop\n");
}

static void constant_fields_fold(void **state)
{
	(void)state;
	assert_always("@event == 'open'");
	assert_always("event == 'open'");
	assert_never("event == 'exec'");
	assert_always("source ~ 'op*' && gadget != 'x' && host in ('web-1', 'web-2')");
	assert_always("event < 'p' && event >= 'open' && event > 'ope'");
	assert_never("event == source");
	assert_program("host == comm", "0: unless HEAD8 comm begins \"web-1\\x00\" drop\n");
	assert_program("event == 'exec' || u8 == 1", "0: unless ROW8 u8 in 1..1 drop\n");
	assert_program("event == 'open' && u8 == 1", "0: unless ROW8 u8 in 1..1 drop\n");
	assert_always("event == 'open' || u8 == 1");
	assert_never("event == 'exec' && u8 == 1");
	assert_always("!(event == 'exec' && u8 == 1)");
	assert_always("true && !false");
}

static void what_the_schema_lacks_is_missing(void **state)
{
	(void)state;
	assert_never("nope == 1");
	assert_never("nope < 1 || nope >= 1");
	assert_always("nope != 1");
	assert_always("!(nope == 1)");
	assert_never("nope == comm");
	assert_never("comm == nope");
	assert_always("nope !~ 'x*'");
	assert_never("nope in (1, 'x', true)");
	assert_never("nope");
	assert_always("!nope");
	assert_program("flag || nope", "0: unless ROW8 flag in 1..255 drop\n");
}

static void times_compare_with_moments(void **state)
{
	(void)state;
	assert_program("ns >= '1970-01-01T00:00:01Z'",
		       "0: unless ROW64 ns in 1000000000..9223372036854775807 drop\n");
	assert_program("ns >= 1s", "0: unless ROW64 ns in 1000000000..9223372036854775807 drop\n");
	assert_program("boot == '1970-01-01T00:00:00.5Z'",
		       "0: unless BOOT boot in 500000000..500000000 drop\n");
	assert_program("@time < '1970-01-01T00:00:00Z'",
		       "0: unless BOOT @time in -9223372036854775808..-1 drop\n");
	assert_program("boot == ns", "0: unless NUMBERS boot == ns drop\n");
	assert_type_error("boot > 5", 6, "write a time like");
	assert_type_error("boot > 'noon'", 8, "not a time");
	assert_type_error("ns in (1, 'noon')", 11, "not a time");
	assert_type_error("boot == u64", 6, "'boot' (a time) cannot be compared with 'u64'");
}

static void types_that_do_not_go_together_are_refused(void **state)
{
	(void)state;
	assert_type_error("u8 == 'x'", 4, "'u8' (a number) cannot be compared with a string");
	assert_type_error("comm == 5", 6, "'comm' (a string) cannot be compared with a number");
	assert_type_error("comm == u8", 6, "cannot be compared with 'u8' (a number)");
	assert_type_error("flag == 1", 6, "'flag' (a bool) cannot be compared with a number");
	assert_type_error("flag < true", 6, "no '<'");
	assert_type_error("u8 == true", 4, "cannot be compared with a bool");
	assert_type_error("raw == 'x'", 5, "raw bytes");
	assert_type_error("raw ~ 'x'", 5, "no string");
	assert_type_error("u8 ~ 'x'", 4, "no string");
	assert_type_error("args < 'x'", 6,
			  "'args' is a list of strings, for which there is no '<'");
	assert_type_error("args == comm", 6, "cannot be compared");
	assert_type_error("args == 5", 6, "cannot be compared");
	assert_type_error("u8", 1, "alone is no condition");
	assert_type_error("flag && comm", 9, "alone is no condition");
	assert_type_error("u8 in (1, 'x')", 4, "cannot be compared");
	assert_type_error("name ~ '[a'", 8, "pattern");
	assert_type_error("name ~ 'a\\\\'", 8, "pattern");
}

static void a_constant_does_not_hide_a_type_error(void **state)
{
	(void)state;
	assert_type_error("false && u8 == 'x'", 13, "cannot be compared");
	assert_type_error("true || u8 == 'x'", 12, "cannot be compared");
	assert_type_error("event == 5", 7, "'event' (a string) cannot be compared");
}

static void a_name_is_the_number_it_stands_for(void **state)
{
	(void)state;
	assert_program("error == 'P'", "0: unless ROW32 error in 1..1 drop\n");
	assert_program("error != 'N'", "0: if ROW32 error in 0..0 drop\n");
	assert_program("error in ('P', 'I')", "0: if ROW32 error in 1..1 keep\n"
					      "1: unless ROW32 error in 2..2 drop\n");
	assert_program("error == 'error#77'", "0: unless ROW32 error in 77..77 drop\n");
	assert_program("error > 0", "0: unless ROW32 error in 1..4294967295 drop\n");
	assert_program("error ~ 'E*'", "0: unless SHOWN error begins \"E\" drop\n");
	/* Two numbers have this name. */
	assert_program("code == 'b'", "0: if ROW8 code in 1..1 keep\n"
				      "1: unless ROW8 code in 2..2 drop\n");
	assert_type_error("error == 'Q'", 10, "no 'error' is called 'Q'");
	assert_type_error("error < 'P'", 7, "'error' (a name) is not ordered as text");
}

static void flags_are_a_set_and_a_text(void **state)
{
	(void)state;
	assert_program("flags has 'W'", "0: unless MASK flags & 0x1 == 0x1 drop\n");
	assert_program("flags has 'R'", "0: unless MASK flags & 0x3 == 0x0 drop\n");
	assert_program("flags == 'W|C'", "0: unless SHOWN flags == \"W|C\" drop\n");
	assert_program("flags == 3", "0: unless ROW16 flags in 3..3 drop\n");
	assert_program("args has '-r'", "0: unless STRINGS args == \"-r\" drop\n");
	assert_never("missing has 'x'");
	assert_type_error("flags has 'Z'", 11, "no 'flags' is called 'Z'");
	assert_type_error("comm has 'x'", 6, "'comm' (a string) has nothing in it");
}

static void units_are_numbers(void **state)
{
	(void)state;
	assert_program("latency >= 10ms",
		       "0: unless ROW64 latency in 10000000..18446744073709551615 drop\n");
	assert_program("mode == 0o644", "0: unless ROW32 mode in 420..420 drop\n");
	assert_type_error("latency > '10ms'", 9, "is not ordered as text");
	assert_type_error("latency == '10ms'", 12, "is compared with numbers");
}

static void addresses_are_in_networks(void **state)
{
	(void)state;
	assert_program("addr == '10.1.2.3'", "0: unless IP addr in 10.1.2.3/32 drop\n");
	assert_program("addr in ('10.1.2.3/8', '::1')", "0: if IP addr in 10.0.0.0/8 keep\n"
							"1: unless IP addr in ::1/128 drop\n");
	assert_program("addr ~ '10.*'", "0: unless SHOWN addr begins \"10.\" drop\n");
	assert_program("peer == '[::1]:53'", "0: unless SHOWN peer == \"[::1]:53\" drop\n");
	assert_program("query ~ '*.example.com.'",
		       "0: unless SHOWN query ends \".example.com.\" drop\n");
	assert_program("addr == addr", "0: unless TEXTS addr == addr drop\n");
	assert_type_error("addr == '10.0.0.0/33'", 9, "neither an address");
	assert_type_error("addr == '10.0.0/8'", 9, "neither an address");
	assert_type_error("addr == '::1/129'", 9, "neither an address");
	assert_type_error("addr == '10.0.0.0/'", 9, "neither an address");
	assert_type_error("addr == 10", 6, "cannot be compared");
	assert_type_error("addr < addr", 6, "for which there is no '<'");
	assert_type_error("addr == comm", 6, "cannot be compared");
}

static void wide_numbers_and_bit_fields_compare(void **state)
{
	(void)state;
	assert_program("wide == -1", "0: unless WIDE wide in -1..-1 drop\n");
	assert_program("wide > 5", "0: unless WIDE wide in "
				   "6..170141183460469231731687303715884105727 drop\n");
	assert_program("wide < 0.5", "0: unless WIDE wide in "
				     "-170141183460469231731687303715884105728..0 drop\n");
	assert_program("bits > 3", "0: unless INT bits in 4..31 drop\n");
	assert_never("bits == 32");
	assert_type_error("wide == u64", 6, "with a literal only");
	assert_type_error("list == 1", 6, "'list' (an array) cannot be compared");
}

static void programs_are_limited(void **state)
{
	struct arena arena = ARENA_INIT;
	struct error err = ERROR_INIT;
	struct predicate *p;
	char *text = malloc(EXPR_MAX_TEXT);
	size_t at = (size_t)snprintf(text, 64, "u32 in (0");
	struct expr *expr;

	(void)state;
	for (int i = 1; i < EXPR_MAX_OPS; i++)
		at += (size_t)snprintf(text + at, 16, ",%d", i * 2);
	memcpy(text + at, ")", 2);
	assert_int_equal(bind(&arena, text, &p, &err), 0);
	memcpy(text + at, ",1)", 4);
	assert_int_equal(expr_parse(&arena, text, start, &expr, &err), 0);
	assert_int_equal(expr_bind(expr, make_schema(&arena), &arena, &p, &err), -E2BIG);
	assert_non_null(strstr(err.text, "4097 operations"));
	free(text);
	arena_release(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_comparison_is_one_operation),
		cmocka_unit_test(strings_become_masked_compares_where_they_can),
		cmocka_unit_test(and_narrows_and_or_parks),
		cmocka_unit_test(not_moves_down_to_the_tests),
		cmocka_unit_test(what_the_type_decides_folds),
		cmocka_unit_test(floats_meet_integers_exactly),
		cmocka_unit_test(constant_fields_fold),
		cmocka_unit_test(what_the_schema_lacks_is_missing),
		cmocka_unit_test(times_compare_with_moments),
		cmocka_unit_test(types_that_do_not_go_together_are_refused),
		cmocka_unit_test(a_constant_does_not_hide_a_type_error),
		cmocka_unit_test(a_name_is_the_number_it_stands_for),
		cmocka_unit_test(flags_are_a_set_and_a_text),
		cmocka_unit_test(units_are_numbers),
		cmocka_unit_test(addresses_are_in_networks),
		cmocka_unit_test(wide_numbers_and_bit_fields_compare),
		cmocka_unit_test(programs_are_limited),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
