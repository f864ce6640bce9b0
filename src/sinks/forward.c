/* SPDX-License-Identifier: Apache-2.0 */
/*
 * forward: Fluent Forward, the protocol of Fluentd and Fluent Bit, over TCP.
 *
 * The pending records of a chunk that share a tag become one PackedForward
 * message; a chunk with records of several schemas becomes several.  Each has an
 * id of its own, made of the run, the chunk and the tag, so it is the same
 * whenever the records are sent again and a receiver can tell.
 *
 *      unsent ──▶ current ──▶ flying ──ack──▶ settled
 *                                └── no ack in time ──▶ expired ──▶ sink_retry()
 *
 * Messages are sent without waiting for the acknowledgements of those before.  An
 * acknowledgement settles exactly the records of its message.  One that does not
 * come in time is taken for lost: if the server has acknowledged anything since,
 * only its message is sent again; if not, the connection is given up.  When the
 * connection is lost, everything that is not acknowledged goes back to the engine
 * and is sent again with the same ids.  So every record arrives at least once, and
 * twice only when an acknowledgement was lost.
 *
 * Without acknowledgements (`require_ack: false`) a record is delivered when the
 * peer's kernel has confirmed its message, as with `msgpack`.
 *
 * What the server says is hostile until parsed, and bounded (codec/forward.h).
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/buf.h"
#include "base/log.h"
#include "codec/forward.h"
#include "engine/component.h"
#include "engine/cursor.h"
#include "net/tcp.h"

enum { WINDOW = 16, PARTS = 64, RUN_MAX = 1 << 20 };

/* Without acknowledgements: how often to ask the kernel what was confirmed. */
enum { CONFIRM_POLL_MS = 10 };

/* The records of one chunk that share a tag. */
struct message {
	struct message *next;
	struct chunk *chunk;
	uint32_t route;
	uint8_t begin[FORWARD_BEGIN_MAX], end[FORWARD_END_MAX];
	size_t begin_len, begin_at; /* _at: bytes sent */
	struct cursor cursor;       /* the entries: what is left of them */
	size_t end_len, end_at;
	char id[FORWARD_ID_MAX];
	uint64_t ends_at; /* bytes of the connection up to its end */
	int64_t sent_ns;  /* when that was */
};

struct message_list {
	struct message *head, **tail;
};

struct forward_sink {
	const char *address;
	const char *tag;
	bool require_ack;
	int64_t ack_timeout;
	int64_t connect_timeout;
	struct sink *sink;
	struct tcp tcp;
	uint64_t run;      /* random, for the ids */
	const char **tags; /* by route */
	uint32_t ntags;
	struct message_list spare, unsent, flying, expired;
	struct message *current; /* partly sent */
	uint64_t nsent;          /* bytes of this connection */
	int64_t acked_ns;        /* when the last acknowledgement came */
	struct buf inbox;
	uv_timer_t timer;
	bool has_timer, has_warned, has_met_stranger;
};

static const struct opt options[] = {
	OPT_STRING(struct forward_sink, address, .required = true,
		   .help = "Where to connect: HOST:PORT; the port is 24224 unless given."),
	OPT_STRING(struct forward_sink, tag, .def = "gadget.{event}",
		   .help = "What the server routes by. {event} stands for the name of the record's "
			   "event."),
	OPT_BOOL(struct forward_sink, require_ack, .def = "true",
		 .help = "Ask the server to acknowledge each message, and send again what it does "
			 "not. Without it, what the server's kernel has received counts as "
			 "delivered."),
	OPT_DURATION(struct forward_sink, ack_timeout, .def = "30s", .min = "10ms", .max = "1h",
		     .help = "How long to wait for an acknowledgement, and for a connection on "
			     "which nothing moves. Longer for servers that write to disk first."),
	OPT_DURATION(struct forward_sink, connect_timeout, .def = "10s", .min = "1ms", .max = "5m",
		     .help = "Wait so long for a connection to each of the host's addresses."),
	OPT_END,
};

static const struct tcp_handler handler;

/* ---- lists ------------------------------------------------------------ */

static void list_init(struct message_list *list)
{
	list->head = NULL;
	list->tail = &list->head;
}

static void list_append(struct message_list *list, struct message *message)
{
	message->next = NULL;
	*list->tail = message;
	list->tail = &message->next;
}

/* Take out what *at points to. */
static struct message *list_take(struct message_list *list, struct message **at)
{
	struct message *message = *at;

	*at = message->next;
	if (list->tail == &message->next)
		list->tail = at;
	message->next = NULL;
	return message;
}

