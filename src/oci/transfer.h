/* SPDX-License-Identifier: Apache-2.0 */
/*
 * transfer: whole images between registries and a store.
 *
 * pull: the name's index or manifest, the manifests that are wanted, their blobs;
 * several blobs at once.  What the store has already is verified and not fetched
 * again.  The name is given last: it stands for a complete image or is not there,
 * and what was fetched of an image that failed is taken up by the next pull.
 *
 * push: blobs, then manifests, then indexes, and the name last.  What the registry
 * has is not sent again; what another repository of it has, as far as the store
 * knows, is taken from there.
 */
#ifndef OCI_TRANSFER_H
#define OCI_TRANSFER_H

#include "oci/registry.h"
#include "oci/store.h"

#define TRANSFER_SIZE_TEXT "1GiB"

enum {
	TRANSFER_JOBS = 4, /* blobs at once */
	TRANSFER_JOBS_MAX = 16,
	TRANSFER_SIZE = 1 << 30,   /* declared bytes of an image; TRANSFER_SIZE_TEXT */
	TRANSFER_DEPTH = 4,        /* indexes in indexes */
	TRANSFER_DOCUMENTS = 1024, /* indexes and manifests of an image */
	TRANSFER_BLOBS = 8192,     /* configs and layers of an image */
	TRANSFER_TICK_MS = 100,    /* between two calls of progress() */
};

struct transfer_progress {
	uint32_t blobs, blobs_done;
	uint64_t bytes, bytes_done; /* of what is to be moved */
};

struct transfer_options {
	struct registry_options registry;
	const char *platform; /* "OS/ARCHITECTURE"; NULL: this host's */
	bool all_platforms;
	uint64_t max_size; /* 0: TRANSFER_SIZE */
	unsigned jobs;     /* 0: TRANSFER_JOBS */
	/* How far it is, from the caller's thread; or NULL. */
	void (*progress)(void *arg, const struct transfer_progress *progress);
	void *progress_arg;
};

/* What was done. */
struct transfer_result {
	struct descriptor top;
	uint32_t moved, there, mounted; /* blobs: transferred, not needed, taken over */
	uint64_t bytes;                 /* transferred */
};

/*
 * Pull what the reference names and tag it.  A digest in the reference must be
 * the content's.  -ENOEXEC when there is nothing for the platform; -E2BIG past
 * max_size and the limits above.
 */
int transfer_pull(struct store *store, struct arena *arena, const struct reference *reference,
		  const struct transfer_options *options, struct transfer_result *ret_result,
		  struct error *err) __attribute__((warn_unused_result));

/*
 * Push what the name stands for in the store.  -ENOENT when the store lacks a part
 * that the registry has not either.
 */
int transfer_push(struct store *store, struct arena *arena, const struct reference *reference,
		  const struct transfer_options *options, struct transfer_result *ret_result,
		  struct error *err) __attribute__((warn_unused_result));

#endif
