/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/flags.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/suggest.h"
#include "base/units.h"
#include "cli/text.h"

/* One pass over the arguments. */
struct scan {
	struct flags *flags;
	char *const *argv;
	int argc, at;
	void *object;
	struct error *err;
};

/* ---- names ------------------------------------------------------------- */

static char dashed(char c)
{
	return c == '_' ? '-' : c;
}

/* Is the written name (up to len) the member's? */
static bool is_named(const struct flag *flag, const char *name, size_t len)
{
	if (strlen(flag->name) != len)
		return false;
	for (size_t i = 0; i < len; i++)
		if (dashed(flag->name[i]) != dashed(name[i]))
			return false;
	return true;
}

static const struct flag *find_long(const struct flag *table, const char *name, size_t len)
{
	for (const struct flag *f = table; f->kind != FLAG_KIND_END; f++)
		if (is_named(f, name, len))
			return f;
	return NULL;
}

static const struct flag *find_letter(const struct flag *table, char letter)
{
	for (const struct flag *f = table; f->kind != FLAG_KIND_END; f++)
		if (f->letter && f->letter == letter)
			return f;
	return NULL;
}

const struct flag *flags_find(const struct flag *table, const char *name)
{
	return find_long(table, name, strlen(name));
}

static const char *shown_name(const struct flag *flag, struct arena *arena)
{
	char *name = arena_strdup(arena, flag->name);

	for (char *p = name; *p; p++)
		*p = dashed(*p);
	return name;
}

const char *flags_near(const struct flag *table, const char *name, struct arena *arena)
{
	struct suggest suggest;

	suggest_init(&suggest, name);
	for (const struct flag *f = table; f->kind != FLAG_KIND_END; f++)
		suggest_offer(&suggest, shown_name(f, arena));
	return suggest_result(&suggest);
}

/* ---- values ------------------------------------------------------------ */

static bool has_value(const struct flag *flag)
{
	return flag->kind != FLAG_KIND_SWITCH && flag->kind != FLAG_KIND_REPEAT;
}

static int read_duration(const char *text, int64_t *ret_ns)
{
	uint64_t seconds;

	if (parse_uint(text, &seconds) < 0)
		return parse_duration(text, ret_ns);
	if (__builtin_mul_overflow(seconds, UINT64_C(1000000000), &seconds) || seconds > INT64_MAX)
		return -ERANGE;
	*ret_ns = (int64_t)seconds;
	return 0;
}

static void add_text(struct arena *arena, struct flag_texts *list, const char *text)
{
	const char **items = arena_array(arena, list->n + 1, sizeof(*items));

	if (list->n)
		memcpy(items, list->items, list->n * sizeof(*items));
	items[list->n] = text;
	list->items = items;
	list->n++;
}

static int store(struct scan *scan, const struct flag *flag, const char *value)
{
	struct arena *arena = scan->flags->arena;
	char *member = (char *)scan->object + flag->offset;

	switch (flag->kind) {
	case FLAG_KIND_SWITCH:
		*(bool *)member = !value || !strcmp(value, "true");
		return 0;
	case FLAG_KIND_REPEAT:
		++*(int *)member;
		return 0;
	case FLAG_KIND_TEXT:
		*(const char **)member = value;
		return 0;
	case FLAG_KIND_TEXTS:
		add_text(arena, (struct flag_texts *)member, value);
		return 0;
	case FLAG_KIND_NUMBER:
		if (parse_uint(value, (uint64_t *)member) < 0 || !*(uint64_t *)member)
			return error_set(scan->err, EINVAL,
					 "--%s must be a whole number from 1 on, not '%s'",
					 shown_name(flag, arena), value);
		return 0;
	case FLAG_KIND_DURATION:
		if (read_duration(value, (int64_t *)member) < 0)
			return error_set(
				scan->err, EINVAL,
				"--%s must be a duration such as '5s' or '200ms', not '%s'",
				shown_name(flag, arena), value);
		return 0;
	default:
		return 0;
	}
}

/* ---- arguments --------------------------------------------------------- */

static int unknown_flag(struct scan *scan, const char *shown, const char *near)
{
	error_set(scan->err, EINVAL, "unknown flag '%s'", shown);
	if (near)
		return error_add(scan->err, " (did you mean '--%s'?)", near);
	if (scan->flags->takes_extras && shown[1] == '-')
		return error_add(scan->err, " (a gadget's parameters stand behind its name)");
	return -EINVAL;
}

/* What follows the flag at scan->at, if it can be its value. */
static const char *following(const struct scan *scan)
{
	return scan->at + 1 < scan->argc ? scan->argv[scan->at + 1] : NULL;
}

/* "-5" and "-.5": no flag begins with a digit. */
static bool is_negative(const char *text)
{
	return isdigit((unsigned char)text[1]) ||
	       (text[1] == '.' && isdigit((unsigned char)text[2]));
}

