/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pull: documents one by one, from the top down, then all blobs at once.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "oci/image.h"
#include "oci/transfer_private.h"

/* Bytes of all documents of an image; they are in memory together. */
enum { DOCUMENTS_MAX = 32 << 20 };

struct pull {
	struct transfer transfer;
	struct transfer_result *result;
	const char *architecture, *os; /* os: "linux"; both NULL: all */
	uint32_t ndocuments;
	uint64_t document_bytes;
	uint32_t nmanifests;
	struct buf platforms; /* those that were passed over, for the message */
};

/* Bytes that have the digest already are written as a blob. */
static int keep(struct pull *pull, const struct descriptor *blob, const struct str *bytes,
		struct error *err)
{
	struct store *store = pull->transfer.store;
	struct ingest *ingest = NULL;
	int r, fd = store_has(store, blob) ? store_open_blob(store, blob, NULL) : -1;

	if (fd >= 0) {
		close(fd);
		return 0;
	}
	r = ingest_begin(store, blob, NULL, &ingest, err);
	if (r < 0)
		return r;
	r = ingest_write(ingest, bytes->at, bytes->len, err);
	if (r < 0) {
		ingest_abort(ingest, false);
		return r;
	}
	return ingest_commit(ingest, err);
}

/* ---- which ------------------------------------------------------------------------ */

static bool is_wanted(const struct pull *pull, const struct descriptor *item)
{
	if (!transfer_is_manifest(item) && !transfer_is_index(item))
		return false;
	if (!pull->architecture)
		return true;
	return (!item->architecture || !strcmp(item->architecture, pull->architecture)) &&
	       (!item->os || !strcmp(item->os, pull->os));
}

static void pass_over(struct pull *pull, const struct descriptor *item)
{
	if (transfer_is_manifest(item) && item->architecture)
		(void)buf_printf(&pull->platforms, "%s%.20s/%.20s", pull->platforms.len ? ", " : "",
				 item->os ? item->os : "?", item->architecture);
}

static int nothing_fits(const struct pull *pull, struct error *err)
{
	const struct buf *names = &pull->platforms;

	return error_set(err, ENOEXEC, "the image holds nothing for %s/%s (it has %.*s)", pull->os,
			 pull->architecture, names->len ? (int)names->len : 7,
			 names->len ? (char *)names->data : "nothing");
}

static int set_platform(struct pull *pull, const char *text, struct error *err)
{
	const char *slash = text ? strchr(text, '/') : NULL;

	if (!text) {
		pull->os = "linux";
		pull->architecture = image_host_architecture();
		return 0;
	}
	if (!slash || slash == text || !slash[1] || strchr(slash + 1, '/'))
		return error_set(err, EINVAL,
				 "'%.80s' is no platform (write OS/ARCHITECTURE: linux/arm64)",
				 text);
	pull->os = arena_strndup(&pull->transfer.arena, text, (size_t)(slash - text));
	pull->architecture = slash + 1;
	return 0;
}

/* ---- documents ---------------------------------------------------------------------- */

static int add_document(struct pull *pull, const struct document *doc, unsigned depth,
			struct error *err);

/* Fetch one, unless the store has it. */
static int get_document(struct pull *pull, const struct descriptor *want,
			const struct document **ret_document, struct error *err)
{
	struct transfer *t = &pull->transfer;
	struct descriptor blob;
	struct str bytes = { 0 };
	int r;

	if (++pull->ndocuments > TRANSFER_DOCUMENTS)
		return error_set(err, E2BIG, "the image has more than %d manifests",
				 TRANSFER_DOCUMENTS);
	pull->document_bytes += want->size;
	if (pull->document_bytes > DOCUMENTS_MAX)
		return error_set(err, E2BIG, "the image has more than 32 MiB of manifests");
	if (store_has(t->store, want) &&
	    store_document(t->store, &t->arena, want, ret_document, NULL) == 0)
		return 0;
	r = registry_document(t->client, &t->arena, NULL, want, &blob, &bytes, err);
	if (r < 0)
		return r;
	r = document_parse(&t->arena, bytes.at, bytes.len, want->media_type, ret_document, err);
	if (r < 0)
		return error_wrap(err, "'%s'", want->digest);
	return keep(pull, &blob, &bytes, err);
}

static int add_index(struct pull *pull, const struct document *index, unsigned depth,
		     struct error *err)
{
	const struct document *doc = NULL;
	int r = 0;

