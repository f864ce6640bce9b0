/* SPDX-License-Identifier: Apache-2.0 */
/*
 * encoder: records of one schema as bytes, straight from the rows.
 *
 * A codec compiles a schema into an encoder once; the encoder then writes whole
 * runs of selected rows into a caller's memory.  It never allocates and never
 * looks at more than the row, the schema and the batch.  It remembers texts it
 * made, so an encoder belongs to one thread.
 */
#ifndef CODEC_ENCODER_H
#define CODEC_ENCODER_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "data/batch.h"

/* Where encoded records go. */
struct encoded {
	uint8_t *at;    /* next free byte; moved by the encoder */
	uint8_t *limit; /* first byte that must not be written */
	uint32_t *ends; /* out: for each record, bytes from the first call's `at` to its end */
	uint32_t nends; /* in/out */
	uint32_t max;   /* capacity of ends */
	const uint8_t *start; /* what `ends` counts from */
};

struct encoder {
	/*
	 * Encode selected rows batch->sel[first..until) in order, while there is
	 * room for the next one at its worst.  Returns how many it wrote.  0 with
	 * an empty buffer means the record can never fit: see `bound`.
	 */
	uint32_t (*rows)(const struct encoder *encoder, const struct batch *batch, uint32_t first,
			 uint32_t until, struct encoded *out);
	/* Bytes the row needs at most. */
	size_t (*bound)(const struct encoder *encoder, const struct batch *batch, uint32_t row);
	/*
	 * Write a loss as a record of this codec into out (at least
	 * ENCODER_MARK_MAX bytes); returns its length, 0 when the codec has no
	 * place for it (columns: the engine says it on stderr).
	 */
	size_t (*mark)(const struct encoder *encoder, const struct mark *mark, uint8_t *out);
};

enum { ENCODER_MARK_MAX = 1024 };

/* What a sink asks of a codec; zero is the default for each. */
struct encoder_options {
	bool forward_entry;  /* msgpack: [EventTime, record] instead of record */
	bool big_int_string; /* json: integers beyond 2^53 as strings */
	bool newline;        /* json: end each record with \n */
	bool is_terminal;    /* columns: the output is a terminal `width` wide */
	uint32_t width;
	bool with_event;           /* columns: say of which event each record is */
	const char *const *fields; /* show just these (nfields of them), in this order */
	uint32_t nfields;
};

struct codec {
	const char *name, *summary;
	const char *content_type; /* "application/json", ... */
	/*
	 * Compile the visible fields of a schema.  The encoder lives in the arena.
	 * Fields whose type the codec cannot show are an error here, not later.
	 */
	int (*compile)(struct arena *arena, const struct schema *schema,
		       const struct encoder_options *options, const struct encoder **ret_encoder,
		       struct error *err);
	/*
	 * What goes in front of the first record of an encoder (a table's header
	 * line); NULL when there is none.  The text lives as long as the encoder.
	 */
	struct str (*header)(const struct encoder *encoder);
	/*
	 * What goes in front of a record when the last one had another header,
	 * instead of the header and each time; NULL when nothing does.
	 */
	struct str (*header_again)(const struct encoder *encoder);
};

extern const struct codec codec_json;
extern const struct codec codec_msgpack;
extern const struct codec codec_columns;
extern const struct codec codec_jsonpretty;
extern const struct codec codec_yaml;
extern const struct codec codec_csv;

#endif