/* Before the messages of later chunks. */
static void list_insert(struct message_list *list, struct message *message)
{
	struct message **at = &list->head;

	while (*at && (*at)->chunk->id <= message->chunk->id)
		at = &(*at)->next;
	message->next = *at;
	*at = message;
	if (!message->next)
		list->tail = &message->next;
}

static bool list_has(const struct message_list *list, const struct chunk *chunk)
{
	for (const struct message *m = list->head; m; m = m->next)
		if (m->chunk == chunk)
			return true;
	return false;
}

/* Move the messages of the chunk to the spare ones. */
static void list_forget(struct message_list *list, struct message_list *spare,
			const struct chunk *chunk)
{
	struct message **at = &list->head;

	while (*at) {
		if ((*at)->chunk == chunk)
			list_append(spare, list_take(list, at));
		else
			at = &(*at)->next;
	}
}

/* ---- set-up ----------------------------------------------------------- */

/* The tag for records of an event; NULL when the template is none. */
static const char *make_tag(struct arena *arena, const char *template, const char *event)
{
	static const char place[] = "{event}";
	const char *at = strchr(template, '{');

	if (!at)
		return template;
	if (strncmp(at, place, sizeof(place) - 1) != 0)
		return NULL;
	at += sizeof(place) - 1;
	if (strchr(at, '{'))
		return NULL;
	return arena_printf(arena, "%.*s%s%s", (int)(at - template) - (int)sizeof(place) + 1,
			    template, event, at);
}

static int forward_open(void *self, struct sink *sink, struct error *err)
{
	struct forward_sink *forward = self;
	struct address address;
	int r = address_parse(forward->address, "24224", &address, err);

	forward->sink = sink;
	if (r < 0)
		return r;
	if (!forward->tag[0] || !make_tag(sink_arena(sink), forward->tag, ""))
		return error_set(err, EINVAL,
				 "'%s' is no tag (only {event} may stand in braces, once)",
				 forward->tag);
	tcp_init(&forward->tcp, sink_loop(sink), &address, &handler, forward);
	forward->tcp.connect_timeout_ns = forward->connect_timeout;
	forward->tcp.dead_after_ns = forward->ack_timeout;
	/* Room for what one receive adds to a reply that is not complete. */
	buf_init(&forward->inbox, 2 * FORWARD_REPLY_MAX);
	sink_set_window(sink, WINDOW);
	return 0;
}

/* The number of a tag; schemas with the same one share messages. */
static uint16_t find_route(struct forward_sink *forward, const char *tag)
{
	for (uint32_t i = 0; i < forward->ntags; i++)
		if (!strcmp(forward->tags[i], tag))
			return (uint16_t)i;
	forward->tags = xrealloc(forward->tags, (forward->ntags + 1) * sizeof(*forward->tags));
	forward->tags[forward->ntags] = tag;
	return (uint16_t)forward->ntags++;
}

static int forward_bind(void *self, const struct schema *in, struct encoding *ret_encoding,
			struct error *err)
{
	struct forward_sink *forward = self;
	struct arena *arena = sink_arena(forward->sink);
	struct encoder_options how = { .forward_entry = true };
	const char *tag = make_tag(arena, forward->tag, in->event);

	if (strlen(tag) > FORWARD_TAG_MAX)
		return error_set(err, E2BIG, "the tag '%s' is longer than %d bytes", tag,
				 FORWARD_TAG_MAX);
	ret_encoding->route = find_route(forward, tag);
	return codec_msgpack.compile(arena, in, &how, &ret_encoding->encoder, err);
}

static int forward_start(void *self, struct error *err)
{
	struct forward_sink *forward = self;
	struct clock *clock = sink_clock(forward->sink);
	uint32_t n = WINDOW * forward->ntags;
	struct message *messages = arena_array(sink_arena(forward->sink), n, sizeof(*messages));
	int r = uv_timer_init(sink_loop(forward->sink), &forward->timer);

	if (r < 0)
		return error_set(err, -r, "cannot make a timer: %s", uv_strerror(r));
	forward->timer.data = forward;
	forward->has_timer = true;
	list_init(&forward->spare);
	list_init(&forward->unsent);
	list_init(&forward->flying);
	list_init(&forward->expired);
	for (uint32_t i = 0; i < n; i++)
		list_append(&forward->spare, &messages[i]);
	forward->run = clock->random(clock);
	tcp_open(&forward->tcp);
	return 0;
}

/* ---- messages --------------------------------------------------------- */

