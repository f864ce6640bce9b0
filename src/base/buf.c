/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

enum { FIRST_CAP = 256 };

void buf_init(struct buf *buf, size_t max)
{
	*buf = (struct buf){ .max = max };
}

void buf_release(struct buf *buf)
{
	free(buf->data);
	buf_init(buf, buf->max);
}

bool buf_reserve(struct buf *buf, size_t more)
{
	size_t want, cap;

	if (more > buf->max || buf->len > buf->max - more)
		return false;
	want = buf->len + more;
	if (want <= buf->cap)
		return true;
	cap = buf->cap ? buf->cap : FIRST_CAP;
	while (cap < want)
		cap *= 2;
	buf->data = xrealloc(buf->data, cap);
	buf->cap = cap;
	return true;
}

bool buf_add(struct buf *buf, const void *bytes, size_t len)
{
	if (!len)
		return true;
	if (!buf_reserve(buf, len))
		return false;
	memcpy(buf->data + buf->len, bytes, len);
	buf->len += len;
	return true;
}

bool buf_addstr(struct buf *buf, const char *text)
{
	return buf_add(buf, text, strlen(text));
}

bool buf_printf(struct buf *buf, const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	if (n < 0 || !buf_reserve(buf, (size_t)n + 1))
		return false;
	va_start(args, fmt);
	(void)vsnprintf((char *)buf->data + buf->len, (size_t)n + 1, fmt, args);
	va_end(args);
	buf->len += (size_t)n;
	return true;
}

void buf_consume(struct buf *buf, size_t n)
{
	buf->len -= n;
	if (buf->len)
		memmove(buf->data, buf->data + n, buf->len);
}
