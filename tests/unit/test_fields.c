/* SPDX-License-Identifier: Apache-2.0 */
/* Types as no compiler writes them, the limits, and the tables behind derived fields. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <bpf/btf.h>

#include "data/show.h"
#include "gadget/fields.h"
#include "gadget/templates.h"
#include "gadget/vocabulary.h"

static struct arena arena;
static struct btf *btf;
static struct model_source source;
static struct error err;
static int u32_id, char_id;

static int setup(void **state)
{
	(void)state;
	btf = btf__new_empty();
	u32_id = btf__add_int(btf, "unsigned int", 4, 0);
	char_id = btf__add_int(btf, "char", 1, BTF_INT_SIGNED);
	source = (struct model_source){ .name = "test" };
	err = ERROR_INIT;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	btf__free(btf);
	arena_release(&arena);
	return 0;
}

static int read_struct(int id)
{
	return fields_read(&arena, btf, (uint32_t)id, FIELDS_STYLE_MARKED, NULL, NULL, &source,
			   &err);
}

/* A struct of one member at a bit, which is a bit-field if bits is not 0. */
static int one_member(uint32_t size, int type, uint32_t bit, uint32_t bits)
{
	int id = btf__add_struct(btf, "s", size);

	assert_int_equal(btf__add_field(btf, "member", type, bit, bits), 0);
	return id;
}

static void assert_refused(int id, int code, const char *says)
{
	assert_int_equal(read_struct(id), -code);
	if (!strstr(err.text, says))
		fail_msg("'%s' does not say '%s'", err.text, says);
}

static void assert_skipped(int id, const char *why)
{
	assert_int_equal(read_struct(id), 0);
	assert_int_equal(source.nfields, 0);
	assert_int_equal(source.nskipped, 1);
	assert_string_equal(source.skipped[0].why, why);
}

static void members_must_lie_in_their_struct(void **state)
{
	int array = btf__add_array(btf, u32_id, u32_id, 4);

	(void)state;
	assert_refused(one_member(4, u32_id, 8, 0), EBADMSG, "'member' lies outside");
	assert_refused(one_member(4, u32_id, 31, 2), EBADMSG, "'member' lies outside");
	assert_refused(one_member(4, array, 0, 0), EBADMSG, "'member' lies outside");
	assert_refused(one_member(4, u32_id, 0xffffff, 1), EBADMSG, "outside its struct");
	assert_int_equal(read_struct(one_member(4, u32_id, 31, 1)), 0);
}

/* The bits would say it fits, while its members do not. */
static void only_numbers_are_bit_fields(void **state)
{
	int inner = one_member(64, u32_id, 60 * 8, 0);
	int array = btf__add_array(btf, u32_id, u32_id, 1000);

	(void)state;
	assert_skipped(one_member(4, inner, 0, 8), "not at a whole byte");
	source.nskipped = 0;
	assert_skipped(one_member(4, array, 0, 8), "not at a whole byte");
}

static void a_bit_field_has_at_most_64_bits(void **state)
{
	int wide = btf__add_int(btf, "__int128", 16, BTF_INT_SIGNED);

	(void)state;
	assert_skipped(one_member(16, wide, 0, 65), "a bit-field of more than 64 bits");
	assert_int_equal(read_struct(one_member(16, wide, 7, 64)), 0);
	assert_int_equal(source.fields[0].size, 9);
	assert_int_equal(source.fields[0].layout, LAYOUT_SBITS);
}

static void a_typedef_of_itself_ends(void **state)
{
	int id = btf__add_typedef(btf, "loop", (int)btf__type_cnt(btf));

	(void)state;
	assert_refused(one_member(4, id, 0, 0), EBADMSG, "a type without end");
}

static void an_array_of_itself_ends(void **state)
{
	int id = (int)btf__type_cnt(btf);

	(void)state;
	assert_int_equal(btf__add_array(btf, u32_id, id, 1), id);
	assert_skipped(one_member(4, id, 0, 0), "of a type that cannot be shown");
}

