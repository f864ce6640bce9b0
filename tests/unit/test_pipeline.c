/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine with components of the test's own: a source that emits numbered
 * records, stages that halve or limit, and a sink that does to chunks whatever
 * a test asks for.  Records are 16 bytes: {0, number}, or {1, n} for a loss note.
 * At the end of every test the books balance, unless the test is about that.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <uv.h>

#include "engine/config.h"
#include "engine/pipeline.h"
#include "numbers.h"

/* ---- an encoder and a sink -------------------------------------------- */

static size_t fixed_bound(const struct encoder *encoder, const struct batch *batch, uint32_t row)
{
	(void)encoder;
	(void)batch;
	(void)row;
	return 16;
}

static size_t huge_bound(const struct encoder *encoder, const struct batch *batch, uint32_t row)
{
	(void)encoder;
	(void)batch;
	(void)row;
	return SIZE_MAX / 4;
}

static uint32_t put_rows(const struct encoder *encoder, const struct batch *batch, uint32_t first,
			 uint32_t until, struct encoded *out)
{
	uint32_t n = 0;

	(void)encoder;
	for (; first + n < until && out->nends < out->max && out->limit - out->at >= 16; n++) {
		memset(out->at, 0, 8);
		memcpy(out->at + 8, batch->rows->at[batch->sel[first + n]], 8);
		out->at += 16;
		out->ends[out->nends++] = (uint32_t)(out->at - out->start);
	}
	return n;
}

static uint32_t put_nothing(const struct encoder *encoder, const struct batch *batch,
			    uint32_t first, uint32_t until, struct encoded *out)
{
	(void)encoder;
	(void)batch;
	(void)first;
	(void)until;
	(void)out;
	return 0;
}

static size_t put_mark(const struct encoder *encoder, const struct mark *mark, uint8_t *out)
{
	uint64_t one = 1;

	(void)encoder;
	memcpy(out, &one, 8);
	memcpy(out + 8, &mark->n, 8);
	return 16;
}

static const struct encoder test_encoder = { put_rows, fixed_bound, put_mark };
static const struct encoder huge_encoder = { put_nothing, huge_bound, put_mark };

enum mode { TAKE, HOLD, RETRY_HALF, CLOSE, FAIL, RANDOM, HUGE_RECORDS };

static const struct opt_value modes[] = {
	[TAKE] = { "take", "." },
	[HOLD] = { "hold", "." },
	[RETRY_HALF] = { "retry_half", "." },
	[CLOSE] = { "close", "." },
	[FAIL] = { "fail", "." },
	[RANDOM] = { "random", "." },
	[HUGE_RECORDS] = { "huge", "." },
	OPT_VALUES_END,
};

enum { HELD_MAX = 4096 };

struct probe {
	int mode;
	int64_t window;
	struct sink *sink;
	struct chunk *held[HELD_MAX];
	uint32_t nheld;
	uint64_t *got; /* numbers delivered, in order of delivery */
	size_t ngot, got_cap;
	uint64_t noted;   /* sum of the loss notes */
	uint64_t note_at; /* delivered before the first note */
	uv_timer_t timer;
	bool has_timer, is_stopped;
};

/* The test's window into its sink; reset by each test. */
static struct probe *seen;
static struct probe *seen_too;

static const struct opt probe_options[] = {
	OPT_ENUM(struct probe, mode, .def = "take", .values = modes, .help = "."),
	OPT_INT(struct probe, window, .def = "1", .min = "1", .max = "1024", .help = "."),
	OPT_END,
};

static const struct counter probe_counters[] = { { "refused", "Refused.", false }, COUNTER_END };

static int probe_open(void *self, struct sink *sink, struct error *err)
{
	struct probe *probe = self;

	(void)err;
	probe->sink = sink;
	sink_set_window(sink, (uint32_t)probe->window);
	if (seen)
		seen_too = probe;
	else
		seen = probe;
	return 0;
}

static int probe_bind(void *self, const struct schema *in, struct encoding *encoding,
		      struct error *err)
{
	struct probe *probe = self;

	(void)in;
	(void)err;
	encoding->encoder = probe->mode == HUGE_RECORDS ? &huge_encoder : &test_encoder;
	return 0;
}

