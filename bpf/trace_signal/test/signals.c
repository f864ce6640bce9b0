/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sends signals to itself in every way there is, and where nobody is, and prints
 * the record each call must give.
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Beyond every pid there can be. */
#define NOBODY 2000000000

static int failures;

static void on_signal(int number)
{
	(void)number;
}

static void expect(const char *sig, const char *origin, const char *code, const char *result,
		   bool group)
{
	printf("{\"event\": \"signal\", \"proc.pid\": %d, \"proc.tid\": %d, \"sig\": \"%s\", "
	       "\"origin\": \"%s\", \"code\": \"%s\", \"result\": \"%s\", \"error\": \"\", "
	       "\"error_raw\": 0, \"tpid\": %d, \"ttid\": %d, \"tcomm\": \"signals\", \"group\": %s}\n",
	       getpid(), getpid(), sig, origin, code, result, getpid(), getpid(),
	       group ? "true" : "false");
}

static void expect_failure(const char *sig, const char *origin, const char *error, int number,
			   int tpid)
{
	printf("{\"event\": \"signal\", \"proc.pid\": %d, \"sig\": \"%s\", \"origin\": \"%s\", "
	       "\"error\": \"%s\", \"error_raw\": %d, \"tpid\": %d, \"tcomm\": \"\"}\n",
	       getpid(), sig, origin, error, number, tpid);
}

static void check(long r, int error)
{
	if (error ? r != -1 || errno != error : r != 0) {
		fprintf(stderr, "a call returned %ld, errno %d\n", r, errno);
		failures++;
	}
}

int main(void)
{
	siginfo_t info = { 0 };
	sigset_t set;

	signal(SIGUSR1, on_signal);
	signal(SIGUSR2, SIG_IGN);
	signal(SIGRTMIN + 2, on_signal);

	check(kill(getpid(), SIGUSR1), 0);
	expect("SIGUSR1", "kill", "SI_USER", "delivered", true);
	check(kill(getpid(), SIGUSR2), 0);
	expect("SIGUSR2", "kill", "SI_USER", "ignored", true);
	check(syscall(SYS_tkill, getpid(), SIGUSR1), 0);
	expect("SIGUSR1", "tkill", "SI_TKILL", "delivered", false);
	check(syscall(SYS_tgkill, getpid(), getpid(), SIGUSR1), 0);
	expect("SIGUSR1", "tgkill", "SI_TKILL", "delivered", false);
	info.si_code = SI_QUEUE;
	info.si_pid = getpid();
	check(syscall(SYS_rt_sigqueueinfo, getpid(), SIGRTMIN + 2, &info), 0);
	expect("SIGRTMIN+2", "rt_sigqueueinfo", "SI_QUEUE", "delivered", true);

	/* Blocked, the second one finds the first still waiting. */
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	check(kill(getpid(), SIGUSR1), 0);
	expect("SIGUSR1", "kill", "SI_USER", "delivered", true);
	check(kill(getpid(), SIGUSR1), 0);
	expect("SIGUSR1", "kill", "SI_USER", "already_pending", true);

	check(kill(NOBODY, SIGTERM), ESRCH);
	expect_failure("SIGTERM", "kill", "ESRCH", ESRCH, NOBODY);
	check(syscall(SYS_tgkill, NOBODY, NOBODY, SIGINT), ESRCH);
	expect_failure("SIGINT", "tgkill", "ESRCH", ESRCH, NOBODY);
	return failures != 0;
}
