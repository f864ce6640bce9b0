/* SPDX-License-Identifier: Apache-2.0 */
#include "gadget/gaps.h"

#include <string.h>

/* A discarded record's number is believed so far ahead of what is expected. */
enum { DISCARD_REACH = 4096 };

#define NUMBER_MASK ((UINT64_C(1) << 48) - 1)

void gaps_init(struct gaps *gaps, struct arena *arena, uint32_t ncpus)
{
	*gaps = (struct gaps){ .ncpus = ncpus };
	gaps->next = arena_array(arena, ncpus, sizeof(*gaps->next));
	gaps->open = arena_array(arena, GAPS_OPEN, sizeof(*gaps->open));
	for (uint32_t i = 0; i < ncpus; i++)
		gaps->next[i] = 1;
}

static void insert(struct gaps *gaps, uint32_t at, const struct gap *gap)
{
	if (gaps->nopen == GAPS_OPEN)
		return;
	memmove(gaps->open + at + 1, gaps->open + at, (gaps->nopen - at) * sizeof(*gaps->open));
	gaps->open[at] = *gap;
	gaps->nopen++;
}

static void remove_at(struct gaps *gaps, uint32_t at)
{
	gaps->nopen--;
	memmove(gaps->open + at, gaps->open + at + 1, (gaps->nopen - at) * sizeof(*gaps->open));
}

/* Take one number out of a gap; it may end, shrink, or fall in two. */
static void fill(struct gaps *gaps, uint32_t at, uint64_t number)
{
	struct gap *gap = &gaps->open[at];
	struct gap rest = *gap;

	if (gap->from == gap->to) {
		remove_at(gaps, at);
	} else if (number == gap->from) {
		gap->from++;
	} else if (number == gap->to) {
		gap->to--;
	} else {
		gap->to = number - 1;
		rest.from = number + 1;
		insert(gaps, at + 1, &rest);
	}
}

/* A number that was passed: if its gap was not told yet, it is not missing after all. */
static void see_late(struct gaps *gaps, uint32_t cpu, uint64_t number)
{
	for (uint32_t i = gaps->nopen; i-- > gaps->first;) {
		const struct gap *gap = &gaps->open[i];

		if (gap->cpu != cpu || number < gap->from || number > gap->to)
			continue;
		fill(gaps, i, number);
		return;
	}
}

static void see_number(struct gaps *gaps, uint32_t cpu, uint64_t number, uint32_t row)
{
	uint64_t expected = gaps->next[cpu];
	struct gap gap;

	if (number < expected) {
		see_late(gaps, cpu, number);
		return;
	}
	gaps->next[cpu] = number + 1;
	if (number == expected)
		return;
	gap = (struct gap){
		.from = expected,
		.to = number - 1,
		.seen = gaps->seen,
		.turn = gaps->turn,
		.cpu = cpu,
		.before_row = row,
	};
	insert(gaps, gaps->nopen, &gap);
}

void gaps_see(struct gaps *gaps, uint64_t seq, uint32_t row)
{
	uint32_t cpu = (uint32_t)(seq >> 48);

	gaps->seen++;
	if (cpu < gaps->ncpus)
		see_number(gaps, cpu, seq & NUMBER_MASK, row);
}

void gaps_see_discarded(struct gaps *gaps, uint64_t seq, uint32_t row)
{
	uint32_t cpu = (uint32_t)(seq >> 48);
	uint64_t number = seq & NUMBER_MASK;

	if (cpu < gaps->ncpus && number && number < gaps->next[cpu] + DISCARD_REACH)
		see_number(gaps, cpu, number, row);
}

void gaps_turn(struct gaps *gaps)
{
	gaps->turn++;
}

bool gaps_take(struct gaps *gaps, struct gap *ret_gap)
{
	const struct gap *first = gaps->open + gaps->first;

	if (gaps->first == gaps->nopen)
		return false;
	if (gaps->seen - first->seen < GAPS_LATE && first->turn == gaps->turn)
		return false;
	*ret_gap = *first;
	gaps->first++;
	return true;
}

void gaps_next_batch(struct gaps *gaps)
{
	gaps->nopen -= gaps->first;
	memmove(gaps->open, gaps->open + gaps->first, gaps->nopen * sizeof(*gaps->open));
	gaps->first = 0;
	for (uint32_t i = 0; i < gaps->nopen; i++)
		gaps->open[i].before_row = 0;
}

void gaps_end(struct gaps *gaps, const uint64_t *attempts)
{
	for (uint32_t cpu = 0; attempts && cpu < gaps->ncpus; cpu++)
		if (attempts[cpu] >= gaps->next[cpu])
			see_number(gaps, cpu, attempts[cpu] + 1, 0);
	gaps_turn(gaps);
}
