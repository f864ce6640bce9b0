/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bind: names become fields of one schema, types are checked, and what does not
 * depend on the record is folded away.
 *
 * A field the schema lacks makes its comparison false; a constant field
 * (@event, @source, ...) becomes a literal.  `!` is pushed down to the tests,
 * which is exact because a test is true or false, never unknown: `a != b` is
 * the opposite of `a == b` also when something is missing.
 *
 * Both sides of `&&` and `||` are checked before either is folded, so that a
 * type error does not hide behind a constant.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"
#include "expr/program.h"

enum { SHOWN_NAME_MAX = 64 }; /* bytes of a name in a message */

/* The bind_...() functions return NULL when they fail; `failed` and `err` tell why. */
struct binder {
	const struct expr *expr;
	const struct schema *schema;
	struct arena *arena;
	int failed; /* negative errno */
	struct error *err;
};

/* One side of a comparison, looked up. */
struct side {
	enum { SIDE_MISSING, SIDE_FIELD, SIDE_CONSTANT } kind;
	enum type type; /* but for MISSING */
	const struct field *field;
	struct constant constant;
};

static const char *type_text(enum type type)
{
	static const char *const texts[TYPE_COUNT] = {
		[TYPE_BOOL] = "a bool",          [TYPE_INT] = "a number",
		[TYPE_UINT] = "a number",        [TYPE_FLOAT] = "a number",
		[TYPE_STRING] = "a string",      [TYPE_STRINGS] = "a list of strings",
		[TYPE_BYTES] = "raw bytes",      [TYPE_TIME] = "a time",
		[TYPE_TIME_NS] = "a number",     [TYPE_NAME] = "a name",
		[TYPE_FLAGS] = "a set of flags", [TYPE_DURATION] = "a duration",
		[TYPE_SIZE] = "a size",          [TYPE_MODE] = "a file mode",
		[TYPE_IP] = "an address",        [TYPE_ENDPOINT] = "an endpoint",
		[TYPE_DNS] = "a domain name",    [TYPE_ARRAY] = "an array",
	};

	return texts[type];
}

static struct pos pos_of(const struct binder *b, uint32_t at)
{
	return expr_pos(b->expr->text, b->expr->pos, at);
}

static bool is_number(enum type type)
{
	return type == TYPE_INT || type == TYPE_UINT || type == TYPE_FLOAT ||
	       type == TYPE_TIME_NS || type_is_made_number(type);
}

static bool is_time(enum type type)
{
	return type == TYPE_TIME || type == TYPE_TIME_NS;
}

/* ---- looking up -------------------------------------------------------- */

static bool is_foldable(const struct field *field)
{
	return field->loc == LOC_CONST && field->type <= TYPE_TIME_NS &&
	       field->type != TYPE_STRINGS && field->type != TYPE_BYTES && !is_wide_field(field);
}

static void read_constant(const struct binder *b, const struct field *field, struct constant *c)
{
	const struct batch batch = { .schema = b->schema };
	struct value v;

	batch_read(&batch, 0, field, &v);
	c->type = v.type;
	switch (v.type) {
	case TYPE_BOOL:
		c->b = v.b;
		return;
	case TYPE_UINT:
		c->type = TYPE_INT;
		c->i = v.u;
		return;
	case TYPE_FLOAT:
		c->f = v.f;
		return;
	case TYPE_STRING:
		c->s = v.s;
		return;
	default:
		c->i = v.i;
		return;
	}
}

static void look_up_field(const struct binder *b, const char *name, struct side *side)
{
	const struct field *field = schema_find(b->schema, name);

	if (!field)
		return;
	side->type = (enum type)field->type;
	side->field = field;
	side->kind = SIDE_FIELD;
	if (!is_foldable(field))
		return;
	side->kind = SIDE_CONSTANT;
	read_constant(b, field, &side->constant);
}

