// SPDX-License-Identifier: GPL-2.0-only
/*
 * Three data sources in one gadget: numbered records in a ring for each getppid(2) of the
 * process --pid, records without numbers in another ring for each getpgid(2), and records
 * in a perf event array for each getsid(2).  In each, `count` runs 1, 2, 3 …
 */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#define GADGET_NO_BUF_RESERVE
#include <gadget/buffer.h>
#include <gadget/filter.h>

struct numbered {
	gadget_seq seq;
	__u64 count;
	__u32 pid;
	char padding[108];
};

struct plain {
	__u64 count;
	__u32 pid;
	char padding[112];
	__u32 behind;
};

GADGET_TRACER_MAP(ppids, 64 * 1024);
GADGET_TRACER(getppid, ppids, numbered);

GADGET_TRACER_MAP(pgids, 64 * 1024);
GADGET_TRACER(getpgid, pgids, plain);

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
} sids SEC(".maps");

GADGET_COUNTER_MAP(sids_attempts);
GADGET_COUNTER_MAP(sids_lost_samples);
GADGET_TRACER(getsid, sids, plain);

__u64 ppid_calls, pgid_calls, sid_calls;

SEC("tracepoint/syscalls/sys_enter_getppid")
int enter_getppid(struct trace_event_raw_sys_enter *ctx)
{
	struct numbered *event;

	if (gadget_should_discard_data_current())
		return 0;
	event = gadget_reserve_event(&ppids, struct numbered);
	if (!event)
		return 0;
	event->count = __sync_fetch_and_add(&ppid_calls, 1) + 1;
	event->pid = bpf_get_current_pid_tgid() >> 32;
	event->padding[0] = 0;
	gadget_submit_buf(ctx, &ppids, event, sizeof(*event));
	return 0;
}

SEC("tracepoint/syscalls/sys_enter_getpgid")
int enter_getpgid(struct trace_event_raw_sys_enter *ctx)
{
	struct plain event = { .pid = bpf_get_current_pid_tgid() >> 32, .behind = 1 };

	if (gadget_should_discard_data_current())
		return 0;
	event.count = __sync_fetch_and_add(&pgid_calls, 1) + 1;
	(void)gadget_count_attempt(&pgids);
	if (bpf_ringbuf_output(&pgids, &event, sizeof(event), 0))
		gadget_count_lost(&pgids);
	return 0;
}

SEC("tracepoint/syscalls/sys_enter_getsid")
int enter_getsid(struct trace_event_raw_sys_enter *ctx)
{
	struct plain event = { .pid = bpf_get_current_pid_tgid() >> 32, .behind = 1 };

	if (gadget_should_discard_data_current())
		return 0;
	event.count = __sync_fetch_and_add(&sid_calls, 1) + 1;
	(void)gadget_count_attempt(&sids);
	if (bpf_perf_event_output(ctx, &sids, BPF_F_CURRENT_CPU, &event, sizeof(event)))
		gadget_count_lost(&sids);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
