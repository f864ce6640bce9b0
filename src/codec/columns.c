/* SPDX-License-Identifier: Apache-2.0 */
/*
 * columns: a table for people.
 *
 * Each column has a width in terminal cells, from its notes or its type.  Text
 * that is longer is cut and ends in '…'; numbers are never cut, they push their
 * line to the right.  On a terminal the last column gets what is left of the
 * line, and wide columns of text give way when there is too little; elsewhere
 * the last column is as long as its text.  No line ends in padding.
 *
 * What a cell shows can neither drive the terminal nor break the line
 * (codec/glyph.h).  A value that is missing is '-'.
 *
 * People read slower than this writes: values come from batch_read().
 */
#include <ctype.h>
#include <math.h>
#include <time.h>

#include "codec/encoder.h"
#include "codec/glyph.h"
#include "codec/number.h"
#include "codec/program.h"

enum {
	GAP = 1,
	MIN_TEXT = 10,         /* text gives way down to this */
	MIN_LAST = 16,         /* and does so when the last column had less */
	UNCUT = UINT16_MAX,    /* as wide as the text */
	BYTES_PER_CELL = 8,    /* marks that take no cell are cut beyond this */
	TIME_CELLS = 12,       /* 23:00:00.123 */
	PLAIN_MAX = FLOAT_MAX, /* bytes of a number */
};

struct col {
	const struct field *field;
	const char *title;
	uint32_t width; /* cells; UNCUT */
	bool is_text;   /* may be cut */
	bool is_right;
	bool no_ellipsis;
};

struct columns {
	struct encoder encoder; /* first: what callers hold */
	const struct schema *schema;
	uint32_t ncols;
	struct col *cols;
	struct str header;
	size_t fixed; /* bytes of a line without an uncut column's text */
};

/* What is the same for all records of one call. */
struct local_second {
	int64_t sec;
	uint8_t text[8]; /* 23:00:00 */
	bool is_set;
};

/* ---- cells -------------------------------------------------------------- */

/* A cell being written: where the text ended when '…' still fitted behind it. */
struct cell {
	uint8_t *start, *out;
	uint32_t cells, width;
	uint8_t *cut_out;
	uint32_t cut_cells;
	bool no_ellipsis;
};

static void cell_begin(struct cell *cell, uint8_t *out, const struct col *col)
{
	*cell = (struct cell){ .start = out,
			       .out = out,
			       .cut_out = out,
			       .width = col->width,
			       .no_ellipsis = col->no_ellipsis };
}

static void cell_cut(struct cell *cell)
{
	if (cell->no_ellipsis)
		return;
	memcpy(cell->cut_out, "…", 3);
	cell->out = cell->cut_out + 3;
	cell->cells = cell->cut_cells + 1;
}

/* False when there is no room; the cell is cut then and takes no more. */
static bool cell_put(struct cell *cell, const uint8_t *text, uint32_t len, uint32_t cells)
{
	size_t limit = (size_t)BYTES_PER_CELL * cell->width;

	if (cell->width != UNCUT && (cell->cells + cells > cell->width ||
				     (size_t)(cell->out - cell->start) + len > limit)) {
		cell_cut(cell);
		return false;
	}
	memcpy(cell->out, text, len);
	cell->out += len;
	cell->cells += cells;
	if (cell->cells < cell->width) {
		cell->cut_out = cell->out;
		cell->cut_cells = cell->cells;
	}
	return true;
}

static bool cell_text(struct cell *cell, struct str s)
{
	const uint8_t *at = (const uint8_t *)s.at;
	size_t n = s.len;

	while (n) {
		struct glyph g = glyph_next(at, n);

		if (!cell_put(cell, g.text, g.len, g.cells))
			return false;
		at += g.taken;
		n -= g.taken;
	}
	return true;
}

