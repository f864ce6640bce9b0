/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fill: from batches to chunks.  Records are encoded straight into the open
 * chunk, keys beside it; losses and headers become records that are no events.
 */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "engine/graph.h"
#include "engine/pool.h"

enum { CHUNK_BYTES_MAX = 64 << 20 /* a single record may not ask for more */ };

static void add_key(struct chunk *chunk, const void *bytes, size_t len)
{
	if (chunk->keys_len + len > chunk->keys_cap) {
		uint32_t cap = chunk->keys_cap ? chunk->keys_cap : 1024;

		while (cap < chunk->keys_len + len)
			cap *= 2;
		chunk->keys = xrealloc(chunk->keys, cap);
		chunk->keys_cap = cap;
	}
	memcpy(chunk->keys + chunk->keys_len, bytes, len);
	chunk->keys_len += (uint32_t)len;
}

static void add_key_value(struct chunk *chunk, const struct value *value)
{
	char text[32];
	int n = 0;

	if (value->missing)
		return;
	switch (value->type) {
	case TYPE_BOOL:
		add_key(chunk, value->b ? "true" : "false", value->b ? 4 : 5);
		return;
	case TYPE_STRING:
	case TYPE_STRINGS:
	case TYPE_BYTES:
		add_key(chunk, value->s.at, value->s.len);
		return;
	case TYPE_UINT:
		n = snprintf(text, sizeof(text), "%llu", (unsigned long long)value->u);
		break;
	case TYPE_FLOAT:
		n = snprintf(text, sizeof(text), "%.17g", value->f);
		break;
	default:
		n = snprintf(text, sizeof(text), "%lld", (long long)value->i);
		break;
	}
	add_key(chunk, text, (size_t)n);
}

static void make_key(struct chunk *chunk, const struct encoding *encoding,
		     const struct batch *batch, uint32_t row, struct crec *rec)
{
	struct value value;

	rec->key_at = chunk->keys_len;
	for (uint32_t i = 0; i < encoding->nkey; i++) {
		if (i)
			add_key(chunk, "|", 1);
		batch_read(batch, row, encoding->key[i], &value);
		add_key_value(chunk, &value);
	}
	rec->key_len = chunk->keys_len - rec->key_at;
}

/* Fill in the table for n records that were encoded behind chunk->len. */
static void add_recs(struct sink *sink, struct chunk *chunk, const struct encoding *encoding,
		     const struct batch *batch, uint32_t first, uint32_t n)
{
	uint32_t base = chunk->len, at = 0;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t row = batch->sel[first + i];
		struct crec *rec = &chunk->recs[chunk->nrecs + i];

		*rec = (struct crec){ .at = base + at,
				      .len = sink->ends[i] - at,
				      .route = encoding->route };
		at = sink->ends[i];
		if (encoding->nkey)
			make_key(chunk, encoding, batch, row, rec);
		if (sink->type->flags & SINK_WANTS_TIME)
			rec->time_ns = batch_time(batch, row);
		if (sink->type->flags & SINK_WANTS_ID) {
			struct rid id = batch_rid(batch, row);

			rec->cpu = id.cpu;
			rec->seq = id.seq;
		}
	}
	chunk->len = base + at;
	chunk->nrecs += n;
	chunk->npending += n;
	chunk->nevents += n;
	sink->node->account.bytes += at;
}

static uint32_t encode_some(struct sink *sink, struct chunk *chunk, const struct encoding *encoding,
			    const struct batch *batch, uint32_t first, uint32_t until)
{
	uint32_t room = chunk->recs_cap - chunk->nrecs, n;
	struct encoded out = {
		.at = chunk->bytes + chunk->len,
		.limit = chunk->bytes + chunk->cap,
		.ends = sink->ends,
		.max = room < BATCH_MAX ? room : BATCH_MAX,
		.start = chunk->bytes + chunk->len,
	};

	if (!room)
		return 0;
	n = encoding->encoder->rows(encoding->encoder, batch, first, until, &out);
	add_recs(sink, chunk, encoding, batch, first, n);
	return n;
}

