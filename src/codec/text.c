/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/text.h"

/* U+FFFD */
static const uint8_t replacement[3] = { 0xef, 0xbf, 0xbd };

/*
 * The second byte decides most: overlong forms, surrogates and what lies beyond
 * U+10FFFF are all excluded by its range (Unicode 15, table 3-7).
 */
static int sequence(uint8_t lead, uint8_t *ret_from, uint8_t *ret_to)
{
	*ret_from = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
	*ret_to = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
	if (lead >= 0xc2 && lead <= 0xdf)
		return 2;
	if (lead >= 0xe0 && lead <= 0xef)
		return 3;
	if (lead >= 0xf0 && lead <= 0xf4)
		return 4;
	return 0;
}

int utf8_next(const uint8_t *s, size_t n)
{
	uint8_t from, to;
	int len;

	if (s[0] < 0x80)
		return 1;
	len = sequence(s[0], &from, &to);
	if (!len)
		return -1;
	for (int i = 1; i < len; i++) {
		if ((size_t)i >= n || s[i] < from || s[i] > to)
			return -i;
		from = 0x80;
		to = 0xbf;
	}
	return len;
}

/* One character that is not plain; returns how many bytes of s it took. */
static size_t escape(uint8_t **out, const uint8_t *s, size_t n)
{
	static const char hex[] = "0123456789abcdef";
	static const char shorts[0x20] = {
		['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r',
	};
	uint8_t *o = *out;
	int len;

	if (s[0] < 0x80) {
		char c = s[0] < 0x20 ? shorts[s[0]] : (char)s[0];

		*o++ = '\\';
		if (c) {
			*o++ = (uint8_t)c;
		} else {
			memcpy(o, "u00", 4);
			o[3] = (uint8_t)hex[s[0] >> 4];
			o[4] = (uint8_t)hex[s[0] & 15];
			o += 5;
		}
		*out = o;
		return 1;
	}
	len = utf8_next(s, n);
	if (len < 0) {
		memcpy(o, replacement, sizeof(replacement));
		*out = o + 3;
		return (size_t)-len;
	}
	memcpy(o, s, (size_t)len);
	*out = o + len;
	return (size_t)len;
}

static inline int is_plain(uint8_t c)
{
	return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

uint8_t *json_text(uint8_t *out, const uint8_t *s, size_t n)
{
	while (n) {
		size_t took;

		if (n >= TEXT_STEP) {
			uint32_t plain = text_copy_plain(out, s);

			out += plain;
			s += plain;
			n -= plain;
			if (plain == TEXT_STEP)
				continue;
		} else if (is_plain(*s)) {
			*out++ = *s++;
			n--;
			continue;
		}
		if (!*s)
			break;
		took = escape(&out, s, n);
		s += took;
		n -= took;
	}
	return out;
}

size_t json_text_size(const uint8_t *s, size_t n)
{
	uint8_t scratch[8];
	size_t size = 0;

	while (n && *s) {
		uint8_t *end = scratch;
		size_t took = 1;

		if (is_plain(*s))
			end++;
		else
			took = escape(&end, s, n);
		size += (size_t)(end - scratch);
		s += took;
		n -= took;
	}
	return size;
}

uint8_t *utf8_text(uint8_t *out, const uint8_t *s, size_t n)
{
	while (n && *s) {
		int len = utf8_next(s, n);

		if (len > 0) {
			memcpy(out, s, (size_t)len);
			out += len;
		} else {
			memcpy(out, replacement, sizeof(replacement));
			out += 3;
			len = -len;
		}
		s += len;
		n -= (size_t)len;
	}
	return out;
}

size_t utf8_text_size(const uint8_t *s, size_t n)
{
	size_t size = 0;

	while (n && *s) {
		int len = utf8_next(s, n);

		size += len > 0 ? (size_t)len : 3;
		if (len < 0)
			len = -len;
		s += len;
		n -= (size_t)len;
	}
	return size;
}

uint8_t *hex_text(uint8_t *out, const uint8_t *s, size_t n)
{
	static const char hex[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		*out++ = (uint8_t)hex[s[i] >> 4];
		*out++ = (uint8_t)hex[s[i] & 15];
	}
	return out;
}
