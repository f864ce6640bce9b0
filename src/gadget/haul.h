/* SPDX-License-Identifier: Apache-2.0 */
/*
 * haul: what one read brings in: rows, and what stood between them.
 *
 * The readers of rings (ring.h) and of perf buffers (perf.h) fill the same struct.
 * Rows lie where the kernel wrote them, except those that are shorter than
 * promised: they are copied, with zeros behind.  A haul is good until the next
 * read into it, or until the reader releases what was read.
 */
#ifndef GADGET_HAUL_H
#define GADGET_HAUL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

enum { HAUL_MAX_ASIDES = 64 }; /* discarded records, and losses, of one read */

/* A record the program reserved and took back. */
struct haul_discard {
	const uint8_t *at;
	uint32_t len;
	uint32_t before_row; /* it stood in front of this row */
};

/* Records that found no room, as the transport itself tells. */
struct haul_loss {
	uint64_t n;
	uint32_t cpu;
	uint32_t before_row;
};

struct haul {
	const uint8_t **at;
	uint32_t *len;
	uint64_t *pos;
	uint32_t n, max;
	/* rows have at least row_min bytes and at most row_max */
	uint32_t row_min, row_max;
	struct haul_discard discards[HAUL_MAX_ASIDES];
	struct haul_loss losses[HAUL_MAX_ASIDES];
	uint32_t ndiscards, nlosses;
	uint8_t *slab; /* for short rows */
	size_t slab_size, slab_used;
};

/* Room for max rows; it lives in the arena. */
void haul_init(struct haul *haul, struct arena *arena, uint32_t max, uint32_t row_min,
	       uint32_t row_max);

/* Empty it. */
void haul_begin(struct haul *haul);

/* The bytes of a row shorter than row_min, with zeros behind; NULL: no room for more. */
const uint8_t *haul_make_whole(struct haul *haul, const uint8_t *row, uint32_t len);

/* Each of these returns false, and takes nothing, when there is no room for more. */
static inline bool haul_take(struct haul *haul, const uint8_t *row, uint32_t len, uint64_t pos)
{
	uint32_t n = haul->n;

	if (n == haul->max)
		return false;
	if (len < haul->row_min) {
		row = haul_make_whole(haul, row, len);
		if (!row)
			return false;
		len = haul->row_min;
	}
	haul->at[n] = row;
	haul->len[n] = len < haul->row_max ? len : haul->row_max;
	haul->pos[n] = pos;
	haul->n = n + 1;
	return true;
}

bool haul_take_discard(struct haul *haul, const uint8_t *row, uint32_t len);
bool haul_take_loss(struct haul *haul, uint32_t cpu, uint64_t n);

/* Whether the read brought anything at all. */
static inline bool haul_is_empty(const struct haul *haul)
{
	return !haul->n && !haul->ndiscards && !haul->nlosses;
}

#endif
