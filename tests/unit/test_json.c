/* SPDX-License-Identifier: Apache-2.0 */
#include "codec_fixture.h"

#include <errno.h>
#include <jansson.h>

static const struct encoder_options plain = { 0 };

/* ---- a record ----------------------------------------------------------- */

struct open_row {
	uint64_t ts, mntns;
	uint32_t pid, uid;
	char comm[16];
	int32_t err;
	uint8_t ok;
	char fname[35];
};

static void begin_open(struct fixture *f)
{
	fixture_begin(f, sizeof(struct open_row));
#define AT(member) offsetof(struct open_row, member), sizeof(((struct open_row *)0)->member)
	fixture_field(f, "time", TYPE_TIME, LAYOUT_BOOT, AT(ts));
	fixture_field(f, "mntns", TYPE_UINT, LAYOUT_U64, AT(mntns));
	fixture_field(f, "proc.pid", TYPE_UINT, LAYOUT_U32, AT(pid));
	fixture_field(f, "ok", TYPE_BOOL, LAYOUT_U8, AT(ok));
	fixture_field(f, "proc.comm", TYPE_STRING, LAYOUT_CHARS, AT(comm));
	fixture_field(f, "proc.creds.uid", TYPE_UINT, LAYOUT_U32, AT(uid));
	fixture_field(f, "err", TYPE_INT, LAYOUT_S32, AT(err));
	fixture_field(f, "fname", TYPE_STRING, LAYOUT_CHARS, AT(fname));
	fixture_ready(f);
}

static const struct open_row open_row = {
	.ts = 1000,
	.mntns = 4026531841,
	.pid = 42,
	.comm = "cat",
	.err = -2,
	.ok = 1,
	.fname = "/etc/pass\"wd",
};

static void json_shows_a_record_with_nested_names_and_escapes(void **state)
{
	struct fixture f;

	(void)state;
	begin_open(&f);
	fixture_row(&f, &open_row, sizeof(open_row));
	fixture_expect(&f, &codec_json, (struct encoder_options){ .newline = true },
		       "{\"event\":\"open\",\"time\":\"2026-11-23T23:00:00.123456789Z\","
		       "\"mntns\":4026531841,"
		       "\"proc\":{\"pid\":42,\"comm\":\"cat\",\"creds\":{\"uid\":0}},"
		       "\"ok\":true,\"err\":-2,\"fname\":\"/etc/pass\\\"wd\"}\n");
	fixture_end(&f);
}

static void json_shows_just_the_fields_asked_for_in_their_order(void **state)
{
	const char *const names[] = { "fname", "@host", "proc.pid", "id", "source" };
	struct fixture f;

	(void)state;
	begin_open(&f);
	fixture_row(&f, &open_row, sizeof(open_row));
	fixture_row(&f, &open_row, sizeof(open_row));
	fixture_expect(&f, &codec_json, (struct encoder_options){ .fields = names, .nfields = 5 },
		       "{\"fname\":\"/etc/pass\\\"wd\",\"@host\":\"node1\",\"proc\":{\"pid\":42},"
		       "\"@id\":\"0123456789abcdef0123456789abcdef-0000000000abcdef-0-0\","
		       "\"@source\":\"opens\"}"
		       "{\"fname\":\"/etc/pass\\\"wd\",\"@host\":\"node1\",\"proc\":{\"pid\":42},"
		       "\"@id\":\"0123456789abcdef0123456789abcdef-0000000000abcdef-0-512\","
		       "\"@source\":\"opens\"}");
	fixture_end(&f);
}

static void json_refuses_unknown_and_repeated_names(void **state)
{
	const char *const unknown[] = { "nothing" };
	const char *const twice[] = { "ok", "ok" };
	struct encoder_options options = { .fields = unknown, .nfields = 1 };
	const struct encoder *encoder = NULL;
	struct fixture f;

	(void)state;
	begin_open(&f);
	assert_int_equal(codec_json.compile(&f.arena, f.schema, &options, &encoder, &f.error),
			 -ENOENT);
	assert_string_equal(f.error.text, "'open' has no field 'nothing'");
	options = (struct encoder_options){ .fields = twice, .nfields = 2 };
	assert_int_equal(codec_json.compile(&f.arena, f.schema, &options, &encoder, &f.error),
			 -EEXIST);
	assert_null(encoder);
	fixture_end(&f);
}

