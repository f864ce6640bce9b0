/* SPDX-License-Identifier: Apache-2.0 */
/*
 * yaml: libyaml's events as a small tree that remembers where everything stood.
 *
 * Recursive descent over the events, one call per node, so the depth limit
 * bounds the stack.  libyaml checks the syntax; what it allows and this project
 * does not (tags, anchors, duplicate keys, a second document, NULs) is refused
 * here, with the place.  The items of an open list or map are collected in a
 * growing array and copied to the arena when it closes.
 *
 * libyaml counts lines and columns (in characters) from 0, users from 1.
 */
#include "base/yaml.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <yaml.h>

#include "base/buf.h"

enum { SHOWN_MAX = 48 };

struct reader {
	yaml_parser_t parser;
	struct arena *arena;
	const char *name, *text;
	size_t len;
	size_t nnodes;
	/* Where a line begins that was asked for; questions mostly come in order. */
	uint32_t known_line;
	size_t known_at;
	struct error *err;
};

struct items {
	struct yaml_node *at;
	size_t n, cap;
};

static struct pos pos_of(const struct reader *reader, yaml_mark_t mark)
{
	return (struct pos){
		.file = reader->name,
		.line = (uint32_t)mark.line + 1,
		.col = (uint32_t)mark.column + 1,
	};
}

/* ---- places in the text ----------------------------------------------- */

