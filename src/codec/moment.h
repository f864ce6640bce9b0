/* SPDX-License-Identifier: Apache-2.0 */
/*
 * moment: wall time as text.
 *
 * Records of one batch mostly share a second, so the text of the last second is
 * kept and only the fraction is made anew.  A cache belongs to one call and
 * lives on its stack.
 */
#ifndef CODEC_MOMENT_H
#define CODEC_MOMENT_H

#include <stdint.h>
#include <string.h>

#include "codec/number.h"

enum { MOMENT_MAX = 30, MOMENT_SECOND = 20 }; /* "2026-11-23T23:00:00." and 9 digits, 'Z' */

struct second {
	/* Since the epoch, wrapping: the first and the last second that 64 bits
	 * can hold must not follow each other. */
	uint64_t start_ns;
	uint8_t text[32]; /* up to and with the '.' */
};

/* Right from the start, for the first second of the epoch. */
#define SECOND_INIT ((struct second){ .text = "1970-01-01T00:00:00." })

/* Make the cache hold the second ns lies in. */
void second_set(struct second *second, int64_t ns);

/*
 * RFC 3339 in UTC with nanoseconds, without the final 'Z': MOMENT_MAX - 1 bytes.
 * May write up to 12 bytes behind.
 */
static inline uint8_t *put_moment(uint8_t *out, int64_t ns, struct second *second)
{
	uint32_t fraction;

	if ((uint64_t)ns - second->start_ns >= UINT64_C(1000000000))
		second_set(second, ns);
	fraction = (uint32_t)((uint64_t)ns - second->start_ns);
	memcpy(out, second->text, sizeof(second->text));
	out[MOMENT_SECOND] = (uint8_t)('0' + fraction / DIGITS8);
	return put_8_digits(out + MOMENT_SECOND + 1, fraction % DIGITS8);
}

#endif
