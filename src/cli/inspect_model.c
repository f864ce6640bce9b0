/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/inspect_model.h"

#include <stdio.h>

#include "base/units.h"
#include "cli/inspect_fields.h"
#include "cli/text.h"
#include "gadget/metadata.h"
#include "gadget/metadata_check.h"

/* ---- as text ------------------------------------------------------------- */

/* What the gadget's author says about it. */
static void print_metadata(const struct metadata *md, struct arena *arena)
{
	const char *const texts[] = { md->description, md->documentation, md->homepage };

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		if (texts[i])
			(void)printf("  %s\n", text_clean(arena, texts[i]));
}

static void print_findings(const struct model *m, struct arena *arena)
{
	const struct metadata_finding *findings;
	uint32_t n = metadata_check(arena, m, false, &findings);

	if (n)
		(void)puts("\nMetadata that fits nothing:");
	for (uint32_t i = 0; i < n; i++)
		(void)printf("  %s:%u:%u: %s\n", findings[i].pos.file, findings[i].pos.line,
			     findings[i].pos.col, findings[i].text);
}

static void print_source(const struct model_source *s, struct arena *arena)
{
	char size[32];

	(void)printf("  %s", s->name);
	if (s->unsupported) {
		(void)printf(": uses %s, which this version does not support\n", s->unsupported);
		return;
	}
	(void)printf(": struct %s in %s %s", s->type, s->is_perf ? "perf event array" : "ring",
		     s->map);
	if (!s->is_perf)
		(void)printf(" (%s)", format_size(s->ring_size, size, sizeof(size)));
	(void)printf(", %s, %s\n", s->seq_at == SCHEMA_NO_SEQ ? "not numbered" : "numbered",
		     s->attempts && s->lost ? "attempts and losses counted"
		     : s->lost              ? "losses counted"
		     : s->is_perf           ? "losses counted by the kernel"
					    : "losses not counted");
	inspect_print_fields(s->fields, s->nfields, "", arena);
	for (uint32_t i = 0; i < s->nskipped; i++)
		(void)printf("    %-24s not shown: %s\n", s->skipped[i].name, s->skipped[i].why);
}

static void print_param(const struct model_param *p, struct arena *arena)
{
	const char *quote = p->kind == PARAM_TEXT ? "\"" : "";
	char choices[480];

	(void)printf("  --%-16s %-6s %s", p->key, param_kind_name(p->kind),
		     p->variable ? p->variable : "changes the metadata");
	if (*p->initial || *quote)
		(void)printf(" = %s%s%s", quote, text_clean(arena, p->initial), quote);
	if (p->nchoices)
		(void)printf(" (%s)",
			     text_clean(arena, param_choices(p, choices, sizeof(choices))));
	if (p->description)
		(void)printf("\n      %s", text_clean(arena, p->description));
	(void)putchar('\n');
}

static void print_params(const struct model *m, struct arena *arena)
{
	if (m->nparams)
		(void)puts("\nParameters:");
	for (uint32_t i = 0; i < m->nparams; i++)
		print_param(&m->params[i], arena);
}

static void print_programs(const struct model *m, struct arena *arena)
{
	if (m->nprograms)
		(void)puts("\nPrograms:");
	for (uint32_t i = 0; i < m->nprograms; i++) {
		const struct model_program *p = &m->programs[i];

		(void)printf("  %-24s %s, %u instructions", p->name, p->section, p->instructions);
		if (p->is_disabled)
			(void)printf(", not attached");
		else if (p->attach_to)
			(void)printf(", attached to %s", text_clean(arena, p->attach_to));
		if (p->unsupported && !p->is_disabled)
			(void)printf(", not supported by this version");
		(void)putchar('\n');
	}
}

/* As many as the object's definition says, or its variable <map>_max_entries. */
static uint64_t map_entries(const struct model_map *map)
{
	const struct model_param *p = map->sized_by;

	return p ? param_number(p, p->bytes) : map->max_entries;
}

static void print_maps(const struct model *m)
{
	if (m->nmaps)
		(void)puts("\nMaps:");
	for (uint32_t i = 0; i < m->nmaps; i++)
		(void)printf("  %-24s %s, key %u, value %u, max %llu\n", m->maps[i].name,
			     m->maps[i].type_name, m->maps[i].key_size, m->maps[i].value_size,
			     (unsigned long long)map_entries(&m->maps[i]));
}

void inspect_model_print(const struct model *m, struct arena *arena)
{
	struct error err = ERROR_INIT;

	(void)printf("%s: %s, %zu bytes, licence %s%s\n", m->name, m->path, m->size,
		     m->license[0] ? m->license : "none", m->metadata ? ", with metadata" : "");
	if (m->metadata)
		print_metadata(m->metadata, arena);
	if (m->nsources)
		(void)puts("\nData sources:");
	for (uint32_t i = 0; i < m->nsources; i++)
		print_source(&m->sources[i], arena);
	print_params(m, arena);
	print_programs(m, arena);
	print_maps(m);
	(void)puts("\nNeeds:");
	for (uint32_t i = 0; i < m->nneeds; i++)
		(void)printf("  %s\n", m->needs[i]);
	print_findings(m, arena);
	if (model_check(m, &err) < 0)
		(void)printf("\nThis version cannot run it: %s\n", err.text);
}

