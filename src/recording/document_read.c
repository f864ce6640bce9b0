/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "base/units.h"
#include "data/names.h"
#include "recording/check.h"
#include "recording/document.h"
#include "recording/keys.h"

enum { TABLES_MAX = 1024, NAME_MAX_BYTES = 1024, CONSTS_CAP = 64 };

struct parser {
	struct arena *arena;
	struct error *err;
	const struct names **tables;
	uint32_t ntables;
	struct str *consts;
	uint32_t nconsts;
	uint32_t nfields; /* members of elements included */
};

/* ---- values -------------------------------------------------------------- */

static int bad(const struct parser *p, const char *key, const char *what)
{
	return error_set(p->err, EBADMSG, "'%s' %s", key, what);
}

static int unknown(const struct parser *p, const char *key, const char *word)
{
	return error_set(p->err, ENOTSUP, "unknown %s '%s'; made by a newer version", key, word);
}

/* Keys that are not known could mean anything. */
static int check_keys(const struct parser *p, const json_t *object, const char *what,
		      const char *const *known)
{
	const char *key;
	json_t *value;

	if (!json_is_object(object))
		return bad(p, what, "is no object");
	json_object_foreach((json_t *)object, key, value)
	{
		uint32_t i = 0;

		while (known[i] && strcmp(known[i], key) != 0)
			i++;
		if (!known[i])
			return unknown(p, what, key);
	}
	return 0;
}

static int nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int read_hex(const struct parser *p, const char *key, const char *hex, size_t len,
		    struct str *ret_text)
{
	char *bytes = arena_alloc(p->arena, len / 2 + 1);

	for (size_t i = 0; i < len / 2; i++) {
		int high = nibble(hex[2 * i]), low = nibble(hex[2 * i + 1]);

		if (high < 0 || low < 0)
			return bad(p, key, "is no hexadecimal text");
		bytes[i] = (char)(high << 4 | low);
	}
	if (len % 2)
		return bad(p, key, "is no hexadecimal text");
	*ret_text = (struct str){ bytes, len / 2 };
	return 0;
}

static int read_text(const struct parser *p, const char *key, const json_t *value,
		     struct str *ret_text)
{
	const json_t *hex = json_object_get(value, "hex");

	if (json_is_string(value)) {
		size_t len = json_string_length(value);

		*ret_text =
			(struct str){ arena_strndup(p->arena, json_string_value(value), len), len };
		return 0;
	}
	if (!json_is_string(hex) || json_object_size(value) != 1)
		return bad(p, key, "is no text");
	return read_hex(p, key, json_string_value(hex), json_string_length(hex), ret_text);
}

/* Text without NULs; NULL stays when the key is not there. */
static int get_string(const struct parser *p, const json_t *object, const char *key,
		      const char **ret_text)
{
	const json_t *value = json_object_get(object, key);
	struct str text;
	int r;

	if (!value)
		return 0;
	r = read_text(p, key, value, &text);
	if (r < 0)
		return r;
	if (text.len > NAME_MAX_BYTES * 16 || memchr(text.at, 0, text.len))
		return bad(p, key, "is too long, or holds a NUL");
	*ret_text = text.at;
	return 0;
}

static int need_string(const struct parser *p, const json_t *object, const char *key,
		       const char **ret_text)
{
	*ret_text = NULL;
	if (!json_object_get(object, key))
		return bad(p, key, "is missing");
	return get_string(p, object, key, ret_text);
}

/* An integer from 0 to max; untouched when the key is not there. */
static int get_number(const struct parser *p, const json_t *object, const char *key, uint32_t max,
		      uint32_t *ret_value)
{
	const json_t *value = json_object_get(object, key);

	if (!value)
		return 0;
	if (!json_is_integer(value) || json_integer_value(value) < 0 ||
	    json_integer_value(value) > max)
		return error_set(p->err, EBADMSG, "'%s' is no number from 0 to %u", key, max);
	*ret_value = (uint32_t)json_integer_value(value);
	return 0;
}

static int get_bool(const struct parser *p, const json_t *object, const char *key, bool *ret_value)
{
	const json_t *value = json_object_get(object, key);

	if (value && !json_is_boolean(value))
		return bad(p, key, "is neither true nor false");
	*ret_value = json_is_true(value);
	return 0;
}

/* The place of a word in a list. */
static int get_word(const struct parser *p, const json_t *object, const char *key,
		    const char *const *words, uint8_t *ret_index)
{
	const char *word = json_string_value(json_object_get(object, key));

	if (!word)
		return bad(p, key, "is missing, or no text");
	for (uint8_t i = 0; words[i]; i++)
		if (!strcmp(words[i], word)) {
			*ret_index = i;
			return 0;
		}
	return unknown(p, key, word);
}

