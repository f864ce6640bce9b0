/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka: each record becomes one message of a Kafka topic.
 *
 * librdkafka speaks the protocol on threads of its own.  Records are handed to
 * it without a copy, straight from the chunk, with the chunk's slot and the
 * record's number as the message's tag.  It reports each message's end on a
 * queue, whose eventfd the loop polls; the report, and nothing else, settles
 * the record:
 *
 *     write ──▶ waiting ──produce──▶ out ──report──▶ settled, or back to the
 *                  ▲                                 engine when all of the
 *                  └── librdkafka's queue is full    chunk's reports are in
 *
 * What it promises:
 *
 *  - A record is DELIVERED when the brokers acknowledged it, and only then.
 *    librdkafka itself retries for ever (message.timeout.ms is 0); when to give
 *    up is the engine's decision.
 *  - Only what cannot get better is REJECTED: a message too large or invalid by
 *    itself.  A missing topic or missing rights leave records pending.
 *  - With `idempotence` a retry inside librdkafka makes no duplicate.  Only when
 *    its report is lost for good (fatal error, cancel) may a record come twice.
 *  - Nothing waits for the network on the loop, except cancel(), for at most
 *    CANCEL_POLLS times CANCEL_POLL_MS; and the memory of a chunk is never given
 *    back while librdkafka can still read it.
 *
 * Brokers refuse batches, not messages, as too large.  The producer is then
 * made anew with half the batch size, until the batches fit or the record that
 * does not fit travels alone and is rejected alone.  A producer that had a fatal
 * error (the idempotent protocol lost track) is made anew as well; both wait
 * for the outstanding reports first.
 */
#include <errno.h>
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "base/log.h"
#include "engine/component.h"
#include "net/kafka_producer.h"

enum {
	WINDOW = 64,          /* chunks at once; the bits of kafka.free_slots */
	TURN_MESSAGES = 4096, /* messages handled before the loop gets its turn */
	MAX_TOPIC_NAME = 249, /* Kafka's own limit */
	CANCEL_POLLS = 10,    /* idle ones */
	CANCEL_POLL_MS = 10,
	RENEW_MS = 500,      /* how often a draining producer is told to hurry */
	RENEW_PATIENCE = 20, /* ... before what is in flight is purged too */
};

_Static_assert(sizeof(void *) == 8, "a message's tag holds a slot and a record number");

/* A chunk in our hands. */
struct flight {
	struct chunk *chunk;
	uint32_t next;   /* first record not yet given to librdkafka */
	uint32_t nout;   /* records whose report is awaited */
	const char *why; /* the last reason a record stays pending */
};

/* Reports of neighbouring records with the same outcome, settled in one go. */
struct run {
	uint32_t slot, first, n;
	enum fate fate;
	uint32_t why;
};

struct kafka {
	/* options */
	struct opt_strings brokers, key;
	const char *topic;
	int codec, big_int, compression;
	bool idempotence;
	int64_t linger;
	uint64_t max_message;
	const struct yaml_node *librdkafka;

	struct sink *sink;
	struct kafka_producer producer;

	struct flight flights[WINDOW];
	uint64_t free_slots;
	struct chunk *first, *last; /* not wholly given to librdkafka yet */
	uint32_t nout;              /* over all flights */

	uv_poll_t wake;
	uv_timer_t renew_timer;
	uint32_t renew_ticks;
	bool has_handles, is_sending, is_renewing, is_cancelled;
};

/* ---- options ---------------------------------------------------------- */

static const struct codec *const codecs[] = { &codec_json, &codec_msgpack };

static const struct opt_value codec_values[] = {
	{ "json", "one JSON object per message" },
	{ "msgpack", "one msgpack map per message" },
	OPT_VALUES_END,
};

enum { NUMBER, TEXT };

static const struct opt_value big_int_values[] = {
	[NUMBER] = { "number", "as the number it is" },
	[TEXT] = { "string", "in quotes" },
	OPT_VALUES_END,
};

static const struct opt_value compression_values[] = {
	{ "none", "no compression" },
	{ "gzip", "widely understood, slow" },
	{ "snappy", "fast, weak" },
	{ "lz4", "fast" },
	{ "zstd", "the best ratio for its cost" },
	OPT_VALUES_END,
};

