/* SPDX-License-Identifier: Apache-2.0 */
/* Parameters of gadgets: from texts to bytes, from objects and metadata, from users. */
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "gadget/inspect.h"
#include "gadget/metadata.h"
#include "gadget/settings.h"

static struct arena arena;
static struct error error;

static int release(void **state)
{
	(void)state;
	arena_release(&arena);
	return 0;
}

/* ---- texts and bytes ------------------------------------------------------- */

static const struct param_choice colors[] = { { "RED", 1 }, { "GREEN", 2 } };

static struct model_param param(enum param_kind kind, uint32_t size, bool is_signed)
{
	struct model_param p = { .kind = kind, .size = size, .is_signed = is_signed };

	if (kind == PARAM_ENUM) {
		p.choices = colors;
		p.nchoices = 2;
	}
	return p;
}

/* The text becomes these bytes, and nothing behind them is touched. */
static void takes(struct model_param p, const char *text, const void *expected)
{
	uint8_t bytes[64];

	memset(bytes, 0xa5, sizeof(bytes));
	error = (struct error)ERROR_INIT;
	if (param_parse(&p, text, bytes, &error) < 0)
		fail_msg("'%s': %s", text, error.text);
	assert_memory_equal(bytes, expected, p.size);
	assert_int_equal(bytes[p.size], 0xa5);
}

/* It is refused, with these words, and no byte is written. */
static void refuses(struct model_param p, const char *text, int code, const char *words)
{
	uint8_t bytes[64], before[64];

	memset(bytes, 0xa5, sizeof(bytes));
	memcpy(before, bytes, sizeof(bytes));
	error = (struct error)ERROR_INIT;
	assert_int_equal(param_parse(&p, text, bytes, &error), -code);
	assert_string_equal(error.text, words);
	assert_memory_equal(bytes, before, sizeof(bytes));
}

static void signed_numbers_have_the_limits_of_their_width(void **state)
{
	(void)state;
	takes(param(PARAM_INT, 1, true), "-128", &(int8_t){ INT8_MIN });
	takes(param(PARAM_INT, 1, true), "127", &(int8_t){ INT8_MAX });
	refuses(param(PARAM_INT, 1, true), "128", ERANGE, "'128' is not from -128 to 127");
	refuses(param(PARAM_INT, 1, true), "-129", ERANGE, "'-129' is not from -128 to 127");
	takes(param(PARAM_INT, 2, true), "-32768", &(int16_t){ INT16_MIN });
	takes(param(PARAM_INT, 2, true), "32767", &(int16_t){ INT16_MAX });
	refuses(param(PARAM_INT, 2, true), "32768", ERANGE, "'32768' is not from -32768 to 32767");
	refuses(param(PARAM_INT, 2, true), "-32769", ERANGE,
		"'-32769' is not from -32768 to 32767");
	takes(param(PARAM_INT, 4, true), "-2147483648", &(int32_t){ INT32_MIN });
	takes(param(PARAM_INT, 4, true), "2147483647", &(int32_t){ INT32_MAX });
	refuses(param(PARAM_INT, 4, true), "2147483648", ERANGE,
		"'2147483648' is not from -2147483648 to 2147483647");
	refuses(param(PARAM_INT, 4, true), "-2147483649", ERANGE,
		"'-2147483649' is not from -2147483648 to 2147483647");
	takes(param(PARAM_INT, 8, true), "-9223372036854775808", &(int64_t){ INT64_MIN });
	takes(param(PARAM_INT, 8, true), "9223372036854775807", &(int64_t){ INT64_MAX });
	refuses(param(PARAM_INT, 8, true), "9223372036854775808", ERANGE,
		"'9223372036854775808' is not from -9223372036854775808 to 9223372036854775807");
	refuses(param(PARAM_INT, 8, true), "-9223372036854775809", ERANGE,
		"'-9223372036854775809' is not from -9223372036854775808 to 9223372036854775807");
}

