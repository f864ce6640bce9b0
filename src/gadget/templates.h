/* SPDX-License-Identifier: Apache-2.0 */
/*
 * templates: how fields of well-known meaning are shown.
 *
 * A template is what `template: NAME` in a gadget.yaml asks for.  A member whose
 * typedef says the same (gadget_pid, gadget_comm, ...) has it without asking.
 * The names are those of the Inspektor Gadget ABI, and some of our own.
 */
#ifndef GADGET_TEMPLATES_H
#define GADGET_TEMPLATES_H

#include "data/schema.h"

struct notes_template {
	const char *name;
	uint8_t flags; /* FIELD_QUIET, or none */
	struct notes notes;
};

/* The template of that name, case ignored; NULL when there is none. */
const struct notes_template *notes_template(const char *name);

/* The i-th template, NULL behind the last one: for suggestions. */
const struct notes_template *notes_template_at(uint32_t i);

/* The template of a number or text of that typedef ("gadget_pid"); NULL when there is none. */
const struct notes_template *notes_of_typedef(const char *type);

#endif
