/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_oci_challenge: any lines as WWW-Authenticate headers.
 *
 * What is understood has no control characters, which could make a request of
 * its own, and keeps to the limits; the order of headers does not matter for
 * what is chosen.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "oci/challenge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LINES = 16 };

static void require(bool is_so)
{
	if (!is_so)
		abort();
}

static void check_text(const char *text)
{
	if (!text)
		return;
	require(strlen(text) <= CHALLENGE_VALUE_MAX);
	for (; *text; text++)
		require((unsigned char)*text >= ' ' && *text != 0x7f);
}

static void check(const struct challenge *challenge)
{
	require(challenge->kind <= CHALLENGE_BEARER);
	require(challenge->kind != CHALLENGE_BEARER || challenge->realm);
	check_text(challenge->realm);
	check_text(challenge->service);
	check_text(challenge->scope);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena = ARENA_INIT;
	struct challenge forth = { 0 }, back = { 0 };
	const char *lines[LINES];
	char *rest = arena_strndup(&arena, (const char *)data, size);
	size_t n = 0;

	while (rest && n < LINES)
		lines[n++] = strsep(&rest, "\n");
	for (size_t i = 0; i < n; i++) {
		challenge_add(&arena, lines[i], &forth);
		challenge_add(&arena, lines[n - 1 - i], &back);
		check(&forth);
	}
	require(forth.kind == back.kind);
	arena_release(&arena);
	return 0;
}
