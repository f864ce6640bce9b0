/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/bounds.h"

#include "codec/moment.h"
#include "codec/number.h"
#include "data/show.h"

enum { VARIABLES_MAX = 16 << 20, LONG_CHARS = 256 };

/* ---- made text ------------------------------------------------------------ */

static size_t text_of(const struct expansion *x, const char *s, size_t len)
{
	return x->text_size((const uint8_t *)s, len);
}

/* The table's own words, looked at. */
static size_t names_max(const struct expansion *x, const struct names *names, bool is_single)
{
	size_t longest = text_of(x, names->unknown, strlen(names->unknown)) + NUMBER_MAX;
	size_t separator = text_of(x, names->separator, strlen(names->separator)), all = 0;

	for (uint32_t i = 0; i < names->n; i++) {
		size_t size = text_of(x, names->list[i].text.at, names->list[i].text.len);

		if (size > longest)
			longest = size;
		all += size + separator;
	}
	return all > longest && !is_single ? all : longest;
}

size_t made_max(const struct expansion *x, const struct field *field)
{
	if (field->type == TYPE_NAME || field->type == TYPE_FLAGS)
		return names_max(x, field->names, field->type == TYPE_NAME);
	/* ASCII without controls but for 'µ' and '…': only \DDD needs more than a byte each. */
	return x->text_size((const uint8_t *)"\\", 1) * (size_t)show_max(field);
}

/* ---- numbers -------------------------------------------------------------- */

uint32_t digits_max(const struct field *field)
{
	static const uint8_t digits[LAYOUT_COUNT] = {
		[LAYOUT_U8] = 3,          [LAYOUT_U16] = 5,   [LAYOUT_U32] = 10,
		[LAYOUT_S8] = 4,          [LAYOUT_S16] = 6,   [LAYOUT_S32] = 11,
		[LAYOUT_U128] = 40,       [LAYOUT_S128] = 40, [LAYOUT_F32] = FLOAT_MAX,
		[LAYOUT_F64] = FLOAT_MAX,
	};
	bool is_narrow = field->loc == LOC_ROW || field->loc == LOC_CONST;
	uint32_t n = digits[field->layout];

	if (field->type == TYPE_TIME)
		return MOMENT_MAX;
	if (field->type == TYPE_BOOL)
		return sizeof("false") - 1;
	return n && (is_narrow || n > NUMBER_MAX) ? n : NUMBER_MAX;
}

/* ---- lists ---------------------------------------------------------------- */

static void measure_list(const struct expansion *x, struct list *list, uint32_t depth);

/* A value of fixed size inside a list; its text apart. */
static void measure_value(const struct expansion *x, const struct field *f, struct list *inner,
			  uint32_t depth, struct list *list)
{
	if (inner) {
		size_t n = f->size / inner->element->stride;

		measure_list(x, inner, depth);
		list->item += x->list + (size_t)x->indent * depth + n * inner->item;
		list->text += n * inner->text;
	} else if (f->type == TYPE_STRING) {
		list->item += x->frame;
		list->text += (size_t)x->per_byte * f->size;
	} else if (f->type == TYPE_STRINGS) {
		list->item += x->list;
		list->text += (size_t)(x->per_list + x->item + x->indent * (depth + 1)) * f->size;
	} else if (f->type == TYPE_BYTES) {
		list->item += x->frame + (size_t)x->per_raw * f->size;
	} else if (type_is_made((enum type)f->type)) {
		list->item += x->frame + made_max(x, f);
	} else {
		list->item += x->number + digits_max(f);
	}
}

static void measure_members(const struct expansion *x, const struct shape *object, uint32_t depth,
			    struct list *list)
{
	for (const struct shape *s = object->children; s; s = s->next) {
		list->item += x->key + x->text_size((const uint8_t *)s->key, s->key_len) +
			      (size_t)x->indent * depth;
		if (s->field) {
			measure_value(x, s->field, s->list, depth + 1, list);
			continue;
		}
		list->item += x->list + (size_t)x->indent * depth;
		measure_members(x, s, depth + 1, list);
	}
}

/* depth: of the list itself; what is in it stands one deeper */
static void measure_list(const struct expansion *x, struct list *list, uint32_t depth)
{
	const struct element *element = list->element;

	list->item = x->item + (size_t)x->indent * (depth + 1);
	list->text = 0;
	if (list->object) {
		list->item += x->list + (size_t)x->indent * (depth + 1);
		measure_members(x, list->object, depth + 2, list);
	} else {
		measure_value(x, &element->fields[0], list->inner, depth + 1, list);
	}
}

/* Text in lists, looked at. */
static size_t strings_size(const struct expansion *x, struct str strings, uint32_t depth)
{
	size_t each = x->per_string + (size_t)x->indent * (depth + 1), size = 0;
	struct str s;

	while (strings_next(&strings, &s))
		size += each + x->text_size((const uint8_t *)s.at, s.len);
	return size;
}

static size_t list_text(const struct expansion *x, const struct list *list, struct str bytes,
			uint32_t depth);

static size_t member_text(const struct expansion *x, const struct field *f,
			  const struct list *inner, const uint8_t *at, uint32_t depth)
{
	struct str s = { (const char *)at + f->at, f->size };

	if (inner)
		return list_text(x, inner, s, depth);
	if (f->type == TYPE_STRINGS)
		return strings_size(x, strings_trim(f, s), depth);
	return f->type == TYPE_STRING ? x->text_size((const uint8_t *)s.at, s.len) : 0;
}

