/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How JSON shows single values: numbers, moments and strings, each against what
 * libc or a slow twin makes of them.
 */
#include "codec_fixture.h"
#include "codec_twin.h"

#include <inttypes.h>
#include <math.h>
#include <time.h>

static const struct encoder_options plain = { 0 };

/* ---- numbers ------------------------------------------------------------ */

static void begin_number(struct fixture *f, enum type type, enum layout layout, uint32_t size)
{
	fixture_begin(f, size);
	fixture_field(f, "v", type, layout, 0, size);
	fixture_ready(f);
}

static void expect_number(struct fixture *f, const struct encoder *encoder, const void *value,
			  uint32_t size, const char *expected)
{
	char *text, whole[96];

	fixture_row(f, value, size);
	text = fixture_text(f, encoder);
	snprintf(whole, sizeof(whole), "{\"event\":\"open\",\"v\":%s}", expected);
	assert_string_equal(text, whole);
	free(text);
	fixture_drop_rows(f);
}

/* Every size that a type and its sign can have at a boundary, and random ones. */
static void sweep(void (*check)(void *arg, uint64_t v), void *arg)
{
	uint64_t state = 88172645463325252u;

	for (uint64_t power = 1;; power *= 10) {
		for (uint64_t v = power - 2; v != power + 3; v++) {
			check(arg, v);
			check(arg, 0 - v);
		}
		if (power > UINT64_MAX / 10)
			break;
	}
	for (unsigned bit = 0; bit < 64; bit++) {
		for (uint64_t v = (UINT64_C(1) << bit) - 2; v != (UINT64_C(1) << bit) + 3; v++) {
			check(arg, v);
			check(arg, 0 - v);
		}
	}
	for (unsigned i = 0; i < 20000; i++)
		check(arg, fixture_random(&state) >> (i % 64));
}

struct sweeping {
	struct fixture f;
	const struct encoder *encoder;
	enum layout layout;
	uint32_t size;
	char expected[32];
};

static void check_swept(void *arg, uint64_t v)
{
	struct sweeping *s = arg;
	unsigned unused = 64 - 8 * s->size;

	if (s->layout >= LAYOUT_S8)
		snprintf(s->expected, sizeof(s->expected), "%" PRId64,
			 (int64_t)(v << unused) >> unused);
	else
		snprintf(s->expected, sizeof(s->expected), "%" PRIu64, v << unused >> unused);
	expect_number(&s->f, s->encoder, &v, s->size, s->expected);
}

static void json_prints_integers_of_every_size_exactly(void **state)
{
	static const uint32_t sizes[] = { 1, 2, 4, 8, 1, 2, 4, 8 };

	(void)state;
	for (int layout = LAYOUT_U8; layout <= LAYOUT_S64; layout++) {
		struct sweeping s = { .layout = (enum layout)layout,
				      .size = sizes[layout - LAYOUT_U8] };

		begin_number(&s.f, layout < LAYOUT_S8 ? TYPE_UINT : TYPE_INT, s.layout, s.size);
		s.encoder = fixture_encoder(&s.f, &codec_json, plain);
		sweep(check_swept, &s);
		fixture_end(&s.f);
	}
}

static void json_quotes_integers_a_double_cannot_hold_when_asked(void **state)
{
	static const struct {
		int64_t v;
		const char *s, *u;
	} cases[] = {
		{ INT64_C(9007199254740992), "9007199254740992", "9007199254740992" },
		{ INT64_C(9007199254740993), "\"9007199254740993\"", "\"9007199254740993\"" },
		{ INT64_C(-9007199254740992), "-9007199254740992", "\"18437736874454810624\"" },
		{ INT64_C(-9007199254740993), "\"-9007199254740993\"", "\"18437736874454810623\"" },
		{ INT64_MIN, "\"-9223372036854775808\"", "\"9223372036854775808\"" },
		{ -1, "-1", "\"18446744073709551615\"" },
	};
	const struct encoder_options safe = { .big_int_string = true };
	struct fixture s, u;
	const struct encoder *es, *eu;

	(void)state;
	begin_number(&s, TYPE_INT, LAYOUT_S64, 8);
	begin_number(&u, TYPE_UINT, LAYOUT_U64, 8);
	es = fixture_encoder(&s, &codec_json, safe);
	eu = fixture_encoder(&u, &codec_json, safe);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		expect_number(&s, es, &cases[i].v, 8, cases[i].s);
		expect_number(&u, eu, &cases[i].v, 8, cases[i].u);
	}
	fixture_end(&s);
	fixture_end(&u);
}

