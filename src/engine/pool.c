/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/pool.h"

#include <stdlib.h>

#include "engine/graph.h"

enum { BYTES_PER_REC = 64 /* the record table has room for one of these */ };

void queue_push(struct chunk_queue *queue, struct chunk *chunk)
{
	chunk->next = NULL;
	if (queue->tail)
		queue->tail->next = chunk;
	else
		queue->head = chunk;
	queue->tail = chunk;
}

struct chunk *queue_pop(struct chunk_queue *queue)
{
	struct chunk *chunk = queue->head;

	if (!chunk)
		return NULL;
	queue->head = chunk->next;
	if (!queue->head)
		queue->tail = NULL;
	chunk->next = NULL;
	return chunk;
}

void queue_remove(struct chunk_queue *queue, struct chunk *chunk)
{
	struct chunk **at = &queue->head, *before = NULL;

	for (; *at && *at != chunk; at = &(*at)->next)
		before = *at;
	if (!*at)
		return;
	*at = chunk->next;
	if (queue->tail == chunk)
		queue->tail = before;
	chunk->next = NULL;
}

static size_t chunk_cost(const struct chunk *chunk)
{
	return chunk->cap + chunk->keys_cap + chunk->recs_cap * sizeof(struct crec);
}

void pool_recost(struct sink *sink, struct chunk *chunk)
{
	struct delivery_chunk *c = pool_outer(chunk);

	sink->used_bytes -= c->cost;
	c->cost = chunk_cost(chunk);
	sink->used_bytes += c->cost;
}

static struct chunk *new_chunk(struct sink *sink)
{
	struct delivery_chunk *c = xcalloc(1, sizeof(*c));
	struct chunk *chunk = &c->chunk;

	chunk->cap = NOTE_ROOM + (uint32_t)sink->options.batch.max_bytes;
	chunk->bytes = xcalloc(1, chunk->cap);
	chunk->recs_cap = chunk->cap / BYTES_PER_REC + 2;
	chunk->recs = xcalloc(chunk->recs_cap, sizeof(*chunk->recs));
	if (sink->nall == sink->all_cap) {
		sink->all_cap = sink->all_cap ? 2 * sink->all_cap : 16;
		sink->all = xrealloc(sink->all, sink->all_cap * sizeof(struct delivery_chunk *));
	}
	sink->all[sink->nall++] = c;
	return chunk;
}

struct chunk *pool_open(struct sink *sink)
{
	struct chunk *chunk = sink->spare;
	struct delivery_chunk *c;

	if (chunk)
		sink->spare = chunk->next;
	else
		chunk = new_chunk(sink);
	chunk->next = NULL;
	c = pool_outer(chunk);
	c->state = CHUNK_OPEN;
	c->cost = chunk_cost(chunk);
	sink->used_bytes += c->cost;
	chunk->len = NOTE_ROOM;
	chunk->keys_len = 0;
	chunk->recs[0] = (struct crec){ .at = NOTE_ROOM, .fate = DELIVERED, .is_mark = 1 };
	chunk->nrecs = 1;
	chunk->npending = chunk->nevents = chunk->attempts = 0;
	chunk->sink_data = NULL;
	chunk->id = ++sink->next_id;
	chunk->gap = sink->gap;
	sink->gap = 0;
	chunk->born_ns = now_ns(sink->node->pipeline);
	sink->open = chunk;
	return chunk;
}

/* A chunk that was enlarged for one huge record does not stay so. */
static void shrink(struct sink *sink, struct chunk *chunk)
{
	uint32_t cap = NOTE_ROOM + (uint32_t)sink->options.batch.max_bytes;

	if (chunk->cap <= cap)
		return;
	chunk->bytes = xrealloc(chunk->bytes, cap);
	chunk->cap = cap;
}

void pool_return(struct sink *sink, struct chunk *chunk)
{
	struct delivery_chunk *c = pool_outer(chunk);

	shrink(sink, chunk);
	sink->used_bytes -= c->cost;
	c->cost = 0;
	c->state = CHUNK_FREE;
	/* The one used last comes back first: its memory is still in the cache. */
	chunk->next = sink->spare;
	sink->spare = chunk;
}
