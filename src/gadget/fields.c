/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A walk over the members of a struct.  BTF from a file may claim anything, so
 * every member is checked against the container it is in, the depth and the number
 * of members looked at are limited, and chains of typedefs are cut.
 *
 * Here are the structs and what they are made of; shapes.c makes fields of
 * numbers and arrays, derive.c what follows from them, endpoint.c addresses, with
 * what walk.c has for all of them.
 */
#include "gadget/fields.h"

#include <bpf/btf.h>
#include <errno.h>
#include <string.h>

#include "gadget/metadata.h"
#include "gadget/walk.h"

enum {
	VISITS_MAX = 16384, /* members looked at, in all */
	ENGINE_FIELDS = 6,  /* that a schema has besides; see data/schema.h */
	STAMP_BYTES = 8,    /* of a gadget_timestamp, a gadget_seq */
};

_Static_assert(MODEL_MAX_FIELDS + ENGINE_FIELDS <= SCHEMA_MAX_FIELDS, "the fields fit a schema");

/* What is derived stands in front of the member, and is what columns show. */
static int append_shape(struct walk *w, struct shape *shape)
{
	int r = 0;

	if (shape->why)
		return walk_skip(w, shape->why);
	if (shape->target) {
		r = walk_append(w, shape->target, &shape->made);
		shape->raw.flags |= FIELD_QUIET;
	}
	return r < 0 ? r : walk_append(w, walk_member_name(w), &shape->raw);
}

/* ---- members -------------------------------------------------------------- */

/* A moment, and the nanoseconds it was made from when it has a name for both. */
static int add_timestamp(struct walk *w, const struct member *m)
{
	struct shape s;
	int r = shape_number(w, m, &s);

	if (r == 0)
		r = derive_target(w, "formatters.timestamp.target", &s.target);
	if (r < 0)
		return r;
	s.raw.layout = LAYOUT_BOOT;
	s.made = s.raw;
	s.made.type = TYPE_TIME;
	s.raw.type = s.target ? TYPE_TIME_NS : TYPE_TIME;
	return append_shape(w, &s);
}

static int add_number(struct walk *w, const struct member *m)
{
	bool is_stamp = btf_is_int(m->type) && m->type->size == STAMP_BYTES && !m->bits;
	struct shape s;
	int r;

	/* Elements have no place for identity, and no clock. */
	if (is_stamp && !w->is_element && btf_is_called(w->btf, m->type_id, "gadget_timestamp"))
		return add_timestamp(w, m);
	if (is_stamp && !w->is_element && btf_is_called(w->btf, m->type_id, "gadget_seq")) {
		if (w->source->seq_at != SCHEMA_NO_SEQ)
			return walk_skip(w, "a second gadget_seq");
		w->source->seq_at = m->at;
		return 0;
	}
	r = shape_number(w, m, &s);
	return r < 0 ? r : append_shape(w, &s);
}

static int add_array(struct walk *w, const struct member *m, int depth)
{
	struct shape s;
	int r = shape_array(w, m, depth, &s);

	return r < 0 ? r : append_shape(w, &s);
}

static int add_member(struct walk *w, const struct member *m, int depth)
{
	switch (btf_kind(m->type)) {
	case BTF_KIND_INT:
	case BTF_KIND_ENUM:
	case BTF_KIND_ENUM64:
	case BTF_KIND_FLOAT:
		return add_number(w, m);
	case BTF_KIND_ARRAY:
		return add_array(w, m, depth);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		return walk_struct(w, m->type_id, m->type, m->at, m->end, depth + 1);
	case BTF_KIND_PTR:
		return walk_skip(w, "a pointer");
	default:
		return walk_skip(w, "of a type that cannot be shown");
	}
}

/* Whether all of the member lies in its container; of what claims to be a bit-field, the bits. */
static bool is_inside(const struct walk *w, const struct member *m, int64_t size)
{
	uint64_t bytes = m->bits ? (m->bit + m->bits + 7U) / 8 : (uint64_t)size;

	return bytes <= w->size && m->at <= w->size - bytes;
}

