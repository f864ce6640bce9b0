/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random expressions over random records of random schemas: the compiled
 * program must select exactly the records its slow twin (expr_twin.h) selects.
 *
 * EXPR_ROUNDS and EXPR_SEED in the environment repeat or prolong a run.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <inttypes.h>
#include <math.h>

#include "data/names.h"
#include "expr/expr.h"
#include "expr_twin.h"

enum { ROUNDS = 6000, MAX_FIELDS = 12, MAX_ROWS = 150, TEXT_MAX = 16384 };

static uint64_t random_state;

static uint32_t pick(uint32_t n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)((random_state >> 32) % n);
}

static bool one_in(uint32_t n)
{
	return pick(n) == 0;
}

/* ---- values ------------------------------------------------------------ */

/* Numbers near every edge where a width or a sign could go wrong. */
static uint64_t random_bits(void)
{
	static const uint64_t edges[] = {
		0,
		1,
		2,
		0x7f,
		0x80,
		0xff,
		0x7fff,
		0x8000,
		0xffff,
		0x7fffffff,
		0x80000000,
		0xffffffff,
		UINT64_C(1) << 53,
		INT64_MAX,
		UINT64_C(1) << 63,
		UINT64_MAX,
	};
	uint64_t bits = edges[pick(sizeof(edges) / sizeof(*edges))];

	return bits + pick(5) - 2;
}

static double random_float(void)
{
	switch (pick(6)) {
	case 0:
		return (double)pick(5) - 2.5;
	case 1:
		return (double)(int64_t)random_bits();
	case 2:
		return (double)random_bits();
	case 3:
		return NAN;
	case 4:
		return one_in(2) ? INFINITY : -INFINITY;
	default:
		return (double)pick(7) - 3;
	}
}

/* A moment from a small set, so that equal ones meet. */
static int64_t random_moment_ns(void)
{
	static const int64_t seconds[] = { 0, 1, -1, 1700000000, -2203891200, 4102444800 };
	static const int64_t ns[] = { 0, 1, 500000000, 999999999 };

	return seconds[pick(6)] * 1000000000 + ns[pick(4)];
}

/* Few letters, so that strings, prefixes and patterns meet. */
static uint32_t random_text(char *out, uint32_t max)
{
	static const char letters[] = "aab/\xff";
	uint32_t n = pick(max + 1);

	if (one_in(3) && n > 3)
		n = 3;
	for (uint32_t i = 0; i < n; i++)
		out[i] = letters[pick(5)];
	return n;
}

/* ---- schemas ----------------------------------------------------------- */

