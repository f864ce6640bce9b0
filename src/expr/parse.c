/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parse: from text to the tree of ast.h, by recursive descent.
 *
 *     or      = and { "||" and }
 *     and     = not { "&&" not }
 *     not     = "!" not | compare
 *     compare = primary [ ("==" | "!=" | "<" | ...) primary
 *                       | ("~" | "!~") string
 *                       | "in" "(" literal { "," literal } ")" ]
 *     primary = "(" or ")" | field | literal
 *
 * The order of precedence is C's.  What C would accept but never means what it
 * says (`!a == b`, `a < b < c`) is an error that tells what to write instead.
 */
#include <errno.h>
#include <string.h>

#include "expr/expr.h"
#include "expr/lex.h"

enum { SHOWN_MAX = 40 }; /* bytes of the user's text in a message */

struct parser {
	struct lexer lexer;
	struct token token; /* the next one */
	uint32_t depth;
	struct error *err;
};

struct pos expr_pos(const char *text, struct pos start, uint32_t at)
{
	struct pos pos = start;

	if (!pos.file || !pos.line)
		pos = (struct pos){ .file = pos.file ? pos.file : "expression",
				    .line = 1,
				    .col = 1 };
	for (uint32_t i = 0; i < at; i++) {
		pos.col++;
		if (text[i] == '\n') {
			pos.line++;
			pos.col = 1;
		}
	}
	return pos;
}

static int advance(struct parser *p)
{
	return lex(&p->lexer, &p->token, p->err);
}

static int fail_at(struct parser *p, uint32_t at, const char *what)
{
	return error_at(p->err, EINVAL, expr_pos(p->lexer.text, p->lexer.pos, at), "%s", what);
}

static bool is_word(const struct token *token, const char *word)
{
	return token->kind == TOKEN_NAME && !strcmp(token->value.name, word);
}

/* "expected X, found Y", at the next token, with a hint for words of other languages. */
static int unexpected(struct parser *p, const char *expected)
{
	const struct token *t = &p->token;
	struct pos pos = expr_pos(p->lexer.text, p->lexer.pos, t->at);
	int shown = (int)(t->len < SHOWN_MAX ? t->len : SHOWN_MAX);
	const char *hint = "";

	if (is_word(t, "and"))
		hint = " (write '&&')";
	else if (is_word(t, "or"))
		hint = " (write '||')";
	if (t->kind == TOKEN_END)
		return error_at(p->err, EINVAL, pos, "expected %s, found the end of the expression",
				expected);
	return error_at(p->err, EINVAL, pos, "expected %s, found '%.*s'%s", expected, shown,
			p->lexer.text + t->at, hint);
}

static struct node *new_node(struct parser *p, enum node_kind kind, uint32_t at)
{
	struct node *node = arena_alloc(p->lexer.arena, sizeof(*node));

	node->kind = kind;
	node->at = at;
	return node;
}

static void add_child(struct node *parent, struct node *child)
{
	if (parent->last)
		parent->last->next = child;
	else
		parent->first = child;
	parent->last = child;
}

static struct node *negated(struct parser *p, struct node *child)
{
	struct node *node = new_node(p, NODE_NOT, child->at);

	add_child(node, child);
	return node;
}

static int enter(struct parser *p)
{
	if (++p->depth > EXPR_MAX_DEPTH)
		return error_at(p->err, E2BIG, expr_pos(p->lexer.text, p->lexer.pos, p->token.at),
				"nested too deeply (more than %d parentheses and '!' inside each "
				"other)",
				EXPR_MAX_DEPTH);
	return 0;
}

static int parse_or(struct parser *p, struct node **ret_node);

static int parse_primary(struct parser *p, struct node **ret_node)
{
	struct node *node;
	int r;

	if (p->token.kind == TOKEN_OPEN) {
		r = enter(p);
		if (r == 0)
			r = advance(p);
		if (r == 0)
			r = parse_or(p, ret_node);
		if (r)
			return r;
		if (p->token.kind != TOKEN_CLOSE)
			return unexpected(p, "an operator or ')'");
		p->depth--;
		return advance(p);
	}
	if (p->token.kind != TOKEN_NAME && p->token.kind != TOKEN_LITERAL)
		return unexpected(p, "a field or a literal");
	node = new_node(p, NODE_OPERAND, p->token.at);
	node->left = p->token.value;
	*ret_node = node;
	return advance(p);
}

