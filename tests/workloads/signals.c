/* SPDX-License-Identifier: Apache-2.0 */
/*
 * signals calls            send signals in every way there is, each once, in a known order
 * signals many COUNT N     send COUNT signals from N threads as fast as they can
 *
 * Waits for a line (or the end) on stdin first.  What was done is printed as JSON and
 * is the truth a tracer's output is compared with: for `calls` one entry for each
 * step, in order, with sender, target as passed, and errno.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_THREADS 64
#define NO_PID      0x7ffffff0 /* more than any kernel gives */
#define NOBODY      65534

static void must(int is_good, const char *what)
{
	if (is_good)
		return;
	fprintf(stderr, "signals: %s: %s\n", what, strerror(errno));
	exit(71);
}

static void wait_for_go(void)
{
	int c;

	do
		c = getchar();
	while (c != '\n' && c != EOF);
}

static void told(const char *step, pid_t sender, pid_t tpid, pid_t ttid, int sig, int code)
{
	static int count;

	printf("%s\n{\"step\":\"%s\",\"pid\":%d,\"tpid\":%d,\"ttid\":%d,\"sig\":%d,\"errno\":%d}",
	       count++ ? "," : "", step, sender, tpid, ttid, sig, code);
}

/* Tell of a call of this process that returned `ret`. */
static void called(const char *step, pid_t tpid, pid_t ttid, int sig, long ret)
{
	told(step, getpid(), tpid, ttid, sig, ret < 0 ? errno : 0);
}

/* ---- the process that gets the signals ------------------------------------ */

struct target {
	pid_t pid, tid; /* tid: of its second thread */
	int end;        /* closing it ends the process */
};

struct second {
	pthread_barrier_t is_there;
	pid_t tid;
};

static void *thread_idle(void *arg)
{
	struct second *second = arg;

	second->tid = (pid_t)syscall(SYS_gettid);
	pthread_barrier_wait(&second->is_there);
	for (;;)
		pause();
	return NULL;
}

/* The child: block all signals but one it ignores, tell a second thread's tid, wait for the end. */
static void target_run(int ready, int end)
{
	static struct second second;
	pthread_t thread;
	sigset_t all;
	char c;

	sigfillset(&all);
	sigdelset(&all, SIGUSR2);
	signal(SIGUSR2, SIG_IGN);
	must(sigprocmask(SIG_SETMASK, &all, NULL) == 0, "sigprocmask");
	pthread_barrier_init(&second.is_there, NULL, 2);
	must(pthread_create(&thread, NULL, thread_idle, &second) == 0, "pthread_create");
	/* Not before: pthread_create() itself blocks every signal for a while. */
	pthread_barrier_wait(&second.is_there);
	must(write(ready, &second.tid, sizeof(second.tid)) == sizeof(second.tid), "write");
	while (read(end, &c, 1) < 0)
		;
	_exit(0);
}

static struct target target_start(void)
{
	struct target target;
	int ready[2], end[2];

	must(pipe(ready) == 0 && pipe(end) == 0, "pipe");
	target.pid = fork();
	must(target.pid >= 0, "fork");
	if (target.pid == 0) {
		close(end[1]);
		target_run(ready[1], end[0]);
	}
	close(end[0]);
	target.end = end[1];
	must(read(ready[0], &target.tid, sizeof(target.tid)) == sizeof(target.tid), "read");
	close(ready[0]);
	close(ready[1]);
	return target;
}

/* A child's end is a signal too. */
static void reap(const char *step, pid_t pid)
{
	while (waitpid(pid, NULL, 0) < 0)
		must(errno == EINTR, "waitpid");
	told(step, pid, getpid(), getpid(), SIGCHLD, 0);
}

/* ---- steps ----------------------------------------------------------------- */

static long queue(int nr, pid_t pid, pid_t tid, int sig)
{
	siginfo_t info = { .si_signo = sig, .si_code = SI_QUEUE };

	info.si_pid = getpid();
	info.si_uid = getuid();
	if (nr == SYS_rt_tgsigqueueinfo)
		return syscall(nr, pid, tid, sig, &info);
	return syscall(nr, pid, sig, &info);
}

