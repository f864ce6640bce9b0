/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report: the books for people and for programs.
 */
#ifndef ENGINE_REPORT_H
#define ENGINE_REPORT_H

#include <stdio.h>

#include "base/error.h"
#include "engine/books.h"

/*
 * Write the books as one JSON document.
 *
 *     { "version": 1, "started": "...", "ended": "...", "final": true,
 *       "balanced": true, "losses": 0, "accounts": [ ... ] }
 *
 * `losses` is books_losses(); `balanced` is the outcome of books_check(), with
 * "imbalance" saying what does not hold when it is false.  Each account has
 * kind, id, type, and what its kind counts (see books.h), zeros included;
 * "counters" holds the component's own.  Returns 0, -ENOSPC, -EIO, ...: what
 * writing said.
 */
int report_write_json(const struct books *books, FILE *out, struct error *err)
	__attribute__((warn_unused_result));

/*
 * Print the equations of the books, a node a paragraph, leaving out what is
 * zero:
 *
 *     books: 3 records lost
 *       source opens (gadget)  attempts 1000 = read 997 + lost 3
 *                              read 997 = out 997
 *       sink out (stdout)      in 997 = delivered 997
 */
void report_print(const struct books *books, FILE *out);

#endif