static void note_record(struct probe *probe, const struct chunk *chunk, const struct crec *rec)
{
	uint64_t pair[2];

	assert_int_equal(rec->len, 16);
	memcpy(pair, chunk->bytes + rec->at, 16);
	assert_int_equal(pair[0], rec->is_mark);
	if (rec->is_mark) {
		if (!probe->noted)
			probe->note_at = probe->ngot;
		probe->noted += pair[1];
		return;
	}
	if (probe->ngot == probe->got_cap) {
		probe->got_cap = probe->got_cap ? 2 * probe->got_cap : 1024;
		probe->got = realloc(probe->got, probe->got_cap * 8);
		assert_non_null(probe->got);
	}
	probe->got[probe->ngot++] = pair[1];
}

static void settle(struct probe *probe, struct chunk *chunk, uint32_t i, enum fate fate)
{
	if (chunk->recs[i].fate != PENDING)
		return;
	if (fate == DELIVERED)
		note_record(probe, chunk, &chunk->recs[i]);
	sink_settle(probe->sink, chunk, i, 1, fate, 0);
}

/* Settle every pending record; the last one gives the chunk away. */
static void take_all(struct probe *probe, struct chunk *chunk)
{
	uint32_t n = chunk->nrecs, pending = chunk->npending;

	for (uint32_t i = 0; i < n && pending; i++) {
		if (chunk->recs[i].fate != PENDING)
			continue;
		pending--;
		settle(probe, chunk, i, DELIVERED);
	}
}

static void take_half(struct probe *probe, struct chunk *chunk)
{
	if (chunk->attempts || chunk->npending == 1) {
		take_all(probe, chunk);
		return;
	}
	for (uint32_t i = 1; i < chunk->nrecs / 2; i++)
		settle(probe, chunk, i, DELIVERED);
	sink_retry(probe->sink, chunk, 0, "half only");
}

static void roll(struct probe *probe, struct chunk *chunk)
{
	uint32_t n = chunk->nrecs, pending = chunk->npending;

	for (uint32_t i = 0; i < n && pending; i++) {
		int dice = rand() % 8;

		if (chunk->recs[i].fate != PENDING || dice == 0)
			continue;
		pending--;
		settle(probe, chunk, i, dice == 1 ? REJECTED : DELIVERED);
	}
	if (pending)
		sink_retry(probe->sink, chunk, 0, "dice");
}

static void on_probe_timer(uv_timer_t *timer)
{
	struct probe *probe = timer->data;
	uint32_t n = probe->nheld;
	struct chunk *held[HELD_MAX];

	memcpy(held, probe->held, sizeof(held));
	probe->nheld = 0;
	for (uint32_t i = 0; i < n; i++)
		roll(probe, held[i]);
}

static void probe_write(void *self, struct chunk *chunk)
{
	struct probe *probe = self;
	struct error err = ERROR_INIT;

	switch ((enum mode)probe->mode) {
	case TAKE:
	case HUGE_RECORDS:
		take_all(probe, chunk);
		break;
	case RETRY_HALF:
		take_half(probe, chunk);
		break;
	case CLOSE:
		sink_retry(probe->sink, chunk, 0, "closed");
		sink_closed(probe->sink);
		break;
	case FAIL:
		sink_retry(probe->sink, chunk, 0, "failed");
		(void)error_set(&err, ENOSPC, "no space left");
		sink_fail(probe->sink, &err);
		break;
	case RANDOM:
		probe->held[probe->nheld++] = chunk;
		(void)uv_timer_start(&probe->timer, on_probe_timer, (uint64_t)(rand() % 3), 0);
		break;
	case HOLD:
		probe->held[probe->nheld++] = chunk;
		break;
	}
}

static void probe_cancel(void *self)
{
	struct probe *probe = self;
	uint32_t n = probe->nheld;

	probe->nheld = 0;
	for (uint32_t i = 0; i < n; i++)
		sink_retry(probe->sink, probe->held[i], 0, "cancelled");
}

static int probe_start(void *self, struct error *err)
{
	struct probe *probe = self;

	(void)err;
	(void)uv_timer_init(sink_loop(probe->sink), &probe->timer);
	probe->timer.data = probe;
	probe->has_timer = true;
	return 0;
}

