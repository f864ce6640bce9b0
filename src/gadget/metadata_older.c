/* SPDX-License-Identifier: Apache-2.0 */
/* Facts about the forms: public definition files of 2023 and 2024. */
#include "gadget/metadata_older.h"

#include <string.h>
#include <strings.h>

static const struct {
	const char *attribute, *annotation;
} attributes[] = {
	{ "description", "description" },   { "template", "template" },
	{ "width", "columns.width" },       { "min_width", "columns.minwidth" },
	{ "minwidth", "columns.minwidth" }, { "max_width", "columns.maxwidth" },
	{ "maxwidth", "columns.maxwidth" }, { "alignment", "columns.alignment" },
	{ "ellipsis", "columns.ellipsis" }, { "fixed", "columns.fixed" },
	{ "hex", "columns.hex" },           { "precision", "columns.precision" },
	{ "alias", "columns.alias" },       { "order", "columns.order" },
	{ "hidden", "columns.hidden" },     { "visible", "columns.hidden" }, /* the opposite */
};

const char *metadata_older_annotation(const char *attribute)
{
	for (size_t i = 0; i < sizeof(attributes) / sizeof(*attributes); i++)
		if (!strcasecmp(attributes[i].attribute, attribute))
			return attributes[i].annotation;
	return NULL;
}

/* `visible: true` as `hidden: false`; what is neither stays, to be complained about. */
static struct yaml_node opposite(struct arena *arena, const struct yaml_node *node)
{
	if (node->kind == YAML_SCALAR && !strcasecmp(node->text, "true"))
		return tree_text(arena, node, "false");
	if (node->kind == YAML_SCALAR && !strcasecmp(node->text, "false"))
		return tree_text(arena, node, "true");
	return *node;
}

static int put_attributes(struct tree *tree, struct yaml_node *fields, const char *field,
			  const struct yaml_node *from)
{
	for (size_t i = 0; i < from->nitems; i++) {
		const struct yaml_node *item = &from->items[i];
		const char *annotation = metadata_older_annotation(item->key);
		struct yaml_node value = *item;
		int r;

		if (!annotation || item->kind == YAML_MAP)
			continue;
		if (!strcasecmp(item->key, "visible"))
			value = opposite(tree->arena, item);
		r = tree_put(tree, fields,
			     arena_printf(tree->arena, "%s.annotations.%s", field, annotation),
			     &value, TREE_KEEP);
		if (r < 0)
			return r;
	}
	return 0;
}

/* One element of `columns` or of a struct's `fields`. */
static int put_field(struct tree *tree, struct yaml_node *fields, const char *name,
		     const struct yaml_node *from)
{
	struct yaml_node entry = { .kind = YAML_MAP, .pos = from->pos, .key_pos = from->pos };
	const struct yaml_node *named = tree_value(from, "name");
	const struct yaml_node *nested = tree_map(from, "attributes");
	int r;

	if (named && named->kind == YAML_SCALAR) {
		name = named->text;
		entry.key_pos = named->pos;
	}
	if (!name || !*name)
		return 0;
	entry.key = name;
	r = tree_put(tree, fields, name, &entry, TREE_KEEP);
	if (r == 0)
		r = put_attributes(tree, fields, name, from);
	if (r == 0 && nested)
		r = put_attributes(tree, fields, name, nested);
	return r;
}

/* A list of fields that have names, or a map from names to fields. */
static int put_fields(struct tree *tree, struct yaml_node *fields, const struct yaml_node *from)
{
	for (size_t i = 0; from && i < from->nitems; i++) {
		int r = 0;

		if (from->items[i].kind == YAML_MAP)
			r = put_field(tree, fields, from->items[i].key, &from->items[i]);
		if (r < 0)
			return r;
	}
	return 0;
}

/* The fields of the struct that each tracer names become those of a data source. */
static int put_tracers(struct tree *tree, struct yaml_node *root, const char *kind)
{
	const struct yaml_node *tracers = tree_map(root, kind), *structs;
	int r = 0;

	for (size_t i = 0; tracers && i < tracers->nitems && r == 0; i++) {
		const struct yaml_node *tracer = &tracers->items[i];
		const char *name = metadata_text(tracer, "structname");
		struct yaml_node fields = { .kind = YAML_MAP,
					    .pos = tracer->pos,
					    .key = tracer->key,
					    .key_pos = tracer->key_pos };
		const struct yaml_node *from;

		structs = tree_map(root, "structs");
		from = name ? tree_map(structs, name) : NULL;
		r = put_fields(tree, &fields, metadata_find(from, "fields"));
		if (r == 0 && fields.nitems)
			r = tree_put(
				tree, root,
				arena_printf(tree->arena, "datasources.%s.fields", tracer->key),
				&fields, TREE_KEEP);
		/* the root may have moved its items */
		tracers = tree_map(root, kind);
	}
	return r;
}

static int put_params(struct tree *tree, struct yaml_node *root)
{
	const struct yaml_node *params = tree_value(root, "ebpf_params");
	struct yaml_node all = { .kind = YAML_MAP };
	int r = 0;

	for (size_t i = 0; params && i < params->nitems && r == 0; i++) {
		const char *variable = metadata_text(&params->items[i], "var");
		struct yaml_node entry = params->items[i];

		if (entry.kind != YAML_MAP || !variable)
			continue;
		entry.key_pos = tree_value(&entry, "var")->pos;
		r = tree_put(tree, &all, variable, &entry, TREE_KEEP);
	}
	if (r < 0 || !all.nitems)
		return r;
	all.pos = all.key_pos = params->pos;
	return tree_put(tree, root, "ebpfParams", &all, TREE_KEEP);
}

int metadata_read_older(struct tree *tree, struct yaml_node *root,
			const struct yaml_node **ret_every)
{
	static const char *const kinds[] = { "tracers", "snapshotters", "toppers" };
	const struct yaml_node *columns = metadata_find(root, "columns");
	struct yaml_node *every = NULL;
	int r = 0;

	if (columns) {
		every = arena_alloc(tree->arena, sizeof(*every));
		*every = (struct yaml_node){ .kind = YAML_MAP, .pos = columns->pos };
		r = put_fields(tree, every, columns);
	}
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds) && r == 0; i++)
		r = put_tracers(tree, root, kinds[i]);
	if (r == 0)
		r = put_params(tree, root);
	if (r == 0)
		*ret_every = every;
	return r;
}
