/* SPDX-License-Identifier: Apache-2.0 */
/*
 * msgpack: one map a record, straight from the row.
 *
 * The program is made as for JSON (codec/program.h): keys are literals, and a
 * map's header is part of one, since the number of members is known.  Only a map
 * whose members may be missing counts them while it is written and gets its
 * header afterwards.  Every value has its smallest form; a string is copied
 * where it belongs if it is short, and its header written in front when its
 * length is known.
 *
 * With `forward_entry` a record is [EventTime, map] as the Fluent Forward
 * protocol wants it, and moments inside the map are RFC 3339 text, because
 * Fluentd and Fluent Bit know extension 0 in that one place and the timestamp
 * extension -1 not at all.
 *
 * docs/records.md says how each type looks.
 */
#if defined(__GNUC__) && !defined(__clang__)
/* gcc likes to merge the ends of the kernels into one shared jump, which is what
 * they are there to avoid: 1.30 against 1.24 of the hand-written printer
 * (bench_codec). */
# pragma GCC optimize("no-crossjumping")
#endif
#include "codec/encoder.h"
#include "codec/interpreter.h"
#include "codec/moment.h"
#include "codec/msgpack_style.h"
#include "codec/number.h"
#include "codec/pack.h"
#include "codec/program.h"
#include "codec/text.h"
#include "data/show.h"

struct msgpack {
	struct encoder encoder; /* first: what callers hold */
	struct program program;
	bool is_forward;
	int64_t *last_ns; /* forward: time of the record written last */
};

/* ---- values ------------------------------------------------------------- */

/* At most 16 bytes of a row: one load, one store. */
static inline uint8_t *put_short_chars(uint8_t *out, const uint8_t *s, uint32_t n)
{
	uint32_t len = text_copy_ascii(out + 1, s);

	if (len >= n)
		len = n;
	else if (s[len])
		return pack_text(out, s, n);
	*out = (uint8_t)(FIX_STR | len);
	return out + 1 + len;
}

/* Copy ASCII up to a NUL, in steps until `enough`; how many bytes, n at most. */
static inline uint32_t copy_ascii(uint8_t *to, const uint8_t *from, uint32_t n, uint32_t enough)
{
	uint32_t len = 0, step;

	do {
		step = text_copy_ascii(to + len, from + len);
		len += step;
	} while (step == TEXT_STEP && len < n && len < enough);
	return len < n ? len : n;
}

/*
 * From a row: copied to where a string of at most 31 bytes belongs, and when it
 * is longer once more to where one of at most 255 does.
 */
static inline uint8_t *put_chars(uint8_t *out, const uint8_t *s, uint32_t n)
{
	uint32_t len = copy_ascii(out + 1, s, n, FIX_STR_MAX);

	if (len <= FIX_STR_MAX) {
		if (len < n && s[len])
			return pack_text(out, s, n);
		*out = (uint8_t)(FIX_STR | len);
		return out + 1 + len;
	}
	memcpy(out + 2, s, FIX_STR_MAX + 1);
	if (n > FIX_STR_MAX + 1)
		len += copy_ascii(out + 2 + len, s + len, n - len, UINT8_MAX);
	if ((len < n && s[len]) || len > UINT8_MAX)
		return pack_text(out, s, n);
	out[0] = STR_8;
	out[1] = (uint8_t)len;
	return out + 2 + len;
}

static uint8_t *put_str(uint8_t *out, struct str s)
{
	return pack_text(out, (const uint8_t *)s.at, s.len);
}

__attribute__((noinline)) static uint8_t *put_strings(uint8_t *out, struct str strings)
{
	struct str s;

	out = put_array_header(out, strings_count(strings));
	while (strings_next(&strings, &s))
		out = put_str(out, s);
	return out;
}

static uint8_t *put_span(uint8_t *out, struct str s)
{
	return pack_bytes(out, s.at, s.len);
}

__attribute__((noinline)) static uint8_t *put_list(uint8_t *out, const struct op *op,
						   const struct scene *scene, const uint8_t *src)
{
	struct writer writer;

	writer_init(&writer, op->is_guarded ? &msgpack_forward_style : &msgpack_style, scene->batch,
		    out);
	write_list(&writer, op->list, op_span(op, scene, src));
	return writer.out;
}

static uint8_t *put_wide(uint8_t *out, const uint8_t *at, bool is_signed)
{
	return pack_wide(out, load_u64(at + sizeof(uint64_t)), load_u64(at), is_signed);
}

/* What a name, a set of flags or a mode is called; also new to the memo. */
__attribute__((noinline)) static uint8_t *put_new(uint8_t *out, struct memo *memo, uint64_t number)
{
	char text[SHOW_MAX];
	uint32_t len = show_number(memo->field, number, text);
	uint8_t *end = pack_text(out, (const uint8_t *)text, len);

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

	return pack_text(out, (const uint8_t *)text, len);
}

