/* SPDX-License-Identifier: Apache-2.0 */
/* Option tables: what a user's map becomes, and what is said about mistakes. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "engine/option.h"
#include "expr/expr.h"

struct inner {
	uint64_t room;
	int64_t wait;
};

struct thing {
	bool loud;
	int64_t level;
	uint64_t limit;
	int64_t every;
	int codec;
	const char *topic, *path;
	struct opt_strings brokers, key;
	const struct yaml_node *params;
	struct expr *where;
	struct inner batch;
};

static const struct opt inner_options[] = {
	OPT_SIZE(struct inner, room, .def = "64KiB", .min = "1KiB", .help = "Room."),
	OPT_DURATION(struct inner, wait, .def = "10ms", .help = "Wait."),
	OPT_END,
};

static const struct opt_value codecs[] = {
	{ "json", "JSON." },
	{ "columns", "A table." },
	OPT_VALUES_END,
};

static const struct opt options[] = {
	OPT_BOOL(struct thing, loud, .def = "true", .help = "Loud."),
	OPT_INT(struct thing, level, .def = "-3", .min = "-5", .max = "9", .help = "Level."),
	OPT_SIZE(struct thing, limit, .def = "1MiB", .min = "4KiB", .max = "1GiB", .help = "L."),
	OPT_DURATION(struct thing, every, .def = "1.5s", .min = "1ms", .help = "Every."),
	OPT_ENUM(struct thing, codec, .def = "columns", .values = codecs, .help = "Codec."),
	OPT_STRING(struct thing, topic, .def = "events", .help = "Topic."),
	OPT_PATH(struct thing, path, .help = "Path."),
	OPT_STRINGS(struct thing, brokers, .def = "localhost:9092", .help = "Brokers."),
	OPT_FIELDS(struct thing, key, .help = "Key."),
	OPT_MAP(struct thing, params, .help = "Params."),
	OPT_EXPR(struct thing, where, .help = "Where."),
	OPT_TABLE(struct thing, batch, inner_options, .help = "Batch."),
	OPT_END,
};

static const struct opt needy_options[] = {
	OPT_ENUM(struct thing, codec, .required = true, .values = codecs, .help = "Codec."),
	OPT_END,
};

static struct arena arena;

static int teardown(void **state)
{
	(void)state;
	arena_release(&arena);
	return 0;
}

static int try_parse(const struct opt *table, const char *text, struct thing *thing,
		     struct error *err)
{
	static const char *const skip[] = { "type", NULL };
	struct yaml_node *root = NULL;

	memset(thing, 0, sizeof(*thing));
	if (yaml_parse(&arena, "f.yaml", text, strlen(text), &root, err) < 0)
		fail_msg("%s", err->text);
	return opt_parse(table, root, skip, "thing 'a'", thing, &arena, err);
}

static struct thing parse(const char *text)
{
	struct error err = ERROR_INIT;
	struct thing thing;

	if (try_parse(options, text, &thing, &err) < 0)
		fail_msg("%s", err.text);
	return thing;
}

static void refuses_by(const struct opt *table, const char *text, const char *expected)
{
	struct error err = ERROR_INIT;
	struct thing thing;
	char line[2048];

	assert_int_equal(try_parse(table, text, &thing, &err), -EINVAL);
	assert_string_equal(error_format(&err, line, sizeof(line)), expected);
}

static void refuses(const char *text, const char *expected)
{
	refuses_by(options, text, expected);
}

static void defaults_fill_every_member_also_in_nested_tables(void **state)
{
	struct thing thing = parse("{}");

	(void)state;
	assert_true(thing.loud);
	assert_int_equal(thing.level, -3);
	assert_int_equal(thing.limit, 1 << 20);
	assert_int_equal(thing.every, 1500000000);
	assert_int_equal(thing.codec, 1);
	assert_string_equal(thing.topic, "events");
	assert_null(thing.path);
	assert_int_equal(thing.brokers.n, 1);
	assert_string_equal(thing.brokers.items[0], "localhost:9092");
	assert_int_equal(thing.key.n, 0);
	assert_null(thing.params);
	assert_null(thing.where);
	assert_int_equal(thing.batch.room, 64 << 10);
	assert_int_equal(thing.batch.wait, 10000000);
}

static void values_replace_defaults(void **state)
{
	struct thing thing = parse(
		"type: thing\nloud: false\nlevel: -5\nlimit: 4KiB\nevery: 1m30s\ncodec: json\n"
		"topic: 'true'\npath: ./x\nbrokers: [a, \"b\"]\nkey: pid\nparams: {x: 1}\n"
		"batch: {wait: 2s}\n");

	(void)state;
	assert_false(thing.loud);
	assert_int_equal(thing.level, -5);
	assert_int_equal(thing.limit, 4096);
	assert_int_equal(thing.every, INT64_C(90000000000));
	assert_int_equal(thing.codec, 0);
	assert_string_equal(thing.topic, "true");
	assert_string_equal(thing.path, "./x");
	assert_int_equal(thing.brokers.n, 2);
	assert_string_equal(thing.brokers.items[1], "b");
	assert_int_equal(thing.brokers.pos[1].line, 9);
	assert_int_equal(thing.brokers.pos[1].col, 15);
	assert_int_equal(thing.key.n, 1);
	assert_int_equal(thing.key.pos[0].col, 6);
	assert_string_equal(yaml_find(thing.params, "x")->text, "1");
	assert_int_equal(thing.batch.room, 64 << 10);
	assert_int_equal(thing.batch.wait, INT64_C(2000000000));
}

static void expressions_are_parsed_where_they_stand(void **state)
{
	struct error err = ERROR_INIT;
	struct thing thing;
	char line[2048];

	(void)state;
	assert_non_null(parse("where: ret < 0").where);
	/* the second '<' has nothing on its right; the column counts from the file's */
	assert_int_equal(try_parse(options, "where: 'ret < <'", &thing, &err), -EINVAL);
	assert_memory_equal(error_format(&err, line, sizeof(line)), "f.yaml:1:15: ", 13);
}

