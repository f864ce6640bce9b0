/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of auth share.  Inside of src/oci/auth*.c only.
 */
#ifndef OCI_AUTH_PRIVATE_H
#define OCI_AUTH_PRIVATE_H

#include <jansson.h>

#include "oci/auth.h"

/* The user whose password is an identity token. */
#define AUTH_TOKEN_USER "<token>"

/* Copies of both. */
void credentials_set(struct credentials *credentials, const char *user, const char *secret,
		     bool is_identity);

/* Wipe all strings of a document that nobody else has, and drop it; NULL is fine. */
void json_release(json_t *root);

#endif
