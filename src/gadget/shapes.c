/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Members that become one field (or two, when something is derived): numbers, texts,
 * bytes, and arrays of anything.  An array's elements are described once, by a list of fields
 * whose offsets count from the element; elements of structs are walked like records.
 */
#include <bpf/btf.h>
#include <errno.h>
#include <string.h>

#include "gadget/templates.h"
#include "gadget/walk.h"

enum { BITS_MAX = 64, WIDE_BYTES = 16 };

/* What the member's own typedef asks for; an array's elements carry it. */
static void decorate(const struct walk *w, uint32_t type_id, struct field *field)
{
	for (int i = 0; i < BTF_CHAIN_MAX; i++) {
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

/* ---- numbers -------------------------------------------------------------- */

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
	case WIDE_BYTES:
		return is_signed ? LAYOUT_S128 : LAYOUT_U128;
	default:
		return -1;
	}
}

/* Where the bits of an integer are; NULL, or why that cannot be read. */
static const char *place_integer(const struct member *m, bool is_signed, struct field *f)
{
	int layout = int_layout(m->bits ? m->bits / 8 : m->type->size, is_signed);

	if (m->bits > BITS_MAX)
		return "a bit-field of more than 64 bits";
	/* A bit-field of whole bytes is as good as an integer. */
	if (layout >= 0 && m->bits % 8 == 0 && m->bit == 0) {
		f->layout = (uint8_t)layout;
		f->size = layout_bytes((enum layout)layout);
		return NULL;
	}
	if (!m->bits)
		return "an integer of an odd size";
	f->layout = is_signed ? LAYOUT_SBITS : LAYOUT_BITS;
	f->bit = m->bit;
	f->bits = m->bits;
	f->size = (m->bit + m->bits + 7U) / 8;
	return NULL;
}

static const char *place_float(const struct member *m, struct field *f)
{
	if (m->type->size != 4 && m->type->size != 8)
		return "a floating-point number not of 32 or 64 bits";
	f->type = TYPE_FLOAT;
	f->size = m->type->size;
	f->layout = f->size == 4 ? LAYOUT_F32 : LAYOUT_F64;
	return NULL;
}

/* A lone char is a small number; for the BPF target it has a sign. */
static bool is_signed(const struct btf_type *t)
{
	return btf_is_int(t) ? btf_int_encoding(t) == BTF_INT_SIGNED : btf_kflag(t);
}

int shape_number(struct walk *w, const struct member *m, struct shape *s)
{
	bool sign = !btf_is_float(m->type) && is_signed(m->type);

	*s = (struct shape){ .raw = { .at = m->at } };
	if (btf_is_float(m->type)) {
		s->why = place_float(m, &s->raw);
	} else {
		bool is_bool = btf_is_int(m->type) && btf_int_encoding(m->type) == BTF_INT_BOOL;

		s->raw.type = is_bool ? TYPE_BOOL : sign ? TYPE_INT : TYPE_UINT;
		s->why = place_integer(m, sign && !is_bool, &s->raw);
	}
	if (s->why)
		return 0;
	decorate(w, m->type_id, &s->raw);
	return derive(w, m->type_id, s);
}

/* ---- arrays of bytes ------------------------------------------------------ */

enum text { TEXT_CHARS, TEXT_STRINGS, TEXT_BYTES, TEXT_DNS, TEXT_NONE };

/* Whether an array of that type is a text of some kind, and of which. */
static enum text text_of(const struct walk *w, uint32_t type_id)
{
	const struct btf_type *t = btf_bare(w->btf, type_id, NULL);
	const char *name;

	if (!t || !btf_is_int(t) || t->size != 1 || btf_int_encoding(t) == BTF_INT_BOOL)
		return TEXT_NONE;
	if (btf_is_called(w->btf, type_id, "gadget_strings"))
		return TEXT_STRINGS;
	if (btf_is_called(w->btf, type_id, "gadget_dns_name"))
		return TEXT_DNS;
	name = btf__name_by_offset(w->btf, t->name_off);
	if ((name && !strcmp(name, "char")) || w->style == FIELDS_STYLE_SEED)
		return TEXT_CHARS;
	return is_signed(t) ? TEXT_NONE : TEXT_BYTES;
}

