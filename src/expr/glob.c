/* SPDX-License-Identifier: Apache-2.0 */
/*
 * glob: a pattern becomes a list of items; lists of one of the simple forms are
 * recognised, so that the engine can use plain compares for them.
 *
 * The general matcher remembers only the last '*' it passed: when it gets
 * stuck, that star takes one byte more.  Earlier stars never need a second
 * look, since what lies between them was matched at its first place, which
 * leaves the most room for the rest.
 */
#include "expr/glob.h"

#include <errno.h>
#include <string.h>

enum item_kind { ITEM_BYTE, ITEM_ONE, ITEM_SET, ITEM_STAR };

struct glob_item {
	enum item_kind kind;
	uint8_t byte;
	uint64_t set[4]; /* by byte value */
};

static void set_add(uint64_t *set, unsigned from, unsigned to)
{
	for (unsigned c = from; c <= to; c++)
		set[c / 64] |= UINT64_C(1) << (c % 64);
}

static bool set_has(const uint64_t *set, uint8_t c)
{
	return set[c / 64] >> (c % 64) & 1;
}

/* *at is behind the '['; moves it behind the ']'. */
static int parse_set(struct str pattern, uint64_t *at, struct glob_item *item)
{
	const uint8_t *p = (const uint8_t *)pattern.at;
	uint64_t i = *at, begin;
	bool is_not = i < pattern.len && p[i] == '!';

	item->kind = ITEM_SET;
	i += is_not;
	for (begin = i; i < pattern.len && (p[i] != ']' || i == begin); i++) {
		if (i + 2 < pattern.len && p[i + 1] == '-' && p[i + 2] != ']') {
			set_add(item->set, p[i], p[i + 2]);
			i += 2;
		} else {
			set_add(item->set, p[i], p[i]);
		}
	}
	if (i >= pattern.len)
		return -EINVAL;
	for (int w = 0; is_not && w < 4; w++)
		item->set[w] = ~item->set[w];
	*at = i + 1;
	return 0;
}

static int parse_item(struct str pattern, uint64_t *at, struct glob_item *item)
{
	char c = pattern.at[(*at)++];

	*item = (struct glob_item){ .kind = ITEM_BYTE };
	if (c == '[')
		return parse_set(pattern, at, item);
	if (c == '*')
		item->kind = ITEM_STAR;
	else if (c == '?')
		item->kind = ITEM_ONE;
	if (c == '\\') {
		if (*at == pattern.len)
			return -EINVAL;
		c = pattern.at[(*at)++];
	}
	item->byte = (uint8_t)c;
	return 0;
}

/* Recognise the forms with a star at no other place than the ends. */
static void simplify(struct arena *arena, struct glob *glob)
{
	const struct glob_item *items = glob->items;
	uint32_t n = glob->nitems;
	bool front = n && items[0].kind == ITEM_STAR;
	bool back = n > 1 && items[n - 1].kind == ITEM_STAR;
	char *text = arena_alloc(arena, n + 1);
	uint64_t len = 0;

	for (uint32_t i = front; i < n - back; i++) {
		if (items[i].kind != ITEM_BYTE)
			return;
		text[len++] = (char)items[i].byte;
	}
	glob->text = (struct str){ text, len };
	if (front)
		glob->kind = n == 1 ? GLOB_ANY : back ? GLOB_CONTAINS : GLOB_SUFFIX;
	else
		glob->kind = back ? GLOB_PREFIX : GLOB_EXACT;
}

int glob_compile(struct arena *arena, struct str pattern, struct glob *ret_glob)
{
	struct glob_item *items = arena_array(arena, pattern.len, sizeof(*items));
	struct glob glob = { .kind = GLOB_GENERAL, .items = items };
	uint64_t at = 0;

	while (at < pattern.len) {
		struct glob_item *item = &items[glob.nitems];
		int r = parse_item(pattern, &at, item);

		if (r < 0)
			return r;
		/* "**" is "*" */
		if (item->kind != ITEM_STAR || glob.nitems == 0 || item[-1].kind != ITEM_STAR)
			glob.nitems++;
	}
	simplify(arena, &glob);
	*ret_glob = glob;
	return 0;
}

