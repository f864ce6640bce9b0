/* SPDX-License-Identifier: Apache-2.0 */
#include "data/show.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>

#include "data/names.h"

enum {
	UNIT_TEXT_MAX = 32, /* a duration, a size */
	MODE_TEXT_MAX = 10,
	DNS_TEXT_MAX = 1024, /* 255 bytes, each as \DDD, and the ellipsis */
	DNS_MAX = 255,       /* bytes of a name, RFC 1035 section 2.3.4 */
	ADDRESS_BYTES = 16,
	L3_VERSION = 16, /* places in the endpoint structs of the gadget ABI */
	L4_PORT = 16,
	L4_VERSION = 20,
};

uint32_t show_max(const struct field *field)
{
	switch ((enum type)field->type) {
	case TYPE_NAME:
	case TYPE_FLAGS:
		return field->names->text_max;
	case TYPE_DURATION:
	case TYPE_SIZE:
		return UNIT_TEXT_MAX;
	case TYPE_MODE:
		return MODE_TEXT_MAX;
	case TYPE_IP:
		return INET6_ADDRSTRLEN;
	case TYPE_ENDPOINT:
		return INET6_ADDRSTRLEN + 8;
	case TYPE_DNS:
		return DNS_TEXT_MAX;
	default:
		return 0;
	}
}

static uint32_t put(char *out, const char *text, size_t len)
{
	memcpy(out, text, len);
	return (uint32_t)len;
}

/* snprintf() without the terminator. */
__attribute__((format(printf, 2, 3))) static uint32_t print(char *out, const char *fmt, ...)
{
	char text[UNIT_TEXT_MAX + INET6_ADDRSTRLEN];
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	return put(out, text, (size_t)n);
}

/* ---- names and flags ------------------------------------------------------ */

static uint32_t show_name(const struct names *names, uint64_t number, char *out)
{
	const struct name *name = names_find(names, number);
	uint32_t n;

	if (name)
		return put(out, name->text.at, name->text.len);
	n = put(out, names->unknown, strlen(names->unknown));
	if (names->hides_number)
		return n;
	if (names->is_signed)
		return n + print(out + n, "%lld", (long long)number);
	return n + print(out + n, "%llu", (unsigned long long)number);
}

static uint32_t show_flags(const struct names *names, uint64_t number, char *out)
{
	size_t gap = strlen(names->separator);
	uint32_t n = 0;

	for (uint32_t i = 0; i < names->n; i++) {
		const struct name *name = &names->list[i];

		if ((number & name->mask) != name->value)
			continue;
		if (n)
			n += put(out + n, names->separator, gap);
		n += put(out + n, name->text.at, name->text.len);
	}
	return n;
}

/* ---- units ---------------------------------------------------------------- */

/* Seconds with as many decimals as they need: "2.5", "0", "59.000000001". */
static uint32_t show_seconds(uint64_t ns, char *out)
{
	uint32_t n = print(out, "%llu", (unsigned long long)(ns / 1000000000));

	if (ns % 1000000000) {
		n += print(out + n, ".%09llu", (unsigned long long)(ns % 1000000000));
		while (out[n - 1] == '0')
			n--;
	}
	return n;
}

static uint32_t show_duration(uint64_t ns, char *out)
{
	uint64_t minutes = ns / 60000000000;
	uint32_t n = 0;

	if (ns < 1000)
		return print(out, "%lluns", (unsigned long long)ns);
	if (ns < 1000000)
		return print(out, "%.2fµs", (double)ns / 1e3);
	if (ns < 1000000000)
		return print(out, "%.2fms", (double)ns / 1e6);
	if (minutes >= 60)
		n += print(out + n, "%lluh", (unsigned long long)(minutes / 60));
	if (minutes)
		n += print(out + n, "%llum", (unsigned long long)(minutes % 60));
	n += show_seconds(ns % 60000000000, out + n);
	return n + put(out + n, "s", 1);
}

static uint32_t show_size(uint64_t bytes, char *out)
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB", "PB", "EB" };
	double value = (double)bytes;
	unsigned unit = 0;

	if (bytes < 1000)
		return print(out, "%llu B", (unsigned long long)bytes);
	/* 999.5 of a unit would print as 1000. */
	while (value >= 999.5 && unit < 6) {
		value /= 1000;
		unit++;
	}
	return print(out, value < 9.95 ? "%.1f %s" : "%.0f %s", value, units[unit]);
}

/* ---- file modes ----------------------------------------------------------- */

static char file_kind(uint32_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR:
		return 'd';
	case S_IFLNK:
		return 'l';
	case S_IFCHR:
		return 'c';
	case S_IFBLK:
		return 'b';
	case S_IFIFO:
		return 'p';
	case S_IFSOCK:
		return 's';
	default:
		return '-';
	}
}

