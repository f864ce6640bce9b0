/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recordings as files: rows and losses survive; what is torn, damaged or made up is
 * found, and never read past.
 */
#include "recording_fixture.h"

#include "recording/encoder.h"
#include "recording/frames.h"
#include "recording/pack.h"
#include "recording/reader.h"
#include "recording/writer.h"

/* ---- files ----------------------------------------------------------------- */

enum { BLOCKS = 3, ROWS = 5 };

static const struct origin origin = { .source = "src",
				      .boot = "0123456789abcdef0123456789abcdef",
				      .epoch = UINT64_C(0xfedcba9876543210) };

/* Rows of length ROW_MIN + i filled with their number. */
static uint32_t encode(const struct encoder *encoder, const struct schema *schema, uint32_t from,
		       uint8_t *out, size_t size)
{
	static uint8_t bytes[ROWS][ROW_MIN + 64 + ROW_SLACK];
	const uint8_t *at[ROWS];
	uint32_t len[ROWS], ends[ROWS];
	uint64_t pos[ROWS];
	uint16_t sel[ROWS];
	struct rows rows = { .at = at,
			     .len = len,
			     .pos = pos,
			     .origin = &origin,
			     .wall_ns = 1000 + from,
			     .boot_to_wall_ns = 7,
			     .n = ROWS };
	struct batch batch = { .schema = schema, .rows = &rows, .sel = sel, .nsel = ROWS };
	struct encoded to = {
		.at = out, .limit = out + size, .ends = ends, .max = ROWS, .start = out
	};

	for (uint32_t i = 0; i < ROWS; i++) {
		memset(bytes[i], (int)(from + i), sizeof(bytes[i]));
		at[i] = bytes[i];
		len[i] = ROW_MIN + i;
		pos[i] = from + i;
		sel[i] = (uint16_t)i;
	}
	assert_int_equal(encoder->rows(encoder, &batch, 0, ROWS, &to), ROWS);
	return (uint32_t)(to.at - out);
}

static const struct mark loss = { .kind = MARK_LOSS,
				  .origin = &origin,
				  .event = "evt",
				  .reason = "ring_full",
				  .n = 12,
				  .has_cpu = true,
				  .cpu = 3,
				  .from = 100,
				  .to = 111 };

/* A session of BLOCKS blocks of ROWS rows, each with a loss at its end. */
static void write_session(uint64_t at, int level, const struct schema *schema, const char *machine)
{
	static uint8_t raw[1 << 16];
	struct recording_writer_options how = {
		.fd = open(path, O_RDWR),
		.name = path,
		.at = at,
		.level = level,
		.schemas = &schema,
		.nschemas = 1,
		.head = { "test", "host", "6.1", machine, "boot", 1, 2 },
	};
	struct recording_writer *writer = recording_writer_new(&how);
	const struct encoder *encoder;

	assert_int_equal(recording_encoder(&arena, schema, 0, &encoder, NULL), 0);
	for (uint32_t i = 0; i < BLOCKS; i++) {
		struct block block = { .records = ROWS, .losses = 1, .lost = 12 };
		uint32_t len = encode(encoder, schema, i * ROWS, raw, sizeof(raw));

		len += (uint32_t)encoder->mark(encoder, &loss, raw + len);
		assert_int_equal(recording_writer_begin(writer, len, NULL), 0);
		recording_writer_add(writer, raw, len / 2);
		recording_writer_add(writer, raw + len / 2, len - len / 2);
		assert_int_equal(recording_writer_end(writer, &block, NULL), 0);
	}
	assert_int_equal(recording_writer_finish(writer, NULL), 0);
	recording_writer_free(writer);
}

/* What reading to the end gave. */
struct seen {
	uint32_t rows, losses, blocks;
	uint64_t torn;
	int result;
	struct error err;
};