static void unsigned_numbers_have_the_limits_of_their_width(void **state)
{
	(void)state;
	takes(param(PARAM_UINT, 1, false), "255", &(uint8_t){ UINT8_MAX });
	refuses(param(PARAM_UINT, 1, false), "256", ERANGE, "'256' is not from 0 to 255");
	takes(param(PARAM_UINT, 2, false), "65535", &(uint16_t){ UINT16_MAX });
	refuses(param(PARAM_UINT, 2, false), "65536", ERANGE, "'65536' is not from 0 to 65535");
	takes(param(PARAM_UINT, 4, false), "4294967295", &(uint32_t){ UINT32_MAX });
	refuses(param(PARAM_UINT, 4, false), "4294967296", ERANGE,
		"'4294967296' is not from 0 to 4294967295");
	takes(param(PARAM_UINT, 8, false), "18446744073709551615", &(uint64_t){ UINT64_MAX });
	takes(param(PARAM_UINT, 8, false), "0xffffffffffffffff", &(uint64_t){ UINT64_MAX });
	refuses(param(PARAM_UINT, 8, false), "18446744073709551616", ERANGE,
		"'18446744073709551616' is not from 0 to 18446744073709551615");
	takes(param(PARAM_UINT, 1, false), "0", &(uint8_t){ 0 });
	refuses(param(PARAM_UINT, 1, false), "-1", ERANGE, "'-1' is not from 0 to 255");
}

static void what_is_no_number_is_refused(void **state)
{
	static const char *const texts[] = { "", " 1", "1 ", "x", "0x", "1.5", "1e3", "+1", "--1" };

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		char words[64];

		(void)snprintf(words, sizeof(words), "'%s' is not a whole number from 0 to 255",
			       texts[i]);
		refuses(param(PARAM_UINT, 1, false), texts[i], EINVAL, words);
	}
	refuses(param(PARAM_INT, 1, true), "-", EINVAL,
		"'-' is not a whole number from -128 to 127");
}

static void bools_are_true_or_false_and_nothing_else(void **state)
{
	struct model_param p = param(PARAM_BOOL, 1, false);

	(void)state;
	takes(p, "true", "\1");
	takes(p, "True", "\1");
	takes(p, "1", "\1");
	takes(p, "false", "\0");
	takes(p, "FALSE", "\0");
	takes(p, "0", "\0");
	refuses(p, "yes", EINVAL, "'yes' is neither true nor false");
	refuses(p, "2", EINVAL, "'2' is neither true nor false");
	refuses(p, "", EINVAL, "'' is neither true nor false");
}

static void a_char_is_a_character_or_a_number(void **state)
{
	struct model_param p = param(PARAM_CHAR, 1, true);

	(void)state;
	takes(p, "c", "c");
	takes(p, "'", "'");
	takes(p, "65", "A");
	takes(p, "5", "\5");
	takes(p, "'5'", "5");
	takes(p, "-1", "\xff");
	refuses(p, "128", ERANGE, "'128' is not from -128 to 127");
	refuses(p, "ab", EINVAL, "'ab' is neither one character nor a number from -128 to 127");
	refuses(p, "", EINVAL, "'' is neither one character nor a number from -128 to 127");
}

static void floats_are_decimal(void **state)
{
	struct model_param f32 = param(PARAM_FLOAT, 4, false), f64 = param(PARAM_FLOAT, 8, false);

	(void)state;
	takes(f32, "0.1", &(float){ 0.1f });
	takes(f32, "-1e-3", &(float){ -1e-3f });
	takes(f64, "0.1", &(double){ 0.1 });
	takes(f64, "1.7976931348623157e308", &(double){ 1.7976931348623157e308 });
	takes(f64, "-inf", &(double){ -INFINITY });
	takes(f32, "inf", &(float){ INFINITY });
	refuses(f32, "1e39", ERANGE, "'1e39' is too large for 32 bits");
	refuses(f64, "1e309", ERANGE, "'1e309' is too large for 64 bits");
	refuses(f64, "1,5", EINVAL, "'1,5' is not a number");
	refuses(f64, " 1", EINVAL, "' 1' is not a number");
	refuses(f64, "", EINVAL, "'' is not a number");
}

static void an_enum_takes_names_and_numbers(void **state)
{
	struct model_param p = param(PARAM_ENUM, 4, false);

	(void)state;
	takes(p, "GREEN", &(uint32_t){ 2 });
	takes(p, "1", &(uint32_t){ 1 });
	takes(p, "77", &(uint32_t){ 77 });
	refuses(p, "GREN", EINVAL,
		"'GREN' is neither a number nor one of RED, GREEN (did you mean 'GREEN'?)");
	refuses(p, "4294967296", ERANGE, "'4294967296' is not from 0 to 4294967295");
	takes(param(PARAM_ENUM, 1, true), "-1", &(int8_t){ -1 });
}

