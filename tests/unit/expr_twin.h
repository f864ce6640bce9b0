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

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "data/batch.h"
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
};

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
	case TYPE_UINT:
		v->kind = TWIN_INT;
		v->i = v->value.u;
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

static inline bool twin_compare(enum cmp cmp, const struct twin_value *a,
				const struct twin_value *b)
{
	if (a->kind == TWIN_MISSING || b->kind == TWIN_MISSING)
		return false;
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