static void cell_list(struct cell *cell, struct str list)
{
	struct str s;
	bool more = list_next(&list, &s);

	while (more && cell_text(cell, s)) {
		more = list_next(&list, &s);
		if (more && !cell_put(cell, (const uint8_t *)" ", 1, 1))
			return;
	}
}

static void cell_hex(struct cell *cell, struct str s)
{
	static const char hex[] = "0123456789abcdef";

	for (uint64_t i = 0; i < s.len; i++) {
		uint8_t c = (uint8_t)s.at[i];
		const uint8_t pair[] = { (uint8_t)hex[c >> 4], (uint8_t)hex[c & 15] };

		if (!cell_put(cell, pair, 2, 2))
			return;
	}
}

/* Local time of day: what a person compares with a clock on the wall. */
static uint8_t *put_time(uint8_t *out, int64_t ns, struct local_second *second)
{
	int64_t sec = ns / 1000000000 - (ns % 1000000000 < 0);
	uint32_t ms = (uint32_t)((ns - sec * 1000000000) / 1000000);
	struct tm tm;

	if (!second->is_set || second->sec != sec) {
		uint8_t *at = second->text;

		localtime_r(&(time_t){ sec }, &tm);
		at = put_2_digits(at, (uint32_t)tm.tm_hour);
		*at++ = ':';
		at = put_2_digits(at, (uint32_t)tm.tm_min);
		*at++ = ':';
		put_2_digits(at, (uint32_t)tm.tm_sec);
		second->sec = sec;
		second->is_set = true;
	}
	memcpy(out, second->text, sizeof(second->text));
	out[8] = '.';
	out[9] = (uint8_t)('0' + ms / 100);
	return put_2_digits(out + 10, ms % 100);
}

static uint8_t *put_word(uint8_t *out, const char *word)
{
	while (*word)
		*out++ = (uint8_t)*word++;
	return out;
}

static uint8_t *put_double(uint8_t *out, const struct field *field, double v)
{
	if (isnan(v))
		return put_word(out, "nan");
	if (isinf(v))
		return put_word(out, v < 0 ? "-inf" : "inf");
	return field->layout == LAYOUT_F32 ? put_f32(out, (float)v) : put_f64(out, v);
}

/* What is never cut, at most PLAIN_MAX bytes of one cell each. */
static uint8_t *put_plain(uint8_t *out, const struct field *field, const struct value *v,
			  struct local_second *second)
{
	if (v->missing)
		return put_word(out, "-");
	switch (v->type) {
	case TYPE_BOOL:
		return put_word(out, v->b ? "true" : "false");
	case TYPE_INT:
	case TYPE_TIME_NS:
		return put_s64(out, v->i);
	case TYPE_UINT:
		return put_u64(out, v->u);
	case TYPE_FLOAT:
		return put_double(out, field, v->f);
	case TYPE_TIME:
		return put_time(out, v->i, second);
	default:
		return out;
	}
}

static struct str cut_at_nul(struct str s)
{
	if (s.len)
		s.len = strnlen(s.at, s.len);
	return s;
}

static struct str list_text(const struct field *field, struct str s)
{
	if (field->layout == LAYOUT_BYTES)
		while (s.len && !s.at[s.len - 1])
			s.len--;
	return s;
}

static void put_value(struct cell *cell, const struct field *field, const struct value *v,
		      struct local_second *second)
{
	uint8_t plain[PLAIN_MAX + NUMBER_SLACK];

	if (!v->missing && v->type == TYPE_STRING) {
		cell_text(cell, cut_at_nul(v->s));
	} else if (!v->missing && v->type == TYPE_STRINGS) {
		cell_list(cell, list_text(field, v->s));
	} else if (!v->missing && v->type == TYPE_BYTES) {
		cell_hex(cell, v->s);
	} else {
		uint32_t len = (uint32_t)(put_plain(plain, field, v, second) - plain);

		memcpy(cell->out, plain, len);
		cell->out += len;
		cell->cells += len;
	}
}

