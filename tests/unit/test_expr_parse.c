/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reader of expressions: what is accepted, what it means, and where and how
 * it complains.  Trees are compared as text in prefix form.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "expr/ast.h"
#include "expr/expr.h"

static const struct pos start = { .file = "p.yaml", .line = 7, .col = 12 };

static void print_operand(FILE *out, const struct operand *o)
{
	switch (o->kind) {
	case OPERAND_FIELD:
		fputs(o->name, out);
		return;
	case OPERAND_STRING:
		fprintf(out, "'%.*s'", (int)o->s.len, o->s.at);
		return;
	case OPERAND_INT:
		if (o->i > INT64_MAX)
			fprintf(out, "%" PRIu64, (uint64_t)o->i);
		else
			fprintf(out, "%" PRId64, (int64_t)o->i);
		return;
	case OPERAND_FLOAT:
		fprintf(out, "%gf", o->f);
		return;
	case OPERAND_BOOL:
		fputs(o->b ? "true" : "false", out);
		return;
	}
}

static void print_node(FILE *out, const struct node *node)
{
	static const char *const names[] = {
		[NODE_AND] = "and", [NODE_OR] = "or", [NODE_NOT] = "not",  [NODE_COMPARE] = NULL,
		[NODE_GLOB] = "~",  [NODE_IN] = "in", [NODE_OPERAND] = "", [NODE_HAS] = "has",
	};

	fprintf(out, "(%s", node->kind == NODE_COMPARE ? cmp_text(node->cmp) : names[node->kind]);
	for (const struct node *child = node->first; child; child = child->next) {
		fputc(' ', out);
		print_node(out, child);
	}
	if (!node->first) {
		fputc(' ', out);
		print_operand(out, &node->left);
	}
	if (node->kind == NODE_COMPARE || node->kind == NODE_GLOB || node->kind == NODE_HAS) {
		fputc(' ', out);
		print_operand(out, &node->right);
	}
	for (uint32_t i = 0; i < node->nitems; i++) {
		fputc(' ', out);
		print_operand(out, &node->items[i]);
	}
	fputc(')', out);
}

static void assert_tree(const char *text, const char *tree)
{
	struct arena arena = ARENA_INIT;
	struct error err = ERROR_INIT;
	struct expr *expr;
	char *printed;
	size_t size;
	FILE *out = open_memstream(&printed, &size);

	if (expr_parse(&arena, text, start, &expr, &err) < 0)
		fail_msg("'%s': %s", text, err.text);
	print_node(out, expr->root);
	(void)fclose(out);
	assert_string_equal(printed, tree);
	free(printed);
	arena_release(&arena);
}

/* The error must be at the column (of the text, from 1) and contain `part`. */
static void assert_error(const char *text, uint32_t col, const char *part)
{
	struct arena arena = ARENA_INIT;
	struct error err = ERROR_INIT;
	struct expr *expr = NULL;

	assert_true(expr_parse(&arena, text, start, &expr, &err) < 0);
	assert_null(expr);
	if (!strstr(err.text, part))
		fail_msg("'%s': '%s' lacks '%s'", text, err.text, part);
	assert_string_equal(err.pos.file, "p.yaml");
	assert_int_equal(err.pos.line, 7);
	if (err.pos.col != 11 + col)
		fail_msg("'%s': column %u, not %u", text, err.pos.col - 11, col);
	arena_release(&arena);
}

static void operators_bind_as_in_c(void **state)
{
	(void)state;
	assert_tree("a == 1 || b == 2 && c == 3", "(or (== a 1) (and (== b 2) (== c 3)))");
	assert_tree("(a == 1 || b == 2) && c == 3", "(and (or (== a 1) (== b 2)) (== c 3))");
	assert_tree("!a && b", "(and (not ( a)) ( b))");
	assert_tree("!(a == 1) || !!b", "(or (not (== a 1)) (not (not ( b))))");
	assert_tree("a&&b&&c", "(and ( a) ( b) ( c))");
	assert_tree("((a)) < ((5))", "(< a 5)");
}