/* Make the message of a chunk's records of one route, if it has any. */
static void add_message(struct forward_sink *forward, struct chunk *chunk, uint32_t route)
{
	struct message *message;
	struct cursor cursor;
	uint32_t count = 0;

	cursor_init(&cursor, chunk, route);
	if (cursor_is_done(&cursor))
		return;
	for (uint32_t i = cursor.rec; i < chunk->nrecs; i++)
		count += chunk->recs[i].fate == PENDING && chunk->recs[i].route == route;
	message = list_take(&forward->spare, &forward->spare.head);
	message->chunk = chunk;
	message->route = route;
	message->cursor = cursor;
	message->begin_at = message->end_at = 0;
	(void)snprintf(message->id, sizeof(message->id), "%016" PRIx64 "-%" PRIx64 "-%" PRIx32,
		       forward->run, chunk->id, route);
	message->begin_len =
		forward_begin(message->begin, forward->tags[route], (uint32_t)cursor_left(&cursor));
	message->end_len =
		forward_end(message->end, count, forward->require_ack ? message->id : NULL);
	list_insert(&forward->unsent, message);
}

/* The bytes that come next, as far as PARTS reach. */
static int message_parts(struct message *message, struct iovec *parts)
{
	struct cursor cursor = message->cursor;
	const uint8_t *at;
	size_t len;
	int n = 0;

	if (message->begin_at < message->begin_len)
		parts[n++] = (struct iovec){ message->begin + message->begin_at,
					     message->begin_len - message->begin_at };
	while (n < PARTS - 1 && (at = cursor_run(&cursor, RUN_MAX, &len))) {
		parts[n++] = (struct iovec){ (void *)(uintptr_t)at, len };
		(void)cursor_advance(&cursor, len);
	}
	if (cursor_is_done(&cursor))
		parts[n++] = (struct iovec){ message->end + message->end_at,
					     message->end_len - message->end_at };
	return n;
}

/* n more bytes are sent; true when that was the last. */
static bool message_advance(struct message *message, size_t n)
{
	size_t left = message->begin_len - message->begin_at;

	if (n < left) {
		message->begin_at += n;
		return false;
	}
	message->begin_at = message->begin_len;
	n -= left;
	n -= cursor_advance(&message->cursor, n);
	message->end_at += n;
	return message->end_at == message->end_len;
}

/* The first run of records of the route from `at` on; false when there is none. */
static bool find_run(const struct chunk *chunk, uint32_t route, uint32_t at, uint32_t *ret_first,
		     uint32_t *ret_end)
{
	const struct crec *recs = chunk->recs;

	while (at < chunk->nrecs && (recs[at].fate != PENDING || recs[at].route != route))
		at++;
	*ret_first = at;
	while (at < chunk->nrecs && recs[at].fate == PENDING && recs[at].route == route)
		at++;
	*ret_end = at;
	return *ret_end > *ret_first;
}

static bool is_busy(const struct forward_sink *forward, const struct chunk *chunk)
{
	return (forward->current && forward->current->chunk == chunk) ||
	       list_has(&forward->unsent, chunk) || list_has(&forward->flying, chunk);
}

/* What was sent whole may have arrived, although nobody said so.  NULL: of every chunk. */
static void note_maybe_twice(struct forward_sink *forward, const struct message_list *list,
			     const struct chunk *chunk)
{
	uint64_t n = 0;

	for (const struct message *m = list->head; m; m = m->next) {
		uint32_t first, end = 0;

		if (chunk && m->chunk != chunk)
			continue;
		while (find_run(m->chunk, m->route, end, &first, &end))
			n += end - first;
	}
	sink_maybe_twice(forward->sink, n);
}

/* Give a chunk back whose only messages left have expired. */
static void retry_expired(struct forward_sink *forward, struct chunk *chunk)
{
	if (is_busy(forward, chunk) || !list_has(&forward->expired, chunk))
		return;
	note_maybe_twice(forward, &forward->expired, chunk);
	list_forget(&forward->expired, &forward->spare, chunk);
	sink_retry(forward->sink, chunk, 0, "an acknowledgement did not come in time");
}

/* The records of a message that is in no list any more have arrived. */
static void settle(struct forward_sink *forward, struct message *message)
{
	struct chunk *chunk = message->chunk;
	bool has_more = is_busy(forward, chunk) || list_has(&forward->expired, chunk);
	uint32_t route = message->route, first, end, next, next_end;
	bool has_run = find_run(chunk, route, 0, &first, &end);

	list_append(&forward->spare, message);
	while (has_run) {
		/* With its last record the chunk is gone: look ahead. */
		has_run = find_run(chunk, route, end, &next, &next_end);
		sink_settle(forward->sink, chunk, first, end - first, DELIVERED, 0);
		first = next;
		end = next_end;
	}
	if (has_more)
		retry_expired(forward, chunk);
}

