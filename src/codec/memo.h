/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memo: the texts of numbers that were made lately.
 *
 * Error names, open flags and file modes are made from few different numbers,
 * again and again.  Each such field keeps what it wrote last for each of
 * MEMO_SLOTS hashes of its number, just as the codec encoded it, so that mostly
 * a compare and three moves of 16 bytes do.  In the JSON of trace_open, names of
 * errors and sets of flags cost 3 ns this way, and 60 ns when they are made
 * (bench_codec).
 *
 * A memo belongs to one field of one encoder, and an encoder to one thread.
 */
#ifndef CODEC_MEMO_H
#define CODEC_MEMO_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "data/schema.h"

enum { MEMO_BITS = 6, MEMO_SLOTS = 1 << MEMO_BITS, MEMO_TEXT = 48 };

struct memo_slot {
	uint64_t number;
	uint8_t len;
	bool is_set;
	uint8_t text[MEMO_TEXT];
};

struct memo {
	struct memo_slot slots[MEMO_SLOTS];
	const struct field *field; /* whose text it is; for who makes it */
};

static inline struct memo *memo_new(struct arena *arena, const struct field *field)
{
	struct memo *memo = arena_alloc(arena, sizeof(*memo));

	memo->field = field;
	return memo;
}

static inline struct memo_slot *memo_slot(struct memo *memo, uint64_t number)
{
	return &memo->slots[number * UINT64_C(0x9e3779b97f4a7c15) >> (64 - MEMO_BITS)];
}

/* Write what is known of the number and return the end; NULL when nothing is.
 * May write MEMO_TEXT bytes. */
static inline uint8_t *memo_put(struct memo *memo, uint64_t number, uint8_t *out)
{
	const struct memo_slot *slot = memo_slot(memo, number);

	if (slot->number != number || !slot->is_set)
		return NULL;
	memcpy(out, slot->text, MEMO_TEXT);
	return out + slot->len;
}

/* The number was just written to out..end. */
static inline void memo_keep(struct memo *memo, uint64_t number, const uint8_t *out,
			     const uint8_t *end)
{
	struct memo_slot *slot = memo_slot(memo, number);
	size_t len = (size_t)(end - out);

	if (len > MEMO_TEXT)
		return;
	slot->number = number;
	slot->len = (uint8_t)len;
	slot->is_set = true;
	memcpy(slot->text, out, len);
}

#endif
