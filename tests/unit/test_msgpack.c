/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the msgpack codec writes is compared, byte by byte, with what msgpack-c
 * packs for the same values (it too chooses the smallest forms).
 */
#include "codec_fixture.h"
#include "codec_twin.h"

#include <errno.h>
#include <msgpack.h>

static const struct encoder_options plain = { 0 };

/* ---- what is expected --------------------------------------------------- */

struct expected {
	msgpack_sbuffer bytes;
	msgpack_packer packer;
};

static void expected_begin(struct expected *e)
{
	msgpack_sbuffer_init(&e->bytes);
	msgpack_packer_init(&e->packer, &e->bytes, msgpack_sbuffer_write);
}

static void expected_str(struct expected *e, const char *text, size_t len)
{
	msgpack_pack_str(&e->packer, len);
	msgpack_pack_str_body(&e->packer, text, len);
}

static void expected_text(struct expected *e, const char *text)
{
	expected_str(e, text, strlen(text));
}

/* {"event": "open", and n more members to come. */
static void expected_record(struct expected *e, size_t n)
{
	msgpack_pack_map(&e->packer, n + 1);
	expected_text(e, "event");
	expected_text(e, "open");
}

static void expected_end(struct expected *e, const uint8_t *bytes, size_t len)
{
	assert_int_equal(len, e->bytes.size);
	assert_memory_equal(bytes, e->bytes.data, len);
	msgpack_sbuffer_destroy(&e->bytes);
}

/* Encode the rows, compare, forget them. */
static void expect(struct fixture *f, const struct encoder *encoder, struct expected *e)
{
	size_t len;
	uint8_t *bytes = fixture_encode(f, encoder, &len);

	expected_end(e, bytes, len);
	free(bytes);
	fixture_drop_rows(f);
}

/* ---- values ------------------------------------------------------------- */

static void begin_value(struct fixture *f, enum type type, enum layout layout, uint32_t size)
{
	fixture_begin(f, layout == LAYOUT_TAIL ? 0 : size);
	fixture_field(f, "v", type, layout, 0, layout == LAYOUT_TAIL ? 0 : size);
	fixture_ready(f);
}

struct sweeping {
	struct fixture f;
	const struct encoder *encoder;
	enum layout layout;
	unsigned size;
};

static void check_swept(struct sweeping *s, uint64_t v)
{
	unsigned unused = 64 - 8 * s->size;
	struct expected e;

	expected_begin(&e);
	expected_record(&e, 1);
	expected_text(&e, "v");
	if (s->layout >= LAYOUT_S8)
		msgpack_pack_int64(&e.packer, (int64_t)(v << unused) >> unused);
	else
		msgpack_pack_uint64(&e.packer, v << unused >> unused);
	fixture_row(&s->f, &v, s->size);
	expect(&s->f, s->encoder, &e);
}

static void msgpack_packs_integers_of_every_size_in_the_smallest_form(void **state)
{
	static const unsigned sizes[] = { 1, 2, 4, 8, 1, 2, 4, 8 };
	uint64_t random = 5;

	(void)state;
	for (int layout = LAYOUT_U8; layout <= LAYOUT_S64; layout++) {
		struct sweeping s = { .layout = (enum layout)layout,
				      .size = sizes[layout - LAYOUT_U8] };

		begin_value(&s.f, layout < LAYOUT_S8 ? TYPE_UINT : TYPE_INT, s.layout, s.size);
		s.encoder = fixture_encoder(&s.f, &codec_msgpack, plain);
		for (unsigned bit = 0; bit < 64; bit++) {
			for (uint64_t near = 0; near < 5; near++) {
				check_swept(&s, (UINT64_C(1) << bit) - 2 + near);
				check_swept(&s, 0 - (UINT64_C(1) << bit) - 2 + near);
			}
		}
		for (uint64_t v = 0; v < 300; v++)
			check_swept(&s, v - 150);
		for (unsigned i = 0; i < 5000; i++)
			check_swept(&s, fixture_random(&random) >> (i % 64));
		fixture_end(&s.f);
	}
}

