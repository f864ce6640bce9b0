/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tracefs: the numbers by which perf knows the kernel's tracepoints.
 *
 * They stand in files of tracefs.  Where nobody has mounted it (containers,
 * chroots, minimal systems) a mount of our own is made that no path leads to and
 * that goes away with its descriptor, so the host is left as it was.
 */
#ifndef GADGET_TRACEFS_H
#define GADGET_TRACEFS_H

#include <stdint.h>

/* A descriptor of the root of tracefs, to be closed; or a negative errno. */
int tracefs_open(void);

/* The number of tracepoint category/name; -ENOENT when the kernel has none. */
int tracefs_event_id(int tracefs, const char *category, const char *name, uint64_t *ret_id)
	__attribute__((warn_unused_result));

#endif
