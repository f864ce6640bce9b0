/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_expr: any text as an expression, any bytes as records.
 *
 * The input is the text up to its first NUL; what follows fills the records.
 * Rows lie in blocks of their exact size, so the sanitizer sees a read beyond
 * the slack.  Besides surviving, an expression and its negation must part the
 * records between them.
 */
#include <stdlib.h>
#include <string.h>

#include "data/names.h"
#include "expr/expr.h"

enum { NROWS = 70, NCOLS = 3, ROW_MIN = 112, TAIL = 24, TEXT_MAX = 4096 };

static const struct field fields[] = {
	{ .name = "u8", .type = TYPE_UINT, .layout = LAYOUT_U8, .at = 0, .size = 1 },
	{ .name = "s16", .type = TYPE_INT, .layout = LAYOUT_S16, .at = 2, .size = 2 },
	{ .name = "u32", .type = TYPE_UINT, .layout = LAYOUT_U32, .at = 4, .size = 4 },
	{ .name = "s64", .type = TYPE_INT, .layout = LAYOUT_S64, .at = 8, .size = 8 },
	{ .name = "u64", .type = TYPE_UINT, .layout = LAYOUT_U64, .at = 16, .size = 8 },
	{ .name = "f32", .type = TYPE_FLOAT, .layout = LAYOUT_F32, .at = 24, .size = 4 },
	{ .name = "b", .type = TYPE_BOOL, .layout = LAYOUT_U8, .at = 28, .size = 1 },
	{ .name = "f64", .type = TYPE_FLOAT, .layout = LAYOUT_F64, .at = 32, .size = 8 },
	{ .name = "t", .type = TYPE_TIME, .layout = LAYOUT_BOOT, .at = 40, .size = 8 },
	{ .name = "ns", .type = TYPE_TIME_NS, .layout = LAYOUT_S64, .at = 48, .size = 8 },
	{ .name = "s", .type = TYPE_STRING, .layout = LAYOUT_CHARS, .at = 56, .size = 16 },
	{ .name = "p", .type = TYPE_STRING, .layout = LAYOUT_CHARS, .at = 72, .size = 40 },
	{ .name = "l", .type = TYPE_STRINGS, .layout = LAYOUT_TAIL, .at = ROW_MIN },
	{ .name = "n", .type = TYPE_NAME, .layout = LAYOUT_S16, .at = 2, .size = 2 },
	{ .name = "fl", .type = TYPE_FLAGS, .layout = LAYOUT_U32, .at = 4, .size = 4 },
	{ .name = "d", .type = TYPE_DURATION, .layout = LAYOUT_U64, .at = 16, .size = 8 },
	{ .name = "ip", .type = TYPE_IP, .layout = LAYOUT_L4, .at = 72, .size = 21 },
	{ .name = "e", .type = TYPE_ENDPOINT, .layout = LAYOUT_L4, .at = 72, .size = 21 },
	{ .name = "q", .type = TYPE_DNS, .layout = LAYOUT_CHARS, .at = 72, .size = 40 },
	{ .name = "w", .type = TYPE_INT, .layout = LAYOUT_S128, .at = 56, .size = 16 },
	{ .name = "bi",
	  .type = TYPE_UINT,
	  .layout = LAYOUT_BITS,
	  .at = 8,
	  .size = 9,
	  .bit = 7,
	  .bits = 64 },
	{ .name = "cu",
	  .type = TYPE_UINT,
	  .layout = LAYOUT_U64,
	  .loc = LOC_COL,
	  .at = 0,
	  .size = 8 },
	{ .name = "cs",
	  .type = TYPE_STRING,
	  .layout = LAYOUT_STR,
	  .loc = LOC_COL,
	  .at = 1,
	  .size = 16 },
	{ .name = "cf",
	  .type = TYPE_FLOAT,
	  .layout = LAYOUT_F64,
	  .loc = LOC_COL,
	  .at = 2,
	  .size = 8 },
};

static const struct name words[] = {
	{ .mask = 3, .value = 0, .text = { "R", 1 } },
	{ .mask = 1, .value = 1, .text = { "W", 1 } },
	{ .mask = 64, .value = 64, .text = { "CREAT", 5 } },
};

static const struct schema *make_schema(struct arena *arena)
{
	const struct schema_head head = { .event = "e",
					  .source = "s",
					  .gadget = "g",
					  .host = "h",
					  .row_min = ROW_MIN,
					  .seq_at = 16 };
	struct schema_builder b;

	schema_begin(&b, arena, &head);
	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
		struct field f = fields[i];

		if (f.type == TYPE_NAME || f.type == TYPE_FLAGS)
			f.names = names_make(arena, words, sizeof(words) / sizeof(*words),
					     &(struct names_options){ .unknown = "#" });
		if (schema_add(&b, &f) < 0)
			abort();
	}
	b.schema->ncols = NCOLS;
	return schema_end(&b);
}

