/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/secret.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

void secret_free(char *text)
{
	if (text)
		explicit_bzero(text, strlen(text));
	free(text);
}

void credentials_release(struct credentials *credentials)
{
	secret_free(credentials->user);
	secret_free(credentials->secret);
	*credentials = (struct credentials){ 0 };
}

void credentials_set(struct credentials *credentials, const char *user, const char *secret,
		     bool is_identity)
{
	credentials_release(credentials);
	credentials->user = xstrdup(user);
	credentials->secret = xstrdup(secret);
	credentials->is_identity = is_identity;
}

void secret_wipe_json(json_t *value)
{
	const char *key;
	json_t *item;
	size_t i;

	if (json_is_string(value))
		explicit_bzero((char *)(uintptr_t)json_string_value(value),
			       json_string_length(value));
	json_object_foreach(value, key, item) secret_wipe_json(item);
	json_array_foreach(value, i, item) secret_wipe_json(item);
}

void secret_release_json(json_t *root)
{
	secret_wipe_json(root);
	json_decref(root);
}
