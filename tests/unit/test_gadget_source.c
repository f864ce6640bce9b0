/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gadget source on the live kernel: real programs, triggered by system calls
 * of this very process, whose number is known.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gadget/load.h"
#include "live.h"

#define PATH "/etc/gadgetctl-test-no-such-file"

static _Atomic uint64_t calls; /* made by the workload so far */
static _Atomic bool has_worked;
static uint64_t wanted, matching;

static int setup(void **state)
{
	calls = wanted = matching = 0;
	has_worked = false;
	return collect_setup(state);
}

/* ---- exactness ----------------------------------------------------------- */

static void open_often(void)
{
	for (uint64_t i = 0; i < wanted; i++, calls++)
		assert_int_equal(open(PATH, O_RDONLY | O_CLOEXEC), -1);
	has_worked = true;
}

/* The path ends the record: it is as long as the record says, and cut at its NUL. */
static void match_path(const struct schema *schema, const uint8_t *row, uint32_t len,
		       const struct mark *mark)
{
	struct value path, ret;

	if (mark)
		return;
	path = read_field(schema, row, len, "fname");
	if (!is_text(&path, PATH))
		return;
	ret = read_field(schema, row, len, "ret");
	assert_int_equal(ret.i, -ENOENT);
	matching++;
}

static void gadget_delivers_every_record(void **state)
{
	(void)state;
	need_kernel("bpf/trace_open/program.o");
	wanted = 100000;
	collect.work = open_often;
	collect.see = match_path;
	collect_run(with_pid("bpf/trace_open", "", ""));
	collect_assert_books();
	assert_true(account()->has_attempts);
	/* Other threads of this process may open something too. */
	assert_true(matching + account()->lost >= wanted);
	assert_true(matching <= wanted);
	assert_int_equal(collected.missing, account()->lost);
	assert_int_equal(account()->attempts, account()->lost + account()->read);
}

static bool until_worked(void)
{
	return !has_worked;
}

static void call_getppid(void)
{
	for (uint64_t i = 0; i < wanted; i++, calls++)
		(void)syscall(SYS_getppid);
	has_worked = true;
}

static void gadget_counts_every_loss_and_says_where(void **state)
{
	(void)state;
	need_kernel("bpf/trace_open/program.o");
	wanted = 100000;
	collect.work = open_often;
	collect.see = match_path;
	collect.is_stalled = until_worked;
	collect_run(with_pid("bpf/trace_open", ", ring: {size: 64KiB}", ""));
	collect_assert_books();
	assert_true(collected.was_stalled);
	assert_true(account()->lost > 0);
	assert_true(account()->attempts >= wanted);
	assert_int_equal(account()->attempts, account()->lost + collected.records);
	assert_int_equal(collected.missing, account()->lost);
	assert_true(collected.marks > 0);
}

static void gadget_books_show_a_single_hidden_drop(void **state)
{
	struct error err = ERROR_INIT;

	(void)state;
	need_kernel("tests/bpf/hide_drop.o");
	wanted = 100000;
	collect.work = call_getppid;
	collect.is_stalled = until_worked;
	collect_run(with_pid("tests/bpf/hide_drop.o", "", ""));
	assert_true(account()->lost > 0);
	assert_int_equal(account()->attempts, wanted);
	assert_int_equal(account()->attempts, account()->lost + account()->read + 1);
	assert_int_equal(books_check(collected.books, &err), -ENOTRECOVERABLE);
}

static uint64_t next_count;

static void see_odd_counts(const struct schema *schema, const uint8_t *row, uint32_t len,
			   const struct mark *mark)
{
	assert_null(mark);
	assert_int_equal(read_field(schema, row, len, "count").u, next_count);
	next_count += 2;
}

static void gadget_counts_what_the_program_took_back(void **state)
{
	(void)state;
	need_kernel("tests/bpf/raw_tp.o");
	wanted = 2000;
	next_count = 1;
	collect.work = call_getppid;
	collect.see = see_odd_counts;
	collect_run(with_pid("tests/bpf/raw_tp.o", "", ", discard: true"));
	collect_assert_books();
	assert_int_equal(account()->attempts, wanted);
	assert_int_equal(account()->discarded, wanted / 2);
	assert_int_equal(collected.records, wanted / 2);
}

/* Without sequence numbers a mark tells what the counter has grown by. */
static void gadget_tells_losses_of_records_without_numbers(void **state)
{
	(void)state;
	need_kernel("tests/bpf/raw_tp.o");
	wanted = 100000;
	collect.work = call_getppid;
	collect.is_stalled = until_worked;
	collect_run(with_pid("tests/bpf/raw_tp.o", ", ring: {size: 4KiB}", ""));
	collect_assert_books();
	assert_true(account()->lost > 0);
	assert_int_equal(account()->attempts, wanted);
	assert_int_equal(collected.missing, account()->lost);
}

/* ---- kinds of programs and records ---------------------------------------- */

