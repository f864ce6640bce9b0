/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json: one object a record, straight from the row.
 *
 * The schema becomes a program (codec/program.h) whose literals are the keys,
 * already escaped, with the closing quote of a value folded into the literal
 * behind it.  One function interprets it for a whole run of rows: every kernel
 * ends in its own indirect jump, so the branch predictor learns the order of
 * fields.  Room is checked once a record: first against a quick worst case (six
 * bytes out for each byte in), and when that does not fit, against the exact
 * size, so that a chunk is filled to the brim and long argument lists are not
 * refused for what they might have needed.
 *
 * Objects whose members may all be missing are opened and taken back when they
 * stay empty; a comma is decided at run time only behind such members.
 *
 * docs/records.md says how each type looks.
 */
#if defined(__GNUC__) && !defined(__clang__)
/* gcc likes to merge the ends of the kernels into one shared jump, which is what
 * they are there to avoid: 1.30 against 1.24 of the hand-written printer
 * (bench_codec). */
# pragma GCC optimize("no-crossjumping")
#endif
#include <errno.h>
#include <math.h>

#include "codec/encoder.h"
#include "codec/interpreter.h"
#include "codec/json_style.h"
#include "codec/moment.h"
#include "codec/number.h"
#include "codec/program.h"
#include "codec/text.h"
#include "data/show.h"

struct json {
	struct encoder encoder; /* first: what callers hold */
	struct program program;
	bool newline;
};

/* ---- values ------------------------------------------------------------- */

static uint8_t *put_bool(uint8_t *out, bool v)
{
	memcpy(out, v ? "true\0\0\0" : "false\0\0", 8);
	return out + (v ? 4 : 5);
}

/* Out of line: rare, and printf's registers are not the interpreter's. */
__attribute__((noinline)) static uint8_t *put_float(uint8_t *out, const uint8_t *at, bool is_double)
{
	double v = is_double ? load_f64(at) : (double)load_f32(at);

	if (!isfinite(v)) {
		memcpy(out, "null", 5);
		return out + 4;
	}
	return is_double ? put_f64(out, v) : put_f32(out, load_f32(at));
}

__attribute__((noinline)) static uint8_t *put_quoted_u64(uint8_t *out, uint64_t v)
{
	*out++ = '"';
	out = put_u64(out, v);
	*out++ = '"';
	return out;
}

__attribute__((noinline)) static uint8_t *put_quoted_s64(uint8_t *out, int64_t v)
{
	*out++ = '"';
	out = put_s64(out, v);
	*out++ = '"';
	return out;
}

static inline uint8_t *put_guarded_u64(uint8_t *out, const struct op *op, uint64_t v)
{
	if (op->is_guarded && v > SAFE_INT)
		return put_quoted_u64(out, v);
	return put_u64(out, v);
}

static inline uint8_t *put_guarded_s64(uint8_t *out, const struct op *op, int64_t v)
{
	if (op->is_guarded && (v > (int64_t)SAFE_INT || v < -(int64_t)SAFE_INT))
		return put_quoted_s64(out, v);
	return put_s64(out, v);
}

/* At most 16 bytes: one load, one store. */
static inline uint8_t *put_short_chars(uint8_t *out, const uint8_t *s, uint32_t n)
{
	uint32_t plain = text_copy_plain(out, s);

	if (plain >= n)
		return out + n;
	if (!s[plain])
		return out + plain;
	return json_text(out + plain, s + plain, n - plain);
}

static uint8_t *put_str(uint8_t *out, struct str s)
{
	return json_text(out, (const uint8_t *)s.at, s.len);
}

__attribute__((noinline)) static uint8_t *put_strings(uint8_t *out, struct str strings)
{
	struct str s;

	*out++ = '[';
	while (strings_next(&strings, &s)) {
		*out++ = '"';
		out = put_str(out, s);
		*out++ = '"';
		*out++ = ',';
	}
	if (out[-1] == ',')
		out--;
	*out++ = ']';
	return out;
}

