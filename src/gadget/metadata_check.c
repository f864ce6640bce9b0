/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A walk over the tree of the metadata beside tables of the keys that are known.
 * docs/gadget-yaml.md says what each is for.
 */
#include "gadget/metadata_check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/suggest.h"
#include "gadget/metadata_older.h"
#include "gadget/present.h"
#include "gadget/templates.h"

/* How bad a finding is: an ODD one is never an error. */
enum weight { ODD, WRONG };

struct check {
	struct arena *arena;
	const struct model *model;
	const struct yaml_node *root;
	bool is_strict;
	bool has_others;        /* a wasm module or an operator may add data sources and fields */
	struct error message;   /* of the next finding; error_set() makes names harmless */
	struct suggest nearest; /* to the name that is wrong */
	struct metadata_finding *findings;
	uint32_t n;
};

static const char *const root_keys[] = {
	"name",         "description",
	"homepageURL",  "documentationURL",
	"sourceURL",    "annotations",
	"datasources",  "params",
	"ebpfParams",   "programs",
	"operator",     "paramDefaults",
	"tags",         "documentation",
	"columns",      "category",
	"ebpf_params",  "tracers",
	"snapshotters", "toppers",
	"structs",      NULL,
};
static const char *const source_keys[] = { "annotations", "tags", "fields", NULL };
static const char *const field_keys[] = { "annotations", "tags", NULL };
static const char *const params_keys[] = { "ebpf", "wasm", "custom", NULL };
static const char *const param_keys[] = {
	"key",  "defaultValue", "description",    "title",       "alias", "typeHint",
	"tags", "valueHint",    "possibleValues", "isMandatory", "var",   NULL,
};
static const char *const custom_keys[] = {
	"description", "defaultValue", "alias", "title", "tags", "values", "patch", NULL,
};
static const char *const program_keys[] = { "attach_to", "perf", "sampler", NULL };

/* ---- findings ------------------------------------------------------------ */

static void look_for(struct check *c, const char *word)
{
	suggest_init(&c->nearest, word);
}

/* Then it would cost time to look for more. */
static bool is_full(const struct check *c)
{
	return c->n == METADATA_MAX_FINDINGS;
}

/* Report the message, with the nearest of the words that were offered. */
static void report(struct check *c, enum weight weight, struct pos pos)
{
	const char *nearest = c->nearest.word ? suggest_result(&c->nearest) : NULL;

	if (nearest)
		(void)error_add(&c->message, " (did you mean '%s'?)", nearest);
	c->nearest.word = NULL;
	if (is_full(c))
		return;
	c->findings[c->n++] = (struct metadata_finding){
		.is_error = c->is_strict && weight == WRONG,
		.pos = pos,
		.text = arena_strdup(c->arena, c->message.text),
	};
}

static bool is_word(const char *text, const char *const *words)
{
	for (; *words; words++)
		if (!strcasecmp(text, *words))
			return true;
	return false;
}

/* Keys of a map that are none of these; `what` is whose keys they are. */
static void check_keys(struct check *c, const struct yaml_node *map, const char *const *known,
		       const char *what)
{
	for (size_t i = 0; map && map->kind == YAML_MAP && i < map->nitems && !is_full(c); i++) {
		const struct yaml_node *item = &map->items[i];

		if (is_word(item->key, known))
			continue;
		(void)error_set(&c->message, EINVAL, "unknown key '%s' of %s", item->key, what);
		look_for(c, item->key);
		for (size_t k = 0; known[k]; k++)
			suggest_offer(&c->nearest, known[k]);
		report(c, WRONG, item->key_pos);
	}
}

static void check_is_map(struct check *c, const struct yaml_node *map, const char *path)
{
	const struct yaml_node *value = tree_value(map, path);

	if (!value || value->kind == YAML_NULL)
		return;
	(void)error_set(&c->message, EINVAL, "'%s' must be a map, not %s", path,
			yaml_describe(value));
	report(c, WRONG, value->pos);
}

/* ---- annotations --------------------------------------------------------- */

static void check_columns(struct check *c, const struct yaml_node *columns)
{
	check_keys(c, columns, present_columns, "columns");
}

