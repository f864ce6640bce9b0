/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fake_engine: what a sink sees of the engine, for tests of one sink alone.
 *
 * Include it once in a test program.  It defines the sink_...() functions, so
 * the real delivery is not linked, and codecs that remember how they were asked.
 * It is strict: a chunk that is settled or given back while the sink does not own
 * it, and a sink_closed() while it holds one, fail the test.
 */
#ifndef TEST_FAKE_ENGINE_H
#define TEST_FAKE_ENGINE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <uv.h>

#include "engine/component.h"

enum { FAKE_DEADLINE_MS = 20000, FAKE_LOOK_MS = 5, FAKE_MAX_CHUNKS = 256 };

struct fake_chunk {
	struct chunk chunk; /* first */
	bool is_out;        /* the sink owns it */
};

struct sink {
	uv_loop_t loop;
	uv_timer_t alarm;
	uint64_t deadline_ms;
	bool is_late;
	struct arena arena;
	const struct sink_type *type;
	void *self;
	uint32_t window, nout;
	uint64_t next_id;
	struct fake_chunk *all[FAKE_MAX_CHUNKS];
	size_t nall;
	uint64_t delivered, rejected;
	uint32_t settles; /* calls */
	uint32_t retries; /* chunks given back */
	uint64_t maybe_twice;
	char why[256]; /* of the last retry */
	bool is_closed, has_failed;
	struct error error;
};

/* ---- what a sink may call --------------------------------------------- */

struct arena *sink_arena(struct sink *sink)
{
	return &sink->arena;
}

struct uv_loop_s *sink_loop(struct sink *sink)
{
	return &sink->loop;
}

bool sink_has_events(const struct sink *sink)
{
	(void)sink;
	return false;
}

struct clock *sink_clock(struct sink *sink)
{
	(void)sink;
	return clock_system();
}

const char *sink_id(struct sink *sink)
{
	(void)sink;
	return "test";
}

const char *sink_dir(struct sink *sink)
{
	(void)sink;
	return ".";
}

void sink_set_window(struct sink *sink, uint32_t chunks)
{
	sink->window = chunks;
}

void sink_settle(struct sink *sink, struct chunk *chunk, uint32_t first, uint32_t n, enum fate fate,
		 uint32_t why)
{
	(void)why;
	assert_true(((struct fake_chunk *)chunk)->is_out);
	assert_true(fate == DELIVERED || fate == REJECTED);
	assert_true(n > 0 && first + n <= chunk->nrecs);
	sink->settles++;
	for (uint32_t i = first; i < first + n; i++) {
		if (chunk->recs[i].fate != PENDING)
			continue;
		chunk->recs[i].fate = (uint8_t)fate;
		chunk->npending--;
		if (fate == DELIVERED)
			sink->delivered++;
		else
			sink->rejected++;
	}
	if (chunk->npending)
		return;
	((struct fake_chunk *)chunk)->is_out = false;
	sink->nout--;
}

void sink_retry(struct sink *sink, struct chunk *chunk, int64_t after_ns, const char *why)
{
	struct fake_chunk *fake = (struct fake_chunk *)chunk;

	(void)after_ns;
	assert_true(fake->is_out);
	assert_true(chunk->npending > 0);
	fake->is_out = false;
	chunk->attempts++;
	chunk->sink_data = NULL;
	sink->nout--;
	sink->retries++;
	(void)snprintf(sink->why, sizeof(sink->why), "%s", why ? why : "");
}

void sink_maybe_twice(struct sink *sink, uint64_t n)
{
	sink->maybe_twice += n;
}

void sink_closed(struct sink *sink)
{
	assert_false(sink->is_closed);
	assert_int_equal(sink->nout, 0);
	sink->is_closed = true;
}

void sink_fail(struct sink *sink, const struct error *err)
{
	assert_false(sink->has_failed);
	sink->has_failed = true;
	sink->error = *err;
}

void sink_ready(struct sink *sink)
{
	(void)sink;
}

/* ---- codecs ----------------------------------------------------------- */

static struct encoder_options fake_asked;
static const struct codec *fake_codec_used;

static int fake_compile(const struct codec *codec, const struct encoder_options *options,
			const struct encoder **ret_encoder)
{
	static const struct encoder encoder;

	fake_codec_used = codec;
	fake_asked = *options;
	*ret_encoder = &encoder;
	return 0;
}

