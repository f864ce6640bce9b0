/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kernel_enums: enums as the running kernel has them.
 *
 * The numbers of many kernel enums differ between kernels (enum skb_drop_reason
 * grows in the middle), and a record has those of the kernel it came from, while
 * the object has those of the kernel it was compiled for.  So a gadget's enum
 * gives way to the kernel's of the same name, if that has all of its names: an
 * enum that is called the same by chance has not.
 *
 * The kernel's BTF is read when the first enum is looked for, which takes some
 * milliseconds, and its types are looked at (another ten) only when the name
 * stands in it.  No privileges are needed; without BTF there are no enums.
 */
#ifndef GADGET_KERNEL_ENUMS_H
#define GADGET_KERNEL_ENUMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct btf;
struct btf_type;

struct kernel_enums {
	uint8_t *bytes;
	size_t size;
	struct btf *btf;
	bool is_read, is_parsed;
	uint32_t lookups; /* there is a limit */
};

/* The kernel's enum for enum `t` of `btf`, or NULL; it is in *ret_btf. */
const struct btf_type *kernel_enum(struct kernel_enums *enums, const struct btf *btf,
				   const struct btf_type *t, const struct btf **ret_btf);

void kernel_enums_release(struct kernel_enums *enums);

#endif