static const struct kind {
	enum type type;
	enum layout layout;
	enum loc loc;
} kinds[] = {
	{ TYPE_UINT, LAYOUT_U8, LOC_ROW },       { TYPE_UINT, LAYOUT_U16, LOC_ROW },
	{ TYPE_UINT, LAYOUT_U32, LOC_ROW },      { TYPE_UINT, LAYOUT_U64, LOC_ROW },
	{ TYPE_INT, LAYOUT_S8, LOC_ROW },        { TYPE_INT, LAYOUT_S16, LOC_ROW },
	{ TYPE_INT, LAYOUT_S32, LOC_ROW },       { TYPE_INT, LAYOUT_S64, LOC_ROW },
	{ TYPE_INT, LAYOUT_U16, LOC_ROW },       { TYPE_INT, LAYOUT_U64, LOC_ROW },
	{ TYPE_UINT, LAYOUT_S16, LOC_ROW },      { TYPE_UINT, LAYOUT_S64, LOC_ROW },
	{ TYPE_BOOL, LAYOUT_U8, LOC_ROW },       { TYPE_BOOL, LAYOUT_S32, LOC_ROW },
	{ TYPE_FLOAT, LAYOUT_F32, LOC_ROW },     { TYPE_FLOAT, LAYOUT_F64, LOC_ROW },
	{ TYPE_STRING, LAYOUT_CHARS, LOC_ROW },  { TYPE_STRING, LAYOUT_CHARS, LOC_ROW },
	{ TYPE_STRING, LAYOUT_BYTES, LOC_ROW },  { TYPE_STRINGS, LAYOUT_BYTES, LOC_ROW },
	{ TYPE_STRINGS, LAYOUT_CHARS, LOC_ROW }, { TYPE_TIME, LAYOUT_BOOT, LOC_ROW },
	{ TYPE_TIME, LAYOUT_S64, LOC_ROW },      { TYPE_TIME_NS, LAYOUT_BOOT, LOC_ROW },
	{ TYPE_TIME_NS, LAYOUT_U64, LOC_ROW },   { TYPE_UINT, LAYOUT_U64, LOC_COL },
	{ TYPE_INT, LAYOUT_S64, LOC_COL },       { TYPE_UINT, LAYOUT_U8, LOC_COL },
	{ TYPE_BOOL, LAYOUT_U8, LOC_COL },       { TYPE_FLOAT, LAYOUT_F64, LOC_COL },
	{ TYPE_STRING, LAYOUT_STR, LOC_COL },    { TYPE_STRINGS, LAYOUT_STR, LOC_COL },
	{ TYPE_TIME, LAYOUT_S64, LOC_COL },      { TYPE_UINT, LAYOUT_U32, LOC_CONST },
	{ TYPE_INT, LAYOUT_S16, LOC_CONST },     { TYPE_FLOAT, LAYOUT_F64, LOC_CONST },
	{ TYPE_BOOL, LAYOUT_U8, LOC_CONST },     { TYPE_STRING, LAYOUT_STR, LOC_CONST },
	{ TYPE_STRINGS, LAYOUT_STR, LOC_CONST }, { TYPE_TIME, LAYOUT_S64, LOC_CONST },
	{ TYPE_NAME, LAYOUT_U8, LOC_ROW },       { TYPE_NAME, LAYOUT_S32, LOC_ROW },
	{ TYPE_NAME, LAYOUT_U64, LOC_ROW },      { TYPE_NAME, LAYOUT_U64, LOC_COL },
	{ TYPE_NAME, LAYOUT_SBITS, LOC_ROW },    { TYPE_NAME, LAYOUT_U32, LOC_CONST },
	{ TYPE_FLAGS, LAYOUT_U16, LOC_ROW },     { TYPE_FLAGS, LAYOUT_U64, LOC_ROW },
	{ TYPE_FLAGS, LAYOUT_BITS, LOC_ROW },    { TYPE_DURATION, LAYOUT_U64, LOC_ROW },
	{ TYPE_SIZE, LAYOUT_S64, LOC_ROW },      { TYPE_MODE, LAYOUT_U32, LOC_ROW },
	{ TYPE_UINT, LAYOUT_BITS, LOC_ROW },     { TYPE_INT, LAYOUT_SBITS, LOC_ROW },
	{ TYPE_BOOL, LAYOUT_BITS, LOC_ROW },     { TYPE_UINT, LAYOUT_U128, LOC_ROW },
	{ TYPE_INT, LAYOUT_S128, LOC_ROW },      { TYPE_IP, LAYOUT_L3, LOC_ROW },
	{ TYPE_IP, LAYOUT_L4, LOC_ROW },         { TYPE_ENDPOINT, LAYOUT_L4, LOC_ROW },
	{ TYPE_DNS, LAYOUT_BYTES, LOC_ROW },
};

/* Words that numbers near the edges have. */
#define WORD(number, word) \
	{ .mask = (number), .value = (number), .text = { (word), sizeof(word) - 1 } }
static const struct name words[] = {
	WORD(1, "ONE"),   WORD(2, "TWO"),           WORD(2, "DUO"),  WORD(0x80, "HIGH"),
	WORD(0x7f, "ab"), WORD(UINT64_MAX, "LAST"), WORD(0, "NONE"),
};

/* Everything one round is about. */
struct world {
	struct arena arena;
	const struct schema *schema;
	uint32_t nadded; /* fields f0, f1, ... */
	bool has_tail;
	struct rows rows;
	struct batch batch;
	char *text; /* the expression */
	size_t len;
};

static uint32_t layout_size(enum layout layout)
{
	if (layout == LAYOUT_BITS || layout == LAYOUT_SBITS)
		return 1 + pick(9);
	return layout_bytes(layout) ? layout_bytes(layout) : pick(41);
}

