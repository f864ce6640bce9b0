/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store's folder, its locks and its names.
 */
#include "oci/store.h"

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

#define LAYOUT_TEXT "{\"imageLayoutVersion\":\"1.0.0\"}"

enum { LAYOUT_MAX = 4096, ID_MIN = 2 };

/* ---- the folder ----------------------------------------------------------- */

const char *store_default_dir(struct arena *arena)
{
	const char *dir = getenv("GADGETCTL_STORE"), *data = getenv("XDG_DATA_HOME");
	const char *home = getenv("HOME");

	if (dir && *dir)
		return arena_strdup(arena, dir);
	if (geteuid() == 0)
		return "/var/lib/gadgetctl/oci-store";
	if (data && *data == '/')
		return arena_printf(arena, "%s/gadgetctl/oci-store", data);
	return arena_printf(arena, "%s/.local/share/gadgetctl/oci-store", home ? home : "");
}

int store_failed(const struct store *store, int code, const char *what, const char *name,
		 struct error *err)
{
	return error_set(err, code, "cannot %s '%s%s%s': %s", what, store->dir, *name ? "/" : "",
			 name, strerrordesc_np(code));
}

int store_flock(int fd, int operation)
{
	while (flock(fd, operation) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

/* mkdir -p, each with mode 0700. */
static int make_folders(const char *dir)
{
	char path[4096];
	size_t len = strlen(dir);

	if (len >= sizeof(path))
		return -ENAMETOOLONG;
	for (size_t i = 1; i <= len; i++) {
		if (dir[i] != '/' && dir[i])
			continue;
		memcpy(path, dir, i);
		path[i] = 0;
		if (mkdir(path, 0700) < 0 && errno != EEXIST)
			return -errno;
	}
	return 0;
}

int store_read_file(const struct store *store, struct arena *arena, const char *name, uint64_t max,
		    struct str *ret_bytes)
{
	int fd = openat(store->dir_fd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
	struct stat st;
	uint64_t at = 0;
	char *bytes;
	int r = 0;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		r = -EBADMSG;
	else if ((uint64_t)st.st_size > max)
		r = -EFBIG;
	if (r < 0)
		goto out;
	bytes = arena_alloc(arena, (size_t)st.st_size + 1);
	while (at < (uint64_t)st.st_size) {
		ssize_t n = read(fd, bytes + at, (size_t)st.st_size - at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			r = -errno;
		if (n <= 0)
			break;
		at += (uint64_t)n;
	}
	*ret_bytes = (struct str){ bytes, at };
out:
	close(fd);
	return r;
}

/*
 * Replace a small file, whole or not at all.  The caller has seen to it that
 * nobody else replaces it.
 */
static int replace_file(const struct store *store, const char *name, const char *text, size_t len)
{
	char temporary[STORE_NAME_MAX];
	size_t at = 0;
	int fd, r = 0;

	(void)snprintf(temporary, sizeof(temporary), ".%s.new", name);
	fd = openat(store->dir_fd, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
		    0600);
	if (fd < 0)
		return -errno;
	while (r == 0 && at < len) {
		ssize_t n = write(fd, text + at, len - at);

		if (n >= 0)
			at += (size_t)n;
		else if (errno != EINTR)
			r = -errno;
	}
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	if (close(fd) < 0 && r == 0)
		r = -errno;
	if (r == 0 && renameat(store->dir_fd, temporary, store->dir_fd, name) < 0)
		r = -errno;
	if (r < 0)
		(void)unlinkat(store->dir_fd, temporary, 0);
	else
		(void)fsync(store->dir_fd);
	return r;
}

/* The lock on index.json; returns its descriptor. */
static int lock_index(const struct store *store)
{
	int fd = openat(store->dir_fd, "index.lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
			0600);
	int r;

	if (fd < 0)
		return -errno;
	r = store_flock(fd, LOCK_EX);
	if (r < 0)
		close(fd);
	return r < 0 ? r : fd;
}

static int make_layout(struct store *store, struct error *err)
{
	static const char *const folders[] = { "blobs", "blobs/sha256", "ingest" };
	int lock, r = 0;

	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++)
		if (mkdirat(store->dir_fd, folders[i], 0700) < 0 && errno != EEXIST)
			return store_failed(store, errno, "make", folders[i], err);
	lock = lock_index(store);
	if (lock < 0)
		return store_failed(store, -lock, "lock", "index.lock", err);
	if (faccessat(store->dir_fd, "oci-layout", F_OK, 0) < 0)
		r = replace_file(store, "oci-layout", LAYOUT_TEXT, strlen(LAYOUT_TEXT));
	close(lock);
	return r < 0 ? store_failed(store, -r, "write", "oci-layout", err) : 0;
}

/* A folder that is not empty and no layout is not ours to fill. */
static bool is_foreign(const struct store *store)
{
	int fd = openat(store->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	bool has_layout = faccessat(store->dir_fd, "oci-layout", F_OK, 0) == 0, has_other = false;
	static const char *const ours[] = { ".",    "..",         "blobs",          "ingest",
					    "lock", "index.lock", ".oci-layout.new" };
	struct dirent *entry;

	if (!dir) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	while (!has_layout && (entry = readdir(dir))) {
		bool is_ours = false;

		for (size_t i = 0; i < sizeof(ours) / sizeof(*ours); i++)
			is_ours |= !strcmp(entry->d_name, ours[i]);
		has_other |= !is_ours;
	}
	closedir(dir);
	return has_other;
}

static int check_layout(const struct store *store, struct error *err)
{
	struct arena arena = ARENA_INIT;
	struct str text = { 0 };
	int r = store_read_file(store, &arena, "oci-layout", LAYOUT_MAX, &text);

	if (r == -ENOENT)
		r = error_set(err, ENOENT, "'%s' is no image store (it has no file oci-layout)",
			      store->dir);
	else if (r < 0)
		r = store_failed(store, -r, "read", "oci-layout", err);
	else if (!strstr(text.at, "\"imageLayoutVersion\"") || !strstr(text.at, "\"1."))
		r = error_set(err, EBADMSG, "'%s/oci-layout' names no version 1 of the layout",
			      store->dir);
	arena_release(&arena);
	return r;
}

static int open_folder(struct store *store, bool create, struct error *err)
{
	int r = create ? make_folders(store->dir) : 0;

	if (r < 0)
		return store_failed(store, -r, "make", "", err);
	store->dir_fd = open(store->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (store->dir_fd < 0)
		return store_failed(store, errno, "open", "", err);
	if (create && is_foreign(store))
		return error_set(err, EBADMSG, "'%s' is a folder of something else", store->dir);
	r = create ? make_layout(store, err) : 0;
	if (r == 0)
		r = check_layout(store, err);
	if (r < 0)
		return r;
	/* Who may only read cannot lock, and need not. */
	store->lock_fd =
		openat(store->dir_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (store->lock_fd < 0 && create)
		return store_failed(store, errno, "open", "lock", err);
	return 0;
}

int store_open(const char *dir, bool create, struct store **ret_store, struct error *err)
{
	struct store *store = xcalloc(1, sizeof(*store));
	int r;

	store->dir = xstrdup(dir);
	store->dir_fd = store->lock_fd = -1;
	r = open_folder(store, create, err);
	if (r < 0) {
		store_close(store);
		return r;
	}
	*ret_store = store;
	return 0;
}

void store_close(struct store *store)
{
	if (!store)
		return;
	if (store->lock_fd >= 0)
		close(store->lock_fd);
	if (store->dir_fd >= 0)
		close(store->dir_fd);
	free(store->dir);
	free(store);
}

const char *store_dir(const struct store *store)
{
	return store->dir;
}

int store_begin(struct store *store, struct error *err)
{
	int r;

	if (store->begun++)
		return 0;
	r = store->lock_fd < 0 ? -EROFS : store_flock(store->lock_fd, LOCK_SH);
	if (r == 0)
		return 0;
	store->begun--;
	return store_failed(store, -r, "lock", "lock", err);
}

void store_end(struct store *store)
{
	if (--store->begun == 0)
		(void)store_flock(store->lock_fd, LOCK_UN);
}

/* ---- names ---------------------------------------------------------------- */

int store_index(const struct store *store, struct arena *arena,
		const struct document **ret_document, struct error *err)
{
	static const struct document empty = { .kind = DOCUMENT_INDEX, .media_type = MEDIA_INDEX };
	struct str text = { 0 };
	int r = store_read_file(store, arena, "index.json", DOCUMENT_MAX, &text);

	*ret_document = &empty;
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return store_failed(store, -r, "read", "index.json", err);
	r = document_parse(arena, text.at, text.len, MEDIA_INDEX, ret_document, err);
	return r < 0 ? error_wrap(err, "'%s/index.json'", store->dir) : 0;
}

static int by_name(const void *a, const void *b)
{
	const struct image *x = a, *y = b;
	int order = strcmp(x->reference.host, y->reference.host);

	if (!order)
		order = strcmp(x->reference.path, y->reference.path);
	if (!order)
		order = strcmp(x->reference.tag ? x->reference.tag : "",
			       y->reference.tag ? y->reference.tag : "");
	return order ? order : strcmp(x->top.digest, y->top.digest);
}

/* Names that others wrote into the layout may be anything: those that are no full
 * reference are not ours to show. */
static bool read_image(struct arena *arena, const struct descriptor *d, struct image *image)
{
	static const struct reference_defaults none = { "localhost", "" };
	const char *name = annotation_find(&d->annotations, STORE_REF_NAME);
	struct error err = ERROR_INIT;

	if (!name || reference_parse(arena, name, &none, &image->reference, &err) < 0)
		return false;
	if (strcmp(reference_text(arena, &image->reference), name) != 0)
		return false;
	image->top = *d;
	return true;
}

int store_list(const struct store *store, struct arena *arena, struct image **ret_images,
	       uint32_t *ret_nimages, struct error *err)
{
	const struct document *index = NULL;
	struct image *images;
	uint32_t n = 0;
	int r = store_index(store, arena, &index, err);

	if (r < 0)
		return r;
	images = arena_array(arena, index->nitems, sizeof(*images));
	for (uint32_t i = 0; i < index->nitems; i++)
		n += read_image(arena, &index->items[i], &images[n]);
	qsort(images, n, sizeof(*images), by_name);
	*ret_images = images;
	*ret_nimages = n;
	return 0;
}

static bool is_meant(const struct reference *want, const struct image *image)
{
	const struct reference *have = &image->reference;

	if (strcmp(want->host, have->host) != 0 || strcmp(want->path, have->path) != 0)
		return false;
	if (want->digest)
		return !strcmp(want->digest, image->top.digest);
	return have->tag && !strcmp(want->tag, have->tag);
}

int store_resolve(const struct store *store, struct arena *arena, const struct reference *reference,
		  struct image *ret_image, struct error *err)
{
	struct image *images = NULL;
	uint32_t n = 0;
	int r = store_list(store, arena, &images, &n, err);

	if (r < 0)
		return r;
	for (uint32_t i = 0; i < n; i++) {
		if (!is_meant(reference, &images[i]))
			continue;
		*ret_image = images[i];
		return 0;
	}
	return error_set(err, ENOENT, "there is no image '%s' in '%s'",
			 reference_text(arena, reference), store->dir);
}

int store_find_id(const struct store *store, struct arena *arena, const char *id,
		  struct image *ret_image, struct error *err)
{
	const char *hex = !strncmp(id, "sha256:", 7) ? id + 7 : id;
	size_t len = strlen(hex);
	struct image *images = NULL, *found = NULL;
	uint32_t n = 0;
	int r;

	if (len < ID_MIN || len > 64 || strspn(hex, "0123456789abcdef") != len)
		return error_set(err, ENOENT, "'%.80s' is no id", id);
	r = store_list(store, arena, &images, &n, err);
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < n; i++) {
		if (strncmp(digest_hex(images[i].top.digest), hex, len) != 0)
			continue;
		if (found && strcmp(found->top.digest, images[i].top.digest) != 0)
			return error_set(err, EEXIST, "several images have an id that begins '%s'",
					 hex);
		if (!found)
			found = &images[i];
	}
	if (!found)
		return error_set(err, ENOENT, "no image has an id that begins '%s'", hex);
	*ret_image = *found;
	return 0;
}

/* The descriptor with the name in its annotations, in their order. */
static struct descriptor named(struct arena *arena, const struct descriptor *top, const char *name)
{
	struct annotation *list = arena_array(arena, top->annotations.n + 1, sizeof(*list));
	struct descriptor d = *top;
	uint32_t n = 0;

	for (uint32_t i = 0; i < top->annotations.n; i++)
		if (strcmp(top->annotations.list[i].key, STORE_REF_NAME) != 0)
			list[n++] = top->annotations.list[i];
	list[n++] = (struct annotation){ STORE_REF_NAME, name };
	d.annotations = (struct annotations){ .list = list, .n = n };
	return d;
}

/*
 * Write index.json anew without the name, and with `top` (may be NULL) under it.
 * *ret_had tells whether the name was there.
 */
static int rewrite(struct store *store, struct arena *arena, const char *name,
		   const struct descriptor *top, bool *ret_had, struct error *err)
{
	const struct document *old = NULL;
	struct descriptor *items;
	struct document new;
	struct str text;
	uint32_t n = 0;
	int r = store_index(store, arena, &old, err);

	if (r < 0)
		return r;
	items = arena_array(arena, old->nitems + 1, sizeof(*items));
	*ret_had = false;
	for (uint32_t i = 0; i < old->nitems; i++) {
		const char *other = annotation_find(&old->items[i].annotations, STORE_REF_NAME);

		if (other && !strcmp(other, name))
			*ret_had = true;
		else
			items[n++] = old->items[i];
	}
	if (top)
		items[n++] = named(arena, top, name);
	else if (!*ret_had)
		return 0;
	if (n > DOCUMENT_DESCRIPTORS)
		return error_set(err, E2BIG, "'%s' has %d names, and there is no room for more",
				 store->dir, DOCUMENT_DESCRIPTORS);
	new = *old;
	new.items = items;
	new.nitems = n;
	text = document_write(arena, &new);
	if (text.len > DOCUMENT_MAX)
		return error_set(err, E2BIG, "'%s/index.json' would be too large", store->dir);
	r = replace_file(store, "index.json", text.at, text.len);
	return r < 0 ? store_failed(store, -r, "write", "index.json", err) : 0;
}

static int change(struct store *store, const struct reference *reference,
		  const struct descriptor *top, bool *ret_had, struct error *err)
{
	struct arena arena = ARENA_INIT;
	int lock = lock_index(store), r;

	if (lock < 0)
		return store_failed(store, -lock, "lock", "index.lock", err);
	r = rewrite(store, &arena, reference_text(&arena, reference), top, ret_had, err);
	close(lock);
	arena_release(&arena);
	return r;
}

int store_tag(struct store *store, const struct reference *reference, const struct descriptor *top,
	      struct error *err)
{
	bool had;

	return change(store, reference, top, &had, err);
}

int store_untag(struct store *store, const struct reference *reference, struct error *err)
{
	struct arena arena = ARENA_INIT;
	bool had = false;
	int r = change(store, reference, NULL, &had, err);

	if (r == 0 && !had)
		r = error_set(err, ENOENT, "there is no image '%s' in '%s'",
			      reference_text(&arena, reference), store->dir);
	arena_release(&arena);
	return r;
}
