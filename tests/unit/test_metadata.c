/* SPDX-License-Identifier: Apache-2.0 */
/* The metadata file of a gadget. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
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

/* What the message is, with its place. */
static const char *message(void)
{
	static char text[1200];

	return error_format(&error, text, sizeof(text));
}

static void assert_refused(const char *text, const char *why)
{
	assert_null(parse(text));
	if (!strstr(message(), why))
		fail_msg("expected '%s' in '%s'", why, message());
}

static const char *annotation(const struct metadata *md, const char *field, const char *key)
{
	const struct yaml_node *node = metadata_annotation(md, "open", field, key);

	return node && node->kind == YAML_SCALAR ? node->text : NULL;
}

static void maps_that_are_said_in_parts_are_one(void **state)
{
	const struct metadata *md = parse("datasources.open.fields.pid.annotations.description: a\n"
					  "dataSources:\n"
					  "  open.annotations: { cli.x: 1 }\n"
					  "  open:\n"
					  "    fields.pid: { annotations: { template: pid } }\n");

	(void)state;
	assert_non_null(md);
	assert_string_equal(annotation(md, "pid", "description"), "a");
	assert_string_equal(annotation(md, "pid", "template"), "pid");
	assert_string_equal(annotation(md, NULL, "cli.x"), "1");
}

static void what_is_said_twice_is_refused_with_both_places(void **state)
{
	(void)state;
	assert_refused("Name: a\nname: b\n",
		       "gadget.yaml:2:1: 'name' and 'Name' (line 1) are the same key");
	assert_refused("operator:\n  ebpf: { x: 1 }\n  ebpf.x: 2\n",
		       "gadget.yaml:3:3: 'ebpf.x' is said twice (gadget.yaml:2:11)");
	assert_refused("a:\n  - { B: 1, b: 2 }\n", "gadget.yaml:2:13: 'b' and 'B'");
}

static void scalars_are_their_text(void **state)
{
	const struct metadata *md =
		parse("name: 12\ndescription: true\nhomepageURL: ~\n"
		      "datasources: { open: { annotations: { x: 1.50, y: no } } }\n");

	(void)state;
	assert_string_equal(md->name, "12");
	assert_string_equal(md->description, "true");
	assert_null(md->homepage);
	assert_string_equal(annotation(md, NULL, "x"), "1.50");
	assert_string_equal(annotation(md, NULL, "y"), "no");
}

static void a_definition_file_of_2023_is_read_as_today(void **state)
{
	const struct metadata *md =
		parse("documentation: long\n"
		      "columns:\n"
		      "  - { name: pid, template: pid, min_width: 9, visible: true }\n"
		      "  - { name: proc.comm, max_width: 8, visible: false, order: 3 }\n"
		      "ebpf_params:\n"
		      "  - { key: uid, description: who, var: targ_uid, defaultValue: 7 }\n");
	struct metadata_param param;

	(void)state;
	assert_non_null(md);
	assert_string_equal(md->documentation, "long");
	assert_string_equal(annotation(md, "pid", "template"), "pid");
	assert_string_equal(annotation(md, "pid", "columns.minwidth"), "9");
	assert_string_equal(annotation(md, "pid", "columns.hidden"), "false");
	assert_string_equal(annotation(md, "proc.comm", "columns.hidden"), "true");
	assert_string_equal(annotation(md, "proc.comm", "columns.order"), "3");
	assert_true(metadata_param(md, "targ_uid", &param));
	assert_string_equal(param.key->text, "uid");
	assert_string_equal(param.default_value->text, "7");
	assert_string_equal(param.description->text, "who");
	assert_int_equal(param.pos.line, 6);
	assert_false(metadata_param(md, "targ_gid", &param));
}

static void structs_of_2024_are_fields_of_the_tracers_that_name_them(void **state)
{
	const struct metadata *md =
		parse("tracers:\n"
		      "  open: { mapName: events, structName: event }\n"
		      "structs:\n"
		      "  event:\n"
		      "    fields:\n"
		      "      - name: fd\n"
		      "        description: descriptor\n"
		      "        attributes: { minWidth: 2, hidden: true }\n"
		      "      - name: pid\n"
		      "        attributes: { width: 5 }\n"
		      "datasources:\n"
		      "  open: { fields: { pid: { annotations: { columns.width: 6 } } } }\n");

	(void)state;
	assert_non_null(md);
	assert_string_equal(annotation(md, "fd", "description"), "descriptor");
	assert_string_equal(annotation(md, "fd", "columns.minwidth"), "2");
	assert_string_equal(annotation(md, "fd", "columns.hidden"), "true");
	assert_string_equal(annotation(md, "pid", "columns.width"), "6");
}

