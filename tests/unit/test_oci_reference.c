/* SPDX-License-Identifier: Apache-2.0 */
/* Names of images: the grammar, and what short names stand for. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "oci/reference.h"

#define SHA "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static struct arena arena;
static const struct reference_defaults defaults = { "registry.example", "team/gadgets" };

static int release(void **state)
{
	(void)state;
	arena_release(&arena);
	return 0;
}

static const char *full(const char *text)
{
	struct reference ref;
	struct error err = ERROR_INIT;

	if (reference_parse(&arena, text, &defaults, &ref, &err) < 0)
		return err.text[0] ? arena_strdup(&arena, err.text) : "failed without a word";
	return reference_text(&arena, &ref);
}

static void short_names_are_filled_in(void **state)
{
	static const struct {
		const char *text, *full;
	} cases[] = {
		{ "open", "registry.example/team/gadgets/open:latest" },
		{ "open:v1", "registry.example/team/gadgets/open:v1" },
		{ "a/open", "registry.example/a/open:latest" },
		{ "registry.example/open", "registry.example/team/gadgets/open:latest" },
		{ "docker.io/open", "docker.io/library/open:latest" },
		{ "index.docker.io/a/open", "docker.io/a/open:latest" },
		{ "localhost/open", "localhost/open:latest" },
		{ "localhost:5000/open:v1", "localhost:5000/open:v1" },
		{ "Host/open", "Host/open:latest" },
		{ "[::1]:5000/a/b", "[::1]:5000/a/b:latest" },
		{ "a.b/c@" SHA, "a.b/c@" SHA },
		{ "a.b/c:t@" SHA, "a.b/c:t@" SHA },
		{ "a.b/x__y/a-b/c.d", "a.b/x__y/a-b/c.d:latest" },
		{ "a.b/x---y", "a.b/x---y:latest" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_string_equal(full(cases[i].text), cases[i].full);
}

static void what_is_no_name_is_refused(void **state)
{
	static const char *const cases[] = {
		"",
		"/",
		"a/",
		"/a",
		"a//b",
		"Open",
		"a.b/",
		"a:",
		"a:-x",
		"a:b:c",
		"a@",
		"a@sha256",
		"a@sha256:12",
		"a b",
		"a_",
		"a___b",
		"a..b",
		"-a.b/c",
		"a.b:/c",
		"a.b:x/c",
		"a.b:99999/c",
		"[::1/c",
		"[x]/c",
		"a/\xc3\xa4",
		"../a",
		"a/../b",
		"a:../x",
		"http://a.b/c",
		"a.b./c",
		"a@md5:0123456789abcdef0123456789abcdef",
		"a\nb",
	};
	char long_name[REFERENCE_NAME_MAX + 8] = "a.b/";

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const char *text = full(cases[i]);

		if (!strstr(text, "is no image name") && !strstr(text, "is empty"))
			fail_msg("'%s' is accepted as %s", cases[i], text);
	}
	memset(long_name + 4, 'x', sizeof(long_name) - 5);
	assert_non_null(strstr(full(long_name), "longer than 255"));
	long_name[REFERENCE_NAME_MAX] = 0;
	assert_null(strstr(full(long_name), "longer than 255"));
}

static void the_environment_says_what_short_names_mean(void **state)
{
	struct reference_defaults d;
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(setenv("GADGETCTL_REGISTRY", "localhost:5000/x/y", 1), 0);
	assert_int_equal(reference_defaults(&arena, &d, &err), 0);
	assert_string_equal(d.host, "localhost:5000");
	assert_string_equal(d.namespace, "x/y");
	assert_int_equal(setenv("GADGETCTL_REGISTRY", "localhost", 1), 0);
	assert_int_equal(reference_defaults(&arena, &d, &err), 0);
	assert_string_equal(d.namespace, "");
	assert_int_equal(setenv("GADGETCTL_REGISTRY", "http://x", 1), 0);
	assert_int_equal(reference_defaults(&arena, &d, &err), -EINVAL);
	assert_int_equal(unsetenv("GADGETCTL_REGISTRY"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(short_names_are_filled_in, release),
		cmocka_unit_test_teardown(what_is_no_name_is_refused, release),
		cmocka_unit_test_teardown(the_environment_says_what_short_names_mean, release),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
