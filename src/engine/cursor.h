/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cursor: a place in the bytes a chunk still has to send.
 *
 * Sinks that write a stream (a pipe, a file, a socket) need the pending records
 * of a chunk as few long pieces of memory, and need to know, when the other side
 * took some of the bytes, how many whole records that was.  A cursor is both.
 * It only reads the chunk; two cursors may walk the same chunk, one for what was
 * written and one for what was acknowledged.
 *
 * Records that have a fate, and records of other routes, are stepped over.  The
 * fates a cursor has yet to pass must not change while it is in use.
 */
#ifndef ENGINE_CURSOR_H
#define ENGINE_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/chunk.h"

enum { CURSOR_ANY_ROUTE = UINT32_MAX };

struct cursor {
	const struct chunk *chunk;
	uint32_t route; /* or CURSOR_ANY_ROUTE */
	uint32_t rec;   /* all records before it are passed; nrecs: at the end */
	uint32_t skip;  /* bytes of it that are passed */
};

/* Stand in front of the first pending record of the route. */
void cursor_init(struct cursor *cursor, const struct chunk *chunk, uint32_t route);

static inline bool cursor_is_done(const struct cursor *cursor)
{
	return cursor->rec == cursor->chunk->nrecs;
}

/*
 * The bytes that come next: whole records, adjacent in memory, at most max
 * bytes of them.  When already the first is longer than max, its next max
 * bytes.  NULL at the end.  Does not move.
 */
const uint8_t *cursor_run(const struct cursor *cursor, size_t max, size_t *ret_len);

/*
 * Pass n bytes, at most as many as are left.  Afterwards all records before
 * cursor->rec are wholly passed, and cursor->skip says how far into the next one
 * it reached.  Returns the bytes that were passed: less than n only at the end.
 */
size_t cursor_advance(struct cursor *cursor, size_t n);

/* Bytes from here to the end. */
size_t cursor_left(const struct cursor *cursor);

#endif
