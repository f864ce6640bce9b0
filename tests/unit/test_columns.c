/* SPDX-License-Identifier: Apache-2.0 */
#include "codec_fixture.h"

#include <errno.h>
#include <time.h>

static const struct encoder_options plain = { 0 };

static void expect_header(const struct encoder *encoder, const char *expected)
{
	struct str header = codec_columns.header(encoder);

	assert_int_equal(header.len, strlen(expected));
	assert_memory_equal(header.at, expected, header.len);
}

static void expect_lines(struct fixture *f, const struct encoder *encoder, const char *expected)
{
	char *text = fixture_text(f, encoder);

	assert_string_equal(text, expected);
	free(text);
}

/* ---- a table ------------------------------------------------------------ */

struct open_row {
	uint64_t ts;
	uint32_t pid;
	int32_t err;
	char comm[16];
	uint8_t ok;
	char fname[47];
};

static const struct open_row open_rows[] = {
	{ .ts = 1000, .pid = 42, .err = -2, .comm = "cat", .ok = 1, .fname = "/etc/passwd" },
	{ .ts = 1000, .pid = 4294967295, .err = 0, .comm = "sixteen-bytes-xx", .fname = "" },
};

static void begin_open(struct fixture *f)
{
	fixture_begin(f, sizeof(struct open_row));
#define AT(member) offsetof(struct open_row, member), sizeof(((struct open_row *)0)->member)
	fixture_add(f, (struct field){ .name = "time",
				       .type = TYPE_TIME,
				       .layout = LAYOUT_BOOT,
				       .flags = FIELD_QUIET,
				       .size = 8 });
	fixture_field(f, "proc.comm", TYPE_STRING, LAYOUT_CHARS, AT(comm));
	fixture_field(f, "proc.pid", TYPE_UINT, LAYOUT_U32, AT(pid));
	fixture_field(f, "err", TYPE_INT, LAYOUT_S32, AT(err));
	fixture_field(f, "ok", TYPE_BOOL, LAYOUT_U8, AT(ok));
	fixture_field(f, "fname", TYPE_STRING, LAYOUT_CHARS, AT(fname));
	fixture_ready(f);
	for (size_t i = 0; i < 2; i++)
		fixture_row(f, &open_rows[i], sizeof(open_rows[i]));
}

static void columns_aligns_cells_under_their_titles(void **state)
{
	const struct encoder *encoder;
	struct fixture f;

	(void)state;
	begin_open(&f);
	encoder = fixture_encoder(&f, &codec_columns, plain);
	expect_header(encoder, "COMM                 PID     ERR OK    FNAME\n");
	expect_lines(&f, encoder,
		     "cat                   42      -2 true  /etc/passwd\n"
		     /* too wide a number shifts its line; no padding at the end */
		     "sixteen-bytes-xx 4294967295       0 false\n");
	fixture_end(&f);
}

static void columns_shows_just_the_fields_asked_for_quiet_ones_too(void **state)
{
	const char *const names[] = { "fname", "event", "@host", "time" };
	const struct encoder *encoder;
	struct fixture f;
	char expected[256], date[16];
	struct tm tm;

	(void)state;
	begin_open(&f);
	f.batch.nsel = 1;
	encoder = fixture_encoder(&f, &codec_columns,
				  (struct encoder_options){ .fields = names, .nfields = 4 });
	expect_header(encoder, "FNAME                            EVENT                    "
			       "HOST                     TIME\n");
	localtime_r(&(time_t){ FIXTURE_WALL / 1000000000 }, &tm);
	strftime(date, sizeof(date), "%H:%M:%S", &tm);
	snprintf(expected, sizeof(expected), "%-32s %-24s %-24s %s.123\n", "/etc/passwd", "open",
		 "node1", date);
	expect_lines(&f, encoder, expected);
	fixture_end(&f);
}

