/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is missing is written as lines below a path of keys ("datasources", its name,
 * "fields").  The part of the path that the document has is followed in it; the lines,
 * with what is left of the path above them, go to the end of the map found there.
 */
#include "gadget/metadata_complete.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "gadget/metadata.h"
#include "gadget/tree.h"

enum { MAX_PATH = 3, STEP = 2 };

struct completion {
	struct arena *arena;
	const char *file;
	const struct model *model;
	struct str text;
	uint32_t nadded;
	struct error *err;
};

/* Lines to add below a path; each is indented from there. */
struct addition {
	const char *path[MAX_PATH];
	size_t depth;
	struct buf lines;
};

/* ---- writing YAML ---------------------------------------------------------- */

static void indent(struct buf *out, size_t columns)
{
	(void)buf_printf(out, "%*s", (int)columns, "");
}

/* In double quotes, so that it is a text whatever it looks like. */
static void add_quoted(struct buf *out, const char *text)
{
	(void)buf_addstr(out, "\"");
	for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
		if (*c == '"' || *c == '\\')
			(void)buf_printf(out, "\\%c", *c);
		else if (*c < ' ' || *c == 0x7f)
			(void)buf_printf(out, "\\x%02x", *c);
		else
			(void)buf_add(out, c, 1);
	}
	(void)buf_addstr(out, "\"");
}

/* Identifiers with dots or dashes need no quotes, but for those that YAML takes for more. */
static void add_key(struct buf *out, const char *key)
{
	static const char *const words[] = { "y",   "n",    "yes",   "no",  "on",
					     "off", "true", "false", "null" };
	bool is_word = false;

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		is_word |= !strcasecmp(key, words[i]);
	if (is_word)
		add_quoted(out, key);
	else
		(void)buf_addstr(out, key);
	(void)buf_addstr(out, ":");
}

/* ---- what is missing ------------------------------------------------------- */

/* `error` beside `error_raw` is described by that. */
static bool is_derived(const struct model_source *source, const char *name)
{
	size_t len = strlen(name);

	for (uint32_t i = 0; i < source->nfields; i++)
		if (!strncmp(source->fields[i].name, name, len) &&
		    !strcmp(source->fields[i].name + len, "_raw"))
			return true;
	return false;
}

static bool wants_field(const struct model_source *source, const struct yaml_node *fields,
			const struct field *field)
{
	if ((field->flags & FIELD_HIDDEN) || (field->notes && field->notes->description))
		return false;
	return !tree_value(fields, field->name) && !tree_map(fields, field->name) &&
	       !is_derived(source, field->name);
}

/* Returns how many. */
static uint32_t missing_fields(const struct completion *c, const struct model_source *source,
			       struct addition *add)
{
	const struct metadata *md = c->model->metadata;
	const struct yaml_node *said = md ? tree_map(md->root, "datasources") : NULL;
	const struct yaml_node *fields = tree_map(tree_map(said, source->name), "fields");
	uint32_t n = 0;

	for (uint32_t i = 0; i < source->nfields; i++) {
		if (!wants_field(source, fields, &source->fields[i]))
			continue;
		add_key(&add->lines, source->fields[i].name);
		(void)buf_printf(&add->lines, "\n  annotations:\n    description: \"%s\"\n",
				 METADATA_PLACEHOLDER);
		n++;
	}
	add->path[0] = "datasources";
	add->path[1] = source->name;
	add->path[2] = "fields";
	add->depth = 3;
	return n;
}

static void write_param(struct buf *out, const struct model_param *p)
{
	add_key(out, p->variable);
	(void)buf_addstr(out, "\n  key: ");
	add_quoted(out, p->key);
	if (p->initial && p->kind != PARAM_OTHER) {
		(void)buf_addstr(out, "\n  defaultValue: ");
		add_quoted(out, p->initial);
	}
	(void)buf_addstr(out, "\n  description: ");
	add_quoted(out, p->description ? p->description : METADATA_PLACEHOLDER);
	(void)buf_addstr(out, "\n");
}

static uint32_t missing_params(const struct completion *c, struct addition *add)
{
	const struct metadata *md = c->model->metadata;
	struct metadata_param said;
	uint32_t n = 0;

	for (uint32_t i = 0; i < c->model->nparams; i++) {
		const struct model_param *p = &c->model->params[i];

		if (!p->variable || metadata_param(md, p->variable, &said))
			continue;
		write_param(&add->lines, p);
		n++;
	}
	/* Where the file has the others. */
	if (md && tree_map(md->root, "ebpfparams") && !tree_map(md->root, "params.ebpf")) {
		add->path[0] = "ebpfParams";
		add->depth = 1;
	} else {
		add->path[0] = "params";
		add->path[1] = "ebpf";
		add->depth = 2;
	}
	return n;
}

