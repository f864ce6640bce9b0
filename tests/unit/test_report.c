/* SPDX-License-Identifier: Apache-2.0 */
/* The books as JSON and as text: nothing is left out, nothing is made up. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "engine/component.h"
#include "engine/report.h"

static const struct counter filter_counters[] = { { "filtered", "Not wanted.", false },
						  COUNTER_END };
static const struct counter sink_counters[] = { { "refused", "Refused.", true }, COUNTER_END };

static struct account source, stage, sink;
static struct account *accounts[] = { &source, &stage, &sink };
static struct books books;

static int setup(void **state)
{
	(void)state;
	source = (struct account){ .kind = ACCOUNT_SOURCE,
				   .id = "opens",
				   .type = "gadget",
				   .has_attempts = true,
				   .attempts = 1000,
				   .lost = 30,
				   .discarded = 10,
				   .read = 960,
				   .out = 960 };
	stage = (struct account){ .kind = ACCOUNT_STAGE,
				  .id = "f",
				  .type = "filter",
				  .names = filter_counters,
				  .counts = { 900 },
				  .in = 960,
				  .expected_in = 960,
				  .out = 60 };
	sink = (struct account){ .kind = ACCOUNT_SINK,
				 .id = "out",
				 .type = "stdout",
				 .names = sink_counters,
				 .counts = { 7 },
				 .in = 60,
				 .expected_in = 60,
				 .delivered = 50,
				 .rejected = 7 };
	sink.dropped[DROP_QUEUE_FULL] = 3;
	books = (struct books){ .accounts = accounts,
				.naccounts = 3,
				.started_ns = INT64_C(1795474800123456789),
				.ended_ns = INT64_C(1795474801000000001),
				.is_final = true };
	return 0;
}

static json_t *write_json(void)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	struct error err = ERROR_INIT;
	json_t *root;

	assert_non_null(out);
	if (report_write_json(&books, out, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(fclose(out), 0);
	root = json_loads(text, 0, NULL);
	assert_non_null(root);
	free(text);
	return root;
}

static json_int_t number(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);

	assert_true(json_is_integer(value));
	return json_integer_value(value);
}

static void the_json_report_has_every_term(void **state)
{
	json_t *root = write_json(), *list = json_object_get(root, "accounts"), *a;

	(void)state;
	assert_true(json_is_true(json_object_get(root, "balanced")));
	assert_true(json_is_true(json_object_get(root, "final")));
	assert_null(json_object_get(root, "imbalance"));
	assert_int_equal(number(root, "losses"), 40);
	assert_string_equal(json_string_value(json_object_get(root, "started")),
			    "2026-11-23T23:00:00.123456789Z");
	assert_string_equal(json_string_value(json_object_get(root, "ended")),
			    "2026-11-23T23:00:01.000000001Z");
	assert_int_equal(json_array_size(list), 3);
	a = json_array_get(list, 0);
	assert_string_equal(json_string_value(json_object_get(a, "kind")), "source");
	assert_string_equal(json_string_value(json_object_get(a, "id")), "opens");
	assert_string_equal(json_string_value(json_object_get(a, "type")), "gadget");
	assert_int_equal(number(a, "attempts"), 1000);
	assert_int_equal(number(a, "lost"), 30);
	assert_int_equal(number(a, "missed"), 0);
	assert_int_equal(number(a, "discarded"), 10);
	assert_int_equal(number(a, "read"), 960);
	assert_int_equal(number(a, "out"), 960);
	a = json_array_get(list, 1);
	assert_int_equal(number(a, "in"), 960);
	assert_int_equal(number(json_object_get(a, "counters"), "filtered"), 900);
	assert_int_equal(number(a, "out"), 60);
	a = json_array_get(list, 2);
	assert_int_equal(number(a, "delivered"), 50);
	assert_int_equal(number(a, "rejected"), 7);
	assert_int_equal(number(json_object_get(a, "dropped"), "queue_full"), 3);
	assert_int_equal(number(json_object_get(a, "dropped"), "closed"), 0);
	assert_int_equal(number(json_object_get(a, "counters"), "refused"), 7);
	json_decref(root);
}

static void attempts_are_absent_where_nobody_counts_them(void **state)
{
	json_t *root;

	(void)state;
	source.has_attempts = false;
	root = write_json();
	assert_null(
		json_object_get(json_array_get(json_object_get(root, "accounts"), 0), "attempts"));
	json_decref(root);
}

static void books_that_do_not_balance_say_so(void **state)
{
	json_t *root;

	(void)state;
	sink.delivered = 49;
	root = write_json();
	assert_true(json_is_false(json_object_get(root, "balanced")));
	assert_non_null(strstr(json_string_value(json_object_get(root, "imbalance")),
			       "sink 'out' do not balance"));
	json_decref(root);
}

static void a_report_that_cannot_be_written_is_an_error(void **state)
{
	FILE *full = fopen("/dev/full", "w");
	struct error err = ERROR_INIT;

	(void)state;
	if (!full)
		skip();
	assert_int_equal(report_write_json(&books, full, &err), -ENOSPC);
	assert_string_equal(err.text, "cannot write the report: No space left on device");
	(void)fclose(full);
}

static void the_text_report_shows_equations_without_zeros(void **state)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	(void)state;
	assert_non_null(out);
	report_print(&books, out);
	assert_int_equal(fclose(out), 0);
	assert_string_equal(
		text, "books: 40 records lost\n"
		      "  source opens (gadget)  attempts 1000 = read 960 + lost 30 + discarded 10\n"
		      "                         read 960 = out 960\n"
		      "  stage f (filter)       in 960 = out 60 + filtered 900\n"
		      "  sink out (stdout)      in 60 = delivered 50 + rejected 7 + queue_full 3, "
		      "refused 7\n");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_json_report_has_every_term, setup),
		cmocka_unit_test_setup(attempts_are_absent_where_nobody_counts_them, setup),
		cmocka_unit_test_setup(books_that_do_not_balance_say_so, setup),
		cmocka_unit_test_setup(a_report_that_cannot_be_written_is_an_error, setup),
		cmocka_unit_test_setup(the_text_report_shows_equations_without_zeros, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
