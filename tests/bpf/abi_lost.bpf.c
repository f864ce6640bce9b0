// SPDX-License-Identifier: GPL-2.0-only
/*
 * A ring as other headers of the ABI leave it in an object: what found no room is counted in
 * <map>_lost_samples, and nobody counts attempts.  One record per getppid(2).
 */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include <gadget/filter.h>
#include <gadget/macros.h>

struct event {
	__u64 count;
	__u32 pid;
	char padding[116];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 64 * 1024);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} events_lost_samples SEC(".maps");

const void *gadget_map_tracer_events __attribute__((unused));
GADGET_TRACER(getppid, events, event);

__u64 calls;

SEC("tracepoint/syscalls/sys_enter_getppid")
int enter_getppid(struct trace_event_raw_sys_enter *ctx)
{
	struct event *event;
	__u32 zero = 0;
	__u64 *lost;

	if (gadget_should_discard_data_current())
		return 0;
	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (!event) {
		lost = bpf_map_lookup_elem(&events_lost_samples, &zero);
		if (lost)
			(*lost)++;
		return 0;
	}
	event->count = __sync_fetch_and_add(&calls, 1) + 1;
	event->pid = bpf_get_current_pid_tgid() >> 32;
	event->padding[0] = 0;
	bpf_ringbuf_submit(event, 0);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
