/* SPDX-License-Identifier: Apache-2.0 */
/*
 * component: the contract between the engine and sources, stages and sinks.
 *
 * A component is one .c file that exports one const descriptor, named after the
 * file: src/stages/filter.c defines `stage_filter`, and pipelines say
 * `type: filter`.  There is no header per component and no registration; the
 * registry is generated from the file names.
 *
 * Life of an instance:
 *
 *     options -> open/bind -> load -> start -> run -> stop -> release
 *
 *  - The instance memory is zeroed; then the option table has filled it, and
 *    everything in it is in range, before the first callback.
 *  - open, bind, load and start may fail, with a `struct error`.  Nothing after
 *    may: a bad record is a named counter, a broken component calls
 *    component_fail().
 *  - release runs exactly once for every instance that was made, also when one
 *    of the callbacks before failed, so they need not unwind.
 *  - All callbacks of an instance come from the loop's thread.  A component has
 *    no locks; what must block goes to libuv's pool or a library's own threads
 *    and comes back to the loop.
 *  - No callback may block, sleep, or run the loop.
 *
 * The engine counts records in and out, batches and time; components count only
 * why a record ended with them, by their `counters` table.
 */
#ifndef ENGINE_COMPONENT_H
#define ENGINE_COMPONENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include "codec/encoder.h"
#include "data/batch.h"
#include "engine/chunk.h"
#include "engine/option.h"

struct uv_loop_s;

/* Why a record can end in a component.  The index is the number to count by. */
struct counter {
	const char *name, *help;
	bool is_loss; /* nobody asked for it: counts as a loss in the books */
};

#define COUNTER_END { 0 }

/*
 * Printed in the manual and run as tests.  `schema` is "name type, ..." with
 * the types u8..u64, s8..s64, bool, string; input and output are JSON lines.
 */
struct example {
	const char *title, *schema, *config, *input, *output;
};

#define EXAMPLE_END { 0 }

struct component {
	const char *name, *summary, *help;
	size_t size;                    /* bytes of an instance */
	const struct opt *options;      /* ends with OPT_END; NULL: none */
	const struct counter *counters; /* ends with COUNTER_END; NULL: none */
	const struct example *examples; /* ends with EXAMPLE_END; NULL: none */
};

/* ---- sources ---------------------------------------------------------- */

struct source;

/* What the kernel counted for a source; all monotone since load. */
struct source_counts {
	bool has_attempts;  /* attempts is counted at the probe */
	uint64_t attempts;  /* events the probe wanted to report */
	uint64_t lost;      /* reports that found no room */
	uint64_t missed;    /* probe hits the kernel skipped (recursion) */
	uint64_t discarded; /* reports the probe took back */
	uint64_t read;      /* records the source took out */
};

struct source_type {
	struct component base;

	/*
	 * Find out what the source will emit and declare a port for each schema
	 * (source_port()).  Needs no privileges where files are enough, and
	 * changes nothing on the host: `validate` stops after it.
	 */
	int (*open)(void *self, struct source *source, struct error *err);

	/* Take what is needed from the host (load programs, open sockets), but
	 * produce nothing yet.  All sources load before any starts.  May be NULL. */
	int (*load)(void *self, struct error *err);

	/* Begin to produce.  Nothing may be emitted before the loop runs. */
	int (*start)(void *self, struct error *err);

	/* Stop emitting (true) until called with false.  Called only on change,
	 * and possibly from within source_emit(): the batch in flight completes.
	 * A paused kernel source lets its ring fill up; what is lost is counted. */
	void (*pause)(void *self, bool paused);

	/*
	 * End: stop producing (detach), emit what is already there, then call
	 * source_end(), at once or later from the loop.  May come while paused:
	 * then wait for pause(false) before emitting, and do not call
	 * source_end() before.  Called once, and only after start.
	 */
	void (*stop)(void *self);

	/* Read the counters now; also called after source_end(). */
	void (*count)(void *self, struct source_counts *ret_counts);

	/* Give everything back.  Pending uv handles: close them here; the engine
	 * runs the loop until they are closed before it frees the instance. */
	void (*release)(void *self);
};

/* Things that live as long as the instance. */
struct arena *source_arena(struct source *source);
struct uv_loop_s *source_loop(struct source *source);
struct clock *source_clock(struct source *source);
const char *source_id(struct source *source);
const char *source_host(struct source *source);            /* for schema_head.host */
const struct origin *source_origin(struct source *source); /* valid from load on */
/* Directory of the pipeline file, for relative paths; "." without a file. */
const char *source_dir(struct source *source);

/* Declare an output.  Port numbers count from 0 in order of declaration; the
 * first is what `inputs: [id]` means, each is also `id.name`, and all are `id.*`.  A source with one
 * port may give name NULL.  Only in open(). */
int source_port(struct source *source, const char *name, const struct schema *schema,
		struct error *err);

/*
 * Hand a batch on.  sel NULL means all rows; a sel that is given may be narrowed
 * by the call.  Rows are not used after it returns.  The batch may be empty but
 * for marks.
 */
void source_emit(struct source *source, uint32_t port, struct batch *batch);

/* A record ended here for the reason `counter`. */
void source_count(struct source *source, uint32_t counter, uint64_t n);

/* Nothing will be emitted any more. */
void source_end(struct source *source);

/* The source cannot go on: it is treated as ended, and the run fails. */
void source_fail(struct source *source, const struct error *err);

/* ---- stages ----------------------------------------------------------- */

struct stage;
struct outputs;

enum stage_flag {
	STAGE_STATELESS = 1, /* the same record always has the same result */
};

enum { PORT_MAIN = 0 };