static void check_template(struct check *c, const struct yaml_node *annotations)
{
	const struct yaml_node *node = tree_value(annotations, "template");
	const struct notes_template *t;

	if (!node || node->kind != YAML_SCALAR || notes_template(node->text))
		return;
	(void)error_set(&c->message, EINVAL, "no template '%s'", node->text);
	look_for(c, node->text);
	for (uint32_t i = 0; (t = notes_template_at(i)); i++)
		suggest_offer(&c->nearest, t->name);
	report(c, WRONG, node->pos);
}

/*
 * Annotations are free, for whoever reads them; but below `columns` and `json`
 * they are ours, and what is nearly one of our words is a typo.
 */
static void check_annotations(struct check *c, const struct yaml_node *annotations)
{
	static const char *const json[] = { "skip", NULL };
	static const char *const ours[] = { "description", "template", "columns", "json", NULL };

	if (!annotations)
		return;
	check_columns(c, tree_map(annotations, "columns"));
	check_keys(c, tree_map(annotations, "json"), json, "json");
	check_template(c, annotations);
	for (size_t i = 0; i < annotations->nitems; i++) {
		const struct yaml_node *item = &annotations->items[i];

		look_for(c, item->key);
		for (size_t k = 0; ours[k]; k++)
			suggest_offer(&c->nearest, ours[k]);
		if (is_word(item->key, ours) || strlen(item->key) < 4 ||
		    !suggest_result(&c->nearest))
			continue;
		(void)error_set(&c->message, EINVAL, "annotation '%s' is not used", item->key);
		report(c, WRONG, item->key_pos);
	}
	c->nearest.word = NULL;
}

/* ---- fields -------------------------------------------------------------- */

enum { NAME_BYTES = 512 };

/* A field, what has fields in it, or what is in the elements of one. */
static bool is_field_of(const struct model_source *s, const char *name)
{
	size_t len = strlen(name);

	for (uint32_t i = 0; i < s->nfields; i++) {
		const struct field *f = &s->fields[i];
		size_t field_len = strlen(f->name);

		if (!strncasecmp(f->name, name, len) && (!f->name[len] || f->name[len] == '.'))
			return true;
		if (f->type == TYPE_ARRAY && f->element->is_object && len > field_len &&
		    !strncasecmp(f->name, name, field_len) && name[field_len] == '.')
			return true;
	}
	return false;
}

static const struct model_skipped *find_skipped(const struct model_source *s, const char *name)
{
	for (uint32_t i = 0; i < s->nskipped; i++)
		if (!strcasecmp(s->skipped[i].name, name))
			return &s->skipped[i];
	return NULL;
}

/* Fields that tell which container it was: those who know containers add them. */
static bool is_of_containers(const char *name)
{
	static const char *const parts[] = { "k8s", "runtime" };

	for (const char *at = name; at; at = strchr(at, '.')) {
		at += *at == '.';
		for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
			size_t len = strlen(parts[i]);

			if (!strncasecmp(at, parts[i], len) && (!at[len] || at[len] == '.'))
				return true;
		}
	}
	return false;
}

/* A constant that `env.fields.<name>: VARIABLE` of the data source asks for. */
static bool is_of_env(const struct check *c, const struct model_source *s, const char *name)
{
	const struct yaml_node *source = tree_map(tree_map(c->root, "datasources"), s->name);

	return tree_value(tree_map(source, "annotations.env.fields"), name);
}

static void check_field(struct check *c, const struct model_source *s,
			const struct yaml_node *field, const char *name)
{
	const struct model_skipped *skipped = find_skipped(s, name);

	if (s->unsupported || is_field_of(s, name))
		return;
	if (skipped) {
		(void)error_set(&c->message, EINVAL,
				"field '%s' of data source '%s' is not shown: %s", name, s->name,
				skipped->why);
		report(c, ODD, field->key_pos);
		return;
	}
	if (is_of_containers(name) || is_of_env(c, s, name)) {
		(void)error_set(&c->message, EINVAL,
				"field '%s' of data source '%s' is added by others, not here", name,
				s->name);
		report(c, ODD, field->key_pos);
		return;
	}
	(void)error_set(&c->message, EINVAL, "data source '%s' has no field '%s'", s->name, name);
	look_for(c, name);
	for (uint32_t i = 0; i < s->nfields; i++)
		suggest_offer(&c->nearest, s->fields[i].name);
	report(c, c->has_others ? ODD : WRONG, field->key_pos);
}

