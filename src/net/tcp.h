/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tcp: a client's connection that can be lost and opened again.
 *
 * Looks the name up on libuv's pool, tries each address in turn, and then sends
 * and receives without ever blocking.  It does not try again by itself: whoever
 * holds the data knows when that is due, and calls tcp_open().
 *
 *     CLOSED ── tcp_open ──▶ CONNECTING ── opened() ──▶ OPEN
 *        ▲                        │                       │
 *        └──────── closed() ──────┴───────────────────────┘
 *
 * Everything runs on the loop's thread.  The handles of libuv belong to each
 * attempt and live until the loop has closed them; the struct itself may go away
 * right after tcp_release().
 */
#ifndef NET_TCP_H
#define NET_TCP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "net/address.h"

struct uv_loop_s;
struct addrinfo;
struct tcp_conn;
struct tcp_lookup;

struct tcp_handler {
	/* The connection is there. */
	void (*opened)(void *arg);
	/* There is room again after tcp_send() took less than it was given. */
	void (*writable)(void *arg);
	/* Bytes came; valid until it returns.  May drop the connection. */
	void (*received)(void *arg, const uint8_t *bytes, size_t len);
	/* No connection any more, or none came about; not after tcp_release().
	 * `why` is a sentence for the log, valid until it returns. */
	void (*closed)(void *arg, const char *why);
};

enum tcp_state { TCP_STATE_CLOSED, TCP_STATE_CONNECTING, TCP_STATE_OPEN };

struct tcp {
	struct uv_loop_s *loop;
	struct address address;
	int64_t connect_timeout_ns; /* for each address */
	int64_t dead_after_ns;      /* data unacknowledged for so long; 0: the system's default */
	const struct tcp_handler *handler;
	void *arg;
	enum tcp_state state;
	struct tcp_lookup *lookup; /* under way */
	struct addrinfo *found, *next;
	struct tcp_conn *conn;
	uint64_t unacked; /* when the last connection ended */
	bool is_stuck;    /* waits for room */
	int send_error;   /* the connection is lost, which the next event tells */
};

/* Fill in a closed connection; set the two times if 0 will not do. */
void tcp_init(struct tcp *tcp, struct uv_loop_s *loop, const struct address *address,
	      const struct tcp_handler *handler, void *arg);

/* Start an attempt, unless one is under way or the connection is open.  May call
 * closed() before it returns. */
void tcp_open(struct tcp *tcp);

/*
 * Send; returns how many bytes the kernel took.  If that is not all, writable()
 * follows, or closed() when the connection turns out to be lost: after received()
 * was given what the peer had still said.  Calls none of them itself.  Only while
 * open.
 */
size_t tcp_send(struct tcp *tcp, const struct iovec *parts, int nparts);

/*
 * Bytes that were sent and not yet acknowledged by the peer's kernel; while
 * closed, of the last connection.  What is acknowledged has left this machine; it
 * may still be lost if the peer's program dies before it reads it.
 */
uint64_t tcp_unacked(struct tcp *tcp);

/* End the connection or the attempt; closed(why) is called before it returns. */
void tcp_drop(struct tcp *tcp, const char *why);

/* End whatever there is, without a call.  What was sent still goes out. */
void tcp_release(struct tcp *tcp);

#endif
