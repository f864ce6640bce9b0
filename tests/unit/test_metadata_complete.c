/* SPDX-License-Identifier: Apache-2.0 */
#include "gadget/metadata_complete.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gadget/metadata.h"
#include "gadget/metadata_check.h"

static const struct notes described = { .description = "by its type" };

/* A data source of three fields, one of which needs no words, and two parameters. */
static struct field fields[] = {
	{ .name = "time", .notes = &described },
	{ .name = "no" },
	{ .name = "proc.size_raw" },
	{ .name = "proc.size" },
	{ .name = "secret", .flags = FIELD_HIDDEN },
};

static struct model_source sources[] = {
	{ .name = "small", .fields = fields, .nfields = 5 },
};

static struct model_param params[] = {
	{ .key = "least", .variable = "targ_least", .kind = PARAM_UINT, .initial = "0" },
	{ .key = "say",
	  .variable = "say",
	  .kind = PARAM_TEXT,
	  .initial = "a \"b\"\\\n",
	  .description = "Known" },
	{ .key = "picked", .kind = PARAM_CHOICE, .initial = "x" },
};

struct result {
	struct arena arena;
	struct error err;
	int r;
	uint32_t nadded;
	const char *text;
};

static void complete(struct result *res, const char *text)
{
	struct model model = {
		.name = "mine", .sources = sources, .nsources = 1, .params = params, .nparams = 3
	};
	struct str in = { .at = text, .len = text ? strlen(text) : 0 }, out;

	*res = (struct result){ 0 };
	if (text)
		assert_int_equal(metadata_parse(&res->arena, "gadget.yaml", text, in.len,
						&model.metadata, &res->err),
				 0);
	res->r = metadata_complete(&res->arena, "gadget.yaml", in, &model, &out, &res->nadded,
				   &res->err);
	res->text = arena_strndup(&res->arena, out.at, out.len);
}

/* What comes out is complete: a second time adds nothing, and it fits the gadget. */
static void check_result(const struct result *res)
{
	struct model model = {
		.name = "mine", .sources = sources, .nsources = 1, .params = params, .nparams = 3
	};
	const struct metadata_finding *findings;
	struct arena arena = ARENA_INIT;
	struct error err = ERROR_INIT;
	struct str out;
	uint32_t n;

	assert_int_equal(
		metadata_parse(&arena, "x", res->text, strlen(res->text), &model.metadata, &err),
		0);
	assert_int_equal(metadata_check(&arena, &model, true, &findings), 0);
	assert_int_equal(metadata_complete(&arena, "x",
					   (struct str){ res->text, strlen(res->text) }, &model,
					   &out, &n, &err),
			 0);
	assert_int_equal(n, 0);
	assert_string_equal(out.at, res->text);
	arena_release(&arena);
}

static void becomes(const char *text, const char *expected)
{
	struct result res;

	complete(&res, text);
	if (res.r < 0)
		fail_msg("refused: %s", res.err.text);
	assert_string_equal(res.text, expected);
	check_result(&res);
	arena_release(&res.arena);
}

#define TEXT(name) "\n" name "  annotations:\n" name "    description: \"(to be described)\"\n"
#define PARAM(in)                                                                        \
	in "targ_least:\n" in "  key: \"least\"\n" in "  defaultValue: \"0\"\n" in       \
	   "  description: \"(to be described)\"\n" in "say:\n" in "  key: \"say\"\n" in \
	   "  defaultValue: \"a \\\"b\\\"\\\\\\x0a\"\n" in "  description: \"Known\"\n"
#define PARAMS "params:\n  ebpf:\n" PARAM("    ")
#define NO     "      \"no\":" TEXT("      ")
#define SIZE   "      proc.size_raw:" TEXT("      ")

static void a_new_file_has_everything(void **state)
{
	(void)state;
	becomes(NULL, "name: \"mine\"\ndescription: \"(to be described)\"\n"
		      "datasources:\n  small:\n    fields:\n" NO SIZE PARAMS);
	becomes("", "datasources:\n  small:\n    fields:\n" NO SIZE PARAMS);
	becomes("# mine", "# mine\ndatasources:\n  small:\n    fields:\n" NO SIZE PARAMS);
}

