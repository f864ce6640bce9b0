/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config_vars: replaced after parsing and in scalars only, so no variable can
 * add a key, a list item or a second node, whatever it holds.
 */
#include "engine/config_vars.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

struct expansion {
	struct arena *arena;
	size_t left; /* bytes that replaced texts may still add up to */
	struct error *err;
};

/* The parts of "${NAME:-text}". */
struct reference {
	const char *name;
	size_t name_len;
	char op; /* '-', '?', or 0 */
	const char *text;
	size_t text_len;
	const char *end; /* behind the brace */
};

static bool is_name_char(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

static int read_reference(struct expansion *x, const struct yaml_node *node, const char *at,
			  struct reference *ret_ref)
{
	struct reference ref = { .name = at + 2 };
	const char *p = ref.name, *close = strchr(p, '}');

	if (!close)
		return error_at(x->err, EINVAL, node->pos,
				"'${' without '}' (write '$${' for the text itself)");
	while (is_name_char(*p))
		p++;
	ref.name_len = (size_t)(p - ref.name);
	if (!ref.name_len || isdigit((unsigned char)*ref.name))
		return error_at(x->err, EINVAL, node->pos,
				"'%.*s' does not name a variable (write '$${' for the text itself)",
				(int)(close + 1 - at), at);
	if (p != close && !(p[0] == ':' && (p[1] == '-' || p[1] == '?')))
		return error_at(x->err, EINVAL, node->pos,
				"'%.*s' is neither ${NAME}, ${NAME:-text} nor ${NAME:?text}",
				(int)(close + 1 - at), at);
	if (p != close) {
		ref.op = p[1];
		ref.text = p + 2;
		ref.text_len = (size_t)(close - ref.text);
	}
	ref.end = close + 1;
	*ret_ref = ref;
	return 0;
}

static int add_variable(struct expansion *x, const struct yaml_node *node,
			const struct reference *ref, struct buf *out)
{
	const char *name = arena_strndup(x->arena, ref->name, ref->name_len);
	const char *value = getenv(name);
	bool is_added;

	if (value && *value)
		is_added = buf_addstr(out, value);
	else if (ref->op == '-')
		is_added = buf_add(out, ref->text, ref->text_len);
	else if (ref->op == '?')
		return error_at(x->err, EINVAL, node->pos, "variable '%s' is not set: %.*s", name,
				(int)ref->text_len, ref->text);
	else
		return error_at(x->err, EINVAL, node->pos,
				"variable '%s' is not set (set it, or write '${%s:-default}')",
				name, name);
	if (!is_added)
		return error_at(x->err, EINVAL, node->pos, "the variables make it too long");
	return 0;
}

static int expand_text(struct expansion *x, const struct yaml_node *node, struct buf *out)
{
	const char *p = node->text;

	while (*p) {
		size_t plain = strcspn(p, "$");
		struct reference ref = { 0 };
		int r;

		if (!buf_add(out, p, plain))
			return error_at(x->err, EINVAL, node->pos,
					"the variables make it too long");
		p += plain;
		if (*p != '$')
			break;
		if (p[1] != '{') {
			if (!buf_add(out, "$", 1))
				return error_at(x->err, EINVAL, node->pos,
						"the variables make it too long");
			p += p[1] == '$' ? 2 : 1;
			continue;
		}
		r = read_reference(x, node, p, &ref);
		if (r == 0)
			r = add_variable(x, node, &ref, out);
		if (r < 0)
			return r;
		p = ref.end;
	}
	return 0;
}

static int expand_scalar(struct expansion *x, struct yaml_node *node)
{
	struct buf out;
	int r;

	if (!node->text || !strchr(node->text, '$'))
		return 0;
	buf_init(&out, x->left);
	r = expand_text(x, node, &out);
	if (r == 0) {
		x->left -= out.len;
		node->text = arena_strndup(x->arena, out.data ? (char *)out.data : "", out.len);
		node->shown = arena_printf(x->arena, "'%.64s'", node->text);
	}
	buf_release(&out);
	return r;
}

static int expand(struct expansion *x, struct yaml_node *node)
{
	if (node->kind == YAML_SCALAR)
		return expand_scalar(x, node);
	if (!node->nitems)
		return 0;
	node->items = arena_memdup(x->arena, node->items, node->nitems * sizeof(*node->items));
	for (size_t i = 0; i < node->nitems; i++) {
		int r = expand(x, &node->items[i]);

		if (r < 0)
			return r;
	}
	return 0;
}

int config_expand(struct arena *arena, const struct yaml_node *root, struct yaml_node **ret_root,
		  struct error *err)
{
	struct expansion x = { arena, YAML_MAX_BYTES, err };
	struct yaml_node *copy = arena_memdup(arena, root, sizeof(*root));
	int r = expand(&x, copy);

	if (r < 0)
		return r;
	*ret_root = copy;
	return 0;
}
