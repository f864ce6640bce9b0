/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/base64.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *base64_encode(const void *bytes, size_t len)
{
	const unsigned char *in = bytes;
	char *text = xcalloc(1, (len + 2) / 3 * 4 + 1), *out = text;

	for (size_t i = 0; i < len; i += 3) {
		uint32_t group = (uint32_t)in[i] << 16;

		if (i + 1 < len)
			group |= (uint32_t)in[i + 1] << 8;
		if (i + 2 < len)
			group |= in[i + 2];
		*out++ = digits[group >> 18];
		*out++ = digits[group >> 12 & 63];
		*out++ = i + 1 < len ? digits[group >> 6 & 63] : '=';
		*out++ = i + 2 < len ? digits[group & 63] : '=';
	}
	return text;
}

char *base64_decode(const char *text, size_t len, size_t *ret_len)
{
	uint32_t group = 0;
	size_t n = 0;
	char *bytes;

	if (len % 4 == 0)
		for (int pad = 0; pad < 2 && len && text[len - 1] == '='; pad++)
			len--;
	if (len % 4 == 1)
		return NULL;
	bytes = xcalloc(1, len / 4 * 3 + 4);
	for (size_t i = 0; i < len; i++) {
		const char *digit = text[i] ? strchr(digits, text[i]) : NULL;

		if (!digit) {
			explicit_bzero(bytes, n);
			free(bytes);
			return NULL;
		}
		group = group << 6 | (uint32_t)(digit - digits);
		if (i % 4)
			bytes[n++] = (char)(group >> (6 - 2 * (i % 4)));
	}
	bytes[n] = 0;
	*ret_len = n;
	return bytes;
}
