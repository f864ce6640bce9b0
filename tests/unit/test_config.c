/* SPDX-License-Identifier: Apache-2.0 */
/* Pipeline files: what graph they become, and what is said about mistakes. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/yaml.h"
#include "engine/config.h"

static const struct source_type source_gen = { .base = { .name = "generate" } };
static const struct source_type source_gadget = { .base = { .name = "gadget" } };
static const struct stage_type stage_filter = { .base = { .name = "filter" } };
static const struct sink_type sink_null = { .base = { .name = "null" } };

static const struct source_type *const sources[] = { &source_gadget, &source_gen, NULL };
static const struct stage_type *const stages[] = { &stage_filter, NULL };
static const struct sink_type *const sinks[] = { &sink_null, NULL };
static const struct registry registry = { sources, stages, sinks };

static struct arena arena;

static int teardown(void **state)
{
	(void)state;
	arena_release(&arena);
	return 0;
}

static int try_read(const char *text, struct config **ret_config, struct error *err)
{
	struct yaml_node *root = NULL;

	if (yaml_parse(&arena, "dir/f.yaml", text, strlen(text), &root, err) < 0)
		fail_msg("%s", err->text);
	return config_read(&arena, &registry, "dir/f.yaml", root, ret_config, err);
}

static const struct config *read_config(const char *text)
{
	struct error err = ERROR_INIT;
	struct config *config = NULL;

	if (try_read(text, &config, &err) < 0)
		fail_msg("%u:%u: %s", err.pos.line, err.pos.col, err.text);
	return config;
}

static void refuses(const char *text, const char *expected)
{
	struct error err = ERROR_INIT;
	struct config *config = NULL;
	char line[2048];

	assert_int_equal(try_read(text, &config, &err), -EINVAL);
	assert_null(config);
	assert_string_equal(error_format(&err, line, sizeof(line)), expected);
}

#define SOURCE "sources: {s: {type: generate}}\n"

/* The ids of all nodes in the order of the config, separated by spaces. */
static const char *ids(const struct config *config)
{
	const char *text = "";

	for (size_t i = 0; i < config->nnodes; i++)
		text = arena_printf(&arena, "%s%s%s", text, i ? " " : "", config->nodes[i].id);
	return text;
}

static const char *inputs(const struct config *config, const char *id)
{
	const char *text = "";

	for (size_t i = 0; i < config->nnodes; i++) {
		const struct config_node *node = &config->nodes[i];

		for (size_t j = 0; !strcmp(node->id, id) && j < node->ninputs; j++) {
			const struct config_input *in = &node->inputs[j];

			assert_true(in->from >= config->nodes && in->from < node);
			text = arena_printf(&arena, "%s%s%s%s%s", text, j ? " " : "", in->from->id,
					    in->port ? "." : "", in->port ? in->port : "");
		}
	}
	return text;
}

static void a_config_keeps_types_places_and_paths(void **state)
{
	const struct config *config = read_config("sources:\n"
						  "  opens: {type: generate}\n"
						  "sinks:\n"
						  "  out: {type: 'null', inputs: [opens]}\n");

	(void)state;
	assert_string_equal(config->path, "dir/f.yaml");
	assert_string_equal(config->dir, "dir");
	assert_int_equal(config->nnodes, 2);
	assert_int_equal(config->nodes[0].kind, ACCOUNT_SOURCE);
	assert_ptr_equal(config->nodes[0].source, &source_gen);
	assert_ptr_equal(config->nodes[0].component, &source_gen.base);
	assert_ptr_equal(config->nodes[1].sink, &sink_null);
	assert_int_equal(config->nodes[1].pos.line, 4);
	assert_int_equal(config->nodes[1].inputs[0].pos.col, 32);
	assert_string_equal(yaml_find(config->nodes[0].map, "type")->text, "generate");
}

static void stages_are_ordered_so_that_inputs_come_first(void **state)
{
	const struct config *config =
		read_config("sinks: {out: {type: 'null', inputs: [c, a]}}\n"
			    "stages:\n"
			    "  c: {type: filter, inputs: [b]}\n"
			    "  b: {type: filter, inputs: [a, s2]}\n"
			    "  a: {type: filter, inputs: [s1]}\n"
			    "sources: {s1: {type: generate}, s2: {type: gadget}}\n");

	(void)state;
	assert_string_equal(ids(config), "s1 s2 a b c out");
	assert_string_equal(inputs(config, "b"), "a s2");
	assert_string_equal(inputs(config, "c"), "b");
	assert_string_equal(inputs(config, "out"), "c a");
}

