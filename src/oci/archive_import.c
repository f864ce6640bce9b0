/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "oci/digest.h"
#include "oci/image.h"

enum {
	PIECE = 256 << 10,
	READ_AT_ONCE = 64 << 10,
	LAYOUT_MAX = 4096, /* bytes of oci-layout */
	NAME_SHOWN = 200,
};

struct importer {
	struct store *store;
	struct arena *arena;
	const struct import_options *options;
	struct archive *tar;
	int fd;
	char *piece; /* what the tar is fed with; the first is there already */
	size_t have;
	uint64_t max_size;
	const char **seen; /* sorted digests of the blobs that came */
	uint32_t nseen, nmembers;
	struct str layout, index; /* at NULL: did not come */
	struct imported imported;
	struct error *err;
};

static int tar_failed(struct importer *in, const char *what)
{
	const char *why = archive_error_string(in->tar);
	int code = archive_errno(in->tar);

	/* libarchive has numbers of its own for what is wrong with the bytes. */
	if (code != EIO && code != ENOMEM && code != EISDIR)
		code = EBADMSG;
	return error_set(in->err, code, "cannot read %s: %s", what, why ? why : "it ends early");
}

/* ---- limits ------------------------------------------------------------------- */

static int too_large(struct importer *in)
{
	return error_set(
		in->err, E2BIG,
		"the archive is larger than %llu bytes when it is unpacked (see --max-size)",
		(unsigned long long)in->max_size);
}

/* Whether a member of that size may follow what has been unpacked so far. */
static int check_room(struct importer *in, uint64_t size)
{
	int64_t at = archive_filter_bytes(in->tar, 0);

	if (at < 0 || (uint64_t)at > in->max_size || size > in->max_size - (uint64_t)at)
		return too_large(in);
	if (++in->nmembers > ARCHIVE_MAX_MEMBERS)
		return error_set(in->err, E2BIG, "the archive has more than %d members",
				 ARCHIVE_MAX_MEMBERS);
	return 0;
}

/* ---- members -------------------------------------------------------------------- */

static int wrong(struct importer *in, const char *name, const char *why)
{
	return error_set(in->err, EBADMSG, "member '%.*s' %s", NAME_SHOWN, name, why);
}

static int twice(struct importer *in, const char *name)
{
	return wrong(in, name, "comes twice");
}

static bool leads_outside(const char *name)
{
	if (*name == '/')
		return true;
	for (const char *at = name; *at;) {
		size_t len = strcspn(at, "/");

		if (len == 2 && !strncmp(at, "..", 2))
			return true;
		at += len + (at[len] == '/');
	}
	return false;
}

/* All of a member, into memory. */
static int read_small(struct importer *in, const char *name, uint64_t size, uint64_t max,
		      struct str *ret_bytes)
{
	char *bytes;
	la_ssize_t n;

	if (ret_bytes->at)
		return twice(in, name);
	if (size > max)
		return wrong(in, name, "is too large");
	bytes = arena_alloc(in->arena, size + 1);
	n = archive_read_data(in->tar, bytes, size);
	if (n < 0 || (uint64_t)n != size)
		return tar_failed(in, name);
	*ret_bytes = (struct str){ bytes, size };
	return 0;
}

/* False when that blob has come before. */
static bool see(struct importer *in, const char *digest)
{
	uint32_t low = 0, high = in->nseen;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		int order = strcmp(in->seen[middle], digest);

		if (!order)
			return false;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	memmove(&in->seen[low + 1], &in->seen[low], (in->nseen - low) * sizeof(*in->seen));
	in->seen[low] = digest;
	in->nseen++;
	return true;
}

static int copy_blob(struct importer *in, const char *name, uint64_t size, struct ingest *ingest,
		     char *piece)
{
	uint64_t left = size;

	while (left) {
		la_ssize_t n = archive_read_data(in->tar, piece, left < PIECE ? left : PIECE);
		int r;

		if (n <= 0)
			return tar_failed(in, name);
		r = ingest_write(ingest, piece, (size_t)n, in->err);
		if (r < 0)
			return r;
		left -= (uint64_t)n;
	}
	return 0;
}

/* Written also when the store has it: what it has may be damaged. */
static int read_blob(struct importer *in, const char *name, const char *digest, uint64_t size)
{
	const struct descriptor blob = { .media_type = "", .digest = digest, .size = size };
	struct ingest *ingest = NULL;
	char *piece;
	int r;

	if (!see(in, digest))
		return twice(in, name);
	r = ingest_begin(in->store, &blob, NULL, &ingest, in->err);
	if (r < 0)
		return r;
	piece = xcalloc(1, PIECE);
	r = copy_blob(in, name, size, ingest, piece);
	free(piece);
	if (r < 0) {
		ingest_abort(ingest, false);
		return r;
	}
	in->imported.blobs++;
	return ingest_commit(ingest, in->err);
}