static void each_comparison_is_read(void **state)
{
	(void)state;
	assert_tree("a != b", "(not (== a b))");
	assert_tree("a <= -1", "(<= a -1)");
	assert_tree("a ~ 'x*'", "(~ a 'x*')");
	assert_tree("a !~ \"x*\"", "(not (~ a 'x*'))");
	assert_tree("a in (1, 2,3)", "(in a 1 2 3)");
	assert_tree("in in ('in')", "(in in 'in')");
	assert_tree("has has 'has'", "(has has 'has')");
	assert_tree("!(flags has 'X') && a", "(and (not (has flags 'X')) ( a))");
	assert_tree("true", "( true)");
}

static void a_literal_on_the_left_changes_sides(void **state)
{
	(void)state;
	assert_tree("5 < a", "(> a 5)");
	assert_tree("5 >= a", "(<= a 5)");
	assert_tree("'x' == a", "(== a 'x')");
}

static void numbers_are_read_exactly(void **state)
{
	(void)state;
	assert_tree("a == 18446744073709551615", "(== a 18446744073709551615)");
	assert_tree("a == -9223372036854775808", "(== a -9223372036854775808)");
	assert_tree("a == 0x1e5", "(== a 485)");
	assert_tree("a == 0xFFFFFFFFFFFFFFFF", "(== a 18446744073709551615)");
	assert_tree("a == 0o644", "(== a 420)");
	assert_tree("a < 2.5", "(< a 2.5f)");
	assert_tree("a < -1e3", "(< a -1000f)");
	assert_tree("a > 64KiB", "(> a 65536)");
	assert_tree("a > 1.5ms", "(> a 1500000)");
	assert_tree("a > 1m30s", "(> a 90000000000)");
	assert_tree("a > -10ms", "(> a -10000000)");
	assert_tree("a == 0", "(== a 0)");
}

static void numbers_that_mean_nothing_are_refused(void **state)
{
	(void)state;
	assert_error("a == 0644", 6, "0o644");
	assert_error("a == 12abc", 6, "not a number");
	assert_error("a == 18446744073709551616", 6, "64 bits");
	assert_error("a == -9223372036854775809", 6, "64 bits");
	assert_error("a == 1e999", 6, "64 bits");
	assert_error("a == 0x", 6, "not a number");
	assert_error("a == 0o8", 6, "not a number");
	assert_error("a == 0o", 6, "not a number");
	assert_error("a == 1.2.3", 6, "not a number");
	assert_error("a == 1_000", 6, "not a number");
	assert_error("a == 11111111111111111111111111111111111111111111111111111111111111111", 6,
		     "too long");
}

static void strings_resolve_their_escapes(void **state)
{
	struct arena arena = ARENA_INIT;
	struct error err = ERROR_INIT;
	struct expr *expr;

	(void)state;
	assert_int_equal(
		expr_parse(&arena, "a == \"\\x41\\n\\t\\r\\\\\\\"\\'\\0z\"", start, &expr, &err),
		0);
	assert_int_equal(expr->root->right.s.len, 9);
	assert_memory_equal(expr->root->right.s.at, "A\n\t\r\\\"'\0z", 9);
	arena_release(&arena);
	assert_tree("a == 'say \"hi\"'", "(== a 'say \"hi\"')");
	assert_tree("a == ''", "(== a '')");
	assert_tree("a == '\xc3\xa9'", "(== a '\xc3\xa9')");
	assert_error("a == \"x\\q\"", 8, "unknown escape");
	assert_error("a == \"\\x4\"", 7, "unknown escape");
	assert_error("a == \"abc", 6, "not closed");
	assert_error("a == \"abc\\\"", 6, "not closed");
	assert_error("a == 'abc\\", 6, "not closed");
}

static void names_may_be_dotted_and_the_engines(void **state)
{
	(void)state;
	assert_tree("proc.parent.pid == 1 && @event == 'exec' && _x9", //
		    "(and (== proc.parent.pid 1) (== @event 'exec') ( _x9))");
}

static void words_of_other_languages_get_a_hint(void **state)
{
	(void)state;
	assert_error("a == 1 and b == 2", 8, "'&&'");
	assert_error("a == 1 or b == 2", 8, "'||'");
	assert_error("a = 1", 3, "'=='");
	assert_error("a & b", 3, "'&&'");
}