static void parameters_are_found_in_both_places(void **state)
{
	const struct metadata *md = parse("params: { ebpf: { targ_pid: { key: pid } } }\n"
					  "ebpfParams:\n"
					  "  targ_pid: { key: old }\n"
					  "  TARG_uid: { key: uid, defaultValue: [1] }\n"
					  "paramDefaults: { operator.oci.ebpf.PID: 5 }\n"
					  "programs:\n"
					  "  enter: { attach_to: here }\n"
					  "  profiler: { perf: { type: hardware } }\n");
	struct metadata_param param;

	(void)state;
	assert_true(metadata_param(md, "targ_pid", &param));
	assert_string_equal(param.key->text, "pid");
	assert_null(param.default_value);
	assert_true(metadata_param(md, "targ_uid", &param));
	assert_string_equal(param.key->text, "uid");
	assert_null(param.default_value);
	assert_string_equal(metadata_param_default(md, "operator.oci.ebpf.pid")->text, "5");
	assert_null(metadata_param_default(md, "operator.oci.ebpf.tid"));
	assert_string_equal(metadata_program(md, "enter", "attach_to")->text, "here");
	assert_string_equal(metadata_program(md, "profiler", "perf.type")->text, "hardware");
	assert_null(metadata_program(md, "leave", "attach_to"));
	assert_null(metadata_program(NULL, "enter", "attach_to"));
}

static const char custom[] =
	"name: top\n"
	"operator: { process: { interval: 3s, unit: ms } }\n"
	"params:\n"
	"  custom:\n"
	"    interval:\n"
	"      description: how often\n"
	"      defaultValue: 2s\n"
	"      patch:\n"
	"        operator.process.interval: '{{call .getParamValue \"custom.interval\"}}'\n"
	"        operator.process.list: ['a{{ getConfig \"operator.process.unit\" }}b']\n"
	"    mode:\n"
	"      values:\n"
	"        fast: { patch: { name: quick, extra: { x: 1 } } }\n"
	"        slow: {}\n";

static const struct metadata *with(const struct metadata *md, const char *name, const char *value)
{
	const struct metadata_setting setting = { name, value };
	const struct metadata *patched = NULL;

	error = (struct error)ERROR_INIT;
	if (metadata_with_custom(&arena, md, &setting, name ? 1 : 0, &patched, &error) < 0)
		return NULL;
	return patched;
}

static void a_custom_parameter_patches_a_copy(void **state)
{
	const struct metadata *md = parse(custom), *patched;
	const struct metadata_custom *customs;

	(void)state;
	assert_non_null(md);
	assert_int_equal(metadata_customs(&arena, md, &customs), 2);
	assert_string_equal(customs[0].key, "interval");
	assert_string_equal(customs[0].default_value->text, "2s");
	assert_string_equal(customs[1].key, "mode");
	patched = with(md, "custom.interval", "9s");
	assert_non_null(patched);
	assert_string_equal(metadata_text(patched->root, "operator.process.interval"), "9s");
	assert_string_equal(metadata_find(patched->root, "operator.process.list")->items[0].text,
			    "amsb");
	assert_string_equal(metadata_text(patched->root, "operator.process.unit"), "ms");
	assert_string_equal(metadata_text(md->root, "operator.process.interval"), "3s");
	assert_null(metadata_find(md->root, "operator.process.list"));
}

static void a_custom_parameter_that_is_not_set_has_its_default(void **state)
{
	const struct metadata *md = parse(custom), *patched = with(md, NULL, NULL);

	(void)state;
	assert_non_null(patched);
	assert_string_equal(metadata_text(patched->root, "operator.process.interval"), "2s");
	assert_string_equal(patched->name, "top");
}

static void a_value_chooses_its_patch(void **state)
{
	const struct metadata *md = parse(custom), *patched = with(md, "custom.mode", "fast");

	(void)state;
	assert_non_null(patched);
	assert_string_equal(patched->name, "quick");
	assert_string_equal(metadata_text(patched->root, "extra.x"), "1");
	patched = with(md, "custom.mode", "slow");
	assert_non_null(patched);
	assert_string_equal(patched->name, "top");
	assert_null(with(md, "custom.mode", "fost"));
	assert_non_null(strstr(message(), "gadget.yaml:12:7: parameter 'custom.mode' has no value "
					  "'fost' (did you mean 'fast'?)"));
}

static void a_patch_replaces_maps_by_texts_and_back(void **state)
{
	const struct metadata *md =
		parse("a: { b: 1 }\nc: 2\n"
		      "params.custom.p: { defaultValue: x, patch: { a: 3, c.d: 4 } }\n");
	const struct metadata *patched = with(md, NULL, NULL);

	(void)state;
	assert_non_null(patched);
	assert_string_equal(metadata_text(patched->root, "a"), "3");
	assert_null(metadata_find(patched->root, "a.b"));
	assert_string_equal(metadata_text(patched->root, "c.d"), "4");
}

static void a_parameter_of_somebody_else_that_is_not_set_is_empty(void **state)
{
	const struct metadata *md = parse("params.custom.p: { defaultValue: v, patch: { x: "
					  "'{{getParamValue \"operator.oci.ebpf.pid\"}}' } }\n");
	const struct metadata *patched = with(md, NULL, NULL);

	(void)state;
	assert_non_null(patched);
	assert_string_equal(metadata_text(patched->root, "x"), "");
	patched = with(md, "operator.oci.ebpf.pid", "12");
	assert_string_equal(metadata_text(patched->root, "x"), "12");
}

