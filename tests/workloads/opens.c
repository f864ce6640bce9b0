/* SPDX-License-Identifier: Apache-2.0 */
/*
 * opens PATH COUNT THREADS [CALL]: open one path COUNT times from THREADS threads.
 *
 * CALL is openat (the default), open, openat2 or creat, made as a bare system call
 * so that libc cannot change it.  The threads wait for a line (or the end) on
 * stdin, so a tracer can be set up first, then start together.  Each thread counts
 * what the kernel answered; the counts are printed as JSON and are the truth a
 * tracer's output is compared with.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define MAX_THREADS 64

enum call { CALL_OPENAT, CALL_OPEN, CALL_OPENAT2, CALL_CREAT };

static const char *const call_names[] = { "openat", "open", "openat2", "creat" };

struct work {
	const char *path;
	enum call call;
	uint64_t count;
	pthread_barrier_t *start;
	/* results */
	pid_t tid;
	uint64_t ok, failed;
	int last_errno;
};

static long call_once(const struct work *work)
{
	struct open_how how = { .flags = O_RDONLY };

	switch (work->call) {
	case CALL_OPEN:
#ifdef SYS_open
		return syscall(SYS_open, work->path, O_RDONLY, 0);
#else
		break;
#endif
	case CALL_OPENAT2:
		return syscall(SYS_openat2, AT_FDCWD, work->path, &how, sizeof(how));
	case CALL_CREAT:
#ifdef SYS_creat
		return syscall(SYS_creat, work->path, 0600);
#else
		break;
#endif
	case CALL_OPENAT:
		break;
	}
	return syscall(SYS_openat, AT_FDCWD, work->path, O_RDONLY, 0);
}

static void *work_run(void *arg)
{
	struct work *work = arg;

	work->tid = (pid_t)syscall(SYS_gettid);
	pthread_barrier_wait(work->start);
	for (uint64_t i = 0; i < work->count; i++) {
		long fd = call_once(work);
		if (fd < 0) {
			work->failed++;
			work->last_errno = errno;
			continue;
		}
		work->ok++;
		close((int)fd);
	}
	return NULL;
}

static int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static void report(const struct work *works, unsigned threads, int64_t took_ns)
{
	uint64_t ok = 0, failed = 0;

	printf("{\"pid\":%d,\"call\":\"%s\",\"threads\":[", getpid(), call_names[works->call]);
	for (unsigned i = 0; i < threads; i++) {
		const struct work *w = &works[i];
		printf("%s{\"tid\":%d,\"ok\":%" PRIu64 ",\"failed\":%" PRIu64 ",\"errno\":%d}",
		       i ? "," : "", w->tid, w->ok, w->failed, w->last_errno);
		ok += w->ok;
		failed += w->failed;
	}
	printf("],\"ok\":%" PRIu64 ",\"failed\":%" PRIu64 ",\"took_ns\":%" PRId64 "}\n", ok, failed,
	       took_ns);
}

static int parse_number(const char *text, uint64_t max, uint64_t *ret_value)
{
	char *end;

	errno = 0;
	unsigned long long value = strtoull(text, &end, 10);
	if (errno || *end || end == text || !value || value > max)
		return -EINVAL;
	*ret_value = value;
	return 0;
}

static int parse_call(const char *text, enum call *ret_call)
{
	for (unsigned i = 0; i < sizeof(call_names) / sizeof(*call_names); i++) {
		if (strcmp(text, call_names[i]) == 0) {
			*ret_call = (enum call)i;
			return 0;
		}
	}
	return -EINVAL;
}

int main(int argc, char **argv)
{
	static struct work works[MAX_THREADS];
	pthread_t threads[MAX_THREADS];
	pthread_barrier_t start;
	enum call call = CALL_OPENAT;
	uint64_t count, nthreads;

	if (argc < 4 || argc > 5 || parse_number(argv[2], UINT64_MAX, &count) ||
	    parse_number(argv[3], MAX_THREADS, &nthreads) ||
	    (argc == 5 && parse_call(argv[4], &call))) {
		fprintf(stderr, "usage: opens PATH COUNT THREADS [openat|open|openat2|creat]\n");
		return 64;
	}

	pthread_barrier_init(&start, NULL, (unsigned)nthreads + 1);
	for (unsigned i = 0; i < nthreads; i++) {
		works[i] = (struct work){ .path = argv[1], .call = call, .start = &start };
		works[i].count = count / nthreads + (i < count % nthreads);
		if (pthread_create(&threads[i], NULL, work_run, &works[i]) != 0) {
			fprintf(stderr, "opens: cannot start thread %u\n", i);
			return 71;
		}
	}
	int c;
	do
		c = getchar();
	while (c != '\n' && c != EOF);

	int64_t began = now_ns();
	pthread_barrier_wait(&start);
	for (unsigned i = 0; i < nthreads; i++)
		pthread_join(threads[i], NULL);
	report(works, (unsigned)nthreads, now_ns() - began);
	return 0;
}