static void set_bits(struct field *f)
{
	uint32_t all = 8 * f->size, max;

	f->bit = (uint8_t)pick(8);
	max = all - f->bit < 64 ? all - f->bit : 64;
	f->bits = (uint8_t)(1 + pick(max));
}

/* An address from a few, in the layout of an endpoint. */
static void write_endpoint(const struct field *f, uint8_t *at)
{
	static const uint8_t versions[] = { 4, 4, 6, 6, 0 };

	memset(at, 0, f->size);
	at[0] = one_in(2) ? 10 : 0xfe;
	at[15] = (uint8_t)pick(2);
	at[f->size - 1] = versions[pick(5)];
	if (f->layout == LAYOUT_L4)
		at[16] = (uint8_t)pick(3);
}

/* Fill in what a field of the type could hold, at its place. */
static void write_value(struct world *w, const struct field *f, uint8_t *at)
{
	uint64_t bits = random_bits();
	double d = random_float();
	float narrow = (float)d;
	struct str s;
	int64_t ns = random_moment_ns();

	switch ((enum layout)f->layout) {
	case LAYOUT_L3:
	case LAYOUT_L4:
		write_endpoint(f, at);
		return;
	case LAYOUT_BITS:
	case LAYOUT_SBITS:
		for (uint32_t i = 0; i < f->size; i++)
			at[i] = one_in(2) ? (uint8_t)pick(256) : one_in(2) ? 0xff : 0;
		return;
	case LAYOUT_U128:
	case LAYOUT_S128:
		memcpy(at, &bits, sizeof(bits));
		bits = one_in(2) ? 0 : random_bits();
		memcpy(at + 8, &bits, sizeof(bits));
		return;
	case LAYOUT_CHARS:
	case LAYOUT_BYTES:
	case LAYOUT_TAIL:
		for (uint32_t i = 0; i < f->size; i++)
			at[i] = (uint8_t)"aab/\xff\0"[pick(6)];
		return;
	case LAYOUT_STR:
		s.at = arena_alloc(&w->arena, 24);
		s.len = random_text((char *)(uintptr_t)s.at, 24);
		if (f->type == TYPE_STRINGS && s.len > 2)
			((char *)(uintptr_t)s.at)[pick((uint32_t)s.len)] = '\0';
		memcpy(at, &s, sizeof(s));
		return;
	case LAYOUT_F32:
		memcpy(at, &narrow, sizeof(narrow));
		return;
	case LAYOUT_F64:
		memcpy(at, &d, sizeof(d));
		return;
	case LAYOUT_BOOT:
		if (!one_in(4)) /* else anything, which may wrap */
			bits = (uint64_t)ns - (uint64_t)w->rows.boot_to_wall_ns;
		memcpy(at, &bits, sizeof(bits));
		return;
	default:
		if (f->type == TYPE_TIME || f->type == TYPE_TIME_NS)
			bits = (uint64_t)ns;
		if (f->type == TYPE_BOOL && one_in(2))
			bits = 0;
		memcpy(at, &bits, f->size); /* little-endian: the low bytes */
	}
}

static void add_field(struct world *w, struct schema_builder *b, uint32_t number, uint32_t *row_len,
		      uint32_t *ncols)
{
	const struct kind *kind = &kinds[pick(sizeof(kinds) / sizeof(*kinds))];
	struct field f = { .type = (uint8_t)kind->type,
			   .layout = (uint8_t)kind->layout,
			   .loc = (uint8_t)kind->loc,
			   .size = layout_size(kind->layout),
			   .name = arena_printf(&w->arena, "f%u", number) };

	if (f.layout == LAYOUT_BITS || f.layout == LAYOUT_SBITS)
		set_bits(&f);
	if (f.type == TYPE_NAME || f.type == TYPE_FLAGS)
		f.names = names_make(
			&w->arena, words, sizeof(words) / sizeof(*words) - one_in(2),
			&(struct names_options){ .unknown = one_in(2) ? "no#" : NULL,
						 .hides_number = one_in(4),
						 .is_signed = f.layout == LAYOUT_S32 ||
							      f.layout == LAYOUT_SBITS });
	if (f.loc == LOC_COL) {
		f.at = (*ncols)++;
	} else if (f.loc == LOC_CONST) {
		f.at = b->nconsts;
		write_value(w, &f, b->consts + f.at);
		b->nconsts += 16;
	} else {
		f.at = *row_len;
		*row_len += f.size;
	}
	assert_int_equal(schema_add(b, &f), 0);
}

