/* SPDX-License-Identifier: Apache-2.0 */
/*
 * glob: patterns such as "/etc/shadow*", matched against whole byte strings.
 *
 *     *        any bytes, also none; '/' and a leading '.' are nothing special
 *     ?        any one byte
 *     [abx-z]  one byte of the set; [!abc] one that is not in it; a ']' right
 *              behind the opening is part of the set
 *     \c       the byte c itself
 *
 * Matching takes at most (length of pattern * length of text) steps, whatever
 * the pattern.
 */
#ifndef EXPR_GLOB_H
#define EXPR_GLOB_H

#include <stdbool.h>

#include "base/arena.h"
#include "data/type.h"

/* What a pattern comes down to; `text` is then the literal part. */
enum glob_kind {
	GLOB_ANY,      /* "*" */
	GLOB_EXACT,    /* "text" */
	GLOB_PREFIX,   /* "text*" */
	GLOB_SUFFIX,   /* "*text" */
	GLOB_CONTAINS, /* "*text*" */
	GLOB_GENERAL,
};

struct glob_item;

struct glob {
	enum glob_kind kind;
	struct str text;
	const struct glob_item *items;
	uint32_t nitems;
};

/*
 * Compile a pattern into the arena.  -EINVAL for a set that is not closed or a
 * backslash at the end.
 */
int glob_compile(struct arena *arena, struct str pattern, struct glob *ret_glob)
	__attribute__((warn_unused_result));

/* Does the whole text match? */
bool glob_match(const struct glob *glob, struct str text);

/* The tests that glob_match() is made of, for those who know the kind. */
bool str_equals(struct str text, struct str literal);
bool str_begins(struct str text, struct str literal);
bool str_ends(struct str text, struct str literal);
bool str_contains(struct str text, struct str literal);

#endif
