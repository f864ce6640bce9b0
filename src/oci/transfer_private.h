/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What pull and push share.  Inside of src/oci/transfer*.c only.
 */
#ifndef OCI_TRANSFER_PRIVATE_H
#define OCI_TRANSFER_PRIVATE_H

#include "oci/transfer.h"

/* A blob that is to be moved. */
struct transfer_job {
	struct descriptor blob;
	const char *mount_from; /* push: a path of the same registry that has it; or NULL */
	struct transfer_job *next;
};

enum transfer_outcome { TRANSFER_MOVED, TRANSFER_THERE, TRANSFER_MOUNTED };

struct transfer {
	struct store *store;
	struct arena arena;
	const struct transfer_options *options;
	struct registry *registry;
	struct registry_client *client; /* of the caller's thread */
	struct transfer_job **jobs;     /* sorted, each blob once */
	uint32_t njobs;
	uint64_t bytes; /* of the jobs */
	struct registry_meter meter;
	/* What to do with one blob; from several threads. */
	int (*move)(struct transfer *transfer, struct registry_client *client,
		    const struct transfer_job *job, enum transfer_outcome *ret_outcome,
		    struct error *err);
};

int transfer_begin(struct transfer *transfer, struct store *store,
		   const struct transfer_options *options, const struct reference *reference,
		   bool wants_push, struct error *err) __attribute__((warn_unused_result));
void transfer_end(struct transfer *transfer);

/* Add the config and the layers of a manifest. */
int transfer_add_blobs(struct transfer *transfer, const struct document *manifest,
		       struct error *err) __attribute__((warn_unused_result));

/* Sort, throw out what is there twice, add the sizes up. */
int transfer_sort(struct transfer *transfer, struct error *err) __attribute__((warn_unused_result));

/* Move all blobs, several at once. */
int transfer_run(struct transfer *transfer, struct transfer_result *result, struct error *err)
	__attribute__((warn_unused_result));

/* Which kind of document a descriptor is. */
bool transfer_is_index(const struct descriptor *blob);
bool transfer_is_manifest(const struct descriptor *blob);

#endif
