/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/text.h"

#include <stdlib.h>
#include <string.h>

#include "codec/glyph.h"

enum { WIDTH = 80 }; /* of most terminals */

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

/* Print lines up to the next that is empty or begins with a space, as one; returns where that is. */
static const char *print_paragraph(FILE *out, const char *text)
{
	const char *end = text;
	char *words;

	while (*end && *end != '\n' && *end != ' ') {
		end += strcspn(end, "\n");
		end += *end == '\n';
	}
	words = strndup(text, (size_t)(end - text));
	text_wrap(out, words ? words : "", 0);
	free(words);
	return end;
}

void text_help(FILE *out, const char *text)
{
	while (*text) {
		size_t len = strcspn(text, "\n");

		if (len && *text != ' ') {
			text = print_paragraph(out, text);
			continue;
		}
		(void)fprintf(out, "%.*s\n", (int)len, text);
		text += len;
		text += *text == '\n';
	}
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
