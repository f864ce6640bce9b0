// SPDX-License-Identifier: GPL-2.0-only
/*
 * A raw tracepoint and the calls of the ABI: one record per getppid(2) of the process
 * --pid, with `count` running 1, 2, 3 …  With --discard every second record is
 * reserved and then dropped, so its number is missing.
 */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include <gadget/buffer.h>
#include <gadget/common.h>
#include <gadget/filter.h>

#if defined(__TARGET_ARCH_arm64)
# define NR_getppid 173
#else
# define NR_getppid 110
#endif

struct event {
	gadget_timestamp timestamp_raw;
	struct gadget_process proc;
	__u64 count;
};

GADGET_TRACER_MAP(events, 256 * 1024);
GADGET_TRACER(getppid, events, event);

const volatile bool discard = false;
GADGET_PARAM(discard);

__u64 calls;

SEC("raw_tp/sys_enter")
int enter_any(struct bpf_raw_tracepoint_args *ctx)
{
	struct event *event;

	if (ctx->args[1] != NR_getppid || gadget_should_discard_data_current())
		return 0;
	event = gadget_reserve_buf(&events, sizeof(*event));
	if (!event)
		return 0;
	event->count = __sync_fetch_and_add(&calls, 1) + 1;
	if (discard && event->count % 2 == 0) {
		gadget_discard_buf(event);
		return 0;
	}
	event->timestamp_raw = bpf_ktime_get_boot_ns();
	gadget_process_populate(&event->proc);
	gadget_submit_buf(ctx, &events, event, sizeof(*event));
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