static bool item_takes(const struct glob_item *item, uint8_t c)
{
	switch (item->kind) {
	case ITEM_BYTE:
		return item->byte == c;
	case ITEM_ONE:
		return true;
	case ITEM_SET:
		return set_has(item->set, c);
	case ITEM_STAR:
		break;
	}
	return false;
}

static bool match_items(const struct glob *glob, struct str text)
{
	const struct glob_item *item = glob->items, *end = item + glob->nitems, *star = NULL;
	const uint8_t *p = (const uint8_t *)text.at, *stop = p + text.len, *again = p;

	while (p < stop) {
		if (item < end && item->kind == ITEM_STAR) {
			star = item++;
			again = p;
		} else if (item < end && item_takes(item, *p)) {
			item++;
			p++;
		} else if (star) {
			item = star + 1;
			p = ++again;
		} else {
			return false;
		}
	}
	while (item < end && item->kind == ITEM_STAR)
		item++;
	return item == end;
}

/* An empty string may have no address, and memcmp() wants one. */
static bool same_bytes(const char *at, struct str literal)
{
	return literal.len == 0 || !memcmp(at, literal.at, literal.len);
}

bool str_equals(struct str text, struct str literal)
{
	return text.len == literal.len && same_bytes(text.at, literal);
}

bool str_begins(struct str text, struct str literal)
{
	return text.len >= literal.len && same_bytes(text.at, literal);
}

bool str_ends(struct str text, struct str literal)
{
	return text.len >= literal.len && same_bytes(text.at + (text.len - literal.len), literal);
}

enum { BLOCK = 16 };

typedef uint8_t block __attribute__((vector_size(BLOCK)));

static block load_block(const char *at)
{
	block b;

	memcpy(&b, at, sizeof(b));
	return b;
}

/*
 * Does the literal begin at one of the BLOCK places from `at` on?  Only where
 * its first and its last byte are right is it looked at closer.
 */
static bool begins_in_block(const char *at, struct str literal, block first, block last)
{
	block hits =
		(block)((load_block(at) == first) & (load_block(at + literal.len - 1) == last));
	uint64_t words[2];

	memcpy(words, &hits, sizeof(words));
	if (!(words[0] | words[1]))
		return false;
	for (int i = 0; i < BLOCK; i++)
		if (hits[i] && !memcmp(at + i, literal.at, literal.len))
			return true;
	return false;
}

/*
 * memmem() sets up a table for each call, which costs more than paths are long:
 * the last filter of tests/bench/bench_filter.c takes 24 ns with it, and 14 so.
 */
bool str_contains(struct str text, struct str literal)
{
	uint64_t n = literal.len, places, i;
	block first = { 0 }, last = { 0 };

	if (n == 0)
		return true;
	if (text.len < n)
		return false;
	places = text.len - n + 1;
	if (places < BLOCK) {
		for (i = 0; i < places; i++)
			if (text.at[i] == literal.at[0] && !memcmp(text.at + i, literal.at, n))
				return true;
		return false;
	}
	first += (uint8_t)literal.at[0];
	last += (uint8_t)literal.at[n - 1];
	for (i = 0; i + BLOCK <= places; i += BLOCK)
		if (begins_in_block(text.at + i, literal, first, last))
			return true;
	/* The last places, some of them for the second time. */
	return i < places && begins_in_block(text.at + places - BLOCK, literal, first, last);
}

bool glob_match(const struct glob *glob, struct str text)
{
	switch (glob->kind) {
	case GLOB_ANY:
		return true;
	case GLOB_EXACT:
		return str_equals(text, glob->text);
	case GLOB_PREFIX:
		return str_begins(text, glob->text);
	case GLOB_SUFFIX:
		return str_ends(text, glob->text);
	case GLOB_CONTAINS:
		return str_contains(text, glob->text);
	case GLOB_GENERAL:
		break;
	}
	return match_items(glob, text);
}