static void see_row(const struct frame *f, uint32_t number)
{
	assert_int_equal(f->pos, number);
	assert_int_equal(f->row_len, ROW_MIN + number % ROWS);
	assert_int_equal((uintptr_t)f->row % 8, 0);
	for (uint32_t i = 0; i < f->row_len; i++)
		assert_int_equal(f->row[i], number);
}

static void see_loss(const struct frame *f)
{
	assert_false(f->is_of_sink);
	assert_true(f->has_cpu);
	assert_int_equal(f->n, 12);
	assert_int_equal(f->cpu, 3);
	assert_int_equal(f->from, 100);
	assert_int_equal(f->to, 111);
	assert_memory_equal(f->source.at, "src", f->source.len);
	assert_memory_equal(f->event.at, "evt", f->event.len);
	assert_memory_equal(f->reason.at, "ring_full", f->reason.len);
	assert_true(f->epoch == origin.epoch);
}

static int see_block(const struct recording *rec, const struct recording_block *b,
		     struct seen *seen)
{
	const struct recording_session *s = &rec->sessions[b->session];
	struct frames frames = { b->bytes, b->bytes + b->block.raw, s->schemas, s->nschemas };
	struct frame f;
	int r;

	while ((r = frames_next(&frames, &f, &seen->err)) == 1) {
		if (f.kind == FRAME_ROW) {
			see_row(&f, seen->rows % (BLOCKS * ROWS));
			seen->rows++;
		} else if (f.kind == FRAME_LOSS) {
			see_loss(&f);
			seen->losses++;
		} else {
			assert_string_equal(f.boot, origin.boot);
			assert_int_equal(f.wall_ns, 1000 + seen->rows % (BLOCKS * ROWS));
			assert_int_equal(f.boot_to_wall_ns, 7);
		}
	}
	return r;
}

/* Open and read all of it; every row that is handed out is as it was written. */
static struct seen read_all(void)
{
	struct seen seen = { 0 };
	struct recording rec;
	struct recording_place place = { 0 };
	struct recording_block block = { 0 };
	struct unpacker *unpacker = unpacker_new();
	uint64_t torn = 0;

	seen.result = recording_open(&rec, &arena, path, &seen.err);
	if (seen.result == 0) {
		seen.torn = rec.torn;
		while ((seen.result = recording_read(&rec, &place, unpacker, &block, &torn,
						     &seen.err)) == 1) {
			if (see_block(&rec, &block, &seen) < 0)
				fail_msg("%s", seen.err.text);
			seen.blocks++;
		}
		seen.torn += torn;
		recording_close(&rec);
	}
	recording_block_release(&block);
	unpacker_free(unpacker);
	return seen;
}

static size_t load(uint8_t *bytes, size_t size)
{
	int fd = open(path, O_RDONLY);
	ssize_t n = read(fd, bytes, size);

	assert_true(n > 0 && (size_t)n < size);
	(void)close(fd);
	return (size_t)n;
}

static void store(const uint8_t *bytes, size_t len)
{
	int fd = open(path, O_WRONLY | O_TRUNC);

	assert_int_equal(write(fd, bytes, len), (ssize_t)len);
	(void)close(fd);
}

static uint8_t file[1 << 16];

static void rows_and_losses_survive_at_every_level(void **state)
{
	(void)state;
	for (int level = 0; level <= 19; level += level ? 9 : 1) {
		struct seen seen;

		write_session(0, level, small(), "x86_64");
		seen = read_all();
		assert_int_equal(seen.result, 0);
		assert_int_equal(seen.rows, BLOCKS * ROWS);
		assert_int_equal(seen.losses, BLOCKS);
		assert_int_equal(seen.torn, 0);
	}
}

static void a_recording_of_another_machine_is_read(void **state)
{
	struct recording rec;

	(void)state;
	write_session(0, 1, small(), "aarch64");
	assert_int_equal(read_all().rows, BLOCKS * ROWS);
	assert_int_equal(recording_open(&rec, &arena, path, NULL), 0);
	assert_string_equal(rec.sessions[0].head.machine, "aarch64");
	recording_close(&rec);
}

