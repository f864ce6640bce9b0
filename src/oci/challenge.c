/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/challenge.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

/* What a token of HTTP is made of. */
#define TOKEN                                                            \
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789" \
	"!#$%&'*+-.^_`|~"

static const char *skip_blanks(const char *at)
{
	return at + strspn(at, " \t");
}

/* The text behind the opening quote; *at moves behind the closing one.  NULL when
 * it does not end, or is not to be used. */
static const char *read_quoted(struct arena *arena, const char **at)
{
	char *text = arena_alloc(arena, strlen(*at) + 1);
	bool is_bad = false;
	size_t n = 0;

	for (; **at != '"'; (*at)++) {
		if (**at == '\\' && (*at)[1])
			(*at)++;
		if (!**at)
			return NULL;
		is_bad |= (unsigned char)**at < ' ' || **at == 0x7f;
		text[n++] = **at;
	}
	(*at)++;
	return is_bad || n > CHALLENGE_VALUE_MAX ? NULL : text;
}

static const char *read_token(struct arena *arena, const char **at)
{
	size_t len = strspn(*at, TOKEN);
	const char *text =
		len && len <= CHALLENGE_VALUE_MAX ? arena_strndup(arena, *at, len) : NULL;

	*at += len;
	return text;
}

/* One "name=value" at *at, which moves behind it; false when there is none. */
static bool read_parameter(struct arena *arena, const char **at, struct challenge *challenge)
{
	const char *name = *at, *value, *next = skip_blanks(name + strspn(name, TOKEN));
	size_t len = strspn(name, TOKEN);

	if (!len || *next != '=')
		return false;
	next = skip_blanks(next + 1);
	if (*next == '"') {
		next++;
		value = read_quoted(arena, &next);
	} else {
		value = read_token(arena, &next);
	}
	if (len == 5 && !strncasecmp(name, "realm", 5))
		challenge->realm = value;
	else if (len == 7 && !strncasecmp(name, "service", 7))
		challenge->service = value;
	else if (len == 5 && !strncasecmp(name, "scope", 5))
		challenge->scope = value;
	*at = next;
	return true;
}

static const char *next_item(const char *at)
{
	at += strspn(at, " \t,");
	return at;
}

void challenge_add(struct arena *arena, const char *header, struct challenge *challenge)
{
	const char *at = next_item(header);

	while (*at) {
		struct challenge one = { 0 };
		size_t len = strspn(at, TOKEN);

		if (!len)
			return;
		if (len == 6 && !strncasecmp(at, "Bearer", 6))
			one.kind = CHALLENGE_BEARER;
		else if (len == 5 && !strncasecmp(at, "Basic", 5))
			one.kind = CHALLENGE_BASIC;
		at = next_item(at + len);
		while (read_parameter(arena, &at, &one))
			at = next_item(at);
		/* A token68 is what no scheme of ours has. */
		if (one.kind == CHALLENGE_BEARER && !one.realm)
			one.kind = CHALLENGE_NONE;
		if (one.kind > challenge->kind)
			*challenge = one;
	}
}