static uint32_t show_mode(uint32_t mode, char *out)
{
	static const char letters[] = "rwxrwxrwx";

	out[0] = file_kind(mode);
	for (unsigned i = 0; i < 9; i++)
		out[1 + i] = '-';
	for (unsigned i = 0; i < 9; i++)
		if (mode >> (8 - i) & 1)
			out[1 + i] = letters[i];
	if (mode & S_ISUID)
		out[3] = mode & S_IXUSR ? 's' : 'S';
	if (mode & S_ISGID)
		out[6] = mode & S_IXGRP ? 's' : 'S';
	if (mode & S_ISVTX)
		out[9] = mode & S_IXOTH ? 't' : 'T';
	return MODE_TEXT_MAX;
}

/* ---- addresses ------------------------------------------------------------ */

static uint32_t show_address(const uint8_t *at, uint8_t version, char *out)
{
	char text[INET6_ADDRSTRLEN];

	if (version != 4 && version != 6)
		return 0;
	if (!inet_ntop(version == 4 ? AF_INET : AF_INET6, at, text, sizeof(text)))
		return 0;
	return put(out, text, strlen(text));
}

static uint32_t show_ip(struct str bytes, char *out)
{
	const uint8_t *at = (const uint8_t *)bytes.at;

	if (bytes.len <= L3_VERSION)
		return 0;
	return show_address(at, at[bytes.len > L4_VERSION ? L4_VERSION : L3_VERSION], out);
}

static uint32_t show_endpoint(struct str bytes, char *out)
{
	const uint8_t *at = (const uint8_t *)bytes.at;
	bool brackets;
	uint16_t port;
	uint32_t n;

	if (bytes.len <= L4_VERSION)
		return 0;
	brackets = at[L4_VERSION] == 6;
	out[0] = '[';
	n = show_address(at, at[L4_VERSION], out + brackets);
	if (!n)
		return 0;
	n += brackets;
	memcpy(&port, at + L4_PORT, sizeof(port));
	return n + print(out + n, brackets ? "]:%u" : ":%u", port);
}

/* ---- domain names --------------------------------------------------------- */

static uint32_t show_label(const uint8_t *label, uint32_t len, char *out)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < len; i++) {
		if (label[i] == '.' || label[i] == '\\')
			n += print(out + n, "\\%c", label[i]);
		else if (label[i] > ' ' && label[i] < 0x7f)
			out[n++] = (char)label[i];
		else
			n += print(out + n, "\\%03u", label[i]);
	}
	return n;
}

static uint32_t show_dns(struct str bytes, char *out)
{
	const uint8_t *at = (const uint8_t *)bytes.at;
	uint64_t len = bytes.len < DNS_MAX ? bytes.len : DNS_MAX, i = 0;
	uint32_t n = 0;

	while (i < len && at[i]) {
		/* Lengths beyond 63 are pointers, which lead out of the bytes at hand. */
		if (at[i] > 63 || i + 1 + at[i] > len)
			return n + put(out + n, "…", strlen("…"));
		n += show_label(at + i + 1, at[i], out + n);
		out[n++] = '.';
		i += 1U + at[i];
	}
	if (i < len && !n)
		out[n++] = '.';
	return n;
}

/* ---- any ------------------------------------------------------------------ */

uint32_t show_number(const struct field *field, uint64_t number, char *out)
{
	switch ((enum type)field->type) {
	case TYPE_NAME:
		return show_name(field->names, number, out);
	case TYPE_FLAGS:
		return show_flags(field->names, number, out);
	case TYPE_DURATION:
		return show_duration(number, out);
	case TYPE_SIZE:
		return show_size(number, out);
	case TYPE_MODE:
		return show_mode((uint32_t)number, out);
	default:
		return 0;
	}
}

uint32_t show_bytes(const struct field *field, struct str bytes, char *out)
{
	switch ((enum type)field->type) {
	case TYPE_IP:
		return show_ip(bytes, out);
	case TYPE_ENDPOINT:
		return show_endpoint(bytes, out);
	case TYPE_DNS:
		return show_dns(bytes, out);
	default:
		return 0;
	}
}

uint32_t show_value(const struct field *field, const struct value *value, char *out)
{
	if (value->missing)
		return 0;
	if (type_is_made_number(value->type))
		return show_number(field, value->u, out);
	return show_bytes(field, value->s, out);
}

uint32_t show_wide(uint64_t high, uint64_t low, bool is_signed, char *out)
{
	uint128 v = (uint128)high << 64 | low;
	bool is_negative = is_signed && high >> 63;
	char digits[SHOW_WIDE_MAX];
	uint32_t n = 0, at = 0;

	if (is_negative)
		v = -v;
	do {
		digits[n++] = (char)('0' + (unsigned)(v % 10));
		v /= 10;
	} while (v);
	if (is_negative)
		out[at++] = '-';
	while (n)
		out[at++] = digits[--n];
	return at;
}
