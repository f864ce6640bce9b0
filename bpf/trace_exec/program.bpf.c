// SPDX-License-Identifier: GPL-2.0-only
/*
 * trace_exec: every program started, and every attempt that failed, with its argv.
 *
 * Success is seen at sched_process_exec, when the new program's memory holds
 * the whole argv in one piece (mm->arg_start to arg_end), whatever its size: a
 * record of just that size is reserved and filled in place.  The hook is tp_btf,
 * not the tracepoint of the same name: a tp_btf program can only be passed over
 * while it runs itself, one on the perf tracepoint also while any other does.
 *
 * Failure is seen at the return of execve and execveat, when the caller's memory is
 * still there; argv is then an array of pointers and is followed as far as the
 * scratch memory goes.
 */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#define GADGET_NO_BUF_RESERVE
#include <gadget/buffer.h>
#include <gadget/common.h>
#include <gadget/filter.h>
#include <gadget/syscall.h>

#define AT_FDCWD (-100)

#define FILENAME_MAX 512

/* The kernel never takes more than this for argv and environment together. */
#define ARGS_MAX (6 * 1024 * 1024)

/* Successful exec: what is kept of argv when the ring has no room for all of it. */
#define ARGS_CUT 4096

#define TAIL_MAX 4096

/* Failed exec: strings followed, bytes of each, and bytes of all. */
#define FAILED_ARGC   1024
#define FAILED_STRING 4096
#define FAILED_ARGS   16384

struct event {
	gadget_timestamp timestamp_raw;
	gadget_seq seq;
	struct gadget_process proc;
	__s32 ret;
	gadget_errno error_raw;
	gadget_uid loginuid;
	__u32 sessionid;
	__u32 args_count;
	__u32 args_size;
	char filename[FILENAME_MAX];
	bool filename_cut;
	bool args_cut;
	__u8 __unused[6];
	gadget_strings args[];
};

_Static_assert(sizeof(struct event) == __builtin_offsetof(struct event, args),
	       "the header of a record is all of the struct");

GADGET_TRACER_MAP(events, 8 * 1024 * 1024);
GADGET_TRACER(exec, events, event);

const volatile bool ignore_failed = false;
GADGET_PARAM(ignore_failed);

/* A failed exec's record; room for one more string behind the last one that fits. */
struct failed {
	char record[sizeof(struct event) + FAILED_ARGS + FAILED_STRING] __attribute__((aligned(8)));
	char path[FILENAME_MAX];
};

/* One per CPU is enough: tracepoint programs do not interrupt each other. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct failed);
} failed_scratch SEC(".maps");

/* And here: a tp_btf program does not interrupt itself. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, char[TAIL_MAX]);
} tail_scratch SEC(".maps");

/* What every record has; filename, args and their flags are up to the caller. */
static __always_inline void event_fill(struct event *event, long ret)
{
	const struct task_struct *task = bpf_get_current_task_btf();

	event->timestamp_raw = bpf_ktime_get_boot_ns();
	gadget_process_populate(&event->proc);
	event->ret = (__s32)ret;
	event->error_raw = ret < 0 ? (__u32)-ret : 0;
	/* Kernels without CONFIG_AUDIT have neither; "unset" is what they would say. */
	event->loginuid = GADGET_INVALID_ID;
	event->sessionid = GADGET_INVALID_ID;
	if (bpf_core_field_exists(task->loginuid)) {
		event->loginuid = task->loginuid.val;
		event->sessionid = task->sessionid;
	}
	__builtin_memset(event->__unused, 0, sizeof(event->__unused));
}

/*
 * A string read into `size` bytes that fills them may end just there, or go on: look at the
 * byte its NUL would be in.
 */
static __always_inline bool user_goes_on(const char *string, long n, __u32 size)
{
	char c = 0;

	return n == size && (bpf_probe_read_user(&c, 1, string + size - 1) || c);
}

static __always_inline bool kernel_goes_on(const char *string, long n, __u32 size)
{
	char c = 0;

	return n == size && (bpf_probe_read_kernel(&c, 1, string + size - 1) || c);
}

/* ---- success ------------------------------------------------------------- */

/* argv of the new program: where it is, how much of it is kept, and whether that is not all. */
struct args {
	const char *from;
	__u32 size;
	bool is_cut;
};

