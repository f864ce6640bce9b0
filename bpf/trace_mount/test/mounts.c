/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mounts and unmounts by the old interface and by the new one, where nobody else
 * sees it, and prints the record each call must give.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

/* <sys/mount.h> and <linux/mount.h> do not go together everywhere. */
int mount(const char *, const char *, const char *, unsigned long, const void *);
int umount2(const char *, int);
#define DETACH 2 /* MNT_DETACH */

static int failures;
static char folder[] = "/tmp/trace_mount.XXXXXX";

static long result(long r)
{
	return r < 0 ? -errno : r;
}

static void begin(const char *op, long ret, const char *error)
{
	printf("{\"event\": \"mount\", \"proc.pid\": %d, \"op\": \"%s\", \"ret\": %ld, "
	       "\"error\": \"%s\", \"error_raw\": %ld",
	       getpid(), op, ret, error, ret < 0 ? -ret : 0);
}

static void check(long got, long want)
{
	if (want < 0 ? got != want : got < 0) {
		fprintf(stderr, "a call returned %ld\n", got);
		failures++;
	}
}

static void old_interface(void)
{
	long r = result(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));

	check(r, 0);
	begin("MOUNT", r, "");
	printf(", \"src\": \"none\", \"dest\": \"/\", \"flags\": \"MS_REC|MS_PRIVATE\"}\n");
	r = result(mount("source", folder, "tmpfs", MS_NOSUID | MS_NODEV, "size=64k"));
	check(r, 0);
	begin("MOUNT", r, "");
	printf(", \"fs\": \"tmpfs\", \"src\": \"source\", \"dest\": \"%s\", \"data\": \"size=64k\", "
	       "\"flags\": \"MS_NOSUID|MS_NODEV\"}\n",
	       folder);
	r = result(mount("x", "/nonexistent/y", "tmpfs", 0, NULL));
	check(r, -ENOENT);
	begin("MOUNT", r, "ENOENT");
	printf(", \"dest\": \"/nonexistent/y\", \"flags\": \"\"}\n");
	r = result(umount2(folder, DETACH));
	check(r, 0);
	begin("UMOUNT", r, "");
	printf(", \"dest\": \"%s\", \"flags\": \"MNT_DETACH\"}\n", folder);
}

static void new_interface(void)
{
	long fs, mnt, r;

	fs = result(syscall(SYS_fsopen, "tmpfs", 0));
	check(fs, 0);
	begin("FSOPEN", fs, "");
	printf(", \"fs\": \"tmpfs\"}\n");
	r = result(syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, "size", "1M", 0));
	check(r, 0);
	begin("FSCONFIG_STRING", r, "");
	printf(", \"key\": \"size\", \"data\": \"1M\", \"src_fd\": %ld}\n", fs);
	r = result(syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0));
	check(r, 0);
	begin("FSCONFIG_CREATE", r, "");
	printf(", \"src_fd\": %ld}\n", fs);
	mnt = result(syscall(SYS_fsmount, fs, 0, MOUNT_ATTR_NOEXEC));
	check(mnt, 0);
	begin("FSMOUNT", mnt, "");
	printf(", \"attrs\": \"MOUNT_ATTR_NOEXEC\", \"src_fd\": %ld}\n", fs);
	r = result(syscall(SYS_move_mount, mnt, "", AT_FDCWD, folder, MOVE_MOUNT_F_EMPTY_PATH));
	check(r, 0);
	begin("MOVE_MOUNT", r, "");
	printf(", \"src_fd\": %ld, \"dest\": \"%s\", \"dest_fd\": -100}\n", mnt, folder);
	close((int)mnt);
	close((int)fs);
	r = result(umount2(folder, 0));
	check(r, 0);
	begin("UMOUNT", r, "");
	printf(", \"dest\": \"%s\", \"flags\": \"\"}\n", folder);
}

int main(void)
{
	if (unshare(CLONE_NEWNS) < 0 || !mkdtemp(folder)) {
		perror("unshare");
		return 1;
	}
	old_interface();
	new_interface();
	rmdir(folder);
	return failures != 0;
}
