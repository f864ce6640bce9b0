/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lex: the words of an expression.
 */
#ifndef EXPR_LEX_H
#define EXPR_LEX_H

#include "expr/ast.h"

enum token_kind {
	TOKEN_END,
	TOKEN_NAME,
	TOKEN_LITERAL,
	TOKEN_OPEN,
	TOKEN_CLOSE,
	TOKEN_COMMA,
	TOKEN_AND,
	TOKEN_OR,
	TOKEN_NOT,
	TOKEN_EQ,
	TOKEN_NE,
	TOKEN_LT,
	TOKEN_LE,
	TOKEN_GT,
	TOKEN_GE,
	TOKEN_GLOB,
	TOKEN_NOT_GLOB,
};

struct token {
	enum token_kind kind;
	uint32_t at, len;     /* its bytes in the text */
	struct operand value; /* NAME (as a field) and LITERAL */
};

struct lexer {
	struct arena *arena;
	const char *text;
	struct pos pos; /* of the text */
	uint32_t at;    /* first byte not yet read */
};

/* Read the next token; at the end TOKEN_END again and again. */
int lex(struct lexer *lexer, struct token *ret_token, struct error *err)
	__attribute__((warn_unused_result));

#endif
