/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cell: one value of a table, in the room its column has.
 *
 * Text that is wider than its column is cut at its end, its start or its middle,
 * and '…' stands for what is missing.  Numbers, moments and sizes are never cut:
 * a wrong number is worse than a crooked line.  A value that is missing is '-'.
 *
 * What a cell shows can neither drive the terminal nor break the line
 * (codec/glyph.h), and takes at most CELL_BYTES bytes for each of its cells and
 * CELL_PLAIN more, whatever the record holds.
 */
#ifndef CODEC_CELL_H
#define CODEC_CELL_H

#include <stdbool.h>
#include <stdint.h>

#include "codec/bounds.h"
#include "codec/shape.h"
#include "data/batch.h"

enum {
	CELL_UNCUT = UINT16_MAX, /* a width: as wide as the text */
	CELL_BYTES = 9,          /* marks that take no cell are cut beyond this */
	CELL_PLAIN = 64,         /* bytes of what is never cut */
	CELL_TIME = 12,          /* cells of 23:00:00.123 */
};

struct col {
	const struct field *field;
	struct list *list;         /* of an ARRAY */
	const struct notes *notes; /* never NULL */
	const char *title;
	uint32_t width; /* cells; CELL_UNCUT */
	uint32_t least; /* it gives way down to this */
	bool is_text;   /* may be cut */
	bool is_right;
};

/* The time of day of the second that was shown last. */
struct local_second {
	int64_t sec;
	uint8_t text[8]; /* 23:00:00 */
	bool is_set;
};

/* What an uncut column takes. */
extern const struct expansion cell_expansion;

/* Can text of this type be cut? */
bool cell_is_text(enum type type);

/*
 * Write a record's value, padded to the column's width on the side it wants.
 * *ret_text_end is where its text ended, if padding follows.  Returns the end.
 */
uint8_t *cell_value(const struct col *col, const struct batch *batch, uint32_t row, uint8_t *out,
		    struct local_second *second, uint8_t **ret_text_end);

/* The same for the column's title. */
uint8_t *cell_title(const struct col *col, uint8_t *out, uint8_t **ret_text_end);

/* Cells that a text takes when it is not cut. */
uint32_t cell_width(const char *text);

#endif