/*
 * A record may end inside its last text, and has to end inside a flexible array; it
 * needs room only for what lies in front of them.
 */
static void set_tail(struct walk *w, uint32_t at, uint32_t size, struct field *f)
{
	uint32_t max = size ? at + size : UINT32_MAX;

	if (at < w->tail_at)
		w->tail_at = at;
	if (max > w->tail_max)
		w->tail_max = max;
	f->layout = LAYOUT_TAIL;
	f->size = 0;
}

static bool may_end(const struct member *m, uint32_t nelems, bool is_text)
{
	return nelems ? is_text && m->end == END_ANY : m->end != END_FIXED;
}

/* Domain names are converted in place, unless there is another name for them. */
static int shape_dns(struct walk *w, struct shape *s)
{
	int r = derive_target(w, "formatters.dns.target", &s->target);

	if (r < 0)
		return r;
	s->made = s->raw;
	s->made.type = TYPE_DNS;
	if (!s->target)
		s->raw.type = TYPE_DNS;
	return 0;
}

static int shape_text(struct walk *w, const struct member *m, enum text text, struct shape *s)
{
	static const enum type types[] = { [TEXT_CHARS] = TYPE_STRING,
					   [TEXT_STRINGS] = TYPE_STRINGS,
					   [TEXT_BYTES] = TYPE_BYTES,
					   [TEXT_DNS] = TYPE_BYTES };
	const struct btf_array *array = btf_array(m->type);

	s->raw.type = (uint8_t)types[text];
	s->raw.layout = text == TEXT_BYTES || text == TEXT_DNS ? LAYOUT_BYTES : LAYOUT_CHARS;
	s->raw.size = array->nelems;
	if (text == TEXT_STRINGS && !may_end(m, array->nelems, true)) {
		s->why = "a list of strings that does not end the record";
		return 0;
	}
	decorate(w, array->type, &s->raw);
	if (may_end(m, array->nelems, text != TEXT_BYTES))
		set_tail(w, m->at, array->nelems, &s->raw);
	return text == TEXT_DNS ? shape_dns(w, s) : 0;
}

/* ---- arrays of anything else ---------------------------------------------- */

/* The container that is left while an element is walked. */
struct outside {
	uint32_t size, first;
	size_t name_from;
	bool is_element;
};

static struct outside enter_element(struct walk *w, uint32_t stride)
{
	struct outside o = { w->size, w->first, w->name_from, w->is_element };

	w->size = stride;
	w->first = w->nfields;
	w->name_from = strlen(w->name) + 1; /* behind the dot to come */
	w->is_element = true;
	return o;
}

static void leave_element(struct walk *w, const struct outside *o)
{
	w->size = o->size;
	w->nfields = w->first;
	w->first = o->first;
	w->name_from = o->name_from;
	w->is_element = o->is_element;
}

static const struct element *make_element(struct walk *w, uint32_t stride, bool is_object,
					  const struct field *fields, uint32_t n)
{
	struct element *e = arena_alloc(w->arena, sizeof(*e));

	*e = (struct element){
		.stride = stride,
		.is_object = is_object,
		.nfields = n,
		.fields = arena_memdup(w->arena, fields, n * sizeof(*fields)),
	};
	return e;
}

static int shape_objects(struct walk *w, const struct member *element, uint32_t stride, int depth,
			 struct shape *s)
{
	struct outside o = enter_element(w, stride);
	int r = walk_struct(w, element->type_id, element->type, 0, END_FIXED, depth + 1);
	uint32_t n = w->nfields - w->first;

	if (r == 0 && n)
		s->raw.element = make_element(w, stride, true, w->fields + w->first, n);
	else if (r == 0)
		s->why = "an array of structs without fields";
	leave_element(w, &o);
	return r;
}

