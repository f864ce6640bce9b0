/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kafka sink against librdkafka's mock cluster (a process of its own, so
 * that faults can be injected), with an engine that only keeps the score.
 *
 * Chunk memory is freed the moment the sink gives a chunk up, so that the
 * sanitizer sees whoever still reads it.  What arrived is read with kcat.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include <cmocka.h>

#include "base/log.h"
#include "engine/component.h"

extern const struct sink_type sink_kafka;

enum {
	DEADLINE_S = 30,
	MAX_RECORDS = 20000,
	PRODUCE = 0, /* the protocol's numbers */
	INIT_PRODUCER_ID = 22,
	OUT_OF_ORDER_SEQUENCE = 45,
	NOT_LEADER = 6,
	REQUEST_TIMED_OUT = 7,
	MESSAGE_TOO_LARGE = 10,
	TOPIC_FORBIDDEN = 29,
	INVALID_RECORD = 87,
};

/* ---- the codec: not what is tested ------------------------------------ */

static const struct encoder no_encoder;

static int codec_compile(struct arena *arena, const struct schema *schema,
			 const struct encoder_options *encoder_options,
			 const struct encoder **ret_encoder, struct error *err)
{
	(void)arena, (void)schema, (void)encoder_options, (void)err;
	*ret_encoder = &no_encoder;
	return 0;
}

const struct codec codec_json = { .name = "json", .compile = codec_compile };
const struct codec codec_msgpack = { .name = "msgpack", .compile = codec_compile };

/* ---- the engine ------------------------------------------------------- */

struct sink {
	const char *id;
	struct arena arena;
	uv_loop_t loop;
	uv_timer_t tick, deadline;
	void *self;
	uint32_t window, nout;
	uint64_t next_id;
	uint64_t delivered, rejected[2], retries, maybe_twice;
	bool hands_out_again;   /* what came back, at the next tick */
	struct chunk *returned; /* given back, still pending */
	char why[256];
	struct error failure;
};

struct arena *sink_arena(struct sink *sink)
{
	return &sink->arena;
}

struct uv_loop_s *sink_loop(struct sink *sink)
{
	return &sink->loop;
}

struct clock *sink_clock(struct sink *sink)
{
	(void)sink;
	return clock_system();
}

const char *sink_id(struct sink *sink)
{
	return sink->id;
}

void sink_set_window(struct sink *sink, uint32_t chunks)
{
	sink->window = chunks;
}

void sink_fail(struct sink *sink, const struct error *err)
{
	sink->failure = *err;
}

void sink_maybe_twice(struct sink *sink, uint64_t n)
{
	sink->maybe_twice += n;
}

static void chunk_free(struct chunk *chunk)
{
	free(chunk->bytes);
	free(chunk->keys);
	free(chunk->recs);
	free(chunk);
}

void sink_settle(struct sink *sink, struct chunk *chunk, uint32_t first, uint32_t n, enum fate fate,
		 uint32_t why)
{
	assert_true(n > 0 && first + n <= chunk->nrecs);
	for (uint32_t i = first; i < first + n; i++) {
		assert_int_equal(chunk->recs[i].fate, PENDING);
		chunk->recs[i].fate = (uint8_t)fate;
		chunk->npending--;
	}
	if (fate == DELIVERED)
		sink->delivered += n;
	else
		sink->rejected[why] += n;
	if (chunk->npending == 0) {
		sink->nout--;
		chunk_free(chunk);
	}
}

static void hand_out(struct sink *sink, struct chunk *chunk)
{
	chunk->sink_data = NULL;
	sink->nout++;
	assert_true(sink->nout <= sink->window);
	sink_kafka.write(sink->self, chunk);
}

void sink_retry(struct sink *sink, struct chunk *chunk, int64_t after_ns, const char *why)
{
	assert_true(chunk->npending > 0 && after_ns == 0);
	sink->nout--;
	sink->retries++;
	snprintf(sink->why, sizeof(sink->why), "%s", why);
	chunk->next = sink->returned;
	sink->returned = chunk;
}