static void probe_stop(void *self)
{
	struct probe *probe = self;

	assert_false(probe->is_stopped);
	probe->is_stopped = true;
}

static void probe_release(void *self)
{
	struct probe *probe = self;

	if (probe->has_timer)
		uv_close((uv_handle_t *)&probe->timer, NULL);
	free(probe->got);
}

static const struct sink_type sink_probe = {
	.base = { .name = "probe",
		  .size = sizeof(struct probe),
		  .options = probe_options,
		  .counters = probe_counters },
	.open = probe_open,
	.bind = probe_bind,
	.start = probe_start,
	.write = probe_write,
	.cancel = probe_cancel,
	.stop = probe_stop,
	.release = probe_release,
};

static const struct source_type *const sources[] = { &source_numbers, NULL };
static const struct stage_type *const stages[] = { &stage_even, &stage_first, NULL };
static const struct sink_type *const sinks[] = { &sink_probe, NULL };
static const struct registry registry = { sources, stages, sinks };

/* ---- running one ------------------------------------------------------ */

struct run {
	struct arena arena;
	uv_loop_t loop;
	struct config *config;
	struct pipeline *pipeline;
	struct error failed;
	bool ended;
};

static void on_end(void *arg, const struct error *err)
{
	struct run *run = arg;

	run->ended = true;
	if (err)
		run->failed = *err;
}

static void run_init(struct run *run, const char *text)
{
	struct error err = ERROR_INIT;
	struct yaml_node *root;
	struct pipeline_options options = {
		.loop = &run->loop,
		.clock = clock_system(),
		.host = "h",
		.shutdown_timeout_ns = 50 * NS_PER_MS,
		.on_end = on_end,
		.arg = run,
	};

	*run = (struct run){ 0 };
	seen = seen_too = NULL;
	assert_int_equal(uv_loop_init(&run->loop), 0);
	if (yaml_parse(&run->arena, "test", text, strlen(text), &root, &err) < 0 ||
	    config_read(&run->arena, &registry, "test", root, &run->config, &err) < 0 ||
	    pipeline_new(run->config, &options, &run->pipeline, &err) < 0 ||
	    pipeline_start(run->pipeline, &err) < 0)
		fail_msg("%s", err.text);
}

static void run_check(struct run *run)
{
	struct error err = ERROR_INIT;

	assert_true(run->ended);
	if (books_check(pipeline_books(run->pipeline), &err) < 0)
		fail_msg("%s", err.text);
}

static void run_to_end(struct run *run)
{
	(void)uv_run(&run->loop, UV_RUN_DEFAULT);
	run_check(run);
}

static void run_free(struct run *run)
{
	pipeline_free(run->pipeline);
	(void)uv_run(&run->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&run->loop), 0);
	arena_release(&run->arena);
}

static const struct account *account(struct run *run, const char *id)
{
	const struct books *books = pipeline_books(run->pipeline);

	for (size_t i = 0; i < books->naccounts; i++)
		if (!strcmp(books->accounts[i]->id, id))
			return books->accounts[i];
	fail_msg("no account '%s'", id);
	return NULL;
}

static void assert_counted_up(const struct probe *probe, uint64_t step)
{
	for (size_t i = 0; i < probe->ngot; i++)
		assert_int_equal(probe->got[i], i * step);
}

/* ---- tests ------------------------------------------------------------ */

static void every_record_is_delivered_once_and_in_order(void **state)
{
	struct run run;

	(void)state;
	run_init(&run, "sources: { n: { type: numbers, count: 100000, batch: 1000 } }\n"
		       "sinks: { s: { type: probe, inputs: [n] } }\n");
	run_to_end(&run);
	assert_int_equal(seen->ngot, 100000);
	assert_counted_up(seen, 1);
	assert_true(seen->is_stopped);
	assert_int_equal(books_losses(pipeline_books(run.pipeline)), 0);
	run_free(&run);
}

