/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gadget_help: what a gadget shows and what it can be told, for people.
 *
 * From its object file and its metadata alone; needs no privileges.
 */
#ifndef CLI_GADGET_HELP_H
#define CLI_GADGET_HELP_H

#include <stdio.h>

#include "base/arena.h"
#include "base/error.h"
#include "oci/find_model.h"

/*
 * Find a gadget, whatever it is called by, and inspect it as it is when nothing is
 * set.  Errors: those of find_model().
 */
int gadget_look(const char *what, struct arena *arena, struct found_gadget *ret_found,
		struct error *err) __attribute__((warn_unused_result));

/* What it is, its parameters and its fields; `what` is how the user calls it. */
void gadget_help_print(const struct model *model, const char *what, FILE *out);

#endif
