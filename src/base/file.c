/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int read_open(struct arena *arena, int fd, size_t max, const char **ret_bytes,
		     size_t *ret_len, struct error *err)
{
	struct stat st;
	size_t len = 0, size;
	char *bytes;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return error_set(err, EINVAL, "not a regular file");
	size = (size_t)st.st_size;
	if (size > max)
		return error_set(err, EFBIG, "%zu bytes are too many (at most %zu)", size, max);
	bytes = arena_alloc(arena, size + 1);
	while (len < size) {
		ssize_t n = read(fd, bytes + len, size - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_set(err, errno, "%s", strerrordesc_np(errno));
		if (n == 0)
			break; /* it has become shorter */
		len += (size_t)n;
	}
	*ret_bytes = bytes;
	*ret_len = len;
	return 0;
}

int file_read(struct arena *arena, const char *path, size_t max, const char **ret_bytes,
	      size_t *ret_len, struct error *err)
{
	/* Not blocking: a FIFO would wait for somebody to write. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), r;

	if (fd < 0)
		return error_set(err, errno, "%s", strerrordesc_np(errno));
	r = read_open(arena, fd, max, ret_bytes, ret_len, err);
	(void)close(fd);
	return r;
}

static int write_all(int fd, const char *bytes, size_t len)
{
	while (len) {
		ssize_t n = write(fd, bytes, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		bytes += n;
		len -= (size_t)n;
	}
	return fsync(fd) < 0 ? -errno : 0;
}

/* The mode a file has, or would have if somebody made it now. */
static mode_t mode_of(const char *path)
{
	struct stat st;
	mode_t mask;

	if (stat(path, &st) == 0)
		return st.st_mode & 07777;
	mask = umask(0);
	(void)umask(mask);
	return 0666 & ~mask;
}

int file_replace(const char *path, const void *bytes, size_t len, struct error *err)
{
	char real[PATH_MAX], temporary[PATH_MAX + 16];
	int fd, r;

	if (!realpath(path, real))
		(void)snprintf(real, sizeof(real), "%s", path);
	(void)snprintf(temporary, sizeof(temporary), "%s.XXXXXX", real);
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0)
		return error_set(err, errno, "writing '%s': %s", path, strerrordesc_np(errno));
	r = write_all(fd, bytes, len);
	if (r == 0 && fchmod(fd, mode_of(real)) < 0)
		r = -errno;
	if (close(fd) < 0 && r == 0)
		r = -errno;
	if (r == 0 && rename(temporary, real) < 0)
		r = -errno;
	if (r == 0)
		return 0;
	(void)unlink(temporary);
	return error_set(err, -r, "writing '%s': %s", path, strerrordesc_np(-r));
}