__attribute__((noinline)) static uint8_t *put_list(uint8_t *out, const struct op *op,
						   const struct scene *scene, const uint8_t *src)
{
	struct writer writer;

	writer_init(&writer, &json_style, scene->batch, out);
	writer.is_guarded = op->is_guarded;
	write_list(&writer, op->list, op_span(op, scene, src));
	return writer.out;
}

/* What a name, a set of flags or a mode is called; also new to the memo. */
__attribute__((noinline)) static uint8_t *put_new(uint8_t *out, struct memo *memo, uint64_t number)
{
	char text[SHOW_MAX];
	uint32_t len = show_number(memo->field, number, text);
	uint8_t *end = json_text(out, (const uint8_t *)text, len);

	memo_keep(memo, number, out, end);
	return end;
}

static inline uint8_t *put_memo(uint8_t *out, const struct op *op, uint64_t number)
{
	uint8_t *end = memo_put(op->memo, number, out);

	return end ? end : put_new(out, op->memo, number);
}

__attribute__((noinline)) static uint8_t *put_made(uint8_t *out, const struct op *op,
						   const struct scene *scene, const uint8_t *src)
{
	char text[SHOW_MAX];
	uint32_t len = op_show(op, scene, src, text);

	return json_text(out, (const uint8_t *)text, len);
}

static uint8_t *put_wide(uint8_t *out, const struct op *op, const uint8_t *at, bool is_signed)
{
	return json_wide(out, load_u64(at + 8), load_u64(at), is_signed, op->is_guarded);
}

__attribute__((noinline)) static uint8_t *put_hex(uint8_t *out, struct str s)
{
	*out++ = '"';
	out = hex_text(out, (const uint8_t *)s.at, s.len);
	*out++ = '"';
	return out;
}

/* Behind members that may be missing. */
static inline uint8_t *put_comma(uint8_t *out)
{
	*out = ',';
	return out + (out[-1] != '{');
}

/* An object that may have no members ends: take it back if it has none. */
static uint8_t *close_object(uint8_t *out, const struct op *op)
{
	if (out[-1] != '{') {
		*out++ = '}';
		return out;
	}
	out -= op->size;
	if (out[-1] == ',')
		out--;
	return out;
}

/* ---- running ------------------------------------------------------------ */

static size_t json_bound(const struct encoder *encoder, const struct batch *batch, uint32_t row)
{
	const struct json *json = (const struct json *)encoder;

	return bounds_exact(&json->program.bounds, batch, row);
}

