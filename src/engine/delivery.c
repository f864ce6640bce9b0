/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/delivery.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "engine/graph.h"
#include "engine/pool.h"

enum {
	CHUNK_BYTES = 64 * 1024,
	RETRY_SHIFT_MAX = 30,
	WINDOW_MAX = 1024,
};

static const struct opt_value when_full_values[] = {
	[FULL_BLOCK] = { "block", "Stop reading the sources; the kernel's buffers fill and "
				  "count what they lose." },
	[FULL_DROP_NEWEST] = { "drop_newest", "Drop what comes in." },
	[FULL_DROP_OLDEST] = { "drop_oldest", "Drop what has waited longest." },
	OPT_VALUES_END,
};

static const struct opt buffer_options[] = {
	OPT_SIZE(struct delivery_buffer, memory, .def = "16MiB", .min = "256KiB", .max = "64GiB",
		 .help = "How much memory the sink's chunks may take, in all."),
	OPT_ENUM(struct delivery_buffer, when_full, .def = "drop_oldest",
		 .values = when_full_values,
		 .help = "What to do when that is used up. Whatever is dropped is counted, and "
			 "noted in the stream."),
	OPT_END,
};

static const struct opt retry_options[] = {
	OPT_DURATION(struct delivery_retry, initial, .def = "200ms", .min = "1ms", .max = "1h",
		     .help = "Wait before the first retry; each further wait is twice as long, "
			     "give or take a quarter."),
	OPT_DURATION(struct delivery_retry, max, .def = "30s", .min = "1ms", .max = "1d",
		     .help = "The longest wait between two tries."),
	OPT_INT(struct delivery_retry, limit, .def = "0", .min = "0", .max = "1000000",
		.help = "Drop a record after so many retries; 0 means never."),
	OPT_END,
};

static const struct opt batch_options[] = {
	OPT_SIZE(struct delivery_batch, max_bytes, .def = "0", .min = "0", .max = "16MiB",
		 .help = "Close a chunk at this size; 0 means what suits the sink."),
	OPT_DURATION(struct delivery_batch, timeout, .def = "0", .min = "0", .max = "1h",
		     .help = "Let a chunk wait so long for more records before it is sent; 0 means "
			     "what suits the sink."),
	OPT_END,
};

const struct opt delivery_option_table[] = {
	OPT_TABLE(struct delivery_options, buffer, buffer_options,
		  .help = "The queue in front of the sink."),
	OPT_TABLE(struct delivery_options, retry, retry_options,
		  .help = "What to do when the destination does not take a chunk."),
	OPT_TABLE(struct delivery_options, batch, batch_options,
		  .help = "How records are grouped."),
	OPT_END,
};

static void pump(struct sink *sink);
static void check_ended(struct sink *sink);

static int64_t now(const struct sink *sink)
{
	return now_ns(sink->node->pipeline);
}

/* ---- memory ------------------------------------------------------------ */

static void review_blocking(struct sink *sink)
{
	uint64_t memory = sink->options.buffer.memory;
	bool was = sink->is_blocking;

	if (sink->options.buffer.when_full != FULL_BLOCK)
		return;
	if (!was && sink->used_bytes >= memory && !sink->is_dropping)
		sink->is_blocking = true;
	/* Let a good part drain first, or the sources would stop and go per chunk. */
	else if (was && (sink->used_bytes <= memory - memory / 4 || sink->is_dropping))
		sink->is_blocking = false;
	if (was != sink->is_blocking)
		flow_balance(sink->node->pipeline);
}

static void make_spare(struct sink *sink, struct chunk *chunk)
{
	pool_return(sink, chunk);
	review_blocking(sink);
}

/* ---- fates ------------------------------------------------------------ */

void delivery_count(struct sink *sink, enum fate fate, uint32_t why, uint64_t n)
{
	struct account *account = &sink->node->account;

	switch (fate) {
	case DELIVERED:
		account->delivered += n;
		break;
	case REJECTED:
		account->rejected += n;
		account->counts[why] += n;
		break;
	case DROPPED:
		account->dropped[why] += n;
		break;
	case PENDING:
		break;
	}
}