/* Every field of the gadget; where there are several data sources, any of them. */
static void check_field_of_any(struct check *c, const struct yaml_node *field, const char *name)
{
	const struct model *m = c->model;

	for (uint32_t i = 0; i < m->nsources; i++)
		if (m->sources[i].unsupported || is_field_of(&m->sources[i], name))
			return;
	if (m->nsources)
		check_field(c, &m->sources[0], field, name);
}

/* `source` is NULL when the fields are of any of them. */
static void check_fields(struct check *c, const struct model_source *source,
			 const struct yaml_node *parent, const char *prefix)
{
	for (size_t i = 0; parent && i < parent->nitems && !is_full(c); i++) {
		const struct yaml_node *item = &parent->items[i];
		const struct yaml_node *annotations = tree_map(item, "annotations");
		char name[NAME_BYTES];

		if (*prefix && is_word(item->key, field_keys))
			continue;
		if (item->kind != YAML_MAP) {
			if (*prefix)
				(void)error_set(&c->message, EINVAL,
						"unknown key '%s' of field '%s'", item->key,
						prefix);
			else
				(void)error_set(&c->message, EINVAL, "field '%s' must be a map",
						item->key);
			look_for(c, item->key);
			for (size_t k = 0; *prefix && field_keys[k]; k++)
				suggest_offer(&c->nearest, field_keys[k]);
			if (item->kind != YAML_NULL)
				report(c, WRONG, item->key_pos);
			continue;
		}
		(void)snprintf(name, sizeof(name), "%s%s%s", prefix, *prefix ? "." : "", item->key);
		if (annotations || tree_value(item, "tags") || !item->nitems) {
			if (source)
				check_field(c, source, item, name);
			else
				check_field_of_any(c, item, name);
		}
		check_annotations(c, annotations);
		check_is_map(c, item, "annotations");
		check_fields(c, source, item, name);
	}
}

static void check_source(struct check *c, const struct yaml_node *node)
{
	const struct model *m = c->model;
	const struct model_source *found = NULL;

	look_for(c, node->key);
	for (uint32_t i = 0; i < m->nsources; i++) {
		suggest_offer(&c->nearest, m->sources[i].name);
		if (!strcasecmp(m->sources[i].name, node->key))
			found = &m->sources[i];
	}
	if (!found) {
		(void)error_set(&c->message, EINVAL, "the gadget has no data source '%s'",
				node->key);
		report(c, c->has_others ? ODD : WRONG, node->key_pos);
		return;
	}
	c->nearest.word = NULL;
	check_keys(c, node, source_keys, "a data source");
	check_is_map(c, node, "fields");
	check_is_map(c, node, "annotations");
	check_fields(c, found, tree_map(node, "fields"), "");
}

/* ---- parameters and programs --------------------------------------------- */

static void check_param(struct check *c, const struct yaml_node *param)
{
	const struct model *m = c->model;
	const struct yaml_node *key = tree_value(param, "key");
	bool is_known = false;

	look_for(c, param->key);
	for (uint32_t i = 0; i < m->nparams; i++) {
		if (!m->params[i].variable)
			continue; /* a custom one */
		suggest_offer(&c->nearest, m->params[i].variable);
		is_known |= !strcasecmp(m->params[i].variable, param->key);
	}
	if (!is_known) {
		(void)error_set(&c->message, EINVAL, "the gadget has no parameter '%s'",
				param->key);
		report(c, WRONG, param->key_pos);
	}
	c->nearest.word = NULL;
	check_keys(c, param, param_keys, "a parameter");
	if (key && (key->kind != YAML_SCALAR || !key->text[0])) {
		(void)error_set(&c->message, EINVAL,
				"the key of parameter '%s' must be a text, not %s", param->key,
				yaml_describe(key));
		report(c, WRONG, key->pos);
	} else if (!key) {
		(void)error_set(&c->message, EINVAL, "parameter '%s' has no key", param->key);
		report(c, WRONG, param->key_pos);
	}
}

