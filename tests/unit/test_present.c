/* SPDX-License-Identifier: Apache-2.0 */
/* Metadata applied to a gadget's fields, and held against them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "gadget/metadata.h"
#include "gadget/metadata_check.h"
#include "gadget/present.h"
#include "gadget/templates.h"

static struct arena arena;
static struct error error;
static struct model model;

static int release(void **state)
{
	(void)state;
	arena_release(&arena);
	return 0;
}

static void add_field(const char *name, enum type type, enum layout layout, uint32_t size,
		      const char *template)
{
	struct model_source *s = &model.sources[0];
	const struct notes_template *t = template ? notes_template(template) : NULL;

	s->fields[s->nfields++] = (struct field){
		.name = name,
		.type = (uint8_t)type,
		.layout = (uint8_t)layout,
		.size = size,
		.flags = t ? t->flags : 0,
		.notes = t ? &t->notes : NULL,
	};
}

/* A gadget with a data source `open`, a parameter and a program. */
static void make_model(const char *text)
{
	static struct model_program program = { .name = "enter", .section = "perf_event/prof" };
	static struct model_param params[] = { { .key = "custom" }, /* of no variable */
					       { .key = "pid", .variable = "targ_pid" } };
	static struct model_skipped skipped = { "ptr", "a pointer" };

	error = (struct error)ERROR_INIT;
	model = (struct model){ .name = "x", .nsources = 1, .nprograms = 1, .nparams = 2 };
	model.sources = arena_array(&arena, MODEL_MAX_SOURCES, sizeof(*model.sources));
	model.programs = &program;
	model.params = params;
	model.sources[0].name = "open";
	model.sources[0].skipped = &skipped;
	model.sources[0].nskipped = 1;
	model.sources[0].fields =
		arena_array(&arena, MODEL_MAX_FIELDS, sizeof(*model.sources[0].fields));
	add_field("timestamp", TYPE_TIME, LAYOUT_BOOT, 8, "timestamp");
	add_field("proc.comm", TYPE_STRING, LAYOUT_CHARS, 16, "comm");
	add_field("proc.pid", TYPE_UINT, LAYOUT_U32, 4, "pid");
	add_field("ret", TYPE_INT, LAYOUT_S64, 8, NULL);
	add_field("load", TYPE_FLOAT, LAYOUT_F64, 8, NULL);
	add_field("fname", TYPE_STRING, LAYOUT_CHARS, 255, NULL);
	if (metadata_parse(&arena, "gadget.yaml", text, strlen(text), &model.metadata, &error) < 0)
		fail_msg("%s", error.text);
}

/* Annotations of a field. */
static int apply(const char *field, const char *annotations)
{
	char text[1024];

	(void)snprintf(text, sizeof(text),
		       "datasources:\n  open:\n    fields:\n      %s:\n        annotations:\n"
		       "          %s\n",
		       field, annotations);
	make_model(text);
	return present_apply(&arena, &model, &error);
}

static const struct field *field_named(const char *name)
{
	for (uint32_t i = 0; i < model.sources[0].nfields; i++)
		if (!strcmp(model.sources[0].fields[i].name, name))
			return &model.sources[0].fields[i];
	fail_msg("no field '%s'", name);
	return NULL;
}

static const char *message(void)
{
	static char text[1200];

	return error_format(&error, text, sizeof(text));
}

static void assert_bad(const char *field, const char *annotations, const char *why)
{
	assert_int_equal(apply(field, annotations), -EINVAL);
	if (!strstr(message(), why))
		fail_msg("expected '%s' in '%s'", why, message());
}

static void annotations_win_over_templates_and_those_over_types(void **state)
{
	const struct field *f;

	(void)state;
	assert_int_equal(apply("proc.pid", "{ description: Who, columns.alignment: left }"), 0);
	f = field_named("proc.pid");
	assert_string_equal(f->notes->description, "Who");
	assert_int_equal(f->notes->min_width, 7);
	assert_int_equal(f->notes->align, ALIGN_LEFT);
	assert_int_equal(apply("ret", "{ template: PID, columns.width: 12 }"), 0);
	f = field_named("ret");
	assert_string_equal(f->notes->description, "Process");
	assert_int_equal(f->notes->min_width, 7);
	assert_int_equal(f->notes->width, 12);
	assert_int_equal(f->notes->align, ALIGN_RIGHT);
	assert_int_equal(apply("proc.pid", "template: comm"), 0);
	f = field_named("proc.pid");
	assert_string_equal(f->notes->description, "Command name");
	assert_int_equal(f->notes->max_width, 16);
	assert_int_equal(f->notes->min_width, 7);
}