/* The digest that "blobs/ALGORITHM/HEX" stands for, or NULL. */
static const char *digest_of_name(struct arena *arena, const char *name)
{
	char *digest = arena_strdup(arena, name + strlen("blobs/"));
	char *slash = strchr(digest, '/');

	if (!slash)
		return NULL;
	*slash = ':';
	return digest_is_valid(digest) ? digest : NULL;
}

static int read_file(struct importer *in, const char *name, uint64_t size)
{
	const char *digest;

	if (!strcmp(name, "oci-layout"))
		return read_small(in, name, size, LAYOUT_MAX, &in->layout);
	if (!strcmp(name, "index.json"))
		return read_small(in, name, size, DOCUMENT_MAX, &in->index);
	if (strncmp(name, "blobs/", strlen("blobs/")) != 0)
		return 0;
	digest = digest_of_name(in->arena, name);
	return digest ? read_blob(in, name, digest, size) : wrong(in, name, "is no blob's name");
}

static int read_member(struct importer *in, struct archive_entry *entry)
{
	const char *name = archive_entry_pathname(entry);
	int64_t size = archive_entry_size(entry);
	int r = check_room(in, size > 0 ? (uint64_t)size : 0);

	if (r < 0)
		return r;
	if (!name)
		return error_set(in->err, EBADMSG, "a member has no name that can be read");
	while (!strncmp(name, "./", 2))
		name += 2;
	if (leads_outside(name))
		return wrong(in, name, "has a path that leads outside of the archive");
	if (archive_entry_hardlink(entry) || archive_entry_symlink(entry))
		return wrong(in, name, "is a link");
	if (archive_entry_filetype(entry) == AE_IFDIR)
		return 0;
	if (archive_entry_filetype(entry) != AE_IFREG)
		return wrong(in, name, "is neither a file nor a folder");
	if (size < 0 || archive_entry_sparse_count(entry))
		return wrong(in, name, "has holes or no size");
	return read_file(in, arena_strdup(in->arena, name), (uint64_t)size);
}

static int read_members(struct importer *in)
{
	for (;;) {
		struct archive_entry *entry;
		int r = archive_read_next_header(in->tar, &entry);

		if (r == ARCHIVE_EOF)
			return 0;
		if (r < ARCHIVE_WARN)
			return tar_failed(in, "the archive");
		r = read_member(in, entry);
		if (r < 0)
			return r;
	}
}

/* ---- names ------------------------------------------------------------------------- */

/* A name of the archive that says which repository it is of; tags alone do not. */
static const char *name_in(const struct descriptor *d)
{
	const char *name = annotation_find(&d->annotations, ANNOTATION_CONTAINERD_NAME);

	if (!name)
		name = annotation_find(&d->annotations, STORE_REF_NAME);
	return name && strpbrk(name, "/:@") ? name : NULL;
}

static int no_name(struct importer *in, const struct descriptor *d)
{
	const char *tag = annotation_find(&d->annotations, STORE_REF_NAME);

	return error_set(in->err, EINVAL,
			 "image '%s' has no full name in the archive%s%.100s%s "
			 "(give it one with --tag)",
			 d->digest, tag ? ", only '" : "", tag ? tag : "", tag ? "'" : "");
}

static int check_image(struct importer *in, const struct image *image)
{
	struct arena own = ARENA_INIT;
	struct image_blobs blobs;
	int r = image_blobs(in->store, &own, &image->top, &blobs, in->err);

	arena_release(&own);
	if (r == 0 && blobs.n < 2)
		r = error_set(in->err, EBADMSG, "no part of it is there");
	if (r == -ENOENT && in->err)
		in->err->code = EBADMSG; /* of the archive, not of a file the user named */
	if (r < 0)
		return error_wrap(in->err, "image '%s'",
				  reference_text(in->arena, &image->reference));
	return 0;
}

static int read_name(struct importer *in, const struct descriptor *d, struct image *image)
{
	const char *name = name_in(d);
	int r = 0;

	if (in->options->name)
		image->reference = *in->options->name;
	else if (!name)
		return no_name(in, d);
	else
		r = reference_parse(in->arena, name, &in->options->defaults, &image->reference,
				    in->err);
	if (r < 0 && in->err)
		in->err->code = EBADMSG; /* not what the user wrote */
	if (r < 0)
		return -EBADMSG;
	if (image->reference.digest && strcmp(image->reference.digest, d->digest) != 0)
		return error_set(in->err, EBADMSG, "'%s' is the name of other content",
				 reference_text(in->arena, &image->reference));
	image->top = *d;
	return check_image(in, image);
}