static void json_refuses_a_field_outside_the_row(void **state)
{
	const struct encoder *encoder = NULL;
	struct fixture f;

	(void)state;
	fixture_begin(&f, 8);
	fixture_field(&f, "late", TYPE_UINT, LAYOUT_U64, 4, 8);
	fixture_ready(&f);
	assert_int_equal(codec_json.compile(&f.arena, f.schema, &plain, &encoder, &f.error),
			 -EINVAL);
	assert_null(encoder);
	fixture_end(&f);
}

static void json_keeps_dots_when_a_name_is_a_field_and_a_parent(void **state)
{
	struct fixture f;
	const uint8_t row[5] = { 1, 2, 3, 4, 5 };

	(void)state;
	fixture_begin(&f, 5);
	fixture_field(&f, "a.b.c", TYPE_UINT, LAYOUT_U8, 0, 1);
	fixture_field(&f, "a.b", TYPE_UINT, LAYOUT_U8, 1, 1);
	fixture_field(&f, "x..y", TYPE_UINT, LAYOUT_U8, 2, 1);
	fixture_field(&f, ".z", TYPE_UINT, LAYOUT_U8, 3, 1);
	fixture_field(&f, "q.", TYPE_UINT, LAYOUT_U8, 4, 1);
	fixture_ready(&f);
	fixture_row(&f, row, sizeof(row));
	fixture_expect(
		&f, &codec_json, plain,
		"{\"event\":\"open\",\"a\":{\"b.c\":1,\"b\":2},\"x..y\":3,\".z\":4,\"q.\":5}");
	fixture_end(&f);
}

static void json_copies_names_longer_than_a_literal(void **state)
{
	struct fixture f;
	char name[301], expected[700];
	const uint8_t row[2] = { 7, 8 };

	(void)state;
	memset(name, 'n', sizeof(name) - 1);
	name[300] = 0;
	name[100] = '"';
	fixture_begin(&f, 2);
	fixture_field(&f, name, TYPE_UINT, LAYOUT_U8, 0, 1);
	fixture_field(&f, "b", TYPE_UINT, LAYOUT_U8, 1, 1);
	fixture_ready(&f);
	fixture_row(&f, row, sizeof(row));
	snprintf(expected, sizeof(expected), "{\"event\":\"open\",\"%.100s\\\"%s\":7,\"b\":8}",
		 name, name + 101);
	fixture_expect(&f, &codec_json, plain, expected);
	fixture_end(&f);
}

/* ---- lists and bytes ---------------------------------------------------- */

static void expect_list(const char *bytes, uint32_t len, const char *expected)
{
	struct fixture f;

	fixture_begin(&f, 0);
	fixture_field(&f, "args", TYPE_STRINGS, LAYOUT_TAIL, 0, 0);
	fixture_ready(&f);
	fixture_row(&f, bytes, len);
	fixture_expect(&f, &codec_json, plain, expected);
	fixture_end(&f);
}

static void json_splits_lists_at_nul_and_keeps_empty_strings(void **state)
{
	(void)state;
	expect_list("", 0, "{\"event\":\"open\",\"args\":[]}");
	expect_list("\0", 1, "{\"event\":\"open\",\"args\":[\"\"]}");
	expect_list("a", 1, "{\"event\":\"open\",\"args\":[\"a\"]}");
	expect_list("a\0", 2, "{\"event\":\"open\",\"args\":[\"a\"]}");
	expect_list("a\0\0", 3, "{\"event\":\"open\",\"args\":[\"a\",\"\"]}");
	expect_list("\0a", 2, "{\"event\":\"open\",\"args\":[\"\",\"a\"]}");
	expect_list("cat\0-n\0\0/a \"b\"\n\0", 16,
		    "{\"event\":\"open\",\"args\":[\"cat\",\"-n\",\"\",\"/a \\\"b\\\"\\n\"]}");
	expect_list(
		"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 32,
		"{\"event\":\"open\",\"args\":[\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\","
		"\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\","
		"\"\",\"\"]}");
}

