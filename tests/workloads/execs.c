/* SPDX-License-Identifier: Apache-2.0 */
/*
 * execs COUNT PROGRAM [ARG...]: execute PROGRAM with these arguments COUNT times.
 *
 * Waits for a line (or the end) on stdin first.  A PROGRAM that cannot be executed
 * is a counted result, not an error.  The children run one after the other with
 * stdout and stderr closed; what happened is printed as JSON, with the pid of each
 * child in order, and is the truth a tracer's output is compared with.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_COUNT 1000000

extern char **environ;

/* Run one child; return 0, or the errno of its failed exec. */
static int exec_once(char **argv, pid_t *ret_pid)
{
	volatile int failure = 0; /* shared with the child until it execs or exits */
	pid_t pid = vfork();

	if (pid == 0) {
		close(STDOUT_FILENO);
		close(STDERR_FILENO);
		execve(argv[0], argv, environ);
		failure = errno;
		_exit(127);
	}
	if (pid < 0) {
		perror("execs: vfork");
		exit(71);
	}
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	*ret_pid = pid;
	return failure;
}

int main(int argc, char **argv)
{
	char *end = NULL;
	unsigned long count = argc > 2 ? strtoul(argv[1], &end, 10) : 0;
	if (!end || *end || !count || count > MAX_COUNT) {
		fprintf(stderr, "usage: execs COUNT PROGRAM [ARG...]\n");
		return 64;
	}
	pid_t *pids = calloc(count, sizeof(*pids));
	if (!pids)
		return 71;

	int c;
	do
		c = getchar();
	while (c != '\n' && c != EOF);

	unsigned long ok = 0, failed = 0;
	int last_errno = 0;
	for (unsigned long i = 0; i < count; i++) {
		int code = exec_once(argv + 2, &pids[i]);
		if (code) {
			failed++;
			last_errno = code;
		} else {
			ok++;
		}
	}

	printf("{\"pid\":%d,\"ok\":%lu,\"failed\":%lu,\"errno\":%d,\"pids\":[", getpid(), ok,
	       failed, last_errno);
	for (unsigned long i = 0; i < count; i++)
		printf("%s%d", i ? "," : "", pids[i]);
	printf("]}\n");
	free(pids);
	return 0;
}