__attribute__((noinline)) static uint8_t *put_id(uint8_t *out, const struct scene *scene)
{
	char text[RID_TEXT_MAX];
	uint32_t len =
		rid_format(scene->batch->rows->origin, batch_rid(scene->batch, scene->index), text);

	return pack_text(out, (const uint8_t *)text, len);
}

/* ---- moments ------------------------------------------------------------ */

static inline uint8_t *put_when(uint8_t *out, const struct op *op, int64_t ns, struct scene *scene)
{
	if (op->is_guarded)
		return put_moment(out, ns, &scene->second);
	return pack_timestamp(out, ns);
}

static inline uint8_t *put_since_boot(uint8_t *out, const struct op *op, const uint8_t *src,
				      struct scene *scene)
{
	return put_when(out, op, boot_to_wall(scene, load_u64(src + op->at)), scene);
}

/* Fluentd's: unsigned seconds and nanoseconds; before the epoch there is none. */
static uint8_t *put_event_time(uint8_t *out, int64_t ns)
{
	if (ns < 0)
		ns = 0;
	out = put_be32(out, (uint32_t)(ns / 1000000000));
	return put_be32(out, (uint32_t)(ns % 1000000000));
}

static inline int64_t record_time(const struct op *op, const struct scene *scene)
{
	if (op->layout == LAYOUT_BOOT)
		return boot_to_wall(scene, load_u64(scene->row + op->at));
	return batch_time(scene->batch, scene->index);
}

/* It also is the time of a loss behind the record. */
static uint8_t *put_entry_time(uint8_t *out, const struct op *op, const struct scene *scene,
			       int64_t *last_ns)
{
	*last_ns = record_time(op, scene);
	return put_event_time(out, *last_ns);
}

/* ---- maps whose members may be missing ---------------------------------- */

struct map {
	size_t key, header; /* bytes from where the call began to write */
	uint32_t n;
};

static void map_open(struct map *map, size_t at, const struct op *op)
{
	*map = (struct map){ .key = at - op->at, .header = at - op->size, .n = op->skip };
}

/* Write the header, or take an empty optional map back; counts in its parent. */
static uint8_t *map_close(struct map *map, uint8_t *start, uint8_t *out, const struct op *op)
{
	uint8_t *header = start + map->header;

	if (op->at) {
		if (!map->n)
			return start + map->key;
		map[-1].n++;
	}
	if (op->size == 1) {
		*header = (uint8_t)(FIX_MAP | map->n);
	} else {
		header[0] = MAP_16;
		put_be16(header + 1, (uint16_t)map->n);
	}
	return out;
}

/* ---- running ------------------------------------------------------------ */

static size_t msgpack_bound(const struct encoder *encoder, const struct batch *batch, uint32_t row)
{
	const struct msgpack *msgpack = (const struct msgpack *)encoder;

	return bounds_exact(&msgpack->program.bounds, batch, row);
}

