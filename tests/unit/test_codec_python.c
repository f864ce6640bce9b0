/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records as Python reads them: random rows are written as they are, as JSON
 * and as msgpack, and codec_check.py compares the three.  Records of random
 * schemas are written by every codec that programs read, and codec_agree.py holds
 * all of them against the JSON.
 */
#include "codec_random.h"

#include <errno.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BATCHES = 20, SCHEMAS = 150, ROWS_EACH = 6, NO_MODULE = 77 };

#define BOOT_TO_WALL INT64_C(1700000000000000000)

struct row {
	uint64_t when;
	int64_t s64;
	uint32_t u32;
	int32_t s32;
	uint16_t u16;
	int16_t s16;
	uint8_t u8;
	int8_t s8;
	uint8_t padding[2];
	uint32_t f32; /* their bits */
	uint64_t f64;
	char brief[24];
	uint8_t raw[8];
	char longer[40];
	uint8_t wide[16];
	uint8_t odd[9];
	uint16_t several[3];
	char list[60];
} __attribute__((packed));

enum { ROW_MIN = offsetof(struct row, list) };

static const struct field u16 = {
	.name = "", .label = "", .type = TYPE_UINT, .layout = LAYOUT_U16, .size = 2
};
static const struct element several = { .stride = 2, .nfields = 1, .fields = &u16 };

static void set_up(struct fixture *f)
{
#define ROW_FIELD(name, type, layout, member)                              \
	fixture_field(f, name, type, layout, offsetof(struct row, member), \
		      sizeof(((struct row *)0)->member))
	fixture_begin(f, ROW_MIN);
	ROW_FIELD("when", TYPE_TIME, LAYOUT_BOOT, when);
	ROW_FIELD("when_ns", TYPE_TIME_NS, LAYOUT_BOOT, when);
	ROW_FIELD("u64", TYPE_UINT, LAYOUT_U64, when);
	ROW_FIELD("n.s64", TYPE_INT, LAYOUT_S64, s64);
	ROW_FIELD("n.u32", TYPE_UINT, LAYOUT_U32, u32);
	ROW_FIELD("n.s32", TYPE_INT, LAYOUT_S32, s32);
	ROW_FIELD("n.u16", TYPE_UINT, LAYOUT_U16, u16);
	ROW_FIELD("n.s16", TYPE_INT, LAYOUT_S16, s16);
	ROW_FIELD("n.u8", TYPE_UINT, LAYOUT_U8, u8);
	ROW_FIELD("n.s8", TYPE_INT, LAYOUT_S8, s8);
	ROW_FIELD("f32", TYPE_FLOAT, LAYOUT_F32, f32);
	ROW_FIELD("f64", TYPE_FLOAT, LAYOUT_F64, f64);
	ROW_FIELD("short", TYPE_STRING, LAYOUT_CHARS, brief);
	ROW_FIELD("raw", TYPE_BYTES, LAYOUT_BYTES, raw);
	ROW_FIELD("long", TYPE_STRING, LAYOUT_CHARS, longer);
	ROW_FIELD("u128", TYPE_UINT, LAYOUT_U128, wide);
	ROW_FIELD("s128", TYPE_INT, LAYOUT_S128, wide);
	fixture_add(f, (struct field){ .name = "bits",
				       .type = TYPE_UINT,
				       .layout = LAYOUT_BITS,
				       .at = offsetof(struct row, odd),
				       .size = 9,
				       .bit = 5,
				       .bits = 64 });
	fixture_add(f, (struct field){ .name = "sbits",
				       .type = TYPE_INT,
				       .layout = LAYOUT_SBITS,
				       .at = offsetof(struct row, odd),
				       .size = 2,
				       .bit = 3,
				       .bits = 10 });
	fixture_add(f, (struct field){ .name = "several",
				       .type = TYPE_ARRAY,
				       .layout = LAYOUT_BYTES,
				       .at = offsetof(struct row, several),
				       .size = 6,
				       .element = &several });
	fixture_field(f, "list", TYPE_STRINGS, LAYOUT_TAIL, ROW_MIN, 0);
	fixture_ready(f);
	f->rows.boot_to_wall_ns = BOOT_TO_WALL;
}

/* Mostly text, and all that can go wrong with it. */
static void fill_text(char *text, size_t n, uint64_t *random)
{
	static const char often[] =
		"abc/\"\\\n\x7f\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xed\xa0\xff\x80";

	for (size_t i = 0; i < n; i++) {
		uint64_t r = fixture_random(random);

		text[i] = r % 8 ? often[(r >> 8) % (sizeof(often) - 1)] : (char)(r >> 8);
		if (r >> 16 & 7)
			text[i] = (char)(text[i] ? text[i] : 'z');
	}
}

