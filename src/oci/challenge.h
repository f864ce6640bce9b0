/* SPDX-License-Identifier: Apache-2.0 */
/*
 * challenge: how a registry wants to be shown who asks, from its answers'
 * WWW-Authenticate headers (RFC 9110, 11.6.1).
 *
 *     Bearer realm="https://auth.example/token",service="registry",scope="..."
 *     Basic realm="registry"
 *
 * A header may hold several, and an answer several headers.
 */
#ifndef OCI_CHALLENGE_H
#define OCI_CHALLENGE_H

#include "base/arena.h"

enum challenge_kind { CHALLENGE_NONE, CHALLENGE_BASIC, CHALLENGE_BEARER };

enum { CHALLENGE_VALUE_MAX = 4096 }; /* bytes of a parameter; longer ones are ignored */

struct challenge {
	enum challenge_kind kind;
	/* of Bearer; NULL when not given.  No control characters. */
	const char *realm, *service, *scope;
};

/*
 * Read one header into *challenge: what is stronger than what is there already
 * replaces it (Bearer over Basic over nothing).  What cannot be understood is
 * passed over.  Strings live in the arena.
 */
void challenge_add(struct arena *arena, const char *header, struct challenge *challenge);

#endif
