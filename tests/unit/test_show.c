/* SPDX-License-Identifier: Apache-2.0 */
/* Values whose text is made: names, flags, durations, sizes, modes, addresses, domain names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "data/names.h"
#include "data/show.h"

static char text[SHOW_MAX + 1];

static const char *number(enum type type, const struct names *names, uint64_t v)
{
	struct field f = { .type = (uint8_t)type, .names = names };
	uint32_t n = show_number(&f, v, text);

	assert_true(n <= show_max(&f));
	text[n] = 0;
	return text;
}

static const char *bytes(enum type type, const void *at, size_t len)
{
	struct field f = { .type = (uint8_t)type };
	uint32_t n = show_bytes(&f, (struct str){ at, len }, text);

	assert_true(n <= show_max(&f));
	text[n] = 0;
	return text;
}

#define NAME(number, word) \
	{ .mask = (number), .value = (number), .text = { (word), sizeof(word) - 1 } }

static void a_number_shows_as_its_name(void **state)
{
	static const struct name list[] = { NAME(7, "SEVEN"), NAME(1, "ONE"), NAME(1, "TWIN") };
	struct arena arena = ARENA_INIT;
	const struct names *names =
		names_make(&arena, list, 3, &(struct names_options){ .unknown = "number#" });

	(void)state;
	assert_string_equal(number(TYPE_NAME, names, 7), "SEVEN");
	assert_string_equal(number(TYPE_NAME, names, 1), "ONE");
	assert_string_equal(number(TYPE_NAME, names, 2), "number#2");
	assert_string_equal(number(TYPE_NAME, names, UINT64_MAX), "number#18446744073709551615");
	assert_ptr_equal(names_find_text(names, "TWIN", 4), &names->list[2]);
	assert_null(names_find_text(names, "TWI", 3));
	arena_release(&arena);
}

static void an_unknown_number_may_be_hidden_or_negative(void **state)
{
	struct arena arena = ARENA_INIT;
	const struct names *hidden = names_make(
		&arena, NULL, 0, &(struct names_options){ .unknown = "?", .hides_number = true });
	const struct names *negative =
		names_make(&arena, NULL, 0, &(struct names_options){ .is_signed = true });

	(void)state;
	assert_string_equal(number(TYPE_NAME, hidden, 5), "?");
	assert_string_equal(number(TYPE_NAME, negative, (uint64_t)-5), "-5");
	arena_release(&arena);
}

static void flags_show_in_order_with_masks(void **state)
{
	static const struct name list[] = {
		{ .mask = 3, .value = 0, .text = { "READ", 4 } },
		{ .mask = 3, .value = 1, .text = { "WRITE", 5 } },
		NAME(64, "CREATE"),
		NAME(UINT64_C(1) << 63, "HIGH"),
	};
	struct arena arena = ARENA_INIT;
	const struct names *names =
		names_make(&arena, list, 4, &(struct names_options){ .separator = ", " });

	(void)state;
	assert_string_equal(number(TYPE_FLAGS, names, 0), "READ");
	assert_string_equal(number(TYPE_FLAGS, names, UINT64_C(1) << 63 | 65),
			    "WRITE, CREATE, HIGH");
	assert_string_equal(number(TYPE_FLAGS, names, 3), "");
	arena_release(&arena);
}

static void tables_have_limits(void **state)
{
	static char word[NAMES_TEXT_MAX];
	struct name list[2] = { { .text = { word, sizeof(word) / 2 } },
				{ .text = { word, sizeof(word) / 2 } } };
	struct arena arena = ARENA_INIT;
	const struct names *single;

	(void)state;

	assert_null(names_make(&arena, list, 2, &(struct names_options){ 0 }));
	single = names_make(&arena, list, 2, &(struct names_options){ .is_single = true });
	assert_non_null(single);
	assert_int_equal(single->text_max, sizeof(word) / 2);
	assert_null(names_make(&arena, list, NAMES_MAX + 1, &(struct names_options){ 0 }));
	list[1].text.len -= 2;
	assert_non_null(names_make(&arena, list, 2, &(struct names_options){ 0 }));
	arena_release(&arena);
}

static void durations_have_a_fitting_unit(void **state)
{
	static const struct {
		uint64_t ns;
		const char *text;
	} cases[] = {
		{ 0, "0ns" },
		{ 999, "999ns" },
		{ 1500, "1.50µs" },
		{ 2250000, "2.25ms" },
		{ 1000000000, "1s" },
		{ 62500000000, "1m2.5s" },
		{ 3600000000000, "1h0m0s" },
		{ UINT64_MAX, "5124095h34m33.709551615s" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_string_equal(number(TYPE_DURATION, NULL, cases[i].ns), cases[i].text);
}

static void sizes_have_a_fitting_unit(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} cases[] = {
		{ 0, "0 B" },         { 999, "999 B" },      { 1000, "1.0 kB" },
		{ 1536, "1.5 kB" },   { 9999, "10 kB" },     { 999499, "999 kB" },
		{ 999500, "1.0 MB" }, { 12000000, "12 MB" }, { UINT64_MAX, "18 EB" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_string_equal(number(TYPE_SIZE, NULL, cases[i].bytes), cases[i].text);
}

static void modes_look_as_ls_shows_them(void **state)
{
	(void)state;
	assert_string_equal(number(TYPE_MODE, NULL, 0644), "-rw-r--r--");
	assert_string_equal(number(TYPE_MODE, NULL, 0041777), "drwxrwxrwt");
	assert_string_equal(number(TYPE_MODE, NULL, 0104644), "-rwSr--r--");
	assert_string_equal(number(TYPE_MODE, NULL, 0120777), "lrwxrwxrwx");
	assert_string_equal(number(TYPE_MODE, NULL, 0102755), "-rwxr-sr-x");
}

static void addresses_show_by_their_version(void **state)
{
	uint8_t l3[17] = { 10, 0, 0, 1, [16] = 4 };
	uint8_t l4[21] = { 0xfe, 0x80, [15] = 1, [16] = 53, [20] = 6 };

	(void)state;
	assert_string_equal(bytes(TYPE_IP, l3, sizeof(l3)), "10.0.0.1");
	l3[16] = 6;
	assert_string_equal(bytes(TYPE_IP, l3, sizeof(l3)), "a00:1::");
	l3[16] = 5;
	assert_string_equal(bytes(TYPE_IP, l3, sizeof(l3)), "");
	assert_string_equal(bytes(TYPE_IP, l4, sizeof(l4)), "fe80::1");
	assert_string_equal(bytes(TYPE_ENDPOINT, l4, sizeof(l4)), "[fe80::1]:53");
	l4[20] = 4;
	assert_string_equal(bytes(TYPE_ENDPOINT, l4, sizeof(l4)), "254.128.0.0:53");
	l4[20] = 0;
	assert_string_equal(bytes(TYPE_ENDPOINT, l4, sizeof(l4)), "");
}

static void domain_names_show_with_dots(void **state)
{
	static uint8_t worst[256];

	(void)state;
	assert_string_equal(bytes(TYPE_DNS, "\7example\3com", 13), "example.com.");
	assert_string_equal(bytes(TYPE_DNS, "\0", 1), ".");
	assert_string_equal(bytes(TYPE_DNS, "", 0), "");
	assert_string_equal(bytes(TYPE_DNS, "\4a.\\\xff", 6), "a\\.\\\\\\255.");
	assert_string_equal(bytes(TYPE_DNS, "\3www\300\14", 6), "www.…");
	assert_string_equal(bytes(TYPE_DNS, "\10short", 6), "…");
	memset(worst, 1, sizeof(worst));
	assert_int_equal(strlen(bytes(TYPE_DNS, worst, sizeof(worst))), 127 * 5 + strlen("…"));
	memset(worst, 63, sizeof(worst));
	(void)bytes(TYPE_DNS, worst, sizeof(worst));
}

static void wide_numbers_are_exact(void **state)
{
	(void)state;
	text[show_wide(UINT64_MAX, UINT64_MAX, false, text)] = 0;
	assert_string_equal(text, "340282366920938463463374607431768211455");
	text[show_wide(UINT64_C(1) << 63, 0, true, text)] = 0;
	assert_string_equal(text, "-170141183460469231731687303715884105728");
	text[show_wide(0, 0, true, text)] = 0;
	assert_string_equal(text, "0");
}

static void bit_fields_are_read_by_their_bits(void **state)
{
	static const uint8_t at[16] = { 0xab, 0xcd, 0xef, 0x01, 0x23, 0x45, 0x67, 0x89, 0xff };
	struct field f = { .type = TYPE_UINT, .layout = LAYOUT_BITS, .loc = LOC_ROW };
	struct value v;

	(void)state;
	f.size = 2;
	f.bit = 4;
	f.bits = 8;
	element_read(at, &f, &v);
	assert_int_equal(v.u, 0xda);
	f.layout = LAYOUT_SBITS;
	f.type = TYPE_INT;
	element_read(at, &f, &v);
	assert_int_equal(v.i, (int8_t)0xda);
	/* A packed field of 64 bits can touch nine bytes. */
	f = (struct field){
		.type = TYPE_UINT, .layout = LAYOUT_BITS, .size = 9, .bit = 7, .bits = 64
	};
	element_read(at, &f, &v);
	assert_int_equal(v.u, (UINT64_C(0x8967452301efcdab) >> 7) | UINT64_C(0xff) << 57);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_number_shows_as_its_name),
		cmocka_unit_test(an_unknown_number_may_be_hidden_or_negative),
		cmocka_unit_test(flags_show_in_order_with_masks),
		cmocka_unit_test(tables_have_limits),
		cmocka_unit_test(durations_have_a_fitting_unit),
		cmocka_unit_test(sizes_have_a_fitting_unit),
		cmocka_unit_test(modes_look_as_ls_shows_them),
		cmocka_unit_test(addresses_show_by_their_version),
		cmocka_unit_test(domain_names_show_with_dots),
		cmocka_unit_test(wide_numbers_are_exact),
		cmocka_unit_test(bit_fields_are_read_by_their_bits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