static void msgpack_packs_floats_and_bools(void **state)
{
	static const double doubles[] = { 0.0, -1.5, 1e300 };
	static const float floats[] = { 0.1f, -2.0f, 1e30f };
	struct fixture f, g, b;
	const struct encoder *ef, *eg, *eb;
	struct expected e;

	(void)state;
	begin_value(&f, TYPE_FLOAT, LAYOUT_F64, 8);
	begin_value(&g, TYPE_FLOAT, LAYOUT_F32, 4);
	begin_value(&b, TYPE_BOOL, LAYOUT_U16, 2);
	ef = fixture_encoder(&f, &codec_msgpack, plain);
	eg = fixture_encoder(&g, &codec_msgpack, plain);
	eb = fixture_encoder(&b, &codec_msgpack, plain);
	for (unsigned i = 0; i < 3; i++) {
		expected_begin(&e);
		expected_record(&e, 1);
		expected_text(&e, "v");
		msgpack_pack_double(&e.packer, doubles[i]);
		fixture_row(&f, &doubles[i], 8);
		expect(&f, ef, &e);
		expected_begin(&e);
		expected_record(&e, 1);
		expected_text(&e, "v");
		msgpack_pack_float(&e.packer, floats[i]);
		fixture_row(&g, &floats[i], 4);
		expect(&g, eg, &e);
	}
	expected_begin(&e);
	expected_record(&e, 1);
	expected_text(&e, "v");
	msgpack_pack_false(&e.packer);
	expected_record(&e, 1);
	expected_text(&e, "v");
	msgpack_pack_true(&e.packer);
	fixture_row(&b, "\0", 2);
	fixture_row(&b, "\0\x80", 2);
	expect(&b, eb, &e);
	fixture_end(&f);
	fixture_end(&g);
	fixture_end(&b);
}

/* The same bytes as an array of the row, as its tail, and in a column. */
static void check_string(const uint8_t *bytes, uint32_t size)
{
	char *text = malloc(3 * size + 1), *exact = malloc(size ? size : 1);
	size_t len = twin_utf8(text, bytes, size);
	struct str str = { exact, size };

	memcpy(exact, bytes, size);
	for (int way = 0; way < 3; way++) {
		struct fixture f;
		struct expected e;

		if (way < 2) {
			begin_value(&f, TYPE_STRING, way ? LAYOUT_TAIL : LAYOUT_CHARS, size);
		} else {
			fixture_begin(&f, 0);
			fixture_column(&f, "v", TYPE_STRING, LAYOUT_STR, 0);
			fixture_ready(&f);
			f.cols[0].s = &str;
		}
		fixture_row(&f, bytes, way < 2 ? size : 0);
		expected_begin(&e);
		expected_record(&e, 1);
		expected_text(&e, "v");
		expected_str(&e, text, len);
		expect(&f, fixture_encoder(&f, &codec_msgpack, plain), &e);
		fixture_end(&f);
	}
	free(exact);
	free(text);
}

static void msgpack_packs_strings_of_every_length_with_the_right_header(void **state)
{
	static const uint32_t sizes[] = { 1,   15,  16,  17,    31,    32,   33,
					  255, 256, 257, 65535, 65536, 70000 };
	uint8_t *bytes = malloc(70000);

	(void)state;
	memset(bytes, 'a', 70000);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		check_string(bytes, sizes[i]);
		/* and ended by a NUL in front of old bytes */
		for (uint32_t len = sizes[i] - 1; len + 3 > sizes[i] && len < sizes[i]; len--) {
			bytes[len] = 0;
			check_string(bytes, sizes[i]);
			bytes[len] = 'a';
		}
	}
	for (uint32_t len = 0; len < 40; len++) {
		bytes[len] = 0;
		check_string(bytes, 40);
		bytes[len] = 'a';
	}
	free(bytes);
}

static void msgpack_replaces_ill_formed_utf8_and_counts_what_it_wrote(void **state)
{
	static const uint8_t often[] = { 0x80, 0xc3, 0xa9, 0xe2, 0x82, 0xf0,
					 0x9f, 0xed, 'a',  '\n', '"' };
	uint64_t random = 11;
	uint8_t bytes[100];

	(void)state;
	for (uint32_t size = 1; size <= sizeof(bytes); size++) {
		for (unsigned round = 0; round < 30; round++) {
			for (uint32_t i = 0; i < size; i++) {
				uint64_t r = fixture_random(&random);

				bytes[i] =
					r % 4 ? often[(r >> 8) % sizeof(often)] : (uint8_t)(r >> 8);
			}
			check_string(bytes, size);
		}
	}
	for (uint32_t at = 0; at < 48; at++) {
		memset(bytes, 'a', sizeof(bytes));
		bytes[at] = 0xff;
		check_string(bytes, 48);
	}
}

