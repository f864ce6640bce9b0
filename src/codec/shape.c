/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/shape.h"

#include <errno.h>
#include <string.h>

#include "codec/program.h"

/* ---- nesting -------------------------------------------------------------- */

static bool has_label(const struct field *const *fields, uint32_t n, const char *text, size_t len)
{
	for (uint32_t i = 0; i < n; i++)
		if (!strncmp(fields[i]->label, text, len) && !fields[i]->label[len])
			return true;
	return false;
}

/* The length of the label's next component, the whole rest if it must not nest. */
static size_t component(const struct field *const *fields, uint32_t n, const char *label,
			const char *rest, unsigned depth)
{
	size_t len = strcspn(rest, ".");

	if (!len || !rest[len] || !rest[len + 1] || rest[len + 1] == '.' ||
	    depth == SHAPE_DEPTH_MAX)
		return strlen(rest);
	if (has_label(fields, n, label, (size_t)(rest - label) + len))
		return strlen(rest);
	return len;
}

static struct shape *find_object(const struct shape *parent, const char *key, size_t len)
{
	for (struct shape *s = parent->children; s; s = s->next)
		if (!s->field && s->key_len == len && !memcmp(s->key, key, len))
			return s;
	return NULL;
}

static struct shape *add_shape(struct arena *arena, struct shape *parent, const char *key,
			       size_t len)
{
	struct shape *s = arena_alloc(arena, sizeof(*s));

	s->key = key;
	s->key_len = len;
	if (parent->last)
		parent->last->next = s;
	else
		parent->children = s;
	parent->last = s;
	parent->nchildren++;
	return s;
}

static struct shape *place(struct arena *arena, struct shape *root,
			   const struct field *const *fields, uint32_t n, const struct field *field)
{
	struct shape *path[SHAPE_DEPTH_MAX + 2] = { root };
	const char *rest = field->label;
	unsigned depth = 0;
	bool is_optional = field->loc == LOC_COL;

	for (;;) {
		size_t len = component(fields, n, field->label, rest, depth);
		struct shape *parent = path[depth], *s;

		s = rest[len] ? find_object(parent, rest, len) : NULL;
		if (!s) {
			s = add_shape(arena, parent, rest, len);
			s->is_optional = true;
		}
		path[++depth] = s;
		if (!rest[len])
			break;
		rest += len + 1;
	}
	path[depth]->field = field;
	for (unsigned i = 0; i <= depth && !is_optional; i++)
		path[i]->is_optional = false;
	return path[depth];
}

int check_twins(const struct field *const *fields, uint32_t n, struct error *err)
{
	for (uint32_t i = 1; i < n; i++)
		if (has_label(fields, i, fields[i]->label, strlen(fields[i]->label)))
			return error_set(err, EEXIST,
					 "two fields are shown as '%s' (name each once)",
					 fields[i]->label);
	return 0;
}

static bool is_shown(const struct field *field, const struct encoder_options *options,
		     unsigned skip_flags)
{
	if (options->with_event && !strcmp(field->name, "@event"))
		skip_flags &= ~(unsigned)FIELD_QUIET;
	return !(field->flags & skip_flags);
}

int shown_fields(struct arena *arena, const struct schema *schema,
		 const struct encoder_options *options, unsigned skip_flags,
		 const struct field ***ret_fields, uint32_t *ret_nfields, struct error *err)
{
	uint32_t n = 0, max = options->nfields ? options->nfields : schema->nfields;
	const struct field **fields = arena_array(arena, max, sizeof(*fields));

	if (options->nfields) {
		for (uint32_t i = 0; i < options->nfields; i++) {
			fields[n] = schema_find(schema, options->fields[i]);
			if (!fields[n++])
				return error_set(err, ENOENT, "'%s' has no field '%s'",
						 schema->event, options->fields[i]);
		}
	} else {
		for (uint32_t i = 0; i < schema->nfields; i++)
			if (is_shown(&schema->fields[i], options, skip_flags))
				fields[n++] = &schema->fields[i];
	}
	*ret_fields = fields;
	*ret_nfields = n;
	return 0;
}

/* What all lists of one field have in common while they are made. */
struct maker {
	struct arena *arena;
	const struct schema *schema;
	const struct field *outer; /* the field of the record, for messages */
	uint32_t *nmembers;        /* so far */
	struct error *err;
};

static int make_list(const struct maker *maker, const struct field *field, unsigned depth,
		     struct list **ret_list);