static void give_back_list(struct forward_sink *forward, struct message_list *list, const char *why)
{
	while (list->head) {
		struct chunk *chunk = list->head->chunk;

		list_forget(&forward->flying, &forward->spare, chunk);
		list_forget(&forward->expired, &forward->spare, chunk);
		list_forget(&forward->unsent, &forward->spare, chunk);
		sink_retry(forward->sink, chunk, 0, why);
	}
}

static void give_all_back(struct forward_sink *forward, const char *why)
{
	(void)uv_timer_stop(&forward->timer);
	forward->nsent = 0;
	forward->inbox.len = 0;
	if (forward->current)
		list_insert(&forward->unsent, forward->current);
	forward->current = NULL;
	give_back_list(forward, &forward->expired, why);
	give_back_list(forward, &forward->flying, why);
	give_back_list(forward, &forward->unsent, why);
}

/* ---- sending ---------------------------------------------------------- */

static int64_t now(const struct forward_sink *forward)
{
	struct clock *clock = sink_clock(forward->sink);

	return clock->mono_ns(clock);
}

static void push(struct forward_sink *forward)
{
	struct iovec parts[PARTS];

	while (forward->tcp.state == TCP_STATE_OPEN && !forward->tcp.is_stuck) {
		struct message *message = forward->current;
		size_t n;

		if (!message && !forward->unsent.head)
			return;
		if (!message)
			message = list_take(&forward->unsent, &forward->unsent.head);
		forward->current = message;
		n = tcp_send(&forward->tcp, parts, message_parts(message, parts));
		forward->nsent += n;
		if (!message_advance(message, n))
			continue;
		message->ends_at = forward->nsent;
		message->sent_ns = now(forward);
		list_append(&forward->flying, message);
		forward->current = NULL;
	}
}

/* Settle what the peer's kernel has confirmed, when nobody else will. */
static void settle_confirmed(struct forward_sink *forward)
{
	uint64_t unacked;

	if (forward->require_ack || !forward->flying.head)
		return;
	unacked = tcp_unacked(&forward->tcp);
	if (unacked > forward->nsent)
		return;
	unacked = forward->nsent - unacked;
	while (forward->flying.head && forward->flying.head->ends_at <= unacked)
		settle(forward, list_take(&forward->flying, &forward->flying.head));
}

static void on_timer(uv_timer_t *timer);

/* Wake up when the first acknowledgement is overdue, or to ask the kernel. */
static void set_timer(struct forward_sink *forward)
{
	int64_t wait = CONFIRM_POLL_MS;

	if (!forward->flying.head) {
		(void)uv_timer_stop(&forward->timer);
		return;
	}
	if (uv_is_active((uv_handle_t *)&forward->timer))
		return; /* then it looks again */
	if (forward->require_ack) {
		wait = forward->flying.head->sent_ns + forward->ack_timeout - now(forward);
		wait = wait > 0 ? (wait + NS_PER_MS - 1) / NS_PER_MS : 0;
	}
	(void)uv_timer_start(&forward->timer, on_timer, (uint64_t)wait, 0);
}

static void work(struct forward_sink *forward)
{
	push(forward);
	settle_confirmed(forward);
	set_timer(forward);
}

/* See which acknowledgements are overdue. */
static void expire(struct forward_sink *forward)
{
	int64_t limit = now(forward) - forward->ack_timeout;

	while (forward->flying.head && forward->flying.head->sent_ns <= limit) {
		struct message *message = forward->flying.head;

		if (forward->acked_ns <= message->sent_ns) {
			tcp_drop(&forward->tcp, "the server acknowledges nothing");
			return;
		}
		list_append(&forward->expired, list_take(&forward->flying, &forward->flying.head));
		retry_expired(forward, message->chunk);
	}
}

static void on_timer(uv_timer_t *timer)
{
	struct forward_sink *forward = timer->data;

	if (forward->require_ack)
		expire(forward);
	work(forward);
}

static void forward_write(void *self, struct chunk *chunk)
{
	struct forward_sink *forward = self;

	for (uint32_t route = 0; route < forward->ntags; route++)
		add_message(forward, chunk, route);
	if (forward->tcp.state == TCP_STATE_OPEN)
		work(forward);
	else
		tcp_open(&forward->tcp);
}

/* ---- answers ---------------------------------------------------------- */

static struct message **find_id(struct message_list *list, const struct forward_reply *reply)
{
	struct message **at = &list->head;

