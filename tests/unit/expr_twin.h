/* SPDX-License-Identifier: Apache-2.0 */
/*
 * expr_twin: the slow twin of the expression engine, for the property test.
 *
 * It walks the tree for each record, reads every field through batch_read(),
 * and follows the rules of docs/expressions.md in the plainest way.  It shares
 * nothing with the engine but the tree.
 */
#ifndef TESTS_EXPR_TWIN_H
#define TESTS_EXPR_TWIN_H

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "data/show.h"
#include "expr/ast.h"

/* A value by what it can be compared with. */
struct twin_value {
	enum { TWIN_MISSING, TWIN_INT, TWIN_FLOAT, TWIN_BOOL, TWIN_STRING, TWIN_LIST } kind;
	bool is_time;
	bool is_padded; /* LIST: NULs at the end are no elements */
	__int128 i;
	double f;
	bool b;
	struct str s;
	struct value value; /* s may point into it */
	const struct field *field;
	bool is_wide, is_unsigned_wide;
	uint128 wide;
	char text[1024]; /* s of a made type */
};

static inline bool twin_is_signed(const struct field *field)
{
	return field->layout == LAYOUT_S8 || field->layout == LAYOUT_S16 ||
	       field->layout == LAYOUT_S32 || field->layout == LAYOUT_S64 ||
	       field->layout == LAYOUT_SBITS;
}

static inline void twin_read(const struct batch *batch, uint32_t row, const char *name,
			     struct twin_value *v)
{
	const struct field *field = schema_find(batch->schema, name);

	*v = (struct twin_value){ .kind = TWIN_MISSING };
	if (!field)
		return;
	v->is_time = field->type == TYPE_TIME || field->type == TYPE_TIME_NS;
	batch_read(batch, row, field, &v->value);
	if (v->value.missing)
		return;
	v->s = v->value.s;
	v->field = field;
	if (v->value.is_wide) {
		v->kind = TWIN_INT;
		v->is_wide = true;
		v->is_unsigned_wide = field->type == TYPE_UINT;
		v->wide = (uint128)v->value.high << 64 | v->value.u;
		return;
	}
	switch ((enum type)field->type) {
	case TYPE_BOOL:
		v->kind = TWIN_BOOL;
		v->b = v->value.b;
		return;
	case TYPE_FLOAT:
		v->kind = TWIN_FLOAT;
		v->f = v->value.f;
		return;
	case TYPE_STRING:
		v->kind = TWIN_STRING;
		return;
	case TYPE_STRINGS:
		v->kind = TWIN_LIST;
		v->is_padded = field->layout == LAYOUT_BYTES;
		return;
	case TYPE_NAME:
	case TYPE_FLAGS:
	case TYPE_IP:
	case TYPE_ENDPOINT:
	case TYPE_DNS:
		v->kind = TWIN_STRING;
		v->s = (struct str){ v->text, show_value(field, &v->value, v->text) };
		v->i = twin_is_signed(field) ? (__int128)v->value.i : (__int128)v->value.u;
		return;
	case TYPE_UINT:
		v->kind = TWIN_INT;
		v->i = v->value.u;
		return;
	case TYPE_DURATION:
	case TYPE_SIZE:
	case TYPE_MODE:
		v->kind = TWIN_INT;
		v->i = twin_is_signed(field) ? (__int128)v->value.i : (__int128)v->value.u;
		return;
	default:
		v->kind = TWIN_INT;
		v->i = v->value.i;
		return;
	}
}

/* "YYYY-MM-DDTHH:MM:SS.nnnnnnnnnZ", which is the only form the test writes. */
static inline __int128 twin_moment(struct str text)
{
	char copy[40] = { 0 };
	struct tm tm = { 0 };
	int ns = 0;

	memcpy(copy, text.at, text.len < sizeof(copy) - 1 ? text.len : sizeof(copy) - 1);
	if (sscanf(copy, "%d-%d-%dT%d:%d:%d.%9dZ", &tm.tm_year, &tm.tm_mon, &tm.tm_mday,
		   &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &ns) != 7)
		abort();
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	return (__int128)timegm(&tm) * 1000000000 + ns;
}

/* `beside` tells what the other side is: a string beside a time is a moment. */
static inline void twin_operand(const struct batch *batch, uint32_t row,
				const struct operand *operand, bool beside_time,
				struct twin_value *v)
{
	*v = (struct twin_value){ .kind = TWIN_INT };
	switch (operand->kind) {
	case OPERAND_FIELD:
		twin_read(batch, row, operand->name, v);
		return;
	case OPERAND_INT:
		v->i = operand->i;
		return;
	case OPERAND_FLOAT:
		v->kind = TWIN_FLOAT;
		v->f = operand->f;
		return;
	case OPERAND_BOOL:
		v->kind = TWIN_BOOL;
		v->b = operand->b;
		return;
	case OPERAND_STRING:
		v->kind = TWIN_STRING;
		v->s = operand->s;
		if (beside_time) {
			v->kind = TWIN_INT;
			v->i = twin_moment(operand->s);
		}
		return;
	}
}

