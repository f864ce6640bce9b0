/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opens paths in every way there is and prints the record each call must give.
 * The calls are bare system calls, so that libc does not choose another.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FILE_PATH "/tmp/trace_open_test"
#define NO_FOLDER "/nonexistent/trace_open_test"

static long failures;

/* The record of a call that returned `fd` (below 0: -errno, of that name). */
static void expect(const char *path, long fd, const char *error, const char *flags,
		   const char *mode)
{
	printf("{\"event\": \"open\", \"proc.comm\": \"opens\", \"proc.pid\": %d, \"proc.tid\": %d, "
	       "\"proc.parent.pid\": %d, \"proc.creds.uid\": %u, \"proc.creds.gid\": %u, "
	       "\"ret\": %ld, \"error\": \"%s\", \"error_raw\": %ld, \"flags\": \"%s\", "
	       "\"mode\": \"%s\", \"dirfd\": -100, \"fname\": \"%s\"}\n",
	       getpid(), getpid(), getppid(), getuid(), getgid(), fd, error, fd < 0 ? -fd : 0,
	       flags, mode, path);
	if (fd >= 0)
		close((int)fd);
}

/* What the kernel returned, as the tracer shows it. */
static long result(long r)
{
	return r < 0 ? -errno : r;
}

static void check(long got, long want)
{
	if (want < 0 ? got != want : got < 0) {
		fprintf(stderr, "a call returned %ld\n", got);
		failures++;
	}
}

int main(void)
{
	struct open_how how = { .flags = O_WRONLY | O_APPEND };
	long fd;

	umask(0);
	fd = result(syscall(SYS_openat, AT_FDCWD, FILE_PATH, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC,
			    0640));
	check(fd, 0);
	expect(FILE_PATH, fd, "", "O_RDWR|O_CREAT|O_TRUNC|O_CLOEXEC", "-rw-r-----");
	fd = result(syscall(SYS_openat2, AT_FDCWD, FILE_PATH, &how, sizeof(how)));
	check(fd, 0);
	expect(FILE_PATH, fd, "", "O_WRONLY|O_APPEND", "----------");
#ifdef SYS_open
	fd = result(syscall(SYS_open, FILE_PATH, O_RDONLY | O_NOFOLLOW, 0777));
	check(fd, 0);
	expect(FILE_PATH, fd, "", "O_RDONLY|O_NOFOLLOW", "----------");
#endif
#ifdef SYS_creat
	fd = result(syscall(SYS_creat, NO_FOLDER, 04755));
	check(fd, -ENOENT);
	expect(NO_FOLDER, fd, "ENOENT", "O_WRONLY|O_CREAT|O_TRUNC", "-rwsr-xr-x");
#endif
	fd = result(syscall(SYS_openat, AT_FDCWD, FILE_PATH, O_RDONLY | O_DIRECTORY, 0));
	check(fd, -ENOTDIR);
	expect(FILE_PATH, fd, "ENOTDIR", "O_RDONLY|O_DIRECTORY", "----------");
	fd = result(syscall(SYS_openat, AT_FDCWD, FILE_PATH, O_WRONLY | O_CREAT | O_EXCL, 0600));
	check(fd, -EEXIST);
	expect(FILE_PATH, fd, "EEXIST", "O_WRONLY|O_CREAT|O_EXCL", "-rw-------");
	unlink(FILE_PATH);
	return failures != 0;
}
