/* SPDX-License-Identifier: Apache-2.0 */
/*
 * csv: a table for programs, as RFC 4180 has it.
 *
 * A header line names the fields, with their dots; then one line a record, cells
 * parted by commas, lines ended by CR LF.  A cell that holds a comma, a quote or
 * a line break, or has a space at an edge, stands in quotes.  Lists are compact
 * JSON in a cell.  A missing value is an empty cell, an empty string is "".
 *
 * Where records of several kinds meet, each change to other fields begins a new
 * table: an empty line and a header line.  Losses have no place in a table; the engine
 * tells them on standard error.
 *
 * What a terminal could act on is shown as in columns when the output is a
 * terminal; elsewhere every byte of a string is there.
 */
#include <math.h>
#include <string.h>

#include "codec/encoder.h"
#include "codec/glyph.h"
#include "codec/json_style.h"
#include "codec/number.h"
#include "codec/program.h"
#include "codec/text.h"
#include "codec/tree.h"
#include "data/show.h"

struct cell {
	const struct field *field;
	struct list *list;
};

struct csv {
	struct encoder encoder; /* first: what callers hold */
	uint32_t ncells;
	struct cell *cells;
	struct bounds bounds;
	struct str header, header_again;
	bool is_terminal;
};

/* A character of JSON may become "\xNN" for each of its bytes. */
static size_t text_size(const uint8_t *s, size_t n)
{
	return 4 * json_text_size(s, n);
}

static const struct expansion expansion = {
	.per_byte = 6, /* \u0001 in a list, \xc2\x85 on a terminal */
	.per_list = 8, /* "","", for an empty string */
	.per_raw = 2,
	.per_string = 6,
	.number = 4,
	.frame = 6,
	.list = 16,
	.item = 2,
	.key = 8,
	.text_size = text_size,
};

/* ---- cells ------------------------------------------------------------------ */

static bool is_space(uint8_t c)
{
	return c == ' ' || c == '\t';
}

static bool needs_quotes(const uint8_t *s, size_t n)
{
	if (!n || is_space(s[0]) || is_space(s[n - 1]))
		return true;
	for (size_t i = 0; i < n; i++)
		if (s[i] == ',' || s[i] == '"' || s[i] == '\r' || s[i] == '\n')
			return true;
	return false;
}

/* One character as a cell shows it; returns how many bytes of s it took. */
static size_t put_character(uint8_t **out, const uint8_t *s, size_t n, bool is_terminal)
{
	struct glyph g = { .text = { s[0] }, .len = 1, .taken = 1 };

	if (is_terminal)
		g = glyph_next(s, n);
	memcpy(*out, g.text, g.len);
	*out += g.len;
	if (s[0] == '"') {
		**out = '"';
		(*out)++;
	}
	return g.taken;
}

static size_t shown_size(const uint8_t *s, size_t n, bool is_terminal)
{
	size_t size = 0;

	while (n) {
		uint8_t scratch[GLYPH_MAX + 1], *end = scratch;
		size_t took = put_character(&end, s, n, is_terminal);

		size += (size_t)(end - scratch);
		s += took;
		n -= took;
	}
	return size;
}

/*
 * Text that was written to start..end becomes a cell, in its place: it moves to
 * where its cell will end, and from there back to front, never overtaking what
 * is still to be read.
 */
static uint8_t *finish_cell(uint8_t *start, const uint8_t *end, bool is_terminal)
{
	size_t n = (size_t)(end - start), size = shown_size(start, n, is_terminal);
	bool is_quoted = needs_quotes(start, n);
	uint8_t *from = start + is_quoted + size - n, *out = start;

	memmove(from, start, n);
	if (is_quoted)
		*out++ = '"';
	while (n) {
		size_t took = put_character(&out, from, n, is_terminal);

		from += took;
		n -= took;
	}
	if (is_quoted)
		*out++ = '"';
	return out;
}

static void put_word(struct writer *w, const char *word)
{
	while (*word)
		*w->out++ = (uint8_t)*word++;
}

static void put_text(struct writer *w, struct str text)
{
	w->out = utf8_text(w->out, (const uint8_t *)text.at, text.len);
}

static void put_bytes(struct writer *w, struct str bytes)
{
	w->out = hex_text(w->out, (const uint8_t *)bytes.at, bytes.len);
}

static void put_scalar(struct writer *w, const struct field *field, const struct value *v)
{
	if (v->type == TYPE_FLOAT && isnan(v->f)) {
		put_word(w, "nan");
	} else if (v->type == TYPE_FLOAT && isinf(v->f)) {
		put_word(w, v->f < 0 ? "-inf" : "inf");
	} else if (v->type == TYPE_TIME) {
		w->out = put_moment(w->out, v->i, &w->second);
		put_word(w, "Z");
	} else {
		json_style.scalar(w, field, v);
	}
}

/* Only for what is no list. */
static const struct style style = { .scalar = put_scalar, .text = put_text, .bytes = put_bytes };

