/* SPDX-License-Identifier: Apache-2.0 */
#include "recording/encoder.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "recording/check.h"
#include "recording/document.h"
#include "recording/format.h"

/* Names of a LOSS frame are cut to these, so that it fits ENCODER_MARK_MAX. */
enum { SOURCE_MAX = 128, EVENT_MAX = 256, REASON_MAX = 128 };

_Static_assert((int)LOSS_BYTES + SOURCE_MAX + EVENT_MAX + REASON_MAX + FRAME_ALIGN <=
		       (int)ENCODER_MARK_MAX,
	       "a loss fits");

struct recorder {
	struct encoder encoder; /* first */
	uint16_t number;
};

static uint8_t *put(uint8_t *out, const void *bytes, size_t len)
{
	memcpy(out, bytes, len);
	return out + len;
}

static uint8_t *put_frame(uint8_t *out, const struct recorder *r, size_t len, enum frame_kind kind,
			  uint8_t flags)
{
	uint32_t bytes = (uint32_t)len;
	uint8_t tail[2] = { (uint8_t)kind, flags };

	out = put(out, &bytes, sizeof(bytes));
	out = put(out, &r->number, sizeof(r->number));
	return put(out, tail, sizeof(tail));
}

static size_t aligned(size_t len)
{
	return (len + FRAME_ALIGN - 1) & ~(size_t)(FRAME_ALIGN - 1);
}

/* The load the rows come from: when they were read is not part of it. */
static uint8_t *put_origin(uint8_t *out, const struct origin *origin)
{
	uint64_t epoch = origin ? origin->epoch : 0;

	out = put(out, &epoch, sizeof(epoch));
	memset(out, 0, RECORDING_BOOT);
	if (origin)
		memcpy(out, origin->boot, strnlen(origin->boot, RECORDING_BOOT));
	return out + RECORDING_BOOT;
}

static uint8_t *put_group(uint8_t *out, const struct recorder *r, const struct rows *rows)
{
	out = put_frame(out, r, GROUP_BYTES, FRAME_GROUP, 0);
	out = put(out, &rows->wall_ns, sizeof(rows->wall_ns));
	out = put(out, &rows->boot_to_wall_ns, sizeof(rows->boot_to_wall_ns));
	return put_origin(out, rows->origin);
}

static uint8_t *put_row(uint8_t *out, const struct recorder *r, const struct rows *rows,
			uint32_t row)
{
	uint32_t len = rows->len[row];
	uint8_t *end = out + aligned(ROW_HEADER + (size_t)len);

	/* Zeros behind the row; the row then covers all but the last of them. */
	memset(end - FRAME_ALIGN, 0, FRAME_ALIGN);
	out = put_frame(out, r, ROW_HEADER + (size_t)len, FRAME_ROW, 0);
	out = put(out, &rows->pos[row], sizeof(rows->pos[row]));
	(void)put(out, rows->at[row], len);
	return end;
}

static size_t record_bound(const struct encoder *encoder, const struct batch *batch, uint32_t row)
{
	(void)encoder;
	return GROUP_BYTES + aligned(ROW_HEADER + (size_t)batch->rows->len[row]);
}

static uint32_t record_rows(const struct encoder *encoder, const struct batch *batch,
			    uint32_t first, uint32_t until, struct encoded *out)
{
	const struct recorder *r = (const struct recorder *)encoder;
	uint32_t n = 0;

	for (; first + n < until && out->nends < out->max; n++) {
		uint32_t row = batch->sel[first + n];
		size_t need = aligned(ROW_HEADER + (size_t)batch->rows->len[row]);

		if ((size_t)(out->limit - out->at) < need + (n ? 0 : GROUP_BYTES))
			break;
		if (!n)
			out->at = put_group(out->at, r, batch->rows);
		out->at = put_row(out->at, r, batch->rows, row);
		out->ends[out->nends++] = (uint32_t)(out->at - out->start);
	}
	return n;
}

static uint32_t cut(const char *name, uint32_t max)
{
	return name ? (uint32_t)strnlen(name, max) : 0;
}

static size_t record_mark(const struct encoder *encoder, const struct mark *mark, uint8_t *out)
{
	const struct recorder *r = (const struct recorder *)encoder;
	const char *source = mark->sink ? mark->sink : mark->origin ? mark->origin->source : "";
	uint64_t numbers[] = { mark->n, mark->from, mark->to };
	uint32_t tail[] = { mark->cpu, cut(source, SOURCE_MAX),
			    mark->sink ? 0 : cut(mark->event, EVENT_MAX),
			    cut(mark->reason, REASON_MAX) };
	size_t len = LOSS_BYTES + tail[1] + tail[2] + tail[3];

	memset(out + len, 0, aligned(len) - len);
	out = put_frame(
		out, r, len, FRAME_LOSS,
		(uint8_t)((mark->sink ? LOSS_OF_SINK : 0) | (mark->has_cpu ? LOSS_HAS_CPU : 0)));
	out = put(out, numbers, sizeof(numbers));
	out = put_origin(out, mark->sink ? NULL : mark->origin);
	out = put(out, tail, sizeof(tail));
	out = put(out, source, tail[1]);
	if (tail[2])
		out = put(out, mark->event, tail[2]);
	if (tail[3])
		(void)put(out, mark->reason, tail[3]);
	return aligned(len);
}

/* Whether a reader will take the schema's document: it is asked. */
static int check_document(const struct schema *schema, struct error *err)
{
	struct arena scratch = ARENA_INIT;
	const struct schema *copy;
	char *text = document_of_schema(schema);
	size_t len = strlen(text);
	int r;

	if (len > RECORDING_DOC_MAX)
		r = error_set(err, E2BIG, "it takes %zu bytes to describe (at most %d)", len,
			      RECORDING_DOC_MAX);
	else
		r = document_to_schema(&scratch, text, len, &copy, err);
	free(text);
	arena_release(&scratch);
	return r < 0 ? error_wrap(err, "'%s' cannot be recorded", schema->event) : 0;
}

int recording_encoder(struct arena *arena, const struct schema *schema, uint16_t number,
		      const struct encoder **ret_encoder, struct error *err)
{
	struct recorder *r;
	int status = schema_check(schema, err);

	if (status == 0)
		status = check_document(schema, err);
	if (status < 0) {
		/* Nothing is broken: the pipeline asks for what cannot be. */
		if (err)
			err->code = EINVAL;
		return -EINVAL;
	}
	r = arena_alloc(arena, sizeof(*r));
	r->encoder = (struct encoder){ record_rows, record_bound, record_mark };
	r->number = number;
	*ret_encoder = &r->encoder;
	return 0;
}
