/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/text.h"

#include <string.h>

#include "codec/glyph.h"

enum { WIDTH = 92 };

void text_wrap(FILE *out, const char *text, int column)
{
	int at = column;

	text += strspn(text, " \n");
	while (*text) {
		int len = (int)strcspn(text, " \n");

		if (at > column && at + 1 + len > WIDTH) {
			(void)fprintf(out, "\n%*s", column, "");
			at = column;
		} else if (at > column) {
			(void)fputc(' ', out);
			at++;
		}
		(void)fprintf(out, "%.*s", len, text);
		at += len;
		text += len;
		text += strspn(text, " \n");
	}
	(void)fputc('\n', out);
}

const char *text_clean(struct arena *arena, const char *text)
{
	size_t n = strlen(text), len = 0;
	char *clean = arena_alloc(arena, GLYPH_MAX * n + 1);

	while (n) {
		struct glyph g = glyph_next((const uint8_t *)text, n);

		if (*text == '\n' || *text == '\t') {
			clean[len++] = ' ';
		} else {
			memcpy(clean + len, g.text, g.len);
			len += g.len;
		}
		text += g.taken;
		n -= g.taken;
	}
	return clean;
}