/* ---- lines -------------------------------------------------------------- */

static uint8_t *put_spaces(uint8_t *out, uint32_t n)
{
	memset(out, ' ', n);
	return out + n;
}

/* Pad a cell to its width: in front of it if it stands on the right. */
static uint8_t *align(const struct cell *cell, bool is_right)
{
	uint32_t pad =
		cell->width != UNCUT && cell->cells < cell->width ? cell->width - cell->cells : 0;

	if (!pad || !is_right)
		return put_spaces(cell->out, pad);
	memmove(cell->start + pad, cell->start, (size_t)(cell->out - cell->start));
	memset(cell->start, ' ', pad);
	return cell->out + pad;
}

static uint8_t *put_line(const struct columns *columns, const struct batch *batch, uint32_t row,
			 uint8_t *out, struct local_second *second)
{
	uint8_t *end = out; /* behind the last text */

	for (uint32_t i = 0; i < columns->ncols; i++) {
		const struct col *col = &columns->cols[i];
		struct cell cell;
		struct value v;

		if (i)
			out = put_spaces(out, GAP);
		cell_begin(&cell, out, col);
		batch_read(batch, row, col->field, &v);
		put_value(&cell, col->field, &v, second);
		out = align(&cell, col->is_right);
		if (cell.out > cell.start)
			end = col->is_right ? out : cell.out;
	}
	*end++ = '\n';
	return end;
}

static bool has_uncut(const struct columns *columns)
{
	return columns->ncols && columns->cols[columns->ncols - 1].width == UNCUT;
}

/* The bytes behind what an uncut column shows; *v holds an identity's. */
static struct str uncut_bytes(const struct columns *columns, const struct batch *batch,
			      uint32_t row, struct value *v)
{
	if (!has_uncut(columns))
		return (struct str){ 0 };
	batch_read(batch, row, columns->cols[columns->ncols - 1].field, v);
	return v->missing ? (struct str){ 0 } : v->s;
}

/* Each byte becomes "\\xNN" at most. */
static size_t quick_bound(const struct columns *columns, const struct batch *batch, uint32_t row)
{
	struct value v;

	return columns->fixed + 4 * uncut_bytes(columns, batch, row, &v).len;
}

static size_t columns_bound(const struct encoder *encoder, const struct batch *batch, uint32_t row)
{
	const struct columns *columns = (const struct columns *)encoder;
	struct value v;
	struct str s = uncut_bytes(columns, batch, row, &v);
	size_t bound = columns->fixed;

	if (s.len && columns->cols[columns->ncols - 1].field->type == TYPE_BYTES)
		return bound + 2 * s.len;
	while (s.len) {
		struct glyph g = glyph_next((const uint8_t *)s.at, s.len);

		bound += g.len;
		s.at += g.taken;
		s.len -= g.taken;
	}
	return bound;
}

static uint32_t columns_rows(const struct encoder *encoder, const struct batch *batch,
			     uint32_t first, uint32_t until, struct encoded *dest)
{
	const struct columns *columns = (const struct columns *)encoder;
	struct local_second second = { 0 };
	uint32_t i;

	for (i = first; i < until && dest->nends < dest->max; i++) {
		uint32_t row = batch->sel[i];
		size_t room = (size_t)(dest->limit - dest->at);

		if (room < quick_bound(columns, batch, row) &&
		    room < columns_bound(encoder, batch, row))
			break;
		dest->at = put_line(columns, batch, row, dest->at, &second);
		dest->ends[dest->nends++] = (uint32_t)(dest->at - dest->start);
	}
	return i - first;
}

static size_t columns_mark(const struct encoder *encoder, const struct mark *mark, uint8_t *out)
{
	(void)encoder;
	(void)mark;
	(void)out;
	return 0;
}

/* ---- compiling ---------------------------------------------------------- */

