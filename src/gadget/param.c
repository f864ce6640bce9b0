/* SPDX-License-Identifier: Apache-2.0 */
#include "gadget/param.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/suggest.h"
#include "base/units.h"

enum {
	SHOWN_MAX = 64,   /* bytes of a text that a message repeats */
	LISTED_MAX = 480, /* bytes of a message's list of choices */
	LISTED_ALL = 20,  /* of more choices than these, */
	LISTED_FEW = 4,   /* only the first are listed */
	DIGITS_F32 = 9,   /* decimal digits that tell any two floats apart */
	DIGITS_F64 = 17,  /* the same for doubles */
};

const char *param_kind_name(enum param_kind kind)
{
	static const char *const names[] = {
#define X(id, name) [PARAM_##id] = name,
		PARAM_KIND_LIST(X)
#undef X
	};

	return names[kind];
}

char *param_choices(const struct model_param *param, char *out, size_t size)
{
	uint32_t most = param->nchoices > LISTED_ALL ? LISTED_FEW : param->nchoices;
	size_t at = 0;

	out[0] = '\0';
	for (uint32_t i = 0; i < param->nchoices; i++) {
		const char *comma = i ? ", " : "";
		const char *name = param->choices[i].name;

		/* room for the dots of the one behind it, too */
		if (i == most || at + strlen(name) + sizeof(", , ...") > size) {
			(void)snprintf(out + at, size - at, "%s...", comma);
			break;
		}
		at += (size_t)snprintf(out + at, size - at, "%s%s", comma, name);
	}
	return out;
}

/* ---- from text ----------------------------------------------------------- */

struct shown {
	char text[SHOWN_MAX + 6];
};

/* The text in quotes, cut where it is long, not within a character. */
static struct shown show(const char *text)
{
	struct shown shown;
	size_t len = strnlen(text, SHOWN_MAX + 1);
	bool is_cut = len > SHOWN_MAX;

	if (is_cut)
		for (len = SHOWN_MAX; len && ((unsigned char)text[len] & 0xc0) == 0x80; len--)
			;
	(void)snprintf(shown.text, sizeof(shown.text), "'%.*s%s'", (int)len, text,
		       is_cut ? "..." : "");
	return shown;
}

static int parse_word(const char *text, uint64_t *ret_value, struct error *err)
{
	if (!strcasecmp(text, "true") || !strcmp(text, "1"))
		*ret_value = 1;
	else if (!strcasecmp(text, "false") || !strcmp(text, "0"))
		*ret_value = 0;
	else
		return error_set(err, EINVAL, "%s is neither true nor false", show(text).text);
	return 0;
}

/* The parts of "a whole number from -128 to 127". */
struct range {
	char text[64];
};

static struct range range_of(const struct model_param *param)
{
	unsigned bits = param->size * 8;
	uint64_t most = UINT64_MAX >> (64 - bits + param->is_signed);
	struct range range;

	if (param->is_signed)
		(void)snprintf(range.text, sizeof(range.text), "from %lld to %llu",
			       -(long long)most - 1, (unsigned long long)most);
	else
		(void)snprintf(range.text, sizeof(range.text), "from 0 to %llu",
			       (unsigned long long)most);
	return range;
}

/* -EINVAL: no number; -ERANGE: one that does not fit. */
static int read_number(const struct model_param *param, const char *text, uint64_t *ret_value)
{
	unsigned bits = param->size * 8;
	int64_t i;
	int r;

	if (param->is_signed) {
		r = parse_int(text, &i);
		if (r == 0 && bits < 64 && (i >> (bits - 1)) != 0 && (i >> (bits - 1)) != -1)
			return -ERANGE;
		if (r == 0)
			*ret_value = (uint64_t)i;
		return r;
	}
	/* "-5" is a number, only not one that fits. */
	if (text[0] == '-' && parse_int(text, &i) != -EINVAL)
		return -ERANGE;
	r = parse_uint(text, ret_value);
	return r == 0 && bits < 64 && *ret_value >> bits ? -ERANGE : r;
}

static int parse_number(const struct model_param *param, const char *text, uint64_t *ret_value,
			struct error *err)
{
	int r = read_number(param, text, ret_value);

