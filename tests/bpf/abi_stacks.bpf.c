// SPDX-License-Identifier: GPL-2.0-only
/*
 * User stacks from programs of two types in one object, chosen by the type of the context.
 */
#include <vmlinux.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include <gadget/buffer.h>
#include <gadget/kernel_stack_map.h>
#include <gadget/macros.h>
#include <gadget/types.h>
#include <gadget/user_stack_map.h>

struct profile {
	gadget_kernel_stack kstack_raw;
	struct gadget_user_stack ustack;
};

GADGET_TRACER_MAP(samples, 256 * 1024);
GADGET_TRACER(samples, samples, profile);

SEC("perf_event")
int each_sample(struct bpf_perf_event_data *ctx)
{
	struct profile *s = gadget_reserve_buf(&samples, sizeof(*s));

	if (!s)
		return 0;
	s->kstack_raw = gadget_get_kernel_stack(ctx);
	gadget_get_user_stack(ctx, &s->ustack);
	gadget_submit_buf(ctx, &samples, s, sizeof(*s));
	return 0;
}

SEC("uprobe/libc:malloc")
int each_malloc(struct pt_regs *ctx)
{
	struct profile *s = gadget_reserve_buf(&samples, sizeof(*s));

	if (!s)
		return 0;
	s->kstack_raw = gadget_get_kernel_stack(ctx);
	gadget_get_user_stack(ctx, &s->ustack);
	gadget_submit_buf(ctx, &samples, s, sizeof(*s));
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
