/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The data sources of an object: what its markers name, or the maps of older
 * conventions.
 */
#include <bpf/btf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <string.h>

#include "gadget/btf.h"
#include "gadget/fields.h"
#include "gadget/inspection.h"

enum {
	COUNTER_KEY = 4, /* bytes of key and value of the maps that count */
	COUNTER_VALUE = 8,
};

const char *counter_map(const struct inspection *in, const char *map, const char *suffix)
{
	const char *name = arena_printf(in->arena, "%s%s", map, suffix);
	const struct model_map *m = model_map_find(in->model, name);

	if (!m || m->type != BPF_MAP_TYPE_PERCPU_ARRAY || m->key_size != COUNTER_KEY ||
	    m->value_size != COUNTER_VALUE || m->max_entries == 0)
		return NULL;
	return name;
}

static int add_source(struct inspection *in, const char *name, struct model_source **ret_source)
{
	struct model *m = in->model;

	for (uint32_t i = 0; i < m->nsources; i++)
		if (!strcmp(m->sources[i].name, name))
			return error_set(in->err, EEXIST, "two data sources are called '%s'", name);
	if (m->nsources == MODEL_MAX_SOURCES)
		return error_set(in->err, E2BIG, "more than %d data sources", MODEL_MAX_SOURCES);
	*ret_source = &m->sources[m->nsources++];
	(*ret_source)->name = arena_strdup(in->arena, name);
	(*ret_source)->seq_at = SCHEMA_NO_SEQ;
	return 0;
}

int inspect_unsupported(struct inspection *in, const char *name, const char *why)
{
	struct model_source *s;
	int r = add_source(in, name, &s);

	if (r < 0)
		return r;
	s->unsupported = why;
	return 0;
}

/* GADGET_TRACER_MAP leaves a marker: its programs ask the kernel whether it has rings. */
static bool has_fall_back(const struct inspection *in, const char *map)
{
	const char *marker = arena_printf(in->arena, "gadget_map_tracer_%s", map);

	return btf__find_by_name_kind(in->btf, marker, BTF_KIND_VAR) > 0;
}

/* A tracer: records of a struct in a ring or a perf event array. */
static int add_tracer(struct inspection *in, const char *name, const struct model_map *map,
		      uint32_t struct_id, enum fields_style style)
{
	const struct btf_type *st = btf_bare(in->btf, struct_id, NULL);
	const char *type = st ? btf_identifier(in->btf, st->name_off) : NULL;
	struct model_source *s;
	int r = add_source(in, name, &s);

	if (r < 0)
		return r;
	s->map = map->name;
	s->type = arena_strdup(in->arena, type ? type : "");
	s->is_perf = map->type == BPF_MAP_TYPE_PERF_EVENT_ARRAY;
	s->may_be_perf = !s->is_perf && has_fall_back(in, map->name);
	s->ring_size = s->is_perf ? 0 : model_ring_size(map->max_entries);
	s->attempts = counter_map(in, map->name, "_attempts");
	s->lost = counter_map(in, map->name, "_lost_samples");
	for (uint32_t i = 0; i + 1 < in->model->nsources; i++)
		if (in->model->sources[i].map && !strcmp(in->model->sources[i].map, s->map))
			s->unsupported = "one map with other data sources";
	r = fields_read(in->arena, in->btf, struct_id, style, in->model->metadata, in->kernel, s,
			in->err);
	if (r < 0)
		return error_wrap(in->err, "data source '%s'", s->name);
	return 0;
}

uint32_t marker_split(char *text, char **parts, uint32_t max)
{
	uint32_t n = 0;

	while (n < max) {
		char *end = strstr(text, "___");

		parts[n++] = text;
		if (!end)
			break;
		*end = 0;
		text = end + 3;
	}
	return n;
}

int inspect_tracer(struct inspection *in, char *rest)
{
	char *parts[4];
	const struct model_map *map;
	int id;

	if (marker_split(rest, parts, 4) != 3 || !parts[0][0])
		return error_set(in->err, EBADMSG,
				 "a GADGET_TRACER needs a name, a map and a struct");
	map = model_map_find(in->model, parts[1]);
	if (!map)
		return error_set(in->err, EBADMSG, "data source '%s' names no map: '%s'", parts[0],
				 parts[1]);
	if (map->type != BPF_MAP_TYPE_RINGBUF && map->type != BPF_MAP_TYPE_PERF_EVENT_ARRAY)
		return error_set(in->err, EBADMSG,
				 "data source '%s': map '%s' is neither a ring buffer nor a perf "
				 "event array",
				 parts[0], parts[1]);
	id = btf__find_by_name_kind(in->btf, parts[2], BTF_KIND_STRUCT);
	if (id <= 0)
		return error_set(in->err, EBADMSG, "data source '%s': no struct '%s'", parts[0],
				 parts[2]);
	return add_tracer(in, parts[0], map, (uint32_t)id, FIELDS_STYLE_MARKED);
}

int inspect_seed_rings(struct inspection *in)
{
	const struct model *m = in->model;
	uint32_t found = 0;

	for (uint32_t i = 0; i < m->nmaps; i++)
		found += !strncmp(m->maps[i].name, "print_", 6);
	for (uint32_t i = 0; i < m->nmaps; i++) {
		const struct model_map *map = &m->maps[i];
		const char *name = found == 1 ? m->name : map->name + 6;
		int r;

		if (strncmp(map->name, "print_", 6) != 0)
			continue;
		if (map->type != BPF_MAP_TYPE_RINGBUF && map->type != BPF_MAP_TYPE_PERF_EVENT_ARRAY)
			continue;
		r = add_tracer(in, name, map, map_value_id(in, map->name), FIELDS_STYLE_SEED);
		if (r < 0)
			return r;
	}
	return 0;
}

int inspect_seed_others(struct inspection *in)
{
	const struct model *m = in->model;

	for (uint32_t i = 0; i < m->nmaps; i++) {
		const char *name = m->maps[i].name, *why = NULL;
		int r = 0;

		if (!strncmp(name, "stats_", 6))
			why = "maps of statistics";
		else if (!strncmp(name, "hist_", 5))
			why = "histograms";
		if (why && m->maps[i].type == BPF_MAP_TYPE_HASH)
			r = inspect_unsupported(in, name, why);
		if (r < 0)
			return r;
	}
	if (btf__find_by_name_kind(in->btf, "gadget_iter_type", BTF_KIND_VAR) > 0)
		return inspect_unsupported(in, m->name, "iterators");
	return 0;
}
