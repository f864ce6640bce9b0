/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parameters that change the metadata: the patch for each one's value is copied,
 * its texts are filled in, and then it is merged into a copy of the tree.
 *
 * The two functions a text may call are all there is of the templates that
 * public gadgets write (Go's text/template): neither conditions, nor pipes.
 */
#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/suggest.h"
#include "gadget/metadata_older.h"

enum { TEXT_MAX = 4096 }; /* bytes of a filled-in text, its NUL included */

struct patching {
	struct tree tree;
	struct yaml_node *root; /* as patched so far */
	const struct metadata_custom *customs;
	uint32_t ncustoms;
	const struct metadata_setting *settings;
	uint32_t nsettings;
};

/* ---- values -------------------------------------------------------------- */

static const char *setting(const struct patching *p, const char *name)
{
	for (uint32_t i = 0; i < p->nsettings; i++)
		if (!strcasecmp(p->settings[i].name, name))
			return p->settings[i].value;
	return NULL;
}

/* What a custom parameter is set to, else its default; NULL: neither. */
static const char *custom_value(struct patching *p, const struct metadata_custom *custom)
{
	const char *value = setting(p, arena_printf(p->tree.arena, "custom.%s", custom->key));

	if (!value && custom->default_value)
		value = custom->default_value->text;
	return value;
}

/* ---- {{...}} ------------------------------------------------------------- */

struct call {
	const char *function;
	size_t function_len;
	char *argument;
};

static const char *skip_spaces(const char *at)
{
	while (*at == ' ' || *at == '\t' || *at == '\n')
		at++;
	return at;
}

/* `[call .]name "argument" }}` behind `{{`; NULL if it is anything else, else what is behind. */
static const char *read_call(struct arena *arena, const char *at, struct call *call)
{
	const char *end;

	at = skip_spaces(at);
	if (!strncmp(at, "call", 4) && skip_spaces(at + 4) > at + 4) {
		at = skip_spaces(at + 4);
		if (*at++ != '.')
			return NULL;
	}
	call->function = at;
	while (isalnum((unsigned char)*at))
		at++;
	call->function_len = (size_t)(at - call->function);
	at = skip_spaces(at);
	if (*at++ != '"')
		return NULL;
	end = at + strcspn(at, "\"\\\n");
	if (*end != '"')
		return NULL;
	call->argument = arena_strndup(arena, at, (size_t)(end - at));
	at = skip_spaces(end + 1);
	return strncmp(at, "}}", 2) ? NULL : at + 2;
}

static bool is_function(const struct call *call, const char *name)
{
	return call->function_len == strlen(name) && !strncmp(call->function, name, strlen(name));
}

static int get_param(struct patching *p, struct pos pos, const char *name, const char **ret_value)
{
	const char *value = setting(p, name);
	struct suggest suggest;

	if (value || strncasecmp(name, "custom.", 7) != 0) {
		*ret_value = value ? value : "";
		return 0;
	}
	suggest_init(&suggest, name + 7);
	for (uint32_t i = 0; i < p->ncustoms; i++) {
		suggest_offer(&suggest, p->customs[i].key);
		if (strcasecmp(p->customs[i].key, name + 7) != 0)
			continue;
		value = custom_value(p, &p->customs[i]);
		*ret_value = value ? value : "";
		return 0;
	}
	error_at(p->tree.err, EINVAL, pos, "no parameter '%s'", name);
	if (suggest_result(&suggest))
		error_add(p->tree.err, " (did you mean 'custom.%s'?)", suggest_result(&suggest));
	return -EINVAL;
}

static int get_config(struct patching *p, struct pos pos, const char *path, const char **ret_value)
{
	const struct yaml_node *found = metadata_find(p->root, path);

	if (!found)
		return error_at(p->tree.err, EINVAL, pos, "the metadata has no '%s'", path);
	if (found->kind == YAML_MAP || found->kind == YAML_LIST)
		return error_at(p->tree.err, EINVAL, pos, "'%s' is %s, not a text", path,
				yaml_describe(found));
	*ret_value = found->kind == YAML_SCALAR ? found->text : "";
	return 0;
}

static int call_value(struct patching *p, struct pos pos, const struct call *call,
		      const char **ret_value)
{
	if (is_function(call, "getParamValue"))
		return get_param(p, pos, call->argument, ret_value);
	if (is_function(call, "getConfig"))
		return get_config(p, pos, call->argument, ret_value);
	return error_at(p->tree.err, EINVAL, pos,
			"no function '%.*s' (there are getParamValue and getConfig)",
			(int)(call->function_len < 64 ? call->function_len : 64), call->function);
}

/* Where a byte of a text stands; exact for texts without escapes in their first line. */
static struct pos place_in(const struct yaml_node *node, const char *at)
{
	struct pos pos = node->text_pos;

	for (const char *c = node->text; c < at; c++) {
		if (*c == '\n')
			return node->text_pos;
		pos.col += ((unsigned char)*c & 0xc0) != 0x80;
	}
	return pos;
}

static int too_long(const struct patching *p, const struct yaml_node *node)
{
	return error_at(p->tree.err, EINVAL, node->pos, "longer than %d bytes when filled in",
			TEXT_MAX);
}

static int fill_in(struct patching *p, const struct yaml_node *node, struct buf *buf)
{
	const char *at = node->text;

	for (;;) {
		const char *open = strstr(at, "{{"), *value = "";
		struct pos pos = place_in(node, open ? open : at);
		struct call call;
		int r;

		if (!buf_add(buf, at, open ? (size_t)(open - at) : strlen(at)))
			break;
		if (!open)
			return 0;
		at = read_call(p->tree.arena, open + 2, &call);
		if (!at)
			return error_at(p->tree.err, EINVAL, pos,
					"between {{ and }} stands only getParamValue \"name\" or "
					"getConfig \"path\"");
		r = call_value(p, pos, &call, &value);
		if (r < 0)
			return r;
		if (!buf_add(buf, value, strlen(value)))
			break;
	}
	return too_long(p, node);
}

static int fill_in_text(struct patching *p, struct yaml_node *node)
{
	struct buf buf;
	int r;

	if (!strstr(node->text, "{{"))
		return 0;
	buf_init(&buf, TEXT_MAX);
	r = fill_in(p, node, &buf);
	if (r == 0 && !buf_add(&buf, "", 1))
		r = too_long(p, node);
	if (r == 0)
		*node = tree_text(p->tree.arena, node, (const char *)buf.data);
	buf_release(&buf);
	return r;
}

static int fill_in_all(struct patching *p, struct yaml_node *node)
{
	int r = node->kind == YAML_SCALAR ? fill_in_text(p, node) : 0;

	for (size_t i = 0; r == 0 && i < node->nitems; i++)
		r = fill_in_all(p, &node->items[i]);
	return r;
}

/* ---- patches ------------------------------------------------------------- */

static int find_patch(const struct patching *p, const struct metadata_custom *custom,
		      const char *value, const struct yaml_node **ret_patch)
{
	const struct yaml_node *chosen = tree_map(custom->values, value);
	struct suggest suggest;

	if (chosen || custom->patch || !custom->values) {
		*ret_patch = chosen ? tree_map(chosen, "patch") : custom->patch;
		return 0;
	}
	/* a value may be listed just to be allowed */
	*ret_patch = NULL;
	if (tree_value(custom->values, value))
		return 0;
	suggest_init(&suggest, value);
	for (size_t i = 0; i < custom->values->nitems; i++)
		suggest_offer(&suggest, custom->values->items[i].key);
	error_at(p->tree.err, EINVAL, custom->values->key_pos,
		 "parameter 'custom.%s' has no value '%s'", custom->key, value);
	if (suggest_result(&suggest))
		error_add(p->tree.err, " (did you mean '%s'?)", suggest_result(&suggest));
	return -EINVAL;
}

static int apply(struct patching *p, const struct metadata_custom *custom)
{
	const char *value = custom_value(p, custom);
	const struct yaml_node *patch = NULL, *custom_part;
	struct yaml_node copy;
	int r = value ? find_patch(p, custom, value, &patch) : 0;

	if (r < 0 || !patch)
		return r;
	custom_part = metadata_find(patch, "params.custom");
	if (custom_part)
		return error_at(p->tree.err, EINVAL, custom_part->key_pos,
				"a patch cannot change params.custom");
	r = tree_copy(&p->tree, patch, &copy);
	if (r == 0)
		r = fill_in_all(p, &copy);
	if (r == 0)
		r = tree_merge(&p->tree, p->root, &copy, TREE_REPLACE);
	return r;
}

int metadata_with_custom(struct arena *arena, const struct metadata *metadata,
			 const struct metadata_setting *settings, uint32_t n,
			 const struct metadata **ret_metadata, struct error *err)
{
	struct yaml_node *root = arena_alloc(arena, sizeof(*root));
	struct patching p = {
		.tree = { .arena = arena, .err = err },
		.root = root,
		.settings = settings,
		.nsettings = n,
	};
	int r;

	p.ncustoms = metadata_customs(arena, metadata, &p.customs);
	if (!p.ncustoms) {
		*ret_metadata = metadata;
		return 0;
	}
	r = tree_copy(&p.tree, metadata->root, root);
	for (uint32_t i = 0; i < p.ncustoms && r == 0; i++)
		r = apply(&p, &p.customs[i]);
	if (r < 0)
		return r;
	return metadata_make(&p.tree, metadata->file, root, ret_metadata);
}