static int get_uint64(const struct parser *p, const json_t *value, uint64_t *ret_value)
{
	const char *text = json_string_value(value);

	if (!text || parse_uint(text, ret_value) < 0)
		return bad(p, "entries", "hold what is no number");
	return 0;
}

/* ---- tables of names ------------------------------------------------------ */

static int read_entry(const struct parser *p, const json_t *entry, struct name *ret_name)
{
	int r;

	if (json_array_size(entry) != 3)
		return bad(p, "entries", "hold what is no [name, value, mask]");
	r = read_text(p, "entries", json_array_get(entry, 0), &ret_name->text);
	if (r == 0)
		r = get_uint64(p, json_array_get(entry, 1), &ret_name->value);
	if (r == 0)
		r = get_uint64(p, json_array_get(entry, 2), &ret_name->mask);
	return r;
}

static int read_table(struct parser *p, const json_t *table)
{
	static const char *const keys[] = { "entries",      "unknown", "separator",
					    "hides_number", "signed",  NULL };
	const json_t *entries = json_object_get(table, "entries");
	size_t n = json_array_size(entries);
	struct names_options options = { 0 };
	struct name *list;
	int r = check_keys(p, table, "tables", keys);

	if (r == 0 && (!json_is_array(entries) || n > NAMES_MAX))
		r = bad(p, "entries", "is no list, or too long");
	if (r == 0)
		r = get_string(p, table, "unknown", &options.unknown);
	if (r == 0)
		r = get_string(p, table, "separator", &options.separator);
	if (r == 0)
		r = get_bool(p, table, "hides_number", &options.hides_number);
	if (r == 0)
		r = get_bool(p, table, "signed", &options.is_signed);
	if (r < 0)
		return r;
	list = arena_array(p->arena, n, sizeof(*list));
	for (size_t i = 0; i < n; i++) {
		r = read_entry(p, json_array_get(entries, i), &list[i]);
		if (r < 0)
			return r;
	}
	p->tables[p->ntables] = names_make(p->arena, list, (uint32_t)n, &options);
	if (!p->tables[p->ntables++])
		return bad(p, "tables", "can make longer texts than are allowed");
	return 0;
}

