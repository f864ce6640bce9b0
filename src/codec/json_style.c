/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/json_style.h"

#include <math.h>

#include "codec/number.h"
#include "codec/text.h"
#include "data/show.h"

const struct expansion json_expansion = {
	.per_byte = 6, /* \u0000 */
	.per_list = 6, /* also covers "", for an empty string: 3 for its NUL */
	.per_raw = 2,
	.per_string = 3,
	.number = 2,
	.frame = 2,
	.list = 5, /* brackets, and what the last string lacks in per_list */
	.item = 1,
	.key = 4,
	.text_size = json_text_size,
};

static void put(struct writer *w, char c)
{
	*w->out++ = (uint8_t)c;
}

static void put_word(struct writer *w, const char *word)
{
	while (*word)
		*w->out++ = (uint8_t)*word++;
}

static void put_text(struct writer *w, struct str text)
{
	put(w, '"');
	w->out = json_text(w->out, (const uint8_t *)text.at, text.len);
	put(w, '"');
}

static void put_bytes(struct writer *w, struct str bytes)
{
	put(w, '"');
	w->out = hex_text(w->out, (const uint8_t *)bytes.at, bytes.len);
	put(w, '"');
}

uint8_t *json_wide(uint8_t *out, uint64_t high, uint64_t low, bool is_signed, bool is_guarded)
{
	bool is_small = is_signed ? high == (uint64_t)((int64_t)low >> 63) &&
					    (int64_t)low <= (int64_t)SAFE_INT &&
					    (int64_t)low >= -(int64_t)SAFE_INT
				  : !high && low <= SAFE_INT;
	bool is_quoted = is_guarded && !is_small;

	*out = '"';
	out += is_quoted;
	out += show_wide(high, low, is_signed, (char *)out);
	*out = '"';
	return out + is_quoted;
}

static void put_integer(struct writer *w, const struct value *v)
{
	bool is_signed = v->type != TYPE_UINT;
	uint64_t sign = is_signed && v->i < 0 ? UINT64_MAX : 0;

	if (v->is_wide || w->is_guarded)
		w->out = json_wide(w->out, v->is_wide ? v->high : sign, v->u, is_signed,
				   w->is_guarded);
	else
		w->out = is_signed ? put_s64(w->out, v->i) : put_u64(w->out, v->u);
}

static void put_float(struct writer *w, const struct field *field, double v)
{
	if (!isfinite(v))
		put_word(w, "null");
	else if (field->layout == LAYOUT_F32)
		w->out = put_f32(w->out, (float)v);
	else
		w->out = put_f64(w->out, v);
}

static void put_scalar(struct writer *w, const struct field *field, const struct value *v)
{
	switch (v->type) {
	case TYPE_BOOL:
		put_word(w, v->b ? "true" : "false");
		return;
	case TYPE_FLOAT:
		put_float(w, field, v->f);
		return;
	case TYPE_TIME:
		put(w, '"');
		w->out = put_moment(w->out, v->i, &w->second);
		put_word(w, "Z\"");
		return;
	default:
		put_integer(w, v);
	}
}

/* ---- compact -------------------------------------------------------------- */

static void open_compact(struct writer *w, bool is_object, uint32_t n)
{
	(void)n;
	put(w, is_object ? '{' : '[');
}

static void close_compact(struct writer *w, bool is_object, uint32_t n)
{
	(void)n;
	put(w, is_object ? '}' : ']');
}

static void put_item(struct writer *w, bool is_first)
{
	if (!is_first)
		put(w, ',');
}

static void put_key(struct writer *w, const struct shape *member, bool is_first)
{
	put_item(w, is_first);
	put_text(w, (struct str){ member->key, member->key_len });
	put(w, ':');
}

const struct style json_style = {
	.open = open_compact,
	.close = close_compact,
	.key = put_key,
	.item = put_item,
	.scalar = put_scalar,
	.text = put_text,
	.bytes = put_bytes,
};

/* ---- pretty --------------------------------------------------------------- */

static void new_line(struct writer *w)
{
	put(w, '\n');
	for (uint32_t i = 0; i < w->depth; i++)
		put_word(w, "  ");
}

static void close_pretty(struct writer *w, bool is_object, uint32_t n)
{
	if (n)
		new_line(w);
	close_compact(w, is_object, n);
}

static void put_item_pretty(struct writer *w, bool is_first)
{
	put_item(w, is_first);
	new_line(w);
}

static void put_key_pretty(struct writer *w, const struct shape *member, bool is_first)
{
	put_item_pretty(w, is_first);
	put_text(w, (struct str){ member->key, member->key_len });
	put_word(w, ": ");
}

const struct style json_pretty_style = {
	.open = open_compact,
	.close = close_pretty,
	.key = put_key_pretty,
	.item = put_item_pretty,
	.scalar = put_scalar,
	.text = put_text,
	.bytes = put_bytes,
};

/* ---- losses --------------------------------------------------------------- */

/* Names are short; this many bytes of each always fit ENCODER_MARK_MAX. */
enum { MARK_NAME_MAX = 224 };

static uint8_t *mark_text(uint8_t *out, const char *text)
{
	while (*text)
		*out++ = (uint8_t)*text++;
	return out;
}

static uint8_t *mark_name(uint8_t *out, const char *key, const char *name)
{
	size_t len = strnlen(name ? name : "", MARK_NAME_MAX);

	while (json_text_size((const uint8_t *)name, len) > MARK_NAME_MAX)
		len--;
	out = mark_text(out, key);
	out = json_text(out, (const uint8_t *)name, len);
	return mark_text(out, "\"");
}

static uint8_t *mark_number(uint8_t *out, const char *key, uint64_t n)
{
	return put_u64(mark_text(out, key), n);
}

uint8_t *json_mark(const struct mark *mark, uint8_t *out)
{
	if (mark->sink) {
		out = mark_name(out, "{\"_loss\":{\"sink\":\"", mark->sink);
	} else {
		out = mark_name(out, "{\"_loss\":{\"source\":\"", mark->origin->source);
		out = mark_name(out, ",\"event\":\"", mark->event);
	}
	out = mark_name(out, ",\"reason\":\"", mark->reason);
	out = mark_number(out, ",\"n\":", mark->n);
	if (mark->has_cpu)
		out = mark_number(out, ",\"cpu\":", mark->cpu);
	if (mark->from || mark->to) {
		out = mark_number(out, ",\"from_seq\":", mark->from);
		out = mark_number(out, ",\"to_seq\":", mark->to);
	}
	return mark_text(out, "}}");
}
