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

static uint64_t load(const uint8_t *at, enum layout layout, bool *ret_negative)
{
	union {
		uint8_t u8;
		uint16_t u16;
		uint32_t u32;
		uint64_t u64;
		int8_t s8;
		int16_t s16;
		int32_t s32;
		int64_t s64;
	} v = { 0 };
	static const uint8_t sizes[] = {
#define X(id, bytes) [LAYOUT_##id] = bytes,
		LAYOUT_LIST(X)
#undef X
	};
	int64_t i;

	*ret_negative = false;
	memcpy(&v, at, sizes[layout]);
	switch (layout) {
	case LAYOUT_U8:
		return v.u8;
	case LAYOUT_U16:
		return v.u16;
	case LAYOUT_U32:
		return v.u32;
	case LAYOUT_S8:
		i = v.s8;
		break;
	case LAYOUT_S16:
		i = v.s16;
		break;
	case LAYOUT_S32:
		i = v.s32;
		break;
	case LAYOUT_S64:
		i = v.s64;
		break;
	default:
		return v.u64;
	}
	*ret_negative = i < 0;
	return (uint64_t)i;
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

void batch_read(const struct batch *batch, uint32_t row, const struct field *field, struct value *v)
{
	const uint8_t *at;
	bool negative;

	v->missing = false;
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
	case LAYOUT_TAIL:
		v->s = (struct str){ (const char *)at, batch->rows->len[row] - field->at };
		if (field->type == TYPE_STRING)
			v->s.len = strnlen(v->s.at, v->s.len);
		return;
	case LAYOUT_STR:
		memcpy(&v->s, at, sizeof(v->s));
		return;
	case LAYOUT_BOOT:
		/* Wraps: the row may hold anything. */
		v->i = (int64_t)(load(at, LAYOUT_U64, &negative) +
				 (uint64_t)batch->rows->boot_to_wall_ns);
		return;
	default:
		break;
	}
	v->u = load(at, (enum layout)field->layout, &negative);
	if (v->type == TYPE_BOOL)
		v->b = v->u != 0;
}

int64_t batch_time(const struct batch *batch, uint32_t row)
{
	struct value v = { 0 }; /* a missing time is 0 */

	batch_read(batch, row, batch->schema->time, &v);
	return v.i;
}
