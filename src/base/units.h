/* SPDX-License-Identifier: Apache-2.0 */
/*
 * units: numbers as users write them: "64KiB", "200us", "1.5s", "10%".
 *
 * Each parser takes the whole text; trailing junk, a missing unit where one is
 * needed, and a value that does not fit are errors (-EINVAL, -ERANGE).  The
 * out-parameter is written only on success.
 */
#ifndef BASE_UNITS_H
#define BASE_UNITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes: B, kB, MB, GB (1000) and KiB, MiB, GiB (1024); a bare number is bytes. */
int parse_size(const char *text, uint64_t *ret_bytes);

/* Nanoseconds: ns, us, ms, s, m, h, d, and sums such as "1m30s"; fractions
 * allowed ("1.5s"); bare "0" is allowed, any other bare number is not. */
int parse_duration(const char *text, int64_t *ret_ns);

/* Decimal, or hexadecimal after 0x; a sign only for parse_int. */
int parse_uint(const char *text, uint64_t *ret_value);
int parse_int(const char *text, int64_t *ret_value);

/* "true" and "false", nothing else. */
int parse_bool(const char *text, bool *ret_value);

/* The shortest exact form, e.g. "64MiB", "1500ms".  Returns out. */
char *format_size(uint64_t bytes, char *out, size_t size);
char *format_duration(int64_t ns, char *out, size_t size);

#endif
