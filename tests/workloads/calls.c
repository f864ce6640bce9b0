/* SPDX-License-Identifier: Apache-2.0 */
/*
 * calls COUNT THREADS: COUNT times getppid, getpgid and getsid, from THREADS threads.
 *
 * The calls are made as bare system calls, COUNT of each in all.  The threads wait for
 * a line (or the end) on stdin.  When they are done, it prints its process id.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MAX_THREADS 64

static void *call(void *arg)
{
	for (long left = *(const long *)arg; left > 0; left--) {
		(void)syscall(SYS_getppid);
		(void)syscall(SYS_getpgid, 0);
		(void)syscall(SYS_getsid, 0);
	}
	return NULL;
}

/* An argument, or 1 when it is not there; 0 when it is no number. */
static long number(int argc, char **argv, int i)
{
	char *end;
	long n = i < argc ? strtol(argv[i], &end, 10) : 1;

	return i < argc && *end ? 0 : n;
}

int main(int argc, char **argv)
{
	long count = number(argc, argv, 1), n = number(argc, argv, 2);
	long shares[MAX_THREADS];
	pthread_t threads[MAX_THREADS];

	if (count < 1 || n < 1 || n > MAX_THREADS) {
		(void)fprintf(stderr, "usage: calls COUNT THREADS\n");
		return 2;
	}
	(void)getchar();
	for (long i = 0; i < n; i++) {
		shares[i] = count / n + (i < count % n);
		if (pthread_create(&threads[i], NULL, call, &shares[i]))
			return 1;
	}
	for (long i = 0; i < n; i++)
		(void)pthread_join(threads[i], NULL);
	(void)printf("%d\n", (int)getpid());
	return 0;
}
