/* SPDX-License-Identifier: Apache-2.0 */
/* The ring reader on memory laid out as the kernel does it, and the nap policy. */
#include <bpf/bpf.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "data/batch.h"
#include "gadget/nap.h"
#include "gadget/ring.h"

#define BUSY    (1u << 31)
#define DISCARD (1u << 30)

enum { SIZE = 4096, MAX_ROWS = 64, ROW_MIN = 16, ROW_MAX = 64 };

static struct {
	uint64_t consumer, producer;
	uint8_t *data;
	struct ring ring;
	struct haul haul;
	struct arena arena;
} t;

/* Memory that appears twice in a row, and some zeros behind. */
static int setup(void **state)
{
	int fd = memfd_create("ring", 0);
	uint8_t *base;

	(void)state;
	memset(&t, 0, sizeof(t));
	assert_int_equal(ftruncate(fd, SIZE), 0);
	base = mmap(NULL, 3 * SIZE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(base, MAP_FAILED);
	for (int i = 0; i < 2; i++)
		assert_ptr_not_equal(mmap(base + i * SIZE, SIZE, PROT_READ | PROT_WRITE,
					  MAP_SHARED | MAP_FIXED, fd, 0),
				     MAP_FAILED);
	close(fd);
	t.data = base;
	haul_init(&t.haul, &t.arena, MAX_ROWS, ROW_MIN, ROW_MAX);
	ring_adopt(&t.ring, &t.consumer, &t.producer, t.data, SIZE);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	ring_close(&t.ring);
	arena_release(&t.arena);
	munmap(t.data, 3 * SIZE);
	return 0;
}

/* Start somewhere else than at the beginning. */
static void start_at(uint64_t position)
{
	t.consumer = t.producer = t.ring.at = position;
}

/* Reserve a record as the kernel does; its bytes are `fill`. */
static uint32_t *reserve(uint32_t len, uint32_t flags, uint8_t fill)
{
	uint8_t *header = t.data + t.producer % SIZE;
	uint32_t word = len | flags;

	memcpy(header, &word, sizeof(word));
	memset(header + 8, fill, len);
	t.producer += (len + 8 + 7) & ~7u;
	return (uint32_t *)(void *)header;
}

static void commit(uint32_t *header)
{
	*header &= ~BUSY;
}

static void ring_is_empty_at_first(void **state)
{
	(void)state;
	assert_int_equal(ring_read(&t.ring, &t.haul), 0);
	assert_true(ring_is_empty(&t.ring));
	assert_int_equal(ring_fill(&t.ring), 0);
}

static void ring_hands_out_records_in_order_and_in_place(void **state)
{
	(void)state;
	reserve(20, 0, 1);
	reserve(16, 0, 2);
	reserve(64, 0, 3);
	assert_int_equal(ring_read(&t.ring, &t.haul), 3);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(t.haul.at[i][0], i + 1);
	assert_ptr_equal(t.haul.at[0], t.data + 8);
	assert_int_equal(t.haul.len[0], 20);
	assert_int_equal(t.haul.len[2], 64);
	assert_int_equal(t.haul.pos[0], 0);
	assert_int_equal(t.haul.pos[1], 32);
	assert_int_equal(t.ring.bytes, 32 + 24 + 72);
}

static void ring_gives_space_back_only_when_released(void **state)
{
	(void)state;
	reserve(16, 0, 1);
	assert_int_equal(ring_read(&t.ring, &t.haul), 1);
	assert_int_equal(t.consumer, 0);
	assert_int_equal(ring_fill(&t.ring), 24);
	assert_int_equal(ring_read(&t.ring, &t.haul), 0);
	ring_release(&t.ring);
	assert_int_equal(t.consumer, 24);
	assert_int_equal(ring_fill(&t.ring), 0);
}

static void ring_stops_at_a_record_that_is_being_written(void **state)
{
	uint32_t *busy;

	(void)state;
	reserve(16, 0, 1);
	busy = reserve(16, BUSY, 2);
	reserve(16, 0, 3);
	assert_int_equal(ring_read(&t.ring, &t.haul), 1);
	assert_int_equal(ring_read(&t.ring, &t.haul), 0);
	assert_false(ring_is_empty(&t.ring));
	commit(busy);
	assert_int_equal(ring_read(&t.ring, &t.haul), 2);
	assert_int_equal(t.haul.at[0][0], 2);
	assert_int_equal(t.haul.at[1][0], 3);
}

static void ring_counts_discarded_records_and_says_where_they_stood(void **state)
{
	(void)state;
	reserve(16, DISCARD, 1);
	reserve(16, 0, 2);
	reserve(16, DISCARD, 3);
	reserve(16, DISCARD, 4);
	assert_int_equal(ring_read(&t.ring, &t.haul), 1);
	assert_int_equal(t.haul.ndiscards, 3);
	assert_int_equal(t.haul.discards[0].before_row, 0);
	assert_int_equal(t.haul.discards[1].before_row, 1);
	assert_int_equal(t.haul.discards[2].at[0], 4);
	assert_int_equal(t.ring.discarded, 3);
	assert_int_equal(ring_read(&t.ring, &t.haul), 0);
	assert_int_equal(t.haul.ndiscards, 0);
}

static void ring_passes_any_number_of_discarded_records(void **state)
{
	uint32_t passes = 0;

	(void)state;
	for (int i = 0; i < 150; i++)
		reserve(8, DISCARD, 0);
	reserve(16, 0, 9);
	while (ring_read(&t.ring, &t.haul) == 0 && t.haul.ndiscards)
		passes++;
	assert_int_equal(passes, 2);
	assert_int_equal(t.haul.n, 1);
	assert_int_equal(t.ring.discarded, 150);
}

static void ring_reads_a_record_that_wraps_around(void **state)
{
	(void)state;
	start_at(10 * SIZE - 16);
	reserve(40, 0, 7);
	assert_int_equal(ring_read(&t.ring, &t.haul), 1);
	for (uint32_t i = 0; i < 40; i++)
		assert_int_equal(t.haul.at[0][i], 7);
	ring_release(&t.ring);
	assert_int_equal(t.consumer, 10 * SIZE - 16 + 48);
}

/* The kernel's own ring: slack behind the second mapping, and positions that are shared. */
static void ring_maps_the_kernels_ring_with_slack_behind(void **state)
{
	int fd = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "test", 0, 0, 65536, NULL), pipes[2];
	struct error err = ERROR_INIT;
	struct ring ring;

	(void)state;
	if (fd < 0) {
		print_message("skip: making a ring: %s\n", strerrordesc_np(errno));
		skip();
	}
	assert_int_equal(ring_open(&ring, fd, 65536, &err), 0);
	close(fd);
	assert_true(ring_is_empty(&ring));
	assert_int_equal(pipe(pipes), 0);
	/* Memory that must not be read makes write(2) fail. */
	assert_int_equal(write(pipes[1], ring.data + 2 * 65536 - 8, 8 + ROW_SLACK), 8 + ROW_SLACK);
	close(pipes[0]);
	close(pipes[1]);
	ring_close(&ring);
}

