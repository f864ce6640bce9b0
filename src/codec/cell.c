/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/cell.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "codec/glyph.h"
#include "codec/number.h"
#include "codec/tree.h"
#include "data/show.h"

enum { PRECISION_MAX = 17, BYTES_PER_CELL = CELL_BYTES - 1 };

/* Wider numbers are shown with the digits they need, whatever the notes say. */
#define PRECISE_MAX 1e15

/* ---- room ----------------------------------------------------------------- */

/*
 * A cell being written.  Cut at the end: where the text ended when '…' still
 * fitted behind it.  Cut elsewhere: the cells of the whole text that are left
 * out, which is known after the text was measured.
 */
struct cell {
	uint8_t *start, *out;
	uint32_t cells, width;
	uint8_t *cut_out;
	uint32_t cut_cells;
	bool no_ellipsis;
	bool is_measured; /* only count what the text takes */
	bool is_dropping;
	bool has_gap;
	uint64_t at, gap_from, gap_until;
	const struct batch *batch;
	struct local_second *second;
};

static void cell_begin(struct cell *cell, uint8_t *out, const struct col *col)
{
	*cell = (struct cell){ .start = out,
			       .out = out,
			       .cut_out = out,
			       .width = col->width,
			       .no_ellipsis = col->notes->ellipsis == ELLIPSIS_NONE };
}

static bool has_room(const struct cell *cell, uint32_t len, uint32_t cells)
{
	return cell->width == CELL_UNCUT ||
	       (cell->cells + cells <= cell->width &&
		(size_t)(cell->out - cell->start) + len <= (size_t)BYTES_PER_CELL * cell->width);
}

static void cell_add(struct cell *cell, const void *text, uint32_t len, uint32_t cells)
{
	memcpy(cell->out, text, len);
	cell->out += len;
	cell->cells += cells;
}

/* What joins the glyph in front of it shares its fate. */
static bool put_around_gap(struct cell *cell, const uint8_t *text, uint32_t len, uint32_t cells)
{
	uint64_t from = cell->at;

	cell->at += cells;
	if (cells) {
		bool was_dropping = cell->is_dropping;

		cell->is_dropping = from < cell->gap_until && cell->at > cell->gap_from;
		if (cell->is_dropping && !was_dropping)
			cell_add(cell, "…", 3, 1);
	}
	if (!cell->is_dropping && has_room(cell, len, cells))
		cell_add(cell, text, len, cells);
	return true;
}

