/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/text.h"

#include <string.h>

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