/* Bytes of the input again and again; zeros when there are none. */
struct feed {
	const uint8_t *bytes;
	size_t len, at;
};

static void feed_bytes(struct feed *feed, void *to, size_t n)
{
	uint8_t *out = to;

	for (size_t i = 0; i < n; i++)
		out[i] = feed->len ? feed->bytes[feed->at++ % feed->len] : 0;
}

struct records {
	uint8_t *at[NROWS];
	uint32_t len[NROWS];
	uint64_t pos[NROWS];
	uint64_t present[BATCH_MAX / 64];
	uint64_t numbers[NROWS];
	double floats[NROWS];
	struct str strings[NROWS];
	struct column cols[NCOLS];
	struct origin origin;
	struct rows rows;
};

static void make_records(struct records *r, struct feed *feed)
{
	for (uint32_t i = 0; i < NROWS; i++) {
		r->len[i] = ROW_MIN + i % TAIL;
		r->at[i] = malloc(r->len[i] + ROW_SLACK);
		if (!r->at[i])
			abort();
		feed_bytes(feed, r->at[i], r->len[i] + ROW_SLACK);
		r->pos[i] = i;
		r->strings[i] = (struct str){ (const char *)r->at[i], i % 20 };
	}
	feed_bytes(feed, r->present, sizeof(r->present));
	feed_bytes(feed, r->numbers, sizeof(r->numbers));
	feed_bytes(feed, r->floats, sizeof(r->floats));
	r->cols[0] = (struct column){ .present = r->present, .u = r->numbers };
	r->cols[1] = (struct column){ .present = r->present, .s = r->strings };
	r->cols[2] = (struct column){ .f = r->floats };
	r->origin = (struct origin){ .source = "s", .boot = "0", .epoch = 1 };
	r->rows = (struct rows){ .at = (const uint8_t *const *)r->at,
				 .len = r->len,
				 .pos = r->pos,
				 .origin = &r->origin,
				 .wall_ns = 1700000000000000000,
				 .boot_to_wall_ns = 1600000000000000000,
				 .n = NROWS };
}

static uint32_t select_rows(const struct predicate *p, const struct schema *schema,
			    const struct records *r, uint16_t *sel)
{
	struct batch batch = {
		.schema = schema, .rows = &r->rows, .cols = r->cols, .sel = sel, .nsel = NROWS
	};

	for (uint16_t i = 0; i < NROWS; i++)
		sel[i] = i;
	return predicate_select(p, &batch);
}

static struct predicate *compile(struct arena *arena, const struct schema *schema, const char *text)
{
	struct predicate *p = NULL;
	struct expr *expr;

	if (expr_parse(arena, text, (struct pos){ 0 }, &expr, NULL) < 0 ||
	    expr_bind(expr, schema, arena, &p, NULL) < 0)
		return NULL;
	(void)predicate_dump(p, arena);
	return p;
}

static void check(struct arena *arena, const char *text, const struct records *r)
{
	const struct schema *schema = make_schema(arena);
	struct predicate *p = compile(arena, schema, text), *not_p;
	uint16_t sel[BATCH_MAX], not_sel[BATCH_MAX];
	uint8_t seen[NROWS] = { 0 };
	uint32_t n, not_n;

	if (!p)
		return;
	/* Only the limit of depth can come between the two. */
	not_p = compile(arena, schema, arena_printf(arena, "!(%s)", text));
	if (!not_p)
		return;
	n = select_rows(p, schema, r, sel);
	not_n = select_rows(not_p, schema, r, not_sel);
	if (n + not_n != NROWS)
		abort();
	for (uint32_t i = 0; i < n; i++)
		seen[sel[i]]++;
	for (uint32_t i = 0; i < not_n; i++)
		seen[not_sel[i]]++;
	for (uint32_t i = 0; i < NROWS; i++)
		if (seen[i] != 1)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena = ARENA_INIT;
	size_t len = strnlen((const char *)data, size);
	struct feed feed = { .bytes = data + len, .len = size - len };
	struct records r = { 0 };

	if (len > TEXT_MAX)
		return -1;
	make_records(&r, &feed);
	check(&arena, arena_strndup(&arena, (const char *)data, len), &r);
	for (uint32_t i = 0; i < NROWS; i++)
		free(r.at[i]);
	arena_release(&arena);
	return 0;
}
