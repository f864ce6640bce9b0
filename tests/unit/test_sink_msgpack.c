/* SPDX-License-Identifier: Apache-2.0 */
/* msgpack: what TCP confirmed is delivered, everything else is sent again. */
#include "fake_engine.h"
#include "loopback.h"

extern const struct sink_type sink_msgpack;

enum { LINE = 100 };

struct place {
	struct loopback peer;
	struct sink *sink;
};

static void *option(struct sink *sink, const char *name)
{
	for (const struct opt *opt = sink->type->base.options; opt->type != OPT_TYPE_END; opt++)
		if (!strcmp(opt->name, name))
			return (char *)sink->self + opt->offset;
	fail_msg("no option '%s'", name);
	return NULL;
}

static int set_up(void **state)
{
	struct place *place = calloc(1, sizeof(*place));
	struct sink *sink = fake_new(&sink_msgpack);

	loopback_init(&place->peer);
	*(const char **)option(sink, "address") = place->peer.address;
	*(int64_t *)option(sink, "connect_timeout") = 10 * NS_PER_S;
	*(int64_t *)option(sink, "ack_timeout") = 60 * NS_PER_S;
	place->sink = sink;
	*state = place;
	return 0;
}

static int tear_down(void **state)
{
	struct place *place = *state;

	fake_free(place->sink);
	loopback_release(&place->peer);
	free(place);
	return 0;
}

/* The bytes are the lines from..from+n, whole. */
static void expect_lines(const struct loopback *peer, unsigned from, size_t n)
{
	assert_int_equal(peer->len, n * LINE);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(strtoul((const char *)peer->bytes + i * LINE, NULL, 10), from + i);
		assert_int_equal(peer->bytes[(i + 1) * LINE - 1], '\n');
	}
}

static void records_are_delivered_when_the_peer_has_them(void **state)
{
	struct place *place = *state;
	struct sink *sink = place->sink;

	loopback_listen(&place->peer, 0);
	fake_start(sink);
	assert_true(sink->window > 1);
	fake_write(sink, fake_lines(sink, 0, 10, LINE));
	fake_write(sink, fake_lines(sink, 10, 90, LINE));
	assert_int_equal(sink->delivered, 0);
	fake_run_until(sink, !sink->nout);
	assert_int_equal(sink->delivered, 100);
	fake_write(sink, fake_lines(sink, 100, 1, LINE));
	fake_run_until(sink, !sink->nout);
	fake_run_until(sink, loopback_read(&place->peer, SIZE_MAX) == (size_t)101 * LINE);
	expect_lines(&place->peer, 0, 101);
}

static void refused_connection_gives_chunks_back_until_it_works(void **state)
{
	struct place *place = *state;
	struct sink *sink = place->sink;
	struct chunk *chunk;

	fake_start(sink);
	chunk = fake_lines(sink, 0, 10, LINE);
	fake_write(sink, chunk);
	fake_run_until(sink, sink->retries == 1);
	assert_non_null(strstr(sink->why, "cannot connect to '127.0.0.1:"));
	assert_non_null(strstr(sink->why, "connection refused"));
	fake_write(sink, chunk);
	fake_run_until(sink, sink->retries == 2);
	loopback_listen(&place->peer, 0);
	fake_write(sink, chunk);
	fake_run_until(sink, !sink->nout);
	assert_int_equal(sink->delivered, 10);
}

static void name_without_address_gives_chunks_back(void **state)
{
	struct place *place = *state;
	struct sink *sink = place->sink;

	*(const char **)option(sink, "address") = "no-such-host.invalid:1";
	fake_start(sink);
	fake_write(sink, fake_lines(sink, 0, 1, LINE));
	fake_run_until(sink, sink->retries == 1);
	assert_non_null(strstr(sink->why, "cannot look up 'no-such-host.invalid:1': "));
}