static void transforms_is_another_name_for_stages(void **state)
{
	const struct config *config =
		read_config("version: 1\n" SOURCE "transforms: {f: {type: filter, inputs: s}}\n"
			    "sinks: {out: {type: 'null', inputs: f}}\n");

	(void)state;
	assert_string_equal(ids(config), "s f out");
	refuses(SOURCE "stages: {}\ntransforms: {}\n",
		"dir/f.yaml:3:1: 'transforms' is another name for 'stages': use one of them");
}

static void globs_and_ports_are_inputs(void **state)
{
	const struct config *config = read_config(
		"sources: {trace_a: {type: generate}, trace_b: {type: gadget}, x: {type: gadget}}\n"
		"stages:\n"
		"  trace_f: {type: filter, inputs: ['trace_*', x]}\n"
		"sinks:\n"
		"  one: {type: 'null', inputs: [trace_f.main, '?']}\n"
		"  all: {type: 'null', inputs: ['*', 'trace_*', trace_a.p, 't*_b.p']}\n");

	(void)state;
	assert_string_equal(inputs(config, "trace_f"), "trace_a trace_b x");
	assert_string_equal(inputs(config, "one"), "trace_f.main x");
	assert_string_equal(inputs(config, "all"), "trace_a trace_b x trace_f trace_a.p trace_b.p");
}

static void sections_are_checked(void **state)
{
	(void)state;
	refuses("[a]", "dir/f.yaml:1:1: a pipeline file must be a map with 'sources' and 'sinks', "
		       "not a list");
	refuses("", "dir/f.yaml:1:1: a pipeline file must be a map with 'sources' and 'sinks', "
		    "not nothing");
	refuses("source: {}", "dir/f.yaml:1:1: unknown section 'source' (did you mean 'sources'?)");
	refuses("foo: 1",
		"dir/f.yaml:1:1: unknown section 'foo' (known: sources, stages, sinks, version)");
	refuses("version: 2",
		"dir/f.yaml:1:10: version must be 1, not '2' (this program knows no other)");
	refuses("sources: [a]",
		"dir/f.yaml:1:10: 'sources' must be a map of id to options, not a list");
	refuses("sinks: {o: {type: 'null', inputs: [s]}}",
		"dir/f.yaml:1:1: no source (add one to 'sources')");
	refuses(SOURCE, "dir/f.yaml:1:1: no sink (add one to 'sinks')");
}

static void ids_are_checked(void **state)
{
	(void)state;
	refuses("sources: {Opens: {type: generate}}\nsinks: {o: {type: 'null', inputs: [s]}}",
		"dir/f.yaml:1:11: 'Opens' is no id (1 to 64 of a-z, 0-9, '_' and '-')");
	refuses("sources: {a.b: {type: generate}}\nsinks: {o: {type: 'null', inputs: [s]}}",
		"dir/f.yaml:1:11: 'a.b' is no id (1 to 64 of a-z, 0-9, '_' and '-')");
	refuses(SOURCE "sinks: {s: {type: 'null', inputs: [s]}}",
		"dir/f.yaml:2:9: id 's' is already used for the source in line 1");
}

static void types_are_checked(void **state)
{
	(void)state;
	refuses("sources: {s: {type: gadgt}}\nsinks: {o: {type: 'null', inputs: [s]}}",
		"dir/f.yaml:1:21: unknown source type 'gadgt' (did you mean 'gadget'?)");
	refuses("sources: {s: {type: zzzzzz}}\nsinks: {o: {type: 'null', inputs: [s]}}",
		"dir/f.yaml:1:21: unknown source type 'zzzzzz' (known: gadget, generate)");
	refuses("sources: {s: {type: filter}}\nsinks: {o: {type: 'null', inputs: [s]}}",
		"dir/f.yaml:1:21: 'filter' is a stage, not a source");
	refuses("sources: {s: {}}\nsinks: {o: {type: 'null', inputs: [s]}}",
		"dir/f.yaml:1:11: source 's' needs a 'type'");
	refuses("sources: {s: {type: [a]}}\nsinks: {o: {type: 'null', inputs: [s]}}",
		"dir/f.yaml:1:21: the type of source 's' must be a name, not a list");
	refuses("sources: {s: generate}\nsinks: {o: {type: 'null', inputs: [s]}}",
		"dir/f.yaml:1:14: source 's' must be a map with a 'type', not 'generate'");
}