static void put_cell(const struct csv *csv, struct writer *w, const struct cell *cell, uint32_t row)
{
	uint8_t *start = w->out;
	struct value v;

	leaf_read(w->batch, row, cell->field, &v);
	if (v.missing) {
		/* A line of nothing at all would part tables. */
		put_word(w, csv->ncells == 1 ? "\"\"" : "");
		return;
	}
	w->style = v.type == TYPE_STRINGS || cell->list ? &json_style : &style;
	if (cell->list)
		write_list(w, cell->list, v.s);
	else
		write_value(w, cell->field, &v);
	w->out = finish_cell(start, w->out, csv->is_terminal);
}

/* ---- lines ------------------------------------------------------------------ */

static size_t csv_bound(const struct encoder *encoder, const struct batch *batch, uint32_t row)
{
	return bounds_exact(&((const struct csv *)encoder)->bounds, batch, row);
}

static uint32_t csv_rows(const struct encoder *encoder, const struct batch *batch, uint32_t first,
			 uint32_t until, struct encoded *dest)
{
	const struct csv *csv = (const struct csv *)encoder;
	struct writer w;
	uint32_t i;

	writer_init(&w, &style, batch, dest->at);
	for (i = first; i < until && dest->nends < dest->max; i++) {
		uint32_t row = batch->sel[i];

		if (!bounds_fit(&csv->bounds, batch, row, (size_t)(dest->limit - w.out)))
			break;
		for (uint32_t c = 0; c < csv->ncells; c++) {
			if (c)
				put_word(&w, ",");
			put_cell(csv, &w, &csv->cells[c], row);
		}
		put_word(&w, "\r\n");
		dest->ends[dest->nends++] = (uint32_t)(w.out - dest->start);
	}
	dest->at = w.out;
	return i - first;
}

static size_t csv_mark(const struct encoder *encoder, const struct mark *mark, uint8_t *out)
{
	(void)encoder;
	(void)mark;
	(void)out;
	return 0;
}

/* ---- compiling -------------------------------------------------------------- */

static void make_header(struct arena *arena, struct csv *csv)
{
	struct writer w = { 0 };
	size_t max = 16;
	uint8_t *text;

	for (uint32_t c = 0; c < csv->ncells; c++)
		max += 4 + text_size((const uint8_t *)csv->cells[c].field->label,
				     strlen(csv->cells[c].field->label));
	text = w.out = arena_alloc(arena, max);
	put_word(&w, "\r\n");
	for (uint32_t c = 0; c < csv->ncells; c++) {
		const char *label = csv->cells[c].field->label;
		uint8_t *start;

		if (c)
			put_word(&w, ",");
		start = w.out;
		put_text(&w, (struct str){ label, strlen(label) });
		w.out = finish_cell(start, w.out, csv->is_terminal);
	}
	put_word(&w, "\r\n");
	csv->header_again = (struct str){ (const char *)text, (uint64_t)(w.out - text) };
	csv->header = (struct str){ (const char *)text + 2, csv->header_again.len - 2 };
}

static int add_cell(struct arena *arena, const struct schema *schema, const struct field *field,
		    struct cell *cell, struct bounds_builder *bounds, struct error *err)
{
	int r = field_kernel(schema, field, err);

	cell->field = field;
	if (r >= 0 && field->type == TYPE_ARRAY)
		r = list_make(arena, schema, field, &cell->list, err);
	if (r < 0)
		return r;
	bounds->fixed += 4;
	bounds_add(bounds, field, cell->list, 0);
	return 0;
}

static int csv_compile(struct arena *arena, const struct schema *schema,
		       const struct encoder_options *options, const struct encoder **ret_encoder,
		       struct error *err)
{
	struct csv *csv = arena_alloc(arena, sizeof(*csv));
	const struct field **fields = NULL;
	struct bounds_builder builder;
	int r;

	r = shown_fields(arena, schema, options, FIELD_HIDDEN | FIELD_COLUMN, &fields, &csv->ncells,
			 err);
	if (r >= 0)
		r = check_twins(fields, csv->ncells, err);
	if (r < 0)
		return r;
	csv->cells = arena_array(arena, csv->ncells, sizeof(*csv->cells));
	bounds_begin(&builder, &expansion);
	for (uint32_t i = 0; r >= 0 && i < csv->ncells; i++)
		r = add_cell(arena, schema, fields[i], &csv->cells[i], &builder, err);
	csv->bounds = bounds_end(&builder, arena, PROGRAM_SLACK);
	bounds_release(&builder);
	if (r < 0)
		return r;
	csv->is_terminal = options->is_terminal;
	make_header(arena, csv);
	csv->encoder = (struct encoder){ .rows = csv_rows, .bound = csv_bound, .mark = csv_mark };
	*ret_encoder = &csv->encoder;
	return 0;
}

static struct str csv_header(const struct encoder *encoder)
{
	return ((const struct csv *)encoder)->header;
}

static struct str csv_header_again(const struct encoder *encoder)
{
	return ((const struct csv *)encoder)->header_again;
}

const struct codec codec_csv = {
	.name = "csv",
	.summary = "comma-separated values with a header line",
	.content_type = "text/csv; charset=utf-8; header=present",
	.compile = csv_compile,
	.header = csv_header,
	.header_again = csv_header_again,
};
