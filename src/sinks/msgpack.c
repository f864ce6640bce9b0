/* SPDX-License-Identifier: Apache-2.0 */
/*
 * msgpack: a TCP stream of MessagePack maps, one behind the other.
 *
 * The stream has no acknowledgements of its own, so TCP's are used: the kernel
 * tells how many of the bytes that were sent the peer's kernel has not confirmed
 * yet, and a record is delivered when its last byte is confirmed.  When the
 * connection is lost, what was not confirmed goes back to the engine and is sent
 * again, whole records from their first byte.  Two things follow that no sender
 * can help without an answer from the receiving program (use `forward` for that):
 * what its kernel confirmed and it never read is lost with it, and a record whose
 * confirmation was lost on the way comes twice.
 *
 *      flying:  chunk ──▶ chunk ──▶ chunk        unsent:  chunk ──▶ chunk
 *                 ▲ acked             ▲ sending
 *
 * Both cursors only go forward; records between them are on their way.
 */
#include <uv.h>

#include "base/log.h"
#include "engine/component.h"
#include "engine/cursor.h"
#include "net/tcp.h"

enum { WINDOW = 16, RUN_MAX = 1 << 20 };

/* Look for confirmations so often while waiting for some; doubled up to the most. */
enum { ACK_POLL_MS = 2, ACK_POLL_MAX_MS = 64 };

struct msgpack_sink {
	const char *address;
	int64_t connect_timeout;
	int64_t ack_timeout;
	struct sink *sink;
	struct tcp tcp;
	struct chunk *flying, **flying_end; /* in the order they were sent */
	struct chunk *unsent;               /* by id */
	struct cursor sending;              /* in the last that flies; chunk NULL: in none */
	struct cursor acked;                /* in the first that flies; the same */
	uint64_t nsent, nacked;             /* bytes of this connection */
	uv_timer_t timer;
	uint64_t poll_ms;
	bool has_timer;
	bool has_warned;
};

static const struct opt options[] = {
	OPT_STRING(struct msgpack_sink, address, .required = true,
		   .help = "Where to connect: HOST:PORT; the port is 5170 unless given."),
	OPT_DURATION(struct msgpack_sink, connect_timeout, .def = "10s", .min = "1ms", .max = "5m",
		     .help = "Wait so long for a connection to each of the host's addresses."),
	OPT_DURATION(struct msgpack_sink, ack_timeout, .def = "1m", .min = "100ms", .max = "1h",
		     .help = "Give the connection up when the peer confirms nothing for so long "
			     "although something is under way."),
	OPT_END,
};

static const struct tcp_handler handler;

static int msgpack_open(void *self, struct sink *sink, struct error *err)
{
	struct msgpack_sink *msgpack = self;
	struct address address;
	int r = address_parse(msgpack->address, "5170", &address, err);

	msgpack->sink = sink;
	if (r < 0)
		return r;
	tcp_init(&msgpack->tcp, sink_loop(sink), &address, &handler, msgpack);
	msgpack->tcp.connect_timeout_ns = msgpack->connect_timeout;
	msgpack->tcp.dead_after_ns = msgpack->ack_timeout;
	sink_set_window(sink, WINDOW);
	return 0;
}

static int msgpack_bind(void *self, const struct schema *in, struct encoding *ret_encoding,
			struct error *err)
{
	struct msgpack_sink *msgpack = self;
	struct encoder_options how = { .nfields = 0 };

	return codec_msgpack.compile(sink_arena(msgpack->sink), in, &how, &ret_encoding->encoder,
				     err);
}

static int msgpack_start(void *self, struct error *err)
{
	struct msgpack_sink *msgpack = self;
	int r = uv_timer_init(sink_loop(msgpack->sink), &msgpack->timer);

	if (r < 0)
		return error_set(err, -r, "cannot make a timer: %s", uv_strerror(r));
	msgpack->timer.data = msgpack;
	msgpack->has_timer = true;
	tcp_open(&msgpack->tcp);
	return 0;
}

/* ---- the chunks we own ------------------------------------------------ */

