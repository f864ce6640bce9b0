/* SPDX-License-Identifier: Apache-2.0 */
/*
 * oneliner: lines are put one after the other, each with the flag it came from.
 *
 * Values are written plain where that is safe, else in single quotes; those with
 * control characters, or with one of the three characters that YAML takes for a
 * line break, in double quotes with escapes.  `$` is doubled, so that the
 * variables of pipeline files stay out of the command line.
 */
#include "cli/oneliner.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/buf.h"

enum { LINES_MAX = 4096, ID_MAX = 64 };

struct writer {
	struct arena *arena;
	struct buf buf;
	struct oneliner_line *lines;
	size_t nlines;
	bool is_full;
};

static void put(struct writer *w, const char *bytes, size_t len)
{
	w->is_full |= !buf_add(&w->buf, bytes, len);
}

static void put_text(struct writer *w, const char *text)
{
	put(w, text, strlen(text));
}

static void end_line(struct writer *w, struct oneliner_line line)
{
	put_text(w, "\n");
	if (w->nlines == LINES_MAX)
		w->is_full = true;
	else
		w->lines[w->nlines++] = line;
}

/* A line that came from no flag. */
static void put_line(struct writer *w, const char *text)
{
	put_text(w, text);
	end_line(w, (struct oneliner_line){ 0 });
}

/* ---- scalars ----------------------------------------------------------- */

struct escape {
	const char *bytes, *code;
};

/* YAML takes these for line breaks, and nothing but an escape prevents it. */
static const struct escape breaks[] = {
	{ "\xc2\x85", "\\N" },
	{ "\xe2\x80\xa8", "\\L" },
	{ "\xe2\x80\xa9", "\\P" },
};

static const struct escape *break_at(const char *p)
{
	for (size_t i = 0; i < sizeof(breaks) / sizeof(*breaks); i++)
		if (!strncmp(p, breaks[i].bytes, strlen(breaks[i].bytes)))
			return &breaks[i];
	return NULL;
}

static bool is_control(char c)
{
	return (unsigned char)c < 0x20 || c == 0x7f;
}

/* Numbers stay plain: a quoted one would be a text. */
static bool is_plain(const char *text, size_t len)
{
	bool is_negative = len > 1 && *text == '-' && isdigit((unsigned char)text[1]);

	if (!len || !(isalnum((unsigned char)*text) || *text == '/' || *text == '.' || is_negative))
		return false;
	if (len == 4 && !memcmp(text, "null", 4))
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)text[i]) && !memchr("_-./", text[i], 4))
			return false;
	return true;
}

static bool needs_escapes(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (is_control(text[i]) || break_at(text + i))
			return true;
	return false;
}

static void put_single(struct writer *w, const char *text, size_t len)
{
	put_text(w, "'");
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\'' || text[i] == '$')
			put(w, &text[i], 1);
		put(w, &text[i], 1);
	}
	put_text(w, "'");
}

static void put_double(struct writer *w, const char *text, size_t len)
{
	put_text(w, "\"");
	for (size_t i = 0; i < len; i++) {
		const struct escape *escape = break_at(text + i);

		if (escape) {
			put_text(w, escape->code);
			i += strlen(escape->bytes) - 1;
		} else if (is_control(text[i])) {
			w->is_full |= !buf_printf(&w->buf, "\\x%02x", (unsigned char)text[i]);
		} else {
			if (text[i] == '"' || text[i] == '\\')
				put_text(w, "\\");
			if (text[i] == '$')
				put_text(w, "$");
			put(w, &text[i], 1);
		}
	}
	put_text(w, "\"");
}

static void put_scalar(struct writer *w, const char *text, size_t len)
{
	if (is_plain(text, len))
		put(w, text, len);
	else if (needs_escapes(text, len))
		put_double(w, text, len);
	else
		put_single(w, text, len);
}

/* "prefix value", from a flag. */
static void put_value(struct writer *w, const char *prefix, const char *text, size_t len,
		      struct oneliner_line from)
{
	put_text(w, prefix);
	put_scalar(w, text, len);
	end_line(w, from);
}

/* ---- nodes ------------------------------------------------------------- */

/* "dir/Trace-X.bpf.o" -> "trace-x", and never the id of another node, or a word
 * that means something to YAML. */
