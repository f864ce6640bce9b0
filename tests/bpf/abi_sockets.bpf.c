// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kernel sockets and their owners: sockets-map.h for programs that trace the kernel, included
 * before filter.h here (abi_packets has it the other way round).
 */
#include <vmlinux.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define GADGET_TYPE_TRACING
#include <gadget/sockets-map.h>
#include <gadget/buffer.h>
#include <gadget/common.h>
#include <gadget/filter.h>

struct change {
	gadget_netns_id netns_id;
	struct gadget_process proc;
};

GADGET_TRACER_MAP(changes, 256 * 1024);
GADGET_TRACER(changes, changes, change);

SEC("tp_btf/inet_sock_set_state")
int set_state(__u64 *ctx)
{
	const struct sock *sk = (const void *)ctx[0];
	__u32 netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
	struct gadget_socket_value *socket = gadget_socket_lookup(sk, netns);
	struct change *c;

	if (gadget_should_discard_data_by_skb(socket))
		return 0;
	c = gadget_reserve_buf(&changes, sizeof(*c));
	if (!c)
		return 0;
	__builtin_memset(c, 0, sizeof(*c));
	c->netns_id = netns;
	gadget_process_populate_from_socket(socket, &c->proc);
	gadget_submit_buf(ctx, &changes, c, sizeof(*c));
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
