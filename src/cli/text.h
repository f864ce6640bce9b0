/* SPDX-License-Identifier: Apache-2.0 */
/*
 * text: paragraphs for terminals.
 */
#ifndef CLI_TEXT_H
#define CLI_TEXT_H

#include <stdio.h>

#include "base/arena.h"

/*
 * Print the words of text and end the line.  The cursor stands at `column`
 * already; further lines are indented to it.
 */
void text_wrap(FILE *out, const char *text, int column);

/*
 * Print paragraphs, each filled anew; lines that begin with a space stay as they are, and
 * so do empty ones.
 */
void text_help(FILE *out, const char *text);

/* Text from a gadget, harmless for terminals and on one line. */
const char *text_clean(struct arena *arena, const char *text);

#endif
