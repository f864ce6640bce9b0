/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * User stacks: a member `struct gadget_user_stack ustack` has the number of a stack and
 * who it is of; the maps have the addresses (ig_ustack) and, if asked for, the same as
 * build ids and offsets (ig_build_id).
 *
 * Nothing is collected unless the parameter collect_ustack is set; all members are 0
 * then.  By program type:
 *
 *   gadget_get_user_stack(ctx, &ustack)                   where ctx is a struct pt_regs *
 *                                                         or struct bpf_perf_event_data *
 *   gadget_get_user_stack_from_kprobe(ctx, &ustack)       any kprobe or uprobe
 *   gadget_get_user_stack_from_perf_event(ctx, &ustack)   perf_event
 *   gadget_get_user_stack_from_tracepoint(ctx, &ustack)   tracepoints
 *
 * With the parameter collect_otel_stack an OpenTelemetry profiler's program is called, if
 * somebody put one into otel_tc_kprobe or otel_tc_perf.  A program is only ever called by
 * one of its own type, and there is none for tracepoints: a gadget that asks for that is
 * refused by the verifier.
 *
 * Include <vmlinux.h> first.
 */
#ifndef GADGET_USER_STACK_MAP_H
#define GADGET_USER_STACK_MAP_H

#include <gadget/macros.h>
#include <gadget/types.h>
#include <gadget/core_fixes.bpf.h>
#include <gadget/fnv1a.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#define GADGET_USER_MAX_STACK_DEPTH       127
#define GADGET_USER_STACK_MAP_MAX_ENTRIES 10000

const volatile bool collect_ustack = false;
const volatile bool collect_build_id = false;
const volatile bool collect_otel_stack = false;
/* Sets max_entries of ig_build_id. */
const volatile int ig_build_id_max_entries = 1024;

GADGET_PARAM(collect_ustack)
GADGET_PARAM(collect_build_id)
GADGET_PARAM(collect_otel_stack)
GADGET_PARAM(ig_build_id_max_entries)

struct {
	__uint(type, BPF_MAP_TYPE_STACK_TRACE);
	__uint(max_entries, GADGET_USER_STACK_MAP_MAX_ENTRIES);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, GADGET_USER_MAX_STACK_DEPTH * sizeof(__u64));
} ig_ustack SEC(".maps");

/* By the number of a stack in ig_ustack. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, GADGET_USER_MAX_STACK_DEPTH * sizeof(struct bpf_stack_build_id));
} ig_build_id SEC(".maps");

/* What the profiler's program answers. */
struct generic_param {
	__u64 correlation_id;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct generic_param);
} otel_generic_params SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__array(values, int());
} otel_tc_kprobe SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__array(values, int());
} otel_tc_perf SEC(".maps");

/* A stack of zeros: too large for the program's own. */
static const struct bpf_stack_build_id __gadget_no_build_ids[GADGET_USER_MAX_STACK_DEPTH] = {};

/*
 * Tells one run of an executable from another: the same file is elsewhere in memory.
 */
static __always_inline __u32 gadget_get_base_addr_hash(struct task_struct *task)
{
	struct mm_struct *mm = BPF_CORE_READ(task, mm);
	__u32 hash = fnv_32a_init();

	fnv_32a_update_u64(&hash, (__u64)mm);
	fnv_32a_update_u64(&hash, BPF_CORE_READ(mm, start_code));
	fnv_32a_update_u64(&hash, BPF_CORE_READ(mm, start_stack));
	return hash;
}

/* The file `task` runs; a kernel thread runs none, and all is 0. */
static __always_inline void __gadget_user_stack_set_file(struct task_struct *task,
							 struct gadget_user_stack *ustack)
{
	struct inode *inode = BPF_CORE_READ(task, mm, exe_file, f_inode);
	__u32 device = BPF_CORE_READ(inode, i_sb, s_dev);

	/* As the kernel packs them: 12 bits and 20. */
	ustack->major = device >> 20;
	ustack->minor = device & 0xfffff;
	ustack->inode = BPF_CORE_READ(inode, i_ino);
	gadget_inode_get_mtime(inode, &ustack->mtime_sec, &ustack->mtime_nsec);
	ustack->base_addr_hash = gadget_get_base_addr_hash(task);
}