static struct side look_up(const struct binder *b, const struct operand *operand)
{
	struct side side = { .kind = SIDE_CONSTANT };

	switch (operand->kind) {
	case OPERAND_FIELD:
		side.kind = SIDE_MISSING;
		look_up_field(b, operand->name, &side);
		return side;
	case OPERAND_STRING:
		side.constant = (struct constant){ .type = TYPE_STRING, .s = operand->s };
		break;
	case OPERAND_INT:
		side.constant = (struct constant){ .type = TYPE_INT, .i = operand->i };
		break;
	case OPERAND_FLOAT:
		side.constant = (struct constant){ .type = TYPE_FLOAT, .f = operand->f };
		break;
	case OPERAND_BOOL:
		side.constant = (struct constant){ .type = TYPE_BOOL, .b = operand->b };
		break;
	}
	side.type = side.constant.type;
	return side;
}

/* A string beside a time is a moment. */
static bool read_moment(struct binder *b, const struct operand *operand, struct side *side)
{
	__int128 ns;

	if (moment_parse(operand->s, &ns) < 0) {
		b->failed = error_at(b->err, EINVAL, pos_of(b, operand->at),
				     "not a time (write it like \"2026-01-31T12:00:00Z\")");
		return false;
	}
	side->type = TYPE_TIME;
	side->constant = (struct constant){ .type = TYPE_TIME, .i = ns };
	return true;
}

/* ---- types ------------------------------------------------------------- */

/* What `name` is called in messages: a field by name, a literal by type. */
static const char *describe(const struct binder *b, const struct operand *operand,
			    const struct side *side)
{
	if (operand->kind != OPERAND_FIELD)
		return type_text(side->type);
	return arena_printf(b->arena, "'%.64s' (%s)", operand->name, type_text(side->type));
}

static bool may_compare(enum type left, enum cmp cmp, enum type right, bool right_is_constant)
{
	if ((is_number(left) && is_number(right)) || (is_time(left) && is_time(right)))
		return true;
	if (left == TYPE_STRINGS)
		return right == TYPE_STRING && right_is_constant && cmp == CMP_EQ;
	if (left == TYPE_BOOL)
		return right == TYPE_BOOL && cmp == CMP_EQ;
	if (left == TYPE_IP || left == TYPE_ENDPOINT || left == TYPE_DNS)
		return right == left && cmp == CMP_EQ;
	return left == TYPE_STRING && right == TYPE_STRING;
}

/* Two fields of which one has 128 bits: no operation is that wide. */
static bool check_width(struct binder *b, const struct node *node, const struct side *left,
			const struct side *right)
{
	if (left->kind != SIDE_FIELD || right->kind != SIDE_FIELD ||
	    (!is_wide_field(left->field) && !is_wide_field(right->field)))
		return true;
	b->failed = error_at(b->err, EINVAL, pos_of(b, node->at),
			     "a number of 128 bits can be compared with a literal only");
	return false;
}

static bool check_types(struct binder *b, const struct node *node,
			const struct operand *right_operand, const struct side *left,
			const struct side *right)
{
	enum type l = left->type, r = right->type;
	struct pos pos = pos_of(b, node->at);

	if (left->kind == SIDE_MISSING || right->kind == SIDE_MISSING)
		return true;
	if (may_compare(l, node->cmp, r, right->kind == SIDE_CONSTANT))
		return check_width(b, node, left, right);
	if (node->cmp != CMP_EQ && (l == TYPE_BOOL || l == TYPE_STRINGS || l == TYPE_IP ||
				    l == TYPE_ENDPOINT || l == TYPE_DNS))
		b->failed =
			error_at(b->err, EINVAL, pos, "'%.64s' is %s, for which there is no '%s'",
				 node->left.name, type_text(l), cmp_text(node->cmp));
	else
		b->failed =
			error_at(b->err, EINVAL, pos, "%s cannot be compared with %s%s",
				 describe(b, &node->left, left), describe(b, right_operand, right),
				 l == TYPE_TIME || r == TYPE_TIME
					 ? " (write a time like \"2026-01-31T12:00:00Z\")"
					 : "");
	return false;
}

