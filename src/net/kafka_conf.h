/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_conf: a librdkafka configuration from our options and the user's map.
 *
 * Users may pass any property of librdkafka, but not those that our options
 * set or that delivery rests on.  librdkafka checks names and values one by
 * one, so every mistake is found before anything runs and is told with its
 * place in the user's file.
 *
 * Apart from sinks/kafka.c so that the sink is about records only.
 */
#ifndef NET_KAFKA_CONF_H
#define NET_KAFKA_CONF_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/yaml.h"

struct kafka_settings {
	const char *brokers;     /* "host:port,host:port"; not part of the configuration */
	const char *compression; /* librdkafka's name for it */
	bool idempotence;
	int64_t linger_ns;
	uint64_t max_message;               /* bytes of value and key */
	const struct yaml_node *properties; /* the user's map; NULL: none */
};

/*
 * Make a producer's configuration, all but its brokers: with delivery reports,
 * errors and logs as events, messages that never time out, and Java's
 * partitioner.  Free with rd_kafka_conf_destroy().  Errors: -EINVAL for a
 * property that is unknown, not the user's, or has a wrong value.
 */
int kafka_conf_new(const struct kafka_settings *settings, rd_kafka_conf_t **ret_conf,
		   struct error *err) __attribute__((warn_unused_result));

/* Set a property of ours.  -EINVAL when librdkafka does not take it. */
int kafka_conf_set(rd_kafka_conf_t *conf, const char *property, const char *value,
		   struct error *err) __attribute__((warn_unused_result));
int kafka_conf_set_number(rd_kafka_conf_t *conf, const char *property, uint64_t value,
			  struct error *err) __attribute__((warn_unused_result));

#endif
