/* SPDX-License-Identifier: Apache-2.0 */
/*
 * codec_fixture: schemas, rows and encoders for the codecs' tests.
 *
 * Each row is an allocation of its own of exactly its length and ROW_SLACK, so
 * that the sanitizer sees reads beyond what the contract allows; output goes
 * to an allocation of exactly the size that was promised to be enough.
 */
#ifndef TESTS_CODEC_FIXTURE_H
#define TESTS_CODEC_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "codec/encoder.h"
#include "data/batch.h"

enum { FIXTURE_ROWS = BATCH_MAX, FIXTURE_COLS = 8 };

#define FIXTURE_WALL INT64_C(1795474800123456789) /* 2026-11-23T23:00:00.123456789Z */

struct fixture {
	struct arena arena;
	struct schema_builder builder;
	const struct schema *schema;
	struct origin origin;
	struct rows rows;
	struct batch batch;
	struct column cols[FIXTURE_COLS];
	uint64_t present[FIXTURE_COLS][FIXTURE_ROWS / 64];
	const uint8_t *at[FIXTURE_ROWS];
	uint32_t len[FIXTURE_ROWS];
	uint64_t pos[FIXTURE_ROWS];
	uint16_t sel[FIXTURE_ROWS];
	uint16_t ncols;
	uint32_t ends[FIXTURE_ROWS];
	struct error error;
};

static inline void fixture_begin(struct fixture *f, uint32_t row_min)
{
	memset(f, 0, sizeof(*f));
	schema_begin(&f->builder, &f->arena,
		     &(struct schema_head){ .event = "open",
					    .source = "opens",
					    .gadget = "trace_open",
					    .host = "node1",
					    .row_min = row_min,
					    .seq_at = SCHEMA_NO_SEQ });
	f->origin = (struct origin){ .source = "opens",
				     .boot = "0123456789abcdef0123456789abcdef",
				     .epoch = 0xabcdef };
}

static inline void fixture_add(struct fixture *f, struct field field)
{
	if (field.loc == LOC_COL && field.at >= f->ncols)
		f->ncols = (uint16_t)(field.at + 1);
	assert_int_equal(schema_add(&f->builder, &field), 0);
}

static inline void fixture_field(struct fixture *f, const char *name, enum type type,
				 enum layout layout, uint32_t at, uint32_t size)
{
	fixture_add(f, (struct field){ .name = name,
				       .type = (uint8_t)type,
				       .layout = (uint8_t)layout,
				       .loc = LOC_ROW,
				       .at = at,
				       .size = size });
}

static inline void fixture_column(struct fixture *f, const char *name, enum type type,
				  enum layout layout, uint32_t at)
{
	fixture_add(f, (struct field){ .name = name,
				       .type = (uint8_t)type,
				       .layout = (uint8_t)layout,
				       .loc = LOC_COL,
				       .at = at,
				       .size = layout == LAYOUT_STR ? 16 : 8 });
}

/* The schema is complete; rows come next. */
static inline void fixture_ready(struct fixture *f)
{
	f->builder.schema->ncols = f->ncols;
	f->schema = schema_end(&f->builder);
	f->rows = (struct rows){ .at = f->at,
				 .len = f->len,
				 .pos = f->pos,
				 .origin = &f->origin,
				 .wall_ns = FIXTURE_WALL,
				 .boot_to_wall_ns = FIXTURE_WALL - 1000 };
	f->batch = (struct batch){
		.schema = f->schema, .rows = &f->rows, .cols = f->cols, .sel = f->sel
	};
}

static inline void fixture_row(struct fixture *f, const void *bytes, uint32_t len)
{
	uint32_t n = f->rows.n;
	uint8_t *row = malloc(len + ROW_SLACK);

	assert_true(n < FIXTURE_ROWS);
	memcpy(row, bytes, len);
	/* What lies behind a row is another record: anything but zeros. */
	memset(row + len, '"', ROW_SLACK);
	f->at[n] = row;
	f->len[n] = len;
	f->pos[n] = n * 512;
	f->sel[n] = (uint16_t)n;
	f->batch.nsel = ++f->rows.n;
}

static inline void fixture_drop_rows(struct fixture *f)
{
	for (uint32_t i = 0; i < f->rows.n; i++)
		free((void *)(uintptr_t)f->at[i]);
	f->rows.n = f->batch.nsel = 0;
}

static inline void fixture_end(struct fixture *f)
{
	fixture_drop_rows(f);
	arena_release(&f->arena);
}

static inline const struct encoder *fixture_encoder(struct fixture *f, const struct codec *codec,
						    struct encoder_options options)
{
	const struct encoder *encoder = NULL;
	int r = codec->compile(&f->arena, f->schema, &options, &encoder, &f->error);

	if (r < 0)
		fail_msg("compile: %s", f->error.text);
	return encoder;
}

/* Encode all selected rows in one call; free() the result. */
static inline uint8_t *fixture_encode(struct fixture *f, const struct encoder *encoder,
				      size_t *ret_len)
{
	size_t room = 0;
	struct encoded out = { .ends = f->ends, .max = FIXTURE_ROWS };
	uint8_t *bytes;

	for (uint32_t i = 0; i < f->batch.nsel; i++)
		room += encoder->bound(encoder, &f->batch, f->batch.sel[i]);
	bytes = malloc(room);
	out.at = bytes;
	out.start = bytes;
	out.limit = bytes + room;
	assert_int_equal(encoder->rows(encoder, &f->batch, 0, f->batch.nsel, &out), f->batch.nsel);
	assert_int_equal(out.nends, f->batch.nsel);
	*ret_len = (size_t)(out.at - bytes);
	if (f->batch.nsel)
		assert_int_equal(f->ends[f->batch.nsel - 1], *ret_len);
	return bytes;
}

/* The same as terminated text. */
static inline char *fixture_text(struct fixture *f, const struct encoder *encoder)
{
	size_t len;
	uint8_t *bytes = fixture_encode(f, encoder, &len);
	char *text = malloc(len + 1);

	memcpy(text, bytes, len);
	text[len] = 0;
	free(bytes);
	return text;
}

/* Compile, encode, compare. */
static inline void fixture_expect(struct fixture *f, const struct codec *codec,
				  struct encoder_options options, const char *expected)
{
	char *text = fixture_text(f, fixture_encoder(f, codec, options));

	assert_string_equal(text, expected);
	free(text);
}

static inline uint64_t fixture_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

#endif