static void json_prints_floats_so_that_they_read_back(void **state)
{
	static const struct {
		double v;
		const char *text;
	} cases[] = {
		{ 0.0, "0.0" },       { -0.0, "-0.0" },
		{ 1.0, "1.0" },       { 0.1, "0.1" },
		{ 1e22, "1e+22" },    { 1.0 / 3, "0.3333333333333333" },
		{ 5e-324, "5e-324" }, { 123456789.0, "123456789.0" },
		{ INFINITY, "null" }, { -INFINITY, "null" },
		{ NAN, "null" },      { 1.7976931348623157e308, "1.7976931348623157e+308" },
	};
	struct fixture f, g;
	const struct encoder *ef, *eg;
	float narrow = 0.1f;
	uint64_t random = 1;

	(void)state;
	begin_number(&f, TYPE_FLOAT, LAYOUT_F64, 8);
	begin_number(&g, TYPE_FLOAT, LAYOUT_F32, 4);
	ef = fixture_encoder(&f, &codec_json, plain);
	eg = fixture_encoder(&g, &codec_json, plain);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		expect_number(&f, ef, &cases[i].v, 8, cases[i].text);
	}
	expect_number(&g, eg, &narrow, 4, "0.1");
	for (unsigned i = 0; i < 5000; i++) {
		uint64_t bits = fixture_random(&random);
		double v, back;
		char *text;

		memcpy(&v, &bits, sizeof(v));
		if (!isfinite(v))
			continue;
		fixture_row(&f, &v, sizeof(v));
		text = fixture_text(&f, ef);
		back = strtod(strstr(text, "\"v\":") + 4, NULL);
		assert_memory_equal(&back, &v, sizeof(v));
		free(text);
		fixture_drop_rows(&f);
	}
	fixture_end(&f);
	fixture_end(&g);
}

static void json_prints_any_moment_as_libc_does(void **state)
{
	struct fixture f;
	const struct encoder *encoder;
	uint64_t random = 3;
	char *text, *at;

	(void)state;
	begin_number(&f, TYPE_TIME, LAYOUT_S64, 8);
	encoder = fixture_encoder(&f, &codec_json, plain);
	for (unsigned round = 0; round < 40; round++) {
		int64_t ns[500];

		for (unsigned i = 0; i < 500; i++) {
			ns[i] = (int64_t)fixture_random(&random) >> (i % 3 ? 0 : 20);
			if (i % 5 == 4)
				ns[i] = ns[i - 1] + 400000000 * (i % 2 ? 1 : -1);
			if (round == 0 && i == 0)
				ns[i] = INT64_MIN;
			if (round == 0 && i == 2)
				ns[i] = INT64_MAX;
			fixture_row(&f, &ns[i], 8);
		}
		at = text = fixture_text(&f, encoder);
		for (unsigned i = 0; i < 500; i++) {
			int64_t sub = ((ns[i] % 1000000000) + 1000000000) % 1000000000;
			int64_t sec = ns[i] / 1000000000 - (ns[i] % 1000000000 < 0);
			char date[32], expected[96];
			struct tm tm;
			int n;

			gmtime_r(&(time_t){ sec }, &tm);
			strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
			n = snprintf(expected, sizeof(expected),
				     "{\"event\":\"open\",\"v\":\"%s.%09" PRId64 "Z\"}", date, sub);
			assert_memory_equal(at, expected, (size_t)n);
			at += n;
		}
		free(text);
		fixture_drop_rows(&f);
	}
	fixture_end(&f);
}

/* ---- strings ------------------------------------------------------------ */

struct strings {
	struct fixture chars, tail, column;
	const struct encoder *e_chars, *e_tail, *e_column;
	uint32_t size;
};

static void strings_begin(struct strings *s, uint32_t size)
{
	s->size = size;
	fixture_begin(&s->chars, size + 1);
	fixture_field(&s->chars, "v", TYPE_STRING, LAYOUT_CHARS, 1, size);
	fixture_ready(&s->chars);
	fixture_begin(&s->tail, 1);
	fixture_field(&s->tail, "v", TYPE_STRING, LAYOUT_TAIL, 1, 0);
	fixture_ready(&s->tail);
	fixture_begin(&s->column, 0);
	fixture_column(&s->column, "v", TYPE_STRING, LAYOUT_STR, 0);
	fixture_ready(&s->column);
	s->e_chars = fixture_encoder(&s->chars, &codec_json, plain);
	s->e_tail = fixture_encoder(&s->tail, &codec_json, plain);
	s->e_column = fixture_encoder(&s->column, &codec_json, plain);
}

static void strings_end(struct strings *s)
{
	fixture_end(&s->chars);
	fixture_end(&s->tail);
	fixture_end(&s->column);
}

static void strings_expect(struct fixture *f, const struct encoder *encoder, const uint8_t *bytes,
			   size_t n)
{
	char inner[8192], *text = fixture_text(f, encoder), *at = text;

	twin_json_text(inner, bytes, n);
	assert_memory_equal(at, "{\"event\":\"open\",\"v\":\"", 21);
	at += 21;
	assert_memory_equal(at, inner, strlen(inner));
	assert_string_equal(at + strlen(inner), "\"}");
	free(text);
	fixture_drop_rows(f);
}

