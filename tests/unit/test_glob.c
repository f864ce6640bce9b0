/* SPDX-License-Identifier: Apache-2.0 */
/* Patterns: what they match, what they come down to, and that they end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "expr/glob.h"

static struct str str(const char *text)
{
	return (struct str){ text, strlen(text) };
}

static bool matches(const char *pattern, const char *text)
{
	struct arena arena = ARENA_INIT;
	struct glob glob;
	bool is_match;

	if (glob_compile(&arena, str(pattern), &glob) < 0)
		fail_msg("'%s' is refused", pattern);
	is_match = glob_match(&glob, str(text));
	arena_release(&arena);
	return is_match;
}

static enum glob_kind kind_of(const char *pattern, const char *text)
{
	struct arena arena = ARENA_INIT;
	struct glob glob;
	enum glob_kind kind;

	assert_int_equal(glob_compile(&arena, str(pattern), &glob), 0);
	kind = glob.kind;
	if (text)
		assert_true(str_equals(glob.text, str(text)));
	arena_release(&arena);
	return kind;
}

static void stars_match_anything_also_slashes(void **state)
{
	(void)state;
	assert_true(matches("/etc/*.conf", "/etc/a/b.conf"));
	assert_true(matches("*", ""));
	assert_true(matches("*", ".hidden"));
	assert_true(matches("a*b*c", "abc"));
	assert_true(matches("a*b*c", "aXbYbZc"));
	assert_false(matches("a*b*c", "aXbYbZ"));
	assert_false(matches("a*bc", "abcb"));
	assert_true(matches("*aab", "aaaab"));
}

static void the_whole_text_must_match(void **state)
{
	(void)state;
	assert_false(matches("b", "abc"));
	assert_false(matches("a", "ab"));
	assert_true(matches("", ""));
	assert_false(matches("", "a"));
}

static void sets_and_single_bytes(void **state)
{
	(void)state;
	assert_true(matches("a?c", "abc"));
	assert_false(matches("a?c", "ac"));
	assert_true(matches("[a-c]x", "bx"));
	assert_false(matches("[a-c]x", "dx"));
	assert_true(matches("[!a-c]x", "dx"));
	assert_false(matches("[!a-c]x", "ax"));
	assert_true(matches("[]a]", "]"));
	assert_true(matches("[!]a]", "b"));
	assert_true(matches("[a-]", "-"));
	assert_true(matches("[*]", "*"));
	assert_false(matches("[*]", "x"));
	assert_true(matches("\\*\\?\\[", "*?["));
	assert_true(matches("[\x80-\xff]", "\xc3"));
	assert_false(matches("[c-a]", "b"));
}

static void simple_patterns_are_recognised(void **state)
{
	(void)state;
	assert_int_equal(kind_of("*", NULL), GLOB_ANY);
	assert_int_equal(kind_of("**", NULL), GLOB_ANY);
	assert_int_equal(kind_of("", ""), GLOB_EXACT);
	assert_int_equal(kind_of("a\\*b", "a*b"), GLOB_EXACT);
	assert_int_equal(kind_of("ab**", "ab"), GLOB_PREFIX);
	assert_int_equal(kind_of("*ab", "ab"), GLOB_SUFFIX);
	assert_int_equal(kind_of("*ab*", "ab"), GLOB_CONTAINS);
	assert_int_equal(kind_of("a*b", NULL), GLOB_GENERAL);
	assert_int_equal(kind_of("a?", NULL), GLOB_GENERAL);
	assert_int_equal(kind_of("*[a]*", NULL), GLOB_GENERAL);
}

static void unfinished_patterns_are_refused(void **state)
{
	static const char *const patterns[] = { "[", "[a", "a[]", "[!", "[!]", "\\", "a\\", "[a-" };
	struct arena arena = ARENA_INIT;
	struct glob glob;

	(void)state;
	for (size_t i = 0; i < sizeof(patterns) / sizeof(*patterns); i++)
		assert_int_equal(glob_compile(&arena, str(patterns[i]), &glob), -EINVAL);
	arena_release(&arena);
}

/* Exponential matchers do not come back from this one. */
static void many_stars_take_polynomial_time(void **state)
{
	char pattern[201], text[4001];

	(void)state;
	for (size_t i = 0; i < 200; i += 2)
		memcpy(pattern + i, "a*", 2);
	pattern[199] = 'b';
	pattern[200] = '\0';
	memset(text, 'a', 4000);
	text[4000] = '\0';
	assert_false(matches(pattern, text));
	text[3999] = 'b';
	assert_true(matches(pattern, text));
}

/* Texts in blocks of their exact size: a read beyond shows in the sanitizer. */
static void contains_agrees_with_memmem(void **state)
{
	uint32_t random = 1;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		size_t len, n;
		char *text, *literal;

		random = random * 1664525 + 1013904223;
		len = (random >> 8) % 60;
		n = (random >> 16) % 20;
		text = malloc(len + !len);
		literal = malloc(n + !n);
		assert_non_null(text);
		assert_non_null(literal);
		for (size_t i = 0; i < len; i++)
			text[i] = (char)('a' + ((random >> (i % 23)) + i * random) % 3 % 2);
		if (len >= n && random >> 31)
			memcpy(literal, text + (random >> 4) % (len - n + 1), n);
		else
			memset(literal, 'a', n);
		assert_int_equal(
			str_contains((struct str){ text, len }, (struct str){ literal, n }),
			memmem(text, len, literal, n) != NULL);
		free(text);
		free(literal);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stars_match_anything_also_slashes),
		cmocka_unit_test(the_whole_text_must_match),
		cmocka_unit_test(sets_and_single_bytes),
		cmocka_unit_test(simple_patterns_are_recognised),
		cmocka_unit_test(unfinished_patterns_are_refused),
		cmocka_unit_test(many_stars_take_polynomial_time),
		cmocka_unit_test(contains_agrees_with_memmem),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
