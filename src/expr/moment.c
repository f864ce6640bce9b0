/* SPDX-License-Identifier: Apache-2.0 */
/*
 * moment: RFC 3339 date-times, read strictly (RFC 3339 section 5.6; a blank may
 * stand for the T, as its section 5.6 allows).  The second 60 is refused: time
 * here is POSIX time, which has no leap seconds.
 */
#include <errno.h>

#include "expr/ast.h"

struct reader {
	const char *p, *end;
	bool is_bad;
};

static int64_t read_digits(struct reader *r, int n, int64_t min, int64_t max)
{
	int64_t value = 0;

	for (int i = 0; i < n; i++) {
		if (r->p == r->end || *r->p < '0' || *r->p > '9') {
			r->is_bad = true;
			return min;
		}
		value = value * 10 + (*r->p++ - '0');
	}
	if (value < min || value > max)
		r->is_bad = true;
	return value;
}

/* Take one character of the set; returns it, 0 when there is none. */
static char read_one(struct reader *r, const char *set)
{
	for (; *set && r->p < r->end; set++)
		if (*r->p == *set)
			return *r->p++;
	r->is_bad = true;
	return 0;
}

static int64_t read_fraction_ns(struct reader *r)
{
	int64_t ns = 0;
	int n = 0;

	r->p++;
	for (; r->p < r->end && *r->p >= '0' && *r->p <= '9' && n < 9; n++)
		ns = ns * 10 + (*r->p++ - '0');
	if (n == 0)
		r->is_bad = true;
	for (; n < 9; n++)
		ns *= 10;
	return ns;
}

static int64_t read_offset_s(struct reader *r)
{
	char sign = read_one(r, "Zz+-");
	int64_t seconds;

	if (sign != '+' && sign != '-')
		return 0;
	seconds = read_digits(r, 2, 0, 23) * 3600;
	read_one(r, ":");
	seconds += read_digits(r, 2, 0, 59) * 60;
	return sign == '-' ? -seconds : seconds;
}

static bool is_leap(int64_t year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int64_t days_in_month(int64_t year, int64_t month)
{
	static const uint8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

/* Days from the epoch to the first day of the year. */
static int64_t days_before_year(int64_t year)
{
	/* Leap days before `year`, from year 0 on (which was one). */
	int64_t leaps = year == 0 ? 0 : (year - 1) / 4 - (year - 1) / 100 + (year - 1) / 400 + 1;

	return year * 365 + leaps - 719528;
}

static int64_t read_days(struct reader *r)
{
	int64_t year, month, day, days;

	year = read_digits(r, 4, 0, 9999);
	read_one(r, "-");
	month = read_digits(r, 2, 1, 12);
	if (r->is_bad)
		return 0;
	read_one(r, "-");
	day = read_digits(r, 2, 1, days_in_month(year, month));
	days = days_before_year(year) + day - 1;
	for (int64_t m = 1; m < month; m++)
		days += days_in_month(year, m);
	return days;
}

int moment_parse(struct str text, __int128 *ret_ns)
{
	struct reader r = { .p = text.at, .end = text.at + text.len };
	int64_t seconds = read_days(&r) * 86400, ns = 0;

	read_one(&r, "Tt ");
	seconds += read_digits(&r, 2, 0, 23) * 3600;
	read_one(&r, ":");
	seconds += read_digits(&r, 2, 0, 59) * 60;
	read_one(&r, ":");
	seconds += read_digits(&r, 2, 0, 59);
	if (r.p < r.end && *r.p == '.')
		ns = read_fraction_ns(&r);
	seconds -= read_offset_s(&r);
	if (r.is_bad || r.p != r.end)
		return -EINVAL;
	*ret_ns = (__int128)seconds * 1000000000 + ns;
	return 0;
}
