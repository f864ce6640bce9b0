/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Floats go through printf: what is printed with few digits is read back, and
 * printed with more until it is the same number.  Records rarely carry floats.
 * The program never calls setlocale(), so the decimal point is a point.
 */
#include "codec/number.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static uint8_t *put_text(uint8_t *out, const char *text, size_t len)
{
	memcpy(out, text, len);
	out += len;
	if (!strpbrk(text, ".e")) {
		*out++ = '.';
		*out++ = '0';
	}
	return out;
}

uint8_t *put_f64(uint8_t *out, double v)
{
	char text[FLOAT_MAX];
	int n = 0;

	/* Any 15 digits survive, so 15 without trailing zeros are the shortest; but
	 * the subnormals have fewer. */
	for (int digits = fabs(v) < DBL_MIN ? 1 : DBL_DIG; digits <= DBL_DECIMAL_DIG; digits++) {
		double back;

		n = snprintf(text, sizeof(text), "%.*g", digits, v);
		back = strtod(text, NULL);
		if (back == v)
			break;
	}
	return put_text(out, text, (size_t)n);
}

uint8_t *put_f32(uint8_t *out, float v)
{
	char text[FLOAT_MAX];
	int n = 0;

	for (int digits = fabsf(v) < FLT_MIN ? 1 : FLT_DIG; digits <= FLT_DECIMAL_DIG; digits++) {
		float back;

		n = snprintf(text, sizeof(text), "%.*g", digits, (double)v);
		back = strtof(text, NULL);
		if (back == v)
			break;
	}
	return put_text(out, text, (size_t)n);
}
