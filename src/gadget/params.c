/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parameters of a gadget: where they are, from BTF and ELF, and what users call
 * them, from the metadata.
 *
 * A GADGET_PARAM names a `const volatile` variable; its type in BTF says what it
 * takes, the object's read-only data what it is when nobody sets it.  From the
 * metadata come the key, the description and the default of texts; the default of
 * everything else is the object's, and the metadata's is only checked.
 * `params.custom` adds parameters without a variable: choosing one patches the
 * metadata, which has happened already when the object is inspected.
 */
#include <bpf/btf.h>
#include <ctype.h>
#include <elf.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/suggest.h"
#include "gadget/btf.h"
#include "gadget/inspection.h"
#include "gadget/metadata.h"
#include "gadget/vocabulary.h"

enum {
	KEY_MAX = 64,       /* bytes of a key */
	CHOICES_MAX = 4096, /* of one parameter */
};

/* ---- variables ----------------------------------------------------------- */

static const struct object_symbol *symbol_find(const struct object *object, const char *name)
{
	for (uint32_t i = 1; i < object->nsymbols; i++)
		if (object->symbols[i].type == STT_OBJECT && !strcmp(object->symbols[i].name, name))
			return &object->symbols[i];
	return NULL;
}

static bool is_constant(const struct object_section *section)
{
	return strncmp(section->name, ".rodata", 7) == 0 && section->data;
}

static bool is_char(const struct inspection *in, const struct btf_type *t)
{
	const char *name = t ? btf__name_by_offset(in->btf, t->name_off) : NULL;

	return t && btf_is_int(t) && t->size == 1 && name && !strcmp(name, "char");
}

static uint64_t enumerator_number(const struct btf_type *t, uint32_t i, bool is_signed)
{
	if (btf_is_enum64(t))
		return (uint64_t)btf_enum64_value(btf_enum64(t) + i);
	return is_signed ? (uint64_t)(int64_t)btf_enum(t)[i].val : (uint32_t)btf_enum(t)[i].val;
}

static int read_enumerators(const struct inspection *in, const struct btf_type *t,
			    struct model_param *p)
{
	uint32_t n = btf_vlen(t);
	struct param_choice *choices = arena_array(in->arena, n, sizeof(*choices));

	if (n > CHOICES_MAX)
		return error_set(in->err, E2BIG, "parameter '%s': %u enumerators are too many",
				 p->variable, n);
	for (uint32_t i = 0; i < n; i++) {
		const char *name =
			btf_identifier(in->btf, btf_is_enum64(t) ? btf_enum64(t)[i].name_off
								 : btf_enum(t)[i].name_off);

		if (!name || !*name)
			return error_set(in->err, EBADMSG,
					 "parameter '%s': an enumerator has no proper name",
					 p->variable);
		choices[i].name = arena_strdup(in->arena, name);
		choices[i].number = enumerator_number(t, i, p->is_signed);
	}
	p->choices = choices;
	p->nchoices = n;
	return 0;
}

/* Numbers of these types have names that records show, so users may write them. */
static const struct {
	const char *type;
	enum words words;
} worded_types[] = {
	{ "gadget_signal", WORDS_SIGNAL },
	{ "gadget_errno", WORDS_ERRNO },
	{ "gadget_syscall", WORDS_SYSCALL },
};

static void read_words(const struct inspection *in, enum words words, struct model_param *p)
{
	const struct names *names = vocabulary_make(in->arena, words);
	struct param_choice *choices = arena_array(in->arena, names->n, sizeof(*choices));

	p->kind = PARAM_ENUM;
	p->choices = choices;
	for (uint32_t i = 0; i < names->n; i++) {
		const struct name *name = &names->list[i];

		if (!name->text.len)
			continue;
		choices[p->nchoices++] = (struct param_choice){
			.name = arena_strndup(in->arena, (const char *)name->text.at,
					      name->text.len),
			.number = name->value,
		};
	}
}

static enum param_kind kind_of_int(const struct inspection *in, const struct btf_type *t)
{
	if (t->size > 8 || (t->size & (t->size - 1)))
		return PARAM_OTHER;
	if (btf_int_encoding(t) == BTF_INT_BOOL)
		return PARAM_BOOL;
	if (btf_int_encoding(t) == BTF_INT_CHAR || is_char(in, t))
		return PARAM_CHAR;
	return btf_int_encoding(t) == BTF_INT_SIGNED ? PARAM_INT : PARAM_UINT;
}

