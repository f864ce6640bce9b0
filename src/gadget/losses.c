/* SPDX-License-Identifier: Apache-2.0 */
#include "gadget/losses.h"

#include <string.h>

#include "base/clock.h"

enum { MAX_MARKS = GAPS_OPEN + 1 };

#define LOOK_NS (10 * NS_PER_MS) /* between two looks at the counters */

static bool has_numbers(const struct losses *losses)
{
	return losses->model->seq_at != SCHEMA_NO_SEQ;
}

void losses_init(struct losses *losses, struct arena *arena, const struct model_source *model,
		 const struct origin *origin, uint32_t ncpus)
{
	*losses = (struct losses){ .model = model, .origin = origin, .ncpus = ncpus };
	losses->marks = arena_array(arena, MAX_MARKS, sizeof(*losses->marks));
	if (has_numbers(losses))
		gaps_init(&losses->gaps, arena, ncpus);
	else
		losses->told = arena_array(arena, ncpus, sizeof(*losses->told));
}

/* False when there are too many marks already; what is not told now may be told later. */
static bool add_mark(struct losses *losses, struct mark mark)
{
	if (losses->nmarks == MAX_MARKS)
		return false;
	mark.kind = MARK_LOSS;
	mark.origin = losses->origin;
	mark.event = losses->model->name;
	mark.reason = "ring_full";
	mark.has_cpu = true;
	losses->marks[losses->nmarks++] = mark;
	return true;
}

/* ---- by numbers ---------------------------------------------------------- */

static uint64_t number_of(const struct losses *losses, const uint8_t *row)
{
	uint64_t seq;

	memcpy(&seq, row + losses->model->seq_at, sizeof(seq));
	return seq;
}

/* Look at all numbers of a haul, discarded records in their places. */
static void see_numbers(struct losses *losses, const struct haul *haul)
{
	uint32_t d = 0;

	for (uint32_t i = 0; i <= haul->n; i++) {
		for (; d < haul->ndiscards && haul->discards[d].before_row == i; d++)
			if (haul->discards[d].len >= losses->model->seq_at + 8)
				gaps_see_discarded(&losses->gaps,
						   number_of(losses, haul->discards[d].at), i);
		if (i < haul->n)
			gaps_see(&losses->gaps, number_of(losses, haul->at[i]), i);
	}
}

static void tell_gaps(struct losses *losses)
{
	struct gap gap;

	while (gaps_take(&losses->gaps, &gap))
		(void)add_mark(losses, (struct mark){ .before_row = gap.before_row,
						      .n = gap.to - gap.from + 1,
						      .cpu = gap.cpu,
						      .from = gap.from,
						      .to = gap.to });
	gaps_next_batch(&losses->gaps);
}

/* ---- by what the transport says ------------------------------------------- */

static void tell(struct losses *losses, uint32_t cpu, uint64_t n, uint32_t before_row)
{
	struct mark mark = { .before_row = before_row, .n = n, .cpu = cpu };

	if (n && add_mark(losses, mark))
		losses->told[cpu] += n;
}

static void see_losses(struct losses *losses, const struct haul *haul)
{
	for (uint32_t i = 0; i < haul->nlosses; i++) {
		const struct haul_loss *loss = &haul->losses[i];

		if (loss->cpu < losses->ncpus)
			tell(losses, loss->cpu, loss->n, loss->before_row);
	}
}

/* ---- together ------------------------------------------------------------ */

void losses_turn(struct losses *losses)
{
	if (has_numbers(losses))
		gaps_turn(&losses->gaps);
}

void losses_see(struct losses *losses, const struct haul *haul)
{
	if (has_numbers(losses)) {
		see_numbers(losses, haul);
		tell_gaps(losses);
	} else {
		see_losses(losses, haul);
	}
}

bool losses_want_counts(struct losses *losses, int64_t now_ns)
{
	if (has_numbers(losses) || losses->are_told || now_ns - losses->looked_ns < LOOK_NS)
		return false;
	losses->looked_ns = now_ns;
	return true;
}

void losses_count(struct losses *losses, const uint64_t *lost)
{
	for (uint32_t cpu = 0; cpu < losses->ncpus; cpu++)
		if (lost[cpu] > losses->told[cpu])
			tell(losses, cpu, lost[cpu] - losses->told[cpu], 0);
}

void losses_end(struct losses *losses, const uint64_t *attempts, const uint64_t *lost)
{
	if (has_numbers(losses)) {
		gaps_end(&losses->gaps, attempts);
		tell_gaps(losses);
	} else if (lost) {
		losses_count(losses, lost);
	}
}
