/* SPDX-License-Identifier: Apache-2.0 */
/* loopback: a TCP peer inside the test, which does only what it is told to. */
#ifndef TEST_LOOPBACK_H
#define TEST_LOOPBACK_H

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

struct loopback {
	int listener, fd; /* fd: the connection, or -1 */
	char address[32];
	uint8_t *bytes; /* what was read from the connection */
	size_t len, cap;
	bool has_ended; /* the other side closed */
};

/* A port of 127.0.0.1 that refuses connections until loopback_listen(). */
__attribute__((unused)) static void loopback_init(struct loopback *peer)
{
	struct sockaddr_in name = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(name);

	*peer = (struct loopback){ .fd = -1 };
	peer->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (peer->listener < 0 || bind(peer->listener, (struct sockaddr *)&name, len) < 0 ||
	    getsockname(peer->listener, (struct sockaddr *)&name, &len) < 0)
		abort();
	(void)snprintf(peer->address, sizeof(peer->address), "127.0.0.1:%u", ntohs(name.sin_port));
}

/* rcvbuf: bytes the kernel may keep for us, 0: its default. */
__attribute__((unused)) static void loopback_listen(struct loopback *peer, int rcvbuf)
{
	if (rcvbuf &&
	    setsockopt(peer->listener, SOL_SOCKET, SO_RCVBUF, &rcvbuf, sizeof(rcvbuf)) < 0)
		abort();
	if (listen(peer->listener, 8) < 0)
		abort();
}

/* Take a connection if there is one; true when there is. */
__attribute__((unused)) static bool loopback_accept(struct loopback *peer)
{
	if (peer->fd < 0) {
		peer->fd = accept4(peer->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		peer->len = 0;
		peer->has_ended = false;
	}
	return peer->fd >= 0;
}

/* Read what is there, up to max bytes in all; returns the bytes of this connection. */
__attribute__((unused)) static size_t loopback_read(struct loopback *peer, size_t max)
{
	while (loopback_accept(peer) && peer->len < max) {
		ssize_t n;

		if (peer->len == peer->cap) {
			peer->cap = peer->cap ? 2 * peer->cap : 1 << 16;
			peer->bytes = realloc(peer->bytes, peer->cap);
			if (!peer->bytes)
				abort();
		}
		n = peer->cap - peer->len < max - peer->len ? (ssize_t)(peer->cap - peer->len)
							    : (ssize_t)(max - peer->len);
		n = read(peer->fd, peer->bytes + peer->len, (size_t)n);
		if (n == 0)
			peer->has_ended = true;
		if (n <= 0)
			break;
		peer->len += (size_t)n;
	}
	return peer->len;
}

/* Bytes that the kernel has taken for us and that were not read yet. */
__attribute__((unused)) static size_t loopback_queued(struct loopback *peer)
{
	int bytes = 0;

	if (!loopback_accept(peer) || ioctl(peer->fd, FIONREAD, &bytes) < 0)
		abort();
	return (size_t)bytes;
}

/* End the connection, with a reset if told so. */
__attribute__((unused)) static void loopback_cut(struct loopback *peer, bool reset)
{
	struct linger linger = { .l_onoff = reset, .l_linger = 0 };

	if (peer->fd < 0)
		return;
	(void)setsockopt(peer->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	close(peer->fd);
	peer->fd = -1;
}

__attribute__((unused)) static void loopback_release(struct loopback *peer)
{
	loopback_cut(peer, false);
	close(peer->listener);
	free(peer->bytes);
}

#endif
