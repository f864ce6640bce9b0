/* SPDX-License-Identifier: Apache-2.0 */
/*
 * yaml: one document a record, in block style.
 *
 *     ---
 *     event: open
 *     proc:
 *       comm: cat
 *     args:
 *       - "-n"
 *       - /etc/passwd
 *
 * Keys and nesting are those of JSON.  A string is plain only when no reader of
 * YAML 1.1 or 1.2 can take it for anything else: it begins with a letter, '/' or
 * '_', holds nothing but letters, digits, spaces between them, and a few marks
 * that never mean anything, and is none of the words for booleans and null.
 * Every other string stands in double quotes, with escapes for what readers may
 * not accept or may take for the end of a line.
 */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <string.h>
#include <strings.h>

#include "codec/encoder.h"
#include "codec/json_style.h"
#include "codec/number.h"
#include "codec/text.h"
#include "codec/tree.h"

/* Readers look no further than 1024 characters for the colon behind a key. */
enum { KEY_MAX = 1000 };

static void put(struct writer *w, char c)
{
	*w->out++ = (uint8_t)c;
}

static void put_word(struct writer *w, const char *word)
{
	while (*word)
		*w->out++ = (uint8_t)*word++;
}

/* ---- strings ---------------------------------------------------------------- */

static bool is_reserved(const char *s, size_t n)
{
	static const char *const words[] = { "y",   "n",    "yes",   "no",  "on",
					     "off", "true", "false", "null" };

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (strlen(words[i]) == n && !strncasecmp(words[i], s, n))
			return true;
	return false;
}

static bool is_plain_inside(uint8_t c)
{
	return (c < 0x80 && isalnum(c)) || (c && strchr("/_.+-=@%()$~^", c));
}

static bool is_plain(const uint8_t *s, size_t n)
{
	if (!n || s[0] >= 0x80 || !(isalpha(s[0]) || s[0] == '/' || s[0] == '_'))
		return false;
	for (size_t i = 1; i < n; i++)
		if (!is_plain_inside(s[i]) && (s[i] != ' ' || i + 1 == n || s[i + 1] == ' '))
			return false;
	return !is_reserved((const char *)s, n);
}

static uint32_t code_point(const uint8_t *s, int len)
{
	uint32_t c = len == 1 ? s[0] : s[0] & (0x7fU >> len);

	for (int i = 1; i < len; i++)
		c = c << 6 | (s[i] & 0x3f);
	return c;
}

/* Line breaks of YAML 1.1, what is not printable to YAML 1.2, and the byte order mark. */
static bool is_escaped(uint32_t c)
{
	return c < 0x20 || c == '"' || c == '\\' || (c >= 0x7f && c < 0xa0) || c == 0x2028 ||
	       c == 0x2029 || c == 0xfeff || c == 0xfffe || c == 0xffff;
}

static uint8_t *put_escape(uint8_t *out, uint32_t c)
{
	static const char digits[] = "0123456789abcdef";
	static const char shorts[] = "\"\"\\\\\nn\tt\rr\bb\ff\33e";
	int n = c > 0xff ? 4 : 2;

	*out++ = '\\';
	for (size_t i = 0; i + 1 < sizeof(shorts); i += 2) {
		if ((uint32_t)(uint8_t)shorts[i] != c)
			continue;
		*out++ = (uint8_t)shorts[i + 1];
		return out;
	}
	*out++ = n == 4 ? 'u' : 'x';
	while (n--)
		*out++ = (uint8_t)digits[c >> (4 * n) & 15];
	return out;
}

/* One character as it is or escaped; returns how many bytes of s it took. */
static size_t put_character(uint8_t **out, const uint8_t *s, size_t n)
{
	int len = utf8_next(s, n);

	if (len < 0) {
		memcpy(*out, "\xef\xbf\xbd", 3);
		*out += 3;
		return (size_t)-len;
	}
	if (is_escaped(code_point(s, len))) {
		*out = put_escape(*out, code_point(s, len));
	} else {
		memcpy(*out, s, (size_t)len);
		*out += len;
	}
	return (size_t)len;
}

