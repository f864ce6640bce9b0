/* SPDX-License-Identifier: Apache-2.0 */
#include "gadget/settings.h"

#include <errno.h>
#include <string.h>

#include "base/suggest.h"
#include "gadget/metadata.h"

struct making {
	struct arena *arena;
	const struct model *model;
	struct param_setting *list;
	size_t n;
	struct error *err;
};

static int unknown_param(const struct making *making, const struct yaml_node *node)
{
	const struct model *m = making->model;
	struct suggest suggest;
	const char *best;

	suggest_init(&suggest, node->key);
	for (uint32_t i = 0; i < m->nparams; i++)
		suggest_offer(&suggest, m->params[i].key);
	best = suggest_result(&suggest);
	(void)error_at(making->err, EINVAL, node->key_pos, "gadget '%s' has no parameter '%s'",
		       m->name, node->key);
	return best ? error_add(making->err, " (did you mean '%s'?)", best) : -EINVAL;
}

static const struct param_setting *find_setting(const struct param_setting *list, size_t n,
						const struct model_param *param)
{
	for (size_t i = 0; i < n; i++)
		if (list[i].param == param)
			return &list[i];
	return NULL;
}

/* ---- sizes of maps ------------------------------------------------------- */

static const uint8_t *bytes_of(const struct param_setting *list, size_t n,
			       const struct model_param *param)
{
	const struct param_setting *setting = find_setting(list, n, param);

	return setting ? setting->bytes : param->bytes;
}

uint32_t settings_map_entries(const struct settings *settings, const struct model_map *map)
{
	const struct model_param *p = map->sized_by;

	return (uint32_t)param_number(p, bytes_of(settings->list, settings->n, p));
}

static int check_entries(const struct making *making, const struct model_map *map, struct pos pos)
{
	const struct model_param *p = map->sized_by;
	const uint8_t *bytes = bytes_of(making->list, making->n, p);
	uint64_t entries = param_number(p, bytes);

	if (entries > 0 && entries <= SETTINGS_MAX_ENTRIES)
		return 0;
	return error_at(making->err, EINVAL, pos,
			"'%s' of gadget '%s': map '%s' cannot have %s entries (from 1 to %d)",
			p->key ? p->key : p->variable, making->model->name, map->name,
			param_text(p, bytes, making->arena), SETTINGS_MAX_ENTRIES);
}

/* ---- values -------------------------------------------------------------- */

static int set(struct making *making, const struct yaml_node *node)
{
	const struct model_param *p = model_param_find(making->model, node->key);
	struct error why = ERROR_INIT;
	uint8_t *bytes;
	int r;

	if (!p)
		return unknown_param(making, node);
	if (node->kind != YAML_SCALAR)
		return error_at(making->err, EINVAL, node->pos,
				"parameter '%s' must be one value, not %s", node->key,
				yaml_describe(node));
	if (find_setting(making->list, making->n, p))
		return error_at(making->err, EINVAL, node->key_pos,
				"parameter '%s' is set already, by its other name '%s'", node->key,
				strcmp(node->key, p->key) != 0 ? p->key : p->variable);
	if (p->kind == PARAM_CHOICE)
		return 0; /* the metadata was patched before the object was inspected */
	bytes = arena_alloc(making->arena, p->size ? p->size : 1);
	r = param_parse(p, node->text, bytes, &why);
	if (r < 0)
		return error_at(making->err, -r, node->pos, "parameter '%s' of gadget '%s': %s",
				node->key, making->model->name, why.text);
	making->list[making->n++] = (struct param_setting){ .param = p, .bytes = bytes };
	for (uint32_t i = 0; i < making->model->nmaps; i++)
		if (making->model->maps[i].sized_by == p &&
		    check_entries(making, &making->model->maps[i], node->pos) < 0)
			return -EINVAL;
	return 0;
}

/* What nobody set and the metadata says otherwise than the object. */
static void set_presets(struct making *making)
{
	for (uint32_t i = 0; i < making->model->nparams; i++) {
		const struct model_param *p = &making->model->params[i];

		if (p->is_preset && !find_setting(making->list, making->n, p))
			making->list[making->n++] =
				(struct param_setting){ .param = p, .bytes = p->bytes };
	}
}

int settings_make(struct arena *arena, const struct model *model, const struct yaml_node *wanted,
		  struct settings *ret_settings, struct error *err)
{
	size_t n = wanted ? wanted->nitems : 0;
	struct making making = {
		.arena = arena,
		.model = model,
		.list = arena_array(arena, n + model->nparams, sizeof(*making.list)),
		.err = err,
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++)
		r = set(&making, &wanted->items[i]);
	if (r < 0)
		return r;
	set_presets(&making);
	for (uint32_t i = 0; i < model->nmaps; i++)
		if (model->maps[i].sized_by &&
		    check_entries(&making, &model->maps[i], (struct pos){ 0 }) < 0)
			return -EINVAL;
	*ret_settings = (struct settings){ .list = making.list, .n = making.n };
	return 0;
}

/* ---- choices ------------------------------------------------------------- */

static const struct metadata_custom *find_custom(const struct metadata_custom *customs, uint32_t n,
						 const char *key)
{
	for (uint32_t i = 0; i < n; i++)
		if (!strcmp(customs[i].key, key))
			return &customs[i];
	return NULL;
}

static int check_choice(const struct metadata_custom *custom, const struct yaml_node *node,
			struct error *err)
{
	struct suggest suggest;
	const char *near;

	if (node->kind != YAML_SCALAR)
		return error_at(err, EINVAL, node->pos, "parameter '%s' must be one value, not %s",
				node->key, yaml_describe(node));
	if (!custom->values || custom->patch || metadata_find(custom->values, node->text))
		return 0;
	suggest_init(&suggest, node->text);
	for (size_t i = 0; i < custom->values->nitems; i++)
		suggest_offer(&suggest, custom->values->items[i].key);
	near = suggest_result(&suggest);
	(void)error_at(err, EINVAL, node->pos, "parameter '%s' has no value %s", node->key,
		       yaml_describe(node));
	return near ? error_add(err, " (did you mean '%s'?)", near) : -EINVAL;
}

static int gadget_is_wrong(struct error *err)
{
	if (err)
		err->code = ENOEXEC;
	return -ENOEXEC;
}

int settings_choose(struct arena *arena, const struct metadata *metadata,
		    const struct yaml_node *wanted, const struct metadata **ret_metadata,
		    struct error *err)
{
	size_t n = wanted ? wanted->nitems : 0;
	struct metadata_setting *settings = arena_array(arena, n, sizeof(*settings));
	const struct metadata_custom *customs;
	uint32_t ncustoms = metadata ? metadata_customs(arena, metadata, &customs) : 0;

	if (!ncustoms) {
		*ret_metadata = metadata;
		return 0;
	}
	for (size_t i = 0; i < n; i++) {
		const struct yaml_node *node = &wanted->items[i];
		const struct metadata_custom *custom = find_custom(customs, ncustoms, node->key);

		if (custom && check_choice(custom, node, err) < 0)
			return -EINVAL;
		/* the full names, as the templates of patches have them */
		settings[i].name = arena_printf(
			arena, custom ? "custom.%s" : "operator.oci.ebpf.%s", node->key);
		settings[i].value = node->kind == YAML_SCALAR ? node->text : "";
	}
	if (metadata_with_custom(arena, metadata, settings, (uint32_t)n, ret_metadata, err) < 0)
		return gadget_is_wrong(err);
	return 0;
}
