/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A map's items are an array that doubles when it is full, always a power of
 * two, so that nothing need remember its capacity.  Growing moves the items;
 * therefore a pointer into a map is only held while something below it grows.
 */
#include "gadget/tree.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "gadget/metadata.h"

enum { FIRST_ITEMS = 4 };

static int put(struct tree *tree, struct yaml_node *map, const char *path,
	       const struct yaml_node *value, enum tree_clash clash, unsigned depth);

struct yaml_node tree_text(struct arena *arena, const struct yaml_node *at, const char *text)
{
	struct yaml_node node = *at;

	node.kind = YAML_SCALAR;
	node.text = arena_strdup(arena, text);
	node.shown = arena_printf(arena, "'%.48s%s'", text, strlen(text) > 48 ? "..." : "");
	node.nitems = 0;
	node.items = NULL;
	return node;
}

static struct yaml_node *child(const struct yaml_node *map, const char *key, size_t len,
			       bool is_map)
{
	for (size_t i = 0; i < map->nitems; i++) {
		struct yaml_node *item = &map->items[i];

		if ((item->kind == YAML_MAP) == is_map && !strncasecmp(item->key, key, len) &&
		    !item->key[len])
			return item;
	}
	return NULL;
}

static struct yaml_node *any_child(const struct yaml_node *map, const char *key)
{
	struct yaml_node *value = child(map, key, strlen(key), false);

	return value ? value : child(map, key, strlen(key), true);
}

/* Where the first part of a dotted key ends; NULL when it is one part. */
static const char *first_dot(const char *key)
{
	const char *dot = strchr(key, '.');

	/* "..", ".x" and "x." are names like any other */
	if (!dot || dot == key || strstr(key, "..") || key[strlen(key) - 1] == '.')
		return NULL;
	return dot;
}

static struct yaml_node *at(const struct yaml_node *map, const char *path, bool is_map)
{
	while (map && map->kind == YAML_MAP) {
		const char *dot = first_dot(path);

		if (!dot)
			return child(map, path, strlen(path), is_map);
		map = child(map, path, (size_t)(dot - path), true);
		path = dot + 1;
	}
	return NULL;
}

struct yaml_node *tree_map(const struct yaml_node *map, const char *path)
{
	return at(map, path, true);
}

struct yaml_node *tree_value(const struct yaml_node *map, const char *path)
{
	return at(map, path, false);
}

/* A new item at the end of a list or map. */
static int add(struct tree *tree, struct yaml_node *parent, struct pos pos,
	       struct yaml_node **ret_item)
{
	size_t n = parent->nitems;

	if (++tree->nnodes > METADATA_MAX_NODES)
		return error_at(tree->err, EINVAL, pos, "more than %d values in metadata",
				METADATA_MAX_NODES);
	if (n == METADATA_MAX_KEYS)
		return error_at(tree->err, EINVAL, pos, "more than %d values in one place",
				METADATA_MAX_KEYS);
	if (!n || (n >= FIRST_ITEMS && !(n & (n - 1)))) {
		size_t cap = n ? 2 * n : FIRST_ITEMS;
		struct yaml_node *items = arena_array(tree->arena, cap, sizeof(*items));

		if (n)
			memcpy(items, parent->items, n * sizeof(*items));
		parent->items = items;
	}
	*ret_item = &parent->items[parent->nitems++];
	return 0;
}

static int make_map(struct tree *tree, struct yaml_node *map, const char *key,
		    const struct yaml_node *value, enum tree_clash clash,
		    struct yaml_node **ret_map)
{
	struct yaml_node *item =
		clash == TREE_REPLACE ? any_child(map, key) : child(map, key, strlen(key), true);
	int r = 0;

	if (!item || item->kind != YAML_MAP) {
		if (!item)
			r = add(tree, map, value->key_pos, &item);
		if (r < 0)
			return r;
		*item = (struct yaml_node){
			.kind = YAML_MAP, .pos = value->pos, .key = key, .key_pos = value->key_pos
		};
	}
	*ret_map = item;
	return 0;
}

/* Keys of one map as it was written; others may add to it elsewhere. */
static int refuse_same(struct tree *tree, const struct yaml_node *map, size_t i)
{
	const struct yaml_node *item = &map->items[i];

	for (size_t k = 0; k < i; k++)
		if (!strcasecmp(map->items[k].key, item->key))
			return error_at(tree->err, EINVAL, item->key_pos,
					"'%s' and '%s' (line %u) are the same key: case does not "
					"count",
					item->key, map->items[k].key, map->items[k].key_pos.line);
	return 0;
}

