/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delivery: the engine's half of a sink.
 *
 * Batches are encoded into the open chunk; full or aged chunks are closed and
 * queued; the queue is bounded in bytes; as many chunks as the sink's window
 * allows are handed out; what comes back unsettled is handed out again after a
 * back-off.  Every record gets exactly one fate.
 *
 *      encode        close          pump             settle
 *   batch ──▶ open ──────▶ queue ──────────▶ out ──────────────▶ free
 *                            ▲  when_full     │ sink_retry
 *                            │                ▼
 *                            └──── due ─── waiting
 *
 * A chunk that waits for its retry keeps its place in the window: a sink with a
 * window of one never sends a later chunk before an earlier one, and a
 * destination that is down fills the queue, not the network.
 *
 * Memory is counted by what chunks occupy, not by what they hold.
 */
#ifndef ENGINE_DELIVERY_H
#define ENGINE_DELIVERY_H

#include <uv.h>

#include "engine/component.h"

struct node;
struct binding;

enum when_full { FULL_BLOCK, FULL_DROP_NEWEST, FULL_DROP_OLDEST };

struct delivery_buffer {
	uint64_t memory;
	int when_full;
};

struct delivery_retry {
	int64_t initial, max;
	int64_t limit;
};

struct delivery_batch {
	uint64_t max_bytes;
	int64_t timeout;
};

/* The options every sink has. */
struct delivery_options {
	struct delivery_buffer buffer;
	struct delivery_retry retry;
	struct delivery_batch batch;
};

extern const struct opt delivery_option_table[];

enum chunk_state { CHUNK_FREE, CHUNK_OPEN, CHUNK_QUEUED, CHUNK_OUT, CHUNK_WAITING };

/* A chunk and what the engine knows about it; the sink sees the chunk. */
struct delivery_chunk {
	struct chunk chunk; /* first */
	enum chunk_state state;
	size_t cost; /* bytes it occupies */
};

struct chunk_queue {
	struct chunk *head, *tail;
};

struct sink {
	struct node *node;
	const struct sink_type *type;
	struct delivery_options options;
	uint32_t window, nout; /* handed out or waiting for their retry */
	struct chunk *open;
	struct chunk *spare; /* a stack */
	struct chunk_queue queue, waiting;
	struct delivery_chunk **all; /* every chunk there is, for counting what is held */
	uint32_t nall, all_cap;
	size_t used_bytes; /* of all chunks that are not spare */
	uint64_t next_id;
	uint64_t gap;                 /* events dropped behind the last chunk */
	struct binding *note_binding; /* whose encoder writes loss notes */
	struct binding *headed;       /* whose header_again was written last; NULL: not known */
	uv_timer_t timer;
	uint32_t ends[BATCH_MAX];
	bool has_timer, is_pumping, is_blocking, input_ended, has_ended, must_cancel;
	bool has_events;  /* records of more than one event can arrive */
	bool is_retrying; /* has complained about it */
	bool is_dropping; /* takes nothing any more */
	bool has_header;  /* some header was written */
	enum drop drop_reason;
};

/* Prepare a sink whose options are parsed. */
void delivery_init(struct sink *sink, struct node *node);

/* Free the chunks.  The sink has been released. */
void delivery_release(struct sink *sink);

/* Encode the batch into chunks (fill.c). */
void delivery_take(struct sink *sink, struct binding *binding, const struct batch *batch);

/* The loop is about to sleep: close what need not wait for more. */
void delivery_turn_end(struct sink *sink);

/* No more batches: deliver the rest, then end. */
void delivery_end(struct sink *sink);

/*
 * From now on everything is dropped for this reason: what the sink holds is
 * taken back (cancel) and dropped, as is what still comes.  Not to be called
 * from within a callback of the sink.
 */
void delivery_drop_all(struct sink *sink, enum drop reason);

/* For fill.c: the open chunk is full, close it and hand out what may go. */
void delivery_close_full(struct sink *sink);

/* A full queue makes room, or blocks, as the policy says. */
void delivery_make_room(struct sink *sink);

/* n events ended so; `why` as for sink_settle(). */
void delivery_count(struct sink *sink, enum fate fate, uint32_t why, uint64_t n);

/* Look at what is due next. */
void delivery_set_timer(struct sink *sink);

/* Events in chunks that have no fate yet; walks them. */
uint64_t delivery_held(const struct sink *sink);

#endif