static const char *last_part(const char *label)
{
	const char *dot = strrchr(label, '.');

	if (dot && dot[1])
		return dot + 1;
	return label[0] == '@' && label[1] ? label + 1 : label;
}

static bool is_same_title(const char *a, const char *b)
{
	return !strcasecmp(last_part(a), last_part(b));
}

static const char *title_of(struct arena *arena, const struct field *const *fields, uint32_t n,
			    uint32_t i)
{
	const char *label = fields[i]->label;
	bool is_unique = true;
	char *title;

	for (uint32_t k = 0; k < n; k++)
		if (k != i && is_same_title(fields[k]->label, label))
			is_unique = false;
	title = arena_strdup(arena, is_unique ? last_part(label) : label);
	for (char *c = title; *c; c++)
		*c = (char)toupper((unsigned char)*c);
	return title;
}

static uint32_t type_width(const struct field *f)
{
	switch ((enum type)f->type) {
	case TYPE_BOOL:
		return 5;
	case TYPE_TIME:
		return TIME_CELLS;
	case TYPE_TIME_NS:
		return 19;
	case TYPE_FLOAT:
		return 10;
	case TYPE_STRINGS:
		return 40;
	case TYPE_BYTES:
		return f->layout == LAYOUT_BYTES && f->size < 16 ? 2 * f->size : 32;
	case TYPE_STRING:
		return f->layout == LAYOUT_RID     ? 72
		       : f->layout == LAYOUT_CHARS ? (f->size <= 16 ? 16 : 32)
						   : 24;
	default:
		break;
	}
	switch ((enum layout)f->layout) {
	case LAYOUT_U8:
	case LAYOUT_S8:
		return 4;
	case LAYOUT_U16:
	case LAYOUT_S16:
		return 6;
	case LAYOUT_U32:
	case LAYOUT_S32:
		return 7;
	default:
		return 10;
	}
}

static uint32_t cells_of(const char *text)
{
	uint32_t cells = 0;
	size_t n = strlen(text);

	while (n) {
		struct glyph g = glyph_next((const uint8_t *)text, n);

		cells += g.cells;
		text += g.taken;
		n -= g.taken;
	}
	return cells;
}

static void set_width(struct col *col)
{
	static const struct notes none;
	const struct notes *notes = col->field->notes ? col->field->notes : &none;
	uint32_t width = notes->width ? notes->width : type_width(col->field);
	uint32_t title = cells_of(col->title);

	/* A time of day is one width, whatever was noted for a date. */
	if (col->field->type == TYPE_TIME)
		width = TIME_CELLS;
	if (notes->max_width && width > notes->max_width)
		width = notes->max_width;
	if (width < notes->min_width)
		width = notes->min_width;
	col->width = width > title ? width : title;
	if (col->width >= UNCUT)
		col->width = UNCUT - 1;
}

static void set_col(struct col *col, const struct field *field, const char *title)
{
	enum type type = (enum type)field->type;
	bool is_number =
		type == TYPE_INT || type == TYPE_UINT || type == TYPE_FLOAT || type == TYPE_TIME_NS;

	*col = (struct col){
		.field = field,
		.title = title,
		.is_text = type == TYPE_STRING || type == TYPE_STRINGS || type == TYPE_BYTES,
		.is_right = is_number || (field->notes && field->notes->align == ALIGN_RIGHT),
		.no_ellipsis = field->notes && field->notes->ellipsis == ELLIPSIS_NONE,
	};
	set_width(col);
}

static uint32_t total_width(const struct columns *columns)
{
	uint32_t total = columns->ncols ? GAP * (columns->ncols - 1) : 0;

	for (uint32_t i = 0; i < columns->ncols; i++)
		total += columns->cols[i].width;
	return total;
}

/* The widest column of text that can still give a cell; NULL when none can. */
static struct col *find_shrinkable(const struct columns *columns)
{
	struct col *best = NULL;

