/* SPDX-License-Identifier: Apache-2.0 */
/*
 * collect: run a pipeline of real sources into a sink that looks at every row.
 *
 * Include it once in a test program.  The sink's "encoding" of a record is the
 * row itself, so a test sees exactly what the source handed over, in order, with
 * the marks in their places.
 */
#ifndef TEST_COLLECT_H
#define TEST_COLLECT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <uv.h>

#include "base/yaml.h"
#include "engine/books.h"
#include "engine/config.h"
#include "engine/pipeline.h"

enum { COLLECT_DEADLINE_MS = 60000 };

/* Set before collect_run(); all optional. */
static struct {
	/* The next thing in the stream: a record, or a mark (row NULL). */
	void (*see)(const struct schema *schema, const uint8_t *row, uint32_t len,
		    const struct mark *mark);
	/* Runs in a thread while the pipeline does; the pipeline stops after it. */
	void (*work)(void);
	/* Hold all chunks back until then: the source is paused when the queue is full. */
	bool (*is_stalled)(void);
	struct clock *clock; /* NULL: the system's */
} collect;

/* What came of it. */
static struct {
	struct pipeline *pipeline;
	const struct books *books;
	uint64_t records, marks, missing; /* marks' n summed */
	bool has_ended, has_failed, is_late, was_stalled;
	struct error error;
} collected;

struct collect_sink {
	struct sink *sink;
	struct chunk *held;
	uv_timer_t retry;
};

struct collect_encoder {
	struct encoder base;
	const struct schema *schema;
};

/* ---- an encoder that copies ------------------------------------------- */

struct raw {
	const struct schema *schema;
	uint32_t is_mark, len;
};

static void put_raw(uint8_t *out, const struct schema *schema, const void *bytes, uint32_t len,
		    bool is_mark)
{
	struct raw raw = { .schema = schema, .is_mark = is_mark, .len = len };

	memcpy(out, &raw, sizeof(raw));
	memcpy(out + sizeof(raw), bytes, len);
}

static size_t collect_bound(const struct encoder *encoder, const struct batch *batch, uint32_t row)
{
	(void)encoder;
	return sizeof(struct raw) + batch->rows->len[row];
}

static uint32_t collect_rows(const struct encoder *encoder, const struct batch *batch,
			     uint32_t first, uint32_t until, struct encoded *out)
{
	const struct collect_encoder *e = (const struct collect_encoder *)encoder;
	uint32_t n = 0;

	for (uint32_t i = first; i < until && out->nends < out->max; i++, n++) {
		uint32_t row = batch->sel[i], len = batch->rows->len[row];

		if ((size_t)(out->limit - out->at) < sizeof(struct raw) + len)
			break;
		put_raw(out->at, e->schema, batch->rows->at[row], len, false);
		out->at += sizeof(struct raw) + len;
		out->ends[out->nends++] = (uint32_t)(out->at - out->start);
	}
	return n;
}

static size_t collect_mark(const struct encoder *encoder, const struct mark *mark, uint8_t *out)
{
	const struct collect_encoder *e = (const struct collect_encoder *)encoder;

	put_raw(out, e->schema, mark, sizeof(*mark), true);
	return sizeof(struct raw) + sizeof(*mark);
}

/* ---- the sink ---------------------------------------------------------- */

static int collect_open(void *self, struct sink *sink, struct error *err)
{
	struct collect_sink *s = self;

	(void)err;
	s->sink = sink;
	return 0;
}

static int collect_bind(void *self, const struct schema *in, struct encoding *ret_encoding,
			struct error *err)
{
	struct collect_sink *s = self;
	struct collect_encoder *e = arena_alloc(sink_arena(s->sink), sizeof(*e));

	(void)err;
	e->base = (struct encoder){ collect_rows, collect_bound, collect_mark };
	e->schema = in;
	ret_encoding->encoder = &e->base;
	return 0;
}

static int collect_start(void *self, struct error *err)
{
	struct collect_sink *s = self;

	(void)err;
	s->retry.data = s;
	return uv_timer_init(sink_loop(s->sink), &s->retry);
}

static void look_at_chunk(const struct chunk *chunk)
{
	for (uint32_t i = 0; i < chunk->nrecs; i++) {
		const uint8_t *at = chunk->bytes + chunk->recs[i].at;
		struct mark mark;
		struct raw raw;

		if (chunk->recs[i].fate != PENDING)
			continue;
		memcpy(&raw, at, sizeof(raw));
		if (raw.is_mark)
			memcpy(&mark, at + sizeof(raw), sizeof(mark));
		collected.records += !raw.is_mark;
		collected.marks += raw.is_mark;
		collected.missing += raw.is_mark ? mark.n : 0;
		if (collect.see)
			collect.see(raw.schema, raw.is_mark ? NULL : at + sizeof(raw), raw.len,
				    raw.is_mark ? &mark : NULL);
	}
}

static void collect_take(struct collect_sink *s, struct chunk *chunk);