/* The same bytes as an array of the row, as its tail, and in a column. */
static void strings_check(struct strings *s, const uint8_t *bytes)
{
	uint8_t row[1100] = { 'x' };
	char *exact = malloc(s->size ? s->size : 1);
	struct str str = { exact, s->size };

	memcpy(row + 1, bytes, s->size);
	memcpy(exact, bytes, s->size);
	fixture_row(&s->chars, row, s->size + 1);
	strings_expect(&s->chars, s->e_chars, bytes, s->size);
	fixture_row(&s->tail, row, s->size + 1);
	strings_expect(&s->tail, s->e_tail, bytes, s->size);
	fixture_row(&s->column, "", 0);
	s->column.cols[0].s = &str;
	strings_expect(&s->column, s->e_column, bytes, s->size);
	free(exact);
}

static void json_escapes_every_byte_at_every_place(void **state)
{
	static const uint32_t sizes[] = { 1, 2, 15, 16, 17, 31, 32, 33, 47, 48, 49, 65 };
	uint8_t bytes[80];

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		struct strings s;

		strings_begin(&s, sizes[i]);
		for (uint32_t at = 0; at < sizes[i]; at++) {
			for (unsigned c = 0; c < 256; c++) {
				memset(bytes, 'a', sizeof(bytes));
				bytes[at] = (uint8_t)c;
				strings_check(&s, bytes);
			}
		}
		strings_end(&s);
	}
}

static void json_replaces_ill_formed_utf8_at_every_place(void **state)
{
	static const char *const pieces[] = {
		"\x80",
		"\xbf",
		"\xc0\x80",
		"\xc1\xbf",
		"\xc2",
		"\xc2\x80",
		"\xdf\xbf",
		"\xe0\x80\x80",
		"\xe0\x9f\xbf",
		"\xe0\xa0",
		"\xe0\xa0\x80",
		"\xe2\x82",
		"\xe2\x82\xac",
		"\xed\xa0\x80",
		"\xed\xbf\xbf",
		"\xed\x9f\xbf",
		"\xee\x80\x80",
		"\xef\xbf\xbf",
		"\xf0\x80\x80\x80",
		"\xf0\x8f\xbf\xbf",
		"\xf0\x90\x80\x80",
		"\xf0\x9f\x98\x80",
		"\xf0\x9f\x98",
		"\xf0\x9f",
		"\xf4\x8f\xbf\xbf",
		"\xf4\x90\x80\x80",
		"\xf5\x80\x80\x80",
		"\xf8\x88\x80\x80\x80",
		"\xfe",
		"\xff",
		"\xc3\xa9\xc3",
		"\xe2\x28\xa1",
		"\xe2\x82\x28",
		"\xf0\x28\x8c\xbc",
		"\xf0\x90\x28\xbc",
		"\xf0\x90\x8c\x28",
		"\xc2\"",
		"\xe2\x82\\",
		"\xf0\x9f\x98\n",
	};
	struct strings s;
	uint8_t bytes[37];

	(void)state;
	strings_begin(&s, sizeof(bytes));
	for (size_t i = 0; i < sizeof(pieces) / sizeof(*pieces); i++) {
		for (uint32_t at = 0; at < sizeof(bytes); at++) {
			size_t len = strlen(pieces[i]);

			memset(bytes, 'u', sizeof(bytes));
			if (len > sizeof(bytes) - at)
				len = sizeof(bytes) - at;
			memcpy(bytes + at, pieces[i], len);
			strings_check(&s, bytes);
		}
	}
	strings_end(&s);
}

static void json_agrees_with_its_slow_twin_on_random_bytes(void **state)
{
	static const uint8_t often[] = { 0x80, 0xbf, 0xc3, 0xe2, 0xed, 0xf0,
					 0xf4, '"',  '\\', 'a',  0x9f };
	uint64_t random = 7;

	(void)state;
	for (uint32_t size = 1; size < 300; size += 13) {
		struct strings s;
		uint8_t bytes[300];

		strings_begin(&s, size);
		for (unsigned round = 0; round < 200; round++) {
			for (uint32_t i = 0; i < size; i++) {
				uint64_t r = fixture_random(&random);

				bytes[i] =
					r % 4 ? often[(r >> 8) % sizeof(often)] : (uint8_t)(r >> 8);
				if (!bytes[i] && r % 8)
					bytes[i] = 1;
			}
			strings_check(&s, bytes);
		}
		strings_end(&s);
	}
}

static void json_fits_its_bound_when_every_byte_is_escaped(void **state)
{
	static const uint32_t sizes[] = { 1, 16, 255, 256, 257, 1000 };
	uint8_t bytes[1000];

	(void)state;
	memset(bytes, 1, sizeof(bytes));
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		struct strings s;

		strings_begin(&s, sizes[i]);
		strings_check(&s, bytes);
		strings_end(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_prints_integers_of_every_size_exactly),
		cmocka_unit_test(json_quotes_integers_a_double_cannot_hold_when_asked),
		cmocka_unit_test(json_prints_floats_so_that_they_read_back),
		cmocka_unit_test(json_prints_any_moment_as_libc_does),
		cmocka_unit_test(json_escapes_every_byte_at_every_place),
		cmocka_unit_test(json_replaces_ill_formed_utf8_at_every_place),
		cmocka_unit_test(json_agrees_with_its_slow_twin_on_random_bytes),
		cmocka_unit_test(json_fits_its_bound_when_every_byte_is_escaped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