	for (uint32_t i = 0; i + 1 < columns->ncols; i++) {
		struct col *col = &columns->cols[i];
		uint32_t title = cells_of(col->title);
		uint32_t least = title > MIN_TEXT ? title : MIN_TEXT;

		if (col->is_text && col->width > least && (!best || col->width > best->width))
			best = col;
	}
	return best;
}

static void fit_terminal(struct columns *columns, uint32_t width)
{
	struct col *last = &columns->cols[columns->ncols - 1], *col;
	uint32_t total;

	if (last->is_text && last->width > MIN_LAST)
		last->width = MIN_LAST;
	while (total_width(columns) > width && (col = find_shrinkable(columns)))
		col->width--;
	total = total_width(columns);
	if (last->is_text && total < width)
		last->width += width - total;
	if (last->width >= UNCUT)
		last->width = UNCUT - 1;
}

static void fit(struct columns *columns, const struct encoder_options *options)
{
	struct col *last;

	columns->fixed = PROGRAM_SLACK;
	if (!columns->ncols)
		return;
	last = &columns->cols[columns->ncols - 1];
	if (options->is_terminal && options->width)
		fit_terminal(columns, options->width);
	else if (last->is_text && !last->is_right)
		last->width = UNCUT;
	for (uint32_t i = 0; i < columns->ncols; i++) {
		uint32_t width = columns->cols[i].width == UNCUT ? 0 : columns->cols[i].width;

		columns->fixed += GAP + PLAIN_MAX + (size_t)(BYTES_PER_CELL + 1) * width;
	}
}

static void make_header(struct arena *arena, struct columns *columns)
{
	size_t max = 1;
	uint8_t *text, *out, *end;

	for (uint32_t i = 0; i < columns->ncols; i++)
		max += GAP + (size_t)GLYPH_MAX * strlen(columns->cols[i].title) +
		       (columns->cols[i].width == UNCUT ? 0 : columns->cols[i].width);
	text = out = end = arena_alloc(arena, max);
	for (uint32_t i = 0; i < columns->ncols; i++) {
		struct col *col = &columns->cols[i];
		struct cell cell;

		if (i)
			out = put_spaces(out, GAP);
		cell_begin(&cell, out, col);
		cell_text(&cell, (struct str){ col->title, strlen(col->title) });
		out = align(&cell, col->is_right);
		end = col->is_right ? out : cell.out;
	}
	*end++ = '\n';
	columns->header = (struct str){ (const char *)text, (uint64_t)(end - text) };
}

static int columns_compile(struct arena *arena, const struct schema *schema,
			   const struct encoder_options *options,
			   const struct encoder **ret_encoder, struct error *err)
{
	struct columns *columns = arena_alloc(arena, sizeof(*columns));
	const struct field **fields = NULL;
	int r;

	r = shown_fields(arena, schema, options, FIELD_HIDDEN | FIELD_QUIET, &fields,
			 &columns->ncols, err);
	if (r < 0)
		return r;
	columns->schema = schema;
	columns->cols = arena_array(arena, columns->ncols, sizeof(*columns->cols));
	for (uint32_t i = 0; i < columns->ncols; i++) {
		r = field_kernel(schema, fields[i], err);
		if (r < 0)
			return r;
		set_col(&columns->cols[i], fields[i], title_of(arena, fields, columns->ncols, i));
	}
	fit(columns, options);
	make_header(arena, columns);
	tzset();
	columns->encoder = (struct encoder){ .rows = columns_rows,
					     .bound = columns_bound,
					     .mark = columns_mark };
	*ret_encoder = &columns->encoder;
	return 0;
}

static struct str columns_header(const struct encoder *encoder)
{
	return ((const struct columns *)encoder)->header;
}

const struct codec codec_columns = {
	.name = "columns",
	.summary = "an aligned table",
	.content_type = "text/plain; charset=utf-8",
	.compile = columns_compile,
	.header = columns_header,
};