static void unknown_options_get_a_suggestion_or_the_list(void **state)
{
	(void)state;
	refuses("topc: x",
		"f.yaml:1:1: unknown option 'topc' of thing 'a' (did you mean 'topic'?)");
	refuses("tpye: x", "f.yaml:1:1: unknown option 'tpye' of thing 'a' (did you mean 'type'?)");
	refuses("zzzzzzzz: x",
		"f.yaml:1:1: unknown option 'zzzzzzzz' of thing 'a' (known: loud, level, limit, "
		"every, codec, topic, path, brokers, key, params, where, batch, type)");
	refuses("batch: {rom: 1KiB}",
		"f.yaml:1:9: unknown option 'rom' of 'batch' of thing 'a' (did you mean 'room'?)");
	refuses_by(NULL, "x: 1", "f.yaml:1:1: unknown option 'x' of thing 'a' (known: type)");
}

static void values_of_the_wrong_kind_are_refused(void **state)
{
	(void)state;
	refuses("loud: yes",
		"f.yaml:1:7: option 'loud' of thing 'a' must be true or false, not 'yes'");
	refuses("level: 1.5",
		"f.yaml:1:8: option 'level' of thing 'a' must be an integer, not '1.5'");
	refuses("limit: [1]",
		"f.yaml:1:8: option 'limit' of thing 'a' must be a size such as '64KiB', not a list");
	refuses("every: 5", "f.yaml:1:8: option 'every' of thing 'a' must be a duration such as "
			    "'10s' or '200ms', not '5'");
	refuses("topic:", "f.yaml:1:7: option 'topic' of thing 'a' must be a text, not nothing");
	refuses("path: ''", "f.yaml:1:7: option 'path' of thing 'a' must be a path, not ''");
	refuses("brokers: [a, [b]]", "f.yaml:1:14: option 'brokers' of thing 'a' must be a text or "
				     "a list of texts, not a list");
	refuses("brokers: [a, '']",
		"f.yaml:1:14: option 'brokers' of thing 'a' has an empty entry");
	refuses("params: 1", "f.yaml:1:9: option 'params' of thing 'a' must be a map, not '1'");
	refuses("batch: 1", "f.yaml:1:8: option 'batch' of thing 'a' must be a map, not '1'");
	refuses("where: {a: b}",
		"f.yaml:1:8: option 'where' of thing 'a' must be an expression, not a map");
	refuses("[a]", "f.yaml:1:1: thing 'a' must be a map of options, not a list");
}

static void values_out_of_bounds_name_the_bound_as_written(void **state)
{
	(void)state;
	refuses("limit: 4095",
		"f.yaml:1:8: option 'limit' of thing 'a' must be at least '4KiB', not '4095'");
	refuses("limit: 2GiB",
		"f.yaml:1:8: option 'limit' of thing 'a' must be at most '1GiB', not '2GiB'");
	refuses("level: 10",
		"f.yaml:1:8: option 'level' of thing 'a' must be at most '9', not '10'");
	refuses("level: -6",
		"f.yaml:1:8: option 'level' of thing 'a' must be at least '-5', not '-6'");
	refuses("limit: 99999999999GiB",
		"f.yaml:1:8: option 'limit' of thing 'a': '99999999999GiB' is too large");
	refuses("batch: {room: 1}", "f.yaml:1:15: option 'room' of 'batch' of thing 'a' must be at "
				    "least '1KiB', not '1'");
}