static void ring_open_refuses_what_is_no_ring(void **state)
{
	struct error err = ERROR_INIT;
	struct ring ring;

	(void)state;
	assert_true(ring_open(&ring, -1, 65536, &err) < 0);
	assert_string_equal(err.text, "cannot map a ring of 65536 bytes: Bad file descriptor");
	ring_close(&ring);
}

static void ring_makes_short_records_whole_with_zeros(void **state)
{
	(void)state;
	memset(t.data, 0xff, SIZE);
	reserve(3, 0, 5);
	reserve(0, 0, 0);
	assert_int_equal(ring_read(&t.ring, &t.haul), 2);
	assert_int_equal(t.haul.len[0], ROW_MIN);
	assert_memory_equal(t.haul.at[0], "\5\5\5\0\0\0\0\0\0\0\0\0\0\0\0\0", ROW_MIN);
	assert_memory_equal(t.haul.at[1], "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", ROW_MIN);
}

static void ring_has_room_for_short_records_again_after_release(void **state)
{
	uint32_t total = 0;

	(void)state;
	for (int round = 0; round < 10000; round++) {
		reserve(1, 0, (uint8_t)round);
		assert_int_equal(ring_read(&t.ring, &t.haul), 1);
		assert_int_equal(t.haul.at[0][0], (uint8_t)round);
		assert_int_equal(t.haul.at[0][1], 0);
		total += t.haul.n;
		ring_release(&t.ring);
	}
	assert_int_equal(total, 10000);
}