static inline int twin_order_strings(struct str a, struct str b)
{
	for (uint64_t i = 0; i < a.len && i < b.len; i++)
		if (a.at[i] != b.at[i])
			return (uint8_t)a.at[i] < (uint8_t)b.at[i] ? -1 : 1;
	return a.len < b.len ? -1 : a.len > b.len;
}

/* long double holds every 64-bit integer and every double exactly. */
static inline long double twin_number(const struct twin_value *v)
{
	return v->kind == TWIN_FLOAT ? (long double)v->f : (long double)v->i;
}

static inline bool twin_holds(enum cmp cmp, bool less, bool equal, bool greater)
{
	switch (cmp) {
	case CMP_EQ:
		return equal;
	case CMP_LT:
		return less;
	case CMP_LE:
		return less || equal;
	case CMP_GT:
		return greater;
	case CMP_GE:
		return greater || equal;
	}
	abort();
}

/* The next element of a list; false at its end. */
static inline bool twin_next(struct str *list, struct str *ret)
{
	uint64_t n = 0;

	if (list->len == 0)
		return false;
	while (n < list->len && list->at[n])
		n++;
	*ret = (struct str){ list->at, n };
	n += n < list->len;
	list->at += n;
	list->len -= n;
	return true;
}

static inline struct str twin_list(const struct twin_value *v)
{
	struct str list = v->s;

	while (v->is_padded && list.len && !list.at[list.len - 1])
		list.len--;
	return list;
}

/* A 128-bit number and a literal, by its sign first. */
static inline bool twin_compare_wide(enum cmp cmp, const struct twin_value *a,
				     const struct twin_value *b)
{
	bool a_negative = !a->is_unsigned_wide && a->wide >> 127;
	__int128 i = (__int128)a->wide;

	if (b->kind == TWIN_FLOAT) {
		long double x = a_negative ? -(long double)-a->wide : (long double)a->wide;

		return twin_holds(cmp, x < (long double)b->f, x == (long double)b->f,
				  x > (long double)b->f);
	}
	if (a->is_unsigned_wide && a->wide >> 127)
		return twin_holds(cmp, false, false, true);
	return twin_holds(cmp, i < b->i, i == b->i, i > b->i);
}

/* Every name of a number counts, not just the one that is shown. */
static inline bool twin_is_called(const struct twin_value *v, struct str word)
{
	const struct names *names = v->field->names;

	for (uint32_t i = 0; i < names->n; i++)
		if (names->list[i].value == v->value.u &&
		    twin_order_strings(names->list[i].text, word) == 0)
			return true;
	return false;
}

/* "10.0.0.0/8" against the text of an address, bit by bit. */
static inline bool twin_in_network(struct str address, struct str network)
{
	char a[64] = { 0 }, n[64] = { 0 }, *slash;
	uint8_t x[16] = { 0 }, y[16] = { 0 };
	int family, bits;

	memcpy(a, address.at, address.len);
	memcpy(n, network.at, network.len);
	slash = strchr(n, '/');
	family = strchr(n, ':') ? AF_INET6 : AF_INET;
	bits = slash ? (int)strtol(slash + 1, NULL, 10) : family == AF_INET6 ? 128 : 32;
	if (slash)
		*slash = 0;
	if (inet_pton(family, a, x) != 1 || inet_pton(family, n, y) != 1)
		return false;
	for (int i = 0; i < bits; i++)
		if ((x[i / 8] ^ y[i / 8]) >> (7 - i % 8) & 1)
			return false;
	return true;
}

static inline bool twin_compare(enum cmp cmp, const struct twin_value *a,
				const struct twin_value *b)
{
	if (a->kind == TWIN_MISSING || b->kind == TWIN_MISSING)
		return false;
	if (a->is_wide)
		return twin_compare_wide(cmp, a, b);
	if (b->is_wide)
		return twin_compare_wide(cmp_mirrored(cmp), b, a);
	if (a->kind == TWIN_STRING && a->field && a->field->type == TYPE_IP && !b->field)
		return twin_in_network(a->s, b->s);
	if (a->kind == TWIN_STRING && a->field && a->field->type == TYPE_NAME &&
	    b->kind == TWIN_STRING && !b->field)
		return twin_is_called(a, b->s);
	/* Beside a number, a name is its number. */
	if (a->kind == TWIN_STRING && b->kind != TWIN_STRING) {
		struct twin_value number = *a;

		number.kind = TWIN_INT;
		return twin_compare(cmp, &number, b);
	}
	if (b->kind == TWIN_STRING && a->kind != TWIN_STRING && a->kind != TWIN_LIST) {
		struct twin_value number = *b;

		number.kind = TWIN_INT;
		return twin_compare(cmp, a, &number);
	}
	if (a->field && b->field && type_is_made_number((enum type)a->field->type) &&
	    type_is_made_number((enum type)b->field->type))
		return twin_holds(cmp, a->i < b->i, a->i == b->i, a->i > b->i);
	if (a->kind == TWIN_LIST) {
		struct str list = twin_list(a), s;

		while (twin_next(&list, &s))
			if (twin_order_strings(s, b->s) == 0)
				return true;
		return false;
	}
	if (a->kind == TWIN_STRING) {
		int order = twin_order_strings(a->s, b->s);

		return twin_holds(cmp, order < 0, order == 0, order > 0);
	}
	if (a->kind == TWIN_BOOL)
		return a->b == b->b;
	if (a->kind == TWIN_INT && b->kind == TWIN_INT)
		return twin_holds(cmp, a->i < b->i, a->i == b->i, a->i > b->i);
	return twin_holds(cmp, twin_number(a) < twin_number(b), twin_number(a) == twin_number(b),
			  twin_number(a) > twin_number(b));
}

