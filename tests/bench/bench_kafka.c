/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_kafka: messages per second, and CPU per message, of a pipeline from
 * `generate` to `kafka`, beside a plain loop around rd_kafka_produce().
 *
 * Both send messages of the same size with the same librdkafka settings to
 * librdkafka's mock cluster, a process of its own whose CPU is not counted; a
 * message counts when its delivery report is in.  The loop sends one text over
 * and over; the pipeline makes each record, encodes it, keeps its books and gives
 * it its own time stamp.  By turns, each in a process of its own; medians.
 */
#include <errno.h>
#include <librdkafka/rdkafka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include "engine/pipeline.h"

enum { MESSAGES = 1000000, ROUNDS = 3 };

struct result {
	double seconds, cpu_seconds;
	uint64_t delivered, bytes;
};

static const char *bootstrap;
static const char *compression;

static double now_s(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static double cpu_s(void)
{
	struct rusage used;

	(void)getrusage(RUSAGE_SELF, &used);
	return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
	       (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static void die(const char *what)
{
	(void)fprintf(stderr, "bench_kafka: %s\n", what);
	exit(1);
}

/* ---- the plain loop --------------------------------------------------- */

static void on_report(rd_kafka_t *producer, const rd_kafka_message_t *message, void *arg)
{
	struct result *result = arg;

	(void)producer;
	if (!message->err)
		result->delivered++;
}

static void set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
	char why[256];

	if (rd_kafka_conf_set(conf, name, value, why, sizeof(why)) != RD_KAFKA_CONF_OK)
		die(why);
}

static void run_loop(struct result *result)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	size_t len = (size_t)(result->bytes / MESSAGES);
	char why[256], *text = malloc(len);

	/* As compressible as a record: some of it differs from message to message. */
	for (size_t i = 0; i < len; i++)
		text[i] = (char)('a' + i % 26);
	set(conf, "bootstrap.servers", bootstrap);
	set(conf, "enable.idempotence", "true");
	set(conf, "compression.type", compression);
	set(conf, "linger.ms", "5");
	rd_kafka_conf_set_dr_msg_cb(conf, on_report);
	rd_kafka_conf_set_opaque(conf, result);
	rd_kafka_t *producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
	if (!producer)
		die(why);
	rd_kafka_topic_t *topic = rd_kafka_topic_new(producer, "bench", NULL);
	for (int i = 0; i < MESSAGES; i++) {
		(void)snprintf(text, len, "{\"number\":%08d", i);
		while (rd_kafka_produce(topic, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, text,
					len, NULL, 0, NULL) != 0)
			rd_kafka_poll(producer, 10);
		rd_kafka_poll(producer, 0);
	}
	rd_kafka_flush(producer, 60000);
	rd_kafka_topic_destroy(topic);
	rd_kafka_destroy(producer);
	free(text);
}

/* ---- the pipeline ----------------------------------------------------- */

static void on_end(void *arg, const struct error *err)
{
	if (err)
		die(err->text);
	uv_stop(arg);
}

static void read_books(struct pipeline *pipeline, struct result *result)
{
	const struct books *books = pipeline_books(pipeline);
	const struct account *sink = books->accounts[books->naccounts - 1];
	struct error err = ERROR_INIT;

	if (books_check(books, &err) < 0)
		die(err.text);
	result->delivered = sink->delivered;
	result->bytes = sink->bytes;
}

static void run_pipeline(struct result *result)
{
	struct arena arena = ARENA_INIT;
	struct error err = ERROR_INIT;
	struct yaml_node *root;
	struct config *config;
	struct pipeline *pipeline;
	uv_loop_t loop;
	const struct pipeline_options options = { .loop = &loop,
						  .clock = clock_system(),
						  .host = "bench",
						  .shutdown_timeout_ns = 60 * NS_PER_S,
						  .on_end = on_end,
						  .arg = &loop };
	const char *text = arena_printf(
		&arena,
		"sources:\n  gen: { type: generate, count: %d }\n"
		"sinks:\n  out: { type: kafka, inputs: [gen], brokers: ['%s'], topic: bench, "
		"compression: %s, linger: 5ms, buffer: { when_full: block } }\n",
		MESSAGES, bootstrap, compression);

	if (uv_loop_init(&loop) < 0 ||
	    yaml_parse(&arena, "bench", text, strlen(text), &root, &err) < 0 ||
	    config_read(&arena, &registry_builtin, "bench", root, &config, &err) < 0 ||
	    pipeline_new(config, &options, &pipeline, &err) < 0 ||
	    pipeline_start(pipeline, &err) < 0)
		die(err.text);
	(void)uv_run(&loop, UV_RUN_DEFAULT);
	read_books(pipeline, result);
	pipeline_free(pipeline);
	(void)uv_loop_close(&loop);
	arena_release(&arena);
}

/* ---- measuring -------------------------------------------------------- */

/* One run in a process of its own, so that threads and memory start fresh. */
static struct result measure(void (*run)(struct result *), uint64_t bytes)
{
	struct result *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct result result;
	int status;

	if (shared == MAP_FAILED)
		die("no memory");
	shared->bytes = bytes;
	pid_t pid = fork();
	if (pid == 0) {
		double started = now_s(), cpu = cpu_s();

		run(shared);
		shared->seconds = now_s() - started;
		shared->cpu_seconds = cpu_s() - cpu;
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0 || status != 0)
		die("a run failed");
	result = *shared;
	(void)munmap(shared, sizeof(*shared));
	if (result.delivered != MESSAGES)
		die("not every message was delivered");
	return result;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values)
{
	qsort(values, ROUNDS, sizeof(*values), by_value);
	return values[ROUNDS / 2];
}

static void print(const char *name, double *seconds, double *cpu)
{
	double s = median(seconds), c = median(cpu);

	(void)printf("  %-24s %6.2f M messages/s  %6.0f ns CPU/message\n", name, MESSAGES / s / 1e6,
		     c / MESSAGES * 1e9);
}

static void compare(const char *with)
{
	double loop_s[ROUNDS], loop_cpu[ROUNDS], pipe_s[ROUNDS], pipe_cpu[ROUNDS];
	uint64_t bytes = 0;

	compression = with;
	for (int i = 0; i < ROUNDS; i++) {
		struct result pipe = measure(run_pipeline, 0);
		struct result loop = measure(run_loop, pipe.bytes);

		bytes = pipe.bytes;
		pipe_s[i] = pipe.seconds;
		pipe_cpu[i] = pipe.cpu_seconds;
		loop_s[i] = loop.seconds;
		loop_cpu[i] = loop.cpu_seconds;
	}
	(void)printf("%d messages of %llu bytes, compression %s:\n", MESSAGES,
		     (unsigned long long)(bytes / MESSAGES), with);
	print("plain produce loop", loop_s, loop_cpu);
	print("generate | json | kafka", pipe_s, pipe_cpu);
	(void)printf("  rate %.2f times, CPU %.2f times the loop's\n",
		     median(loop_s) / median(pipe_s), median(pipe_cpu) / median(loop_cpu));
}

static void start_mock(void)
{
	static char line[256], answer[16];
	const char *build = getenv("GADGETCTL_BUILD");
	int in[2], out[2];
	char path[4096];

	(void)snprintf(path, sizeof(path), "%s/tests/interop/kafka_mock", build ? build : "build");
	if (pipe(in) < 0 || pipe(out) < 0)
		die("no pipe");
	if (fork() == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)dup2(in[0], 0);
		(void)dup2(out[1], 1);
		(void)execl(path, path, "1", NULL);
		_exit(127);
	}
	(void)close(out[1]);
	FILE *answers = fdopen(out[0], "r");
	if (!fgets(line, sizeof(line), answers))
		die("cannot start the mock cluster (make test-programs)");
	line[strcspn(line, "\n")] = '\0';
	bootstrap = line;
	if (dprintf(in[1], "topic bench 4\n") < 0 || !fgets(answer, sizeof(answer), answers))
		die("the mock cluster does not answer");
}

int main(void)
{
	start_mock();
	compare("none");
	compare("lz4");
	compare("zstd");
	return 0;
}
