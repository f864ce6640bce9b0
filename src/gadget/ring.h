/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ring: the reading side of a BPF ring buffer, without copying.
 *
 * The kernel gives three mappings: the consumer's position (ours to write), the
 * producer's position, and the data twice in a row, so that a record that wraps
 * around still lies in one piece.  A page of zeros is mapped behind it, so that
 * ROW_SLACK bytes behind any record may be read.
 *
 * A record is a header of 8 bytes (length and two flags) and its data, padded
 * to 8.  Records are committed out of order but read in order: a record that is
 * still being written (busy) stops the reader.
 *
 * One thread reads one ring.
 */
#ifndef GADGET_RING_H
#define GADGET_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "gadget/haul.h"

struct ring {
	uint64_t *consumer;       /* mapped */
	const uint64_t *producer; /* mapped */
	const uint8_t *data;      /* mapped, size bytes, twice */
	uint64_t size, mask;
	uint64_t at;        /* read up to here; what is before it may not be released yet */
	uint64_t discarded; /* records the programs took back, counted as they were passed */
	uint64_t bytes;     /* of the ring that were read, headers and padding included */
	void *base;         /* what to unmap; NULL for memory of somebody else */
	size_t base_size;
	bool is_broken; /* a header made no sense; nothing more is read */
};

/*
 * Map the ring behind a map's descriptor, which stays the caller's.  `size` is
 * the map's max_entries.
 */
int ring_open(struct ring *ring, int fd, uint64_t size, struct error *err)
	__attribute__((warn_unused_result));

/* Use memory laid out like a ring; for tests.  The same promises are asked of it. */
void ring_adopt(struct ring *ring, uint64_t *consumer, const uint64_t *producer,
		const uint8_t *data, uint64_t size);

void ring_close(struct ring *ring);

/* Collect complete records that were not collected before, and return their number. */
uint32_t ring_read(struct ring *ring, struct haul *haul);

/* Give the space of everything that was collected back to the kernel. */
void ring_release(struct ring *ring);

/* Bytes that are reserved or committed and not released. */
uint64_t ring_fill(const struct ring *ring);

/* Whether there is nothing to read, and nothing being written. */
bool ring_is_empty(const struct ring *ring);

#endif