static void what_is_there_stays(void **state)
{
	(void)state;
	becomes("name: x # why\n"
		"datasources:\n"
		"  small: # the only one\n"
		"    fields:\n"
		"      'no':\n"
		"        annotations: {description: yes}\n"
		"# comments anywhere\n"
		"        tags: [a]\n"
		"\n"
		"    # of the source\n"
		"    annotations:\n"
		"      x: |\n"
		"        # no comment\n"
		"\n"
		"# the rest\n"
		"params:\n"
		"  ebpf:\n"
		"    say: {key: say}\n",
		"name: x # why\n"
		"datasources:\n"
		"  small: # the only one\n"
		"    fields:\n"
		"      'no':\n"
		"        annotations: {description: yes}\n"
		"# comments anywhere\n"
		"        tags: [a]\n" SIZE "\n"
		"    # of the source\n"
		"    annotations:\n"
		"      x: |\n"
		"        # no comment\n"
		"\n"
		"# the rest\n"
		"params:\n"
		"  ebpf:\n"
		"    say: {key: say}\n"
		"    targ_least:\n"
		"      key: \"least\"\n"
		"      defaultValue: \"0\"\n"
		"      description: \"(to be described)\"\n");
}

static void other_indents_are_followed(void **state)
{
	(void)state;
	becomes("params:\n    ebpf:\n        targ_least: {key: a}\n        say: {key: b}\n"
		"datasources:\n    small:\n        fields:\n            no: {}\n",
		"params:\n    ebpf:\n        targ_least: {key: a}\n        say: {key: b}\n"
		"datasources:\n    small:\n        fields:\n            no: {}\n"
		"            proc.size_raw:" TEXT("            "));
}

static void keys_without_values_get_them(void **state)
{
	(void)state;
	becomes("datasources:\nparams: # none yet\n",
		"datasources:\n  small:\n    fields:\n" NO SIZE
		"params: # none yet\n  ebpf:\n" PARAM("    "));
	becomes("datasources:\n  small:\n    fields:",
		"datasources:\n  small:\n    fields:\n" NO SIZE PARAMS);
}

static void the_older_place_of_parameters_is_used(void **state)
{
	(void)state;
	becomes("ebpfParams:\n  targ_least:\n    key: x\n"
		"datasources:\n  small:\n    fields:\n      no: {}\n      proc.size_raw: {}\n",
		"ebpfParams:\n  targ_least:\n    key: x\n"
		"  say:\n    key: \"say\"\n    defaultValue: \"a \\\"b\\\"\\\\\\x0a\"\n"
		"    description: \"Known\"\n"
		"datasources:\n  small:\n    fields:\n      no: {}\n      proc.size_raw: {}\n");
}

static void the_end_of_the_document_is_found(void **state)
{
	(void)state;
	becomes("---\nname: x\n...\n",
		"---\nname: x\ndatasources:\n  small:\n    fields:\n" NO SIZE PARAMS "...\n");
}

static void refuses(const char *text, const char *words)
{
	struct result res;

	complete(&res, text);
	assert_int_equal(res.r, -EINVAL);
	if (!strstr(res.err.text, words))
		fail_msg("'%s' lacks '%s'", res.err.text, words);
	/* what to add by hand */
	assert_non_null(strstr(res.text, "datasources:\n  small:\n    fields:\n"));
	arena_release(&res.arena);
}

static void what_cannot_be_added_to_is_refused_with_what_to_add(void **state)
{
	(void)state;
	refuses("{name: x}\n", "cannot be added to");
	refuses("datasources: {small: {fields: {no: {}}}}\n", "cannot be added to");
	refuses("datasources: {}\n", "cannot be added to");
	refuses("tracers:\n  small:\n    structName: event\n", "older format");
	refuses("columns:\n  x:\n    width: 3\n", "older format");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_file_has_everything),
		cmocka_unit_test(what_is_there_stays),
		cmocka_unit_test(other_indents_are_followed),
		cmocka_unit_test(keys_without_values_get_them),
		cmocka_unit_test(the_older_place_of_parameters_is_used),
		cmocka_unit_test(the_end_of_the_document_is_found),
		cmocka_unit_test(what_cannot_be_added_to_is_refused_with_what_to_add),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
