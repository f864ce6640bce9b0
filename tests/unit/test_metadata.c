/* SPDX-License-Identifier: Apache-2.0 */
/* The metadata file of a gadget. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "gadget/metadata.h"

static struct arena arena;
static struct error error;

static const struct metadata *parse(const char *text)
{
	const struct metadata *md = NULL;

	error = (struct error)ERROR_INIT;
	if (metadata_parse(&arena, "gadget.yaml", text, strlen(text), &md, &error) < 0)
		return NULL;
	return md;
}

static int release(void **state)
{
	(void)state;
	arena_release(&arena);
	return 0;
}

static void dotted_and_nested_keys_are_the_same(void **state)
{
	const struct metadata *md = parse("name: x\n"
					  "dataSources:\n"
					  "  open:\n"
					  "    fields:\n"
					  "      proc.comm:\n"
					  "        annotations:\n"
					  "          columns.maxWidth: 9\n"
					  "          columns: { Width: 7 }\n");

	(void)state;
	assert_non_null(md);
	assert_string_equal(md->name, "x");
	assert_string_equal(metadata_annotation(md, "open", "proc.comm", "columns.maxwidth")->text,
			    "9");
	assert_string_equal(metadata_annotation(md, "open", "proc.comm", "columns.width")->text,
			    "7");
	assert_null(metadata_annotation(md, "open", "proc", "columns.width"));
	assert_null(metadata_annotation(NULL, "open", "proc.comm", "columns.width"));
}

static void a_document_that_is_no_map_is_refused(void **state)
{
	(void)state;
	assert_null(parse("- a\n"));
	assert_non_null(strstr(error.text, "must be a map, not a list"));
	assert_non_null(parse(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(dotted_and_nested_keys_are_the_same, release),
		cmocka_unit_test_teardown(a_document_that_is_no_map_is_refused, release),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