/* What the operator does to two plain operands; other tokens are no comparison. */
static bool comparison_of(enum token_kind kind, enum cmp *ret_cmp, bool *ret_not)
{
	static const struct {
		bool is_comparison, is_not;
		enum cmp cmp;
	} table[] = {
		[TOKEN_EQ] = { true, false, CMP_EQ },
		[TOKEN_NE] = { true, true, CMP_EQ },
		[TOKEN_LT] = { true, false, CMP_LT },
		[TOKEN_LE] = { true, false, CMP_LE },
		[TOKEN_GT] = { true, false, CMP_GT },
		[TOKEN_GE] = { true, false, CMP_GE },
		[TOKEN_NOT_GLOB] = { 0 },
	};

	*ret_cmp = table[kind].cmp;
	*ret_not = table[kind].is_not;
	return table[kind].is_comparison;
}

static bool is_relation(const struct token *token)
{
	enum cmp cmp;
	bool is_not;

	return comparison_of(token->kind, &cmp, &is_not) || token->kind == TOKEN_GLOB ||
	       token->kind == TOKEN_NOT_GLOB || is_word(token, "in");
}

static int parse_comparison(struct parser *p, struct node *left, enum cmp cmp,
			    struct node **ret_node)
{
	struct node *node = new_node(p, NODE_COMPARE, p->token.at), *right;
	int r = advance(p);

	if (r == 0)
		r = parse_primary(p, &right);
	if (r)
		return r;
	if (right->kind != NODE_OPERAND)
		return fail_at(p, right->at, "only fields and literals can be compared");
	node->cmp = cmp;
	node->left = left->left;
	node->right = right->left;
	if (node->left.kind != OPERAND_FIELD) {
		if (node->right.kind != OPERAND_FIELD)
			return fail_at(p, node->at,
				       "one side of a comparison must be a field, not a literal");
		node->left = right->left;
		node->right = left->left;
		node->cmp = cmp_mirrored(cmp);
	}
	*ret_node = node;
	return 0;
}

static int parse_glob(struct parser *p, struct node *left, struct node **ret_node)
{
	struct node *node = new_node(p, NODE_GLOB, p->token.at);
	int r = advance(p);

	if (r)
		return r;
	if (p->token.kind != TOKEN_LITERAL || p->token.value.kind != OPERAND_STRING)
		return unexpected(p, "a pattern in quotes");
	if (p->token.value.s.len > EXPR_MAX_PATTERN)
		return fail_at(p, p->token.at, "the pattern is longer than 1024 bytes");
	node->left = left->left;
	node->right = p->token.value;
	*ret_node = node;
	return advance(p);
}

/* The literals behind `in (`, up to the closing parenthesis. */
static int parse_items(struct parser *p, struct node *node)
{
	uint32_t cap = 0;
	int r;

	do {
		r = advance(p);
		if (r)
			return r;
		if (p->token.kind != TOKEN_LITERAL)
			return unexpected(p, "a literal");
		if (node->nitems == cap) {
			struct operand *old = node->items;

			cap = cap ? cap * 2 : 8;
			node->items = arena_array(p->lexer.arena, cap, sizeof(*node->items));
			if (old)
				memcpy(node->items, old, node->nitems * sizeof(*old));
		}
		node->items[node->nitems++] = p->token.value;
		r = advance(p);
		if (r)
			return r;
	} while (p->token.kind == TOKEN_COMMA);
	if (p->token.kind != TOKEN_CLOSE)
		return unexpected(p, "',' or ')'");
	return advance(p);
}

static int parse_in(struct parser *p, struct node *left, struct node **ret_node)
{
	struct node *node = new_node(p, NODE_IN, p->token.at);
	int r = advance(p);

	if (r)
		return r;
	if (p->token.kind != TOKEN_OPEN)
		return unexpected(p, "'(' behind 'in'");
	node->left = left->left;
	*ret_node = node;
	return parse_items(p, node);
}

static int parse_relation(struct parser *p, struct node *left, struct node **ret_node)
{
	bool is_not, is_comparison;
	struct node *node = NULL;
	enum cmp cmp;
	int r;

	if (left->kind != NODE_OPERAND)
		return fail_at(p, left->at, "only fields and literals can be compared");
	is_comparison = comparison_of(p->token.kind, &cmp, &is_not);
	if (!is_comparison && left->left.kind != OPERAND_FIELD)
		return fail_at(p, left->at, "the left side of '~' and 'in' must be a field");
	if (p->token.kind == TOKEN_NOT_GLOB)
		is_not = true;
	if (is_comparison)
		r = parse_comparison(p, left, cmp, &node);
	else if (p->token.kind == TOKEN_NAME)
		r = parse_in(p, left, &node);
	else
		r = parse_glob(p, left, &node);
	if (r)
		return r;
	*ret_node = is_not ? negated(p, node) : node;
	return 0;
}

/* A literal that is no bool says nothing alone. */
static int check_condition(struct parser *p, const struct node *node)
{
	if (node->kind != NODE_OPERAND || node->left.kind == OPERAND_FIELD ||
	    node->left.kind == OPERAND_BOOL)
		return 0;
	return fail_at(p, node->at, "a literal alone is no condition (compare it with a field)");
}

