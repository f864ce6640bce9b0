/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/inspect_fields.h"

#include <stdio.h>
#include <string.h>

#include "cli/text.h"

enum {
	NAMES_SHOWN = 4 /* of a table, as text */
};

/* Where a field is seen, when it is not everywhere; else NULL. */
static const char *seen_in(const struct field *f)
{
	if (f->flags & FIELD_HIDDEN)
		return "only by name";
	if (f->flags & FIELD_QUIET)
		return "not in columns";
	return f->flags & FIELD_COLUMN ? "only in columns" : NULL;
}

static const char *description(const struct field *f)
{
	return f->notes ? f->notes->description : NULL;
}

/* Elements of an array; 0: as many as there are bytes. */
static uint32_t array_count(const struct field *f)
{
	return f->layout == LAYOUT_TAIL ? 0 : f->size / f->element->stride;
}

/* What the innermost of arrays in arrays repeats; the array itself for objects. */
static const struct field *innermost(const struct field *f)
{
	while (f->type == TYPE_ARRAY && !f->element->is_object)
		f = &f->element->fields[0];
	return f;
}

static bool is_bits(const struct field *f)
{
	return f->layout == LAYOUT_BITS || f->layout == LAYOUT_SBITS;
}

/* ---- as text ------------------------------------------------------------- */

static const char *type_text(const struct field *f, struct arena *arena)
{
	const struct field *leaf = innermost(f);
	const char *text = leaf->type == TYPE_ARRAY ? "object" : type_name((enum type)leaf->type);

	if (is_bits(leaf))
		text = arena_printf(arena, "%s:%u", text, leaf->bits);
	while (f->type == TYPE_ARRAY) {
		uint32_t count = array_count(f);

		text = count ? arena_printf(arena, "%s[%u]", text, count)
			     : arena_printf(arena, "%s[]", text);
		if (f == leaf)
			break;
		f = &f->element->fields[0];
	}
	return text;
}

static void print_names(const struct names *names)
{
	uint32_t shown = 0, i;

	for (i = 0; i < names->n && shown < NAMES_SHOWN; i++)
		if (names->list[i].text.len)
			(void)printf("%s%.*s", shown++ ? ", " : " (", (int)names->list[i].text.len,
				     names->list[i].text.at);
	if (shown)
		(void)printf("%s)", i < names->n ? ", ..." : "");
}

static void print_field(const struct field *f, const char *name, struct arena *arena)
{
	const struct field *leaf = innermost(f);
	const char *type = type_text(f, arena), *seen = seen_in(f);
	bool is_alone = !description(f) && !seen && !leaf->names;

	(void)printf(is_alone ? "    %-24s %s" : "    %-24s %-9s", name, type);
	if (description(f))
		(void)printf(" %s", text_clean(arena, description(f)));
	if (leaf->names)
		print_names(leaf->names);
	if (seen)
		(void)printf(" (%s)", seen);
	(void)putchar('\n');
}

void inspect_print_fields(const struct field *fields, uint32_t n, const char *prefix,
			  struct arena *arena)
{
	for (uint32_t i = 0; i < n; i++) {
		const struct field *f = &fields[i], *leaf = innermost(f);
		const char *name = arena_printf(arena, "%s%s", prefix, f->name);

		print_field(f, name, arena);
		if (leaf->type != TYPE_ARRAY)
			continue;
		for (; f != leaf; f = &f->element->fields[0])
			name = arena_printf(arena, "%s[]", name);
		inspect_print_fields(leaf->element->fields, leaf->element->nfields,
				     arena_printf(arena, "%s[].", name), arena);
	}
}

/* ---- as JSON ------------------------------------------------------------- */

/* The names of a table in its order. */
static json_t *names_json(const struct names *names)
{
	json_t *all = json_array();

	for (uint32_t i = 0; i < names->n; i++)
		if (names->list[i].text.len)
			(void)json_array_append_new(
				all, json_stringn(names->list[i].text.at, names->list[i].text.len));
	return all;
}

static json_t *field_json(const struct field *f)
{
	json_t *one = json_pack("{ss ss si si ss* ss*}", "name", f->name, "type",
				type_name((enum type)f->type), "at", (int)f->at, "size",
				(int)f->size, "description", description(f), "shown", seen_in(f));

	if (is_bits(f)) {
		(void)json_object_set_new(one, "bit", json_integer(f->bit));
		(void)json_object_set_new(one, "bits", json_integer(f->bits));
	}
	if (f->names)
		(void)json_object_set_new(one, "names", names_json(f->names));
	if (f->type != TYPE_ARRAY)
		return one;
	if (f->layout != LAYOUT_TAIL)
		(void)json_object_set_new(one, "count", json_integer(array_count(f)));
	(void)json_object_set_new(one, "stride", json_integer(f->element->stride));
	if (f->element->is_object)
		(void)json_object_set_new(
			one, "members",
			inspect_fields_json(f->element->fields, f->element->nfields));
	else
		(void)json_object_set_new(one, "element", field_json(&f->element->fields[0]));
	return one;
}

json_t *inspect_fields_json(const struct field *fields, uint32_t n)
{
	json_t *all = json_array();

	for (uint32_t i = 0; i < n; i++)
		(void)json_array_append_new(all, field_json(&fields[i]));
	return all;
}
