/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Whose socket is it?  Packets and kernel sockets are looked up in the map
 * gadget_sockets, which the loader shares with the one that keeps it: sockets by network
 * namespace, family, protocol and local port.
 *
 * Define one of these before including:
 *
 *   GADGET_TYPE_NETWORKING  gadget_socket_lookup(skb), for socket filters and tc.  The
 *                           namespace is in skb->cb[0]; whoever calls the program puts
 *                           it there.
 *   GADGET_TYPE_TRACING     gadget_socket_lookup(sk, netns), for programs that see
 *                           kernel sockets
 *
 * The accesses to struct gadget_socket_value are relocated to the keeper's struct, so an
 * object that uses this needs a loader that knows it.
 *
 * Include <vmlinux.h> or <linux/bpf.h> first.
 */
#ifndef GADGET_SOCKETS_MAP_H
#define GADGET_SOCKETS_MAP_H

#include <gadget/types.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_core_read.h>

#define GADGET_MAX_SOCKETS 16384

/* Numbers of the protocols; the names of the kernel's headers stay free for the gadget. */
enum {
	__GADGET_SE_PACKET_HOST = 0,
	__GADGET_SE_ETH_HLEN = 14,
	__GADGET_SE_ETH_P_IP = 0x0800,
	__GADGET_SE_ETH_P_IPV6 = 0x86dd,
	__GADGET_SE_AF_INET = 2,
	__GADGET_SE_AF_INET6 = 10,
	__GADGET_SE_IPV6_HLEN = 40,
	__GADGET_SE_NEXTHDR_HOP = 0,
	__GADGET_SE_NEXTHDR_TCP = 6,
	__GADGET_SE_NEXTHDR_UDP = 17,
	__GADGET_SE_NEXTHDR_ROUTING = 43,
	__GADGET_SE_NEXTHDR_FRAGMENT = 44,
	__GADGET_SE_NEXTHDR_AUTH = 51,
	__GADGET_SE_NEXTHDR_DEST = 60,
};

struct gadget_socket_key {
	__u32 netns;
	__u16 family;
	__u8 proto; /* TCP or UDP */
	__u16 port; /* the local one, in host byte order */
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, GADGET_MAX_SOCKETS);
	__type(key, struct gadget_socket_key);
	__type(value, struct gadget_socket_value);
} gadget_sockets SEC(".maps");

/* What older sources call the two structs. */
#define sockets_key   gadget_socket_key
#define sockets_value gadget_socket_value

/* The owner of a socket as a struct gadget_process; NULL leaves `p` as it is. */
static __always_inline void
gadget_process_populate_from_socket(const struct gadget_socket_value *socket,
				    struct gadget_process *p)
{
	if (!socket)
		return;
	__builtin_memcpy(p->comm, socket->task, sizeof(p->comm));
	p->pid = (__u32)(socket->pid_tgid >> 32);
	p->tid = (__u32)socket->pid_tgid;
	p->mntns_id = socket->mntns;
	p->creds.uid = (__u32)socket->uid_gid;
	p->creds.gid = (__u32)(socket->uid_gid >> 32);
	__builtin_memcpy(p->parent.comm, socket->ptask, sizeof(p->parent.comm));
	p->parent.pid = socket->ppid;
	p->parent.tid = socket->ptid;
}

#ifdef GADGET_TYPE_NETWORKING

/* From an IPv6 header's next-header value to that of what it carries; moves `*at` there. */
static __always_inline bool __gadget_skip_ip6_options(const struct __sk_buff *skb, __u32 *at,
						      __u8 *proto)
{
	/* As many kinds of them as the kernel knows. */
	for (int i = 0; i < 6; i++) {
		__u8 option[2]; /* what follows it, and its length */

		if (*proto == __GADGET_SE_NEXTHDR_TCP || *proto == __GADGET_SE_NEXTHDR_UDP)
			return true;
		if (bpf_skb_load_bytes(skb, *at, option, sizeof(option)))
			return false;
		switch (*proto) {
		case __GADGET_SE_NEXTHDR_HOP:
		case __GADGET_SE_NEXTHDR_ROUTING:
		case __GADGET_SE_NEXTHDR_DEST:
			*at += 8 * (option[1] + 1);
			break;
		case __GADGET_SE_NEXTHDR_AUTH:
			*at += 4 * (option[1] + 2);
			break;
		case __GADGET_SE_NEXTHDR_FRAGMENT:
			*at += 8;
			break;
		default:
			return false;
		}
		*proto = option[0];
	}
	return *proto == __GADGET_SE_NEXTHDR_TCP || *proto == __GADGET_SE_NEXTHDR_UDP;
}

