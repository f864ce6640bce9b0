/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/glyph.h"

#include <stdbool.h>
#include <string.h>

#include "codec/text.h"

struct range {
	uint32_t first, last;
};

/* Coarse on purpose: a wrong width shifts a column, a table of all of Unicode ages. */
static const struct range wide[] = {
	{ 0x1100, 0x115f },   { 0x2e80, 0x303e },   { 0x3041, 0xa4cf },   { 0xa960, 0xa97c },
	{ 0xac00, 0xd7a3 },   { 0xf900, 0xfaff },   { 0xfe30, 0xfe6f },   { 0xff00, 0xff60 },
	{ 0xffe0, 0xffe6 },   { 0x1f300, 0x1f64f }, { 0x1f680, 0x1f6ff }, { 0x1f900, 0x1f9ff },
	{ 0x20000, 0x3fffd },
};

static const struct range joining[] = {
	{ 0x0300, 0x036f }, { 0x1ab0, 0x1aff }, { 0x1dc0, 0x1dff }, { 0x200b, 0x200d },
	{ 0x20d0, 0x20ff }, { 0xfe00, 0xfe0f }, { 0xfe20, 0xfe2f },
};

/* C1 controls; marks and overrides of direction; line and paragraph separators. */
static const struct range hostile[] = {
	{ 0x0080, 0x009f }, { 0x061c, 0x061c }, { 0x200e, 0x200f },
	{ 0x2028, 0x202e }, { 0x2066, 0x2069 }, { 0xfeff, 0xfeff },
};

#define IS_IN(c, ranges) is_in(c, ranges, sizeof(ranges) / sizeof(*(ranges)))

static bool is_in(uint32_t c, const struct range *ranges, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (c >= ranges[i].first && c <= ranges[i].last)
			return true;
	return false;
}

static uint32_t decode(const uint8_t *s, int len)
{
	static const uint8_t lead_bits[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
	uint32_t c = s[0] & lead_bits[len];

	for (int i = 1; i < len; i++)
		c = c << 6 | (s[i] & 0x3f);
	return c;
}

/* One byte; what it belonged to is ill-formed without it and escaped in turn. */
static struct glyph escape(uint8_t c)
{
	static const char hex[] = "0123456789abcdef";

	return (struct glyph){
		.text = { '\\', 'x', (uint8_t)hex[c >> 4], (uint8_t)hex[c & 15] },
		.len = 4,
		.cells = 4,
		.taken = 1,
	};
}

struct glyph glyph_next(const uint8_t *s, size_t n)
{
	struct glyph g = { .text = { s[0] }, .len = 1, .cells = 1, .taken = 1 };
	uint32_t c;
	int len;

	if (s[0] < 0x80)
		return s[0] < 0x20 || s[0] == 0x7f ? escape(s[0]) : g;
	len = utf8_next(s, n);
	if (len < 0)
		return escape(s[0]);
	c = decode(s, len);
	if (IS_IN(c, hostile))
		return escape(s[0]);
	memcpy(g.text, s, (size_t)len);
	g.len = g.taken = (uint8_t)len;
	g.cells = IS_IN(c, joining) ? 0 : IS_IN(c, wide) ? 2 : 1;
	return g;
}
