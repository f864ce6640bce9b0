/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Perf event arrays, the fall-back to them, and several data sources in one gadget, on the
 * live kernel: programs triggered by system calls of this very process.
 */
#include <bpf/libbpf.h>
#include <errno.h>
#include <sched.h>

#include "gadget/fallback.h"
#include "live.h"

static _Atomic bool has_worked;
static uint64_t wanted;

/* Of each kind of record, by the first letters of its name. */
static struct {
	uint64_t records, lost, last_count, marks;
} seen[3];

static int setup(void **state)
{
	wanted = 0;
	has_worked = false;
	memset(seen, 0, sizeof(seen));
	return collect_setup(state);
}

static bool until_worked(void)
{
	return !has_worked;
}

/* On one CPU, so that all records come in the order they were made. */
static void stay_here(void)
{
	cpu_set_t here;

	CPU_ZERO(&here);
	CPU_SET((unsigned)sched_getcpu(), &here);
	assert_int_equal(sched_setaffinity(0, sizeof(here), &here), 0);
}

static void call_getppid(void)
{
	stay_here();
	for (uint64_t i = 0; i < wanted; i++)
		(void)syscall(SYS_getppid);
	has_worked = true;
}

/* ---- perf event arrays ----------------------------------------------------- */

/* Records and marks follow each other without a gap, mark by mark. */
static void see_all_in_order(const struct schema *schema, const uint8_t *row, uint32_t len,
			     const struct mark *mark)
{
	uint64_t count;

	if (mark) {
		assert_true(mark->has_cpu);
		seen[0].last_count += mark->n;
		return;
	}
	count = read_field(schema, row, len, "count").u;
	assert_int_equal(count, seen[0].last_count + 1);
	seen[0].last_count = count;
	assert_int_equal(read_field(schema, row, len, "pid").u, getpid());
	assert_int_equal(read_field(schema, row, len, "last").u, 77);
	seen[0].records++;
}

static void perf_array_delivers_every_record(void **state)
{
	(void)state;
	need_kernel("tests/bpf/perf_only.o");
	wanted = 200000;
	collect.work = call_getppid;
	collect.see = see_all_in_order;
	collect_run(with_pid("tests/bpf/perf_only.o", ", ring: {size: 1MiB}", ""));
	collect_assert_books();
	assert_int_equal(seen[0].last_count, wanted);
	assert_int_equal(seen[0].records, account()->read);
	assert_int_equal(seen[0].records + account()->lost, wanted);
	assert_true(seen[0].records > 0);
}

/* The buffer is full for most of the time, and stays so: the last loss is behind all records. */
static void perf_array_says_where_every_record_was_lost(void **state)
{
	(void)state;
	need_kernel("tests/bpf/perf_only.o");
	wanted = 100000;
	collect.work = call_getppid;
	collect.see = see_all_in_order;
	collect.is_stalled = until_worked;
	collect_run(with_pid("tests/bpf/perf_only.o", ", ring: {size: 4KiB}", ""));
	collect_assert_books();
	assert_true(account()->lost > 0);
	assert_int_equal(seen[0].records + account()->lost, wanted);
	assert_int_equal(collected.missing, account()->lost);
	assert_int_equal(seen[0].last_count, wanted);
}

static void see_cut(const struct schema *schema, const uint8_t *row, uint32_t len,
		    const struct mark *mark)
{
	assert_null(mark);
	assert_int_equal(len, 128);
	assert_int_equal(read_field(schema, row, len, "count").u, ++seen[0].last_count);
	assert_int_equal(read_field(schema, row, len, "last").u, 0);
}

static void perf_records_that_are_too_short_end_in_zeros(void **state)
{
	(void)state;
	need_kernel("tests/bpf/perf_only.o");
	wanted = 1000;
	collect.work = call_getppid;
	collect.see = see_cut;
	collect_run(with_pid("tests/bpf/perf_only.o", "", ", cut: true"));
	collect_assert_books();
	assert_int_equal(seen[0].last_count, wanted);
}

static void see_extra(const struct schema *schema, const uint8_t *row, uint32_t len,
		      const struct mark *mark)
{
	assert_null(mark);
	assert_int_equal(len, 128);
	see_all_in_order(schema, row, len, mark);
}

static void perf_records_that_are_too_long_are_cut(void **state)
{
	(void)state;
	need_kernel("tests/bpf/perf_only.o");
	wanted = 1000;
	collect.work = call_getppid;
	collect.see = see_extra;
	collect_run(with_pid("tests/bpf/perf_only.o", "", ", extra: true"));
	collect_assert_books();
	assert_int_equal(seen[0].records, wanted);
}