#define FAKE_CODEC(x)                                                                 \
	static int compile_##x(struct arena *arena, const struct schema *schema,      \
			       const struct encoder_options *options,                 \
			       const struct encoder **ret_encoder, struct error *err) \
	{                                                                             \
		(void)arena;                                                          \
		(void)schema;                                                         \
		(void)err;                                                            \
		return fake_compile(&codec_##x, options, ret_encoder);                \
	}

static struct str fake_header(const struct encoder *encoder)
{
	(void)encoder;
	return (struct str){ "HEAD\n", 5 };
}

FAKE_CODEC(json)
FAKE_CODEC(msgpack)
FAKE_CODEC(columns)
FAKE_CODEC(jsonpretty)
FAKE_CODEC(yaml)
FAKE_CODEC(csv)
const struct codec codec_json = { .name = "json", .compile = compile_json };
const struct codec codec_msgpack = { .name = "msgpack", .compile = compile_msgpack };
const struct codec codec_jsonpretty = { .name = "jsonpretty", .compile = compile_jsonpretty };
const struct codec codec_yaml = { .name = "yaml", .compile = compile_yaml };
const struct codec codec_csv = {
	.name = "csv", .compile = compile_csv, .header = fake_header, .header_again = fake_header
};
const struct codec codec_columns = { .name = "columns",
				     .compile = compile_columns,
				     .header = fake_header };

/* ---- the test's side -------------------------------------------------- */

/* An instance of the sink; set its options before fake_start(). */
static struct sink *fake_new(const struct sink_type *type)
{
	struct sink *sink = xcalloc(1, sizeof(*sink));

	assert_int_equal(uv_loop_init(&sink->loop), 0);
	assert_int_equal(uv_timer_init(&sink->loop, &sink->alarm), 0);
	sink->alarm.data = sink;
	sink->type = type;
	sink->self = xcalloc(1, type->base.size);
	sink->window = 1;
	return sink;
}

__attribute__((unused)) static int fake_open(struct sink *sink, struct error *err)
{
	return sink->type->open ? sink->type->open(sink->self, sink, err) : 0;
}

/* Open and start, which must work. */
__attribute__((unused)) static void fake_start(struct sink *sink)
{
	struct error err = ERROR_INIT;

	if (fake_open(sink, &err) < 0 || sink->type->start(sink->self, &err) < 0)
		fail_msg("%s", err.text);
}

static void fake_free(struct sink *sink)
{
	sink->type->release(sink->self);
	uv_close((uv_handle_t *)&sink->alarm, NULL);
	assert_int_equal(uv_run(&sink->loop, UV_RUN_DEFAULT), 0);
	assert_int_equal(uv_loop_close(&sink->loop), 0);
	for (size_t i = 0; i < sink->nall; i++) {
		free(sink->all[i]->chunk.bytes);
		free(sink->all[i]->chunk.recs);
		free(sink->all[i]);
	}
	arena_release(&sink->arena);
	free(sink->self);
	free(sink);
}

/* An empty chunk; as in the real one, its first record is settled from the start. */
static struct chunk *fake_chunk(struct sink *sink)
{
	struct fake_chunk *fake = xcalloc(1, sizeof(*fake));
	struct chunk *chunk = &fake->chunk;

	assert_true(sink->nall < FAKE_MAX_CHUNKS);
	sink->all[sink->nall++] = fake;
	chunk->id = ++sink->next_id;
	chunk->recs_cap = 16;
	chunk->recs = xcalloc(chunk->recs_cap, sizeof(*chunk->recs));
	chunk->cap = 256;
	chunk->bytes = xcalloc(1, chunk->cap);
	chunk->len = 8;
	chunk->recs[0] = (struct crec){ .at = 8, .fate = DELIVERED, .is_mark = 1 };
	chunk->nrecs = 1;
	return chunk;
}

static void fake_add(struct chunk *chunk, uint16_t route, const void *bytes, size_t len)
{
	while (chunk->cap - chunk->len < len) {
		chunk->cap *= 2;
		chunk->bytes = xrealloc(chunk->bytes, chunk->cap);
	}
	if (chunk->nrecs == chunk->recs_cap) {
		chunk->recs_cap *= 2;
		chunk->recs = xrealloc(chunk->recs, chunk->recs_cap * sizeof(*chunk->recs));
	}
	memcpy(chunk->bytes + chunk->len, bytes, len);
	chunk->recs[chunk->nrecs++] =
		(struct crec){ .at = chunk->len, .len = (uint32_t)len, .route = route };
	chunk->len += (uint32_t)len;
	chunk->npending++;
	chunk->nevents++;
}

/* A chunk of n lines "NUMBER xxx...\n" of `len` bytes each, numbered from `from`. */
__attribute__((unused)) static struct chunk *fake_lines(struct sink *sink, unsigned from,
							unsigned n, size_t len)
{
	struct chunk *chunk = fake_chunk(sink);
	char *line = xcalloc(1, len + 32);

	for (unsigned i = from; i < from + n; i++) {
		int head = snprintf(line, len + 32, "%u ", i);

		assert_true((size_t)head < len);
		memset(line + head, 'x', len - (size_t)head - 1);
		line[len - 1] = '\n';
		fake_add(chunk, 0, line, len);
	}
	free(line);
	return chunk;
}

/* Hand a chunk to the sink. */
__attribute__((unused)) static void fake_write(struct sink *sink, struct chunk *chunk)
{
	((struct fake_chunk *)chunk)->is_out = true;
	sink->nout++;
	sink->type->write(sink->self, chunk);
}

static void fake_on_alarm(uv_timer_t *timer)
{
	struct sink *sink = timer->data;

	sink->is_late = uv_now(&sink->loop) >= sink->deadline_ms;
}

static void fake_arm(struct sink *sink)
{
	sink->is_late = false;
	uv_update_time(&sink->loop);
	sink->deadline_ms = uv_now(&sink->loop) + FAKE_DEADLINE_MS;
	/* Conditions may depend on things the loop does not watch. */
	(void)uv_timer_start(&sink->alarm, fake_on_alarm, FAKE_LOOK_MS, FAKE_LOOK_MS);
}

/* Run the loop until the condition holds; the test fails at the deadline. */
#define fake_run_until(sink, condition)                                                        \
	do {                                                                                   \
		fake_arm(sink);                                                                \
		while (!(condition)) {                                                         \
			(void)uv_run(&(sink)->loop, UV_RUN_ONCE);                              \
			if ((sink)->is_late)                                                   \
				fail_msg("waited %d ms for %s", FAKE_DEADLINE_MS, #condition); \
		}                                                                              \
		(void)uv_timer_stop(&(sink)->alarm);                                           \
	} while (0)

#endif
