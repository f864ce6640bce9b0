// SPDX-License-Identifier: GPL-2.0-only
/*
 * The older convention as it was described: no header of ours and no marker, a perf event
 * array whose definition has the size of its keys and the type of its records and nothing
 * else, texts that are arrays of __u8, a mount namespace that is a mnt_ns_id_t.  One record
 * per openat(2).
 */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#define TASK_COMM_LEN 16
#define NAME_MAX      255

typedef __u64 mnt_ns_id_t;

struct event {
	__u64 timestamp;
	__u32 pid;
	__u32 uid;
	__u32 gid;
	mnt_ns_id_t mntns_id;
	int ret;
	int flags;
	__u16 mode;
	__u8 comm[TASK_COMM_LEN];
	__u8 fname[NAME_MAX];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, sizeof(u32));
	__type(value, struct event);
} print_events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, u64);
	__type(value, struct event);
} started SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct event);
} scratch SEC(".maps");

SEC("tracepoint/syscalls/sys_enter_openat")
int enter_openat(struct trace_event_raw_sys_enter *ctx)
{
	u64 id = bpf_get_current_pid_tgid(), ids = bpf_get_current_uid_gid();
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	u32 zero = 0;
	struct event *event = bpf_map_lookup_elem(&scratch, &zero);

	if (!event)
		return 0;
	event->timestamp = bpf_ktime_get_boot_ns();
	event->pid = id >> 32;
	event->uid = ids;
	event->gid = ids >> 32;
	event->mntns_id = BPF_CORE_READ(task, nsproxy, mnt_ns, ns.inum);
	event->flags = ctx->args[2];
	event->mode = ctx->args[3];
	bpf_get_current_comm(event->comm, sizeof(event->comm));
	bpf_probe_read_user_str(event->fname, sizeof(event->fname), (void *)ctx->args[1]);
	bpf_map_update_elem(&started, &id, event, BPF_ANY);
	return 0;
}

SEC("tracepoint/syscalls/sys_exit_openat")
int exit_openat(struct trace_event_raw_sys_exit *ctx)
{
	u64 id = bpf_get_current_pid_tgid();
	struct event *event = bpf_map_lookup_elem(&started, &id);

	if (!event)
		return 0;
	event->ret = ctx->ret;
	bpf_perf_event_output(ctx, &print_events, BPF_F_CURRENT_CPU, event, sizeof(*event));
	bpf_map_delete_elem(&started, &id);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
