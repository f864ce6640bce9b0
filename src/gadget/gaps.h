/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gaps: where records are missing, told from their sequence numbers.
 *
 * A program takes a number (CPU << 48 | running number of that CPU, from 1)
 * before it asks the ring for room, so a number that never comes is a record
 * that was lost.  One that comes late is not: a program can be interrupted
 * between the two steps, by another or, where the kernel is preemptible, for
 * long.  So a gap is told only when GAPS_LATE more records have been seen, or
 * when the reader has been away since; a late record closes it before that.
 *
 * Gaps say where.  How many records were lost is told by the programs' own
 * counters, never from here.
 */
#ifndef GADGET_GAPS_H
#define GADGET_GAPS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"

enum {
	GAPS_LATE = 64,  /* records */
	GAPS_OPEN = 4096 /* not told yet; beyond, gaps are counted but not placed */
};

/* Records from..to of one CPU are missing in front of a row. */
struct gap {
	uint64_t from, to;
	uint64_t seen, turn; /* when it was found */
	uint32_t cpu, before_row;
};

struct gaps {
	uint64_t *next; /* by CPU: the number expected */
	uint32_t ncpus;
	struct gap *open; /* open[first..nopen), in the order found */
	uint32_t first, nopen;
	uint64_t seen, turn;
};

void gaps_init(struct gaps *gaps, struct arena *arena, uint32_t ncpus);

/* Look at the number of a record that is row number `row` of this batch. */
void gaps_see(struct gaps *gaps, uint64_t seq, uint32_t row);

/*
 * The same for a record that was taken back.  Its memory may hold anything if the
 * program had not written the number yet, so only what fits is believed.
 */
void gaps_see_discarded(struct gaps *gaps, uint64_t seq, uint32_t row);

/* The reader has waited since the last record: what is missing now stays so. */
void gaps_turn(struct gaps *gaps);

/* The next gap that is certain, removed; false when there is none (yet). */
bool gaps_take(struct gaps *gaps, struct gap *ret_gap);

/* The batch is done: what is still open stands in front of the next one. */
void gaps_next_batch(struct gaps *gaps);

/* No more records: attempts[cpu] numbers were given out; all gaps are certain. */
void gaps_end(struct gaps *gaps, const uint64_t *attempts);

#endif
