/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Packet filters the user writes: `--pf 'tcp port 80'`.
 *
 * GADGET_PF(name) makes an empty function; the loader puts the compiled expression at
 * its beginning, and without one it lets everything pass.  In a tc program:
 *
 *	GADGET_PF()
 *	…
 *	if (!gadget_pf_matches(skb, data, data_end))
 *		return TC_ACT_UNSPEC;
 *
 * A name, for programs with several filters, is the first argument of both.
 */
#ifndef GADGET_PACKETFILTER_H
#define GADGET_PACKETFILTER_H

#include <gadget/macros.h>
#include <bpf/bpf_helpers.h>

/*
 * The code put in uses the first three arguments as scratch, and finds the packet in the
 * fourth and fifth; the empty assembly keeps all five alive.  To match nothing, the
 * loader makes the last two equal.
 */
#define GADGET_PF(name)                                                                            \
	static __noinline bool gadget_pf_##name(void *_skb, void *__skb, void *___skb, void *data, \
						void *data_end)                                    \
	{                                                                                          \
		asm volatile(""                                                                    \
			     : "+r"(data), "+r"(data_end)                                          \
			     : "r"(_skb), "r"(__skb), "r"(___skb));                                \
		return data != data_end;                                                           \
	}

#define __GADGET_PF_PICK(_1, _2, _3, _4, pick, ...) pick

#define __GADGET_PF_UNNAMED(skb, data, data_end)     gadget_pf_(skb, skb, skb, data, data_end)
#define __GADGET_PF_NAMED(name, skb, data, data_end) gadget_pf_##name(skb, skb, skb, data, data_end)

/* gadget_pf_matches([name,] skb, data, data_end) */
#define gadget_pf_matches(...) \
	__GADGET_PF_PICK(__VA_ARGS__, __GADGET_PF_NAMED, __GADGET_PF_UNNAMED, )(__VA_ARGS__)

#endif
