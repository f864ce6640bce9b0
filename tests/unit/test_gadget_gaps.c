/* SPDX-License-Identifier: Apache-2.0 */
/* Where records are missing, told from their numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gadget/gaps.h"

enum { CPUS = 4 };

static struct arena arena;
static struct gaps gaps;

static int setup(void **state)
{
	(void)state;
	gaps_init(&gaps, &arena, CPUS);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_release(&arena);
	return 0;
}

static uint64_t seq(uint64_t cpu, uint64_t number)
{
	return cpu << 48 | number;
}

static void see(uint64_t cpu, uint64_t number, uint32_t row)
{
	gaps_see(&gaps, seq(cpu, number), row);
}

/* Records of CPU 3, only to let time pass. */
static void pass_time(void)
{
	static uint64_t number;

	if (gaps.next[3] == 1)
		number = 0;
	for (int i = 0; i < GAPS_LATE; i++)
		see(3, ++number, 0);
}

static void assert_gap(uint32_t cpu, uint64_t from, uint64_t to, uint32_t before_row)
{
	struct gap gap;

	assert_true(gaps_take(&gaps, &gap));
	assert_int_equal(gap.cpu, cpu);
	assert_int_equal(gap.from, from);
	assert_int_equal(gap.to, to);
	assert_int_equal(gap.before_row, before_row);
}

static void assert_no_gap(void)
{
	struct gap gap;

	assert_false(gaps_take(&gaps, &gap));
}

static void gaps_finds_none_in_unbroken_numbers(void **state)
{
	(void)state;
	for (uint64_t i = 1; i < 1000; i++)
		see(i % 2, (i + 1) / 2, 0);
	gaps_turn(&gaps);
	assert_no_gap();
}

static void gaps_finds_what_is_missing_and_where(void **state)
{
	(void)state;
	see(0, 1, 0);
	see(1, 3, 1);
	see(0, 2, 2);
	see(0, 10, 3);
	pass_time();
	assert_gap(1, 1, 2, 1);
	assert_gap(0, 3, 9, 3);
	assert_no_gap();
}

static void gaps_waits_before_it_is_certain(void **state)
{
	(void)state;
	see(0, 2, 5);
	assert_no_gap();
	gaps_turn(&gaps);
	assert_gap(0, 1, 1, 5);
}

static void gaps_forgets_a_gap_that_a_late_record_fills(void **state)
{
	(void)state;
	see(0, 2, 0);
	see(0, 1, 1);
	see(0, 6, 2);
	see(0, 4, 3);
	gaps_turn(&gaps);
	assert_gap(0, 3, 3, 2);
	assert_gap(0, 5, 5, 2);
	assert_no_gap();
}

static void gaps_understands_nested_interrupts(void **state)
{
	(void)state;
	/* 1 was interrupted by 2, that one by 3. */
	see(0, 3, 0);
	see(0, 2, 1);
	see(0, 1, 2);
	see(0, 4, 3);
	gaps_turn(&gaps);
	assert_no_gap();
}

static void gaps_carries_what_is_uncertain_to_the_next_batch(void **state)
{
	(void)state;
	see(0, 5, 17);
	assert_no_gap();
	gaps_next_batch(&gaps);
	see(0, 2, 0);
	pass_time();
	assert_gap(0, 1, 1, 0);
	assert_gap(0, 3, 4, 0);
	assert_no_gap();
}

static void gaps_takes_discarded_records_for_present(void **state)
{
	(void)state;
	see(0, 1, 0);
	gaps_see_discarded(&gaps, seq(0, 2), 1);
	see(0, 3, 1);
	see(0, 5, 2);
	gaps_see_discarded(&gaps, seq(0, 4), 3);
	gaps_turn(&gaps);
	assert_no_gap();
}

static void gaps_does_not_believe_stale_memory_of_discarded_records(void **state)
{
	(void)state;
	see(0, 1, 0);
	gaps_see_discarded(&gaps, UINT64_C(0x4141414141414141), 1);
	gaps_see_discarded(&gaps, 0, 1);
	gaps_see_discarded(&gaps, seq(0, 1000000), 1);
	see(0, 2, 1);
	gaps_turn(&gaps);
	assert_no_gap();
}

static void gaps_ignores_cpus_there_are_not(void **state)
{
	(void)state;
	see(CPUS, 7, 0);
	see(65535, 7, 0);
	gaps_turn(&gaps);
	assert_no_gap();
}

static void gaps_finds_what_is_missing_at_the_end(void **state)
{
	const uint64_t attempts[CPUS] = { 3, 0, 5, 0 };

	(void)state;
	see(0, 1, 0);
	see(0, 3, 1);
	gaps_next_batch(&gaps);
	gaps_end(&gaps, attempts);
	assert_gap(0, 2, 2, 0);
	assert_gap(2, 1, 5, 0);
	assert_no_gap();
}

static void gaps_keeps_what_it_cannot_place_out(void **state)
{
	struct gap gap;
	uint32_t n = 0;

	(void)state;
	for (uint64_t i = 1; i <= GAPS_OPEN + 100; i++)
		see(0, 2 * i, 0);
	gaps_turn(&gaps);
	while (gaps_take(&gaps, &gap))
		n++;
	assert_int_equal(n, GAPS_OPEN);
}

/* Drop and delay numbers at random; what is told is exactly what never came. */
static void gaps_tells_exactly_what_never_came(void **state)
{
	enum { N = 20000, REACH = 20 };
	static uint64_t order[N];
	static bool lost[N + 1], told[N + 1];
	uint64_t n = 0, attempts[CPUS] = { N };
	struct gap gap;

	(void)state;
	srand(7);
	for (uint64_t i = 1; i <= N; i++) {
		lost[i] = rand() % 5 == 0;
		if (!lost[i])
			order[n++] = i;
	}
	for (uint64_t i = 0; i + REACH < n; i += REACH) {
		uint64_t a = i + (uint64_t)rand() % REACH, b = i + (uint64_t)rand() % REACH;
		uint64_t x = order[a];

		order[a] = order[b];
		order[b] = x;
	}
	for (uint64_t i = 0; i <= n; i++) {
		if (i < n)
			see(0, order[i], (uint32_t)(i % 512));
		else
			gaps_end(&gaps, attempts);
		while (i % 512 == 511 || i == n) {
			if (!gaps_take(&gaps, &gap))
				break;
			for (uint64_t k = gap.from; k <= gap.to; k++) {
				assert_false(told[k]);
				told[k] = true;
			}
		}
		if (i % 512 == 511)
			gaps_next_batch(&gaps);
	}
	assert_memory_equal(lost, told, sizeof(lost));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(gaps_finds_none_in_unbroken_numbers),
		TEST(gaps_finds_what_is_missing_and_where),
		TEST(gaps_waits_before_it_is_certain),
		TEST(gaps_forgets_a_gap_that_a_late_record_fills),
		TEST(gaps_understands_nested_interrupts),
		TEST(gaps_carries_what_is_uncertain_to_the_next_batch),
		TEST(gaps_takes_discarded_records_for_present),
		TEST(gaps_does_not_believe_stale_memory_of_discarded_records),
		TEST(gaps_ignores_cpus_there_are_not),
		TEST(gaps_finds_what_is_missing_at_the_end),
		TEST(gaps_keeps_what_it_cannot_place_out),
		TEST(gaps_tells_exactly_what_never_came),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
