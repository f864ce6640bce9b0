/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parse: from text to the tree of ast.h, by recursive descent.
 *
 *     or      = and { "||" and }
 *     and     = not { "&&" not }
 *     not     = "!" not | compare
 *     compare = primary [ ("==" | "!=" | "<" | ...) primary
 *                       | ("~" | "!~") string
 *                       | "in" "(" literal { "," literal } ")"
 *                       | "has" string ]
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

/*
 * The parsers return NULL when they fail; `failed` and `err` tell why then.
 */
struct parser {
	struct lexer lexer;
	struct token token; /* the next one */
	uint32_t depth;
	int failed; /* negative errno */
	struct error *err;
};

/* Move on to the next token. */
static bool advance(struct parser *p)
{
	p->failed = lex(&p->lexer, &p->token, p->err);
	return p->failed == 0;
}

static struct node *fail_at(struct parser *p, uint32_t at, const char *what)
{
	p->failed = error_at(p->err, EINVAL, expr_pos(p->lexer.text, p->lexer.pos, at), "%s", what);
	return NULL;
}

static bool is_word(const struct token *token, const char *word)
{
	return token->kind == TOKEN_NAME && !strcmp(token->value.name, word);
}

/* "expected X, found Y", at the next token, with a hint for words of other languages. */
static struct node *unexpected(struct parser *p, const char *expected)
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
		p->failed = error_at(p->err, EINVAL, pos,
				     "expected %s, found the end of the expression", expected);
	else
		p->failed = error_at(p->err, EINVAL, pos, "expected %s, found '%.*s'%s", expected,
				     shown, p->lexer.text + t->at, hint);
	return NULL;
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

static struct node *negated(struct parser *p, struct node *child, uint32_t at)
{
	struct node *node = new_node(p, NODE_NOT, at);

	add_child(node, child);
	return node;
}

/* One level deeper, behind the token that leads there. */
static bool enter(struct parser *p)
{
	if (++p->depth <= EXPR_MAX_DEPTH)
		return advance(p);
	p->failed = error_at(p->err, E2BIG, expr_pos(p->lexer.text, p->lexer.pos, p->token.at),
			     "nested too deeply (more than %d parentheses and '!' inside each "
			     "other)",
			     EXPR_MAX_DEPTH);
	return false;
}

static struct node *parse_or(struct parser *p);

static struct node *parse_parentheses(struct parser *p)
{
	struct node *node;

	if (!enter(p))
		return NULL;
	node = parse_or(p);
	if (!node)
		return NULL;
	if (p->token.kind != TOKEN_CLOSE)
		return unexpected(p, "an operator or ')'");
	p->depth--;
	return advance(p) ? node : NULL;
}

static struct node *parse_primary(struct parser *p)
{
	struct node *node;

	if (p->token.kind == TOKEN_OPEN)
		return parse_parentheses(p);
	if (p->token.kind != TOKEN_NAME && p->token.kind != TOKEN_LITERAL)
		return unexpected(p, "a field or a literal");
	node = new_node(p, NODE_OPERAND, p->token.at);
	node->left = p->token.value;
	return advance(p) ? node : NULL;
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
	       token->kind == TOKEN_NOT_GLOB || is_word(token, "in") || is_word(token, "has");
}

static struct node *parse_comparison(struct parser *p, const struct operand *left, enum cmp cmp)
{
	struct node *node = new_node(p, NODE_COMPARE, p->token.at), *right;

	right = advance(p) ? parse_primary(p) : NULL;
	if (!right)
		return NULL;
	if (right->kind != NODE_OPERAND)
		return fail_at(p, right->at, "only fields and literals can be compared");
	node->cmp = cmp;
	node->left = *left;
	node->right = right->left;
	if (left->kind == OPERAND_FIELD)
		return node;
	if (right->left.kind != OPERAND_FIELD)
		return fail_at(p, node->at,
			       "one side of a comparison must be a field, not a literal");
	node->left = right->left;
	node->right = *left;
	node->cmp = cmp_mirrored(cmp);
	return node;
}

static struct node *parse_glob(struct parser *p, const struct operand *left)
{
	struct node *node = new_node(p, NODE_GLOB, p->token.at);

	if (!advance(p))
		return NULL;
	if (p->token.kind != TOKEN_LITERAL || p->token.value.kind != OPERAND_STRING)
		return unexpected(p, "a pattern in quotes");
	if (p->token.value.s.len > EXPR_MAX_PATTERN)
		return fail_at(p, p->token.at, "the pattern is longer than 1024 bytes");
	node->left = *left;
	node->right = p->token.value;
	return advance(p) ? node : NULL;
}

static void add_item(struct parser *p, struct node *node, uint32_t *cap)
{
	struct operand *old = node->items;

	if (node->nitems == *cap) {
		*cap = *cap ? *cap * 2 : 8;
		node->items = arena_array(p->lexer.arena, *cap, sizeof(*node->items));
		if (old)
			memcpy(node->items, old, node->nitems * sizeof(*old));
	}
	node->items[node->nitems++] = p->token.value;
}

static struct node *parse_in(struct parser *p, const struct operand *left)
{
	struct node *node = new_node(p, NODE_IN, p->token.at);
	uint32_t cap = 0;

