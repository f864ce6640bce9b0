/* SPDX-License-Identifier: Apache-2.0 */
#include "gadget/recipe.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/suggest.h"

static bool begins(const char *text, const char *with)
{
	return !strncmp(text, with, strlen(with));
}

static bool is_harmless(const char *flag)
{
	static const char *const taken[] = { "-D", "-U", "-I", "-O", "-W", "-fno-", "-std=" };
	/* These hand words on, to whom they may mean anything. */
	static const char *const refused[] = { "-Wa,", "-Wl,", "-Wp," };

	for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++)
		if (begins(flag, refused[i]))
			return false;
	for (size_t i = 0; i < sizeof(taken) / sizeof(*taken); i++)
		if (begins(flag, taken[i]) && (i > 2 || flag[2]))
			return true;
	return false;
}

static int add_flag(struct recipe *recipe, const char *flag, struct pos pos, struct error *err)
{
	if (!is_harmless(flag))
		return error_at(err, EINVAL, pos,
				"the compiler's flag '%s' cannot be set here (-D, -U, -I, -O, -W, "
				"-fno- and -std= can, each in one word)",
				flag);
	if (recipe->nflags == RECIPE_MAX_FLAGS)
		return error_at(err, EINVAL, pos, "more than %d flags for the compiler",
				RECIPE_MAX_FLAGS);
	recipe->flags[recipe->nflags++] = flag;
	return 0;
}

static int read_flags(struct arena *arena, const struct yaml_node *node, struct recipe *recipe,
		      struct error *err)
{
	const char *text = node->kind == YAML_SCALAR ? node->text : "";
	int r = 0;

	if (node->kind == YAML_MAP)
		return error_at(err, EINVAL, node->pos, "'cflags' must be a text or a list");
	for (size_t i = 0; node->kind == YAML_LIST && i < node->nitems && r == 0; i++) {
		const struct yaml_node *item = &node->items[i];

		if (item->kind != YAML_SCALAR)
			return error_at(err, EINVAL, item->pos, "a flag must be a text, not %s",
					yaml_describe(item));
		r = add_flag(recipe, item->text, item->pos, err);
	}
	while (r == 0) {
		size_t len;

		text += strspn(text, " \t\n");
		len = strcspn(text, " \t\n");
		if (!len)
			break;
		r = add_flag(recipe, arena_strndup(arena, text, len), node->pos, err);
		text += len;
	}
	return r;
}

static int read_file_name(const struct yaml_node *node, const char **ret_name, struct error *err)
{
	if (node->kind != YAML_SCALAR)
		return error_at(err, EINVAL, node->pos, "'%s' must be the name of a file, not %s",
				node->key, yaml_describe(node));
	*ret_name = *node->text ? node->text : NULL;
	return 0;
}

static int unknown_key(const struct yaml_node *node, struct error *err)
{
	static const char *const keys[] = { "ebpfsource", "metadata", "wasm", "cflags" };
	struct suggest suggest;
	const char *near;

	suggest_init(&suggest, node->key);
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		suggest_offer(&suggest, keys[i]);
	near = suggest_result(&suggest);
	(void)error_at(err, EINVAL, node->key_pos, "unknown key '%s' of a " RECIPE_FILE, node->key);
	return near ? error_add(err, " (did you mean '%s'?)", near)
		    : error_add(err, " (it may have ebpfsource, metadata, wasm and cflags)");
}

int recipe_read(struct arena *arena, const struct yaml_node *root, struct recipe *ret_recipe,
		struct error *err)
{
	struct recipe *recipe = ret_recipe;
	int r = 0;

	*recipe = (struct recipe){ 0 };
	if (root->kind == YAML_NULL)
		return 0;
	if (root->kind != YAML_MAP)
		return error_at(err, EINVAL, root->pos, "a " RECIPE_FILE " must be a map, not %s",
				yaml_describe(root));
	for (size_t i = 0; i < root->nitems && r == 0; i++) {
		const struct yaml_node *item = &root->items[i];

		if (item->kind == YAML_NULL)
			continue;
		if (!strcmp(item->key, "ebpfsource"))
			r = read_file_name(item, &recipe->source, err);
		else if (!strcmp(item->key, "metadata"))
			r = read_file_name(item, &recipe->metadata, err);
		else if (!strcmp(item->key, "wasm"))
			r = read_file_name(item, &recipe->wasm, err);
		else if (!strcmp(item->key, "cflags"))
			r = read_flags(arena, item, recipe, err);
		else
			r = unknown_key(item, err);
	}
	return r;
}