static int read_tables(struct parser *p, const json_t *tables)
{
	size_t n = json_array_size(tables);

	if (!json_is_array(tables) || n > TABLES_MAX)
		return bad(p, "tables", "is no list, or too long");
	p->tables = arena_array(p->arena, n, sizeof(const struct names *));
	for (size_t i = 0; i < n; i++) {
		int r = read_table(p, json_array_get(tables, i));

		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- fields ---------------------------------------------------------------- */

static int read_notes(const struct parser *p, const json_t *object, const struct notes **ret_notes)
{
	static const char *const keys[] = { "description", "alias",     "width",    "min_width",
					    "max_width",   "align",     "ellipsis", "fixed",
					    "hex",         "precision", NULL };
	struct notes *notes = arena_alloc(p->arena, sizeof(*notes));
	uint32_t width[3] = { 0 }, precision = 0;
	int r = check_keys(p, object, "notes", keys);

	if (r == 0)
		r = get_string(p, object, "description", &notes->description);
	if (r == 0)
		r = get_string(p, object, "alias", &notes->alias);
	if (r == 0)
		r = get_number(p, object, "width", UINT16_MAX, &width[0]);
	if (r == 0)
		r = get_number(p, object, "min_width", UINT16_MAX, &width[1]);
	if (r == 0)
		r = get_number(p, object, "max_width", UINT16_MAX, &width[2]);
	if (r == 0)
		r = get_number(p, object, "precision", UINT8_MAX, &precision);
	if (r == 0)
		r = get_word(p, object, "align", recording_aligns, &notes->align);
	if (r == 0)
		r = get_word(p, object, "ellipsis", recording_ellipses, &notes->ellipsis);
	if (r == 0)
		r = get_bool(p, object, "fixed", &notes->is_fixed);
	if (r == 0)
		r = get_bool(p, object, "hex", &notes->is_hex);
	notes->width = (uint16_t)width[0];
	notes->min_width = (uint16_t)width[1];
	notes->max_width = (uint16_t)width[2];
	notes->precision = (uint8_t)precision;
	notes->has_precision = json_object_get(object, "precision") != NULL;
	*ret_notes = notes;
	return r;
}

static int read_flags(const struct parser *p, const json_t *list, uint8_t *ret_flags)
{
	size_t i;
	const json_t *flag;

	if (!json_is_array(list))
		return bad(p, "flags", "is no list");
	json_array_foreach(list, i, flag)
	{
		const char *word = json_string_value(flag);
		uint32_t bit = 0;

		while (word && recording_flags[bit] && strcmp(recording_flags[bit], word) != 0)
			bit++;
		if (!word || !recording_flags[bit])
			return unknown(p, "flag", word ? word : "?");
		*ret_flags |= (uint8_t)(1U << bit);
	}
	return 0;
}

static const char *const *type_words(void)
{
	static const char *const words[] = {
#define X(id, name) name,
		TYPE_LIST(X)
#undef X
			NULL
	};

	return words;
}

static const char *const *layout_words(void)
{
	static const char *const words[] = {
#define X(id, bytes) #id,
		LAYOUT_LIST(X)
#undef X
			NULL
	};

	return words;
}

static int read_const(struct parser *p, const json_t *object, struct field *f)
{
	int r;

	if (p->nconsts == CONSTS_CAP)
		return error_set(p->err, E2BIG, "more than %d constants", CONSTS_CAP);
	r = read_text(p, "text", json_object_get(object, "text"), &p->consts[p->nconsts]);
	f->at = p->nconsts++ * (uint32_t)sizeof(struct str);
	f->size = sizeof(struct str);
	return r;
}

static int read_place(struct parser *p, const json_t *object, struct field *f)
{
	uint32_t bit = 0, bits = 0;
	int r = get_word(p, object, "place", recording_places, &f->loc);

	if (r < 0)
		return r;
	f->size = sizeof(struct str);
	if (f->loc == LOC_CONST)
		return read_const(p, object, f);
	if (f->loc == LOC_META)
		return 0;
	f->size = 0;
	r = get_number(p, object, "at", CHECK_ROW_MAX, &f->at);
	if (r == 0)
		r = get_number(p, object, "size", CHECK_ROW_MAX, &f->size);
	if (r == 0)
		r = get_number(p, object, "bit", UINT8_MAX, &bit);
	if (r == 0)
		r = get_number(p, object, "bits", UINT8_MAX, &bits);
	if (r == 0)
		r = get_number(p, object, "len_at", CHECK_ROW_MAX, &f->len_at);
	f->bit = (uint8_t)bit;
	f->bits = (uint8_t)bits;
	return r;
}

static int read_fields(struct parser *p, const json_t *list, uint32_t depth,
		       const struct field **ret_fields, uint32_t *ret_n);

static int read_element(struct parser *p, const json_t *object, uint32_t depth,
			const struct element **ret_element)
{
	static const char *const keys[] = { "stride", "object", "fields", NULL };
	struct element *element = arena_alloc(p->arena, sizeof(*element));
	int r = check_keys(p, object, "element", keys);

	if (r == 0)
		r = get_number(p, object, "stride", CHECK_ROW_MAX, &element->stride);
	if (r == 0)
		r = get_bool(p, object, "object", &element->is_object);
	if (r == 0)
		r = read_fields(p, json_object_get(object, "fields"), depth + 1, &element->fields,
				&element->nfields);
	*ret_element = element;
	return r;
}

static int read_extras(struct parser *p, const json_t *object, uint32_t depth, struct field *f)
{
	const json_t *names = json_object_get(object, "names"),
		     *element = json_object_get(object, "element"),
		     *notes = json_object_get(object, "notes"),
		     *flags = json_object_get(object, "flags");
	uint32_t table = 0;
	int r = get_number(p, object, "names", UINT32_MAX, &table);

	if (r == 0 && names && table >= p->ntables)
		r = bad(p, "names", "is no table");
	if (r == 0 && names)
		f->names = p->tables[table];
	if (r == 0 && flags)
		r = read_flags(p, flags, &f->flags);
	if (r == 0 && element)
		r = read_element(p, element, depth, &f->element);
	if (r == 0 && notes)
		r = read_notes(p, notes, &f->notes);
	return r;
}

static int read_field(struct parser *p, const json_t *object, uint32_t depth, struct field *f)
{
	static const char *const keys[] = { "name",  "label",   "type",  "layout", "place", "at",
					    "size",  "bit",     "bits",  "len_at", "text",  "flags",
					    "names", "element", "notes", NULL };
	int r = check_keys(p, object, "fields", keys);

	if (r == 0)
		r = need_string(p, object, "name", &f->name);
	if (r < 0)
		return r;
	if (!f->name || !f->name[0] || strlen(f->name) > NAME_MAX_BYTES)
		return bad(p, "name", "is empty, or too long");
	f->label = f->name;
	r = get_string(p, object, "label", &f->label);
	if (r == 0)
		r = get_word(p, object, "type", type_words(), &f->type);
	if (r == 0)
		r = get_word(p, object, "layout", layout_words(), &f->layout);
	if (r == 0)
		r = read_place(p, object, f);
	if (r == 0)
		r = read_extras(p, object, depth, f);
	return r < 0 ? error_wrap(p->err, "field '%s'", f->name) : 0;
}

static int read_fields(struct parser *p, const json_t *list, uint32_t depth,
		       const struct field **ret_fields, uint32_t *ret_n)
{
	size_t n = json_array_size(list);
	struct field *fields;

	if (!json_is_array(list) || n > SCHEMA_MAX_FIELDS || depth > CHECK_ELEMENT_DEPTH)
		return bad(p, "fields", "is no list, too long, or too deep");
	p->nfields += (uint32_t)n;
	if (p->nfields > CHECK_FIELDS_MAX)
		return error_set(p->err, E2BIG, "more than %d fields", CHECK_FIELDS_MAX);
	fields = arena_array(p->arena, n ? n : 1, sizeof(*fields));
	for (size_t i = 0; i < n; i++) {
		int r = read_field(p, json_array_get(list, i), depth, &fields[i]);

		if (r < 0)
			return r;
	}
	*ret_fields = fields;
	*ret_n = (uint32_t)n;
	return 0;
}

/* ---- the whole ------------------------------------------------------------- */

static json_t *load(const char *text, size_t len, struct error *err)
{
	json_error_t why;
	json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &why);

	if (!root)
		(void)error_set(err, EBADMSG, "its document is no JSON: %s", why.text);
	return root;
}

static int read_schema(struct parser *p, const json_t *root, struct schema *s)
{
	static const char *const keys[] = { "event",  "source", "row_min", "seq_at",
					    "fields", "tables", NULL };
	const struct field *fields = NULL;
	uint32_t n = 0;
	int r = check_keys(p, root, "schema", keys);

	s->seq_at = SCHEMA_NO_SEQ;
	if (r == 0)
		r = need_string(p, root, "event", &s->event);
	if (r == 0)
		r = need_string(p, root, "source", &s->source);
	if (r == 0)
		r = get_number(p, root, "row_min", CHECK_ROW_MAX, &s->row_min);
	if (r == 0)
		r = get_number(p, root, "seq_at", CHECK_ROW_MAX, &s->seq_at);
	if (r == 0)
		r = read_tables(p, json_object_get(root, "tables"));
	if (r == 0)
		r = read_fields(p, json_object_get(root, "fields"), 0, &fields, &n);
	s->fields = fields;
	s->nfields = (uint16_t)n;
	s->consts = (const uint8_t *)p->consts;
	return r;
}

int document_to_schema(struct arena *arena, const char *text, size_t len,
		       const struct schema **ret_schema, struct error *err)
{
	struct parser p = { .arena = arena, .err = err };
	struct schema draft = { 0 };
	json_t *root = load(text, len, err);
	int r;

	if (!root)
		return -EBADMSG;
	p.consts = arena_array(arena, CONSTS_CAP, sizeof(*p.consts));
	r = read_schema(&p, root, &draft);
	json_decref(root);
	if (r == 0)
		r = schema_check(&draft, err);
	if (r == 0)
		*ret_schema = schema_finish(arena, &draft);
	return r;
}

static const char *head_text(struct arena *arena, const json_t *root, const char *key)
{
	const json_t *value = json_object_get(root, key);
	const json_t *hex = json_object_get(value, "hex");
	const char *text = json_string_value(json_is_string(value) ? value : hex);

	return arena_strdup(arena, text ? text : "");
}

int document_to_head(struct arena *arena, const char *text, size_t len,
		     struct recording_head *ret_head, struct error *err)
{
	json_t *root = load(text, len, err);
	const char *order;

	if (!root)
		return -EBADMSG;
	order = head_text(arena, root, "byte_order");
	*ret_head = (struct recording_head){
		.program = head_text(arena, root, "program"),
		.host = head_text(arena, root, "host"),
		.kernel = head_text(arena, root, "kernel"),
		.machine = head_text(arena, root, "machine"),
		.boot = head_text(arena, root, "boot"),
		.created_ns = json_integer_value(json_object_get(root, "created_ns")),
		.boot_to_wall_ns = json_integer_value(json_object_get(root, "boot_to_wall_ns")),
	};
	json_decref(root);
	if (strcmp(order, "little") != 0)
		return error_set(err, ENOTSUP, "its rows are of byte order '%s', not 'little'",
				 order);
	return 0;
}