static void a_text_may_fill_its_array(void **state)
{
	struct model_param p = param(PARAM_TEXT, 4, false);

	(void)state;
	takes(p, "", "\0\0\0\0");
	takes(p, "ab", "ab\0\0");
	takes(p, "abcd", "abcd");
	refuses(p, "abcde", ERANGE, "'abcde' has 5 bytes, at most 4 fit");
	/* bytes, not characters */
	refuses(p, "\xc3\xa4\xc3\xb6x", ERANGE, "'\xc3\xa4\xc3\xb6x' has 5 bytes, at most 4 fit");
}

static void a_long_text_is_cut_in_the_message(void **state)
{
	struct model_param p = param(PARAM_TEXT, 4, false);
	char text[4000];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	memcpy(text + 63, "\xc3\xa4", 2); /* across the place of the cut */
	assert_int_equal(param_parse(&p, text, NULL, &error), -ERANGE);
	assert_non_null(strstr(error.text, "xxx...' has 3999 bytes, at most 4 fit"));
	assert_null(strchr(error.text, '\xc3'));
}

static void an_address_fills_the_whole_endpoint(void **state)
{
	struct model_param p = param(PARAM_IP, 32, false);
	uint8_t four[32] = { 192, 0, 2, 1 }, six[32] = { 0x20, 0x01, 0x0d, 0xb8 }, none[32] = { 0 };

	(void)state;
	four[16] = 4;
	six[15] = 1;
	six[16] = 6;
	takes(p, "192.0.2.1", four);
	takes(p, "2001:db8::1", six);
	takes(p, "", none);
	refuses(p, "192.0.2", EINVAL, "'192.0.2' is neither an IPv4 nor an IPv6 address");
	refuses(p, "192.0.2.1/24", EINVAL, "'192.0.2.1/24' is neither an IPv4 nor an IPv6 address");
	refuses(p, "localhost", EINVAL, "'localhost' is neither an IPv4 nor an IPv6 address");
}

static void other_types_cannot_be_set(void **state)
{
	(void)state;
	refuses(param(PARAM_OTHER, 4, false), "1", EINVAL,
		"a variable of its type cannot be set by this version");
}