static void a_struct_in_itself_ends(void **state)
{
	int id = (int)btf__type_cnt(btf);

	(void)state;
	assert_int_equal(one_member(4, id, 0, 0), id);
	assert_refused(id, E2BIG, "nested more than");
}

static void arrays_have_limits_in_depth(void **state)
{
	int id = u32_id;

	(void)state;
	for (int i = 0; i < MODEL_MAX_DEPTH + 2; i++)
		id = btf__add_array(btf, u32_id, id, 1);
	assert_refused(one_member(4, id, 0, 0), E2BIG, "nested more than");
}

/* Arrays of structs in arrays of structs could make many fields of few members. */
static void members_of_elements_count_to_the_limit(void **state)
{
	int inner = btf__add_struct(btf, "inner", 4 * 200), array, id;
	char name[16];

	(void)state;
	for (uint32_t i = 0; i < 200; i++) {
		(void)snprintf(name, sizeof(name), "m%u", i);
		assert_int_equal(btf__add_field(btf, name, u32_id, 32 * i, 0), 0);
	}
	array = btf__add_array(btf, u32_id, inner, 1);
	id = btf__add_struct(btf, "s", 3 * 800);
	for (uint32_t i = 0; i < 3; i++) {
		(void)snprintf(name, sizeof(name), "a%u", i);
		assert_int_equal(btf__add_field(btf, name, array, 8 * 800 * i, 0), 0);
	}
	assert_refused(id, E2BIG, "more than 512 fields");
}

static void a_derived_name_may_not_be_taken(void **state)
{
	int errno_id = btf__add_typedef(btf, "gadget_errno", u32_id);
	int id = btf__add_struct(btf, "s", 8);

	(void)state;
	assert_int_equal(btf__add_field(btf, "error", u32_id, 0, 0), 0);
	assert_int_equal(btf__add_field(btf, "error_raw", errno_id, 32, 0), 0);
	assert_refused(id, EEXIST, "two fields are called 'error'");
}

static void an_enum_past_the_limits_stays_a_number(void **state)
{
	int id = btf__add_enum(btf, "large", 4), s;
	char name[16];

	(void)state;
	for (int i = 0; i <= NAMES_MAX; i++) {
		(void)snprintf(name, sizeof(name), "E%d", i);
		assert_int_equal(btf__add_enum_value(btf, name, i), 0);
	}
	s = btf__add_struct(btf, "s", 4);
	assert_int_equal(btf__add_field(btf, "x_raw", id, 0, 0), 0);
	assert_int_equal(read_struct(s), 0);
	assert_int_equal(source.nfields, 1);
	assert_string_equal(source.fields[0].name, "x_raw");
	assert_int_equal(source.fields[0].flags, 0);
}

/* Whatever ends the record, all of the fixed alternatives are in it. */
static void flexible_arrays_in_a_union_end_the_record(void **state)
{
	int numbers = btf__add_array(btf, u32_id, u32_id, 0);
	int text = btf__add_array(btf, u32_id, char_id, 0);
	int fixed = one_member(8, u32_id, 32, 0);
	int both = btf__add_union(btf, NULL, 8), id;

	(void)state;
	assert_int_equal(btf__add_field(btf, "numbers", numbers, 0, 0), 0);
	assert_int_equal(btf__add_field(btf, "text", text, 0, 0), 0);
	assert_int_equal(btf__add_field(btf, "fixed", fixed, 0, 0), 0);
	id = btf__add_struct(btf, "s", 12);
	assert_int_equal(btf__add_field(btf, "kind", u32_id, 0, 0), 0);
	assert_int_equal(btf__add_field(btf, "", both, 32, 0), 0);
	assert_int_equal(read_struct(id), 0);
	assert_int_equal(source.nfields, 4);
	assert_int_equal(source.fields[1].type, TYPE_ARRAY);
	assert_int_equal(source.fields[1].layout, LAYOUT_TAIL);
	assert_int_equal(source.fields[2].type, TYPE_STRING);
	assert_int_equal(source.row_min, 12);
	assert_int_equal(source.row_max, UINT32_MAX);
}

