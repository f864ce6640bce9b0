// SPDX-License-Identifier: GPL-2.0-only
/*
 * Records that are not as long as their struct.  A getsid(n) of the process --pid sends one of
 * each data source; the bits of n say what:
 *
 *   0-3  how many bytes stand behind the struct: 'a', 'b', 'c', ...
 *   4-7  how many the record says there are
 *   8    only the first 4 bytes of the struct are sent, and nothing else
 *
 * The two sources are the same but for their names: metadata can declare what is behind
 * the struct of one with its length, and of the other without.
 */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include <gadget/buffer.h>
#include <gadget/common.h>
#include <gadget/filter.h>

enum { BYTES = 15, SHORT = 256 };

struct counted {
	__u32 asked;
	__u32 length;
	gadget_mntns_id mntns_id;
};

struct plain {
	__u32 asked;
	__u32 length;
	gadget_mntns_id mntns_id;
};

struct sent {
	struct plain front;
	char rest[16];
};

_Static_assert(sizeof(struct counted) == 16 && sizeof(struct plain) == 16, "no padding");

GADGET_TRACER_MAP(counted_ring, 64 * 1024);
GADGET_TRACER_MAP(plain_ring, 64 * 1024);
GADGET_TRACER(counted, counted_ring, counted);
GADGET_TRACER(plain, plain_ring, plain);

SEC("tracepoint/syscalls/sys_enter_getsid")
int enter_getsid(struct trace_event_raw_sys_enter *ctx)
{
	__u32 asked = ctx->args[0];
	__u32 size = asked & SHORT ? sizeof(asked) : sizeof(struct plain) + (asked & BYTES);
	struct sent sent = { .front = { .asked = asked, .length = asked >> 4 & BYTES } };

	if (gadget_should_discard_data_current())
		return 0;
	sent.front.mntns_id = gadget_get_current_mntns_id();
	for (int i = 0; i < BYTES; i++)
		sent.rest[i] = 'a' + i;
	gadget_output_buf(ctx, &counted_ring, &sent, size);
	gadget_output_buf(ctx, &plain_ring, &sent, size);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