/* False when there is no room; the cell is cut then and takes no more. */
static bool cell_put(struct cell *cell, const uint8_t *text, uint32_t len, uint32_t cells)
{
	if (cell->is_measured) {
		cell->at += cells;
		return true;
	}
	if (cell->has_gap)
		return put_around_gap(cell, text, len, cells);
	if (!has_room(cell, len, cells)) {
		if (cell->no_ellipsis)
			return false;
		cell->out = cell->cut_out;
		cell->cells = cell->cut_cells;
		cell_add(cell, "…", 3, 1);
		return false;
	}
	cell_add(cell, text, len, cells);
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

static bool cell_word(struct cell *cell, const char *word)
{
	return cell_text(cell, (struct str){ word, strlen(word) });
}

static bool cell_hex(struct cell *cell, struct str s)
{
	static const char hex[] = "0123456789abcdef";

	for (uint64_t i = 0; i < s.len; i++) {
		uint8_t c = (uint8_t)s.at[i];
		const uint8_t pair[] = { (uint8_t)hex[c >> 4], (uint8_t)hex[c & 15] };

		if (!cell_put(cell, pair, 2, 2))
			return false;
	}
	return true;
}

/* ---- what is never cut ---------------------------------------------------- */

/* Local time of day: what a person compares with a clock on the wall. */
static uint8_t *put_time(uint8_t *out, int64_t ns, struct local_second *second)
{
	int64_t rest = ns % 1000000000, sec = ns / 1000000000 - (rest < 0);
	uint32_t ms = (uint32_t)((rest < 0 ? rest + 1000000000 : rest) / 1000000);
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

static uint8_t *put_double(uint8_t *out, const struct field *field, const struct notes *notes,
			   double v)
{
	char text[CELL_PLAIN];
	int digits = notes->precision < PRECISION_MAX ? notes->precision : PRECISION_MAX;

	if (isnan(v))
		return put_word(out, "nan");
	if (isinf(v))
		return put_word(out, v < 0 ? "-inf" : "inf");
	if (notes->has_precision && fabs(v) < PRECISE_MAX) {
		(void)snprintf(text, sizeof(text), "%.*f", digits, v);
		return put_word(out, text);
	}
	return field->layout == LAYOUT_F32 ? put_f32(out, (float)v) : put_f64(out, v);
}

/* The bits that the record has: a negative number is as long as its layout. */
static uint8_t *put_hex(uint8_t *out, const struct field *field, const struct value *v)
{
	bool is_bits = field->layout == LAYOUT_BITS || field->layout == LAYOUT_SBITS;
	unsigned bits = is_bits ? field->bits : 8 * layout_bytes((enum layout)field->layout);
	uint64_t low = bits && bits < 64 ? v->u & ((UINT64_C(1) << bits) - 1) : v->u;
	char text[CELL_PLAIN];

	if (v->is_wide && v->high)
		(void)snprintf(text, sizeof(text), "0x%llX%016llX", (unsigned long long)v->high,
			       (unsigned long long)v->u);
	else
		(void)snprintf(text, sizeof(text), "0x%llX", (unsigned long long)low);
	return put_word(out, text);
}

static uint8_t *put_integer(uint8_t *out, const struct field *field, const struct notes *notes,
			    const struct value *v)
{
	bool is_signed = v->type != TYPE_UINT;

	if (notes->is_hex)
		return put_hex(out, field, v);
	if (v->is_wide)
		return out + show_wide(v->high, v->u, is_signed, (char *)out);
	return is_signed ? put_s64(out, v->i) : put_u64(out, v->u);
}

/* At most CELL_PLAIN bytes, NUMBER_SLACK of them behind the end. */
static uint8_t *put_plain(uint8_t *out, const struct field *field, const struct notes *notes,
			  const struct value *v, struct local_second *second)
{
	switch (v->type) {
	case TYPE_BOOL:
		return put_word(out, v->b ? "true" : "false");
	case TYPE_FLOAT:
		return put_double(out, field, notes, v->f);
	case TYPE_TIME:
		return put_time(out, v->i, second);
	case TYPE_DURATION:
	case TYPE_SIZE:
	case TYPE_MODE:
		return out + show_value(field, v, (char *)out);
	default:
		return put_integer(out, field, notes, v);
	}
}

/* ---- values --------------------------------------------------------------- */

static const struct notes no_notes;

static bool cell_any(struct cell *cell, const struct field *field, const struct list *list,
		     const struct notes *notes, const struct value *v, bool is_inside);

static bool cell_strings(struct cell *cell, struct str strings, const char *quote, const char *gap)
{
	bool is_first = true;
	struct str s;

	while (strings_next(&strings, &s)) {
		if (!(is_first || cell_word(cell, gap)) || !cell_word(cell, quote) ||
		    !cell_text(cell, s) || !cell_word(cell, quote))
			return false;
		is_first = false;
	}
	return true;
}

static bool cell_object(struct cell *cell, const struct shape *object, const uint8_t *at)
{
	if (!cell_word(cell, "{"))
		return false;
	for (const struct shape *s = object->children; s; s = s->next) {
		struct value v;

		if ((s != object->children && !cell_word(cell, ", ")) ||
		    !cell_text(cell, (struct str){ s->key, s->key_len }) || !cell_word(cell, ": "))
			return false;
		if (!s->field) {
			if (!cell_object(cell, s, at))
				return false;
			continue;
		}
		member_read(cell->batch, at, s->field, &v);
		if (!cell_any(cell, s->field, s->list, &no_notes, &v, true))
			return false;
	}
	return cell_word(cell, "}");
}

static bool cell_list(struct cell *cell, const struct list *list, const struct notes *notes,
		      struct str bytes)
{
	const struct field *field = &list->element->fields[0];
	uint64_t n = list_count(list, bytes);

	if (!cell_word(cell, "["))
		return false;
	for (uint64_t i = 0; i < n; i++) {
		const uint8_t *at = list_at(list, bytes, i);
		struct value v;

		if (i && !cell_word(cell, ", "))
			return false;
		if (list->object) {
			if (!cell_object(cell, list->object, at))
				return false;
			continue;
		}
		member_read(cell->batch, at, field, &v);
		if (!cell_any(cell, field, list->inner, notes, &v, true))
			return false;
	}
	return cell_word(cell, "]");
}

/* Out of line: the text takes a good part of a stack. */
__attribute__((noinline)) static bool cell_made(struct cell *cell, const struct field *field,
						const struct value *v)
{
	char text[SHOW_MAX];
	uint32_t len = show_value(field, v, text);

	return cell_text(cell, (struct str){ text, len });
}

static bool cell_string(struct cell *cell, struct str s, bool is_inside)
{
	const char *quote = is_inside ? "\"" : "";

	return cell_word(cell, quote) && cell_text(cell, s) && cell_word(cell, quote);
}

bool cell_is_text(enum type type)
{
	return type == TYPE_STRING || type == TYPE_STRINGS || type == TYPE_BYTES ||
	       type == TYPE_NAME || type == TYPE_FLAGS || type == TYPE_IP ||
	       type == TYPE_ENDPOINT || type == TYPE_DNS || type == TYPE_ARRAY;
}

/* False when it was cut. */
static bool cell_any(struct cell *cell, const struct field *field, const struct list *list,
		     const struct notes *notes, const struct value *v, bool is_inside)
{
	uint8_t plain[CELL_PLAIN + NUMBER_SLACK];
	uint8_t *end;

	if (list)
		return cell_list(cell, list, notes, v->s);
	if (v->type == TYPE_STRING)
		return cell_string(cell, v->s, is_inside);
	if (v->type == TYPE_STRINGS && !is_inside)
		return cell_strings(cell, v->s, "", " ");
	if (v->type == TYPE_STRINGS)
		return cell_word(cell, "[") && cell_strings(cell, v->s, "\"", ", ") &&
		       cell_word(cell, "]");
	if (v->type == TYPE_BYTES)
		return cell_hex(cell, v->s);
	if (cell_is_text(v->type))
		return cell_made(cell, field, v);
	end = put_plain(plain, field, notes, v, cell->second);
	return cell_text(cell, (struct str){ (const char *)plain, (size_t)(end - plain) });
}

/* ---- cells ---------------------------------------------------------------- */

/* Pad a cell to its width: in front of it if it stands on the right. */
static uint8_t *align(const struct cell *cell, bool is_right)
{
	uint32_t pad = 0;

	if (cell->width != CELL_UNCUT && cell->cells < cell->width)
		pad = cell->width - cell->cells;
	if (!pad || !is_right) {
		memset(cell->out, ' ', pad);
		return cell->out + pad;
	}
	memmove(cell->start + pad, cell->start, (size_t)(cell->out - cell->start));
	memset(cell->start, ' ', pad);
	return cell->out + pad;
}

static uint8_t *finish(const struct cell *cell, const struct col *col, uint8_t **ret_text_end)
{
	uint8_t *end = align(cell, col->is_right);

	*ret_text_end = col->is_right && cell->out > cell->start ? end : cell->out;
	return end;
}

/* Text that loses its start or its middle has to be measured first. */
static void find_gap(struct cell *cell, const struct col *col, const struct value *v)
{
	struct cell measured = *cell;
	uint32_t kept = cell->width - 1, head = 0;

	if (cell->width == CELL_UNCUT || !cell->width ||
	    (col->notes->ellipsis != ELLIPSIS_START && col->notes->ellipsis != ELLIPSIS_MIDDLE))
		return;
	measured.is_measured = true;
	(void)cell_any(&measured, col->field, col->list, col->notes, v, false);
	if (measured.at <= cell->width)
		return;
	if (col->notes->ellipsis == ELLIPSIS_MIDDLE)
		head = (kept + 1) / 2;
	cell->has_gap = true;
	cell->gap_from = head;
	cell->gap_until = measured.at - (kept - head);
}

uint8_t *cell_value(const struct col *col, const struct batch *batch, uint32_t row, uint8_t *out,
		    struct local_second *second, uint8_t **ret_text_end)
{
	struct cell cell;
	struct value v;

	cell_begin(&cell, out, col);
	cell.batch = batch;
	cell.second = second;
	leaf_read(batch, row, col->field, &v);
	if (v.missing) {
		cell_add(&cell, "-", 1, 1);
	} else if (col->is_text) {
		find_gap(&cell, col, &v);
		(void)cell_any(&cell, col->field, col->list, col->notes, &v, false);
	} else {
		cell.width = CELL_UNCUT;
		(void)cell_any(&cell, col->field, NULL, col->notes, &v, false);
		cell.width = col->width;
	}
	return finish(&cell, col, ret_text_end);
}

uint8_t *cell_title(const struct col *col, uint8_t *out, uint8_t **ret_text_end)
{
	struct cell cell;

	cell_begin(&cell, out, col);
	(void)cell_word(&cell, col->title);
	return finish(&cell, col, ret_text_end);
}

uint32_t cell_width(const char *text)
{
	struct cell cell = { .is_measured = true };

	(void)cell_word(&cell, text);
	return (uint32_t)cell.at;
}

static size_t glyphs_size(const uint8_t *s, size_t n)
{
	size_t size = 0;

	while (n && *s) {
		struct glyph g = glyph_next(s, n);

		size += g.len;
		s += g.taken;
		n -= g.taken;
	}
	return size;
}

const struct expansion cell_expansion = {
	.per_byte = 4, /* \xNN */
	.per_list = 8, /* and a pair of quotes and a comma in lists */
	.per_raw = 2,
	.per_string = 4,
	.number = CELL_PLAIN,
	.frame = 2,
	.list = 6,
	.item = 2,
	.key = 4,
	.text_size = glyphs_size,
};
