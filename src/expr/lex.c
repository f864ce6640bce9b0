/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lex: cuts the text into tokens and turns literals into values.
 *
 * Numbers are decimal, 0x hexadecimal, 0o octal, or have a fraction or an
 * exponent; whole numbers may carry a unit of size or time ("64KiB", "1.5s" is
 * 1500000000).  A leading zero alone is refused: it is octal in C, decimal
 * elsewhere, and file modes are where people would be bitten.
 */
#include "expr/lex.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"

enum { NUMBER_MAX = 64 };

/* ASCII only, whatever the locale says. */
static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_name_start(char c)
{
	return is_letter(c) || c == '_' || c == '@';
}

static bool is_name(char c)
{
	return is_name_start(c) || is_digit(c) || c == '.';
}

static int fail(const struct lexer *l, uint32_t at, struct error *err, const char *what)
{
	return error_at(err, EINVAL, expr_pos(l->text, l->pos, at), "%s", what);
}

static int hex_value(char c)
{
	if (is_digit(c))
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* *p is behind the backslash; moves it behind the escape.  Negative: unknown. */
static int read_escape(const char **p)
{
	static const char names[] = "nrt0\\\"'", values[] = "\n\r\t\0\\\"'";
	char c = *(*p)++;
	const char *found;
	int high, low;

	if (c == 'x') {
		high = hex_value((*p)[0]);
		low = high < 0 ? -1 : hex_value((*p)[1]);
		if (low < 0)
			return -1;
		*p += 2;
		return high * 16 + low;
	}
	found = c ? strchr(names, c) : NULL;
	return found ? (unsigned char)values[found - names] : -1;
}

/* The closing quote of the string that begins at p, or NULL. */
static const char *find_close(const char *p)
{
	char quote = *p++;

	for (; *p && *p != quote; p++)
		if (*p == '\\' && p[1])
			p++;
	return *p ? p : NULL;
}

static int lex_string(struct lexer *l, struct token *t, struct error *err)
{
	const char *begin = l->text + l->at, *p = begin + 1, *close = find_close(begin);
	size_t n = 0;
	char *out;

	if (!close)
		return fail(l, l->at, err, "the string is not closed");
	out = arena_alloc(l->arena, (size_t)(close - begin));
	while (p < close) {
		const char *escape = p;
		int c;

		if (*p != '\\') {
			out[n++] = *p++;
			continue;
		}
		p++;
		c = read_escape(&p);
		if (c < 0)
			return fail(l, (uint32_t)(escape - l->text), err,
				    "unknown escape in a string (known are "
				    "\\\\ \\\" \\' \\n \\r \\t \\0 and \\xHH)");
		out[n++] = (char)c;
	}
	t->kind = TOKEN_LITERAL;
	t->len = (uint32_t)(close + 1 - begin);
	t->value.kind = OPERAND_STRING;
	t->value.s = (struct str){ out, n };
	return 0;
}

/* How many bytes of p belong to the number, without its sign. */
static size_t number_length(const char *p, bool *ret_is_float)
{
	bool is_decimal = p[0] != '0' || !is_letter(p[1]);
	size_t n = 0;

	*ret_is_float = false;
	while (is_digit(p[n]))
		n++;
	if (p[n] == '.') {
		*ret_is_float = true;
		n++;
		while (is_digit(p[n]))
			n++;
	}
	if (is_decimal && (p[n] == 'e' || p[n] == 'E') &&
	    (is_digit(p[n + 1]) || ((p[n + 1] == '+' || p[n + 1] == '-') && is_digit(p[n + 2])))) {
		*ret_is_float = true;
		for (n += 2; is_digit(p[n]);)
			n++;
	}
	while (is_name(p[n])) {
		*ret_is_float = false; /* a unit, or nonsense: the parsers will tell */
		n++;
	}
	return n;
}

static int parse_octal(const char *digits, uint64_t *ret_value)
{
	char *end;

	if (!is_digit(*digits))
		return -EINVAL;
	errno = 0;
	*ret_value = strtoull(digits, &end, 8);
	return errno ? -ERANGE : *end ? -EINVAL : 0;
}

static int parse_whole(const char *text, uint64_t *ret_value)
{
	int64_t ns;
	int r;

	if (text[0] == '0' && text[1] == 'o')
		return parse_octal(text + 2, ret_value);
	r = parse_uint(text, ret_value);
	if (r == -EINVAL)
		r = parse_size(text, ret_value);
	if (r != -EINVAL)
		return r;
	r = parse_duration(text, &ns);
	if (r == 0)
		*ret_value = (uint64_t)ns;
	return r;
}

static int set_float(struct token *t, const char *text, bool negative)
{
	char *end;
	double f = strtod(text, &end);

	if (*end)
		return -EINVAL;
	if (!isfinite(f))
		return -ERANGE;
	t->value.kind = OPERAND_FLOAT;
	t->value.f = negative ? -f : f;
	return 0;
}

static int set_int(struct token *t, const char *text, bool negative)
{
	uint64_t value;
	int r = parse_whole(text, &value);

	if (r < 0)
		return r;
	if (negative && value > (uint64_t)INT64_MAX + 1)
		return -ERANGE;
	t->value.kind = OPERAND_INT;
	t->value.i = negative ? -(__int128)value : (__int128)value;
	return 0;
}

static int lex_number(struct lexer *l, struct token *t, struct error *err)
{
	const char *p = l->text + l->at;
	bool negative = *p == '-', is_float;
	char text[NUMBER_MAX];
	size_t n;
	int r;

	p += negative;
	n = number_length(p, &is_float);
	if (n >= sizeof(text))
		return fail(l, l->at, err, "the number is too long");
	memcpy(text, p, n);
	text[n] = '\0';
	if (text[0] == '0' && is_digit(text[1]))
		return fail(l, l->at, err,
			    "a number does not begin with 0 (octal is written 0o644)");
	r = is_float ? set_float(t, text, negative) : set_int(t, text, negative);
	if (r == -ERANGE)
		return fail(l, l->at, err, "the number does not fit into 64 bits");
	if (r < 0)
		return error_at(err, EINVAL, expr_pos(l->text, l->pos, l->at),
				"'%s' is not a number (examples: 42, -1, 0x1f, 0o644, 2.5, "
				"64KiB, 10ms)",
				text);
	t->kind = TOKEN_LITERAL;
	t->len = (uint32_t)(n + negative);
	return 0;
}

static int lex_name(struct lexer *l, struct token *t)
{
	const char *p = l->text + l->at;
	const char *name;
	uint32_t n = 1;

	while (is_name(p[n]))
		n++;
	name = arena_strndup(l->arena, p, n);
	t->len = n;
	if (!strcmp(name, "true") || !strcmp(name, "false")) {
		t->kind = TOKEN_LITERAL;
		t->value.kind = OPERAND_BOOL;
		t->value.b = name[0] == 't';
		return 0;
	}
	t->kind = TOKEN_NAME;
	t->value.kind = OPERAND_FIELD;
	t->value.name = name;
	return 0;
}

/* Longest first. */
static const struct {
	const char *text;
	enum token_kind kind;
} symbols[] = {
	{ "&&", TOKEN_AND },  { "||", TOKEN_OR },   { "==", TOKEN_EQ },       { "!=", TOKEN_NE },
	{ "<=", TOKEN_LE },   { ">=", TOKEN_GE },   { "!~", TOKEN_NOT_GLOB }, { "<", TOKEN_LT },
	{ ">", TOKEN_GT },    { "!", TOKEN_NOT },   { "~", TOKEN_GLOB },      { "(", TOKEN_OPEN },
	{ ")", TOKEN_CLOSE }, { ",", TOKEN_COMMA },
};

static int lex_symbol(struct lexer *l, struct token *t, struct error *err)
{
	const char *p = l->text + l->at;

	for (size_t i = 0; i < sizeof(symbols) / sizeof(*symbols); i++) {
		size_t n = strlen(symbols[i].text);

		if (strncmp(p, symbols[i].text, n) != 0)
			continue;
		t->kind = symbols[i].kind;
		t->len = (uint32_t)n;
		return 0;
	}
	if (*p == '=')
		return fail(l, l->at, err, "'=' is no operator (equality is '==')");
	if (*p == '&' || *p == '|')
		return fail(l, l->at, err, "a single '&' or '|' is no operator (use '&&', '||')");
	if ((unsigned char)*p >= 0x80)
		return fail(l, l->at, err, "only strings may hold characters beyond ASCII");
	return error_at(err, EINVAL, expr_pos(l->text, l->pos, l->at), "unexpected character '%c'",
			*p);
}

int lex(struct lexer *l, struct token *ret_token, struct error *err)
{
	struct token t = { .kind = TOKEN_END };
	const char *p;
	int r = 0;

	l->at += (uint32_t)strspn(l->text + l->at, " \t\r\n");
	p = l->text + l->at;
	t.at = t.value.at = l->at;
	if (*p == '"' || *p == '\'')
		r = lex_string(l, &t, err);
	else if (is_digit(*p) || (*p == '-' && is_digit(p[1])))
		r = lex_number(l, &t, err);
	else if (is_name_start(*p))
		r = lex_name(l, &t);
	else if (*p)
		r = lex_symbol(l, &t, err);
	if (r < 0)
		return r;
	l->at += t.len;
	*ret_token = t;
	return 0;
}
