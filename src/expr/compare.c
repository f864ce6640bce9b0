/* SPDX-License-Identifier: Apache-2.0 */
/*
 * compare: the order of two values, where neither side's layout helps.
 */
#include <string.h>

#include "expr/program.h"

enum { UNORDERED = 2 }; /* a NaN is involved; else -1, 0, 1 */

const char *cmp_text(enum cmp cmp)
{
	static const char *const texts[] = {
		[CMP_EQ] = "==", [CMP_LT] = "<", [CMP_LE] = "<=", [CMP_GT] = ">", [CMP_GE] = ">="
	};

	return texts[cmp];
}

enum cmp cmp_mirrored(enum cmp cmp)
{
	static const enum cmp table[] = { [CMP_EQ] = CMP_EQ,
					  [CMP_LT] = CMP_GT,
					  [CMP_LE] = CMP_GE,
					  [CMP_GT] = CMP_LT,
					  [CMP_GE] = CMP_LE };

	return table[cmp];
}

static bool holds(enum cmp cmp, int order)
{
	if (order == UNORDERED)
		return false;
	switch (cmp) {
	case CMP_EQ:
		return order == 0;
	case CMP_LT:
		return order < 0;
	case CMP_LE:
		return order <= 0;
	case CMP_GT:
		return order > 0;
	case CMP_GE:
		return order >= 0;
	}
	return false;
}

static int order_ints(__int128 a, __int128 b)
{
	return (a > b) - (a < b);
}

static int order_floats(double a, double b)
{
	if (a != a || b != b)
		return UNORDERED;
	return (a > b) - (a < b);
}

/* Converting either to the other's type would round. */
static int order_int_float(__int128 i, double f)
{
	__int128 whole;
	int order;

	if (f != f)
		return UNORDERED;
	if (f >= 0x1p100)
		return -1;
	if (f <= -0x1p100)
		return 1;
	whole = (__int128)f; /* towards zero */
	order = order_ints(i, whole);
	return order ? order : order_floats((double)whole, f);
}

static int order_constants(const struct constant *a, const struct constant *b)
{
	bool a_float = a->type == TYPE_FLOAT, b_float = b->type == TYPE_FLOAT;
	int order;

	if (a->type == TYPE_BOOL)
		return order_ints(a->b, b->b);
	if (a_float && b_float)
		return order_floats(a->f, b->f);
	if (b_float)
		return order_int_float(a->i, b->f);
	if (!a_float)
		return order_ints(a->i, b->i);
	order = order_int_float(b->i, a->f);
	return order == UNORDERED ? order : -order;
}

bool strings_hold(enum cmp cmp, struct str a, struct str b)
{
	uint64_t n = a.len < b.len ? a.len : b.len;
	int order = n ? memcmp(a.at, b.at, n) : 0;

	if (order == 0)
		order = (a.len > b.len) - (a.len < b.len);
	return holds(cmp, order < 0 ? -1 : order > 0);
}

bool constants_hold(enum cmp cmp, const struct constant *a, const struct constant *b)
{
	if (a->type == TYPE_STRING)
		return strings_hold(cmp, a->s, b->s);
	return holds(cmp, order_constants(a, b));
}
