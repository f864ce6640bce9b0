/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http: one request and its answer, over libcurl.
 *
 * The only place that knows libcurl.  A call blocks until the answer is there or
 * has failed; who wants several at once uses a client in each of several threads
 * (a client belongs to one thread at a time).  Connections are kept and used
 * again.
 *
 * Peers are not trusted: the time to connect and every second of silence count
 * against limits, header lines and bodies are limited, an answer that ends early
 * is an error.  Redirects are followed here and not by libcurl, at most
 * HTTP_REDIRECTS of them, never from https to http, and credentials never go to
 * another scheme, host or port than the caller named; neither does the client's
 * certificate.  Certificates are always verified.  What is secret is in header values only, and those never appear in
 * errors.
 */
#ifndef NET_HTTP_H
#define NET_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"

enum {
	HTTP_REDIRECTS = 5,
	HTTP_CONNECT_S = 15,       /* to connect, TLS included */
	HTTP_SILENCE_S = 30,       /* without that much in either direction: */
	HTTP_TRICKLE = 4 << 10,    /* bytes; fewer are as good as none */
	HTTP_HEADERS_MAX = 64,     /* of an answer; more are ignored */
	HTTP_HEADER_MAX = 8 << 10, /* bytes of a header's value; longer ones are ignored */
	HTTP_HEAD_MAX = 256 << 10, /* bytes of all headers; more end the request */
	HTTP_BODY_MAX = 4 << 20,   /* bytes of a body that is kept in memory */
};

struct http_options {
	const char *ca_file;              /* PEM; NULL: the system's */
	const char *cert_file, *key_file; /* of the client, PEM; or NULL */
	const char *user_agent;
	unsigned silence_s; /* 0: HTTP_SILENCE_S */
};

struct http_client;

/* -EIO when libcurl cannot be set up. */
int http_open(const struct http_options *options, struct http_client **ret_client,
	      struct error *err) __attribute__((warn_unused_result));
void http_close(struct http_client *client);

struct http_header {
	const char *name, *value;
};

struct http_request {
	const char *method; /* "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE" */
	const char *url;    /* http:// or https:// */
	const struct http_header *headers;
	size_t nheaders;
	const char *authorization; /* value of that header, or NULL */

	/* The body: bytes, or `size` bytes of a file from `offset` on. */
	const void *body;
	uint64_t size, offset;
	int body_fd; /* used when has_fd */
	bool has_fd;

	/* Where a body of a 2xx answer goes piece by piece; NULL: into the answer.  A
	 * negative return ends the request with that code and the error it has set. */
	int (*take)(void *arg, const void *bytes, size_t len, struct error *err);
	/* The headers of a 2xx answer are there, the body is about to come; may be
	 * NULL.  Returns as take() does. */
	int (*begin)(void *arg, int status, struct error *err);
	/* Called at least every second, with how much of the body was sent; false ends
	 * the request with -ECANCELED.  May be NULL. */
	bool (*tick)(void *arg, uint64_t sent);
	void *arg;
	uint64_t max;       /* bytes of the body; 0: HTTP_BODY_MAX */
	unsigned timeout_s; /* for all of it; 0: as long as there is no silence */
};

struct http_answer {
	int status;
	const char *url; /* whom the answer is from, after redirects */
	struct http_header headers[HTTP_HEADERS_MAX];
	size_t nheaders;
	const char *body; /* what take() did not get; NUL-terminated */
	size_t body_len;
};

/*
 * Send the request and wait for the answer.  Any status is a success here; what is
 * not: -ENOTCONN nobody there or no such host, -ECONNRESET the connection ended
 * before the answer did, -EPROTO TLS or HTTP went wrong, -ETIMEDOUT silence,
 * -ECANCELED tick() said so, -EFBIG too large, -ELOOP too many redirects, -EPERM a
 * redirect to where it must not go.  Strings live in the arena.
 */
int http_do(struct http_client *client, struct arena *arena, const struct http_request *request,
	    struct http_answer *ret_answer, struct error *err) __attribute__((warn_unused_result));

/* The first header of that name (case does not matter), or NULL. */
const char *http_header(const struct http_answer *answer, const char *name);

/* All headers of that name: the next at or behind *at, which moves; NULL at the end. */
const char *http_header_next(const struct http_answer *answer, const char *name, size_t *at);

/* An absolute URL from a base and a reference such as a Location header; NULL when
 * that gives none, or one that is not http(s). */
const char *http_resolve(struct arena *arena, const char *base, const char *reference);

/* Whether two URLs have the same scheme, host and port. */
bool http_same_origin(const char *a, const char *b);

#endif
