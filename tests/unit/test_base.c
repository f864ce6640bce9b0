/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/suggest.h"
#include "base/units.h"

/* ---- error ------------------------------------------------------------ */

static void errors_name_their_place(void **state)
{
	struct error err = ERROR_INIT;
	char text[512];

	(void)state;
	assert_int_equal(error_at(&err, EINVAL, (struct pos){ "a.yaml", 3, 7 }, "bad '%s'", "x"),
			 -EINVAL);
	assert_string_equal(error_format(&err, text, sizeof(text)), "a.yaml:3:7: bad 'x'");
}

static void errors_grow_in_front_and_behind(void **state)
{
	struct error err = ERROR_INIT;

	(void)state;
	(void)error_set(&err, ENOENT, "no such file");
	assert_int_equal(error_wrap(&err, "reading '%s'", "x"), -ENOENT);
	assert_int_equal(error_add(&err, " (look again)"), -ENOENT);
	assert_string_equal(err.text, "reading 'x': no such file (look again)");
}

static void errors_cannot_drive_a_terminal(void **state)
{
	struct error err = ERROR_INIT;

	(void)state;
	(void)error_set(&err, EINVAL, "bad name '%s'", "\x1b[2J\n");
	assert_string_equal(err.text, "bad name '\\x1b[2J\\x0a'");
	(void)error_add(&err, "%s", "\x7f");
	assert_string_equal(err.text, "bad name '\\x1b[2J\\x0a'\\x7f");
}