static uint32_t msgpack_rows(const struct encoder *encoder, const struct batch *batch,
			     uint32_t first, uint32_t until, struct encoded *dest)
{
	static const void *const kernels[] = KERNEL_LABELS;
	const struct msgpack *msgpack = (const struct msgpack *)encoder;
	const struct program *program = &msgpack->program;
	struct scene scene = { .batch = batch, .second = SECOND_INIT };
	struct map maps[SHAPE_DEPTH_MAX + 2] = { 0 }, *map;
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
		map = maps;
		op = program->ops;
		out = put_literal(out, op);
		goto * op->go;

		KERNEL(U8, put_uint32(out, src[op->at]));
		KERNEL(U16, put_uint32(out, load_u16(src + op->at)));
		KERNEL(U32, put_uint32(out, load_u32(src + op->at)));
		KERNEL(U64, put_uint(out, load_u64(src + op->at)));
		KERNEL(S8, put_int(out, load_s8(src + op->at)));
		KERNEL(S16, put_int(out, load_s16(src + op->at)));
		KERNEL(S32, put_int(out, load_s32(src + op->at)));
		KERNEL(S64, put_int(out, load_s64(src + op->at)));
		KERNEL(F32, put_float(out, load_u32(src + op->at)));
		KERNEL(F64, put_double(out, load_u64(src + op->at)));
		KERNEL(BITS, put_uint(out, op_number(op, src)));
		KERNEL(SBITS, put_int(out, (int64_t)op_number(op, src)));
		KERNEL(WIDE, put_wide(out, src + op->at, false));
		KERNEL(SWIDE, put_wide(out, src + op->at, true));
		KERNEL(BOOL, put_bool(out, op_number(op, src) != 0));
		KERNEL(SHORT, put_short_chars(out, src + op->at, op->size));
		KERNEL(CHARS, put_chars(out, src + op->at, op->size));
		KERNEL(TAIL, put_chars(out, src + op->at, tail_len(batch, scene.index, op->at)));
		KERNEL(REST, put_chars(out, src + op->at,
				       rest_len(batch, scene.index, op->at, op->size)));
		KERNEL(STR, put_str(out, load_str(src + op->at)));
		KERNEL(MEMO32, put_memo(out, op, load_u32(src + op->at)));
		KERNEL(MEMO, put_memo(out, op, op_number(op, src)));
		KERNEL(MADE, put_made(out, op, &scene, src));
		KERNEL(LIST, put_strings(out, op_span(op, &scene, src)));
		KERNEL(HEX, put_span(out, op_span(op, &scene, src)));
		KERNEL(ARRAY, put_list(out, op, &scene, src));
		KERNEL(BOOT, put_since_boot(out, op, src, &scene));
		KERNEL(WALL, put_when(out, op, load_s64(src + op->at), &scene));
		KERNEL(READ, put_when(out, op, batch->rows->wall_ns, &scene));
		KERNEL(BOOT_NS, put_int(out, boot_to_wall(&scene, load_u64(src + op->at))));
		KERNEL(READ_NS, put_int(out, batch->rows->wall_ns));
		KERNEL(RID, put_id(out, &scene));
		KERNEL(EVENT_TIME, put_entry_time(out, op, &scene, msgpack->last_ns));
		KERNELS_MOVE();
		MOVE(OPEN, map_open(++map, (size_t)(out - dest->at), op));
		MOVE(MEMBER, map->n++);
		KERNEL(CLOSE, map_close(map--, dest->at, out, op));
	k_COMMA:
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

/* Names are short; this many bytes of each always fit ENCODER_MARK_MAX. */
enum { MARK_NAME_MAX = 80 };

static uint8_t *mark_text(uint8_t *out, const char *text)
{
	return pack_text(out, (const uint8_t *)text, text ? strnlen(text, MARK_NAME_MAX) : 0);
}

static uint8_t *mark_name(uint8_t *out, const char *key, const char *name)
{
	return mark_text(mark_text(out, key), name);
}

static uint8_t *mark_number(uint8_t *out, const char *key, uint64_t n)
{
	return put_uint(mark_text(out, key), n);
}

static size_t msgpack_mark(const struct encoder *encoder, const struct mark *mark, uint8_t *out)
{
	const struct msgpack *msgpack = (const struct msgpack *)encoder;
	bool has_place = mark->from || mark->to;
	const uint8_t *start = out;

	if (msgpack->is_forward) {
		*out++ = FIX_ARRAY | 2;
		*out++ = FIX_EXT_8;
		*out++ = EXT_EVENT_TIME;
		out = put_event_time(out, *msgpack->last_ns);
	}
	*out++ = FIX_MAP | 1;
	out = mark_text(out, "_loss");
	*out++ = (uint8_t)(FIX_MAP | ((mark->sink ? 3 : 4) + mark->has_cpu + (has_place ? 2 : 0)));
	if (mark->sink) {
		out = mark_name(out, "sink", mark->sink);
	} else {
		out = mark_name(out, "source", mark->origin->source);
		out = mark_name(out, "event", mark->event);
	}
	out = mark_name(out, "reason", mark->reason);
	out = mark_number(out, "n", mark->n);
	if (mark->has_cpu)
		out = mark_number(out, "cpu", mark->cpu);
	if (has_place) {
		out = mark_number(out, "from_seq", mark->from);
		out = mark_number(out, "to_seq", mark->to);
	}
	return (size_t)(out - start);
}

/* ---- compiling ---------------------------------------------------------- */

struct compiler {
	struct assembler as;
	const struct encoder_options *options;
	struct error *err;
};

/* A string that is the same in each record; returns how many bytes it takes. */
static uint32_t put_const(struct compiler *c, const char *text, size_t len)
{
	uint8_t *packed = arena_alloc(c->as.arena, 3 * len + 5);
	const uint8_t *end = pack_text(packed, (const uint8_t *)text, len);

	assemble_bytes(&c->as, packed, (size_t)(end - packed));
	return (uint32_t)(end - packed);
}

static int put_value(struct compiler *c, const struct shape *leaf)
{
	const struct field *f = leaf->field;
	bool is_text = f->type == TYPE_TIME && c->options->forward_entry;
	int r;

	if (is_const_text(f)) {
		struct str text = field_const_str(c->as.schema, f);

		put_const(c, text.at, text.len);
		return 0;
	}
	if (is_text)
		assemble_bytes(&c->as, &(uint8_t){ FIX_STR | MOMENT_MAX }, 1);
	r = assemble_value(&c->as, leaf, c->options->forward_entry, c->err);
	if (r < 0)
		return r;
	if (is_text)
		assemble_text(&c->as, "Z");
	return 0;
}

static int put_leaf(struct compiler *c, const struct shape *s)
{
	uint32_t from = 0;
	int r;

	assemble_from(&c->as, s->field);
	if (s->is_optional)
		from = (uint32_t)(c->as.ops.len / sizeof(struct op)) - 1;
	put_const(c, s->key, s->key_len);
	r = put_value(c, s);
	if (r < 0)
		return r;
	if (s->is_optional) {
		assemble_op(&c->as, (struct op){ .kernel = KERNEL_MEMBER });
		assemble_join(&c->as, from);
	}
	return 0;
}

static uint32_t count_required(const struct shape *object)
{
	uint32_t n = 0;

	for (const struct shape *s = object->children; s; s = s->next)
		n += !s->is_optional;
	return n;
}

/* key_len: bytes of the key just written, which belongs to the map. */
static int put_map(struct compiler *c, const struct shape *object, uint32_t key_len)
{
	uint32_t required = count_required(object);
	bool is_counted = required < object->nchildren;
	uint8_t header[3] = { FIX_MAP | (uint8_t)(required & FIX_MAP_MAX) };
	uint32_t header_len = object->nchildren <= FIX_MAP_MAX ? 1 : 3;

	if (header_len == 3) {
		header[0] = MAP_16;
		put_be16(header + 1, (uint16_t)required);
	}
	assemble_bytes(&c->as, header, header_len);
	if (is_counted)
		assemble_op(&c->as, (struct op){ .kernel = KERNEL_OPEN,
						 .at = key_len + header_len,
						 .size = header_len,
						 .skip = required });
	for (const struct shape *s = object->children; s; s = s->next) {
		int r = s->field ? put_leaf(c, s) : put_map(c, s, put_const(c, s->key, s->key_len));

		if (r < 0)
			return r;
	}
	if (is_counted)
		assemble_op(&c->as, (struct op){ .kernel = KERNEL_CLOSE,
						 .at = object->is_optional,
						 .size = header_len });
	return 0;
}

static int put_entry(struct compiler *c)
{
	static const uint8_t entry[] = { FIX_ARRAY | 2, FIX_EXT_8, EXT_EVENT_TIME };
	const struct field *time = c->as.schema->time;
	bool is_boot = time->loc == LOC_ROW && time->layout == LAYOUT_BOOT;
	int r = field_kernel(c->as.schema, time, c->err);

	if (r < 0)
		return r;
	assemble_bytes(&c->as, entry, sizeof(entry));
	assemble_op(&c->as, (struct op){ .kernel = KERNEL_EVENT_TIME,
					 .at = time->at,
					 .layout = is_boot ? LAYOUT_BOOT : LAYOUT_READ });
	c->as.bounds.fixed += 8;
	return 0;
}

static int msgpack_compile(struct arena *arena, const struct schema *schema,
			   const struct encoder_options *options,
			   const struct encoder **ret_encoder, struct error *err)
{
	struct compiler c = { .options = options, .err = err };
	struct msgpack *msgpack = arena_alloc(arena, sizeof(*msgpack));
	const struct shape *root;
	int r;

	assembler_init(&c.as, arena, schema, &msgpack_expansion);
	r = shape_make(arena, schema, options, &root, err);
	if (r < 0)
		goto out;
	if (options->forward_entry)
		r = put_entry(&c);
	if (r >= 0)
		r = put_map(&c, root, 0);
	if (r < 0)
		goto out;
	assemble_end(&c.as, &msgpack->program);
	(void)msgpack_rows(&msgpack->encoder, NULL, 0, 0, NULL);
	msgpack->is_forward = options->forward_entry;
	msgpack->last_ns = arena_alloc(arena, sizeof(*msgpack->last_ns));
	msgpack->encoder = (struct encoder){ .rows = msgpack_rows,
					     .bound = msgpack_bound,
					     .mark = msgpack_mark };
	*ret_encoder = &msgpack->encoder;
out:
	assembler_release(&c.as);
	return r;
}

static struct str msgpack_header(const struct encoder *encoder)
{
	(void)encoder;
	return (struct str){ 0 };
}

const struct codec codec_msgpack = {
	.name = "msgpack",
	.summary = "one MessagePack map a record",
	.content_type = "application/msgpack",
	.compile = msgpack_compile,
	.header = msgpack_header,
};
