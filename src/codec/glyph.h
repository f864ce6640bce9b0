/* SPDX-License-Identifier: Apache-2.0 */
/*
 * glyph: text for terminals, one character at a time.
 *
 * Kernel bytes may hold anything, also what drives a terminal.  So controls (C0,
 * DEL, C1), characters that change the direction of writing, and bytes that are
 * no UTF-8 are shown as \xNN, one for each byte; everything else as it is, with
 * the number of terminal cells it takes.
 */
#ifndef CODEC_GLYPH_H
#define CODEC_GLYPH_H

#include <stddef.h>
#include <stdint.h>

enum { GLYPH_MAX = 4 };

struct glyph {
	uint8_t text[GLYPH_MAX];
	uint8_t len;   /* of text */
	uint8_t cells; /* 0 for what joins the character before it */
	uint8_t taken; /* bytes of the input */
};

/* The glyph for the front of s, of n > 0 bytes. */
struct glyph glyph_next(const uint8_t *s, size_t n);

#endif
