/* SPDX-License-Identifier: Apache-2.0 */
/*
 * option: from the map a user wrote to the struct a component reads.
 *
 * Defaults first, for the whole table and the tables nested in it, then the
 * user's values over them, then the required ones are checked.  Numbers of all
 * kinds go through one 128-bit value, so one comparison serves every bound.
 */
#include "engine/option.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/suggest.h"
#include "base/units.h"
#include "expr/expr.h"

enum { LIST_MAX = 512 };

typedef __int128 number;

struct job {
	const char *what; /* the owner, for messages: "filter 'noise'" */
	struct arena *arena;
	struct error *err;
};

static const char *const type_names[] = { [OPT_TYPE_END] = "nothing",
#define X(id, ctype, name) [OPT_TYPE_##id] = name,
					  OPT_TYPE_LIST(X)
#undef X
};

/* What a value must look like, for "must be ..." */
static const char *const type_hints[] = {
	[OPT_TYPE_BOOL] = "true or false",
	[OPT_TYPE_INT] = "an integer",
	[OPT_TYPE_SIZE] = "a size such as '64KiB'",
	[OPT_TYPE_DURATION] = "a duration such as '10s' or '200ms'",
	[OPT_TYPE_STRING] = "a text",
	[OPT_TYPE_PATH] = "a path",
	[OPT_TYPE_STRINGS] = "a text or a list of texts",
	[OPT_TYPE_FIELDS] = "a field name or a list of field names",
	[OPT_TYPE_MAP] = "a map",
	[OPT_TYPE_EXPR] = "an expression",
	[OPT_TYPE_TABLE] = "a map",
};

static bool is_number(enum opt_type type)
{
	return type == OPT_TYPE_INT || type == OPT_TYPE_SIZE || type == OPT_TYPE_DURATION;
}

/* ---- values from text -------------------------------------------------- */

static int parse_number(enum opt_type type, const char *text, number *ret_value)
{
	uint64_t u;
	int64_t i;
	int r;

	if (type == OPT_TYPE_SIZE) {
		r = parse_size(text, &u);
		if (r == 0)
			*ret_value = u;
		return r;
	}
	r = type == OPT_TYPE_INT ? parse_int(text, &i) : parse_duration(text, &i);
	if (r == 0)
		*ret_value = i;
	return r;
}

static void store_number(enum opt_type type, number value, void *member)
{
	if (type == OPT_TYPE_SIZE)
		*(uint64_t *)member = (uint64_t)value;
	else
		*(int64_t *)member = (int64_t)value;
}

static int find_value(const struct opt *opt, const char *text)
{
	for (int i = 0; opt->values[i].name; i++)
		if (!strcmp(opt->values[i].name, text))
			return i;
	return -ENOENT;
}

/* "json, columns" */
static const char *list_values(const struct opt *opt, struct arena *arena)
{
	char text[LIST_MAX];
	size_t at = 0;

	text[0] = '\0';
	for (const struct opt_value *v = opt->values; v->name && at < sizeof(text); v++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%s",
				       v == opt->values ? "" : ", ", v->name);
	return arena_strdup(arena, text);
}

static int bad_value(const struct job *job, const struct opt *opt, const struct yaml_node *node)
{
	return error_at(job->err, EINVAL, node->pos, "option '%s' of %s must be %s, not %s",
			opt->name, job->what, type_hints[opt->type], yaml_describe(node));
}

static int read_number(const struct job *job, const struct opt *opt, const struct yaml_node *node,
		       void *member)
{
	number value, bound;
	int r = parse_number(opt->type, node->text, &value);

	if (r == -ERANGE)
		return error_at(job->err, EINVAL, node->pos, "option '%s' of %s: %s is too large",
				opt->name, job->what, yaml_describe(node));
	if (r)
		return bad_value(job, opt, node);
	if (opt->min && parse_number(opt->type, opt->min, &bound) == 0 && value < bound)
		return error_at(job->err, EINVAL, node->pos,
				"option '%s' of %s must be at least '%s', not %s", opt->name,
				job->what, opt->min, yaml_describe(node));
	if (opt->max && parse_number(opt->type, opt->max, &bound) == 0 && value > bound)
		return error_at(job->err, EINVAL, node->pos,
				"option '%s' of %s must be at most '%s', not %s", opt->name,
				job->what, opt->max, yaml_describe(node));
	store_number(opt->type, value, member);
	return 0;
}

