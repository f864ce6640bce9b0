/* SPDX-License-Identifier: Apache-2.0 */
/*
 * secret: what nobody else may see, in memory; it is overwritten before it is freed.
 */
#ifndef OCI_SECRET_H
#define OCI_SECRET_H

#include <jansson.h>
#include <stdbool.h>

/* The user whose password is a token to get others with. */
#define CREDENTIALS_TOKEN_USER "<token>"

/* What to show a registry; secret NULL: nothing. */
struct credentials {
	char *user;
	char *secret;
	bool is_identity; /* the secret is a token to get others with, not a password */
};

/* Copies of both, in place of what was there. */
void credentials_set(struct credentials *credentials, const char *user, const char *secret,
		     bool is_identity);

/* Wipe and free both. */
void credentials_release(struct credentials *credentials);

/* Wipe and free a string; NULL is fine. */
void secret_free(char *text);

/* Wipe all strings below a value that nobody else has; NULL is fine. */
void secret_wipe_json(json_t *value);

/* The same, and drop it. */
void secret_release_json(json_t *root);

#endif
