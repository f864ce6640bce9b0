/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pipeline: a configuration brought to life on one libuv loop.
 *
 *     pipeline_new     options, open, bind: everything that can be wrong without
 *                      privileges is found here
 *     pipeline_start   sinks start; all sources load, then all start
 *     uv_run           records flow
 *     pipeline_stop    sources stop and drain; end of stream follows the data
 *     on_end           every record has a fate; the books are final
 *     pipeline_free
 */
#ifndef ENGINE_PIPELINE_H
#define ENGINE_PIPELINE_H

#include <stdbool.h>
#include <stdio.h>

#include "engine/books.h"
#include "engine/config.h"

struct pipeline;

struct pipeline_options {
	struct uv_loop_s *loop;
	struct clock *clock;
	const char *host;            /* for @host */
	int64_t shutdown_timeout_ns; /* from pipeline_stop() to giving up what is left */
	/* Every sink has ended; called once, from the loop.  `err` is set when a
	 * component failed. */
	void (*on_end)(void *arg, const struct error *err);
	void *arg;
};

/* Build everything of a checked configuration, short of touching the host. */
int pipeline_new(const struct config *config, const struct pipeline_options *options,
		 struct pipeline **ret_pipeline, struct error *err)
	__attribute__((warn_unused_result));

/* Bring it to life.  On failure nothing runs, and nothing was written to a sink. */
int pipeline_start(struct pipeline *pipeline, struct error *err)
	__attribute__((warn_unused_result));

/* End in order: the deadline is shutdown_timeout_ns from now. */
void pipeline_stop(struct pipeline *pipeline);

/* End without waiting: what is not delivered is dropped and counted. */
void pipeline_stop_now(struct pipeline *pipeline);

/* The accounts, brought up to date; valid until pipeline_free(). */
const struct books *pipeline_books(struct pipeline *pipeline);

/*
 * What flows where: each node with the schemas that reach it, its fields and
 * types (at verbose > 1), and what an input lacks.  For `validate -v`.
 */
void pipeline_describe(const struct pipeline *pipeline, FILE *out, int verbose);

/* Release every component and close their handles (runs the loop for it). */
void pipeline_free(struct pipeline *pipeline);

#endif
