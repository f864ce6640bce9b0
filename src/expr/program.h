/* SPDX-License-Identifier: Apache-2.0 */
/*
 * program: what an expression becomes for one schema.
 *
 * Inside of src/expr/.  bind.c folds the tree into a `struct bound` of tests;
 * compile.c lays the tests out as a list of operations with jumps; eval.c runs
 * the list, one operation over all rows at a time.
 *
 * An operation is one test: load, compare and constant fused.  It is given the
 * rows that reach it.  Those for which the test says `want` go on to the next
 * operation; the others leave by `exit`: they are dropped (LABEL_FALSE), or
 * parked at a label until the operation that has it as its `join`, or until the
 * end (LABEL_TRUE).  Jumps go forward only.
 */
#ifndef EXPR_PROGRAM_H
#define EXPR_PROGRAM_H

#include "data/batch.h"
#include "expr/ast.h"
#include "expr/expr.h"
#include "expr/glob.h"

/*
 * X(name)
 *
 * ROW8..64  integer in the row, in [lo, lo+span] modulo its width
 * INT       the same for any layout, as 64 bits
 * COL       the same for a column of integers
 * BOOT      the same for boot time, which becomes wall time here
 * READ      the same for the batch's time of reading
 * FLOAT     float cmp constant
 * HEAD8     the first 8 bytes of a char array against a mask
 * HEAD16    the first 16
 * HEAD      the first 16, and the rest by memcmp
 * TAIL      the text at the end of the row: the same, and its length
 * STRING    any string, by op->match
 * STRINGS   some element of a list of strings, by op->match
 * SHOWN     the text made of a value (show.h), by op->match
 * MASK      a number under a mask
 * IP        an address of a version, under a mask
 * WIDE      an integer of 128 bits, in [lo, hi]
 * NUMBERS   field cmp field, for integers, floats, times and bools
 * TEXTS     field cmp field, for strings
 * PRESENT   the field is there
 */
#define OP_LIST(X) \
	X(ROW8)    \
	X(ROW16)   \
	X(ROW32)   \
	X(ROW64)   \
	X(INT)     \
	X(COL)     \
	X(BOOT)    \
	X(READ)    \
	X(FLOAT)   \
	X(HEAD8)   \
	X(HEAD16)  \
	X(HEAD)    \
	X(TAIL)    \
	X(STRING)  \
	X(STRINGS) \
	X(SHOWN)   \
	X(MASK)    \
	X(IP)      \
	X(WIDE)    \
	X(NUMBERS) \
	X(TEXTS)   \
	X(PRESENT)

enum op_code {
#define X(id) OP_##id,
	OP_LIST(X)
#undef X
		OP_COUNT
};

#define MATCH_LIST(X)           \
	X(EQ, "==")             \
	X(LT, "<")              \
	X(LE, "<=")             \
	X(GT, ">")              \
	X(GE, ">=")             \
	X(PREFIX, "begins")     \
	X(SUFFIX, "ends")       \
	X(CONTAINS, "contains") \
	X(GLOB, "~")            \
	X(ANY, "any")

enum match {
#define X(id, name) MATCH_##id,
	MATCH_LIST(X)
#undef X
};

enum { LABEL_TRUE = 0, LABEL_FALSE = 0xffff, LABEL_NONE = 0xffff };

struct op {
	uint8_t code; /* enum op_code */
	bool want;    /* until compiled: the truth of the test is inverted */
	uint16_t join, exit;
	uint32_t at; /* byte in the row, or number of the column */
	union {
		struct {
			uint64_t lo, span;
		};
		struct {
			uint64_t word[2], mask[2]; /* WIDE: lo and span, low half first */
			const char *rest;          /* HEAD, TAIL: behind the first 16 bytes */
			uint32_t nrest;            /* IP: bytes from the address to its version */
			uint32_t ntext;            /* TAIL: bytes compared; IP: the version */
			bool is_whole;             /* TAIL: the text must end there */
		};
		struct {
			double limit;
			enum cmp cmp; /* FLOAT, NUMBERS, TEXTS */
			const struct field *other;
		};
		struct {
			enum match match;
			struct str text;
			const struct glob *glob;
		};
	};
	const struct field *field;
};

enum bound_kind { BOUND_FALSE, BOUND_TRUE, BOUND_TEST, BOUND_AND, BOUND_OR };

/* The folded tree: no NOT is left, and a constant only as the root. */
struct bound {
	enum bound_kind kind;
	struct op op;               /* TEST */
	struct bound *first, *last; /* AND, OR: two or more */
	struct bound *next;
	uint32_t ntests; /* in this subtree */
};

/* A value known when binding: a literal, or a field that is a constant. */
struct constant {
	enum type type; /* INT (also for unsigned), FLOAT, STRING, BOOL, TIME, TIME_NS */
	union {
		__int128 i; /* INT, TIME, TIME_NS */
		double f;
		struct str s;
		bool b;
	};
};

/* `a cmp b`, for constants of types that may be compared; false with a NaN.
 * Exact for every mix of integers and floats. */
bool constants_hold(enum cmp cmp, const struct constant *a, const struct constant *b);

/* `a cmp b` by unsigned bytes, the shorter first when one begins the other. */
bool strings_hold(enum cmp cmp, struct str a, struct str b);

/*
 * Leaves of the bound tree, folded where the field's type decides.  The types
 * must have been checked.  leaf_glob() also takes a list of strings, and so
 * does leaf_compare() for CMP_EQ.  The glob must live in the arena.
 */
struct bound *leaf_constant(struct arena *arena, bool truth);
struct bound *leaf_compare(struct arena *arena, const struct field *field, enum cmp cmp,
			   const struct constant *constant);
struct bound *leaf_glob(struct arena *arena, const struct field *field, const struct glob *glob);
struct bound *leaf_int(struct arena *arena, const struct field *field, __int128 number);
struct bound *leaf_bool(struct arena *arena, const struct field *field);
struct bound *leaf_fields(struct arena *arena, const struct field *field, enum cmp cmp,
			  const struct field *other);

/*
 * Leaves of made types (made.c).  leaf_flag() and leaf_ip() return NULL when the
 * text is no flag of the field, or no address and no network.
 */
struct bound *leaf_shown(struct arena *arena, const struct field *field, enum match match,
			 struct str text, const struct glob *glob);
struct bound *leaf_flag(struct arena *arena, const struct field *field, struct str text);
struct bound *leaf_ip(struct arena *arena, const struct field *field, struct str text);

/* Visit the numbers of a NAME field that are called so; false when none is. */
bool made_numbers(const struct field *field, struct str text,
		  void (*visit)(void *arg, __int128 number), void *arg);

/* Whether the field's 64 bits are a number without sign. */
bool is_unsigned_field(const struct field *field);

/* Whether the field is an integer of 128 bits. */
static inline bool is_wide_field(const struct field *field)
{
	return field->layout == LAYOUT_U128 || field->layout == LAYOUT_S128;
}

enum { PARK_WORDS = BATCH_MAX / 64 };

struct predicate {
	enum folded folded;
	uint32_t nops, nlabels;
	struct op *ops;
	/* Parked rows, a bitmap a label; all zero between calls.  It makes a
	 * predicate usable by one thread at a time. */
	uint64_t (*parked)[PARK_WORDS];
};

/* Lay out a bound tree. */
struct predicate *predicate_compile(const struct bound *root, struct arena *arena);

#endif
