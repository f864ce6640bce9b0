/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The maps of an object: the variables of the section .maps.  The type of each is a
 * struct that spells out the definition: its members are pointers, and what they
 * point to says the number or the type.
 */
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>

#include "gadget/btf.h"
#include "gadget/inspection.h"

enum { PIN_BY_NAME = 1 }; /* LIBBPF_PIN_BY_NAME of bpf_helpers.h, which is for BPF programs */

/* A number in a map's definition: the elements of the array a pointer points to. */
static bool map_number(const struct inspection *in, uint32_t type_id, uint32_t *ret_number)
{
	const struct btf_type *t = btf_bare(in->btf, type_id, NULL);

	if (!t || !btf_is_ptr(t))
		return false;
	t = btf_bare(in->btf, t->type, NULL);
	if (!t || !btf_is_array(t))
		return false;
	*ret_number = btf_array(t)->nelems;
	return true;
}

/* Bytes of the type a pointer points to; 0 when that cannot be told. */
static uint32_t pointee_size(const struct inspection *in, uint32_t type_id)
{
	const struct btf_type *t = btf_bare(in->btf, type_id, NULL);
	int64_t size;

	if (!t || !btf_is_ptr(t))
		return 0;
	size = btf__resolve_size(in->btf, t->type);
	return size < 0 || size > UINT32_MAX ? 0 : (uint32_t)size;
}

static void read_map_member(const struct inspection *in, const struct btf_member *m,
			    struct model_map *map)
{
	const char *name = btf__name_by_offset(in->btf, m->name_off);
	uint32_t pinning;

	if (!name)
		return;
	if (!strcmp(name, "type"))
		(void)map_number(in, m->type, &map->type);
	else if (!strcmp(name, "max_entries"))
		(void)map_number(in, m->type, &map->max_entries);
	else if (!strcmp(name, "key_size"))
		(void)map_number(in, m->type, &map->key_size);
	else if (!strcmp(name, "value_size"))
		(void)map_number(in, m->type, &map->value_size);
	else if (!strcmp(name, "pinning"))
		map->is_shared = map_number(in, m->type, &pinning) && pinning == PIN_BY_NAME;
	else if (!strcmp(name, "key"))
		map->key_size = pointee_size(in, m->type);
	else if (!strcmp(name, "value"))
		map->value_size = pointee_size(in, m->type);
}

/* The variable's definition struct, or NULL. */
static const struct btf_type *map_definition(const struct inspection *in, uint32_t var_id)
{
	const struct btf_type *var = btf__type_by_id(in->btf, var_id), *def;

	if (!var || !btf_is_var(var))
		return NULL;
	def = btf_bare(in->btf, var->type, NULL);
	return def && btf_is_struct(def) ? def : NULL;
}

int inspect_maps(struct inspection *in)
{
	struct model *m = in->model;
	int id = btf__find_by_name_kind(in->btf, ".maps", BTF_KIND_DATASEC);
	const struct btf_type *sec = id > 0 ? btf__type_by_id(in->btf, (uint32_t)id) : NULL;

	if (!sec)
		return 0;
	if (btf_vlen(sec) > MODEL_MAX_MAPS)
		return error_set(in->err, E2BIG, "%u maps are too many (at most %d)", btf_vlen(sec),
				 MODEL_MAX_MAPS);
	m->maps = arena_array(in->arena, btf_vlen(sec), sizeof(*m->maps));
	for (uint32_t i = 0; i < btf_vlen(sec); i++) {
		uint32_t var_id = btf_var_secinfos(sec)[i].type;
		const struct btf_type *def = map_definition(in, var_id);
		struct model_map *map = &m->maps[m->nmaps];
		const char *name;

		if (!def)
			return error_set(in->err, EBADMSG, "a map without a definition");
		name = btf_identifier(in->btf, btf__type_by_id(in->btf, var_id)->name_off);
		if (!name || !name[0])
			return error_set(in->err, EBADMSG, "a map has no proper name");
		map->name = arena_strdup(in->arena, name);
		for (uint32_t k = 0; k < btf_vlen(def); k++)
			read_map_member(in, btf_members(def) + k, map);
		map->type_name = libbpf_bpf_map_type_str((enum bpf_map_type)map->type);
		if (!map->type_name)
			map->type_name = "unknown";
		m->nmaps++;
	}
	return 0;
}

uint32_t map_value_id(const struct inspection *in, const char *map_name)
{
	int id = btf__find_by_name_kind(in->btf, map_name, BTF_KIND_VAR);
	const struct btf_type *def = id > 0 ? map_definition(in, (uint32_t)id) : NULL;

	for (uint32_t k = 0; def && k < btf_vlen(def); k++) {
		const struct btf_member *m = btf_members(def) + k;
		const char *name = btf__name_by_offset(in->btf, m->name_off);
		const struct btf_type *t;

		if (!name || strcmp(name, "value") != 0)
			continue;
		t = btf_bare(in->btf, m->type, NULL);
		return t && btf_is_ptr(t) ? t->type : 0;
	}
	return 0;
}