/* ---- text of made types ------------------------------------------------- */

static struct bound *new_list(const struct binder *b, enum bound_kind kind);
static void add(struct bound *list, struct bound *child);
static struct bound *simplified(struct bound *list);

static const char *text_of(const struct binder *b, struct str s)
{
	return arena_strndup(b->arena, s.at, s.len < SHOWN_NAME_MAX ? s.len : SHOWN_NAME_MAX);
}

/* The user's word is none of the names. */
static struct bound *no_such_name(struct binder *b, const struct operand *field,
				  const struct operand *operand, const struct names *names)
{
	struct suggest suggest;
	const char *best;

	suggest_init(&suggest, text_of(b, operand->s));
	for (uint32_t i = 0; i < names->n; i++)
		suggest_offer(&suggest, text_of(b, names->list[i].text));
	best = suggest_result(&suggest);
	b->failed = error_at(b->err, EINVAL, pos_of(b, operand->at), "no '%.64s' is called '%s'",
			     field->name, text_of(b, operand->s));
	if (best)
		(void)error_add(b->err, " (did you mean '%s'?)", best);
	return NULL;
}

struct numbers {
	const struct binder *b;
	const struct field *field;
	struct bound *list;
};

static void add_number(void *arg, __int128 number)
{
	struct numbers *numbers = arg;

	add(numbers->list, leaf_int(numbers->b->arena, numbers->field, number));
}

static struct bound *bind_name(struct binder *b, const struct node *node,
			       const struct operand *operand, const struct field *field)
{
	struct numbers numbers = { .b = b, .field = field, .list = new_list(b, BOUND_OR) };

	if (!made_numbers(field, operand->s, add_number, &numbers))
		return no_such_name(b, &node->left, operand, field->names);
	return simplified(numbers.list);
}

/* A field of a made type beside a string literal. */
static struct bound *bind_made(struct binder *b, const struct node *node,
			       const struct operand *operand, const struct side *left)
{
	struct bound *bound = NULL;

	if (node->cmp != CMP_EQ) {
		b->failed = error_at(b->err, EINVAL, pos_of(b, node->at),
				     "%s is not ordered as text, so there is no '%s'",
				     describe(b, &node->left, left), cmp_text(node->cmp));
		return NULL;
	}
	switch (left->type) {
	case TYPE_NAME:
		return bind_name(b, node, operand, left->field);
	case TYPE_FLAGS:
	case TYPE_ENDPOINT:
	case TYPE_DNS:
		return leaf_shown(b->arena, left->field, MATCH_EQ, operand->s, NULL);
	case TYPE_IP:
		bound = leaf_ip(b->arena, left->field, operand->s);
		if (!bound)
			b->failed = error_at(b->err, EINVAL, pos_of(b, operand->at),
					     "neither an address like \"10.0.0.1\" nor a network "
					     "like \"10.0.0.0/8\"");
		return bound;
	default:
		b->failed = error_at(b->err, EINVAL, pos_of(b, operand->at),
				     "%s is compared with numbers (write 10ms, 64KiB or 0o644 "
				     "without quotes)",
				     describe(b, &node->left, left));
		return NULL;
	}
}

static struct bound *bind_has(struct binder *b, const struct node *node)
{
	struct side left = look_up(b, &node->left);
	const struct constant c = { .type = TYPE_STRING, .s = node->right.s };
	struct bound *bound;

	if (left.kind == SIDE_MISSING)
		return leaf_constant(b->arena, false);
	if (left.type == TYPE_STRINGS)
		return leaf_compare(b->arena, left.field, CMP_EQ, &c);
	if (left.type != TYPE_FLAGS) {
		b->failed = error_at(b->err, EINVAL, pos_of(b, node->at),
				     "%s has nothing in it (only sets of flags and lists have)",
				     describe(b, &node->left, &left));
		return NULL;
	}
	bound = leaf_flag(b->arena, left.field, node->right.s);
	return bound ? bound : no_such_name(b, &node->left, &node->right, left.field->names);
}

