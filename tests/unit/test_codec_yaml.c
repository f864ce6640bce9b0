/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How YAML shows records; codec_agree.py lets an independent reader judge many.
 */
#include "codec_fixture.h"

#include <errno.h>
#include <math.h>

enum { LISTS_TOO_DEEP = 9 };

static const struct encoder_options plain = { 0 };

static const struct field member_id = {
	.name = "id", .label = "id", .type = TYPE_UINT, .layout = LAYOUT_U8, .size = 1
};

static void yaml_shows_a_record_in_blocks(void **state)
{
	static const struct field members[] = {
		{ .name = "id", .label = "id", .type = TYPE_UINT, .layout = LAYOUT_U8, .size = 1 },
		{ .name = "n.a",
		  .label = "n.a",
		  .type = TYPE_STRING,
		  .layout = LAYOUT_CHARS,
		  .at = 1,
		  .size = 1 },
	};
	static const struct element structs = {
		.stride = 2, .is_object = true, .nfields = 2, .fields = members
	};
	static const struct element numbers = { .stride = 1, .nfields = 1, .fields = members };
	static const struct field inner = { .name = "",
					    .label = "",
					    .type = TYPE_ARRAY,
					    .layout = LAYOUT_BYTES,
					    .size = 2,
					    .element = &numbers };
	static const struct element lists = { .stride = 2, .nfields = 1, .fields = &inner };
	struct fixture f;

	(void)state;
	fixture_begin(&f, 4);
	fixture_field(&f, "o.u", TYPE_UINT, LAYOUT_U8, 0, 1);
	fixture_field(&f, "o.p.yes", TYPE_BOOL, LAYOUT_U8, 0, 1);
	fixture_field(&f, "none", TYPE_STRINGS, LAYOUT_BYTES, 0, 0);
	fixture_add(&f, (struct field){ .name = "structs",
					.type = TYPE_ARRAY,
					.layout = LAYOUT_BYTES,
					.size = 4,
					.element = &structs });
	fixture_add(&f, (struct field){ .name = "lists",
					.type = TYPE_ARRAY,
					.layout = LAYOUT_BYTES,
					.size = 4,
					.element = &lists });
	fixture_field(&f, "args", TYPE_STRINGS, LAYOUT_TAIL, 4, 0);
	fixture_ready(&f);
	fixture_row(&f, "\1x\2ycat\0-n\0", 11);
	fixture_expect(&f, &codec_yaml, plain,
		       "---\n"
		       "event: open\n"
		       "o:\n"
		       "  u: 1\n"
		       "  p:\n"
		       "    \"yes\": true\n"
		       "none: []\n"
		       "structs:\n"
		       "  - id: 1\n"
		       "    \"n\":\n"
		       "      a: x\n"
		       "  - id: 2\n"
		       "    \"n\":\n"
		       "      a: \"y\"\n"
		       "lists:\n"
		       "  - - 1\n"
		       "    - 120\n"
		       "  - - 2\n"
		       "    - 121\n"
		       "args:\n"
		       "  - cat\n"
		       "  - \"-n\"\n");
	fixture_end(&f);
}

static void expect_quoted(const char *bytes, uint32_t len, const char *expected)
{
	struct fixture f;
	char text[128];

	fixture_begin(&f, len);
	fixture_field(&f, "v", TYPE_STRING, LAYOUT_CHARS, 0, len);
	fixture_ready(&f);
	fixture_row(&f, bytes, len);
	snprintf(text, sizeof(text), "---\nevent: open\nv: %s\n", expected);
	fixture_expect(&f, &codec_yaml, plain, text);
	fixture_end(&f);
}

#define STRING(bytes, expected) expect_quoted(bytes, sizeof(bytes), expected)

static void yaml_quotes_what_a_reader_could_take_for_something_else(void **state)
{
	(void)state;
	STRING("cat", "cat");
	STRING("/usr/bin/a b-c_d.e+f", "/usr/bin/a b-c_d.e+f");
	STRING("", "\"\"");
	STRING("No", "\"No\"");
	STRING("y", "\"y\"");
	STRING("off", "\"off\"");
	STRING("NULL", "\"NULL\"");
	STRING("nothing", "nothing");
	STRING("~", "\"~\"");
	STRING("12", "\"12\"");
	STRING("1e3", "\"1e3\"");
	STRING("0x1f", "\"0x1f\"");
	STRING("190:20:30", "\"190:20:30\"");
	STRING("2026-11-24", "\"2026-11-24\"");
	STRING(".inf", "\".inf\"");
	STRING("- a", "\"- a\"");
	STRING("a: b", "\"a: b\"");
	STRING("a #b", "\"a #b\"");
	STRING("a ", "\"a \"");
	STRING("a  b", "\"a  b\"");
	STRING("*a", "\"*a\"");
	STRING("[a]", "\"[a]\"");
	STRING("---", "\"---\"");
	STRING("\xc3\xa9t\xc3\xa9", "\"\xc3\xa9t\xc3\xa9\"");
}

static void yaml_escapes_what_readers_refuse_or_take_for_a_line_break(void **state)
{
	(void)state;
	STRING("a\n\"b\"\\", "\"a\\n\\\"b\\\"\\\\\"");
	STRING("\1\33[2J", "\"\\x01\\e[2J\"");
	STRING("\x7f\xc2\x85\xc2\x9b", "\"\\x7f\\x85\\x9b\"");
	STRING("\xe2\x80\xa8\xe2\x80\xa9", "\"\\u2028\\u2029\"");
	STRING("\xef\xbb\xbf\xef\xbf\xbf", "\"\\ufeff\\uffff\"");
	STRING("\xff", "\"\xef\xbf\xbd\"");
}

