/* SPDX-License-Identifier: Apache-2.0 */
/* Command line flags: the forms they may take, and what is said about mistakes. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cli/flags.h"

struct args {
	bool fail_on_loss;
	int verbose;
	const char *output;
	struct flag_texts param;
	uint64_t count;
	int64_t timeout;
};

static const struct flag table[] = {
	FLAG_SWITCH(struct args, fail_on_loss, 0, "Fail."),
	FLAG_REPEAT(struct args, verbose, 'v', "Say more."),
	FLAG_TEXT(struct args, output, 'o', "CODEC", "How."),
	FLAG_TEXTS(struct args, param, 'p', "KEY=VALUE", "What."),
	FLAG_NUMBER(struct args, count, 'n', "N", "How many."),
	FLAG_DURATION(struct args, timeout, 't', "TIME", "How long."),
	FLAG_END,
};

static struct arena arena;

static int teardown(void **state)
{
	(void)state;
	arena_release(&arena);
	return 0;
}

static int count(char *const *argv)
{
	int n = 0;

	while (argv[n])
		n++;
	return n;
}

static int try_read(struct flags *flags, char *const *argv, struct args *args, struct error *err)
{
	flags->table = table;
	flags->arena = &arena;
	*args = (struct args){ 0 };
	return flags_read(flags, count(argv), argv, args, err);
}

#define ARGV(...) ((char *const[]){ __VA_ARGS__, NULL })

static struct args reads(struct flags *flags, char *const *argv)
{
	struct error err = ERROR_INIT;
	struct args args;

	if (try_read(flags, argv, &args, &err) < 0)
		fail_msg("%s", err.text);
	return args;
}

static void refuses(char *const *argv, const char *expected)
{
	struct error err = ERROR_INIT;
	struct flags flags = { 0 };
	struct args args;

	assert_int_equal(try_read(&flags, argv, &args, &err), -EINVAL);
	assert_string_equal(err.text, expected);
}

static void every_form_of_a_flag_means_the_same(void **state)
{
	char *const *const forms[] = {
		ARGV("--output", "json"), ARGV("--output=json"), ARGV("-o", "json"),
		ARGV("-ojson"),           ARGV("-vo", "json"),   ARGV("-vojson"),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
		struct flags flags = { 0 };

		assert_string_equal(reads(&flags, forms[i]).output, "json");
		assert_int_equal(flags.nwords, 0);
	}
}

static void words_and_flags_may_be_mixed_until_two_dashes(void **state)
{
	struct flags flags = { 0 };
	struct args args = reads(&flags, ARGV("a", "-v", "b", "--fail-on-loss", "--fail_on_loss",
					      "-", "--", "-v", "--"));

	(void)state;
	assert_int_equal(args.verbose, 1);
	assert_true(args.fail_on_loss);
	assert_int_equal(flags.nwords, 5);
	assert_string_equal(flags.words[2], "-");
	assert_string_equal(flags.words[3], "-v");
	assert_string_equal(flags.words[4], "--");
}

static void reading_can_stop_at_the_first_word(void **state)
{
	struct flags flags = { .stops_at_word = true };
	struct args args = reads(&flags, ARGV("-v", "run", "-v"));

	(void)state;
	assert_int_equal(args.verbose, 1);
	assert_int_equal(flags.used, 1);
	assert_int_equal(flags.nwords, 0);
}

static void values_are_converted(void **state)
{
	struct flags flags = { 0 };
	struct args args =
		reads(&flags, ARGV("-n", "3", "-t5", "-p", "a=1", "--param=b=2", "-vv", "-v"));

	(void)state;
	assert_int_equal(args.count, 3);
	assert_int_equal(args.timeout, INT64_C(5000000000));
	assert_int_equal(args.verbose, 3);
	assert_int_equal(args.param.n, 2);
	assert_string_equal(args.param.items[0], "a=1");
	assert_string_equal(args.param.items[1], "b=2");
	assert_int_equal(reads(&flags, ARGV("-t", "200ms")).timeout, 200000000);
}

static void help_ends_the_reading(void **state)
{
	struct flags flags = { 0 };

	(void)state;
	(void)reads(&flags, ARGV("-v", "--help", "--bogus"));
	assert_true(flags.wants_help);
	flags = (struct flags){ 0 };
	(void)reads(&flags, ARGV("-vh"));
	assert_true(flags.wants_help);
}

static void unknown_flags_behind_the_first_word_can_be_collected(void **state)
{
	struct flags flags = { .takes_extras = true };
	struct args args = reads(&flags, ARGV("gadget", "--pid", "5", "--failed", "-o", "json",
					      "--level=-3", "--low", "-5", "--last"));

	(void)state;
	assert_string_equal(args.output, "json");
	assert_int_equal(flags.nextras, 5);
	assert_string_equal(flags.extras[0].name, "pid");
	assert_string_equal(flags.extras[0].value, "5");
	assert_string_equal(flags.extras[1].name, "failed");
	assert_null(flags.extras[1].value);
	assert_string_equal(flags.extras[2].value, "-3");
	assert_string_equal(flags.extras[3].value, "-5");
	assert_null(flags.extras[4].value);
	assert_int_equal(flags.nwords, 1);
}

static void a_switch_can_be_told_what_it_is(void **state)
{
	struct flags flags = { 0 };
	struct error err = ERROR_INIT;
	struct args args;

	(void)state;
	assert_int_equal(try_read(&flags, ARGV("--fail-on-loss=true"), &args, &err), 0);
	assert_true(args.fail_on_loss);
	assert_int_equal(
		try_read(&flags, ARGV("--fail-on-loss", "--fail-on-loss=false"), &args, &err), 0);
	assert_false(args.fail_on_loss);
	refuses(ARGV("--fail-on-loss=1"), "--fail-on-loss takes no value");
	refuses(ARGV("--fail-on-loss="), "--fail-on-loss takes no value");
	refuses(ARGV("--verbose=true"), "--verbose takes no value");
}

static void mistakes_are_named(void **state)
{
	(void)state;
	refuses(ARGV("--ouput", "x"), "unknown flag '--ouput' (did you mean '--output'?)");
	refuses(ARGV("--fail-on-los"), "unknown flag '--fail-on-los' (did you mean "
				       "'--fail-on-loss'?)");
	refuses(ARGV("--zzzzzzz"), "unknown flag '--zzzzzzz'");
	refuses(ARGV("-x"), "unknown flag '-x'");
	refuses(ARGV("-o"), "-o needs a value (CODEC)");
	refuses(ARGV("--output"), "--output needs a value (CODEC)");
	refuses(ARGV("--verbose=1"), "--verbose takes no value");
	refuses(ARGV("-n", "0"), "--count must be a whole number from 1 on, not '0'");
	refuses(ARGV("-n", "x"), "--count must be a whole number from 1 on, not 'x'");
	refuses(ARGV("-t", "5x"), "--timeout must be a duration such as '5s' or '200ms', not '5x'");
	refuses(ARGV("-t", "99999999999999999999"), "--timeout must be a duration such as '5s' or "
						    "'200ms', not '99999999999999999999'");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(every_form_of_a_flag_means_the_same, teardown),
		cmocka_unit_test_teardown(words_and_flags_may_be_mixed_until_two_dashes, teardown),
		cmocka_unit_test_teardown(reading_can_stop_at_the_first_word, teardown),
		cmocka_unit_test_teardown(values_are_converted, teardown),
		cmocka_unit_test_teardown(help_ends_the_reading, teardown),
		cmocka_unit_test_teardown(unknown_flags_behind_the_first_word_can_be_collected,
					  teardown),
		cmocka_unit_test_teardown(a_switch_can_be_told_what_it_is, teardown),
		cmocka_unit_test_teardown(mistakes_are_named, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
