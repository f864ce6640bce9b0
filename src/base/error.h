/* SPDX-License-Identifier: Apache-2.0 */
/*
 * error: why a set-up function failed, in words a user can act on.
 *
 * A function that can fail for a reason worth telling takes a `struct error *`
 * as its last parameter, returns a negative errno, and fills the error in; on
 * success it leaves the error alone.  The callers on the way up add what they
 * know in front with error_wrap().  Nothing below the command line prints.
 *
 * Messages: lower case, no full stop, what failed first, names in single
 * quotes, the remedy in parentheses:
 *
 *     pipelines/a.yaml:7:12: unknown option 'wher' of filter 'noise' (did you mean 'where'?)
 *
 * Text that came from outside is escaped when it is put in (control bytes
 * become \xNN), so a hostile name cannot drive a terminal.
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

/* A place in a text the user wrote; line 0 means "no place known". */
struct pos {
	const char *file;
	uint32_t line, col;
};

struct error {
	int code;       /* positive errno */
	struct pos pos; /* file points into file_name */
	char file_name[256];
	char text[1024];
};

#define ERROR_INIT ((struct error){ 0 })

/*
 * Set the error and return -code, so that a function can end in
 * `return error_set(err, EINVAL, ...)`.  err may be NULL: only the code counts.
 */
int error_set(struct error *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4), cold));

/* As error_set(), and remember where in the user's text it is. */
int error_at(struct error *err, int code, struct pos pos, const char *fmt, ...)
	__attribute__((format(printf, 4, 5), cold));

/* Put "what: " in front of the message and return the same negative code. */
int error_wrap(struct error *err, const char *fmt, ...) __attribute__((format(printf, 2, 3), cold));

/* Append to the message, for hints and remedies; returns the negative code. */
int error_add(struct error *err, const char *fmt, ...) __attribute__((format(printf, 2, 3), cold));

/*
 * Write "file:line:col: text" (or just the text) into out, always terminated.
 * Returns out.
 */
char *error_format(const struct error *err, char *out, size_t size);

#endif