static void a_retried_chunk_brings_only_what_was_pending(void **state)
{
	struct run run;

	(void)state;
	run_init(&run, "sources: { n: { type: numbers, count: 5000, batch: 500 } }\n"
		       "sinks: { s: { type: probe, inputs: [n], mode: retry_half, "
		       "retry: { initial: 1ms, max: 1ms } } }\n");
	run_to_end(&run);
	assert_int_equal(seen->ngot, 5000);
	assert_counted_up(seen, 1);
	assert_true(account(&run, "s")->retries > 0);
	run_free(&run);
}

static void turn_loop(struct run *run, int turns)
{
	for (int i = 0; i < turns; i++)
		(void)uv_run(&run->loop, UV_RUN_NOWAIT);
}

static void release_held(struct probe *probe)
{
	probe->mode = TAKE;
	while (probe->nheld)
		take_all(probe, probe->held[--probe->nheld]);
}

static void drop_oldest_notes_the_gap_where_it_is(void **state)
{
	struct run run;

	(void)state;
	run_init(&run, "sources: { n: { type: numbers, count: 200000, batch: 1000 } }\n"
		       "sinks: { s: { type: probe, inputs: [n], mode: hold, "
		       "buffer: { memory: 1MiB, when_full: drop_oldest } } }\n");
	turn_loop(&run, 300);
	assert_int_equal(seen->nheld, 1);
	release_held(seen);
	run_to_end(&run);
	assert_true(account(&run, "s")->dropped[DROP_QUEUE_FULL] > 0);
	assert_int_equal(seen->noted, account(&run, "s")->dropped[DROP_QUEUE_FULL]);
	assert_int_equal(seen->ngot + seen->noted, 200000);
	/* The first chunk was out already; the gap begins right behind it. */
	assert_int_equal(seen->got[seen->note_at], seen->note_at + seen->noted);
	run_free(&run);
}

static void drop_newest_keeps_what_is_queued(void **state)
{
	struct run run;

	(void)state;
	run_init(&run, "sources: { n: { type: numbers, count: 200000, batch: 1000 } }\n"
		       "sinks: { s: { type: probe, inputs: [n], mode: hold, "
		       "buffer: { memory: 1MiB, when_full: drop_newest } } }\n");
	turn_loop(&run, 300);
	release_held(seen);
	run_to_end(&run);
	assert_int_equal(seen->noted, account(&run, "s")->dropped[DROP_QUEUE_FULL]);
	assert_int_equal(seen->ngot + seen->noted, 200000);
	assert_true(seen->note_at > 5000);
	for (size_t i = 0; i < seen->note_at; i++)
		assert_int_equal(seen->got[i], i);
	run_free(&run);
}

static void a_blocking_sink_pauses_its_source_and_loses_nothing(void **state)
{
	struct run run;
	uint64_t read;

	(void)state;
	run_init(&run, "sources: { n: { type: numbers, count: 200000, batch: 1000 } }\n"
		       "sinks: { s: { type: probe, inputs: [n], mode: hold, "
		       "buffer: { memory: 1MiB, when_full: block } } }\n");
	turn_loop(&run, 300);
	read = account(&run, "n")->read;
	assert_true(read < 200000);
	turn_loop(&run, 50);
	assert_int_equal(account(&run, "n")->read, read);
	release_held(seen);
	run_to_end(&run);
	assert_int_equal(seen->ngot, 200000);
	assert_counted_up(seen, 1);
	run_free(&run);
}

static void what_is_left_at_the_deadline_is_dropped_and_counted(void **state)
{
	struct run run;

	(void)state;
	run_init(&run, "sources: { n: { type: numbers, count: 20000, batch: 1000 } }\n"
		       "sinks: { s: { type: probe, inputs: [n], mode: hold, window: 2 } }\n");
	turn_loop(&run, 10);
	pipeline_stop(run.pipeline);
	run_to_end(&run);
	assert_int_equal(seen->ngot, 0);
	assert_int_equal(account(&run, "s")->dropped[DROP_SHUTDOWN], account(&run, "s")->in);
	assert_true(account(&run, "s")->in > 0);
	run_free(&run);
}

