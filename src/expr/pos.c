/* SPDX-License-Identifier: Apache-2.0 */
/* pos: where bytes of an expression are in the user's file. */
#include "expr/ast.h"

void expr_pos_move(const char *text, uint32_t from, uint32_t to, struct pos *pos)
{
	for (uint32_t i = from; i < to; i++) {
		pos->col++;
		if (text[i] == '\n') {
			pos->line++;
			pos->col = 1;
		}
	}
}

struct pos expr_pos(const char *text, struct pos start, uint32_t at)
{
	struct pos pos = start;

	if (!pos.file || !pos.line)
		pos = (struct pos){ .file = pos.file ? pos.file : "expression",
				    .line = 1,
				    .col = 1 };
	expr_pos_move(text, 0, at, &pos);
	return pos;
}
