/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_producer: a librdkafka producer that reports to a libuv loop.
 *
 * librdkafka's threads talk to the brokers; what they have to say stands in a
 * queue and makes wake_fd readable.  The loop then takes it with
 * kafka_producer_next().  Nothing here waits for the network but
 * kafka_producer_destroy() and kafka_producer_close(), which say so.
 *
 * librdkafka's log lines and passing errors become warnings here, few at a
 * time: a broker that is away for a night must not fill a disk.
 *
 * All calls from one thread.
 */
#ifndef NET_KAFKA_PRODUCER_H
#define NET_KAFKA_PRODUCER_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/error.h"
#include "net/kafka_conf.h"

enum { KAFKA_MAX_TOPICS = 256 };

struct kafka_producer {
	const char *name;    /* for messages; the caller's */
	const char *brokers; /* "host:port,host:port"; the caller's */
	struct clock *clock;
	rd_kafka_conf_t *conf;
	uint64_t batch_size; /* bytes; may be lowered before the next open */

	int wake_fd;        /* an eventfd; -1 before the first open */
	rd_kafka_t *handle; /* NULL while closed */
	rd_kafka_queue_t *events;
	const char *topic_names[KAFKA_MAX_TOPICS]; /* the caller's */
	rd_kafka_topic_t *topics[KAFKA_MAX_TOPICS];
	uint32_t ntopics;

	int64_t next_complaint_ns;
	uint32_t ncomplaints_hidden;
};

/*
 * Prepare a zeroed producer: make its configuration and try it, without brokers
 * and thus without a connection.  -EINVAL when properties are wrong or
 * contradict each other.  kafka_producer_release() in any case.
 */
int kafka_producer_init(struct kafka_producer *producer, const char *name, struct clock *clock,
			const struct kafka_settings *settings, struct error *err)
	__attribute__((warn_unused_result));

/* The number of the topic, for producer->topics; the same name, the same number.
 * Before kafka_producer_open().  -E2BIG past KAFKA_MAX_TOPICS. */
int kafka_producer_topic(struct kafka_producer *producer, const char *name, uint16_t *ret_number,
			 struct error *err) __attribute__((warn_unused_result));

/* Begin to connect. */
int kafka_producer_open(struct kafka_producer *producer, struct error *err)
	__attribute__((warn_unused_result));

/*
 * The next event that is not dealt with here: delivery reports, or a fatal
 * error.  Waits for it at most timeout_ms.  NULL when there is none; wake_fd
 * becomes readable when there is again.  Give it back with
 * rd_kafka_event_destroy().
 */
rd_kafka_event_t *kafka_producer_next(struct kafka_producer *producer, int timeout_ms);

/* Make wake_fd readable. */
void kafka_producer_wake(struct kafka_producer *producer);

/* Warn "kafka 'name': what", unless there was too much of it lately. */
void kafka_producer_complain(struct kafka_producer *producer, const char *what);

/*
 * Close a producer that has no messages out.  librdkafka's threads end at once
 * (0.2 ms measured), unless one waits for a name server: a thread of its own
 * waits for them then, and the caller for it at most wait_ms.
 */
void kafka_producer_close(struct kafka_producer *producer, int wait_ms);

/* Close a producer whatever it has out.  Afterwards nothing reads the messages'
 * memory, and they are not reported.  May block when a name server does. */
void kafka_producer_destroy(struct kafka_producer *producer);

/* Close and free everything.  No messages may be out. */
void kafka_producer_release(struct kafka_producer *producer);

#endif
