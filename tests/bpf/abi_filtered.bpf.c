// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the loader can put into a program that sees packets, without the owners of
 * sockets: these need a loader that keeps them, and this loads anywhere.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <linux/types.h>
#include <bpf/bpf_helpers.h>

#include <gadget/buffer.h>
#include <gadget/packetfilter.h>

struct packet {
	__u32 len;
};

GADGET_TRACER_MAP(packets, 64 * 1024);
GADGET_TRACER(packets, packets, packet);
GADGET_PF();
GADGET_PF(second);

SEC("tc")
int comes_in(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct packet *p;

	if (!gadget_pf_matches(skb, data, end) || !gadget_pf_matches(second, skb, data, end))
		return TC_ACT_UNSPEC;
	p = gadget_reserve_buf(&packets, sizeof(*p));
	if (!p)
		return TC_ACT_UNSPEC;
	p->len = skb->len;
	gadget_submit_buf(skb, &packets, p, sizeof(*p));
	return TC_ACT_UNSPEC;
}

char LICENSE[] SEC("license") = "GPL";
