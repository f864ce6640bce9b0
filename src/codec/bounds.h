/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bounds: how many bytes a record takes at most.
 *
 * A part whose size depends on the record (strings, lists, what is behind the
 * struct) is variable; all else is one fixed number, found when the encoder is
 * compiled.  The quick bound takes every byte of a string for the worst, the
 * exact one looks at each string.
 */
#ifndef CODEC_BOUNDS_H
#define CODEC_BOUNDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "codec/shape.h"
#include "data/batch.h"

/* How large a codec's output can be for its input. */
struct expansion {
	uint32_t per_byte;   /* of a string */
	uint32_t per_list;   /* of a byte in a list of strings */
	uint32_t per_raw;    /* of a byte of bytes */
	uint32_t per_string; /* of a list, besides its text */
	uint32_t number;     /* around a number, bool or moment, besides its digits */
	uint32_t frame;      /* in front of and behind strings and bytes */
	uint32_t list;       /* in front of and behind lists and objects in lists */
	uint32_t item;       /* in front of and behind each element of a list */
	uint32_t key;        /* in front of and behind the name of a member in a list */
	uint32_t indent;     /* in front of each line, for each level */
	size_t (*text_size)(const uint8_t *s, size_t n); /* what a string takes at most */
};

/* Part of a record whose size is not fixed. */
struct variable {
	const struct field *field;
	const struct list *list;
	uint32_t factor; /* bytes out for a byte in, at most */
	uint32_t depth;
};

struct bounds {
	const struct expansion *expansion;
	size_t fixed;
	uint32_t nvariables;
	const struct variable *variables;
};

/* While an encoder is compiled. */
struct bounds_builder {
	const struct expansion *expansion;
	size_t fixed;
	struct buf variables;
};

void bounds_begin(struct bounds_builder *builder, const struct expansion *expansion);
void bounds_release(struct bounds_builder *builder);

/*
 * Count a field's value, without its key.  A list is measured first: depth says
 * how many levels it stands deep in its record.
 */
void bounds_add(struct bounds_builder *builder, const struct field *field, struct list *list,
		uint32_t depth);

/* `slack` bytes on top; what is returned lives in the arena. */
struct bounds bounds_end(struct bounds_builder *builder, struct arena *arena, size_t slack);

/* Bytes the text of a made field takes at most. */
size_t made_max(const struct expansion *expansion, const struct field *field);

/* Digits of a number, sign included; of a moment its text. */
uint32_t digits_max(const struct field *field);

/* The bytes of a variable part of a record; none when it is missing. */
struct str variable_span(const struct variable *variable, const struct batch *batch, uint32_t row);

/* How many of them at most: quicker, for nobody looks for a NUL. */
size_t variable_len(const struct variable *variable, const struct batch *batch, uint32_t row);

/* Bytes the record needs at most: each string looked at. */
size_t bounds_exact(const struct bounds *bounds, const struct batch *batch, uint32_t row);

/* The same from lengths alone: quick, but several times what it is. */
static inline size_t bounds_quick(const struct bounds *bounds, const struct batch *batch,
				  uint32_t row)
{
	size_t bound = bounds->fixed;

	for (uint32_t i = 0; i < bounds->nvariables; i++) {
		const struct variable *v = &bounds->variables[i];
		size_t len = variable_len(v, batch, row);

		bound += v->list ? len / v->list->element->stride * (v->list->item + v->list->text)
				 : v->factor * len;
	}
	return bound;
}

static inline bool bounds_fit(const struct bounds *bounds, const struct batch *batch, uint32_t row,
			      size_t room)
{
	if (room >= bounds_quick(bounds, batch, row))
		return true;
	return bounds->nvariables && room >= bounds_exact(bounds, batch, row);
}

/* Bytes from `at` to the row's end. */
static inline uint32_t tail_len(const struct batch *batch, uint32_t row, uint32_t at)
{
	uint32_t len = batch->rows->len[row];

	return len > at ? len - at : 0;
}

/* As many of them as the u32 at `len_at` says, if there are. */
static inline uint32_t rest_len(const struct batch *batch, uint32_t row, uint32_t at,
				uint32_t len_at)
{
	uint32_t len = tail_len(batch, row, at), declared;

	memcpy(&declared, batch->rows->at[row] + len_at, sizeof(declared));
	return declared < len ? declared : len;
}

#endif
