/* SPDX-License-Identifier: Apache-2.0 */
/*
 * leaf: one comparison becomes one operation, or nothing at all.
 *
 * Every comparison of an integer with a constant is "is it in [lo, hi]?", and
 * that is one subtraction and one unsigned compare in the field's own width,
 * whatever its sign.  The interval is cut to what the type can hold: an empty
 * one is never true, a whole one always.
 *
 * char arrays end at their first NUL, so equality with a literal of n bytes is
 * a compare of n+1 bytes, terminator included, and a prefix is one of n bytes:
 * both are masked 8-byte compares (rows may be read ROW_SLACK bytes too far).
 */
#include <math.h>
#include <string.h>

#include "expr/program.h"

enum { WORD_BYTES = 8, HEAD_BYTES = 16 };

/* Beyond everything a 64-bit field or a moment can be. */
#define FAR ((__int128)1 << 100)

struct interval {
	__int128 lo, hi;
};

struct bound *leaf_constant(struct arena *arena, bool truth)
{
	struct bound *bound = arena_alloc(arena, sizeof(*bound));

	bound->kind = truth ? BOUND_TRUE : BOUND_FALSE;
	return bound;
}

static struct bound *new_test(struct arena *arena, enum op_code code, const struct field *field)
{
	struct bound *bound = arena_alloc(arena, sizeof(*bound));

	bound->kind = BOUND_TEST;
	bound->ntests = 1;
	bound->op.code = (uint8_t)code;
	bound->op.at = field->at;
	bound->op.field = field;
	return bound;
}

/* True for all records that have the field; only a column can lack it. */
static struct bound *always(struct arena *arena, const struct field *field)
{
	if (field->loc == LOC_COL)
		return new_test(arena, OP_PRESENT, field);
	return leaf_constant(arena, true);
}

/* ---- integers ---------------------------------------------------------- */

static bool is_bit_field(const struct field *field)
{
	return field->layout == LAYOUT_BITS || field->layout == LAYOUT_SBITS;
}

static uint32_t field_bits(const struct field *field)
{
	return is_bit_field(field) ? field->bits : layout_bytes((enum layout)field->layout) * 8;
}

static bool is_signed_layout(enum layout layout)
{
	return layout == LAYOUT_S8 || layout == LAYOUT_S16 || layout == LAYOUT_S32 ||
	       layout == LAYOUT_S64 || layout == LAYOUT_SBITS;
}

bool is_unsigned_field(const struct field *field)
{
	if (type_is_made_number((enum type)field->type))
		return !is_signed_layout((enum layout)field->layout);
	return field->type == TYPE_UINT || field->type == TYPE_BOOL;
}

/* How the field is loaded, and the values that can come of it. */
static enum op_code int_code(const struct field *field, struct interval *ret_range)
{
	static const uint8_t by_bits[65] = {
		[8] = OP_ROW8, [16] = OP_ROW16, [32] = OP_ROW32, [64] = OP_ROW64
	};
	bool is_unsigned = is_unsigned_field(field);
	enum layout layout = (enum layout)field->layout;
	uint32_t bits = field_bits(field);

	*ret_range = is_unsigned ? (struct interval){ 0, UINT64_MAX }
				 : (struct interval){ INT64_MIN, INT64_MAX };
	if (field->loc == LOC_COL)
		return OP_COL;
	if (field->loc == LOC_META)
		return OP_READ;
	if (layout == LAYOUT_BOOT)
		return OP_BOOT;
	/* Sign-extended and then taken as unsigned: two islands, no interval. */
	if (is_unsigned && is_signed_layout(layout))
		return OP_INT;
	if (bits < 64 && is_signed_layout(layout) && !is_unsigned)
		*ret_range = (struct interval){ -((__int128)1 << (bits - 1)),
						((__int128)1 << (bits - 1)) - 1 };
	else if (bits < 64)
		*ret_range = (struct interval){ 0, ((__int128)1 << bits) - 1 };
	return is_bit_field(field) || field->loc == LOC_CONST ? OP_INT
							      : (enum op_code)by_bits[bits];
}

static struct bound *in_wide_interval(struct arena *arena, const struct field *field,
				      struct interval want)
{
	bool is_unsigned = field->type == TYPE_UINT;
	struct bound *bound;
	uint128 span;