static void what_c_would_misread_is_refused(void **state)
{
	(void)state;
	assert_error("!a == 1", 4, "tighter");
	assert_error("!a in (1)", 4, "tighter");
	assert_error("a < b < c", 7, "chained");
	assert_error("(a == b) == true", 4, "only fields and literals");
	assert_error("a == (b == c)", 9, "only fields and literals");
	assert_error("1 == 1", 3, "must be a field");
	assert_error("5", 1, "no condition");
	assert_error("a && 'x'", 6, "no condition");
	assert_error("!5", 2, "no condition");
	assert_error("'x' ~ 'x'", 1, "must be a field");
	assert_error("5 in (5)", 1, "must be a field");
}

static void broken_syntax_is_pointed_at(void **state)
{
	(void)state;
	assert_error("", 1, "the end of the expression");
	assert_error("a ==", 5, "the end of the expression");
	assert_error("(a", 3, "')'");
	assert_error("a)", 2, "expected an operator or the end, found ')'");
	assert_error("a &&", 5, "expected a field");
	assert_error("a ~ b", 5, "a pattern in quotes");
	assert_error("a ~ 5", 5, "a pattern in quotes");
	assert_error("a in 5", 6, "'('");
	assert_error("a in ()", 7, "a literal");
	assert_error("a in (1, b)", 10, "a literal");
	assert_error("a in (1 2)", 9, "',' or ')'");
	assert_error("a # b", 3, "unexpected character '#'");
	assert_error("\xc3\xa9 == 1", 1, "ASCII");
	assert_error("a - 1", 3, "unexpected character '-'");
}

static void places_follow_the_lines_of_the_text(void **state)
{
	struct arena arena = ARENA_INIT;
	struct error err = ERROR_INIT;
	struct expr *expr;

	(void)state;
	assert_true(expr_parse(&arena, "a == 1 &&\n  b = 2", start, &expr, &err) < 0);
	assert_int_equal(err.pos.line, 8);
	assert_int_equal(err.pos.col, 5);
	/* A text from nowhere still has columns. */
	assert_true(expr_parse(&arena, "a = 1", (struct pos){ 0 }, &expr, &err) < 0);
	assert_string_equal(err.pos.file, "expression");
	assert_int_equal(err.pos.col, 3);
	arena_release(&arena);
}

static char *repeat(const char *part, size_t n, const char *tail)
{
	size_t len = strlen(part);
	char *text = malloc(len * n + strlen(tail) + 1);

	assert_non_null(text);
	for (size_t i = 0; i < n; i++)
		memcpy(text + i * len, part, len);
	memcpy(text + n * len, tail, strlen(tail) + 1);
	return text;
}

static int parse_code(char *text)
{
	struct arena arena = ARENA_INIT;
	struct error err = ERROR_INIT;
	struct expr *expr;
	int r = expr_parse(&arena, text, start, &expr, &err);

	arena_release(&arena);
	free(text);
	return r;
}

static void depth_and_length_are_limited(void **state)
{
	char close[512];

	(void)state;
	memset(close, ')', sizeof(close));
	close[EXPR_MAX_DEPTH + 1] = '\0';
	assert_int_equal(parse_code(repeat("!", EXPR_MAX_DEPTH, "a")), 0);
	assert_int_equal(parse_code(repeat("!", EXPR_MAX_DEPTH + 1, "a")), -E2BIG);
	assert_int_equal(parse_code(repeat("(", 100000, "a")), -E2BIG);
	assert_int_equal(parse_code(repeat("(", EXPR_MAX_DEPTH, "a")), -EINVAL); /* not closed */
	/* Length is no depth. */
	assert_int_equal(parse_code(repeat("a&&", 20000, "a")), 0);
	assert_int_equal(parse_code(repeat("(a)||", 10000, "a")), 0);
	assert_int_equal(parse_code(repeat(" ", EXPR_MAX_TEXT - 1, "a")), 0);
	assert_int_equal(parse_code(repeat(" ", EXPR_MAX_TEXT, "a")), -E2BIG);
	/* A text of many strings needs memory for its length, not its square. */
	assert_int_equal(parse_code(repeat("a=='x'||", 8000, "a")), 0);
	assert_int_equal(parse_code(repeat("x", EXPR_MAX_TEXT - 20, " ~ '*'")), 0);
}

