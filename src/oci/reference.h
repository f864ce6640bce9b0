/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reference: the name of an image, as users of docker write it.
 *
 *     [HOST[:PORT]/]PATH[:TAG][@DIGEST]
 *
 * The grammar is that of the distribution project: path components of lower-case
 * letters and digits with single '.', '_', '__' or dashes between them, a tag of
 * at most 128 word characters, a digest of a known algorithm; the name without
 * tag and digest has at most 255 characters.
 *
 * What is left out is filled in, so that one image has one name: the default
 * registry when the first component is no host (it has neither '.' nor ':' and
 * is not "localhost"), the default namespace when the path in that registry has
 * one component only, "library/" the same way for docker.io, and the tag
 * "latest" when neither tag nor digest is given.
 */
#ifndef OCI_REFERENCE_H
#define OCI_REFERENCE_H

#include "base/arena.h"
#include "base/error.h"

enum { REFERENCE_NAME_MAX = 255, REFERENCE_TAG_MAX = 128 };

struct reference {
	const char *host;   /* with its port: "localhost:5000", "[::1]:5000" */
	const char *path;   /* "gadgets/trace_open" */
	const char *tag;    /* or NULL when there is a digest */
	const char *digest; /* "sha256:..." or NULL */
};

/* What short names stand for. */
struct reference_defaults {
	const char *host, *namespace;
};

/*
 * The built-in defaults, or what $GADGETCTL_REGISTRY says: "HOST" or
 * "HOST/NAMESPACE".
 */
int reference_defaults(struct arena *arena, struct reference_defaults *ret_defaults,
		       struct error *err) __attribute__((warn_unused_result));

/* Parse and fill in.  Strings live in the arena. */
int reference_parse(struct arena *arena, const char *text,
		    const struct reference_defaults *defaults, struct reference *ret_reference,
		    struct error *err) __attribute__((warn_unused_result));

/* The full name: "host/path:tag@digest", with what there is. */
const char *reference_text(struct arena *arena, const struct reference *reference);

/* The name without tag and digest: "host/path". */
const char *reference_name(struct arena *arena, const struct reference *reference);

#endif
