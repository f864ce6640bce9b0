/* SPDX-License-Identifier: Apache-2.0 */
/*
 * arena: memory that lives as long as its owner and is freed in one go.
 *
 * Set-up code allocates from the arena of the thing it builds (a pipeline, a
 * node, a gadget) and never frees single pieces.  Memory is zeroed.  Running
 * out of memory at set-up ends the process: the amounts are small, and whatever
 * is sized by input has a limit of its own.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>
#include <stdint.h>

struct arena_block;

struct arena {
	struct arena_block *blocks;
	size_t bytes; /* handed out since init or reset */
};

#define ARENA_INIT ((struct arena){ 0 })

/* Zeroed bytes, aligned for any type (16).  Never NULL. */
void *arena_alloc(struct arena *arena, size_t size);

/* Zeroed array; the multiplication is checked. */
void *arena_array(struct arena *arena, size_t count, size_t size);

/* A copy of len bytes with a NUL behind. */
char *arena_strndup(struct arena *arena, const char *text, size_t len);
char *arena_strdup(struct arena *arena, const char *text);
char *arena_printf(struct arena *arena, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void *arena_memdup(struct arena *arena, const void *from, size_t size);

/* Give everything back.  The arena may be used again. */
void arena_release(struct arena *arena);

/*
 * malloc family for what an arena does not fit (pools, growing arrays):
 * they end the process when memory is out.  Free with free().
 */
void *xcalloc(size_t count, size_t size);
void *xrealloc(void *old, size_t size);
char *xstrdup(const char *text);

#endif
