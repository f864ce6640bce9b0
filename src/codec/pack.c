/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/pack.h"

#include "codec/text.h"
#include "data/show.h"

static bool is_ascii(const uint8_t *s, size_t n)
{
	uint64_t bits = 0, v;

	for (; n >= sizeof(v); n -= sizeof(v), s += sizeof(v)) {
		memcpy(&v, s, sizeof(v));
		bits |= v;
	}
	for (; n; n--)
		bits |= *s++;
	return !(bits & UINT64_C(0x8080808080808080));
}

/* Any string, reading nothing but its bytes. */
uint8_t *pack_text(uint8_t *out, const uint8_t *s, size_t n)
{
	n = n ? strnlen((const char *)s, n) : 0; /* a str of no bytes may be nowhere */
	if (is_ascii(s, n)) {
		out = put_str_header(out, n);
		if (n)
			memcpy(out, s, n);
		return out + n;
	}
	out = put_str_header(out, utf8_text_size(s, n));
	return utf8_text(out, s, n);
}

uint8_t *pack_bytes(uint8_t *out, const void *bytes, size_t n)
{
	out = put_length(out, BIN_8, n);
	if (n)
		memcpy(out, bytes, n);
	return out + n;
}

uint8_t *pack_wide(uint8_t *out, uint64_t high, uint64_t low, bool is_signed)
{
	char text[SHOW_WIDE_MAX];
	uint32_t len = show_wide(high, low, is_signed, text);

	out = put_str_header(out, len);
	memcpy(out, text, len);
	return out + len;
}

/* An extension of 8 bytes ends in 2514, an int64_t of nanoseconds in 2262. */
uint8_t *pack_timestamp(uint8_t *out, int64_t ns)
{
	int64_t sec = ns / 1000000000;
	int64_t rest = ns % 1000000000;

	if (rest < 0) {
		rest += 1000000000;
		sec--;
	}
	if (sec >= 0) {
		*out++ = FIX_EXT_8;
		*out++ = EXT_TIMESTAMP;
		return put_be64(out, (uint64_t)rest << 34 | (uint64_t)sec);
	}
	*out++ = EXT_8;
	*out++ = 12;
	*out++ = EXT_TIMESTAMP;
	out = put_be32(out, (uint32_t)rest);
	return put_be64(out, (uint64_t)sec);
}