struct stage_type {
	struct component base;
	unsigned flags;

	/*
	 * Once for each distinct schema that can arrive: compile what depends on
	 * it into *ret_bound (arena: outputs_arena()), and name what goes out
	 * with outputs_pass().  A schema that is not passed does not flow on.
	 */
	int (*bind)(void *self, const struct schema *in, void **ret_bound, struct outputs *out,
		    struct error *err);

	/*
	 * Work on a batch and hand on what is left with stage_emit().  The view
	 * is the stage's own; rows are borrowed.  Batches without selected rows
	 * come only when they carry marks, and must be emitted for their sake.
	 */
	void (*process)(void *self, void *bound, struct stage *stage, struct batch *batch);

	/* All input has ended: emit what is still held.  May be NULL. */
	void (*flush)(void *self, struct stage *stage);

	void (*release)(void *self); /* may be NULL */
};

struct arena *outputs_arena(struct outputs *out);

/* The bound schema flows on as `schema` (the same pointer: unchanged) through
 * `port`.  Returns 0 so that bind can end in it. */
int outputs_pass(struct outputs *out, uint32_t port, const struct schema *schema);

/* Hand the batch on; batch->schema must be what bind passed.  The view is spent. */
void stage_emit(struct stage *stage, uint32_t port, struct batch *batch);

/* n records ended here for the reason `counter`. */
void stage_count(struct stage *stage, uint32_t counter, uint64_t n);

/* The stage wants no more input: when nothing else needs the sources that feed
 * it, they are stopped.  Batches on their way may still come. */
void stage_done(struct stage *stage);

/* ---- sinks ------------------------------------------------------------ */

struct sink;

enum sink_flag {
	SINK_WANTS_TIME = 1, /* fill crec.time_ns */
	SINK_WANTS_ID = 2,   /* fill crec.cpu and crec.seq */
};

/* What a sink wants made of the records of one schema. */
struct encoding {
	const struct encoder *encoder;
	struct str header;              /* written once, in front of the first record; or empty.
					 * Kinds with the same header share it. */
	struct str header_again;        /* instead, each time another header was written before */
	const struct field *const *key; /* nkey fields; their text joined by '|' is the key */
	uint32_t nkey;
	uint16_t route;
};

struct sink_type {
	struct component base;
	unsigned flags;
	/* What `batch` means unless the user says: a chunk is closed when it holds
	 * chunk_bytes (0: 64 KiB) or its first record has waited chunk_wait_ns (0:
	 * at the end of the loop's turn) and the window has room. */
	uint32_t chunk_bytes;
	int64_t chunk_wait_ns;

	/* Once, before the first bind: check what needs no host.  May be NULL. */
	int (*open)(void *self, struct sink *sink, struct error *err);

	/* Once for each distinct schema that can arrive. */
	int (*bind)(void *self, const struct schema *in, struct encoding *ret_encoding,
		    struct error *err);

	/* Open the destination.  A remote one that does not answer is not an
	 * error: the sink connects, and reconnects, on its own. */
	int (*start)(void *self, struct error *err);

	/*
	 * Take a chunk and send its pending records.  The sink owns it until the
	 * last record is settled or sink_retry() gives it back.  At most the
	 * window (sink_set_window(), default 1) are out at a time.
	 */
	void (*write)(void *self, struct chunk *chunk);

	/*
	 * No time left: settle what is known, and give every other chunk back
	 * with sink_retry() before returning; the engine drops what is pending.
	 * The destination may have taken some of them; nothing can be known.
	 */
	void (*cancel)(void *self);

	/* Everything is settled and nothing more will come.  May be NULL. */
	void (*stop)(void *self);

	void (*release)(void *self);
};

struct arena *sink_arena(struct sink *sink);
struct uv_loop_s *sink_loop(struct sink *sink);
struct clock *sink_clock(struct sink *sink);
const char *sink_id(struct sink *sink);
const char *sink_dir(struct sink *sink);

/* Whether records of more than one event can arrive; from bind on. */
bool sink_has_events(const struct sink *sink);

/* How many chunks the sink can work on at once (1..1024); in open or start. */
void sink_set_window(struct sink *sink, uint32_t chunks);

/*
 * n records from the first on have ended so.  For REJECTED, `why` is an index
 * into the sink's counters; else ignored.  A record that has a fate already is
 * skipped.  When nothing is pending any more the chunk is the engine's: do not
 * touch it after.
 */
void sink_settle(struct sink *sink, struct chunk *chunk, uint32_t first, uint32_t n, enum fate fate,
		 uint32_t why);

/*
 * Give a chunk back with records still pending; the engine hands it out again
 * after a back-off, or after after_ns if that is longer.  `why` is for the log;
 * NULL says that sink_closed() or sink_fail() is called next, so that it is not a
 * try that failed, and nothing to tell anybody.
 */
void sink_retry(struct sink *sink, struct chunk *chunk, int64_t after_ns, const char *why);

/*
 * n records that stay pending may have arrived all the same: what became of them
 * was lost on the way back.  Sent again, they may be there twice.  For the books.
 */
void sink_maybe_twice(struct sink *sink, uint64_t n);

/*
 * The destination is gone for good without anything being wrong (the reader of
 * a pipe closed it).  The sink holds no chunk when it calls this.  What is still
 * queued is dropped for reason DROP_CLOSED, which is no loss, and the pipeline
 * ends when no sink is left.
 */
void sink_closed(struct sink *sink);

/* The sink cannot go on: the run ends, with this error. */
void sink_fail(struct sink *sink, const struct error *err);

/* The window has room again, or the like: let the engine write more now. */
void sink_ready(struct sink *sink);

#endif
