/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Markers: how a BPF object tells the loader what it contains.
 *
 * Each marker is an unused global pointer whose *name* carries the information;
 * the parts of the name are separated by three underscores, so no identifier
 * given to a marker may contain "___".  The loader reads the names from BTF and
 * never looks at the values.  Names and shapes are those of the Inspektor Gadget
 * ABI, so sources written for it compile here and the reverse.
 */
#ifndef GADGET_MACROS_H
#define GADGET_MACROS_H

/* Names the kernel has as enumerators only since 6.1; include <vmlinux.h> before this. */
#ifndef TASK_COMM_LEN
# define TASK_COMM_LEN 16
#endif

#define GADGET_MARKER(name) const void *name __attribute__((unused))

/*
 * The data source `name`: records of `struct type` arrive in the ring `map`.
 * The second variable only keeps the struct in BTF when no program names it.
 */
#define GADGET_TRACER(name, map, type)                            \
	GADGET_MARKER(gadget_tracer_##name##___##map##___##type); \
	const struct type *__gadget_tracer_type_##name __attribute__((unused));

/*
 * The user may set `var`, a `const volatile` global, before the gadget starts.
 * Its key, description and default stand in gadget.yaml under params.ebpf.
 */
#define GADGET_PARAM(var) GADGET_MARKER(gadget_param_##var);

#endif
