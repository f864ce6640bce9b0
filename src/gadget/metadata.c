/* SPDX-License-Identifier: Apache-2.0 */
#include "gadget/metadata.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

static const char *text_of(const struct yaml_node *root, const char *path)
{
	const struct yaml_node *node = metadata_find(root, path);

	return node && node->kind == YAML_SCALAR ? node->text : NULL;
}

int metadata_parse(struct arena *arena, const char *file, const char *text, size_t len,
		   const struct metadata **ret_metadata, struct error *err)
{
	struct metadata *md = arena_alloc(arena, sizeof(*md));
	struct yaml_node *root;
	int r = yaml_parse(arena, file, text, len, &root, err);

	if (r < 0)
		return r;
	if (root->kind != YAML_MAP && root->kind != YAML_NULL)
		return error_at(err, EINVAL, root->pos, "metadata must be a map, not %s",
				yaml_describe(root));
	*md = (struct metadata){
		.file = arena_strdup(arena, file),
		.root = root,
		.name = text_of(root, "name"),
		.description = text_of(root, "description"),
		.homepage = text_of(root, "homepageurl"),
		.documentation = text_of(root, "documentationurl"),
		.source = text_of(root, "sourceurl"),
	};
	*ret_metadata = md;
	return 0;
}

const struct yaml_node *metadata_find(const struct yaml_node *node, const char *path)
{
	if (!node || node->kind != YAML_MAP)
		return NULL;
	for (size_t i = 0; i < node->nitems; i++) {
		const struct yaml_node *item = &node->items[i], *found;
		size_t len = strlen(item->key);

		if (strncasecmp(item->key, path, len) != 0)
			continue;
		if (!path[len])
			return item;
		if (path[len] != '.')
			continue;
		found = metadata_find(item, path + len + 1);
		if (found)
			return found;
	}
	return NULL;
}

const struct yaml_node *metadata_annotation(const struct metadata *metadata, const char *event,
					    const char *field, const char *key)
{
	const struct yaml_node *node;

	if (!metadata)
		return NULL;
	node = metadata_find(metadata_find(metadata->root, "datasources"), event);
	if (field)
		node = metadata_find(metadata_find(node, "fields"), field);
	return metadata_find(metadata_find(node, "annotations"), key);
}