/* One field may be the tail of the row. */
static void add_tail(struct world *w, struct schema_builder *b, uint32_t row_len)
{
	const struct field f = { .name = "tail",
				 .type = one_in(2) ? TYPE_STRING : TYPE_STRINGS,
				 .layout = LAYOUT_TAIL,
				 .loc = LOC_ROW,
				 .at = row_len };

	w->has_tail = true;
	assert_int_equal(schema_add(b, &f), 0);
}

static void make_schema(struct world *w)
{
	struct schema_head head = { .event = one_in(2) ? "ab" : "b",
				    .source = "src",
				    .gadget = "a/b",
				    .host = "host",
				    .seq_at = one_in(2) ? 0 : SCHEMA_NO_SEQ };
	uint32_t row_len = 8, ncols = 0;
	struct schema_builder b;

	schema_begin(&b, &w->arena, &head);
	w->nadded = 1 + pick(MAX_FIELDS);
	for (uint32_t i = 0; i < w->nadded; i++)
		add_field(w, &b, i, &row_len, &ncols);
	if (one_in(2))
		add_tail(w, &b, row_len);
	b.schema->row_min = row_len;
	b.schema->ncols = (uint16_t)ncols;
	w->schema = schema_end(&b);
}

/* ---- records ----------------------------------------------------------- */

static uint64_t *random_bitmap(struct world *w)
{
	uint64_t *bits = arena_array(&w->arena, BATCH_MAX / 64, sizeof(*bits));

	for (uint32_t i = 0; i < BATCH_MAX; i++)
		if (!one_in(3))
			bits[i / 64] |= UINT64_C(1) << (i % 64);
	return bits;
}

static void fill_column(struct world *w, const struct field *f, struct column *col)
{
	bool is_str = f->layout == LAYOUT_STR;
	uint32_t size = is_str ? sizeof(struct str) : 8;
	uint8_t *values = arena_array(&w->arena, w->rows.n + 1, size);
	struct field wide = *f;

	if (!is_str && f->layout != LAYOUT_F64)
		wide.size = 8;
	for (uint32_t i = 0; i < w->rows.n; i++)
		write_value(w, &wide, values + (size_t)i * size);
	col->u = (const uint64_t *)(const void *)values;
	if (!one_in(4))
		col->present = random_bitmap(w);
}

/* A row in memory of its own, so that reading past the slack is found. */
static uint8_t *make_row(struct world *w, uint32_t *ret_len)
{
	uint32_t len = w->schema->row_min + (w->has_tail ? pick(60) : 0);
	uint8_t *row = malloc(len + ROW_SLACK);

	assert_non_null(row);
	for (uint32_t i = 0; i < len + ROW_SLACK; i++)
		row[i] = (uint8_t)"aab/\xff\0"[pick(6)];
	for (uint32_t i = 0; i < w->schema->nfields; i++) {
		const struct field *f = &w->schema->fields[i];

		if (f->loc == LOC_ROW && f->layout != LAYOUT_TAIL)
			write_value(w, f, row + f->at);
	}
	*ret_len = len;
	return row;
}

static void make_rows(struct world *w)
{
	static const struct origin origin = { .source = "src",
					      .boot = "0123456789abcdef0123456789abcdef",
					      .epoch = 7 };
	uint32_t n = w->rows.n;
	const uint8_t **at = arena_array(&w->arena, n + 1, sizeof(*at));
	uint32_t *len = arena_array(&w->arena, n + 1, sizeof(*len));
	uint64_t *pos = arena_array(&w->arena, n + 1, sizeof(*pos));

	for (uint32_t i = 0; i < n; i++) {
		at[i] = make_row(w, &len[i]);
		pos[i] = i;
	}
	w->rows.at = at;
	w->rows.len = len;
	w->rows.pos = pos;
	w->rows.origin = &origin;
	w->rows.wall_ns = random_moment_ns();
}