static int read_enum(const struct job *job, const struct opt *opt, const struct yaml_node *node,
		     int *member)
{
	int i = find_value(opt, node->text);
	struct suggest suggest;
	const char *near;

	if (i >= 0) {
		*member = i;
		return 0;
	}
	suggest_init(&suggest, node->text);
	for (const struct opt_value *v = opt->values; v->name; v++)
		suggest_offer(&suggest, v->name);
	near = suggest_result(&suggest);
	error_at(job->err, EINVAL, node->pos, "option '%s' of %s must be one of %s, not %s",
		 opt->name, job->what, list_values(opt, job->arena), yaml_describe(node));
	if (near)
		error_add(job->err, " (did you mean '%s'?)", near);
	return -EINVAL;
}

/* Everything a single text can stand for. */
static int read_text(const struct job *job, const struct opt *opt, const struct yaml_node *node,
		     void *member)
{
	switch (opt->type) {
	case OPT_TYPE_BOOL:
		if (parse_bool(node->text, member) < 0)
			return bad_value(job, opt, node);
		return 0;
	case OPT_TYPE_ENUM:
		return read_enum(job, opt, node, member);
	case OPT_TYPE_PATH:
		if (!*node->text)
			return bad_value(job, opt, node);
		*(const char **)member = node->text;
		return 0;
	case OPT_TYPE_STRING:
		*(const char **)member = node->text;
		return 0;
	case OPT_TYPE_EXPR:
		return expr_parse(job->arena, node->text, node->text_pos, member, job->err);
	default:
		return read_number(job, opt, node, member);
	}
}

static int read_strings(const struct job *job, const struct opt *opt, const struct yaml_node *node,
			struct opt_strings *member)
{
	size_t n = node->kind == YAML_LIST ? node->nitems : 1;
	const struct yaml_node *items = node->kind == YAML_LIST ? node->items : node;
	struct opt_strings list = {
		.n = n,
		.items = arena_array(job->arena, n, sizeof(*list.items)),
		.pos = arena_array(job->arena, n, sizeof(*list.pos)),
	};

	for (size_t i = 0; i < n; i++) {
		if (items[i].kind != YAML_SCALAR)
			return bad_value(job, opt, &items[i]);
		if (!*items[i].text)
			return error_at(job->err, EINVAL, items[i].pos,
					"option '%s' of %s has an empty entry", opt->name,
					job->what);
		list.items[i] = items[i].text;
		list.pos[i] = items[i].text_pos;
	}
	*member = list;
	return 0;
}

/* ---- tables ------------------------------------------------------------ */

static int parse_table(const struct job *job, const struct opt *table, const struct yaml_node *map,
		       const char *const *skip, void *object);

static void *member_of(void *object, const struct opt *opt)
{
	return (char *)object + opt->offset;
}

static int read_option(const struct job *job, const struct opt *opt, const struct yaml_node *node,
		       void *object)
{
	void *member = member_of(object, opt);
	struct job nested = *job;

	switch (opt->type) {
	case OPT_TYPE_MAP:
		if (node->kind != YAML_MAP)
			return bad_value(job, opt, node);
		*(const struct yaml_node **)member = node;
		return 0;
	case OPT_TYPE_TABLE:
		if (node->kind != YAML_MAP)
			return bad_value(job, opt, node);
		nested.what = arena_printf(job->arena, "'%s' of %s", opt->name, job->what);
		return parse_table(&nested, opt->table, node, NULL, member);
	case OPT_TYPE_STRINGS:
	case OPT_TYPE_FIELDS:
		if (node->kind != YAML_LIST && node->kind != YAML_SCALAR)
			return bad_value(job, opt, node);
		return read_strings(job, opt, node, member);
	case OPT_TYPE_ENUM:
		if (node->kind != YAML_SCALAR)
			return error_at(job->err, EINVAL, node->pos,
					"option '%s' of %s must be one of %s, not %s", opt->name,
					job->what, list_values(opt, job->arena),
					yaml_describe(node));
		return read_text(job, opt, node, member);
	default:
		if (node->kind != YAML_SCALAR)
			return bad_value(job, opt, node);
		return read_text(job, opt, node, member);
	}
}

