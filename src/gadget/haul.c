/* SPDX-License-Identifier: Apache-2.0 */
#include "gadget/haul.h"

#include <string.h>

#include "data/batch.h"

enum { SLAB_SIZE = 64 * 1024 }; /* one row at least */

static size_t slab_row(const struct haul *haul)
{
	return ((size_t)haul->row_min + 7) & ~(size_t)7;
}

void haul_init(struct haul *haul, struct arena *arena, uint32_t max, uint32_t row_min,
	       uint32_t row_max)
{
	*haul = (struct haul){ .max = max, .row_min = row_min, .row_max = row_max };
	haul->at = arena_array(arena, max, sizeof(*haul->at));
	haul->len = arena_array(arena, max, sizeof(*haul->len));
	haul->pos = arena_array(arena, max, sizeof(*haul->pos));
	haul->slab_size = slab_row(haul) > SLAB_SIZE ? slab_row(haul) : SLAB_SIZE;
	haul->slab = arena_alloc(arena, haul->slab_size + ROW_SLACK);
}

void haul_begin(struct haul *haul)
{
	haul->n = haul->ndiscards = haul->nlosses = 0;
	haul->slab_used = 0;
}

const uint8_t *haul_make_whole(struct haul *haul, const uint8_t *row, uint32_t len)
{
	uint8_t *copy = haul->slab + haul->slab_used;

	if (haul->slab_size - haul->slab_used < slab_row(haul))
		return NULL;
	memcpy(copy, row, len);
	memset(copy + len, 0, haul->row_min - len);
	haul->slab_used += slab_row(haul);
	return copy;
}

bool haul_take_discard(struct haul *haul, const uint8_t *row, uint32_t len)
{
	if (haul->ndiscards == HAUL_MAX_ASIDES)
		return false;
	haul->discards[haul->ndiscards++] =
		(struct haul_discard){ .at = row, .len = len, .before_row = haul->n };
	return true;
}

bool haul_take_loss(struct haul *haul, uint32_t cpu, uint64_t n)
{
	if (haul->nlosses == HAUL_MAX_ASIDES)
		return false;
	haul->losses[haul->nlosses++] =
		(struct haul_loss){ .n = n, .cpu = cpu, .before_row = haul->n };
	return true;
}
