/* SPDX-License-Identifier: Apache-2.0 */
/*
 * expr: the one expression language of filters, routes and tests.
 *
 *     comm == "cat" && (ret < 0 || fname ~ "/etc/shadow*") && !(uid == 0)
 *
 * An expression is parsed once (expr_parse, when options are read) and bound
 * once per input schema (expr_bind): names become fields, types are checked,
 * what does not depend on the record is folded, and the rest becomes a short
 * program of fused load-compare operations that reads rows in place.
 *
 * A comparison with a missing operand is false, and `!=` is `!(==)`.  A field
 * that this schema does not have is missing.
 */
#ifndef EXPR_EXPR_H
#define EXPR_EXPR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "data/batch.h"

struct expr;
struct predicate;

/*
 * Parse text.  `pos` is where the text begins in the user's file; errors name
 * the exact column within.  Lives in the arena.  Depth and length are limited.
 */
int expr_parse(struct arena *arena, const char *text, struct pos pos, struct expr **ret_expr,
	       struct error *err) __attribute__((warn_unused_result));

/* Call visit for each field name the expression uses, with its place. */
void expr_fields(const struct expr *expr,
		 void (*visit)(void *arg, const char *name, struct pos pos), void *arg);

/*
 * Compile against one schema.  Type errors (a number compared with a string, a
 * number that the field's type can never hold is folded, not an error) name
 * file:line:col.  A name the schema lacks is missing, not an error: the engine
 * has checked that some schema of the node has it.
 */
int expr_bind(const struct expr *expr, const struct schema *schema, struct arena *arena,
	      struct predicate **ret_predicate, struct error *err)
	__attribute__((warn_unused_result));

/* What the predicate is for every record of its schema. */
enum folded { FOLDED_NO, FOLDED_FALSE, FOLDED_TRUE };
enum folded predicate_folded(const struct predicate *predicate);

/*
 * Narrow batch->sel to the rows for which the predicate is true; returns their
 * number.  Allocates nothing.  A predicate has room for one call at a time: it
 * belongs to one thread.
 */
uint32_t predicate_select(const struct predicate *predicate, struct batch *batch);

/* The compiled program as text, one operation a line, for explain and tests. */
char *predicate_dump(const struct predicate *predicate, struct arena *arena);

#endif
