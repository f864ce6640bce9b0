// SPDX-License-Identifier: GPL-2.0-only
/*
 * trace_open: every open, openat, openat2 and creat, with its result.
 *
 * One program per system call, at its return, where the arguments are still saved
 * in the registers: an event can neither be half seen nor depend on a map between two
 * programs.  The path is read into scratch memory first and the record ends behind
 * the path's NUL, so the longest path the kernel takes fits and the usual one costs
 * its own length of ring.
 */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>

#define GADGET_NO_BUF_RESERVE
#include <gadget/buffer.h>
#include <gadget/common.h>
#include <gadget/filter.h>
#include <gadget/syscall.h>

#define PATH_MAX 4096
#define AT_FDCWD (-100)

#define O_WRONLY   01
#define O_CREAT    0100
#define O_TRUNC    01000
#define O_TMPFILE_ 020000000 /* the bit of O_TMPFILE that is not O_DIRECTORY */
#define S_IALLUGO  07777

struct event {
	gadget_timestamp timestamp_raw;
	gadget_seq seq;
	struct gadget_process proc;
	__s32 ret;
	gadget_errno error_raw;
	gadget_file_flags flags_raw;
	gadget_file_mode mode_raw;
	__s32 dirfd;
	char fname[PATH_MAX];
};

GADGET_TRACER_MAP(events, 16 * 1024 * 1024);
GADGET_TRACER(open, events, event);

const volatile bool targ_failed = false;
GADGET_PARAM(targ_failed);

/* One per CPU is enough: tracepoint programs do not interrupt each other. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct event);
} scratch SEC(".maps");

struct open_args {
	const char *path;
	__u32 flags;
	__u32 mode;
	__s32 dirfd;
};

static __always_inline bool is_wanted(long ret)
{
	if (targ_failed && ret >= 0)
		return false;
	return !gadget_should_discard_data_current();
}

/* Read the path; how many bytes it takes with its NUL.  Unreadable is empty. */
static __always_inline __u32 read_path(char *to, const char *from)
{
	long n = bpf_probe_read_user_str(to, PATH_MAX, from);

	if (n < 1 || n > PATH_MAX) {
		to[0] = 0;
		return 1;
	}
	return (__u32)n;
}

static __always_inline int report(const struct open_args *args, long ret)
{
	__u32 zero = 0;
	struct event *event = bpf_map_lookup_elem(&scratch, &zero);
	__u32 size;

	if (!event)
		return 0;
	event->timestamp_raw = bpf_ktime_get_boot_ns();
	gadget_process_populate(&event->proc);
	event->ret = (__s32)ret;
	event->error_raw = ret < 0 ? (__u32)-ret : 0;
	event->flags_raw = args->flags;
	event->mode_raw = args->mode;
	event->dirfd = args->dirfd;
	size = __builtin_offsetof(struct event, fname) + read_path(event->fname, args->path);
	gadget_output_event(&events, event, size);
	return 0;
}

/* What the register holds is a mode only if the call may create a file; so does the kernel. */
static __always_inline __u32 mode_of(__u32 flags, unsigned long mode)
{
	return flags & (O_CREAT | O_TMPFILE_) ? mode & S_IALLUGO : 0;
}

SEC("tracepoint/syscalls/sys_exit_openat")
int exit_openat(struct trace_event_raw_sys_exit *ctx)
{
	const struct pt_regs___gadget *regs = gadget_syscall_regs();
	struct open_args args;

	if (!is_wanted(ctx->ret))
		return 0;
	args.dirfd = (__s32)gadget_syscall_arg1(regs);
	args.path = (const char *)gadget_syscall_arg2(regs);
	args.flags = (__u32)gadget_syscall_arg3(regs);
	args.mode = mode_of(args.flags, gadget_syscall_arg4(regs));
	return report(&args, ctx->ret);
}

/* Flags and mode lie in user memory, and are 0 when the caller passed no readable memory. */
SEC("tracepoint/syscalls/sys_exit_openat2")
int exit_openat2(struct trace_event_raw_sys_exit *ctx)
{
	const struct pt_regs___gadget *regs = gadget_syscall_regs();
	struct {
		__u64 flags, mode;
	} how = {};
	struct open_args args;

	if (!is_wanted(ctx->ret))
		return 0;
	bpf_probe_read_user(&how, sizeof(how), (const void *)gadget_syscall_arg3(regs));
	args.dirfd = (__s32)gadget_syscall_arg1(regs);
	args.path = (const char *)gadget_syscall_arg2(regs);
	args.flags = (__u32)how.flags;
	args.mode = (__u32)how.mode;
	return report(&args, ctx->ret);
}

/* arm64 was born without these two. */
#if defined(__TARGET_ARCH_x86)

SEC("tracepoint/syscalls/sys_exit_open")
int exit_open(struct trace_event_raw_sys_exit *ctx)
{
	const struct pt_regs___gadget *regs = gadget_syscall_regs();
	struct open_args args;

	if (!is_wanted(ctx->ret))
		return 0;
	args.dirfd = AT_FDCWD;
	args.path = (const char *)gadget_syscall_arg1(regs);
	args.flags = (__u32)gadget_syscall_arg2(regs);
	args.mode = mode_of(args.flags, gadget_syscall_arg3(regs));
	return report(&args, ctx->ret);
}

SEC("tracepoint/syscalls/sys_exit_creat")
int exit_creat(struct trace_event_raw_sys_exit *ctx)
{
	const struct pt_regs___gadget *regs = gadget_syscall_regs();
	struct open_args args;

	if (!is_wanted(ctx->ret))
		return 0;
	args.dirfd = AT_FDCWD;
	args.path = (const char *)gadget_syscall_arg1(regs);
	args.flags = O_CREAT | O_WRONLY | O_TRUNC;
	args.mode = mode_of(args.flags, gadget_syscall_arg2(regs));
	return report(&args, ctx->ret);
}

#endif

char LICENSE[] SEC("license") = "GPL";
