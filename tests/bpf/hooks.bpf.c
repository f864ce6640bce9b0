// SPDX-License-Identifier: GPL-2.0-only
/*
 * Programs that can be attached elsewhere, or not at all: one record for each run, of
 * the process --pid, that says which program it was.  The raw tracepoint reports what
 * has --match as its second argument (sys_enter: the system call; sys_exit: its result).
 */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <gadget/buffer.h>
#include <gadget/common.h>
#include <gadget/filter.h>

enum hooks_program { MOVABLE = 1, RAW, OFF, OFF_BTF, OFF_NOWHERE };

struct hooks_event {
	__u32 which;
};

GADGET_TRACER_MAP(events, 64 * 1024);
GADGET_TRACER(hooks, events, hooks_event);

const volatile __u64 match = ~0ull;
GADGET_PARAM(match)

/* A ring is a map too: this is its size in bytes. */
const volatile __u32 events_max_entries = 8192;
GADGET_PARAM(events_max_entries)

/* Called like the size of a map, but no constant, and so none. */
int events_attempts_max_entries = 0;

static __always_inline int report(void *ctx, enum hooks_program which)
{
	struct hooks_event *event;

	if (gadget_should_discard_data_current())
		return 0;
	event = gadget_reserve_buf(&events, sizeof(*event));
	if (!event)
		return 0;
	event->which = which;
	gadget_submit_buf(ctx, &events, event, sizeof(*event));
	return 0;
}

SEC("tracepoint/syscalls/sys_enter_getsid")
int movable(struct trace_event_raw_sys_enter *ctx)
{
	return report(ctx, MOVABLE);
}

SEC("raw_tp/sys_enter")
int raw(struct bpf_raw_tracepoint_args *ctx)
{
	return ctx->args[1] == match ? report(ctx, RAW) : 0;
}

SEC("tracepoint/syscalls/sys_enter_getsid/gadget_program_disabled")
int off(struct trace_event_raw_sys_enter *ctx)
{
	return report(ctx, OFF);
}

SEC("tp_btf/sys_enter/gadget_program_disabled")
int off_btf(__u64 *ctx)
{
	return report(ctx, OFF_BTF);
}

SEC("tp_btf/gadget_program_disabled")
int off_nowhere(__u64 *ctx)
{
	return report(ctx, OFF_NOWHERE);
}

char LICENSE[] SEC("license") = "GPL";