static void msgpack_packs_lists_and_bytes(void **state)
{
	static const size_t lengths[] = { 0, 1, 15, 16, 17, 255, 256, 65535, 65536 };
	uint8_t *bytes = malloc(65536);
	struct fixture f;
	struct expected e;

	(void)state;
	memset(bytes, 0, 65536);
	fixture_begin(&f, 0);
	fixture_field(&f, "list", TYPE_STRINGS, LAYOUT_TAIL, 0, 0);
	fixture_field(&f, "raw", TYPE_BYTES, LAYOUT_TAIL, 0, 0);
	fixture_ready(&f);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		expected_begin(&e);
		expected_record(&e, 2);
		expected_text(&e, "list");
		msgpack_pack_array(&e.packer, lengths[i]);
		for (size_t k = 0; k < lengths[i]; k++)
			expected_text(&e, "");
		expected_text(&e, "raw");
		msgpack_pack_bin(&e.packer, lengths[i]);
		msgpack_pack_bin_body(&e.packer, bytes, lengths[i]);
		fixture_row(&f, bytes, (uint32_t)lengths[i]);
		expect(&f, fixture_encoder(&f, &codec_msgpack, plain), &e);
	}
	expected_begin(&e);
	expected_record(&e, 2);
	expected_text(&e, "list");
	msgpack_pack_array(&e.packer, 3);
	expected_text(&e, "ls");
	expected_text(&e, "");
	expected_text(&e, "-l\xef\xbf\xbd");
	expected_text(&e, "raw");
	msgpack_pack_bin(&e.packer, 7);
	msgpack_pack_bin_body(&e.packer, "ls\0\0-l\xff", 7);
	fixture_row(&f, "ls\0\0-l\xff", 7);
	expect(&f, fixture_encoder(&f, &codec_msgpack, plain), &e);
	fixture_end(&f);
	free(bytes);
}

static void msgpack_packs_moments_as_the_timestamp_extension(void **state)
{
	static const int64_t times[] = {
		0, 1, FIXTURE_WALL, INT64_MAX, -1, -1000000000, INT64_MIN
	};
	struct fixture f;

	(void)state;
	begin_value(&f, TYPE_TIME, LAYOUT_S64, 8);
	for (size_t i = 0; i < sizeof(times) / sizeof(*times); i++) {
		msgpack_timestamp back = { 0 };
		msgpack_unpacked unpacked;
		size_t len;
		uint8_t *bytes;

		fixture_row(&f, &times[i], 8);
		bytes = fixture_encode(&f, fixture_encoder(&f, &codec_msgpack, plain), &len);
		msgpack_unpacked_init(&unpacked);
		assert_int_equal(msgpack_unpack_next(&unpacked, (char *)bytes, len, NULL),
				 MSGPACK_UNPACK_SUCCESS);
		assert_true(msgpack_object_to_timestamp(&unpacked.data.via.map.ptr[1].val, &back));
		assert_true((__int128)back.tv_sec * 1000000000 + back.tv_nsec == times[i]);
		assert_int_equal(unpacked.data.via.map.ptr[1].val.via.ext.size,
				 times[i] < 0 ? 12 : 8);
		msgpack_unpacked_destroy(&unpacked);
		free(bytes);
		fixture_drop_rows(&f);
	}
	fixture_end(&f);
}

/* ---- records ------------------------------------------------------------ */

struct open_row {
	uint64_t ts;
	uint32_t pid, uid;
	char comm[16];
};

static const struct open_row open_row = { .ts = 1000, .pid = 42, .comm = "cat" };

static void begin_open(struct fixture *f)
{
	fixture_begin(f, sizeof(struct open_row));
#define AT(member) offsetof(struct open_row, member), sizeof(((struct open_row *)0)->member)
	fixture_field(f, "time", TYPE_TIME, LAYOUT_BOOT, AT(ts));
	fixture_field(f, "proc.pid", TYPE_UINT, LAYOUT_U32, AT(pid));
	fixture_field(f, "time_ns", TYPE_TIME_NS, LAYOUT_BOOT, AT(ts));
	fixture_field(f, "proc.comm", TYPE_STRING, LAYOUT_CHARS, AT(comm));
	fixture_field(f, "proc.creds.uid", TYPE_UINT, LAYOUT_U32, AT(uid));
	fixture_ready(f);
	fixture_row(f, &open_row, sizeof(open_row));
}

