/* SPDX-License-Identifier: Apache-2.0 */
/*
 * columns: a table for people.
 *
 * Each column has a width in terminal cells, from its notes or its type.  How a
 * value fills it is cell.h's part; here widths are found.  On a terminal they are
 * fitted to the line: columns of text give way in proportion, down to their
 * least, and what is left over goes to the last of them.  A line that still does
 * not fit is longer than the terminal, for no column disappears.  Elsewhere
 * widths are as noted, and the last column is as long as its text.  No line ends
 * in padding.
 *
 * People read slower than this writes: values come from batch_read().
 */
#include <ctype.h>
#include <string.h>
#include <time.h>

#include "codec/cell.h"
#include "codec/encoder.h"
#include "codec/glyph.h"
#include "codec/program.h"

enum {
	GAP = 1,
	MIN_TEXT = 10, /* text gives way down to this */
	MIN_LAST = 16, /* the last column of text, down to this */
};

struct columns {
	struct encoder encoder; /* first: what callers hold */
	uint32_t ncols;
	struct col *cols;
	struct str header;
	struct bounds bounds;
};

/* ---- lines -------------------------------------------------------------- */

static uint8_t *put_line(const struct columns *columns, const struct batch *batch, uint32_t row,
			 uint8_t *out, struct local_second *second)
{
	uint8_t *end = out; /* behind the last text */

	for (uint32_t i = 0; i < columns->ncols; i++) {
		uint8_t *start, *text_end;

		for (uint32_t gap = 0; i && gap < GAP; gap++)
			*out++ = ' ';
		start = out;
		out = cell_value(&columns->cols[i], batch, row, out, second, &text_end);
		if (text_end > start)
			end = text_end;
	}
	*end++ = '\n';
	return end;
}

static size_t columns_bound(const struct encoder *encoder, const struct batch *batch, uint32_t row)
{
	return bounds_exact(&((const struct columns *)encoder)->bounds, batch, row);
}