static void yaml_shows_floats_that_old_readers_know_too(void **state)
{
	static const struct {
		double v;
		const char *text;
	} cases[] = { { 1e22, "1.0e+22" },  { 1.5e-7, "1.5e-07" },  { 2, "2.0" },
		      { HUGE_VAL, ".inf" }, { -HUGE_VAL, "-.inf" }, { NAN, ".nan" } };
	struct fixture f;
	char text[64];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		fixture_begin(&f, 8);
		fixture_field(&f, "v", TYPE_FLOAT, LAYOUT_F64, 0, 8);
		fixture_ready(&f);
		fixture_row(&f, &cases[i].v, 8);
		snprintf(text, sizeof(text), "---\nevent: open\nv: %s\n", cases[i].text);
		fixture_expect(&f, &codec_yaml, plain, text);
		fixture_end(&f);
	}
}

static void yaml_shows_a_record_without_members_as_an_empty_map(void **state)
{
	static const char *const names[] = { "gone" };
	static const uint64_t numbers[] = { 1 };
	struct fixture f;

	(void)state;
	fixture_begin(&f, 1);
	fixture_column(&f, "gone", TYPE_UINT, LAYOUT_U64, 0);
	fixture_ready(&f);
	f.cols[0].u = numbers;
	f.cols[0].present = f.present[0];
	fixture_row(&f, "", 1);
	fixture_expect(&f, &codec_yaml, (struct encoder_options){ .fields = names, .nfields = 1 },
		       "--- {}\n");
	fixture_end(&f);
}

static void yaml_writes_a_loss_as_a_document(void **state)
{
	const struct encoder *encoder;
	char out[ENCODER_MARK_MAX + 1];
	struct fixture f;
	struct mark mark = { .event = "open",
			     .reason = "ring_full",
			     .n = 12,
			     .has_cpu = true,
			     .cpu = 3,
			     .from = 100,
			     .to = 111 };

	(void)state;
	fixture_begin(&f, 0);
	fixture_ready(&f);
	mark.origin = &f.origin;
	encoder = fixture_encoder(&f, &codec_yaml, plain);
	out[encoder->mark(encoder, &mark, (uint8_t *)out)] = 0;
	assert_string_equal(out, "---\n"
				 "_loss:\n"
				 "  source: opens\n"
				 "  event: open\n"
				 "  reason: ring_full\n"
				 "  n: 12\n"
				 "  cpu: 3\n"
				 "  from_seq: 100\n"
				 "  to_seq: 111\n");
	fixture_end(&f);
}

static void yaml_refuses_names_no_reader_would_take_for_keys(void **state)
{
	const struct encoder *encoder = NULL;
	char name[1100];
	struct fixture f;

	(void)state;
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = 0;
	fixture_begin(&f, 1);
	fixture_field(&f, name, TYPE_BOOL, LAYOUT_U8, 0, 1);
	fixture_ready(&f);
	assert_int_equal(codec_yaml.compile(&f.arena, f.schema, &plain, &encoder, &f.error),
			 -E2BIG);
	assert_null(encoder);
	fixture_end(&f);
}

static void yaml_refuses_names_of_numbers_without_a_table(void **state)
{
	const struct encoder *encoder = NULL;
	struct fixture f;

	(void)state;
	fixture_begin(&f, 4);
	fixture_field(&f, "v", TYPE_NAME, LAYOUT_U32, 0, 4);
	fixture_ready(&f);
	assert_int_equal(codec_yaml.compile(&f.arena, f.schema, &plain, &encoder, &f.error),
			 -ENOTSUP);
	assert_null(encoder);
	fixture_end(&f);
}

static void yaml_refuses_lists_in_lists_without_end(void **state)
{
	struct element elements[LISTS_TOO_DEEP];
	struct field fields[LISTS_TOO_DEEP];
	const struct encoder *encoder = NULL;
	struct fixture f;

	(void)state;
	for (int i = LISTS_TOO_DEEP - 1; i >= 0; i--) {
		elements[i] =
			(struct element){ .stride = 1,
					  .nfields = 1,
					  .fields = i == LISTS_TOO_DEEP - 1 ? &member_id
									    : &fields[i + 1] };
		fields[i] = (struct field){ .name = "v",
					    .label = "v",
					    .type = TYPE_ARRAY,
					    .layout = LAYOUT_BYTES,
					    .size = 1,
					    .element = &elements[i] };
	}
	fixture_begin(&f, 1);
	fixture_add(&f, fields[0]);
	fixture_ready(&f);
	assert_int_equal(codec_yaml.compile(&f.arena, f.schema, &plain, &encoder, &f.error),
			 -E2BIG);
	fixture_end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(yaml_shows_a_record_in_blocks),
		cmocka_unit_test(yaml_quotes_what_a_reader_could_take_for_something_else),
		cmocka_unit_test(yaml_escapes_what_readers_refuse_or_take_for_a_line_break),
		cmocka_unit_test(yaml_shows_floats_that_old_readers_know_too),
		cmocka_unit_test(yaml_shows_a_record_without_members_as_an_empty_map),
		cmocka_unit_test(yaml_writes_a_loss_as_a_document),
		cmocka_unit_test(yaml_refuses_names_no_reader_would_take_for_keys),
		cmocka_unit_test(yaml_refuses_names_of_numbers_without_a_table),
		cmocka_unit_test(yaml_refuses_lists_in_lists_without_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