static uint32_t json_rows(const struct encoder *encoder, const struct batch *batch, uint32_t first,
			  uint32_t until, struct encoded *dest)
{
	static const void *const kernels[] = KERNEL_LABELS;
	const struct program *program = &((const struct json *)encoder)->program;
	struct scene scene = { .batch = batch, .second = SECOND_INIT };
	const uint8_t *const *rows, *src;
	const uint16_t *sel;
	const struct op *op;
	uint32_t *end, i;
	uint8_t *out;

	if (!batch) { /* compiling: the operations want to know the labels */
		program_link(program, kernels);
		return 0;
	}
	rows = batch->rows->at;
	sel = batch->sel;
	end = dest->ends + dest->nends;
	out = dest->at;
	until = runs_until(first, until, dest);
	for (i = first; i < until; i++) {
		scene.index = sel[i];
		scene.row = src = rows[scene.index];
		if (!bounds_fit(&program->bounds, batch, scene.index, (size_t)(dest->limit - out)))
			break;
		if (i + 2 < until)
			prefetch_row(rows[sel[i + 2]]);
		op = program->ops;
		out = put_literal(out, op);
		goto * op->go;

		KERNEL(U8, put_u32(out, src[op->at]));
		KERNEL(U16, put_u32(out, load_u16(src + op->at)));
		KERNEL(U32, put_u32(out, load_u32(src + op->at)));
		KERNEL(U64, put_guarded_u64(out, op, load_u64(src + op->at)));
		KERNEL(S8, put_s32(out, load_s8(src + op->at)));
		KERNEL(S16, put_s32(out, load_s16(src + op->at)));
		KERNEL(S32, put_s32(out, load_s32(src + op->at)));
		KERNEL(S64, put_guarded_s64(out, op, load_s64(src + op->at)));
		KERNEL(F32, put_float(out, src + op->at, false));
		KERNEL(F64, put_float(out, src + op->at, true));
		KERNEL(BITS, put_guarded_u64(out, op, op_number(op, src)));
		KERNEL(SBITS, put_guarded_s64(out, op, (int64_t)op_number(op, src)));
		KERNEL(WIDE, put_wide(out, op, src + op->at, false));
		KERNEL(SWIDE, put_wide(out, op, src + op->at, true));
		KERNEL(BOOL, put_bool(out, op_number(op, src) != 0));
		KERNEL(SHORT, put_short_chars(out, src + op->at, op->size));
		KERNEL(CHARS, json_chars(out, src + op->at, op->size));
		KERNEL(TAIL, json_chars(out, src + op->at, tail_len(batch, scene.index, op->at)));
		KERNEL(REST, json_chars(out, src + op->at,
					rest_len(batch, scene.index, op->at, op->size)));
		KERNEL(STR, put_str(out, load_str(src + op->at)));
		KERNEL(MEMO32, put_memo(out, op, load_u32(src + op->at)));
		KERNEL(MEMO, put_memo(out, op, op_number(op, src)));
		KERNEL(MADE, put_made(out, op, &scene, src));
		KERNEL(LIST, put_strings(out, op_span(op, &scene, src)));
		KERNEL(ARRAY, put_list(out, op, &scene, src));
		KERNEL(HEX, put_hex(out, op_span(op, &scene, src)));
		KERNEL(BOOT, put_moment(out, boot_to_wall(&scene, load_u64(src + op->at)),
					&scene.second));
		KERNEL(WALL, put_moment(out, load_s64(src + op->at), &scene.second));
		KERNEL(READ, put_moment(out, batch->rows->wall_ns, &scene.second));
		KERNEL(BOOT_NS,
		       put_guarded_s64(out, op, boot_to_wall(&scene, load_u64(src + op->at))));
		KERNEL(READ_NS, put_guarded_s64(out, op, batch->rows->wall_ns));
		KERNEL(RID, out + rid_format(batch->rows->origin, batch_rid(batch, scene.index),
					     (char *)out));
		KERNELS_MOVE();
		KERNEL(COMMA, put_comma(out));
		KERNEL(CLOSE, close_object(out, op));
	k_OPEN:
	k_EVENT_TIME:
	k_MEMBER:
	k_LITERAL:
		NEXT();
	k_END:
		*end++ = (uint32_t)(out - dest->start);
	}
	dest->nends += i - first;
	dest->at = out;
	return i - first;
}

/* ---- losses ------------------------------------------------------------- */

static size_t put_mark(const struct encoder *encoder, const struct mark *mark, uint8_t *out)
{
	const struct json *json = (const struct json *)encoder;
	uint8_t *end = json_mark(mark, out);

	*end = '\n';
	return (size_t)(end - out) + json->newline;
}

/* ---- compiling ---------------------------------------------------------- */

/* Does a member stand in front of this place in its object? */
enum comma { COMMA_NO, COMMA_YES, COMMA_MAYBE };

struct compiler {
	struct assembler as;
	const struct encoder_options *options;
	struct error *err;
};

static void put_escaped(struct compiler *c, const char *text, size_t len)
{
	size_t size = json_text_size((const uint8_t *)text, len);
	uint8_t *escaped = arena_alloc(c->as.arena, size + TEXT_STEP);

	json_text(escaped, (const uint8_t *)text, len);
	assemble_bytes(&c->as, escaped, size);
}

