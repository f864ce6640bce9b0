/* SPDX-License-Identifier: Apache-2.0 */
/* forward: an acknowledgement settles its message's records; all else is sent again. */
#include "fake_engine.h"
#include "loopback.h"

#include <msgpack.h>

extern const struct sink_type sink_forward;

enum { LINE = 100, MAX_MESSAGES = 64 };

struct place {
	struct loopback peer;
	struct sink *sink;
	/* What the peer has been sent on this connection, decoded. */
	struct message {
		char tag[64], id[80];
		uint64_t size;
		size_t payload_len;
	} got[MAX_MESSAGES];
	size_t ngot;
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
	struct sink *sink = fake_new(&sink_forward);

	loopback_init(&place->peer);
	*(const char **)option(sink, "address") = place->peer.address;
	*(const char **)option(sink, "tag") = "gadget.{event}";
	*(bool *)option(sink, "require_ack") = true;
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

static uint16_t bind_event(struct sink *sink, const char *event)
{
	struct schema schema = { .event = event };
	struct encoding encoding = { 0 };
	struct error err = ERROR_INIT;

	assert_int_equal(sink->type->bind(sink->self, &schema, &encoding, &err), 0);
	assert_true(fake_asked.forward_entry);
	return encoding.route;
}

/* Two events, "open" (route 0) and "exec" (route 1), and a server. */
static void start(struct place *place)
{
	struct error err = ERROR_INIT;
	struct sink *sink = place->sink;

	assert_int_equal(fake_open(sink, &err), 0);
	assert_int_equal(bind_event(sink, "open"), 0);
	assert_int_equal(bind_event(sink, "exec"), 1);
	assert_int_equal(bind_event(sink, "open"), 0);
	assert_int_equal(sink->type->start(sink->self, &err), 0);
}

static void copy_text(const msgpack_object *object, char *out, size_t size)
{
	assert_int_equal(object->type, MSGPACK_OBJECT_STR);
	assert_true(object->via.str.size < size);
	memcpy(out, object->via.str.ptr, object->via.str.size);
	out[object->via.str.size] = '\0';
}

static void decode(const msgpack_object *object, struct message *message)
{
	const msgpack_object *fields = object->via.array.ptr;

	assert_int_equal(object->type, MSGPACK_OBJECT_ARRAY);
	assert_int_equal(object->via.array.size, 3);
	copy_text(&fields[0], message->tag, sizeof(message->tag));
	assert_int_equal(fields[1].type, MSGPACK_OBJECT_BIN);
	message->payload_len = fields[1].via.bin.size;
	assert_int_equal(fields[2].type, MSGPACK_OBJECT_MAP);
	message->id[0] = '\0';
	for (uint32_t i = 0; i < fields[2].via.map.size; i++) {
		const msgpack_object_kv *pair = &fields[2].via.map.ptr[i];
		char key[16];

		copy_text(&pair->key, key, sizeof(key));
		if (!strcmp(key, "size"))
			message->size = pair->val.via.u64;
		else if (!strcmp(key, "chunk"))
			copy_text(&pair->val, message->id, sizeof(message->id));
		else
			fail_msg("option '%s'", key);
	}
}

/* Decode what was read so far; returns the number of whole messages. */
static size_t decode_all(struct place *place)
{
	msgpack_unpacked unpacked;
	size_t at = 0;

	place->ngot = 0;
	msgpack_unpacked_init(&unpacked);
	while (place->ngot < MAX_MESSAGES && at < place->peer.len &&
	       msgpack_unpack_next(&unpacked, (const char *)place->peer.bytes, place->peer.len,
				   &at) == MSGPACK_UNPACK_SUCCESS)
		decode(&unpacked.data, &place->got[place->ngot++]);
	msgpack_unpacked_destroy(&unpacked);
	return place->ngot;
}

/* The same of all there is to read. */
static size_t look(struct place *place)
{
	(void)loopback_read(&place->peer, SIZE_MAX);
	return decode_all(place);
}

static void say(struct place *place, const void *bytes, size_t len)
{
	assert_int_equal(write(place->peer.fd, bytes, len), len);
}

static void ack(struct place *place, const char *id)
{
	uint8_t bytes[128];
	size_t len = strlen(id);

	memcpy(bytes,
	       "\x81\xa3"
	       "ack\xd9",
	       6);
	bytes[6] = (uint8_t)len;
	memcpy(bytes + 7, id, len);
	say(place, bytes, 7 + len);
}

/* Lines 0..2n, of route 0 and 1 in turn. */
static struct chunk *mixed_lines(struct sink *sink, unsigned n)
{
	struct chunk *chunk = fake_chunk(sink);
	char line[LINE + 1];