static void sessions_stand_one_behind_the_other(void **state)
{
	struct recording rec;
	struct seen seen;
	size_t len;

	(void)state;
	write_session(0, 1, small(), "x86_64");
	len = load(file, sizeof(file));
	write_session(len, 0, small(), "x86_64");
	seen = read_all();
	assert_int_equal(seen.rows, 2 * BLOCKS * ROWS);
	assert_int_equal(recording_open(&rec, &arena, path, NULL), 0);
	assert_int_equal(rec.nsessions, 2);
	assert_int_equal(rec.nstreams, 1); /* the same schema is the same stream */
	assert_true(rec.sessions[0].has_end && rec.sessions[1].has_end);
	assert_int_equal(rec.sessions[1].records, BLOCKS * ROWS);
	assert_int_equal(rec.sessions[1].lost, 12 * BLOCKS);
	recording_close(&rec);
}

static void a_file_that_ends_anywhere_is_read_up_to_its_last_whole_block(void **state)
{
	size_t len;
	uint32_t before = 0;

	(void)state;
	write_session(0, 1, small(), "x86_64");
	len = load(file, sizeof(file));
	for (size_t cut = 0; cut < len; cut++) {
		struct seen seen;

		store(file, cut);
		seen = read_all();
		if (seen.result < 0) {
			/* Only a file without a whole head cannot be read at all. */
			assert_int_equal(before, 0);
			assert_non_null(
				strstr(seen.err.text, cut < 5 ? "not a recording" : "first block"));
			continue;
		}
		assert_true(seen.rows >= before && seen.rows % ROWS == 0);
		before = seen.rows;
		assert_true(seen.torn <= cut);
	}
	assert_int_equal(before, BLOCKS * ROWS);
}

static void no_flipped_bit_changes_a_row(void **state)
{
	size_t len;
	uint32_t errors = 0, torn = 0;

	(void)state;
	write_session(0, 1, small(), "x86_64");
	len = load(file, sizeof(file));
	for (size_t at = 0; at < len; at++) {
		struct seen seen;

		file[at] ^= (uint8_t)(1U << at % 8);
		store(file, len);
		seen = read_all(); /* looks at every byte it gets */
		file[at] ^= (uint8_t)(1U << at % 8);
		errors += seen.result < 0;
		torn += seen.torn > 0;
		assert_true(seen.result < 0 || seen.torn > 0);
	}
	assert_true(errors > 0 && torn > 0);
}

/* Recompute a header's CRC: what is in it is meant. */
static void seal(uint8_t *header)
{
	uint32_t crc = block_crc(header, 60);

	memcpy(header + 60, &crc, sizeof(crc));
}

static void assert_refused(size_t at, uint8_t value, size_t len, const char *why)
{
	struct seen seen;
	uint8_t was = file[at];

	file[at] = value;
	seal(file + at / RECORDING_HEADER * RECORDING_HEADER);
	store(file, len);
	seen = read_all();
	file[at] = was;
	seal(file + at / RECORDING_HEADER * RECORDING_HEADER);
	assert_true(seen.result < 0);
	if (!strstr(seen.err.text, why))
		fail_msg("'%s' does not say '%s'", seen.err.text, why);
}

static void a_newer_version_is_said_to_be_one(void **state)
{
	size_t len;

	(void)state;
	write_session(0, 1, small(), "x86_64");
	len = load(file, sizeof(file));
	assert_refused(4, 2, len, "format 2; made by a newer version, this one reads format 1");
	assert_refused(5, 9, len, "a block of kind 9");
	assert_refused(6, 2, len, "packing 2");
	assert_refused(15, 0x7f, len, "bytes (at most");
	assert_refused(5, BLOCK_RECORDS, len, "does not begin with a head");
	assert_refused(48, 1, len, "does not begin with a head");
	assert_refused(12, 1, len, "unpack");
}

