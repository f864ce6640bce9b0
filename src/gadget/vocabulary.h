/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vocabulary: what Linux calls its numbers.
 *
 * Errors, signals, system calls and flags of open(2) are those of the machine
 * the program was built for.
 */
#ifndef GADGET_VOCABULARY_H
#define GADGET_VOCABULARY_H

#include "data/names.h"

enum words {
	WORDS_NONE,
	WORDS_ERRNO,      /* "ENOENT"; 0 is "", others are "error#N" */
	WORDS_SIGNAL,     /* "SIGKILL", "SIGRTMIN+3"; others are "signal#N" */
	WORDS_SYSCALL,    /* "SYS_OPENAT"; others are "SYS_UNKNOWN" */
	WORDS_OPEN_FLAGS, /* FLAGS: "O_WRONLY|O_CREAT", the access mode first */
	WORDS_PROTOCOL,   /* above IP: "TCP"; others are "proto#N" */
	WORDS_COUNT
};

/* The table, made in the arena; its texts are constant or in the arena too. */
const struct names *vocabulary_make(struct arena *arena, enum words words);

#endif
