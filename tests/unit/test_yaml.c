/* SPDX-License-Identifier: Apache-2.0 */
/* The YAML reader: what it takes, what it refuses, and where it says things are. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/yaml.h"

static struct arena arena;

static int teardown(void **state)
{
	(void)state;
	arena_release(&arena);
	return 0;
}

static const struct yaml_node *parse(const char *text)
{
	struct error err = ERROR_INIT;
	struct yaml_node *root = NULL;

	if (yaml_parse(&arena, "f.yaml", text, strlen(text), &root, &err) < 0)
		fail_msg("%u:%u: %s", err.pos.line, err.pos.col, err.text);
	return root;
}

static void refuses_bytes(const char *text, size_t len, const char *expected)
{
	struct error err = ERROR_INIT;
	struct yaml_node *root = NULL;
	char line[2048];

	assert_int_equal(yaml_parse(&arena, "f.yaml", text, len, &root, &err), -EINVAL);
	assert_null(root);
	error_format(&err, line, sizeof(line));
	if (strncmp(line, expected, strlen(expected)) != 0)
		fail_msg("got:      %s\nexpected: %s", line, expected);
}

static void refuses(const char *text, const char *expected)
{
	refuses_bytes(text, strlen(text), expected);
}

static void assert_place(struct pos pos, uint32_t line, uint32_t col)
{
	assert_string_equal(pos.file, "f.yaml");
	assert_int_equal(pos.line, line);
	assert_int_equal(pos.col, col);
}

static void yaml_keeps_values_keys_and_places(void **state)
{
	const struct yaml_node *root = parse("a: one\nlist:\n  - x\n  - {k: 'q'}\nnone:\n");
	const struct yaml_node *list, *k;

	(void)state;
	assert_int_equal(root->kind, YAML_MAP);
	assert_int_equal(root->nitems, 3);
	assert_string_equal(yaml_find(root, "a")->text, "one");
	assert_false(yaml_find(root, "a")->quoted);
	assert_place(yaml_find(root, "a")->pos, 1, 4);
	assert_place(yaml_find(root, "a")->key_pos, 1, 1);
	list = yaml_find(root, "list");
	assert_int_equal(list->kind, YAML_LIST);
	assert_int_equal(list->nitems, 2);
	assert_place(list->items[1].pos, 4, 5);
	k = yaml_find(&list->items[1], "k");
	assert_string_equal(k->text, "q");
	assert_true(k->quoted);
	assert_place(k->pos, 4, 9);
	assert_place(k->text_pos, 4, 10);
	assert_int_equal(yaml_find(root, "none")->kind, YAML_NULL);
	assert_null(yaml_find(root, "missing"));
	assert_null(yaml_find(k, "x"));
	assert_null(yaml_find(NULL, "x"));
}

static void yaml_knows_where_the_text_of_a_block_begins(void **state)
{
	const struct yaml_node *root =
		parse("a:\n  b: |\n\n    first\n    second\n  c: >-\n   x\n");
	const struct yaml_node *a = yaml_find(root, "a");

	(void)state;
	assert_string_equal(yaml_find(a, "b")->text, "\nfirst\nsecond\n");
	assert_place(yaml_find(a, "b")->text_pos, 4, 5);
	assert_place(yaml_find(a, "c")->text_pos, 7, 4);
}

static void yaml_counts_columns_in_characters(void **state)
{
	const struct yaml_node *root = parse("{\"äö\": x}\n");

	(void)state;
	assert_place(yaml_find(root, "äö")->pos, 1, 8);
}

static void yaml_leaves_words_and_numbers_as_text(void **state)
{
	const struct yaml_node *root = parse("{a: no, b: 0x10, c: 1e3, d: '~', e: ~, f: null}");

	(void)state;
	assert_string_equal(yaml_find(root, "a")->text, "no");
	assert_string_equal(yaml_find(root, "b")->text, "0x10");
	assert_string_equal(yaml_find(root, "c")->text, "1e3");
	assert_string_equal(yaml_find(root, "d")->text, "~");
	assert_int_equal(yaml_find(root, "e")->kind, YAML_NULL);
	assert_int_equal(yaml_find(root, "f")->kind, YAML_NULL);
}

static void yaml_reads_json(void **state)
{
	const struct yaml_node *root =
		parse("{\n\t\"a\": [1, true, null],\n\t\"b\": {\"c\": \"x\\u00e4\\n\"}\n}\n");

	(void)state;
	assert_int_equal(yaml_find(root, "a")->nitems, 3);
	assert_string_equal(yaml_find(yaml_find(root, "b"), "c")->text, "xä\n");
}

static void yaml_of_an_empty_document_is_nothing(void **state)
{
	(void)state;
	assert_int_equal(parse("")->kind, YAML_NULL);
	assert_int_equal(parse("# only a remark\n")->kind, YAML_NULL);
	assert_int_equal(parse("---\n")->kind, YAML_NULL);
}

static void yaml_refuses_duplicate_keys_and_names_the_first_repeat(void **state)
{
	(void)state;
	refuses("b: 1\na: 1\nc: 2\na: 3\nb: 4\n", "f.yaml:4:1: key 'a' is already there in line 2");
	refuses("x: {k: 1, k: 2}\n", "f.yaml:1:11: key 'k' is already there in line 1");
	refuses("{\"a\": 1, 'a': 2}", "f.yaml:1:10: key 'a'");
}

static void yaml_refuses_what_it_does_not_support(void **state)
{
	(void)state;
	refuses("a: &x 1\n", "f.yaml:1:4: anchor '&x'");
	refuses("a: &x {b: 1}\n", "f.yaml:1:4: anchor '&x'");
	refuses("a: *x\n", "f.yaml:1:4: alias '*x'");
	refuses("a: !!int 1\n", "f.yaml:1:4: tag 'tag:yaml.org,2002:int'");
	refuses("a: !x [1]\n", "f.yaml:1:4: tag '!x'");
	refuses("a: 1\n---\nb: 2\n", "f.yaml:2:1: a second document begins here");
	refuses("? [a, b]\n: 1\n", "f.yaml:1:3: a key must be plain text");
	refuses("? {a: b}\n: 1\n", "f.yaml:1:3: a key must be plain text");
	refuses("~: 1\n", "f.yaml:1:1: a key is missing");
	refuses("'': 1\n", "f.yaml:1:1: a key is missing");
	refuses("a: \"x\\0y\"\n", "f.yaml:1:4: text with a NUL byte inside");
	refuses("\"x\\0y\": 1\n", "f.yaml:1:1: text with a NUL byte inside");
}

static void yaml_names_the_tab_that_indents(void **state)
{
	(void)state;
	refuses("a:\n\tb: 1\n", "f.yaml:2:1: a tab cannot indent (use spaces)");
	refuses("a:\n  b: 1\n  \tc: 2\n", "f.yaml:3:3: a tab cannot indent (use spaces)");
}

static void yaml_says_where_broken_syntax_is(void **state)
{
	(void)state;
	refuses("a: [1, 2\nb: 3\n", "f.yaml:2:");
	refuses("a: 'x\n", "f.yaml:2:1: ");
	refuses("a: b: c\n", "f.yaml:1:5: ");
	refuses("a: 1\n b: 2\n", "f.yaml:2:");
	refuses_bytes("a: 1\nb: \xff\n", 10, "f.yaml:2:4: ");
	refuses_bytes("a: 1\nb: \0\n", 10, "f.yaml:2:4: ");
}

static void yaml_limits_depth(void **state)
{
	char text[2 * YAML_MAX_DEPTH + 3];

	(void)state;
	memset(text, '[', YAML_MAX_DEPTH);
	memset(text + YAML_MAX_DEPTH, ']', YAML_MAX_DEPTH);
	text[2 * YAML_MAX_DEPTH] = '\0';
	assert_int_equal(parse(text)->kind, YAML_LIST);
	memset(text, '[', YAML_MAX_DEPTH + 1);
	memset(text + YAML_MAX_DEPTH + 1, ']', YAML_MAX_DEPTH + 1);
	text[2 * YAML_MAX_DEPTH + 2] = '\0';
	refuses(text, "f.yaml:1:65: nested deeper than 64 levels");
}

static void yaml_limits_the_number_of_values(void **state)
{
	size_t len = 2 + (YAML_MAX_NODES + 1) * 2;
	char *text = malloc(len);

	(void)state;
	assert_non_null(text);
	for (size_t i = 0; i < len; i++)
		text[i] = i % 2 ? 'a' : ',';
	text[0] = '[';
	text[len - 1] = ']';
	refuses_bytes(text, len, "f.yaml:1:");
	free(text);
}

static void yaml_limits_the_size(void **state)
{
	char *text = calloc(1, YAML_MAX_BYTES + 1);

	(void)state;
	assert_non_null(text);
	memset(text, ' ', YAML_MAX_BYTES + 1);
	refuses_bytes(text, YAML_MAX_BYTES + 1, "f.yaml: larger than 4 MiB");
	free(text);
}

static void yaml_describes_what_it_found(void **state)
{
	const struct yaml_node *root = parse("a: hello\nb: [1]\nc: {d: 1}\ne:\n");

	(void)state;
	assert_string_equal(yaml_describe(yaml_find(root, "a")), "'hello'");
	assert_string_equal(yaml_describe(yaml_find(root, "b")), "a list");
	assert_string_equal(yaml_describe(yaml_find(root, "c")), "a map");
	assert_string_equal(yaml_describe(yaml_find(root, "e")), "nothing");
	assert_string_equal(yaml_describe(NULL), "nothing");
	root = parse("äääääääääääääääääääääääääääääää");
	assert_string_equal(yaml_describe(root), "'ääääääääääääääääääääääää...'");
}

static void yaml_load_says_why_a_file_cannot_be_read(void **state)
{
	struct error err = ERROR_INIT;
	struct yaml_node *root = NULL;

	(void)state;
	assert_int_equal(yaml_load(&arena, "/nonexistent/p.yaml", &root, &err), -ENOENT);
	assert_string_equal(err.text,
			    "cannot open '/nonexistent/p.yaml': No such file or directory");
	assert_int_equal(yaml_load(&arena, "/", &root, &err), -EISDIR);
	assert_string_equal(err.text, "cannot read '/': Is a directory");
}

static void yaml_load_reads_a_file_and_names_it_in_errors(void **state)
{
	char path[] = "/tmp/test_yaml.XXXXXX", expected[64];
	int fd = mkstemp(path);
	struct error err = ERROR_INIT;
	struct yaml_node *root = NULL;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "a: 1\n", 5), 5);
	assert_int_equal(yaml_load(&arena, path, &root, &err), 0);
	assert_string_equal(yaml_find(root, "a")->text, "1");
	assert_int_equal(write(fd, "a: 2\n", 5), 5);
	assert_int_equal(yaml_load(&arena, path, &root, &err), -EINVAL);
	(void)snprintf(expected, sizeof(expected), "%s", path);
	assert_string_equal(err.pos.file, expected);
	assert_int_equal(err.pos.line, 2);
	close(fd);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(yaml_keeps_values_keys_and_places, teardown),
		cmocka_unit_test_teardown(yaml_knows_where_the_text_of_a_block_begins, teardown),
		cmocka_unit_test_teardown(yaml_counts_columns_in_characters, teardown),
		cmocka_unit_test_teardown(yaml_leaves_words_and_numbers_as_text, teardown),
		cmocka_unit_test_teardown(yaml_reads_json, teardown),
		cmocka_unit_test_teardown(yaml_of_an_empty_document_is_nothing, teardown),
		cmocka_unit_test_teardown(yaml_refuses_duplicate_keys_and_names_the_first_repeat,
					  teardown),
		cmocka_unit_test_teardown(yaml_refuses_what_it_does_not_support, teardown),
		cmocka_unit_test_teardown(yaml_names_the_tab_that_indents, teardown),
		cmocka_unit_test_teardown(yaml_says_where_broken_syntax_is, teardown),
		cmocka_unit_test_teardown(yaml_limits_depth, teardown),
		cmocka_unit_test_teardown(yaml_limits_the_number_of_values, teardown),
		cmocka_unit_test_teardown(yaml_limits_the_size, teardown),
		cmocka_unit_test_teardown(yaml_describes_what_it_found, teardown),
		cmocka_unit_test_teardown(yaml_load_says_why_a_file_cannot_be_read, teardown),
		cmocka_unit_test_teardown(yaml_load_reads_a_file_and_names_it_in_errors, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
