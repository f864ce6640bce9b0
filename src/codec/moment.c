/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/moment.h"

enum { SECONDS_PER_DAY = 86400 };

/* The proleptic Gregorian calendar repeats after 400 years. */
enum { DAYS_PER_ERA = 146097, DAYS_TO_EPOCH = 719468 };

struct date {
	uint32_t year, month, day;
};

/*
 * Years are counted from March, so that the leap day is the last of its year
 * and the lengths of the months before it follow one line, 30.6 days each.
 */
static struct date date_of(int64_t days)
{
	uint64_t since = (uint64_t)(days + DAYS_TO_EPOCH); /* from the year 0, March 1st */
	uint32_t era = (uint32_t)(since / DAYS_PER_ERA);
	uint32_t day = (uint32_t)(since % DAYS_PER_ERA);
	uint32_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
	uint32_t of_year = day - (365 * year + year / 4 - year / 100);
	uint32_t month = (5 * of_year + 2) / 153;

	return (struct date){
		.year = era * 400 + year + (month >= 10),
		.month = month < 10 ? month + 3 : month - 9,
		.day = of_year - (153 * month + 2) / 5 + 1,
	};
}

void second_set(struct second *second, int64_t ns)
{
	int64_t sec = ns / 1000000000 - (ns % 1000000000 < 0);
	int64_t days = sec / SECONDS_PER_DAY - (sec % SECONDS_PER_DAY < 0);
	uint32_t of_day = (uint32_t)(sec - days * SECONDS_PER_DAY);
	struct date date = date_of(days);
	uint8_t *out = second->text;

	second->start_ns = (uint64_t)sec * 1000000000;
	/* 64 bits of nanoseconds reach from 1677 to 2262: four digits. */
	out = put_2_digits(out, date.year / 100);
	out = put_2_digits(out, date.year % 100);
	*out++ = '-';
	out = put_2_digits(out, date.month);
	*out++ = '-';
	out = put_2_digits(out, date.day);
	*out++ = 'T';
	out = put_2_digits(out, of_day / 3600);
	*out++ = ':';
	out = put_2_digits(out, of_day / 60 % 60);
	*out++ = ':';
	out = put_2_digits(out, of_day % 60);
	*out++ = '.';
}
