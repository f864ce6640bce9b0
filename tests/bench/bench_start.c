/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_start: from the start of trace_open to its first event, and what that is made of.
 *
 *   inspect      read the object and its metadata, check both, make the model
 *   load         make the maps, relocate the programs, have the kernel verify them
 *   transport    map the ring
 *   attach       all programs, one after the other
 *   first event  one openat(2), until its record is read from the ring
 *
 * The parts are timed one by one in this program, with the functions that gadgetctl calls.
 * Then the same for the whole of it: `gadgetctl run trace_open -o json`, from fork() to the
 * first byte in a pipe, while a file is opened every millisecond.  Printed are the median and the
 * range of some rounds.  Aim: 100 ms for the whole.  Needs root.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "gadget/inspect.h"
#include "gadget/load.h"

enum { ROUNDS = 15, ROWS = 64, PATIENCE_MS = 10 * 1000 };
enum { INSPECT, LOAD, TRANSPORT, ATTACH, FIRST_EVENT, SUM, WHOLE, NPARTS };

static const char *const names[NPARTS] = {
	"inspect", "load", "transport", "attach", "first event", "sum", "gadgetctl run",
};

#define AIM_MS 100.0

static double now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void die(const char *what, const char *why)
{
	(void)fprintf(stderr, "bench_start: %s: %s\n", what, why);
	exit(1);
}

static void open_something(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		die("/dev/null", strerror(errno));
	(void)close(fd);
}

/* ---- the parts -------------------------------------------------------------- */

/* The time since the last part ended. */
static double lap(double *at)
{
	double now = now_ms(), took = now - *at;

	*at = now;
	return took;
}

static void wait_for_record(struct transport *transport, const struct model_source *source)
{
	struct arena arena = ARENA_INIT;
	struct haul haul;
	double end = now_ms() + PATIENCE_MS;

	haul_init(&haul, &arena, ROWS, source->row_min, source->row_max);
	open_something();
	while (transport_read(transport, &haul), !haul.n) {
		transport_release(transport);
		if (now_ms() > end)
			die("trace_open", "no record of an open");
	}
	transport_release(transport);
	arena_release(&arena);
}

static void run_parts(double *ms)
{
	static struct transport transport;
	struct error err = ERROR_INIT;
	const struct load_options options = { 0 };
	const struct model *model;
	struct transport_map map;
	struct gadget_place place;
	struct loaded *loaded;
	struct arena arena = ARENA_INIT;
	double at = now_ms();

	if (gadget_find(&arena, "trace_open", NULL, &place, &err) < 0 ||
	    inspect_file(&arena, &place, NULL, &model, &err) < 0)
		die("inspect", err.text);
	ms[INSPECT] = lap(&at);
	if (load_gadget(model, &options, &loaded, &err) < 0)
		die("load", err.text);
	ms[LOAD] = lap(&at);
	map = loaded_transport(loaded, 0);
	if (transport_open(&transport, &map, &err) < 0)
		die("transport", err.text);
	ms[TRANSPORT] = lap(&at);
	if (loaded_attach(loaded, &err) < 0)
		die("attach", err.text);
	ms[ATTACH] = lap(&at);
	wait_for_record(&transport, &model->sources[0]);
	ms[FIRST_EVENT] = lap(&at);
	ms[SUM] = 0;
	for (int i = 0; i < SUM; i++)
		ms[SUM] += ms[i];
	loaded_detach(loaded);
	transport_close(&transport);
	loaded_free(loaded);
	arena_release(&arena);
}

/* ---- the whole -------------------------------------------------------------- */

static void exec_gadgetctl(const char *program, int out)
{
	int null = open("/dev/null", O_RDONLY);

	(void)dup2(null, STDIN_FILENO);
	(void)dup2(out, STDOUT_FILENO);
	(void)execl(program, "gadgetctl", "run", "trace_open", "-o", "json", (char *)NULL);
	_exit(127);
}

static double run_whole(const char *program)
{
	struct pollfd reader;
	double began = now_ms(), took;
	int ends[2], status;
	pid_t child;

	if (pipe(ends) < 0)
		die("pipe", strerror(errno));
	child = fork();
	if (child < 0)
		die("fork", strerror(errno));
	if (child == 0)
		exec_gadgetctl(program, ends[1]);
	(void)close(ends[1]);
	reader = (struct pollfd){ .fd = ends[0], .events = POLLIN };
	while (poll(&reader, 1, 1) == 0) {
		if (now_ms() - began > PATIENCE_MS)
			die(program, "no event");
		open_something();
	}
	took = now_ms() - began;
	if (!(reader.revents & POLLIN))
		die(program, "ended without an event");
	(void)close(ends[0]);
	(void)kill(child, SIGTERM);
	(void)waitpid(child, &status, 0);
	return took;
}

/* ---- the figures ------------------------------------------------------------ */

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Print a part's figures; returns its median. */
static double tell(const char *name, double *ms)
{
	qsort(ms, ROUNDS, sizeof(*ms), by_size);
	(void)printf("%-14s %8.2f ms   (%.2f to %.2f)\n", name, ms[ROUNDS / 2], ms[0],
		     ms[ROUNDS - 1]);
	return ms[ROUNDS / 2];
}

int main(void)
{
	static double ms[NPARTS][ROUNDS];
	const char *build = getenv("GADGETCTL_BUILD");
	char program[4096], gadgets[4096];
	double whole = 0;

	build = build ? build : "build";
	(void)snprintf(program, sizeof(program), "%s/gadgetctl", build);
	(void)snprintf(gadgets, sizeof(gadgets), "%s/bpf", build);
	if (geteuid() != 0)
		die("trace_open", "needs root");
	(void)setenv("GADGETCTL_GADGET_PATH", gadgets, 1);
	for (int round = 0; round < ROUNDS; round++) {
		double parts[NPARTS];

		run_parts(parts);
		parts[WHOLE] = run_whole(program);
		for (int i = 0; i < NPARTS; i++)
			ms[i][round] = parts[i];
	}
	for (int i = 0; i < NPARTS; i++)
		whole = tell(names[i], ms[i]);
	if (whole > AIM_MS)
		die("gadgetctl run", "later than it is to be");
	return 0;
}