static void a_blocked_pipeline_still_ends_when_told(void **state)
{
	struct run run;

	(void)state;
	run_init(&run, "sources: { n: { type: numbers, count: 20000000, batch: 1000 } }\n"
		       "sinks: { s: { type: probe, inputs: [n], mode: hold, "
		       "buffer: { memory: 256KiB, when_full: block } } }\n");
	turn_loop(&run, 300);
	pipeline_stop_now(run.pipeline);
	run_to_end(&run);
	assert_int_equal(account(&run, "s")->dropped[DROP_SHUTDOWN], account(&run, "s")->in);
	run_free(&run);
}

static void branches_narrow_their_own_view_only(void **state)
{
	struct run run;

	(void)state;
	run_init(&run, "sources: { n: { type: numbers, count: 10000, batch: 100 } }\n"
		       "stages: { e: { type: even, inputs: [n] } }\n"
		       "sinks:\n"
		       "  half: { type: probe, inputs: [e] }\n"
		       "  all: { type: probe, inputs: [n] }\n");
	run_to_end(&run);
	assert_int_equal(seen->ngot, 5000);
	assert_counted_up(seen, 2);
	assert_int_equal(seen_too->ngot, 10000);
	assert_counted_up(seen_too, 1);
	assert_int_equal(account(&run, "e")->counts[0], 5000);
	run_free(&run);
}

static void a_record_that_comes_by_two_ways_is_counted_twice(void **state)
{
	struct run run;

	(void)state;
	run_init(&run, "sources: { n: { type: numbers, count: 1000, batch: 10 } }\n"
		       "stages: { e: { type: even, inputs: [n] } }\n"
		       "sinks: { s: { type: probe, inputs: [n, e] } }\n");
	run_to_end(&run);
	assert_int_equal(seen->ngot, 1500);
	run_free(&run);
}

static void a_stage_that_is_done_stops_the_source(void **state)
{
	struct run run;

	(void)state;
	run_init(&run, "sources: { n: { type: numbers, count: 1000000000, batch: 30 } }\n"
		       "stages: { f: { type: first, inputs: [n] } }\n"
		       "sinks: { s: { type: probe, inputs: [f] } }\n");
	run_to_end(&run);
	assert_int_equal(seen->ngot, 100);
	assert_true(account(&run, "n")->read < 10000);
	run_free(&run);
}

static void a_stage_that_is_done_does_not_wait_for_a_dead_sink(void **state)
{
	struct run run;

	(void)state;
	run_init(&run, "sources: { n: { type: numbers, count: 1000000000, batch: 30 } }\n"
		       "stages: { f: { type: first, inputs: [n] } }\n"
		       "sinks: { s: { type: probe, inputs: [f], mode: hold } }\n");
	run_to_end(&run);
	assert_int_equal(account(&run, "s")->dropped[DROP_SHUTDOWN], 100);
	run_free(&run);
}

static void a_closed_sink_ends_the_run_without_loss(void **state)
{
	struct run run;

	(void)state;
	run_init(&run, "sources: { n: { type: numbers, count: 1000000000, batch: 30 } }\n"
		       "sinks: { s: { type: probe, inputs: [n], mode: close } }\n");
	run_to_end(&run);
	assert_int_equal(run.failed.code, 0);
	assert_int_equal(account(&run, "s")->dropped[DROP_CLOSED], account(&run, "s")->in);
	assert_int_equal(books_losses(pipeline_books(run.pipeline)), 0);
	run_free(&run);
}

static void a_failed_sink_fails_the_run_and_the_other_still_gets_all(void **state)
{
	struct run run;

	(void)state;
	run_init(&run, "sources: { n: { type: numbers, count: 1000000000, batch: 30 } }\n"
		       "sinks:\n"
		       "  a: { type: probe, inputs: [n], mode: fail }\n"
		       "  b: { type: probe, inputs: [n] }\n");
	run_to_end(&run);
	assert_int_equal(run.failed.code, ENOSPC);
	assert_non_null(strstr(run.failed.text, "sink 'a'"));
	assert_int_equal(account(&run, "a")->dropped[DROP_SINK_FAILED], account(&run, "a")->in);
	assert_int_equal(account(&run, "b")->delivered, account(&run, "n")->read);
	run_free(&run);
}