static const struct opt options[] = {
	OPT_STRINGS(struct kafka, brokers, .required = true,
		    .help = "Addresses (host:port) of brokers to begin with; "
			    "the others are learned from them."),
	OPT_STRING(struct kafka, topic, .required = true,
		   .help = "Topic to write to. '{event}' stands for the record's event name; "
			   "something must stand in front of it."),
	OPT_FIELDS(
		struct kafka, key,
		.help = "Fields whose values, joined by '|', are the message key: records with "
			"the same key go to the same partition. Fields a record does not have are "
			"left out; without a key, messages are spread over all partitions."),
	OPT_ENUM(struct kafka, codec, .def = "json", .values = codec_values,
		 .help = "How a record is written."),
	OPT_ENUM(struct kafka, big_int, .def = "number", .values = big_int_values,
		 .help = "How json shows integers beyond 2^53, which JavaScript rounds, and so "
			 "do databases that read JSON numbers as doubles."),
	OPT_ENUM(struct kafka, compression, .def = "zstd", .values = compression_values,
		 .help = "How batches are compressed. Choose lz4 or none when CPU is short."),
	OPT_BOOL(struct kafka, idempotence, .def = "true",
		 .help = "Let brokers recognise what is sent again, so that a retry makes no "
			 "duplicate. Switch it off for brokers older than 0.11."),
	OPT_DURATION(struct kafka, linger, .def = "5ms", .min = "0", .max = "15m",
		     .help = "How long a message may wait for others to travel with. "
			     "More makes larger batches, which compress better."),
	OPT_SIZE(struct kafka, max_message, .def = "1MB", .min = "1kB", .max = "1GB",
		 .help = "Larger records are rejected before they are sent. Set it to what the "
			 "topic accepts (max.message.bytes)."),
	OPT_MAP(struct kafka, librdkafka,
		.help = "Properties handed to librdkafka as they are, such as security.protocol or "
			"socket.keepalive.enable."),
	OPT_END,
};

enum { TOO_LARGE, INVALID };

static const struct counter counters[] = {
	[TOO_LARGE] = { "too_large", "Larger than max_message, or than the topic accepts.", true },
	[INVALID] = { "invalid", "Refused by the broker as invalid by itself.", true },
	COUNTER_END,
};

static const struct example examples[] = {
	{ .title = "One topic per kind of event, ordered by process",
	  .schema = "pid u32, fname string",
	  .config = "type: kafka\nbrokers: [127.0.0.1:9092]\ntopic: ebpf-{event}\nkey: [pid]\n"
		    "librdkafka: { socket.keepalive.enable: true }\n" },
	EXAMPLE_END,
};

/* ---- topics ----------------------------------------------------------- */

static const char PLACEHOLDER[] = "{event}";

static int check_template(const char *template, struct error *err)
{
	const char *brace = strchr(template, '{');

	if (brace == template)
		return error_set(err, EINVAL,
				 "topic '%s' begins with a placeholder (put a fixed text in front)",
				 template);
	for (; brace; brace = strchr(brace + 1, '{')) {
		if (strncmp(brace, PLACEHOLDER, strlen(PLACEHOLDER)) != 0)
			return error_set(err, EINVAL,
					 "topic '%s' has an unknown placeholder (there is '%s')",
					 template, PLACEHOLDER);
	}
	return 0;
}

static bool is_topic_name(const char *name)
{
	size_t len =
		strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");

	return len > 0 && len <= MAX_TOPIC_NAME && name[len] == '\0' && strcmp(name, ".") != 0 &&
	       strcmp(name, "..") != 0;
}

static const char *expand_topic(struct arena *arena, const char *template, const char *event)
{
	const char *brace = strstr(template, PLACEHOLDER);
	const char *name = "";

	for (; brace; brace = strstr(template, PLACEHOLDER)) {
		name = arena_printf(arena, "%s%.*s%s", name, (int)(brace - template), template,
				    event);
		template = brace + strlen(PLACEHOLDER);
	}
	return arena_printf(arena, "%s%s", name, template);
}

/* The number of the schema's topic; schemas may share one. */
static int find_topic(struct kafka *kafka, const struct schema *schema, uint16_t *ret_topic,
		      struct error *err)
{
	const char *name = expand_topic(sink_arena(kafka->sink), kafka->topic, schema->event);