/* A chunk that comes back after a back-off goes in front of newer ones. */
static void insert_unsent(struct msgpack_sink *msgpack, struct chunk *chunk)
{
	struct chunk **at = &msgpack->unsent;

	while (*at && (*at)->id < chunk->id)
		at = &(*at)->next;
	chunk->next = *at;
	*at = chunk;
}

static struct chunk *pop(struct chunk **list)
{
	struct chunk *chunk = *list;

	*list = chunk->next;
	chunk->next = NULL;
	return chunk;
}

/* Begin with the next chunk, if there is one. */
static bool send_next(struct msgpack_sink *msgpack)
{
	struct chunk *chunk;

	if (!msgpack->unsent)
		return false;
	chunk = pop(&msgpack->unsent);
	if (!msgpack->flying)
		msgpack->flying_end = &msgpack->flying;
	*msgpack->flying_end = chunk;
	msgpack->flying_end = &chunk->next;
	cursor_init(&msgpack->sending, chunk, CURSOR_ANY_ROUTE);
	return true;
}

/* The first that flies has arrived. */
static void pop_flying(struct msgpack_sink *msgpack)
{
	struct chunk *chunk = pop(&msgpack->flying);

	msgpack->acked.chunk = NULL;
	if (msgpack->sending.chunk == chunk)
		msgpack->sending.chunk = NULL;
}

/* What was sent whole may have arrived, although the peer's kernel did not say so. */
static void note_maybe_twice(struct msgpack_sink *msgpack)
{
	uint64_t n = 0;

	for (const struct chunk *chunk = msgpack->flying; chunk; chunk = chunk->next) {
		uint32_t sent =
			chunk == msgpack->sending.chunk ? msgpack->sending.rec : chunk->nrecs;

		for (uint32_t i = 0; i < sent; i++)
			n += chunk->recs[i].fate == PENDING;
	}
	sink_maybe_twice(msgpack->sink, n);
}

static void give_all_back(struct msgpack_sink *msgpack, const char *why)
{
	msgpack->sending.chunk = msgpack->acked.chunk = NULL;
	msgpack->nsent = msgpack->nacked = 0;
	(void)uv_timer_stop(&msgpack->timer);
	while (msgpack->flying)
		sink_retry(msgpack->sink, pop(&msgpack->flying), 0, why);
	while (msgpack->unsent)
		sink_retry(msgpack->sink, pop(&msgpack->unsent), 0, why);
}

/* ---- sending and settling --------------------------------------------- */

/* Settle what the peer's kernel has confirmed. */
static void settle(struct msgpack_sink *msgpack)
{
	uint64_t unacked = tcp_unacked(&msgpack->tcp), credit;

	if (unacked > msgpack->nsent || msgpack->nsent - unacked <= msgpack->nacked)
		return;
	credit = msgpack->nsent - unacked - msgpack->nacked;
	msgpack->nacked += credit;
	msgpack->poll_ms = ACK_POLL_MS;
	/* Settling may bring new chunks: look at the list again each time. */
	while (credit && msgpack->flying) {
		struct chunk *chunk = msgpack->flying;
		uint32_t first, until;

		if (!msgpack->acked.chunk)
			cursor_init(&msgpack->acked, chunk, CURSOR_ANY_ROUTE);
		first = msgpack->acked.rec;
		credit -= cursor_advance(&msgpack->acked, credit);
		until = msgpack->acked.rec;
		if (cursor_is_done(&msgpack->acked))
			pop_flying(msgpack);
		if (until > first)
			sink_settle(msgpack->sink, chunk, first, until - first, DELIVERED, 0);
	}
}

static void push(struct msgpack_sink *msgpack)
{
	while (msgpack->tcp.state == TCP_STATE_OPEN && !msgpack->tcp.is_stuck) {
		const uint8_t *at = NULL;
		struct iovec part;
		size_t n;

		if (msgpack->sending.chunk)
			at = cursor_run(&msgpack->sending, RUN_MAX, &part.iov_len);
		if (!at && !send_next(msgpack))
			return;
		if (!at)
			continue;
		part.iov_base = (void *)(uintptr_t)at;
		n = tcp_send(&msgpack->tcp, &part, 1);
		(void)cursor_advance(&msgpack->sending, n);
		msgpack->nsent += n;
	}
}

