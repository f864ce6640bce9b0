/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/msgpack_style.h"

#include "codec/pack.h"
#include "codec/text.h"

const struct expansion msgpack_expansion = {
	.per_byte = 3, /* U+FFFD */
	.per_list = 4, /* and a header for each NUL */
	.per_raw = 1,
	.per_string = 5,
	.number = 2,
	.frame = 5,
	.list = 10, /* a header, and that of the last string, which may lack its NUL */
	.item = 0,
	.key = 5,
	.text_size = utf8_text_size,
};

static void open_any(struct writer *w, bool is_object, uint32_t n)
{
	w->out = is_object ? put_map_header(w->out, n) : put_array_header(w->out, n);
}

static void close_any(struct writer *w, bool is_object, uint32_t n)
{
	(void)w;
	(void)is_object;
	(void)n;
}

static void put_key(struct writer *w, const struct shape *member, bool is_first)
{
	(void)is_first;
	w->out = pack_text(w->out, (const uint8_t *)member->key, member->key_len);
}

static void put_item(struct writer *w, bool is_first)
{
	(void)w;
	(void)is_first;
}

static void put_string(struct writer *w, struct str text)
{
	w->out = pack_text(w->out, (const uint8_t *)text.at, text.len);
}

static void put_raw(struct writer *w, struct str bytes)
{
	w->out = pack_bytes(w->out, bytes.at, bytes.len);
}

/* In the form the record has it. */
static void put_floating(struct writer *w, const struct field *field, double v)
{
	float narrow = (float)v;
	uint32_t bits32;
	uint64_t bits64;

	memcpy(&bits32, &narrow, sizeof(bits32));
	memcpy(&bits64, &v, sizeof(bits64));
	w->out = field->layout == LAYOUT_F32 ? put_float(w->out, bits32)
					     : put_double(w->out, bits64);
}

static void put_scalar(struct writer *w, const struct field *field, const struct value *v)
{
	bool is_signed = v->type != TYPE_UINT;

	if (v->type == TYPE_BOOL)
		w->out = put_bool(w->out, v->b);
	else if (v->type == TYPE_FLOAT)
		put_floating(w, field, v->f);
	else if (v->type == TYPE_TIME)
		w->out = pack_timestamp(w->out, v->i);
	else if (v->is_wide)
		w->out = pack_wide(w->out, v->high, v->u, is_signed);
	else
		w->out = is_signed ? put_int(w->out, v->i) : put_uint(w->out, v->u);
}

static void put_scalar_forward(struct writer *w, const struct field *field, const struct value *v)
{
	if (v->type != TYPE_TIME) {
		put_scalar(w, field, v);
		return;
	}
	w->out = put_str_header(w->out, MOMENT_MAX);
	w->out = put_moment(w->out, v->i, &w->second);
	*w->out++ = 'Z';
}

const struct style msgpack_style = {
	.open = open_any,
	.close = close_any,
	.key = put_key,
	.item = put_item,
	.scalar = put_scalar,
	.text = put_string,
	.bytes = put_raw,
};

const struct style msgpack_forward_style = {
	.open = open_any,
	.close = close_any,
	.key = put_key,
	.item = put_item,
	.scalar = put_scalar_forward,
	.text = put_string,
	.bytes = put_raw,
};
