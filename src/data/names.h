/* SPDX-License-Identifier: Apache-2.0 */
/*
 * names: tables of what numbers are called, for fields of type NAME and FLAGS.
 *
 * A table is made once, from whoever knows the names (BTF enums, errno, signals,
 * ...), checked against limits, and read-only afterwards.
 */
#ifndef DATA_NAMES_H
#define DATA_NAMES_H

#include "base/arena.h"
#include "data/schema.h"

enum {
	NAMES_MAX = 4096,       /* entries of a table */
	NAMES_TEXT_MAX = 16384, /* bytes of the longest text a table can make */
};

/* How a table behaves; zero and NULL are the usual. */
struct names_options {
	const char *unknown;   /* in front of a number without name; NULL: nothing */
	bool hides_number;     /* only `unknown`, never the number */
	const char *separator; /* between flags; NULL: "|" */
	bool is_signed;
	bool is_single; /* for NAME alone: never two entries at once, so texts may be many */
};

/*
 * Make a table of n entries.  The list is copied, the texts are not.  NULL when
 * it is past a limit.  The entry that comes first wins where two have the same
 * value.
 */
const struct names *names_make(struct arena *arena, const struct name *list, uint32_t n,
			       const struct names_options *options);

/* The entry whose value is the number; NULL when there is none. */
const struct name *names_find(const struct names *names, uint64_t number);

/* The first entry with that text; NULL when there is none. */
const struct name *names_find_text(const struct names *names, const char *text, size_t len);

#endif
