/* SPDX-License-Identifier: Apache-2.0 */
/*
 * digest: the name of content, "sha256:" and 64 hex digits in lower case.
 *
 * Everything in a store and in a registry is named by what it is, so checking a
 * digest is what makes a stranger's bytes trustworthy.  SHA-256 and SHA-512 are
 * known; what we make ourselves is SHA-256.  (OCI image specification,
 * descriptor.md, "Digests".)
 */
#ifndef OCI_DIGEST_H
#define OCI_DIGEST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"

enum { DIGEST_TEXT_MAX = 7 + 128 }; /* "sha512:" and its hex digits */

/* Well formed, and of a known algorithm. */
bool digest_is_valid(const char *digest);

/* The hex digits behind the colon. */
const char *digest_hex(const char *digest);

/* "sha256:..." of the bytes, in the arena. */
const char *digest_of(struct arena *arena, const void *bytes, size_t len);

/* Whether the bytes are what the (valid) digest names. */
bool digest_matches(const char *digest, const void *bytes, size_t len);

/* The same for content that comes in pieces. */
struct digest_check;

/* Begin a check against a valid digest; digest NULL: a sha256 is computed only. */
struct digest_check *digest_begin(const char *digest);
void digest_add(struct digest_check *check, const void *bytes, size_t len);

/*
 * End and free it.  True when the content is what the digest names (always true
 * without one); ret_digest, DIGEST_TEXT_MAX + 1 bytes or NULL, is what it is.
 */
bool digest_end(struct digest_check *check, char *ret_digest);

#endif
