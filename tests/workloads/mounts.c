/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mounts calls FOLDER          mount, change and unmount in every way there is, below FOLDER
 * mounts many COUNT THREADS    fail to unmount COUNT times from THREADS threads
 *
 * Everything happens in a mount namespace of its own, so the host's mounts stay what
 * they are.  Waits for a line (or the end) on stdin first.  What was done is printed as
 * JSON, for `calls` one entry for each system call, in order: its arguments, result,
 * and the time it took; it is the truth a tracer's output is compared with.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_THREADS 64
#define NOBODY      65534

#ifndef SYS_open_tree_attr
# define SYS_open_tree_attr 467
#endif
#ifndef FSCONFIG_CMD_CREATE_EXCL
# define FSCONFIG_CMD_CREATE_EXCL 8
#endif

/* A system call: its arguments by what they mean; what is not said is the same for all. */
struct step {
	const char *op;
	const char *fs, *src, *dest, *key, *data;
	int src_fd, dest_fd; /* written with FD() */
	int aux;
	uint64_t flags, attrs, attrs_clear, propagation;
	const char *incomplete; /* names of the texts of which not all can be seen */
};

#define STEP(...) (&(const struct step){ __VA_ARGS__ })

/* A descriptor in a struct step, where 0 stands for the working directory. */
#define FD(fd) ((fd) - AT_FDCWD)

static void must(int is_good, const char *what)
{
	if (is_good)
		return;
	fprintf(stderr, "mounts: %s: %s\n", what, strerror(errno));
	exit(71);
}

static void wait_for_go(void)
{
	int c;

	do
		c = getchar();
	while (c != '\n' && c != EOF);
}

static int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static void tell_text(const char *name, const char *text)
{
	printf(",\"%s\":\"%s\"", name, text ? text : "");
}

static long tell(const struct step *s, pid_t pid, long ret, int code, int64_t took_ns)
{
	static int count;

	printf("%s\n{\"op\":\"%s\",\"pid\":%d", count++ ? "," : "", s->op, pid);
	tell_text("fs", s->fs);
	tell_text("src", s->src);
	tell_text("dest", s->dest);
	tell_text("key", s->key);
	tell_text("data", s->data);
	tell_text("incomplete", s->incomplete);
	printf(",\"src_fd\":%d,\"dest_fd\":%d,\"aux\":%d", s->src_fd + AT_FDCWD,
	       s->dest_fd + AT_FDCWD, s->aux);
	printf(",\"flags\":%llu,\"attrs\":%llu,\"attrs_clear\":%llu,\"propagation\":%llu",
	       (unsigned long long)s->flags, (unsigned long long)s->attrs,
	       (unsigned long long)s->attrs_clear, (unsigned long long)s->propagation);
	printf(",\"ret\":%ld,\"errno\":%d,\"took_ns\":%lld}", ret, code, (long long)took_ns);
	return ret;
}

/* Make the system call and tell of it; `step` may use `ret`, its result. */
#define DO(step, ...)                                                             \
	({                                                                        \
		int64_t start_ns = now_ns();                                      \
		long ret = syscall(__VA_ARGS__);                                  \
		int code = ret < 0 ? errno : 0;                                   \
		int64_t took_ns = now_ns() - start_ns;                            \
		tell(step, getpid(), ret < 0 ? -(long)code : ret, code, took_ns); \
	})

static const char *path(const char *folder, const char *name)
{
	static char paths[8][PATH_MAX];
	static unsigned next;
	char *to = paths[next++ % 8];

	snprintf(to, PATH_MAX, "%s/%s", folder, name);
	return to;
}

/* So many letters. */
static const char *letters(size_t n)
{
	char *text = malloc(n + 1);

	must(text != NULL, "malloc");
	memset(text, 'x', n);
	text[n] = 0;
	return text;
}

static const char *const bad_pointer = (const char *)8;

/* ---- the calls of old ---------------------------------------------------------- */

static void mount_and_unmount(const char *folder, const char *a, const char *b)
{
	DO(STEP(.op = "MOUNT", .src = "none", .dest = "/", .flags = MS_REC | MS_PRIVATE), SYS_mount,
	   "none", "/", NULL, MS_REC | MS_PRIVATE, NULL);
	DO(STEP(.op = "MOUNT", .src = "ours", .dest = folder, .fs = "tmpfs",
		.flags = MS_NOSUID | MS_NODEV, .data = "size=1m,mode=755"),
	   SYS_mount, "ours", folder, "tmpfs", MS_NOSUID | MS_NODEV, "size=1m,mode=755");
	must(mkdir(a, 0755) == 0 && mkdir(b, 0755) == 0, "mkdir");
	DO(STEP(.op = "MOUNT", .src = a, .dest = b, .flags = MS_BIND), SYS_mount, a, b, NULL,
	   MS_BIND, NULL);
	DO(STEP(.op = "MOUNT", .dest = b, .flags = MS_BIND | MS_REMOUNT | MS_RDONLY), SYS_mount,
	   NULL, b, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL);
	DO(STEP(.op = "UMOUNT", .dest = b, .flags = MNT_DETACH | UMOUNT_NOFOLLOW), SYS_umount2, b,
	   MNT_DETACH | UMOUNT_NOFOLLOW);
}

