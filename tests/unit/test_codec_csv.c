/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How CSV shows records; codec_agree.py lets an independent reader judge many.
 */
#include "codec_fixture.h"

#include <errno.h>
#include <math.h>

static const struct encoder_options plain = { 0 };

static void expect_headers(const struct encoder *encoder, const char *first, const char *again)
{
	struct str header = codec_csv.header(encoder);

	assert_int_equal(header.len, strlen(first));
	assert_memory_equal(header.at, first, header.len);
	header = codec_csv.header_again(encoder);
	assert_int_equal(header.len, strlen(again));
	assert_memory_equal(header.at, again, header.len);
}

static void csv_shows_flat_names_and_lists_as_json(void **state)
{
	struct fixture f;

	(void)state;
	fixture_begin(&f, 3);
	fixture_field(&f, "proc.pid", TYPE_UINT, LAYOUT_U8, 0, 1);
	fixture_field(&f, "odd \"name\"", TYPE_BYTES, LAYOUT_BYTES, 1, 2);
	fixture_field(&f, "args", TYPE_STRINGS, LAYOUT_TAIL, 3, 0);
	fixture_ready(&f);
	fixture_row(&f,
		    "\7\xab\xcd"
		    "cat\0say \"x\"\0",
		    15);
	expect_headers(fixture_encoder(&f, &codec_csv, plain),
		       "event,proc.pid,\"odd \"\"name\"\"\",args\r\n",
		       "\r\nevent,proc.pid,\"odd \"\"name\"\"\",args\r\n");
	fixture_expect(&f, &codec_csv, plain,
		       "open,7,abcd,\"[\"\"cat\"\",\"\"say \\\"\"x\\\"\"\"\"]\"\r\n");
	fixture_end(&f);
}

static void expect_cell(const char *bytes, uint32_t len, bool is_terminal, const char *expected)
{
	struct fixture f;
	char text[128];

	fixture_begin(&f, len);
	fixture_field(&f, "v", TYPE_STRING, LAYOUT_CHARS, 0, len);
	fixture_ready(&f);
	fixture_row(&f, bytes, len);
	snprintf(text, sizeof(text), "open,%s\r\n", expected);
	fixture_expect(&f, &codec_csv, (struct encoder_options){ .is_terminal = is_terminal },
		       text);
	fixture_end(&f);
}

#define CELL(bytes, expected)     expect_cell(bytes, sizeof(bytes), false, expected)
#define TERMINAL(bytes, expected) expect_cell(bytes, sizeof(bytes), true, expected)

static void csv_quotes_only_where_it_must(void **state)
{
	(void)state;
	CELL("cat", "cat");
	CELL("a b;c", "a b;c");
	CELL("a,b", "\"a,b\"");
	CELL("\"", "\"\"\"\"");
	CELL("a\nb", "\"a\nb\"");
	CELL("a\rb", "\"a\rb\"");
	CELL(" a", "\" a\"");
	CELL("a ", "\"a \"");
	CELL("\xff", "\xef\xbf\xbd");
	CELL("\33[2J", "\33[2J");
}

static void csv_lets_no_string_drive_a_terminal(void **state)
{
	(void)state;
	TERMINAL("\33[2J\"", "\"\\x1b[2J\"\"\"");
	TERMINAL("\xc2\x9b", "\\xc2\\x9b");
}

static void csv_tells_missing_from_empty(void **state)
{
	static const struct str notes[] = { { "", 0 }, { NULL, 0 } };
	static const char *const names[] = { "note" };
	struct fixture f;

	(void)state;
	fixture_begin(&f, 1);
	fixture_column(&f, "note", TYPE_STRING, LAYOUT_STR, 0);
	fixture_field(&f, "n", TYPE_UINT, LAYOUT_U8, 0, 1);
	fixture_ready(&f);
	f.present[0][0] = 1;
	f.cols[0].s = notes;
	f.cols[0].present = f.present[0];
	fixture_row(&f, "\1", 1);
	fixture_row(&f, "\2", 1);
	fixture_expect(&f, &codec_csv, plain, "open,\"\",1\r\nopen,,2\r\n");
	/* an empty line would end the table */
	fixture_expect(&f, &codec_csv, (struct encoder_options){ .fields = names, .nfields = 1 },
		       "\"\"\r\n\"\"\r\n");
	fixture_end(&f);
}

static void csv_shows_floats_that_are_no_numbers(void **state)
{
	const double values[] = { NAN, HUGE_VAL, -HUGE_VAL };
	struct fixture f;

	(void)state;
	fixture_begin(&f, sizeof(values));
	fixture_field(&f, "a", TYPE_FLOAT, LAYOUT_F64, 0, 8);
	fixture_field(&f, "b", TYPE_FLOAT, LAYOUT_F64, 8, 8);
	fixture_field(&f, "c", TYPE_FLOAT, LAYOUT_F64, 16, 8);
	fixture_ready(&f);
	fixture_row(&f, values, sizeof(values));
	fixture_expect(&f, &codec_csv, plain, "open,nan,inf,-inf\r\n");
	fixture_end(&f);
}

static void csv_refuses_two_columns_of_one_name(void **state)
{
	static const char *const names[] = { "event", "@event" };
	const struct encoder_options twice = { .fields = names, .nfields = 2 };
	const struct encoder *encoder = NULL;
	struct fixture f;

	(void)state;
	fixture_begin(&f, 0);
	fixture_ready(&f);
	assert_int_equal(codec_csv.compile(&f.arena, f.schema, &twice, &encoder, &f.error),
			 -EEXIST);
	fixture_end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(csv_shows_flat_names_and_lists_as_json),
		cmocka_unit_test(csv_quotes_only_where_it_must),
		cmocka_unit_test(csv_lets_no_string_drive_a_terminal),
		cmocka_unit_test(csv_tells_missing_from_empty),
		cmocka_unit_test(csv_shows_floats_that_are_no_numbers),
		cmocka_unit_test(csv_refuses_two_columns_of_one_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