/*
 * Bytes are copied straight into the ring, in blocks of constant size, as the verifier
 * wants them: one block for each bit set in the size, largest first.  No loop, so it
 * is verified in no time; a loop over equal blocks made loading 35 ms longer.
 */
#define args_copy_bit(dynptr, args, bit)                                                \
	do {                                                                            \
		__u32 _at = (args)->size >> ((bit) + 1) << ((bit) + 1);                 \
		void *_to;                                                              \
                                                                                        \
		if (!((args)->size & 1u << (bit)))                                      \
			break;                                                          \
		_to = bpf_dynptr_data(dynptr, sizeof(struct event) + _at, 1u << (bit)); \
		if (!_to || bpf_probe_read_user(_to, 1u << (bit), (args)->from + _at))  \
			(args)->is_cut = true;                                          \
	} while (0)

/* The last bytes, less than the smallest block; they go through scratch memory. */
static __always_inline void args_copy_tail(const struct bpf_dynptr *dynptr, struct args *args)
{
	__u32 zero = 0;
	__u32 size = args->size & (TAIL_MAX - 1);
	__u32 at = args->size - size;
	char *tail = bpf_map_lookup_elem(&tail_scratch, &zero);

	if (!size || !tail)
		return;
	if (bpf_probe_read_user(tail, size, args->from + at))
		args->is_cut = true;
	bpf_dynptr_write(dynptr, sizeof(struct event) + at, tail, size, 0);
}

static __always_inline void args_copy(const struct bpf_dynptr *dynptr, struct args *args)
{
	args_copy_bit(dynptr, args, 22);
	args_copy_bit(dynptr, args, 21);
	args_copy_bit(dynptr, args, 20);
	args_copy_bit(dynptr, args, 19);
	args_copy_bit(dynptr, args, 18);
	args_copy_bit(dynptr, args, 17);
	args_copy_bit(dynptr, args, 16);
	args_copy_bit(dynptr, args, 15);
	args_copy_bit(dynptr, args, 14);
	args_copy_bit(dynptr, args, 13);
	args_copy_bit(dynptr, args, 12);
	args_copy_tail(dynptr, args);
}

_Static_assert(ARGS_MAX < 1 << 23 && TAIL_MAX == 1 << 12, "the bits above and the tail are all");

/*
 * Reserve a record for all of argv, or if the ring has no room for that, for the
 * beginning of it.  One attempt either way.
 */
static __always_inline long reserve(struct args *args, struct bpf_dynptr *dynptr)
{
	long err =
		bpf_ringbuf_reserve_dynptr(&events, sizeof(struct event) + args->size, 0, dynptr);

	if (!err || args->size <= ARGS_CUT)
		return err;
	gadget_discard_dynptr(dynptr);
	args->size = ARGS_CUT;
	args->is_cut = true;
	return bpf_ringbuf_reserve_dynptr(&events, sizeof(struct event) + ARGS_CUT, 0, dynptr);
}

