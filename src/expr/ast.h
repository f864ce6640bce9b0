/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ast: what an expression says, before it knows any schema.
 *
 * Inside of src/expr/, and for the tests, which evaluate the tree slowly to
 * check what the compiled program does.
 *
 * `a && b && c` is one node with three children, so only parentheses and `!`
 * make the tree deeper, and EXPR_MAX_DEPTH bounds every recursion over it.
 */
#ifndef EXPR_AST_H
#define EXPR_AST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "data/type.h"

enum {
	EXPR_MAX_TEXT = 64 << 10, /* bytes of text */
	EXPR_MAX_DEPTH = 200,     /* parentheses and `!` inside each other */
	EXPR_MAX_OPS = 4096,      /* operations of a bound program */
	EXPR_MAX_PATTERN = 1024,  /* bytes of a glob pattern */
};

enum operand_kind {
	OPERAND_FIELD,
	OPERAND_STRING,
	OPERAND_INT,
	OPERAND_FLOAT,
	OPERAND_BOOL,
};

/* A field or a literal. */
struct operand {
	enum operand_kind kind;
	uint32_t at; /* byte in the text */
	union {
		const char *name; /* FIELD */
		struct str s;     /* STRING, escapes resolved; may contain NULs */
		__int128 i;       /* INT: -2^63 .. 2^64-1 */
		double f;         /* FLOAT: finite */
		bool b;
	};
};

/* `a != b` is COMPARE EQ below a NOT, and `!~` is GLOB below a NOT. */
enum cmp { CMP_EQ, CMP_LT, CMP_LE, CMP_GT, CMP_GE };

/* "==", "<", ... */
const char *cmp_text(enum cmp cmp);

/* What it is with the sides exchanged: `5 < x` is `x > 5`. */
enum cmp cmp_mirrored(enum cmp cmp);

enum node_kind {
	NODE_AND,     /* children */
	NODE_OR,      /* children */
	NODE_NOT,     /* one child */
	NODE_COMPARE, /* left cmp right; at least one of them is a field */
	NODE_GLOB,    /* left (a field) ~ right (a string) */
	NODE_IN,      /* left (a field) is one of items */
	NODE_HAS,     /* left (a field, a set or a list) has right (a string) in it */
	NODE_OPERAND, /* left alone: a bool field, true or false */
};

struct node {
	enum node_kind kind;
	enum cmp cmp;
	uint32_t at;                /* byte in the text: of the operator, else of left */
	struct operand left, right; /* COMPARE, GLOB, HAS; IN and OPERAND: left */
	struct operand *items;      /* IN */
	uint32_t nitems;            /* IN */
	struct node *first, *last;  /* AND, OR, NOT: children, in order */
	struct node *next;          /* the next child of the same parent */
};

struct expr {
	const char *text;
	struct pos pos; /* of the text */
	const struct node *root;
};

/* Where byte `at` of the text is in the user's file. */
struct pos expr_pos(const char *text, struct pos start, uint32_t at);

/* Move *pos, the place of byte `from`, on to that of byte `to`, which is not before it. */
void expr_pos_move(const char *text, uint32_t from, uint32_t to, struct pos *pos);

/*
 * A moment as RFC 3339 has it ("2026-01-31T12:00:00.5+01:00"; up to nine digits
 * of a second), in nanoseconds since the epoch: more than 64 bits, since the
 * years 0 to 9999 may be written.  -EINVAL when it is none.
 */
int moment_parse(struct str text, __int128 *ret_ns);

#endif
