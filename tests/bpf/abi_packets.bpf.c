// SPDX-License-Identifier: GPL-2.0-only
/*
 * Packets and their owners: the headers without <vmlinux.h>, a socket filter, tc programs
 * with a packet filter of the user's, named and unnamed.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/types.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define GADGET_TYPE_NETWORKING
#include <gadget/buffer.h>
#include <gadget/filter.h>
#include <gadget/fnv1a.h>
#include <gadget/macros.h>
#include <gadget/packetfilter.h>
#include <gadget/sockets-map.h>
#include <gadget/types.h>

struct packet {
	gadget_timestamp timestamp_raw;
	gadget_netns_id netns_id;
	struct gadget_process proc;
	struct gadget_l4endpoint_t src;
	__u32 len;
	__u32 hash;
	bool has_cwd;
};

GADGET_TRACER_MAP(packets, 256 * 1024);
GADGET_TRACER(packets, packets, packet);

GADGET_PF();
GADGET_PF(other);

static __always_inline int report(struct __sk_buff *skb, const struct sockets_value *socket)
{
	struct packet *p;

	if (gadget_should_discard_data_by_skb(socket))
		return 0;
	p = gadget_reserve_buf(&packets, sizeof(*p));
	if (!p)
		return 0;
	__builtin_memset(p, 0, sizeof(*p));
	p->timestamp_raw = bpf_ktime_get_boot_ns();
	p->netns_id = skb->cb[0];
	p->len = skb->len;
	p->hash = fnv_32a_init();
	fnv_32a_update_u32(&p->hash, skb->len);
	gadget_process_populate_from_socket(socket, &p->proc);
	p->has_cwd = socket && bpf_core_field_exists(socket->cwd);
	gadget_submit_buf(skb, &packets, p, sizeof(*p));
	return 0;
}

SEC("socket1")
int seen(struct __sk_buff *skb)
{
	return report(skb, gadget_socket_lookup(skb));
}

SEC("classifier/ingress/in")
int comes_in(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;

	if (gadget_pf_matches(skb, data, end))
		report(skb, gadget_socket_lookup_with_direction(skb, 1));
	return TC_ACT_UNSPEC;
}

SEC("classifier/egress/out")
int goes_out(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;

	if (gadget_pf_matches(other, skb, data, end))
		report(skb, gadget_socket_lookup_with_direction(skb, 0));
	return TC_ACT_UNSPEC;
}

char LICENSE[] SEC("license") = "GPL";
