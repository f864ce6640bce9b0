/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * FNV-1a, the hash of Fowler, Noll and Vo, of integers as little-endian bytes:
 *
 *	__u32 hash = fnv_32a_init();
 *
 *	fnv_32a_update_u64(&hash, address);
 *
 * Include <vmlinux.h> or <linux/types.h> first.
 */
#ifndef GADGET_FNV1A_H
#define GADGET_FNV1A_H

#include <gadget/macros.h>
#include <bpf/bpf_helpers.h>

#define FNV1_32_INIT  ((__u32)2166136261U)
#define FNV1_32_PRIME ((__u32)16777619U)
#define FNV1_64_INIT  ((__u64)14695981039346656037ULL)
#define FNV1_64_PRIME ((__u64)1099511628211ULL)

static __always_inline __u32 fnv_32a_init(void)
{
	return FNV1_32_INIT;
}

static __always_inline __u64 fnv_64a_init(void)
{
	return FNV1_64_INIT;
}

/* fnv_32a_update_u8 … fnv_64a_update_u64: take one more integer into the hash. */
#define __GADGET_FNV_UPDATE(bits, value_bits)                                                 \
	static __always_inline void fnv_##bits##a_update_u##value_bits(__u##bits *hash,       \
								       __u##value_bits value) \
	{                                                                                     \
		for (unsigned int shift = 0; shift < value_bits; shift += 8)                  \
			*hash = (*hash ^ (__u8)(value >> shift)) * FNV1_##bits##_PRIME;       \
	}

__GADGET_FNV_UPDATE(32, 8)
__GADGET_FNV_UPDATE(32, 16)
__GADGET_FNV_UPDATE(32, 32)
__GADGET_FNV_UPDATE(32, 64)
__GADGET_FNV_UPDATE(64, 8)
__GADGET_FNV_UPDATE(64, 16)
__GADGET_FNV_UPDATE(64, 32)
__GADGET_FNV_UPDATE(64, 64)

#endif
