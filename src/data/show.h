/* SPDX-License-Identifier: Apache-2.0 */
/*
 * show: the text of values that are not text in the record: names of numbers,
 * sets of flags, durations, sizes, file modes, addresses, domain names.
 *
 *   NAME      "ENOENT"; without entry the table's word and the number
 *   FLAGS     "O_WRONLY|O_CREAT"; nothing set: ""
 *   DURATION  "17ns", "1.50µs", "2.25ms", then as "1m2.5s"
 *   SIZE      "999 B", "1.5 kB", "12 MB": powers of 1000
 *   MODE      "-rw-r--r--", as ls shows it
 *   IP        "10.0.0.1", "fe80::1" (RFC 5952); a version that is neither 4 nor 6: ""
 *   ENDPOINT  "10.0.0.1:53", "[fe80::1]:53"
 *   DNS       "example.com."; a byte that is no plain letter of a label as \DDD
 *             (RFC 4343); damaged labels end the name with an ellipsis
 *
 * The text may hold bytes that a codec has to escape, but is always UTF-8.
 */
#ifndef DATA_SHOW_H
#define DATA_SHOW_H

#include "data/batch.h"

/* No text is longer. */
enum { SHOW_MAX = 16384 };

/* Bytes that the field's text takes at most, at most SHOW_MAX. */
uint32_t show_max(const struct field *field);

/* Write the text of a value of a made type (type_is_made()), not terminated, and
 * return its length.  A missing value is "". */
uint32_t show_value(const struct field *field, const struct value *value, char *out);

/* The same for types made from numbers, and for those made from bytes. */
uint32_t show_number(const struct field *field, uint64_t number, char *out);
uint32_t show_bytes(const struct field *field, struct str bytes, char *out);

/* An integer of 128 bits in decimal: at most 40 bytes; not terminated. */
enum { SHOW_WIDE_MAX = 40 };
uint32_t show_wide(uint64_t high, uint64_t low, bool is_signed, char *out);

#endif
