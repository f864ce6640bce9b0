/* SPDX-License-Identifier: Apache-2.0 */
#include "data/names.h"

#include <stdlib.h>
#include <string.h>

enum { NUMBER_TEXT_MAX = 20 };

static int by_value(const void *a, const void *b, void *list)
{
	const struct name *names = list;
	uint32_t i = *(const uint32_t *)a, k = *(const uint32_t *)b;

	if (names[i].value != names[k].value)
		return names[i].value < names[k].value ? -1 : 1;
	return i < k ? -1 : i > k;
}

/* What all entries together, or one alone, take at most. */
static uint64_t text_max(const struct name *list, uint32_t n, const struct names *names,
			 bool is_single)
{
	uint64_t longest = strlen(names->unknown) + NUMBER_TEXT_MAX, all = 0;

	for (uint32_t i = 0; i < n; i++) {
		if (list[i].text.len > longest)
			longest = list[i].text.len;
		all += list[i].text.len + strlen(names->separator);
	}
	return all > longest && !is_single ? all : longest;
}

const struct names *names_make(struct arena *arena, const struct name *list, uint32_t n,
			       const struct names_options *options)
{
	struct names *names = arena_alloc(arena, sizeof(*names));
	struct name *copy;
	uint32_t *sorted;
	uint64_t max;

	if (n > NAMES_MAX)
		return NULL;
	*names = (struct names){
		.n = n,
		.unknown = arena_strdup(arena, options->unknown ? options->unknown : ""),
		.separator = arena_strdup(arena, options->separator ? options->separator : "|"),
		.hides_number = options->hides_number,
		.is_signed = options->is_signed,
	};
	max = text_max(list, n, names, options->is_single);
	if (max > NAMES_TEXT_MAX)
		return NULL;
	names->text_max = (uint32_t)max;
	copy = arena_array(arena, n, sizeof(*copy));
	sorted = arena_array(arena, n, sizeof(*sorted));
	for (uint32_t i = 0; i < n; i++) {
		copy[i] = list[i];
		sorted[i] = i;
	}
	qsort_r(sorted, n, sizeof(*sorted), by_value, copy);
	names->list = copy;
	names->sorted = sorted;
	return names;
}

const struct name *names_find(const struct names *names, uint64_t number)
{
	uint32_t low = 0, high = names->n;

	/* Small tables of small numbers, the most of them, hit at once. */
	if (number < names->n && names->list[names->sorted[number]].value == number &&
	    (number == 0 || names->list[names->sorted[number - 1]].value != number))
		return &names->list[names->sorted[number]];
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (names->list[names->sorted[middle]].value < number)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == names->n || names->list[names->sorted[low]].value != number)
		return NULL;
	return &names->list[names->sorted[low]];
}

const struct name *names_find_text(const struct names *names, const char *text, size_t len)
{
	for (uint32_t i = 0; i < names->n; i++)
		if (names->list[i].text.len == len && !memcmp(names->list[i].text.at, text, len))
			return &names->list[i];
	return NULL;
}