static void a_record_beyond_every_limit_is_dropped_by_name(void **state)
{
	struct run run;

	(void)state;
	run_init(&run, "sources: { n: { type: numbers, count: 10 } }\n"
		       "sinks: { s: { type: probe, inputs: [n], mode: huge } }\n");
	run_to_end(&run);
	assert_int_equal(account(&run, "s")->dropped[DROP_TOO_LARGE], 10);
	run_free(&run);
}

static void a_retry_limit_gives_up_and_says_so(void **state)
{
	struct run run;

	(void)state;
	srand(7);
	run_init(&run, "sources: { n: { type: numbers, count: 1000, batch: 100 } }\n"
		       "sinks: { s: { type: probe, inputs: [n], mode: random, "
		       "retry: { initial: 1ms, max: 1ms, limit: 1 } } }\n");
	run_to_end(&run);
	assert_true(account(&run, "s")->dropped[DROP_GAVE_UP] > 0);
	run_free(&run);
}

/* Whatever a destination does, each record has one fate and the sums agree. */
static void books_balance_for_any_order_of_fates(void **state)
{
	static const char *const windows[] = { "1", "2", "7", "32" };
	static const char *const policies[] = { "block", "drop_oldest", "drop_newest" };
	char text[512];

	(void)state;
	for (unsigned i = 0; i < 12; i++) {
		struct run run;
		uint64_t total;

		srand(i);
		(void)snprintf(
			text, sizeof(text),
			"sources:\n"
			"  a: { type: numbers, count: 20000, batch: %u }\n"
			"  b: { type: numbers, count: 30000, batch: 13 }\n"
			"stages: { e: { type: even, inputs: [a] } }\n"
			"sinks: { s: { type: probe, inputs: [e, b], mode: random, window: %s, "
			"buffer: { memory: 512KiB, when_full: %s }, batch: { max_bytes: 4KiB }, "
			"retry: { initial: 1ms, max: 2ms } } }\n",
			1 + i * 85, windows[i % 4], policies[i % 3]);
		run_init(&run, text);
		if (i % 5 == 4) {
			turn_loop(&run, 200);
			pipeline_stop(run.pipeline);
		}
		run_to_end(&run);
		total = account(&run, "s")->delivered;
		assert_int_equal(seen->ngot, total);
		run_free(&run);
	}
}

static void a_hidden_loss_is_found(void **state)
{
	struct error err = ERROR_INIT;
	struct run run;

	(void)state;
	run_init(&run, "sources: { n: { type: numbers, count: 1000, hide: 1 } }\n"
		       "sinks: { s: { type: probe, inputs: [n] } }\n");
	(void)uv_run(&run.loop, UV_RUN_DEFAULT);
	assert_int_equal(books_check(pipeline_books(run.pipeline), &err), -ENOTRECOVERABLE);
	assert_non_null(strstr(err.text, "attempts is 1001"));
	run_free(&run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_record_is_delivered_once_and_in_order),
		cmocka_unit_test(a_retried_chunk_brings_only_what_was_pending),
		cmocka_unit_test(drop_oldest_notes_the_gap_where_it_is),
		cmocka_unit_test(drop_newest_keeps_what_is_queued),
		cmocka_unit_test(a_blocking_sink_pauses_its_source_and_loses_nothing),
		cmocka_unit_test(what_is_left_at_the_deadline_is_dropped_and_counted),
		cmocka_unit_test(a_blocked_pipeline_still_ends_when_told),
		cmocka_unit_test(branches_narrow_their_own_view_only),
		cmocka_unit_test(a_record_that_comes_by_two_ways_is_counted_twice),
		cmocka_unit_test(a_stage_that_is_done_stops_the_source),
		cmocka_unit_test(a_stage_that_is_done_does_not_wait_for_a_dead_sink),
		cmocka_unit_test(a_closed_sink_ends_the_run_without_loss),
		cmocka_unit_test(a_failed_sink_fails_the_run_and_the_other_still_gets_all),
		cmocka_unit_test(a_record_beyond_every_limit_is_dropped_by_name),
		cmocka_unit_test(a_retry_limit_gives_up_and_says_so),
		cmocka_unit_test(books_balance_for_any_order_of_fates),
		cmocka_unit_test(a_hidden_loss_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
