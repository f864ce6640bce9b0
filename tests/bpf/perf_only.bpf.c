// SPDX-License-Identifier: GPL-2.0-only
/*
 * A perf event array, declared as such.  One record per getppid(2) of the process --pid,
 * with `count` running 1, 2, 3 …; without sequence numbers and counters: what is lost, and
 * where, is the kernel's to tell.  With --cut the last member is not sent; with --extra 64
 * bytes more are.
 */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include <gadget/filter.h>
#include <gadget/macros.h>

#define CHECKS 26

struct event {
	gadget_timestamp timestamp_raw;
	__u64 count;
	__u32 pid;
	__u32 checks[CHECKS]; /* all of them count + their index */
	__u32 last;
};

_Static_assert(sizeof(struct event) == 128, "no padding");

struct sent {
	struct event event;
	char behind[64];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__type(key, __u32);
	__type(value, __u32);
} events SEC(".maps");

GADGET_TRACER(getppid, events, event);

const volatile bool cut = false;
const volatile bool extra = false;
GADGET_PARAM(cut);
GADGET_PARAM(extra);

__u64 calls;

SEC("tracepoint/syscalls/sys_enter_getppid")
int enter_getppid(struct trace_event_raw_sys_enter *ctx)
{
	struct sent sent = {};
	struct event *event = &sent.event;

	if (gadget_should_discard_data_current())
		return 0;
	event->timestamp_raw = bpf_ktime_get_boot_ns();
	event->count = __sync_fetch_and_add(&calls, 1) + 1;
	event->pid = bpf_get_current_pid_tgid() >> 32;
	for (int i = 0; i < CHECKS; i++)
		event->checks[i] = (__u32)event->count + i;
	event->last = 77;
	__builtin_memset(sent.behind, -1, sizeof(sent.behind));
	if (extra)
		bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, &sent, sizeof(sent));
	else if (cut)
		bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, &sent, sizeof(*event) - 4);
	else
		bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, &sent, sizeof(*event));
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