/* fields nested into *root; depth: of the lists around them */
static int make_tree(const struct maker *maker, const struct field *const *fields, uint32_t n,
		     unsigned depth, struct shape **ret_root)
{
	struct shape *root = arena_alloc(maker->arena, sizeof(*root));
	int r = check_twins(fields, n, maker->err);

	if (r < 0)
		return r;
	/* Unions can put lists of lists over the same few bytes again and again. */
	*maker->nmembers += n;
	if (*maker->nmembers > SHAPE_MAX)
		return error_set(maker->err, E2BIG, "'%s' has more than %d members in lists",
				 maker->schema->event, SHAPE_MAX);
	for (uint32_t i = 0; i < n; i++) {
		struct shape *leaf = place(maker->arena, root, fields, n, fields[i]);
		struct list *list = NULL;

		if (fields[i]->type == TYPE_ARRAY) {
			struct maker inner = *maker;

			inner.outer = depth ? maker->outer : fields[i];
			r = make_list(&inner, fields[i], depth, &list);
			if (r < 0)
				return r;
		}
		leaf->list = list;
	}
	*ret_root = root;
	return 0;
}

static int make_object(const struct maker *maker, struct list *list, unsigned depth)
{
	const struct element *element = list->element;
	const struct field **members =
		arena_array(maker->arena, element->nfields, sizeof(const struct field *));
	struct shape *root = NULL;
	uint32_t n = 0;
	int r;

	for (uint32_t i = 0; i < element->nfields; i++)
		if (!(element->fields[i].flags & (FIELD_HIDDEN | FIELD_COLUMN)))
			members[n++] = &element->fields[i];
	r = make_tree(maker, members, n, depth, &root);
	list->object = root;
	return r;
}

static int check_element(const struct maker *maker, const struct element *element)
{
	if (!element || !element->stride || (!element->is_object && element->nfields != 1))
		return error_set(maker->err, EINVAL, "field '%s' of '%s' repeats nothing",
				 maker->outer->name, maker->schema->event);
	for (uint32_t i = 0; i < element->nfields; i++) {
		int r = member_kernel(maker->schema, maker->outer, &element->fields[i],
				      element->stride, maker->err);

		if (r < 0)
			return r;
	}
	return 0;
}

static int make_list(const struct maker *maker, const struct field *field, unsigned depth,
		     struct list **ret_list)
{
	struct list *list = arena_alloc(maker->arena, sizeof(*list)), *inner = NULL;
	int r = check_element(maker, field->element);

	if (r < 0)
		return r;
	if (depth == LIST_DEPTH_MAX)
		return error_set(maker->err, E2BIG,
				 "field '%s' of '%s' has lists more than %d deep",
				 maker->outer->name, maker->schema->event, LIST_DEPTH_MAX);
	list->element = field->element;
	if (list->element->is_object)
		r = make_object(maker, list, depth + 1);
	else if (list->element->fields[0].type == TYPE_ARRAY)
		r = make_list(maker, &list->element->fields[0], depth + 1, &inner);
	list->inner = inner;
	*ret_list = list;
	return r;
}

int list_make(struct arena *arena, const struct schema *schema, const struct field *field,
	      struct list **ret_list, struct error *err)
{
	uint32_t nmembers = 0;
	struct maker maker = {
		.arena = arena, .schema = schema, .outer = field, .nmembers = &nmembers, .err = err
	};

	return make_list(&maker, field, 0, ret_list);
}

int shape_make(struct arena *arena, const struct schema *schema,
	       const struct encoder_options *options, const struct shape **ret_root,
	       struct error *err)
{
	uint32_t n = 0, nmembers = 0;
	struct maker maker = {
		.arena = arena, .schema = schema, .nmembers = &nmembers, .err = err
	};
	const struct field **fields = NULL;
	struct shape *root = NULL;
	int r;

	r = shown_fields(arena, schema, options, FIELD_HIDDEN | FIELD_COLUMN, &fields, &n, err);
	if (r < 0)
		return r;
	r = make_tree(&maker, fields, n, 0, &root);
	if (r < 0)
		return r;
	*ret_root = root;
	return 0;
}

/* ---- lists of strings ----------------------------------------------------- */

bool strings_next(struct str *strings, struct str *ret_string)
{
	size_t used;

	if (!strings->len)
		return false;
	ret_string->at = strings->at;
	ret_string->len = strnlen(strings->at, strings->len);
	used = ret_string->len + (ret_string->len < strings->len);
	strings->at += used;
	strings->len -= used;
	return true;
}

uint32_t strings_count(struct str strings)
{
	uint32_t n = 0;
	struct str s;

	while (strings_next(&strings, &s))
		n++;
	return n;
}

struct str strings_trim(const struct field *field, struct str strings)
{
	if (field->layout == LAYOUT_BYTES)
		while (strings.len && !strings.at[strings.len - 1])
			strings.len--;
	return strings;
}
