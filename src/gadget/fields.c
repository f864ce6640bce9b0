/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A walk over the members of a struct.  BTF from a file may claim anything, so
 * every member is checked against the struct it is in, the depth and the number
 * of members looked at are limited, and chains of typedefs are cut.
 */
#include "gadget/fields.h"

#include <bpf/btf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "gadget/templates.h"

enum {
	CHAIN_MAX = 32,       /* typedefs, consts, ... in a row */
	VISITS_MAX = 16384,   /* members looked at, in all */
	NAME_MAX_BYTES = 256, /* of a dotted name */
	ENGINE_FIELDS = 6,    /* that a schema has besides; see data/schema.h */
};

_Static_assert(MODEL_MAX_FIELDS + ENGINE_FIELDS <= SCHEMA_MAX_FIELDS, "the fields fit a schema");

struct walk {
	struct arena *arena;
	const struct btf *btf;
	struct model_source *source;
	struct error *err;
	enum fields_style style;
	const struct metadata *metadata;
	uint32_t visits;
	char name[NAME_MAX_BYTES]; /* of the member being looked at */
};

/* A member: what it is called, where it lies, what it is. */
struct member {
	uint32_t type_id;
	const struct btf_type *type; /* bare */
	uint32_t at;                 /* byte in the record */
	bool is_last;                /* nothing of the record's struct lies behind it */
};

const struct btf_type *btf_bare(const struct btf *btf, uint32_t id, uint32_t *ret_id)
{
	for (int i = 0; i < CHAIN_MAX; i++) {
		const struct btf_type *t = btf__type_by_id(btf, id);

		if (!t)
			return NULL;
		if (!btf_is_mod(t) && !btf_is_typedef(t) && !btf_is_type_tag(t)) {
			if (ret_id)
				*ret_id = id;
			return t;
		}
		id = t->type;
	}
	return NULL;
}

bool btf_is_called(const struct btf *btf, uint32_t id, const char *name)
{
	for (int i = 0; i < CHAIN_MAX; i++) {
		const struct btf_type *t = btf__type_by_id(btf, id);
		const char *called;

		if (!t || (!btf_is_mod(t) && !btf_is_typedef(t) && !btf_is_type_tag(t)))
			return false;
		called = btf__name_by_offset(btf, t->name_off);
		if (btf_is_typedef(t) && called && !strcmp(called, name))
			return true;
		id = t->type;
	}
	return false;
}

const char *btf_identifier(const struct btf *btf, uint32_t name_off)
{
	const char *name = btf__name_by_offset(btf, name_off);

	if (!name)
		return NULL;
	for (const char *c = name; *c; c++) {
		bool letter = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || *c == '_';
		bool digit = *c >= '0' && *c <= '9';

		if (!letter && !(digit && c > name))
			return NULL;
		if (c - name >= NAME_MAX_BYTES)
			return NULL;
	}
	return name;
}

static int skip(struct walk *w, const char *why)
{
	struct model_source *s = w->source;

	if (s->nskipped == MODEL_MAX_FIELDS)
		return 0;
	s->skipped[s->nskipped++] =
		(struct model_skipped){ .name = arena_strdup(w->arena, w->name), .why = why };
	return 0;
}

static int append(struct walk *w, const struct field *field)
{
	struct model_source *s = w->source;

	for (uint32_t i = 0; i < s->nfields; i++)
		if (!strcmp(s->fields[i].name, field->name))
			return error_set(w->err, EEXIST, "two members are called '%s'",
					 field->name);
	if (s->nfields == MODEL_MAX_FIELDS)
		return error_set(w->err, E2BIG, "more than %d fields", MODEL_MAX_FIELDS);
	s->fields[s->nfields] = *field;
	s->fields[s->nfields].loc = LOC_ROW;
	s->fields[s->nfields++].name = arena_strdup(w->arena, field->name);
	return 0;
}