	if (!is_topic_name(name))
		return error_set(err, EINVAL,
				 "'%s' is not a topic name (up to %d letters, digits, '.', '_' "
				 "and '-')",
				 name, MAX_TOPIC_NAME);
	return kafka_producer_topic(&kafka->producer, name, ret_topic, err);
}

/* ---- a new producer --------------------------------------------------- */

/*
 * Stop sending; when the last report is in, a new producer takes over.  What
 * waits inside the old one is reported as purged at once; what is in flight
 * gets its answer, or is purged when that does not come.
 */
static void begin_renewal(struct kafka *kafka, const char *why)
{
	if (kafka->is_renewing)
		return;
	kafka_producer_complain(&kafka->producer, why);
	kafka->is_renewing = true;
	kafka->renew_ticks = 0;
	rd_kafka_purge(kafka->producer.handle,
		       RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_NON_BLOCKING);
	uv_timer_again(&kafka->renew_timer);
}

/* What was in flight may have gone back to the queue: purge that again. */
static void on_renew_timer(uv_timer_t *timer)
{
	struct kafka *kafka = timer->data;
	int flags = RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_NON_BLOCKING;

	if (++kafka->renew_ticks >= RENEW_PATIENCE)
		flags |= RD_KAFKA_PURGE_F_INFLIGHT;
	rd_kafka_purge(kafka->producer.handle, flags);
}

static void end_renewal(struct kafka *kafka)
{
	struct error err = ERROR_INIT;

	uv_timer_stop(&kafka->renew_timer);
	kafka_producer_close(&kafka->producer, 0);
	if (kafka_producer_open(&kafka->producer, &err) < 0)
		sink_fail(kafka->sink, &err); /* and nothing is sent any more */
	else
		kafka->is_renewing = false;
}

/* ---- settling --------------------------------------------------------- */

static struct flight *flight_begin(struct kafka *kafka, struct chunk *chunk)
{
	uint32_t slot = (uint32_t)__builtin_ctzll(kafka->free_slots);

	kafka->free_slots &= ~(UINT64_C(1) << slot);
	kafka->flights[slot] = (struct flight){ .chunk = chunk };
	return &kafka->flights[slot];
}

static void flight_end(struct kafka *kafka, struct flight *flight)
{
	kafka->free_slots |= UINT64_C(1) << (flight - kafka->flights);
}

/*
 * Settle n pending records.  True when they were the chunk's last: the flight
 * is over then.  It ends before the engine hears of it, which may hand out the
 * next chunk from within.
 */
static bool flight_settle(struct kafka *kafka, struct flight *flight, uint32_t first, uint32_t n,
			  enum fate fate, uint32_t why)
{
	struct chunk *chunk = flight->chunk;
	bool is_last = chunk->npending == n;

	if (is_last)
		flight_end(kafka, flight);
	sink_settle(kafka->sink, chunk, first, n, fate, why);
	return is_last;
}

/* All reports are in and some records are still pending: the engine's turn. */
static void flight_return_if_done(struct kafka *kafka, struct flight *flight)
{
	struct chunk *chunk = flight->chunk;

	if (flight->nout > 0 || flight->next < chunk->nrecs)
		return;
	flight_end(kafka, flight);
	sink_retry(kafka->sink, chunk, 0, flight->why ? flight->why : "not sent");
}

/* ---- reports ---------------------------------------------------------- */

static void run_end(struct kafka *kafka, struct run *run)
{
	struct flight *flight = &kafka->flights[run->slot];

	if (run->n == 0)
		return;
	flight->nout -= run->n;
	kafka->nout -= run->n;
	if (run->fate == PENDING ||
	    !flight_settle(kafka, flight, run->first, run->n, run->fate, run->why))
		flight_return_if_done(kafka, flight);
	run->n = 0;
}

/* The broker refused the batch this record was in. */
static enum fate batch_too_large(struct kafka *kafka, const rd_kafka_message_t *message)
{
	/* librdkafka lets nothing travel with a message as large as a batch. */
	if (message->len + message->key_len >= kafka->producer.batch_size)
		return REJECTED;
	if (!kafka->is_renewing) {
		char why[128];

		kafka->producer.batch_size /= 2;
		snprintf(why, sizeof(why),
			 "the topic refuses large batches; trying with %llu bytes at most",
			 (unsigned long long)kafka->producer.batch_size);
		begin_renewal(kafka, why);
	}
	return PENDING;
}

