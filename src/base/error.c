/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"

#include <stdio.h>
#include <string.h>

/* Control bytes from outside must not reach a terminal: show them as \xNN. */
static void append_escaped(char *out, size_t size, const char *in)
{
	static const char hex[] = "0123456789abcdef";
	size_t at = strlen(out);

	for (; *in && at + 5 < size; in++) {
		unsigned char c = (unsigned char)*in;

		if (c >= 0x20 && c != 0x7f) {
			out[at++] = (char)c;
			continue;
		}
		out[at++] = '\\';
		out[at++] = 'x';
		out[at++] = hex[c >> 4];
		out[at++] = hex[c & 15];
	}
	out[at] = '\0';
}

static void set_text(struct error *err, const char *fmt, va_list args)
{
	char raw[sizeof(err->text)];

	(void)vsnprintf(raw, sizeof(raw), fmt, args);
	err->text[0] = '\0';
	append_escaped(err->text, sizeof(err->text), raw);
}

int error_set(struct error *err, int code, const char *fmt, ...)
{
	va_list args;

	if (!err)
		return -code;
	err->code = code;
	err->pos = (struct pos){ 0 };
	va_start(args, fmt);
	set_text(err, fmt, args);
	va_end(args);
	return -code;
}

int error_at(struct error *err, int code, struct pos pos, const char *fmt, ...)
{
	va_list args;

	if (!err)
		return -code;
	err->code = code;
	err->pos = pos;
	if (pos.file) {
		(void)snprintf(err->file_name, sizeof(err->file_name), "%s", pos.file);
		err->pos.file = err->file_name;
	}
	va_start(args, fmt);
	set_text(err, fmt, args);
	va_end(args);
	return -code;
}

int error_wrap(struct error *err, const char *fmt, ...)
{
	char old[sizeof(err->text)];
	va_list args;

	if (!err)
		return -1;
	memcpy(old, err->text, sizeof(old));
	va_start(args, fmt);
	set_text(err, fmt, args);
	va_end(args);
	append_escaped(err->text, sizeof(err->text), ": ");
	append_escaped(err->text, sizeof(err->text), old);
	return -err->code;
}

int error_add(struct error *err, const char *fmt, ...)
{
	char raw[sizeof(err->text)];
	va_list args;

	if (!err)
		return -1;
	va_start(args, fmt);
	(void)vsnprintf(raw, sizeof(raw), fmt, args);
	va_end(args);
	append_escaped(err->text, sizeof(err->text), raw);
	return -err->code;
}

char *error_format(const struct error *err, char *out, size_t size)
{
	if (err->pos.file && err->pos.line)
		(void)snprintf(out, size, "%s:%u:%u: %s", err->pos.file, err->pos.line,
			       err->pos.col, err->text);
	else if (err->pos.file)
		(void)snprintf(out, size, "%s: %s", err->pos.file, err->text);
	else
		(void)snprintf(out, size, "%s", err->text);
	return out;
}