static void what_is_made_from_a_field_has_its_description(void **state)
{
	(void)state;
	make_model("datasources.open.fields:\n"
		   "  ret_raw: { annotations: { description: a } }\n"
		   "  load_raw: { annotations: { description: b } }\n"
		   "  load: { annotations: { description: c } }\n");
	add_field("ret_raw", TYPE_INT, LAYOUT_S64, 8, NULL);
	add_field("load_raw", TYPE_FLOAT, LAYOUT_F64, 8, NULL);
	assert_int_equal(present_apply(&arena, &model, &error), 0);
	assert_string_equal(field_named("ret")->notes->description, "a");
	assert_string_equal(field_named("load")->notes->description, "c");
	assert_null(field_named("fname")->notes);
}

static void an_address_is_shown_as_its_struct_is_annotated(void **state)
{
	(void)state;
	make_model(
		"datasources.open.fields:\n"
		"  src: { annotations: { description: from, columns: { width: 30, alias: S } } }\n"
		"  src.endpoint: { annotations: { columns.width: 31 } }\n"
		"  dns: { annotations: { columns.hidden: true, template: l3endpoint } }\n");
	add_field("src.endpoint", TYPE_ENDPOINT, LAYOUT_L4, 21, "l4endpoint");
	add_field("src.addr", TYPE_IP, LAYOUT_L3, 17, NULL);
	add_field("dns.addr", TYPE_IP, LAYOUT_L3, 17, NULL);
	assert_int_equal(present_apply(&arena, &model, &error), 0);
	assert_string_equal(field_named("src.endpoint")->notes->description, "from");
	assert_string_equal(field_named("src.endpoint")->notes->alias, "S");
	assert_int_equal(field_named("src.endpoint")->notes->width, 31);
	assert_null(field_named("src.addr")->notes);
	assert_int_equal(field_named("dns.addr")->flags, FIELD_QUIET);
	assert_string_equal(field_named("dns.addr")->notes->description, "Address");
}

static void a_struct_that_json_skips_is_skipped_whole(void **state)
{
	(void)state;
	assert_int_equal(apply("proc", "json.skip: true"), 0);
	assert_int_equal(field_named("proc.pid")->flags, FIELD_COLUMN);
	assert_int_equal(field_named("proc.comm")->flags, FIELD_COLUMN);
	assert_int_equal(field_named("fname")->flags, 0);
	make_model("datasources.open.fields:\n"
		   "  proc: { annotations: { json.skip: true } }\n"
		   "  proc.pid: { annotations: { json.skip: false } }\n");
	assert_int_equal(present_apply(&arena, &model, &error), 0);
	assert_int_equal(field_named("proc.pid")->flags, 0);
	assert_int_equal(field_named("proc.comm")->flags, FIELD_COLUMN);
}

static void every_annotation_has_its_effect(void **state)
{
	const struct notes *n;

	(void)state;
	assert_int_equal(apply("load",
			       "{ columns: { width: 9, minwidth: 3, maxwidth: 11, alignment: "
			       "RIGHT, ellipsis: middle, fixed: true, hex: 1, precision: 2, "
			       "alias: '%CPU' } }"),
			 0);
	n = field_named("load")->notes;
	assert_int_equal(n->width, 9);
	assert_int_equal(n->min_width, 3);
	assert_int_equal(n->max_width, 11);
	assert_int_equal(n->align, ALIGN_RIGHT);
	assert_int_equal(n->ellipsis, ELLIPSIS_MIDDLE);
	assert_true(n->is_fixed);
	assert_true(n->is_hex);
	assert_true(n->has_precision);
	assert_int_equal(n->precision, 2);
	assert_string_equal(n->alias, "%CPU");
	assert_int_equal(apply("load", "{ columns: { ellipsis: none, precision: -1 } }"), 0);
	assert_int_equal(field_named("load")->notes->ellipsis, ELLIPSIS_NONE);
	assert_false(field_named("load")->notes->has_precision);
}

static void hidden_fields_stay_in_json_and_skipped_ones_in_columns(void **state)
{
	(void)state;
	assert_int_equal(apply("fname", "columns.hidden: \"true\""), 0);
	assert_int_equal(field_named("fname")->flags, FIELD_QUIET);
	assert_int_equal(apply("timestamp", "columns.hidden: false"), 0);
	assert_int_equal(field_named("timestamp")->flags, 0);
	assert_int_equal(apply("fname", "json.skip: true"), 0);
	assert_int_equal(field_named("fname")->flags, FIELD_COLUMN);
	assert_int_equal(apply("fname", "{ json.skip: true, columns.hidden: true }"), 0);
	assert_true(field_named("fname")->flags & FIELD_HIDDEN);
	assert_int_equal(apply("fname", "template: timestamp"), 0);
	assert_int_equal(field_named("fname")->flags, FIELD_QUIET);
}

