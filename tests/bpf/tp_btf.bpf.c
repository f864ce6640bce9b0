// SPDX-License-Identifier: GPL-2.0-only
/*
 * A BTF tracepoint and sequence numbers: one record per change of a command name
 * (prctl PR_SET_NAME, or writing /proc/self/comm) by the process --pid.
 */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <gadget/buffer.h>
#include <gadget/common.h>
#include <gadget/filter.h>

struct event {
	gadget_timestamp timestamp_raw;
	gadget_seq seq;
	struct gadget_process proc;
	gadget_comm old[TASK_COMM_LEN];
	gadget_comm new[TASK_COMM_LEN];
};

GADGET_TRACER_MAP(events, 256 * 1024);
GADGET_TRACER(rename, events, event);

SEC("tp_btf/task_rename")
int BPF_PROG(renamed, struct task_struct *task, const char *comm)
{
	struct event *event;

	if (gadget_should_discard_data_current())
		return 0;
	event = gadget_reserve_event(&events, struct event);
	if (!event)
		return 0;
	event->timestamp_raw = bpf_ktime_get_boot_ns();
	gadget_process_populate(&event->proc);
	gadget_comm_copy(event->old, task->comm);
	bpf_probe_read_kernel_str(event->new, sizeof(event->new), comm);
	gadget_submit_buf(ctx, &events, event, sizeof(*event));
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