static void endless_text_is_cut(void **state)
{
	struct error err = ERROR_INIT;
	char text[5000];

	(void)state;
	memset(text, '\x01', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	(void)error_set(&err, EINVAL, "%s", text);
	assert_true(strlen(err.text) < sizeof(err.text));
	for (int i = 0; i < 100; i++)
		(void)error_wrap(&err, "again and again");
	assert_true(strlen(err.text) < sizeof(err.text));
}

/* ---- units ------------------------------------------------------------ */

static void sizes_are_read_as_written(void **state)
{
	static const struct {
		const char *text;
		int result;
		uint64_t bytes;
	} cases[] = {
		{ "0", 0, 0 },
		{ "17", 0, 17 },
		{ "64KiB", 0, 65536 },
		{ "1.5MiB", 0, 1572864 },
		{ "2kB", 0, 2000 },
		{ "16GiB", 0, UINT64_C(16) << 30 },
		{ "5B", 0, 5 },
		{ "", -EINVAL, 0 },
		{ "KiB", -EINVAL, 0 },
		{ "1KB", -EINVAL, 0 },
		{ "1 KiB", -EINVAL, 0 },
		{ "-1", -EINVAL, 0 },
		{ "1.KiB", -EINVAL, 0 },
		{ "0.3B", -EINVAL, 0 },
		{ "1KiB2", -EINVAL, 0 },
		{ "18446744073709551616", -ERANGE, 0 },
		{ "99999999999GiB", -ERANGE, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		uint64_t bytes = 42;

		assert_int_equal(parse_size(cases[i].text, &bytes), cases[i].result);
		assert_int_equal(bytes, cases[i].result ? 42 : cases[i].bytes);
	}
}

static void durations_are_read_as_written(void **state)
{
	static const struct {
		const char *text;
		int result;
		int64_t ns;
	} cases[] = {
		{ "0", 0, 0 },
		{ "5s", 0, 5 * NS_PER_S },
		{ "200us", 0, 200000 },
		{ "1m30s", 0, 90 * NS_PER_S },
		{ "1.5s", 0, 1500000000 },
		{ "1d", 0, 86400 * NS_PER_S },
		{ "5", -EINVAL, 0 },
		{ "s", -EINVAL, 0 },
		{ "1s ", -EINVAL, 0 },
		{ "0.1ns", -EINVAL, 0 },
		{ "200000d", -ERANGE, 0 },
		{ "-1s", -EINVAL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		int64_t ns = 42;

		assert_int_equal(parse_duration(cases[i].text, &ns), cases[i].result);
		assert_int_equal(ns, cases[i].result ? 42 : cases[i].ns);
	}
}

static void integers_keep_every_bit(void **state)
{
	uint64_t u = 0;
	int64_t i = 0;

	(void)state;
	assert_int_equal(parse_uint("18446744073709551615", &u), 0);
	assert_true(u == UINT64_MAX);
	assert_int_equal(parse_uint("18446744073709551616", &u), -ERANGE);
	assert_int_equal(parse_uint("0xff", &u), 0);
	assert_int_equal(u, 255);
	assert_int_equal(parse_uint("0x", &u), -EINVAL);
	assert_int_equal(parse_uint("+1", &u), -EINVAL);
	assert_int_equal(parse_int("-9223372036854775808", &i), 0);
	assert_true(i == INT64_MIN);
	assert_int_equal(parse_int("9223372036854775808", &i), -ERANGE);
	assert_int_equal(parse_int("--1", &i), -EINVAL);
}

static void what_is_formatted_reads_back(void **state)
{
	static const int64_t values[] = { 0,          1,           999,   1000,    1500000,
					  1000000000, 90000000000, 65536, 1048576, 123456789 };
	char text[64];

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
		uint64_t bytes;
		int64_t ns;

		assert_int_equal(parse_size(format_size((uint64_t)values[i], text, 64), &bytes), 0);
		assert_int_equal(bytes, values[i]);
		assert_int_equal(parse_duration(format_duration(values[i], text, 64), &ns), 0);
		assert_int_equal(ns, values[i]);
	}
}

/* ---- suggest, arena, buf, clock --------------------------------------- */

static const char *nearest(const char *word)
{
	static const char *const known[] = { "where", "inputs", "type", "trace_open",
					     "trace_exec" };
	struct suggest suggest;

	suggest_init(&suggest, word);
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		suggest_offer(&suggest, known[i]);
	return suggest_result(&suggest);
}

static void near_names_are_suggested_and_far_ones_not(void **state)
{
	char endless[500];

	(void)state;
	assert_string_equal(nearest("wher"), "where");
	assert_string_equal(nearest("tpye"), "type");
	assert_string_equal(nearest("trace_opne"), "trace_open");
	assert_null(nearest("quux"));
	memset(endless, 'a', sizeof(endless) - 1);
	endless[sizeof(endless) - 1] = '\0';
	assert_null(nearest(endless));
}

static void arena_memory_is_zeroed_and_aligned(void **state)
{
	struct arena arena = ARENA_INIT;

	(void)state;
	for (size_t size = 1; size < 100000; size = size * 3 + 1) {
		uint8_t *p = arena_alloc(&arena, size);

		assert_int_equal((uintptr_t)p % 16, 0);
		for (size_t i = 0; i < size; i++)
			assert_int_equal(p[i], 0);
		memset(p, 0xff, size);
	}
	assert_string_equal(arena_printf(&arena, "%s-%d", "x", 7), "x-7");
	arena_release(&arena);
	assert_null(arena.blocks);
}

static void a_buffer_never_passes_its_limit(void **state)
{
	struct buf buf;

	(void)state;
	buf_init(&buf, 10);
	assert_true(buf_addstr(&buf, "12345678"));
	assert_false(buf_addstr(&buf, "90a"));
	assert_int_equal(buf.len, 8);
	assert_true(buf_addstr(&buf, "90"));
	assert_false(buf_printf(&buf, "%d", 1));
	buf_consume(&buf, 9);
	assert_int_equal(buf.len, 1);
	assert_int_equal(buf.data[0], '0');
	buf_release(&buf);
	assert_int_equal(buf.max, 10);
}

static void boot_time_and_wall_time_meet(void **state)
{
	struct clock *clock = clock_system();
	int64_t offset = clock->boot_to_wall_ns(clock), again = clock->boot_to_wall_ns(clock);

	(void)state;
	/* Two readings of one offset differ by the clocks' drift and by scheduling only. */
	assert_true(llabs(offset - again) < NS_PER_S);
	assert_true(clock->random(clock) != clock->random(clock));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(errors_name_their_place),
		cmocka_unit_test(errors_grow_in_front_and_behind),
		cmocka_unit_test(errors_cannot_drive_a_terminal),
		cmocka_unit_test(endless_text_is_cut),
		cmocka_unit_test(sizes_are_read_as_written),
		cmocka_unit_test(durations_are_read_as_written),
		cmocka_unit_test(integers_keep_every_bit),
		cmocka_unit_test(what_is_formatted_reads_back),
		cmocka_unit_test(near_names_are_suggested_and_far_ones_not),
		cmocka_unit_test(arena_memory_is_zeroed_and_aligned),
		cmocka_unit_test(a_buffer_never_passes_its_limit),
		cmocka_unit_test(boot_time_and_wall_time_meet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
