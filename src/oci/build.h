/* SPDX-License-Identifier: Apache-2.0 */
/*
 * build: from the parts of a gadget to an image in a store.
 *
 * An index, sorted by architecture, of a manifest for each.  A manifest has the
 * gadget.yaml as its config and the object as its first layer; a wasm module is
 * its second.  The annotations are on the index, the manifests, their
 * descriptors and the config's descriptor, where today's tools look for them;
 * what the first images had is there as well: `config.yaml`, `program.o` and
 * `program.wasm` as titles of the blobs, author and description of the program.
 *
 * Equal parts make equal images, to the byte.
 */
#ifndef OCI_BUILD_H
#define OCI_BUILD_H

#include "oci/store.h"

/* Keys of annotations: the OCI image specification's, and one of today's builders. */
#define ANNOTATION_AUTHORS       "org.opencontainers.image.authors"
#define ANNOTATION_CREATED       "org.opencontainers.image.created"
#define ANNOTATION_DESCRIPTION   "org.opencontainers.image.description"
#define ANNOTATION_DOCUMENTATION "org.opencontainers.image.documentation"
#define ANNOTATION_LICENSES      "org.opencontainers.image.licenses"
#define ANNOTATION_SOURCE        "org.opencontainers.image.source"
#define ANNOTATION_URL           "org.opencontainers.image.url"
#define ANNOTATION_BUILDER       "io.inspektor-gadget.builder.version"

enum {
	BUILD_MAX_PARTS = 8,
	BUILD_MAX_ANNOTATIONS = 64
				<< 10, /* bytes of all of them: each document has a copy or more */
};

/* What is of one architecture. */
struct build_part {
	const char *architecture;
	struct str program;
};

struct build {
	struct build_part parts[BUILD_MAX_PARTS];
	uint32_t nparts;
	struct str config; /* the gadget.yaml; at NULL: there is none */
	struct str wasm;   /* at NULL: there is none */
	struct annotations annotations;
};

/* The annotations of an image while they are gathered; later ones win. */
struct annotation_list {
	struct annotation items[DOCUMENT_ANNOTATIONS];
	uint32_t n;
	size_t bytes;
};

/* Set one; a NULL value sets nothing.  -EINVAL for a key or value that cannot be one
 * (empty, not UTF-8); -E2BIG for too many or too long ones.  The strings are kept. */
int annotation_set(struct annotation_list *list, const char *key, const char *value,
		   struct error *err) __attribute__((warn_unused_result));

/* Sorted by key, as documents have them.  Points into the list. */
struct annotations annotations_sorted(struct annotation_list *list);

/*
 * Put the image into the store under each of the names, which all have tags;
 * *ret_top is its index.  When it fails no name was changed.
 */
int build_image(struct store *store, struct arena *arena, const struct build *build,
		const struct reference *references, size_t n, struct descriptor *ret_top,
		struct error *err) __attribute__((warn_unused_result));

#endif
