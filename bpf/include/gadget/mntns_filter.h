/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Only the containers that are asked for: a set of mount namespaces.
 *
 * The loader finds the map and the variable by name.  While it does not filter, the
 * variable is false, the verifier removes the test, and nothing is looked up.
 *
 * Include <vmlinux.h> or <linux/bpf.h> first.
 */
#ifndef GADGET_MNTNS_FILTER_H
#define GADGET_MNTNS_FILTER_H

#include <gadget/mntns.h>

const volatile bool gadget_filter_by_mntns = false;

/* The set; only whether a key is there counts. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, gadget_mntns_id);
	__type(value, __u32);
} gadget_mntns_filter_map SEC(".maps");

/* True when the container is not one that is asked for. */
static __always_inline bool gadget_should_discard_mntns_id(gadget_mntns_id mntns_id)
{
	return gadget_filter_by_mntns && !bpf_map_lookup_elem(&gadget_mntns_filter_map, &mntns_id);
}

#endif