static void expected_open(struct expected *e, bool is_text)
{
	expected_record(e, 3);
	expected_text(e, "time");
	if (is_text) {
		expected_text(e, "2026-11-23T23:00:00.123456789Z");
	} else {
		uint64_t bits = __builtin_bswap64(UINT64_C(123456789) << 34 | 1795474800);

		msgpack_pack_ext(&e->packer, 8, -1);
		msgpack_pack_ext_body(&e->packer, &bits, 8);
	}
	expected_text(e, "proc");
	msgpack_pack_map(&e->packer, 3);
	expected_text(e, "pid");
	msgpack_pack_uint32(&e->packer, 42);
	expected_text(e, "comm");
	expected_text(e, "cat");
	expected_text(e, "creds");
	msgpack_pack_map(&e->packer, 1);
	expected_text(e, "uid");
	msgpack_pack_uint32(&e->packer, 0);
	expected_text(e, "time_ns");
	msgpack_pack_int64(&e->packer, FIXTURE_WALL);
}

static void msgpack_packs_a_record_with_nested_names(void **state)
{
	struct fixture f;
	struct expected e;

	(void)state;
	begin_open(&f);
	expected_begin(&e);
	expected_open(&e, false);
	expect(&f, fixture_encoder(&f, &codec_msgpack, plain), &e);
	fixture_end(&f);
}

static void msgpack_packs_forward_entries_with_event_time_and_text_inside(void **state)
{
	static const uint32_t parts[] = { 1795474800, 123456789 };
	uint32_t event_time[] = { __builtin_bswap32(parts[0]), __builtin_bswap32(parts[1]) };
	struct fixture f;
	struct expected e;

	(void)state;
	begin_open(&f);
	expected_begin(&e);
	msgpack_pack_array(&e.packer, 2);
	msgpack_pack_ext(&e.packer, 8, 0);
	msgpack_pack_ext_body(&e.packer, event_time, 8);
	expected_open(&e, true);
	expect(&f,
	       fixture_encoder(&f, &codec_msgpack,
			       (struct encoder_options){ .forward_entry = true }),
	       &e);
	fixture_end(&f);
}

static void msgpack_counts_the_members_that_are_there(void **state)
{
	static const uint64_t numbers[] = { 5, 6, 7, 8, 9, 10, 11, 12 };
	static const struct str strings[] = { { "a", 1 }, { "b", 1 }, { "", 0 },  { "d", 1 },
					      { "e", 1 }, { "f", 1 }, { "g", 1 }, { "h", 1 } };
	struct fixture f;
	struct expected e;

	(void)state;
	fixture_begin(&f, 1);
	fixture_column(&f, "k.a", TYPE_UINT, LAYOUT_U64, 0);
	fixture_column(&f, "k.b.c", TYPE_STRING, LAYOUT_STR, 1);
	fixture_column(&f, "k.d", TYPE_INT, LAYOUT_S64, 2);
	fixture_field(&f, "z", TYPE_UINT, LAYOUT_U8, 0, 1);
	fixture_column(&f, "y.a", TYPE_UINT, LAYOUT_U64, 0);
	fixture_field(&f, "y.z", TYPE_UINT, LAYOUT_U8, 0, 1);
	fixture_ready(&f);
	f.cols[0].u = f.cols[2].u = numbers;
	f.cols[1].s = strings;
	expected_begin(&e);
	for (unsigned row = 0; row < 8; row++) {
		bool a = row & 1, c = row & 2, d = row & 4;

		for (unsigned col = 0; col < 3; col++) {
			f.cols[col].present = f.present[col];
			f.present[col][0] |= (uint64_t)(row >> col & 1) << row;
		}
		fixture_row(&f, "\1", 1);
		expected_record(&e, 2 + (row != 0));
		if (row) {
			expected_text(&e, "k");
			msgpack_pack_map(&e.packer, (size_t)a + c + d);
		}
		if (a) {
			expected_text(&e, "a");
			msgpack_pack_uint64(&e.packer, numbers[row]);
		}
		if (c) {
			expected_text(&e, "b");
			msgpack_pack_map(&e.packer, 1);
			expected_text(&e, "c");
			expected_str(&e, strings[row].at, strings[row].len);
		}
		if (d) {
			expected_text(&e, "d");
			msgpack_pack_uint64(&e.packer, numbers[row]);
		}
		expected_text(&e, "z");
		msgpack_pack_uint64(&e.packer, 1);
		expected_text(&e, "y");
		msgpack_pack_map(&e.packer, 1 + (size_t)a);
		if (a) {
			expected_text(&e, "a");
			msgpack_pack_uint64(&e.packer, numbers[row]);
		}
		expected_text(&e, "z");
		msgpack_pack_uint64(&e.packer, 1);
	}
	expect(&f, fixture_encoder(&f, &codec_msgpack, plain), &e);
	fixture_end(&f);
}