/* What the member's own typedef asks for; an array's elements carry it. */
static void decorate(const struct walk *w, uint32_t type_id, struct field *field)
{
	for (int i = 0; i < CHAIN_MAX; i++) {
		const struct btf_type *t = btf__type_by_id(w->btf, type_id);
		const struct notes_template *template;
		const char *name;

		if (!t || (!btf_is_mod(t) && !btf_is_typedef(t) && !btf_is_type_tag(t)))
			return;
		name = btf_is_typedef(t) ? btf__name_by_offset(w->btf, t->name_off) : NULL;
		template = name ? notes_of_typedef(name) : NULL;
		if (template) {
			field->flags = template->flags;
			field->notes = &template->notes;
			return;
		}
		type_id = t->type;
	}
}

static int add_timestamp(struct walk *w, const struct member *m)
{
	struct field f = { .layout = LAYOUT_BOOT, .type = TYPE_TIME, .at = m->at, .size = 8 };
	size_t len = strlen(w->name);
	char *moment;
	int r;

	f.name = w->name;
	decorate(w, m->type_id, &f);
	if (len <= 4 || strcmp(w->name + len - 4, "_raw") != 0)
		return append(w, &f);
	moment = arena_strndup(w->arena, w->name, len - 4);
	f.name = moment;
	r = append(w, &f);
	if (r < 0)
		return r;
	f.name = w->name;
	f.type = TYPE_TIME_NS;
	return append(w, &f);
}

/* The layout of an integer of that many bytes, or -1. */
static int int_layout(uint32_t size, bool is_signed)
{
	switch (size) {
	case 1:
		return is_signed ? LAYOUT_S8 : LAYOUT_U8;
	case 2:
		return is_signed ? LAYOUT_S16 : LAYOUT_U16;
	case 4:
		return is_signed ? LAYOUT_S32 : LAYOUT_U32;
	case 8:
		return is_signed ? LAYOUT_S64 : LAYOUT_U64;
	default:
		return -1;
	}
}

static int add_integer(struct walk *w, const struct member *m, bool is_signed, bool is_bool)
{
	struct field f = { .name = w->name, .at = m->at, .size = m->type->size };
	int layout = int_layout(m->type->size, is_signed);

	if (layout < 0)
		return skip(w, "an integer not of 8, 16, 32 or 64 bits");
	f.type = is_bool ? TYPE_BOOL : is_signed ? TYPE_INT : TYPE_UINT;
	f.layout = (uint8_t)layout;
	decorate(w, m->type_id, &f);
	return append(w, &f);
}

static int add_int(struct walk *w, const struct member *m)
{
	uint8_t encoding = btf_int_encoding(m->type);

	if (btf_int_offset(m->type) || btf_int_bits(m->type) != m->type->size * 8)
		return skip(w, "a bit-field");
	if (btf_is_called(w->btf, m->type_id, "gadget_timestamp") && m->type->size == 8)
		return add_timestamp(w, m);
	if (btf_is_called(w->btf, m->type_id, "gadget_seq") && m->type->size == 8) {
		if (w->source->seq_at != SCHEMA_NO_SEQ)
			return skip(w, "a second gadget_seq");
		w->source->seq_at = m->at;
		return 0;
	}
	/* A lone char is a small number: its sign depends on the machine. */
	return add_integer(w, m, encoding == BTF_INT_SIGNED, encoding == BTF_INT_BOOL);
}

static int add_float(struct walk *w, const struct member *m)
{
	struct field f = { .name = w->name, .type = TYPE_FLOAT, .at = m->at };

	if (m->type->size != 4 && m->type->size != 8)
		return skip(w, "a floating-point number not of 32 or 64 bits");
	f.size = m->type->size;
	f.layout = f.size == 4 ? LAYOUT_F32 : LAYOUT_F64;
	return append(w, &f);
}

enum element_kind { ELEMENT_CHAR, ELEMENT_STRINGS, ELEMENT_BYTE, ELEMENT_OTHER };

static enum element_kind element_kind(const struct walk *w, uint32_t type_id)
{
	const struct btf_type *t = btf_bare(w->btf, type_id, NULL);
	const char *name;