static void add_row(struct fixture *f, uint64_t *random, FILE *file)
{
	struct row row;
	uint8_t *bytes = (uint8_t *)&row;
	uint32_t len = ROW_MIN + (uint32_t)(fixture_random(random) % (sizeof(row.list) + 1));

	for (size_t i = 0; i < sizeof(row); i++)
		bytes[i] = (uint8_t)fixture_random(random);
	/* Small numbers are as likely as large ones; Python's dates end in 9999. */
	row.when = fixture_random(random) >> (2 + fixture_random(random) % 50);
	row.s64 = (int64_t)(fixture_random(random)) >> fixture_random(random) % 64;
	if (fixture_random(random) % 2)
		memset(row.wide + 1, fixture_random(random) % 2 ? 0xff : 0, 15);
	row.u32 >>= fixture_random(random) % 32;
	row.s32 >>= fixture_random(random) % 32;
	fill_text(row.brief, sizeof(row.brief), random);
	fill_text(row.longer, sizeof(row.longer), random);
	fill_text(row.list, sizeof(row.list), random);
	fixture_row(f, &row, len);
	assert_int_equal(fwrite(&len, sizeof(len), 1, file), 1);
	assert_int_equal(fwrite(&row, len, 1, file), 1);
}

static void write_encoded(struct fixture *f, const struct encoder *encoder, FILE *file)
{
	size_t len;
	uint8_t *bytes = fixture_encode(f, encoder, &len);

	assert_int_equal(fwrite(bytes, len, 1, file), 1);
	free(bytes);
}

static FILE *create(const char *folder, const char *name)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "wb");
	assert_non_null(file);
	return file;
}

static void write_files(const char *folder)
{
	struct fixture f;
	const struct encoder *json, *msgpack;
	FILE *files[] = { create(folder, "rows.bin"), create(folder, "rows.json"),
			  create(folder, "rows.msgpack") };
	uint64_t random = 20261123;

	set_up(&f);
	json = fixture_encoder(&f, &codec_json, (struct encoder_options){ .newline = true });
	msgpack = fixture_encoder(&f, &codec_msgpack, (struct encoder_options){ 0 });
	for (unsigned batch = 0; batch < BATCHES; batch++) {
		for (unsigned i = 0; i < FIXTURE_ROWS; i++)
			add_row(&f, &random, files[0]);
		write_encoded(&f, json, files[1]);
		write_encoded(&f, msgpack, files[2]);
		fixture_drop_rows(&f);
	}
	fixture_end(&f);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(fclose(files[i]), 0);
}

/* ---- random schemas --------------------------------------------------------- */

static const struct {
	const struct codec *codec;
	const char *file;
} kinds[] = {
	{ &codec_json, "rows.json" }, { &codec_msgpack, "rows.msgpack" },
	{ &codec_yaml, "rows.yaml" }, { &codec_jsonpretty, "rows.pretty" },
	{ &codec_csv, "rows.csv" },
};

enum { KINDS = sizeof(kinds) / sizeof(*kinds) };

static void write_kind(struct fixture *f, unsigned kind, FILE *file, bool is_first)
{
	const struct codec *codec = kinds[kind].codec;
	const struct encoder *encoder =
		fixture_encoder(f, codec, (struct encoder_options){ .newline = true });
	struct str header = codec->header(encoder);

	if (codec->header_again && !is_first)
		header = codec->header_again(encoder);
	if (header.len)
		assert_int_equal(fwrite(header.at, header.len, 1, file), 1);
	write_encoded(f, encoder, file);
}

static void write_random(const char *folder)
{
	uint64_t random = UINT64_C(0x2026112400000002);
	FILE *files[KINDS];

	for (unsigned k = 0; k < KINDS; k++)
		files[k] = create(folder, kinds[k].file);
	for (unsigned i = 0; i < SCHEMAS; i++) {
		struct fixture f;

		random_schema(&f, &random);
		for (unsigned row = 0; row < ROWS_EACH; row++)
			random_row(&f, &random);
		random_columns(&f, &random);
		for (unsigned k = 0; k < KINDS; k++)
			write_kind(&f, k, files[k], i == 0);
		fixture_end(&f);
	}
	for (unsigned k = 0; k < KINDS; k++)
		assert_int_equal(fclose(files[k]), 0);
}

/* ---- running ---------------------------------------------------------------- */

static int run_check(char *script, char *folder)
{
	char *argv[] = { "/usr/bin/python3", script, folder, NULL };
	int status;
	pid_t pid;

	if (posix_spawn(&pid, argv[0], NULL, NULL, argv, environ) != 0)
		return NO_MODULE;
	while (waitpid(pid, &status, 0) < 0)
		assert_int_equal(errno, EINTR);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void remove_files(const char *folder)
{
	static const char *const names[] = { "rows.bin",  "rows.json",   "rows.msgpack",
					     "rows.yaml", "rows.pretty", "rows.csv" };
	char path[256];

	for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		unlink(path);
	}
	rmdir(folder);
}

static void expect_judged(void (*write)(const char *folder), char *script)
{
	char folder[] = "/tmp/codec-check-XXXXXX";
	int code;

	assert_non_null(mkdtemp(folder));
	write(folder);
	code = run_check(script, folder);
	remove_files(folder);
	if (code == NO_MODULE) {
		print_message("skip: needs /usr/bin/python3, python3-msgpack and python3-yaml\n");
		skip();
	}
	assert_int_equal(code, 0);
}

static void python_reads_json_and_msgpack_as_the_bytes_of_the_rows(void **state)
{
	(void)state;
	expect_judged(write_files, "tests/unit/codec_check.py");
}

static void python_reads_the_same_from_every_codec(void **state)
{
	(void)state;
	expect_judged(write_random, "tests/unit/codec_agree.py");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(python_reads_json_and_msgpack_as_the_bytes_of_the_rows),
		cmocka_unit_test(python_reads_the_same_from_every_codec),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
