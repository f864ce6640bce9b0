/* SPDX-License-Identifier: Apache-2.0 */
/* The generate source: what it makes, at what pace, and how it ends. */
#include <sched.h>

#include "collect.h"

static uint64_t last_seq, seen_before_mark, numbers_sum, hash;
static int64_t first_time, last_time;

static int setup(void **state)
{
	last_seq = seen_before_mark = numbers_sum = hash = 0;
	first_time = last_time = 0;
	return collect_setup(state);
}

static const struct field *field(const struct schema *schema, const char *name)
{
	const struct field *f = schema_find(schema, name);

	assert_non_null(f);
	return f;
}

static uint64_t load64(const uint8_t *row, const struct field *f)
{
	uint64_t value;

	memcpy(&value, row + f->at, sizeof(value));
	return value;
}

static void note(const struct schema *schema, const uint8_t *row, uint32_t len,
		 const struct mark *mark)
{
	uint64_t seq;

	if (mark) {
		assert_int_equal(mark->from, last_seq + 1);
		last_seq = mark->to;
		seen_before_mark = collected.records;
		return;
	}
	memcpy(&seq, row + schema->seq_at, sizeof(seq));
	assert_int_equal(seq, last_seq + 1);
	last_seq = seq;
	numbers_sum += load64(row, field(schema, "number"));
	last_time = (int64_t)load64(row, field(schema, "timestamp"));
	if (!first_time)
		first_time = last_time;
	/* All but the time. */
	for (uint32_t i = 8; i < len; i++)
		hash = (hash ^ row[i]) * UINT64_C(1099511628211);
}

#define PIPELINE(options)                               \
	"sources: {s: {type: generate, " options "}}\n" \
	"sinks: {out: {type: collect, inputs: [s], buffer: {when_full: block}}}\n"

static void generate_makes_as_many_as_asked_and_ends(void **state)
{
	(void)state;
	collect.see = note;
	collect_run(PIPELINE("count: 100003"));
	collect_assert_books();
	assert_int_equal(collected.records, 100003);
	assert_int_equal(numbers_sum, UINT64_C(100003) * 100004 / 2);
	assert_int_equal(collected.books->accounts[0]->attempts, 100003);
	assert_int_equal(books_losses(collected.books), 0);
}

static void generate_repeats_itself_with_the_same_seed(void **state)
{
	uint64_t first;

	(void)state;
	collect.see = note;
	collect_run(PIPELINE("count: 5000, seed: 3"));
	first = hash;
	pipeline_free(collected.pipeline);
	hash = last_seq = 0;
	collect_run(PIPELINE("count: 5000, seed: 3"));
	assert_int_equal(hash, first);
	pipeline_free(collected.pipeline);
	hash = last_seq = 0;
	collect_run(PIPELINE("count: 5000, seed: 4"));
	assert_int_not_equal(hash, first);
}

static void generate_loses_what_it_is_told_to_and_says_where(void **state)
{
	(void)state;
	collect.see = note;
	collect_run(PIPELINE("count: 10000, lose: 7"));
	collect_assert_books();
	assert_int_equal(collected.records, 10000 - 10000 / 7);
	assert_int_equal(collected.missing, 10000 / 7);
	assert_int_equal(collected.books->accounts[0]->lost, 10000 / 7);
	assert_int_equal(books_losses(collected.books), 10000 / 7);
}

static void generate_can_lose_everything(void **state)
{
	(void)state;
	collect.see = note;
	collect_run(PIPELINE("count: 3000, lose: 1"));
	collect_assert_books();
	assert_int_equal(collected.records, 0);
	assert_int_equal(collected.missing, 3000);
}

/* A clock that other threads may set. */
static _Atomic int64_t hand_ns;

static int64_t read_hand(struct clock *clock)
{
	(void)clock;
	return hand_ns;
}

static int64_t no_offset(struct clock *clock)
{
	(void)clock;
	return 0;
}

static uint64_t no_chance(struct clock *clock)
{
	(void)clock;
	return 4;
}

static _Atomic uint64_t made;

static void count_made(const struct schema *schema, const uint8_t *row, uint32_t len,
		       const struct mark *mark)
{
	(void)schema, (void)row, (void)len, (void)mark;
	made++;
}

/* A quarter of a second passes, all at once. */
static void move_hand(void)
{
	hand_ns = NS_PER_S / 4;
	while (made < 250 && !collected.is_late)
		sched_yield();
}

static void generate_keeps_its_rate(void **state)
{
	struct clock clock = { read_hand, read_hand, no_offset, no_chance };

	(void)state;
	collect.clock = &clock;
	collect.see = count_made;
	collect.work = move_hand;
	made = 0;
	collect_run(PIPELINE("rate: 1000"));
	assert_int_equal(collected.records, 250);
}

static void generate_stamps_with_the_pipelines_clock(void **state)
{
	struct fake_clock fake;

	(void)state;
	fake_clock_init(&fake, 1700000000 * NS_PER_S);
	fake.now_ns = 12345;
	collect.clock = &fake.clock;
	collect.see = note;
	collect_run(PIPELINE("count: 10"));
	assert_int_equal(first_time, 12345);
	assert_int_equal(last_time, 12345);
}

static void nothing(void)
{
}

static void generate_stops_when_told(void **state)
{
	(void)state;
	collect.work = nothing;
	collect_run(PIPELINE("rate: 1000"));
	collect_assert_books();
	assert_true(collected.has_ended);
	assert_false(collected.has_failed);
}

/* Stalled until the source has been paused for good: it makes no more meanwhile. */
static bool is_stalled(void)
{
	static uint64_t last, same;
	uint64_t now = pipeline_books(collected.pipeline)->accounts[0]->attempts;

	/* Once over, it is over: each chunk a stall of its own would take too long. */
	if (same >= 20)
		return false;
	same = now == last ? same + 1 : 0;
	last = now;
	return same < 20;
}

static void generate_waits_while_its_reader_stalls(void **state)
{
	(void)state;
	collect.see = note;
	collect.is_stalled = is_stalled;
	collect_run(
		"sources: {s: {type: generate, count: 200000}}\n"
		"sinks: {out: {type: collect, inputs: [s], buffer: {memory: 1MiB, when_full: block}}}\n");
	collect_assert_books();
	assert_true(collected.was_stalled);
	assert_int_equal(collected.records, 200000);
	assert_int_equal(books_losses(collected.books), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, collect_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(generate_makes_as_many_as_asked_and_ends),
		TEST(generate_repeats_itself_with_the_same_seed),
		TEST(generate_loses_what_it_is_told_to_and_says_where),
		TEST(generate_can_lose_everything),
		TEST(generate_keeps_its_rate),
		TEST(generate_stamps_with_the_pipelines_clock),
		TEST(generate_stops_when_told),
		TEST(generate_waits_while_its_reader_stalls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
