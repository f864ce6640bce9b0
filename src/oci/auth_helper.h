/* SPDX-License-Identifier: Apache-2.0 */
/*
 * auth_helper: the programs that keep credentials, docker-credential-NAME.
 *
 * They are told on stdin what it is about and answer on stdout; their end tells
 * whether it went well.  Inside of src/oci/auth*.c only.
 */
#ifndef OCI_AUTH_HELPER_H
#define OCI_AUTH_HELPER_H

#include "base/error.h"
#include "oci/secret.h"

/* Whether it can be part of a program's name: no paths, no flags. */
bool helper_is_valid(const char *name);

/* Ask for a server's credentials; empty ones when the helper has none. */
int helper_get(const char *name, const char *server, struct credentials *ret_credentials,
	       struct error *err) __attribute__((warn_unused_result));

int helper_store(const char *name, const char *server, const struct credentials *credentials,
		 struct error *err) __attribute__((warn_unused_result));

/* *ret_had: whether there was something to erase. */
int helper_erase(const char *name, const char *server, bool *ret_had, struct error *err)
	__attribute__((warn_unused_result));

#endif