static void json_leaves_the_padding_of_a_list_array_out(void **state)
{
	struct fixture f;

	(void)state;
	fixture_begin(&f, 12);
	fixture_field(&f, "args", TYPE_STRINGS, LAYOUT_BYTES, 0, 12);
	fixture_field(&f, "raw", TYPE_BYTES, LAYOUT_BYTES, 0, 4);
	fixture_ready(&f);
	fixture_row(&f, "ls\0\0-l\0\0\0\0\0\0", 12);
	fixture_expect(&f, &codec_json, plain,
		       "{\"event\":\"open\",\"args\":[\"ls\",\"\",\"-l\"],\"raw\":\"6c730000\"}");
	fixture_end(&f);
}

static void json_shows_bytes_as_lower_case_hex(void **state)
{
	struct fixture f;
	uint8_t row[256];
	char expected[600];
	int n;

	(void)state;
	fixture_begin(&f, 0);
	fixture_field(&f, "raw", TYPE_BYTES, LAYOUT_TAIL, 0, 0);
	fixture_ready(&f);
	n = snprintf(expected, sizeof(expected), "{\"event\":\"open\",\"raw\":\"");
	for (unsigned i = 0; i < 256; i++) {
		row[i] = (uint8_t)i;
		n += snprintf(expected + n, sizeof(expected) - (size_t)n, "%02x", i);
	}
	snprintf(expected + n, sizeof(expected) - (size_t)n,
		 "\"}{\"event\":\"open\",\"raw\":\"\"}");
	fixture_row(&f, row, sizeof(row));
	fixture_row(&f, row, 0);
	fixture_expect(&f, &codec_json, plain, expected);
	fixture_end(&f);
}

/* ---- missing values ----------------------------------------------------- */

static void json_leaves_missing_values_and_empty_objects_out(void **state)
{
	static const uint64_t numbers[] = { 5, 6, 7, 8, 9, 10, 11, 12 };
	static const int64_t signs[] = { -5, -6, -7, -8, -9, -10, -11, -12 };
	static const struct str strings[] = { { "a", 1 }, { "b\"", 2 }, { "", 0 },  { "d", 1 },
					      { "e", 1 }, { "f", 1 },   { "g", 1 }, { "h", 1 } };
	static const char *const expected[] = {
		"{\"z\":1}",
		"{\"k\":{\"a\":6},\"z\":1}",
		"{\"k\":{\"b\":{\"c\":\"\"}},\"z\":1}",
		"{\"k\":{\"a\":8,\"b\":{\"c\":\"d\"}},\"z\":1}",
		"{\"k\":{\"d\":-9},\"z\":1}",
		"{\"k\":{\"a\":10,\"d\":-10},\"z\":1}",
		"{\"k\":{\"b\":{\"c\":\"g\"},\"d\":-11},\"z\":1}",
		"{\"k\":{\"a\":12,\"b\":{\"c\":\"h\"},\"d\":-12},\"z\":1}",
	};
	const char *const names[] = { "k.a", "k.b.c", "k.d", "z" };
	struct fixture f;
	char *text, *at;

	(void)state;
	fixture_begin(&f, 1);
	fixture_column(&f, "k.a", TYPE_UINT, LAYOUT_U64, 0);
	fixture_column(&f, "k.b.c", TYPE_STRING, LAYOUT_STR, 1);
	fixture_column(&f, "k.d", TYPE_INT, LAYOUT_S64, 2);
	fixture_field(&f, "z", TYPE_UINT, LAYOUT_U8, 0, 1);
	fixture_ready(&f);
	f.cols[0].u = numbers;
	f.cols[1].s = strings;
	f.cols[2].i = signs;
	for (unsigned col = 0; col < 3; col++) {
		f.cols[col].present = f.present[col];
		for (unsigned row = 0; row < 8; row++)
			f.present[col][0] |= (uint64_t)(row >> col & 1) << row;
	}
	for (unsigned row = 0; row < 8; row++)
		fixture_row(&f, "\1", 1);
	at = text = fixture_text(&f, fixture_encoder(&f, &codec_json,
						     (struct encoder_options){
							     .fields = names,
							     .nfields = 4,
						     }));
	for (unsigned row = 0; row < 8; row++) {
		assert_memory_equal(at, expected[row], strlen(expected[row]));
		at += strlen(expected[row]);
	}
	assert_string_equal(at, "");
	free(text);
	fixture_end(&f);
}