static void long_patterns_are_refused(void **state)
{
	char text[EXPR_MAX_PATTERN + 32] = "a ~ '";

	(void)state;
	memset(text + 5, 'x', EXPR_MAX_PATTERN + 1);
	memcpy(text + 5 + EXPR_MAX_PATTERN + 1, "'", 2);
	assert_error(text, 5, "longer than 1024 bytes");
}

struct seen_names {
	char text[256];
};

static void add_name(void *arg, const char *name, struct pos pos)
{
	struct seen_names *names = arg;
	size_t at = strlen(names->text);

	(void)snprintf(names->text + at, sizeof(names->text) - at, "%s:%u ", name, pos.col);
}

static void fields_are_listed_with_their_places(void **state)
{
	struct arena arena = ARENA_INIT;
	struct error err = ERROR_INIT;
	struct seen_names names = { "" };
	struct expr *expr;

	(void)state;
	assert_int_equal(expr_parse(&arena, "a == b || !(c ~ '*') && d in (1,2) || 5 < e || f",
				    (struct pos){ .file = "x", .line = 1, .col = 1 }, &expr, &err),
			 0);
	expr_fields(expr, add_name, &names);
	assert_string_equal(names.text, "a:1 b:6 c:13 d:25 e:43 f:48 ");
	arena_release(&arena);
}

static void assert_moment(const char *text, int64_t seconds, int64_t ns)
{
	__int128 value = 0;

	if (moment_parse((struct str){ text, strlen(text) }, &value) < 0)
		fail_msg("'%s' is refused", text);
	assert_true(value == (__int128)seconds * 1000000000 + ns);
}

static void assert_no_moment(const char *text)
{
	__int128 value;

	if (moment_parse((struct str){ text, strlen(text) }, &value) == 0)
		fail_msg("'%s' is accepted", text);
}

/* The seconds are those of `date -u -d TEXT +%s`. */
static void moments_are_rfc_3339(void **state)
{
	(void)state;
	assert_moment("1970-01-01T00:00:00Z", 0, 0);
	assert_moment("2024-02-29T12:34:56.789Z", 1709210096, 789000000);
	assert_moment("2000-03-01 00:00:00z", 951868800, 0);
	assert_moment("2026-01-31t12:00:00+01:30", 1769855400, 0);
	assert_moment("1969-12-31T23:59:59.000000001-00:00", -1, 1);
	assert_moment("0000-01-01T00:00:00Z", -62167219200, 0);
	assert_moment("9999-12-31T23:59:59Z", 253402300799, 0);
	assert_moment("1900-03-01T00:00:00Z", -2203891200, 0);
	assert_no_moment("");
	assert_no_moment("2026-01-31");
	assert_no_moment("2026-01-31T12:00:00");
	assert_no_moment("2026-02-29T12:00:00Z");
	assert_no_moment("2026-13-01T12:00:00Z");
	assert_no_moment("2026-00-01T12:00:00Z");
	assert_no_moment("2026-01-00T12:00:00Z");
	assert_no_moment("2026-01-31T24:00:00Z");
	assert_no_moment("2026-01-31T12:60:00Z");
	assert_no_moment("2026-01-31T12:00:60Z");
	assert_no_moment("2026-01-31T12:00:00.Z");
	assert_no_moment("2026-01-31T12:00:00.0123456789Z");
	assert_no_moment("2026-01-31T12:00:00+1:00");
	assert_no_moment("2026-01-31T12:00:00Z ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(operators_bind_as_in_c),
		cmocka_unit_test(each_comparison_is_read),
		cmocka_unit_test(a_literal_on_the_left_changes_sides),
		cmocka_unit_test(numbers_are_read_exactly),
		cmocka_unit_test(numbers_that_mean_nothing_are_refused),
		cmocka_unit_test(strings_resolve_their_escapes),
		cmocka_unit_test(names_may_be_dotted_and_the_engines),
		cmocka_unit_test(words_of_other_languages_get_a_hint),
		cmocka_unit_test(what_c_would_misread_is_refused),
		cmocka_unit_test(broken_syntax_is_pointed_at),
		cmocka_unit_test(places_follow_the_lines_of_the_text),
		cmocka_unit_test(depth_and_length_are_limited),
		cmocka_unit_test(long_patterns_are_refused),
		cmocka_unit_test(fields_are_listed_with_their_places),
		cmocka_unit_test(moments_are_rfc_3339),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