static void work(struct msgpack_sink *msgpack);

static void on_timer(uv_timer_t *timer)
{
	struct msgpack_sink *msgpack = timer->data;

	if (msgpack->poll_ms < ACK_POLL_MAX_MS)
		msgpack->poll_ms *= 2;
	work(msgpack);
}

/* Send what can be sent, settle what has arrived, and look again later. */
static void work(struct msgpack_sink *msgpack)
{
	push(msgpack);
	settle(msgpack);
	if (!msgpack->flying)
		(void)uv_timer_stop(&msgpack->timer);
	else if (!uv_is_active((uv_handle_t *)&msgpack->timer))
		(void)uv_timer_start(&msgpack->timer, on_timer, msgpack->poll_ms, 0);
}

static void msgpack_write(void *self, struct chunk *chunk)
{
	struct msgpack_sink *msgpack = self;

	insert_unsent(msgpack, chunk);
	if (msgpack->tcp.state == TCP_STATE_OPEN)
		work(msgpack);
	else
		tcp_open(&msgpack->tcp);
}

/* ---- the connection --------------------------------------------------- */

static void on_opened(void *arg)
{
	struct msgpack_sink *msgpack = arg;

	msgpack->has_warned = false;
	msgpack->poll_ms = ACK_POLL_MS;
	work(msgpack);
}

static void on_writable(void *arg)
{
	work(arg);
}

/* Nobody has anything to say to us; reading only shows when the peer closes. */
static void on_received(void *arg, const uint8_t *bytes, size_t len)
{
	(void)arg;
	(void)bytes;
	(void)len;
}

static void on_closed(void *arg, const char *why)
{
	struct msgpack_sink *msgpack = arg;

	settle(msgpack);
	/* The engine speaks of what has to be sent again; this is for when there is
	 * nothing. */
	if (!msgpack->flying && !msgpack->unsent && !msgpack->has_warned) {
		log_warn("sink '%s': %s; trying again when there is something to send",
			 sink_id(msgpack->sink), why);
		msgpack->has_warned = true;
	}
	note_maybe_twice(msgpack);
	give_all_back(msgpack, why);
}

static const struct tcp_handler handler = {
	.opened = on_opened,
	.writable = on_writable,
	.received = on_received,
	.closed = on_closed,
};

static void msgpack_cancel(void *self)
{
	struct msgpack_sink *msgpack = self;

	settle(msgpack);
	tcp_release(&msgpack->tcp);
	give_all_back(msgpack, "cancelled");
}

static void msgpack_stop(void *self)
{
	struct msgpack_sink *msgpack = self;

	tcp_release(&msgpack->tcp);
}

static void msgpack_release(void *self)
{
	struct msgpack_sink *msgpack = self;

	tcp_release(&msgpack->tcp);
	if (msgpack->has_timer)
		uv_close((uv_handle_t *)&msgpack->timer, NULL);
}

static const struct example examples[] = {
	{ .title = "To a receiver on another machine",
	  .config = "type: msgpack\n"
		    "address: collector:5170\n"
		    "connect_timeout: 5s\n" },
	EXAMPLE_END,
};

const struct sink_type sink_msgpack = {
	.base = {
		.name = "msgpack",
		.summary = "Send records as MessagePack over TCP",
		.help = "A stream of maps, for receivers such as Fluent Bit's tcp input with "
			"format msgpack. Delivered means that the peer's kernel has confirmed it; "
			"what must not be lost when the receiving program dies needs `forward`. "
			"After a lost connection chunks may arrive in another order.",
		.size = sizeof(struct msgpack_sink),
		.options = options,
		.examples = examples,
	},
	.chunk_wait_ns = 5 * NS_PER_MS,
	.open = msgpack_open,
	.bind = msgpack_bind,
	.start = msgpack_start,
	.write = msgpack_write,
	.cancel = msgpack_cancel,
	.stop = msgpack_stop,
	.release = msgpack_release,
};
