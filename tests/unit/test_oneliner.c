/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One-liners as pipeline files: whatever text the flags hold, the file parses,
 * means just that text, and errors point into the flag.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/oneliner.h"
#include "engine/config_vars.h"

static struct arena arena;

static int teardown(void **state)
{
	(void)state;
	arena_release(&arena);
	return 0;
}

static struct oneliner_text make(const struct oneliner *oneliner)
{
	struct error err = ERROR_INIT;
	struct oneliner_text text;

	if (oneliner_make(oneliner, &arena, &text, &err) < 0)
		fail_msg("%s", err.text);
	return text;
}

/* The tree as the engine would see it: parsed, placed, variables replaced. */
static const struct yaml_node *parse(const struct oneliner_text *text)
{
	struct error err = ERROR_INIT;
	struct yaml_node *root, *expanded;

	if (yaml_parse(&arena, "flags", text->text, text->len, &root, &err) < 0)
		fail_msg("%u:%u: %s\n%s", err.pos.line, err.pos.col, err.text, text->text);
	oneliner_place(text, root);
	if (config_expand(&arena, root, &expanded, &err) < 0)
		fail_msg("%s\n%s", err.text, text->text);
	return expanded;
}

static const struct yaml_node *find(const struct yaml_node *root, const char *section,
				    const char *id, const char *key)
{
	const struct yaml_node *node = yaml_find(yaml_find(yaml_find(root, section), id), key);

	assert_non_null(node);
	return node;
}

static void a_bare_gadget_is_a_source_and_a_sink(void **state)
{
	const struct oneliner oneliner = { .gadget = "trace_open", .codec = "columns" };

	(void)state;
	assert_string_equal(make(&oneliner).text, "sources:\n"
						  "  trace_open:\n"
						  "    type: gadget\n"
						  "    gadget: trace_open\n"
						  "sinks:\n"
						  "  stdout:\n"
						  "    type: stdout\n"
						  "    inputs: [trace_open.*]\n"
						  "    codec: columns\n"
						  "    buffer:\n"
						  "      when_full: block\n");
}

static void every_flag_adds_its_stage(void **state)
{
	const struct oneliner_param params[] = { { "--pid", "pid", "5" },
						 { "--param", "name", "a: b" } };
	const struct oneliner oneliner = {
		.gadget = "./x/Trace-X.bpf.o",
		.codec = "json",
		.filter = "ret < 0",
		.fields = "pid, comm",
		.count = 7,
		.params = params,
		.nparams = 2,
	};

	(void)state;
	assert_string_equal(make(&oneliner).text, "sources:\n"
						  "  trace-x:\n"
						  "    type: gadget\n"
						  "    gadget: ./x/Trace-X.bpf.o\n"
						  "    params:\n"
						  "      pid: 5\n"
						  "      name: 'a: b'\n"
						  "stages:\n"
						  "  filter:\n"
						  "    type: filter\n"
						  "    inputs: [trace-x.*]\n"
						  "    where: 'ret < 0'\n"
						  "  select:\n"
						  "    type: select\n"
						  "    inputs: [filter]\n"
						  "    fields:\n"
						  "      - pid\n"
						  "      - comm\n"
						  "  limit:\n"
						  "    type: limit\n"
						  "    inputs: [select]\n"
						  "    count: 7\n"
						  "sinks:\n"
						  "  stdout:\n"
						  "    type: stdout\n"
						  "    inputs: [limit]\n"
						  "    codec: json\n"
						  "    buffer:\n"
						  "      when_full: block\n");
}

static void any_text_survives_the_file(void **state)
{
	static const char *const texts[] = {
		"a == 'b'",
		"x # y",
		"${HOME} $$ $",
		"a: b",
		"- a",
		"*a",
		"&a",
		"!a",
		"[a",
		"{a",
		"\"",
		"\\n",
		"",
		"~",
		"null",
		" lead",
		"trail ",
		"%a",
		"@a",
		"`",
		"a\nb",
		"tab\there",
		"\x01\x1b",
		"\xc2\x85",
		"\xe2\x80\xa8x\xe2\x80\xa9",
		"h\xc3\xa4h",
		"-5",
		"0x10",
		"comm == \"it's\" && x == \"$$\"",
		"'",
		"''",
		"\"\x7f\\\"",
		"|",
		">",
		"? a",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		const struct oneliner_param param = { "--k", "k", texts[i] };
		const struct oneliner oneliner = { .gadget = texts[i],
						   .codec = texts[i],
						   .filter = texts[i],
						   .params = &param,
						   .nparams = 1 };
		struct oneliner_text text = make(&oneliner);
		const struct yaml_node *root = parse(&text);
		const struct yaml_node *sources = yaml_find(root, "sources");

		assert_string_equal(find(root, "stages", "filter", "where")->text, texts[i]);
		assert_string_equal(find(root, "sinks", "stdout", "codec")->text, texts[i]);
		assert_int_equal(sources->nitems, 1);
		assert_string_equal(yaml_find(&sources->items[0], "gadget")->text, texts[i]);
		assert_string_equal(yaml_find(yaml_find(&sources->items[0], "params"), "k")->text,
				    texts[i]);
	}
}

