/* SPDX-License-Identifier: Apache-2.0 */
#include "net/tcp.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "base/arena.h"
#include "base/clock.h"

enum {
	RECEIVE_SIZE = 16 * 1024,
	RECEIVES_PER_TURN = 8, /* a peer that talks much must not own the loop */
	KEEPALIVE_S = 30,
	KEEPALIVE_PROBES = 4,
	WHY_MAX = 512,
};

/* One socket and what libuv needs for it. */
struct tcp_conn {
	struct tcp *tcp; /* NULL: given up, only waits for its handles */
	uv_poll_t poll;
	uv_timer_t timer;
	int fd;
	int nhandles;
};

struct tcp_lookup {
	uv_getaddrinfo_t req;
	struct tcp *tcp; /* NULL: nobody wants the answer */
};

static void try_next(struct tcp *tcp, int reason);

void tcp_init(struct tcp *tcp, struct uv_loop_s *loop, const struct address *address,
	      const struct tcp_handler *handler, void *arg)
{
	*tcp = (struct tcp){
		.loop = loop,
		.address = *address,
		.connect_timeout_ns = 10 * NS_PER_S,
		.handler = handler,
		.arg = arg,
	};
}

/* ---- letting go ------------------------------------------------------- */

static void on_handle_closed(uv_handle_t *handle)
{
	struct tcp_conn *conn = handle->data;

	if (--conn->nhandles == 0)
		free(conn);
}

static uint64_t ask_unacked(int fd)
{
	int bytes = 0;

	if (ioctl(fd, SIOCOUTQ, &bytes) < 0 || bytes < 0)
		return 0;
	return (uint64_t)bytes;
}

static void let_conn_go(struct tcp *tcp)
{
	struct tcp_conn *conn = tcp->conn;

	if (!conn)
		return;
	tcp->conn = NULL;
	conn->tcp = NULL;
	if (tcp->state == TCP_STATE_OPEN)
		tcp->unacked = ask_unacked(conn->fd);
	uv_close((uv_handle_t *)&conn->poll, on_handle_closed);
	uv_close((uv_handle_t *)&conn->timer, on_handle_closed);
	/* Half first: closing with unread bytes would reset the connection, and
	 * the peer might lose what it has not read yet. */
	(void)shutdown(conn->fd, SHUT_WR);
	(void)close(conn->fd);
}

static void let_all_go(struct tcp *tcp)
{
	if (tcp->lookup) {
		tcp->lookup->tcp = NULL;
		(void)uv_cancel((uv_req_t *)&tcp->lookup->req);
		tcp->lookup = NULL;
	}
	if (tcp->found)
		uv_freeaddrinfo(tcp->found);
	tcp->found = tcp->next = NULL;
	let_conn_go(tcp);
	tcp->state = TCP_STATE_CLOSED;
	tcp->is_stuck = false;
	tcp->send_error = 0;
}

void tcp_drop(struct tcp *tcp, const char *why)
{
	if (tcp->state == TCP_STATE_CLOSED)
		return;
	let_all_go(tcp);
	tcp->handler->closed(tcp->arg, why);
}

void tcp_release(struct tcp *tcp)
{
	let_all_go(tcp);
}

/* tcp_drop() with "<what> 'host:port': <reason>". */
static void drop_for(struct tcp *tcp, const char *what, const char *reason)
{
	bool has_colon = strchr(tcp->address.host, ':');
	char why[WHY_MAX];

	(void)snprintf(why, sizeof(why), "%s '%s%s%s:%s': %s", what, has_colon ? "[" : "",
		       tcp->address.host, has_colon ? "]" : "", tcp->address.port, reason);
	tcp_drop(tcp, why);
}

static void lose(struct tcp *tcp, int code)
{
	drop_for(tcp, "lost", uv_strerror(code));
}

/* ---- an open connection ----------------------------------------------- */

static void on_poll(uv_poll_t *poll, int status, int events);

static void watch(struct tcp *tcp)
{
	int events = UV_READABLE | (tcp->is_stuck ? UV_WRITABLE : 0);

	(void)uv_poll_start(&tcp->conn->poll, events, on_poll);
}

static void receive(struct tcp *tcp)
{
	uint8_t bytes[RECEIVE_SIZE];

	for (int i = 0; i < RECEIVES_PER_TURN; i++) {
		ssize_t n = recv(tcp->conn->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n < 0) {
			lose(tcp, -errno);
			return;
		}
		if (n == 0) {
			drop_for(tcp, "lost", "the peer closed the connection");
			return;
		}
		tcp->handler->received(tcp->arg, bytes, (size_t)n);
		if (tcp->state != TCP_STATE_OPEN || n < (ssize_t)sizeof(bytes))
			return;
	}
}

static int socket_error(int fd)
{
	int code = 0;
	socklen_t len = sizeof(code);

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &len) < 0)
		return -errno;
	return -code;
}

/*
 * The connection is lost, but what the peer said before may be there to read: the
 * last acknowledgements, without which everything would be sent again.
 */
static void on_lost(struct tcp *tcp)
{
	int code;

	receive(tcp);
	if (tcp->state != TCP_STATE_OPEN)
		return;
	/* libuv hides the socket's error behind one of its own. */
	code = tcp->send_error ? tcp->send_error : socket_error(tcp->conn->fd);
	lose(tcp, code ? code : -ECONNRESET);
}

static void on_open_event(struct tcp *tcp, int status, int events)
{
	if (status < 0 || tcp->send_error) {
		on_lost(tcp);
		return;
	}
	if (events & UV_READABLE)
		receive(tcp);
	if (tcp->state != TCP_STATE_OPEN || !(events & UV_WRITABLE) || !tcp->is_stuck)
		return;
	tcp->is_stuck = false;
	tcp->handler->writable(tcp->arg);
	if (tcp->state == TCP_STATE_OPEN)
		watch(tcp);
}