	while (*at && (strlen((*at)->id) != reply->id_len ||
		       memcmp((*at)->id, reply->id, reply->id_len) != 0))
		at = &(*at)->next;
	return *at ? at : NULL;
}

/* A late one is as good as any, as long as its records are still here. */
static void take_ack(struct forward_sink *forward, const struct forward_reply *reply)
{
	struct message **at = find_id(&forward->flying, reply);

	forward->acked_ns = now(forward);
	if (at) {
		settle(forward, list_take(&forward->flying, at));
		return;
	}
	at = find_id(&forward->expired, reply);
	if (at) {
		settle(forward, list_take(&forward->expired, at));
		return;
	}
	if (!forward->has_met_stranger)
		log_warn("sink '%s': the server acknowledged a message that was not sent, or is "
			 "sent again; ignored",
			 sink_id(forward->sink));
	forward->has_met_stranger = true;
}

static void on_received(void *arg, const uint8_t *bytes, size_t len)
{
	struct forward_sink *forward = arg;
	struct buf *inbox = &forward->inbox;
	struct forward_reply reply;
	ssize_t used = 0;
	size_t at = 0;

	if (!buf_add(inbox, bytes, len))
		used = -EBADMSG; /* more than any reply, and none of it complete */
	while (used >= 0) {
		used = forward_parse_reply(inbox->data + at, inbox->len - at, &reply);
		if (used <= 0)
			break;
		at += (size_t)used;
		if (reply.kind == FORWARD_HELO) {
			tcp_drop(&forward->tcp,
				 "the server asks for a shared key, which is not supported "
				 "(remove its security section, or listen without one)");
			return;
		}
		if (reply.kind == FORWARD_ACK)
			take_ack(forward, &reply);
	}
	if (used < 0) {
		tcp_drop(&forward->tcp, "the server answers with something that is no Forward");
		return;
	}
	buf_consume(inbox, at);
	work(forward);
}

/* ---- the connection --------------------------------------------------- */

static void on_opened(void *arg)
{
	struct forward_sink *forward = arg;

	forward->has_warned = forward->has_met_stranger = false;
	work(forward);
}

static void on_writable(void *arg)
{
	work(arg);
}

static void on_closed(void *arg, const char *why)
{
	struct forward_sink *forward = arg;
	bool holds = forward->current || forward->unsent.head || forward->flying.head ||
		     forward->expired.head;

	settle_confirmed(forward);
	/* The engine speaks of what has to be sent again; this is for when there is
	 * nothing. */
	if (!holds && !forward->has_warned) {
		log_warn("sink '%s': %s; trying again when there is something to send",
			 sink_id(forward->sink), why);
		forward->has_warned = true;
	}
	note_maybe_twice(forward, &forward->flying, NULL);
	note_maybe_twice(forward, &forward->expired, NULL);
	give_all_back(forward, why);
}

static const struct tcp_handler handler = {
	.opened = on_opened,
	.writable = on_writable,
	.received = on_received,
	.closed = on_closed,
};

static void forward_cancel(void *self)
{
	struct forward_sink *forward = self;

	settle_confirmed(forward);
	tcp_release(&forward->tcp);
	give_all_back(forward, "cancelled");
}

static void forward_stop(void *self)
{
	struct forward_sink *forward = self;

	tcp_release(&forward->tcp);
}

static void forward_release(void *self)
{
	struct forward_sink *forward = self;

	tcp_release(&forward->tcp);
	buf_release(&forward->inbox);
	free(forward->tags);
	if (forward->has_timer)
		uv_close((uv_handle_t *)&forward->timer, NULL);
}

static const struct example examples[] = {
	{ .title = "To a Fluentd on this machine, one tag for everything",
	  .config = "type: forward\n"
		    "address: 127.0.0.1:24224\n"
		    "tag: ebpf\n" },
	EXAMPLE_END,
};

const struct sink_type sink_forward = {
	.base = {
		.name = "forward",
		.summary = "Send records to Fluentd, Fluent Bit and others by Fluent Forward",
		.help = "PackedForward messages with an acknowledgement for each, so that nothing "
			"is lost between here and the server; a record comes twice only when an "
			"acknowledgement was lost, and then with the same chunk id.",
		.size = sizeof(struct forward_sink),
		.options = options,
		.examples = examples,
	},
	.chunk_bytes = 256 << 10,
	.chunk_wait_ns = 50 * NS_PER_MS,
	.open = forward_open,
	.bind = forward_bind,
	.start = forward_start,
	.write = forward_write,
	.cancel = forward_cancel,
	.stop = forward_stop,
	.release = forward_release,
};