static enum param_kind kind_of_type(const struct inspection *in, const struct btf_type *t,
				    uint32_t size)
{
	const char *name = btf__name_by_offset(in->btf, t->name_off);

	if (btf_is_array(t))
		return btf_array(t)->nelems == size &&
				       is_char(in, btf_bare(in->btf, btf_array(t)->type, NULL))
			       ? PARAM_TEXT
			       : PARAM_OTHER;
	if (btf_is_struct(t))
		return name && !strcmp(name, "gadget_l3endpoint_t") && size >= PARAM_IP_MIN &&
				       size <= PARAM_IP_MAX
			       ? PARAM_IP
			       : PARAM_OTHER;
	/* What BTF and the symbol table disagree about is not touched. */
	if ((!btf_is_int(t) && !btf_is_any_enum(t) && !btf_is_float(t)) || t->size != size)
		return PARAM_OTHER;
	if (btf_is_any_enum(t))
		return size <= 8 && (size & (size - 1)) == 0 ? PARAM_ENUM : PARAM_OTHER;
	if (btf_is_float(t))
		return size == sizeof(float) || size == sizeof(double) ? PARAM_FLOAT : PARAM_OTHER;
	return kind_of_int(in, t);
}

static int read_type(const struct inspection *in, uint32_t type_id, struct model_param *p)
{
	const struct btf_type *t = btf_bare(in->btf, type_id, NULL);

	p->kind = PARAM_OTHER;
	if (!t || p->size == 0 || p->size > MODEL_MAX_PARAM)
		return 0;
	p->kind = kind_of_type(in, t, p->size);
	if (p->kind == PARAM_ENUM) {
		p->is_signed = btf_kflag(t);
		return read_enumerators(in, t, p);
	}
	p->is_signed = p->kind == PARAM_INT ||
		       (p->kind == PARAM_CHAR && btf_int_encoding(t) == BTF_INT_SIGNED);
	if (p->kind != PARAM_INT && p->kind != PARAM_UINT)
		return 0;
	for (size_t i = 0; i < sizeof(worded_types) / sizeof(*worded_types); i++)
		if (btf_is_called(in->btf, type_id, worded_types[i].type))
			read_words(in, worded_types[i].words, p);
	return 0;
}

/* Where a constant of the programs is, and of what type. */
static int read_variable(const struct inspection *in, const char *variable, struct model_param *p)
{
	const struct object_symbol *symbol = symbol_find(&in->object, variable);
	int id = btf__find_by_name_kind(in->btf, variable, BTF_KIND_VAR);
	const struct object_section *section;
	int r;

	if (!symbol || id <= 0 || symbol->section == SHN_UNDEF || symbol->section >= SHN_LORESERVE)
		return error_set(in->err, EBADMSG, "a GADGET_PARAM names no variable: '%s'",
				 variable);
	section = &in->object.sections[symbol->section];
	if (!is_constant(section))
		return error_set(in->err, EBADMSG, "parameter '%s' is not constant", variable);
	*p = (struct model_param){
		.variable = arena_strdup(in->arena, variable),
		.section = arena_strdup(in->arena, section->name),
		.at = (uint32_t)symbol->value,
		.size = (uint32_t)symbol->size,
		.initial = "",
	};
	r = read_type(in, btf__type_by_id(in->btf, (uint32_t)id)->type, p);
	if (r < 0 || p->kind == PARAM_OTHER)
		return r;
	p->bytes = section->data + p->at;
	p->initial = param_text(p, p->bytes, in->arena);
	return 0;
}

/* ---- keys ---------------------------------------------------------------- */

/* Variables of a certain type and name mean the same in every gadget. */
static const struct {
	const char *type, *variable, *key, *description;
} known_params[] = {
	{ "gadget_pid", "targ_pid", "pid", "Show only this process; 0 shows all" },
	{ "gadget_tid", "targ_tid", "tid", "Show only this thread; 0 shows all" },
	{ "gadget_uid", "targ_uid", "uid", "Show only this user; 4294967295 shows all" },
	{ "gadget_gid", "targ_gid", "gid", "Show only this group; 4294967295 shows all" },
	{ "gadget_comm", "targ_comm", "comm",
	  "Show only tasks with this command name; empty shows all" },
	{ "bool", "collect_ustack", "collect-ustack", "Take the user stack of each event" },
	{ "bool", "collect_build_id", "collect-build-id",
	  "Take build ids with the user stack, for symbols that are looked up later" },
	{ "bool", "collect_otel_stack", "collect-otel-stack",
	  "Have an OpenTelemetry profiler take the user stack" },
};

static bool is_called(const struct inspection *in, const char *variable, const char *type)
{
	int id = btf__find_by_name_kind(in->btf, variable, BTF_KIND_VAR);
	uint32_t type_id = btf__type_by_id(in->btf, (uint32_t)id)->type;
	const struct btf_type *t = btf_bare(in->btf, type_id, NULL);

	if (t && btf_is_array(t))
		type_id = btf_array(t)->type;
	if (!strcmp(type, "bool"))
		return t && btf_is_int(t) && btf_int_encoding(t) == BTF_INT_BOOL;
	return btf_is_called(in->btf, type_id, type);
}

