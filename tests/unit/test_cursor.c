/* SPDX-License-Identifier: Apache-2.0 */
/* cursor: which bytes come next, and how many whole records some bytes are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "engine/cursor.h"

/* Records "aa" "bbb" | "c" (route 1) | "dd" "e", behind one that is settled. */
struct place {
	struct chunk chunk;
	uint8_t bytes[16];
	struct crec recs[6];
};

static void fill(struct place *place)
{
	*place = (struct place){
		.bytes = "-aabbbcdde",
		.recs = { { .at = 0, .len = 1, .fate = DELIVERED },
			  { .at = 1, .len = 2 },
			  { .at = 3, .len = 3 },
			  { .at = 6, .len = 1, .route = 1 },
			  { .at = 7, .len = 2 },
			  { .at = 9, .len = 1 } },
	};
	place->chunk = (struct chunk){
		.bytes = place->bytes, .recs = place->recs, .nrecs = 6, .npending = 5
	};
}

static void expect_run(const struct cursor *cursor, size_t max, const char *expected)
{
	size_t len = 0;
	const uint8_t *at = cursor_run(cursor, max, &len);

	assert_non_null(at);
	assert_int_equal(len, strlen(expected));
	assert_memory_equal(at, expected, len);
}

static void run_holds_whole_adjacent_records(void **state)
{
	struct place place;
	struct cursor cursor;

	(void)state;
	fill(&place);
	cursor_init(&cursor, &place.chunk, CURSOR_ANY_ROUTE);
	expect_run(&cursor, 100, "aabbbcdde");
	expect_run(&cursor, 8, "aabbbcdd");
	expect_run(&cursor, 7, "aabbbc");
	expect_run(&cursor, 5, "aabbb");
	expect_run(&cursor, 4, "aa");
	assert_int_equal(cursor_left(&cursor), 9);
}

static void record_longer_than_max_comes_in_parts(void **state)
{
	struct place place;
	struct cursor cursor;

	(void)state;
	fill(&place);
	cursor_init(&cursor, &place.chunk, CURSOR_ANY_ROUTE);
	assert_int_equal(cursor_advance(&cursor, 2), 2);
	expect_run(&cursor, 2, "bb");
	assert_int_equal(cursor_advance(&cursor, 2), 2);
	assert_int_equal(cursor.rec, 2);
	assert_int_equal(cursor.skip, 2);
	expect_run(&cursor, 2, "bc");
	assert_int_equal(cursor_left(&cursor), 5);
}

static void settled_records_are_stepped_over(void **state)
{
	struct place place;
	struct cursor cursor;

	(void)state;
	fill(&place);
	place.recs[2].fate = REJECTED;
	place.recs[5].fate = DROPPED;
	cursor_init(&cursor, &place.chunk, CURSOR_ANY_ROUTE);
	expect_run(&cursor, 100, "aa");
	assert_int_equal(cursor_advance(&cursor, 2), 2);
	assert_int_equal(cursor.rec, 3);
	expect_run(&cursor, 100, "cdd");
	assert_int_equal(cursor_advance(&cursor, 100), 3);
	assert_true(cursor_is_done(&cursor));
	assert_null(cursor_run(&cursor, 100, &(size_t){ 0 }));
}

static void one_route_is_walked_alone(void **state)
{
	struct place place;
	struct cursor cursor;

	(void)state;
	fill(&place);
	cursor_init(&cursor, &place.chunk, 0);
	assert_int_equal(cursor_left(&cursor), 8);
	expect_run(&cursor, 100, "aabbb");
	assert_int_equal(cursor_advance(&cursor, 6), 6);
	assert_int_equal(cursor.rec, 4);
	expect_run(&cursor, 100, "de");
	cursor_init(&cursor, &place.chunk, 1);
	expect_run(&cursor, 100, "c");
	cursor_init(&cursor, &place.chunk, 7);
	assert_true(cursor_is_done(&cursor));
}

/* However the bytes are cut, walking a chunk yields each pending byte once. */
static void any_cuts_yield_the_same_bytes(void **state)
{
	(void)state;
	for (size_t max = 1; max < 12; max++) {
		for (size_t step = 1; step <= max; step++) {
			struct place place;
			struct cursor cursor;
			char got[16] = "";
			const uint8_t *at;
			size_t n = 0, len;

			fill(&place);
			place.recs[3].fate = DELIVERED;
			cursor_init(&cursor, &place.chunk, CURSOR_ANY_ROUTE);
			while ((at = cursor_run(&cursor, max, &len))) {
				len = len < step ? len : step;
				assert_true(n + len < sizeof(got));
				memcpy(got + n, at, len);
				n += len;
				assert_int_equal(cursor_advance(&cursor, len), len);
			}
			assert_string_equal(got, "aabbbdde");
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(run_holds_whole_adjacent_records),
		cmocka_unit_test(record_longer_than_max_comes_in_parts),
		cmocka_unit_test(settled_records_are_stepped_over),
		cmocka_unit_test(one_route_is_walked_alone),
		cmocka_unit_test(any_cuts_yield_the_same_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