static int merge(struct tree *tree, struct yaml_node *map, const struct yaml_node *from,
		 enum tree_clash clash, unsigned depth)
{
	if (from->nitems > METADATA_MAX_KEYS)
		return error_at(tree->err, EINVAL, from->pos, "more than %d values in one place",
				METADATA_MAX_KEYS);
	for (size_t i = 0; i < from->nitems; i++) {
		int r = refuse_same(tree, from, i);

		if (r == 0)
			r = put(tree, map, from->items[i].key, &from->items[i], clash, depth);
		if (r < 0)
			return r;
	}
	return 0;
}

/* What is in a list, with the keys of its maps taken apart. */
static int copy_list(struct tree *tree, struct yaml_node *list, const struct yaml_node *from,
		     unsigned depth)
{
	list->nitems = 0;
	list->items = NULL;
	if (depth > METADATA_MAX_DEPTH)
		return error_at(tree->err, EINVAL, from->pos, "nested deeper than %d levels",
				METADATA_MAX_DEPTH);
	for (size_t i = 0; i < from->nitems; i++) {
		const struct yaml_node *value = &from->items[i];
		struct yaml_node *item;
		int r = add(tree, list, value->pos, &item);

		if (r < 0)
			return r;
		*item = *value;
		if (value->kind == YAML_LIST)
			r = copy_list(tree, item, value, depth + 1);
		if (value->kind == YAML_MAP) {
			item->nitems = 0;
			item->items = NULL;
			r = merge(tree, item, value, TREE_REFUSE, depth + 1);
		}
		if (r < 0)
			return r;
	}
	return 0;
}

static int put_value(struct tree *tree, struct yaml_node *map, const char *key,
		     const struct yaml_node *value, enum tree_clash clash, unsigned depth)
{
	struct yaml_node *item =
		clash == TREE_REPLACE ? any_child(map, key) : child(map, key, strlen(key), false);
	int r;

	if (item && clash == TREE_KEEP)
		return 0;
	if (item && clash == TREE_REFUSE)
		return error_at(tree->err, EINVAL, value->key_pos, "'%s' is said twice (%s:%u:%u)",
				value->key, item->key_pos.file, item->key_pos.line,
				item->key_pos.col);
	if (!item) {
		r = add(tree, map, value->key_pos, &item);
		if (r < 0)
			return r;
	}
	*item = *value;
	item->key = key;
	return value->kind == YAML_LIST ? copy_list(tree, item, value, depth + 1) : 0;
}

static int put(struct tree *tree, struct yaml_node *map, const char *path,
	       const struct yaml_node *value, enum tree_clash clash, unsigned depth)
{
	const char *dot = first_dot(path);
	struct yaml_node *below;
	int r;

	if (depth > METADATA_MAX_DEPTH)
		return error_at(tree->err, EINVAL, value->key_pos, "nested deeper than %d levels",
				METADATA_MAX_DEPTH);
	if (!dot && value->kind != YAML_MAP)
		return put_value(tree, map, path, value, clash, depth);
	r = make_map(tree, map, dot ? arena_strndup(tree->arena, path, (size_t)(dot - path)) : path,
		     value, clash, &below);
	if (r < 0)
		return r;
	if (dot)
		return put(tree, below, dot + 1, value, clash, depth + 1);
	return merge(tree, below, value, clash, depth + 1);
}

int tree_put(struct tree *tree, struct yaml_node *map, const char *path,
	     const struct yaml_node *value, enum tree_clash clash)
{
	return put(tree, map, path, value, clash, 1);
}

int tree_merge(struct tree *tree, struct yaml_node *map, const struct yaml_node *from,
	       enum tree_clash clash)
{
	return merge(tree, map, from, clash, 1);
}

int tree_copy(struct tree *tree, const struct yaml_node *from, struct yaml_node *ret_copy)
{
	struct yaml_node copy = *from;

	copy.nitems = 0;
	copy.items = NULL;
	for (size_t i = 0; i < from->nitems; i++) {
		struct yaml_node *item;
		int r = add(tree, &copy, from->items[i].pos, &item);

		if (r == 0)
			r = tree_copy(tree, &from->items[i], item);
		if (r < 0)
			return r;
	}
	*ret_copy = copy;
	return 0;
}
