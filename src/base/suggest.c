/* SPDX-License-Identifier: Apache-2.0 */
/* Edit distance with neighbouring letters swapped counted as one edit. */
#include "base/suggest.h"

#include <stdint.h>
#include <string.h>

enum { WORD_MAX = 64 };

static size_t min3(size_t a, size_t b, size_t c)
{
	size_t m = a < b ? a : b;

	return m < c ? m : c;
}

static size_t edit_distance(const char *a, size_t na, const char *b, size_t nb)
{
	size_t rows[3][WORD_MAX + 1];
	size_t *before = rows[0], *prev = rows[1], *cur = rows[2];

	for (size_t j = 0; j <= nb; j++)
		prev[j] = j;
	for (size_t i = 1; i <= na; i++) {
		size_t *spare;

		cur[0] = i;
		for (size_t j = 1; j <= nb; j++) {
			cur[j] = min3(prev[j] + 1, cur[j - 1] + 1,
				      prev[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    before[j - 2] + 1 < cur[j])
				cur[j] = before[j - 2] + 1;
		}
		spare = before;
		before = prev;
		prev = cur;
		cur = spare;
	}
	return prev[nb];
}

void suggest_init(struct suggest *suggest, const char *word)
{
	*suggest = (struct suggest){ .word = word, .distance = SIZE_MAX };
}

void suggest_offer(struct suggest *suggest, const char *name)
{
	size_t nw = strlen(suggest->word), nn = strlen(name), d;

	if (nw > WORD_MAX || nn > WORD_MAX)
		return;
	d = edit_distance(suggest->word, nw, name, nn);
	if (d < suggest->distance) {
		suggest->distance = d;
		suggest->best = name;
	}
}

const char *suggest_result(const struct suggest *suggest)
{
	size_t near = strlen(suggest->word) / 3 + 1;

	return suggest->best && suggest->distance <= near ? suggest->best : NULL;
}