	if (is_unsigned && want.lo < 0)
		want.lo = 0;
	if (want.lo > want.hi)
		return leaf_constant(arena, false);
	bound = new_test(arena, OP_WIDE, field);
	/* FAR stands for the ends of the type, which are farther than it. */
	if (want.lo == -FAR)
		want.lo = is_unsigned ? 0 : (__int128)((uint128)1 << 127);
	span = (uint128)want.hi - (uint128)want.lo;
	if (want.hi == FAR)
		span = (is_unsigned ? ~(uint128)0 : ~(uint128)0 >> 1) - (uint128)want.lo;
	bound->op.word[0] = (uint64_t)want.lo;
	bound->op.word[1] = (uint64_t)((uint128)want.lo >> 64);
	bound->op.mask[0] = (uint64_t)span;
	bound->op.mask[1] = (uint64_t)(span >> 64);
	return bound;
}

static struct bound *in_interval(struct arena *arena, const struct field *field,
				 struct interval want)
{
	struct interval range;
	struct bound *bound;
	enum op_code code;

	if (is_wide_field(field))
		return in_wide_interval(arena, field, want);
	code = int_code(field, &range);
	if (want.lo < range.lo)
		want.lo = range.lo;
	if (want.hi > range.hi)
		want.hi = range.hi;
	if (want.lo > want.hi)
		return leaf_constant(arena, false);
	if (want.lo == range.lo && want.hi == range.hi)
		return always(arena, field);
	bound = new_test(arena, code, field);
	bound->op.lo = (uint64_t)want.lo;
	bound->op.span = (uint64_t)(want.hi - want.lo);
	return bound;
}

static struct interval interval_of_int(enum cmp cmp, __int128 i)
{
	switch (cmp) {
	case CMP_LT:
		return (struct interval){ -FAR, i - 1 };
	case CMP_LE:
		return (struct interval){ -FAR, i };
	case CMP_GT:
		return (struct interval){ i + 1, FAR };
	case CMP_GE:
		return (struct interval){ i, FAR };
	case CMP_EQ:
		break;
	}
	return (struct interval){ i, i };
}

/* The integers for which `x cmp f` holds. */
static struct interval interval_of_float(enum cmp cmp, double f)
{
	__int128 down, up;

	if (isnan(f))
		return (struct interval){ 1, 0 };
	f = fmin(fmax(f, -0x1p99), 0x1p99);
	down = (__int128)floor(f);
	up = (__int128)ceil(f);
	switch (cmp) {
	case CMP_LT:
		return (struct interval){ -FAR, up - 1 };
	case CMP_LE:
		return (struct interval){ -FAR, down };
	case CMP_GT:
		return (struct interval){ down + 1, FAR };
	case CMP_GE:
		return (struct interval){ up, FAR };
	case CMP_EQ:
		break;
	}
	return (struct interval){ up, down }; /* empty when f has a fraction */
}

/* ---- floats ------------------------------------------------------------ */

static struct bound *float_test(struct arena *arena, const struct field *field, enum cmp cmp,
				double limit)
{
	struct bound *bound = new_test(arena, OP_FLOAT, field);

	bound->op.cmp = cmp;
	bound->op.limit = limit;
	return bound;
}

/*
 * A float against an integer that no double may be equal to: the nearest double
 * lies on one side of it, and nothing lies between the two.
 */
static struct bound *float_with_int(struct arena *arena, const struct field *field, enum cmp cmp,
				    __int128 i)
{
	double near = (double)i;
	bool is_above = (__int128)near > i;

	if ((__int128)near == i)
		return float_test(arena, field, cmp, near);
	switch (cmp) {
	case CMP_LT:
	case CMP_LE:
		return float_test(arena, field, is_above ? CMP_LT : CMP_LE, near);
	case CMP_GT:
	case CMP_GE:
		return float_test(arena, field, is_above ? CMP_GE : CMP_GT, near);
	case CMP_EQ:
		break;
	}
	return leaf_constant(arena, false);
}

/* ---- strings ----------------------------------------------------------- */

/* Set the operation's words to the first n bytes of literal, and the rest. */
static void set_head(struct op *op, const char *literal, uint64_t n)
{
	uint8_t word[HEAD_BYTES] = { 0 }, mask[HEAD_BYTES] = { 0 };
	uint64_t head = n < HEAD_BYTES ? n : HEAD_BYTES;

	memcpy(word, literal, head);
	memset(mask, 0xff, head);
	memcpy(op->word, word, sizeof(word));
	memcpy(op->mask, mask, sizeof(mask));
	if (n > HEAD_BYTES) {
		op->rest = literal + HEAD_BYTES;
		op->nrest = (uint32_t)(n - HEAD_BYTES);
	}
}

static struct bound *chars_test(struct arena *arena, const struct field *field, enum match match,
				struct str literal)
{
	uint64_t n = literal.len;
	struct bound *bound;

