/* SPDX-License-Identifier: Apache-2.0 */
/*
 * number: integers as decimal text, fast.
 *
 * Eight digits are made at once inside one 64-bit register: the number is split
 * in two halves of four digits, those in four pairs, those in eight digits, each
 * step working on all parts together with a multiplication in place of the
 * division.  Leading zeros are shifted out, so short numbers need no branches.
 *
 * Every function writes at `out`, may write up to NUMBER_SLACK bytes behind what
 * it returns as the end, and returns the end.  Nothing is terminated.
 */
#ifndef CODEC_NUMBER_H
#define CODEC_NUMBER_H

#include <stdint.h>
#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
# error "digits are laid out for little-endian machines"
#endif

enum { NUMBER_SLACK = 8, NUMBER_MAX = 20 }; /* "18446744073709551615", "-9223372036854775808" */

#define DIGITS8 100000000u

/* The eight digits of v < 10^8, first digit in the lowest byte, values 0..9. */
static inline uint64_t number_digits(uint32_t v)
{
	/* 5243/2^19 is 1/100 exactly enough below 43690, 103/2^10 is 1/10 below 170. */
	uint64_t fours = v / 10000 | (uint64_t)(v % 10000) << 32;
	uint64_t hundreds = (fours * 5243 >> 19) & UINT64_C(0x0000007f0000007f);
	uint64_t pairs = hundreds | (fours - hundreds * 100) << 16;
	uint64_t tens = (pairs * 103 >> 10) & UINT64_C(0x000f000f000f000f);

	return tens | (pairs - tens * 10) << 8;
}

#define NUMBER_ZEROS UINT64_C(0x3030303030303030)

/* Exactly eight digits, with leading zeros. */
static inline uint8_t *put_8_digits(uint8_t *out, uint32_t v)
{
	uint64_t text = number_digits(v) | NUMBER_ZEROS;

	memcpy(out, &text, sizeof(text));
	return out + 8;
}

/* Exactly two digits. */
static inline uint8_t *put_2_digits(uint8_t *out, uint32_t v)
{
	out[0] = (uint8_t)('0' + v / 10);
	out[1] = (uint8_t)('0' + v % 10);
	return out + 2;
}

/* v < 10^8 without leading zeros. */
static inline uint8_t *put_short(uint8_t *out, uint32_t v)
{
	uint64_t digits = number_digits(v);
	/* The last digit stays whatever it is: zero is "0". */
	unsigned zeros = (unsigned)__builtin_ctzll(digits | UINT64_C(1) << 56) & ~7u;
	uint64_t text = (digits | NUMBER_ZEROS) >> zeros;

	memcpy(out, &text, sizeof(text));
	return out + 8 - zeros / 8;
}

static inline uint8_t *put_u32(uint8_t *out, uint32_t v)
{
	if (v < 10) {
		*out = (uint8_t)('0' + v);
		return out + 1;
	}
	if (v < DIGITS8)
		return put_short(out, v);
	out = put_short(out, v / DIGITS8);
	return put_8_digits(out, v % DIGITS8);
}

static inline uint8_t *put_u64(uint8_t *out, uint64_t v)
{
	uint64_t high;

	if (v <= UINT32_MAX)
		return put_u32(out, (uint32_t)v);
	high = v / DIGITS8;
	if (high < DIGITS8) {
		out = put_short(out, (uint32_t)high);
	} else {
		out = put_short(out, (uint32_t)(high / DIGITS8));
		out = put_8_digits(out, (uint32_t)(high % DIGITS8));
	}
	return put_8_digits(out, (uint32_t)(v % DIGITS8));
}

static inline uint8_t *put_s32(uint8_t *out, int32_t v)
{
	uint32_t size = v < 0 ? 0u - (uint32_t)v : (uint32_t)v;

	*out = '-';
	return put_u32(out + (v < 0), size);
}

static inline uint8_t *put_s64(uint8_t *out, int64_t v)
{
	uint64_t size = v < 0 ? 0u - (uint64_t)v : (uint64_t)v;

	*out = '-';
	return put_u64(out + (v < 0), size);
}

enum { FLOAT_MAX = 32 };

/*
 * The shortest text that reads back as the same number, always with a '.' or an
 * exponent ("1.0", "1e+22", "-0.0").  v is finite.  At most FLOAT_MAX bytes.
 */
uint8_t *put_f64(uint8_t *out, double v);
uint8_t *put_f32(uint8_t *out, float v);

#endif