static const char *source_id(const char *gadget, struct arena *arena)
{
	static const char *const taken[] = { "filter", "select", "limit",
					     "stdout", "null",   "recording" };
	const char *slash = strrchr(gadget, '/'), *name = slash ? slash + 1 : gadget;
	char id[ID_MAX + 1];
	size_t n = 0;

	for (; name[n] && !strchr(".:@", name[n]) && n < ID_MAX; n++) {
		char c = (char)tolower((unsigned char)name[n]);

		id[n] = 'a';
		if (c == '_' || c == '-' || isdigit((unsigned char)c) || (c >= 'a' && c <= 'z'))
			id[n] = c;
		else
			id[n] = '_';
	}
	id[n] = '\0';
	for (size_t i = 0; i < sizeof(taken) / sizeof(*taken); i++)
		if (!strcmp(taken[i], id))
			return "gadget";
	return islower((unsigned char)*id) ? arena_strdup(arena, id) : "gadget";
}

static int check_params(const struct oneliner *o, struct error *err)
{
	for (size_t i = 0; i < o->nparams; i++)
		for (size_t j = 0; j < i; j++)
			if (!strcmp(o->params[i].key, o->params[j].key))
				return error_set(err, EINVAL, "parameter '%s' is given twice",
						 o->params[i].key);
	return 0;
}

static void put_params(struct writer *w, const struct oneliner *o)
{
	if (o->nparams)
		put_line(w, "    params:");
	for (size_t i = 0; i < o->nparams; i++) {
		const struct oneliner_param *param = &o->params[i];

		put_text(w, "      ");
		put_scalar(w, param->key, strlen(param->key));
		put_value(w, ": ", param->value, strlen(param->value),
			  (struct oneliner_line){ .flag = param->flag });
	}
}

static void put_source(struct writer *w, const struct oneliner *o, const char *id)
{
	put_line(w, "sources:");
	put_line(w, arena_printf(w->arena, "  %s:", id));
	if (o->replay) {
		put_line(w, "    type: replay");
		put_value(w, "    path: ", o->replay, strlen(o->replay),
			  (struct oneliner_line){ 0 });
		if (o->speed)
			put_value(w, "    speed: ", o->speed, strlen(o->speed),
				  (struct oneliner_line){ .flag = "--speed" });
		return;
	}
	put_line(w, "    type: gadget");
	put_value(w, "    gadget: ", o->gadget, strlen(o->gadget), (struct oneliner_line){ 0 });
	put_params(w, o);
}

static const char *skip_blanks(const char *p)
{
	while (*p == ' ' || *p == '\t')
		p++;
	return p;
}

static void put_fields(struct writer *w, const char *fields)
{
	const char *p = fields;

	for (;;) {
		const char *name = skip_blanks(p);
		size_t len = strcspn(name, ",");

		p = name + len;
		while (len && (name[len - 1] == ' ' || name[len - 1] == '\t'))
			len--;
		put_value(
			w, "      - ", name, len,
			(struct oneliner_line){ "--fields", true, (uint32_t)(name - fields) + 1 });
		if (!*p)
			return;
		p++;
	}
}

/* Begin a stage that reads `from`; returns its id, which the next one reads. */
static const char *put_stage(struct writer *w, const char *type, const char *from, bool *is_first)
{
	if (*is_first)
		put_line(w, "stages:");
	*is_first = false;
	put_line(w, arena_printf(w->arena, "  %s:", type));
	put_line(w, arena_printf(w->arena, "    type: %s", type));
	put_line(w, arena_printf(w->arena, "    inputs: [%s]", from));
	return type;
}

static const char *put_stages(struct writer *w, const struct oneliner *o, const char *from)
{
	bool is_first = true;

	if (o->filter) {
		from = put_stage(w, "filter", from, &is_first);
		put_value(w, "    where: ", o->filter, strlen(o->filter),
			  (struct oneliner_line){ "--filter", true, 1 });
	}
	if (o->fields) {
		from = put_stage(w, "select", from, &is_first);
		put_line(w, "    fields:");
		put_fields(w, o->fields);
	}
	if (o->count) {
		from = put_stage(w, "limit", from, &is_first);
		put_text(w,
			 arena_printf(w->arena, "    count: %llu", (unsigned long long)o->count));
		end_line(w, (struct oneliner_line){ .flag = "--count" });
	}
	return from;
}

