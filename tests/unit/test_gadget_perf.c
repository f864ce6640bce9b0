/* SPDX-License-Identifier: Apache-2.0 */
/* The reader of perf buffers on memory laid out as the kernel does it, and losses. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include <linux/perf_event.h>

#include "data/batch.h"
#include "gadget/losses.h"
#include "gadget/perf.h"

enum { SIZE = 4096, MAX_ROWS = 512, ROW_MIN = 16, ROW_MAX = 64, CPU = 3 };

static struct {
	uint64_t head, tail;
	uint8_t *data;
	struct perf perf;
	struct haul haul;
	struct arena arena;
} t;

/* A page of zeros behind it, as perf_open() leaves one. */
static int setup(void **state)
{
	(void)state;
	memset(&t, 0, sizeof(t));
	t.data = mmap(NULL, 2 * SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(t.data, MAP_FAILED);
	haul_init(&t.haul, &t.arena, MAX_ROWS, ROW_MIN, ROW_MAX);
	perf_adopt(&t.perf, CPU, &t.head, &t.tail, t.data, SIZE);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	perf_close(&t.perf);
	arena_release(&t.arena);
	munmap(t.data, 2 * SIZE);
	return 0;
}

static void start_at(uint64_t position)
{
	t.head = t.tail = t.perf.cpus[0].at = position;
}

static void put(uint64_t *at, const void *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		t.data[(*at + i) % SIZE] = ((const uint8_t *)bytes)[i];
	*at += len;
}

/* A header, a body, and whatever was there before up to `size`; the head moves last. */
static void put_record(uint32_t type, uint16_t size, const void *body, size_t len)
{
	struct perf_event_header header = { .type = type, .size = size };
	uint64_t head = t.head, at = head;

	put(&at, &header, sizeof(header));
	put(&at, body, len);
	__atomic_store_n(&t.head, head + size, __ATOMIC_RELEASE);
}

/* What bpf_perf_event_output() writes for len bytes of `fill`. */
static void put_sample(uint32_t len, uint8_t fill)
{
	uint8_t body[sizeof(uint32_t) + 1024];
	uint16_t size = (uint16_t)((8 + 4 + len + 7) & ~7u);
	uint32_t raw = size - 8u - 4u;

	assert_true(len <= 1024);
	memcpy(body, &raw, sizeof(raw));
	memset(body + sizeof(raw), fill, len);
	put_record(PERF_RECORD_SAMPLE, size, body, sizeof(raw) + len);
}

static void put_lost(uint64_t n)
{
	uint64_t body[] = { 4711, n };

	put_record(PERF_RECORD_LOST, 24, body, sizeof(body));
}

static void perf_is_empty_at_first(void **state)
{
	(void)state;
	assert_int_equal(perf_read(&t.perf, &t.haul), 0);
	assert_true(haul_is_empty(&t.haul));
	assert_true(perf_is_empty(&t.perf));
	assert_int_equal(perf_fill(&t.perf), 0);
}

static void perf_hands_out_records_in_order_and_in_place(void **state)
{
	(void)state;
	put_sample(20, 1);
	put_sample(28, 2);
	assert_int_equal(perf_read(&t.perf, &t.haul), 2);
	assert_ptr_equal(t.haul.at[0], t.data + 12);
	assert_int_equal(t.haul.len[0], 20);
	assert_int_equal(t.haul.at[1][27], 2);
	assert_int_equal(t.haul.len[1], 28);
	assert_int_equal(perf_read(&t.perf, &t.haul), 0);
}

static void perf_numbers_records_by_cpu_and_place(void **state)
{
	(void)state;
	put_sample(20, 1);
	put_sample(20, 2);
	assert_int_equal(perf_read(&t.perf, &t.haul), 2);
	assert_true(t.haul.pos[0] == (uint64_t)CPU << 48);
	assert_true(t.haul.pos[1] == ((uint64_t)CPU << 48 | 32));
}

static void perf_gives_space_back_only_when_released(void **state)
{
	(void)state;
	put_sample(20, 1);
	assert_int_equal(perf_read(&t.perf, &t.haul), 1);
	assert_int_equal(t.tail, 0);
	assert_int_equal(perf_fill(&t.perf), 32);
	perf_release(&t.perf);
	assert_int_equal(t.tail, 32);
	assert_int_equal(perf_fill(&t.perf), 0);
}

/* At every place where a record can run over the end, its length word there too. */
static void perf_reads_a_record_that_wraps_around(void **state)
{
	(void)state;
	for (uint64_t left = 8; left <= 80; left += 8) {
		start_at(10 * SIZE - left);
		put_sample(60, (uint8_t)left);
		put_sample(20, 1);
		assert_int_equal(perf_read(&t.perf, &t.haul), 2);
		assert_int_equal(t.haul.len[0], 60);
		for (uint32_t i = 0; i < 60; i++)
			assert_int_equal(t.haul.at[0][i], (uint8_t)left);
		assert_int_equal(t.haul.at[1][19], 1);
		perf_release(&t.perf);
		assert_int_equal(t.tail, 10 * SIZE - left + 72 + 32);
	}
}

static void perf_reads_a_record_as_large_as_the_buffer(void **state)
{
	uint8_t body[SIZE - 8];
	uint32_t raw = sizeof(body) - 4;

	(void)state;
	t.haul.row_max = SIZE;
	memset(body, 5, sizeof(body));
	memcpy(body, &raw, sizeof(raw));
	start_at(24);
	put_record(PERF_RECORD_SAMPLE, SIZE, body, sizeof(body));
	assert_int_equal(perf_read(&t.perf, &t.haul), 1);
	assert_int_equal(t.haul.len[0], SIZE - 12);
	assert_int_equal(t.haul.at[0][SIZE - 13], 5);
}

static void perf_makes_short_records_whole_and_cuts_long_ones(void **state)
{
	(void)state;
	memset(t.data, 0xff, SIZE);
	put_sample(4, 5);
	put_sample(100, 6);
	assert_int_equal(perf_read(&t.perf, &t.haul), 2);
	assert_int_equal(t.haul.len[0], ROW_MIN);
	assert_memory_equal(t.haul.at[0], "\5\5\5\5\0\0\0\0\0\0\0\0\0\0\0\0", ROW_MIN);
	assert_int_equal(t.haul.len[1], ROW_MAX);
}

static void perf_says_where_the_kernel_lost_records(void **state)
{
	uint64_t lost[CPU + 1] = { 0 };

	(void)state;
	put_sample(20, 1);
	put_lost(7);
	put_sample(20, 2);
	put_lost(1);
	assert_int_equal(perf_read(&t.perf, &t.haul), 2);
	assert_int_equal(t.haul.nlosses, 2);
	assert_int_equal(t.haul.losses[0].before_row, 1);
	assert_int_equal(t.haul.losses[0].n, 7);
	assert_int_equal(t.haul.losses[0].cpu, CPU);
	assert_int_equal(t.haul.losses[1].before_row, 2);
	perf_lost(&t.perf, lost);
	assert_int_equal(lost[CPU], 8);
}

static void perf_reads_a_loss_that_wraps_around(void **state)
{
	(void)state;
	for (uint64_t left = 8; left < 24; left += 8) {
		start_at(SIZE - left);
		put_lost(left);
		assert_int_equal(perf_read(&t.perf, &t.haul), 0);
		assert_false(haul_is_empty(&t.haul));
		assert_int_equal(t.haul.losses[0].n, left);
		perf_release(&t.perf);
		assert_true(perf_is_empty(&t.perf));
	}
}

static void perf_passes_any_number_of_losses(void **state)
{
	uint64_t sum = 0;

	(void)state;
	for (int i = 0; i < 150; i++)
		put_lost(1);
	put_sample(20, 9);
	for (int i = 0; i < 3; i++) {
		(void)perf_read(&t.perf, &t.haul);
		for (uint32_t k = 0; k < t.haul.nlosses; k++)
			sum += t.haul.losses[k].n;
		perf_release(&t.perf);
	}
	assert_int_equal(sum, 150);
	assert_int_equal(t.haul.n, 1);
}

static void perf_passes_records_of_kinds_it_does_not_know(void **state)
{
	uint64_t body[3] = { 0 };

	(void)state;
	put_record(PERF_RECORD_THROTTLE, 32, body, sizeof(body));
	assert_int_equal(perf_read(&t.perf, &t.haul), 0);
	assert_true(haul_is_empty(&t.haul));
	assert_int_equal(t.tail, 32);
	put_record(PERF_RECORD_THROTTLE, 32, body, sizeof(body));
	put_sample(20, 1);
	assert_int_equal(perf_read(&t.perf, &t.haul), 1);
}

static void perf_reads_no_more_than_there_is_room_for(void **state)
{
	(void)state;
	t.haul.max = 64;
	for (int i = 0; i < 100; i++)
		put_sample(20, (uint8_t)i);
	assert_int_equal(perf_read(&t.perf, &t.haul), 64);
	perf_release(&t.perf);
	assert_int_equal(t.tail, 64 * 32);
	assert_int_equal(perf_read(&t.perf, &t.haul), 36);
	assert_int_equal(t.haul.at[0][0], 64);
}

/* Nothing of what was believed before is undone, and nothing behind it is read. */
static void is_nonsense(uint32_t type, uint16_t size, uint32_t raw)
{
	uint32_t body[2] = { raw, 0 };

	assert_int_equal(teardown(NULL), 0);
	assert_int_equal(setup(NULL), 0);
	put_sample(20, 1);
	put_record(type, size, body, sizeof(body));
	t.head = 64;
	assert_int_equal(perf_read(&t.perf, &t.haul), 1);
	assert_true(t.perf.is_broken);
	assert_int_equal(perf_read(&t.perf, &t.haul), 0);
}

static void perf_does_not_follow_sizes_that_make_no_sense(void **state)
{
	(void)state;
	is_nonsense(PERF_RECORD_SAMPLE, 0, 0);
	is_nonsense(PERF_RECORD_SAMPLE, 8, 0);
	is_nonsense(PERF_RECORD_SAMPLE, 20, 0);
	is_nonsense(PERF_RECORD_SAMPLE, 40, 20);
	is_nonsense(PERF_RECORD_SAMPLE, 65528, 20);
	is_nonsense(PERF_RECORD_SAMPLE, 32, 21);
	is_nonsense(PERF_RECORD_SAMPLE, 32, UINT32_MAX);
	is_nonsense(PERF_RECORD_LOST, 16, 0);
	is_nonsense(PERF_RECORD_THROTTLE, 0, 0);
}

static void perf_does_not_follow_positions_that_make_no_sense(void **state)
{
	(void)state;
	t.head = SIZE + 8;
	assert_int_equal(perf_read(&t.perf, &t.haul), 0);
	assert_true(t.perf.is_broken);
	assert_int_equal(teardown(NULL), 0);
	assert_int_equal(setup(NULL), 0);
	t.head = 12;
	assert_int_equal(perf_read(&t.perf, &t.haul), 0);
	assert_true(t.perf.is_broken);
}

/* ---- two threads ----------------------------------------------------------- */

enum { SENT = 200000 };

static uint64_t sent_lost;

/* What the kernel does: look for room, say what was lost, write, move the head. */
static void *produce(void *unused)
{
	uint64_t lost = 0;

	for (uint64_t i = 1; i <= SENT; i++) {
		uint32_t len = 20 + (uint32_t)(i % 6) * 8;
		uint32_t size = ((8 + 4 + len + 7) & ~7u) + (lost ? 24 : 0);
		uint64_t tail = __atomic_load_n(&t.tail, __ATOMIC_ACQUIRE);

		if (t.head + size - tail > SIZE) {
			lost++;
			sent_lost++;
			continue;
		}
		if (lost)
			put_lost(lost);
		lost = 0;
		put_sample(len, (uint8_t)i);
	}
	return unused;
}

static void perf_reads_while_another_thread_writes(void **state)
{
	uint64_t told = 0, read = 0;
	bool has_ended = false;
	pthread_t thread;

	(void)state;
	sent_lost = 0;
	assert_int_equal(pthread_create(&thread, NULL, produce, NULL), 0);
	for (;;) {
		uint32_t n = perf_read(&t.perf, &t.haul);

		assert_false(t.perf.is_broken);
		for (uint32_t i = 0; i < n; i++)
			assert_int_equal(t.haul.at[i][0], t.haul.at[i][t.haul.len[i] - 1]);
		for (uint32_t i = 0; i < t.haul.nlosses; i++)
			told += t.haul.losses[i].n;
		read += n;
		perf_release(&t.perf);
		if (!haul_is_empty(&t.haul))
			continue;
		if (has_ended)
			break;
		if (pthread_tryjoin_np(thread, NULL) == 0)
			has_ended = true;
	}
	assert_int_equal(read + sent_lost, SENT);
	assert_true(told <= sent_lost);
	assert_true(read > 0);
}

/* ---- marks ------------------------------------------------------------------ */

static const struct model_source unnumbered = { .name = "e", .seq_at = SCHEMA_NO_SEQ };

static void losses_stand_where_the_kernel_says(void **state)
{
	const uint64_t final[CPU + 1] = { [0] = 2, [CPU] = 10 };
	struct losses losses;

	(void)state;
	losses_init(&losses, &t.arena, &unnumbered, NULL, CPU + 1);
	losses.are_told = true;
	put_sample(20, 1);
	put_lost(7);
	put_sample(20, 2);
	(void)perf_read(&t.perf, &t.haul);
	losses_see(&losses, &t.haul);
	assert_int_equal(losses.nmarks, 1);
	assert_int_equal(losses.marks[0].n, 7);
	assert_int_equal(losses.marks[0].before_row, 1);
	assert_true(losses.marks[0].has_cpu);
	assert_int_equal(losses.marks[0].cpu, CPU);
	assert_false(losses_want_counts(&losses, INT64_MAX));

	/* What no mark has told yet is told at the end. */
	losses.nmarks = 0;
	losses_end(&losses, NULL, final);
	assert_int_equal(losses.nmarks, 2);
	assert_int_equal(losses.marks[0].n, 2);
	assert_int_equal(losses.marks[0].cpu, 0);
	assert_int_equal(losses.marks[1].n, 3);
	assert_int_equal(losses.marks[1].cpu, CPU);
}

static void losses_are_counted_by_looking_when_nothing_tells(void **state)
{
	uint64_t counts[2] = { 0, 4 };
	struct losses losses;

	(void)state;
	losses_init(&losses, &t.arena, &unnumbered, NULL, 2);
	assert_true(losses_want_counts(&losses, INT64_C(1000000000)));
	assert_false(losses_want_counts(&losses, INT64_C(1000000001)));
	losses_count(&losses, counts);
	assert_int_equal(losses.nmarks, 1);
	assert_int_equal(losses.marks[0].n, 4);
	assert_int_equal(losses.marks[0].cpu, 1);
	losses_count(&losses, counts);
	assert_int_equal(losses.nmarks, 1);
	counts[1] = 5;
	losses_end(&losses, NULL, counts);
	assert_int_equal(losses.nmarks, 2);
	assert_int_equal(losses.marks[1].n, 1);
}

static void losses_of_a_cpu_that_cannot_be_are_not_believed(void **state)
{
	struct losses losses;

	(void)state;
	losses_init(&losses, &t.arena, &unnumbered, NULL, CPU);
	losses.are_told = true;
	put_lost(7);
	(void)perf_read(&t.perf, &t.haul);
	losses_see(&losses, &t.haul);
	assert_int_equal(losses.nmarks, 0);
}

/* ---- whole rows ------------------------------------------------------------- */

static void rows_that_claim_to_be_longer_than_they_are_are_not_whole(void **state)
{
	struct field fields[] = { { .name = "a", .layout = LAYOUT_U32, .size = 4 },
				  { .name = "rest", .layout = LAYOUT_REST, .at = 8, .len_at = 4 } };
	const struct model_source source = { .name = "e", .fields = fields, .nfields = 2 };
	uint32_t row[4] = { 0 };

	(void)state;
	assert_true(model_has_rest(&source));
	assert_false(model_has_rest(&unnumbered));
	for (uint32_t len = 8; len <= 16; len++) {
		row[1] = len - 8;
		assert_true(model_row_is_whole(&source, (const uint8_t *)row, len));
		row[1] = len - 7;
		assert_false(model_row_is_whole(&source, (const uint8_t *)row, len));
		row[1] = UINT32_MAX;
		assert_false(model_row_is_whole(&source, (const uint8_t *)row, len));
	}
	fields[1].at = 20;
	row[1] = 0;
	assert_false(model_row_is_whole(&source, (const uint8_t *)row, 16));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(perf_is_empty_at_first),
		TEST(perf_hands_out_records_in_order_and_in_place),
		TEST(perf_numbers_records_by_cpu_and_place),
		TEST(perf_gives_space_back_only_when_released),
		TEST(perf_reads_a_record_that_wraps_around),
		TEST(perf_reads_a_record_as_large_as_the_buffer),
		TEST(perf_makes_short_records_whole_and_cuts_long_ones),
		TEST(perf_says_where_the_kernel_lost_records),
		TEST(perf_reads_a_loss_that_wraps_around),
		TEST(perf_passes_any_number_of_losses),
		TEST(perf_passes_records_of_kinds_it_does_not_know),
		TEST(perf_reads_no_more_than_there_is_room_for),
		TEST(perf_does_not_follow_sizes_that_make_no_sense),
		TEST(perf_does_not_follow_positions_that_make_no_sense),
		TEST(perf_reads_while_another_thread_writes),
		TEST(losses_stand_where_the_kernel_says),
		TEST(losses_are_counted_by_looking_when_nothing_tells),
		TEST(losses_of_a_cpu_that_cannot_be_are_not_believed),
		cmocka_unit_test(rows_that_claim_to_be_longer_than_they_are_are_not_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
