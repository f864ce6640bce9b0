/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each field's notes are copied before they change: those of templates are
 * shared.  What moves fields (order, replace) comes last, when all are known.
 */
#include "gadget/present.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/suggest.h"
#include "gadget/metadata.h"
#include "gadget/templates.h"
#include "gadget/tree.h"

const char *const present_columns[] = {
	"width", "minwidth", "maxwidth",  "alignment", "ellipsis", "hidden", "fixed",
	"hex",   "alias",    "precision", "replace",   "order",    NULL,
};

/* What is said about one field, and what becomes of it. */
struct presenting {
	struct arena *arena;
	const struct metadata *metadata;
	const struct model_source *source;
	const struct field *field;
	struct error *err;
	/* where its annotations are, the first to ask first; found once a field */
	const struct yaml_node *places[4];
	struct notes notes;
	uint8_t flags;
	/* who said so: NULL when it is the type's or the template's */
	const struct yaml_node *width, *min_width, *max_width;
};

static bool ends_in(const char *name, const char *part)
{
	const char *dot = strrchr(name, '.');

	return dot && !strcmp(dot + 1, part);
}

static struct field *find_field(const struct model_source *s, const char *name)
{
	for (uint32_t i = 0; i < s->nfields; i++)
		if (!strcasecmp(s->fields[i].name, name))
			return &s->fields[i];
	return NULL;
}

/* The struct of an address whose column the field is; NULL when it is no such field. */
static const char *address_of(const struct presenting *p, const struct field *field)
{
	const char *dot = strrchr(field->name, '.');
	char *parent;

	if (!dot || (field->type != TYPE_ENDPOINT && field->type != TYPE_IP))
		return NULL;
	parent = arena_strndup(p->arena, field->name, (size_t)(dot - field->name));
	if (field->type == TYPE_ENDPOINT)
		return ends_in(field->name, "endpoint") ? parent : NULL;
	/* with a port, the endpoint is the column */
	if (!ends_in(field->name, "addr") ||
	    find_field(p->source, arena_printf(p->arena, "%s.endpoint", parent)))
		return NULL;
	return parent;
}

static const struct yaml_node *fields_of(const struct presenting *p)
{
	const struct yaml_node *sources = tree_map(p->metadata->root, "datasources");

	return tree_map(tree_map(sources, p->source->name), "fields");
}

static const struct yaml_node *annotations_of(const struct yaml_node *fields, const char *name)
{
	return name ? tree_map(tree_map(fields, name), "annotations") : NULL;
}

static void look_at(struct presenting *p, const struct field *field)
{
	const struct yaml_node *fields = fields_of(p), *every = p->metadata->every;
	const char *address = fields || every ? address_of(p, field) : NULL;

	p->field = field;
	p->places[0] = annotations_of(fields, field->name);
	p->places[1] = annotations_of(fields, address);
	p->places[2] = annotations_of(every, field->name);
	p->places[3] = annotations_of(every, address);
}

static bool has_annotations(const struct presenting *p)
{
	return p->places[0] || p->places[1] || p->places[2] || p->places[3];
}

static const struct yaml_node *said(const struct presenting *p, const char *key)
{
	for (size_t i = 0; i < sizeof(p->places) / sizeof(*p->places); i++) {
		const struct yaml_node *node = metadata_find(p->places[i], key);

		if (node && node->kind != YAML_NULL)
			return node;
	}
	return NULL;
}

static int bad(const struct presenting *p, const struct yaml_node *node, const char *key,
	       const char *what)
{
	return error_at(p->err, EINVAL, node->pos, "field '%s': %s must be %s, not %s",
			p->field->name, key, what, yaml_describe(node));
}

/* ---- values -------------------------------------------------------------- */

static int read_bool(const struct presenting *p, const char *key, bool *ret_value,
		     const struct yaml_node **ret_node)
{
	static const char *const words[][3] = { { "false", "f", "0" }, { "true", "t", "1" } };
	const struct yaml_node *node = said(p, key);

	if (!node)
		return 0;
	for (int value = 0; node->kind == YAML_SCALAR && value < 2; value++)
		for (int i = 0; i < 3; i++)
			if (!strcasecmp(node->text, words[value][i])) {
				*ret_value = value;
				if (ret_node)
					*ret_node = node;
				return 0;
			}
	return bad(p, node, key, "true or false");
}

static bool to_number(const char *text, long min, long max, long *ret_number)
{
	char *end;
	long number;

	if (!*text || strlen(text) > 9 || strspn(text, "-0123456789") != strlen(text))
		return false;
	number = strtol(text, &end, 10);
	if (*end || number < min || number > max)
		return false;
	*ret_number = number;
	return true;
}

