/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/tree.h"

#include <string.h>

#include "codec/program.h"
#include "data/show.h"

void writer_init(struct writer *w, const struct style *style, const struct batch *batch,
		 uint8_t *out)
{
	*w = (struct writer){ .style = style, .out = out, .batch = batch, .second = SECOND_INIT };
}

static struct str cut_at_nul(struct str s)
{
	if (s.len)
		s.len = strnlen(s.at, s.len);
	return s;
}

static void tidy(const struct field *field, struct value *v)
{
	if (v->missing)
		return;
	if (v->type == TYPE_STRING)
		v->s = cut_at_nul(v->s);
	else if (v->type == TYPE_STRINGS)
		v->s = strings_trim(field, v->s);
}

void leaf_read(const struct batch *batch, uint32_t row, const struct field *field, struct value *v)
{
	batch_read(batch, row, field, v);
	tidy(field, v);
}

void member_read(const struct batch *batch, const uint8_t *at, const struct field *member,
		 struct value *v)
{
	element_read(at, member, v);
	if (member->layout == LAYOUT_BOOT)
		v->u += (uint64_t)batch->rows->boot_to_wall_ns;
	tidy(member, v);
}

bool is_there(const struct shape *member, const struct batch *batch, uint32_t row)
{
	const struct column *col;

	if (!member->is_optional)
		return true;
	if (member->field) {
		col = &batch->cols[member->field->at];
		return !col->present || (col->present[row / 64] >> (row % 64) & 1);
	}
	for (const struct shape *s = member->children; s; s = s->next)
		if (is_there(s, batch, row))
			return true;
	return false;
}

/* ---- values --------------------------------------------------------------- */

static void write_strings(struct writer *w, struct str strings)
{
	uint32_t n = strings_count(strings);
	bool is_first = true;
	struct str s;

	w->style->open(w, false, n);
	w->depth++;
	while (strings_next(&strings, &s)) {
		w->style->item(w, is_first);
		w->style->text(w, s);
		is_first = false;
	}
	w->depth--;
	w->style->close(w, false, n);
}

/* Out of line: the text takes a good part of a stack. */
__attribute__((noinline)) static void write_made(struct writer *w, const struct field *field,
						 const struct value *v)
{
	char text[SHOW_MAX];
	uint32_t len = show_value(field, v, text);

	w->style->text(w, (struct str){ text, len });
}

void write_value(struct writer *w, const struct field *field, const struct value *v)
{
	if (v->type == TYPE_STRING)
		w->style->text(w, v->s);
	else if (v->type == TYPE_STRINGS)
		write_strings(w, v->s);
	else if (v->type == TYPE_BYTES)
		w->style->bytes(w, v->s);
	else if (type_is_made(v->type))
		write_made(w, field, v);
	else
		w->style->scalar(w, field, v);
}

void write_leaf(struct writer *w, const struct shape *leaf, const struct value *v)
{
	if (leaf->list)
		write_list(w, leaf->list, v->s);
	else
		write_value(w, leaf->field, v);
}

/* ---- lists ---------------------------------------------------------------- */

static void write_object(struct writer *w, const struct shape *object, const uint8_t *at)
{
	w->style->open(w, true, object->nchildren);
	w->depth++;
	for (const struct shape *s = object->children; s; s = s->next) {
		struct value v;

		w->style->key(w, s, s == object->children);
		if (!s->field) {
			write_object(w, s, at);
			continue;
		}
		member_read(w->batch, at, s->field, &v);
		write_leaf(w, s, &v);
	}
	w->depth--;
	w->style->close(w, true, object->nchildren);
}

static void write_element(struct writer *w, const struct list *list, const uint8_t *at)
{
	const struct field *field = &list->element->fields[0];
	struct value v;

	if (list->object) {
		write_object(w, list->object, at);
		return;
	}
	member_read(w->batch, at, field, &v);
	if (list->inner)
		write_list(w, list->inner, v.s);
	else
		write_value(w, field, &v);
}

void write_list(struct writer *w, const struct list *list, struct str bytes)
{
	uint32_t n = (uint32_t)list_count(list, bytes);

	w->style->open(w, false, n);
	w->depth++;
	for (uint32_t i = 0; i < n; i++) {
		w->style->item(w, i == 0);
		write_element(w, list, list_at(list, bytes, i));
	}
	w->depth--;
	w->style->close(w, false, n);
}