/* The names of `task` in the initial pid namespace and in the one below it, if it is in one. */
static __always_inline void __gadget_user_stack_set_task(struct task_struct *task,
							 struct gadget_user_stack *ustack)
{
	struct pid *pid = BPF_CORE_READ(task, thread_pid);
	struct upid *upid = (struct upid *)&pid->numbers;

	ustack->tgid_level0 = BPF_CORE_READ(task, tgid);
	ustack->pid_level0 = BPF_CORE_READ(upid, nr);
	ustack->pidns_level0 = BPF_CORE_READ(upid, ns, ns.inum);
	if (!BPF_CORE_READ(pid, level))
		return;
	upid++;
	ustack->pid_level1 = BPF_CORE_READ(upid, nr);
	ustack->pidns_level1 = BPF_CORE_READ(upid, ns, ns.inum);
}

/* The same stack as build ids, once for each stack. */
static __always_inline void __gadget_user_stack_keep_build_ids(void *ctx, __u32 stack_id)
{
	void *ids;

	if (bpf_map_update_elem(&ig_build_id, &stack_id, &__gadget_no_build_ids, BPF_NOEXIST))
		return;
	ids = bpf_map_lookup_elem(&ig_build_id, &stack_id);
	if (ids)
		(void)bpf_get_stack(ctx, ids, sizeof(__gadget_no_build_ids),
				    BPF_F_USER_STACK | BPF_F_USER_BUILD_ID);
}

static __always_inline void __gadget_user_stack_fill(void *ctx, struct gadget_user_stack *ustack)
{
	struct task_struct *task;

	__builtin_memset(ustack, 0, sizeof(*ustack));
	if (!collect_ustack)
		return;
	task = (struct task_struct *)bpf_get_current_task();
	ustack->stack_id =
		bpf_get_stackid(ctx, &ig_ustack, BPF_F_FAST_STACK_CMP | BPF_F_USER_STACK);
	ustack->boot_timestamp = bpf_ktime_get_boot_ns();
	__gadget_user_stack_set_file(task, ustack);
	__gadget_user_stack_set_task(task, ustack);
	if (collect_build_id && (__s32)ustack->stack_id >= 0)
		__gadget_user_stack_keep_build_ids(ctx, ustack->stack_id);
}

static __always_inline void __gadget_user_stack_set_otel(struct gadget_user_stack *ustack)
{
	__u32 zero = 0;
	const struct generic_param *answer = bpf_map_lookup_elem(&otel_generic_params, &zero);

	if (answer)
		ustack->otel_correlation_id = answer->correlation_id;
}

/* Functions of their own, because a tail call does not return to the one that makes it. */
static __noinline int __gadget_fetch_otel_stack_from_kprobe(void *ctx)
{
	bpf_tail_call(ctx, &otel_tc_kprobe, 0);
	return 0;
}

static __noinline int __gadget_fetch_otel_stack_from_perf_event(void *ctx)
{
	bpf_tail_call(ctx, &otel_tc_perf, 0);
	return 0;
}

static __always_inline void gadget_get_user_stack_from_kprobe(void *ctx,
							      struct gadget_user_stack *ustack)
{
	__gadget_user_stack_fill(ctx, ustack);
	if (!collect_ustack || !collect_otel_stack)
		return;
	__gadget_fetch_otel_stack_from_kprobe(ctx);
	__gadget_user_stack_set_otel(ustack);
}

static __always_inline void gadget_get_user_stack_from_perf_event(void *ctx,
								  struct gadget_user_stack *ustack)
{
	__gadget_user_stack_fill(ctx, ustack);
	if (!collect_ustack || !collect_otel_stack)
		return;
	__gadget_fetch_otel_stack_from_perf_event(ctx);
	__gadget_user_stack_set_otel(ustack);
}

static __always_inline void gadget_get_user_stack_from_tracepoint(void *ctx,
								  struct gadget_user_stack *ustack)
{
	if (collect_ustack && collect_otel_stack)
		bpf_core_unreachable();
	__gadget_user_stack_fill(ctx, ustack);
}

#define gadget_get_user_stack(ctx, ustack)                           \
	_Generic((ctx),                                              \
		struct pt_regs *: gadget_get_user_stack_from_kprobe, \
		struct bpf_perf_event_data *: gadget_get_user_stack_from_perf_event)(ctx, ustack)

#endif