static void inputs_are_checked(void **state)
{
	(void)state;
	refuses("sources: {opens: {type: generate}}\nsinks: {o: {type: 'null', inputs: [opns]}}",
		"dir/f.yaml:2:36: unknown input 'opns' of sink 'o' (did you mean 'opens'?)");
	refuses(SOURCE "sinks: {o: {type: 'null'}}",
		"dir/f.yaml:2:9: sink 'o' has no inputs (name what it reads: 'inputs: [id]')");
	refuses(SOURCE "sinks: {o: {type: 'null', inputs: []}}",
		"dir/f.yaml:2:35: sink 'o' has no inputs (name what it reads: 'inputs: [id]')");
	refuses(SOURCE "sinks: {o: {type: 'null', inputs: [[s]]}}",
		"dir/f.yaml:2:36: inputs of sink 'o' must be names, not a list");
	refuses(SOURCE "sinks: {o: {type: 'null', inputs: [s, s]}}",
		"dir/f.yaml:2:39: sink 'o' has the input 's' already");
	refuses(SOURCE "sinks: {o: {type: 'null', inputs: [s.]}}",
		"dir/f.yaml:2:36: 's.' is no input (write 'id', 'id.port', or a pattern such as "
		"'trace_*')");
	refuses(SOURCE "sinks: {o: {type: 'null', inputs: ['x*']}}",
		"dir/f.yaml:2:37: 'x*' matches no source and no stage");
	refuses(SOURCE "sinks: {o: {type: 'null', inputs: [s]}, p: {type: 'null', inputs: [o]}}",
		"dir/f.yaml:2:68: 'o' is a sink; nothing can read it");
	refuses("sources: {s: {type: generate, inputs: [a]}}\n"
		"sinks: {o: {type: 'null', inputs: [s]}}",
		"dir/f.yaml:1:31: source 's' cannot have inputs");
}

static void what_nothing_reads_is_an_error(void **state)
{
	(void)state;
	refuses("sources: {s: {type: generate}, t: {type: generate}}\n"
		"sinks: {o: {type: 'null', inputs: [s]}}",
		"dir/f.yaml:1:32: nothing reads source 't' (add it to somebody's inputs, or remove "
		"it)");
	refuses(SOURCE "stages: {f: {type: filter, inputs: [s]}}\n"
		       "sinks: {o: {type: 'null', inputs: [s]}}",
		"dir/f.yaml:2:10: nothing reads stage 'f' (add it to somebody's inputs, or remove "
		"it)");
}

static void cycles_are_named_in_the_direction_records_would_flow(void **state)
{
	(void)state;
	refuses(SOURCE "stages:\n"
		       "  a: {type: filter, inputs: [s, c]}\n"
		       "  b: {type: filter, inputs: [a]}\n"
		       "  c: {type: filter, inputs: [b]}\n"
		       "sinks: {o: {type: 'null', inputs: [c]}}",
		"dir/f.yaml:3:3: the inputs go in a circle: 'a' -> 'b' -> 'c' -> 'a'");
	refuses(SOURCE "stages: {a: {type: filter, inputs: [a]}}\n"
		       "sinks: {o: {type: 'null', inputs: [s]}}",
		"dir/f.yaml:2:10: the inputs go in a circle: 'a' -> 'a'");
}

