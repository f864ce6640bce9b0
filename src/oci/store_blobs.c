/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store's content: blobs that are read, and blobs on their way in.
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

enum { PIECE = 256 << 10 };

char *store_blob_path(const char *top, const char *digest, char out[STORE_NAME_MAX])
{
	/* The algorithm's name and the hex digits: digest_is_valid() knows no other. */
	(void)snprintf(out, STORE_NAME_MAX, "%s/%.6s/%s", top, digest, digest_hex(digest));
	return out;
}

bool store_has(const struct store *store, const struct descriptor *blob)
{
	char path[STORE_NAME_MAX];
	struct stat st;

	return fstatat(store->dir_fd, store_blob_path("blobs", blob->digest, path), &st,
		       AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISREG(st.st_mode) && (uint64_t)st.st_size == blob->size;
}

/* Open the blob's file and check its size. */
static int open_file(const struct store *store, const struct descriptor *blob, struct error *err)
{
	char path[STORE_NAME_MAX];
	struct stat st;
	int fd;

	store_blob_path("blobs", blob->digest, path);
	fd = openat(store->dir_fd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
	if (fd < 0)
		return store_failed(store, errno, "open", path, err);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || (uint64_t)st.st_size != blob->size) {
		close(fd);
		return error_set(err, EBADMSG, "'%s/%s' has not the size it must have (%llu bytes)",
				 store->dir, path, (unsigned long long)blob->size);
	}
	return fd;
}

static int damaged(const struct store *store, const struct descriptor *blob, struct error *err)
{
	return error_set(err, EBADMSG,
			 "blob '%s' in '%s' is damaged: its content has another digest",
			 blob->digest, store->dir);
}

/* Read until the end or `max` bytes; negative errno. */
static ssize_t read_some(int fd, void *to, size_t max)
{
	size_t at = 0;

	while (at < max) {
		ssize_t n = read(fd, (char *)to + at, max - at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		at += (size_t)n;
	}
	return (ssize_t)at;
}

int store_read(const struct store *store, struct arena *arena, const struct descriptor *blob,
	       uint64_t max, struct str *ret_bytes, struct error *err)
{
	ssize_t n;
	char *bytes;
	int fd;

	if (blob->size > max)
		return error_set(err, EFBIG, "blob '%s' of %llu bytes is too large (at most %llu)",
				 blob->digest, (unsigned long long)blob->size,
				 (unsigned long long)max);
	fd = open_file(store, blob, err);
	if (fd < 0)
		return fd;
	bytes = arena_alloc(arena, blob->size + 1);
	n = read_some(fd, bytes, blob->size);
	close(fd);
	if (n < 0)
		return store_failed(store, (int)-n, "read", "blobs", err);
	if ((uint64_t)n != blob->size || !digest_matches(blob->digest, bytes, (size_t)n))
		return damaged(store, blob, err);
	*ret_bytes = (struct str){ bytes, (uint64_t)n };
	return 0;
}

/* Add all that is left of a file to a check; the number of bytes or negative errno. */
static int64_t add_file(struct digest_check *check, int fd)
{
	char *piece = xcalloc(1, PIECE);
	int64_t total = 0;
	ssize_t n;

	while ((n = read_some(fd, piece, PIECE)) > 0) {
		digest_add(check, piece, (size_t)n);
		total += n;
	}
	free(piece);
	return n < 0 ? n : total;
}

int store_open_blob(const struct store *store, const struct descriptor *blob, struct error *err)
{
	int fd = open_file(store, blob, err);
	struct digest_check *check;
	int64_t n;

	if (fd < 0)
		return fd;
	check = digest_begin(blob->digest);
	n = add_file(check, fd);
	if (!digest_end(check, NULL) || n < 0) {
		close(fd);
		return damaged(store, blob, err);
	}
	if (lseek(fd, 0, SEEK_SET) < 0) {
		close(fd);
		return store_failed(store, errno, "read", "blobs", err);
	}
	return fd;
}

int store_document(const struct store *store, struct arena *arena, const struct descriptor *blob,
		   const struct document **ret_document, struct error *err)
{
	struct str bytes = { 0 };
	int r = store_read(store, arena, blob, DOCUMENT_MAX, &bytes, err);

	if (r == -EFBIG && err)
		err->code = EBADMSG;
	if (r < 0)
		return r == -EFBIG ? -EBADMSG : r;
	r = document_parse(arena, bytes.at, bytes.len, blob->media_type, ret_document, err);
	return r < 0 ? error_wrap(err, "'%s'", blob->digest) : 0;
}

/* ---- on the way in --------------------------------------------------------- */

struct ingest {
	struct store *store;
	struct digest_check *check;
	char digest[DIGEST_TEXT_MAX + 1];
	uint64_t size, have;
	int fd;
};

static char *part_path(const char *digest, char out[STORE_NAME_MAX])
{
	(void)snprintf(out, STORE_NAME_MAX, "ingest/%.6s-%s", digest, digest_hex(digest));
	return out;
}

static void ingest_free(struct ingest *in)
{
	if (in->check)
		(void)digest_end(in->check, NULL);
	if (in->fd >= 0)
		close(in->fd);
	free(in);
}

/* The file may have been renamed or deleted by the one who held the lock before us. */
static bool is_current(const struct store *store, int fd, const char *path)
{
	struct stat ours, there;

	return fstat(fd, &ours) == 0 &&
	       fstatat(store->dir_fd, path, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
	       ours.st_dev == there.st_dev && ours.st_ino == there.st_ino;
}

static int open_part(const struct store *store, const char *path, bool wait)
{
	for (int tries = 0; tries < 100; tries++) {
		int fd = openat(store->dir_fd, path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
				0600);
		int r;

		if (fd < 0)
			return -errno;
		r = store_flock(fd, LOCK_EX | (wait ? 0 : LOCK_NB));
		if (r < 0) {
			close(fd);
			return r == -EWOULDBLOCK ? -EBUSY : r;
		}
		if (is_current(store, fd, path))
			return fd;
		close(fd);
	}
	return -EBUSY;
}

/* Take up what is there, or throw it away. */
static int take_up(struct ingest *in, bool keep)
{
	int64_t n = 0;

	if (keep)
		n = add_file(in->check, in->fd);
	if (n < 0)
		return (int)n;
	if (keep && (uint64_t)n <= in->size) {
		in->have = (uint64_t)n;
		return 0;
	}
	(void)digest_end(in->check, NULL);
	in->check = digest_begin(in->digest);
	in->have = 0;
	if (ftruncate(in->fd, 0) < 0 || lseek(in->fd, 0, SEEK_SET) < 0)
		return -errno;
	return 0;
}

int ingest_begin(struct store *store, const struct descriptor *blob, uint64_t *ret_have,
		 struct ingest **ret_ingest, struct error *err)
{
	struct ingest *in = xcalloc(1, sizeof(*in));
	char path[STORE_NAME_MAX];
	int r;

	in->store = store;
	in->size = blob->size;
	memcpy(in->digest, blob->digest, strlen(blob->digest));
	in->check = digest_begin(blob->digest);
	in->fd = open_part(store, part_path(blob->digest, path), !ret_have);
	r = in->fd < 0 ? in->fd : take_up(in, ret_have != NULL);
	if (r == -EBUSY)
		r = error_set(err, EBUSY, "another process is writing blob '%s'", blob->digest);
	else if (r < 0)
		r = store_failed(store, -r, "write", path, err);
	if (r < 0) {
		ingest_free(in);
		return r;
	}
	if (ret_have)
		*ret_have = in->have;
	*ret_ingest = in;
	return 0;
}

int ingest_restart(struct ingest *in, struct error *err)
{
	int r = take_up(in, false);

	return r < 0 ? store_failed(in->store, -r, "write", "ingest", err) : 0;
}

int ingest_write(struct ingest *in, const void *bytes, size_t len, struct error *err)
{
	size_t at = 0;

	if (len > in->size - in->have)
		return error_set(err, EFBIG,
				 "blob '%s' is larger than the %llu bytes it should have",
				 in->digest, (unsigned long long)in->size);
	while (at < len) {
		ssize_t n = write(in->fd, (const char *)bytes + at, len - at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return store_failed(in->store, errno, "write", "ingest", err);
		digest_add(in->check, (const char *)bytes + at, (size_t)n);
		at += (size_t)n;
		in->have += (uint64_t)n;
	}
	return 0;
}

static int name_blob(struct ingest *in, struct error *err)
{
	char part[STORE_NAME_MAX], path[STORE_NAME_MAX], folder[STORE_NAME_MAX];
	int fd;

	(void)snprintf(folder, sizeof(folder), "blobs/%.6s", in->digest);
	if (mkdirat(in->store->dir_fd, folder, 0700) < 0 && errno != EEXIST)
		return store_failed(in->store, errno, "make", folder, err);
	if (fsync(in->fd) < 0)
		return store_failed(in->store, errno, "write", "ingest", err);
	if (renameat(in->store->dir_fd, part_path(in->digest, part), in->store->dir_fd,
		     store_blob_path("blobs", in->digest, path)) < 0)
		return store_failed(in->store, errno, "write", path, err);
	fd = openat(in->store->dir_fd, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0) {
		(void)fsync(fd);
		close(fd);
	}
	return 0;
}

int ingest_commit(struct ingest *in, struct error *err)
{
	bool is_right = digest_end(in->check, NULL);
	int r;

	in->check = NULL;
	if (in->have != in->size)
		r = error_set(err, EBADMSG, "blob '%s' has %llu bytes instead of %llu", in->digest,
			      (unsigned long long)in->have, (unsigned long long)in->size);
	else if (!is_right)
		r = error_set(err, EBADMSG, "what came as blob '%s' has another digest",
			      in->digest);
	else
		r = name_blob(in, err);
	if (r < 0)
		ingest_abort(in, false);
	else
		ingest_free(in);
	return r;
}

void ingest_abort(struct ingest *in, bool keep)
{
	char path[STORE_NAME_MAX];

	if (!keep || !in->have)
		(void)unlinkat(in->store->dir_fd, part_path(in->digest, path), 0);
	ingest_free(in);
}

int store_write(struct store *store, struct arena *arena, const void *bytes, size_t len,
		struct descriptor *blob, struct error *err)
{
	struct ingest *in = NULL;
	int r;

	blob->digest = digest_of(arena, bytes, len);
	blob->size = len;
	if (store_has(store, blob))
		return 0;
	r = ingest_begin(store, blob, NULL, &in, err);
	if (r < 0)
		return r;
	r = ingest_write(in, bytes, len, err);
	if (r < 0) {
		ingest_abort(in, false);
		return r;
	}
	return ingest_commit(in, err);
}
