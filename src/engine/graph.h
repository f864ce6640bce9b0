/* SPDX-License-Identifier: Apache-2.0 */
/*
 * graph: the running pipeline as the engine's own files see it.
 *
 *   pipeline.c   builds it, starts and stops it
 *   flow.c       moves batches along it, and the end of stream behind them
 *   delivery.c   a sink's chunks: filled, queued, handed out, settled
 *   books.c      compares what was counted
 *   describe.c   shows it
 *
 * Nobody outside engine/ includes this.
 */
#ifndef ENGINE_GRAPH_H
#define ENGINE_GRAPH_H

#include <uv.h>

#include "engine/books.h"
#include "engine/component.h"
#include "engine/config.h"
#include "engine/delivery.h"
#include "engine/pipeline.h"

struct node;

/* A schema that reaches a node, and what the node made of it. */
struct binding {
	const struct schema *in;
	void *bound;              /* stage */
	struct encoding encoding; /* sink */
	bool header_written;
	struct binding *next;
};

/* One reader of a route. */
struct target {
	struct node *node;
	struct binding *binding;
	uint16_t *sel; /* this branch's own selection, when the route has several readers */
};

/* Where the records of one schema go that leave a node by one port. */
struct route {
	uint32_t port;
	const struct schema *schema;
	struct target *targets;
	uint32_t ntargets;
	struct route *next;
};

struct port {
	const char *name;
	const struct schema *schema;
};

struct source {
	struct node *node;
	const struct source_type *type;
	struct origin origin;
	struct port *ports;
	uint32_t nports;
	uint16_t sel[BATCH_MAX];
	bool is_started, is_paused, is_stopping, has_ended;
};

struct stage {
	struct node *node;
	const struct stage_type *type;
	bool is_done;
};

struct outputs {
	struct node *node;
};

struct node {
	struct pipeline *pipeline;
	const struct config_node *config;
	void *self;
	bool is_made; /* options parsed: release is due */
	struct arena arena;
	struct account account;
	struct binding *bindings;
	struct route *routes;
	struct node **readers; /* nodes with this one among their inputs */
	uint32_t nreaders;
	uint32_t open_inputs; /* inputs that have not ended */
	bool is_needed;
	union {
		struct source source;
		struct stage stage;
		struct sink sink;
	};
};

struct pipeline {
	struct arena arena;
	const struct config *config;
	struct pipeline_options options;
	struct node *nodes; /* as config->nodes */
	size_t nnodes;
	const char *boot_id;
	struct books books;
	uv_prepare_t turn_end; /* before the loop sleeps: close chunks */
	uv_timer_t deferred;   /* work that must not run inside a callback of a component */
	uv_timer_t shutdown;
	bool has_handles, is_started, is_stopping, has_ended;
	uint32_t live_sinks;
	int64_t child_ns; /* time spent in nodes further down, during a process() */
	struct error error;
};

/* ---- flow.c ---- */

/* Send the batch along a route of node, and count it on both ends. */
void flow_emit(struct node *node, struct route *route, struct batch *batch);

struct route *flow_find_route(struct node *node, uint32_t port, const struct schema *schema);

/* The node has ended; its readers end when all their inputs have. */
void flow_end(struct node *node);

/* Stop sources that nothing needs any more; pause or resume the others as the
 * sinks below them ask.  Deferred to the loop's next turn. */
void flow_review(struct pipeline *pipeline);

void flow_deferred(uv_timer_t *timer);

/* Pause the sources above every sink that blocks, resume the others. */
void flow_balance(struct pipeline *pipeline);

/* ---- pipeline.c ---- */

/* A sink has nothing left to do. */
void pipeline_sink_ended(struct pipeline *pipeline);

/* Remember the first error of the run and end it. */
void pipeline_fail(struct pipeline *pipeline, struct node *node, const struct error *err);

static inline int64_t now_ns(struct pipeline *pipeline)
{
	return pipeline->options.clock->mono_ns(pipeline->options.clock);
}

#endif