static void fail_to_mount(const char *folder, const char *a)
{
	const char *longest = letters(PATH_MAX - 1), *too_long = letters(PATH_MAX + 100);
	uint64_t magic = MS_MGC_VAL | MS_RDONLY;

	DO(STEP(.op = "MOUNT", .src = "x", .dest = a, .fs = "no-such-fs", .flags = magic),
	   SYS_mount, "x", a, "no-such-fs", magic, NULL);
	DO(STEP(.op = "MOUNT", .src = "x", .dest = a, .fs = "tmpfs", .data = longest), SYS_mount,
	   "x", a, "tmpfs", 0, longest);
	DO(STEP(.op = "MOUNT", .src = "x", .dest = a, .fs = "tmpfs", .data = longest,
		.incomplete = "data"),
	   SYS_mount, "x", a, "tmpfs", 0, too_long);
	DO(STEP(.op = "MOUNT", .dest = a, .fs = "tmpfs", .incomplete = "src"), SYS_mount,
	   bad_pointer, a, "tmpfs", 0, NULL);
	DO(STEP(.op = "UMOUNT", .dest = longest), SYS_umount2, longest, 0);
	DO(STEP(.op = "UMOUNT", .incomplete = "dest"), SYS_umount2, bad_pointer, 0);
	DO(STEP(.op = "UMOUNT", .dest = a), SYS_umount2, a, 0);
	DO(STEP(.op = "UMOUNT", .dest = a, .flags = 1u << 30), SYS_umount2, a, 1u << 30);
	DO(STEP(.op = "PIVOT_ROOT", .src = folder, .dest = "/no-such"), SYS_pivot_root, folder,
	   "/no-such");
}

static void fail_without_permission(void)
{
	const struct step step = { .op = "UMOUNT", .dest = "/" };
	int64_t start_ns = now_ns();
	pid_t child = fork();

	must(child >= 0, "fork");
	if (child == 0) {
		must(setresuid(NOBODY, NOBODY, NOBODY) == 0, "setresuid");
		_exit(umount2("/", 0) == 0 ? 0 : errno);
	}
	while (waitpid(child, NULL, 0) < 0)
		must(errno == EINTR, "waitpid");
	tell(&step, child, -EPERM, EPERM, now_ns() - start_ns);
}

/* umount2() as a 32-bit program calls it; a kernel without such calls kills the child. */
static void fail_by_32bit_call(void)
{
#if defined(__x86_64__)
	char *low = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	int64_t start_ns = now_ns();
	int status = 0;
	pid_t child;

	must(low != MAP_FAILED, "mmap");
	memcpy(low, "/no-such", sizeof("/no-such"));
	child = fork();
	must(child >= 0, "fork");
	if (child == 0) {
		long ret;

		prctl(PR_SET_DUMPABLE, 0);
		__asm__ volatile("int $0x80"
				 : "=a"(ret)
				 : "a"(52), "b"(low), "c"(MNT_DETACH)
				 : "memory", "r8", "r9", "r10", "r11");
		_exit(ret == -ENOENT ? 0 : 1);
	}
	while (waitpid(child, &status, 0) < 0)
		must(errno == EINTR, "waitpid");
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		tell(STEP(.op = "UMOUNT", .dest = low, .flags = MNT_DETACH), child, -ENOENT, ENOENT,
		     now_ns() - start_ns);
#endif
}

/* ---- step by step ----------------------------------------------------------------- */

#define CONFIG(op_, fd_, ...) \
	STEP(.op = "FSCONFIG_" op_, .fs = "tmpfs", .src_fd = FD(fd_), __VA_ARGS__)

