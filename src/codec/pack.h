/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pack: the forms of MessagePack, each in its smallest.
 *
 * Every function writes at `out` and returns the end; nothing is checked, room
 * is the caller's business.
 */
#ifndef CODEC_PACK_H
#define CODEC_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum format {
	FIX_MAP = 0x80,
	FIX_ARRAY = 0x90,
	FIX_STR = 0xa0,
	FORMAT_FALSE = 0xc2,
	FORMAT_TRUE = 0xc3,
	BIN_8 = 0xc4,
	EXT_8 = 0xc7,
	FLOAT_32 = 0xca,
	FLOAT_64 = 0xcb,
	UINT_8 = 0xcc,
	INT_8 = 0xd0,
	FIX_EXT_8 = 0xd7,
	STR_8 = 0xd9,
	ARRAY_16 = 0xdc,
	MAP_16 = 0xde,
	EXT_TIMESTAMP = 0xff, /* -1 */
	EXT_EVENT_TIME = 0,
};

enum { FIX_STR_MAX = 31, FIX_MAP_MAX = 15 };

static inline uint8_t *put_be16(uint8_t *out, uint16_t v)
{
	v = __builtin_bswap16(v);
	memcpy(out, &v, sizeof(v));
	return out + sizeof(v);
}

static inline uint8_t *put_be32(uint8_t *out, uint32_t v)
{
	v = __builtin_bswap32(v);
	memcpy(out, &v, sizeof(v));
	return out + sizeof(v);
}

static inline uint8_t *put_be64(uint8_t *out, uint64_t v)
{
	v = __builtin_bswap64(v);
	memcpy(out, &v, sizeof(v));
	return out + sizeof(v);
}

static inline uint8_t *put_uint32(uint8_t *out, uint32_t v)
{
	if (v < 128) {
		*out = (uint8_t)v;
		return out + 1;
	}
	if (v <= UINT8_MAX) {
		out[0] = UINT_8;
		out[1] = (uint8_t)v;
		return out + 2;
	}
	if (v <= UINT16_MAX) {
		out[0] = UINT_8 + 1;
		return put_be16(out + 1, (uint16_t)v);
	}
	out[0] = UINT_8 + 2;
	return put_be32(out + 1, v);
}

static inline uint8_t *put_uint(uint8_t *out, uint64_t v)
{
	if (v <= UINT32_MAX)
		return put_uint32(out, (uint32_t)v);
	out[0] = UINT_8 + 3;
	return put_be64(out + 1, v);
}

static inline uint8_t *put_int(uint8_t *out, int64_t v)
{
	if (v >= 0)
		return put_uint(out, (uint64_t)v);
	if (v >= -32) {
		*out = (uint8_t)v;
		return out + 1;
	}
	if (v >= INT8_MIN) {
		out[0] = INT_8;
		out[1] = (uint8_t)v;
		return out + 2;
	}
	if (v >= INT16_MIN) {
		out[0] = INT_8 + 1;
		return put_be16(out + 1, (uint16_t)v);
	}
	if (v >= INT32_MIN) {
		out[0] = INT_8 + 2;
		return put_be32(out + 1, (uint32_t)v);
	}
	out[0] = INT_8 + 3;
	return put_be64(out + 1, (uint64_t)v);
}

static inline uint8_t *put_float(uint8_t *out, uint32_t bits)
{
	*out = FLOAT_32;
	return put_be32(out + 1, bits);
}

static inline uint8_t *put_double(uint8_t *out, uint64_t bits)
{
	*out = FLOAT_64;
	return put_be64(out + 1, bits);
}

static inline uint8_t *put_bool(uint8_t *out, bool v)
{
	*out = v ? FORMAT_TRUE : FORMAT_FALSE;
	return out + 1;
}

/* A header with a length of 8, 16 or 32 bits; `first` is the 8-bit form. */
static inline uint8_t *put_length(uint8_t *out, enum format first, size_t len)
{
	if (len <= UINT8_MAX) {
		out[0] = (uint8_t)first;
		out[1] = (uint8_t)len;
		return out + 2;
	}
	if (len <= UINT16_MAX) {
		out[0] = (uint8_t)(first + 1);
		return put_be16(out + 1, (uint16_t)len);
	}
	out[0] = (uint8_t)(first + 2);
	return put_be32(out + 1, (uint32_t)len);
}

static inline uint8_t *put_str_header(uint8_t *out, size_t len)
{
	if (len <= FIX_STR_MAX) {
		*out = (uint8_t)(FIX_STR | len);
		return out + 1;
	}
	return put_length(out, STR_8, len);
}

/* A list or a map of n. */
static inline uint8_t *put_array_header(uint8_t *out, uint32_t n)
{
	if (n < 16) {
		*out = (uint8_t)(FIX_ARRAY | n);
		return out + 1;
	}
	if (n <= UINT16_MAX) {
		*out = ARRAY_16;
		return put_be16(out + 1, (uint16_t)n);
	}
	*out = ARRAY_16 + 1;
	return put_be32(out + 1, n);
}

static inline uint8_t *put_map_header(uint8_t *out, uint32_t n)
{
	if (n <= FIX_MAP_MAX) {
		*out = (uint8_t)(FIX_MAP | n);
		return out + 1;
	}
	if (n <= UINT16_MAX) {
		*out = MAP_16;
		return put_be16(out + 1, (uint16_t)n);
	}
	*out = MAP_16 + 1;
	return put_be32(out + 1, n);
}

/* Any string up to its NUL, as UTF-8; reads nothing but its bytes. */
uint8_t *pack_text(uint8_t *out, const uint8_t *s, size_t n);

/* Bytes as they are. */
uint8_t *pack_bytes(uint8_t *out, const void *bytes, size_t n);

/* An integer of 128 bits: its decimal digits as a string. */
uint8_t *pack_wide(uint8_t *out, uint64_t high, uint64_t low, bool is_signed);

/* A moment: the timestamp extension of 8 bytes, or of 12 before 1970. */
uint8_t *pack_timestamp(uint8_t *out, int64_t ns);

#endif