/* The index of a word in a list that ends in NULL, or -1. */
static int read_word(const struct yaml_node *node, const char *const *words)
{
	for (int i = 0; node->kind == YAML_SCALAR && words[i]; i++)
		if (!strcasecmp(node->text, words[i]))
			return i;
	return -1;
}

/* Cells of the longest number of an integer field, sign included; 0: it is none. */
static uint16_t type_cells(const struct field *f)
{
	static const uint8_t digits_of_bytes[] = { 0, 3, 5, 8, 10, 13, 15, 17, 20 };
	bool is_signed = f->type == TYPE_INT;

	if (f->type != TYPE_INT && f->type != TYPE_UINT && f->type != TYPE_TIME_NS)
		return 0;
	if (f->layout == LAYOUT_U128 || f->layout == LAYOUT_S128)
		return 39 + is_signed;
	if (f->layout == LAYOUT_BITS || f->layout == LAYOUT_SBITS) {
		/* log10(2) is a little more than 30/100 */
		return (uint16_t)(1 + f->bits * 30103U / 100000 + is_signed);
	}
	if (f->size > 8)
		return 0;
	/* the largest of 64 bits has 20 digits, but 19 with a sign */
	return (uint16_t)(digits_of_bytes[f->size] + is_signed - (is_signed && f->size == 8));
}

static int read_width(const struct presenting *p, const char *key, uint16_t *ret_width,
		      const struct yaml_node **ret_node)
{
	const struct yaml_node *node = said(p, key);
	long number;

	if (!node)
		return 0;
	if (node->kind == YAML_SCALAR && !strcasecmp(node->text, "type")) {
		number = type_cells(p->field);
		if (!number)
			return error_at(p->err, EINVAL, node->pos,
					"field '%s': %s can be 'type' for integers only (this is "
					"%s)",
					p->field->name, key, type_name((enum type)p->field->type));
	} else if (node->kind != YAML_SCALAR ||
		   !to_number(node->text, 0, PRESENT_MAX_WIDTH, &number)) {
		return bad(p, node, key, "a number of cells (at most 1024) or 'type'");
	}
	*ret_width = (uint16_t)number;
	*ret_node = node;
	return 0;
}

/* ---- notes --------------------------------------------------------------- */

static void apply_template(struct presenting *p)
{
	const struct yaml_node *node = said(p, "template");
	const struct notes_template *template =
		node && node->kind == YAML_SCALAR ? notes_template(node->text) : NULL;
	const struct notes *from;

	if (!template)
		return;
	from = &template->notes;
	p->flags |= template->flags;
	if (from->description)
		p->notes.description = from->description;
	if (from->width)
		p->notes.width = from->width;
	if (from->min_width)
		p->notes.min_width = from->min_width;
	if (from->max_width)
		p->notes.max_width = from->max_width;
	if (from->align)
		p->notes.align = from->align;
	if (from->ellipsis)
		p->notes.ellipsis = from->ellipsis;
}

static int apply_widths(struct presenting *p)
{
	struct notes *n = &p->notes;
	int r = read_width(p, "columns.width", &n->width, &p->width);

	if (r == 0)
		r = read_width(p, "columns.minwidth", &n->min_width, &p->min_width);
	if (r == 0)
		r = read_width(p, "columns.maxwidth", &n->max_width, &p->max_width);
	if (r < 0)
		return r;
	if (p->min_width && p->max_width && n->max_width && n->min_width > n->max_width)
		return error_at(p->err, EINVAL, p->min_width->pos,
				"field '%s': columns.minwidth %u is more than columns.maxwidth %u",
				p->field->name, n->min_width, n->max_width);
	/* What the metadata says wins over what a template has. */
	if (p->width && n->width && !p->min_width && n->min_width > n->width)
		n->min_width = n->width;
	if (p->width && !p->max_width && n->max_width && n->max_width < n->width)
		n->max_width = n->width;
	if (p->max_width && n->max_width && !p->min_width && n->min_width > n->max_width)
		n->min_width = n->max_width;
	if (p->min_width && !p->max_width && n->max_width && n->max_width < n->min_width)
		n->max_width = n->min_width;
	return 0;
}

static int apply_words(struct presenting *p)
{
	static const char *const sides[] = { "left", "right", NULL };
	static const uint8_t aligns[] = { ALIGN_LEFT, ALIGN_RIGHT };
	static const char *const places[] = { "start", "middle", "end", "none", NULL };
	static const uint8_t ellipses[] = { ELLIPSIS_START, ELLIPSIS_MIDDLE, ELLIPSIS_END,
					    ELLIPSIS_NONE };
	const struct yaml_node *node = said(p, "columns.alignment");
	int i;

	if (node) {
		i = read_word(node, sides);
		if (i < 0)
			return bad(p, node, "columns.alignment", "left or right");
		p->notes.align = aligns[i];
	}
	node = said(p, "columns.ellipsis");
	if (node) {
		i = read_word(node, places);
		if (i < 0)
			return bad(p, node, "columns.ellipsis", "start, middle, end or none");
		p->notes.ellipsis = ellipses[i];
	}
	return 0;
}