static void peer_that_reads_slowly_is_waited_for(void **state)
{
	struct place *place = *state;
	struct sink *sink = place->sink;
	uint64_t before;

	loopback_listen(&place->peer, 4096);
	fake_start(sink);
	fake_write(sink, fake_lines(sink, 0, 200000, LINE));
	fake_run_until(sink, sink->delivered > 0);
	/* What the peer's kernel has no room for is not delivered. */
	assert_int_equal(sink->nout, 1);
	assert_true(sink->delivered * LINE <= loopback_queued(&place->peer));
	before = sink->delivered;
	fake_run_until(sink, loopback_read(&place->peer, SIZE_MAX) && sink->delivered > before);
	fake_run_until(sink, loopback_read(&place->peer, SIZE_MAX) == (size_t)200000 * LINE);
	fake_run_until(sink, !sink->nout);
	expect_lines(&place->peer, 0, 200000);
	assert_int_equal(sink->retries, 0);
}

/*
 * What follows on the next connection is exactly what was not delivered, from the
 * first byte of a record.
 */
static void lost_connection_resends_from_the_first_unconfirmed_record(void **state)
{
	struct place *place = *state;
	struct sink *sink = place->sink;
	struct chunk *chunk;
	uint64_t first, most;

	loopback_listen(&place->peer, 4096);
	fake_start(sink);
	chunk = fake_lines(sink, 0, 200000, LINE);
	fake_write(sink, chunk);
	fake_run_until(sink, loopback_read(&place->peer, 54321) == 54321);
	/* A little may come between looking and cutting; what is sent is far more. */
	most = 54321 + loopback_queued(&place->peer) + (64 << 10);
	loopback_cut(&place->peer, true);
	fake_run_until(sink, sink->retries == 1);
	first = sink->delivered;
	assert_true(first * LINE <= most && first > 0);
	assert_int_equal(first + chunk->npending, 200000);
	assert_non_null(strstr(sink->why, "lost '127.0.0.1:"));
	fake_write(sink, chunk);
	fake_run_until(sink, loopback_read(&place->peer, SIZE_MAX) == (200000 - first) * LINE);
	expect_lines(&place->peer, (unsigned)first, 200000 - first);
	fake_run_until(sink, !sink->nout);
	assert_int_equal(sink->delivered, 200000);
}

static void peer_that_closes_while_idle_is_connected_to_again(void **state)
{
	struct place *place = *state;
	struct sink *sink = place->sink;

	loopback_listen(&place->peer, 0);
	fake_start(sink);
	fake_write(sink, fake_lines(sink, 0, 1, LINE));
	fake_run_until(sink, !sink->nout && loopback_read(&place->peer, SIZE_MAX) == LINE);
	loopback_cut(&place->peer, false);
	/* The loss may be noticed before the next chunk, or because of it. */
	for (unsigned i = 1; i < 3; i++) {
		struct chunk *chunk = fake_lines(sink, i, 1, LINE);
		uint32_t retries = sink->retries;

		fake_write(sink, chunk);
		fake_run_until(sink, !sink->nout);
		if (sink->retries > retries) {
			fake_write(sink, chunk);
			fake_run_until(sink, !sink->nout);
		}
	}
	fake_run_until(sink, loopback_read(&place->peer, SIZE_MAX) >= LINE);
	assert_int_equal(sink->delivered, 3);
}

static void chunks_that_come_back_go_in_front_of_newer_ones(void **state)
{
	struct place *place = *state;
	struct sink *sink = place->sink;
	struct chunk *first, *second, *third;

	fake_start(sink);
	first = fake_lines(sink, 0, 1, LINE);
	second = fake_lines(sink, 1, 1, LINE);
	third = fake_lines(sink, 2, 1, LINE);
	fake_write(sink, first);
	fake_run_until(sink, sink->retries == 1);
	loopback_listen(&place->peer, 0);
	fake_write(sink, third);
	fake_write(sink, second);
	fake_write(sink, first);
	fake_run_until(sink, loopback_read(&place->peer, SIZE_MAX) == (size_t)3 * LINE);
	expect_lines(&place->peer, 0, 3);
	fake_run_until(sink, !sink->nout);
}

