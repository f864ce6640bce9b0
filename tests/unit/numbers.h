/* SPDX-License-Identifier: Apache-2.0 */
/*
 * numbers: components for tests of the engine.  A source that emits counted-up
 * numbers, a stage that keeps the even ones, and one that is done after 100.
 */
#ifndef UNIT_NUMBERS_H
#define UNIT_NUMBERS_H

#include <stdint.h>
#include <string.h>
#include <uv.h>

#include "engine/component.h"

/* ---- a source of numbers ---------------------------------------------- */

struct numbers {
	int64_t count, batch, hide;
	struct source *source;
	uv_idle_t idle;
	bool has_idle;
	uint64_t next;
	uint64_t rows[BATCH_MAX + 8];
	const uint8_t *at[BATCH_MAX];
	uint32_t len[BATCH_MAX];
	uint64_t pos[BATCH_MAX];
};

static const struct opt numbers_options[] = {
	OPT_INT(struct numbers, count, .def = "10", .help = "How many."),
	OPT_INT(struct numbers, batch, .def = "7", .min = "1", .max = "1024", .help = "At once."),
	OPT_INT(struct numbers, hide, .def = "0",
		.help = "Attempts that are counted nowhere else."),
	OPT_END,
};

static int numbers_open(void *self, struct source *source, struct error *err)
{
	struct numbers *n = self;
	struct schema_builder b;
	struct schema_head head = { .event = "number",
				    .source = source_id(source),
				    .gadget = "numbers",
				    .host = "h",
				    .row_min = 8,
				    .seq_at = SCHEMA_NO_SEQ };

	n->source = source;
	schema_begin(&b, source_arena(source), &head);
	(void)schema_add(&b, &(struct field){ .name = "value",
					      .type = TYPE_UINT,
					      .layout = LAYOUT_U64,
					      .loc = LOC_ROW,
					      .size = 8 });
	return source_port(source, NULL, schema_end(&b), err);
}

static void numbers_emit(uv_idle_t *idle)
{
	struct numbers *n = idle->data;
	struct rows rows = {
		.at = n->at, .len = n->len, .pos = n->pos, .origin = source_origin(n->source)
	};
	struct batch batch = { .rows = &rows };

	while (rows.n < n->batch && n->next < (uint64_t)n->count) {
		n->rows[rows.n] = n->next;
		n->at[rows.n] = (const uint8_t *)&n->rows[rows.n];
		n->len[rows.n] = 8;
		n->pos[rows.n++] = n->next++;
	}
	if (rows.n) {
		source_emit(n->source, 0, &batch);
		return;
	}
	(void)uv_idle_stop(&n->idle);
	source_end(n->source);
}

static int numbers_start(void *self, struct error *err)
{
	struct numbers *n = self;

	(void)err;
	(void)uv_idle_init(source_loop(n->source), &n->idle);
	n->idle.data = n;
	n->has_idle = true;
	return uv_idle_start(&n->idle, numbers_emit);
}

static void numbers_pause(void *self, bool paused)
{
	struct numbers *n = self;

	if (paused)
		(void)uv_idle_stop(&n->idle);
	else
		(void)uv_idle_start(&n->idle, numbers_emit);
}

static void numbers_stop(void *self)
{
	struct numbers *n = self;

	n->count = (int64_t)n->next;
}

static void numbers_count(void *self, struct source_counts *counts)
{
	struct numbers *n = self;

	*counts = (struct source_counts){ .has_attempts = true,
					  .attempts = n->next + (uint64_t)n->hide,
					  .read = n->next };
}

static void numbers_release(void *self)
{
	struct numbers *n = self;

	if (n->has_idle)
		uv_close((uv_handle_t *)&n->idle, NULL);
}

static const struct source_type source_numbers = {
	.base = { .name = "numbers", .size = sizeof(struct numbers), .options = numbers_options },
	.open = numbers_open,
	.start = numbers_start,
	.pause = numbers_pause,
	.stop = numbers_stop,
	.count = numbers_count,
	.release = numbers_release,
};

/* ---- stages ----------------------------------------------------------- */

static const struct counter odd_counters[] = { { "odd", "Were odd.", false }, COUNTER_END };

static int pass_bind(void *self, const struct schema *in, void **bound, struct outputs *out,
		     struct error *err)
{
	(void)self;
	(void)bound;
	(void)err;
	return outputs_pass(out, PORT_MAIN, in);
}

static void even_process(void *self, void *bound, struct stage *stage, struct batch *batch)
{
	uint32_t kept = 0;

	(void)self;
	(void)bound;
	for (uint32_t i = 0; i < batch->nsel; i++) {
		uint64_t value;

		memcpy(&value, batch->rows->at[batch->sel[i]], 8);
		if (value % 2 == 0)
			batch->sel[kept++] = batch->sel[i];
	}
	stage_count(stage, 0, batch->nsel - kept);
	batch->nsel = kept;
	stage_emit(stage, PORT_MAIN, batch);
}

static const struct stage_type stage_even = {
	.base = { .name = "even", .counters = odd_counters },
	.bind = pass_bind,
	.process = even_process,
};

static void first_process(void *self, void *bound, struct stage *stage, struct batch *batch)
{
	uint64_t *seen = self;
	uint32_t left = *seen < 100 ? (uint32_t)(100 - *seen) : 0;
	uint32_t kept = batch->nsel < left ? batch->nsel : left;

	(void)bound;
	stage_count(stage, 0, batch->nsel - kept);
	batch->nsel = kept;
	*seen += kept;
	stage_emit(stage, PORT_MAIN, batch);
	if (*seen == 100)
		stage_done(stage);
}

static const struct stage_type stage_first = {
	.base = { .name = "first", .size = 8, .counters = odd_counters },
	.bind = pass_bind,
	.process = first_process,
};

#endif