static void json_reads_columns_and_the_row_in_any_order(void **state)
{
	static const uint64_t flags[] = { 0, 256 };
	static const double floats[] = { 1.5, -2.0 };
	static const int64_t times[] = { FIXTURE_WALL, 0 };
	static const struct str lists[] = { { "a\0b", 3 }, { "", 0 } };
	struct fixture f;

	(void)state;
	fixture_begin(&f, 2);
	fixture_column(&f, "flag", TYPE_BOOL, LAYOUT_U8, 0);
	fixture_field(&f, "p", TYPE_UINT, LAYOUT_U8, 0, 1);
	fixture_column(&f, "half", TYPE_FLOAT, LAYOUT_F64, 1);
	fixture_column(&f, "when", TYPE_TIME, LAYOUT_S64, 2);
	fixture_column(&f, "when_ns", TYPE_TIME_NS, LAYOUT_S64, 2);
	fixture_column(&f, "list", TYPE_STRINGS, LAYOUT_STR, 3);
	fixture_column(&f, "raw", TYPE_BYTES, LAYOUT_STR, 3);
	fixture_field(&f, "q", TYPE_INT, LAYOUT_S8, 1, 1);
	fixture_ready(&f);
	f.cols[0].u = flags;
	f.cols[1].f = floats;
	f.cols[2].i = times;
	f.cols[3].s = lists;
	fixture_row(&f, "\1\xff", 2);
	fixture_row(&f, "\2\x7f", 2);
	fixture_expect(&f, &codec_json, (struct encoder_options){ .newline = true },
		       "{\"event\":\"open\",\"flag\":false,\"p\":1,\"half\":1.5,"
		       "\"when\":\"2026-11-23T23:00:00.123456789Z\","
		       "\"when_ns\":1795474800123456789,\"list\":[\"a\",\"b\"],\"raw\":\"610062\","
		       "\"q\":-1}\n"
		       "{\"event\":\"open\",\"flag\":true,\"p\":2,\"half\":-2.0,"
		       "\"when\":\"1970-01-01T00:00:00.000000000Z\","
		       "\"when_ns\":0,\"list\":[],\"raw\":\"\",\"q\":127}\n");
	fixture_end(&f);
}

/* ---- room --------------------------------------------------------------- */

static void json_stops_at_the_last_record_that_fits(void **state)
{
	struct fixture f;
	const struct encoder *encoder;
	size_t bound, one;
	uint8_t *bytes;
	struct encoded out;

	(void)state;
	begin_open(&f);
	for (unsigned i = 0; i < 10; i++)
		fixture_row(&f, &open_row, sizeof(open_row));
	encoder = fixture_encoder(&f, &codec_json, plain);
	free(fixture_encode(&f, encoder, &one));
	one /= 10;
	bound = encoder->bound(encoder, &f.batch, 0);
	assert_true(bound >= one);
	bytes = malloc(bound + 3 * one);
	out = (struct encoded){ .at = bytes,
				.start = bytes,
				.limit = bytes + bound + 3 * one,
				.ends = f.ends,
				.max = FIXTURE_ROWS };
	assert_int_equal(encoder->rows(encoder, &f.batch, 2, 10, &out), 4);
	assert_int_equal(out.nends, 4);
	assert_int_equal(f.ends[3], 4 * one);
	free(bytes);

	bytes = malloc(bound);
	out = (struct encoded){ .at = bytes,
				.start = bytes,
				.limit = bytes + bound - 1,
				.ends = f.ends,
				.max = FIXTURE_ROWS };
	assert_int_equal(encoder->rows(encoder, &f.batch, 0, 10, &out), 0);
	out.limit++;
	out.max = 0;
	assert_int_equal(encoder->rows(encoder, &f.batch, 0, 10, &out), 0);
	out.max = 1;
	assert_int_equal(encoder->rows(encoder, &f.batch, 0, 10, &out), 1);
	free(bytes);
	fixture_end(&f);
}

