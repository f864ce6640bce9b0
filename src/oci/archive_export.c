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

#define LAYOUT_TEXT "{\"imageLayoutVersion\":\"1.0.0\"}"

enum { PIECE = 256 << 10, FOLDER_MODE = 0755, FILE_MODE = 0644 };

struct exporter {
	const struct store *store;
	struct arena *arena;
	struct archive *tar;
	struct archive_entry *entry;
	int64_t mtime;
	struct error *err;
};

static int tar_failed(struct exporter *out)
{
	const char *why = archive_error_string(out->tar);
	int code = archive_errno(out->tar);

	if (code <= 0)
		return error_set(out->err, EIO, "cannot write the archive: %s",
				 why ? why : "unknown reason");
	return error_set(out->err, code, "cannot write the archive: %s", strerrordesc_np(code));
}

/* ---- members --------------------------------------------------------------------- */

static int put_head(struct exporter *out, const char *name, unsigned type, uint64_t size)
{
	archive_entry_clear(out->entry);
	archive_entry_set_pathname(out->entry, name);
	archive_entry_set_filetype(out->entry, type);
	archive_entry_set_perm(out->entry, type == AE_IFDIR ? FOLDER_MODE : FILE_MODE);
	archive_entry_set_size(out->entry, (la_int64_t)size);
	archive_entry_set_mtime(out->entry, (time_t)out->mtime, 0);
	if (archive_write_header(out->tar, out->entry) != ARCHIVE_OK)
		return tar_failed(out);
	return 0;
}

static int put_bytes(struct exporter *out, const void *bytes, size_t len)
{
	if (len && archive_write_data(out->tar, bytes, len) != (la_ssize_t)len)
		return tar_failed(out);
	return 0;
}

static int put_text(struct exporter *out, const char *name, struct str text)
{
	int r = put_head(out, name, AE_IFREG, text.len);

	return r < 0 ? r : put_bytes(out, text.at, text.len);
}

static int copy_blob(struct exporter *out, int fd, uint64_t size, char *piece)
{
	while (size) {
		ssize_t n = read(fd, piece, size < PIECE ? size : PIECE);
		int r;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return error_set(out->err, n < 0 ? errno : EBADMSG,
					 "a blob cannot be read to its end");
		r = put_bytes(out, piece, (size_t)n);
		if (r < 0)
			return r;
		size -= (uint64_t)n;
	}
	return 0;
}

static int put_blob(struct exporter *out, const struct descriptor *blob)
{
	int fd = store_open_blob(out->store, blob, out->err), r;
	char *piece;

	if (fd < 0)
		return fd;
	piece = xcalloc(1, PIECE);
	r = put_head(
		out,
		arena_printf(out->arena, "blobs/%.6s/%s", blob->digest, digest_hex(blob->digest)),
		AE_IFREG, blob->size);
	if (r == 0)
		r = copy_blob(out, fd, blob->size, piece);
	free(piece);
	close(fd);
	return r;
}

/* ---- what goes in ------------------------------------------------------------------ */

static int by_digest(const void *a, const void *b)
{
	return strcmp(((const struct descriptor *)a)->digest,
		      ((const struct descriptor *)b)->digest);
}

/* The blobs of all images, sorted, each once. */
static int gather(struct exporter *out, const struct image *images, uint32_t n,
		  struct image_blobs *ret_blobs)
{
	struct image_blobs all = { 0 };

	all.list = arena_array(out->arena, (size_t)n * IMAGE_MAX_BLOBS, sizeof(*all.list));
	for (uint32_t i = 0; i < n; i++) {
		struct image_blobs blobs;
		int r = image_blobs(out->store, out->arena, &images[i].top, &blobs, out->err);

		if (r < 0)
			return error_wrap(out->err, "image '%s'",
					  reference_text(out->arena, &images[i].reference));
		memcpy(&all.list[all.n], blobs.list, blobs.n * sizeof(*blobs.list));
		all.n += blobs.n;
	}
	qsort(all.list, all.n, sizeof(*all.list), by_digest);
	*ret_blobs = (struct image_blobs){ .list = all.list };
	for (uint32_t i = 0; i < all.n; i++)
		if (!i || strcmp(all.list[i].digest, all.list[i - 1].digest) != 0)
			ret_blobs->list[ret_blobs->n++] = all.list[i];
	return 0;
}

static int by_key(const void *a, const void *b)
{
	return strcmp(((const struct annotation *)a)->key, ((const struct annotation *)b)->key);
}

