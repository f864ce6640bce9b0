/* SPDX-License-Identifier: Apache-2.0 */
#include "net/kafka_producer.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"

enum {
	RELEASE_WAIT_MS = 1000,
	COMPLAINTS_AT_ONCE = 3,
	SYSLOG_WARNING = 4, /* librdkafka's levels are syslog's */
	SYSLOG_INFO = 6,
};

/* After a burst, one complaint in so much time. */
static const int64_t COMPLAINT_GAP_NS = 10 * NS_PER_S;

/* ---- life ------------------------------------------------------------- */

/* Without brokers, librdkafka connects to nothing and has nothing to say. */
static int make_handle(struct kafka_producer *producer, const char *brokers,
		       rd_kafka_t **ret_handle, struct error *err)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_dup(producer->conf);
	rd_kafka_t *handle = NULL;
	char why[512];
	int r = kafka_conf_set_number(conf, "batch.size", producer->batch_size, err);

	if (!r && brokers)
		r = kafka_conf_set(conf, "bootstrap.servers", brokers, err);
	if (!r)
		handle = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
	if (!handle) {
		rd_kafka_conf_destroy(conf);
		return r ? r : error_set(err, EINVAL, "librdkafka does not start: %s", why);
	}
	*ret_handle = handle;
	return 0;
}

static void *destroy_handle(void *handle)
{
	rd_kafka_destroy(handle);
	return NULL;
}

static void retire_handle(rd_kafka_t *handle, int wait_ms)
{
	struct timespec until;
	pthread_t thread;

	if (pthread_create(&thread, NULL, destroy_handle, handle) != 0) {
		rd_kafka_destroy(handle);
		return;
	}
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += wait_ms / 1000;
	if (wait_ms == 0 || pthread_timedjoin_np(thread, NULL, &until) != 0)
		pthread_detach(thread);
}

int kafka_producer_init(struct kafka_producer *producer, const char *name, struct clock *clock,
			const struct kafka_settings *settings, struct error *err)
{
	char text[32];
	size_t len = sizeof(text);
	rd_kafka_t *trial = NULL;
	int r;

	producer->name = name;
	producer->brokers = settings->brokers;
	producer->clock = clock;
	producer->wake_fd = -1;
	r = kafka_conf_new(settings, &producer->conf, err);
	if (r)
		return r;
	if (rd_kafka_conf_get(producer->conf, "batch.size", text, &len) != RD_KAFKA_CONF_OK)
		return error_set(err, EINVAL, "librdkafka does not tell its 'batch.size'");
	producer->batch_size = strtoull(text, NULL, 10);
	if (producer->batch_size > settings->max_message)
		producer->batch_size = settings->max_message;
	/* Properties that contradict each other show only here. */
	r = make_handle(producer, NULL, &trial, err);
	if (!r)
		retire_handle(trial, RELEASE_WAIT_MS);
	return r;
}

int kafka_producer_topic(struct kafka_producer *producer, const char *name, uint16_t *ret_number,
			 struct error *err)
{
	uint32_t i;

	for (i = 0; i < producer->ntopics; i++) {
		if (strcmp(producer->topic_names[i], name) == 0)
			break;
	}
	if (i == KAFKA_MAX_TOPICS)
		return error_set(err, E2BIG, "more than %d topics", KAFKA_MAX_TOPICS);
	if (i == producer->ntopics)
		producer->topic_names[producer->ntopics++] = name;
	*ret_number = (uint16_t)i;
	return 0;
}

int kafka_producer_open(struct kafka_producer *producer, struct error *err)
{
	static const uint64_t one = 1; /* what an eventfd takes */
	int r;

	if (producer->wake_fd < 0)
		producer->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (producer->wake_fd < 0)
		return error_set(err, errno, "cannot make an eventfd: %m");
	r = make_handle(producer, producer->brokers, &producer->handle, err);
	if (r)
		return r;
	rd_kafka_set_log_queue(producer->handle, NULL);
	producer->events = rd_kafka_queue_get_main(producer->handle);
	rd_kafka_queue_io_event_enable(producer->events, producer->wake_fd, &one, sizeof(one));
	for (uint32_t i = 0; i < producer->ntopics; i++) {
		const char *name = producer->topic_names[i];

		producer->topics[i] = rd_kafka_topic_new(producer->handle, name, NULL);
		if (!producer->topics[i])
			return error_set(err, EINVAL, "cannot use topic '%s': %s", name,
					 rd_kafka_err2str(rd_kafka_last_error()));
	}
	return 0;
}

