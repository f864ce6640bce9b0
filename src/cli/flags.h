/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flags: what a command can be told, as a table; the table is also its help.
 *
 * `--name VALUE`, `--name=VALUE`, `-n VALUE`, `-nVALUE`; switches may be bundled
 * (`-vv`) and switched off (`--name=false`).  Flags and other words may come in any order; behind `--` everything
 * is a word.  Every command has -h and --help besides its own.
 *
 *     static const struct flag flags[] = {
 *             FLAG_TEXT(struct args, output, 'o', "FORMAT", "How to print."),
 *             FLAG_END,
 *     };
 *
 * The flag's name is the member's, with '-' for '_'.
 */
#ifndef CLI_FLAGS_H
#define CLI_FLAGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/error.h"

/* X(enum name, C type of the member) */
#define FLAG_KIND_LIST(X)                                         \
	X(SWITCH, bool) /* --name, --name=true, --name=false */   \
	X(REPEAT, int)  /* how often it was given */              \
	X(TEXT, const char *)                                     \
	X(TEXTS, struct flag_texts) /* may be given repeatedly */ \
	X(NUMBER, uint64_t)         /* at least 1 */              \
	X(DURATION, int64_t)        /* nanoseconds; a bare number is seconds */

struct flag_texts {
	size_t n;
	const char **items;
};

enum flag_kind {
	FLAG_KIND_END,
#define X(id, ctype) FLAG_KIND_##id,
	FLAG_KIND_LIST(X)
#undef X
};

struct flag {
	const char *name; /* the member's name */
	char letter;      /* 0: none */
	enum flag_kind kind;
	size_t offset;
	const char *arg, *help;
};

/* Fails to compile unless T.m has the type `ctype`. */
#define FLAG_ROW(T, m, l, id, ctype, a, h)                                                         \
	{ .name = #m,                                                                              \
	  .letter = (l),                                                                           \
	  .kind = FLAG_KIND_##id,                                                                  \
	  .offset =                                                                                \
		  offsetof(T, m) + 0 * sizeof(char[_Generic(((T *)0)->m, ctype: 1, default: -1)]), \
	  .arg = (a),                                                                              \
	  .help = (h) }

#define FLAG_SWITCH(T, m, l, h)      FLAG_ROW(T, m, l, SWITCH, bool, NULL, h)
#define FLAG_REPEAT(T, m, l, h)      FLAG_ROW(T, m, l, REPEAT, int, NULL, h)
#define FLAG_TEXT(T, m, l, a, h)     FLAG_ROW(T, m, l, TEXT, const char *, a, h)
#define FLAG_TEXTS(T, m, l, a, h)    FLAG_ROW(T, m, l, TEXTS, struct flag_texts, a, h)
#define FLAG_NUMBER(T, m, l, a, h)   FLAG_ROW(T, m, l, NUMBER, uint64_t, a, h)
#define FLAG_DURATION(T, m, l, a, h) FLAG_ROW(T, m, l, DURATION, int64_t, a, h)
#define FLAG_END                     { .kind = FLAG_KIND_END }

/* A flag the table does not know, given behind the first word. */
struct flag_extra {
	const char *name;  /* without the dashes, as written */
	const char *value; /* NULL when nothing followed that could be one */
};

struct flags {
	const struct flag *table;
	struct arena *arena;
	/*
	 * Collect unknown --name VALUE behind the first word instead of failing.  What
	 * begins with '-' is a value only if it is a number.
	 */
	bool takes_extras;
	/* Stop at the first word: the rest belongs to somebody else. */
	bool stops_at_word;

	/* results */
	bool wants_help;
	const char **words;
	size_t nwords;
	struct flag_extra *extras;
	size_t nextras;
	int used; /* how many of the arguments were looked at */
};

/*
 * Read argv[0..argc) into object by flags->table.  Errors are -EINVAL; -h and
 * --help end the reading with wants_help set.
 */
int flags_read(struct flags *flags, int argc, char *const *argv, void *object, struct error *err)
	__attribute__((warn_unused_result));

/* The table as help text: one flag a line, -h included. */
void flags_print(const struct flag *table, FILE *out);

/* The flag of this name ('-' and '_' are the same), or NULL. */
const struct flag *flags_find(const struct flag *table, const char *name);

/* The name of the known flag nearest to a mistyped one ("fail-on-loss"), or NULL. */
const char *flags_near(const struct flag *table, const char *name, struct arena *arena);

#endif
