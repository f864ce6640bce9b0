/* SPDX-License-Identifier: Apache-2.0 */
/*
 * syscalls: the system calls of this architecture, as <asm/unistd.h> had them
 * when the program was built.  tools/gen-syscalls writes the table.
 */
#ifndef GADGET_SYSCALLS_H
#define GADGET_SYSCALLS_H

#include <stdint.h>

struct syscall_name {
	uint32_t number;
	const char *name; /* "SYS_OPENAT" */
};

/* Ends with a NULL name. */
extern const struct syscall_name syscall_names[];

#endif