static bool is_utf8_tail(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

/* Line and column of a byte, for the errors libyaml knows only a byte for. */
static struct pos pos_of_byte(const struct reader *reader, size_t offset)
{
	struct pos pos = { reader->name, 1, 1 };

	for (size_t i = 0; i < offset && i < reader->len; i++) {
		if (reader->text[i] == '\n') {
			pos.line++;
			pos.col = 1;
		} else if (!is_utf8_tail(reader->text[i])) {
			pos.col++;
		}
	}
	return pos;
}

static size_t line_start(struct reader *reader, uint32_t line)
{
	if (line < reader->known_line) {
		reader->known_line = 1;
		reader->known_at = 0;
	}
	while (reader->known_line < line) {
		const char *from = reader->text + reader->known_at;
		const char *end = memchr(from, '\n', reader->len - reader->known_at);

		if (!end)
			return reader->len;
		reader->known_at = (size_t)(end - reader->text) + 1;
		reader->known_line++;
	}
	return reader->known_at;
}

/* Is there a tab between the beginning of the line and its first word? */
static bool is_tab_indented(struct reader *reader, uint32_t line)
{
	for (size_t at = line_start(reader, line); at < reader->len; at++) {
		if (reader->text[at] == '\t')
			return true;
		if (reader->text[at] != ' ')
			return false;
	}
	return false;
}

/* A block scalar's text begins on the first line below that is not blank. */
static struct pos block_text_pos(struct reader *reader, struct pos pos)
{
	size_t at = line_start(reader, pos.line + 1);
	struct pos text = { pos.file, pos.line + 1, 1 };

	for (; at < reader->len; at++) {
		if (reader->text[at] == '\n') {
			text.line++;
			text.col = 1;
		} else if (reader->text[at] == ' ') {
			text.col++;
		} else {
			return text;
		}
	}
	return pos;
}

static struct pos text_pos(struct reader *reader, struct pos pos, yaml_scalar_style_t style)
{
	switch (style) {
	case YAML_SINGLE_QUOTED_SCALAR_STYLE:
	case YAML_DOUBLE_QUOTED_SCALAR_STYLE:
		pos.col++;
		return pos;
	case YAML_LITERAL_SCALAR_STYLE:
	case YAML_FOLDED_SCALAR_STYLE:
		return block_text_pos(reader, pos);
	default:
		return pos;
	}
}

/* ---- events ----------------------------------------------------------- */

static int syntax_error(struct reader *reader)
{
	const yaml_parser_t *parser = &reader->parser;
	struct pos pos;

	if (parser->error == YAML_MEMORY_ERROR)
		return error_set(reader->err, ENOMEM, "out of memory");
	if (parser->error == YAML_READER_ERROR)
		pos = pos_of_byte(reader, parser->problem_offset);
	else
		pos = pos_of(reader, parser->problem_mark);
	if (parser->error != YAML_READER_ERROR && is_tab_indented(reader, pos.line))
		return error_at(reader->err, EINVAL, pos, "a tab cannot indent (use spaces)");
	return error_at(reader->err, EINVAL, pos, "%s", parser->problem);
}

static int next_event(struct reader *reader, yaml_event_t *ret_event)
{
	if (!yaml_parser_parse(&reader->parser, ret_event))
		return syntax_error(reader);
	return 0;
}

static int refuse_extras(struct reader *reader, const yaml_event_t *event)
{
	const yaml_char_t *anchor = NULL, *tag = NULL;
	struct pos pos = pos_of(reader, event->start_mark);

	switch (event->type) {
	case YAML_SCALAR_EVENT:
		anchor = event->data.scalar.anchor;
		tag = event->data.scalar.tag;
		break;
	case YAML_SEQUENCE_START_EVENT:
		anchor = event->data.sequence_start.anchor;
		tag = event->data.sequence_start.tag;
		break;
	case YAML_MAPPING_START_EVENT:
		anchor = event->data.mapping_start.anchor;
		tag = event->data.mapping_start.tag;
		break;
	case YAML_ALIAS_EVENT:
		return error_at(reader->err, EINVAL, pos,
				"alias '*%s': anchors and aliases are not supported (write it out; "
				"put text that begins with '*' in quotes)",
				(const char *)event->data.alias.anchor);
	default:
		return 0;
	}
	if (anchor)
		return error_at(
			reader->err, EINVAL, pos,
			"anchor '&%s': anchors and aliases are not supported (write it out; "
			"put text that begins with '&' in quotes)",
			(const char *)anchor);
	if (tag)
		return error_at(reader->err, EINVAL, pos,
				"tag '%s': tags are not supported (put text that begins with '!' "
				"in quotes)",
				(const char *)tag);
	return 0;
}

/* ---- nodes ------------------------------------------------------------ */

static struct yaml_node *items_add(struct items *items)
{
	if (items->n == items->cap) {
		items->cap = items->cap ? items->cap * 2 : 8;
		items->at = xrealloc(items->at, items->cap * sizeof(*items->at));
	}
	items->at[items->n] = (struct yaml_node){ 0 };
	return &items->at[items->n++];
}

static void items_close(struct items *items, struct arena *arena, struct yaml_node *node)
{
	node->nitems = items->n;
	if (items->n)
		node->items = arena_memdup(arena, items->at, items->n * sizeof(*items->at));
	free(items->at);
}

static bool means_nothing(const char *text, size_t len)
{
	return !len || (len == 1 && *text == '~') || (len == 4 && !memcmp(text, "null", 4));
}

/* "'text'", cut between characters where it is long. */
static const char *make_shown(struct arena *arena, const char *text)
{
	size_t len = strlen(text);

	if (len <= SHOWN_MAX)
		return arena_printf(arena, "'%s'", text);
	len = SHOWN_MAX;
	while (len && is_utf8_tail(text[len]))
		len--;
	return arena_printf(arena, "'%.*s...'", (int)len, text);
}

static int read_scalar(struct reader *reader, const yaml_event_t *event, struct yaml_node *node)
{
	const char *text = (const char *)event->data.scalar.value;
	size_t len = event->data.scalar.length;

	if (memchr(text, '\0', len))
		return error_at(reader->err, EINVAL, node->pos, "text with a NUL byte inside");
	node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
	if (!node->quoted && means_nothing(text, len)) {
		node->kind = YAML_NULL;
		return 0;
	}
	node->kind = YAML_SCALAR;
	node->text = arena_strndup(reader->arena, text, len);
	node->text_pos = text_pos(reader, node->pos, event->data.scalar.style);
	node->shown = make_shown(reader->arena, node->text);
	return 0;
}

static int read_node(struct reader *reader, const yaml_event_t *event, unsigned depth,
		     struct yaml_node *node);

static int read_list(struct reader *reader, unsigned depth, struct yaml_node *node)
{
	struct items items = { 0 };
	int r = 0;

	node->kind = YAML_LIST;
	for (bool is_open = true; is_open && r == 0;) {
		yaml_event_t event;

		r = next_event(reader, &event);
		if (r < 0)
			break;
		if (event.type == YAML_SEQUENCE_END_EVENT)
			is_open = false;
		else
			r = read_node(reader, &event, depth + 1, items_add(&items));
		yaml_event_delete(&event);
	}
	items_close(&items, reader->arena, node);
	return r;
}

static int read_key(struct reader *reader, const yaml_event_t *event, struct yaml_node *item)
{
	struct yaml_node key = { .pos = pos_of(reader, event->start_mark) };
	int r = refuse_extras(reader, event);

	if (r < 0)
		return r;
	if (event->type != YAML_SCALAR_EVENT)
		return error_at(reader->err, EINVAL, key.pos, "a key must be plain text");
	r = read_scalar(reader, event, &key);
	if (r < 0)
		return r;
	if (key.kind == YAML_NULL || !*key.text)
		return error_at(reader->err, EINVAL, key.pos, "a key is missing in front of ':'");
	item->key = key.text;
	item->key_pos = key.pos;
	return 0;
}

/* By key, then by place: of two equal keys the later one is at fault. */
static int compare_keys(const void *a, const void *b)
{
	const struct yaml_node *const *x = a, *const *y = b;
	int r = strcmp((*x)->key, (*y)->key);

	return r ? r : (*x > *y) - (*x < *y);
}

static int refuse_duplicates(struct reader *reader, const struct yaml_node *map)
{
	const struct yaml_node **sorted, *bad = NULL, *first = NULL;

	if (map->nitems < 2)
		return 0;
	sorted = xcalloc(map->nitems, sizeof(const struct yaml_node *));
	for (size_t i = 0; i < map->nitems; i++)
		sorted[i] = &map->items[i];
	qsort(sorted, map->nitems, sizeof(const struct yaml_node *), compare_keys);
	for (size_t i = 1; i < map->nitems; i++) {
		if (strcmp(sorted[i - 1]->key, sorted[i]->key) != 0 || (bad && bad < sorted[i]))
			continue;
		first = sorted[i - 1];
		bad = sorted[i];
	}
	free(sorted);
	if (!bad)
		return 0;
	return error_at(reader->err, EINVAL, bad->key_pos, "key '%s' is already there in line %u",
			bad->key, first->key_pos.line);
}

static int read_pair(struct reader *reader, const yaml_event_t *key, unsigned depth,
		     struct yaml_node *item)
{
	yaml_event_t event;
	int r = read_key(reader, key, item);

	if (r < 0)
		return r;
	r = next_event(reader, &event);
	if (r < 0)
		return r;
	r = read_node(reader, &event, depth + 1, item);
	yaml_event_delete(&event);
	return r;
}

static int read_map(struct reader *reader, unsigned depth, struct yaml_node *node)
{
	struct items items = { 0 };
	int r = 0;

	node->kind = YAML_MAP;
	for (bool is_open = true; is_open && r == 0;) {
		yaml_event_t event;

		r = next_event(reader, &event);
		if (r < 0)
			break;
		if (event.type == YAML_MAPPING_END_EVENT)
			is_open = false;
		else
			r = read_pair(reader, &event, depth, items_add(&items));
		yaml_event_delete(&event);
	}
	items_close(&items, reader->arena, node);
	return r < 0 ? r : refuse_duplicates(reader, node);
}

/* Fill in the value part of node; its key, if any, stays. */
static int read_node(struct reader *reader, const yaml_event_t *event, unsigned depth,
		     struct yaml_node *node)
{
	int r;

	node->pos = pos_of(reader, event->start_mark);
	if (depth > YAML_MAX_DEPTH)
		return error_at(reader->err, EINVAL, node->pos, "nested deeper than %d levels",
				YAML_MAX_DEPTH);
	if (++reader->nnodes > YAML_MAX_NODES)
		return error_at(reader->err, EINVAL, node->pos, "more than %d values",
				YAML_MAX_NODES);
	r = refuse_extras(reader, event);
	if (r < 0)
		return r;
	switch (event->type) {
	case YAML_SCALAR_EVENT:
		return read_scalar(reader, event, node);
	case YAML_SEQUENCE_START_EVENT:
		return read_list(reader, depth, node);
	case YAML_MAPPING_START_EVENT:
		return read_map(reader, depth, node);
	default:
		return error_at(reader->err, EINVAL, node->pos, "a value is missing here");
	}
}

/* ---- documents -------------------------------------------------------- */

/* Take the next event, only to look at its type. */
static int step(struct reader *reader, yaml_event_type_t *ret_type, struct pos *ret_pos)
{
	yaml_event_t event;
	int r = next_event(reader, &event);

	if (r < 0)
		return r;
	*ret_type = event.type;
	*ret_pos = pos_of(reader, event.start_mark);
	yaml_event_delete(&event);
	return 0;
}

static int read_root(struct reader *reader, struct yaml_node *root)
{
	yaml_event_t event;
	int r = next_event(reader, &event);

	if (r < 0)
		return r;
	r = read_node(reader, &event, 1, root);
	yaml_event_delete(&event);
	return r;
}

static int read_document(struct reader *reader, struct yaml_node *root)
{
	yaml_event_type_t type;
	struct pos pos;
	int r = step(reader, &type, &pos); /* stream start */

	if (r == 0)
		r = step(reader, &type, &pos);
	if (r < 0)
		return r;
	if (type == YAML_STREAM_END_EVENT) {
		*root = (struct yaml_node){ .kind = YAML_NULL, .pos = pos };
		return 0;
	}
	r = read_root(reader, root);
	if (r == 0)
		r = step(reader, &type, &pos); /* document end */
	if (r == 0)
		r = step(reader, &type, &pos);
	if (r < 0)
		return r;
	if (type != YAML_STREAM_END_EVENT)
		return error_at(reader->err, EINVAL, pos,
				"a second document begins here (one file, one document)");
	return 0;
}

int yaml_parse(struct arena *arena, const char *name, const char *text, size_t len,
	       struct yaml_node **ret_root, struct error *err)
{
	struct reader reader = {
		.arena = arena,
		.name = arena_strdup(arena, name),
		.text = text,
		.len = len,
		.known_line = 1,
		.err = err,
	};
	struct yaml_node *root = arena_alloc(arena, sizeof(*root));
	int r;

	if (len > YAML_MAX_BYTES)
		return error_at(err, EINVAL, (struct pos){ .file = reader.name },
				"larger than %d MiB", YAML_MAX_BYTES >> 20);
	if (!yaml_parser_initialize(&reader.parser))
		return error_set(err, ENOMEM, "out of memory");
	yaml_parser_set_encoding(&reader.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&reader.parser, (const unsigned char *)text, len);
	r = read_document(&reader, root);
	yaml_parser_delete(&reader.parser);
	if (r < 0)
		return r;
	*ret_root = root;
	return 0;
}

/* Read all of fd, or a byte more than YAML_MAX_BYTES. */
static int read_all(int fd, struct buf *buf)
{
	for (;;) {
		ssize_t n;

		if (!buf_reserve(buf, 64 << 10))
			return 0;
		n = read(fd, buf->data + buf->len, 64 << 10);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return 0;
		buf->len += (size_t)n;
	}
}

int yaml_load(struct arena *arena, const char *path, struct yaml_node **ret_root, struct error *err)
{
	bool is_stdin = !strcmp(path, "-");
	int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	struct buf buf;
	int r;

	if (fd < 0)
		return error_set(err, errno, "cannot open '%s': %s", path, strerrordesc_np(errno));
	buf_init(&buf, YAML_MAX_BYTES + (128 << 10));
	r = read_all(fd, &buf);
	if (r < 0)
		error_set(err, -r, "cannot read '%s': %s", path, strerrordesc_np(-r));
	else
		r = yaml_parse(arena, is_stdin ? "stdin" : path,
			       buf.data ? (const char *)buf.data : "", buf.len, ret_root, err);
	buf_release(&buf);
	if (!is_stdin)
		close(fd);
	return r;
}

/* ---- looking things up ------------------------------------------------ */

const struct yaml_node *yaml_find(const struct yaml_node *map, const char *key)
{
	if (!map || map->kind != YAML_MAP)
		return NULL;
	for (size_t i = 0; i < map->nitems; i++)
		if (!strcmp(map->items[i].key, key))
			return &map->items[i];
	return NULL;
}

const char *yaml_describe(const struct yaml_node *node)
{
	if (!node)
		return "nothing";
	switch (node->kind) {
	case YAML_SCALAR:
		return node->shown ? node->shown : "a text";
	case YAML_LIST:
		return "a list";
	case YAML_MAP:
		return "a map";
	default:
		return "nothing";
	}
}