	if (depth == TRANSFER_DEPTH)
		return error_set(err, E2BIG, "the image has indexes in indexes, more than %d deep",
				 TRANSFER_DEPTH);
	for (uint32_t i = 0; r == 0 && i < index->nitems; i++) {
		if (!is_wanted(pull, &index->items[i])) {
			pass_over(pull, &index->items[i]);
			continue;
		}
		/* One platform needs one manifest: the first, as when it is run. */
		if (pull->architecture && pull->nmanifests)
			return 0;
		r = get_document(pull, &index->items[i], &doc, err);
		if (r == 0)
			r = add_document(pull, doc, depth + 1, err);
	}
	return r;
}

static int add_document(struct pull *pull, const struct document *doc, unsigned depth,
			struct error *err)
{
	if (doc->kind == DOCUMENT_INDEX)
		return add_index(pull, doc, depth, err);
	pull->nmanifests++;
	return transfer_add_blobs(&pull->transfer, doc, err);
}

/* The top, and everything below it that is wanted. */
static int get_documents(struct pull *pull, const struct reference *reference, struct error *err)
{
	struct transfer *t = &pull->transfer;
	const struct document *doc = NULL;
	struct descriptor top;
	struct str bytes = { 0 };
	int r = registry_document(t->client, &t->arena,
				  reference->digest ? reference->digest : reference->tag, NULL,
				  &top, &bytes, err);

	if (r < 0)
		return r;
	r = document_parse(&t->arena, bytes.at, bytes.len, top.media_type, &doc, err);
	if (r < 0)
		return error_wrap(err, "'%s'", top.digest);
	top.media_type = doc->media_type;
	top.artifact_type = doc->kind == DOCUMENT_INDEX ? NULL : doc->artifact_type;
	r = keep(pull, &top, &bytes, err);
	if (r == 0)
		r = add_document(pull, doc, 0, err);
	if (r == 0 && !pull->nmanifests && pull->architecture)
		r = nothing_fits(pull, err);
	pull->result->top = top;
	return r;
}

/* ---- blobs --------------------------------------------------------------------------- */

static int check_size(const struct pull *pull, struct error *err)
{
	const struct transfer_options *options = pull->transfer.options;
	uint64_t max = options->max_size ? options->max_size : TRANSFER_SIZE;
	uint64_t size = pull->transfer.bytes + pull->document_bytes;
	if (size <= max)
		return 0;
	return error_set(err, E2BIG,
			 "the image says it has %.1f MiB, which is more than %.1f MiB (allow more "
			 "with --max-size)",
			 (double)size / (1 << 20), (double)max / (1 << 20));
}

/* What is there already is trusted when its digest is right, and replaced when not. */
static int get_blob(struct transfer *t, struct registry_client *client,
		    const struct transfer_job *job, enum transfer_outcome *ret_outcome,
		    struct error *err)
{
	int fd = store_has(t->store, &job->blob) ? store_open_blob(t->store, &job->blob, NULL) : -1;

	if (fd >= 0) {
		close(fd);
		*ret_outcome = TRANSFER_THERE;
		return 0;
	}
	return registry_get_blob(client, t->store, &job->blob, &t->meter, err);
}

static int pull_all(struct pull *pull, const struct reference *reference, struct error *err)
{
	int r = get_documents(pull, reference, err);

	if (r == 0)
		r = transfer_sort(&pull->transfer, err);
	if (r == 0)
		r = check_size(pull, err);
	if (r == 0)
		r = transfer_run(&pull->transfer, pull->result, err);
	if (r == 0)
		r = store_tag(pull->transfer.store, reference, &pull->result->top, err);
	return r;
}

/* The result outlives the transfer. */
static void copy_top(struct arena *arena, struct descriptor *top)
{
	top->media_type = arena_strdup(arena, top->media_type);
	top->digest = arena_strdup(arena, top->digest);
	if (top->artifact_type)
		top->artifact_type = arena_strdup(arena, top->artifact_type);
}

int transfer_pull(struct store *store, struct arena *arena, const struct reference *reference,
		  const struct transfer_options *options, struct transfer_result *ret_result,
		  struct error *err)
{
	struct transfer_result result = { 0 };
	struct pull pull = { .result = &result, .transfer.move = get_blob };
	int r;

	buf_init(&pull.platforms, 256);
	r = options->all_platforms ? 0 : set_platform(&pull, options->platform, err);
	if (r == 0)
		r = transfer_begin(&pull.transfer, store, options, reference, false, err);
	if (r == 0)
		r = store_begin(store, err);
	if (r == 0) {
		r = pull_all(&pull, reference, err);
		store_end(store);
	}
	if (r == 0) {
		copy_top(arena, &result.top);
		*ret_result = result;
	}
	buf_release(&pull.platforms);
	transfer_end(&pull.transfer);
	return r;
}
