/* SPDX-License-Identifier: Apache-2.0 */
/*
 * expect: records against what a test expects of them.
 *
 * Both are JSON, an object a line.  An expectation names some fields of one
 * record, nested or dotted ("proc.comm"), and a record fits when it has those
 * values; what is not named may be anything, null stands for a field that is not
 * there.  Each expectation must find a record of its own, in whatever order; a
 * record that nobody expects is a fault, too, unless it may be there.
 */
#ifndef CLI_EXPECT_H
#define CLI_EXPECT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/yaml.h"

enum { EXPECT_MAX_LINES = 5000, EXPECT_MAX_BYTES = 64 << 20 };

struct expect_lines {
	const struct yaml_node **nodes; /* maps, each from a line */
	const char **texts;
	uint32_t n;
};

/* Read a file of JSON lines.  Errors name file and line. */
int expect_read(struct arena *arena, const char *path, struct expect_lines *ret_lines,
		struct error *err) __attribute__((warn_unused_result));

/*
 * Compare and print every fault on out: what was not found, with the nearest
 * record and where it differs, and (unless may_be_more) what was not expected.
 * Returns the number of faults.
 */
uint32_t expect_compare(const struct expect_lines *expected, const struct expect_lines *records,
			bool may_be_more, FILE *out);

#endif