static void call_getpgid(void)
{
	for (uint64_t i = 0; i < wanted; i++)
		(void)syscall(SYS_getpgid, 0);
}

static void see_seed(const struct schema *schema, const uint8_t *row, uint32_t len,
		     const struct mark *mark)
{
	assert_null(mark);
	assert_string_equal(schema->event, "seed_perf");
	assert_int_equal(read_field(schema, row, len, "pid").u, getpid());
	assert_int_equal(read_field(schema, row, len, "asked").i, 0);
	seen[0].records++;
}

static void perf_arrays_of_the_older_convention_are_read(void **state)
{
	(void)state;
	need_kernel("tests/bpf/seed_perf.o");
	wanted = 1000;
	collect.work = call_getpgid;
	collect.see = see_seed;
	collect_run(with_pid("tests/bpf/seed_perf.o", "", ""));
	collect_assert_books();
	assert_int_equal(seen[0].records, wanted);
}

/* Longer than any nap, so that the reader goes to sleep; or until something is wrong. */
static void let_it_sleep(void)
{
	uint64_t until = uv_hrtime() + 2 * 1000 * 1000;

	while (uv_hrtime() < until)
		(void)sched_yield();
}

/* A reader that sleeps is woken by a single record: no other would come. */
static void work_until_seen(void)
{
	for (int i = 0; i < 1000; i++) {
		/* Sometimes so many in a row that wake-ups are left out, and had again. */
		int burst = i % 8 ? 1 : 100;

		for (int k = 0; k < burst; k++, wanted++)
			(void)syscall(SYS_getpgid, 0);
		while (__atomic_load_n(&seen[0].records, __ATOMIC_ACQUIRE) < wanted) {
			if (__atomic_load_n(&collected.is_late, __ATOMIC_RELAXED))
				return;
			(void)sched_yield();
		}
		if (i % 2)
			let_it_sleep();
	}
}

static void see_one(const struct schema *schema, const uint8_t *row, uint32_t len,
		    const struct mark *mark)
{
	(void)schema;
	(void)row;
	(void)len;
	assert_null(mark);
	(void)__atomic_add_fetch(&seen[0].records, 1, __ATOMIC_RELEASE);
}

static void perf_reader_wakes_up_for_every_single_record(void **state)
{
	(void)state;
	need_kernel("tests/bpf/seed_perf.o");
	collect.work = work_until_seen;
	collect.see = see_one;
	collect_run(with_pid("tests/bpf/seed_perf.o", "", ""));
	collect_assert_books();
	assert_int_equal(seen[0].records, wanted);
}

/* ---- the fall-back ---------------------------------------------------------- */

static void kernel_says_whether_it_has_rings(void **state)
{
	(void)state;
	need_kernel("tests/bpf/raw_tp.o");
	assert_int_equal(kernel_has_rings(),
			 libbpf_probe_bpf_map_type(BPF_MAP_TYPE_RINGBUF, NULL) == 1);
}

static void see_counts(const struct schema *schema, const uint8_t *row, uint32_t len,
		       const struct mark *mark)
{
	if (mark) {
		seen[0].lost += mark->n;
		return;
	}
	assert_true(read_field(schema, row, len, "count").u > seen[0].last_count);
	seen[0].last_count = read_field(schema, row, len, "count").u;
	seen[0].records++;
}

static void gadget_without_rings_delivers_through_perf_buffers(void **state)
{
	(void)state;
	need_kernel("tests/bpf/raw_tp.o");
	wanted = 100000;
	collect.work = call_getppid;
	collect.see = see_counts;
	collect_run(with_pid("tests/bpf/raw_tp.o", ", transport: perf", ""));
	collect_assert_books();
	assert_true(account()->has_attempts);
	assert_int_equal(account()->attempts, wanted);
	assert_int_equal(seen[0].records + account()->lost, wanted);
	assert_int_equal(seen[0].lost, account()->lost);
}

static void gadget_without_rings_counts_every_loss(void **state)
{
	(void)state;
	need_kernel("tests/bpf/raw_tp.o");
	wanted = 100000;
	collect.work = call_getppid;
	collect.see = see_counts;
	collect.is_stalled = until_worked;
	collect_run(with_pid("tests/bpf/raw_tp.o", ", transport: perf, ring: {size: 8KiB}",
			     ", discard: true"));
	collect_assert_books();
	assert_true(account()->lost > 0);
	assert_int_equal(account()->attempts, wanted);
	assert_int_equal(account()->discarded, wanted / 2);
	assert_int_equal(seen[0].records + account()->lost, wanted / 2);
	assert_int_equal(seen[0].lost, account()->lost);
}