	if (!t || !btf_is_int(t) || t->size != 1 || btf_int_encoding(t) == BTF_INT_BOOL)
		return ELEMENT_OTHER;
	if (btf_is_called(w->btf, type_id, "gadget_strings"))
		return ELEMENT_STRINGS;
	name = btf__name_by_offset(w->btf, t->name_off);
	if (name && !strcmp(name, "char"))
		return ELEMENT_CHAR;
	if (w->style == FIELDS_STYLE_SEED)
		return ELEMENT_CHAR;
	return ELEMENT_BYTE;
}

static int add_array(struct walk *w, const struct member *m)
{
	const struct btf_array *array = btf_array(m->type);
	enum element_kind kind = element_kind(w, array->type);
	struct field f = { .name = w->name, .at = m->at, .size = array->nelems };

	if (kind == ELEMENT_OTHER)
		return skip(w, "an array of numbers or structs");
	if (array->nelems == 0 && !m->is_last)
		return skip(w, "an array without elements");
	if (kind == ELEMENT_STRINGS && !m->is_last)
		return skip(w, "a list of strings that does not end the record");
	f.type = kind == ELEMENT_STRINGS ? TYPE_STRINGS
		 : kind == ELEMENT_CHAR  ? TYPE_STRING
					 : TYPE_BYTES;
	f.layout = kind == ELEMENT_BYTE ? LAYOUT_BYTES : LAYOUT_CHARS;
	decorate(w, array->type, &f);
	/* A record may end inside its last text, and must inside a flexible array. */
	if (m->is_last && (kind != ELEMENT_BYTE || array->nelems == 0)) {
		w->source->row_min = m->at;
		w->source->row_max = array->nelems ? m->at + array->nelems : UINT32_MAX;
		f.layout = LAYOUT_TAIL;
		f.size = 0;
	}
	return append(w, &f);
}

static int walk_struct(struct walk *w, const struct btf_type *st, uint32_t base, bool is_last,
		       int depth);

static int add_member(struct walk *w, const struct member *m, int depth)
{
	switch (btf_kind(m->type)) {
	case BTF_KIND_INT:
		return add_int(w, m);
	case BTF_KIND_ENUM:
	case BTF_KIND_ENUM64:
		return add_integer(w, m, btf_kflag(m->type), false);
	case BTF_KIND_FLOAT:
		return add_float(w, m);
	case BTF_KIND_ARRAY:
		return add_array(w, m);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		return walk_struct(w, m->type, m->at, m->is_last, depth + 1);
	case BTF_KIND_PTR:
		return skip(w, "a pointer");
	default:
		return skip(w, "of a type that cannot be shown");
	}
}

/* Bytes a bare type takes; nested types are looked at when it is their turn. */
static int type_size(const struct walk *w, const struct btf_type *t, uint64_t *ret_size)
{
	const struct btf_type *element;

	switch (btf_kind(t)) {
	case BTF_KIND_PTR:
		*ret_size = 8;
		return 0;
	case BTF_KIND_INT:
	case BTF_KIND_ENUM:
	case BTF_KIND_ENUM64:
	case BTF_KIND_FLOAT:
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		*ret_size = t->size;
		return 0;
	case BTF_KIND_ARRAY:
		element = btf_bare(w->btf, btf_array(t)->type, NULL);
		/* Arrays of arrays are skipped later; their size does not matter. */
		if (!element || btf_is_array(element) || btf_is_ptr(element))
			*ret_size = 0;
		else
			*ret_size = (uint64_t)element->size * btf_array(t)->nelems;
		return 0;
	default:
		return -EINVAL;
	}
}

/* Put the member's name behind the prefix; false when it does not fit. */
static bool push_name(struct walk *w, const char *name, size_t *ret_len)
{
	size_t len = strlen(w->name), room = sizeof(w->name) - len;
	int n = snprintf(w->name + len, room, "%s%s", len ? "." : "", name);

	*ret_len = len;
	return n >= 0 && (size_t)n < room;
}

