/* SPDX-License-Identifier: Apache-2.0 */
/* Records against what a test of a gadget expects. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "cli/expect.h"

static struct arena arena;
static struct error error;
static char shown[8192];

static int release(void **state)
{
	(void)state;
	arena_release(&arena);
	return 0;
}

static int read_text(const char *text, struct expect_lines *lines)
{
	char path[] = "/tmp/test_expect.XXXXXX";
	int fd = mkstemp(path), r;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	error = (struct error)ERROR_INIT;
	r = expect_read(&arena, path, lines, &error);
	assert_int_equal(unlink(path), 0);
	return r;
}

static uint32_t faults(const char *expected, const char *records, bool may_be_more)
{
	struct expect_lines e, r;
	FILE *out;
	uint32_t n;

	assert_int_equal(read_text(expected, &e), 0);
	assert_int_equal(read_text(records, &r), 0);
	memset(shown, 0, sizeof(shown));
	out = fmemopen(shown, sizeof(shown) - 1, "w");
	assert_non_null(out);
	n = expect_compare(&e, &r, may_be_more, out);
	assert_int_equal(fclose(out), 0);
	return n;
}

static void fields_that_are_named_must_be_equal(void **state)
{
	static const struct {
		const char *expected, *record;
		uint32_t faults;
	} cases[] = {
		{ "{\"a\": 1}", "{\"a\":1,\"b\":2}", 0 },
		{ "{\"a\": 1}", "{\"a\":\"1\"}", 2 },
		{ "{\"a\": 18446744073709551615}", "{\"a\":18446744073709551615}", 0 },
		{ "{\"a\": 18446744073709551615}", "{\"a\":18446744073709551614}", 2 },
		{ "{\"a\": 0.5}", "{\"a\":5e-1}", 0 },
		{ "{\"a\": null}", "{\"b\":1}", 0 },
		{ "{\"a\": null}", "{\"a\":null}", 0 },
		{ "{\"a\": null}", "{\"a\":0}", 2 },
		{ "{\"a\": \"\"}", "{\"b\":1}", 2 },
		{ "{\"p.q.r\": 1}", "{\"p\":{\"q\":{\"r\":1,\"s\":2}}}", 0 },
		{ "{\"p\": {\"q\": {\"r\": 1}}}", "{\"p\":{\"q\":{\"r\":1,\"s\":2}}}", 0 },
		{ "{\"p\": {\"q\": 2}}", "{\"p\":{\"q\":1}}", 2 },
		{ "{\"l\": [1, \"x\"]}", "{\"l\":[1,\"x\"]}", 0 },
		{ "{\"l\": [1]}", "{\"l\":[1,2]}", 2 },
		{ "{\"l\": [{\"a\": 1}]}", "{\"l\":[{\"a\":1,\"b\":2}]}", 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		if (faults(cases[i].expected, cases[i].record, false) != cases[i].faults)
			fail_msg("%s and %s", cases[i].expected, cases[i].record);
}

static void each_line_needs_a_record_of_its_own(void **state)
{
	(void)state;
	assert_int_equal(faults("{\"a\":1}\n{\"a\":1}\n", "{\"a\":1}\n", false), 1);
	assert_int_equal(faults("{\"a\":1}\n", "{\"a\":1}\n{\"a\":1}\n", false), 1);
	assert_non_null(strstr(shown, "nobody expects {\"a\":1}"));
	assert_int_equal(faults("{\"a\":1}\n", "{\"a\":1}\n{\"a\":1}\n", true), 0);
}

static void the_general_leaves_the_record_to_the_particular(void **state)
{
	(void)state;
	/* {} fits all, {"a":1} two of them, and the last line only one. */
	assert_int_equal(faults("{}\n{\"a\":1}\n{\"a\":1,\"b\":2}\n",
				"{\"a\":1,\"b\":2}\n{\"a\":1}\n{\"c\":3}\n", false),
			 0);
	assert_int_equal(faults("{}\n{\"a\":1}\n{\"a\":1,\"b\":2}\n",
				"{\"a\":1,\"b\":2}\n{\"c\":1}\n{\"c\":3}\n", false),
			 2);
}

static void a_fault_tells_where_the_nearest_record_differs(void **state)
{
	(void)state;
	assert_int_equal(faults("{\"a\":1,\"b\":\"x\"}",
				"{\"a\":2,\"b\":\"y\"}\n{\"a\":1,\"b\":\"z\"}", true),
			 1);
	assert_non_null(strstr(shown, "b is 'z' instead of 'x'"));
	assert_null(strstr(shown, "a is"));
}

static void what_is_no_line_of_json_is_named(void **state)
{
	struct expect_lines lines;

	(void)state;
	assert_true(read_text("{\"a\":1}\n[1]\n", &lines) < 0);
	assert_non_null(strstr(error.text, ":2: not an object but a list"));
	assert_true(read_text("{\"a\":1\n", &lines) < 0);
	assert_non_null(strstr(error.text, ":1: "));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(fields_that_are_named_must_be_equal, release),
		cmocka_unit_test_teardown(each_line_needs_a_record_of_its_own, release),
		cmocka_unit_test_teardown(the_general_leaves_the_record_to_the_particular, release),
		cmocka_unit_test_teardown(a_fault_tells_where_the_nearest_record_differs, release),
		cmocka_unit_test_teardown(what_is_no_line_of_json_is_named, release),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