static void columns_says_which_event_it_is_where_there_are_several(void **state)
{
	const char *const names[] = { "fname" };
	struct fixture f;

	(void)state;
	begin_open(&f);
	f.batch.nsel = 1;
	expect_header(
		fixture_encoder(&f, &codec_columns, (struct encoder_options){ .with_event = true }),
		"EVENT                    COMM                 PID     ERR OK    FNAME\n");
	expect_lines(
		&f,
		fixture_encoder(&f, &codec_columns, (struct encoder_options){ .with_event = true }),
		"open                     cat                   42      -2 true  /etc/passwd\n");
	/* Who names the fields gets those. */
	expect_header(fixture_encoder(&f, &codec_columns,
				      (struct encoder_options){
					      .with_event = true, .fields = names, .nfields = 1 }),
		      "FNAME\n");
	fixture_end(&f);
}

static void columns_uses_the_full_name_when_titles_would_be_the_same(void **state)
{
	const struct encoder *encoder;
	struct fixture f;

	(void)state;
	fixture_begin(&f, 4);
	fixture_field(&f, "proc.pid", TYPE_UINT, LAYOUT_U8, 0, 1);
	fixture_field(&f, "parent.pid", TYPE_UINT, LAYOUT_U8, 1, 1);
	fixture_field(&f, "proc.tid", TYPE_UINT, LAYOUT_U8, 2, 1);
	fixture_field(&f, "odd.", TYPE_UINT, LAYOUT_U8, 3, 1);
	fixture_ready(&f);
	fixture_row(&f, "\1\2\3\4", 4);
	encoder = fixture_encoder(&f, &codec_columns, plain);
	expect_header(encoder, "PROC.PID PARENT.PID  TID ODD.\n");
	expect_lines(&f, encoder, "       1          2    3    4\n");
	fixture_end(&f);
}