	if (r == -ERANGE)
		return error_set(err, ERANGE, "%s is not %s", show(text).text,
				 range_of(param).text);
	if (r < 0)
		return error_set(err, EINVAL, "%s is not a whole number %s", show(text).text,
				 range_of(param).text);
	return 0;
}

static int parse_char(const struct model_param *param, const char *text, uint64_t *ret_value,
		      struct error *err)
{
	size_t len = strlen(text);
	int r = read_number(param, text, ret_value);

	if (r == -ERANGE)
		return error_set(err, ERANGE, "%s is not %s", show(text).text,
				 range_of(param).text);
	if (r == 0)
		return 0;
	if (len == 3 && text[0] == '\'' && text[2] == '\'')
		text++;
	else if (len != 1)
		return error_set(err, EINVAL, "%s is neither one character nor a number %s",
				 show(text).text, range_of(param).text);
	*ret_value = (unsigned char)*text;
	return 0;
}

static int parse_enum(const struct model_param *param, const char *text, uint64_t *ret_value,
		      struct error *err)
{
	char list[LISTED_MAX];
	struct suggest suggest;
	const char *near;
	int r;

	suggest_init(&suggest, text);
	for (uint32_t i = 0; i < param->nchoices; i++) {
		if (!strcmp(param->choices[i].name, text)) {
			*ret_value = param->choices[i].number;
			return 0;
		}
		suggest_offer(&suggest, param->choices[i].name);
	}
	r = read_number(param, text, ret_value);
	if (r == 0)
		return 0;
	if (r == -ERANGE)
		return error_set(err, ERANGE, "%s is not %s", show(text).text,
				 range_of(param).text);
	near = suggest_result(&suggest);
	r = error_set(err, EINVAL, "%s is neither a number nor one of %s", show(text).text,
		      param_choices(param, list, sizeof(list)));
	return near ? error_add(err, " (did you mean '%s'?)", near) : r;
}

static int parse_float(const struct model_param *param, const char *text, uint8_t *ret_bytes,
		       struct error *err)
{
	char *end;
	double f64 = strtod(text, &end);
	float f32 = (float)f64;
	bool is_infinite = strchr("iI", text[strspn(text, "+-")]) != NULL;

	/* strtod() would pass over blanks */
	if (end == text || *end || isspace((unsigned char)*text))
		return error_set(err, EINVAL, "%s is not a number", show(text).text);
	if (!is_infinite && isinf(param->size == sizeof(f32) ? (double)f32 : f64))
		return error_set(err, ERANGE, "%s is too large for %u bits", show(text).text,
				 param->size * 8);
	if (param->size == sizeof(f32))
		memcpy(ret_bytes, &f32, sizeof(f32));
	else
		memcpy(ret_bytes, &f64, sizeof(f64));
	return 0;
}

static int parse_text(const struct model_param *param, const char *text, uint8_t *ret_bytes,
		      struct error *err)
{
	size_t len = strlen(text);

	if (len > param->size)
		return error_set(err, ERANGE, "%s has %zu bytes, at most %u fit", show(text).text,
				 len, param->size);
	memset(ret_bytes, 0, param->size);
	memcpy(ret_bytes, text, len);
	return 0;
}

static int parse_ip(const struct model_param *param, const char *text, uint8_t *ret_bytes,
		    struct error *err)
{
	uint8_t address[16] = { 0 };
	uint8_t version = 0;

	if (inet_pton(AF_INET, text, address) == 1)
		version = 4;
	else if (inet_pton(AF_INET6, text, address) == 1)
		version = 6;
	else if (*text)
		return error_set(err, EINVAL, "%s is neither an IPv4 nor an IPv6 address",
				 show(text).text);
	memset(ret_bytes, 0, param->size);
	memcpy(ret_bytes, address, sizeof(address));
	ret_bytes[PARAM_IP_VERSION] = version;
	return 0;
}

int param_parse(const struct model_param *param, const char *text, uint8_t *ret_bytes,
		struct error *err)
{
	uint64_t value = 0;
	int r = 0;