/* What a report means for its record. */
static enum fate judge(struct kafka *kafka, const rd_kafka_message_t *message, uint32_t *ret_why)
{
	switch (message->err) {
	case RD_KAFKA_RESP_ERR_NO_ERROR:
		return DELIVERED;
	case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
	case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
		*ret_why = TOO_LARGE;
		return batch_too_large(kafka, message);
	case RD_KAFKA_RESP_ERR_INVALID_RECORD:
	case RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP:
	case RD_KAFKA_RESP_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT:
	case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
		*ret_why = INVALID;
		return REJECTED;
	default:
		return PENDING;
	}
}

static void handle_report(struct kafka *kafka, const rd_kafka_message_t *message, struct run *run)
{
	uintptr_t tag = (uintptr_t)message->_private;
	uint32_t slot = (uint32_t)(tag >> 32), index = (uint32_t)tag, why = 0;
	enum fate fate = judge(kafka, message, &why);

	if (fate == PENDING) {
		kafka->flights[slot].why = rd_kafka_err2str(message->err);
		if (!kafka->is_cancelled &&
		    rd_kafka_message_status(message) == RD_KAFKA_MSG_STATUS_POSSIBLY_PERSISTED)
			sink_maybe_twice(kafka->sink, 1);
	}
	if (run->n == 0 || slot != run->slot || index != run->first + run->n || fate != run->fate ||
	    why != run->why) {
		run_end(kafka, run);
		*run = (struct run){ .slot = slot, .first = index, .fate = fate, .why = why };
	}
	run->n++;
}

/* Returns how many messages the event was about, and gives it back. */
static uint32_t handle_event(struct kafka *kafka, rd_kafka_event_t *event)
{
	const rd_kafka_message_t *message;
	struct run run = { 0 };
	uint32_t n = 0;

	if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_ERROR) /* the others stay below */
		begin_renewal(kafka, rd_kafka_event_error_string(event));
	else
		for (; (message = rd_kafka_event_message_next(event)); n++)
			handle_report(kafka, message, &run);
	run_end(kafka, &run);
	rd_kafka_event_destroy(event);
	return n;
}

/* ---- producing -------------------------------------------------------- */

static rd_kafka_resp_err_t produce(struct kafka *kafka, const struct flight *flight, uint32_t index)
{
	const struct chunk *chunk = flight->chunk;
	const struct crec *rec = &chunk->recs[index];
	uintptr_t tag = (uintptr_t)(flight - kafka->flights) << 32 | index;

	uint8_t *value = chunk->bytes + rec->at;
	uint8_t *key = rec->key_len ? chunk->keys + rec->key_at : NULL;

	return rd_kafka_producev(
		kafka->producer.handle, RD_KAFKA_V_RKT(kafka->producer.topics[rec->route]),
		RD_KAFKA_V_VALUE(value, rec->len), RD_KAFKA_V_KEY(key, rec->key_len),
		RD_KAFKA_V_TIMESTAMP(rec->time_ns / NS_PER_MS), RD_KAFKA_V_OPAQUE((void *)tag),
		RD_KAFKA_V_END);
}

/* The chunk is the first that waits. */
static void waiting_pop(struct kafka *kafka, const struct chunk *chunk)
{
	kafka->first = chunk->next;
	if (!kafka->first)
		kafka->last = NULL;
}

static void waiting_push(struct kafka *kafka, struct chunk *chunk)
{
	chunk->next = NULL;
	if (kafka->last)
		kafka->last->next = chunk;
	else
		kafka->first = chunk;
	kafka->last = chunk;
}

/* A record that is not sent at all.  True when the chunk is gone with it. */
static bool reject_unsent(struct kafka *kafka, struct flight *flight, uint32_t index)
{
	if (flight->chunk->npending == 1)
		waiting_pop(kafka, flight->chunk);
	return flight_settle(kafka, flight, index, 1, REJECTED, TOO_LARGE);
}

/*
 * Hand over one record.  False when librdkafka takes nothing more for now.
 * What it refuses for a reason that may pass stays pending.
 */