static size_t object_text(const struct expansion *x, const struct shape *object, const uint8_t *at,
			  uint32_t depth)
{
	size_t size = 0;

	for (const struct shape *s = object->children; s; s = s->next)
		size += s->field ? member_text(x, s->field, s->list, at, depth + 1)
				 : object_text(x, s, at, depth + 1);
	return size;
}

static size_t list_text(const struct expansion *x, const struct list *list, struct str bytes,
			uint32_t depth)
{
	uint64_t n = list_count(list, bytes);
	size_t size = 0;

	if (!list->text)
		return 0;
	for (uint64_t i = 0; i < n; i++) {
		const uint8_t *at = list_at(list, bytes, i);

		size += list->object ? object_text(x, list->object, at, depth + 2)
				     : member_text(x, &list->element->fields[0], list->inner, at,
						   depth + 1);
	}
	return size;
}

/* ---- while compiling ------------------------------------------------------ */

void bounds_begin(struct bounds_builder *b, const struct expansion *expansion)
{
	*b = (struct bounds_builder){ .expansion = expansion };
	buf_init(&b->variables, VARIABLES_MAX);
}

void bounds_release(struct bounds_builder *b)
{
	buf_release(&b->variables);
}

static void add_variable(struct bounds_builder *b, const struct field *f, const struct list *list,
			 uint32_t factor, uint32_t depth)
{
	struct variable v = { .field = f, .list = list, .factor = factor, .depth = depth };

	buf_add(&b->variables, &v, sizeof(v));
}

static void add_text(struct bounds_builder *b, const struct field *f, uint32_t factor,
		     uint32_t depth)
{
	bool is_array = f->layout == LAYOUT_CHARS || f->layout == LAYOUT_BYTES;

	b->fixed += b->expansion->frame;
	if (f->loc != LOC_COL && is_array && f->size <= LONG_CHARS)
		b->fixed += (size_t)factor * f->size;
	else
		add_variable(b, f, NULL, factor, depth);
}

void bounds_add(struct bounds_builder *b, const struct field *f, struct list *list, uint32_t depth)
{
	const struct expansion *x = b->expansion;

	if (list) {
		measure_list(x, list, depth);
		b->fixed += x->list + (size_t)x->indent * depth;
		add_variable(b, f, list, 0, depth);
	} else if (f->layout == LAYOUT_RID) {
		b->fixed += x->frame + RID_TEXT_MAX;
	} else if (f->type == TYPE_STRING) {
		add_text(b, f, x->per_byte, depth);
	} else if (f->type == TYPE_STRINGS) {
		b->fixed += x->list + (size_t)x->indent * depth;
		add_text(b, f, x->per_list + x->indent * (depth + 1), depth);
	} else if (f->type == TYPE_BYTES) {
		add_text(b, f, x->per_raw, depth);
	} else if (type_is_made((enum type)f->type)) {
		b->fixed += x->frame + made_max(x, f);
	} else {
		b->fixed += x->number + digits_max(f);
	}
}

struct bounds bounds_end(struct bounds_builder *b, struct arena *arena, size_t slack)
{
	struct bounds bounds = {
		.expansion = b->expansion,
		.fixed = b->fixed + slack,
		.nvariables = (uint32_t)(b->variables.len / sizeof(struct variable)),
	};

	if (b->variables.len)
		bounds.variables = arena_memdup(arena, b->variables.data, b->variables.len);
	return bounds;
}

/* ---- while encoding ------------------------------------------------------- */

static struct str row_span(const struct batch *batch, uint32_t row, const struct field *f)
{
	struct str s = { .at = (const char *)field_bytes(f, batch, row), .len = f->size };

	switch ((enum layout)f->layout) {
	case LAYOUT_STR:
		memcpy(&s, s.at, sizeof(s));
		break;
	case LAYOUT_TAIL:
		s.len = tail_len(batch, row, f->at);
		break;
	case LAYOUT_REST:
		s.len = rest_len(batch, row, f->at, f->len_at);
		break;
	default:
		break;
	}
	return s;
}

struct str variable_span(const struct variable *v, const struct batch *batch, uint32_t row)
{
	const struct field *f = v->field;
	const struct column *col;

	if (f->loc != LOC_COL)
		return row_span(batch, row, f);
	col = &batch->cols[f->at];
	if (col->present && !(col->present[row / 64] >> (row % 64) & 1))
		return (struct str){ 0 };
	return col->s[row];
}

size_t variable_len(const struct variable *v, const struct batch *batch, uint32_t row)
{
	return variable_span(v, batch, row).len;
}

size_t bounds_exact(const struct bounds *bounds, const struct batch *batch, uint32_t row)
{
	const struct expansion *x = bounds->expansion;
	size_t bound = bounds->fixed;

	for (uint32_t i = 0; i < bounds->nvariables; i++) {
		const struct variable *v = &bounds->variables[i];
		struct str s = variable_span(v, batch, row);

		if (v->list)
			bound += list_count(v->list, s) * v->list->item +
				 list_text(x, v->list, s, v->depth);
		else if (v->field->type == TYPE_BYTES)
			bound += x->per_raw * s.len;
		else if (v->field->type == TYPE_STRINGS)
			bound += strings_size(x, s, v->depth);
		else
			bound += x->text_size((const uint8_t *)s.at, s.len);
	}
	return bound;
}
