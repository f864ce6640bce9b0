/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image: what a gadget's image holds for one architecture.
 *
 * Today's layout is an index of manifests, one for each architecture; a
 * manifest's config is the gadget.yaml and its layers are told apart by their
 * media types.  Older images are a single manifest, or have their layers' names
 * in the annotation org.opencontainers.image.title ("program.o"); both are read
 * as well.  Layers are plain files, not archives.  Signatures and what other
 * tools add beside the gadget are left alone; a layer nobody here can use is
 * listed, so that users are told.
 */
#ifndef OCI_IMAGE_H
#define OCI_IMAGE_H

#include "oci/store.h"

#define MEDIA_GADGET        "application/vnd.gadget.v1+binary" /* artifactType */
#define MEDIA_GADGET_CONFIG "application/vnd.gadget.config.v1+yaml"
#define MEDIA_GADGET_EBPF   "application/vnd.gadget.ebpf.program.v1+binary"
#define MEDIA_GADGET_WASM   "application/vnd.gadget.wasm.program.v1+binary"
#define MEDIA_GADGET_BTFGEN "application/vnd.gadget.btfgen.v1+binary"

#define ANNOTATION_TITLE "org.opencontainers.image.title"

#define ANNOTATION_CREATED "org.opencontainers.image.created"

enum {
	IMAGE_MAX_PROGRAM = 64 << 20, /* bytes of an object */
	IMAGE_MAX_CONFIG = 4 << 20,   /* bytes of a gadget.yaml */
	IMAGE_MAX_BLOBS = 4096,       /* of an image, with all its platforms */
	IMAGE_MAX_DEPTH = 4,          /* indexes in indexes */
};

struct image_layer {
	struct descriptor blob;
	const char *what; /* "eBPF", "wasm", "BTF", or the media type */
	bool is_used;     /* by this version */
};

struct image_contents {
	const struct document *index; /* or NULL: a lone manifest */
	struct descriptor manifest_blob;
	const struct document *manifest;
	const char *architecture;         /* "amd64"; "" when the image does not say */
	const struct descriptor *config;  /* the gadget.yaml, or NULL */
	const struct descriptor *program; /* the eBPF object, or NULL */
	struct image_layer *layers;
	uint32_t nlayers;
};

/* The host's architecture as images call it: "amd64", "arm64", ... */
const char *image_host_architecture(void);

/*
 * The descriptor of the manifest for an architecture.  -ENOEXEC when none fits,
 * naming those there are; a manifest that names no architecture fits all, but one
 * that names the right one comes first.  A top that is a manifest itself is
 * returned as it is.
 */
int image_manifest(const struct store *store, struct arena *arena, const struct descriptor *top,
		   const char *architecture, const struct document **ret_index,
		   struct descriptor *ret_manifest, struct error *err)
	__attribute__((warn_unused_result));

/*
 * What the image holds for an architecture.  Only documents are read, not the
 * layers.  -ENOENT with the blob's digest when that part was not pulled.
 */
int image_open(const struct store *store, struct arena *arena, const struct descriptor *top,
	       const char *architecture, struct image_contents *ret_contents, struct error *err)
	__attribute__((warn_unused_result));

/* Everything that belongs to an image. */
struct image_blobs {
	struct descriptor *list; /* each once; what refers to a blob comes before it */
	uint32_t n;
	uint64_t bytes; /* of all of them */
};

/*
 * All of an image that is in the store, for every architecture.  A manifest that an
 * index names and that was never pulled is left out; anything else that is missing
 * is -ENOENT.  -E2BIG past the limits.  Blobs are looked for, only documents read.
 */
int image_blobs(const struct store *store, struct arena *arena, const struct descriptor *top,
		struct image_blobs *ret_blobs, struct error *err)
	__attribute__((warn_unused_result));

/*
 * When the image was made: seconds since 1970 from its annotation, looked for at the
 * top and then below it.  False when nothing says so, or nothing that can be read.
 */
bool image_created(const struct store *store, const struct descriptor *top, int64_t *ret_seconds);

/* "2024-05-06T07:08:09Z", with a fraction and an offset if there are; RFC 3339. */
bool image_parse_time(const char *text, int64_t *ret_seconds);

/* Whether all the image needs for an architecture is in the store, by name and size. */
bool image_is_complete(const struct store *store, const struct descriptor *top,
		       const char *architecture);

#endif