static int look_at(struct walk *w, const struct btf_member *bm, const struct member *m, int depth)
{
	const char *name = btf_identifier(w->btf, bm->name_off);
	int64_t size;
	size_t len;
	int r;

	if (!name)
		return error_set(w->err, EBADMSG, "a member of '%s' has no proper name",
				 w->name[0] ? w->name : "the struct");
	if (name[0] == '_' && name[1] == '_')
		return 0;
	if (!name[0])
		return btf_is_composite(m->type)
			       ? walk_struct(w, m->type_id, m->type, m->at, m->end, depth + 1)
			       : 0;
	r = walk_push(w, name, &len);
	if (r < 0)
		return r;
	size = btf__resolve_size(w->btf, m->type_id);
	if (size < 0)
		r = walk_skip(w, "of a type that cannot be shown");
	else if (!is_inside(w, m, size))
		r = error_set(w->err, EBADMSG, "member '%s' lies outside its struct", w->name);
	else if (m->bits ? !btf_is_int(m->type) && !btf_is_any_enum(m->type) : m->bit)
		r = walk_skip(w, "not at a whole byte");
	else
		r = add_member(w, m, depth);
	walk_pop(w, len);
	return r;
}

/* Compilers tell of bit-fields in the member, older ones in its type. */
static void place_member(const struct btf_type *st, uint32_t i, uint32_t at, struct member *m)
{
	uint64_t bit = btf_member_bit_offset(st, i) + 8 * (uint64_t)at;
	uint32_t bits = btf_member_bitfield_size(st, i);

	if (!bits && btf_is_int(m->type) && btf_int_bits(m->type) != 8 * m->type->size) {
		bit += btf_int_offset(m->type);
		bits = btf_int_bits(m->type);
	}
	m->at = (uint32_t)(bit / 8);
	m->bit = bit % 8;
	m->bits = (uint8_t)bits;
}

static enum walk_end member_end(const struct btf_type *st, uint32_t i, enum walk_end end)
{
	if (btf_is_struct(st))
		return i == btf_vlen(st) - 1U ? end : END_FIXED;
	return end == END_FIXED ? END_FIXED : END_FLEXIBLE;
}

static int walk_members(struct walk *w, const struct btf_type *st, uint32_t at, enum walk_end end,
			int depth)
{
	for (uint32_t i = 0; i < btf_vlen(st); i++) {
		const struct btf_member *bm = btf_members(st) + i;
		struct member m = { .type_id = bm->type, .end = member_end(st, i, end) };
		int r;

		if (++w->visits > VISITS_MAX)
			return error_set(w->err, E2BIG, "more than %d members", VISITS_MAX);
		m.type = btf_bare(w->btf, bm->type, NULL);
		if (!m.type)
			return error_set(w->err, EBADMSG, "a member has a type without end");
		place_member(st, i, at, &m);
		if (m.at > w->size)
			return error_set(w->err, EBADMSG, "a member lies outside its struct");
		r = look_at(w, bm, &m, depth);
		if (r < 0)
			return r;
	}
	return 0;
}

int walk_struct(struct walk *w, uint32_t type_id, const struct btf_type *st, uint32_t at,
		enum walk_end end, int depth)
{
	bool was_quiet = w->is_quiet;
	int r;

	if (depth > MODEL_MAX_DEPTH)
		return error_set(w->err, E2BIG, "structs nested more than %d deep",
				 MODEL_MAX_DEPTH);
	if (endpoint_is(w, type_id, st) && st->size <= w->size && at <= w->size - st->size)
		return endpoint_add(w, st, at);
	w->is_quiet |= walk_is_called(w, type_id, "gadget_user_stack");
	r = walk_members(w, st, at, end, depth);
	w->is_quiet = was_quiet;
	return r;
}

