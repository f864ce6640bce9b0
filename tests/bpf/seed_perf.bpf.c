// SPDX-License-Identifier: GPL-2.0-only
/*
 * The older convention with a perf event array: print_<x>, whose definition names the type
 * of its records.  One record per getpgid(2) of the process --pid.
 */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include <gadget/filter.h>

struct event {
	__u32 pid;
	__s32 asked;
	char comm[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, struct event);
} print_events SEC(".maps");

SEC("tracepoint/syscalls/sys_enter_getpgid")
int enter_getpgid(struct trace_event_raw_sys_enter *ctx)
{
	struct event event = {};

	if (gadget_should_discard_data_current())
		return 0;
	event.pid = bpf_get_current_pid_tgid() >> 32;
	event.asked = (__s32)ctx->args[0];
	bpf_get_current_comm(event.comm, sizeof(event.comm));
	bpf_perf_event_output(ctx, &print_events, BPF_F_CURRENT_CPU, &event, sizeof(event));
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