static bool send_record(struct kafka *kafka, struct flight *flight, uint32_t index)
{
	rd_kafka_resp_err_t r = produce(kafka, flight, index);
	char why[512];

	switch (r) {
	case RD_KAFKA_RESP_ERR_NO_ERROR:
		flight->nout++;
		kafka->nout++;
		return true;
	case RD_KAFKA_RESP_ERR__QUEUE_FULL:
		return false;
	case RD_KAFKA_RESP_ERR__FATAL:
		rd_kafka_fatal_error(kafka->producer.handle, why, sizeof(why));
		begin_renewal(kafka, why);
		return false;
	default:
		flight->why = rd_kafka_err2str(r);
		return true;
	}
}

/* Hand over the first waiting chunk.  False when it must wait longer. */
static bool send_chunk(struct kafka *kafka, uint32_t *budget)
{
	struct chunk *chunk = kafka->first;
	struct flight *flight = chunk->sink_data;

	for (; flight->next < chunk->nrecs; flight->next++) {
		const struct crec *rec = &chunk->recs[flight->next];

		if (rec->fate != PENDING)
			continue;
		if (*budget == 0)
			return false;
		if ((uint64_t)rec->len + rec->key_len > kafka->max_message) {
			if (reject_unsent(kafka, flight, flight->next))
				return true;
		} else if (!send_record(kafka, flight, flight->next)) {
			return false;
		}
		--*budget;
	}
	waiting_pop(kafka, chunk);
	flight_return_if_done(kafka, flight);
	return true;
}

/* Hand over what librdkafka takes, a turn's worth at most. */
static void send_waiting(struct kafka *kafka)
{
	uint32_t budget = TURN_MESSAGES;

	/* The engine may call write() from within: that one only queues. */
	if (kafka->is_sending)
		return;
	kafka->is_sending = true;
	while (kafka->first && !kafka->is_renewing && send_chunk(kafka, &budget))
		;
	kafka->is_sending = false;
	if (budget == 0)
		kafka_producer_wake(&kafka->producer);
}

static void serve_events(struct kafka *kafka, uint32_t max)
{
	uint32_t n = 0;

	while (n < max) {
		rd_kafka_event_t *event = kafka_producer_next(&kafka->producer, 0);
		if (!event)
			return;
		n += handle_event(kafka, event);
	}
	/* librdkafka tells only when the queue was empty. */
	kafka_producer_wake(&kafka->producer);
}

static void on_wake(uv_poll_t *wake, int status, int events)
{
	struct kafka *kafka = wake->data;
	uint64_t count;

	(void)status;
	(void)events;
	/* Before the events are served, so that none comes unnoticed. */
	(void)!read(kafka->producer.wake_fd, &count, sizeof(count));
	if (!kafka->producer.handle)
		return;
	serve_events(kafka, TURN_MESSAGES);
	if (kafka->is_renewing && kafka->nout == 0)
		end_renewal(kafka);
	send_waiting(kafka);
}

/* ---- the component ---------------------------------------------------- */

static const char *join_brokers(struct kafka *kafka)
{
	const char *joined = "";

	for (size_t i = 0; i < kafka->brokers.n; i++)
		joined = arena_printf(sink_arena(kafka->sink), "%s%s%s", joined, i ? "," : "",
				      kafka->brokers.items[i]);
	return joined;
}

static int kafka_open(void *self, struct sink *sink, struct error *err)
{
	struct kafka *kafka = self;
	struct kafka_settings settings = {
		.compression = compression_values[kafka->compression].name,
		.idempotence = kafka->idempotence,
		.linger_ns = kafka->linger,
		.max_message = kafka->max_message,
		.properties = kafka->librdkafka,
	};
	int r;

	kafka->sink = sink;
	kafka->free_slots = UINT64_MAX;
	settings.brokers = join_brokers(kafka);
	sink_set_window(sink, WINDOW);
	r = check_template(kafka->topic, err);
	if (r)
		return r;
	return kafka_producer_init(&kafka->producer, sink_id(sink), sink_clock(sink), &settings,
				   err);
}

static int kafka_bind(void *self, const struct schema *in, struct encoding *ret_encoding,
		      struct error *err)
{
	struct kafka *kafka = self;
	struct arena *arena = sink_arena(kafka->sink);
	const struct field **key =
		arena_array(arena, kafka->key.n + 1, sizeof(const struct field *));
	struct encoding encoding = { .key = key };
	const struct encoder_options how = { .big_int_string = kafka->big_int == TEXT };
	int r = find_topic(kafka, in, &encoding.route, err);