static void gadget_that_needs_a_ring_says_so_when_it_gets_none(void **state)
{
	struct error err = ERROR_INIT;

	(void)state;
	need_kernel("bpf/trace_open/program.o");
	assert_int_equal(collect_new(with_gadget("bpf/trace_open", "transport: perf"), &err), 0);
	assert_int_equal(pipeline_start(collected.pipeline, &err), -ENOEXEC);
	if (!strstr(err.text, "does it send through rings only? see 'transport'"))
		fail_msg("%s", err.text);
}

static void map_that_can_only_be_a_ring_stays_one(void **state)
{
	struct error err = ERROR_INIT;

	(void)state;
	need_kernel("tests/bpf/seed_events.o");
	assert_int_equal(
		collect_new(with_gadget("tests/bpf/seed_events.o", "transport: perf"), &err), 0);
	assert_int_equal(pipeline_start(collected.pipeline, &err), -EOPNOTSUPP);
	assert_string_equal(err.text, "source 's': cannot load 'seed_events': map 'print_events' "
				      "can only be a ring (a GADGET_TRACER_MAP can be either)");
}

/* ---- several data sources ---------------------------------------------------- */

static unsigned source_of(const char *event)
{
	return !strcmp(event, "getppid") ? 0 : !strcmp(event, "getpgid") ? 1 : 2;
}

static void see_several(const struct schema *schema, const uint8_t *row, uint32_t len,
			const struct mark *mark)
{
	unsigned i = source_of(mark ? mark->event : schema->event);

	if (mark) {
		seen[i].lost += mark->n;
		seen[i].marks++;
		return;
	}
	assert_true(read_field(schema, row, len, "count").u > seen[i].last_count);
	seen[i].last_count = read_field(schema, row, len, "count").u;
	seen[i].records++;
}

static void call_all(void)
{
	stay_here();
	for (uint64_t i = 0; i < wanted; i++) {
		(void)syscall(SYS_getppid);
		(void)syscall(SYS_getpgid, 0);
		(void)syscall(SYS_getsid, 0);
	}
	has_worked = true;
}

static void assert_all_balance(bool has_lost)
{
	collect_assert_books();
	assert_int_equal(account()->attempts, 3 * wanted);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(seen[i].records + seen[i].lost, wanted);
		assert_true(seen[i].records > 0);
		assert_true(!has_lost || seen[i].lost > 0);
	}
	assert_int_equal(seen[0].lost + seen[1].lost + seen[2].lost, account()->lost);
}

static void several_sources_deliver_every_record(void **state)
{
	(void)state;
	need_kernel("tests/bpf/several.o");
	wanted = 50000;
	collect.work = call_all;
	collect.see = see_several;
	collect_run(with_pid("tests/bpf/several.o", ", ring: {size: 1MiB}", ""));
	assert_all_balance(false);
}

static void several_sources_count_every_loss_each(void **state)
{
	(void)state;
	need_kernel("tests/bpf/several.o");
	wanted = 50000;
	collect.work = call_all;
	collect.see = see_several;
	collect.is_stalled = until_worked;
	collect_run(with_pid("tests/bpf/several.o", "", ""));
	assert_all_balance(true);
}

static void sources_that_share_a_ring_are_refused(void **state)
{
	struct error err = ERROR_INIT;

	(void)state;
	need_kernel("tests/bpf/shared_ring.o");
	assert_int_equal(collect_new(with_gadget("tests/bpf/shared_ring.o", "max_wait: 1ms"), &err),
			 -EOPNOTSUPP);
	assert_non_null(strstr(err.text, "data source 'second' uses one map with other "
					 "data sources, which this version does not support"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, collect_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(perf_array_delivers_every_record),
		TEST(perf_array_says_where_every_record_was_lost),
		TEST(perf_records_that_are_too_short_end_in_zeros),
		TEST(perf_records_that_are_too_long_are_cut),
		TEST(perf_arrays_of_the_older_convention_are_read),
		TEST(perf_reader_wakes_up_for_every_single_record),
		TEST(kernel_says_whether_it_has_rings),
		TEST(gadget_without_rings_delivers_through_perf_buffers),
		TEST(gadget_without_rings_counts_every_loss),
		TEST(gadget_that_needs_a_ring_says_so_when_it_gets_none),
		TEST(map_that_can_only_be_a_ring_stays_one),
		TEST(several_sources_deliver_every_record),
		TEST(several_sources_count_every_loss_each),
		TEST(sources_that_share_a_ring_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