static void places_point_into_the_flags(void **state)
{
	const struct oneliner_param param = { "--pid", "pid", "5" };
	const struct oneliner oneliner = { .gadget = "g",
					   .codec = "json",
					   .filter = "it's",
					   .fields = "a, bcd ,e",
					   .params = &param,
					   .nparams = 1 };
	struct oneliner_text text = make(&oneliner);
	const struct yaml_node *root = parse(&text), *node;

	(void)state;
	node = find(root, "stages", "filter", "where");
	assert_string_equal(node->text_pos.file, "--filter");
	assert_int_equal(node->text_pos.line, 1);
	assert_int_equal(node->text_pos.col, 1);
	node = &find(root, "stages", "select", "fields")->items[1];
	assert_string_equal(node->text, "bcd");
	assert_string_equal(node->text_pos.file, "--fields");
	assert_int_equal(node->text_pos.col, 4);
	node = yaml_find(find(root, "sources", "g", "params"), "pid");
	assert_string_equal(node->key_pos.file, "--pid");
	assert_int_equal(node->pos.line, 0);
	assert_null(find(root, "sources", "g", "gadget")->pos.file);
	assert_string_equal(find(root, "sinks", "stdout", "codec")->pos.file, "--output");
}

static void bytes_that_no_file_can_hold_are_blamed_on_their_flag(void **state)
{
	const struct oneliner oneliner = { .gadget = "g", .codec = "json", .filter = "a \xff" };
	struct oneliner_text text = make(&oneliner);
	struct error err = ERROR_INIT;
	struct yaml_node *root;
	char line[1024];

	(void)state;
	assert_int_equal(yaml_parse(&arena, "flags", text.text, text.len, &root, &err), -EINVAL);
	oneliner_place_error(&text, &err);
	assert_memory_equal(error_format(&err, line, sizeof(line)), "--filter: ", 10);
}

static void ids_never_clash_with_those_of_the_stages(void **state)
{
	static const char *const names[] = { "filter", "select.o", "/x/limit.bpf.o",
					     "stdout", "..",       "x/" };

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		const struct oneliner oneliner = { .gadget = names[i], .codec = "json" };
		struct oneliner_text text = make(&oneliner);

		assert_non_null(yaml_find(yaml_find(parse(&text), "sources"), "gadget"));
	}
}

static void a_parameter_given_twice_is_an_error(void **state)
{
	const struct oneliner_param params[] = { { "--pid", "pid", "5" },
						 { "--param", "pid", "6" } };
	const struct oneliner oneliner = {
		.gadget = "g", .codec = "json", .params = params, .nparams = 2
	};
	struct error err = ERROR_INIT;
	struct oneliner_text text;

	(void)state;
	assert_int_equal(oneliner_make(&oneliner, &arena, &text, &err), -EINVAL);
	assert_string_equal(err.text, "parameter 'pid' is given twice");
}

static void too_many_fields_are_an_error_and_not_a_crash(void **state)
{
	char *fields = malloc(100001);
	const struct oneliner oneliner = { .gadget = "g", .codec = "json", .fields = fields };
	struct error err = ERROR_INIT;
	struct oneliner_text text;

	(void)state;
	assert_non_null(fields);
	memset(fields, ',', 100000);
	fields[100000] = '\0';
	assert_int_equal(oneliner_make(&oneliner, &arena, &text, &err), -EINVAL);
	free(fields);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_bare_gadget_is_a_source_and_a_sink, teardown),
		cmocka_unit_test_teardown(every_flag_adds_its_stage, teardown),
		cmocka_unit_test_teardown(any_text_survives_the_file, teardown),
		cmocka_unit_test_teardown(places_point_into_the_flags, teardown),
		cmocka_unit_test_teardown(bytes_that_no_file_can_hold_are_blamed_on_their_flag,
					  teardown),
		cmocka_unit_test_teardown(ids_never_clash_with_those_of_the_stages, teardown),
		cmocka_unit_test_teardown(a_parameter_given_twice_is_an_error, teardown),
		cmocka_unit_test_teardown(too_many_fields_are_an_error_and_not_a_crash, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