static uint8_t *put_string(uint8_t *out, const uint8_t *s, size_t n)
{
	n = n ? strnlen((const char *)s, n) : 0;
	if (is_plain(s, n)) {
		memcpy(out, s, n);
		return out + n;
	}
	*out++ = '"';
	while (n) {
		size_t took = put_character(&out, s, n);

		s += took;
		n -= took;
	}
	*out++ = '"';
	return out;
}

/* As if everything had to be quoted. */
static size_t string_size(const uint8_t *s, size_t n)
{
	size_t size = 2;

	n = n ? strnlen((const char *)s, n) : 0;
	while (n) {
		uint8_t scratch[8], *end = scratch;
		size_t took = put_character(&end, s, n);

		size += (size_t)(end - scratch);
		s += took;
		n -= took;
	}
	return size;
}

static const struct expansion expansion = {
	.per_byte = 4, /* \x01 */
	.per_list = 8, /* a line with a mark and quotes, for a NUL alone */
	.per_raw = 2,
	.per_string = 4,
	.number = 4,
	.frame = 4,
	.list = 12, /* also for the last string, which may lack its NUL */
	.item = 4,
	.key = 4,
	.indent = 2,
	.text_size = string_size,
};

/* ---- values ----------------------------------------------------------------- */

static void put_text(struct writer *w, struct str text)
{
	put(w, ' ');
	w->out = put_string(w->out, (const uint8_t *)text.at, text.len);
}

static void put_bytes(struct writer *w, struct str bytes)
{
	put_word(w, " \"");
	w->out = hex_text(w->out, (const uint8_t *)bytes.at, bytes.len);
	put(w, '"');
}

/* YAML 1.1 wants a point in front of an exponent, or it is a string. */
static void put_point(struct writer *w, const uint8_t *start)
{
	size_t len = (size_t)(w->out - start);
	const uint8_t *e = memchr(start, 'e', len);
	uint8_t *at;

	if (!e || memchr(start, '.', len))
		return;
	at = w->out - (len - (size_t)(e - start));
	memmove(at + 2, at, (size_t)(w->out - at));
	memcpy(at, ".0", 2);
	w->out += 2;
}

static void put_float(struct writer *w, const struct field *field, double v)
{
	const uint8_t *start;

	put(w, ' ');
	start = w->out;
	if (isnan(v)) {
		put_word(w, ".nan");
	} else if (isinf(v)) {
		put_word(w, v < 0 ? "-.inf" : ".inf");
	} else {
		w->out = field->layout == LAYOUT_F32 ? put_f32(w->out, (float)v)
						     : put_f64(w->out, v);
		put_point(w, start);
	}
}

/* All others look as in JSON. */
static void put_scalar(struct writer *w, const struct field *field, const struct value *v)
{
	if (v->type == TYPE_FLOAT) {
		put_float(w, field, v->f);
		return;
	}
	put(w, ' ');
	json_style.scalar(w, field, v);
}

/* ---- lines ------------------------------------------------------------------ */

static void begin_line(struct writer *w)
{
	if (w->is_inline) {
		w->is_inline = false;
		return;
	}
	put(w, '\n');
	for (uint32_t i = 0; i < w->depth; i++)
		put_word(w, "  ");
}

static void open_block(struct writer *w, bool is_object, uint32_t n)
{
	if (!n) {
		put_word(w, is_object ? " {}" : " []");
		return;
	}
	/* The first line of what an element holds stands behind its mark. */
	if (w->is_item)
		put(w, ' ');
	w->is_inline = w->is_item;
}

static void close_block(struct writer *w, bool is_object, uint32_t n)
{
	(void)w;
	(void)is_object;
	(void)n;
}

static void put_key(struct writer *w, const struct shape *member, bool is_first)
{
	(void)is_first;
	begin_line(w);
	w->out = put_string(w->out, (const uint8_t *)member->key, member->key_len);
	put(w, ':');
	w->is_item = false;
}