static void a_width_of_its_type_holds_the_longest_number(void **state)
{
	static const struct {
		uint8_t type, layout, size, bits;
		unsigned cells;
	} cases[] = {
		{ TYPE_UINT, LAYOUT_U8, 1, 0, 3 },     { TYPE_INT, LAYOUT_S8, 1, 0, 4 },
		{ TYPE_UINT, LAYOUT_U16, 2, 0, 5 },    { TYPE_INT, LAYOUT_S16, 2, 0, 6 },
		{ TYPE_UINT, LAYOUT_U32, 4, 0, 10 },   { TYPE_INT, LAYOUT_S32, 4, 0, 11 },
		{ TYPE_UINT, LAYOUT_U64, 8, 0, 20 },   { TYPE_INT, LAYOUT_S64, 8, 0, 20 },
		{ TYPE_UINT, LAYOUT_U128, 16, 0, 39 }, { TYPE_INT, LAYOUT_S128, 16, 0, 40 },
		{ TYPE_UINT, LAYOUT_BITS, 1, 3, 1 },   { TYPE_UINT, LAYOUT_BITS, 1, 4, 2 },
		{ TYPE_UINT, LAYOUT_BITS, 8, 64, 20 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct field *f;

		make_model("datasources.open.fields.ret.annotations.columns.width: type\n");
		f = &model.sources[0].fields[3];
		f->type = cases[i].type;
		f->layout = cases[i].layout;
		f->size = cases[i].size;
		f->bits = cases[i].bits;
		assert_int_equal(present_apply(&arena, &model, &error), 0);
		assert_int_equal(f->notes->width, cases[i].cells);
	}
}

static void a_width_that_is_said_moves_the_templates_bounds(void **state)
{
	const struct notes *n;

	(void)state;
	assert_int_equal(apply("proc.pid", "columns.width: 4"), 0);
	n = field_named("proc.pid")->notes;
	assert_int_equal(n->width, 4);
	assert_int_equal(n->min_width, 4);
	assert_int_equal(apply("proc.comm", "columns.width: 20"), 0);
	assert_int_equal(field_named("proc.comm")->notes->max_width, 20);
	assert_int_equal(apply("proc.pid", "columns.maxwidth: 3"), 0);
	assert_int_equal(field_named("proc.pid")->notes->min_width, 3);
	assert_int_equal(apply("proc.comm", "columns.minwidth: 17"), 0);
	assert_int_equal(field_named("proc.comm")->notes->max_width, 17);
}

static void bad_values_are_errors_with_their_place(void **state)
{
	(void)state;
	assert_bad("ret", "columns.width: wide",
		   "gadget.yaml:6:26: field 'ret': columns.width must be a number of cells (at "
		   "most 1024) or 'type', not 'wide'");
	assert_bad("ret", "columns.width: 1025", "not '1025'");
	assert_bad("ret", "columns.width: -1", "not '-1'");
	assert_bad("ret", "columns.width: 99999999999999999999", "columns.width must be");
	assert_bad("ret", "columns.width: 1-1", "columns.width must be");
	assert_bad("ret", "columns.width: [1]", "not a list");
	assert_bad("fname", "columns.maxwidth: type", "for integers only (this is string)");
	assert_bad("ret", "{ columns.minwidth: 5, columns.maxwidth: 4 }",
		   "columns.minwidth 5 is more than columns.maxwidth 4");
	assert_bad("ret", "columns.alignment: center", "must be left or right, not 'center'");
	assert_bad("ret", "columns.ellipsis: left", "must be start, middle, end or none");
	assert_bad("ret", "columns.hidden: yes", "must be true or false, not 'yes'");
	assert_bad("ret", "json.skip: 2", "must be true or false");
	assert_bad("load", "columns.precision: 18", "digits from -1 to 17");
	assert_bad("ret", "columns.order: first", "columns.order must be a number");
	assert_bad("ret", "description: [a]", "description must be a text");
	assert_bad("ret", "columns.replace: fnam",
		   "data source 'open' has no field 'fnam' (did you mean 'fname'?)");
}

static const char *names(void)
{
	static char text[256];

	text[0] = 0;
	for (uint32_t i = 0; i < model.sources[0].nfields; i++) {
		size_t len = strlen(text);

		(void)snprintf(text + len, sizeof(text) - len, "%s%s", i ? " " : "",
			       model.sources[0].fields[i].name);
	}
	return text;
}

static void ordered_fields_come_first(void **state)
{
	(void)state;
	make_model("columns:\n"
		   "  - { name: fname, order: 2 }\n"
		   "  - { name: ret, order: -1 }\n"
		   "  - { name: proc.pid, order: 2, visible: false }\n");
	assert_int_equal(present_apply(&arena, &model, &error), 0);
	assert_string_equal(names(), "ret proc.pid fname timestamp proc.comm load");
	assert_int_equal(field_named("proc.pid")->flags, FIELD_QUIET);
}

static void a_replacement_takes_the_place_and_the_header(void **state)
{
	(void)state;
	assert_int_equal(apply("proc.pid", "columns.replace: fname"), 0);
	assert_string_equal(names(), "timestamp proc.comm proc.pid fname ret load");
	assert_int_equal(field_named("proc.pid")->flags, FIELD_QUIET);
	assert_string_equal(field_named("fname")->notes->alias, "proc.pid");
	assert_int_equal(apply("load", "{ columns: { replace: timestamp, alias: WHEN } }"), 0);
	assert_string_equal(names(), "proc.comm proc.pid ret load timestamp fname");
	assert_int_equal(field_named("timestamp")->flags, 0);
	assert_string_equal(field_named("timestamp")->notes->alias, "WHEN");
}

static void without_metadata_nothing_changes(void **state)
{
	(void)state;
	make_model("");
	model.metadata = NULL;
	assert_int_equal(present_apply(&arena, &model, &error), 0);
	assert_ptr_equal(field_named("proc.pid")->notes, &notes_template("pid")->notes);
	assert_null(field_named("ret")->notes);
}

/* ---- what fits nothing ---------------------------------------------------- */

static void assert_finding(const char *text, bool is_error, const char *says)
{
	const struct metadata_finding *findings;
	char found[1200];

	make_model(text);
	assert_int_equal(metadata_check(&arena, &model, true, &findings), 1);
	(void)snprintf(found, sizeof(found), "%u:%u: %s", findings[0].pos.line, findings[0].pos.col,
		       findings[0].text);
	if (strcmp(found, says) != 0)
		fail_msg("expected '%s', not '%s'", says, found);
	assert_int_equal(findings[0].is_error, is_error);
	assert_int_equal(metadata_check(&arena, &model, false, &findings), 1);
	assert_false(findings[0].is_error);
}

static void typos_are_found_with_what_was_meant(void **state)
{
	(void)state;
	assert_finding("nmae: x\n", true,
		       "1:1: unknown key 'nmae' of the metadata (did you mean 'name'?)");
	assert_finding("datasources: { opne: { fields: {} } }\n", true,
		       "1:16: the gadget has no data source 'opne' (did you mean 'open'?)");
	assert_finding("datasources: { open: { feilds: {} } }\n", true,
		       "1:24: unknown key 'feilds' of a data source (did you mean 'fields'?)");
	assert_finding(
		"datasources.open.fields:\n  proc.pdi: { annotations: { a: b } }\n", true,
		"2:3: data source 'open' has no field 'proc.pdi' (did you mean 'proc.pid'?)");
	assert_finding(
		"datasources.open.fields.ret: { anotations: x }\n", true,
		"1:32: unknown key 'anotations' of field 'ret' (did you mean 'annotations'?)");
	assert_finding("datasources.open.fields.ret.annotations: { columns.with: 3 }\n", true,
		       "1:44: unknown key 'with' of columns (did you mean 'width'?)");
	assert_finding("datasources.open.fields.ret.annotations: { templte: pid }\n", true,
		       "1:44: annotation 'templte' is not used (did you mean 'template'?)");
	assert_finding("datasources.open.fields.ret.annotations: { template: pidd }\n", true,
		       "1:54: no template 'pidd' (did you mean 'pid'?)");
	assert_finding("params.ebpf.targ_pdi: { key: pid }\n", true,
		       "1:1: the gadget has no parameter 'targ_pdi' (did you mean 'targ_pid'?)");
	assert_finding("params.ebpf.targ_pid: { key: '' }\n", true,
		       "1:30: the key of parameter 'targ_pid' must be a text, not ''");
	assert_finding("ebpfParams: { targ_pid: {} }\n", true,
		       "1:15: parameter 'targ_pid' has no key");
	assert_finding("params.ebfp: {}\n", true,
		       "1:1: unknown key 'ebfp' of params (did you mean 'ebpf'?)");
	assert_finding("programs.entre: { attach_to: x }\n", true,
		       "1:1: the gadget has no program 'entre' (did you mean 'enter'?)");
	assert_finding("programs.enter: { atach_to: x }\n", true,
		       "1:19: unknown key 'atach_to' of a program (did you mean 'attach_to'?)");
	assert_finding("columns: [{ name: fnam }]\n", true,
		       "1:19: data source 'open' has no field 'fnam' (did you mean 'fname'?)");
	assert_finding("datasources: [1]\n", true, "1:14: 'datasources' must be a map, not a list");
}

static void what_others_may_add_is_no_error(void **state)
{
	(void)state;
	assert_finding("datasources.open.fields.k8s.node: { annotations: { a: b } }\n", false,
		       "1:1: field 'k8s.node' of data source 'open' is added by others, not here");
	assert_finding("datasources.open.fields.ptr: { annotations: { a: b } }\n", false,
		       "1:1: field 'ptr' of data source 'open' is not shown: a pointer");
	assert_finding("operator: { ebpf: { emitstats: true } }\n", false,
		       "1:1: 'operator' is not used: this version has no such operators");
}

static void what_fits_is_not_reported(void **state)
{
	const struct metadata_finding *findings;

	(void)state;
	make_model(
		"name: x\ndescription: y\nannotations: { a: b }\n"
		"datasources:\n"
		"  OPEN:\n"
		"    annotations: { cli.clear-screen-before: true, fetch-interval: 1s }\n"
		"    fields:\n"
		"      proc: { annotations: { columns.hidden: true } }\n"
		"      Proc.Pid: { annotations: { template: pid, value.one-of: a }, tags: [x] }\n"
		"      ret: { annotations: }\n"
		"params: { ebpf: { targ_pid: { key: pid, description: x, defaultValue: 0 } } }\n"
		"programs: { prof: { sampler: { frequency: 9 } } }\n");
	assert_int_equal(metadata_check(&arena, &model, true, &findings), 0);
	make_model("tracers.open: { structName: e }\n"
		   "structs.e.fields: [{ name: ret, attributes: { width: 3 } }]\n");
	assert_int_equal(metadata_check(&arena, &model, true, &findings), 0);
}

static void findings_are_few_and_in_the_order_of_the_file(void **state)
{
	const struct metadata_finding *findings;
	char text[8192] = "datasources.open.fields:\n";

	(void)state;
	for (int i = 0; i < 300; i++) {
		size_t len = strlen(text);

		(void)snprintf(text + len, sizeof(text) - len, "  zzzzz%d: {}\n", i);
	}
	make_model(text);
	assert_int_equal(metadata_check(&arena, &model, true, &findings), METADATA_MAX_FINDINGS);
	for (uint32_t i = 1; i < METADATA_MAX_FINDINGS; i++)
		assert_true(findings[i].pos.line > findings[i - 1].pos.line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(annotations_win_over_templates_and_those_over_types,
					  release),
		cmocka_unit_test_teardown(what_is_made_from_a_field_has_its_description, release),
		cmocka_unit_test_teardown(an_address_is_shown_as_its_struct_is_annotated, release),
		cmocka_unit_test_teardown(a_struct_that_json_skips_is_skipped_whole, release),
		cmocka_unit_test_teardown(every_annotation_has_its_effect, release),
		cmocka_unit_test_teardown(hidden_fields_stay_in_json_and_skipped_ones_in_columns,
					  release),
		cmocka_unit_test_teardown(a_width_of_its_type_holds_the_longest_number, release),
		cmocka_unit_test_teardown(a_width_that_is_said_moves_the_templates_bounds, release),
		cmocka_unit_test_teardown(bad_values_are_errors_with_their_place, release),
		cmocka_unit_test_teardown(ordered_fields_come_first, release),
		cmocka_unit_test_teardown(a_replacement_takes_the_place_and_the_header, release),
		cmocka_unit_test_teardown(without_metadata_nothing_changes, release),
		cmocka_unit_test_teardown(typos_are_found_with_what_was_meant, release),
		cmocka_unit_test_teardown(what_others_may_add_is_no_error, release),
		cmocka_unit_test_teardown(what_fits_is_not_reported, release),
		cmocka_unit_test_teardown(findings_are_few_and_in_the_order_of_the_file, release),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
