/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starts programs, and tries to start some that cannot be, and prints the record
 * each attempt must give.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int failures;

static void print_args(char *const *args)
{
	unsigned long size = 0;
	unsigned count = 0;

	printf("\"args\": [");
	for (; args[count]; count++) {
		printf("%s\"%s\"", count ? ", " : "", args[count]);
		size += strlen(args[count]) + 1;
	}
	printf("], \"args_count\": %u, \"args_size\": %lu, ", count, size);
}

/* A child executes the file; `comm` is what it is called behind the attempt. */
static void attempt(const char *file, char *const *args, const char *comm, int ret,
		    const char *error)
{
	int status;
	pid_t pid = fork();

	if (pid < 0)
		exit(1);
	if (pid == 0) {
		execv(file, args);
		_exit(ret ? 7 : 8);
	}
	waitpid(pid, &status, 0);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != (ret ? 7 : 0))
		failures++;
	printf("{\"event\": \"exec\", \"proc.comm\": \"%s\", \"proc.pid\": %d, \"proc.tid\": %d, "
	       "\"proc.parent.comm\": \"execs\", \"proc.parent.pid\": %d, ",
	       comm, pid, pid, getpid());
	print_args(args);
	printf("\"ret\": %d, \"error\": \"%s\", \"filename\": \"%s\", \"args_cut\": false, "
	       "\"filename_cut\": false}\n",
	       ret, error, file);
}

int main(void)
{
	char many[3000];
	char *const plain[] = { "true", NULL };
	char *const odd[] = { "/bin/true", "", "two words", "--", many, NULL };
	char *const missing[] = { "nothing", "here", NULL };

	memset(many, 'x', sizeof(many) - 1);
	many[sizeof(many) - 1] = 0;
	/* Buffered output would be printed by each child, too. */
	setvbuf(stdout, NULL, _IONBF, 0);
	attempt("/bin/true", plain, "true", 0, "");
	attempt("/bin/true", odd, "true", 0, "");
	attempt("/nonexistent/program", missing, "execs", -2, "ENOENT");
	attempt("/proc/version", plain, "execs", -13, "EACCES");
	return failures;
}