/* ---- what follows the struct ---------------------------------------------- */

static const struct yaml_node *rest_annotation(const struct walk *w, const char *key)
{
	return metadata_annotation(w->metadata, w->source->name, NULL, key);
}

static const struct field *find_length(const struct walk *w, const char *name)
{
	for (uint32_t i = 0; i < w->nfields; i++)
		if (!strcmp(w->fields[i].name, name) && w->fields[i].layout == LAYOUT_U32)
			return &w->fields[i];
	return NULL;
}

/* The bytes behind the struct, when the metadata has a name for them. */
static int add_rest(struct walk *w)
{
	const struct yaml_node *name = rest_annotation(w, "ebpf.rest.name");
	const struct yaml_node *len = rest_annotation(w, "ebpf.rest.len");
	struct field f = { .type = TYPE_BYTES, .layout = LAYOUT_TAIL, .at = w->size };
	const struct field *length;

	if (!name)
		return 0;
	if (name->kind != YAML_SCALAR || !is_identifier(name->text))
		return error_at(w->err, EINVAL, name->pos,
				"'ebpf.rest.name' must be the name of a field, not %s",
				yaml_describe(name));
	if (len) {
		length = len->kind == YAML_SCALAR ? find_length(w, len->text) : NULL;
		if (!length)
			return error_at(w->err, EINVAL, len->pos,
					"'ebpf.rest.len' must name a u32 member, not %s",
					yaml_describe(len));
		f.layout = LAYOUT_REST;
		f.len_at = length->at;
	}
	w->tail_at = w->size;
	w->tail_max = UINT32_MAX;
	return walk_append(w, name->text, &f);
}

/* A record has all of the fixed fields; what ends it may be shorter than declared. */
static void set_row(struct walk *w)
{
	struct model_source *s = w->source;

	if (w->tail_at == UINT32_MAX)
		return;
	s->row_min = w->tail_at;
	for (uint32_t i = 0; i < w->nfields; i++) {
		const struct field *f = &w->fields[i];

		if (f->at + f->size > s->row_min)
			s->row_min = f->at + f->size;
	}
	if (s->seq_at != SCHEMA_NO_SEQ && s->seq_at + STAMP_BYTES > s->row_min)
		s->row_min = s->seq_at + STAMP_BYTES;
	s->row_max = w->tail_max > s->row_min ? w->tail_max : s->row_min;
}

int fields_read(struct arena *arena, const struct btf *btf, uint32_t struct_id,
		enum fields_style style, const struct metadata *metadata,
		struct kernel_enums *kernel, struct model_source *source, struct error *err)
{
	struct walk w = { .arena = arena,
			  .btf = btf,
			  .source = source,
			  .err = err,
			  .style = style,
			  .metadata = metadata,
			  .kernel = kernel,
			  .tail_at = UINT32_MAX };
	const struct btf_type *st = btf_bare(btf, struct_id, NULL);
	int r;

	if (!st || !btf_is_struct(st))
		return error_set(err, EBADMSG, "records are not of a struct type");
	if (st->size == 0 || st->size > MODEL_MAX_ROW)
		return error_set(err, E2BIG, "a record of %u bytes (at least 1, at most %d)",
				 st->size, MODEL_MAX_ROW);
	source->size = source->row_min = source->row_max = w.size = st->size;
	source->seq_at = SCHEMA_NO_SEQ;
	source->fields = w.fields = arena_array(arena, MODEL_MAX_FIELDS, sizeof(*w.fields));
	source->skipped = arena_array(arena, MODEL_MAX_FIELDS, sizeof(*source->skipped));
	r = walk_struct(&w, struct_id, st, 0,
			rest_annotation(&w, "ebpf.rest.name") ? END_FIXED : END_ANY, 0);
	if (r == 0)
		r = add_rest(&w);
	if (r < 0)
		return r;
	source->nfields = w.nfields;
	set_row(&w);
	return 0;
}
