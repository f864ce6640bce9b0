/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log: what a running program has to say, on stderr, one line at a time.
 *
 * Only engine/, components and cli/ log; base/, data/, expr/ and codec/ return
 * errors instead.  A line is one write(2), so lines of several writers do not
 * mix.  Control bytes are escaped.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Lines above this level are dropped; the default is LOG_LEVEL_WARN.  Set once
 * by the command line, before any thread starts. */
void log_set_level(enum log_level level);

void log_line(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...)  log_line(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...)  log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