/* What users call a variable: without its usual prefix, with dashes. */
static const char *default_key(struct arena *arena, const char *variable)
{
	char *key =
		arena_strdup(arena, strncmp(variable, "targ_", 5) != 0 ? variable : variable + 5);

	for (char *c = key; *c; c++)
		if (*c == '_')
			*c = '-';
	return key;
}

static void name_param(const struct inspection *in, struct model_param *p)
{
	p->key = default_key(in->arena, p->variable);
	for (size_t i = 0; i < sizeof(known_params) / sizeof(*known_params); i++) {
		if (strcmp(known_params[i].variable, p->variable) != 0 ||
		    !is_called(in, p->variable, known_params[i].type))
			continue;
		p->key = known_params[i].key;
		p->description = known_params[i].description;
	}
}

/* A key must do as a flag. */
static bool is_key(const char *text)
{
	size_t len = strlen(text);

	if (!isalnum((unsigned char)*text) || len > KEY_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)text[i]) && !strchr("_-.", text[i]))
			return false;
	return true;
}

static int check_key(const struct inspection *in, const struct model_param *p)
{
	if (is_key(p->key))
		return 0;
	return error_at(in->err, EINVAL, p->pos,
			"'%s' cannot be the key of a parameter (at most %d letters, digits, '-', "
			"'_' and '.')",
			p->key, KEY_MAX);
}

/* ---- what the metadata says ---------------------------------------------- */

static int parse_default(const struct inspection *in, const struct model_param *p,
			 const struct yaml_node *node, uint8_t **ret_bytes)
{
	uint8_t *bytes = arena_alloc(in->arena, p->size);
	struct error why = ERROR_INIT;

	if (param_parse(p, node->text, bytes, &why) < 0)
		return error_at(in->err, EINVAL, node->pos, "default of parameter '%s': %s", p->key,
				why.text);
	*ret_bytes = bytes;
	return 0;
}

static void preset(const struct inspection *in, struct model_param *p, const uint8_t *bytes)
{
	p->is_preset = memcmp(bytes, p->bytes, p->size) != 0;
	p->bytes = bytes;
	p->initial = param_text(p, bytes, in->arena);
}

/*
 * The default beside the key counts for texts; of all else the object's does, and
 * an empty one is none.  One in paramDefaults was put there to count.
 */
static int read_defaults(const struct inspection *in, const struct yaml_node *beside,
			 struct model_param *p)
{
	const char *name = arena_printf(in->arena, "operator.oci.ebpf.%s", p->key);
	const struct yaml_node *over = metadata_param_default(in->model->metadata, name);
	uint8_t *bytes;
	int r;

	if (p->kind == PARAM_OTHER)
		return 0;
	if (beside && (*beside->text || p->kind == PARAM_TEXT)) {
		r = parse_default(in, p, beside, &bytes);
		if (r < 0)
			return r;
		if (p->kind == PARAM_TEXT)
			preset(in, p, bytes);
	}
	if (over && (*over->text || p->kind == PARAM_TEXT)) {
		r = parse_default(in, p, over, &bytes);
		if (r < 0)
			return r;
		preset(in, p, bytes);
	}
	return 0;
}

static int read_metadata(const struct inspection *in, struct model_param *p)
{
	struct metadata_param said = { 0 };
	int r = 0;

	if (metadata_param(in->model->metadata, p->variable, &said))
		p->pos = said.pos;
	if (said.description)
		p->description = said.description->text;
	if (said.key && *said.key->text) {
		p->key = said.key->text;
		p->pos = said.key->pos;
		r = check_key(in, p);
	}
	return r < 0 ? r : read_defaults(in, said.default_value, p);
}

static int room_for_param(const struct inspection *in)
{
	if (in->model->nparams == MODEL_MAX_PARAMS)
		return error_set(in->err, E2BIG, "more than %d parameters", MODEL_MAX_PARAMS);
	return 0;
}

int inspect_param(struct inspection *in, const char *variable)
{
	struct model_param *p = &in->model->params[in->model->nparams];
	int r = room_for_param(in);

	if (r == 0)
		r = read_variable(in, variable, p);
	if (r < 0)
		return r;
	name_param(in, p);
	r = read_metadata(in, p);
	if (r == 0)
		in->model->nparams++;
	return r;
}

/* ---- parameters that choose ---------------------------------------------- */

/* A value with dots is a map of maps here; what has more than those is a value. */
static bool is_choice(const struct yaml_node *node)
{
	if (node->kind != YAML_MAP || !node->nitems || metadata_find(node, "patch"))
		return true;
	for (size_t i = 0; i < node->nitems; i++)
		if (node->items[i].kind != YAML_MAP)
			return true;
	return false;
}