static void collect_again(uv_timer_t *timer)
{
	struct collect_sink *s = timer->data;
	struct chunk *chunk = s->held;

	s->held = NULL;
	collect_take(s, chunk);
}

static void collect_take(struct collect_sink *s, struct chunk *chunk)
{
	if (collect.is_stalled && collect.is_stalled()) {
		collected.was_stalled = true;
		s->held = chunk;
		(void)uv_timer_start(&s->retry, collect_again, 1, 0);
		return;
	}
	look_at_chunk(chunk);
	sink_settle(s->sink, chunk, 0, chunk->nrecs, DELIVERED, 0);
}

static void collect_write(void *self, struct chunk *chunk)
{
	collect_take(self, chunk);
}

static void collect_cancel(void *self)
{
	struct collect_sink *s = self;

	if (s->held)
		sink_retry(s->sink, s->held, 0, "cancelled");
	s->held = NULL;
}

static void collect_release(void *self)
{
	struct collect_sink *s = self;

	if (s->retry.data)
		uv_close((uv_handle_t *)&s->retry, NULL);
}

static const struct sink_type sink_collect = {
	.base = { .name = "collect", .size = sizeof(struct collect_sink) },
	.open = collect_open,
	.bind = collect_bind,
	.start = collect_start,
	.write = collect_write,
	.cancel = collect_cancel,
	.release = collect_release,
};

/* ---- running ------------------------------------------------------------ */

static uv_loop_t collect_loop;
static struct arena collect_arena;

static void collect_ended(void *arg, const struct error *err)
{
	(void)arg;
	collected.has_ended = true;
	collected.has_failed = err != NULL;
	if (err)
		collected.error = *err;
}

static void collect_work(uv_work_t *work)
{
	(void)work;
	collect.work();
}

static void collect_worked(uv_work_t *work, int status)
{
	(void)work;
	(void)status;
	pipeline_stop(collected.pipeline);
}

static void collect_late(uv_timer_t *timer)
{
	(void)timer;
	collected.is_late = true;
	pipeline_stop_now(collected.pipeline);
	uv_stop(&collect_loop);
}

extern const struct source_type source_gadget, source_generate;

/* Build the pipeline of a YAML text whose sinks are of type collect. */
static int collect_new(const char *text, struct error *err)
{
	static const struct source_type *const sources[] = { &source_gadget, &source_generate,
							     NULL };
	static const struct stage_type *const stages[] = { NULL };
	static const struct sink_type *const sinks[] = { &sink_collect, NULL };
	static const struct registry registry = { sources, stages, sinks };
	struct pipeline_options options = {
		.loop = &collect_loop,
		.clock = collect.clock ? collect.clock : clock_system(),
		.host = "here",
		.shutdown_timeout_ns = 30 * NS_PER_S,
		.on_end = collect_ended,
	};
	struct yaml_node *root = NULL;
	struct config *config = NULL;
	int r;

	memset(&collected, 0, sizeof(collected));
	r = yaml_parse(&collect_arena, "test.yaml", text, strlen(text), &root, err);
	if (r == 0)
		r = config_read(&collect_arena, &registry, "test.yaml", root, &config, err);
	if (r == 0)
		r = pipeline_new(config, &options, &collected.pipeline, err);
	return r;
}

/* Run it until it ends; the books are in collected.books until collect_free(). */
static void collect_run(const char *text)
{
	struct error err = ERROR_INIT;
	uv_timer_t deadline;
	uv_work_t work;

	if (collect_new(text, &err) < 0 || pipeline_start(collected.pipeline, &err) < 0)
		fail_msg("%s", err.text);
	uv_timer_init(&collect_loop, &deadline);
	uv_timer_start(&deadline, collect_late, COLLECT_DEADLINE_MS, 0);
	if (collect.work)
		assert_int_equal(uv_queue_work(&collect_loop, &work, collect_work, collect_worked),
				 0);
	while (!collected.has_ended && !collected.is_late)
		uv_run(&collect_loop, UV_RUN_ONCE);
	uv_close((uv_handle_t *)&deadline, NULL);
	uv_run(&collect_loop, UV_RUN_NOWAIT);
	assert_false(collected.is_late);
	collected.books = pipeline_books(collected.pipeline);
}

static void collect_assert_books(void)
{
	struct error err = ERROR_INIT;

	if (books_check(collected.books, &err) < 0)
		fail_msg("%s", err.text);
}

static int collect_setup(void **state)
{
	(void)state;
	memset(&collect, 0, sizeof(collect));
	memset(&collected, 0, sizeof(collected));
	return uv_loop_init(&collect_loop);
}

static int collect_teardown(void **state)
{
	(void)state;
	pipeline_free(collected.pipeline);
	arena_release(&collect_arena);
	/* A handle somebody forgot to close would be found here. */
	return uv_loop_close(&collect_loop);
}

#define COLLECT_TEST(name) cmocka_unit_test_setup_teardown(name, collect_setup, collect_teardown)

#endif
