/* SPDX-License-Identifier: Apache-2.0 */
/*
 * push: what to send is found from the top down, and sent from the bottom up.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "oci/transfer_private.h"

enum { NEIGHBOURS_MAX = 64 }; /* images that are searched for blobs to mount */

struct push {
	struct transfer transfer;
	struct transfer_result *result;
	const struct reference *reference;
	struct descriptor documents[TRANSFER_DOCUMENTS]; /* to send, in this order */
	uint32_t ndocuments;
	uint32_t nseen;
};

/* ---- what ---------------------------------------------------------------------------- */

static int add_document(struct push *push, const struct descriptor *blob, unsigned depth,
			struct error *err);

/* A part that the store lacks (a platform that was not pulled) must be there already. */
static int require_there(struct push *push, const struct descriptor *blob, struct error *err)
{
	bool has = false;
	int r = registry_has_document(push->transfer.client, blob, &has, err);

	if (r < 0 || has)
		return r;
	return error_set(
		err, ENOENT,
		"the store lacks '%s' (%s/%s) of the image, and so does the registry (pull "
		"the image with --all-platforms)",
		blob->digest, blob->os ? blob->os : "?",
		blob->architecture ? blob->architecture : "?");
}

static int add_items(struct push *push, const struct document *index, unsigned depth,
		     struct error *err)
{
	int r = 0;

	if (depth == TRANSFER_DEPTH)
		return error_set(err, E2BIG, "the image has indexes in indexes, more than %d deep",
				 TRANSFER_DEPTH);
	for (uint32_t i = 0; r == 0 && i < index->nitems; i++) {
		const struct descriptor *item = &index->items[i];

		if (!transfer_is_index(item) && !transfer_is_manifest(item))
			continue;
		r = store_has(push->transfer.store, item) ? add_document(push, item, depth + 1, err)
							  : require_there(push, item, err);
	}
	return r;
}

/* What it needs comes first; what the registry has needs nothing, except for the top,
 * whose name is set by sending it. */
static int add_document(struct push *push, const struct descriptor *blob, unsigned depth,
			struct error *err)
{
	struct transfer *t = &push->transfer;
	const struct document *doc = NULL;
	bool has = false;
	int r;

	if (++push->nseen > TRANSFER_DOCUMENTS)
		return error_set(err, E2BIG, "the image has more than %d manifests",
				 TRANSFER_DOCUMENTS);
	r = registry_has_document(t->client, blob, &has, err);
	if (r == 0 && !has)
		r = store_document(t->store, &t->arena, blob, &doc, err);
	if (r == 0 && doc)
		r = doc->kind == DOCUMENT_INDEX ? add_items(push, doc, depth, err)
						: transfer_add_blobs(t, doc, err);
	if (r == 0 && (!has || depth == 0))
		push->documents[push->ndocuments++] = *blob;
	return r;
}

/* ---- from where ------------------------------------------------------------------------ */

static int by_digest(const void *key, const void *job)
{
	const struct transfer_job *const *j = job;

	return strcmp(key, (*j)->blob.digest);
}

static void offer(struct push *push, const struct descriptor *blob, const char *path)
{
	struct transfer *t = &push->transfer;
	struct transfer_job **job =
		t->njobs ? bsearch(blob->digest, t->jobs, t->njobs, sizeof(*t->jobs), by_digest)
			 : NULL;

	if (job && !(*job)->mount_from)
		(*job)->mount_from = path;
}

/* Offer all blobs of an image that belongs to another repository. */
static void offer_image(struct push *push, const struct descriptor *top, const char *path,
			unsigned depth)
{
	struct transfer *t = &push->transfer;
	const struct document *doc = NULL;

	if (depth > TRANSFER_DEPTH || ++push->nseen > 2 * TRANSFER_DOCUMENTS ||
	    !store_has(t->store, top) || store_document(t->store, &t->arena, top, &doc, NULL) < 0)
		return;
	for (uint32_t i = 0; i < doc->nitems; i++) {
		if (doc->kind == DOCUMENT_MANIFEST)
			offer(push, &doc->items[i], path);
		else
			offer_image(push, &doc->items[i], path, depth + 1);
	}
	if (doc->kind == DOCUMENT_MANIFEST)
		offer(push, &doc->config, path);
}

/* Images of the same registry that the store has were pulled from there or pushed to
 * there, so their blobs may be there. */
static void find_neighbours(struct push *push)
{
	struct image *images = NULL;
	uint32_t n = 0, used = 0;

	if (store_list(push->transfer.store, &push->transfer.arena, &images, &n, NULL) < 0)
		return;
	for (uint32_t i = 0; i < n && used < NEIGHBOURS_MAX; i++) {
		const struct reference *other = &images[i].reference;

		if (strcmp(other->host, push->reference->host) != 0 ||
		    !strcmp(other->path, push->reference->path))
			continue;
		used++;
		offer_image(push, &images[i].top, other->path, 0);
	}
}

/* ---- sending ------------------------------------------------------------------------------ */

static int put_blob(struct transfer *t, struct registry_client *client,
		    const struct transfer_job *job, enum transfer_outcome *ret_outcome,
		    struct error *err)
{
	bool has = false, mounted = false;
	int fd, r = registry_has_blob(client, &job->blob, &has, err);

	if (r < 0)
		return r;
	if (has) {
		*ret_outcome = TRANSFER_THERE;
		return 0;
	}
	fd = store_open_blob(t->store, &job->blob, err);
	if (fd < 0)
		return fd;
	r = registry_put_blob(client, &job->blob, fd, job->mount_from, &t->meter, &mounted, err);
	close(fd);
	if (r == 0 && mounted)
		*ret_outcome = TRANSFER_MOUNTED;
	return r;
}

static int put_documents(struct push *push, struct error *err)
{
	struct transfer *t = &push->transfer;
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < push->ndocuments; i++) {
		const struct descriptor *blob = &push->documents[i];
		bool is_top = i + 1 == push->ndocuments;
		const char *name =
			is_top && push->reference->tag ? push->reference->tag : blob->digest;
		struct str bytes = { 0 };

		r = store_read(t->store, &t->arena, blob, DOCUMENT_MAX, &bytes, err);
		if (r == 0)
			r = registry_put_document(t->client, name, blob, &bytes, err);
	}
	return r;
}

static int push_all(struct push *push, const struct descriptor *top, struct error *err)
{
	int r = add_document(push, top, 0, err);

	if (r == 0)
		r = transfer_sort(&push->transfer, err);
	if (r == 0 && push->transfer.njobs)
		find_neighbours(push);
	if (r == 0)
		r = transfer_run(&push->transfer, push->result, err);
	return r < 0 ? r : put_documents(push, err);
}

int transfer_push(struct store *store, struct arena *arena, const struct reference *reference,
		  const struct transfer_options *options, struct transfer_result *ret_result,
		  struct error *err)
{
	struct transfer_result result = { 0 };
	struct push *push = xcalloc(1, sizeof(*push));
	struct image image;
	int r;

	push->reference = reference;
	push->result = &result;
	push->transfer.move = put_blob;
	r = store_resolve(store, arena, reference, &image, err);
	if (r == 0)
		r = transfer_begin(&push->transfer, store, options, reference, true, err);
	if (r == 0)
		r = store_begin(store, err);
	if (r == 0) {
		r = push_all(push, &image.top, err);
		store_end(store);
	}
	if (r == 0) {
		result.top = image.top;
		*ret_result = result;
	}
	transfer_end(&push->transfer);
	free(push);
	return r;
}