	if (n > field->size)
		return leaf_constant(arena, false);
	if (match == MATCH_EQ && n < field->size)
		n++; /* with the terminator */
	if (n == 0)
		return leaf_constant(arena, true);
	bound = new_test(arena,
			 n <= WORD_BYTES   ? OP_HEAD8
			 : n <= HEAD_BYTES ? OP_HEAD16
					   : OP_HEAD,
			 field);
	set_head(&bound->op, arena_strndup(arena, literal.at, literal.len), n);
	return bound;
}

static struct bound *tail_test(struct arena *arena, const struct field *field, enum match match,
			       struct str literal)
{
	struct bound *bound = new_test(arena, OP_TAIL, field);

	set_head(&bound->op, arena_strndup(arena, literal.at, literal.len), literal.len);
	bound->op.ntext = (uint32_t)literal.len;
	bound->op.is_whole = match == MATCH_EQ;
	return bound;
}

/* A text of the row, which ends at its first NUL, whole or from its beginning. */
static struct bound *row_text_test(struct arena *arena, const struct field *field, enum match match,
				   struct str literal)
{
	if (memchr(literal.at, '\0', literal.len))
		return leaf_constant(arena, false);
	if (field->layout == LAYOUT_TAIL)
		return tail_test(arena, field, match, literal);
	return chars_test(arena, field, match, literal);
}

static struct bound *string_test(struct arena *arena, const struct field *field, enum match match,
				 struct str literal, const struct glob *glob)
{
	bool is_cut = field->loc == LOC_ROW &&
		      (field->layout == LAYOUT_CHARS || field->layout == LAYOUT_TAIL);
	bool is_list = field->type == TYPE_STRINGS;
	struct bound *bound;

	if (is_cut && !is_list && (match == MATCH_EQ || match == MATCH_PREFIX))
		return row_text_test(arena, field, match, literal);
	if (match == MATCH_ANY && !is_list)
		return always(arena, field);
	bound = new_test(arena, is_list ? OP_STRINGS : OP_STRING, field);
	bound->op.match = match;
	if (literal.len)
		bound->op.text =
			(struct str){ arena_strndup(arena, literal.at, literal.len), literal.len };
	bound->op.glob = glob;
	return bound;
}

struct bound *leaf_glob(struct arena *arena, const struct field *field, const struct glob *glob)
{
	static const enum match matches[] = {
		[GLOB_ANY] = MATCH_ANY,           [GLOB_EXACT] = MATCH_EQ,
		[GLOB_PREFIX] = MATCH_PREFIX,     [GLOB_SUFFIX] = MATCH_SUFFIX,
		[GLOB_CONTAINS] = MATCH_CONTAINS, [GLOB_GENERAL] = MATCH_GLOB,
	};

	if (type_is_made((enum type)field->type))
		return leaf_shown(arena, field, matches[glob->kind], glob->text, glob);
	return string_test(arena, field, matches[glob->kind], glob->text, glob);
}

/* ---- all of them ------------------------------------------------------- */

struct bound *leaf_int(struct arena *arena, const struct field *field, __int128 number)
{
	return in_interval(arena, field, interval_of_int(CMP_EQ, number));
}

struct bound *leaf_bool(struct arena *arena, const struct field *field)
{
	return in_interval(arena, field, (struct interval){ 1, FAR });
}

struct bound *leaf_compare(struct arena *arena, const struct field *field, enum cmp cmp,
			   const struct constant *c)
{
	static const enum match matches[] = { [CMP_EQ] = MATCH_EQ,
					      [CMP_LT] = MATCH_LT,
					      [CMP_LE] = MATCH_LE,
					      [CMP_GT] = MATCH_GT,
					      [CMP_GE] = MATCH_GE };

	if (c->type == TYPE_STRING)
		return string_test(arena, field, matches[cmp], c->s, NULL);
	if (c->type == TYPE_BOOL)
		return c->b ? leaf_bool(arena, field)
			    : in_interval(arena, field, (struct interval){ 0, 0 });
	if (field->type == TYPE_FLOAT)
		return c->type == TYPE_FLOAT ? float_test(arena, field, cmp, c->f)
					     : float_with_int(arena, field, cmp, c->i);
	return in_interval(arena, field,
			   c->type == TYPE_FLOAT ? interval_of_float(cmp, c->f)
						 : interval_of_int(cmp, c->i));
}

struct bound *leaf_fields(struct arena *arena, const struct field *field, enum cmp cmp,
			  const struct field *other)
{
	bool is_text = field->type == TYPE_STRING || field->type == TYPE_IP ||
		       field->type == TYPE_ENDPOINT || field->type == TYPE_DNS;
	struct bound *bound = new_test(arena, is_text ? OP_TEXTS : OP_NUMBERS, field);

	bound->op.cmp = cmp;
	bound->op.other = other;
	return bound;
}