static void put_stdout(struct writer *w, const struct oneliner *o, const char *from)
{
	put_line(w, "  stdout:");
	put_line(w, "    type: stdout");
	put_line(w, arena_printf(w->arena, "    inputs: [%s]", from));
	put_value(w, "    codec: ", o->codec, strlen(o->codec),
		  (struct oneliner_line){ .flag = "--output" });
}

static void put_recording(struct writer *w, const struct oneliner *o, const char *id,
			  const char *from)
{
	put_line(w, arena_printf(w->arena, "  %s:", id));
	put_line(w, "    type: recording");
	put_line(w, arena_printf(w->arena, "    inputs: ['%s']", from));
	put_value(w, "    path: ", o->record, strlen(o->record),
		  (struct oneliner_line){ .flag = "--output" });
	if (o->existing)
		put_value(w, "    existing: ", o->existing, strlen(o->existing),
			  (struct oneliner_line){ 0 });
	if (o->level)
		put_value(w, "    level: ", o->level, strlen(o->level),
			  (struct oneliner_line){ .flag = "--level" });
}

static void put_sink(struct writer *w, const struct oneliner *o, const char *id, const char *from)
{
	put_line(w, "sinks:");
	if (o->record)
		put_recording(w, o, id, from);
	else
		put_stdout(w, o, from);
	put_line(w, "    buffer:");
	put_line(w, "      when_full: block");
}

static int finish(struct writer *w, struct oneliner_text *ret_text, struct error *err)
{
	int r = 0;

	if (w->is_full)
		r = error_set(err, EINVAL, "the command line is too long (use a pipeline file)");
	else
		*ret_text = (struct oneliner_text){
			.text = arena_strndup(w->arena, (const char *)w->buf.data, w->buf.len),
			.len = w->buf.len,
			.lines = w->lines,
			.nlines = w->nlines,
		};
	buf_release(&w->buf);
	return r;
}

static void begin(struct writer *w)
{
	buf_init(&w->buf, YAML_MAX_BYTES);
	w->lines = arena_array(w->arena, LINES_MAX, sizeof(*w->lines));
}

int oneliner_make_recorder(const struct oneliner *o, const char *id, struct arena *arena,
			   struct oneliner_text *ret_text, struct error *err)
{
	struct writer w = { .arena = arena };

	begin(&w);
	put_sink(&w, o, id, "*.*");
	return finish(&w, ret_text, err);
}

int oneliner_make(const struct oneliner *o, struct arena *arena, struct oneliner_text *ret_text,
		  struct error *err)
{
	struct writer w = { .arena = arena };
	const char *id = source_id(o->replay ? o->replay : o->gadget, arena);
	int r = check_params(o, err);

	if (r < 0)
		return r;
	begin(&w);
	put_source(&w, o, id);
	put_sink(&w, o, "recording", put_stages(&w, o, arena_printf(arena, "%s.*", id)));
	return finish(&w, ret_text, err);
}

/* ---- places ------------------------------------------------------------ */

static struct pos place(const struct oneliner_text *text, struct pos pos, bool is_in_text)
{
	const struct oneliner_line *line;

	if (!pos.line || pos.line > text->nlines)
		return (struct pos){ 0 };
	line = &text->lines[pos.line - 1];
	if (!line->flag)
		return (struct pos){ 0 };
	if (!line->has_text || !is_in_text)
		return (struct pos){ .file = line->flag };
	return (struct pos){ .file = line->flag, .line = 1, .col = line->col };
}

void oneliner_place(const struct oneliner_text *text, struct yaml_node *root)
{
	root->pos = place(text, root->pos, false);
	root->key_pos = place(text, root->key_pos, false);
	if (root->kind == YAML_SCALAR)
		root->text_pos = place(text, root->text_pos, true);
	for (size_t i = 0; i < root->nitems; i++)
		oneliner_place(text, &root->items[i]);
}

void oneliner_place_error(const struct oneliner_text *text, struct error *err)
{
	struct pos pos = place(text, err->pos, false);
	char message[sizeof(err->text)];

	memcpy(message, err->text, sizeof(message));
	(void)error_at(err, err->code, pos, "%s", message);
}
