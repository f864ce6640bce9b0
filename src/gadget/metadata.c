/* SPDX-License-Identifier: Apache-2.0 */
/* Parsing makes one tree (tree.h) of every format; metadata_lookup.c finds things in it. */
#include "gadget/metadata.h"

#include <errno.h>
#include <string.h>

#include "gadget/metadata_older.h"
#include "gadget/tree.h"

int metadata_make(struct tree *tree, const char *file, struct yaml_node *root,
		  const struct metadata **ret_metadata)
{
	struct metadata *md = arena_alloc(tree->arena, sizeof(*md));
	int r = metadata_read_older(tree, root, &md->every);

	if (r < 0)
		return r;
	md->file = arena_strdup(tree->arena, file);
	md->root = root;
	md->name = metadata_text(root, "name");
	md->description = metadata_text(root, "description");
	md->homepage = metadata_text(root, "homepageurl");
	md->documentation = metadata_text(root, "documentationurl");
	if (!md->documentation)
		md->documentation = metadata_text(root, "documentation");
	md->source = metadata_text(root, "sourceurl");
	*ret_metadata = md;
	return 0;
}

int metadata_parse(struct arena *arena, const char *file, const char *text, size_t len,
		   const struct metadata **ret_metadata, struct error *err)
{
	struct yaml_node *root = arena_alloc(arena, sizeof(*root)), *document;
	struct tree tree = { .arena = arena, .err = err };
	int r = yaml_parse(arena, file, text, len, &document, err);

	if (r < 0)
		return r;
	if (document->kind != YAML_MAP && document->kind != YAML_NULL)
		return error_at(err, EINVAL, document->pos, "metadata must be a map, not %s",
				yaml_describe(document));
	*root = (struct yaml_node){ .kind = YAML_MAP, .pos = document->pos };
	r = tree_merge(&tree, root, document, TREE_REFUSE);
	if (r < 0)
		return r;
	return metadata_make(&tree, file, root, ret_metadata);
}