/* A set "[...]" at p: does it have c?  Moves *p behind it. */
static inline bool twin_set(const char **p, uint8_t c)
{
	const char *at = *p + 1;
	bool is_not = *at == '!', has = false;
	const char *first;

	at += is_not;
	for (first = at; *at != ']' || at == first; at++) {
		uint8_t low = (uint8_t)*at, high = low;

		if (at[1] == '-' && at[2] != ']') {
			high = (uint8_t)at[2];
			at += 2;
		}
		has |= c >= low && c <= high;
	}
	*p = at + 1;
	return has != is_not;
}

/* By recursion; patterns are well formed, short, and hold no NUL. */
static inline bool twin_glob(const char *p, const char *end, struct str s)
{
	if (p == end)
		return s.len == 0;
	if (*p == '*') {
		for (uint64_t skip = 0; skip <= s.len; skip++)
			if (twin_glob(p + 1, end, (struct str){ s.at + skip, s.len - skip }))
				return true;
		return false;
	}
	if (s.len == 0)
		return false;
	if (*p == '[') {
		if (!twin_set(&p, (uint8_t)*s.at))
			return false;
	} else {
		if (*p == '\\')
			p++;
		else if (*p == '?')
			return twin_glob(p + 1, end, (struct str){ s.at + 1, s.len - 1 });
		if (*p++ != *s.at)
			return false;
	}
	return twin_glob(p, end, (struct str){ s.at + 1, s.len - 1 });
}

static inline bool twin_matches(const struct twin_value *v, struct str pattern)
{
	struct str list = twin_list(v), s;

	if (v->kind == TWIN_STRING)
		return twin_glob(pattern.at, pattern.at + pattern.len, v->s);
	while (v->kind == TWIN_LIST && twin_next(&list, &s))
		if (twin_glob(pattern.at, pattern.at + pattern.len, s))
			return true;
	return false;
}

static inline bool twin_is_time(const struct batch *batch, const struct operand *operand)
{
	const struct field *field =
		operand->kind == OPERAND_FIELD ? schema_find(batch->schema, operand->name) : NULL;

	return field && (field->type == TYPE_TIME || field->type == TYPE_TIME_NS);
}

static inline bool twin_pair(const struct batch *batch, uint32_t row, enum cmp cmp,
			     const struct operand *left, const struct operand *right)
{
	struct twin_value a, b;

	twin_operand(batch, row, left, false, &a);
	twin_operand(batch, row, right, twin_is_time(batch, left), &b);
	return twin_compare(cmp, &a, &b);
}

/* Flags in the test have names without a separator in them. */
static inline bool twin_has(const struct twin_value *v, struct str word)
{
	struct str list = twin_list(v), s;

	while (v->kind == TWIN_LIST && twin_next(&list, &s))
		if (twin_order_strings(s, word) == 0)
			return true;
	for (uint64_t at = 0; v->kind == TWIN_STRING && at < v->s.len; at += s.len + 1) {
		const char *bar = memchr(v->s.at + at, '|', v->s.len - at);

		s.at = v->s.at + at;
		s.len = bar ? (uint64_t)(bar - s.at) : v->s.len - at;
		if (twin_order_strings(s, word) == 0)
			return true;
	}
	return false;
}

/* Is the tree true for the record? */
static inline bool twin_eval(const struct batch *batch, uint32_t row, const struct node *node)
{
	struct twin_value v;

	switch (node->kind) {
	case NODE_AND:
		for (const struct node *c = node->first; c; c = c->next)
			if (!twin_eval(batch, row, c))
				return false;
		return true;
	case NODE_OR:
		for (const struct node *c = node->first; c; c = c->next)
			if (twin_eval(batch, row, c))
				return true;
		return false;
	case NODE_NOT:
		return !twin_eval(batch, row, node->first);
	case NODE_COMPARE:
		return twin_pair(batch, row, node->cmp, &node->left, &node->right);
	case NODE_IN:
		for (uint32_t i = 0; i < node->nitems; i++)
			if (twin_pair(batch, row, CMP_EQ, &node->left, &node->items[i]))
				return true;
		return false;
	case NODE_HAS:
		twin_operand(batch, row, &node->left, false, &v);
		return twin_has(&v, node->right.s);
	case NODE_GLOB:
		twin_operand(batch, row, &node->left, false, &v);
		return twin_matches(&v, node->right.s);
	case NODE_OPERAND:
		twin_operand(batch, row, &node->left, false, &v);
		return v.kind == TWIN_BOOL && v.b;
	}
	abort();
}

#endif
