/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pool: a sink's chunks, their memory, and lists of them.
 *
 * Chunks are made when they are first needed and used again ever after, so in
 * the long run nothing is allocated.  The pool knows what every chunk that is
 * not spare occupies.
 */
#ifndef ENGINE_POOL_H
#define ENGINE_POOL_H

#include "engine/delivery.h"

/* Room in front of each chunk for the note of what was dropped there. */
enum { NOTE_ROOM = ENCODER_MARK_MAX };

static inline struct delivery_chunk *pool_outer(struct chunk *chunk)
{
	return (struct delivery_chunk *)chunk;
}

void queue_push(struct chunk_queue *queue, struct chunk *chunk);
struct chunk *queue_pop(struct chunk_queue *queue); /* NULL when empty */
void queue_remove(struct chunk_queue *queue, struct chunk *chunk);

/* An empty chunk, from now on sink->open; takes over the gap noted so far. */
struct chunk *pool_open(struct sink *sink);

/* The chunk's buffers have changed their size. */
void pool_recost(struct sink *sink, struct chunk *chunk);

/* Done with: spare until it is opened again. */
void pool_return(struct sink *sink, struct chunk *chunk);

#endif