/* Give the pending ones of n records a fate; returns how many were events. */
static uint64_t settle_range(struct chunk *chunk, uint32_t first, uint32_t n, enum fate fate)
{
	uint32_t end = first + n < chunk->nrecs ? first + n : chunk->nrecs;
	uint64_t events = 0;

	for (uint32_t i = first; i < end; i++) {
		struct crec *rec = &chunk->recs[i];

		if (rec->fate != PENDING)
			continue;
		rec->fate = (uint8_t)fate;
		chunk->npending--;
		events += !rec->is_mark;
	}
	return events;
}

/* Drop what is pending in a chunk that nobody else refers to, and free it. */
static uint64_t drop_chunk(struct sink *sink, struct chunk *chunk, enum drop reason)
{
	uint64_t events = settle_range(chunk, 0, chunk->nrecs, DROPPED);

	delivery_count(sink, DROPPED, reason, events);
	make_spare(sink, chunk);
	sink->headed = NULL; /* its header may have been in there */
	return events;
}

void sink_settle(struct sink *sink, struct chunk *chunk, uint32_t first, uint32_t n, enum fate fate,
		 uint32_t why)
{
	uint64_t events = settle_range(chunk, first, n, fate);

	delivery_count(sink, fate, why, events);
	if (chunk->npending)
		return;
	sink->nout--;
	make_spare(sink, chunk);
	if (sink->is_retrying) {
		log_warn("sink '%s': delivering again", sink->node->config->id);
		sink->is_retrying = false;
	}
	pump(sink);
	check_ended(sink);
}

void sink_maybe_twice(struct sink *sink, uint64_t n)
{
	sink->node->account.maybe_twice += n;
}

static int64_t back_off(struct sink *sink, uint32_t attempts)
{
	struct clock *clock = sink->node->pipeline->options.clock;
	uint32_t shift = attempts - 1 < RETRY_SHIFT_MAX ? attempts - 1 : RETRY_SHIFT_MAX;
	int64_t wait = sink->options.retry.initial, quarter;

	if (wait > sink->options.retry.max >> shift)
		wait = sink->options.retry.max;
	else
		wait <<= shift;
	quarter = wait / 4;
	if (quarter)
		wait += (int64_t)(clock->random(clock) % (uint64_t)(2 * quarter)) - quarter;
	return wait;
}

static void await_retry(struct sink *sink, struct chunk *chunk)
{
	pool_outer(chunk)->state = CHUNK_WAITING;
	queue_push(&sink->waiting, chunk);
}

void sink_retry(struct sink *sink, struct chunk *chunk, int64_t after_ns, const char *why)
{
	int64_t wait;

	chunk->sink_data = NULL;
	if (sink->is_dropping) {
		sink->nout--;
		drop_chunk(sink, chunk, sink->drop_reason);
		return;
	}
	if (!why) {
		await_retry(sink, chunk);
		return;
	}
	chunk->attempts++;
	if (sink->options.retry.limit && chunk->attempts > sink->options.retry.limit) {
		sink->nout--;
		log_warn("sink '%s': gave up on %u records: %s", sink->node->config->id,
			 chunk->npending, why);
		sink->gap += drop_chunk(sink, chunk, DROP_GAVE_UP);
		pump(sink);
		check_ended(sink);
		return;
	}
	if (!sink->is_retrying) {
		log_warn("sink '%s': %s; retrying", sink->node->config->id, why);
		sink->is_retrying = true;
	}
	sink->node->account.retries++;
	wait = back_off(sink, chunk->attempts);
	chunk->retry_ns = now(sink) + (after_ns > wait ? after_ns : wait);
	await_retry(sink, chunk);
	delivery_set_timer(sink);
}

/* ---- handing out ------------------------------------------------------ */

/* The chunk's first record becomes the note of what was dropped in front of it. */
static void write_gap_note(struct sink *sink, struct chunk *chunk)
{
	struct binding *binding = sink->note_binding;
	struct mark mark = {
		.kind = MARK_LOSS,
		.sink = sink->node->config->id,
		.reason = "dropped",
		.n = chunk->gap,
	};
	struct crec *rec = &chunk->recs[0];
	uint8_t text[NOTE_ROOM];
	size_t len;

	if (!chunk->gap || !binding)
		return;
	len = binding->encoding.encoder->mark(binding->encoding.encoder, &mark, text);
	if (!len) {
		log_warn("sink '%s': dropped %llu records", sink->node->config->id,
			 (unsigned long long)chunk->gap);
		chunk->gap = 0;
		return;
	}
	chunk->gap = 0;
	rec->at = NOTE_ROOM - (uint32_t)len;
	rec->len = (uint32_t)len;
	rec->fate = PENDING;
	rec->route = binding->encoding.route;
	memcpy(chunk->bytes + rec->at, text, len);
	chunk->npending++;
	sink->node->account.notes++;
}