static int check_layout(struct importer *in)
{
	if (!in->layout.at || !in->index.at)
		return error_set(in->err, EBADMSG,
				 "the archive has no %s: it is no OCI archive, or "
				 "not all of it",
				 in->layout.at ? "index.json" : "oci-layout");
	if (!strstr(in->layout.at, "\"imageLayoutVersion\"") || !strstr(in->layout.at, "\"1."))
		return error_set(in->err, EBADMSG, "the archive is of no version 1 of the layout");
	return 0;
}

static int read_names(struct importer *in)
{
	const struct document *index = NULL;
	int r = check_layout(in);

	if (r < 0)
		return r;
	r = document_parse(in->arena, in->index.at, in->index.len, MEDIA_INDEX, &index, in->err);
	if (r < 0)
		return error_wrap(in->err, "index.json");
	if (!index->nitems)
		return error_set(in->err, EBADMSG, "the archive has no image");
	if (in->options->name && index->nitems != 1)
		return error_set(in->err, EINVAL,
				 "the archive has %u images, which cannot all be '%s'",
				 index->nitems, reference_text(in->arena, in->options->name));
	in->imported.images = arena_array(in->arena, index->nitems, sizeof(*in->imported.images));
	for (uint32_t i = 0; r == 0 && i < index->nitems; i++)
		r = read_name(in, &index->items[i], &in->imported.images[in->imported.n++]);
	return r;
}

static int give_names(struct importer *in)
{
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < in->imported.n; i++)
		r = store_tag(in->store, &in->imported.images[i].reference,
			      &in->imported.images[i].top, in->err);
	return r;
}

/* ---- all of it ----------------------------------------------------------------------- */

static ssize_t read_some(struct importer *in)
{
	ssize_t n;

	do
		n = read(in->fd, in->piece, READ_AT_ONCE);
	while (n < 0 && errno == EINTR);
	return n;
}

static la_ssize_t feed(struct archive *tar, void *arg, const void **ret_bytes)
{
	struct importer *in = arg;
	ssize_t n = (ssize_t)in->have;

	if (!n)
		n = read_some(in);
	in->have = 0;
	*ret_bytes = in->piece;
	if (n < 0)
		archive_set_error(tar, errno, "%s", strerrordesc_np(errno));
	return n;
}

/*
 * One format and at most one filter, chosen here: each more would be more code for
 * hostile bytes, and a gzip in a gzip can be large where nobody counts.
 */
static int open_tar(struct importer *in)
{
	ssize_t n = read_some(in);
	bool is_gzip = n >= 2 && !memcmp(in->piece, "\x1f\x8b", 2);

	if (n < 0)
		return error_set(in->err, errno, "%s", strerrordesc_np(errno));
	in->have = (size_t)n;
	in->tar = archive_read_new();
	if (!in->tar || archive_read_support_format_tar(in->tar) < ARCHIVE_WARN ||
	    archive_read_append_filter(in->tar, is_gzip ? ARCHIVE_FILTER_GZIP
							: ARCHIVE_FILTER_NONE) < ARCHIVE_WARN)
		return error_set(in->err, ENOTSUP, "this libarchive reads no tar with gzip");
	if (archive_read_open(in->tar, in, NULL, feed, NULL) != ARCHIVE_OK)
		return tar_failed(in, "the archive");
	return 0;
}

static int import(struct importer *in)
{
	int r = open_tar(in);

	if (r == 0)
		r = read_members(in);
	if (r == 0)
		r = read_names(in);
	return r < 0 ? r : give_names(in);
}

/* What a failed import has read.  What cannot be deleted now, a later prune will. */
static void forget(struct store *store)
{
	struct store_pruned pruned;
	struct error err = ERROR_INIT;

	if (store_prune(store, true, &pruned, &err) < 0)
		return;
}

int archive_import(struct store *store, struct arena *arena, int fd,
		   const struct import_options *options, struct imported *ret_imported,
		   struct error *err)
{
	struct importer in = { .store = store, .arena = arena, .options = options, .err = err };
	int r = store_begin(store, err);

	if (r < 0)
		return r;
	in.max_size = options->max_size ? options->max_size : ARCHIVE_MAX_SIZE;
	in.seen = xcalloc(ARCHIVE_MAX_MEMBERS + 1, sizeof(*in.seen));
	in.piece = xcalloc(1, READ_AT_ONCE);
	in.fd = fd;
	r = import(&in);
	if (in.tar)
		(void)archive_read_free(in.tar);
	free(in.piece);
	free(in.seen);
	store_end(store);
	if (r < 0)
		forget(store);
	else
		*ret_imported = in.imported;
	return r;
}
