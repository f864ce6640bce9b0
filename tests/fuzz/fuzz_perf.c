/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Readers of what the kernel maps: whatever stands in a perf buffer or in a ring, no row
 * reaches beyond its memory, and reading comes to an end.
 *
 * Input: 2 bytes of position, 2 of how much was written, 1 of options, then the buffer.
 */
#include <stdlib.h>
#include <string.h>

#include "data/batch.h"
#include "gadget/perf.h"
#include "gadget/ring.h"

enum { SIZE = 4096, HEAD = 5, ROWS = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct area {
	uint64_t begin, end; /* positions */
	uint8_t options;
	uint8_t *bytes; /* twice, as a ring is mapped, and some slack */
};

static volatile uint32_t sink;

/* Every byte that a reader of rows may look at. */
static void look(const struct haul *haul)
{
	uint32_t sum = 0;

	for (uint32_t i = 0; i < haul->n; i++) {
		if (haul->len[i] < haul->row_min || haul->len[i] > haul->row_max)
			abort();
		for (uint32_t k = 0; k < haul->len[i] + ROW_SLACK; k++)
			sum += haul->at[i][k];
	}
	for (uint32_t i = 0; i < haul->ndiscards; i++)
		for (uint32_t k = 0; k < haul->discards[i].len; k++)
			sum += haul->discards[i].at[k];
	if (haul->ndiscards > HAUL_MAX_ASIDES || haul->nlosses > HAUL_MAX_ASIDES)
		abort();
	sink = sum;
}

static void read_perf(const struct area *area, struct haul *haul)
{
	/* Of its own, because a perf buffer is mapped once. */
	uint8_t *bytes = malloc(SIZE + ROW_SLACK);
	uint64_t head = area->end, tail = area->begin;
	struct perf perf;

	memcpy(bytes, area->bytes, SIZE + ROW_SLACK);
	perf_adopt(&perf, 1, &head, &tail, bytes, SIZE);
	for (int i = 0;; i++) {
		if (i > SIZE)
			abort();
		(void)perf_read(&perf, haul);
		look(haul);
		if (haul_is_empty(haul))
			break;
		perf_release(&perf);
		if (tail - area->begin > SIZE)
			abort();
	}
	if (!perf.is_broken && !perf_is_empty(&perf))
		abort();
	perf_close(&perf);
	free(bytes);
}

static void read_ring(const struct area *area, struct haul *haul)
{
	uint64_t producer = area->end, consumer = area->begin;
	struct ring ring;

	ring_adopt(&ring, &consumer, &producer, area->bytes, SIZE);
	for (int i = 0;; i++) {
		if (i > SIZE)
			abort();
		(void)ring_read(&ring, haul);
		look(haul);
		if (haul_is_empty(haul))
			break;
		ring_release(&ring);
		if (consumer - area->begin > SIZE)
			abort();
	}
	ring_close(&ring);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct area area = { 0 };
	struct arena arena = ARENA_INIT;
	struct haul haul;

	if (size < HEAD)
		return 0;
	area.begin = (uint64_t)(data[0] | data[1] << 8) * 8;
	area.end = area.begin + (uint64_t)(data[2] | data[3] << 8);
	area.options = data[4];
	area.bytes = calloc(1, 2 * SIZE + ROW_SLACK);
	data += HEAD;
	size -= HEAD;
	memcpy(area.bytes, data, size < SIZE ? size : SIZE);
	memcpy(area.bytes + SIZE, area.bytes, SIZE);
	haul_init(&haul, &arena, area.options & 2 ? 1 : ROWS, (area.options >> 2) * 4,
		  (area.options >> 2) * 4 + 16);
	if (area.options & 1)
		read_ring(&area, &haul);
	else
		read_perf(&area, &haul);
	arena_release(&arena);
	free(area.bytes);
	return 0;
}
