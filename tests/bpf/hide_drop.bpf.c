// SPDX-License-Identifier: GPL-2.0-only
/*
 * A tracer that lies once: of its failed reserves the first is not counted as lost.
 * Books that are kept by counting, not by subtraction, must come out one short.
 * One attempt per getppid(2) of the process --pid; the ring holds 64 KiB.
 */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include <gadget/buffer.h>
#include <gadget/common.h>
#include <gadget/filter.h>

struct event {
	gadget_timestamp timestamp_raw;
	gadget_seq seq;
	struct gadget_process proc;
};

GADGET_TRACER_MAP(events, 64 * 1024);
GADGET_TRACER(getppid, events, event);

__u64 failures;

SEC("tracepoint/syscalls/sys_enter_getppid")
int enter_getppid(struct trace_event_raw_sys_enter *ctx)
{
	struct event *event;
	gadget_seq seq;

	if (gadget_should_discard_data_current())
		return 0;
	seq = gadget_count_attempt(&events);
	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (!event) {
		if (__sync_fetch_and_add(&failures, 1) > 0)
			gadget_count_lost(&events);
		return 0;
	}
	event->timestamp_raw = bpf_ktime_get_boot_ns();
	event->seq = seq;
	gadget_process_populate(&event->proc);
	gadget_submit_buf(ctx, &events, event, sizeof(*event));
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
