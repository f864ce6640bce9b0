// SPDX-License-Identifier: GPL-2.0-only
/*
 * A program no kernel accepts: it writes behind the end of a map's value.
 */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include <gadget/buffer.h>

struct event {
	__u64 value;
};

GADGET_TRACER_MAP(events, 64 * 1024);
GADGET_TRACER(refused, events, event);

SEC("tracepoint/syscalls/sys_enter_getppid")
int enter_getppid(struct trace_event_raw_sys_enter *ctx)
{
	__u32 zero = 0;
	__u64 *value = bpf_map_lookup_elem(&events_attempts, &zero);

	if (value)
		value[100] = 1;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