	for (unsigned i = 0; i < 2 * n; i++) {
		(void)snprintf(line, sizeof(line), "%-*u\n", LINE - 1, i);
		fake_add(chunk, i % 2, line, LINE);
	}
	return chunk;
}

static void ack_settles_the_records_of_its_message(void **state)
{
	struct place *place = *state;
	struct sink *sink = place->sink;

	loopback_listen(&place->peer, 0);
	start(place);
	assert_true(sink->window > 1);
	fake_write(sink, fake_lines(sink, 0, 10, LINE));
	fake_write(sink, fake_lines(sink, 10, 5, LINE));
	fake_run_until(sink, look(place) == 2);
	assert_string_equal(place->got[0].tag, "gadget.open");
	assert_int_equal(place->got[0].size, 10);
	assert_int_equal(place->got[0].payload_len, 10 * LINE);
	assert_int_equal(place->got[1].size, 5);
	assert_string_not_equal(place->got[0].id, place->got[1].id);
	assert_int_equal(sink->delivered, 0);
	ack(place, place->got[1].id);
	fake_run_until(sink, sink->delivered == 5);
	ack(place, place->got[0].id);
	fake_run_until(sink, !sink->nout);
	assert_int_equal(sink->delivered, 15);
}

static void records_of_a_tag_travel_together(void **state)
{
	struct place *place = *state;
	struct sink *sink = place->sink;
	struct chunk *chunk;

	loopback_listen(&place->peer, 0);
	start(place);
	/* More runs than fit into one call of sendmsg(2). */
	chunk = mixed_lines(sink, 500);
	fake_write(sink, chunk);
	fake_run_until(sink, look(place) == 2);
	for (unsigned m = 0; m < 2; m++) {
		const struct message *got = &place->got[m];

		assert_string_equal(got->tag, m ? "gadget.exec" : "gadget.open");
		assert_int_equal(got->size, 500);
		assert_int_equal(got->payload_len, 500 * LINE);
	}
	ack(place, place->got[1].id);
	fake_run_until(sink, sink->delivered == 500);
	for (uint32_t i = 1; i < chunk->nrecs; i++)
		assert_int_equal(chunk->recs[i].fate, chunk->recs[i].route ? DELIVERED : PENDING);
	ack(place, place->got[0].id);
	fake_run_until(sink, !sink->nout);
}

static void payload_is_the_records_bytes(void **state)
{
	struct place *place = *state;
	struct sink *sink = place->sink;
	const char *at;
	size_t n;

	loopback_listen(&place->peer, 0);
	start(place);
	fake_write(sink, mixed_lines(sink, 100));
	fake_run_until(sink, look(place) == 2);
	at = (const char *)place->peer.bytes;
	/* begin: array, tag of 11 bytes, bin 32 head */
	at += 1 + 12 + 5;
	for (n = 0; n < 100; n++)
		assert_int_equal(strtoul(at + n * LINE, NULL, 10), 2 * n);
}

static void lost_connection_resends_with_the_same_id(void **state)
{
	struct place *place = *state;
	struct sink *sink = place->sink;
	struct chunk *chunk;
	char ids[2][80];

	loopback_listen(&place->peer, 0);
	start(place);
	chunk = mixed_lines(sink, 10);
	fake_write(sink, chunk);
	fake_run_until(sink, look(place) == 2);
	memcpy(ids[0], place->got[0].id, sizeof(ids[0]));
	memcpy(ids[1], place->got[1].id, sizeof(ids[1]));
	ack(place, ids[0]);
	fake_run_until(sink, sink->delivered == 10);
	loopback_cut(&place->peer, true);
	fake_run_until(sink, sink->retries == 1);
	assert_int_equal(sink->maybe_twice, 10);
	fake_write(sink, chunk);
	fake_run_until(sink, look(place) == 1);
	/* Only what is pending, and recognisable. */
	assert_string_equal(place->got[0].id, ids[1]);
	assert_string_equal(place->got[0].tag, "gadget.exec");
	ack(place, ids[1]);
	fake_run_until(sink, !sink->nout);
	assert_int_equal(sink->delivered, 20);
}

static void message_without_ack_alone_is_sent_again(void **state)
{
	struct place *place = *state;
	struct sink *sink = place->sink;
	struct chunk *lost, *other;
	char id[80];

	*(int64_t *)option(sink, "ack_timeout") = NS_PER_S;
	loopback_listen(&place->peer, 0);
	start(place);
	lost = mixed_lines(sink, 10);
	other = fake_lines(sink, 0, 3, LINE);
	fake_write(sink, lost);
	fake_write(sink, other);
	fake_run_until(sink, look(place) == 3);
	memcpy(id, place->got[0].id, sizeof(id));
	ack(place, place->got[1].id);
	ack(place, place->got[2].id);
	fake_run_until(sink, sink->retries == 1);
	assert_int_equal(sink->delivered, 13);
	assert_int_equal(lost->npending, 10);
	assert_int_equal(sink->maybe_twice, 10);
	assert_non_null(strstr(sink->why, "acknowledgement did not come in time"));
	fake_write(sink, lost);
	/* The same connection, the same id. */
	fake_run_until(sink, look(place) == 4);
	assert_string_equal(place->got[3].id, id);
	ack(place, id);
	fake_run_until(sink, !sink->nout);
	assert_int_equal(sink->delivered, 23);
}

static void server_that_acknowledges_nothing_is_left(void **state)
{
	struct place *place = *state;
	struct sink *sink = place->sink;

	*(int64_t *)option(sink, "ack_timeout") = 100 * NS_PER_MS;
	loopback_listen(&place->peer, 0);
	start(place);
	fake_write(sink, fake_lines(sink, 0, 3, LINE));
	fake_write(sink, fake_lines(sink, 3, 3, LINE));
	fake_run_until(sink, loopback_read(&place->peer, SIZE_MAX) && place->peer.has_ended);
	assert_int_equal(sink->retries, 2);
	assert_non_null(strstr(sink->why, "acknowledges nothing"));
	assert_int_equal(sink->delivered, 0);
}

/*
 * A message expires while the other one of its chunk is still being sent, so the
 * chunk is still here when its acknowledgement comes after all.
 */
static void ack_that_comes_late_still_counts(void **state)
{
	const int64_t timeout = 500 * NS_PER_MS;
	struct place *place = *state;
	struct sink *sink = place->sink;
	struct chunk *chunk;
	size_t seen = 16384;
	char *big;
	int64_t until;

	*(int64_t *)option(sink, "ack_timeout") = timeout;
	loopback_listen(&place->peer, 4096);
	start(place);
	chunk = fake_lines(sink, 0, 1, LINE);
	big = xcalloc(1, 16 << 20);
	fake_add(chunk, 1, big, 16 << 20);
	free(big);
	fake_write(sink, chunk);
	fake_run_until(sink, loopback_read(&place->peer, seen) == seen);
	assert_int_equal(decode_all(place), 1);
	ack(place, "nobody");
	until = clock_system()->mono_ns(clock_system()) + 2 * timeout;
	/* It goes on reading, or the connection would be given up. */
	fake_run_until(sink, loopback_read(&place->peer, seen += 4096) &&
				     clock_system()->mono_ns(clock_system()) > until);
	assert_int_equal(sink->retries, 0);
	ack(place, place->got[0].id);
	fake_run_until(sink, loopback_read(&place->peer, seen += 4096) && sink->delivered == 1);
	fake_run_until(sink, look(place) == 2);
	ack(place, place->got[1].id);
	fake_run_until(sink, !sink->nout);
	assert_int_equal(sink->delivered, 2);
	assert_int_equal(sink->retries, 0);
}

static void acks_before_a_reset_count(void **state)
{
	struct place *place = *state;
	struct sink *sink = place->sink;

	loopback_listen(&place->peer, 0);
	start(place);
	fake_write(sink, fake_lines(sink, 0, 1, LINE));
	fake_write(sink, fake_lines(sink, 1, 1, LINE));
	fake_run_until(sink, look(place) == 2);
	ack(place, place->got[0].id);
	loopback_cut(&place->peer, true);
	fake_run_until(sink, !sink->nout);
	assert_int_equal(sink->delivered, 1);
	assert_int_equal(sink->retries, 1);
}

static void acks_may_come_in_pieces_and_in_crowds(void **state)
{
	struct place *place = *state;
	struct sink *sink = place->sink;
	uint8_t crowd[4096];
	size_t len = 0;

	loopback_listen(&place->peer, 0);
	start(place);
	for (unsigned i = 0; i < 10; i++)
		fake_write(sink, fake_lines(sink, i, 1, LINE));
	fake_run_until(sink, look(place) == 10);
	for (unsigned i = 0; i < 10; i++)
		len += (size_t)snprintf((char *)crowd + len, sizeof(crowd) - len,
					"\x81\xa3"
					"ack\xd9%c%s",
					(int)strlen(place->got[i].id), place->got[i].id);
	for (size_t i = 0; i < 100; i++) {
		say(place, crowd + i, 1);
		(void)uv_run(&sink->loop, UV_RUN_NOWAIT);
	}
	say(place, crowd + 100, len - 100);
	fake_run_until(sink, !sink->nout);
	assert_int_equal(sink->delivered, 10);
}

static void strange_acks_and_heartbeats_are_ignored(void **state)
{
	struct place *place = *state;
	struct sink *sink = place->sink;

	loopback_listen(&place->peer, 0);
	start(place);
	fake_write(sink, fake_lines(sink, 0, 1, LINE));
	fake_run_until(sink, look(place) == 1);
	ack(place, "nobody");
	say(place, "\xc0\x80", 2);
	ack(place, place->got[0].id);
	ack(place, place->got[0].id);
	fake_run_until(sink, !sink->nout);
	assert_int_equal(sink->delivered, 1);
	assert_int_equal(sink->retries, 0);
}

static void expect_leaves(struct place *place, const char *bytes, size_t len, const char *why)
{
	struct sink *sink = place->sink;

	loopback_listen(&place->peer, 0);
	start(place);
	fake_write(sink, fake_lines(sink, 0, 1, LINE));
	fake_run_until(sink, look(place) == 1);
	say(place, bytes, len);
	fake_run_until(sink, sink->retries == 1);
	assert_non_null(strstr(sink->why, why));
	assert_int_equal(sink->delivered, 0);
}

static void garbage_ends_the_connection(void **state)
{
	expect_leaves(*state, "HTTP/1.1 400", 12, "no Forward");
}

static void endless_reply_ends_the_connection(void **state)
{
	expect_leaves(*state, "\x81\xa3xyz\xdb\x7f\xff\xff\xff", 10, "no Forward");
}

static void server_that_wants_a_key_is_told_so(void **state)
{
	expect_leaves(*state, "\x92\xa4HELO\x80", 7, "shared key");
}

static void without_acks_the_kernels_confirmation_counts(void **state)
{
	struct place *place = *state;
	struct sink *sink = place->sink;

	*(bool *)option(sink, "require_ack") = false;
	loopback_listen(&place->peer, 0);
	start(place);
	fake_write(sink, mixed_lines(sink, 10));
	fake_run_until(sink, !sink->nout);
	assert_int_equal(sink->delivered, 20);
	fake_run_until(sink, look(place) == 2);
	assert_string_equal(place->got[0].id, "");
	assert_int_equal(place->got[0].size, 10);
}

static void slow_server_is_waited_for_without_acks_too(void **state)
{
	struct place *place = *state;
	struct sink *sink = place->sink;

	*(bool *)option(sink, "require_ack") = false;
	loopback_listen(&place->peer, 4096);
	start(place);
	fake_write(sink, fake_lines(sink, 0, 1, LINE));
	/* Each fits into our kernel's buffer, and none into the server's. */
	for (unsigned i = 0; i < 10; i++)
		fake_write(sink, fake_lines(sink, 0, 500, LINE));
	fake_run_until(sink, sink->delivered > 0);
	assert_int_equal(sink->delivered, 1);
	assert_int_equal(sink->nout, 10);
	fake_run_until(sink, loopback_read(&place->peer, SIZE_MAX) && !sink->nout);
	assert_int_equal(sink->delivered, 5001);
}

static void cancel_gives_back_what_is_not_acknowledged(void **state)
{
	struct place *place = *state;
	struct sink *sink = place->sink;

	loopback_listen(&place->peer, 0);
	start(place);
	fake_write(sink, fake_lines(sink, 0, 1, LINE));
	fake_write(sink, mixed_lines(sink, 10));
	fake_run_until(sink, look(place) == 3);
	ack(place, place->got[1].id);
	fake_run_until(sink, sink->delivered == 10);
	fake_write(sink, fake_lines(sink, 0, 1, 8 << 20));
	sink->type->cancel(sink->self);
	assert_int_equal(sink->nout, 0);
	assert_int_equal(sink->retries, 3);
	assert_int_equal(sink->delivered, 10);
	assert_int_equal(sink->maybe_twice, 0); /* nothing is sent again */
}

static void tag_without_place_is_taken_as_it_is(void **state)
{
	struct place *place = *state;
	struct error err = ERROR_INIT;

	*(const char **)option(place->sink, "tag") = "all";
	assert_int_equal(fake_open(place->sink, &err), 0);
	assert_int_equal(bind_event(place->sink, "open"), 0);
	assert_int_equal(bind_event(place->sink, "exec"), 0);
}

static void bad_tags_are_refused(void **state)
{
	static const char *const bad[] = { "", "a.{evnt}", "{event}.{event}", "{", "{event" };
	static char huge[300];
	struct place *place = *state;
	struct schema schema = { .event = huge };
	struct encoding encoding = { 0 };
	struct error err = ERROR_INIT;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		*(const char **)option(place->sink, "tag") = bad[i];
		assert_int_equal(fake_open(place->sink, &err), -EINVAL);
	}
	memset(huge, 'e', sizeof(huge) - 1);
	*(const char **)option(place->sink, "tag") = "{event}";
	assert_int_equal(fake_open(place->sink, &err), 0);
	assert_int_equal(place->sink->type->bind(place->sink->self, &schema, &encoding, &err),
			 -E2BIG);
}

#define WITH_SERVER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_SERVER(ack_settles_the_records_of_its_message),
		WITH_SERVER(records_of_a_tag_travel_together),
		WITH_SERVER(payload_is_the_records_bytes),
		WITH_SERVER(lost_connection_resends_with_the_same_id),
		WITH_SERVER(message_without_ack_alone_is_sent_again),
		WITH_SERVER(server_that_acknowledges_nothing_is_left),
		WITH_SERVER(ack_that_comes_late_still_counts),
		WITH_SERVER(acks_before_a_reset_count),
		WITH_SERVER(acks_may_come_in_pieces_and_in_crowds),
		WITH_SERVER(strange_acks_and_heartbeats_are_ignored),
		WITH_SERVER(garbage_ends_the_connection),
		WITH_SERVER(endless_reply_ends_the_connection),
		WITH_SERVER(server_that_wants_a_key_is_told_so),
		WITH_SERVER(without_acks_the_kernels_confirmation_counts),
		WITH_SERVER(slow_server_is_waited_for_without_acks_too),
		WITH_SERVER(cancel_gives_back_what_is_not_acknowledged),
		WITH_SERVER(tag_without_place_is_taken_as_it_is),
		WITH_SERVER(bad_tags_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