/* A default goes the way of a user's text, so it cannot mean something else. */
static int fill_defaults(const struct job *job, const struct opt *table, void *object)
{
	for (const struct opt *opt = table; opt->type != OPT_TYPE_END; opt++) {
		struct yaml_node node = { .kind = YAML_SCALAR, .text = opt->def };
		int r = 0;

		node.pos = node.text_pos = (struct pos){ .file = "default" };
		if (opt->type == OPT_TYPE_TABLE)
			r = fill_defaults(job, opt->table, member_of(object, opt));
		else if (opt->def)
			r = read_option(job, opt, &node, object);
		if (r < 0)
			return r;
	}
	return 0;
}

static const struct opt *find_option(const struct opt *table, const char *name)
{
	for (const struct opt *opt = table; opt->type != OPT_TYPE_END; opt++)
		if (!strcmp(opt->name, name))
			return opt;
	return NULL;
}

static bool is_listed(const char *const *names, const char *name)
{
	for (; names && *names; names++)
		if (!strcmp(*names, name))
			return true;
	return false;
}

/* " (known: a, b, c)" */
static int add_known(const struct job *job, const struct opt *table, const char *const *skip)
{
	const char *separator = " (known: ";

	for (const struct opt *opt = table; opt->type != OPT_TYPE_END; opt++) {
		error_add(job->err, "%s%s", separator, opt->name);
		separator = ", ";
	}
	for (; skip && *skip; skip++) {
		error_add(job->err, "%s%s", separator, *skip);
		separator = ", ";
	}
	return error_add(job->err, "%s", *separator == ',' ? ")" : " (it has no options)");
}

static int unknown_option(const struct job *job, const struct opt *table, const char *const *skip,
			  const struct yaml_node *item)
{
	struct suggest suggest;

	suggest_init(&suggest, item->key);
	for (const struct opt *opt = table; opt->type != OPT_TYPE_END; opt++)
		suggest_offer(&suggest, opt->name);
	for (const char *const *name = skip; name && *name; name++)
		suggest_offer(&suggest, *name);
	error_at(job->err, EINVAL, item->key_pos, "unknown option '%s' of %s", item->key,
		 job->what);
	if (suggest_result(&suggest))
		return error_add(job->err, " (did you mean '%s'?)", suggest_result(&suggest));
	return add_known(job, table, skip);
}

static int read_map(const struct job *job, const struct opt *table, const struct yaml_node *map,
		    const char *const *skip, void *object)
{
	for (size_t i = 0; i < map->nitems; i++) {
		const struct yaml_node *item = &map->items[i];
		const struct opt *opt = find_option(table, item->key);
		int r;

		if (is_listed(skip, item->key))
			continue;
		if (!opt)
			return unknown_option(job, table, skip, item);
		r = read_option(job, opt, item, object);
		if (r < 0)
			return r;
	}
	return 0;
}

static int check_required(const struct job *job, const struct opt *table,
			  const struct yaml_node *map)
{
	struct pos pos = map ? map->pos : (struct pos){ 0 };

	for (const struct opt *opt = table; opt->type != OPT_TYPE_END; opt++)
		if (opt->required && !yaml_find(map, opt->name))
			return error_at(job->err, EINVAL, pos, "%s needs the option '%s' (%s)",
					job->what, opt->name, opt_describe_type(opt, job->arena));
	return 0;
}

static int parse_table(const struct job *job, const struct opt *table, const struct yaml_node *map,
		       const char *const *skip, void *object)
{
	int r = fill_defaults(job, table, object);

	if (r == 0 && map)
		r = read_map(job, table, map, skip, object);
	if (r == 0)
		r = check_required(job, table, map);
	return r;
}

int opt_parse(const struct opt *table, const struct yaml_node *map, const char *const *skip,
	      const char *what, void *object, struct arena *arena, struct error *err)
{
	static const struct opt no_options[] = { OPT_END };
	const struct job job = { what, arena, err };

	if (map && map->kind == YAML_NULL)
		map = NULL;
	if (map && map->kind != YAML_MAP)
		return error_at(err, EINVAL, map->pos, "%s must be a map of options, not %s", what,
				yaml_describe(map));
	return parse_table(&job, table ? table : no_options, map, skip, object);
}