static int configure(void)
{
	int fd = (int)DO(STEP(.op = "FSOPEN", .fs = "tmpfs", .flags = FSOPEN_CLOEXEC), SYS_fsopen,
			 "tmpfs", FSOPEN_CLOEXEC);

	DO(STEP(.op = "FSOPEN", .fs = "no-such-fs"), SYS_fsopen, "no-such-fs", 0);
	DO(CONFIG("STRING", fd, .key = "source", .data = "ours"), SYS_fsconfig, fd,
	   FSCONFIG_SET_STRING, "source", "ours", 0);
	DO(CONFIG("STRING", fd, .key = "size", .data = "1m"), SYS_fsconfig, fd, FSCONFIG_SET_STRING,
	   "size", "1m", 0);
	DO(CONFIG("FLAG", fd, .key = "no-such-option"), SYS_fsconfig, fd, FSCONFIG_SET_FLAG,
	   "no-such-option", NULL, 0);
	DO(CONFIG("BINARY", fd, .key = "blob", .aux = 3), SYS_fsconfig, fd, FSCONFIG_SET_BINARY,
	   "blob", "abc", 3);
	DO(CONFIG("PATH", fd, .key = "upper", .data = "/tmp", .aux = AT_FDCWD), SYS_fsconfig, fd,
	   FSCONFIG_SET_PATH, "upper", "/tmp", AT_FDCWD);
	DO(CONFIG("PATH_EMPTY", fd, .key = "upper", .aux = fd), SYS_fsconfig, fd,
	   FSCONFIG_SET_PATH_EMPTY, "upper", "", fd);
	DO(CONFIG("FD", fd, .key = "fd", .aux = 1), SYS_fsconfig, fd, FSCONFIG_SET_FD, "fd", NULL,
	   1);
	DO(CONFIG("STRING", fd, .key = letters(255), .data = "x", .incomplete = "key"),
	   SYS_fsconfig, fd, FSCONFIG_SET_STRING, letters(300), "x", 0);
	DO(CONFIG("STRING", fd, .key = "size", .incomplete = "data"), SYS_fsconfig, fd,
	   FSCONFIG_SET_STRING, "size", bad_pointer, 0);
	DO(CONFIG("CREATE", fd), SYS_fsconfig, fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
	DO(CONFIG("CREATE_EXCL", fd), SYS_fsconfig, fd, FSCONFIG_CMD_CREATE_EXCL, NULL, NULL, 0);
	DO(STEP(.op = "FSCONFIG", .fs = "tmpfs", .src_fd = FD(fd)), SYS_fsconfig, fd, 99, NULL,
	   NULL, 0);
	/* A descriptor of something else has no type. */
	DO(STEP(.op = "FSCONFIG_CREATE", .src_fd = FD(0)), SYS_fsconfig, 0, FSCONFIG_CMD_CREATE,
	   NULL, NULL, 0);
	return fd;
}

static void mount_configured(int fd, const char *b)
{
	unsigned attrs = MOUNT_ATTR_NODEV | MOUNT_ATTR_NOATIME;
	int mount_fd = (int)DO(STEP(.op = "FSMOUNT", .fs = "tmpfs", .src = "ours", .src_fd = FD(fd),
				    .flags = FSMOUNT_CLOEXEC, .attrs = attrs),
			       SYS_fsmount, fd, FSMOUNT_CLOEXEC, attrs);

	DO(STEP(.op = "FSMOUNT", .src_fd = FD(-1)), SYS_fsmount, -1, 0, 0);
	DO(STEP(.op = "MOVE_MOUNT", .fs = "tmpfs", .src = "ours", .src_fd = FD(mount_fd), .dest = b,
		.flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_AUTOMOUNTS),
	   SYS_move_mount, mount_fd, "", AT_FDCWD, b,
	   MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_AUTOMOUNTS);
	DO(STEP(.op = "MOVE_MOUNT", .src = "/no-such", .dest_fd = FD(mount_fd), .dest = "x"),
	   SYS_move_mount, AT_FDCWD, "/no-such", mount_fd, "x", 0);
	close(mount_fd);
	close(fd);
}

/* ---- mounts that exist -------------------------------------------------------------- */

static void clone_and_change(const char *a, const char *b)
{
	struct mount_attr attr = {
		.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOATIME,
		.attr_clr = MOUNT_ATTR__ATIME | MOUNT_ATTR_NODEV,
		.propagation = MS_PRIVATE,
	};
	unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE;
	int fd = (int)DO(STEP(.op = "OPEN_TREE", .fs = "tmpfs", .src = b, .flags = flags),
			 SYS_open_tree, AT_FDCWD, b, flags);

	DO(STEP(.op = "MOUNT_SETATTR", .fs = "tmpfs", .dest = "", .dest_fd = FD(fd),
		.flags = AT_EMPTY_PATH | AT_RECURSIVE, .attrs = attr.attr_set,
		.attrs_clear = attr.attr_clr, .propagation = attr.propagation),
	   SYS_mount_setattr, fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof(attr));
	DO(STEP(.op = "MOUNT_SETATTR", .dest = "/no-such", .flags = AT_SYMLINK_NOFOLLOW,
		.attrs = attr.attr_set, .attrs_clear = attr.attr_clr,
		.propagation = attr.propagation),
	   SYS_mount_setattr, AT_FDCWD, "/no-such", AT_SYMLINK_NOFOLLOW, &attr, sizeof(attr));
	DO(STEP(.op = "MOVE_MOUNT", .fs = "tmpfs", .src = "ours", .src_fd = FD(fd), .dest = a,
		.flags = MOVE_MOUNT_F_EMPTY_PATH),
	   SYS_move_mount, fd, "", AT_FDCWD, a, MOVE_MOUNT_F_EMPTY_PATH);
	close(fd);
	DO(STEP(.op = "OPEN_TREE", .src = "/no-such", .flags = AT_NO_AUTOMOUNT), SYS_open_tree,
	   AT_FDCWD, "/no-such", AT_NO_AUTOMOUNT);
	/* Failing, so that it is the same on kernels without this call. */
	DO(STEP(.op = "OPEN_TREE_ATTR", .src = "/no-such", .flags = OPEN_TREE_CLONE,
		.attrs = attr.attr_set, .attrs_clear = attr.attr_clr,
		.propagation = attr.propagation),
	   SYS_open_tree_attr, AT_FDCWD, "/no-such", OPEN_TREE_CLONE, &attr, sizeof(attr));
}

static void pick_and_reconfigure(const char *b)
{
	unsigned flags = FSPICK_CLOEXEC | FSPICK_NO_AUTOMOUNT;
	int fd = (int)DO(STEP(.op = "FSPICK", .fs = "tmpfs", .dest = b, .flags = flags), SYS_fspick,
			 AT_FDCWD, b, flags);

	DO(CONFIG("FLAG", fd, .key = "ro"), SYS_fsconfig, fd, FSCONFIG_SET_FLAG, "ro", NULL, 0);
	DO(CONFIG("RECONFIGURE", fd), SYS_fsconfig, fd, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0);
	close(fd);
	DO(STEP(.op = "FSPICK", .dest = "/no-such"), SYS_fspick, AT_FDCWD, "/no-such", 0);
}

static void pivot(const char *folder)
{
	must(mkdir(path(folder, "old"), 0755) == 0, "mkdir");
	DO(STEP(.op = "PIVOT_ROOT", .src = folder, .dest = path(folder, "old")), SYS_pivot_root,
	   folder, path(folder, "old"));
}

static int run_calls(const char *folder)
{
	const char *a = path(folder, "a"), *b = path(folder, "b");

	a = strdup(a);
	b = strdup(b);
	must(a && b && unshare(CLONE_NEWNS) == 0, "unshare");
	wait_for_go();
	printf("{\"pid\":%d,\"steps\":[", getpid());
	mount_and_unmount(folder, a, b);
	fail_to_mount(folder, a);
	fail_without_permission();
	fail_by_32bit_call();
	mount_configured(configure(), b);
	clone_and_change(a, b);
	pick_and_reconfigure(b);
	pivot(folder);
	printf("]}\n");
	return 0;
}

/* ---- many ----------------------------------------------------------------------------- */

struct work {
	uint64_t count, failed;
};

static void *work_run(void *arg)
{
	struct work *work = arg;

	for (uint64_t i = 0; i < work->count; i++)
		if (umount2("/no-such", 0) < 0 && errno == ENOENT)
			work->failed++;
	return NULL;
}

static int run_many(unsigned long count, unsigned threads)
{
	static struct work works[MAX_THREADS];
	pthread_t ids[MAX_THREADS];
	uint64_t failed = 0;

	wait_for_go();
	for (unsigned i = 0; i < threads; i++) {
		works[i].count = count / threads + (i < count % threads);
		must(pthread_create(&ids[i], NULL, work_run, &works[i]) == 0, "pthread_create");
	}
	for (unsigned i = 0; i < threads; i++) {
		pthread_join(ids[i], NULL);
		failed += works[i].failed;
	}
	printf("{\"pid\":%d,\"failed\":%llu}\n", getpid(), (unsigned long long)failed);
	return 0;
}

int main(int argc, char **argv)
{
	unsigned long count = argc == 4 ? strtoul(argv[2], NULL, 10) : 0;
	unsigned long threads = argc == 4 ? strtoul(argv[3], NULL, 10) : 0;

	if (argc == 3 && strcmp(argv[1], "calls") == 0)
		return run_calls(argv[2]);
	if (argc == 4 && strcmp(argv[1], "many") == 0 && count && threads && threads <= MAX_THREADS)
		return run_many(count, (unsigned)threads);
	fprintf(stderr, "usage: mounts calls FOLDER | mounts many COUNT THREADS\n");
	return 64;
}