/* ---- the mock cluster ------------------------------------------------- */

struct mock {
	pid_t pid;
	FILE *commands, *answers;
	char bootstrap[256];
};

static int move_fd(int from, int to)
{
	return from == to ? 0 : dup2(from, to);
}

/* Start a program with its standard input and output in our hands. */
static pid_t spawn(char *const *argv, FILE **ret_in, FILE **ret_out)
{
	int in[2], out[2];
	pid_t pid;

	assert_int_equal(pipe2(in, O_CLOEXEC) | pipe2(out, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		move_fd(in[0], STDIN_FILENO);
		move_fd(out[1], STDOUT_FILENO);
		execvp(argv[0], argv);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	*ret_in = fdopen(in[1], "w");
	*ret_out = fdopen(out[0], "r");
	return pid;
}

/* It is built beside this program. */
static void mock_start(struct mock *mock)
{
	static const char beside[] = "/../interop/kafka_mock";
	char path[4096];
	char *argv[] = { path, NULL };
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - sizeof(beside) - 1);

	assert_true(n > 0);
	path[n] = '\0';
	memcpy(strrchr(path, '/'), beside, sizeof(beside));
	mock->pid = spawn(argv, &mock->commands, &mock->answers);
	assert_non_null(fgets(mock->bootstrap, sizeof(mock->bootstrap), mock->answers));
	mock->bootstrap[strcspn(mock->bootstrap, "\n")] = '\0';
}

static void mock_tell(struct mock *mock, const char *fmt, ...)
{
	char answer[256];
	va_list args;

	va_start(args, fmt);
	vfprintf(mock->commands, fmt, args);
	va_end(args);
	fputc('\n', mock->commands);
	fflush(mock->commands);
	assert_non_null(fgets(answer, sizeof(answer), mock->answers));
	assert_string_equal(answer, "ok\n");
}

static void mock_end(struct mock *mock)
{
	if (!mock->pid)
		return;
	fclose(mock->commands);
	fclose(mock->answers);
	kill(mock->pid, SIGKILL);
	waitpid(mock->pid, NULL, 0);
}

/* ---- a sink under test ------------------------------------------------ */

struct test {
	struct mock mock;
	struct sink sink;
	uint32_t next;                /* number of the next record */
	uint32_t copies[MAX_RECORDS]; /* how often each was read back */
};

static int setup(void **state)
{
	struct test *test = calloc(1, sizeof(*test));

	log_set_level(LOG_LEVEL_ERROR);
	test->sink.id = "bus";
	assert_int_equal(uv_loop_init(&test->sink.loop), 0);
	*state = test;
	return 0;
}

static void end_sink(struct test *test)
{
	if (test->sink.self)
		sink_kafka.release(test->sink.self);
	uv_run(&test->sink.loop, UV_RUN_DEFAULT);
	free(test->sink.self);
	test->sink.self = NULL;
}

static int teardown(void **state)
{
	struct test *test = *state;
	struct chunk *chunk;

	while ((chunk = test->sink.returned)) {
		test->sink.returned = chunk->next;
		chunk_free(chunk);
	}
	end_sink(test);
	uv_loop_close(&test->sink.loop);
	mock_end(&test->mock);
	arena_release(&test->sink.arena);
	free(test);
	return 0;
}

/* Options as text, as far as open(); 0 or the error. */
static int try_open(struct test *test, const char *text, struct error *err)
{
	struct sink *sink = &test->sink;
	struct yaml_node *map;
	int r;

	sink->self = calloc(1, sink_kafka.base.size);
	r = yaml_parse(&sink->arena, "f.yaml", text, strlen(text), &map, err);
	if (!r)
		r = opt_parse(sink_kafka.base.options, map, NULL, "kafka 'bus'", sink->self,
			      &sink->arena, err);
	if (r) {
		free(sink->self); /* release is not due before open */
		sink->self = NULL;
		return r;
	}
	return sink_kafka.open(sink->self, sink, err);
}

static struct schema *make_schema(struct test *test, const char *event)
{
	struct schema_builder builder;
	struct schema_head head = { .event = event, .source = "s", .gadget = "g", .host = "h" };
	struct field pid = { .name = "pid", .type = TYPE_UINT, .layout = LAYOUT_U32, .size = 4 };
	struct field comm = {
		.name = "comm", .type = TYPE_STRING, .layout = LAYOUT_CHARS, .at = 4, .size = 16
	};

	schema_begin(&builder, &test->sink.arena, &head);
	assert_int_equal(schema_add(&builder, &pid), 0);
	assert_int_equal(schema_add(&builder, &comm), 0);
	return (struct schema *)(uintptr_t)schema_end(&builder);
}

/* A running sink with one topic; `more` is further options. */
static void start_sink(struct test *test, const char *more)
{
	struct error err = ERROR_INIT;
	struct encoding encoding;
	char options[1024];

	mock_start(&test->mock);
	mock_tell(&test->mock, "topic t 3");
	snprintf(options, sizeof(options), "brokers: ['%s']\ntopic: t\n%s", test->mock.bootstrap,
		 more);
	if (try_open(test, options, &err) ||
	    sink_kafka.bind(test->sink.self, make_schema(test, "e"), &encoding, &err) ||
	    sink_kafka.start(test->sink.self, &err))
		fail_msg("%s", err.text);
	assert_int_equal(encoding.route, 0);
}

/* A chunk of n records {"n":NUMBER,...} of len bytes; the first is settled already. */
static struct chunk *make_chunk(struct test *test, uint32_t n, uint32_t len)
{
	struct chunk *chunk = calloc(1, sizeof(*chunk));

	chunk->nrecs = n + 1;
	chunk->npending = chunk->nevents = n;
	chunk->recs = calloc(n + 1, sizeof(*chunk->recs));
	chunk->bytes = malloc((size_t)n * len);
	memset(chunk->bytes, ' ', (size_t)n * len);
	chunk->keys = malloc((size_t)n * 16);
	chunk->id = ++test->sink.next_id;
	chunk->recs[0] = (struct crec){ .fate = DELIVERED, .is_mark = 1 };
	for (uint32_t i = 0; i < n; i++) {
		struct crec *rec = &chunk->recs[i + 1];
		char text[32];
		int used = snprintf(text, sizeof(text), "{\"n\":%u", test->next);

		*rec = (struct crec){ .at = i * len, .len = len };
		rec->key_at = chunk->keys_len;
		rec->key_len = (uint32_t)snprintf((char *)chunk->keys + rec->key_at, 16, "k%u",
						  test->next % 100);
		chunk->keys_len += rec->key_len;
		rec->time_ns = INT64_C(1700000000) * NS_PER_S + test->next * NS_PER_MS;
		memcpy(chunk->bytes + rec->at, text, (size_t)used);
		chunk->bytes[rec->at + len - 1] = '}';
		test->next++;
	}
	return chunk;
}

static void send_chunks(struct test *test, uint32_t nchunks, uint32_t n, uint32_t len)
{
	for (uint32_t i = 0; i < nchunks; i++)
		hand_out(&test->sink, make_chunk(test, n, len));
}

static void on_tick(uv_timer_t *timer)
{
	struct sink *sink = timer->data;
	struct chunk *chunk = sink->returned, *next;

	if (!sink->hands_out_again)
		return;
	sink->returned = NULL; /* what comes back at once waits for the next tick */
	for (; chunk; chunk = next) {
		next = chunk->next;
		hand_out(sink, chunk);
	}
}

static void on_deadline(uv_timer_t *timer)
{
	(void)timer;
	fail_msg("nothing happened for %d s", DEADLINE_S);
}

/* Run the loop until nothing is with the sink, or `until` says so. */
static void run_until(struct test *test, bool (*until)(struct test *))
{
	struct sink *sink = &test->sink;

	uv_timer_init(&sink->loop, &sink->tick);
	uv_timer_init(&sink->loop, &sink->deadline);
	sink->tick.data = sink;
	uv_timer_start(&sink->tick, on_tick, 5, 5);
	uv_timer_start(&sink->deadline, on_deadline, DEADLINE_S * 1000, 0);
	while (!until(test))
		uv_run(&sink->loop, UV_RUN_ONCE);
	uv_close((uv_handle_t *)&sink->tick, NULL);
	uv_close((uv_handle_t *)&sink->deadline, NULL);
	uv_run(&sink->loop, UV_RUN_NOWAIT);
	assert_string_equal(sink->failure.text, "");
}

static bool is_idle(struct test *test)
{
	return test->sink.nout == 0 && !(test->sink.hands_out_again && test->sink.returned);
}

/* Read the topic with kcat; returns the number of messages. */
static uint32_t read_back(struct test *test)
{
	char *argv[] = { "kcat", "-C",
			 "-e",   "-q",
			 "-o",   "beginning",
			 "-t",   "t",
			 "-b",   test->mock.bootstrap,
			 "-X",   "check.crcs=true",
			 "-f",   "%T %k %s\n",
			 NULL };
	char line[8192];
	uint32_t total = 0;
	FILE *in, *out;
	pid_t kcat = spawn(argv, &in, &out);
	int status;

	while (fgets(line, sizeof(line), out)) {
		unsigned key, n;
		long long time;

		assert_int_equal(sscanf(line, "%lld k%u {\"n\":%u", &time, &key, &n), 3);
		assert_true(n < MAX_RECORDS);
		assert_int_equal(key, n % 100);
		assert_int_equal(time, INT64_C(1700000000000) + n);
		test->copies[n]++;
		total++;
	}
	fclose(in);
	fclose(out);
	waitpid(kcat, &status, 0);
	assert_int_equal(status, 0);
	return total;
}

static void assert_each_once(struct test *test)
{
	uint32_t total = read_back(test);

	for (uint32_t n = 0; n < test->next; n++) {
		if (test->copies[n] != 1)
			fail_msg("record %u is there %u times", n, test->copies[n]);
	}
	assert_int_equal(total, test->next);
}

/* Nothing is missing, and there are no more copies than the sink said. */
static void assert_no_unannounced_copies(struct test *test)
{
	uint32_t total = read_back(test);

	for (uint32_t n = 0; n < test->next; n++) {
		if (test->copies[n] == 0)
			fail_msg("record %u is missing", n);
	}
	assert_true(total - test->next <= test->sink.maybe_twice);
}

/* ---- options ---------------------------------------------------------- */

static void refuses(struct test *test, const char *options, uint32_t line, uint32_t col,
		    const char *expected)
{
	struct error err = ERROR_INIT;

	assert_true(try_open(test, options, &err) < 0);
	if (!strstr(err.text, expected))
		fail_msg("'%s' is not in '%s'", expected, err.text);
	assert_int_equal(err.pos.line, line);
	assert_int_equal(err.pos.col, col);
	end_sink(test);
}

#define BASICS "brokers: a\ntopic: t\n"

static void misspelled_librdkafka_properties_are_found_with_their_place(void **state)
{
	refuses(*state, BASICS "librdkafka:\n  socket.keepalive.enabl: true\n", 4, 3,
		"unknown librdkafka property 'socket.keepalive.enabl' (did you mean "
		"'socket.keepalive.enable'?)");
	refuses(*state, BASICS "librdkafka:\n  socket.keepalive.enable: maybe\n", 4, 28,
		"socket.keepalive.enable");
	refuses(*state, BASICS "librdkafka:\n  client.id: [a, b]\n", 4, 14,
		"needs a single value, not a list");
}

static void properties_that_delivery_rests_on_are_refused_with_a_hint(void **state)
{
	refuses(*state, BASICS "librdkafka:\n  bootstrap.servers: b\n", 4, 3,
		"'bootstrap.servers' cannot be set (use the option 'brokers')");
	refuses(*state, BASICS "librdkafka:\n  message.timeout.ms: 5\n", 4, 3, "see 'retry'");
	refuses(*state, BASICS "librdkafka:\n  acks: 0\n", 4, 9, "'acks' cannot be 0");
}

static void properties_that_contradict_each_other_are_found_by_open(void **state)
{
	refuses(*state, BASICS "librdkafka: { acks: 1 }\n", 0, 0, "acks");
}

static void topic_needs_a_literal_prefix_and_known_placeholders(void **state)
{
	refuses(*state, "brokers: a\ntopic: '{event}-x'\n", 0, 0, "begins with a placeholder");
	refuses(*state, "brokers: a\ntopic: 'x-{evnt}'\n", 0, 0, "unknown placeholder");
}

static void topic_and_key_are_resolved_per_schema(void **state)
{
	struct test *test = *state;
	struct error err = ERROR_INIT;
	struct encoding open, exec, again;

	assert_int_equal(try_open(test,
				  "brokers: a\ntopic: 'ebpf-{event}.{event}'\n"
				  "key: [comm, container, event]\n",
				  &err),
			 0);
	assert_int_equal(sink_kafka.bind(test->sink.self, make_schema(test, "open"), &open, &err),
			 0);
	assert_int_equal(sink_kafka.bind(test->sink.self, make_schema(test, "exec"), &exec, &err),
			 0);
	assert_int_equal(sink_kafka.bind(test->sink.self, make_schema(test, "open"), &again, &err),
			 0);
	assert_int_equal(open.route, 0);
	assert_int_equal(exec.route, 1);
	assert_int_equal(again.route, 0);
	assert_int_equal(open.nkey, 2);
	assert_string_equal(open.key[0]->name, "comm");
	assert_string_equal(open.key[1]->name, "@event");
}

static void event_names_that_are_no_topic_names_are_refused(void **state)
{
	struct test *test = *state;
	struct error err = ERROR_INIT;
	struct encoding encoding;

	assert_int_equal(try_open(test, "brokers: a\ntopic: 't-{event}'\n", &err), 0);
	assert_true(sink_kafka.bind(test->sink.self, make_schema(test, "../x"), &encoding, &err) <
		    0);
	assert_non_null(strstr(err.text, "'t-../x' is not a topic name"));
}

/* ---- delivery --------------------------------------------------------- */

static void every_record_arrives_once_with_its_key_and_time(void **state)
{
	struct test *test = *state;

	start_sink(test, "");
	send_chunks(test, 20, 500, 100);
	run_until(test, is_idle);
	assert_int_equal(test->sink.delivered, 10000);
	assert_each_once(test);
}

static void nothing_is_delivered_before_its_report(void **state)
{
	struct test *test = *state;

	start_sink(test, "");
	send_chunks(test, 1, 10, 100);
	run_until(test, is_idle); /* connected */
	mock_tell(&test->mock, "rtt 1 300");
	send_chunks(test, 1, 10, 100);
	uint64_t begun = uv_hrtime();
	assert_int_equal(test->sink.delivered, 10);
	run_until(test, is_idle);
	assert_true(uv_hrtime() - begun >= 200 * (uint64_t)NS_PER_MS);
	assert_int_equal(test->sink.delivered, 20);
}

static void too_large_records_are_rejected_before_they_are_sent(void **state)
{
	struct test *test = *state;

	start_sink(test, "max_message: 2kB\n");
	send_chunks(test, 1, 3, 3000); /* nothing else in it */
	assert_int_equal(test->sink.nout, 0);
	assert_int_equal(test->sink.rejected[0], 3);
	struct chunk *chunk = make_chunk(test, 3, 1000);
	chunk->recs[2].len += 1990 - 1000; /* into the next record: fits, but not with its key */
	chunk->recs[2].key_len = 100;
	chunk->keys = realloc(chunk->keys, 1000);
	hand_out(&test->sink, chunk);
	run_until(test, is_idle);
	assert_int_equal(test->sink.rejected[0], 4);
	assert_int_equal(test->sink.delivered, 2);
}

static void full_librdkafka_queue_delays_but_loses_nothing(void **state)
{
	struct test *test = *state;

	start_sink(test, "librdkafka: { queue.buffering.max.messages: 50 }\n");
	send_chunks(test, 30, 100, 100);
	run_until(test, is_idle);
	assert_int_equal(test->sink.delivered, 3000);
	assert_each_once(test);
}

static void passing_produce_errors_make_no_duplicates(void **state)
{
	struct test *test = *state;

	/* One request at a time: the mock does not check that they come in sequence. */
	start_sink(test, "librdkafka: { retry.backoff.ms: 10, max.in.flight: 1 }\n");
	mock_tell(&test->mock, "errors %d %d 3", PRODUCE, NOT_LEADER);
	mock_tell(&test->mock, "errors %d %d 3", PRODUCE, REQUEST_TIMED_OUT);
	send_chunks(test, 10, 200, 100);
	run_until(test, is_idle);
	assert_int_equal(test->sink.delivered, 2000);
	assert_int_equal(test->sink.retries, 0);
	assert_each_once(test);
}

static void batches_shrink_until_the_topic_takes_them(void **state)
{
	struct test *test = *state;

	test->sink.hands_out_again = true;
	start_sink(test, "");
	mock_tell(&test->mock, "errors %d %d 4", PRODUCE, MESSAGE_TOO_LARGE);
	send_chunks(test, 10, 200, 1000);
	run_until(test, is_idle);
	assert_int_equal(test->sink.delivered, 2000);
	assert_int_equal(test->sink.rejected[0], 0);
	assert_true(test->sink.retries > 0);
	assert_no_unannounced_copies(test);
}

static void record_alone_in_a_refused_batch_is_rejected(void **state)
{
	struct test *test = *state;

	start_sink(test, "librdkafka: { batch.size: 500 }\n");
	mock_tell(&test->mock, "errors %d %d 1", PRODUCE, MESSAGE_TOO_LARGE);
	send_chunks(test, 1, 1, 600);
	run_until(test, is_idle);
	assert_int_equal(test->sink.rejected[0], 1);
}

static void invalid_records_are_rejected(void **state)
{
	struct test *test = *state;

	start_sink(test, "");
	mock_tell(&test->mock, "errors %d %d 1", PRODUCE, INVALID_RECORD);
	send_chunks(test, 1, 1, 100);
	run_until(test, is_idle);
	assert_int_equal(test->sink.rejected[1], 1);
}

static void lacking_rights_leave_records_pending(void **state)
{
	struct test *test = *state;

	start_sink(test, "idempotence: false\n");
	mock_tell(&test->mock, "errors %d %d 1", PRODUCE, TOPIC_FORBIDDEN);
	send_chunks(test, 1, 1, 100);
	run_until(test, is_idle);
	assert_int_equal(test->sink.retries, 1);
	assert_string_equal(test->sink.why, "Broker: Topic authorization failed");
	test->sink.hands_out_again = true;
	run_until(test, is_idle);
	assert_int_equal(test->sink.delivered, 1);
	assert_each_once(test);
}

static void fatal_error_gets_a_new_producer_and_loses_nothing(void **state)
{
	struct test *test = *state;

	test->sink.hands_out_again = true;
	start_sink(test, "");
	mock_tell(&test->mock, "errors %d %d 1", PRODUCE, OUT_OF_ORDER_SEQUENCE);
	send_chunks(test, 10, 200, 100);
	run_until(test, is_idle);
	assert_int_equal(test->sink.delivered, 2000);
	assert_true(test->sink.retries > 0); /* else there was no fatal error */
	assert_no_unannounced_copies(test);
}

static void broker_that_goes_and_comes_back_loses_nothing(void **state)
{
	struct test *test = *state;

	start_sink(test, "");
	send_chunks(test, 2, 100, 100);
	run_until(test, is_idle); /* nothing in flight: the mock recognises no repetition */
	mock_tell(&test->mock, "down 1");
	send_chunks(test, 20, 100, 100);
	uv_run(&test->sink.loop, UV_RUN_NOWAIT);
	mock_tell(&test->mock, "up 1");
	run_until(test, is_idle);
	assert_int_equal(test->sink.delivered, 2200);
	assert_each_once(test);
}

/* ---- ends ------------------------------------------------------------- */

static uint64_t timed_cancel(struct test *test)
{
	uint64_t begun = uv_hrtime();

	sink_kafka.cancel(test->sink.self);
	assert_int_equal(test->sink.nout, 0);
	return uv_hrtime() - begun;
}

static uint32_t count_pending(struct test *test)
{
	uint32_t n = 0;

	for (struct chunk *chunk = test->sink.returned; chunk; chunk = chunk->next)
		n += chunk->npending;
	return n;
}

static void cancel_gives_everything_back_while_no_broker_answers(void **state)
{
	struct test *test = *state;

	start_sink(test, "librdkafka: { queue.buffering.max.messages: 1000 }\n");
	mock_tell(&test->mock, "down 1");
	send_chunks(test, 60, 100, 100);
	assert_true(timed_cancel(test) < 2 * (uint64_t)NS_PER_S);
	assert_int_equal(count_pending(test), 6000);
	assert_int_equal(test->sink.delivered, 0);
}

static void cancel_with_requests_in_flight_accounts_for_every_record(void **state)
{
	struct test *test = *state;

	start_sink(test, "");
	send_chunks(test, 1, 100, 100);
	run_until(test, is_idle);
	mock_tell(&test->mock, "rtt 1 5000");
	send_chunks(test, 30, 100, 5000);
	for (int i = 0; i < 20; i++) /* let some of it reach the wire */
		uv_run(&test->sink.loop, UV_RUN_NOWAIT);
	timed_cancel(test);
	assert_int_equal(test->sink.delivered + count_pending(test), 3100);
}

static void release_is_clean_after_failed_open_and_without_start(void **state)
{
	struct test *test = *state;
	struct error err = ERROR_INIT;

	assert_true(try_open(test, "brokers: a\ntopic: '{event}'\n", &err) < 0);
	end_sink(test);
	assert_int_equal(try_open(test, BASICS, &err), 0);
	end_sink(test);
	assert_true(write(STDOUT_FILENO, "", 0) == 0); /* nobody closed descriptors not his */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(misspelled_librdkafka_properties_are_found_with_their_place),
		TEST(properties_that_delivery_rests_on_are_refused_with_a_hint),
		TEST(properties_that_contradict_each_other_are_found_by_open),
		TEST(topic_needs_a_literal_prefix_and_known_placeholders),
		TEST(topic_and_key_are_resolved_per_schema),
		TEST(event_names_that_are_no_topic_names_are_refused),
		TEST(every_record_arrives_once_with_its_key_and_time),
		TEST(nothing_is_delivered_before_its_report),
		TEST(too_large_records_are_rejected_before_they_are_sent),
		TEST(full_librdkafka_queue_delays_but_loses_nothing),
		TEST(passing_produce_errors_make_no_duplicates),
		TEST(batches_shrink_until_the_topic_takes_them),
		TEST(record_alone_in_a_refused_batch_is_rejected),
		TEST(invalid_records_are_rejected),
		TEST(lacking_rights_leave_records_pending),
		TEST(fatal_error_gets_a_new_producer_and_loses_nothing),
		TEST(broker_that_goes_and_comes_back_loses_nothing),
		TEST(cancel_gives_everything_back_while_no_broker_answers),
		TEST(cancel_with_requests_in_flight_accounts_for_every_record),
		TEST(release_is_clean_after_failed_open_and_without_start),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