static void send_by_every_call(const struct target *t)
{
	int pidfd = (int)syscall(SYS_pidfd_open, t->pid, 0);
	int sig = SIGRTMIN + 1;

	called("kill", t->pid, t->pid, SIGUSR1, kill(t->pid, SIGUSR1));
	called("kill_pending", t->pid, t->pid, SIGUSR1, kill(t->pid, SIGUSR1));
	called("kill_ignored", t->pid, t->pid, SIGUSR2, kill(t->pid, SIGUSR2));
	called("kill_nothing", t->pid, t->pid, 0, kill(t->pid, 0));
	called("tkill", t->pid, t->tid, SIGHUP, syscall(SYS_tkill, t->tid, SIGHUP));
	called("tgkill", t->pid, t->tid, SIGINT, syscall(SYS_tgkill, t->pid, t->tid, SIGINT));
	called("rt_sigqueueinfo", t->pid, t->pid, sig, queue(SYS_rt_sigqueueinfo, t->pid, 0, sig));
	called("rt_tgsigqueueinfo", t->pid, t->tid, sig,
	       queue(SYS_rt_tgsigqueueinfo, t->pid, t->tid, sig));
	must(pidfd >= 0, "pidfd_open");
	called("pidfd_send_signal", t->pid, t->pid, SIGTERM,
	       syscall(SYS_pidfd_send_signal, pidfd, SIGTERM, NULL, 0));
	close(pidfd);
}

/* A process may have so many signals waiting: from now on none. */
static void send_past_the_limit(const struct target *t)
{
	struct rlimit none = { 0, 0 };
	int sig = SIGRTMIN + 2;

	must(prlimit(t->pid, RLIMIT_SIGPENDING, &none, NULL) == 0, "prlimit");
	called("overflow", t->pid, t->pid, sig, queue(SYS_rt_sigqueueinfo, t->pid, 0, sig));
	called("info_lost", t->pid, t->pid, sig, kill(t->pid, sig));
}

static void fail_by_every_call(void)
{
	int sig = SIGTERM;

	called("kill_failed", NO_PID, 0, sig, kill(NO_PID, sig));
	called("kill_group_failed", -NO_PID, 0, sig, kill(-NO_PID, sig));
	called("kill_nothing_failed", NO_PID, 0, 0, kill(NO_PID, 0));
	called("kill_bad_signal", getpid(), 0, 65, kill(getpid(), 65));
	called("tkill_failed", 0, NO_PID, sig, syscall(SYS_tkill, NO_PID, sig));
	called("tgkill_failed", getpid(), NO_PID, sig, syscall(SYS_tgkill, getpid(), NO_PID, sig));
	called("rt_sigqueueinfo_failed", NO_PID, 0, sig,
	       queue(SYS_rt_sigqueueinfo, NO_PID, 0, sig));
	called("rt_tgsigqueueinfo_failed", getpid(), NO_PID, sig,
	       queue(SYS_rt_tgsigqueueinfo, getpid(), NO_PID, sig));
	called("pidfd_send_signal_failed", 0, 0, sig,
	       syscall(SYS_pidfd_send_signal, -1, sig, NULL, 0));
}

/* A user may not signal another's process. */
static void fail_without_permission(void)
{
	pid_t parent = getpid(), child;

	child = fork();
	must(child >= 0, "fork");
	if (child == 0) {
		must(setresuid(NOBODY, NOBODY, NOBODY) == 0, "setresuid");
		_exit(kill(parent, SIGTERM) == 0 ? 0 : errno);
	}
	told("kill_forbidden", child, parent, 0, SIGTERM, EPERM);
	reap("exited", child);
}

/* Each member of a process group gets its signal. */
static void send_to_group(void)
{
	struct target first = target_start(), second;

	must(setpgid(first.pid, first.pid) == 0, "setpgid");
	second = target_start();
	must(setpgid(second.pid, first.pid) == 0, "setpgid");
	must(kill(-first.pid, SIGTERM) == 0, "kill");
	/* The kernel goes through a group from its latest member to its first. */
	called("kill_group", second.pid, second.pid, SIGTERM, 0);
	called("kill_group", first.pid, first.pid, SIGTERM, 0);
	close(second.end);
	reap("exited", second.pid);
	close(first.end);
	reap("exited", first.pid);
}

/* ---- signals of the kernel ------------------------------------------------- */

static volatile sig_atomic_t seen;

static void see(int sig)
{
	seen = sig;
}

/* The kernel sends SIGPIPE as if a process had. */
static void break_a_pipe(void)
{
	int ends[2];

	must(pipe(ends) == 0, "pipe");
	signal(SIGPIPE, see);
	close(ends[0]);
	called("sigpipe", getpid(), getpid(), SIGPIPE, write(ends[1], "", 1) < 0 ? 0 : -1);
	close(ends[1]);
}

