/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Markers: how a BPF object tells the loader what it contains.
 *
 * Each marker is an unused global pointer whose *name* carries the information;
 * the parts of the name are separated by three underscores, so no identifier
 * given to a marker may contain "___".  The loader reads the names from BTF and
 * never looks at the values.  Names and shapes are those of the Inspektor Gadget
 * ABI, so sources written for it compile here and the reverse.
 *
 * A program that traces the kernel includes <vmlinux.h> first, before anything of
 * <gadget/>; one that only sees packets includes <linux/bpf.h> and its like instead.
 *
 * In all these headers names that begin with two underscores are for the headers alone.
 */
#ifndef GADGET_MACROS_H
#define GADGET_MACROS_H

#ifndef __VMLINUX_H__
# include <linux/types.h>
# include <stdbool.h>
#endif

/* Names the kernel has as enumerators only since 6.1. */
#ifndef TASK_COMM_LEN
# define TASK_COMM_LEN 16
#endif

#define GADGET_MARKER(name) const void *name __attribute__((unused))

/*
 * The data source `name`: records of `struct type` arrive in `map`, a ring buffer or a
 * perf event array.  The second variable only keeps the struct in BTF when no program
 * names it.
 */
#define GADGET_TRACER(name, map, type)                            \
	GADGET_MARKER(gadget_tracer_##name##___##map##___##type); \
	const struct type *__gadget_tracer_type_##name __attribute__((unused));

/*
 * The data source `name`: what is in the hash map `map`, key and value together a row,
 * is collected periodically.  Key and value are plain structs.
 */
#define GADGET_MAPITER(name, map) GADGET_MARKER(gadget_mapiter_##name##___##map);

/*
 * The data source `name`: the one, two or three iterator programs named behind the type
 * (sections iter/…) are run, and write one `struct type` after the other.
 */
#define GADGET_ITER(name, type, ...)                                                         \
	__GADGET_ITER_PICK(__VA_ARGS__, __GADGET_ITER_3, __GADGET_ITER_2, __GADGET_ITER_1, ) \
	(name, type, __VA_ARGS__)

/* The name of GADGET_ITER in older sources. */
#define GADGET_SNAPSHOTTER(...) GADGET_ITER(__VA_ARGS__)

#define __GADGET_ITER_PICK(first, second, third, pick, ...) pick

#define __GADGET_ITER_1(name, type, a)                        \
	GADGET_MARKER(gadget_iter_##name##___##type##___##a); \
	__GADGET_ITER_TYPE(name, type)

#define __GADGET_ITER_2(name, type, a, b)                             \
	GADGET_MARKER(gadget_iter_##name##___##type##___##a##___##b); \
	__GADGET_ITER_TYPE(name, type)

#define __GADGET_ITER_3(name, type, a, b, c)                                  \
	GADGET_MARKER(gadget_iter_##name##___##type##___##a##___##b##___##c); \
	__GADGET_ITER_TYPE(name, type)

#define __GADGET_ITER_TYPE(name, type) \
	const struct type *unusedevent_##name##___##type __attribute__((unused));

/* The program `program`, in section iter/bpf_map_elem, visits the elements of `map`. */
#define GADGET_ITER_TARGET_MAP(program, map) \
	GADGET_MARKER(gadget_mapelem_iter_target_##program##___##map);

/* The program `program`, sk_skb or sk_msg, is attached to the socket map `map`. */
#define GADGET_SK_TARGET_MAP(program, map) GADGET_MARKER(gadget_sk_prog_target_##program##___##map);

/*
 * The user may set `var`, a `const volatile` global, before the gadget starts.
 * Its key, description and default stand in gadget.yaml under params.ebpf.
 */
#define GADGET_PARAM(var) GADGET_MARKER(gadget_param_##var);

#endif
