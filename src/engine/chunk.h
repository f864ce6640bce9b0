/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chunk: the unit of delivery.
 *
 * Encoded records of one sink, one behind the other, unframed and uncompressed,
 * with a table that says where each lies and what became of it.  The engine
 * fills a chunk, closes it, queues it, and hands it to the sink; the sink frames
 * and sends what is still PENDING, and says how each record ended with
 * sink_settle().  When nothing is pending the chunk is done and goes back to
 * the engine's pool.  Retry hands the same chunk out again.
 *
 * The first record of each chunk is kept for a loss note: it is settled from the
 * start unless chunks in front of this one had to be dropped.
 *
 * A chunk has exactly one owner at a time: the engine, or, between write() and
 * the last settle (or sink_retry()), the sink.
 */
#ifndef ENGINE_CHUNK_H
#define ENGINE_CHUNK_H

#include <stdbool.h>
#include <stdint.h>

#include "data/batch.h"

/*
 * PENDING    not yet settled
 * DELIVERED  the destination has taken responsibility
 * REJECTED   the destination refused it for good (a counter of the sink says why)
 * DROPPED    given up on this side (the engine's reason says why)
 */
enum fate { PENDING, DELIVERED, REJECTED, DROPPED };

/* Why the engine gives up on a record; also the reasons in the books. */
#define DROP_LIST(X)                                                                       \
	X(QUEUE_FULL, "queue_full", "The sink's queue was full and the policy says drop.") \
	X(TOO_LARGE, "too_large", "The encoded record exceeds the sink's largest chunk.")  \
	X(SHUTDOWN, "shutdown", "Not delivered when the shutdown deadline passed.")        \
	X(GAVE_UP, "gave_up", "The retry limit was reached.")                              \
	X(SINK_FAILED, "sink_failed", "The sink stopped working.")                         \
	X(CLOSED, "closed", "The reader went away; nobody wanted it, so it is no loss.")

enum drop {
#define X(id, name, help) DROP_##id,
	DROP_LIST(X)
#undef X
		DROP_COUNT
};

struct crec {
	uint32_t at, len;         /* the record in chunk->bytes */
	uint32_t key_at, key_len; /* its key in chunk->keys; len 0: none */
	uint16_t route;           /* the sink's own number for the record's schema */
	uint8_t fate;             /* enum fate */
	uint8_t is_mark;          /* a loss note, not an event: not in the books' events */
	uint32_t cpu;             /* with seq: its identity, if the sink asked for it */
	uint64_t seq;
	int64_t time_ns; /* wall time, if the sink asked for it */
};

struct origin;

struct chunk {
	uint8_t *bytes;
	uint32_t len, cap;
	uint8_t *keys;
	uint32_t keys_len, keys_cap;
	struct crec *recs;
	uint32_t nrecs, recs_cap;
	uint32_t npending;  /* records whose fate is PENDING, notes included */
	uint32_t nevents;   /* records that are no notes */
	uint32_t attempts;  /* how often it was handed to the sink before now */
	int64_t born_ns;    /* monotonic: its first record */
	int64_t retry_ns;   /* monotonic: not before; engine */
	uint64_t id;        /* running number within the sink, never reused */
	uint64_t gap;       /* events dropped right in front of it, not yet noted; engine */
	struct chunk *next; /* the owner's list */
	void *sink_data;    /* the sink's, while it owns the chunk; NULL when handed out */
};

#endif
