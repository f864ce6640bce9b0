/* SPDX-License-Identifier: Apache-2.0 */
#include "data/batch.h"

#include <stdio.h>

uint32_t rid_format(const struct origin *origin, struct rid id, char *out)
{
	char text[RID_TEXT_MAX + 1];
	int n = snprintf(text, sizeof(text), "%.32s-%016llx-%u-%llu", origin->boot,
			 (unsigned long long)origin->epoch, id.cpu, (unsigned long long)id.seq);

	memcpy(out, text, (size_t)n);
	return (uint32_t)n;
}

static uint64_t load(const uint8_t *at, enum layout layout)
{
	uint64_t v = 0;
	uint32_t bits = 8 * layout_bytes(layout);

	memcpy(&v, at, bits / 8);
	if (layout < LAYOUT_S8 || layout > LAYOUT_S64)
		return v;
	return (uint64_t)((int64_t)(v << (64 - bits)) >> (64 - bits));
}

static uint64_t load_bits(const uint8_t *at, const struct field *field)
{
	uint128 bytes = 0;
	unsigned unused = 64U - field->bits;
	uint64_t v;

	memcpy(&bytes, at, field->size);
	v = (uint64_t)(bytes >> field->bit) << unused;
	return field->layout == LAYOUT_SBITS ? (uint64_t)((int64_t)v >> unused) : v >> unused;
}

static double load_float(const uint8_t *at, enum layout layout)
{
	float f;
	double d;

	if (layout == LAYOUT_F32) {
		memcpy(&f, at, sizeof(f));
		return f;
	}
	memcpy(&d, at, sizeof(d));
	return d;
}

static void read_column(const struct batch *batch, uint32_t row, const struct field *field,
			struct value *v)
{
	const struct column *col = &batch->cols[field->at];

	if (col->present && !(col->present[row / 64] >> (row % 64) & 1)) {
		v->missing = true;
		return;
	}
	if (field->layout == LAYOUT_STR)
		v->s = col->s[row];
	else if (field->layout == LAYOUT_F64)
		v->f = col->f[row];
	else if (field->type == TYPE_BOOL)
		v->b = col->u[row] != 0;
	else
		v->u = col->u[row];
}

static void read_meta(const struct batch *batch, uint32_t row, const struct field *field,
		      struct value *v)
{
	if (field->layout == LAYOUT_READ) {
		v->i = batch->rows->wall_ns;
		return;
	}
	v->s.len = rid_format(batch->rows->origin, batch_rid(batch, row), v->text);
	v->s.at = v->text;
}

static void read_wide(const uint8_t *at, struct value *v)
{
	v->is_wide = true;
	memcpy(&v->u, at, sizeof(v->u));
	memcpy(&v->high, at + sizeof(v->u), sizeof(v->high));
}

/* The bytes from `at` to the row's end. */
static struct str row_tail(const struct batch *batch, uint32_t row, uint32_t at)
{
	uint32_t len = batch->rows->len[row];

	return (struct str){ (const char *)batch->rows->at[row] + at, len > at ? len - at : 0 };
}

static struct str row_rest(const struct batch *batch, uint32_t row, const struct field *field)
{
	struct str rest = row_tail(batch, row, field->at);
	uint64_t declared = load(batch->rows->at[row] + field->len_at, LAYOUT_U32);

	if (declared < rest.len)
		rest.len = declared;
	return rest;
}

/* What lies at a place of fixed size. */
static void read_bytes(const uint8_t *at, const struct field *field, struct value *v)
{
	switch ((enum layout)field->layout) {
	case LAYOUT_F32:
	case LAYOUT_F64:
		v->f = load_float(at, (enum layout)field->layout);
		return;
	case LAYOUT_CHARS:
		v->s = (struct str){ (const char *)at, strnlen((const char *)at, field->size) };
		return;
	case LAYOUT_BYTES:
		v->s = (struct str){ (const char *)at, field->size };
		return;
	case LAYOUT_L3:
	case LAYOUT_L4:
		v->s = (struct str){ (const char *)at, layout_bytes((enum layout)field->layout) };
		return;
	case LAYOUT_STR:
		memcpy(&v->s, at, sizeof(v->s));
		return;
	case LAYOUT_U128:
	case LAYOUT_S128:
		read_wide(at, v);
		return;
	case LAYOUT_BITS:
	case LAYOUT_SBITS:
		v->u = load_bits(at, field);
		break;
	default:
		v->u = load(at, (enum layout)field->layout);
	}
	if (v->type == TYPE_BOOL)
		v->b = v->u != 0;
}

void element_read(const uint8_t *at, const struct field *member, struct value *v)
{
	v->missing = v->is_wide = false;
	v->type = (enum type)member->type;
	read_bytes(at + member->at, member, v);
}

void batch_read(const struct batch *batch, uint32_t row, const struct field *field, struct value *v)
{
	const uint8_t *at;

	v->missing = v->is_wide = false;
	v->type = (enum type)field->type;
	if (field->loc == LOC_COL) {
		read_column(batch, row, field, v);
		return;
	}
	if (field->loc == LOC_META) {
		read_meta(batch, row, field, v);
		return;
	}
	at = field_bytes(field, batch, row);
	switch ((enum layout)field->layout) {
	case LAYOUT_TAIL:
		v->s = row_tail(batch, row, field->at);
		if (field->type == TYPE_STRING)
			v->s.len = strnlen(v->s.at, v->s.len);
		return;
	case LAYOUT_REST:
		v->s = row_rest(batch, row, field);
		return;
	case LAYOUT_BOOT:
		/* Wraps: the row may hold anything. */
		v->i = (int64_t)(load(at, LAYOUT_U64) + (uint64_t)batch->rows->boot_to_wall_ns);
		return;
	default:
		read_bytes(at, field, v);
	}
}

int64_t batch_time(const struct batch *batch, uint32_t row)
{
	struct value v = { 0 }; /* a missing time is 0 */

	batch_read(batch, row, batch->schema->time, &v);
	return v.i;
}
