/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_mock [BROKERS]: librdkafka's mock cluster as a process of its own.
 *
 * Prints the bootstrap addresses, then obeys one command a line on stdin and
 * answers each with 'ok' or 'error: ...'; the end of stdin ends it.
 *
 *   topic NAME PARTITIONS             create a topic
 *   errors API CODE COUNT             the next COUNT requests of kind API fail with CODE
 *   broker_errors BROKER API CODE COUNT RTT_MS
 *                                     the same at one broker, answered after RTT_MS
 *   clear API                         forget errors not yet used
 *   rtt BROKER MS                     delay every answer of a broker
 *   down BROKER / up BROKER           drop connections and refuse new ones / come back
 *
 * API and CODE are numbers of the Kafka protocol (Produce is 0).  The cluster
 * speaks plain text on loopback only and keeps about 5 MiB a partition.  It does not
 * check the sequence numbers of idempotent producers, which rest on that check: let
 * them have one request in flight when errors are injected.
 */
#include <errno.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_ERRORS 1000

static int push_errors(rd_kafka_mock_cluster_t *cluster, int api, int code, int count)
{
	rd_kafka_resp_err_t errors[MAX_ERRORS];

	if (count < 1 || count > MAX_ERRORS)
		return -EINVAL;
	for (int i = 0; i < count; i++)
		errors[i] = (rd_kafka_resp_err_t)code;
	rd_kafka_mock_push_request_errors_array(cluster, (int16_t)api, (size_t)count, errors);
	return 0;
}

static int push_broker_errors(rd_kafka_mock_cluster_t *cluster, int broker, int api, int code,
			      int count, int rtt_ms)
{
	if (count < 1 || count > MAX_ERRORS)
		return -EINVAL;
	for (int i = 0; i < count; i++) {
		if (rd_kafka_mock_broker_push_request_error_rtts(cluster, broker, (int16_t)api, 1,
								 (rd_kafka_resp_err_t)code,
								 rtt_ms) != 0)
			return -EINVAL;
	}
	return 0;
}

/* Obey one line; return 0 or a negative errno (or librdkafka's negative code). */
static int obey(rd_kafka_mock_cluster_t *cluster, const char *line)
{
	char name[128];
	int a, b, c, d, e;

	if (sscanf(line, "topic %127s %d", name, &a) == 2)
		return (int)rd_kafka_mock_topic_create(cluster, name, a, 1);
	if (sscanf(line, "errors %d %d %d", &a, &b, &c) == 3)
		return push_errors(cluster, a, b, c);
	if (sscanf(line, "broker_errors %d %d %d %d %d", &a, &b, &c, &d, &e) == 5)
		return push_broker_errors(cluster, a, b, c, d, e);
	if (sscanf(line, "clear %d", &a) == 1) {
		rd_kafka_mock_clear_request_errors(cluster, (int16_t)a);
		return 0;
	}
	if (sscanf(line, "rtt %d %d", &a, &b) == 2)
		return (int)rd_kafka_mock_broker_set_rtt(cluster, a, b);
	if (sscanf(line, "down %d", &a) == 1)
		return (int)rd_kafka_mock_broker_set_down(cluster, a);
	if (sscanf(line, "up %d", &a) == 1)
		return (int)rd_kafka_mock_broker_set_up(cluster, a);
	return -ENOSYS;
}

/* The cluster's owner would complain that it knows no brokers itself. */
static void log_nothing(const rd_kafka_t *client, int level, const char *facility, const char *text)
{
	(void)client;
	(void)level;
	(void)facility;
	(void)text;
}

int main(int argc, char **argv)
{
	char why[512];
	int brokers = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 1;

	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_conf_set_log_cb(conf, log_nothing);
	rd_kafka_t *client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
	if (!client) {
		fprintf(stderr, "kafka_mock: %s\n", why);
		return 70;
	}
	rd_kafka_mock_cluster_t *cluster = rd_kafka_mock_cluster_new(client, brokers);
	if (!cluster) {
		fprintf(stderr, "kafka_mock: cannot make %d brokers\n", brokers);
		return 70;
	}
	printf("%s\n", rd_kafka_mock_cluster_bootstraps(cluster));
	fflush(stdout);

	char line[256];
	while (fgets(line, sizeof(line), stdin)) {
		int r = obey(cluster, line);
		if (r == 0)
			printf("ok\n");
		else
			printf("error: %d: %s", r, line);
		fflush(stdout);
	}
	rd_kafka_mock_cluster_destroy(cluster);
	rd_kafka_destroy(client);
	return 0;
}
