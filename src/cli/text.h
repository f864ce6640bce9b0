/* SPDX-License-Identifier: Apache-2.0 */
/*
 * text: paragraphs for terminals.
 */
#ifndef CLI_TEXT_H
#define CLI_TEXT_H

#include <stdio.h>

/*
 * Print the words of text and end the line.  The cursor stands at `column`
 * already; further lines are indented to it.
 */
void text_wrap(FILE *out, const char *text, int column);

#endif
