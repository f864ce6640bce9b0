/* SPDX-License-Identifier: Apache-2.0 */
#include "gadget/chatter.h"

#include <bpf/libbpf.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

enum {
	LOG_SIZE = 64 * 1024, /* the last so many bytes are kept, at least */
	TAIL_LINES = 3,       /* of the verifier, in an error */
};

/* What libbpf said, oldest first. */
struct chatter {
	size_t len;
	char text[2 * LOG_SIZE];
};

/*
 * libbpf has one print callback for the whole process and no argument to it; the
 * thread that is loading says here where its messages go.
 */
static _Thread_local struct chatter *listening;

static void keep(struct chatter *c, const char *text, size_t len)
{
	if (len > LOG_SIZE) {
		text += len - LOG_SIZE;
		len = LOG_SIZE;
	}
	if (c->len + len > sizeof(c->text)) {
		memmove(c->text, c->text + c->len - (sizeof(c->text) - len), sizeof(c->text) - len);
		c->len = sizeof(c->text) - len;
	}
	memcpy(c->text + c->len, text, len);
	c->len += len;
}

/* A message may be a verifier's log of megabytes, whose end is what matters. */
__attribute__((format(printf, 2, 0))) static int hear(enum libbpf_print_level level,
						      const char *fmt, va_list args)
{
	char *text = NULL;
	int n;

	if (!listening || level == LIBBPF_DEBUG)
		return 0;
	n = vasprintf(&text, fmt, args);
	if (n < 0)
		return 0;
	keep(listening, text, (size_t)n);
	free(text);
	return 0;
}

struct chatter *chatter_begin(void)
{
	struct chatter *c = xcalloc(1, sizeof(*c));

	(void)libbpf_set_print(hear);
	listening = c;
	return c;
}

void chatter_end(struct chatter *c)
{
	listening = NULL;
	free(c);
}

bool chatter_has(const struct chatter *c, const char *text)
{
	return memmem(c->text, c->len, text, strlen(text)) != NULL;
}

/* Lines of the verifier's log that explain nothing. */
static bool is_noise(const char *line, size_t len)
{
	static const char *const noise[] = { "processed ",        "-- END",       "-- BEGIN",
					     "verification time", "stack depth ", "libbpf: " };

	for (size_t i = 0; i < sizeof(noise) / sizeof(*noise); i++)
		if (len >= strlen(noise[i]) && !strncmp(line, noise[i], strlen(noise[i])))
			return true;
	return len == 0;
}

/*
 * Append what the verifier said last to the error: the last lines in front of
 * libbpf's end mark.
 */
void chatter_add_verdict(const struct chatter *c, struct error *err)
{
	const char *lines[TAIL_LINES];
	size_t lens[TAIL_LINES];
	const char *end = memmem(c->text, c->len, "-- END PROG LOAD LOG --", 23);
	int n = 0;

	while (end && end > c->text && n < TAIL_LINES) {
		const char *begin = memrchr(c->text, '\n', (size_t)(end - c->text));

		begin = begin ? begin + 1 : c->text;
		if (!is_noise(begin, (size_t)(end - begin))) {
			lines[n] = begin;
			lens[n++] = (size_t)(end - begin) < 200 ? (size_t)(end - begin) : 200;
		} else if (!strncmp(begin, "-- BEGIN", 8)) {
			break;
		}
		end = begin > c->text ? begin - 1 : NULL;
	}
	for (int i = n - 1; i >= 0; i--)
		(void)error_add(err, "%s%.*s", i == n - 1 ? "; the verifier says: " : " / ",
				(int)lens[i], lines[i]);
}

/* The last line libbpf itself said, without its prefix. */
void chatter_add_last(const struct chatter *c, struct error *err)
{
	const char *end = c->text + c->len, *begin;

	while (end > c->text && end[-1] == '\n')
		end--;
	if (end == c->text)
		return;
	begin = memrchr(c->text, '\n', (size_t)(end - c->text));
	begin = begin ? begin + 1 : c->text;
	if (!strncmp(begin, "libbpf: ", 8))
		begin += 8;
	(void)error_add(err, " (%.*s)", (int)(end - begin < 300 ? end - begin : 300), begin);
}