static __always_inline void read_kernel_filename(struct event *event, const char *filename)
{
	long n = bpf_probe_read_kernel_str(event->filename, FILENAME_MAX, filename);

	if (n < 1)
		event->filename[0] = 0;
	event->filename_cut = kernel_goes_on(filename, n, FILENAME_MAX);
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(exec_succeeded, struct task_struct *task, pid_t old_pid, struct linux_binprm *bprm)
{
	const struct mm_struct *mm = task->mm;
	struct args args = { .from = (const char *)mm->arg_start };
	__u64 args_size = mm->arg_end - mm->arg_start;
	struct bpf_dynptr record;
	struct event *event;
	gadget_seq seq;

	if (gadget_should_discard_data_current())
		return 0;
	args.is_cut = args_size > ARGS_MAX;
	args.size = args.is_cut ? ARGS_MAX : (__u32)args_size;

	seq = gadget_count_attempt(&events);
	if (reserve(&args, &record)) {
		gadget_count_lost(&events);
		gadget_discard_dynptr(&record);
		return 0;
	}
	event = bpf_dynptr_data(&record, 0, sizeof(*event));
	if (!event) {
		gadget_discard_dynptr(&record);
		return 0;
	}
	event_fill(event, 0);
	event->seq = seq;
	event->args_count = (__u32)bprm->argc;
	event->args_size = (__u32)args_size;
	read_kernel_filename(event, bprm->filename);
	args_copy(&record, &args);
	event->args_cut = args.is_cut;
	gadget_submit_dynptr(&record);
	return 0;
}

/* ---- failure ------------------------------------------------------------- */

struct walk {
	struct event *event;
	const char *const *argv;
	__u32 count, size;
	bool is_cut;
};

/* Follow one pointer of argv; 1 ends the loop. */
static long walk_one(__u32 i, struct walk *walk)
{
	const char *string = NULL;
	__u32 size = walk->size;
	long n;

	if (bpf_probe_read_user(&string, sizeof(string), walk->argv + i)) {
		walk->is_cut = true;
		return 1;
	}
	if (!string)
		return 1;
	if (size >= FAILED_ARGS || i == FAILED_ARGC) {
		walk->is_cut = true;
		return 1;
	}
	/*
	 * When the kernel gave up before it read argv, a string may lie in a page that
	 * nobody has touched yet.  It is left empty, and the rest keep their places.
	 */
	n = bpf_probe_read_user_str(walk->event->args + size, FAILED_STRING, string);
	if (n < 1) {
		walk->event->args[size] = 0;
		n = 1;
		walk->is_cut = true;
	}
	walk->is_cut |= user_goes_on(string, n, FAILED_STRING);
	walk->count++;
	walk->size = size + (__u32)n;
	return 0;
}

static __always_inline void read_argv(struct event *event, const char *const *argv)
{
	struct walk walk = { .event = event, .argv = argv };

	if (argv)
		bpf_loop(FAILED_ARGC + 1, walk_one, &walk, 0);
	event->args_count = walk.count;
	event->args_size = walk.size;
	event->args_cut = walk.is_cut;
}

/*
 * Name the file as the kernel does after a success: relative to a descriptor it is
 * /dev/fd/N/path, and the descriptor's own file is /dev/fd/N.
 */
static __always_inline void read_filename(struct failed *failed, int dirfd, const char *path)
{
	struct event *event = (struct event *)failed->record;
	char *to = dirfd == AT_FDCWD ? event->filename : failed->path;
	long n = bpf_probe_read_user_str(to, FILENAME_MAX, path);

	if (n < 1)
		to[0] = 0;
	event->filename_cut = user_goes_on(path, n, FILENAME_MAX);
	if (dirfd == AT_FDCWD)
		return;
	if (to[0] == '/')
		n = BPF_SNPRINTF(event->filename, FILENAME_MAX, "%s", to);
	else if (to[0])
		n = BPF_SNPRINTF(event->filename, FILENAME_MAX, "/dev/fd/%d/%s", dirfd, to);
	else
		n = BPF_SNPRINTF(event->filename, FILENAME_MAX, "/dev/fd/%d", dirfd);
	event->filename_cut |= n > FILENAME_MAX;
}

static __always_inline int report_failure(long ret, int dirfd, const char *path,
					  const char *const *argv)
{
	__u32 zero = 0;
	struct failed *failed = bpf_map_lookup_elem(&failed_scratch, &zero);
	struct event *event;
	__u32 size;

	if (!failed)
		return 0;
	event = (struct event *)failed->record;
	event_fill(event, ret);
	read_filename(failed, dirfd, path);
	read_argv(event, argv);
	size = sizeof(*event) + event->args_size;
	if (size > sizeof(failed->record))
		size = sizeof(failed->record);
	gadget_output_event(&events, event, size);
	return 0;
}

static __always_inline bool is_wanted_failure(long ret)
{
	return ret < 0 && !ignore_failed && !gadget_should_discard_data_current();
}

SEC("tracepoint/syscalls/sys_exit_execve")
int exit_execve(struct trace_event_raw_sys_exit *ctx)
{
	const struct pt_regs___gadget *regs = gadget_syscall_regs();

	if (!is_wanted_failure(ctx->ret))
		return 0;
	return report_failure(ctx->ret, AT_FDCWD, (const char *)gadget_syscall_arg1(regs),
			      (const char *const *)gadget_syscall_arg2(regs));
}

SEC("tracepoint/syscalls/sys_exit_execveat")
int exit_execveat(struct trace_event_raw_sys_exit *ctx)
{
	const struct pt_regs___gadget *regs = gadget_syscall_regs();

	if (!is_wanted_failure(ctx->ret))
		return 0;
	return report_failure(ctx->ret, (int)gadget_syscall_arg1(regs),
			      (const char *)gadget_syscall_arg2(regs),
			      (const char *const *)gadget_syscall_arg3(regs));
}

char LICENSE[] SEC("license") = "GPL";