static void ring_cuts_what_is_behind_the_record(void **state)
{
	(void)state;
	reserve(100, 0, 1);
	assert_int_equal(ring_read(&t.ring, &t.haul), 1);
	assert_int_equal(t.haul.len[0], ROW_MAX);
}

static void ring_reads_no_more_than_there_is_room_for(void **state)
{
	(void)state;
	for (int i = 0; i < 100; i++)
		reserve(16, 0, (uint8_t)i);
	assert_int_equal(ring_read(&t.ring, &t.haul), MAX_ROWS);
	assert_int_equal(ring_read(&t.ring, &t.haul), 100 - MAX_ROWS);
	assert_int_equal(t.haul.at[0][0], MAX_ROWS);
}

static void ring_does_not_follow_a_length_that_makes_no_sense(void **state)
{
	uint32_t *header;

	(void)state;
	header = reserve(16, 0, 1);
	*header = 1 << 20;
	assert_int_equal(ring_read(&t.ring, &t.haul), 0);
	assert_true(t.ring.is_broken);
	assert_int_equal(ring_read(&t.ring, &t.haul), 0);
}

static void ring_does_not_follow_a_position_that_makes_no_sense(void **state)
{
	(void)state;
	t.producer = 2 * SIZE;
	assert_int_equal(ring_read(&t.ring, &t.haul), 0);
	assert_true(t.ring.is_broken);
}

static void nap_is_short_when_the_ring_fills_and_long_when_it_does_not(void **state)
{
	struct nap nap;

	(void)state;
	nap_init(&nap, 1000000);
	assert_int_equal(nap.ns, 200000);
	for (int i = 0; i < 5; i++)
		nap_adapt(&nap, 10, 1000000);
	assert_int_equal(nap.ns, 1000000);
	nap_adapt(&nap, 100000, 1000000);
	assert_int_equal(nap.ns, 1000000);
	nap_adapt(&nap, 300000, 1000000);
	assert_int_equal(nap.ns, 500000);
	for (int i = 0; i < 5; i++)
		nap_adapt(&nap, 900000, 1000000);
	assert_int_equal(nap.ns, 200000);
}

static void nap_is_never_longer_than_what_was_asked(void **state)
{
	struct nap nap;

	(void)state;
	nap_init(&nap, 60000);
	assert_int_equal(nap.ns, 60000);
	nap_adapt(&nap, 0, 1000);
	assert_int_equal(nap.ns, 60000);
	nap_adapt(&nap, 1000, 1000);
	assert_int_equal(nap.ns, 60000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(ring_is_empty_at_first),
		TEST(ring_hands_out_records_in_order_and_in_place),
		TEST(ring_gives_space_back_only_when_released),
		TEST(ring_stops_at_a_record_that_is_being_written),
		TEST(ring_counts_discarded_records_and_says_where_they_stood),
		TEST(ring_passes_any_number_of_discarded_records),
		TEST(ring_reads_a_record_that_wraps_around),
		TEST(ring_makes_short_records_whole_with_zeros),
		TEST(ring_has_room_for_short_records_again_after_release),
		TEST(ring_cuts_what_is_behind_the_record),
		TEST(ring_reads_no_more_than_there_is_room_for),
		TEST(ring_does_not_follow_a_length_that_makes_no_sense),
		TEST(ring_does_not_follow_a_position_that_makes_no_sense),
		cmocka_unit_test(ring_maps_the_kernels_ring_with_slack_behind),
		cmocka_unit_test(ring_open_refuses_what_is_no_ring),
		cmocka_unit_test(nap_is_short_when_the_ring_fills_and_long_when_it_does_not),
		cmocka_unit_test(nap_is_never_longer_than_what_was_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