/* What is shown as a default would set that default. */
static void a_shown_value_reads_back_as_the_same_bytes(void **state)
{
	static const struct {
		enum param_kind kind;
		uint32_t size;
		bool is_signed;
		const char *text;
	} values[] = {
		{ PARAM_BOOL, 1, false, "true" },
		{ PARAM_INT, 8, true, "-9223372036854775808" },
		{ PARAM_INT, 1, true, "-1" },
		{ PARAM_UINT, 8, false, "18446744073709551615" },
		{ PARAM_CHAR, 1, true, "c" },
		{ PARAM_CHAR, 1, true, "53" }, /* not 5, which is another one */
		{ PARAM_CHAR, 1, true, "-128" },
		{ PARAM_CHAR, 1, true, "32" },
		{ PARAM_FLOAT, 4, false, "0.1" },
		{ PARAM_FLOAT, 8, false, "0.1" },
		{ PARAM_FLOAT, 8, false, "1.7976931348623157e+308" },
		{ PARAM_FLOAT, 8, false, "4.9406564584124654e-324" },
		{ PARAM_FLOAT, 8, false, "-inf" },
		{ PARAM_FLOAT, 8, false, "nan" },
		{ PARAM_ENUM, 4, false, "GREEN" },
		{ PARAM_ENUM, 4, false, "3" },
		{ PARAM_TEXT, 4, false, "full" },
		{ PARAM_IP, 32, false, "192.0.2.1" },
		{ PARAM_IP, 32, false, "2001:db8::1" },
		{ PARAM_IP, 32, false, "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
		struct model_param p = param(values[i].kind, values[i].size, values[i].is_signed);
		uint8_t bytes[32], again[32];
		const char *text;

		assert_int_equal(param_parse(&p, values[i].text, bytes, &error), 0);
		text = param_text(&p, bytes, &arena);
		assert_int_equal(param_parse(&p, text, again, &error), 0);
		assert_memory_equal(bytes, again, p.size);
		if (strncmp(values[i].text, "4.94", 4) != 0) /* 5e-324 is as good */
			assert_string_equal(text, values[i].text);
	}
}

static void many_choices_are_cut(void **state)
{
	struct param_choice many[100];
	struct model_param p = { .kind = PARAM_ENUM, .choices = many, .nchoices = 100 };
	char text[24], wide[400];

	(void)state;
	for (size_t i = 0; i < 100; i++)
		many[i].name = "name";
	assert_string_equal(param_choices(&p, text, sizeof(text)), "name, name, name, ...");
	assert_string_equal(param_choices(&p, wide, sizeof(wide)), "name, name, name, name, ...");
	p.nchoices = 20;
	assert_int_equal(strlen(param_choices(&p, wide, sizeof(wide))), 20 * 6 - 2);
	p.nchoices = 2;
	assert_string_equal(param_choices(&p, text, sizeof(text)), "name, name");
}

/* ---- objects and metadata -------------------------------------------------- */

static const uint8_t *read_object(const char *name, size_t *ret_size)
{
	char exe[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	uint8_t *bytes = arena_alloc(&arena, 1 << 20);
	FILE *file;

	exe[n > 0 ? n : 0] = '\0';
	file = fopen(
		arena_printf(&arena, "%s/tests/bpf/%s.o", dirname(dirname(dirname(exe))), name),
		"re");
	if (!file) {
		print_message("skip: tests/bpf/%s.o is not built\n", name);
		skip();
	}
	*ret_size = fread(bytes, 1, 1 << 20, file);
	(void)fclose(file);
	return bytes;
}

static const struct yaml_node *yaml(const char *text)
{
	struct yaml_node *root;

	if (yaml_parse(&arena, "user.yaml", text, strlen(text), &root, &error) < 0)
		fail_msg("%s", error.text);
	return root;
}

/* An object with this metadata, as a user wants it; NULL: error says why not. */
static const struct model *inspect_wanted(const char *object, const char *metadata,
					  const struct yaml_node *wanted)
{
	const struct metadata *md = NULL;
	const struct model *model = NULL;
	size_t size;
	const uint8_t *bytes = read_object(object, &size);

	error = (struct error)ERROR_INIT;
	if (metadata &&
	    metadata_parse(&arena, "gadget.yaml", metadata, strlen(metadata), &md, &error) < 0)
		fail_msg("%s", error.text);
	if (settings_choose(&arena, md, wanted, &md, &error) < 0)
		return NULL;
	if (inspect_bytes(&arena, object, bytes, size, md, &model, &error) < 0)
		return NULL;
	return model;
}

static const struct model *inspect(const char *object, const char *metadata)
{
	const struct model *model = inspect_wanted(object, metadata, NULL);

	if (!model)
		fail_msg("%s", error.text);
	return model;
}

static const struct model_param *get(const struct model *model, const char *key)
{
	const struct model_param *p = model_param_find(model, key);

	if (!p)
		fail_msg("no parameter '%s'", key);
	return p;
}

static void assert_error(const char *words)
{
	char line[2048];

	(void)error_format(&error, line, sizeof(line));
	assert_string_equal(line, words);
}

static void every_type_of_variable_is_recognised(void **state)
{
	static const struct {
		const char *key;
		enum param_kind kind;
		uint32_t size;
		const char *initial;
	} expected[] = {
		{ "p-s8", PARAM_INT, 1, "-8" },        { "p-s16", PARAM_INT, 2, "-16" },
		{ "p-s32", PARAM_INT, 4, "-32" },      { "p-s64", PARAM_INT, 8, "-64" },
		{ "p-u8", PARAM_UINT, 1, "8" },        { "p-u16", PARAM_UINT, 2, "16" },
		{ "p-u32", PARAM_UINT, 4, "32" },      { "p-u64", PARAM_UINT, 8, "64" },
		{ "p-bool", PARAM_BOOL, 1, "true" },   { "p-char", PARAM_CHAR, 1, "c" },
		{ "p-float", PARAM_FLOAT, 4, "0.5" },  { "p-double", PARAM_FLOAT, 8, "0.1" },
		{ "p-color", PARAM_ENUM, 4, "GREEN" }, { "p-small", PARAM_ENUM, 1, "BELOW" },
		{ "p-wide", PARAM_ENUM, 8, "WIDE" },   { "p-text", PARAM_TEXT, 8, "text" },
		{ "p-bytes", PARAM_OTHER, 4, "" },     { "p-ip", PARAM_IP, 32, "" },
		{ "pid", PARAM_UINT, 4, "0" },         { "comm", PARAM_TEXT, 16, "" },
	};
	const struct model *m = inspect("params", NULL);

	(void)state;
	for (size_t i = 0; i < sizeof(expected) / sizeof(*expected); i++) {
		const struct model_param *p = get(m, expected[i].key);

		assert_int_equal(p->kind, expected[i].kind);
		assert_int_equal(p->size, expected[i].size);
		assert_string_equal(p->initial, expected[i].initial);
		assert_false(p->is_preset);
	}
	assert_int_equal(get(m, "p-color")->nchoices, 3);
	assert_string_equal(get(m, "p-color")->choices[2].name, "BLUE");
	assert_true(get(m, "p-color")->choices[2].number == 4000000000u);
	assert_true(get(m, "p-small")->choices[0].number == (uint64_t)-3);
}

static void what_records_show_by_name_is_set_by_name(void **state)
{
	const struct model_param *p = get(inspect("params", NULL), "p-signal");

	(void)state;
	takes(*p, "SIGKILL", &(uint32_t){ 9 });
	takes(*p, "9", &(uint32_t){ 9 });
	assert_string_equal(param_text(p, (const uint8_t *)&(uint32_t){ 9 }, &arena), "SIGKILL");
	assert_int_equal(param_parse(p, "SIGKIL", NULL, &error), -EINVAL);
	assert_non_null(strstr(error.text, "(did you mean 'SIGKILL'?)"));
}

static void well_known_parameters_say_what_they_are_for(void **state)
{
	const struct model *m = inspect("params", NULL);

	(void)state;
	assert_non_null(strstr(get(m, "pid")->description, "process"));
	assert_non_null(strstr(get(m, "comm")->description, "command"));
	assert_null(get(m, "p-s8")->description);
}

static void metadata_names_and_describes(void **state)
{
	static const char *const forms[] = {
		"params: {ebpf: {p_s8: {key: eight, description: Eight bits}}}\n",
		"ebpfParams: {p_s8: {key: eight, description: Eight bits}}\n",
		"PARAMS.EBPF.P_S8: {KEY: eight, Description: Eight bits}\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
		const struct model_param *p = get(inspect("params", forms[i]), "eight");

		assert_string_equal(p->variable, "p_s8");
		assert_string_equal(p->description, "Eight bits");
	}
	/* the variable's name works always */
	assert_string_equal(get(inspect("params", forms[0]), "p_s8")->key, "eight");
}

static void the_object_knows_the_defaults_of_numbers_the_metadata_those_of_texts(void **state)
{
	const struct model *m = inspect("params", "params:\n"
						  "  ebpf:\n"
						  "    p_s8: {defaultValue: 1}\n"
						  "    p_bool: {defaultValue: false}\n"
						  "    p_u8: {defaultValue: ''}\n"
						  "    p_ip: {defaultValue: 1.2.3.4}\n"
						  "    p_text: {defaultValue: other}\n"
						  "    targ_comm: {defaultValue: ''}\n");

	(void)state;
	assert_string_equal(get(m, "p-s8")->initial, "-8");
	assert_string_equal(get(m, "p-bool")->initial, "true");
	assert_string_equal(get(m, "p-ip")->initial, "");
	assert_string_equal(get(m, "p-text")->initial, "other");
	assert_true(get(m, "p-text")->is_preset);
	assert_memory_equal(get(m, "p-text")->bytes, "other\0\0", 8);
	assert_false(get(m, "comm")->is_preset);
}

static void param_defaults_replace_all_others(void **state)
{
	const struct model *m =
		inspect("params", "paramDefaults:\n"
				  "  operator.oci.ebpf.p-s8: 5\n"
				  "  operator.oci.ebpf.p-text: new\n"
				  "params: {ebpf: {p_text: {defaultValue: old}}}\n");
	struct settings settings;

	(void)state;
	assert_string_equal(get(m, "p-s8")->initial, "5");
	assert_string_equal(get(m, "p-text")->initial, "new");
	assert_int_equal(settings_make(&arena, m, NULL, &settings, &error), 0);
	assert_int_equal(settings.n, 2);
}

static void wrong_metadata_is_an_error_with_its_place(void **state)
{
	static const struct {
		const char *text, *words;
	} cases[] = {
		{ "params:\n  ebpf:\n    p_s8:\n      defaultValue: 200\n",
		  "gadget.yaml:4:21: default of parameter 'p-s8': '200' is not from -128 to 127" },
		{ "params:\n  ebpf:\n    p_text: {key: k, defaultValue: ninebytes}\n",
		  "gadget.yaml:3:36: default of parameter 'k': 'ninebytes' has 9 bytes, at most 8 "
		  "fit" },
		{ "params:\n  ebpf:\n    p_s8: {key: pid}\n",
		  "gadget.yaml:3:17: two parameters have the key 'pid'" },
		{ "params:\n  ebpf:\n    p_s8: {key: same}\n    p_u8: {key: same}\n",
		  "gadget.yaml:4:17: two parameters have the key 'same'" },
		{ "params:\n  ebpf:\n    p_s8: {key: -x}\n",
		  "gadget.yaml:3:17: '-x' cannot be the key of a parameter (at most 64 letters, "
		  "digits, '-', '_' and '.')" },
		{ "params:\n  custom:\n    pid: {values: {a: {}}}\n",
		  "gadget.yaml:3:5: two parameters have the key 'pid'" },
		{ "programs:\n  enter_getsidd: {attach_to: a/b}\n",
		  "gadget.yaml:2:3: there is no program 'enter_getsidd' (did you mean "
		  "'enter_getsid'?)" },
		{ "programs:\n  enter_getsid: {attach_to: sys_enter}\n",
		  "gadget.yaml:2:29: program 'enter_getsid' of section "
		  "'tracepoint/syscalls/sys_enter_getsid' attaches to CATEGORY/NAME, not to "
		  "'sys_enter'" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_null(inspect_wanted("params", cases[i].text, NULL));
		assert_error(cases[i].words);
		assert_int_equal(error.code, ENOEXEC);
	}
}

/* ---- programs --------------------------------------------------------------- */

static const struct model_program *program(const struct model *model, const char *name)
{
	for (uint32_t i = 0; i < model->nprograms; i++)
		if (!strcmp(model->programs[i].name, name))
			return &model->programs[i];
	fail_msg("no program '%s'", name);
	return NULL;
}

static void sections_can_disable_programs(void **state)
{
	const struct model *m = inspect("hooks", NULL);

	(void)state;
	assert_false(program(m, "movable")->is_disabled);
	assert_true(program(m, "off")->is_disabled);
	assert_string_equal(program(m, "off")->target, "sys_enter_getsid");
	assert_true(program(m, "off_btf")->is_disabled);
	assert_string_equal(program(m, "off_btf")->target, "sys_enter");
	assert_true(program(m, "off_nowhere")->is_disabled);
	assert_null(program(m, "off_nowhere")->target);
	assert_int_equal(program(m, "off_nowhere")->kind, PROGRAM_TP_BTF);
	assert_int_equal(model_check(m, &error), 0);
}

static void attach_to_moves_enables_and_disables(void **state)
{
	const struct model *m = inspect("hooks", "programs:\n"
						 "  movable: {attach_to: gadget_program_disabled}\n"
						 "  raw.attach_to: sys_exit\n"
						 "  OFF: {attach_to: syscalls/sys_enter_getpgid}\n"
						 "  off_btf: {attach_to: }\n");

	(void)state;
	assert_true(program(m, "movable")->is_disabled);
	assert_string_equal(program(m, "raw")->target, "sys_exit");
	assert_false(program(m, "off")->is_disabled);
	assert_string_equal(program(m, "off")->category, "syscalls");
	assert_string_equal(program(m, "off")->target, "sys_enter_getpgid");
	assert_true(program(m, "off_btf")->is_disabled);
	assert_null(inspect_wanted("hooks", "programs: {off_btf: {attach_to: sys_exit}}", NULL));
	assert_error("gadget.yaml:1:33: program 'off_btf' of section "
		     "'tp_btf/sys_enter/gadget_program_disabled' cannot be attached to 'sys_exit' "
		     "(only to 'gadget_program_disabled')");
}

/* ---- parameters that choose -------------------------------------------------- */

static const char hook_yaml[] =
	"params:\n"
	"  custom:\n"
	"    hook:\n"
	"      description: What to look at\n"
	"      defaultValue: none\n"
	"      values:\n"
	"        none: {patch: {programs: {movable: {attach_to: gadget_program_disabled}}}}\n"
	"        pgid: {patch: {programs: {movable: {attach_to: syscalls/sys_enter_getpgid}}}}\n"
	"    tracepoint:\n"
	"      patch:\n"
	"        programs:\n"
	"          raw: {attach_to: '{{getParamValue \"custom.tracepoint\"}}'}\n";

static void a_choice_patches_the_metadata(void **state)
{
	const struct model *m = inspect("hooks", hook_yaml);

	(void)state;
	assert_int_equal(get(m, "hook")->kind, PARAM_CHOICE);
	assert_string_equal(get(m, "hook")->description, "What to look at");
	assert_string_equal(get(m, "hook")->initial, "none");
	assert_int_equal(get(m, "hook")->nchoices, 2);
	assert_false(get(m, "hook")->takes_any);
	assert_true(get(m, "tracepoint")->takes_any);
	assert_true(program(m, "movable")->is_disabled);
	m = inspect_wanted("hooks", hook_yaml, yaml("{hook: pgid, tracepoint: sys_exit}"));
	assert_non_null(m);
	assert_false(program(m, "movable")->is_disabled);
	assert_string_equal(program(m, "movable")->target, "sys_enter_getpgid");
	assert_string_equal(program(m, "raw")->target, "sys_exit");
}

static void patches_see_what_users_set(void **state)
{
	const struct model *m =
		inspect_wanted("hooks",
			       "params.custom.on.patch.programs.raw.attach_to: "
			       "'sys_{{getParamValue \"operator.oci.ebpf.comm\"}}'\n",
			       yaml("{on: x, comm: exit}"));

	(void)state;
	assert_non_null(m);
	assert_string_equal(program(m, "raw")->target, "sys_exit");
}

static void values_may_have_dots(void **state)
{
	const struct model *m = inspect("hooks", "params.custom.v.values:\n"
						 "  1.5: {patch: {}}\n"
						 "  1.6: {}\n"
						 "  plain:\n"
						 "  odd: {why: not}\n");
	const struct model_param *p = get(m, "v");
	char text[64];

	(void)state;
	assert_string_equal(param_choices(p, text, sizeof(text)), "1.5, 1.6, plain, odd");
}

static void a_choice_that_is_none_is_the_users_error(void **state)
{
	(void)state;
	assert_null(inspect_wanted("hooks", hook_yaml, yaml("{hook: pgif}")));
	assert_error("user.yaml:1:8: parameter 'hook' has no value 'pgif' (did you mean 'pgid'?)");
	assert_int_equal(error.code, EINVAL);
	assert_null(inspect_wanted("hooks", hook_yaml, yaml("{hook: [pgid]}")));
	assert_error("user.yaml:1:8: parameter 'hook' must be one value, not a list");
	/* what a parameter puts into a patch is checked as if it stood there */
	assert_null(inspect_wanted("hooks", hook_yaml, yaml("{tracepoint: a/b}")));
	assert_non_null(strstr(error.text, "attaches to NAME, not to 'a/b'"));
}

/* ---- what users set ----------------------------------------------------------- */

static void settings_name_the_parameter_and_the_place(void **state)
{
	static const struct {
		const char *wanted, *words;
	} cases[] = {
		{ "{p-s8: 200}", "user.yaml:1:8: parameter 'p-s8' of gadget 'params': '200' is not "
				 "from -128 to 127" },
		{ "{p-s9: 1}", "user.yaml:1:2: gadget 'params' has no parameter 'p-s9' (did you "
			       "mean 'p-s8'?)" },
		{ "{p-s8: }", "user.yaml:1:8: parameter 'p-s8' must be one value, not nothing" },
		{ "{pid: 1, targ_pid: 2}", "user.yaml:1:10: parameter 'targ_pid' is set already, "
					   "by its other name 'pid'" },
		{ "{targ_pid: 1, pid: 2}", "user.yaml:1:15: parameter 'pid' is set already, by its "
					   "other name 'targ_pid'" },
		{ "{chosen-max-entries: 0}",
		  "user.yaml:1:22: 'chosen-max-entries' of gadget 'params': map 'chosen' cannot "
		  "have 0 entries (from 1 to 67108864)" },
		{ "{chosen-max-entries: -1}",
		  "user.yaml:1:22: 'chosen-max-entries' of gadget 'params': map 'chosen' cannot "
		  "have -1 entries (from 1 to 67108864)" },
		{ "{chosen-max-entries: 67108865}",
		  "user.yaml:1:22: 'chosen-max-entries' of gadget 'params': map 'chosen' cannot "
		  "have 67108865 entries (from 1 to 67108864)" },
	};
	const struct model *m = inspect("params", NULL);
	struct settings settings;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_true(settings_make(&arena, m, yaml(cases[i].wanted), &settings, &error) < 0);
		assert_error(cases[i].words);
	}
}

static void maps_get_the_entries_their_variable_says(void **state)
{
	const struct model *m = inspect("params", NULL);
	struct settings settings;

	(void)state;
	assert_int_equal(settings_make(&arena, m, NULL, &settings, &error), 0);
	assert_int_equal(settings_map_entries(&settings, model_map_find(m, "chosen")), 3);
	assert_int_equal(settings_map_entries(&settings, model_map_find(m, "fixed")), 5);
	assert_null(model_map_find(m, "events")->sized_by);
	assert_int_equal(
		settings_make(&arena, m, yaml("{chosen-max-entries: 9}"), &settings, &error), 0);
	assert_int_equal(settings_map_entries(&settings, model_map_find(m, "chosen")), 9);
}

static void only_a_constant_sizes_a_map(void **state)
{
	const struct model *m = inspect("hooks", NULL);

	(void)state;
	assert_non_null(model_map_find(m, "events")->sized_by);
	assert_true(model_source_find(m, "hooks")->ring_size == 8192);
	assert_null(model_map_find(m, "events_attempts")->sized_by);
}

/* An object with any byte changed: an error, or parameters that can be set. */
static void parameters_survive_any_byte_changed(void **state)
{
	size_t size;
	uint8_t *bytes = arena_memdup(&arena, read_object("params", &size), 1 << 20);
	const struct yaml_node *wanted = yaml("{pid: 1, p-s8: 1, p-color: RED, p-text: x}");
	uint32_t refused = 0;

	(void)state;
	for (size_t i = 0; i < size; i += 5) {
		struct arena scratch = ARENA_INIT;
		const struct model *model;
		struct settings settings;
		uint8_t was = bytes[i];

		bytes[i] = i % 2 ? 0xff : (uint8_t)(was + 1);
		if (inspect_bytes(&scratch, "params", bytes, size, NULL, &model, &error) < 0 ||
		    settings_make(&scratch, model, wanted, &settings, &error) < 0)
			refused++;
		bytes[i] = was;
		arena_release(&scratch);
	}
	assert_true(refused > 0);
}

#define TEST(test) cmocka_unit_test_teardown(test, release)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(signed_numbers_have_the_limits_of_their_width),
		TEST(unsigned_numbers_have_the_limits_of_their_width),
		TEST(what_is_no_number_is_refused),
		TEST(bools_are_true_or_false_and_nothing_else),
		TEST(a_char_is_a_character_or_a_number),
		TEST(floats_are_decimal),
		TEST(an_enum_takes_names_and_numbers),
		TEST(a_text_may_fill_its_array),
		TEST(a_long_text_is_cut_in_the_message),
		TEST(an_address_fills_the_whole_endpoint),
		TEST(other_types_cannot_be_set),
		TEST(a_shown_value_reads_back_as_the_same_bytes),
		TEST(many_choices_are_cut),
		TEST(every_type_of_variable_is_recognised),
		TEST(what_records_show_by_name_is_set_by_name),
		TEST(well_known_parameters_say_what_they_are_for),
		TEST(metadata_names_and_describes),
		TEST(the_object_knows_the_defaults_of_numbers_the_metadata_those_of_texts),
		TEST(param_defaults_replace_all_others),
		TEST(wrong_metadata_is_an_error_with_its_place),
		TEST(sections_can_disable_programs),
		TEST(attach_to_moves_enables_and_disables),
		TEST(a_choice_patches_the_metadata),
		TEST(patches_see_what_users_set),
		TEST(values_may_have_dots),
		TEST(a_choice_that_is_none_is_the_users_error),
		TEST(settings_name_the_parameter_and_the_place),
		TEST(maps_get_the_entries_their_variable_says),
		TEST(only_a_constant_sizes_a_map),
		TEST(parameters_survive_any_byte_changed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