static void call_getpgid(void)
{
	for (uint64_t i = 0; i < wanted; i++)
		(void)syscall(SYS_getpgid, 0);
}

static void see_seed_event(const struct schema *schema, const uint8_t *row, uint32_t len,
			   const struct mark *mark)
{
	assert_null(mark);
	assert_string_equal(schema->event, "seed_events");
	assert_int_equal(read_field(schema, row, len, "pid").u, getpid());
	assert_int_equal(read_field(schema, row, len, "asked").i, 0);
	assert_true(read_field(schema, row, len, "comm").s.len > 0);
}

static void gadget_reads_rings_of_the_older_convention(void **state)
{
	(void)state;
	need_kernel("tests/bpf/seed_events.o");
	wanted = 1000;
	collect.work = call_getpgid;
	collect.see = see_seed_event;
	collect_run(with_pid("tests/bpf/seed_events.o", "", ""));
	collect_assert_books();
	assert_false(account()->has_attempts);
	assert_int_equal(collected.records, wanted);
}

static void call_getsid(void)
{
	for (uint64_t i = 0; i < wanted; i++)
		(void)syscall(SYS_getsid, 0);
}

static void see_shapes(const struct schema *schema, const uint8_t *row, uint32_t len,
		       const struct mark *mark)
{
	struct value strings, bytes, full, stale;

	assert_null(mark);
	assert_int_equal(read_field(schema, row, len, "u8").u, 200);
	assert_int_equal(read_field(schema, row, len, "s8").i, -100);
	assert_int_equal(read_field(schema, row, len, "u16").u, 60000);
	assert_int_equal(read_field(schema, row, len, "s16").i, -30000);
	assert_int_equal(read_field(schema, row, len, "s32").i, -2000000000);
	assert_true(read_field(schema, row, len, "u64").u == UINT64_MAX);
	assert_true(read_field(schema, row, len, "s64").i == INT64_MIN);
	assert_true(read_field(schema, row, len, "yes").b);
	assert_false(read_field(schema, row, len, "no").b);
	assert_int_equal(read_field(schema, row, len, "color_raw").u, 40);
	assert_int_equal(read_field(schema, row, len, "inner.point.x").i, -1);
	assert_int_equal(read_field(schema, row, len, "anonymous_b").u, 12);
	assert_int_equal(read_field(schema, row, len, "as_number").u, 0x04030201);
	bytes = read_field(schema, row, len, "as_bytes");
	assert_memory_equal(bytes.s.at, "\1\2\3\4", 4);
	full = read_field(schema, row, len, "full");
	assert_true(is_text(&full, "full"));
	stale = read_field(schema, row, len, "stale");
	assert_true(is_text(&stale, "new"));
	strings = read_field(schema, row, len, "strings");
	assert_int_equal(strings.s.len, sizeof("one\0\0three"));
	assert_memory_equal(strings.s.at, "one\0\0three", sizeof("one\0\0three"));
	assert_int_equal(read_field(schema, row, len, "bits_a").u, 5);
	assert_int_equal(read_field(schema, row, len, "bits_b").u, 100);
	assert_null(schema_find(schema, "__private"));
	assert_null(schema_find(schema, "seq"));
}

static void gadget_reads_members_of_every_shape(void **state)
{
	(void)state;
	need_kernel("tests/bpf/shapes.o");
	wanted = 100;
	collect.work = call_getsid;
	collect.see = see_shapes;
	collect_run(with_pid("tests/bpf/shapes.o", "", ""));
	collect_assert_books();
	assert_int_equal(collected.records, wanted);
}

static void rename_often(void)
{
	for (uint64_t i = 0; i < wanted; i++)
		(void)prctl(PR_SET_NAME, i % 2 ? "odd" : "even");
}

static void see_rename(const struct schema *schema, const uint8_t *row, uint32_t len,
		       const struct mark *mark)
{
	struct value new;
	struct value pid = read_field(schema, row, len, "proc.pid");

	assert_null(mark);
	assert_int_equal(pid.u, getpid());
	new = read_field(schema, row, len, "new");
	matching += is_text(&new, "odd") || is_text(&new, "even");
}

static void gadget_attaches_to_tp_btf(void **state)
{
	(void)state;
	need_kernel("tests/bpf/tp_btf.o");
	wanted = 1000;
	collect.work = rename_often;
	collect.see = see_rename;
	collect_run(with_pid("tests/bpf/tp_btf.o", "", ""));
	collect_assert_books();
	assert_int_equal(matching, wanted);
}

/* ---- set-up -------------------------------------------------------------- */

static void refuses(const char *text, int code, const char *expected)
{
	struct error err = ERROR_INIT;
	char line[2048];

	assert_int_equal(collect_new(text, &err), -code);
	(void)error_format(&err, line, sizeof(line));
	if (!strstr(line, expected))
		fail_msg("'%s' does not say '%s'", line, expected);
}