	node->left = *left;
	if (!advance(p))
		return NULL;
	if (p->token.kind != TOKEN_OPEN)
		return unexpected(p, "'(' behind 'in'");
	do {
		if (!advance(p))
			return NULL;
		if (p->token.kind != TOKEN_LITERAL)
			return unexpected(p, "a literal");
		add_item(p, node, &cap);
		if (!advance(p))
			return NULL;
	} while (p->token.kind == TOKEN_COMMA);
	if (p->token.kind != TOKEN_CLOSE)
		return unexpected(p, "',' or ')'");
	return advance(p) ? node : NULL;
}

static struct node *parse_has(struct parser *p, const struct operand *left)
{
	struct node *node = new_node(p, NODE_HAS, p->token.at);

	if (!advance(p))
		return NULL;
	if (p->token.kind != TOKEN_LITERAL || p->token.value.kind != OPERAND_STRING)
		return unexpected(p, "a string behind 'has'");
	node->left = *left;
	node->right = p->token.value;
	return advance(p) ? node : NULL;
}

static struct node *parse_relation(struct parser *p, const struct node *left)
{
	bool is_not, is_comparison;
	struct node *node;
	enum cmp cmp;

	if (left->kind != NODE_OPERAND)
		return fail_at(p, left->at, "only fields and literals can be compared");
	is_comparison = comparison_of(p->token.kind, &cmp, &is_not);
	if (!is_comparison && left->left.kind != OPERAND_FIELD)
		return fail_at(p, left->at, "the left side of '~', 'in' and 'has' must be a field");
	if (p->token.kind == TOKEN_NOT_GLOB)
		is_not = true;
	if (is_comparison)
		node = parse_comparison(p, &left->left, cmp);
	else if (is_word(&p->token, "in"))
		node = parse_in(p, &left->left);
	else if (is_word(&p->token, "has"))
		node = parse_has(p, &left->left);
	else
		node = parse_glob(p, &left->left);
	return node && is_not ? negated(p, node, node->at) : node;
}

/* A literal that is no bool says nothing alone. */
static struct node *condition(struct parser *p, struct node *node)
{
	if (!node || node->kind != NODE_OPERAND || node->left.kind == OPERAND_FIELD ||
	    node->left.kind == OPERAND_BOOL)
		return node;
	return fail_at(p, node->at, "a literal alone is no condition (compare it with a field)");
}

static struct node *parse_compare(struct parser *p)
{
	struct node *node = parse_primary(p);

	if (!node || !is_relation(&p->token))
		return node;
	node = parse_relation(p, node);
	if (node && is_relation(&p->token))
		return fail_at(p, p->token.at,
			       "comparisons cannot be chained (join two of them with '&&')");
	return node;
}

static struct node *parse_not(struct parser *p)
{
	uint32_t at = p->token.at;
	struct node *node;

	if (p->token.kind != TOKEN_NOT)
		return parse_compare(p);
	if (!enter(p))
		return NULL;
	node = condition(p, p->token.kind == TOKEN_NOT ? parse_not(p) : parse_primary(p));
	if (!node)
		return NULL;
	if (is_relation(&p->token))
		return fail_at(p, p->token.at,
			       "'!' binds tighter than a comparison (put the comparison in "
			       "parentheses)");
	p->depth--;
	return negated(p, node, at);
}

/* One level of `part op part op part`; a single part stays itself. */
static struct node *parse_list(struct parser *p, enum token_kind op, enum node_kind kind,
			       struct node *(*parse_part)(struct parser *p))
{
	struct node *part = parse_part(p), *list;

	if (!part || p->token.kind != op)
		return part;
	list = new_node(p, kind, p->token.at);
	for (;;) {
		part = condition(p, part);
		if (!part)
			return NULL;
		add_child(list, part);
		if (p->token.kind != op)
			return list;
		part = advance(p) ? parse_part(p) : NULL;
	}
}

static struct node *parse_and(struct parser *p)
{
	return parse_list(p, TOKEN_AND, NODE_AND, parse_not);
}

static struct node *parse_or(struct parser *p)
{
	return parse_list(p, TOKEN_OR, NODE_OR, parse_and);
}

static struct node *parse_all(struct parser *p)
{
	struct node *root = advance(p) ? condition(p, parse_or(p)) : NULL;

	if (root && p->token.kind != TOKEN_END)
		return unexpected(p, "an operator or the end");
	return root;
}

int expr_parse(struct arena *arena, const char *text, struct pos pos, struct expr **ret_expr,
	       struct error *err)
{
	struct parser p = { .err = err };
	struct expr *expr;

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
	expr->root = parse_all(&p);
	if (!expr->root)
		return p.failed;
	*ret_expr = expr;
	return 0;
}

struct visit {
	const struct expr *expr;
	void (*visit)(void *arg, const char *name, struct pos pos);
	void *arg;
	uint32_t at; /* the last place that was asked for, and what it is */
	struct pos pos;
};

/* Fields come in the order of the text, so the whole costs one pass over it. */
static void visit_operand(struct visit *v, const struct operand *operand)
{
	if (operand->kind != OPERAND_FIELD)
		return;
	expr_pos_move(v->expr->text, v->at, operand->at, &v->pos);
	v->at = operand->at;
	v->visit(v->arg, operand->name, v->pos);
}

static void visit_node(struct visit *v, const struct node *node)
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
	case NODE_HAS:
	case NODE_OPERAND:
		visit_operand(v, &node->left);
		return;
	}
}

void expr_fields(const struct expr *expr,
		 void (*visit)(void *arg, const char *name, struct pos pos), void *arg)
{
	struct visit v = {
		.expr = expr, .visit = visit, .arg = arg, .pos = expr_pos(expr->text, expr->pos, 0)
	};

	visit_node(&v, expr->root);
}