/* Numbers, texts, or arrays of them, one like the other. */
static int shape_scalars(struct walk *w, const struct member *element, uint32_t stride, int depth,
			 struct shape *s)
{
	bool is_array = btf_is_array(element->type);
	struct shape inner;
	int r = is_array ? shape_array(w, element, depth + 1, &inner)
			 : shape_number(w, element, &inner);

	if (r < 0)
		return r;
	s->why = inner.why;
	if (s->why)
		return 0;
	inner.raw.name = inner.raw.label = inner.made.name = inner.made.label = "";
	s->raw.notes = inner.raw.notes;
	s->raw.flags = inner.raw.flags;
	s->raw.element = make_element(w, stride, false, &inner.raw, 1);
	s->target = inner.target;
	if (!s->target)
		return 0;
	s->made = s->raw;
	s->made.notes = inner.made.notes;
	s->made.element = make_element(w, stride, false, &inner.made, 1);
	return 0;
}

static const char *why_no_elements(const struct member *m, const struct member *element)
{
	if (!element->type)
		return "an array of a type that cannot be shown";
	if (!btf_array(m->type)->nelems && m->end == END_FIXED)
		return "an array without elements";
	if (btf_is_ptr(element->type))
		return "an array of pointers";
	if (btf_is_int(element->type) && (btf_int_offset(element->type) ||
					  btf_int_bits(element->type) != 8 * element->type->size))
		return "an array of bit-fields";
	if (!btf_is_composite(element->type) && !btf_is_int(element->type) &&
	    !btf_is_any_enum(element->type) && !btf_is_float(element->type) &&
	    !btf_is_array(element->type))
		return "an array of a type that cannot be shown";
	return NULL;
}

/* Elements count to the limit on fields like members do. */
static int count_element(struct walk *w, int depth)
{
	if (depth > MODEL_MAX_DEPTH)
		return error_set(w->err, E2BIG, "structs and arrays nested more than %d deep",
				 MODEL_MAX_DEPTH);
	if (++w->total > MODEL_MAX_FIELDS)
		return error_set(w->err, E2BIG, "more than %d fields", MODEL_MAX_FIELDS);
	return 0;
}

static int shape_list(struct walk *w, const struct member *m, int depth, struct shape *s)
{
	const struct btf_array *array = btf_array(m->type);
	struct member element = { .type_id = array->type,
				  .type = btf_bare(w->btf, array->type, NULL) };
	int64_t stride = btf__resolve_size(w->btf, array->type);
	int r = count_element(w, depth);

	if (r < 0)
		return r;
	s->why = stride > 0 && stride <= MODEL_MAX_ROW ? why_no_elements(m, &element)
						       : "an array of nothing";
	if (s->why)
		return 0;
	s->raw.type = TYPE_ARRAY;
	s->raw.layout = LAYOUT_BYTES;
	s->raw.size = array->nelems * (uint32_t)stride;
	r = btf_is_composite(element.type) ? shape_objects(w, &element, (uint32_t)stride, depth, s)
					   : shape_scalars(w, &element, (uint32_t)stride, depth, s);
	if (r < 0 || s->why)
		return r;
	if (may_end(m, array->nelems, false)) {
		set_tail(w, m->at, 0, &s->raw);
		s->made.layout = s->raw.layout;
		s->made.size = 0;
	}
	return 0;
}

int shape_array(struct walk *w, const struct member *m, int depth, struct shape *s)
{
	uint32_t element_id = btf_array(m->type)->type;
	enum text text = text_of(w, element_id);

	*s = (struct shape){ .raw = { .at = m->at } };
	if (text == TEXT_NONE)
		return shape_list(w, m, depth, s);
	if (!btf_array(m->type)->nelems && m->end == END_FIXED) {
		s->why = "an array without elements";
		return 0;
	}
	return shape_text(w, m, text, s);
}
