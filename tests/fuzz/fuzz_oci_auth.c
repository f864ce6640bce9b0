/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_oci_auth: any bytes as a file of credentials.
 *
 * What is found can be shown to a registry as it is: a secret with a user, within
 * the limits; or a helper whose name leads to no other program.  An error never
 * repeats what the file says of secrets.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "oci/auth.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool is_so)
{
	if (!is_so)
		abort();
}

static void check(const struct auth_entry *entry)
{
	const struct credentials *c = &entry->credentials;

	require(!c->secret == !c->user);
	require(!c->secret || strlen(c->secret) <= 2 * AUTH_SECRET_MAX);
	require(!c->user || !strchr(c->user, ':') || c->is_identity);
	require(strlen(entry->helper) < AUTH_HELPER_MAX && !strchr(entry->helper, '/') &&
		entry->helper[0] != '-' && entry->helper[0] != '.');
	require(entry->key && *entry->key);
}

static void look_up(const uint8_t *data, size_t size, const char *host, const char *path)
{
	struct auth_entry entry = { 0 };
	struct error err = ERROR_INIT;

	if (auth_parse((const char *)data, size, host, path, &entry, &err) < 0) {
		require(err.code && *err.text && !entry.credentials.secret);
		/* The corpus' secrets have it in their base64 and as they are; names of
		 * helpers are told. */
		require(strstr(err.text, "credential helper") ||
			(!strstr(err.text, "c2VjcmV0") && !strstr(err.text, "secret")));
		return;
	}
	check(&entry);
	credentials_release(&entry.credentials);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	look_up(data, size, "docker.io", "library/x");
	look_up(data, size, "registry.example:5000", "team/gadgets/x");
	look_up(data, size, "registry.example", "");
	return 0;
}