static void gadget_says_which_parameter_is_wrong_and_where(void **state)
{
	(void)state;
	need_kernel("bpf/trace_open/program.o");
	refuses(with_gadget("bpf/trace_open", "params: {pidd: 1}"), EINVAL,
		"gadget 'trace_open' has no parameter 'pidd' (did you mean 'pid'?)");
	refuses(with_gadget("bpf/trace_open", "params: {pid: -1}"), ERANGE,
		"parameter 'pid' of gadget 'trace_open': '-1' is not from 0 to 4294967295");
	refuses(with_gadget("bpf/trace_open", "params: {pid: 4294967296}"), ERANGE,
		"'4294967296' is not from 0 to 4294967295");
	refuses(with_gadget("bpf/trace_open", "params: {failed: maybe}"), EINVAL,
		"'maybe' is neither true nor false");
	refuses(with_gadget("bpf/trace_open", "params: {comm: abcdefghijklmnopq}"), ERANGE,
		"'abcdefghijklmnopq' has 17 bytes, at most 16 fit");
	refuses(with_gadget("bpf/trace_open", "params: {pid: [1]}"), EINVAL, "test.yaml:1:");
}

static void gadget_refuses_ring_sizes_that_are_none(void **state)
{
	(void)state;
	need_kernel("bpf/trace_open/program.o");
	refuses(with_gadget("bpf/trace_open", "ring: {size: 96KiB}"), EINVAL,
		"ring.size must be a power of two");
}

static void gadget_says_where_it_looked(void **state)
{
	(void)state;
	refuses("sources: {s: {type: gadget, gadget: no_such}}\n"
		"sinks: {out: {type: collect, inputs: [s]}}\n",
		ENOENT, "no gadget 'no_such' in '");
	refuses(with_gadget("bpf/no_such/", ""), ENOENT, "no gadget at '");
}

/* In a child, because rights are not given back. */
static void gadget_says_which_rights_are_missing(void **state)
{
	struct error err = ERROR_INIT;
	int status;
	pid_t child;

	(void)state;
	need_kernel("bpf/trace_open/program.o");
	assert_int_equal(collect_new(with_gadget("bpf/trace_open", "max_wait: 1ms"), &err), 0);
	child = fork();
	if (child == 0) {
		struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
		struct __user_cap_data_struct none[2] = { { 0 } };

		if (syscall(SYS_capset, &header, none) != 0)
			_exit(3);
		if (pipeline_start(collected.pipeline, &err) != -EPERM)
			_exit(4);
		_exit(strcmp(err.text,
			     "source 's': cannot load 'trace_open': operation not permitted "
			     "(needs CAP_BPF and CAP_PERFMON; try as root)") != 0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void gadget_says_why_the_kernel_refused_a_program(void **state)
{
	struct error err = ERROR_INIT;

	(void)state;
	need_kernel("tests/bpf/refused.o");
	assert_int_equal(collect_new(with_gadget("tests/bpf/refused.o", "max_wait: 1ms"), &err), 0);
	assert_int_equal(pipeline_start(collected.pipeline, &err), -ENOEXEC);
	if (!strstr(err.text,
		    "cannot load 'refused': the kernel refused program 'enter_getppid' of "
		    "section 'tracepoint/syscalls/sys_enter_getppid': Permission denied; "
		    "the verifier says: ") ||
	    !strstr(err.text, "invalid access to map value"))
		fail_msg("%s", err.text);
}

static void gadget_that_never_started_leaves_nothing_behind(void **state)
{
	struct error err = ERROR_INIT;

	(void)state;
	need_kernel("bpf/trace_open/program.o");
	assert_int_equal(collect_new(with_gadget("bpf/trace_open", "max_wait: 1ms"), &err), 0);
}

static void nothing(void)
{
}

static void gadget_that_saw_nothing_ends(void **state)
{
	(void)state;
	need_kernel("tests/bpf/tp_btf.o");
	collect.work = nothing;
	collect_run(with_pid("tests/bpf/tp_btf.o", "", ""));
	collect_assert_books();
	assert_int_equal(collected.records, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, collect_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(gadget_delivers_every_record),
		TEST(gadget_counts_every_loss_and_says_where),
		TEST(gadget_books_show_a_single_hidden_drop),
		TEST(gadget_counts_what_the_program_took_back),
		TEST(gadget_tells_losses_of_records_without_numbers),
		TEST(gadget_reads_rings_of_the_older_convention),
		TEST(gadget_reads_members_of_every_shape),
		TEST(gadget_attaches_to_tp_btf),
		TEST(gadget_says_which_parameter_is_wrong_and_where),
		TEST(gadget_refuses_ring_sizes_that_are_none),
		TEST(gadget_says_where_it_looked),
		TEST(gadget_says_which_rights_are_missing),
		TEST(gadget_says_why_the_kernel_refused_a_program),
		TEST(gadget_that_never_started_leaves_nothing_behind),
		TEST(gadget_that_saw_nothing_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