static void columns_obeys_notes(void **state)
{
	static const struct notes wide = { .width = 8, .align = ALIGN_RIGHT };
	static const struct notes narrow = { .width = 20,
					     .max_width = 6,
					     .ellipsis = ELLIPSIS_NONE };
	static const struct notes least = { .width = 2, .min_width = 9 };
	const struct encoder *encoder;
	struct fixture f;

	(void)state;
	fixture_begin(&f, 16);
	for (unsigned i = 0; i < 4; i++) {
		static const char *const names[] = { "a", "b", "c", "d" };
		static const struct notes *const notes[] = { &wide, &narrow, &least, NULL };

		fixture_add(&f, (struct field){ .name = names[i],
						.type = TYPE_STRING,
						.layout = LAYOUT_CHARS,
						.size = 16,
						.notes = notes[i] });
	}
	fixture_ready(&f);
	fixture_row(&f, "0123456789\0\0\0\0\0\0", 16);
	fixture_row(&f, "01\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);
	encoder = fixture_encoder(&f, &codec_columns, plain);
	expect_header(encoder, "       A B      C         D\n");
	expect_lines(&f, encoder,
		     "0123456… 012345 01234567… 0123456789\n"
		     "      01 01     01        01\n");
	fixture_end(&f);
}

/* One column of a row; `end` shows where it ends. */
static void expect_noted(const struct field *field, const struct notes *notes, const void *row,
			 uint32_t len, const char *header, const char *expected)
{
	struct field noted = *field;
	struct fixture f;
	const struct encoder *encoder;
	char text[256];

	fixture_begin(&f, len);
	noted.name = "v";
	noted.notes = notes;
	fixture_add(&f, noted);
	fixture_field(&f, "end", TYPE_BOOL, LAYOUT_U8, 0, 1);
	fixture_ready(&f);
	fixture_row(&f, row, len);
	encoder = fixture_encoder(&f, &codec_columns, plain);
	snprintf(text, sizeof(text), "%s END\n", header);
	expect_header(encoder, text);
	snprintf(text, sizeof(text), "%s true\n", expected);
	expect_lines(&f, encoder, text);
	fixture_end(&f);
}

static void columns_put_the_ellipsis_where_the_notes_say(void **state)
{
	static const struct field text = { .type = TYPE_STRING,
					   .layout = LAYOUT_CHARS,
					   .size = 16 };
	static const char row[16] = "abcdefghijkl", wide[16] = "a\xe6\x97\xa5\xe6\x9c\xac-zz";
	static const struct notes start = { .width = 7, .ellipsis = ELLIPSIS_START };
	static const struct notes middle = { .width = 7, .ellipsis = ELLIPSIS_MIDDLE };
	static const struct notes end = { .width = 7, .ellipsis = ELLIPSIS_END };
	static const struct notes none = { .width = 7, .ellipsis = ELLIPSIS_NONE };
	static const struct notes long_enough = { .width = 12, .ellipsis = ELLIPSIS_MIDDLE };
	static const struct notes narrow = { .width = 6, .ellipsis = ELLIPSIS_START };

	(void)state;
	expect_noted(&text, &start, row, 16, "V      ", "…ghijkl");
	expect_noted(&text, &middle, row, 16, "V      ", "abc…jkl");
	expect_noted(&text, &end, row, 16, "V      ", "abcdef…");
	expect_noted(&text, &none, row, 16, "V      ", "abcdefg");
	expect_noted(&text, &long_enough, row, 16, "V           ", "abcdefghijkl");
	/* half a wide character is none */
	expect_noted(&text, &narrow, wide, 16, "V     ", "…\xe6\x9c\xac-zz");
	expect_noted(&text, &(struct notes){ .width = 4, .ellipsis = ELLIPSIS_START }, wide, 16,
		     "V   ", "…-zz");
}

static void columns_show_numbers_as_the_notes_say(void **state)
{
	static const struct field u32 = { .type = TYPE_UINT, .layout = LAYOUT_U32, .size = 4 };
	static const struct field s16 = { .type = TYPE_INT, .layout = LAYOUT_S16, .size = 2 };
	static const struct field f64 = { .type = TYPE_FLOAT, .layout = LAYOUT_F64, .size = 8 };
	static const struct field u128 = { .type = TYPE_UINT, .layout = LAYOUT_U128, .size = 16 };
	static const struct notes hex = { .width = 8, .is_hex = true, .alias = "Key id" };
	static const struct notes two = { .width = 8, .has_precision = true, .precision = 2 };
	static const struct notes left = { .width = 8, .align = ALIGN_LEFT };
	double f = 3.14159;
	uint8_t wide[16] = { 1, 2 };

	(void)state;
	expect_noted(&u32, &hex, "\x1f\0\xab\0", 4, "  KEY ID", "0xAB001F");
	expect_noted(&s16, &hex, "\xff\xff", 2, "  KEY ID", "  0xFFFF");
	expect_noted(&f64, &two, &f, 8, "       V", "    3.14");
	expect_noted(&u32, &left, "\x7b\0\0\0", 4, "V       ", "123     ");
	expect_noted(&u128, &left, wide, 16, "V       ", "513     ");
	wide[15] = 0x80;
	expect_noted(&u128, &hex, wide, 16, "  KEY ID", "0x80000000000000000000000000000201");
}

static void columns_show_lists_and_cut_them_like_text(void **state)
{
	static const struct field u8 = {
		.name = "", .label = "", .type = TYPE_UINT, .layout = LAYOUT_U8
	};
	static const struct element bytes = { .stride = 1, .nfields = 1, .fields = &u8 };
	static const struct field members[] = {
		{ .name = "id", .label = "id", .type = TYPE_UINT, .layout = LAYOUT_U8 },
		{ .name = "n.a",
		  .label = "n.a",
		  .type = TYPE_STRING,
		  .layout = LAYOUT_CHARS,
		  .at = 1,
		  .size = 3 },
	};
	static const struct element structs = {
		.stride = 4, .is_object = true, .nfields = 2, .fields = members
	};
	static const struct field numbers = {
		.type = TYPE_ARRAY, .layout = LAYOUT_BYTES, .size = 4, .element = &bytes
	};
	static const struct field objects = {
		.type = TYPE_ARRAY, .layout = LAYOUT_BYTES, .size = 11, .element = &structs
	};
	static const struct notes wide = { .width = 48 }, narrow = { .width = 6 };

	(void)state;
	expect_noted(&numbers, &wide, "\1\2\3\4", 4,
		     "V                                               ",
		     "[1, 2, 3, 4]                                    ");
	expect_noted(&numbers, &narrow, "\1\2\3\4", 4, "V     ", "[1, 2…");
	/* the third struct is not whole */
	expect_noted(&objects, &wide, "\1abc\2d\0e\3fg", 11,
		     "V                                               ",
		     "[{id: 1, n: {a: \"abc\"}}, {id: 2, n: {a: \"d\"}}]  ");
}

static void columns_show_what_is_for_columns_only(void **state)
{
	struct fixture f;
	const struct encoder *encoder;

	(void)state;
	fixture_begin(&f, 2);
	fixture_add(&f, (struct field){ .name = "a",
					.type = TYPE_UINT,
					.layout = LAYOUT_U8,
					.size = 1,
					.flags = FIELD_COLUMN });
	fixture_add(&f, (struct field){ .name = "b",
					.type = TYPE_UINT,
					.layout = LAYOUT_U8,
					.at = 1,
					.size = 1,
					.flags = FIELD_QUIET });
	fixture_ready(&f);
	fixture_row(&f, "\1\2", 2);
	encoder = fixture_encoder(&f, &codec_columns, plain);
	expect_header(encoder, "   A\n");
	expect_lines(&f, encoder, "   1\n");
	fixture_expect(&f, &codec_json, plain, "{\"event\":\"open\",\"b\":2}");
	fixture_expect(&f, &codec_csv, plain, "open,2\r\n");
	fixture_end(&f);
}

/* ---- terminals ---------------------------------------------------------- */

static const char *line_of(struct fixture *f, uint32_t width, char *line, size_t size)
{
	char *text = fixture_text(f, fixture_encoder(f, &codec_columns,
						     (struct encoder_options){
							     .is_terminal = true,
							     .width = width,
						     }));

	snprintf(line, size, "%s", text);
	free(text);
	return line;
}

static void columns_gives_the_last_column_the_rest_of_the_terminal(void **state)
{
	struct fixture f;
	char line[256];

	(void)state;
	begin_open(&f);
	f.batch.nsel = 1;
	assert_string_equal(line_of(&f, 80, line, sizeof(line)),
			    "cat                   42      -2 true  /etc/passwd\n");
	/* COMM gives way until FNAME has its least */
	assert_string_equal(line_of(&f, 50, line, sizeof(line)),
			    "cat              42      -2 true  /etc/passwd\n");
	assert_string_equal(line_of(&f, 10, line, sizeof(line)),
			    "cat             42      -2 true  /etc/passwd\n");
	fixture_end(&f);
}

static void columns_cuts_long_text_at_the_edge_of_the_terminal(void **state)
{
	struct fixture f;
	char line[512];

	(void)state;
	fixture_begin(&f, 1);
	fixture_field(&f, "n", TYPE_UINT, LAYOUT_U8, 0, 1);
	fixture_field(&f, "args", TYPE_STRINGS, LAYOUT_TAIL, 1, 0);
	fixture_ready(&f);
	fixture_row(&f, "\7cat\0-n\0a-name-of-many-characters\0b\0", 36);
	assert_string_equal(line_of(&f, 30, line, sizeof(line)),
			    "   7 cat -n a-name-of-many-ch…\n");
	assert_string_equal(line_of(&f, 43, line, sizeof(line)),
			    "   7 cat -n a-name-of-many-characters b\n");
	fixture_expect(&f, &codec_columns, plain, "   7 cat -n a-name-of-many-characters b\n");
	fixture_end(&f);
}

static void columns_give_way_in_proportion_but_not_below_their_least(void **state)
{
	static const struct notes fixed = { .width = 20, .is_fixed = true };
	static const struct notes forty = { .width = 40, .min_width = 12 }, fifty = { .width = 50 };
	static const char *const names[] = { "a", "b", "c" };
	static const struct notes *const notes[] = { &fixed, &forty, &fifty };
	char line[256];
	struct fixture f;

	(void)state;
	fixture_begin(&f, 60);
	for (unsigned i = 0; i < 3; i++)
		fixture_add(&f, (struct field){ .name = names[i],
						.type = TYPE_STRING,
						.layout = LAYOUT_CHARS,
						.size = 60,
						.notes = notes[i] });
	fixture_ready(&f);
	fixture_row(&f, "012345678901234567890123456789012345678901234567890123456789", 60);
	/* 112 cells in 82: b gives 13 of its 28, c 17 of its 34 */
	assert_string_equal(line_of(&f, 82, line, sizeof(line)),
			    "0123456789012345678… 01234567890123456789012345… "
			    "01234567890123456789012345678901…\n");
	/* nobody can give more: the line is longer than the terminal */
	assert_string_equal(line_of(&f, 30, line, sizeof(line)),
			    "0123456789012345678… 01234567890… 012345678901234…\n");
	/* what is left over goes to the last column of text */
	assert_string_equal(line_of(&f, 120, line, sizeof(line)),
			    "0123456789012345678… 012345678901234567890123456789012345678… "
			    "012345678901234567890123456789012345678901234567890123456…\n");
	fixture_end(&f);
}

/* ---- what text may do ---------------------------------------------------- */

static void expect_cell(const char *bytes, uint32_t len, const char *expected)
{
	static const struct notes ten = { .width = 10 };
	struct fixture f;
	char line[256];

	fixture_begin(&f, len + 1);
	fixture_add(&f, (struct field){ .name = "v",
					.type = TYPE_STRING,
					.layout = LAYOUT_BYTES,
					.at = 0,
					.size = len,
					.notes = &ten });
	fixture_field(&f, "end", TYPE_STRING, LAYOUT_BYTES, len, 1);
	fixture_ready(&f);
	memcpy(line, bytes, len);
	line[len] = '|';
	fixture_row(&f, line, len + 1);
	snprintf(line, sizeof(line), "%s|\n", expected);
	fixture_expect(&f, &codec_columns, plain, line);
	fixture_end(&f);
}

#define CELL(bytes, expected) expect_cell(bytes, sizeof(bytes) - 1, expected)

static void columns_escapes_what_could_drive_a_terminal(void **state)
{
	(void)state;
	CELL("\x1b[2J", "\\x1b[2J    ");
	CELL("a\nb", "a\\x0ab     ");
	CELL("\x7f", "\\x7f       ");
	CELL("\xc2\x9b", "\\xc2\\x9b   ");
	CELL("\xe2\x80\xae", "\\xe2\\x80…  ");
	CELL("\xff", "\\xff       ");
	CELL("\xe2\x82", "\\xe2\\x82   ");
}

static void columns_counts_cells_not_bytes(void **state)
{
	(void)state;
	CELL("\xc3\xa6\xc3\xb8\xc3\xa5", "\xc3\xa6\xc3\xb8\xc3\xa5        ");
	CELL("\xe6\x97\xa5\xe6\x9c\xac", "\xe6\x97\xa5\xe6\x9c\xac       ");
	CELL("e\xcc\x81t\xc3\xa9", "e\xcc\x81t\xc3\xa9        ");
	CELL("0123456789", "0123456789 ");
	CELL("0123456789a", "012345678… ");
	/* a wide character that does not fit leaves a cell empty */
	CELL("\xe6\x97\xa5\xe6\x9c\xac\xe6\x97\xa5\xe6\x9c\xac\xe6\x97\xa5\xe6\x9c\xac",
	     "\xe6\x97\xa5\xe6\x9c\xac\xe6\x97\xa5\xe6\x9c\xac…  ");
	CELL("old\0bytes", "old        ");
}

static void columns_limits_the_bytes_of_a_cell_whatever_joins(void **state)
{
	struct fixture f;
	const struct encoder *encoder;
	static const struct notes ten = { .width = 10 };
	uint8_t *row = malloc(20001);
	size_t len, bound;

	(void)state;
	for (unsigned i = 0; i < 10000; i++)
		memcpy(row + (size_t)2 * i, "\xcc\x81", 2);
	row[20000] = '|';
	fixture_begin(&f, 20001);
	fixture_add(&f, (struct field){ .name = "v",
					.type = TYPE_STRING,
					.layout = LAYOUT_BYTES,
					.size = 20000,
					.notes = &ten });
	fixture_field(&f, "end", TYPE_STRING, LAYOUT_BYTES, 20000, 1);
	fixture_ready(&f);
	fixture_row(&f, row, 20001);
	encoder = fixture_encoder(&f, &codec_columns, plain);
	bound = encoder->bound(encoder, &f.batch, 0);
	assert_true(bound < 1000);
	free(fixture_encode(&f, encoder, &len));
	assert_true(len < 120);
	free(row);
	fixture_end(&f);
}

/* ---- values ------------------------------------------------------------- */

static void columns_shows_every_type(void **state)
{
	static const double floats[] = { 1.5, 0 };
	static const uint64_t some[] = { 2 };
	struct fixture f;
	const struct encoder *encoder;
	const uint8_t row[] = { 0, 0, 0, 0, 0, 0, 0xf0, 0xff, 0xab, 0xcd, 'l', 's', 0, 'x', 0, 0 };

	(void)state;
	fixture_begin(&f, sizeof(row));
	fixture_field(&f, "i", TYPE_INT, LAYOUT_S64, 0, 8);
	fixture_add(&f, (struct field){ .name = "ns",
					.type = TYPE_TIME_NS,
					.layout = LAYOUT_READ,
					.loc = LOC_META });
	fixture_column(&f, "half", TYPE_FLOAT, LAYOUT_F64, 0);
	fixture_column(&f, "gone", TYPE_UINT, LAYOUT_U64, 1);
	fixture_field(&f, "raw", TYPE_BYTES, LAYOUT_BYTES, 8, 2);
	fixture_field(&f, "list", TYPE_STRINGS, LAYOUT_BYTES, 10, 6);
	fixture_ready(&f);
	f.cols[0].f = floats;
	f.cols[1].u = some;
	f.present[1][0] = 2;
	f.cols[1].present = f.present[1];
	fixture_row(&f, row, sizeof(row));
	encoder = fixture_encoder(&f, &codec_columns, plain);
	expect_header(encoder, "         I                  NS       HALF       GONE RAW  LIST\n");
	expect_lines(&f, encoder,
		     "-4503599627370496 1795474800123456789        1.5          - abcd ls x\n");
	fixture_end(&f);
}

static void columns_fits_its_bound_when_every_byte_is_escaped(void **state)
{
	static const struct encoder_options options[] = { { 0 },
							  { .is_terminal = true, .width = 200 } };
	struct fixture f;
	uint8_t row[3000];
	size_t len;

	(void)state;
	memset(row, 1, sizeof(row));
	fixture_begin(&f, 500);
	fixture_field(&f, "a", TYPE_STRING, LAYOUT_CHARS, 0, 500);
	fixture_field(&f, "b", TYPE_BYTES, LAYOUT_BYTES, 0, 500);
	fixture_field(&f, "c", TYPE_UINT, LAYOUT_U64, 0, 8);
	fixture_field(&f, "d", TYPE_STRING, LAYOUT_TAIL, 0, 0);
	fixture_ready(&f);
	fixture_row(&f, row, sizeof(row));
	for (int i = 0; i < 2; i++) {
		free(fixture_encode(&f, fixture_encoder(&f, &codec_columns, options[i]), &len));
		assert_true(i ? len < 250 : len > 4 * sizeof(row));
	}
	fixture_end(&f);
}

static void columns_stops_at_the_last_line_that_fits(void **state)
{
	struct fixture f;
	const struct encoder *encoder;
	struct encoded out;
	size_t bound;
	uint8_t *bytes;

	(void)state;
	begin_open(&f);
	encoder = fixture_encoder(&f, &codec_columns, plain);
	bound = encoder->bound(encoder, &f.batch, 0);
	bytes = malloc(bound);
	out = (struct encoded){ .at = bytes,
				.start = bytes,
				.limit = bytes + bound,
				.ends = f.ends,
				.max = FIXTURE_ROWS };
	assert_int_equal(encoder->rows(encoder, &f.batch, 0, 2, &out), 1);
	assert_int_equal(f.ends[0], 51);
	free(bytes);
	fixture_end(&f);
}

static void columns_leaves_losses_to_others(void **state)
{
	uint8_t out[ENCODER_MARK_MAX];
	const struct encoder *encoder;
	struct fixture f;
	struct mark mark = { .n = 1 };

	(void)state;
	begin_open(&f);
	mark.origin = &f.origin;
	encoder = fixture_encoder(&f, &codec_columns, plain);
	assert_int_equal(encoder->mark(encoder, &mark, out), 0);
	fixture_end(&f);
}

static void columns_refuses_what_it_cannot_show(void **state)
{
	const struct encoder *encoder = NULL;
	struct fixture f;

	(void)state;
	fixture_begin(&f, 4);
	fixture_field(&f, "v", TYPE_TIME, LAYOUT_U32, 0, 4);
	fixture_ready(&f);
	assert_int_equal(codec_columns.compile(&f.arena, f.schema, &plain, &encoder, &f.error),
			 -ENOTSUP);
	assert_null(encoder);
	fixture_end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(columns_aligns_cells_under_their_titles),
		cmocka_unit_test(columns_shows_just_the_fields_asked_for_quiet_ones_too),
		cmocka_unit_test(columns_says_which_event_it_is_where_there_are_several),
		cmocka_unit_test(columns_uses_the_full_name_when_titles_would_be_the_same),
		cmocka_unit_test(columns_obeys_notes),
		cmocka_unit_test(columns_put_the_ellipsis_where_the_notes_say),
		cmocka_unit_test(columns_show_numbers_as_the_notes_say),
		cmocka_unit_test(columns_show_lists_and_cut_them_like_text),
		cmocka_unit_test(columns_show_what_is_for_columns_only),
		cmocka_unit_test(columns_give_way_in_proportion_but_not_below_their_least),
		cmocka_unit_test(columns_gives_the_last_column_the_rest_of_the_terminal),
		cmocka_unit_test(columns_cuts_long_text_at_the_edge_of_the_terminal),
		cmocka_unit_test(columns_escapes_what_could_drive_a_terminal),
		cmocka_unit_test(columns_counts_cells_not_bytes),
		cmocka_unit_test(columns_limits_the_bytes_of_a_cell_whatever_joins),
		cmocka_unit_test(columns_shows_every_type),
		cmocka_unit_test(columns_fits_its_bound_when_every_byte_is_escaped),
		cmocka_unit_test(columns_stops_at_the_last_line_that_fits),
		cmocka_unit_test(columns_leaves_losses_to_others),
		cmocka_unit_test(columns_refuses_what_it_cannot_show),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
