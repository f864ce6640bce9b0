/* SPDX-License-Identifier: Apache-2.0 */
/*
 * suggest: "did you mean ...?" for names users mistype.
 */
#ifndef BASE_SUGGEST_H
#define BASE_SUGGEST_H

#include <stddef.h>
#include <stdint.h>

struct suggest {
	const char *word;
	const char *best;
	size_t distance;
};

/* Start a search for the known name nearest to word. */
void suggest_init(struct suggest *suggest, const char *word);

/* Offer one known name; the pointer is kept while it is the best. */
void suggest_offer(struct suggest *suggest, const char *name);

/* The best name if it is near enough to be worth showing, else NULL. */
const char *suggest_result(const struct suggest *suggest);

#endif