static void what_is_no_recording_is_refused(void **state)
{
	struct seen seen;

	(void)state;
	store((const uint8_t *)"{\"a\":1}\n", 8);
	seen = read_all();
	assert_true(seen.result < 0);
	assert_non_null(strstr(seen.err.text, "it is not a recording"));
	assert_false(recording_is_one(path));
	write_session(0, 1, small(), "x86_64");
	assert_true(recording_is_one(path));
	assert_false(recording_is_one("/tmp"));
	assert_false(recording_is_one("/nonexistent"));
}

/* ---- frames ------------------------------------------------------------------ */

static void assert_bad_frames(const uint8_t *bytes, size_t len, const char *why)
{
	const struct schema *schema = small();
	struct frames frames = { bytes, bytes + len, &schema, 1 };
	struct error err = ERROR_INIT;
	struct frame f;
	int r;

	while ((r = frames_next(&frames, &f, &err)) == 1)
		;
	assert_true(r < 0);
	if (!strstr(err.text, why))
		fail_msg("'%s' does not say '%s'", err.text, why);
}

static void every_flaw_of_a_frame_is_an_error(void **state)
{
	const struct schema *schema = small();
	const struct encoder *encoder;
	uint8_t good[8192], bad[8192];
	uint32_t len;

	(void)state;
	assert_int_equal(recording_encoder(&arena, schema, 0, &encoder, NULL), 0);
	len = encode(encoder, schema, 0, good, sizeof(good));
#define WITH(at, value, why)                      \
	do {                                      \
		memcpy(bad, good, len);           \
		bad[at] = (value);                \
		assert_bad_frames(bad, len, why); \
	} while (0)
	WITH(0, 63, "another length");
	WITH(0, 7, "reaches beyond");
	WITH(3, 0x80, "reaches beyond");
	WITH(4, 1, "of schema 1, but there are 1");
	WITH(6, 0, "a frame of kind 0; made by a newer");
	WITH(6, 9, "a frame of kind 9; made by a newer");
	WITH(40, 0x07, "no text");
	WITH(GROUP_BYTES, 15, "shorter than its schema");
	WITH(GROUP_BYTES + 1, 1, "shorter than its schema");
	assert_bad_frames(good, len - 1, "reaches beyond");
	assert_bad_frames(good, GROUP_BYTES + 4, "bytes are left");
	len = (uint32_t)encoder->mark(encoder, &loss, good);
	WITH(7, 0x80, "flags of a newer version");
	WITH(LOSS_BYTES - 12, 99, "do not fit");
	WITH(LOSS_BYTES, 0, "holds a NUL");
	WITH(0, LOSS_BYTES - 1, "too short");
#undef WITH
}

static void a_loss_fits_its_room_whatever_its_names(void **state)
{
	char longest[4096];
	struct origin far = { .source = longest, .boot = longest };
	struct mark mark = { .origin = &far, .event = longest, .reason = longest };
	const struct encoder *encoder;
	uint8_t out[ENCODER_MARK_MAX + 1];

	(void)state;
	memset(longest, 'x', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	out[ENCODER_MARK_MAX] = 0x5a;
	assert_int_equal(recording_encoder(&arena, small(), 0, &encoder, NULL), 0);
	assert_true(encoder->mark(encoder, &mark, out) <= ENCODER_MARK_MAX);
	assert_int_equal(out[ENCODER_MARK_MAX], 0x5a);
	mark = (struct mark){ .sink = "bus", .reason = "dropped", .n = 1 };
	assert_true(encoder->mark(encoder, &mark, out) <= ENCODER_MARK_MAX);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(rows_and_losses_survive_at_every_level),
		TEST(a_recording_of_another_machine_is_read),
		TEST(sessions_stand_one_behind_the_other),
		TEST(a_file_that_ends_anywhere_is_read_up_to_its_last_whole_block),
		TEST(no_flipped_bit_changes_a_row),
		TEST(a_newer_version_is_said_to_be_one),
		TEST(what_is_no_recording_is_refused),
		TEST(every_flaw_of_a_frame_is_an_error),
		TEST(a_loss_fits_its_room_whatever_its_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
