// SPDX-License-Identifier: GPL-2.0-only
/*
 * A record handed over in each way the ABI has, by getsid(0), (1) and (2).  Nothing in it
 * is relocated but the choice between a ring and a perf event array, so it can be loaded
 * as on a kernel that has no rings.
 */
#include <linux/bpf.h>
#include <linux/types.h>
#include <bpf/bpf_helpers.h>

#include <gadget/buffer.h>

struct asked {
	__u32 how;
};

/* The first 16 bytes of the context are not ours. */
struct sys_enter {
	__u64 common[2];
	__u64 args[6];
};

const volatile __u32 targ_pid = 0;
GADGET_PARAM(targ_pid);

GADGET_TRACER_MAP(events, 64 * 1024);
GADGET_TRACER(asked, events, asked);

SEC("tracepoint/syscalls/sys_enter_getsid")
int enter_getsid(struct sys_enter *ctx)
{
	struct asked mine = { .how = ctx->args[0] }, *asked;

	if (targ_pid && targ_pid != bpf_get_current_pid_tgid() >> 32)
		return 0;
	if (mine.how == 2) {
		gadget_output_buf(ctx, &events, &mine, sizeof(mine));
		return 0;
	}
	asked = gadget_reserve_buf(&events, sizeof(*asked));
	if (!asked)
		return 0;
	*asked = mine;
	if (mine.how == 1)
		gadget_discard_buf(asked);
	else
		gadget_submit_buf(ctx, &events, asked, sizeof(*asked));
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