static int apply_texts(struct presenting *p)
{
	const struct yaml_node *node = said(p, "description");

	if (node && node->kind != YAML_SCALAR)
		return bad(p, node, "description", "a text");
	if (node)
		p->notes.description = node->text;
	node = said(p, "columns.alias");
	if (node && (node->kind != YAML_SCALAR || strlen(node->text) > PRESENT_MAX_ALIAS))
		return bad(p, node, "columns.alias", "a text of at most 128 bytes");
	if (node)
		p->notes.alias = node->text[0] ? node->text : NULL;
	return 0;
}

static int apply_precision(struct presenting *p)
{
	const struct yaml_node *node = said(p, "columns.precision");
	long digits = -1;

	if (!node)
		return 0;
	if (node->kind != YAML_SCALAR || !to_number(node->text, -1, PRESENT_MAX_PRECISION, &digits))
		return bad(p, node, "columns.precision", "a number of digits from -1 to 17");
	p->notes.has_precision = digits >= 0;
	p->notes.precision = digits >= 0 ? (uint8_t)digits : 0;
	return 0;
}

static int apply_flags(struct presenting *p)
{
	bool is_hidden = p->flags & FIELD_QUIET, is_column = p->flags & FIELD_COLUMN;
	int r = read_bool(p, "columns.hidden", &is_hidden, NULL);

	if (r == 0)
		r = read_bool(p, "json.skip", &is_column, NULL);
	if (r == 0)
		r = read_bool(p, "columns.fixed", &p->notes.is_fixed, NULL);
	if (r == 0)
		r = read_bool(p, "columns.hex", &p->notes.is_hex, NULL);
	if (r < 0)
		return r;
	p->flags &= (uint8_t)~(FIELD_QUIET | FIELD_COLUMN);
	p->flags |= is_hidden ? FIELD_QUIET : 0;
	p->flags |= is_column ? FIELD_COLUMN : 0;
	return 0;
}

static int present_field(struct presenting *p, struct field *field)
{
	static const struct notes none;
	int r;

	look_at(p, field);
	if (!has_annotations(p))
		return 0;
	p->flags = field->flags;
	p->notes = field->notes ? *field->notes : none;
	p->width = p->min_width = p->max_width = NULL;
	apply_template(p);
	r = apply_widths(p);
	if (r == 0)
		r = apply_words(p);
	if (r == 0)
		r = apply_texts(p);
	if (r == 0)
		r = apply_precision(p);
	if (r == 0)
		r = apply_flags(p);
	if (r < 0)
		return r;
	field->flags = p->flags;
	field->notes = arena_memdup(p->arena, &p->notes, sizeof(p->notes));
	return 0;
}

/* A struct that JSON leaves out is left out with all its members. */
static int skip_members(struct presenting *p, struct field *field)
{
	const char *dot = strchr(field->name, '.');
	bool is_skipped = false;
	int r = 0;

	look_at(p, field);
	if (said(p, "json.skip"))
		return 0;
	for (; dot && r == 0; dot = strchr(dot + 1, '.')) {
		const char *parent =
			arena_strndup(p->arena, field->name, (size_t)(dot - field->name));

		p->places[0] = annotations_of(fields_of(p), parent);
		p->places[1] = annotations_of(p->metadata->every, parent);
		p->places[2] = p->places[3] = NULL;
		r = read_bool(p, "json.skip", &is_skipped, NULL);
	}
	if (r == 0 && is_skipped)
		field->flags |= FIELD_COLUMN;
	return r;
}

/* ---- places -------------------------------------------------------------- */

static int no_replacement(const struct presenting *p, const struct yaml_node *node)
{
	struct suggest suggest;

	suggest_init(&suggest, node->text);
	for (uint32_t i = 0; i < p->source->nfields; i++)
		suggest_offer(&suggest, p->source->fields[i].name);
	error_at(p->err, EINVAL, node->pos, "columns.replace: data source '%s' has no field '%s'",
		 p->source->name, node->text);
	if (suggest_result(&suggest))
		error_add(p->err, " (did you mean '%s'?)", suggest_result(&suggest));
	return -EINVAL;
}

/* Move the field at `from` right behind the one at `to`. */
static void move_behind(struct model_source *s, uint32_t from, uint32_t to)
{
	struct field moved = s->fields[from];

	if (from > to) {
		memmove(&s->fields[to + 2], &s->fields[to + 1],
			(from - to - 1) * sizeof(*s->fields));
		s->fields[to + 1] = moved;
	} else {
		memmove(&s->fields[from], &s->fields[from + 1], (to - from) * sizeof(*s->fields));
		s->fields[to] = moved;
	}
}

