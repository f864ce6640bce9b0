/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file: whole files, in one go, for set-up code.
 */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"

/*
 * Read a regular file of at most `max` bytes into the arena, with a NUL behind.
 * Never waits for somebody (a FIFO is no regular file).  Errors: what open and
 * read say; -EINVAL for what is no file; -EFBIG.  Messages do not name the path.
 */
int file_read(struct arena *arena, const char *path, size_t max, const char **ret_bytes,
	      size_t *ret_len, struct error *err) __attribute__((warn_unused_result));

/*
 * Replace a file, or make it, so that it is the old or the new one whatever
 * happens.  It keeps its mode; a new one has 0666 without the umask.  A symbolic
 * link stays, and what it leads to is replaced.  Messages name the path.
 */
int file_replace(const char *path, const void *bytes, size_t len, struct error *err)
	__attribute__((warn_unused_result));

#endif