/* ---- help and self-check ----------------------------------------------- */

char *opt_describe_type(const struct opt *opt, struct arena *arena)
{
	if (opt->type == OPT_TYPE_ENUM)
		return arena_printf(arena, "one of %s", list_values(opt, arena));
	return arena_strdup(arena, type_names[opt->type]);
}

static bool is_option_name(const char *name)
{
	if (!name || !islower((unsigned char)*name))
		return false;
	for (; *name; name++)
		if (!islower((unsigned char)*name) && !isdigit((unsigned char)*name) &&
		    *name != '_')
			return false;
	return true;
}

static int check_number(const struct opt *opt, struct error *err)
{
	const char *const texts[] = { opt->min, opt->def, opt->max };
	number values[3] = { 0 };

	for (int i = 0; i < 3; i++)
		if (texts[i] && parse_number(opt->type, texts[i], &values[i]) < 0)
			return error_set(err, EINVAL, "option '%s': '%s' is not a %s", opt->name,
					 texts[i], type_names[opt->type]);
	/* without a default the value 0 stands for "not given" */
	if (opt->def && opt->min && values[1] < values[0])
		return error_set(err, EINVAL, "option '%s': the default is below '%s'", opt->name,
				 opt->min);
	if (opt->def && opt->max && values[1] > values[2])
		return error_set(err, EINVAL, "option '%s': the default is above '%s'", opt->name,
				 opt->max);
	if (opt->min && opt->max && values[0] > values[2])
		return error_set(err, EINVAL, "option '%s': no value fits the bounds", opt->name);
	return 0;
}

static int check_enum(const struct opt *opt, struct error *err)
{
	if (!opt->values || !opt->values[0].name)
		return error_set(err, EINVAL, "option '%s' has no values", opt->name);
	for (const struct opt_value *v = opt->values; v->name; v++) {
		if (!v->help)
			return error_set(err, EINVAL, "value '%s' of option '%s' has no help",
					 v->name, opt->name);
		if (find_value(opt, v->name) != v - opt->values)
			return error_set(err, EINVAL, "option '%s' has the value '%s' twice",
					 opt->name, v->name);
	}
	if (opt->def && find_value(opt, opt->def) < 0)
		return error_set(err, EINVAL, "option '%s': the default '%s' is no value of it",
				 opt->name, opt->def);
	return 0;
}

static int check_kind(const struct opt *opt, struct error *err)
{
	bool is_true;

	if (is_number(opt->type))
		return check_number(opt, err);
	if (opt->min || opt->max)
		return error_set(err, EINVAL, "option '%s' is no number and has bounds", opt->name);
	if (opt->type == OPT_TYPE_ENUM)
		return check_enum(opt, err);
	if (opt->type == OPT_TYPE_BOOL && opt->def && parse_bool(opt->def, &is_true) < 0)
		return error_set(err, EINVAL, "option '%s': the default is neither true nor false",
				 opt->name);
	if ((opt->type == OPT_TYPE_MAP || opt->type == OPT_TYPE_TABLE) && opt->def)
		return error_set(err, EINVAL, "option '%s': a map has no default", opt->name);
	if (opt->type != OPT_TYPE_TABLE)
		return 0;
	if (!opt->table)
		return error_set(err, EINVAL, "option '%s' has no table", opt->name);
	if (opt_check_table(opt->table, err) < 0)
		return error_wrap(err, "option '%s'", opt->name);
	return 0;
}

int opt_check_table(const struct opt *table, struct error *err)
{
	for (const struct opt *opt = table; opt && opt->type != OPT_TYPE_END; opt++) {
		int r;

		if (!is_option_name(opt->name))
			return error_set(err, EINVAL, "'%s' is no name for an option",
					 opt->name ? opt->name : "");
		if (find_option(table, opt->name) != opt)
			return error_set(err, EINVAL, "option '%s' is there twice", opt->name);
		if (!opt->help || !*opt->help)
			return error_set(err, EINVAL, "option '%s' has no help", opt->name);
		if (opt->required && opt->def)
			return error_set(err, EINVAL, "option '%s' is required and has a default",
					 opt->name);
		r = check_kind(opt, err);
		if (r < 0)
			return r;
	}
	return 0;
}