	switch (param->kind) {
	case PARAM_BOOL:
		r = parse_word(text, &value, err);
		break;
	case PARAM_INT:
	case PARAM_UINT:
		r = parse_number(param, text, &value, err);
		break;
	case PARAM_CHAR:
		r = parse_char(param, text, &value, err);
		break;
	case PARAM_ENUM:
		r = parse_enum(param, text, &value, err);
		break;
	case PARAM_FLOAT:
		return parse_float(param, text, ret_bytes, err);
	case PARAM_TEXT:
		return parse_text(param, text, ret_bytes, err);
	case PARAM_IP:
		return parse_ip(param, text, ret_bytes, err);
	case PARAM_CHOICE:
	case PARAM_OTHER:
		return error_set(err, EINVAL,
				 "a variable of its type cannot be set by this version");
	}
	if (r == 0)
		memcpy(ret_bytes, &value, param->size);
	return r;
}

/* ---- to text ------------------------------------------------------------- */

uint64_t param_number(const struct model_param *param, const uint8_t *bytes)
{
	unsigned unused = 64 - param->size * 8;
	uint64_t value = 0;

	memcpy(&value, bytes, param->size);
	return param->is_signed ? (uint64_t)((int64_t)(value << unused) >> unused) : value;
}

static const char *number_text(const struct model_param *param, uint64_t value, struct arena *arena)
{
	if (param->is_signed)
		return arena_printf(arena, "%lld", (long long)value);
	return arena_printf(arena, "%llu", (unsigned long long)value);
}

static const char *char_text(const struct model_param *param, uint64_t value, struct arena *arena)
{
	/* What a terminal shows, and what is not the text of a number. */
	if (value > ' ' && value <= '~' && !isdigit((int)value))
		return arena_printf(arena, "%c", (char)value);
	return number_text(param, value, arena);
}

static const char *enum_text(const struct model_param *param, uint64_t value, struct arena *arena)
{
	for (uint32_t i = 0; i < param->nchoices; i++)
		if (param->choices[i].number == value)
			return param->choices[i].name;
	return number_text(param, value, arena);
}

/* The shortest decimal that reads back as the same value. */
static const char *float_text(const struct model_param *param, const uint8_t *bytes,
			      struct arena *arena)
{
	bool is_double = param->size == sizeof(double);
	float f32 = 0;
	double f64 = 0;
	char text[40];

	if (is_double)
		memcpy(&f64, bytes, sizeof(f64));
	else
		memcpy(&f32, bytes, sizeof(f32));
	if (!is_double)
		f64 = (double)f32;
	for (int digits = 1; digits <= (is_double ? DIGITS_F64 : DIGITS_F32); digits++) {
		double back;

		(void)snprintf(text, sizeof(text), "%.*g", digits, f64);
		back = strtod(text, NULL);
		if (is_double ? back == f64 : (float)back == f32)
			break;
	}
	return arena_strdup(arena, text);
}

static const char *ip_text(const uint8_t *bytes, struct arena *arena)
{
	char text[INET6_ADDRSTRLEN] = "";

	if (bytes[PARAM_IP_VERSION] == 4)
		(void)inet_ntop(AF_INET, bytes, text, sizeof(text));
	else if (bytes[PARAM_IP_VERSION] == 6)
		(void)inet_ntop(AF_INET6, bytes, text, sizeof(text));
	return arena_strdup(arena, text);
}

const char *printable(struct arena *arena, const char *text, size_t len)
{
	char *out = arena_alloc(arena, 4 * len + 1), *end = out;

	for (size_t i = 0; i < len; i++) {
		if (text[i] >= ' ' && text[i] <= '~')
			*end++ = text[i];
		else
			end += snprintf(end, 5, "\\x%02x", (unsigned char)text[i]);
	}
	return out;
}

const char *param_text(const struct model_param *param, const uint8_t *bytes, struct arena *arena)
{
	switch (param->kind) {
	case PARAM_BOOL:
		return param_number(param, bytes) ? "true" : "false";
	case PARAM_INT:
	case PARAM_UINT:
		return number_text(param, param_number(param, bytes), arena);
	case PARAM_CHAR:
		return char_text(param, param_number(param, bytes), arena);
	case PARAM_ENUM:
		return enum_text(param, param_number(param, bytes), arena);
	case PARAM_FLOAT:
		return float_text(param, bytes, arena);
	case PARAM_TEXT:
		return printable(arena, (const char *)bytes,
				 strnlen((const char *)bytes, param->size));
	case PARAM_IP:
		return ip_text(bytes, arena);
	case PARAM_CHOICE:
	case PARAM_OTHER:
		break;
	}
	return "";
}