static uint32_t columns_rows(const struct encoder *encoder, const struct batch *batch,
			     uint32_t first, uint32_t until, struct encoded *dest)
{
	const struct columns *columns = (const struct columns *)encoder;
	struct local_second second = { 0 };
	uint32_t i;

	for (i = first; i < until && dest->nends < dest->max; i++) {
		uint32_t row = batch->sel[i];

		if (!bounds_fit(&columns->bounds, batch, row, (size_t)(dest->limit - dest->at)))
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

static const char *name_of(const struct field *field)
{
	return field->notes && field->notes->alias ? field->notes->alias : field->label;
}

static const char *title_of(struct arena *arena, const struct field *const *fields, uint32_t n,
			    uint32_t i)
{
	const char *name = name_of(fields[i]);
	bool is_unique = true;
	char *title;

	for (uint32_t k = 0; k < n; k++)
		if (k != i && is_same_title(name_of(fields[k]), name))
			is_unique = false;
	title = arena_strdup(arena, is_unique && name == fields[i]->label ? last_part(name) : name);
	for (char *c = title; *c; c++)
		*c = (char)toupper((unsigned char)*c);
	return title;
}

/* Names of a table are of one kind: as wide as the longest, within reason. */
static uint32_t name_width(const struct names *names)
{
	uint32_t width = 6;

	for (uint32_t i = 0; i < names->n; i++)
		if (names->list[i].text.len > width)
			width = names->list[i].text.len < 16 ? (uint32_t)names->list[i].text.len
							     : 16;
	return width;
}

static uint32_t type_width(const struct field *f)
{
	switch ((enum type)f->type) {
	case TYPE_BOOL:
		return 5;
	case TYPE_TIME:
		return CELL_TIME;
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
	case TYPE_NAME:
		return name_width(f->names);
	case TYPE_FLAGS:
	case TYPE_IP:
		return 24;
	case TYPE_DURATION:
	case TYPE_MODE:
		return 10;
	case TYPE_SIZE:
		return 8;
	case TYPE_ENDPOINT:
		return 28;
	case TYPE_DNS:
	case TYPE_ARRAY:
		return 32;
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

static uint32_t larger(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

static void set_width(struct col *col)
{
	const struct notes *notes = col->notes;
	uint32_t width = notes->width ? notes->width : type_width(col->field);
	uint32_t title = cell_width(col->title);

	/* A time of day is one width, whatever was noted for a date. */
	if (col->field->type == TYPE_TIME)
		width = CELL_TIME;
	if (notes->max_width && width > notes->max_width)
		width = notes->max_width;
	width = larger(larger(width, notes->min_width), title);
	col->width = width < CELL_UNCUT ? width : CELL_UNCUT - 1;
	col->least = col->width;
	if (col->is_text && !notes->is_fixed)
		col->least =
			larger(larger(notes->min_width, title), notes->min_width ? 0 : MIN_TEXT);
	if (col->least > col->width)
		col->least = col->width;
}

static bool is_quantity(enum type type)
{
	return type == TYPE_INT || type == TYPE_UINT || type == TYPE_FLOAT ||
	       type == TYPE_TIME_NS || type == TYPE_DURATION || type == TYPE_SIZE;
}

static void set_col(struct col *col, const struct field *field, const char *title)
{
	static const struct notes none;
	const struct notes *notes = field->notes ? field->notes : &none;

	*col = (struct col){
		.field = field,
		.notes = notes,
		.title = title,
		.is_text = cell_is_text((enum type)field->type),
		.is_right = notes->align == ALIGN_TYPE ? is_quantity((enum type)field->type)
						       : notes->align == ALIGN_RIGHT,
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

/* The last column of text whose width may follow the terminal's; NULL: none. */
static struct col *find_elastic(const struct columns *columns)
{
	for (uint32_t i = columns->ncols; i; i--) {
		struct col *col = &columns->cols[i - 1];

		if (col->is_text && !col->notes->is_fixed)
			return col;
	}
	return NULL;
}

/* Take `excess` cells from the columns that have some to give, each its share. */
static void shrink(const struct columns *columns, uint32_t excess)
{
	uint32_t spare = 0;

	for (uint32_t i = 0; i < columns->ncols; i++)
		spare += columns->cols[i].width - columns->cols[i].least;
	if (excess > spare)
		excess = spare;
	for (uint32_t i = 0; i < columns->ncols && spare; i++) {
		struct col *col = &columns->cols[i];
		uint32_t own = col->width - col->least;
		/* What is left of both goes by what is left of both: nothing is lost in rounding. */
		uint32_t share = (uint32_t)((uint64_t)excess * own / spare);

		col->width -= share;
		excess -= share;
		spare -= own;
	}
}

static void fit_terminal(struct columns *columns, uint32_t width)
{
	struct col *elastic = find_elastic(columns);
	uint32_t total, most = CELL_UNCUT - 1;

	if (elastic && !elastic->notes->min_width)
		elastic->least = elastic->width < MIN_LAST ? elastic->width
							   : larger(elastic->least, MIN_LAST);
	total = total_width(columns);
	if (total > width)
		shrink(columns, total - width);
	else if (elastic)
		elastic->width += width - total;
	if (elastic && elastic->notes->max_width)
		most = larger(elastic->notes->max_width, elastic->least);
	if (elastic && elastic->width > most)
		elastic->width = most;
}

/* Not on a terminal nothing is gained by cutting the last column. */
static void fit(struct columns *columns, const struct encoder_options *options)
{
	struct col *last = columns->ncols ? &columns->cols[columns->ncols - 1] : NULL;

	if (options->is_terminal && options->width)
		fit_terminal(columns, options->width);
	else if (last && last->is_text && !last->is_right && !last->notes->is_fixed &&
		 !last->notes->max_width)
		last->width = CELL_UNCUT;
}

static void make_bounds(struct arena *arena, struct columns *columns)
{
	struct bounds_builder builder;

	bounds_begin(&builder, &cell_expansion);
	for (uint32_t i = 0; i < columns->ncols; i++) {
		struct col *col = &columns->cols[i];

		builder.fixed += GAP + CELL_PLAIN;
		if (col->width == CELL_UNCUT)
			bounds_add(&builder, col->field, col->list, 0);
		else
			builder.fixed += (size_t)CELL_BYTES * col->width;
	}
	columns->bounds = bounds_end(&builder, arena, PROGRAM_SLACK);
	bounds_release(&builder);
}

static void make_header(struct arena *arena, struct columns *columns)
{
	size_t max = 1;
	uint8_t *text, *out, *end;

	for (uint32_t i = 0; i < columns->ncols; i++)
		max += GAP + (size_t)GLYPH_MAX * strlen(columns->cols[i].title) +
		       (columns->cols[i].width == CELL_UNCUT ? 0 : columns->cols[i].width);
	text = out = end = arena_alloc(arena, max);
	for (uint32_t i = 0; i < columns->ncols; i++) {
		for (uint32_t gap = 0; i && gap < GAP; gap++)
			*out++ = ' ';
		out = cell_title(&columns->cols[i], out, &end);
	}
	*end++ = '\n';
	columns->header = (struct str){ (const char *)text, (uint64_t)(end - text) };
}

static int make_col(struct arena *arena, const struct schema *schema, struct col *col,
		    const struct field *field, const char *title, struct error *err)
{
	int r = field_kernel(schema, field, err);

	if (r < 0)
		return r;
	set_col(col, field, title);
	return field->type == TYPE_ARRAY ? list_make(arena, schema, field, &col->list, err) : 0;
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
	columns->cols = arena_array(arena, columns->ncols, sizeof(*columns->cols));
	for (uint32_t i = 0; i < columns->ncols; i++) {
		r = make_col(arena, schema, &columns->cols[i], fields[i],
			     title_of(arena, fields, columns->ncols, i), err);
		if (r < 0)
			return r;
	}
	fit(columns, options);
	make_bounds(arena, columns);
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