/* ---- tests ------------------------------------------------------------- */

static struct bound *bind_pair(struct binder *b, const struct node *node,
			       const struct operand *right_operand)
{
	struct side left = look_up(b, &node->left), right = look_up(b, right_operand);
	bool is_moment = right_operand->kind == OPERAND_STRING && left.kind != SIDE_MISSING &&
			 is_time(left.type);

	if (left.kind == SIDE_FIELD && type_is_made(left.type) &&
	    right_operand->kind == OPERAND_STRING)
		return bind_made(b, node, right_operand, &left);
	if (is_moment && !read_moment(b, right_operand, &right))
		return NULL;
	if (!check_types(b, node, right_operand, &left, &right))
		return NULL;
	if (left.kind == SIDE_MISSING || right.kind == SIDE_MISSING)
		return leaf_constant(b->arena, false);
	if (left.kind == SIDE_FIELD && right.kind == SIDE_FIELD)
		return leaf_fields(b->arena, left.field, node->cmp, right.field);
	if (left.kind == SIDE_FIELD)
		return leaf_compare(b->arena, left.field, node->cmp, &right.constant);
	if (right.kind == SIDE_FIELD)
		return leaf_compare(b->arena, right.field, cmp_mirrored(node->cmp), &left.constant);
	return leaf_constant(b->arena, constants_hold(node->cmp, &left.constant, &right.constant));
}

static struct bound *bind_glob(struct binder *b, const struct node *node)
{
	struct glob *glob = arena_alloc(b->arena, sizeof(*glob));
	struct side left = look_up(b, &node->left);

	if (glob_compile(b->arena, node->right.s, glob) < 0) {
		b->failed = error_at(b->err, EINVAL, pos_of(b, node->right.at),
				     "the pattern ends inside of a '[' set or behind a backslash");
		return NULL;
	}
	if (left.kind == SIDE_MISSING)
		return leaf_constant(b->arena, false);
	if (left.type != TYPE_STRING && left.type != TYPE_STRINGS && !type_is_made(left.type)) {
		b->failed = error_at(b->err, EINVAL, pos_of(b, node->at),
				     "%s cannot be matched with a pattern: it is no string",
				     describe(b, &node->left, &left));
		return NULL;
	}
	if (left.kind == SIDE_CONSTANT)
		return leaf_constant(b->arena, glob_match(glob, left.constant.s));
	return leaf_glob(b->arena, left.field, glob);
}

static struct bound *bind_operand(struct binder *b, const struct node *node)
{
	struct side left = look_up(b, &node->left);

	if (left.kind == SIDE_MISSING)
		return leaf_constant(b->arena, false);
	if (left.type != TYPE_BOOL) {
		b->failed = error_at(b->err, EINVAL, pos_of(b, node->at),
				     "%s alone is no condition (compare it with something)",
				     describe(b, &node->left, &left));
		return NULL;
	}
	if (left.kind == SIDE_CONSTANT)
		return leaf_constant(b->arena, left.constant.b);
	return leaf_bool(b->arena, left.field);
}

/* ---- the tree ---------------------------------------------------------- */

static struct bound *new_list(const struct binder *b, enum bound_kind kind)
{
	struct bound *list = arena_alloc(b->arena, sizeof(*list));

	list->kind = kind;
	return list;
}

static void append(struct bound *list, struct bound *child)
{
	if (list->last)
		list->last->next = child;
	else
		list->first = child;
	list->last = child;
	list->ntests += child->ntests;
}

/*
 * Add a child to an AND or OR: what decides the whole makes it that constant,
 * what does not matter is left out, and a list in a list of its kind dissolves.
 */