/* ---- where it goes --------------------------------------------------------- */

static const struct yaml_node *find_key(const struct yaml_node *map, const char *key)
{
	for (size_t i = 0; map->kind == YAML_MAP && i < map->nitems; i++)
		if (!strcasecmp(map->items[i].key, key))
			return &map->items[i];
	return NULL;
}

static size_t line_end(struct str text, size_t at)
{
	const char *end =
		text.at && at < text.len ? memchr(text.at + at, '\n', text.len - at) : NULL;

	return end ? (size_t)(end - text.at) + 1 : text.len;
}

static size_t line_start(struct str text, uint32_t line)
{
	size_t at = 0;

	while (--line && at < text.len)
		at = line_end(text, at);
	return at;
}

enum line_kind { LINE_BLANK, LINE_COMMENT, LINE_TEXT, LINE_MARK };

static enum line_kind look_at(struct str text, size_t at, size_t *ret_indent)
{
	size_t end = line_end(text, at), start = at;

	while (at < end && text.at[at] == ' ')
		at++;
	*ret_indent = at - start;
	if (at == end || strchr("\r\n", text.at[at]))
		return LINE_BLANK;
	if (text.at[at] == '#')
		return LINE_COMMENT;
	if (at == start && end - at >= 3 &&
	    (!memcmp(text.at + at, "...", 3) || !memcmp(text.at + at, "---", 3)))
		return LINE_MARK;
	return LINE_TEXT;
}

/*
 * Behind the last line of a block that begins at a line and is indented by `columns`:
 * comments that are indented less belong to what follows, and so do empty lines.
 */
static size_t block_end(struct str text, uint32_t line, size_t columns)
{
	size_t at = line_start(text, line), end = at;

	while (at < text.len) {
		size_t deep, next = line_end(text, at);
		enum line_kind kind = look_at(text, at, &deep);

		if (kind == LINE_MARK || (kind == LINE_TEXT && deep < columns))
			break;
		if (kind != LINE_BLANK && deep >= columns)
			end = next;
		at = next;
	}
	return end;
}

/* The lines with what is left of the path above them, indented by `columns`. */
static void write_block(struct buf *out, const struct addition *add, size_t from, size_t columns)
{
	const char *at = (const char *)add->lines.data, *end = at + add->lines.len;

	for (size_t i = from; i < add->depth; i++, columns += STEP) {
		indent(out, columns);
		add_key(out, add->path[i]);
		(void)buf_addstr(out, "\n");
	}
	while (at < end) {
		const char *stop = memchr(at, '\n', (size_t)(end - at)) + 1;

		indent(out, columns);
		(void)buf_add(out, at, (size_t)(stop - at));
		at = stop;
	}
}

static struct str insert(struct completion *c, size_t where, const struct buf *block)
{
	bool is_open = where && c->text.at[where - 1] != '\n';
	struct str out = { .len = c->text.len + block->len + is_open };
	char *to = arena_alloc(c->arena, out.len + 1);

	out.at = to;
	if (where)
		to = (char *)mempcpy(to, c->text.at, where);
	if (is_open)
		*to++ = '\n';
	to = (char *)mempcpy(to, block->data, block->len);
	if (c->text.len > where)
		memcpy(to, c->text.at + where, c->text.len - where);
	return out;
}

/* Whether everything in a document is in another, in the same order. */
static bool is_kept(const struct yaml_node *was, const struct yaml_node *is)
{
	size_t at = 0;

	if (was->kind == YAML_NULL)
		return is->kind == YAML_NULL || is->kind == YAML_MAP;
	if (was->kind != is->kind || (was->kind == YAML_LIST && was->nitems != is->nitems))
		return false;
	if (was->kind == YAML_SCALAR)
		return !strcmp(was->text, is->text) && was->quoted == is->quoted;
	for (size_t i = 0; i < was->nitems; i++) {
		while (at < is->nitems && was->kind == YAML_MAP &&
		       strcmp(is->items[at].key, was->items[i].key) != 0)
			at++;
		if (at == is->nitems || !is_kept(&was->items[i], &is->items[at]))
			return false;
		at++;
	}
	return true;
}

