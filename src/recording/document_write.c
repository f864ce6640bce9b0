/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "recording/document.h"
#include "recording/keys.h"

/* Tables that are used by several fields are written once. */
struct writer {
	const struct schema *schema;
	const struct names **tables;
	uint32_t ntables, cap;
};

static void set(json_t *object, const char *key, json_t *value)
{
	(void)json_object_set_new(object, key, value);
}

static json_t *text_json(const char *at, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	json_t *text = memchr(at, 0, len) ? NULL : json_stringn(at, len);
	char *hex;

	if (text)
		return text;
	hex = xcalloc(2 * len + 1, 1);
	for (size_t i = 0; i < len; i++) {
		hex[2 * i] = digits[(uint8_t)at[i] >> 4];
		hex[2 * i + 1] = digits[(uint8_t)at[i] & 15];
	}
	text = json_object();
	set(text, "hex", json_string(hex));
	free(hex);
	return text;
}

static json_t *string_json(const char *text)
{
	return text_json(text, strlen(text));
}

/* JSON's integers end at 2^63 for many readers, so these are text. */
static json_t *number_json(uint64_t value)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "0x%" PRIx64, value);
	return json_string(text);
}

static json_t *table_json(const struct names *names)
{
	json_t *table = json_object(), *entries = json_array();

	for (uint32_t i = 0; i < names->n; i++) {
		const struct name *name = &names->list[i];
		json_t *entry = json_array();

		(void)json_array_append_new(entry, text_json(name->text.at, name->text.len));
		(void)json_array_append_new(entry, number_json(name->value));
		(void)json_array_append_new(entry, number_json(name->mask));
		(void)json_array_append_new(entries, entry);
	}
	set(table, "entries", entries);
	set(table, "unknown", string_json(names->unknown));
	set(table, "separator", string_json(names->separator));
	set(table, "hides_number", json_boolean(names->hides_number));
	set(table, "signed", json_boolean(names->is_signed));
	return table;
}

static uint32_t table_number(struct writer *w, const struct names *names)
{
	for (uint32_t i = 0; i < w->ntables; i++)
		if (w->tables[i] == names)
			return i;
	if (w->ntables == w->cap) {
		w->cap = w->cap ? 2 * w->cap : 16;
		w->tables = xrealloc(w->tables, w->cap * sizeof(const struct names *));
	}
	w->tables[w->ntables] = names;
	return w->ntables++;
}

static json_t *notes_json(const struct notes *notes)
{
	json_t *object = json_object();

	if (notes->description)
		set(object, "description", string_json(notes->description));
	if (notes->alias)
		set(object, "alias", string_json(notes->alias));
	set(object, "width", json_integer(notes->width));
	set(object, "min_width", json_integer(notes->min_width));
	set(object, "max_width", json_integer(notes->max_width));
	set(object, "align", json_string(recording_aligns[notes->align]));
	set(object, "ellipsis", json_string(recording_ellipses[notes->ellipsis]));
	set(object, "fixed", json_boolean(notes->is_fixed));
	set(object, "hex", json_boolean(notes->is_hex));
	if (notes->has_precision)
		set(object, "precision", json_integer(notes->precision));
	return object;
}

static json_t *flags_json(uint8_t flags)
{
	json_t *list = json_array();

	for (uint32_t i = 0; recording_flags[i]; i++)
		if (flags >> i & 1)
			(void)json_array_append_new(list, json_string(recording_flags[i]));
	return list;
}

static json_t *field_json(struct writer *w, const struct field *f);

static json_t *element_json(struct writer *w, const struct element *element)
{
	json_t *object = json_object(), *fields = json_array();

	for (uint32_t i = 0; i < element->nfields; i++)
		(void)json_array_append_new(fields, field_json(w, &element->fields[i]));
	set(object, "stride", json_integer(element->stride));
	set(object, "object", json_boolean(element->is_object));
	set(object, "fields", fields);
	return object;
}

static void put_place(struct writer *w, json_t *object, const struct field *f)
{
	if (f->loc == LOC_CONST) {
		struct str text = field_const_str(w->schema, f);

		set(object, "text", text_json(text.at, text.len));
		return;
	}
	if (f->loc == LOC_META)
		return;
	set(object, "at", json_integer(f->at));
	set(object, "size", json_integer(f->size));
	if (f->bits) {
		set(object, "bit", json_integer(f->bit));
		set(object, "bits", json_integer(f->bits));
	}
	if (f->layout == LAYOUT_REST)
		set(object, "len_at", json_integer(f->len_at));
}

static json_t *field_json(struct writer *w, const struct field *f)
{
	json_t *object = json_object();

	set(object, "name", string_json(f->name));
	if (f->label && strcmp(f->label, f->name) != 0)
		set(object, "label", string_json(f->label));
	set(object, "type", json_string(type_name((enum type)f->type)));
	set(object, "layout", json_string(layout_name((enum layout)f->layout)));
	set(object, "place", json_string(recording_places[f->loc]));
	put_place(w, object, f);
	if (f->flags)
		set(object, "flags", flags_json(f->flags));
	if (f->names)
		set(object, "names", json_integer(table_number(w, f->names)));
	if (f->element)
		set(object, "element", element_json(w, f->element));
	if (f->notes)
		set(object, "notes", notes_json(f->notes));
	return object;
}

static char *dump(json_t *root)
{
	char *text = json_dumps(root, JSON_COMPACT);

	json_decref(root);
	if (!text)
		abort(); /* only fails without memory */
	return text;
}

char *document_of_schema(const struct schema *schema)
{
	struct writer w = { .schema = schema };
	json_t *root = json_object(), *fields = json_array(), *tables = json_array();

	for (uint32_t i = 0; i < schema->nfields; i++)
		(void)json_array_append_new(fields, field_json(&w, &schema->fields[i]));
	for (uint32_t i = 0; i < w.ntables; i++)
		(void)json_array_append_new(tables, table_json(w.tables[i]));
	set(root, "event", string_json(schema->event));
	set(root, "source", string_json(schema->source));
	set(root, "row_min", json_integer(schema->row_min));
	if (schema->seq_at != SCHEMA_NO_SEQ)
		set(root, "seq_at", json_integer(schema->seq_at));
	set(root, "fields", fields);
	set(root, "tables", tables);
	free(w.tables);
	return dump(root);
}

char *document_of_head(const struct recording_head *head)
{
	json_t *root = json_object();

	set(root, "program", string_json(head->program));
	set(root, "created_ns", json_integer(head->created_ns));
	set(root, "host", string_json(head->host));
	set(root, "kernel", string_json(head->kernel));
	set(root, "machine", string_json(head->machine));
	set(root, "byte_order", json_string("little"));
	set(root, "boot", string_json(head->boot));
	set(root, "boot_to_wall_ns", json_integer(head->boot_to_wall_ns));
	return dump(root);
}