static void add(struct bound *list, struct bound *child)
{
	enum bound_kind deciding = list->kind == BOUND_AND ? BOUND_FALSE : BOUND_TRUE;

	if (list->kind != BOUND_AND && list->kind != BOUND_OR)
		return; /* decided */
	if (child->kind == deciding) {
		*list = (struct bound){ .kind = deciding };
		return;
	}
	if (child->kind == BOUND_TRUE || child->kind == BOUND_FALSE)
		return;
	if (child->kind != list->kind) {
		append(list, child);
		return;
	}
	for (struct bound *next, *part = child->first; part; part = next) {
		next = part->next;
		part->next = NULL;
		append(list, part);
	}
}

/* An empty AND is true, an empty OR false, a list of one is its child. */
static struct bound *simplified(struct bound *list)
{
	if (list->kind != BOUND_AND && list->kind != BOUND_OR)
		return list;
	if (!list->first)
		list->kind = list->kind == BOUND_AND ? BOUND_TRUE : BOUND_FALSE;
	else if (list->first == list->last)
		return list->first;
	return list;
}

static void negate(struct bound *bound)
{
	static const enum bound_kind opposites[] = { [BOUND_FALSE] = BOUND_TRUE,
						     [BOUND_TRUE] = BOUND_FALSE,
						     [BOUND_TEST] = BOUND_TEST,
						     [BOUND_AND] = BOUND_OR,
						     [BOUND_OR] = BOUND_AND };

	bound->kind = opposites[bound->kind];
	bound->op.want = !bound->op.want;
	for (struct bound *child = bound->first; child; child = child->next)
		negate(child);
}

static struct bound *bind_node(struct binder *b, const struct node *node);

static struct bound *bind_list(struct binder *b, const struct node *node)
{
	struct bound *list = new_list(b, node->kind == NODE_AND ? BOUND_AND : BOUND_OR);

	for (const struct node *part = node->first; part; part = part->next) {
		struct bound *child = bind_node(b, part);

		if (!child)
			return NULL;
		add(list, child);
	}
	return simplified(list);
}

static struct bound *bind_in(struct binder *b, const struct node *node)
{
	struct bound *list = new_list(b, BOUND_OR);

	for (uint32_t i = 0; i < node->nitems; i++) {
		struct bound *child = bind_pair(b, node, &node->items[i]);

		if (!child)
			return NULL;
		add(list, child);
	}
	return simplified(list);
}

static struct bound *bind_not(struct binder *b, const struct node *node)
{
	struct bound *child = bind_node(b, node->first);

	if (child)
		negate(child);
	return child;
}

static struct bound *bind_node(struct binder *b, const struct node *node)
{
	switch (node->kind) {
	case NODE_AND:
	case NODE_OR:
		return bind_list(b, node);
	case NODE_NOT:
		return bind_not(b, node);
	case NODE_COMPARE:
		return bind_pair(b, node, &node->right);
	case NODE_GLOB:
		return bind_glob(b, node);
	case NODE_IN:
		return bind_in(b, node);
	case NODE_HAS:
		return bind_has(b, node);
	case NODE_OPERAND:
		return bind_operand(b, node);
	}
	b->failed = -EINVAL;
	return NULL;
}

int expr_bind(const struct expr *expr, const struct schema *schema, struct arena *arena,
	      struct predicate **ret_predicate, struct error *err)
{
	struct binder b = { .expr = expr, .schema = schema, .arena = arena, .err = err };
	struct bound *root = bind_node(&b, expr->root);

	if (!root)
		return b.failed;
	if (root->ntests > EXPR_MAX_OPS)
		return error_at(err, E2BIG, pos_of(&b, 0),
				"the expression needs %u operations, more than %d", root->ntests,
				EXPR_MAX_OPS);
	*ret_predicate = predicate_compile(root, arena);
	return 0;
}
