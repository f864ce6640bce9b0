// SPDX-License-Identifier: GPL-2.0-only
/*
 * Each call and macro of the headers that a tracer of tasks can use, once.  getsid(0) makes
 * one record with the answers.
 */
#include <vmlinux.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include <gadget/bits.bpf.h>
#include <gadget/buffer.h>
#include <gadget/common.h>
#include <gadget/core_fixes.bpf.h>
#include <gadget/filesystem.h>
#include <gadget/filter.h>
#include <gadget/fnv1a.h>
#include <gadget/kernel_stack_map.h>
#include <gadget/macros.h>
#include <gadget/maps.bpf.h>
#include <gadget/mntns_filter.h>
#include <gadget/types.h>
#include <gadget/user_stack_map.h>

const volatile int fd_number = 0;
GADGET_PARAM(fd_number);

struct call {
	gadget_timestamp timestamp_raw;
	struct gadget_process proc;
	gadget_mntns_id mntns_id;
	gadget_kernel_stack kstack_raw;
	struct gadget_user_stack ustack;
	gadget_syscall syscall_raw;
	__u64 arg;
	__s64 state;
	__u64 ctime;
	__u64 mtime_sec;
	__u64 calls;
	__u32 hash32;
	__u64 hash64;
	__u32 log;
	__u32 slot;
	bool discard_by_values;
	char cwd[GADGET_PATH_MAX];
	char file[GADGET_PATH_MAX];
	char start[8];
};

struct left {
	__u64 n;
};

GADGET_TRACER_MAP(events, 256 * 1024);
GADGET_TRACER(calls, events, call);
GADGET_TRACER_MAP(copies, 256 * 1024);
GADGET_TRACER(copies, copies, left);

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, __u64);
} by_task SEC(".maps");

/* Several stacks and paths would not fit into the 512 bytes of one function's stack. */
static __noinline int fill_numbers(struct call *c)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());
	struct inode *inode = BPF_CORE_READ(task, mm, exe_file, f_inode);
	__u32 pid, nsec;
	__u64 none = 0, *n;

	if (!c)
		return 0;
	pid = c->proc.pid;
	c->syscall_raw = gadget_get_syscall_nr(regs);
	c->arg = gadget_get_syscall_arg1(regs) + gadget_get_syscall_arg(regs, 1);
	c->state = get_task_state(task);
	c->ctime = gadget_get_ctime_nanosec_from_inode(inode);
	gadget_inode_get_mtime(inode, &c->mtime_sec, &nsec);
	c->hash32 = fnv_32a_init();
	fnv_32a_update_u8(&c->hash32, 'f');
	fnv_32a_update_u8(&c->hash32, 'o');
	fnv_32a_update_u16(&c->hash32, 'o' | 'b' << 8);
	fnv_32a_update_u16(&c->hash32, 'a' | 'r' << 8);
	c->hash64 = fnv_64a_init();
	fnv_64a_update_u32(&c->hash64, 0x626f6f66);
	fnv_64a_update_u16(&c->hash64, 'a' | 'r' << 8);
	c->log = log2(1000) * 100 + log2l(1ULL << 40);
	c->slot = get_slot_idx(0) + get_slot_idx(7);
	c->discard_by_values =
		gadget_should_discard_data(c->proc.mntns_id, c->proc.pid, c->proc.tid, c->proc.comm,
					   c->proc.creds.uid, c->proc.creds.gid);
	n = bpf_map_lookup_or_try_init(&by_task, &pid, &none);
	if (n)
		c->calls = __sync_fetch_and_add(n, 1) + 1;
	return 0;
}

static __noinline int fill_paths(struct call *c)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct path pwd = BPF_CORE_READ(task, fs, pwd);
	void *text = get_path_str(&pwd);

	if (!c)
		return 0;
	if (text)
		bpf_probe_read_kernel_str(c->cwd, sizeof(c->cwd), text);
	text = get_path_str_with_size(&pwd, sizeof(c->start));
	if (text)
		bpf_probe_read_kernel_str(c->start, sizeof(c->start), text);
	read_full_path_of_open_file_fd(fd_number, c->file, sizeof(c->file));
	return 0;
}

SEC("tracepoint/syscalls/sys_enter_getsid")
int enter_getsid(struct trace_event_raw_sys_enter *ctx)
{
	struct left left = {};
	struct call *c;

	if (gadget_should_discard_data_current())
		return 0;
	c = gadget_reserve_buf(&events, sizeof(*c));
	if (!c)
		return 0;
	c->discard_by_values = false;
	c->cwd[0] = 0;
	c->file[0] = 0;
	c->start[0] = 0;
	c->timestamp_raw = bpf_ktime_get_boot_ns();
	gadget_fill_current_process(&c->proc);
	c->mntns_id = gadget_get_mntns_id();
	c->kstack_raw = gadget_get_kernel_stack(ctx);
	gadget_get_user_stack_from_tracepoint(ctx, &c->ustack);
	fill_numbers(c);
	fill_paths(c);
	left.n = c->calls;
	if (ctx->args[0]) {
		gadget_discard_buf(c);
		return 0;
	}
	gadget_submit_buf(ctx, &events, c, sizeof(*c));
	gadget_output_buf(ctx, &copies, &left, sizeof(left));
	return 0;
}

/* What other kernels have, and this one need not. */
SEC("raw_tp/block_rq_complete")
int rq_complete(struct bpf_raw_tracepoint_args *ctx)
{
	struct gendisk *disk = get_disk((void *)ctx->args[0]);
	struct left left = {};

	left.n = has_block_rq_completion() + renamedata_has_old_mnt_userns_field() + has_kfree() +
		 has_kmem_cache_free();
	if (!disk && left.n > 4)
		bpf_core_unreachable();
	gadget_output_buf(ctx, &copies, &left, sizeof(left));
	return 0;
}

SEC("raw_tp/block_bio_complete")
int bio_complete(struct bpf_raw_tracepoint_args *ctx)
{
	struct left left = { .n = (__u64)get_gendisk((void *)ctx->args[1]) };

	gadget_output_buf(ctx, &copies, &left, sizeof(left));
	return 0;
}

SEC("tracepoint/tcp/tcp_retransmit_skb")
int retransmit(void *ctx)
{
	struct left left = {};

	left.n = (__u64)gadget_get_tcp_retransmit_skb_skbaddr(ctx) ^
		 (__u64)gadget_get_tcp_retransmit_skb_skaddr(ctx);
	gadget_output_buf(ctx, &copies, &left, sizeof(left));
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