static int parse_compare(struct parser *p, struct node **ret_node)
{
	struct node *node;
	int r = parse_primary(p, &node);

	if (r == 0 && is_relation(&p->token)) {
		r = parse_relation(p, node, &node);
		if (r == 0 && is_relation(&p->token))
			r = fail_at(p, p->token.at,
				    "comparisons cannot be chained (join two of them with '&&')");
	}
	if (r == 0)
		*ret_node = node;
	return r;
}

static int parse_not(struct parser *p, struct node **ret_node)
{
	uint32_t at = p->token.at;
	struct node *node;
	int r;

	if (p->token.kind != TOKEN_NOT)
		return parse_compare(p, ret_node);
	r = enter(p);
	if (r == 0)
		r = advance(p);
	if (r)
		return r;
	if (p->token.kind == TOKEN_NOT)
		r = parse_not(p, &node);
	else
		r = parse_primary(p, &node);
	if (r == 0)
		r = check_condition(p, node);
	if (r)
		return r;
	if (is_relation(&p->token))
		return fail_at(p, p->token.at,
			       "'!' binds tighter than a comparison (put the comparison in "
			       "parentheses)");
	p->depth--;
	*ret_node = negated(p, node);
	(*ret_node)->at = at;
	return 0;
}

/* One level of `part op part op part`; a single part stays itself. */
static int parse_list(struct parser *p, enum token_kind op, enum node_kind kind,
		      int (*parse_part)(struct parser *p, struct node **ret_node),
		      struct node **ret_node)
{
	struct node *part, *list = NULL;
	int r = parse_part(p, &part);

	if (r)
		return r;
	if (p->token.kind != op) {
		*ret_node = part;
		return 0;
	}
	list = new_node(p, kind, p->token.at);
	for (;;) {
		r = check_condition(p, part);
		if (r)
			return r;
		add_child(list, part);
		if (p->token.kind != op)
			break;
		r = advance(p);
		if (r == 0)
			r = parse_part(p, &part);
		if (r)
			return r;
	}
	*ret_node = list;
	return 0;
}

static int parse_and(struct parser *p, struct node **ret_node)
{
	return parse_list(p, TOKEN_AND, NODE_AND, parse_not, ret_node);
}

static int parse_or(struct parser *p, struct node **ret_node)
{
	return parse_list(p, TOKEN_OR, NODE_OR, parse_and, ret_node);
}

static int parse_all(struct parser *p, struct node **ret_node)
{
	int r = advance(p);

	if (r == 0)
		r = parse_or(p, ret_node);
	if (r == 0)
		r = check_condition(p, *ret_node);
	if (r == 0 && p->token.kind != TOKEN_END)
		r = unexpected(p, "an operator or the end");
	return r;
}

int expr_parse(struct arena *arena, const char *text, struct pos pos, struct expr **ret_expr,
	       struct error *err)
{
	struct parser p = { .err = err };
	struct expr *expr;
	struct node *root;
	int r;

	if (strlen(text) > EXPR_MAX_TEXT)
		return error_at(err, E2BIG, expr_pos(text, pos, 0),
				"the expression is longer than %d KiB", EXPR_MAX_TEXT >> 10);
	/* Names and places outlive the caller's copies. */
	expr = arena_alloc(arena, sizeof(*expr));
	expr->text = arena_strdup(arena, text);
	expr->pos = pos;
	if (pos.file)
		expr->pos.file = arena_strdup(arena, pos.file);
	p.lexer = (struct lexer){ .arena = arena, .text = expr->text, .pos = expr->pos };
	r = parse_all(&p, &root);
	if (r)
		return r;
	expr->root = root;
	*ret_expr = expr;
	return 0;
}

struct visit {
	const struct expr *expr;
	void (*visit)(void *arg, const char *name, struct pos pos);
	void *arg;
};

static void visit_operand(const struct visit *v, const struct operand *operand)
{
	if (operand->kind == OPERAND_FIELD)
		v->visit(v->arg, operand->name, expr_pos(v->expr->text, v->expr->pos, operand->at));
}

static void visit_node(const struct visit *v, const struct node *node)
{
	switch (node->kind) {
	case NODE_AND:
	case NODE_OR:
	case NODE_NOT:
		for (const struct node *child = node->first; child; child = child->next)
			visit_node(v, child);
		return;
	case NODE_COMPARE:
		visit_operand(v, &node->left);
		visit_operand(v, &node->right);
		return;
	case NODE_GLOB:
	case NODE_IN:
	case NODE_OPERAND:
		visit_operand(v, &node->left);
		return;
	}
}

void expr_fields(const struct expr *expr,
		 void (*visit)(void *arg, const char *name, struct pos pos), void *arg)
{
	struct visit v = { .expr = expr, .visit = visit, .arg = arg };

	visit_node(&v, expr->root);
}
