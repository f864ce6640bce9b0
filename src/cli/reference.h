/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reference: the manual of all components, from their tables.
 */
#ifndef CLI_REFERENCE_H
#define CLI_REFERENCE_H

#include <stdbool.h>
#include <stdio.h>

/* The names and summaries of all components. */
void reference_print_list(FILE *out);

/* Everything about the components of this name; false when there is none. */
bool reference_print(const char *name, FILE *out);

/* Whether there is a component of this name. */
bool reference_has(const char *name);

/* The known component name nearest to a mistyped one, or NULL. */
const char *reference_near(const char *name);

/* The whole reference as one Markdown document. */
void reference_print_markdown(FILE *out);

#endif
