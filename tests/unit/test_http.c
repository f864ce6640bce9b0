/* SPDX-License-Identifier: Apache-2.0 */
/* URLs: what a Location header means, and whom credentials may go to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "net/http.h"

static void locations_are_resolved(void **state)
{
	static const struct {
		const char *base, *reference, *url;
	} cases[] = {
		{ "http://a/v2/x/", "/v2/y?z=1", "http://a/v2/y?z=1" },
		{ "https://a:5000/v2/x", "y", "https://a:5000/v2/y" },
		{ "https://a/v2", "http://b/c", "http://b/c" },
		{ "http://a/", "//b/c", "http://b/c" },
		{ "http://a/", "file:///etc/passwd", NULL },
		{ "http://a/", "gopher://b/", NULL },
		{ "ftp://a/", "/x", NULL },
	};
	struct arena arena = ARENA_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const char *url = http_resolve(&arena, cases[i].base, cases[i].reference);

		if (!cases[i].url) {
			assert_null(url);
			continue;
		}
		assert_non_null(url);
		assert_string_equal(url, cases[i].url);
	}
	arena_release(&arena);
}

static void an_origin_is_scheme_host_and_port(void **state)
{
	(void)state;
	assert_true(http_same_origin("http://a/x", "http://A:80/y?z"));
	assert_true(http_same_origin("https://a:443/x", "https://a"));
	assert_false(http_same_origin("http://a/x", "https://a/x"));
	assert_false(http_same_origin("http://a/x", "http://a:8080/x"));
	assert_false(http_same_origin("http://a/x", "http://a.b/x"));
	assert_false(http_same_origin("http://a@b/x", "http://a/x"));
	assert_false(http_same_origin("http://a/x", "a"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(locations_are_resolved),
		cmocka_unit_test(an_origin_is_scheme_host_and_port),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