static void assert_patch_refused(const char *patch, const char *why)
{
	char text[512];
	const struct metadata *md;

	(void)snprintf(text, sizeof(text),
		       "params:\n  custom:\n    p:\n      defaultValue: v\n"
		       "      patch:\n        %s\n",
		       patch);
	md = parse(text);
	assert_non_null(md);
	assert_null(with(md, NULL, NULL));
	if (!strstr(message(), why))
		fail_msg("expected '%s' in '%s'", why, message());
}

static void a_patch_that_cannot_be_is_refused_with_its_place(void **state)
{
	(void)state;
	assert_patch_refused("x: 'ab{{ printf \"x\" }}'", "gadget.yaml:6:15: no function 'printf'");
	assert_patch_refused("x: '{{ .a }}'", "gadget.yaml:6:13: between {{ and }} stands only");
	assert_patch_refused("x: '{{ getConfig \"a\" '", "between {{ and }} stands only");
	assert_patch_refused("x: '{{ getConfig \"a\" | quote }}'", "between {{ and }} stands only");
	assert_patch_refused("x: '{{ getConfig a }}'", "between {{ and }} stands only");
	assert_patch_refused("x: '{{getConfig \"nope\"}}'", "6:13: the metadata has no 'nope'");
	assert_patch_refused("x: '{{getConfig \"params.custom\"}}'", "is a map, not a text");
	assert_patch_refused("x: '{{getParamValue \"custom.q\"}}'",
			     "no parameter 'custom.q' (did you mean 'custom.p'?)");
	assert_patch_refused("params.custom.p.alias: z",
			     "gadget.yaml:6:9: a patch cannot change params.custom");
}

static void filled_in_texts_have_a_limit(void **state)
{
	char value[3000];
	const struct metadata *md = parse("params.custom.p:\n"
					  "  patch: { x: '{{getParamValue \"custom.p\"}}"
					  "{{getParamValue \"custom.p\"}}' }\n");

	(void)state;
	memset(value, 'a', sizeof(value));
	value[sizeof(value) - 1] = 0;
	assert_non_null(md);
	assert_null(with(md, "custom.p", value));
	assert_non_null(strstr(message(), "longer than 4096 bytes"));
}

/* n copies of a piece between two others. */
static char *repeated(const char *before, const char *piece, size_t n, const char *after)
{
	size_t len = strlen(piece), at = strlen(before);
	char *text = arena_alloc(&arena, at + n * len + strlen(after) + 1);

	memcpy(text, before, at);
	for (size_t i = 0; i < n; i++, at += len)
		memcpy(text + at, piece, len);
	memcpy(text + at, after, strlen(after));
	return text;
}

static void hostile_documents_meet_limits(void **state)
{
	(void)state;
	assert_refused(repeated("", "a.", 100, "b: 1\n"), "nested deeper than 64 levels");
	assert_refused(repeated("a: [", "1, ", 5000, "1]\n"), "more than 4096 values in one place");
	assert_refused(repeated("a: [", repeated("[", "1, ", 4000, "1],"), 6, "1]\n"),
		       "more than 20000 values");
	assert_refused("\"a\\ta\": 1\n\"A\\ta\": 2\n", "'A\\x09a' and 'a\\x09a'");
	assert_refused("name: \xff\n", "gadget.yaml:1:7:");
	assert_non_null(parse("'..': 1\n'.a': 2\n'a.': 3\n'a..b': 4\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(dotted_and_nested_keys_are_the_same, release),
		cmocka_unit_test_teardown(a_document_that_is_no_map_is_refused, release),
		cmocka_unit_test_teardown(maps_that_are_said_in_parts_are_one, release),
		cmocka_unit_test_teardown(what_is_said_twice_is_refused_with_both_places, release),
		cmocka_unit_test_teardown(scalars_are_their_text, release),
		cmocka_unit_test_teardown(a_definition_file_of_2023_is_read_as_today, release),
		cmocka_unit_test_teardown(structs_of_2024_are_fields_of_the_tracers_that_name_them,
					  release),
		cmocka_unit_test_teardown(parameters_are_found_in_both_places, release),
		cmocka_unit_test_teardown(a_custom_parameter_patches_a_copy, release),
		cmocka_unit_test_teardown(a_custom_parameter_that_is_not_set_has_its_default,
					  release),
		cmocka_unit_test_teardown(a_value_chooses_its_patch, release),
		cmocka_unit_test_teardown(a_patch_replaces_maps_by_texts_and_back, release),
		cmocka_unit_test_teardown(a_parameter_of_somebody_else_that_is_not_set_is_empty,
					  release),
		cmocka_unit_test_teardown(a_patch_that_cannot_be_is_refused_with_its_place,
					  release),
		cmocka_unit_test_teardown(filled_in_texts_have_a_limit, release),
		cmocka_unit_test_teardown(hostile_documents_meet_limits, release),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