/* The image under its name, as skopeo and as containerd look for it. */
static struct descriptor named(struct arena *arena, const struct image *image)
{
	const char *name = reference_text(arena, &image->reference);
	const struct annotations *old = &image->top.annotations;
	struct annotation *list = arena_array(arena, old->n + 2, sizeof(*list));
	struct descriptor d = image->top;
	uint32_t n = 0;

	for (uint32_t i = 0; i < old->n; i++)
		if (strcmp(old->list[i].key, STORE_REF_NAME) != 0 &&
		    strcmp(old->list[i].key, ANNOTATION_CONTAINERD_NAME) != 0)
			list[n++] = old->list[i];
	list[n++] = (struct annotation){ ANNOTATION_CONTAINERD_NAME, name };
	list[n++] = (struct annotation){ STORE_REF_NAME, name };
	qsort(list, n, sizeof(*list), by_key);
	d.annotations = (struct annotations){ .list = list, .n = n };
	return d;
}

static int by_digest_and_name(const void *a, const void *b)
{
	const struct descriptor *x = a, *y = b;
	int order = strcmp(x->digest, y->digest);

	return order ? order
		     : strcmp(annotation_find(&x->annotations, STORE_REF_NAME),
			      annotation_find(&y->annotations, STORE_REF_NAME));
}

static struct str make_index(struct arena *arena, const struct image *images, uint32_t n)
{
	struct descriptor *items = arena_array(arena, n, sizeof(*items));
	const struct document index = {
		.kind = DOCUMENT_INDEX, .media_type = MEDIA_INDEX, .items = items, .nitems = n
	};

	for (uint32_t i = 0; i < n; i++)
		items[i] = named(arena, &images[i]);
	qsort(items, n, sizeof(*items), by_digest_and_name);
	return document_write(arena, &index);
}

/* ---- all of it ------------------------------------------------------------------------ */

static int put_folders(struct exporter *out, const struct image_blobs *blobs)
{
	static const char *const folders[] = { "blobs/sha256/", "blobs/sha512/" };
	int r = put_head(out, "blobs/", AE_IFDIR, 0);

	for (size_t i = 0; i < 2 && r == 0; i++)
		for (uint32_t k = 0; k < blobs->n; k++)
			if (!strncmp(blobs->list[k].digest, folders[i] + strlen("blobs/"), 6)) {
				r = put_head(out, folders[i], AE_IFDIR, 0);
				break;
			}
	return r;
}

static int put_all(struct exporter *out, const struct image *images, uint32_t n)
{
	struct image_blobs blobs = { 0 };
	int r = gather(out, images, n, &blobs);

	if (r == 0)
		r = put_folders(out, &blobs);
	for (uint32_t i = 0; r == 0 && i < blobs.n; i++)
		r = put_blob(out, &blobs.list[i]);
	if (r == 0)
		r = put_text(out, "index.json", make_index(out->arena, images, n));
	if (r == 0)
		r = put_text(out, "oci-layout", (struct str){ LAYOUT_TEXT, strlen(LAYOUT_TEXT) });
	if (r == 0 && archive_write_close(out->tar) != ARCHIVE_OK)
		r = tar_failed(out);
	return r;
}

static int open_tar(struct exporter *out, int fd)
{
	out->tar = archive_write_new();
	out->entry = archive_entry_new();
	if (!out->tar || !out->entry)
		return error_set(out->err, ENOMEM, "no memory for an archive");
	/* No padding at the end that depends on what kind of file it is. */
	if (archive_write_set_format_pax_restricted(out->tar) != ARCHIVE_OK ||
	    archive_write_add_filter_none(out->tar) != ARCHIVE_OK ||
	    archive_write_set_bytes_in_last_block(out->tar, 1) != ARCHIVE_OK ||
	    archive_write_open_fd(out->tar, fd) != ARCHIVE_OK)
		return tar_failed(out);
	return 0;
}

int archive_export(const struct store *store, struct arena *arena, const struct image *images,
		   uint32_t n, int64_t mtime, int fd, struct error *err)
{
	struct exporter out = { .store = store, .arena = arena, .mtime = mtime, .err = err };
	int r = open_tar(&out, fd);

	if (r == 0)
		r = put_all(&out, images, n);
	archive_entry_free(out.entry);
	if (out.tar)
		(void)archive_write_free(out.tar);
	return r;
}
