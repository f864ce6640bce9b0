/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store: the images of this host, as a standard OCI image layout on disk.
 *
 *     oci-layout            {"imageLayoutVersion":"1.0.0"}
 *     index.json            the names: one descriptor for each, its annotation
 *                           org.opencontainers.image.ref.name is the full reference
 *     blobs/sha256/HEX      the content
 *     ingest/               blobs that are still being written
 *     lock, index.lock      flock()ed files, empty
 *
 * So skopeo and others read it as `oci:DIR:REFERENCE`.
 *
 * Several processes may use a store at once, and each may be killed at any time.
 * A blob gets its name by rename() when it is complete, verified and on the disk;
 * index.json is replaced the same way, under index.lock.  Who adds an image holds
 * `lock` shared from its first blob to its name (store_begin() to store_end()),
 * who deletes blobs holds it alone, so that nothing is deleted between the two.
 * What a killed process leaves behind is found and deleted by store_prune().
 *
 * Nothing is trusted because it is on the disk: each read verifies the digest.
 */
#ifndef OCI_STORE_H
#define OCI_STORE_H

#include <stdbool.h>

#include "oci/document.h"
#include "oci/reference.h"

#define STORE_REF_NAME "org.opencontainers.image.ref.name"

struct store;

/*
 * Where the store is when nobody says: $GADGETCTL_STORE, else
 * /var/lib/gadgetctl/oci-store for root, $XDG_DATA_HOME/gadgetctl/oci-store
 * (~/.local/share) for others.
 */
const char *store_default_dir(struct arena *arena);

/*
 * Open a store.  With `create` a missing one is made (mode 0700); without, a
 * missing one is -ENOENT.  -EBADMSG: the folder is something else.
 */
int store_open(const char *dir, bool create, struct store **ret_store, struct error *err)
	__attribute__((warn_unused_result));
void store_close(struct store *store);
const char *store_dir(const struct store *store);

/*
 * Adding begins and ends: between, no blob is deleted by anybody.  Begin waits
 * while somebody deletes.  Nests.
 */
int store_begin(struct store *store, struct error *err) __attribute__((warn_unused_result));
void store_end(struct store *store);

/* ---- content -------------------------------------------------------------- */

/* Whether the blob is there and has that size; its content is checked when read. */
bool store_has(const struct store *store, const struct descriptor *blob);

/*
 * Read a whole blob of at most `max` bytes into the arena.  -ENOENT; -EFBIG;
 * -EBADMSG when size or digest are not what the descriptor says.
 */
int store_read(const struct store *store, struct arena *arena, const struct descriptor *blob,
	       uint64_t max, struct str *ret_bytes, struct error *err)
	__attribute__((warn_unused_result));

/* Open a blob for reading after having verified it; the caller closes the
 * descriptor, which stands at the beginning. */
int store_open_blob(const struct store *store, const struct descriptor *blob, struct error *err)
	__attribute__((warn_unused_result));

/* Read and parse the index or manifest behind a descriptor. */
int store_document(const struct store *store, struct arena *arena, const struct descriptor *blob,
		   const struct document **ret_document, struct error *err)
	__attribute__((warn_unused_result));

/* A blob on its way in. */
struct ingest;

/*
 * Begin to write the blob that a descriptor promises; its size is never exceeded.
 * A part that an interrupted download left behind is taken up: *ret_have bytes
 * are there already.  -EBUSY when another process writes the same blob; with
 * ret_have NULL it waits for that process instead, and starts anew.
 */
int ingest_begin(struct store *store, const struct descriptor *blob, uint64_t *ret_have,
		 struct ingest **ret_ingest, struct error *err) __attribute__((warn_unused_result));

/* Start over: what is there is thrown away. */
int ingest_restart(struct ingest *ingest, struct error *err) __attribute__((warn_unused_result));

/* Append.  -EFBIG past the promised size; -ENOSPC and what else write() says. */
int ingest_write(struct ingest *ingest, const void *bytes, size_t len, struct error *err)
	__attribute__((warn_unused_result));

/* Verify size and digest, sync, and give the blob its name.  Frees the ingest,
 * also when it fails; what is wrong is deleted. */
int ingest_commit(struct ingest *ingest, struct error *err) __attribute__((warn_unused_result));

/* Give up; `keep`: what is there may be taken up later. */
void ingest_abort(struct ingest *ingest, bool keep);

/* Write bytes as a blob; fills in digest and size of *blob (its media type is the
 * caller's). */
int store_write(struct store *store, struct arena *arena, const void *bytes, size_t len,
		struct descriptor *blob, struct error *err) __attribute__((warn_unused_result));

/* ---- names ---------------------------------------------------------------- */

struct image {
	struct reference reference;
	struct descriptor top; /* the index (or manifest) the name stands for */
};

/* All names, sorted.  -EBADMSG when index.json is damaged. */
int store_list(const struct store *store, struct arena *arena, struct image **ret_images,
	       uint32_t *ret_nimages, struct error *err) __attribute__((warn_unused_result));

/*
 * What a reference stands for; one with a digest must have that digest, whatever
 * its tag.  -ENOENT when there is none.
 */
int store_resolve(const struct store *store, struct arena *arena, const struct reference *reference,
		  struct image *ret_image, struct error *err) __attribute__((warn_unused_result));

/*
 * Find what a user means by an id: at least 2 hex digits that begin the digest of
 * one image only (with or without "sha256:").  -ENOENT; -EEXIST when ambiguous.
 */
int store_find_id(const struct store *store, struct arena *arena, const char *id,
		  struct image *ret_image, struct error *err) __attribute__((warn_unused_result));

/* Give content a name, which may have belonged to other content before.  The
 * reference needs a tag or a digest; everything below `top` should be there. */
int store_tag(struct store *store, const struct reference *reference, const struct descriptor *top,
	      struct error *err) __attribute__((warn_unused_result));

/* Take a name away; its content stays until the next prune. */
int store_untag(struct store *store, const struct reference *reference, struct error *err)
	__attribute__((warn_unused_result));

/* ---- upkeep --------------------------------------------------------------- */

struct store_pruned {
	uint32_t blobs, parts; /* deleted: blobs without a name, parts of blobs */
	uint64_t bytes;
};

/*
 * Delete every blob that no name leads to.  Waits for those who are adding;
 * with `try`, returns -EAGAIN instead.
 */
int store_prune(struct store *store, bool try, struct store_pruned *ret_pruned, struct error *err)
	__attribute__((warn_unused_result));

/*
 * Check everything: the layout, every name, every blob's digest, and that all
 * that is referenced is there (platforms an image was pulled without are no
 * fault).  Calls `report` for each fault.  Returns how many there are, or a
 * negative errno when it cannot look.
 */
int store_check(const struct store *store, void (*report)(void *arg, const char *fault), void *arg,
		struct error *err) __attribute__((warn_unused_result));

#endif
