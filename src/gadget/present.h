/* SPDX-License-Identifier: Apache-2.0 */
/*
 * present: how the fields of a gadget's data sources are shown, as its metadata
 * says.
 *
 * A field comes with the notes of its type.  On top of them go, each one over the
 * one before: the template its metadata names, and the annotations its metadata
 * has.  They are
 *
 *   description         also of `x`, where only `x_raw` has one
 *   template            a name of notes_template(); an unknown one is passed over
 *   columns.width columns.minwidth columns.maxwidth
 *                       cells, or `type`: what the integer's longest number takes
 *   columns.alignment   left, right
 *   columns.ellipsis    start, middle, end, none: where text that is cut shows it
 *   columns.hidden      not among the columns unless named (FIELD_QUIET)
 *   columns.fixed       the width does not follow the terminal's
 *   columns.hex         integers as 0x...
 *   columns.precision   digits behind the point; -1: as many as it takes
 *   columns.alias       the header
 *   columns.replace     another field is shown instead, under this one's header
 *   columns.order       fields that have it come first, in its order
 *   json.skip           in columns only (FIELD_COLUMN)
 *
 * A struct that is an address (gadget_l3endpoint_t, gadget_l4endpoint_t) is shown by
 * one of its members; that one has the struct's annotations, too. A struct's json.skip
 * is its members'.
 *
 * Labels do not change, so JSON and msgpack do not either, but for what json.skip
 * leaves out and the order of keys.
 */
#ifndef GADGET_PRESENT_H
#define GADGET_PRESENT_H

#include "gadget/model.h"

enum { PRESENT_MAX_WIDTH = 1024, PRESENT_MAX_ALIAS = 128, PRESENT_MAX_PRECISION = 17 };

/*
 * Apply the model's metadata to its fields; without metadata, nothing.  -EINVAL
 * with the place of a value that cannot be: a width that is no number, a
 * replacement that is no field.  What is said of fields the model does not have
 * is passed over (metadata_check.h reports it).
 */
int present_apply(struct arena *arena, struct model *model, struct error *err)
	__attribute__((warn_unused_result));

/* "width", "minwidth", ...: the annotations below `columns`, NULL at the end. */
extern const char *const present_columns[];

#endif