static const char *shown(enum words words, enum type type, uint64_t number)
{
	static char text[SHOW_MAX + 1];
	struct field f = { .type = (uint8_t)type, .names = vocabulary_make(&arena, words) };

	assert_non_null(f.names);
	text[show_number(&f, number, text)] = 0;
	return text;
}

static void numbers_of_linux_have_its_names(void **state)
{
	(void)state;
	assert_string_equal(shown(WORDS_ERRNO, TYPE_NAME, 0), "");
	assert_string_equal(shown(WORDS_ERRNO, TYPE_NAME, 11), "EAGAIN");
	assert_string_equal(shown(WORDS_ERRNO, TYPE_NAME, 95), "EOPNOTSUPP");
	assert_string_equal(shown(WORDS_ERRNO, TYPE_NAME, 512), "ERESTARTSYS");
	assert_string_equal(shown(WORDS_ERRNO, TYPE_NAME, 134), "error#134");
	assert_string_equal(shown(WORDS_SIGNAL, TYPE_NAME, 29), "SIGIO");
	assert_string_equal(shown(WORDS_SIGNAL, TYPE_NAME, 34), "SIGRTMIN");
	assert_string_equal(shown(WORDS_SIGNAL, TYPE_NAME, 64), "SIGRTMIN+30");
	assert_string_equal(shown(WORDS_SIGNAL, TYPE_NAME, 0), "signal#0");
	assert_string_equal(shown(WORDS_SYSCALL, TYPE_NAME, 451), "SYS_CACHESTAT");
	assert_string_equal(shown(WORDS_SYSCALL, TYPE_NAME, UINT64_MAX), "SYS_UNKNOWN");
	assert_string_equal(shown(WORDS_PROTOCOL, TYPE_NAME, 262), "MPTCP");
}

static void open_flags_show_the_access_mode_first_and_no_bit_twice(void **state)
{
	(void)state;
	assert_string_equal(shown(WORDS_OPEN_FLAGS, TYPE_FLAGS, 0), "O_RDONLY");
	assert_string_equal(shown(WORDS_OPEN_FLAGS, TYPE_FLAGS, 3), "");
	assert_string_equal(shown(WORDS_OPEN_FLAGS, TYPE_FLAGS, 02000102),
			    "O_RDWR|O_CREAT|O_CLOEXEC");
	assert_string_equal(shown(WORDS_OPEN_FLAGS, TYPE_FLAGS, 04010001), "O_WRONLY|O_SYNC");
	assert_string_equal(shown(WORDS_OPEN_FLAGS, TYPE_FLAGS, 010001), "O_WRONLY|O_DSYNC");
}

static void templates_are_found_by_name_and_by_typedef(void **state)
{
	(void)state;
	assert_ptr_equal(notes_template("ErrorString"), notes_template("errorString"));
	assert_ptr_equal(notes_of_typedef("gadget_pid"), notes_template("pid"));
	assert_int_equal(notes_template("tid")->flags, FIELD_QUIET);
	assert_null(notes_template("nothing"));
	assert_null(notes_of_typedef("gadget_errno"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(members_must_lie_in_their_struct),
		TEST(only_numbers_are_bit_fields),
		TEST(a_bit_field_has_at_most_64_bits),
		TEST(a_typedef_of_itself_ends),
		TEST(an_array_of_itself_ends),
		TEST(a_struct_in_itself_ends),
		TEST(arrays_have_limits_in_depth),
		TEST(members_of_elements_count_to_the_limit),
		TEST(a_derived_name_may_not_be_taken),
		TEST(an_enum_past_the_limits_stays_a_number),
		TEST(flexible_arrays_in_a_union_end_the_record),
		TEST(numbers_of_linux_have_its_names),
		TEST(open_flags_show_the_access_mode_first_and_no_bit_twice),
		TEST(templates_are_found_by_name_and_by_typedef),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