	if (r)
		return r;
	r = codecs[kafka->codec]->compile(arena, in, &how, &encoding.encoder, err);
	if (r)
		return r;
	for (size_t i = 0; i < kafka->key.n; i++) {
		const struct field *field = schema_find(in, kafka->key.items[i]);
		if (field)
			key[encoding.nkey++] = field;
	}
	*ret_encoding = encoding;
	return 0;
}

static int kafka_start(void *self, struct error *err)
{
	struct kafka *kafka = self;
	struct uv_loop_s *loop = sink_loop(kafka->sink);
	int r = kafka_producer_open(&kafka->producer, err);

	if (r)
		return r;
	r = uv_poll_init(loop, &kafka->wake, kafka->producer.wake_fd);
	if (r)
		return error_set(err, -r, "cannot watch an eventfd: %s", uv_strerror(r));
	uv_timer_init(loop, &kafka->renew_timer);
	kafka->has_handles = true;
	kafka->wake.data = kafka->renew_timer.data = kafka;
	/* Runs from uv_timer_again() on, which needs it to have been started. */
	uv_timer_start(&kafka->renew_timer, on_renew_timer, RENEW_MS, RENEW_MS);
	uv_timer_stop(&kafka->renew_timer);
	r = uv_poll_start(&kafka->wake, UV_READABLE, on_wake);
	if (r)
		return error_set(err, -r, "cannot watch an eventfd: %s", uv_strerror(r));
	return 0;
}

static void kafka_write(void *self, struct chunk *chunk)
{
	struct kafka *kafka = self;

	chunk->sink_data = flight_begin(kafka, chunk);
	waiting_push(kafka, chunk);
	send_waiting(kafka);
}

/* Take reports until none is missing, or none comes. */
static void await_reports(struct kafka *kafka)
{
	int idle = 0;

	while (kafka->nout > 0 && idle < CANCEL_POLLS) {
		rd_kafka_event_t *event = kafka_producer_next(&kafka->producer, CANCEL_POLL_MS);
		if (event)
			handle_event(kafka, event);
		else
			idle++;
	}
}

static void kafka_cancel(void *self)
{
	struct kafka *kafka = self;

	kafka->is_renewing = kafka->is_cancelled = true; /* nothing is sent from here on */
	kafka->first = kafka->last = NULL;
	uv_timer_stop(&kafka->renew_timer);
	if (kafka->producer.handle) {
		serve_events(kafka, UINT32_MAX); /* what is known already */
		rd_kafka_purge(kafka->producer.handle, RD_KAFKA_PURGE_F_QUEUE |
							       RD_KAFKA_PURGE_F_INFLIGHT |
							       RD_KAFKA_PURGE_F_NON_BLOCKING);
		await_reports(kafka);
	}
	/* Half-sent requests are not purged, and read from our chunks. */
	if (kafka->nout > 0)
		kafka_producer_destroy(&kafka->producer);
	kafka->nout = 0;
	for (uint32_t slot = 0; slot < WINDOW; slot++) {
		struct flight *flight = &kafka->flights[slot];

		if (kafka->free_slots & UINT64_C(1) << slot)
			continue;
		flight_end(kafka, flight);
		sink_retry(kafka->sink, flight->chunk, 0, "cancelled");
	}
}

static void kafka_release(void *self)
{
	struct kafka *kafka = self;

	if (kafka->has_handles) {
		uv_close((uv_handle_t *)&kafka->wake, NULL);
		uv_close((uv_handle_t *)&kafka->renew_timer, NULL);
	}
	kafka_producer_release(&kafka->producer);
}

const struct sink_type sink_kafka = {
	.base = {
		.name = "kafka",
		.summary = "write records to Kafka topics",
		.help = "A record is delivered when the brokers have acknowledged it. Records wait "
			"while brokers are away, a topic is missing or rights are lacking; only "
			"those that are too large or invalid by themselves are rejected.",
		.size = sizeof(struct kafka),
		.options = options,
		.counters = counters,
		.examples = examples,
	},
	.flags = SINK_WANTS_TIME,
	.chunk_bytes = 256 << 10,
	.chunk_wait_ns = 5 * NS_PER_MS,
	.open = kafka_open,
	.bind = kafka_bind,
	.start = kafka_start,
	.write = kafka_write,
	.cancel = kafka_cancel,
	.release = kafka_release,
};
