/* SPDX-License-Identifier: Apache-2.0 */
/*
 * codec_twin: what the codecs should make of a string, the slow way: one byte
 * at a time, straight from the definitions, sharing nothing with the codecs.
 */
#ifndef TESTS_CODEC_TWIN_H
#define TESTS_CODEC_TWIN_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The length of the well-formed sequence at s, or 0 (Unicode, table 3-7). */
static inline size_t twin_sequence(const uint8_t *s, size_t n)
{
	static const struct {
		uint8_t first, last, second_first, second_last, len;
	} table[] = {
		{ 0x00, 0x7f, 0x00, 0x00, 1 }, { 0xc2, 0xdf, 0x80, 0xbf, 2 },
		{ 0xe0, 0xe0, 0xa0, 0xbf, 3 }, { 0xe1, 0xec, 0x80, 0xbf, 3 },
		{ 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 },
		{ 0xf0, 0xf0, 0x90, 0xbf, 4 }, { 0xf1, 0xf3, 0x80, 0xbf, 4 },
		{ 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		if (s[0] < table[i].first || s[0] > table[i].last || table[i].len > n)
			continue;
		if (table[i].len > 1 &&
		    (s[1] < table[i].second_first || s[1] > table[i].second_last))
			continue;
		if (table[i].len > 2 && (s[2] & 0xc0) != 0x80)
			continue;
		if (table[i].len > 3 && (s[3] & 0xc0) != 0x80)
			continue;
		return table[i].len;
	}
	return 0;
}

/* How many bytes from the front could begin a well-formed sequence: at least 1. */
static inline size_t twin_subpart(const uint8_t *s, size_t n)
{
	size_t best = 1;

	for (size_t len = 1; len <= 3 && len <= n; len++) {
		for (unsigned fill = 0x80; fill <= 0xbf; fill++) {
			uint8_t trial[4];

			memset(trial, (int)fill, sizeof(trial));
			memcpy(trial, s, len);
			if (twin_sequence(trial, 4) > len)
				best = len;
		}
	}
	return best;
}

/* UTF-8 up to n bytes or the NUL; terminated.  Returns the length. */
static inline size_t twin_utf8(char *out, const uint8_t *s, size_t n)
{
	char *start = out;

	while (n && *s) {
		size_t len = twin_sequence(s, n);

		if (len) {
			memcpy(out, s, len);
			out += len;
		} else {
			memcpy(out, "\xef\xbf\xbd", 3);
			out += 3;
			len = twin_subpart(s, n);
		}
		s += len;
		n -= len;
	}
	*out = 0;
	return (size_t)(out - start);
}

/* The inside of a JSON string; terminated.  Returns the length. */
static inline size_t twin_json_text(char *out, const uint8_t *s, size_t n)
{
	static const char named[] = "\"\"\\\\\nn\tt\rr\bb\ff";
	static char text[1 << 16];
	size_t len = twin_utf8(text, s, n);
	char *start = out;

	for (size_t i = 0; i < len; i++) {
		uint8_t c = (uint8_t)text[i];
		const char *name = NULL;

		for (size_t k = 0; k + 1 < sizeof(named); k += 2)
			if ((uint8_t)named[k] == c)
				name = &named[k + 1];
		if (name) {
			*out++ = '\\';
			*out++ = *name;
		} else if (c < 0x20) {
			memcpy(out, "\\u00", 4);
			out[4] = c < 0x10 ? '0' : '1';
			out[5] = "0123456789abcdef"[c % 16];
			out += 6;
		} else {
			*out++ = (char)c;
		}
	}
	*out = 0;
	return (size_t)(out - start);
}

#endif
