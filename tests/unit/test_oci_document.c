/* SPDX-License-Identifier: Apache-2.0 */
/* Indexes, manifests and digests. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "oci/digest.h"
#include "oci/document.h"

#define HEX    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define EMPTY  "sha256:" HEX
#define DESC   "{\"mediaType\":\"a/b\",\"digest\":\"" EMPTY "\",\"size\":0}"
#define CONFIG "\"config\":" DESC

static struct arena arena;
static struct error error;

static int release(void **state)
{
	(void)state;
	arena_release(&arena);
	return 0;
}

static const struct document *parse(const char *text, const char *type)
{
	const struct document *doc = NULL;

	error = (struct error)ERROR_INIT;
	if (document_parse(&arena, text, strlen(text), type, &doc, &error) < 0)
		return NULL;
	return doc;
}

static void digests_are_what_others_compute(void **state)
{
	char text[DIGEST_TEXT_MAX + 1];
	struct digest_check *check = digest_begin(EMPTY);

	(void)state;
	assert_string_equal(digest_of(&arena, "", 0), EMPTY);
	assert_true(digest_matches(EMPTY, "", 0));
	assert_false(digest_matches(EMPTY, "x", 1));
	digest_add(check, "abc", 3);
	assert_false(digest_end(check, text));
	assert_string_equal(
		text, "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	assert_true(digest_matches(
		"sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
		"2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
		"abc", 3));
	assert_string_equal(digest_hex(EMPTY), HEX);
	assert_false(digest_is_valid("sha256:" HEX "0"));
	assert_false(digest_is_valid("sha256:E3" HEX));
	assert_false(digest_is_valid("sha256:../../../../etc/passwd"));
	assert_false(digest_is_valid(NULL));
}

static void what_is_written_reads_back(void **state)
{
	static const char text[] =
		"{\"schemaVersion\":2,\"mediaType\":\"" MEDIA_INDEX "\",\"manifests\":["
		"{\"mediaType\":\"" MEDIA_MANIFEST "\",\"digest\":\"" EMPTY "\",\"size\":7,"
		"\"artifactType\":\"x/y\",\"platform\":{\"architecture\":\"arm64\",\"os\":\"linux\"},"
		"\"annotations\":{\"a\":\"1\",\"b\":\"2\"}}],\"annotations\":{\"k\":\"\xc3\xa4\"}}";
	const struct document *doc = parse(text, NULL);
	struct str written;

	(void)state;
	assert_non_null(doc);
	assert_int_equal(doc->kind, DOCUMENT_INDEX);
	assert_int_equal(doc->nitems, 1);
	assert_string_equal(doc->items[0].architecture, "arm64");
	assert_int_equal(doc->items[0].size, 7);
	assert_string_equal(annotation_find(&doc->items[0].annotations, "b"), "2");
	assert_null(annotation_find(&doc->annotations, "b"));
	written = document_write(&arena, doc);
	assert_int_equal(written.len, sizeof(text) - 1);
	assert_memory_equal(written.at, text, written.len);
}

static void docker_documents_are_read(void **state)
{
	const struct document *doc = parse("{\"schemaVersion\":2," CONFIG ",\"layers\":[" DESC "]}",
					   MEDIA_DOCKER_MANIFEST);

	(void)state;
	assert_non_null(doc);
	assert_int_equal(doc->kind, DOCUMENT_MANIFEST);
	assert_string_equal(doc->config.digest, EMPTY);
	doc = parse("{\"schemaVersion\":2,\"manifests\":[]}", NULL);
	assert_non_null(doc);
	assert_int_equal(doc->kind, DOCUMENT_INDEX);
}

static void faults_are_named_by_their_field(void **state)
{
	static const struct {
		const char *text, *type, *part;
	} cases[] = {
		{ "", NULL, "no proper JSON" },
		{ "[]", NULL, "it is no object" },
		{ "{}", NULL, "schemaVersion must be 2" },
		{ "{\"schemaVersion\":1,\"layers\":[]}", NULL, "schemaVersion must be 2" },
		{ "{\"schemaVersion\":2,\"schemaVersion\":2}", NULL, "duplicate" },
		{ "{\"schemaVersion\":2,\"mediaType\":\"x\"}", NULL, "neither an index nor" },
		{ "{\"schemaVersion\":2,\"mediaType\":\"" MEDIA_INDEX "\"}", MEDIA_MANIFEST,
		  "it calls itself" },
		{ "{\"schemaVersion\":2,\"manifests\":[],\"layers\":[]}", NULL,
		  "both manifests and layers" },
		{ "{\"schemaVersion\":2,\"manifests\":{}}", NULL, "manifests must be a list" },
		{ "{\"schemaVersion\":2,\"manifests\":[5]}", NULL,
		  "manifests[0] must be an object" },
		{ "{\"schemaVersion\":2,\"layers\":[]}", NULL, "config must be an object" },
		{ "{\"schemaVersion\":2,\"manifests\":[" DESC ",{\"mediaType\":\"a\",\"size\":0,"
		  "\"digest\":\"sha256:../x\"}]}",
		  NULL, "manifests[1].digest must be" },
		{ "{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"a\",\"size\":-1,"
		  "\"digest\":\"" EMPTY "\"}]}",
		  NULL, "manifests[0].size must be" },
		{ "{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"a\",\"size\":1e9,"
		  "\"digest\":\"" EMPTY "\"}]}",
		  NULL, "manifests[0].size must be" },
		{ "{\"schemaVersion\":2,\"manifests\":[],\"annotations\":{\"a\":1}}", NULL,
		  "annotations must be" },
		{ "{\"schemaVersion\":2,\"manifests\":[],\"annotations\":{\"a\":\"\xff\"}}", NULL,
		  "no proper JSON" },
		{ "{\"schemaVersion\":2,\"manifests\":[],\"annotations\":{\"a\":\"\\u0000\"}}",
		  NULL, "no proper JSON" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_null(parse(cases[i].text, cases[i].type));
		if (!strstr(error.text, cases[i].part))
			fail_msg("%s: '%s' lacks '%s'", cases[i].text, error.text, cases[i].part);
	}
}

static void there_are_limits(void **state)
{
	char *text = malloc(DOCUMENT_MAX + 2);
	size_t at = (size_t)snprintf(text, 64, "{\"schemaVersion\":2,\"manifests\":[");
	const struct document *doc;

	(void)state;
	for (int i = 0; i <= DOCUMENT_DESCRIPTORS; i++)
		at += (size_t)snprintf(text + at, 256, "%s" DESC, i ? "," : "");
	(void)snprintf(text + at, 3, "]}");
	assert_null(parse(text, NULL));
	assert_non_null(strstr(error.text, "at most 1024"));
	memset(text, ' ', DOCUMENT_MAX + 1);
	assert_int_equal(document_parse(&arena, text, DOCUMENT_MAX + 1, NULL, &doc, &error),
			 -E2BIG);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(digests_are_what_others_compute, release),
		cmocka_unit_test_teardown(what_is_written_reads_back, release),
		cmocka_unit_test_teardown(docker_documents_are_read, release),
		cmocka_unit_test_teardown(faults_are_named_by_their_field, release),
		cmocka_unit_test_teardown(there_are_limits, release),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
