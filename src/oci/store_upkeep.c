/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store's upkeep: what no name leads to is deleted, and everything can be
 * checked.
 *
 * Both walk from the names down.  A document that cannot be read ends a prune:
 * what it leads to is unknown then, and nothing must be lost by guessing.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "oci/digest.h"
#include "oci/store_private.h"

typedef void report_fn(void *arg, const char *fault);

/* A walk: the digests seen, and where faults go. */
struct walk {
	const struct store *store;
	struct arena arena;
	const char **seen; /* sorted */
	uint32_t nseen, cap;
	report_fn *report; /* NULL: the first fault ends the walk */
	void *arg;
	uint32_t nfaults;
	struct error *err;
};

/* ---- what has been seen --------------------------------------------------- */

static uint32_t place_of(const struct walk *w, const char *digest)
{
	uint32_t low = 0, high = w->nseen;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (strcmp(w->seen[middle], digest) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool is_seen(const struct walk *w, const char *digest)
{
	uint32_t at = place_of(w, digest);

	return at < w->nseen && !strcmp(w->seen[at], digest);
}

/* False when it was there already. */
static bool see(struct walk *w, const char *digest)
{
	uint32_t at = place_of(w, digest);

	if (at < w->nseen && !strcmp(w->seen[at], digest))
		return false;
	if (w->nseen == w->cap) {
		w->cap = w->cap ? 2 * w->cap : 64;
		w->seen = xrealloc(w->seen, w->cap * sizeof(*w->seen));
	}
	memmove(&w->seen[at + 1], &w->seen[at], (w->nseen - at) * sizeof(*w->seen));
	w->seen[at] = arena_strdup(&w->arena, digest);
	w->nseen++;
	return true;
}

static void walk_release(struct walk *w)
{
	free(w->seen);
	arena_release(&w->arena);
}

/* ---- walking --------------------------------------------------------------- */

/* A fault: reported and passed over, or the end. */
static int fault(struct walk *w, int code, const char *text)
{
	w->nfaults++;
	if (!w->report)
		return error_set(w->err, code, "%s", text);
	w->report(w->arg, text);
	return 0;
}

static bool is_document(const struct descriptor *d)
{
	return !strcmp(d->media_type, MEDIA_INDEX) || !strcmp(d->media_type, MEDIA_MANIFEST) ||
	       !strcmp(d->media_type, MEDIA_DOCKER_LIST) ||
	       !strcmp(d->media_type, MEDIA_DOCKER_MANIFEST);
}

static int walk_descriptor(struct walk *w, const struct descriptor *d, bool must_be_there,
			   unsigned depth);

static int walk_document(struct walk *w, const struct descriptor *d, unsigned depth)
{
	struct arena own = ARENA_INIT; /* there may be many, and large ones */
	const struct document *doc = NULL;
	struct error err = ERROR_INIT;
	bool is_index;
	int r = store_document(w->store, &own, d, &doc, &err);

	if (r < 0) {
		r = fault(w, -r, err.text);
		goto out;
	}
	is_index = doc->kind == DOCUMENT_INDEX;
	if (!is_index)
		r = walk_descriptor(w, &doc->config, true, depth + 1);
	/* Only those manifests of an index were pulled that somebody wanted. */
	for (uint32_t i = 0; r == 0 && i < doc->nitems; i++)
		r = walk_descriptor(w, &doc->items[i], !is_index, depth + 1);
out:
	arena_release(&own);
	return r;
}

/* Content that is no document: only when checking is it read. */
static int walk_blob(struct walk *w, const struct descriptor *d)
{
	struct error err = ERROR_INIT;
	int fd;

	if (!w->report)
		return 0;
	fd = store_open_blob(w->store, d, &err);
	if (fd < 0)
		return fault(w, -fd, err.text);
	close(fd);
	return 0;
}

static bool is_there(const struct walk *w, const struct descriptor *d)
{
	char path[STORE_NAME_MAX];

	return faccessat(w->store->dir_fd, store_blob_path("blobs", d->digest, path), F_OK,
			 AT_SYMLINK_NOFOLLOW) == 0;
}

static int walk_descriptor(struct walk *w, const struct descriptor *d, bool must_be_there,
			   unsigned depth)
{
	if (depth > STORE_DEPTH_MAX)
		return fault(w, EBADMSG, "indexes are nested too deep");
	if (w->nseen >= STORE_NODES_MAX)
		return error_set(w->err, E2BIG, "more than %d blobs", STORE_NODES_MAX);
	if (!see(w, d->digest))
		return 0;
	if (!is_there(w, d)) {
		if (!must_be_there)
			return 0;
		return fault(w, ENOENT, arena_printf(&w->arena, "blob '%s' is missing", d->digest));
	}
	return is_document(d) ? walk_document(w, d, depth) : walk_blob(w, d);
}

static int walk_names(struct walk *w)
{
	const struct document *index = NULL;
	int r = store_index(w->store, &w->arena, &index, w->err);

	for (uint32_t i = 0; r == 0 && i < index->nitems; i++)
		r = walk_descriptor(w, &index->items[i], true, 0);
	return r;
}

/* ---- folders ---------------------------------------------------------------- */

/* Call visit with each file of a folder; a folder that is not there has none. */
static int each_file(const struct store *store, const char *folder,
		     int (*visit)(struct walk *w, int dir_fd, const char *folder, const char *name,
				  void *arg),
		     struct walk *w, void *arg)
{
	int fd = openat(store->dir_fd, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!dir) {
		r = fd < 0 && errno == ENOENT ? 0
					      : store_failed(store, errno, "read", folder, w->err);
		if (fd >= 0)
			close(fd);
		return r;
	}
	while (r == 0 && (entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			r = visit(w, fd, folder, entry->d_name, arg);
	closedir(dir);
	return r;
}

/* "sha256:HEX" of a blob's file; "" when it is no blob. */
static const char *digest_of_file(struct walk *w, const char *folder, const char *name)
{
	const char *digest = arena_printf(&w->arena, "%s:%s", folder + strlen("blobs/"), name);

	return digest_is_valid(digest) ? digest : "";
}

static int delete_file(struct walk *w, int dir_fd, const char *folder, const char *name,
		       uint32_t *count, uint64_t *bytes)
{
	struct stat st = { 0 };

	(void)fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW);
	if (unlinkat(dir_fd, name, 0) < 0)
		return errno == ENOENT ? 0
				       : store_failed(w->store, errno, "delete", folder, w->err);
	(*count)++;
	*bytes += (uint64_t)st.st_size;
	return 0;
}

static int prune_blob(struct walk *w, int dir_fd, const char *folder, const char *name, void *arg)
{
	struct store_pruned *pruned = arg;

	if (is_seen(w, digest_of_file(w, folder, name)))
		return 0;
	return delete_file(w, dir_fd, folder, name, &pruned->blobs, &pruned->bytes);
}

/* A part that somebody is writing is locked; the others are left-overs. */
static int prune_part(struct walk *w, int dir_fd, const char *folder, const char *name, void *arg)
{
	struct store_pruned *pruned = arg;
	int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW), r = 0;

	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0)
		goto out;
	r = delete_file(w, dir_fd, folder, name, &pruned->parts, &pruned->bytes);
out:
	if (fd >= 0)
		close(fd);
	return r;
}

static int prune(struct walk *w, struct store_pruned *pruned)
{
	int r = walk_names(w);

	if (r == 0)
		r = each_file(w->store, "blobs/sha256", prune_blob, w, pruned);
	if (r == 0)
		r = each_file(w->store, "blobs/sha512", prune_blob, w, pruned);
	if (r == 0)
		r = each_file(w->store, "ingest", prune_part, w, pruned);
	return r;
}

int store_prune(struct store *store, bool try, struct store_pruned *ret_pruned, struct error *err)
{
	struct walk w = { .store = store, .err = err };
	struct store_pruned pruned = { 0 };
	int r;

	if (store->begun)
		return error_set(err, EBUSY, "an image is being added");
	r = store->lock_fd < 0 ? -EROFS
			       : store_flock(store->lock_fd, LOCK_EX | (try ? LOCK_NB : 0));
	if (r == -EWOULDBLOCK)
		return error_set(err, EAGAIN, "somebody is adding images to '%s'", store->dir);
	if (r < 0)
		return store_failed(store, -r, "lock", "lock", err);
	r = prune(&w, &pruned);
	(void)store_flock(store->lock_fd, LOCK_UN);
	walk_release(&w);
	if (r == 0)
		*ret_pruned = pruned;
	return r;
}

/* ---- checking --------------------------------------------------------------- */

/* A blob no name leads to is no fault, but a wrong one is. */
static int check_blob(struct walk *w, int dir_fd, const char *folder, const char *name, void *arg)
{
	struct descriptor d = { .media_type = "", .digest = digest_of_file(w, folder, name) };
	struct stat st;

	(void)arg;
	if (!*d.digest)
		return fault(w, EBADMSG,
			     arena_printf(&w->arena, "'%s/%s' is no blob's name", folder, name));
	if (is_seen(w, d.digest) || fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	d.size = (uint64_t)st.st_size;
	return walk_blob(w, &d);
}

static void check_names(struct walk *w)
{
	const struct document *index = NULL;
	struct error err = ERROR_INIT;
	struct image *images = NULL;
	uint32_t n = 0;

	if (store_index(w->store, &w->arena, &index, &err) < 0 ||
	    store_list(w->store, &w->arena, &images, &n, &err) < 0) {
		(void)fault(w, EBADMSG, err.text);
		return;
	}
	for (uint32_t i = 1; i < n; i++)
		if (!strcmp(reference_text(&w->arena, &images[i - 1].reference),
			    reference_text(&w->arena, &images[i].reference)))
			(void)fault(w, EBADMSG,
				    arena_printf(&w->arena, "'%s' is named twice",
						 reference_text(&w->arena, &images[i].reference)));
}

int store_check(const struct store *store, report_fn *report, void *arg, struct error *err)
{
	struct walk w = { .store = store, .report = report, .arg = arg, .err = err };
	int r = 0;

	/* Nobody deletes while we look; who may only read looks without. */
	if (store->lock_fd >= 0)
		r = store_flock(store->lock_fd, LOCK_SH);
	if (r < 0)
		return store_failed(store, -r, "lock", "lock", err);
	check_names(&w);
	if (!w.nfaults)
		r = walk_names(&w);
	if (r == 0)
		r = each_file(store, "blobs/sha256", check_blob, &w, NULL);
	if (r == 0)
		r = each_file(store, "blobs/sha512", check_blob, &w, NULL);
	if (store->lock_fd >= 0)
		(void)store_flock(store->lock_fd, LOCK_UN);
	walk_release(&w);
	return r < 0 ? r : (int)w.nfaults;
}