/* Family and protocol of a packet into `key`; where its ports are into `*at`. */
static __always_inline bool __gadget_find_ports(const struct __sk_buff *skb,
						struct gadget_socket_key *key, __u32 *at)
{
	__u16 ether;
	__u8 head[10];

	if (bpf_skb_load_bytes(skb, __GADGET_SE_ETH_HLEN - 2, &ether, sizeof(ether)) ||
	    bpf_skb_load_bytes(skb, __GADGET_SE_ETH_HLEN, head, sizeof(head)))
		return false;
	switch (bpf_ntohs(ether)) {
	case __GADGET_SE_ETH_P_IP:
		/* Only the first fragment has ports. */
		if ((head[6] & 0x1f) || head[7])
			return false;
		key->family = __GADGET_SE_AF_INET;
		key->proto = head[9];
		*at = __GADGET_SE_ETH_HLEN + 4 * (head[0] & 0xf);
		return key->proto == __GADGET_SE_NEXTHDR_TCP ||
		       key->proto == __GADGET_SE_NEXTHDR_UDP;
	case __GADGET_SE_ETH_P_IPV6:
		key->family = __GADGET_SE_AF_INET6;
		key->proto = head[6];
		*at = __GADGET_SE_ETH_HLEN + __GADGET_SE_IPV6_HLEN;
		return __gadget_skip_ip6_options(skb, at, &key->proto);
	default:
		return false;
	}
}

/*
 * The owner of the packet's local end, or NULL: its destination when it comes in, its
 * source when it goes out.  For tc, where skb->pkt_type does not tell which.
 */
static __always_inline struct gadget_socket_value *
gadget_socket_lookup_with_direction(const struct __sk_buff *skb, __u8 is_ingress)
{
	struct gadget_socket_key key;
	struct gadget_socket_value *socket;
	__u32 at = 0;
	__u16 port;

	__builtin_memset(&key, 0, sizeof(key));
	key.netns = skb->cb[0];
	if (!__gadget_find_ports(skb, &key, &at))
		return NULL;
	if (bpf_skb_load_bytes(skb, is_ingress ? at + 2 : at, &port, sizeof(port)))
		return NULL;
	key.port = bpf_ntohs(port);
	socket = bpf_map_lookup_elem(&gadget_sockets, &key);
	if (socket || key.family != __GADGET_SE_AF_INET)
		return socket;
	/* IPv4 may also end at a socket of both. */
	key.family = __GADGET_SE_AF_INET6;
	socket = bpf_map_lookup_elem(&gadget_sockets, &key);
	return socket && !socket->ipv6only ? socket : NULL;
}

/* The same where the kernel knows the direction: socket filters. */
static __always_inline struct gadget_socket_value *gadget_socket_lookup(const struct __sk_buff *skb)
{
	return gadget_socket_lookup_with_direction(skb, skb->pkt_type == __GADGET_SE_PACKET_HOST);
}

#endif

#ifdef GADGET_TYPE_TRACING

/* The owner of a kernel socket in network namespace `netns`, or NULL.  TCP and UDP only. */
static __always_inline struct gadget_socket_value *gadget_socket_lookup(const struct sock *sk,
									__u32 netns)
{
	const struct inet_sock *inet = (const struct inet_sock *)sk;
	struct gadget_socket_key key;

	__builtin_memset(&key, 0, sizeof(key));
	key.netns = netns;
	key.family = BPF_CORE_READ(sk, __sk_common.skc_family);
	key.proto = BPF_CORE_READ_BITFIELD_PROBED(sk, sk_protocol);
	if (key.proto != __GADGET_SE_NEXTHDR_TCP && key.proto != __GADGET_SE_NEXTHDR_UDP)
		return NULL;
	key.port = bpf_ntohs(BPF_CORE_READ(inet, inet_sport));
	return bpf_map_lookup_elem(&gadget_sockets, &key);
}

#endif

#ifdef GADGET_FILTER_H
# include <gadget/filter_socket.h>
#endif

#endif
