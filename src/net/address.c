/* SPDX-License-Identifier: Apache-2.0 */
#include "net/address.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/units.h"

/* Letters, digits and what names and numeric addresses have besides; a name that
 * needs more is written in its ASCII form (xn--...). */
static bool is_host(const char *text, size_t len, bool in_brackets)
{
	if (len == 0 || len >= sizeof(((struct address *)0)->host))
		return false;
	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
			continue;
		if (!strchr(in_brackets ? ":.%-_" : ".-_", c))
			return false;
	}
	return true;
}

/* Find host and port in the text; false when it has no such form. */
static bool split(const char *text, const char **ret_host, size_t *ret_len, const char **ret_port,
		  bool *ret_in_brackets)
{
	const char *end;

	*ret_in_brackets = text[0] == '[';
	if (*ret_in_brackets) {
		end = strchr(++text, ']');
		if (!end)
			return false;
		*ret_port = end + 1;
	} else {
		end = text + strcspn(text, ":");
		*ret_port = end;
	}
	*ret_host = text;
	*ret_len = (size_t)(end - text);
	if (!**ret_port) {
		*ret_port = NULL;
		return true;
	}
	return *(*ret_port)++ == ':';
}

int address_parse(const char *text, const char *default_port, struct address *ret_address,
		  struct error *err)
{
	struct address address = { .host = "" };
	const char *host, *port;
	bool in_brackets;
	uint64_t number;
	size_t len;

	if (!split(text, &host, &len, &port, &in_brackets) || !is_host(host, len, in_brackets))
		return error_set(err, EINVAL,
				 "'%s' is no address (write HOST:PORT, or [IPV6]:PORT)", text);
	if (!port)
		port = default_port;
	if (parse_uint(port, &number) < 0 || number < 1 || number > 65535)
		return error_set(err, EINVAL, "'%s' in '%s' is no port (1 to 65535)", port, text);
	memcpy(address.host, host, len);
	(void)snprintf(address.port, sizeof(address.port), "%u", (unsigned)number);
	*ret_address = address;
	return 0;
}