/* Whatever could still reach us or the eventfd. */
static rd_kafka_t *detach_handle(struct kafka_producer *producer)
{
	rd_kafka_t *handle = producer->handle;

	for (uint32_t i = 0; i < producer->ntopics; i++) {
		if (producer->topics[i])
			rd_kafka_topic_destroy(producer->topics[i]);
		producer->topics[i] = NULL;
	}
	rd_kafka_queue_io_event_enable(producer->events, -1, NULL, 0);
	rd_kafka_queue_destroy(producer->events);
	producer->events = NULL;
	producer->handle = NULL;
	return handle;
}

void kafka_producer_close(struct kafka_producer *producer, int wait_ms)
{
	if (producer->handle)
		retire_handle(detach_handle(producer), wait_ms);
}

void kafka_producer_destroy(struct kafka_producer *producer)
{
	if (producer->handle)
		rd_kafka_destroy(detach_handle(producer));
}

void kafka_producer_release(struct kafka_producer *producer)
{
	if (!producer->conf)
		return; /* never prepared */
	kafka_producer_close(producer, RELEASE_WAIT_MS);
	rd_kafka_conf_destroy(producer->conf);
	producer->conf = NULL;
	if (producer->wake_fd >= 0)
		close(producer->wake_fd);
	producer->wake_fd = -1;
}

/* ---- what librdkafka says --------------------------------------------- */

void kafka_producer_complain(struct kafka_producer *producer, const char *what)
{
	int64_t now = producer->clock->mono_ns(producer->clock);
	int64_t burst = (COMPLAINTS_AT_ONCE - 1) * COMPLAINT_GAP_NS;

	if (producer->next_complaint_ns < now - burst)
		producer->next_complaint_ns = now - burst;
	if (producer->next_complaint_ns > now) {
		producer->ncomplaints_hidden++;
		return;
	}
	producer->next_complaint_ns += COMPLAINT_GAP_NS;
	if (producer->ncomplaints_hidden)
		log_warn("kafka '%s': %s (%u messages before this one not shown)", producer->name,
			 what, producer->ncomplaints_hidden);
	else
		log_warn("kafka '%s': %s", producer->name, what);
	producer->ncomplaints_hidden = 0;
}

static void handle_log(struct kafka_producer *producer, rd_kafka_event_t *event)
{
	const char *facility, *text;
	int level;

	if (rd_kafka_event_log(event, &facility, &text, &level) != 0)
		return;
	/* Lost connections and fatal errors come as error events, too. */
	if (level <= SYSLOG_WARNING && strcmp(facility, "FAIL") != 0 &&
	    strcmp(facility, "FATAL") != 0)
		kafka_producer_complain(producer, text);
	else if (level <= SYSLOG_INFO)
		log_info("kafka '%s': %s: %s", producer->name, facility, text);
	else
		log_debug("kafka '%s': %s: %s", producer->name, facility, text);
}

static void handle_error(struct kafka_producer *producer, rd_kafka_event_t *event)
{
	const char *text = rd_kafka_event_error_string(event);

	/* Says nothing that the brokers' own errors did not say. */
	if (rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)
		log_info("kafka '%s': %s", producer->name, text);
	else
		kafka_producer_complain(producer, text);
}

rd_kafka_event_t *kafka_producer_next(struct kafka_producer *producer, int timeout_ms)
{
	for (;;) {
		rd_kafka_event_t *event = rd_kafka_queue_poll(producer->events, timeout_ms);
		rd_kafka_event_type_t type = rd_kafka_event_type(event);

		if (!event || type == RD_KAFKA_EVENT_DR)
			return event;
		if (type == RD_KAFKA_EVENT_ERROR && rd_kafka_event_error_is_fatal(event))
			return event;
		if (type == RD_KAFKA_EVENT_ERROR)
			handle_error(producer, event);
		else if (type == RD_KAFKA_EVENT_LOG)
			handle_log(producer, event);
		rd_kafka_event_destroy(event);
	}
}

void kafka_producer_wake(struct kafka_producer *producer)
{
	uint64_t one = 1;

	/* Can only fail when the counter is full, and then it wakes anyway. */
	(void)!write(producer->wake_fd, &one, sizeof(one));
}