static void make_batch(struct world *w)
{
	struct column *cols = arena_array(&w->arena, w->schema->ncols + 1u, sizeof(*cols));

	make_rows(w);
	for (uint32_t i = 0; i < w->schema->nfields; i++)
		if (w->schema->fields[i].loc == LOC_COL)
			fill_column(w, &w->schema->fields[i], &cols[w->schema->fields[i].at]);
	w->batch = (struct batch){ .schema = w->schema, .rows = &w->rows, .cols = cols };
	w->batch.sel = arena_array(&w->arena, BATCH_MAX, sizeof(*w->batch.sel));
	for (uint32_t i = 0; i < w->rows.n; i++)
		if (!one_in(5))
			w->batch.sel[w->batch.nsel++] = (uint16_t)i;
}

/* ---- expressions ------------------------------------------------------- */

__attribute__((format(printf, 2, 3))) static void put(struct world *w, const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(w->text + w->len, TEXT_MAX - w->len, fmt, args);
	va_end(args);
	assert_true(n >= 0 && w->len + (size_t)n < TEXT_MAX);
	w->len += (size_t)n;
}

static void put_string(struct world *w, const char *at, uint64_t len)
{
	char quote = one_in(2) ? '"' : '\'';

	put(w, "%c", quote);
	for (uint64_t i = 0; i < len; i++)
		if (at[i] == quote || at[i] == '\\' || (uint8_t)at[i] < 0x20 || one_in(9))
			put(w, "\\x%02x", (uint8_t)at[i]);
		else
			put(w, "%c", at[i]);
	put(w, "%c", quote);
}