static void enumerations_list_their_values(void **state)
{
	(void)state;
	refuses("codec: jsn", "f.yaml:1:8: option 'codec' of thing 'a' must be one of json, "
			      "columns, not 'jsn' (did you mean 'json'?)");
	refuses("codec: x",
		"f.yaml:1:8: option 'codec' of thing 'a' must be one of json, columns, not 'x'");
	refuses("codec: [json]",
		"f.yaml:1:8: option 'codec' of thing 'a' must be one of json, columns, not a list");
}

static void a_required_option_must_be_there(void **state)
{
	(void)state;
	refuses_by(needy_options, "type: x",
		   "f.yaml:1:1: thing 'a' needs the option 'codec' (one of json, columns)");
}

static void types_are_described_for_help(void **state)
{
	(void)state;
	assert_string_equal(opt_describe_type(&options[0], &arena), "true|false");
	assert_string_equal(opt_describe_type(&options[2], &arena), "size");
	assert_string_equal(opt_describe_type(&options[4], &arena), "one of json, columns");
}

static void assert_bad_table(const struct opt *table, const char *expected)
{
	struct error err = ERROR_INIT;

	assert_int_equal(opt_check_table(table, &err), -EINVAL);
	assert_string_equal(err.text, expected);
}

#define BAD(expected, ...) assert_bad_table((const struct opt[]){ __VA_ARGS__, OPT_END }, expected)

static void the_table_check_finds_mistakes(void **state)
{
	(void)state;
	assert_int_equal(opt_check_table(options, NULL), 0);
	assert_int_equal(opt_check_table(NULL, NULL), 0);
	BAD("option 'limit' has no help", OPT_SIZE(struct thing, limit));
	BAD("option 'limit': 'x' is not a size",
	    OPT_SIZE(struct thing, limit, .def = "x", .help = "x"));
	BAD("option 'limit': the default is below '2'",
	    OPT_SIZE(struct thing, limit, .def = "1", .min = "2", .help = "x"));
	BAD("option 'limit': the default is above '2'",
	    OPT_SIZE(struct thing, limit, .def = "3", .max = "2", .help = "x"));
	BAD("option 'limit': no value fits the bounds",
	    OPT_SIZE(struct thing, limit, .min = "3", .max = "2", .help = "x"));
	BAD("option 'limit' is required and has a default",
	    OPT_SIZE(struct thing, limit, .def = "1", .required = true, .help = "x"));
	BAD("option 'topic' is no number and has bounds",
	    OPT_STRING(struct thing, topic, .min = "1", .help = "x"));
	BAD("option 'codec' has no values", OPT_ENUM(struct thing, codec, .help = "x"));
	BAD("option 'codec': the default 'xml' is no value of it",
	    OPT_ENUM(struct thing, codec, .def = "xml", .values = codecs, .help = "x"));
	BAD("option 'loud': the default is neither true nor false",
	    OPT_BOOL(struct thing, loud, .def = "no", .help = "x"));
	BAD("option 'params': a map has no default",
	    OPT_MAP(struct thing, params, .def = "x", .help = "x"));
	BAD("option 'loud' is there twice", OPT_BOOL(struct thing, loud, .help = "x"),
	    OPT_BOOL(struct thing, loud, .help = "x"));
	BAD("option 'batch': option 'room' has no help",
	    OPT_TABLE(struct thing, batch,
		      ((const struct opt[]){ OPT_SIZE(struct inner, room), OPT_END }),
		      .help = "x"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(defaults_fill_every_member_also_in_nested_tables,
					  teardown),
		cmocka_unit_test_teardown(values_replace_defaults, teardown),
		cmocka_unit_test_teardown(expressions_are_parsed_where_they_stand, teardown),
		cmocka_unit_test_teardown(unknown_options_get_a_suggestion_or_the_list, teardown),
		cmocka_unit_test_teardown(values_of_the_wrong_kind_are_refused, teardown),
		cmocka_unit_test_teardown(values_out_of_bounds_name_the_bound_as_written, teardown),
		cmocka_unit_test_teardown(enumerations_list_their_values, teardown),
		cmocka_unit_test_teardown(a_required_option_must_be_there, teardown),
		cmocka_unit_test_teardown(types_are_described_for_help, teardown),
		cmocka_unit_test_teardown(the_table_check_finds_mistakes, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