/* `field` goes from the columns, the other one takes its place and its header. */
static int replace(struct presenting *p, struct model_source *s, uint32_t i)
{
	struct field *field = &s->fields[i], *other;
	const struct yaml_node *node;
	struct notes *notes;

	look_at(p, field);
	node = said(p, "columns.replace");
	if (!node)
		return 0;
	if (node->kind != YAML_SCALAR)
		return bad(p, node, "columns.replace", "the name of a field");
	other = find_field(s, node->text);
	if (!other)
		return no_replacement(p, node);
	if (other == field || field->flags & FIELD_QUIET)
		return 0;
	notes = arena_alloc(p->arena, sizeof(*notes));
	if (other->notes)
		*notes = *other->notes;
	notes->alias = field->notes->alias ? field->notes->alias : field->name;
	other->notes = notes;
	other->flags &= (uint8_t)~FIELD_QUIET;
	field->flags |= FIELD_QUIET;
	move_behind(s, (uint32_t)(other - s->fields), i);
	return 0;
}

struct place {
	long order;
	uint32_t index;
};

static int compare_places(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	if (x->order != y->order)
		return x->order < y->order ? -1 : 1;
	return x->index < y->index ? -1 : 1;
}

/* Fields that have an order, by it; then the others, as they are. */
static int sort_fields(struct presenting *p, struct model_source *s)
{
	struct place *places = arena_array(p->arena, s->nfields, sizeof(*places));
	struct field *sorted = arena_array(p->arena, MODEL_MAX_FIELDS, sizeof(*sorted));
	bool is_ordered = false;

	for (uint32_t i = 0; i < s->nfields; i++) {
		const struct yaml_node *node;

		look_at(p, &s->fields[i]);
		node = said(p, "columns.order");
		places[i] = (struct place){ .order = INT32_MAX, .index = i };
		if (!node)
			continue;
		if (node->kind != YAML_SCALAR ||
		    !to_number(node->text, -1000000, 1000000, &places[i].order))
			return bad(p, node, "columns.order", "a number");
		is_ordered = true;
	}
	if (!is_ordered)
		return 0;
	qsort(places, s->nfields, sizeof(*places), compare_places);
	for (uint32_t i = 0; i < s->nfields; i++)
		sorted[i] = s->fields[places[i].index];
	s->fields = sorted;
	return 0;
}

/* Neither in JSON nor in columns: nowhere unless named. */
static void hide(struct field *field)
{
	if ((field->flags & FIELD_QUIET) && (field->flags & FIELD_COLUMN))
		field->flags |= FIELD_HIDDEN;
}

/* What is said of `x_raw` holds for the `x` that is made from it. */
static void describe_derived(struct presenting *p, const struct model_source *s,
			     struct field *field)
{
	size_t len = strlen(field->name);
	const struct field *raw = NULL;
	struct notes *notes;

	if (field->notes && field->notes->description)
		return;
	for (uint32_t i = 0; i < s->nfields; i++)
		if (!strncmp(s->fields[i].name, field->name, len) &&
		    !strcmp(s->fields[i].name + len, "_raw"))
			raw = &s->fields[i];
	if (!raw || !raw->notes || !raw->notes->description)
		return;
	notes = arena_alloc(p->arena, sizeof(*notes));
	if (field->notes)
		*notes = *field->notes;
	notes->description = raw->notes->description;
	field->notes = notes;
}

static int present_source(struct presenting *p, struct model_source *s)
{
	int r = 0;

	p->source = s;
	for (uint32_t i = 0; i < s->nfields && r == 0; i++)
		r = present_field(p, &s->fields[i]);
	for (uint32_t i = 0; i < s->nfields && r == 0; i++)
		r = skip_members(p, &s->fields[i]);
	for (uint32_t i = 0; i < s->nfields && r == 0; i++)
		describe_derived(p, s, &s->fields[i]);
	if (r == 0)
		r = sort_fields(p, s);
	for (uint32_t i = 0; i < s->nfields && r == 0; i++)
		r = replace(p, s, i);
	for (uint32_t i = 0; i < s->nfields && r == 0; i++)
		hide(&s->fields[i]);
	return r;
}

int present_apply(struct arena *arena, struct model *model, struct error *err)
{
	struct presenting p = { .arena = arena, .metadata = model->metadata, .err = err };
	int r = 0;

	if (!model->metadata)
		return 0;
	for (uint32_t i = 0; i < model->nsources && r == 0; i++)
		r = present_source(&p, &model->sources[i]);
	return r;
}