static void json_needs_no_more_than_the_exact_size_of_a_long_tail(void **state)
{
	enum { LEN = 60000 };
	struct fixture f;
	const struct encoder *encoder;
	uint8_t *row = malloc(LEN);
	size_t len;

	(void)state;
	memset(row, 'a', LEN);
	row[LEN / 2] = 0;
	fixture_begin(&f, 0);
	fixture_field(&f, "args", TYPE_STRINGS, LAYOUT_TAIL, 0, 0);
	fixture_field(&f, "tail", TYPE_STRING, LAYOUT_TAIL, 0, 0);
	fixture_field(&f, "raw", TYPE_BYTES, LAYOUT_TAIL, LEN / 2, 0);
	f.builder.schema->row_min = LEN / 2;
	fixture_ready(&f);
	fixture_row(&f, row, LEN);
	encoder = fixture_encoder(&f, &codec_json, plain);
	assert_true(encoder->bound(encoder, &f.batch, 0) < 3 * LEN);
	free(fixture_encode(&f, encoder, &len));
	assert_true(len > 2 * LEN + LEN / 2);
	free(row);
	fixture_end(&f);
}

static void json_follows_the_selection(void **state)
{
	struct fixture f;
	const uint8_t rows[] = { 10, 11, 12, 13 };

	(void)state;
	fixture_begin(&f, 1);
	fixture_field(&f, "v", TYPE_UINT, LAYOUT_U8, 0, 1);
	fixture_ready(&f);
	for (unsigned i = 0; i < 4; i++)
		fixture_row(&f, &rows[i], 1);
	f.sel[0] = 1;
	f.sel[1] = 3;
	f.batch.nsel = 2;
	fixture_expect(&f, &codec_json, plain,
		       "{\"event\":\"open\",\"v\":11}{\"event\":\"open\",\"v\":13}");
	f.rows.n = 4;
	fixture_end(&f);
}

/* ---- losses ------------------------------------------------------------- */

static void expect_mark(struct fixture *f, bool newline, const struct mark *mark,
			const char *expected)
{
	const struct encoder *encoder =
		fixture_encoder(f, &codec_json, (struct encoder_options){ .newline = newline });
	uint8_t *out = malloc(ENCODER_MARK_MAX);
	size_t len = encoder->mark(encoder, mark, out);

	assert_int_equal(len, strlen(expected));
	assert_memory_equal(out, expected, len);
	free(out);
}

static void json_writes_a_loss_where_it_happened(void **state)
{
	struct fixture f;
	struct mark mark;

	(void)state;
	begin_open(&f);
	mark = (struct mark){ .kind = MARK_LOSS,
			      .origin = &f.origin,
			      .event = "op\"en",
			      .reason = "ring_full",
			      .n = 12 };
	expect_mark(
		&f, true, &mark,
		"{\"_loss\":{\"source\":\"opens\",\"event\":\"op\\\"en\",\"reason\":\"ring_full\","
		"\"n\":12}}\n");
	mark.has_cpu = true;
	mark.cpu = 3;
	expect_mark(
		&f, true, &mark,
		"{\"_loss\":{\"source\":\"opens\",\"event\":\"op\\\"en\",\"reason\":\"ring_full\","
		"\"n\":12,\"cpu\":3}}\n");
	mark.from = 100;
	mark.to = 111;
	expect_mark(
		&f, false, &mark,
		"{\"_loss\":{\"source\":\"opens\",\"event\":\"op\\\"en\",\"reason\":\"ring_full\","
		"\"n\":12,\"cpu\":3,\"from_seq\":100,\"to_seq\":111}}");
	mark = (struct mark){ .sink = "bus", .reason = "dropped", .n = 5 };
	expect_mark(&f, true, &mark,
		    "{\"_loss\":{\"sink\":\"bus\",\"reason\":\"dropped\",\"n\":5}}\n");
	fixture_end(&f);
}

