/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base64: RFC 4648, with padding, as "user:password" is written.
 */
#ifndef OCI_BASE64_H
#define OCI_BASE64_H

#include <stddef.h>

/* malloc()ed text; the caller wipes what is secret. */
char *base64_encode(const void *bytes, size_t len);

/* malloc()ed bytes with a NUL behind, *ret_len of them; NULL when the text is not
 * base64.  Padding may be missing. */
char *base64_decode(const char *text, size_t len, size_t *ret_len);

#endif
