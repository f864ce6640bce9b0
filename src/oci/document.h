/* SPDX-License-Identifier: Apache-2.0 */
/*
 * document: the JSON an image is made of: indexes and manifests (OCI image
 * specification 1.1, and docker's manifest list and manifest, which are the same
 * but for their names).
 *
 * What is read is hostile: keys given twice, wrong types, sizes and digests that
 * cannot be, too much of anything, and text that is not UTF-8 are refused with
 * the path of the field ("manifests[2].digest").  Unknown fields are ignored, as
 * the specification asks.  What is written is canonical: fixed key order, no
 * spaces, so equal content has equal bytes and so an equal digest.
 */
#ifndef OCI_DOCUMENT_H
#define OCI_DOCUMENT_H

#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "data/type.h"

#define MEDIA_INDEX           "application/vnd.oci.image.index.v1+json"
#define MEDIA_MANIFEST        "application/vnd.oci.image.manifest.v1+json"
#define MEDIA_EMPTY           "application/vnd.oci.empty.v1+json"
#define MEDIA_DOCKER_LIST     "application/vnd.docker.distribution.manifest.list.v2+json"
#define MEDIA_DOCKER_MANIFEST "application/vnd.docker.distribution.manifest.v2+json"

enum {
	DOCUMENT_MAX = 4 << 20,      /* bytes of a document */
	DOCUMENT_DESCRIPTORS = 1024, /* manifests of an index, layers of a manifest */
	DOCUMENT_ANNOTATIONS = 256,  /* of one object */
	DOCUMENT_TEXT = 64 << 10,    /* bytes of a string */
};

struct annotation {
	const char *key, *value;
};

struct annotations {
	const struct annotation *list; /* sorted by key */
	uint32_t n;
};

/* What a document says of a blob. */
struct descriptor {
	const char *media_type;
	const char *digest; /* valid; see digest.h */
	uint64_t size;
	const char *artifact_type;     /* or NULL */
	const char *architecture, *os; /* of `platform`, or NULL */
	struct annotations annotations;
};

enum document_kind { DOCUMENT_INDEX, DOCUMENT_MANIFEST };

struct document {
	enum document_kind kind;
	const char *media_type;         /* as in the file, or what it must be */
	const char *artifact_type;      /* or NULL */
	struct descriptor config;       /* MANIFEST */
	struct descriptor subject;      /* digest NULL: none */
	const struct descriptor *items; /* manifests of an index, layers of a manifest */
	uint32_t nitems;
	struct annotations annotations;
};

/*
 * Parse and check.  media_type, if not NULL, is what its descriptor or the
 * registry called it: the document must not contradict it.  Lives in the arena.
 */
int document_parse(struct arena *arena, const void *bytes, size_t len, const char *media_type,
		   const struct document **ret_document, struct error *err)
	__attribute__((warn_unused_result));

/* The document as JSON, in the arena. */
struct str document_write(struct arena *arena, const struct document *document);

/* The value of an annotation, or NULL. */
const char *annotation_find(const struct annotations *annotations, const char *key);

#endif
