/* SPDX-License-Identifier: Apache-2.0 */
#include "gadget/tracefs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/units.h"

/* A mount of tracefs that is not attached to any path. */
static int mount_detached(void)
{
	int context = fsopen("tracefs", FSOPEN_CLOEXEC), fd = -1, code;

	if (context < 0)
		return -errno;
	if (fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
		fd = fsmount(context, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
	code = errno;
	close(context);
	return fd < 0 ? -code : fd;
}

int tracefs_open(void)
{
	static const char *const paths[] = { "/sys/kernel/tracing", "/sys/kernel/debug/tracing" };
	int code = ENOENT;

	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		int fd = open(paths[i], O_PATH | O_DIRECTORY | O_CLOEXEC);

		if (fd < 0)
			continue;
		/* An empty folder is what tracefs would be mounted on. */
		if (faccessat(fd, "events", X_OK, 0) == 0)
			return fd;
		code = errno;
		close(fd);
	}
	return code == ENOENT ? mount_detached() : -code;
}

int tracefs_event_id(int tracefs, const char *category, const char *name, uint64_t *ret_id)
{
	char path[PATH_MAX], text[32] = "";
	int n = snprintf(path, sizeof(path), "events/%s/%s/id", category, name), fd;
	ssize_t len;

	if (n < 0 || (size_t)n >= sizeof(path) || strchr(category, '/') || strchr(name, '/') ||
	    category[0] == '.' || name[0] == '.')
		return -ENOENT;
	fd = openat(tracefs, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	len = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (len < 1)
		return -EIO;
	text[strcspn(text, "\n")] = 0;
	return parse_uint(text, ret_id);
}