static int add_extra(struct scan *scan, const char *name, size_t len, const char *value)
{
	struct flags *flags = scan->flags;
	const char *next = following(scan);

	if (!value && next && (*next != '-' || is_negative(next))) {
		value = next;
		scan->at++;
	}
	flags->extras[flags->nextras++] = (struct flag_extra){
		.name = arena_strndup(flags->arena, name, len),
		.value = value,
	};
	return 0;
}

/* A switch may be told what it is: --name=true, --name=false. */
static bool is_switched(const struct flag *flag, const char *value)
{
	return flag->kind == FLAG_KIND_SWITCH &&
	       (!strcmp(value, "true") || !strcmp(value, "false"));
}

static int read_long(struct scan *scan, const char *text)
{
	struct flags *flags = scan->flags;
	size_t len = strcspn(text, "=");
	const char *value = text[len] ? text + len + 1 : NULL;
	const struct flag *flag = find_long(flags->table, text, len);

	if (!strcmp(text, "help")) {
		flags->wants_help = true;
		return 0;
	}
	if (!flag && flags->takes_extras && flags->nwords && len)
		return add_extra(scan, text, len, value);
	if (!flag) {
		const char *name = arena_strndup(flags->arena, text, len);

		return unknown_flag(scan, arena_printf(flags->arena, "--%s", name),
				    flags_near(flags->table, name, flags->arena));
	}
	if (!has_value(flag)) {
		if (value && !is_switched(flag, value))
			return error_set(scan->err, EINVAL, "--%.*s takes no value", (int)len,
					 text);
		return store(scan, flag, value);
	}
	if (!value) {
		value = following(scan);
		scan->at++;
	}
	if (!value)
		return error_set(scan->err, EINVAL, "--%.*s needs a value (%s)", (int)len, text,
				 flag->arg);
	return store(scan, flag, value);
}

static int read_letters(struct scan *scan, const char *letters)
{
	struct flags *flags = scan->flags;

	for (const char *p = letters; *p; p++) {
		const struct flag *flag = find_letter(flags->table, *p);
		const char *value = p[1] ? p + 1 : NULL;
		int r;

		if (*p == 'h' && !flag) {
			flags->wants_help = true;
			return 0;
		}
		if (!flag)
			return unknown_flag(scan, arena_printf(flags->arena, "-%c", *p), NULL);
		if (!has_value(flag)) {
			r = store(scan, flag, NULL);
			if (r < 0)
				return r;
			continue;
		}
		if (!value) {
			value = following(scan);
			scan->at++;
		}
		if (!value)
			return error_set(scan->err, EINVAL, "-%c needs a value (%s)", *p,
					 flag->arg);
		return store(scan, flag, value);
	}
	return 0;
}

static void add_rest(struct scan *scan)
{
	while (++scan->at < scan->argc)
		scan->flags->words[scan->flags->nwords++] = scan->argv[scan->at];
}

int flags_read(struct flags *flags, int argc, char *const *argv, void *object, struct error *err)
{
	static const struct flag none[] = { FLAG_END };
	struct scan scan = { flags, argv, argc, 0, object, err };

	if (!flags->table)
		flags->table = none;
	flags->words = arena_array(flags->arena, (size_t)argc + 1, sizeof(*flags->words));
	flags->extras = arena_array(flags->arena, (size_t)argc + 1, sizeof(*flags->extras));
	for (; scan.at < argc && !flags->wants_help; scan.at++) {
		const char *arg = argv[scan.at];
		int r = 0;

		if (!strcmp(arg, "--"))
			add_rest(&scan);
		else if (!strncmp(arg, "--", 2))
			r = read_long(&scan, arg + 2);
		else if (*arg == '-' && arg[1])
			r = read_letters(&scan, arg + 1);
		else if (flags->stops_at_word)
			break;
		else
			flags->words[flags->nwords++] = arg;
		if (r < 0)
			return r;
	}
	flags->used = scan.at;
	return 0;
}

/* ---- help -------------------------------------------------------------- */

enum { HELP_COLUMN = 28 };

static void print_flag(const struct flag *flag, FILE *out)
{
	char left[64];
	int at = 0;

	if (flag->letter)
		at = snprintf(left, sizeof(left), "  -%c, --", flag->letter);
	else
		at = snprintf(left, sizeof(left), "      --");
	for (const char *p = flag->name; *p && at < (int)sizeof(left) - 1; p++)
		left[at++] = dashed(*p);
	left[at] = '\0';
	if (flag->arg)
		at += snprintf(left + at, sizeof(left) - (size_t)at, " %s", flag->arg);
	(void)fprintf(out, "%-*s", HELP_COLUMN, left);
	if (at >= HELP_COLUMN)
		(void)fprintf(out, "\n%*s", HELP_COLUMN, "");
	text_wrap(out, flag->help, HELP_COLUMN);
}

void flags_print(const struct flag *table, FILE *out)
{
	static const struct flag help = { .name = "help", .letter = 'h', .help = "Print this." };

	for (const struct flag *f = table; f && f->kind != FLAG_KIND_END; f++)
		print_flag(f, out);
	print_flag(&help, out);
}