/* ---- records -------------------------------------------------------------- */

uint32_t count_members(const struct shape *object, const struct batch *batch, uint32_t row)
{
	uint32_t n = 0;

	for (const struct shape *s = object->children; s; s = s->next)
		n += is_there(s, batch, row);
	return n;
}

static void write_branch(struct writer *w, const struct shape *object, uint32_t row)
{
	uint32_t n = count_members(object, w->batch, row);

	w->style->open(w, true, n);
	w->depth++;
	write_members(w, object, row);
	w->depth--;
	w->style->close(w, true, n);
}

void write_members(struct writer *w, const struct shape *object, uint32_t row)
{
	bool is_first = true;

	for (const struct shape *s = object->children; s; s = s->next) {
		struct value v;

		if (!is_there(s, w->batch, row))
			continue;
		w->style->key(w, s, is_first);
		is_first = false;
		if (!s->field) {
			write_branch(w, s, row);
			continue;
		}
		leaf_read(w->batch, row, s->field, &v);
		write_leaf(w, s, &v);
	}
}

/* ---- encoders ------------------------------------------------------------- */

static void write_plain(struct writer *w, const char *text)
{
	size_t len = strlen(text);

	memcpy(w->out, text, len);
	w->out += len;
}

static uint8_t *write_record(const struct tree_encoder *tree, const struct batch *batch,
			     uint32_t row, uint8_t *out)
{
	struct writer w;

	writer_init(&w, tree->style, batch, out);
	if (!count_members(tree->root, batch, row)) {
		write_plain(&w, tree->empty);
		return w.out;
	}
	w.is_guarded = tree->is_guarded;
	w.is_inline = true;
	w.depth = tree->depth;
	write_plain(&w, tree->begin);
	write_members(&w, tree->root, row);
	write_plain(&w, tree->end);
	return w.out;
}

static size_t tree_bound(const struct encoder *encoder, const struct batch *batch, uint32_t row)
{
	return bounds_exact(&((const struct tree_encoder *)encoder)->bounds, batch, row);
}

static uint32_t tree_rows(const struct encoder *encoder, const struct batch *batch, uint32_t first,
			  uint32_t until, struct encoded *dest)
{
	const struct tree_encoder *tree = (const struct tree_encoder *)encoder;
	uint32_t i;

	for (i = first; i < until && dest->nends < dest->max; i++) {
		uint32_t row = batch->sel[i];

		if (!bounds_fit(&tree->bounds, batch, row, (size_t)(dest->limit - dest->at)))
			break;
		dest->at = write_record(tree, batch, row, dest->at);
		dest->ends[dest->nends++] = (uint32_t)(dest->at - dest->start);
	}
	return i - first;
}

static int add_members(struct bounds_builder *b, const struct schema *schema,
		       const struct shape *object, uint32_t depth, struct error *err)
{
	const struct expansion *x = b->expansion;

	for (const struct shape *s = object->children; s; s = s->next) {
		int r;

		b->fixed += x->key + x->text_size((const uint8_t *)s->key, s->key_len) +
			    (size_t)x->indent * depth;
		if (s->field) {
			r = field_kernel(schema, s->field, err);
			if (r >= 0)
				bounds_add(b, s->field, s->list, depth);
		} else {
			b->fixed += x->list + (size_t)x->indent * depth;
			r = add_members(b, schema, s, depth + 1, err);
		}
		if (r < 0)
			return r;
	}
	return 0;
}

int tree_compile(struct arena *arena, const struct schema *schema,
		 const struct encoder_options *options, const struct expansion *expansion,
		 struct tree_encoder *tree, struct error *err)
{
	struct bounds_builder builder;
	int r = shape_make(arena, schema, options, &tree->root, err);

	if (r < 0)
		return r;
	bounds_begin(&builder, expansion);
	builder.fixed = strlen(tree->begin) + strlen(tree->end) + strlen(tree->empty);
	r = add_members(&builder, schema, tree->root, tree->depth, err);
	tree->bounds = bounds_end(&builder, arena, PROGRAM_SLACK);
	bounds_release(&builder);
	tree->is_guarded = options->big_int_string;
	tree->encoder = (struct encoder){ .rows = tree_rows, .bound = tree_bound };
	return r < 0 ? r : 0;
}