static void put_moment(struct world *w)
{
	int64_t ns = random_moment_ns(), rest = ns % 1000000000;
	time_t seconds = (time_t)(ns / 1000000000);
	struct tm tm;
	char text[40];

	if (rest < 0) {
		rest += 1000000000;
		seconds--;
	}
	(void)gmtime_r(&seconds, &tm);
	(void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	put(w, "'%s.%09" PRId64 "Z'", text, rest);
}

static void put_number(struct world *w)
{
	uint64_t bits = random_bits();

	switch (pick(5)) {
	case 0:
		put(w, "%" PRId64, (int64_t)bits);
		return;
	case 1:
		put(w, "0x%" PRIx64, bits);
		return;
	case 2:
		put(w, "%d.5", (int)pick(9) - 4);
		return;
	case 3:
		put(w, "%d", (int)pick(9) - 4);
		return;
	default:
		put(w, "%" PRIu64, bits);
		return;
	}
}

/* An identity that one of the rows really has, or a text like any other. */
static void put_text(struct world *w, const char *name)
{
	char text[RID_TEXT_MAX];
	uint32_t n = random_text(text, 24);

	if (!strcmp(name, "@id") && w->batch.nsel && one_in(2)) {
		uint32_t row = w->batch.sel[pick(w->batch.nsel)];

		n = rid_format(w->rows.origin, batch_rid(&w->batch, row), text);
	}
	if (one_in(20))
		text[n++] = '\0';
	put_string(w, text, n);
}

static void put_literal(struct world *w, const struct field *f, const char *name)
{
	enum type type = f ? (enum type)f->type : (enum type)pick(4);
	static const char *const addresses[] = { "10.0.0.0",    "10.0.0.0/8",  "10.0.0.0/0",
						 "fe00::1",     "fe00::/16",   "a00::1/127",
						 "254.0.0.0/7", "254.0.0.0/32" };
	static const char *const endpoints[] = { "10.0.0.0:1", "[fe00::1]:2", "254.0.0.0:0", "" };

	switch (type) {
	case TYPE_BOOL:
		put(w, one_in(2) ? "true" : "false");
		return;
	case TYPE_STRING:
	case TYPE_STRINGS:
		put_text(w, name);
		return;
	case TYPE_NAME:
	case TYPE_FLAGS:
		if (one_in(3))
			put_number(w);
		else
			put(w, "'%s'", f->names->list[pick(f->names->n)].text.at);
		return;
	case TYPE_IP:
		put(w, "'%s'", addresses[pick(8)]);
		return;
	case TYPE_ENDPOINT:
		put(w, "'%s'", endpoints[pick(4)]);
		return;
	case TYPE_DNS:
		put(w, "'%s'", one_in(2) ? "a." : "");
		return;
	case TYPE_TIME:
		put_moment(w);
		return;
	case TYPE_TIME_NS:
		if (one_in(2))
			put_moment(w);
		else
			put_number(w);
		return;
	default:
		put_number(w);
	}
}

static void put_pattern(struct world *w)
{
	static const char *const parts[] = { "a",    "b",      "/",    "*",   "*",   "?", "[ab]",
					     "[!a]", "[a-c/]", "[]a]", "\\*", "\\a", "aa" };
	char text[64];
	uint32_t n = 0, nparts = pick(7);

	for (uint32_t i = 0; i < nparts; i++) {
		const char *part = parts[pick(sizeof(parts) / sizeof(*parts))];

		memcpy(text + n, part, strlen(part));
		n += (uint32_t)strlen(part);
	}
	put_string(w, text, n);
}

static const char *random_name(struct world *w)
{
	static const char *const engines[] = { "@event", "event", "@source", "gadget",
					       "@id",    "@time", "tail",    "missing" };

	if (one_in(4))
		return engines[pick(8)];
	/* Now and then a name that this schema lacks. */
	return arena_printf(&w->arena, "f%u", pick(w->nadded + one_in(4)));
}

static bool is_wide(const struct field *f)
{
	return f->layout == LAYOUT_U128 || f->layout == LAYOUT_S128;
}

/* Made of bytes: equal or not, but without an order. */
static bool is_text_only(const struct field *f)
{
	return f->type == TYPE_IP || f->type == TYPE_ENDPOINT || f->type == TYPE_DNS;
}

static bool is_word(const struct field *f)
{
	return f->type == TYPE_NAME || f->type == TYPE_FLAGS;
}

static bool is_numeric(const struct field *f)
{
	return (f->type == TYPE_INT || f->type == TYPE_UINT || f->type == TYPE_FLOAT ||
		f->type == TYPE_TIME_NS || type_is_made_number((enum type)f->type)) &&
	       !is_wide(f);
}

static bool may_meet(const struct field *a, const struct field *b)
{
	bool a_time, b_time;

	if (!a || !b)
		return true;
	a_time = a->type == TYPE_TIME || a->type == TYPE_TIME_NS;
	b_time = b->type == TYPE_TIME || b->type == TYPE_TIME_NS;
	return (is_numeric(a) && is_numeric(b)) || (a_time && b_time) ||
	       (a->type == b->type && is_text_only(a)) ||
	       (a->type == b->type && a->type == TYPE_STRING) ||
	       (a->type == b->type && a->type == TYPE_BOOL);
}

static void put_compare(struct world *w, const char *name, const struct field *f)
{
	static const char *const ops[] = { "==", "!=", "<", "<=", ">", ">=" };
	bool only_equal = f && (f->type == TYPE_BOOL || f->type == TYPE_STRINGS || is_word(f) ||
				is_text_only(f));
	const char *op = ops[pick(only_equal ? 2 : 6)], *other = random_name(w);
	const struct field *g = schema_find(w->schema, other);

	if (g && (g->type == TYPE_BOOL || is_text_only(g)) && !only_equal)
		op = ops[pick(2)];
	if (one_in(3) && may_meet(f, g) && !(!f && g && g->type == TYPE_STRINGS)) {
		put(w, "%s %s %s", name, op, other);
	} else if (one_in(4)) {
		put_literal(w, f, name);
		put(w, " %s %s", op, name);
	} else {
		put(w, "%s %s ", name, op);
		put_literal(w, f, name);
	}
}

static void put_test(struct world *w)
{
	const char *name = random_name(w);
	const struct field *f = schema_find(w->schema, name);
	bool is_text = !f || f->type == TYPE_STRING || f->type == TYPE_STRINGS || is_word(f) ||
		       is_text_only(f);
	bool is_set = !f || f->type == TYPE_STRINGS || f->type == TYPE_FLAGS;
	uint32_t n = pick(4);

	if ((!f || f->type == TYPE_BOOL) && one_in(3)) {
		put(w, "%s", name);
	} else if (is_set && one_in(3)) {
		put(w, "%s has ", name);
		if (f && f->type == TYPE_FLAGS)
			put(w, "'%s'", f->names->list[pick(f->names->n)].text.at);
		else
			put_text(w, name);
	} else if (is_text && one_in(2)) {
		put(w, "%s %s ", name, one_in(3) ? "!~" : "~");
		put_pattern(w);
	} else if (one_in(6)) {
		put(w, "%s in (", name);
		put_literal(w, f, name);
		while (n--) {
			put(w, ", ");
			put_literal(w, f, name);
		}
		put(w, ")");
	} else {
		put_compare(w, name, f);
	}
}

static void put_expression(struct world *w, uint32_t depth)
{
	uint32_t n = 2 + pick(3);

	if (depth == 0 || one_in(4)) {
		put_test(w);
		return;
	}
	if (one_in(4)) {
		put(w, "!(");
		put_expression(w, depth - 1);
		put(w, ")");
		return;
	}
	put(w, "(");
	put_expression(w, depth - 1);
	while (--n) {
		put(w, one_in(2) ? " && " : " || ");
		put_expression(w, depth - 1);
	}
	put(w, ")");
}

/* ---- the property ------------------------------------------------------ */

/* The program on these rows against the twin; returns how many passed. */
static uint32_t check_rows(struct world *w, const struct predicate *p, const struct expr *expr,
			   const uint16_t *rows, uint32_t nrows)
{
	uint16_t expected[BATCH_MAX];
	uint32_t n = 0, got;

	for (uint32_t i = 0; i < nrows; i++)
		if (twin_eval(&w->batch, rows[i], expr->root))
			expected[n++] = rows[i];
	memcpy(w->batch.sel, rows, nrows * sizeof(*rows));
	w->batch.nsel = nrows;
	got = predicate_select(p, &w->batch);
	if (got != n || memcmp(w->batch.sel, expected, n * sizeof(*expected)) != 0)
		fail_msg("%u rows, not %u, by\n%s\n%s", got, n, w->text,
			 predicate_dump(p, &w->arena));
	if (predicate_folded(p) == FOLDED_TRUE)
		assert_int_equal(n, nrows);
	if (predicate_folded(p) == FOLDED_FALSE)
		assert_int_equal(n, 0);
	return n;
}

/* Returns whether some rows passed and some did not. */
static bool check_selection(struct world *w, const struct predicate *p, const struct expr *expr)
{
	uint16_t all[BATCH_MAX], some[BATCH_MAX];
	uint32_t nall = w->batch.nsel, nsome = 0, n;

	memcpy(all, w->batch.sel, nall * sizeof(*all));
	n = check_rows(w, p, expr, all, nall);
	/* A program keeps nothing from one batch to the next. */
	for (uint32_t i = 0; i < nall; i++)
		if (one_in(2))
			some[nsome++] = all[i];
	(void)check_rows(w, p, expr, some, nsome);
	return n && n < nall;
}

static void run_round(uint64_t *ret_mixed)
{
	struct world w = { .arena = ARENA_INIT, .text = malloc(TEXT_MAX) };
	struct error err = ERROR_INIT;
	struct predicate *p;
	struct expr *expr;

	w.rows.boot_to_wall_ns = one_in(2) ? 1700000000000000000 : -5;
	w.rows.n = one_in(50) ? BATCH_MAX : pick(MAX_ROWS);
	make_schema(&w);
	make_batch(&w);
	put_expression(&w, pick(6));
	if (expr_parse(&w.arena, w.text, (struct pos){ 0 }, &expr, &err) < 0 ||
	    expr_bind(expr, w.schema, &w.arena, &p, &err) < 0)
		fail_msg("%s: %s", w.text, err.text);
	*ret_mixed += check_selection(&w, p, expr);
	for (uint32_t i = 0; i < w.rows.n; i++)
		free((void *)(uintptr_t)w.rows.at[i]);
	free(w.text);
	arena_release(&w.arena);
}

static uint64_t setting(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : otherwise;
}

static void programs_select_what_the_tree_says(void **state)
{
	uint64_t rounds = setting("EXPR_ROUNDS", ROUNDS), mixed = 0;
	uint64_t seed = setting("EXPR_SEED", 1);

	(void)state;
	for (uint64_t i = 0; i < rounds; i++) {
		random_state = (seed + i) * UINT64_C(0x9e3779b97f4a7c15) + 1;
		run_round(&mixed);
	}
	/* Else the expressions would say little about the records. */
	assert_true(mixed > rounds / 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(programs_select_what_the_tree_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
