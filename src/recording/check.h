/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check: whether a schema may be trusted with rows.
 *
 * The same check stands in front of writing and behind reading, so a recording
 * that was written can be read, and one that somebody else made cannot make a
 * reader of fields leave its row.
 */
#ifndef RECORDING_CHECK_H
#define RECORDING_CHECK_H

#include "base/error.h"
#include "data/schema.h"

enum {
	CHECK_ELEMENT_DEPTH = 8,
	CHECK_FIELDS_MAX = 8192,  /* members of elements included */
	CHECK_ROW_MAX = 64 << 20, /* what row_min may be at most */
};

/* -EINVAL: it has columns; -EBADMSG: a field is not where, or not what, it may be;
 * -ENOTSUP: it is of kinds that are not known. */
int schema_check(const struct schema *schema, struct error *err);

#endif
