/* SPDX-License-Identifier: Apache-2.0 */
/*
 * losses: loss marks for the records of one data source.
 *
 * How many were lost is counted by the programs, or the kernel.  Where, is found out
 * in the best way there is:
 *
 *   numbered records   by gaps in the numbers, exactly (gaps.h)
 *   perf buffers       by what the kernel says between two records, exactly
 *   otherwise          by looking at the counters now and then
 *
 * At the end what was counted and not told yet is told behind the last record, so that
 * the marks add up to the count.
 */
#ifndef GADGET_LOSSES_H
#define GADGET_LOSSES_H

#include "data/batch.h"
#include "gadget/gaps.h"
#include "gadget/haul.h"
#include "gadget/model.h"

struct losses {
	const struct model_source *model;
	const struct origin *origin;
	bool are_told;      /* hauls say where records are missing */
	struct mark *marks; /* for the next batch; who emits it sets nmarks to 0 */
	uint32_t nmarks;
	struct gaps gaps; /* when records have numbers */
	uint32_t ncpus;
	uint64_t *told; /* when they have none: how many marks told, by CPU */
	int64_t looked_ns;
};

/* It lives in the arena; model and origin must live as long. */
void losses_init(struct losses *losses, struct arena *arena, const struct model_source *model,
		 const struct origin *origin, uint32_t ncpus);

/* The reader has been away since the last haul. */
void losses_turn(struct losses *losses);

/* Look at a haul, and make the marks that belong to it. */
void losses_see(struct losses *losses, const struct haul *haul);

/* Whether it is time to look at the counters, because nothing else tells of losses. */
bool losses_want_counts(struct losses *losses, int64_t now_ns);

/* The counts by CPU: what they have grown by is missing in front of the next haul. */
void losses_count(struct losses *losses, const uint64_t *lost);

/* No more records; the final counts by CPU, or NULL for what nobody counts. */
void losses_end(struct losses *losses, const uint64_t *attempts, const uint64_t *lost);

#endif
