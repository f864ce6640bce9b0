/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Maps that are filled as keys appear.
 *
 * Include <vmlinux.h> or <linux/bpf.h> first.
 */
#ifndef GADGET_MAPS_BPF_H
#define GADGET_MAPS_BPF_H

#include <gadget/macros.h>
#include <bpf/bpf_helpers.h>

#ifndef EEXIST
# define EEXIST 17
#endif

/*
 * The value of `key`; a new one, a copy of `*init`, when there is none.  NULL when the
 * map is full, or when another CPU deleted what this one had just made.
 */
static __always_inline void *bpf_map_lookup_or_try_init(void *map, const void *key,
							const void *init)
{
	void *value = bpf_map_lookup_elem(map, key);
	long err;

	if (value)
		return value;
	err = bpf_map_update_elem(map, key, init, BPF_NOEXIST);
	return err && err != -EEXIST ? NULL : bpf_map_lookup_elem(map, key);
}

#endif
