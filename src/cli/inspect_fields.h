/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inspect_fields: the fields of a data source, as `inspect` tells of them.
 */
#ifndef CLI_INSPECT_FIELDS_H
#define CLI_INSPECT_FIELDS_H

#include <jansson.h>

#include "base/arena.h"
#include "data/schema.h"

/*
 * Print one line for each field: name, type, what its author says, where it is
 * seen.  Types have their shape, "uint:3" or "int[2][4]"; members of an array's
 * elements follow it as "points[].x", behind the prefix.
 */
void inspect_print_fields(const struct field *fields, uint32_t n, const char *prefix,
			  struct arena *arena);

/* The same as an array of objects. */
json_t *inspect_fields_json(const struct field *fields, uint32_t n);

#endif