static void hand_out(struct sink *sink, struct chunk *chunk)
{
	write_gap_note(sink, chunk);
	pool_outer(chunk)->state = CHUNK_OUT;
	sink->type->write(sink->node->self, chunk);
}

static struct chunk *take_due(struct sink *sink)
{
	int64_t at = now(sink);
	struct chunk *chunk = sink->waiting.head;

	while (chunk && chunk->retry_ns > at)
		chunk = chunk->next;
	if (chunk)
		queue_remove(&sink->waiting, chunk);
	return chunk;
}

static bool is_aged(struct sink *sink, const struct chunk *chunk)
{
	int64_t timeout = sink->options.batch.timeout;

	return sink->input_ended || !timeout || now(sink) - chunk->born_ns >= timeout;
}

static bool is_empty(const struct chunk *chunk)
{
	return !chunk->npending && !chunk->gap;
}

static void close_open(struct sink *sink)
{
	struct chunk *chunk = sink->open;

	sink->open = NULL;
	if (is_empty(chunk)) {
		make_spare(sink, chunk);
		return;
	}
	pool_outer(chunk)->state = CHUNK_QUEUED;
	queue_push(&sink->queue, chunk);
}

/*
 * Hand out what the window allows.  A sink may settle within write(), which
 * comes back here: the outer call goes on then.
 */
static void pump(struct sink *sink)
{
	struct chunk *chunk;

	if (sink->is_pumping || sink->is_dropping || !sink->node->pipeline->is_started)
		return;
	sink->is_pumping = true;
	while ((chunk = take_due(sink)))
		hand_out(sink, chunk);
	while (sink->nout < sink->window && !sink->is_dropping) {
		chunk = queue_pop(&sink->queue);
		if (!chunk)
			break;
		sink->nout++;
		hand_out(sink, chunk);
	}
	sink->is_pumping = false;
	delivery_set_timer(sink);
}

void sink_ready(struct sink *sink)
{
	pump(sink);
	check_ended(sink);
}

/* A full queue: make room as the policy says.  Blocking is not done here. */
void delivery_make_room(struct sink *sink)
{
	uint64_t memory = sink->options.buffer.memory;
	struct chunk *chunk;
	uint64_t gap;

	if (sink->options.buffer.when_full == FULL_BLOCK) {
		review_blocking(sink);
		return;
	}
	while (sink->used_bytes > memory && sink->queue.head) {
		if (sink->options.buffer.when_full == FULL_DROP_NEWEST) {
			chunk = sink->queue.tail;
			queue_remove(&sink->queue, chunk);
			gap = chunk->gap;
			sink->gap += gap + drop_chunk(sink, chunk, DROP_QUEUE_FULL);
			continue;
		}
		chunk = queue_pop(&sink->queue);
		gap = chunk->gap;
		gap += drop_chunk(sink, chunk, DROP_QUEUE_FULL);
		if (sink->queue.head)
			sink->queue.head->gap += gap;
		else
			sink->gap += gap;
	}
}

void delivery_close_full(struct sink *sink)
{
	close_open(sink);
	pump(sink);
	delivery_make_room(sink);
}

/* ---- time and ends ---------------------------------------------------- */

static void on_timer(uv_timer_t *timer)
{
	struct sink *sink = timer->data;

	delivery_turn_end(sink);
	pump(sink);
	check_ended(sink);
}

void delivery_set_timer(struct sink *sink)
{
	int64_t due = INT64_MAX, wait;

	if (!sink->has_timer || sink->is_pumping)
		return;
	if (sink->open && sink->options.batch.timeout && sink->nout < sink->window)
		due = sink->open->born_ns + sink->options.batch.timeout;
	for (struct chunk *c = sink->waiting.head; c; c = c->next)
		if (c->retry_ns < due)
			due = c->retry_ns;
	if (due == INT64_MAX) {
		(void)uv_timer_stop(&sink->timer);
		return;
	}
	wait = due - now(sink);
	wait = wait > 0 ? (wait + NS_PER_MS - 1) / NS_PER_MS : 0;
	(void)uv_timer_start(&sink->timer, on_timer, (uint64_t)wait, 0);
}

