/* SPDX-License-Identifier: Apache-2.0 */
/*
 * buf: a growing byte buffer that cannot grow without a limit.
 *
 * For set-up, control messages and receive buffers; the record path writes
 * into chunks, whose room is checked before a record is encoded.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
	uint8_t *data; /* NULL while empty and never grown */
	size_t len, cap;
	size_t max; /* len never exceeds it */
};

/* An empty buffer that may grow to max bytes.  Does not allocate. */
void buf_init(struct buf *buf, size_t max);
void buf_release(struct buf *buf);

/*
 * Make room for more bytes behind len.  False when that would exceed max; the
 * buffer is unchanged then.
 */
bool buf_reserve(struct buf *buf, size_t more);

/* Append; false, and nothing appended, when max would be exceeded. */
bool buf_add(struct buf *buf, const void *bytes, size_t len);
bool buf_addstr(struct buf *buf, const char *text);
bool buf_printf(struct buf *buf, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Drop the first n bytes (n <= len). */
void buf_consume(struct buf *buf, size_t n);

#endif
