// SPDX-License-Identifier: GPL-2.0-only
/*
 * Data sources that are sets: iterators of one, two and three programs, an older source's
 * spelling, maps that are collected, an iterator over a map; and a program attached to
 * a socket map.
 */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>

#define GADGET_NO_BUF_RESERVE
#include <gadget/buffer.h>
#include <gadget/macros.h>
#include <gadget/types.h>

struct task_row {
	gadget_comm comm[TASK_COMM_LEN];
	gadget_pid pid;
	gadget_tid tid;
};

struct entry {
	__u32 key;
	__u64 value;
};

struct counted_key {
	gadget_pid pid;
};

struct counted_value {
	__u64 calls;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 128);
	__type(key, struct counted_key);
	__type(value, struct counted_value);
} counts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, __u64);
} table SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_SOCKMAP);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, __u64);
} sockets SEC(".maps");

GADGET_ITER(tasks, task_row, each_task);
GADGET_ITER(both, task_row, each_task, each_thread);
GADGET_ITER(all, task_row, each_task, each_thread, each_other);
GADGET_SNAPSHOTTER(older, task_row, each_task);
GADGET_ITER(elements, entry, each_element);
GADGET_ITER_TARGET_MAP(each_element, table);
GADGET_MAPITER(counted, counts);
GADGET_SK_TARGET_MAP(each_message, sockets);

static __always_inline int write_row(struct bpf_iter__task *ctx, bool is_leader)
{
	struct task_struct *task = ctx->task;
	struct task_row row = {};

	if (!task || (task->tgid == task->pid) != is_leader)
		return 0;
	__builtin_memcpy(row.comm, task->comm, sizeof(row.comm));
	row.pid = task->tgid;
	row.tid = task->pid;
	bpf_seq_write(ctx->meta->seq, &row, sizeof(row));
	return 0;
}

SEC("iter/task")
int each_task(struct bpf_iter__task *ctx)
{
	return write_row(ctx, true);
}

SEC("iter/task")
int each_thread(struct bpf_iter__task *ctx)
{
	return write_row(ctx, false);
}

SEC("iter/task")
int each_other(struct bpf_iter__task *ctx)
{
	return write_row(ctx, false);
}

SEC("iter/bpf_map_elem")
int each_element(struct bpf_iter__bpf_map_elem *ctx)
{
	struct entry entry = {};
	__u32 *key = ctx->key;
	__u64 *value = ctx->value;

	if (!key || !value)
		return 0;
	entry.key = *key;
	entry.value = *value;
	bpf_seq_write(ctx->meta->seq, &entry, sizeof(entry));
	return 0;
}

SEC("tracepoint/syscalls/sys_enter_getsid")
int enter_getsid(void *ctx)
{
	struct counted_key key = { .pid = bpf_get_current_pid_tgid() >> 32 };
	struct counted_value value = { .calls = 1 };

	bpf_map_update_elem(&counts, &key, &value, BPF_ANY);
	return 0;
}

SEC("sk_msg")
int each_message(struct sk_msg_md *msg)
{
	return SK_PASS;
}

char LICENSE[] SEC("license") = "GPL";
