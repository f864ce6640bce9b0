/* SPDX-License-Identifier: Apache-2.0 */
#include "base/units.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit size_units[] = {
	{ "", 1 },
	{ "B", 1 },
	{ "kB", 1000 },
	{ "MB", 1000 * 1000 },
	{ "GB", 1000 * 1000 * 1000 },
	{ "KiB", UINT64_C(1) << 10 },
	{ "MiB", UINT64_C(1) << 20 },
	{ "GiB", UINT64_C(1) << 30 },
};

static const struct unit time_units[] = {
	{ "ns", 1 },
	{ "us", 1000 },
	{ "ms", 1000 * 1000 },
	{ "s", 1000 * 1000 * 1000 },
	{ "m", UINT64_C(60) * 1000 * 1000 * 1000 },
	{ "h", UINT64_C(3600) * 1000 * 1000 * 1000 },
	{ "d", UINT64_C(86400) * 1000 * 1000 * 1000 },
};

static const struct unit *find_unit(const struct unit *units, size_t n, const char *name,
				    size_t len)
{
	for (size_t i = 0; i < n; i++)
		if (strlen(units[i].name) == len && !memcmp(units[i].name, name, len))
			return &units[i];
	return NULL;
}

/*
 * One "number unit" at *text, with at most nine digits behind the point, in the
 * unit's base; moves *text behind it.
 */
static int parse_quantity(const char **text, const struct unit *units, size_t nunits,
			  uint64_t *ret_value)
{
	uint64_t whole = 0, fraction = 0, scale = 1, value;
	const struct unit *unit;
	const char *p = *text, *name;

	if (!isdigit((unsigned char)*p))
		return -EINVAL;
	for (; isdigit((unsigned char)*p); p++)
		if (__builtin_mul_overflow(whole, 10u, &whole) ||
		    __builtin_add_overflow(whole, (uint64_t)(*p - '0'), &whole))
			return -ERANGE;
	if (*p == '.') {
		if (!isdigit((unsigned char)*++p))
			return -EINVAL;
		for (; isdigit((unsigned char)*p); p++) {
			if (scale >= UINT64_C(1000000000))
				return -EINVAL;
			fraction = fraction * 10 + (uint64_t)(*p - '0');
			scale *= 10;
		}
	}
	name = p;
	while (isalpha((unsigned char)*p))
		p++;
	unit = find_unit(units, nunits, name, (size_t)(p - name));
	if (!unit)
		return -EINVAL;
	if (__builtin_mul_overflow(whole, unit->factor, &value))
		return -ERANGE;
	/* "0.5ns" or "1.0001B" cannot be kept: say so instead of rounding */
	if ((unsigned __int128)fraction * unit->factor % scale)
		return -EINVAL;
	fraction = (uint64_t)((unsigned __int128)fraction * unit->factor / scale);
	if (__builtin_add_overflow(value, fraction, &value))
		return -ERANGE;
	*text = p;
	*ret_value = value;
	return 0;
}

int parse_size(const char *text, uint64_t *ret_bytes)
{
	uint64_t value;
	int r = parse_quantity(&text, size_units, sizeof(size_units) / sizeof(*size_units), &value);

	if (r < 0)
		return r;
	if (*text)
		return -EINVAL;
	*ret_bytes = value;
	return 0;
}

int parse_duration(const char *text, int64_t *ret_ns)
{
	uint64_t sum = 0, part;

	if (!strcmp(text, "0")) {
		*ret_ns = 0;
		return 0;
	}
	do {
		int r = parse_quantity(&text, time_units, sizeof(time_units) / sizeof(*time_units),
				       &part);

		if (r < 0)
			return r;
		if (__builtin_add_overflow(sum, part, &sum) || sum > INT64_MAX)
			return -ERANGE;
	} while (*text);
	*ret_ns = (int64_t)sum;
	return 0;
}

int parse_uint(const char *text, uint64_t *ret_value)
{
	int base = text[0] == '0' && (text[1] == 'x' || text[1] == 'X') ? 16 : 10;
	unsigned long long value;
	char *end;

	if (!isdigit((unsigned char)text[0]))
		return -EINVAL;
	errno = 0;
	value = strtoull(text, &end, base);
	if (errno)
		return -ERANGE;
	if (*end || (base == 16 && end == text + 1))
		return -EINVAL;
	*ret_value = value;
	return 0;
}

int parse_int(const char *text, int64_t *ret_value)
{
	bool negative = text[0] == '-';
	uint64_t value;
	int r = parse_uint(text + negative, &value);

	if (r < 0)
		return r;
	if (value > (uint64_t)INT64_MAX + negative)
		return -ERANGE;
	*ret_value = negative ? (int64_t)(0 - value) : (int64_t)value;
	return 0;
}

int parse_bool(const char *text, bool *ret_value)
{
	bool is_true = !strcmp(text, "true");

	if (!is_true && strcmp(text, "false") != 0)
		return -EINVAL;
	*ret_value = is_true;
	return 0;
}

static char *format_quantity(uint64_t value, const char *const names[], const uint64_t factors[],
			     int n, char *out, size_t size)
{
	int i = n - 1;

	while (i > 0 && (value < factors[i] || value % factors[i]))
		i--;
	(void)snprintf(out, size, "%llu%s", (unsigned long long)(value / factors[i]), names[i]);
	return out;
}

char *format_size(uint64_t bytes, char *out, size_t size)
{
	static const char *const names[] = { "B", "KiB", "MiB", "GiB" };
	static const uint64_t factors[] = { 1, UINT64_C(1) << 10, UINT64_C(1) << 20,
					    UINT64_C(1) << 30 };

	return format_quantity(bytes, names, factors, 4, out, size);
}

char *format_duration(int64_t ns, char *out, size_t size)
{
	static const char *const names[] = { "ns", "us", "ms", "s", "m", "h" };
	static const uint64_t factors[] = {
		1, 1000, 1000000, 1000000000, UINT64_C(60) * 1000000000, UINT64_C(3600) * 1000000000
	};

	if (!ns) {
		(void)snprintf(out, size, "0");
		return out;
	}
	return format_quantity((uint64_t)ns, names, factors, 6, out, size);
}