static void put_item(struct writer *w, bool is_first)
{
	(void)is_first;
	begin_line(w);
	put(w, '-');
	w->is_item = true;
}

static const struct style style = {
	.open = open_block,
	.close = close_block,
	.key = put_key,
	.item = put_item,
	.scalar = put_scalar,
	.text = put_text,
	.bytes = put_bytes,
};

/* ---- losses ----------------------------------------------------------------- */

/* Names are short; this many bytes of each always fit ENCODER_MARK_MAX. */
enum { MARK_NAME_MAX = 200 };

static uint8_t *mark_text(uint8_t *out, const char *text)
{
	memcpy(out, text, strlen(text));
	return out + strlen(text);
}

static uint8_t *mark_name(uint8_t *out, const char *key, const char *name)
{
	size_t len;

	name = name ? name : "";
	len = strnlen(name, MARK_NAME_MAX);
	while (string_size((const uint8_t *)name, len) > MARK_NAME_MAX)
		len--;
	out = mark_text(out, key);
	return put_string(out, (const uint8_t *)name, len);
}

static uint8_t *mark_number(uint8_t *out, const char *key, uint64_t n)
{
	return put_u64(mark_text(out, key), n);
}

static size_t yaml_mark(const struct encoder *encoder, const struct mark *mark, uint8_t *out)
{
	const uint8_t *start = out;

	(void)encoder;
	out = mark_text(out, "---\n_loss:\n");
	if (mark->sink) {
		out = mark_name(out, "  sink: ", mark->sink);
	} else {
		out = mark_name(out, "  source: ", mark->origin->source);
		out = mark_name(out, "\n  event: ", mark->event);
	}
	out = mark_name(out, "\n  reason: ", mark->reason);
	out = mark_number(out, "\n  n: ", mark->n);
	if (mark->has_cpu)
		out = mark_number(out, "\n  cpu: ", mark->cpu);
	if (mark->from || mark->to) {
		out = mark_number(out, "\n  from_seq: ", mark->from);
		out = mark_number(out, "\n  to_seq: ", mark->to);
	}
	out = mark_text(out, "\n");
	return (size_t)(out - start);
}

/* ---- compiling -------------------------------------------------------------- */

static int check_keys(const struct schema *schema, const struct shape *object, struct error *err)
{
	for (const struct shape *s = object->children; s; s = s->next) {
		const struct shape *inner = s->list ? s->list->object : s->field ? NULL : s;
		int r = 0;

		if (string_size((const uint8_t *)s->key, s->key_len) > KEY_MAX)
			return error_set(err, E2BIG,
					 "a field of '%s' has a name too long for YAML: '%.40s...'",
					 schema->event, s->key);
		if (inner)
			r = check_keys(schema, inner, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int yaml_compile(struct arena *arena, const struct schema *schema,
			const struct encoder_options *options, const struct encoder **ret_encoder,
			struct error *err)
{
	struct tree_encoder *tree = arena_alloc(arena, sizeof(*tree));
	int r;

	*tree = (struct tree_encoder){
		.style = &style,
		.begin = "---\n",
		.end = "\n",
		.empty = "--- {}\n",
	};
	r = tree_compile(arena, schema, options, &expansion, tree, err);
	if (r < 0)
		return r;
	r = check_keys(schema, tree->root, err);
	if (r < 0)
		return r;
	tree->is_guarded = false; /* YAML's integers have no limit */
	tree->encoder.mark = yaml_mark;
	*ret_encoder = &tree->encoder;
	return 0;
}

static struct str yaml_header(const struct encoder *encoder)
{
	(void)encoder;
	return (struct str){ 0 };
}

const struct codec codec_yaml = {
	.name = "yaml",
	.summary = "one YAML document a record",
	.content_type = "application/yaml",
	.compile = yaml_compile,
	.header = yaml_header,
};
