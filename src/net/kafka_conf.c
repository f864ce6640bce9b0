/* SPDX-License-Identifier: Apache-2.0 */
#include "net/kafka_conf.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/suggest.h"

/* Properties that are ours to set, and what to use instead. */
static const struct {
	const char *property, *hint;
} owned[] = {
	{ "bootstrap.servers", "use the option 'brokers'" },
	{ "metadata.broker.list", "use the option 'brokers'" },
	{ "enable.idempotence", "use the option 'idempotence'" },
	{ "compression.type", "use the option 'compression'" },
	{ "compression.codec", "use the option 'compression'" },
	{ "linger.ms", "use the option 'linger'" },
	{ "queue.buffering.max.ms", "use the option 'linger'" },
	{ "message.max.bytes", "use the option 'max_message'" },
	{ "message.timeout.ms", "records are never given up inside librdkafka; see 'retry'" },
	{ "delivery.timeout.ms", "records are never given up inside librdkafka; see 'retry'" },
	{ "retries", "records are never given up inside librdkafka; see 'retry'" },
	{ "message.send.max.retries", "records are never given up inside librdkafka; see 'retry'" },
	{ "delivery.report.only.error", "every record's report is needed" },
	{ "enable.gapless.guarantee", "records that fail are sent again later" },
	{ "transactional.id", "transactions are not used" },
	{ "enabled_events", "the sink sets it" },
	{ "log.queue", "the sink sets it" },
	{ "statistics.interval.ms", "librdkafka's statistics are not shown" },
	{ "internal.termination.signal", "the sink ends librdkafka in its own way" },
};

static const char *owned_hint(const char *property)
{
	for (size_t i = 0; i < sizeof(owned) / sizeof(owned[0]); i++) {
		if (strcmp(owned[i].property, property) == 0)
			return owned[i].hint;
	}
	return NULL;
}

static void offer_all(struct suggest *suggest, const char **names_and_values, size_t n)
{
	for (size_t i = 0; i + 1 < n; i += 2) {
		if (!owned_hint(names_and_values[i]))
			suggest_offer(suggest, names_and_values[i]);
	}
}

static int unknown_property(const struct yaml_node *item, struct error *err)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_topic_conf_t *topic_conf = rd_kafka_topic_conf_new();
	struct suggest suggest;
	size_t nglobal, ntopic;
	const char **global = rd_kafka_conf_dump(conf, &nglobal);
	const char **topic = rd_kafka_topic_conf_dump(topic_conf, &ntopic);

	suggest_init(&suggest, item->key);
	offer_all(&suggest, global, nglobal);
	offer_all(&suggest, topic, ntopic);
	error_at(err, EINVAL, item->key_pos, "unknown librdkafka property '%s'", item->key);
	if (suggest_result(&suggest))
		error_add(err, " (did you mean '%s'?)", suggest_result(&suggest));
	rd_kafka_conf_dump_free(global, nglobal);
	rd_kafka_conf_dump_free(topic, ntopic);
	rd_kafka_topic_conf_destroy(topic_conf);
	rd_kafka_conf_destroy(conf);
	return -EINVAL;
}

/* A property from the user's map. */
static int set_passed(rd_kafka_conf_t *conf, const struct yaml_node *item, struct error *err)
{
	const char *hint = owned_hint(item->key);
	char why[256];

	if (hint)
		return error_at(err, EINVAL, item->key_pos, "'%s' cannot be set (%s)", item->key,
				hint);
	if (item->kind != YAML_SCALAR)
		return error_at(err, EINVAL, item->pos,
				"librdkafka property '%s' needs a single value, not %s", item->key,
				yaml_describe(item));
	if ((strcmp(item->key, "acks") == 0 || strcmp(item->key, "request.required.acks") == 0) &&
	    strcmp(item->text, "0") == 0)
		return error_at(err, EINVAL, item->pos,
				"'%s' cannot be 0 (nothing would tell that a record arrived)",
				item->key);
	switch (rd_kafka_conf_set(conf, item->key, item->text, why, sizeof(why))) {
	case RD_KAFKA_CONF_OK:
		return 0;
	case RD_KAFKA_CONF_UNKNOWN:
		return unknown_property(item, err);
	default:
		return error_at(err, EINVAL, item->pos, "librdkafka property '%s': %s", item->key,
				why);
	}
}

int kafka_conf_set(rd_kafka_conf_t *conf, const char *property, const char *value,
		   struct error *err)
{
	char why[256];

	if (rd_kafka_conf_set(conf, property, value, why, sizeof(why)) == RD_KAFKA_CONF_OK)
		return 0;
	return error_set(err, EINVAL, "cannot set librdkafka property '%s': %s", property, why);
}

int kafka_conf_set_number(rd_kafka_conf_t *conf, const char *property, uint64_t value,
			  struct error *err)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	return kafka_conf_set(conf, property, text, err);
}

static int set_defaults(rd_kafka_conf_t *conf, struct error *err)
{
	/* What Java producers do, so that equal keys meet in equal partitions. */
	int r = kafka_conf_set(conf, "partitioner", "murmur2_random", err);

	if (!r)
		r = kafka_conf_set(conf, "client.id", "gadgetctl", err);
	/* A broker that is back should not stay unused for ten seconds. */
	if (!r)
		r = kafka_conf_set(conf, "reconnect.backoff.max.ms", "2000", err);
	return r;
}

static int set_all_own(rd_kafka_conf_t *conf, const struct kafka_settings *settings,
		       struct error *err)
{
	char linger[32];
	int r;

	snprintf(linger, sizeof(linger), "%.3f", (double)settings->linger_ns / NS_PER_MS);
	r = kafka_conf_set(conf, "linger.ms", linger, err);
	if (!r)
		r = kafka_conf_set_number(conf, "message.max.bytes", settings->max_message, err);
	if (!r)
		r = kafka_conf_set(conf, "message.timeout.ms", "0", err);
	if (!r)
		r = kafka_conf_set(conf, "enable.idempotence",
				   settings->idempotence ? "true" : "false", err);
	if (!r)
		r = kafka_conf_set(conf, "compression.type", settings->compression, err);
	if (!r)
		r = kafka_conf_set(conf, "log.queue", "true", err);
	return r;
}

int kafka_conf_new(const struct kafka_settings *settings, rd_kafka_conf_t **ret_conf,
		   struct error *err)
{
	const struct yaml_node *map = settings->properties;
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	int r = set_defaults(conf, err);

	for (size_t i = 0; !r && map && i < map->nitems; i++)
		r = set_passed(conf, &map->items[i], err);
	if (!r)
		r = set_all_own(conf, settings, err);
	if (r) {
		rd_kafka_conf_destroy(conf);
		return r;
	}
	rd_kafka_conf_set_events(conf,
				 RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_LOG);
	*ret_conf = conf;
	return 0;
}