/* ---- as JSON ------------------------------------------------------------- */

static json_t *source_json(const struct model_source *s)
{
	json_t *skipped = json_array();

	for (uint32_t i = 0; i < s->nskipped; i++)
		(void)json_array_append_new(
			skipped,
			json_pack("{ss ss}", "name", s->skipped[i].name, "why", s->skipped[i].why));
	return json_pack("{ss ss? ss? ss? ss sI sb sb sb so so}", "name", s->name, "struct",
			 s->type, "ring", s->map, "unsupported", s->unsupported, "transport",
			 s->is_perf       ? "perf"
			 : s->may_be_perf ? "ring or perf"
					  : "ring",
			 "ring_bytes", (json_int_t)s->ring_size, "numbered",
			 s->seq_at != SCHEMA_NO_SEQ, "counts_attempts", s->attempts != NULL,
			 "counts_losses", s->lost != NULL, "fields",
			 inspect_fields_json(s->fields, s->nfields), "skipped", skipped);
}

static json_t *programs_json(const struct model *m)
{
	json_t *all = json_array();

	for (uint32_t i = 0; i < m->nprograms; i++)
		(void)json_array_append_new(
			all, json_pack("{ss ss si sb sb ss*}", "name", m->programs[i].name,
				       "section", m->programs[i].section, "instructions",
				       (int)m->programs[i].instructions, "supported",
				       m->programs[i].unsupported == NULL, "disabled",
				       m->programs[i].is_disabled, "attach_to",
				       m->programs[i].attach_to));
	return all;
}

static json_t *maps_json(const struct model *m)
{
	json_t *all = json_array();

	for (uint32_t i = 0; i < m->nmaps; i++)
		(void)json_array_append_new(
			all, json_pack("{ss ss sI sI sI ss*}", "name", m->maps[i].name, "type",
				       m->maps[i].type_name, "key_bytes",
				       (json_int_t)m->maps[i].key_size, "value_bytes",
				       (json_int_t)m->maps[i].value_size, "max_entries",
				       (json_int_t)map_entries(&m->maps[i]), "sized_by",
				       m->maps[i].sized_by ? m->maps[i].sized_by->variable : NULL));
	return all;
}

static json_t *choices_json(const struct model_param *p)
{
	json_t *all = p->kind == PARAM_ENUM || p->kind == PARAM_CHOICE ? json_array() : NULL;

	for (uint32_t i = 0; i < p->nchoices; i++)
		(void)json_array_append_new(all, json_string(p->choices[i].name));
	return all;
}

static json_t *params_json(const struct model *m)
{
	json_t *all = json_array();

	for (uint32_t i = 0; i < m->nparams; i++) {
		const struct model_param *p = &m->params[i];
		json_t *one =
			json_pack("{ss ss? ss ss ss* so*}", "key", p->key, "variable", p->variable,
				  "type", param_kind_name(p->kind), "default", p->initial,
				  "description", p->description, "choices", choices_json(p));

		if (p->variable)
			(void)json_object_set_new(one, "bytes", json_integer(p->size));
		if (p->kind == PARAM_CHOICE)
			(void)json_object_set_new(one, "takes_any", json_boolean(p->takes_any));
		(void)json_array_append_new(all, one);
	}
	return all;
}

static json_t *findings_json(const struct model *m, struct arena *arena)
{
	const struct metadata_finding *findings;
	uint32_t n = metadata_check(arena, m, false, &findings);
	json_t *all = json_array();

	for (uint32_t i = 0; i < n; i++) {
		json_t *one =
			json_pack("{sI sI ss}", "line", (json_int_t)findings[i].pos.line, "column",
				  (json_int_t)findings[i].pos.col, "text", findings[i].text);

		/* A path may be no UTF-8; then it is left out. */
		(void)json_object_set_new(one, "file", json_string(findings[i].pos.file));
		(void)json_array_append_new(all, one);
	}
	return all;
}

json_t *inspect_model_json(const struct model *m, struct arena *arena)
{
	json_t *sources = json_array(), *needs = json_array(), *root;
	struct error err = ERROR_INIT;

	for (uint32_t i = 0; i < m->nsources; i++)
		(void)json_array_append_new(sources, source_json(&m->sources[i]));
	for (uint32_t i = 0; i < m->nneeds; i++)
		(void)json_array_append_new(needs, json_string(m->needs[i]));
	root = json_pack("{sI sb sb so so so so so so}", "bytes", (json_int_t)m->size, "metadata",
			 m->metadata != NULL, "supported", model_check(m, &err) == 0, "sources",
			 sources, "params", params_json(m), "programs", programs_json(m), "maps",
			 maps_json(m), "needs", needs, "findings", findings_json(m, arena));
	if (m->metadata && m->metadata->description)
		(void)json_object_set_new(root, "description",
					  json_string(m->metadata->description));
	(void)json_object_set_new(root, "name", json_string(m->name));
	(void)json_object_set_new(root, "path", json_string(m->path));
	(void)json_object_set_new(root, "license", json_string(m->license));
	return root;
}