static void msgpack_packs_maps_of_more_than_15_members(void **state)
{
	static const uint8_t row[20] = { 1, 2, 3, 4 };

	(void)state;
	for (unsigned n = 13; n <= 20; n++) {
		struct fixture f;
		struct expected e;
		char name[8];

		fixture_begin(&f, n);
		expected_begin(&e);
		expected_record(&e, n);
		for (unsigned i = 0; i < n; i++) {
			snprintf(name, sizeof(name), "f%u", i);
			fixture_field(&f, name, TYPE_UINT, LAYOUT_U8, i, 1);
			expected_text(&e, name);
			msgpack_pack_uint8(&e.packer, row[i]);
		}
		fixture_ready(&f);
		fixture_row(&f, row, n);
		expect(&f, fixture_encoder(&f, &codec_msgpack, plain), &e);
		fixture_end(&f);
	}
}

static void msgpack_counts_more_than_15_members_when_one_is_missing(void **state)
{
	static const uint64_t number = 7;
	struct fixture f;
	msgpack_unpacked unpacked;
	uint8_t *bytes, row[20] = { 0 };
	char name[8];
	size_t len;

	(void)state;
	fixture_begin(&f, 20);
	for (unsigned i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "f%u", i);
		fixture_field(&f, name, TYPE_UINT, LAYOUT_U8, i, 1);
	}
	fixture_column(&f, "k", TYPE_UINT, LAYOUT_U64, 0);
	fixture_ready(&f);
	f.cols[0].u = &number;
	for (uint64_t there = 0; there < 2; there++) {
		f.cols[0].present = &there;
		fixture_row(&f, row, sizeof(row));
		bytes = fixture_encode(&f, fixture_encoder(&f, &codec_msgpack, plain), &len);
		msgpack_unpacked_init(&unpacked);
		assert_int_equal(msgpack_unpack_next(&unpacked, (char *)bytes, len, NULL),
				 MSGPACK_UNPACK_SUCCESS);
		assert_int_equal(unpacked.data.via.map.size, 21 + there);
		msgpack_unpacked_destroy(&unpacked);
		free(bytes);
		fixture_drop_rows(&f);
	}
	fixture_end(&f);
}

static void msgpack_refuses_what_it_cannot_read(void **state)
{
	const struct encoder *encoder = NULL;
	struct fixture f;

	(void)state;
	begin_value(&f, TYPE_UINT, LAYOUT_F32, 4);
	assert_int_equal(codec_msgpack.compile(&f.arena, f.schema, &plain, &encoder, &f.error),
			 -ENOTSUP);
	assert_null(encoder);
	fixture_end(&f);
}

/* ---- losses ------------------------------------------------------------- */

static void expected_loss(struct expected *e, bool has_place)
{
	msgpack_pack_map(&e->packer, 1);
	expected_text(e, "_loss");
	msgpack_pack_map(&e->packer, has_place ? 7 : 4);
	expected_text(e, "source");
	expected_text(e, "opens");
	expected_text(e, "event");
	expected_text(e, "open");
	expected_text(e, "reason");
	expected_text(e, "ring_full");
	expected_text(e, "n");
	msgpack_pack_uint64(&e->packer, 12);
	if (!has_place)
		return;
	expected_text(e, "cpu");
	msgpack_pack_uint64(&e->packer, 3);
	expected_text(e, "from_seq");
	msgpack_pack_uint64(&e->packer, 100);
	expected_text(e, "to_seq");
	msgpack_pack_uint64(&e->packer, 111);
}

static void msgpack_writes_a_loss_as_a_record(void **state)
{
	uint8_t *out = malloc(ENCODER_MARK_MAX);
	const struct encoder *encoder;
	struct fixture f;
	struct expected e;
	struct mark mark;

	(void)state;
	begin_open(&f);
	mark = (struct mark){
		.origin = &f.origin, .event = "open", .reason = "ring_full", .n = 12
	};
	encoder = fixture_encoder(&f, &codec_msgpack, plain);
	expected_begin(&e);
	expected_loss(&e, false);
	expected_end(&e, out, encoder->mark(encoder, &mark, out));
	mark.has_cpu = true;
	mark.cpu = 3;
	mark.from = 100;
	mark.to = 111;
	expected_begin(&e);
	expected_loss(&e, true);
	expected_end(&e, out, encoder->mark(encoder, &mark, out));
	mark = (struct mark){ .sink = "bus", .reason = "dropped", .n = 5 };
	expected_begin(&e);
	msgpack_pack_map(&e.packer, 1);
	expected_text(&e, "_loss");
	msgpack_pack_map(&e.packer, 3);
	expected_text(&e, "sink");
	expected_text(&e, "bus");
	expected_text(&e, "reason");
	expected_text(&e, "dropped");
	expected_text(&e, "n");
	msgpack_pack_uint64(&e.packer, 5);
	expected_end(&e, out, encoder->mark(encoder, &mark, out));
	free(out);
	fixture_end(&f);
}

