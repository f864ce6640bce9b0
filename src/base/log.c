/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

/* The one setting of the process that is not a const table: every line of every
 * part obeys it, and it is written once, before threads exist. */
static _Atomic enum log_level max_level = LOG_LEVEL_WARN;

void log_set_level(enum log_level level)
{
	atomic_store(&max_level, level);
}

void log_line(enum log_level level, const char *fmt, ...)
{
	static const char *const words[] = { "error: ", "warning: ", "", "debug: " };
	char raw[1024], line[2048];
	va_list args;
	size_t at;

	if (level > atomic_load(&max_level))
		return;
	va_start(args, fmt);
	(void)vsnprintf(raw, sizeof(raw), fmt, args);
	va_end(args);
	at = (size_t)snprintf(line, sizeof(line), "gadgetctl: %s", words[level]);
	for (const char *p = raw; *p && at + 2 < sizeof(line); p++)
		line[at++] = (unsigned char)*p < 0x20 || *p == 0x7f ? '?' : *p;
	line[at++] = '\n';
	/* Nothing better to do when stderr is gone. */
	if (write(STDERR_FILENO, line, at) < 0)
		return;
}