/* Where a document has the end of the path it shares with the addition. */
struct spot {
	size_t at, columns, depth;
};

static void find_spot(struct completion *c, const struct yaml_node *root,
		      const struct addition *add, struct spot *spot)
{
	const struct yaml_node *map = root, *item = NULL;

	spot->depth = 0;
	spot->columns = 0;
	while (spot->depth < add->depth && (item = find_key(map, add->path[spot->depth]))) {
		spot->depth++;
		spot->columns = item->key_pos.col - 1 + STEP;
		map = item;
		if (map->kind != YAML_MAP || !map->nitems)
			break;
		spot->columns = map->items[0].key_pos.col - 1;
	}
	if (map->kind == YAML_MAP && map->nitems)
		spot->at = block_end(c->text, map->items[0].key_pos.line, spot->columns);
	else if (map != root)
		spot->at = line_end(c->text, line_start(c->text, map->key_pos.line));
	else
		spot->at = block_end(c->text, 1, 0);
}

static int add_to_text(struct completion *c, const struct addition *add)
{
	struct yaml_node *was, *is;
	struct error why = ERROR_INIT;
	struct spot spot;
	struct buf block;
	struct str text;
	int r = yaml_parse(c->arena, c->file, c->text.at, c->text.len, &was, c->err);

	if (r < 0)
		return r;
	find_spot(c, was, add, &spot);
	buf_init(&block, YAML_MAX_BYTES);
	write_block(&block, add, spot.depth, spot.columns);
	text = insert(c, spot.at, &block);
	buf_release(&block);
	if (yaml_parse(c->arena, c->file, text.at, text.len, &is, &why) < 0 || !is_kept(was, is))
		return error_set(c->err, EINVAL,
				 "'%s' cannot be added to as it is written (add it by hand)",
				 c->file);
	c->text = text;
	return 0;
}

/* ---- all of it ------------------------------------------------------------- */

static int add_all(struct completion *c)
{
	int r = 0;

	c->nadded = 0;
	for (uint32_t i = 0; i <= c->model->nsources && r == 0; i++) {
		struct addition add = { .depth = 0 };
		uint32_t n = 0;

		buf_init(&add.lines, YAML_MAX_BYTES);
		if (i == c->model->nsources)
			n = missing_params(c, &add);
		else if (!c->model->sources[i].unsupported)
			n = missing_fields(c, &c->model->sources[i], &add);
		if (n)
			r = add_to_text(c, &add);
		c->nadded += n;
		buf_release(&add.lines);
	}
	return r;
}

/* What a document of one's own begins with. */
static void begin_text(struct completion *c)
{
	struct buf out;

	buf_init(&out, YAML_MAX_BYTES);
	(void)buf_addstr(&out, "name: ");
	add_quoted(&out, c->model->name);
	(void)buf_printf(&out, "\ndescription: \"%s\"\n", METADATA_PLACEHOLDER);
	c->text = (struct str){ arena_strndup(c->arena, (const char *)out.data, out.len), out.len };
	buf_release(&out);
}

static bool is_of_today(const struct completion *c, struct error *err)
{
	static const char *const older[] = { "tracers", "structs",     "snapshotters",
					     "toppers", "ebpf_params", "columns" };
	struct yaml_node *root;

	if (yaml_parse(c->arena, c->file, c->text.at, c->text.len, &root, err) < 0)
		return true;
	for (size_t i = 0; i < sizeof(older) / sizeof(*older); i++) {
		const struct yaml_node *found = find_key(root, older[i]);

		if (!found)
			continue;
		(void)error_at(err, EINVAL, found->key_pos,
			       "'%s' is of an older format, which is not added to (say it below "
			       "'datasources' and 'params')",
			       found->key);
		return false;
	}
	return true;
}

int metadata_complete(struct arena *arena, const char *file, struct str text,
		      const struct model *model, struct str *ret_text, uint32_t *ret_nadded,
		      struct error *err)
{
	struct completion c = {
		.arena = arena, .file = file, .model = model, .text = text, .err = err
	};
	struct error why = ERROR_INIT;
	int r = 0;

	if (!text.at)
		begin_text(&c);
	r = is_of_today(&c, err) ? add_all(&c) : -EINVAL;
	*ret_text = c.text;
	*ret_nadded = c.nadded;
	if (r == 0)
		return 0;
	c.text = (struct str){ "", 0 };
	c.err = &why;
	(void)add_all(&c);
	*ret_text = c.text;
	return r;
}