static void msgpack_gives_a_loss_the_time_of_the_record_before_it(void **state)
{
	uint32_t event_time[] = { __builtin_bswap32(1795474800), __builtin_bswap32(123456789) };
	static const uint8_t zero[8];
	uint8_t *out = malloc(ENCODER_MARK_MAX);
	const struct encoder *encoder;
	struct fixture f;
	struct expected e;
	struct mark mark;
	size_t len;

	(void)state;
	begin_open(&f);
	mark = (struct mark){
		.origin = &f.origin, .event = "open", .reason = "ring_full", .n = 12
	};
	encoder = fixture_encoder(&f, &codec_msgpack,
				  (struct encoder_options){ .forward_entry = true });
	for (int round = 0; round < 2; round++) {
		expected_begin(&e);
		msgpack_pack_array(&e.packer, 2);
		msgpack_pack_ext(&e.packer, 8, 0);
		msgpack_pack_ext_body(&e.packer, round ? (const void *)event_time : zero, 8);
		expected_loss(&e, false);
		expected_end(&e, out, encoder->mark(encoder, &mark, out));
		free(fixture_encode(&f, encoder, &len));
	}
	free(out);
	fixture_end(&f);
}

static void msgpack_keeps_a_loss_within_its_limit_whatever_the_names(void **state)
{
	uint8_t *out = malloc(ENCODER_MARK_MAX);
	const struct encoder *encoder;
	msgpack_unpacked unpacked;
	char name[2001];
	struct fixture f;
	struct mark mark;
	size_t len;

	(void)state;
	begin_open(&f);
	memset(name, 0xff, 2000);
	name[2000] = 0;
	f.origin.source = name;
	mark = (struct mark){ .origin = &f.origin,
			      .event = name,
			      .reason = name,
			      .n = UINT64_MAX,
			      .has_cpu = true,
			      .cpu = UINT32_MAX,
			      .from = UINT64_MAX,
			      .to = UINT64_MAX };
	encoder = fixture_encoder(&f, &codec_msgpack,
				  (struct encoder_options){ .forward_entry = true });
	len = encoder->mark(encoder, &mark, out);
	assert_true(len <= ENCODER_MARK_MAX);
	msgpack_unpacked_init(&unpacked);
	assert_int_equal(msgpack_unpack_next(&unpacked, (char *)out, len, NULL),
			 MSGPACK_UNPACK_SUCCESS);
	msgpack_unpacked_destroy(&unpacked);
	free(out);
	fixture_end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(msgpack_packs_integers_of_every_size_in_the_smallest_form),
		cmocka_unit_test(msgpack_packs_floats_and_bools),
		cmocka_unit_test(msgpack_packs_strings_of_every_length_with_the_right_header),
		cmocka_unit_test(msgpack_replaces_ill_formed_utf8_and_counts_what_it_wrote),
		cmocka_unit_test(msgpack_packs_lists_and_bytes),
		cmocka_unit_test(msgpack_packs_moments_as_the_timestamp_extension),
		cmocka_unit_test(msgpack_packs_a_record_with_nested_names),
		cmocka_unit_test(msgpack_packs_forward_entries_with_event_time_and_text_inside),
		cmocka_unit_test(msgpack_counts_the_members_that_are_there),
		cmocka_unit_test(msgpack_packs_maps_of_more_than_15_members),
		cmocka_unit_test(msgpack_counts_more_than_15_members_when_one_is_missing),
		cmocka_unit_test(msgpack_refuses_what_it_cannot_read),
		cmocka_unit_test(msgpack_writes_a_loss_as_a_record),
		cmocka_unit_test(msgpack_gives_a_loss_the_time_of_the_record_before_it),
		cmocka_unit_test(msgpack_keeps_a_loss_within_its_limit_whatever_the_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