size_t tcp_send(struct tcp *tcp, const struct iovec *parts, int nparts)
{
	struct msghdr message = { .msg_iov = (struct iovec *)parts, .msg_iovlen = (size_t)nparts };
	size_t total = 0;
	ssize_t n;

	do
		n = sendmsg(tcp->conn->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0) {
		tcp->send_error = errno == EAGAIN ? 0 : -errno;
		n = 0;
	}
	for (int i = 0; i < nparts; i++)
		total += parts[i].iov_len;
	if ((size_t)n < total && !tcp->is_stuck) {
		tcp->is_stuck = true;
		watch(tcp);
	}
	return (size_t)n;
}

uint64_t tcp_unacked(struct tcp *tcp)
{
	return tcp->state == TCP_STATE_OPEN ? ask_unacked(tcp->conn->fd) : tcp->unacked;
}

/* ---- connecting ------------------------------------------------------- */

static void set_int(int fd, int level, int name, int value)
{
	/* Each of these is a refinement; without it the connection works too. */
	(void)setsockopt(fd, level, name, &value, sizeof(value));
}

static void tune(const struct tcp *tcp, int fd)
{
	set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	set_int(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	set_int(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_S);
	set_int(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_S);
	set_int(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_PROBES);
	if (tcp->dead_after_ns)
		set_int(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, (int)(tcp->dead_after_ns / NS_PER_MS));
}

static void on_connected(struct tcp *tcp)
{
	(void)uv_timer_stop(&tcp->conn->timer);
	uv_freeaddrinfo(tcp->found);
	tcp->found = tcp->next = NULL;
	tcp->state = TCP_STATE_OPEN;
	tcp->unacked = 0;
	watch(tcp);
	tcp->handler->opened(tcp->arg);
}

static void on_connect_event(struct tcp *tcp, int status)
{
	int code = socket_error(tcp->conn->fd);

	if (!code && status < 0)
		code = status;
	if (!code) {
		on_connected(tcp);
		return;
	}
	let_conn_go(tcp);
	try_next(tcp, code);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct tcp_conn *conn = poll->data;

	if (conn->tcp->state == TCP_STATE_OPEN)
		on_open_event(conn->tcp, status, events);
	else
		on_connect_event(conn->tcp, status);
}

static void on_connect_timeout(uv_timer_t *timer)
{
	struct tcp *tcp = ((struct tcp_conn *)timer->data)->tcp;

	let_conn_go(tcp);
	try_next(tcp, -ETIMEDOUT);
}

/* Begin to connect to one address; the result comes from the loop. */
static int connect_to(struct tcp *tcp, const struct addrinfo *to)
{
	int fd = socket(to->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
	struct tcp_conn *conn;
	int r;

	if (fd < 0)
		return -errno;
	tune(tcp, fd);
	if (connect(fd, to->ai_addr, to->ai_addrlen) < 0 && errno != EINPROGRESS) {
		r = -errno;
		(void)close(fd);
		return r;
	}
	conn = xcalloc(1, sizeof(*conn));
	r = uv_poll_init(tcp->loop, &conn->poll, fd);
	if (r < 0) {
		free(conn);
		(void)close(fd);
		return r;
	}
	(void)uv_timer_init(tcp->loop, &conn->timer);
	conn->tcp = tcp;
	conn->fd = fd;
	conn->nhandles = 2;
	conn->poll.data = conn->timer.data = conn;
	tcp->conn = conn;
	(void)uv_timer_start(&conn->timer, on_connect_timeout,
			     (uint64_t)(tcp->connect_timeout_ns / NS_PER_MS), 0);
	return uv_poll_start(&conn->poll, UV_WRITABLE, on_poll);
}

/* Go on with the next address; `reason` is why the one before did not do. */
static void try_next(struct tcp *tcp, int reason)
{
	while (tcp->next) {
		const struct addrinfo *to = tcp->next;

		tcp->next = to->ai_next;
		reason = connect_to(tcp, to);
		if (reason == 0)
			return;
		let_conn_go(tcp);
	}
	drop_for(tcp, "cannot connect to", uv_strerror(reason));
}

static void on_lookup(uv_getaddrinfo_t *req, int status, struct addrinfo *found)
{
	struct tcp_lookup *lookup = (struct tcp_lookup *)req->data;
	struct tcp *tcp = lookup->tcp;

	free(lookup);
	if (!tcp) {
		uv_freeaddrinfo(found);
		return;
	}
	tcp->lookup = NULL;
	if (status < 0) {
		drop_for(tcp, "cannot look up", uv_strerror(status));
		return;
	}
	tcp->found = tcp->next = found;
	try_next(tcp, UV_EAI_NONAME);
}

void tcp_open(struct tcp *tcp)
{
	struct addrinfo hints = { .ai_family = AF_UNSPEC,
				  .ai_socktype = SOCK_STREAM,
				  .ai_flags = AI_NUMERICSERV };
	struct tcp_lookup *lookup;
	int r;

	if (tcp->state != TCP_STATE_CLOSED)
		return;
	tcp->state = TCP_STATE_CONNECTING;
	lookup = xcalloc(1, sizeof(*lookup));
	lookup->tcp = tcp;
	lookup->req.data = lookup;
	tcp->lookup = lookup;
	r = uv_getaddrinfo(tcp->loop, &lookup->req, on_lookup, tcp->address.host, tcp->address.port,
			   &hints);
	if (r == 0)
		return;
	tcp->lookup = NULL;
	free(lookup);
	drop_for(tcp, "cannot look up", uv_strerror(r));
}