static uint32_t count_choices(const struct yaml_node *values)
{
	uint32_t n = 0;

	for (size_t i = 0; values && i < values->nitems; i++)
		n += is_choice(&values->items[i]) ? 1 : count_choices(&values->items[i]);
	return n;
}

static void add_choices(const struct inspection *in, const struct yaml_node *values,
			const char *prefix, struct model_param *p, struct param_choice *choices)
{
	for (size_t i = 0; values && i < values->nitems; i++) {
		const struct yaml_node *value = &values->items[i];
		const char *name = arena_printf(in->arena, "%s%s", prefix, value->key);

		if (is_choice(value))
			choices[p->nchoices++].name = name;
		else
			add_choices(in, value, arena_printf(in->arena, "%s.", name), p, choices);
	}
}

static int read_custom(struct inspection *in, const struct metadata_custom *custom)
{
	struct model_param *p = &in->model->params[in->model->nparams];
	struct param_choice *choices =
		arena_array(in->arena, count_choices(custom->values), sizeof(*choices));
	int r = room_for_param(in);

	if (r < 0)
		return r;
	*p = (struct model_param){
		.kind = PARAM_CHOICE,
		.key = custom->key,
		.pos = custom->pos,
		.description = custom->description ? custom->description->text : NULL,
		.initial = custom->default_value ? custom->default_value->text : "",
		.takes_any = custom->patch || !custom->values,
		.choices = choices,
	};
	add_choices(in, custom->values, "", p, choices);
	in->model->nparams++;
	return check_key(in, p);
}

static int read_customs(struct inspection *in)
{
	const struct metadata_custom *customs;
	uint32_t n = metadata_customs(in->arena, in->model->metadata, &customs);
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < n; i++)
		r = read_custom(in, &customs[i]);
	return r;
}

/* ---- the whole ----------------------------------------------------------- */

static int check_keys(const struct inspection *in)
{
	const struct model *m = in->model;

	for (uint32_t i = 0; i < m->nparams; i++)
		for (uint32_t k = 0; k < i; k++) {
			/* the one the metadata names is the one to change */
			struct pos pos =
				m->params[i].pos.line ? m->params[i].pos : m->params[k].pos;

			if (!strcmp(m->params[i].key, m->params[k].key))
				return error_at(in->err, EEXIST, pos,
						"two parameters have the key '%s'",
						m->params[i].key);
		}
	return 0;
}

/*
 * What says how large a map is: the constant <map>_max_entries, which the user may
 * be able to set.  A variable of that name that is no constant is something else.
 */
static int find_map_size(const struct inspection *in, const char *variable,
			 const struct model_param **ret_param)
{
	const struct object_symbol *symbol = symbol_find(&in->object, variable);
	struct model_param *p;

	*ret_param = NULL;
	for (uint32_t i = 0; i < in->model->nparams; i++)
		if (in->model->params[i].variable &&
		    !strcmp(in->model->params[i].variable, variable))
			*ret_param = &in->model->params[i];
	if (*ret_param || !symbol || symbol->section == SHN_UNDEF ||
	    symbol->section >= SHN_LORESERVE || !is_constant(&in->object.sections[symbol->section]))
		return 0;
	p = arena_alloc(in->arena, sizeof(*p));
	*ret_param = p;
	return read_variable(in, variable, p);
}

/* Rings say in bytes what they are, for those who only want to know. */
static void show_ring_size(struct inspection *in, const struct model_map *map)
{
	uint64_t bytes = param_number(map->sized_by, map->sized_by->bytes);

	for (uint32_t i = 0; i < in->model->nsources; i++) {
		struct model_source *s = &in->model->sources[i];

		if (s->map && !strcmp(s->map, map->name) && !s->is_perf && bytes <= MODEL_MAX_RING)
			s->ring_size = model_ring_size(bytes);
	}
}

static int read_map_sizes(struct inspection *in)
{
	for (uint32_t i = 0; i < in->model->nmaps; i++) {
		struct model_map *map = &in->model->maps[i];
		const char *name = arena_printf(in->arena, "%s_max_entries", map->name);
		int r = find_map_size(in, name, &map->sized_by);

		if (r < 0)
			return r;
		if (!map->sized_by)
			continue;
		if (map->sized_by->kind != PARAM_INT && map->sized_by->kind != PARAM_UINT)
			return error_set(in->err, EBADMSG,
					 "'%s' must be a whole number: it sizes map '%s'", name,
					 map->name);
		show_ring_size(in, map);
	}
	return 0;
}

int inspect_params_end(struct inspection *in)
{
	int r = read_customs(in);

	if (r == 0)
		r = check_keys(in);
	if (r == 0)
		r = read_map_sizes(in);
	return r;
}