static void variables_are_replaced_in_values_only(void **state)
{
	const struct config *config;
	const struct yaml_node *map;

	(void)state;
	setenv("TEST_CONFIG_A", "one: [two]", 1);
	setenv("TEST_CONFIG_EMPTY", "", 1);
	unsetenv("TEST_CONFIG_NONE");
	config = read_config("sources:\n"
			     "  s:\n"
			     "    type: generate\n"
			     "    a: ${TEST_CONFIG_A}\n"
			     "    b: x${TEST_CONFIG_NONE:-y}z${TEST_CONFIG_EMPTY:-}\n"
			     "    c: $$${TEST_CONFIG_NONE:-$}$ $${no}\n"
			     "    ${TEST_CONFIG_A}: d\n"
			     "    e: ['${TEST_CONFIG_EMPTY:-e}']\n"
			     "sinks: {o: {type: 'null', inputs: ['${TEST_CONFIG_NONE:-s}']}}\n");
	map = config->nodes[0].map;
	assert_string_equal(yaml_find(map, "a")->text, "one: [two]");
	assert_string_equal(yaml_describe(yaml_find(map, "a")), "'one: [two]'");
	assert_string_equal(yaml_find(map, "b")->text, "xyz");
	assert_string_equal(yaml_find(map, "c")->text, "$$$ ${no}");
	assert_non_null(yaml_find(map, "${TEST_CONFIG_A}"));
	assert_string_equal(yaml_find(map, "e")->items[0].text, "e");
	assert_string_equal(inputs(config, "o"), "s");
}

static void variables_that_are_missing_or_misspelt_are_errors(void **state)
{
	(void)state;
	unsetenv("TEST_CONFIG_NONE");
	refuses("a: ${TEST_CONFIG_NONE}",
		"dir/f.yaml:1:4: variable 'TEST_CONFIG_NONE' is not set (set it, or write "
		"'${TEST_CONFIG_NONE:-default}')");
	refuses("a: ${TEST_CONFIG_NONE:?say where the broker is}",
		"dir/f.yaml:1:4: variable 'TEST_CONFIG_NONE' is not set: say where the broker is");
	refuses("a: ${TEST", "dir/f.yaml:1:4: '${' without '}' (write '$${' for the text itself)");
	refuses("a: ${}", "dir/f.yaml:1:4: '${}' does not name a variable (write '$${' for the "
			  "text itself)");
	refuses("a: ${A-b}",
		"dir/f.yaml:1:4: '${A-b}' is neither ${NAME}, ${NAME:-text} nor ${NAME:?text}");
}

static void variables_cannot_blow_a_file_up(void **state)
{
	enum { VALUE = 64 << 10, TIMES = (YAML_MAX_BYTES / VALUE) + 1 };
	char *value = malloc(VALUE + 1);
	const char *text = "a: ";

	(void)state;
	assert_non_null(value);
	memset(value, 'x', VALUE);
	value[VALUE] = '\0';
	setenv("TEST_CONFIG_BIG", value, 1);
	free(value);
	for (int i = 0; i < TIMES; i++)
		text = arena_printf(&arena, "%s${TEST_CONFIG_BIG}", text);
	refuses(text, "dir/f.yaml:1:4: the variables make it too long");
	unsetenv("TEST_CONFIG_BIG");
}

static void the_number_of_nodes_is_limited(void **state)
{
	const char *text = "sources:\n";

	(void)state;
	for (int i = 0; i <= CONFIG_MAX_NODES; i++)
		text = arena_printf(&arena, "%s  s%d: {type: generate}\n", text, i);
	refuses(arena_printf(&arena, "%ssinks: {o: {type: 'null', inputs: ['*']}}", text),
		"dir/f.yaml:258:3: more than 256 nodes");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_config_keeps_types_places_and_paths, teardown),
		cmocka_unit_test_teardown(stages_are_ordered_so_that_inputs_come_first, teardown),
		cmocka_unit_test_teardown(transforms_is_another_name_for_stages, teardown),
		cmocka_unit_test_teardown(globs_and_ports_are_inputs, teardown),
		cmocka_unit_test_teardown(sections_are_checked, teardown),
		cmocka_unit_test_teardown(ids_are_checked, teardown),
		cmocka_unit_test_teardown(types_are_checked, teardown),
		cmocka_unit_test_teardown(inputs_are_checked, teardown),
		cmocka_unit_test_teardown(what_nothing_reads_is_an_error, teardown),
		cmocka_unit_test_teardown(cycles_are_named_in_the_direction_records_would_flow,
					  teardown),
		cmocka_unit_test_teardown(variables_are_replaced_in_values_only, teardown),
		cmocka_unit_test_teardown(variables_that_are_missing_or_misspelt_are_errors,
					  teardown),
		cmocka_unit_test_teardown(variables_cannot_blow_a_file_up, teardown),
		cmocka_unit_test_teardown(the_number_of_nodes_is_limited, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