/* One note of `len` bytes behind the records so far. */
static void add_note(struct sink *sink, const struct encoding *encoding, const void *text,
		     size_t len)
{
	struct chunk *chunk = sink->open ? sink->open : pool_open(sink);

	if (chunk->cap - chunk->len < len || chunk->nrecs == chunk->recs_cap) {
		delivery_close_full(sink);
		chunk = sink->open ? sink->open : pool_open(sink);
	}
	memcpy(chunk->bytes + chunk->len, text, len);
	chunk->recs[chunk->nrecs++] = (struct crec){
		.at = chunk->len, .len = (uint32_t)len, .route = encoding->route, .is_mark = 1
	};
	chunk->len += (uint32_t)len;
	chunk->npending++;
}

static void take_mark(struct sink *sink, const struct encoding *encoding, const struct mark *mark)
{
	uint8_t text[ENCODER_MARK_MAX];
	size_t len = encoding->encoder->mark(encoding->encoder, mark, text);

	if (!len) {
		log_warn("source '%s': lost %llu %s records (%s)",
			 mark->origin ? mark->origin->source : "?", (unsigned long long)mark->n,
			 mark->event ? mark->event : "?", mark->reason);
		return;
	}
	add_note(sink, encoding, text, len);
	sink->node->account.notes++;
}

/* Kinds with the same header share it: they are rows of one table. */
static bool have_same_header(const struct binding *a, const struct binding *b)
{
	struct str x = a->encoding.header, y = b->encoding.header;

	return x.len == y.len && (!x.len || !memcmp(x.at, y.at, x.len));
}

static bool is_header_written(const struct sink *sink, const struct binding *binding)
{
	for (const struct binding *b = sink->node->bindings; b; b = b->next)
		if (b->header_written && have_same_header(b, binding))
			return true;
	return false;
}

/* The header that is due in front of the binding's next record; empty: none. */
static struct str header_due(const struct sink *sink, const struct binding *binding)
{
	const struct encoding *encoding = &binding->encoding;

	if (!encoding->header_again.len) {
		if (binding->header_written || is_header_written(sink, binding))
			return (struct str){ 0 };
		return encoding->header;
	}
	if (sink->headed && have_same_header(sink->headed, binding))
		return (struct str){ 0 };
	return sink->has_header ? encoding->header_again : encoding->header;
}

static void take_header(struct sink *sink, struct binding *binding)
{
	struct str header = header_due(sink, binding);

	binding->header_written = true;
	if (!header.len)
		return;
	sink->has_header = true;
	sink->headed = binding;
	add_note(sink, &binding->encoding, header.at, header.len);
}

/* A record that does not fit into an empty chunk: enlarge the chunk, or drop it. */
static bool make_chunk_fit(struct sink *sink, struct chunk *chunk, const struct encoding *encoding,
			   const struct batch *batch, uint32_t row)
{
	size_t bound = encoding->encoder->bound(encoding->encoder, batch, row);

	if (bound > CHUNK_BYTES_MAX) {
		delivery_count(sink, DROPPED, DROP_TOO_LARGE, 1);
		return false;
	}
	chunk->cap = (uint32_t)(NOTE_ROOM + bound);
	chunk->bytes = xrealloc(chunk->bytes, chunk->cap);
	pool_recost(sink, chunk);
	return true;
}

static void take_rows(struct sink *sink, struct binding *binding, const struct batch *batch,
		      uint32_t first, uint32_t until)
{
	const struct encoding *encoding = &binding->encoding;

	while (first < until) {
		struct chunk *chunk = sink->open ? sink->open : pool_open(sink);
		uint32_t n = encode_some(sink, chunk, encoding, batch, first, until);

		first += n;
		if (n)
			continue;
		if (chunk->nrecs > 1) {
			delivery_close_full(sink);
			continue;
		}
		if (!make_chunk_fit(sink, chunk, encoding, batch, batch->sel[first]))
			first++;
	}
}

void delivery_take(struct sink *sink, struct binding *binding, const struct batch *batch)
{
	uint32_t first = 0;

	if (sink->is_dropping) {
		delivery_count(sink, DROPPED, sink->drop_reason, batch->nsel);
		return;
	}
	sink->note_binding = binding;
	if (batch->nsel)
		take_header(sink, binding);
	for (uint32_t m = 0; m < batch->nmarks; m++) {
		uint32_t until = first;

		while (until < batch->nsel && batch->sel[until] < batch->marks[m].before_row)
			until++;
		take_rows(sink, binding, batch, first, until);
		take_mark(sink, &binding->encoding, &batch->marks[m]);
		first = until;
	}
	take_rows(sink, binding, batch, first, batch->nsel);
	delivery_make_room(sink);
	delivery_set_timer(sink);
}
