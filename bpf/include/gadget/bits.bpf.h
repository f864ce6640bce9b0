/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Logarithms, for histograms whose slots double in width.
 *
 * Include <vmlinux.h> or <linux/types.h> first.
 */
#ifndef GADGET_BITS_BPF_H
#define GADGET_BITS_BPF_H

#include <gadget/macros.h>
#include <bpf/bpf_helpers.h>

/* Number of the highest bit that is set, from 0; 0 for 0. */
static __always_inline __u64 log2l(__u64 v)
{
	__u64 bit = 0;

	for (unsigned int half = 32; half; half /= 2) {
		if (v >> half) {
			v >>= half;
			bit += half;
		}
	}
	return bit;
}

/* C has a function of this name, for floating point; there is none in BPF. */
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wincompatible-library-redeclaration"
static __always_inline __u64 log2(__u32 v)
{
	return log2l(v);
}
#pragma clang diagnostic pop

/* The slot of `v`: 0 for 0, 1 for 1, 2 for 2 and 3, 3 for 4 to 7 … 64. */
static __always_inline __u64 get_slot_idx(__u64 v)
{
	return v ? log2l(v) + 1 : 0;
}

#endif
