// SPDX-License-Identifier: GPL-2.0-only
/* Two data sources that send through one ring: nobody could tell their records apart. */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#define GADGET_NO_BUF_RESERVE
#include <gadget/buffer.h>

struct first {
	__u64 a;
};

struct second {
	__u64 b;
};

GADGET_TRACER_MAP(events, 64 * 1024);
GADGET_TRACER(first, events, first);
GADGET_TRACER(second, events, second);

SEC("raw_tp/sys_enter")
int enter_any(struct bpf_raw_tracepoint_args *ctx)
{
	struct first event = { .a = 1 };

	return (int)gadget_output_buf(ctx, &events, &event, sizeof(event));
}

char LICENSE[] SEC("license") = "GPL";