/* Its window stays shut, which must not hold the records for ever. */
static void peer_that_confirms_nothing_is_given_up(void **state)
{
	struct place *place = *state;
	struct sink *sink = place->sink;

	*(int64_t *)option(sink, "ack_timeout") = 200 * NS_PER_MS;
	loopback_listen(&place->peer, 4096);
	fake_start(sink);
	fake_write(sink, fake_lines(sink, 0, 200000, LINE));
	fake_run_until(sink, sink->retries == 1);
	assert_non_null(strstr(sink->why, "timed out"));
}

static void what_the_peer_says_is_ignored(void **state)
{
	struct place *place = *state;
	struct sink *sink = place->sink;
	static const char noise[65536];

	loopback_listen(&place->peer, 0);
	fake_start(sink);
	fake_run_until(sink, loopback_accept(&place->peer));
	assert_true(write(place->peer.fd, noise, sizeof(noise)) > 0);
	fake_write(sink, fake_lines(sink, 0, 5, LINE));
	fake_run_until(sink, !sink->nout);
	assert_int_equal(sink->delivered, 5);
}

static void cancel_gives_back_what_is_not_confirmed(void **state)
{
	struct place *place = *state;
	struct sink *sink = place->sink;
	struct chunk *chunk, *waiting;

	loopback_listen(&place->peer, 4096);
	fake_start(sink);
	chunk = fake_lines(sink, 0, 200000, LINE);
	waiting = fake_lines(sink, 0, 5, LINE);
	fake_write(sink, chunk);
	fake_write(sink, waiting);
	fake_run_until(sink, sink->delivered > 0);
	sink->type->cancel(sink->self);
	assert_int_equal(sink->nout, 0);
	assert_int_equal(sink->retries, 2);
	assert_int_equal(sink->delivered + chunk->npending, 200000);
	assert_int_equal(waiting->npending, 5);
}

static void stop_lets_the_peer_read_to_the_end(void **state)
{
	struct place *place = *state;
	struct sink *sink = place->sink;

	loopback_listen(&place->peer, 0);
	fake_start(sink);
	fake_write(sink, fake_lines(sink, 0, 100, LINE));
	fake_run_until(sink, !sink->nout);
	sink->type->stop(sink->self);
	(void)uv_run(&sink->loop, UV_RUN_NOWAIT);
	fake_run_until(sink, loopback_read(&place->peer, SIZE_MAX) && place->peer.has_ended);
	expect_lines(&place->peer, 0, 100);
}

static void bad_address_is_refused(void **state)
{
	static const char *const bad[] = { "",          "host:0", "host:65536", "host:x",
					   "[::1",      "::1",    "a b:1",      "host:1:2",
					   "[::1]1:24", ":24224", "h/:1",       "host:" };
	struct place *place = *state;
	struct error err = ERROR_INIT;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		*(const char **)option(place->sink, "address") = bad[i];
		if (fake_open(place->sink, &err) != -EINVAL)
			fail_msg("'%s' was taken", bad[i]);
	}
	*(const char **)option(place->sink, "address") = "[fe80::1%eth0]";
	assert_int_equal(fake_open(place->sink, &err), 0);
}

#define WITH_PEER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_PEER(records_are_delivered_when_the_peer_has_them),
		WITH_PEER(refused_connection_gives_chunks_back_until_it_works),
		WITH_PEER(name_without_address_gives_chunks_back),
		WITH_PEER(peer_that_reads_slowly_is_waited_for),
		WITH_PEER(lost_connection_resends_from_the_first_unconfirmed_record),
		WITH_PEER(peer_that_closes_while_idle_is_connected_to_again),
		WITH_PEER(chunks_that_come_back_go_in_front_of_newer_ones),
		WITH_PEER(peer_that_confirms_nothing_is_given_up),
		WITH_PEER(what_the_peer_says_is_ignored),
		WITH_PEER(cancel_gives_back_what_is_not_confirmed),
		WITH_PEER(stop_lets_the_peer_read_to_the_end),
		WITH_PEER(bad_address_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