void delivery_turn_end(struct sink *sink)
{
	/* While nothing more can go out, let the chunk grow instead. */
	if (!sink->open || sink->nout >= sink->window || sink->queue.head)
		return;
	if (!is_aged(sink, sink->open))
		return;
	close_open(sink);
	pump(sink);
}

static void check_ended(struct sink *sink)
{
	if (!sink->input_ended || sink->has_ended || sink->is_pumping)
		return;
	if (sink->open && !sink->is_dropping) {
		close_open(sink);
		pump(sink);
		if (sink->has_ended)
			return;
	}
	if (sink->nout || sink->queue.head)
		return;
	/* The last thing that happened was a loss: say so before the end. */
	if (sink->gap && sink->note_binding && !sink->is_dropping) {
		(void)pool_open(sink);
		check_ended(sink);
		return;
	}
	sink->has_ended = true;
	if (sink->type->stop)
		sink->type->stop(sink->node->self);
	pipeline_sink_ended(sink->node->pipeline);
}

void delivery_end(struct sink *sink)
{
	sink->input_ended = true;
	check_ended(sink);
}

void delivery_drop_all(struct sink *sink, enum drop reason)
{
	struct chunk *chunk;

	if (sink->has_ended || (sink->is_dropping && !sink->must_cancel))
		return;
	sink->must_cancel = false;
	sink->is_dropping = true;
	sink->drop_reason = reason;
	/* What cancel() settles must not end the sink half-way. */
	sink->is_pumping = true;
	if (sink->nout)
		sink->type->cancel(sink->node->self);
	sink->is_pumping = false;
	while ((chunk = queue_pop(&sink->waiting))) {
		sink->nout--;
		drop_chunk(sink, chunk, reason);
	}
	while ((chunk = queue_pop(&sink->queue)))
		drop_chunk(sink, chunk, reason);
	if (sink->open) {
		drop_chunk(sink, sink->open, reason);
		sink->open = NULL;
	}
	delivery_set_timer(sink);
	review_blocking(sink);
	check_ended(sink);
}

void sink_closed(struct sink *sink)
{
	sink->is_dropping = true;
	sink->must_cancel = true;
	sink->drop_reason = DROP_CLOSED;
	flow_review(sink->node->pipeline);
}

void sink_fail(struct sink *sink, const struct error *err)
{
	sink->is_dropping = true;
	sink->must_cancel = true;
	sink->drop_reason = DROP_SINK_FAILED;
	pipeline_fail(sink->node->pipeline, sink->node, err);
}

void sink_set_window(struct sink *sink, uint32_t chunks)
{
	sink->window = chunks < 1 ? 1 : chunks > WINDOW_MAX ? WINDOW_MAX : chunks;
}

void delivery_init(struct sink *sink, struct node *node)
{
	struct delivery_batch *batch = &sink->options.batch;

	sink->node = node;
	sink->window = 1;
	if (!batch->max_bytes)
		batch->max_bytes = sink->type->chunk_bytes ? sink->type->chunk_bytes : CHUNK_BYTES;
	if (!batch->timeout)
		batch->timeout = sink->type->chunk_wait_ns;
	(void)uv_timer_init(node->pipeline->options.loop, &sink->timer);
	sink->timer.data = sink;
	sink->has_timer = true;
}

void delivery_release(struct sink *sink)
{
	for (uint32_t i = 0; i < sink->nall; i++) {
		free(sink->all[i]->chunk.bytes);
		free(sink->all[i]->chunk.keys);
		free(sink->all[i]->chunk.recs);
		free(sink->all[i]);
	}
	free(sink->all);
	sink->all = NULL;
	sink->nall = 0;
	if (sink->has_timer)
		uv_close((uv_handle_t *)&sink->timer, NULL);
	sink->has_timer = false;
}

uint64_t delivery_held(const struct sink *sink)
{
	uint64_t held = 0;

	for (uint32_t i = 0; i < sink->nall; i++) {
		const struct chunk *chunk = &sink->all[i]->chunk;

		if (sink->all[i]->state == CHUNK_FREE)
			continue;
		for (uint32_t r = 0; r < chunk->nrecs; r++)
			held += chunk->recs[r].fate == PENDING && !chunk->recs[r].is_mark;
	}
	return held;
}
