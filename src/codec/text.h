/* SPDX-License-Identifier: Apache-2.0 */
/*
 * text: kernel bytes as text that a reader can trust.
 *
 * What the kernel calls a string is bytes up to the first NUL.  All codecs show
 * the same text for it: well-formed UTF-8 stays, and each maximal ill-formed
 * subpart (Unicode 15, 3.9, table 3-8; also what Python's errors='replace'
 * does) becomes one U+FFFD.
 */
#ifndef CODEC_TEXT_H
#define CODEC_TEXT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __SSE2__
# include <emmintrin.h>
#endif

enum { TEXT_STEP = 16 };

/*
 * Look at the character at s, of n > 0 bytes.  Returns its length (1..4) when it
 * is well-formed, else minus the length of the ill-formed subpart (-1..-3).
 */
int utf8_next(const uint8_t *s, size_t n);

#ifdef __SSE2__

/*
 * Copy TEXT_STEP bytes and return how many of them, from the front, JSON can
 * take as they are: no control, no '"', no '\\', nothing beyond ASCII.
 */
static inline uint32_t text_copy_plain(uint8_t *to, const uint8_t *from)
{
	__m128i v = _mm_loadu_si128((const __m128i *)from);
	/* A signed compare: 0x80 and up are negative, so less than a space too. */
	__m128i odd = _mm_cmplt_epi8(v, _mm_set1_epi8(0x20));

	odd = _mm_or_si128(odd, _mm_cmpeq_epi8(v, _mm_set1_epi8('"')));
	odd = _mm_or_si128(odd, _mm_cmpeq_epi8(v, _mm_set1_epi8('\\')));
	_mm_storeu_si128((__m128i *)to, v);
	return (uint32_t)__builtin_ctz((unsigned)_mm_movemask_epi8(odd) | 1u << TEXT_STEP);
}

/* The same, but only NUL and what is beyond ASCII ends the run. */
static inline uint32_t text_copy_ascii(uint8_t *to, const uint8_t *from)
{
	__m128i v = _mm_loadu_si128((const __m128i *)from);
	__m128i odd = _mm_cmplt_epi8(v, _mm_set1_epi8(1));

	_mm_storeu_si128((__m128i *)to, v);
	return (uint32_t)__builtin_ctz((unsigned)_mm_movemask_epi8(odd) | 1u << TEXT_STEP);
}

#else

# define TEXT_EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/* The top bit of each zero byte; bytes above the first zero may be wrong. */
static inline uint64_t text_zeros(uint64_t v)
{
	return (v - TEXT_EACH(1)) & ~v;
}

static inline uint64_t text_odd_plain(uint64_t v)
{
	uint64_t odd = (v - TEXT_EACH(0x20)) & ~v;

	odd |= text_zeros(v ^ TEXT_EACH('"')) | text_zeros(v ^ TEXT_EACH('\\')) | v;
	return odd & TEXT_EACH(0x80);
}

static inline uint64_t text_odd_ascii(uint64_t v)
{
	return (text_zeros(v) | v) & TEXT_EACH(0x80);
}

static inline uint32_t text_copy_plain(uint8_t *to, const uint8_t *from)
{
	uint64_t v[2], odd;

	memcpy(v, from, sizeof(v));
	memcpy(to, v, sizeof(v));
	odd = text_odd_plain(v[0]);
	if (odd)
		return (uint32_t)__builtin_ctzll(odd) / 8;
	odd = text_odd_plain(v[1]);
	return odd ? 8 + (uint32_t)__builtin_ctzll(odd) / 8 : TEXT_STEP;
}

static inline uint32_t text_copy_ascii(uint8_t *to, const uint8_t *from)
{
	uint64_t v[2], odd;

	memcpy(v, from, sizeof(v));
	memcpy(to, v, sizeof(v));
	odd = text_odd_ascii(v[0]);
	if (odd)
		return (uint32_t)__builtin_ctzll(odd) / 8;
	odd = text_odd_ascii(v[1]);
	return odd ? 8 + (uint32_t)__builtin_ctzll(odd) / 8 : TEXT_STEP;
}

#endif

/*
 * Up to n bytes of s, ended by a NUL, as the inside of a JSON string.  Reads no
 * byte outside; may write TEXT_STEP bytes behind the end it returns.
 */
uint8_t *json_text(uint8_t *out, const uint8_t *s, size_t n);

/* How many bytes json_text() would write. */
size_t json_text_size(const uint8_t *s, size_t n);

/*
 * The same text from a row: may read TEXT_STEP bytes behind s + n and write as
 * many behind what it returns.  Copies and looks in one pass.
 */
static inline uint8_t *json_chars(uint8_t *out, const uint8_t *s, uint32_t n)
{
	for (;;) {
		uint32_t plain = text_copy_plain(out, s);

		if (plain < TEXT_STEP) {
			if (plain >= n)
				return out + n;
			if (!s[plain])
				return out + plain;
			return json_text(out + plain, s + plain, n - plain);
		}
		if (n <= TEXT_STEP)
			return out + n;
		out += TEXT_STEP;
		s += TEXT_STEP;
		n -= TEXT_STEP;
	}
}

/* As UTF-8 without escapes, up to n bytes or the NUL; at most 3n bytes out. */
uint8_t *utf8_text(uint8_t *out, const uint8_t *s, size_t n);
size_t utf8_text_size(const uint8_t *s, size_t n);

/* Bytes as lower-case hexadecimal, two digits each. */
uint8_t *hex_text(uint8_t *out, const uint8_t *s, size_t n);

#endif