/* ,"key": and how long "key": is. */
static uint32_t put_key(struct compiler *c, const struct shape *s, enum comma comma)
{
	if (comma == COMMA_YES)
		assemble_text(&c->as, ",");
	else if (comma == COMMA_MAYBE)
		assemble_op(&c->as, (struct op){ .kernel = KERNEL_COMMA });
	assemble_text(&c->as, "\"");
	put_escaped(c, s->key, s->key_len);
	assemble_text(&c->as, "\":");
	return (uint32_t)json_text_size((const uint8_t *)s->key, s->key_len) + 3;
}

static int put_leaf(struct compiler *c, const struct shape *s, enum comma comma)
{
	const struct field *f = s->field;
	bool is_moment = f->type == TYPE_TIME, is_made = type_is_made((enum type)f->type);
	const char *quote = f->type == TYPE_STRING || is_moment || is_made ? "\"" : "";
	uint32_t from = 0;
	int r;

	assemble_from(&c->as, f);
	if (s->is_optional)
		from = (uint32_t)(c->as.ops.len / sizeof(struct op)) - 1;
	put_key(c, s, comma);
	assemble_text(&c->as, quote);
	if (is_const_text(f)) {
		struct str text = field_const_str(c->as.schema, f);

		put_escaped(c, text.at, text.len);
	} else {
		r = assemble_value(&c->as, s, c->options->big_int_string, c->err);
		if (r < 0)
			return r;
	}
	assemble_text(&c->as, is_moment ? "Z\"" : quote);
	if (s->is_optional)
		assemble_join(&c->as, from);
	return 0;
}

static int put_members(struct compiler *c, const struct shape *object);

static int put_object(struct compiler *c, const struct shape *s, enum comma comma)
{
	uint32_t opening = put_key(c, s, comma) + 1;
	int r;

	assemble_text(&c->as, "{");
	r = put_members(c, s);
	if (r < 0)
		return r;
	if (s->is_optional)
		assemble_op(&c->as, (struct op){ .kernel = KERNEL_CLOSE, .size = opening });
	else
		assemble_text(&c->as, "}");
	return 0;
}

static int put_members(struct compiler *c, const struct shape *object)
{
	enum comma comma = COMMA_NO;

	for (const struct shape *s = object->children; s; s = s->next) {
		int r = s->field ? put_leaf(c, s, comma) : put_object(c, s, comma);

		if (r < 0)
			return r;
		if (!s->is_optional)
			comma = COMMA_YES;
		else if (comma == COMMA_NO)
			comma = COMMA_MAYBE;
	}
	return 0;
}

static int json_compile(struct arena *arena, const struct schema *schema,
			const struct encoder_options *options, const struct encoder **ret_encoder,
			struct error *err)
{
	struct compiler c = { .options = options, .err = err };
	struct json *json = arena_alloc(arena, sizeof(*json));
	const struct shape *root;
	int r;

	assembler_init(&c.as, arena, schema, &json_expansion);
	r = shape_make(arena, schema, options, &root, err);
	if (r < 0)
		goto out;
	assemble_text(&c.as, "{");
	r = put_members(&c, root);
	if (r < 0)
		goto out;
	assemble_text(&c.as, options->newline ? "}\n" : "}");
	assemble_end(&c.as, &json->program);
	(void)json_rows(&json->encoder, NULL, 0, 0, NULL);
	json->newline = options->newline;
	json->encoder =
		(struct encoder){ .rows = json_rows, .bound = json_bound, .mark = put_mark };
	*ret_encoder = &json->encoder;
out:
	assembler_release(&c.as);
	return r;
}

static struct str json_header(const struct encoder *encoder)
{
	(void)encoder;
	return (struct str){ 0 };
}

const struct codec codec_json = {
	.name = "json",
	.summary = "one JSON object a record",
	.content_type = "application/json",
	.compile = json_compile,
	.header = json_header,
};
