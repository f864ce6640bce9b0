/* SPDX-License-Identifier: Apache-2.0 */
#include "gadget/metadata.h"
#include "gadget/tree.h"

static const struct yaml_node *scalar(const struct yaml_node *map, const char *path)
{
	const struct yaml_node *node = tree_value(map, path);

	return node && node->kind == YAML_SCALAR ? node : NULL;
}

const char *metadata_text(const struct yaml_node *node, const char *path)
{
	const struct yaml_node *found = scalar(node, path);

	return found ? found->text : NULL;
}

const struct yaml_node *metadata_find(const struct yaml_node *node, const char *path)
{
	const struct yaml_node *value = tree_value(node, path), *map;

	if (value && value->kind != YAML_NULL)
		return value;
	map = tree_map(node, path);
	return map ? map : value;
}

const struct yaml_node *metadata_annotation(const struct metadata *metadata, const char *event,
					    const char *field, const char *key)
{
	const struct yaml_node *source, *found;

	if (!metadata)
		return NULL;
	source = tree_map(tree_map(metadata->root, "datasources"), event);
	if (!field)
		return metadata_find(tree_map(source, "annotations"), key);
	found = tree_map(tree_map(source, "fields"), field);
	found = metadata_find(tree_map(found, "annotations"), key);
	if (found)
		return found;
	return metadata_find(tree_map(tree_map(metadata->every, field), "annotations"), key);
}

/* ---- parameters and programs --------------------------------------------- */

static bool param_at(const struct yaml_node *params, const char *variable,
		     struct metadata_param *ret_param)
{
	const struct yaml_node *entry = tree_map(params, variable);

	if (!entry)
		return false;
	*ret_param = (struct metadata_param){
		.pos = entry->key_pos,
		.key = scalar(entry, "key"),
		.default_value = scalar(entry, "defaultvalue"),
		.description = scalar(entry, "description"),
	};
	return true;
}

bool metadata_param(const struct metadata *metadata, const char *variable,
		    struct metadata_param *ret_param)
{
	if (!metadata)
		return false;
	return param_at(tree_map(metadata->root, "params.ebpf"), variable, ret_param) ||
	       param_at(tree_map(metadata->root, "ebpfparams"), variable, ret_param);
}

const struct yaml_node *metadata_param_default(const struct metadata *metadata, const char *name)
{
	return metadata ? scalar(tree_map(metadata->root, "paramdefaults"), name) : NULL;
}

const struct yaml_node *metadata_program(const struct metadata *metadata, const char *name,
					 const char *path)
{
	return metadata ? metadata_find(tree_map(tree_map(metadata->root, "programs"), name), path)
			: NULL;
}

uint32_t metadata_customs(struct arena *arena, const struct metadata *metadata,
			  const struct metadata_custom **ret_customs)
{
	const struct yaml_node *all = metadata ? tree_map(metadata->root, "params.custom") : NULL;
	struct metadata_custom *customs = NULL;
	uint32_t n = 0;

	if (all)
		customs = arena_array(arena, METADATA_MAX_CUSTOM, sizeof(*customs));
	for (size_t i = 0; all && i < all->nitems && n < METADATA_MAX_CUSTOM; i++) {
		const struct yaml_node *entry = &all->items[i];

		if (entry->kind != YAML_MAP)
			continue;
		customs[n++] = (struct metadata_custom){
			.key = entry->key,
			.pos = entry->key_pos,
			.description = scalar(entry, "description"),
			.default_value = scalar(entry, "defaultvalue"),
			.alias = scalar(entry, "alias"),
			.values = tree_map(entry, "values"),
			.patch = tree_map(entry, "patch"),
		};
	}
	*ret_customs = customs;
	return n;
}