static int look_at(struct walk *w, const struct btf_member *bm, const struct member *m, int depth,
		   bool is_bits)
{
	const char *name = btf_identifier(w->btf, bm->name_off);
	uint64_t size;
	size_t len;
	int r;

	if (!name)
		return error_set(w->err, EBADMSG, "a member of '%s' has no proper name",
				 w->name[0] ? w->name : "the struct");
	if (name[0] == '_' && name[1] == '_')
		return 0;
	if (!name[0])
		return btf_is_composite(m->type)
			       ? walk_struct(w, m->type, m->at, m->is_last, depth + 1)
			       : 0;
	if (!push_name(w, name, &len))
		return error_set(w->err, E2BIG, "the name of a member is too long");
	r = type_size(w, m->type, &size);
	if (r < 0)
		r = skip(w, "of a type that cannot be shown");
	else if (is_bits)
		r = skip(w, "a bit-field");
	else if (m->at + size > w->source->size)
		r = error_set(w->err, EBADMSG, "member '%s' lies outside its struct", w->name);
	else
		r = add_member(w, m, depth);
	w->name[len] = 0;
	return r;
}

static int walk_struct(struct walk *w, const struct btf_type *st, uint32_t base, bool is_last,
		       int depth)
{
	uint32_t n = btf_vlen(st);

	if (depth > MODEL_MAX_DEPTH)
		return error_set(w->err, E2BIG, "structs nested more than %d deep",
				 MODEL_MAX_DEPTH);
	for (uint32_t i = 0; i < n; i++) {
		const struct btf_member *bm = btf_members(st) + i;
		uint32_t bit = btf_member_bit_offset(st, i);
		uint32_t bits = btf_member_bitfield_size(st, i);
		struct member m = { .type_id = bm->type };
		int r;

		if (++w->visits > VISITS_MAX)
			return error_set(w->err, E2BIG, "more than %d members", VISITS_MAX);
		m.type = btf_bare(w->btf, bm->type, NULL);
		if (!m.type)
			return error_set(w->err, EBADMSG, "a member has a type without end");
		if (bit / 8 > w->source->size - base)
			return error_set(w->err, EBADMSG, "a member lies outside its struct");
		m.at = base + bit / 8;
		m.is_last = is_last && i == n - 1 && btf_is_struct(st);
		r = look_at(w, bm, &m, depth, bits || bit % 8);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Whatever order the members claim to have, none may lie where the record may end early. */
static int check_end(const struct model_source *s, struct error *err)
{
	for (uint32_t i = 0; i < s->nfields; i++) {
		const struct field *f = &s->fields[i];

		if (f->layout != LAYOUT_TAIL && (uint64_t)f->at + f->size > s->row_min)
			return error_set(err, EBADMSG, "member '%s' lies behind the last member",
					 f->name);
	}
	if (s->seq_at != SCHEMA_NO_SEQ && (uint64_t)s->seq_at + 8 > s->row_min)
		return error_set(err, EBADMSG, "the gadget_seq lies behind the last member");
	return 0;
}

int fields_read(struct arena *arena, const struct btf *btf, uint32_t struct_id,
		enum fields_style style, const struct metadata *metadata,
		struct model_source *source, struct error *err)
{
	struct walk w = { .arena = arena,
			  .btf = btf,
			  .source = source,
			  .err = err,
			  .style = style,
			  .metadata = metadata };
	const struct btf_type *st = btf_bare(btf, struct_id, NULL);
	int r;

	if (!st || !btf_is_struct(st))
		return error_set(err, EBADMSG, "records are not of a struct type");
	if (st->size == 0 || st->size > MODEL_MAX_ROW)
		return error_set(err, E2BIG, "a record of %u bytes (at least 1, at most %d)",
				 st->size, MODEL_MAX_ROW);
	source->size = source->row_min = source->row_max = st->size;
	source->seq_at = SCHEMA_NO_SEQ;
	source->fields = arena_array(arena, MODEL_MAX_FIELDS, sizeof(*source->fields));
	source->skipped = arena_array(arena, MODEL_MAX_FIELDS, sizeof(*source->skipped));
	r = walk_struct(&w, st, 0, true, 0);
	if (r < 0)
		return r;
	return check_end(source, err);
}