/* A timer of consumed CPU time, which only a running process can make expire. */
static void spend_time(void)
{
	struct itimerval soon = { .it_value.tv_usec = 1000 };

	signal(SIGPROF, see);
	seen = 0;
	must(setitimer(ITIMER_PROF, &soon, NULL) == 0, "setitimer");
	while (!seen)
		;
	called("timer", getpid(), getpid(), SIGPROF, 0);
}

static void touch_bad_memory(void)
{
	char *volatile nowhere = (char *)8;
	pid_t child;

	child = fork();
	must(child >= 0, "fork");
	if (child == 0) {
		/* No core file, wherever the host wants them. */
		must(prctl(PR_SET_DUMPABLE, 0) == 0, "prctl");
		*nowhere = 0;
		_exit(0);
	}
	told("segv", child, child, child, SIGSEGV, 0);
	reap("killed", child);
}

/* ---- calls of another kind -------------------------------------------------- */

/* kill() as a 32-bit program calls it; a kernel without such calls kills the caller. */
static long kill_32bit(pid_t pid, int sig)
{
	long ret = -1;

#if defined(__x86_64__)
	__asm__ volatile("int $0x80"
			 : "=a"(ret)
			 : "a"(37), "b"(pid), "c"(sig)
			 : "memory", "r8", "r9", "r10", "r11");
#endif
	return ret;
}

static void send_by_32bit_calls(void)
{
	pid_t parent = getpid(), child;
	int status = 0;

	signal(SIGUSR2, SIG_IGN);
	child = fork();
	must(child >= 0, "fork");
	if (child == 0) {
		prctl(PR_SET_DUMPABLE, 0);
		_exit(kill_32bit(NO_PID, SIGTERM) == -ESRCH && kill_32bit(parent, SIGUSR2) == 0
			      ? 0
			      : 1);
	}
	while (waitpid(child, &status, 0) < 0)
		must(errno == EINTR, "waitpid");
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		return;
	told("kill_32bit_failed", child, NO_PID, 0, SIGTERM, ESRCH);
	told("kill_32bit", child, parent, parent, SIGUSR2, 0);
	told("exited", child, parent, parent, SIGCHLD, 0);
}

static int run_calls(void)
{
	struct target target = target_start();

	wait_for_go();
	printf("{\"pid\":%d,\"steps\":[", getpid());
	send_by_every_call(&target);
	send_past_the_limit(&target);
	close(target.end);
	reap("exited", target.pid);
	fail_by_every_call();
	fail_without_permission();
	send_to_group();
	break_a_pipe();
	spend_time();
	touch_bad_memory();
	send_by_32bit_calls();
	printf("]}\n");
	return 0;
}

/* ---- many -------------------------------------------------------------------- */

struct work {
	uint64_t count, sent;
};

static void *work_run(void *arg)
{
	struct work *work = arg;
	pid_t pid = getpid(), tid = (pid_t)syscall(SYS_gettid);

	for (uint64_t i = 0; i < work->count; i++)
		if (syscall(SYS_tgkill, pid, tid, SIGURG) == 0)
			work->sent++;
	return NULL;
}

static int run_many(unsigned long count, unsigned threads)
{
	static struct work works[MAX_THREADS];
	pthread_t ids[MAX_THREADS];
	uint64_t sent = 0;

	wait_for_go();
	for (unsigned i = 0; i < threads; i++) {
		works[i].count = count / threads + (i < count % threads);
		must(pthread_create(&ids[i], NULL, work_run, &works[i]) == 0, "pthread_create");
	}
	for (unsigned i = 0; i < threads; i++) {
		pthread_join(ids[i], NULL);
		sent += works[i].sent;
	}
	printf("{\"pid\":%d,\"sig\":%d,\"sent\":%llu}\n", getpid(), SIGURG,
	       (unsigned long long)sent);
	return 0;
}

int main(int argc, char **argv)
{
	unsigned long count = argc == 4 ? strtoul(argv[2], NULL, 10) : 0;
	unsigned long threads = argc == 4 ? strtoul(argv[3], NULL, 10) : 0;

	if (argc == 2 && strcmp(argv[1], "calls") == 0)
		return run_calls();
	if (argc == 4 && strcmp(argv[1], "many") == 0 && count && threads && threads <= MAX_THREADS)
		return run_many(count, (unsigned)threads);
	fprintf(stderr, "usage: signals calls | signals many COUNT THREADS\n");
	return 64;
}