static void json_keeps_a_loss_within_its_limit_whatever_the_names(void **state)
{
	struct fixture f;
	const struct encoder *encoder;
	char name[2001];
	uint8_t *out = malloc(ENCODER_MARK_MAX);
	struct mark mark;
	json_t *json;
	size_t len;

	(void)state;
	begin_open(&f);
	encoder = fixture_encoder(&f, &codec_json, plain);
	memset(name, 1, 2000);
	name[2000] = 0;
	f.origin.source = name;
	mark = (struct mark){ .kind = MARK_LOSS,
			      .origin = &f.origin,
			      .event = name,
			      .reason = name,
			      .n = UINT64_MAX,
			      .has_cpu = true,
			      .cpu = UINT32_MAX,
			      .from = UINT64_MAX - 1,
			      .to = UINT64_MAX };
	len = encoder->mark(encoder, &mark, out);
	assert_true(len <= ENCODER_MARK_MAX);
	/* jansson's integers are signed: give it numbers it can read. */
	mark.n = mark.from = mark.to = 1;
	len = encoder->mark(encoder, &mark, out);
	json = json_loadb((char *)out, len, 0, NULL);
	assert_non_null(json);
	json_decref(json);
	free(out);
	fixture_end(&f);
}

static void json_output_is_read_by_jansson(void **state)
{
	struct fixture f;
	json_t *json, *proc;
	char *text;

	(void)state;
	begin_open(&f);
	fixture_row(&f, &open_row, sizeof(open_row));
	text = fixture_text(&f, fixture_encoder(&f, &codec_json, plain));
	json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(json);
	assert_int_equal(json_integer_value(json_object_get(json, "mntns")), open_row.mntns);
	assert_string_equal(json_string_value(json_object_get(json, "fname")), open_row.fname);
	proc = json_object_get(json, "proc");
	assert_int_equal(json_integer_value(json_object_get(proc, "pid")), open_row.pid);
	assert_string_equal(json_string_value(json_object_get(proc, "comm")), open_row.comm);
	json_decref(json);
	free(text);
	fixture_end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_shows_a_record_with_nested_names_and_escapes),
		cmocka_unit_test(json_shows_just_the_fields_asked_for_in_their_order),
		cmocka_unit_test(json_refuses_unknown_and_repeated_names),
		cmocka_unit_test(json_refuses_a_field_outside_the_row),
		cmocka_unit_test(json_keeps_dots_when_a_name_is_a_field_and_a_parent),
		cmocka_unit_test(json_copies_names_longer_than_a_literal),
		cmocka_unit_test(json_splits_lists_at_nul_and_keeps_empty_strings),
		cmocka_unit_test(json_leaves_the_padding_of_a_list_array_out),
		cmocka_unit_test(json_shows_bytes_as_lower_case_hex),
		cmocka_unit_test(json_leaves_missing_values_and_empty_objects_out),
		cmocka_unit_test(json_reads_columns_and_the_row_in_any_order),
		cmocka_unit_test(json_stops_at_the_last_record_that_fits),
		cmocka_unit_test(json_needs_no_more_than_the_exact_size_of_a_long_tail),
		cmocka_unit_test(json_follows_the_selection),
		cmocka_unit_test(json_writes_a_loss_where_it_happened),
		cmocka_unit_test(json_keeps_a_loss_within_its_limit_whatever_the_names),
		cmocka_unit_test(json_output_is_read_by_jansson),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