static void check_params(struct check *c, const struct yaml_node *params)
{
	for (size_t i = 0; params && i < params->nitems && !is_full(c); i++)
		if (params->items[i].kind == YAML_MAP)
			check_param(c, &params->items[i]);
}

static void check_customs(struct check *c)
{
	const struct yaml_node *customs = tree_map(c->root, "params.custom");

	for (size_t i = 0; customs && i < customs->nitems; i++)
		check_keys(c, &customs->items[i], custom_keys, "a custom parameter");
}

static bool is_program(const struct model_program *p, const char *name)
{
	const char *slash = strrchr(p->section, '/');

	return !strcasecmp(p->name, name) || (slash && !strcasecmp(slash + 1, name));
}

static void check_program(struct check *c, const struct yaml_node *program)
{
	const struct model *m = c->model;

	check_keys(c, program, program_keys, "a program");
	look_for(c, program->key);
	for (uint32_t i = 0; i < m->nprograms; i++) {
		suggest_offer(&c->nearest, m->programs[i].name);
		if (is_program(&m->programs[i], program->key))
			return;
	}
	(void)error_set(&c->message, EINVAL, "the gadget has no program '%s'", program->key);
	report(c, WRONG, program->key_pos);
}

/* ---- all of it ----------------------------------------------------------- */

static void check_ignored(struct check *c, const char *path, const char *why)
{
	const struct yaml_node *node = metadata_find(c->root, path);

	if (!node)
		return;
	(void)error_set(&c->message, EINVAL, "'%s' is not used: %s", path, why);
	report(c, ODD, node->key_pos);
}

static void check_all(struct check *c)
{
	static const char *const maps[] = { "annotations", "datasources", "params",
					    "ebpfparams",  "programs",    "operator" };
	const struct yaml_node *sources = tree_map(c->root, "datasources");
	const struct yaml_node *programs = tree_map(c->root, "programs");

	check_keys(c, c->root, root_keys, "the metadata");
	for (size_t i = 0; i < sizeof(maps) / sizeof(*maps); i++)
		check_is_map(c, c->root, maps[i]);
	for (size_t i = 0; sources && i < sources->nitems && !is_full(c); i++)
		check_source(c, &sources->items[i]);
	check_fields(c, NULL, c->model->metadata->every, "");
	check_keys(c, tree_map(c->root, "params"), params_keys, "params");
	check_params(c, tree_map(c->root, "params.ebpf"));
	check_params(c, tree_map(c->root, "ebpfparams"));
	check_customs(c);
	for (size_t i = 0; programs && i < programs->nitems && !is_full(c); i++)
		check_program(c, &programs->items[i]);
	check_ignored(c, "operator", "this version has no such operators");
	check_ignored(c, "params.wasm", "this version runs no wasm modules");
}

static int compare_places(const void *a, const void *b)
{
	const struct metadata_finding *x = a, *y = b;

	if (x->pos.line != y->pos.line)
		return x->pos.line < y->pos.line ? -1 : 1;
	return (x->pos.col > y->pos.col) - (x->pos.col < y->pos.col);
}

uint32_t metadata_check(struct arena *arena, const struct model *model, bool strict,
			const struct metadata_finding **ret_findings)
{
	struct check c = { .arena = arena, .model = model, .is_strict = strict };

	*ret_findings = NULL;
	if (!model->metadata)
		return 0;
	c.root = model->metadata->root;
	c.has_others = metadata_find(c.root, "params.wasm") || metadata_find(c.root, "operator");
	c.findings = arena_array(arena, METADATA_MAX_FINDINGS, sizeof(*c.findings));
	check_all(&c);
	qsort(c.findings, c.n, sizeof(*c.findings), compare_places);
	*ret_findings = c.findings;
	return c.n;
}
