/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"

enum { RECEIVE_BUFFER = 128 << 10 };

struct http_client {
	CURL *easy;
	struct http_options options;
	char error[CURL_ERROR_SIZE];
};

/* One request on its way, redirects included. */
struct exchange {
	struct http_client *client;
	struct arena *arena;
	const struct http_request *request;
	const char *url; /* of this hop */
	struct http_answer *answer;
	struct buf body;
	uint64_t received, sent, max;
	size_t head;     /* bytes of headers */
	int64_t since;   /* nanoseconds: when that much was last seen to move */
	curl_off_t seen; /* bytes of both bodies until then */
	bool has_begun;
	int failed; /* negative errno, with err set */
	struct error *err;
};

/* ---- clients --------------------------------------------------------------- */

int http_open(const struct http_options *options, struct http_client **ret_client,
	      struct error *err)
{
	struct http_client *client;

	/* Counted by libcurl, and safe from any thread since 7.84. */
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return error_set(err, EIO, "libcurl cannot be set up");
	client = xcalloc(1, sizeof(*client));
	client->options = *options;
	client->easy = curl_easy_init();
	if (!client->easy) {
		free(client);
		return error_set(err, EIO, "libcurl cannot be set up");
	}
	*ret_client = client;
	return 0;
}

void http_close(struct http_client *client)
{
	if (!client)
		return;
	curl_easy_cleanup(client->easy);
	free(client);
}

/* ---- URLs ------------------------------------------------------------------- */

static char *url_part(CURLU *url, CURLUPart part, unsigned flags)
{
	char *text = NULL;

	return curl_url_get(url, part, &text, flags) == CURLUE_OK ? text : NULL;
}

/* Parsed; NULL unless it is http or https. */
static CURLU *url_parse(const char *text)
{
	CURLU *url = curl_url();
	char *scheme = NULL;
	bool is_http;

	if (url && curl_url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK)
		scheme = url_part(url, CURLUPART_SCHEME, 0);
	is_http = scheme && (!strcmp(scheme, "http") || !strcmp(scheme, "https"));
	curl_free(scheme);
	if (is_http)
		return url;
	curl_url_cleanup(url);
	return NULL;
}

const char *http_resolve(struct arena *arena, const char *base, const char *reference)
{
	CURLU *url = url_parse(base);
	const char *result = NULL;
	char *text = NULL;

	if (!url)
		return NULL;
	if (curl_url_set(url, CURLUPART_URL, reference, 0) == CURLUE_OK)
		text = url_part(url, CURLUPART_URL, 0);
	curl_url_cleanup(url);
	url = text ? url_parse(text) : NULL;
	if (url)
		result = arena_strdup(arena, text);
	curl_url_cleanup(url);
	curl_free(text);
	return result;
}

static bool same_part(CURLU *a, CURLU *b, CURLUPart part)
{
	char *x = url_part(a, part, CURLU_DEFAULT_PORT), *y = url_part(b, part, CURLU_DEFAULT_PORT);
	bool same = x && y && !strcasecmp(x, y);

	curl_free(x);
	curl_free(y);
	return same;
}

bool http_same_origin(const char *a, const char *b)
{
	CURLU *x = url_parse(a), *y = url_parse(b);
	bool same = x && y && same_part(x, y, CURLUPART_SCHEME) &&
		    same_part(x, y, CURLUPART_HOST) && same_part(x, y, CURLUPART_PORT);

	curl_url_cleanup(x);
	curl_url_cleanup(y);
	return same;
}

static bool is_https(const char *url)
{
	return !strncasecmp(url, "https:", 6);
}

/* "https://host:port" of a URL, for messages: paths may hold what is secret. */
static const char *origin_of(struct arena *arena, const char *url)
{
	const char *path = strstr(url, "//");

	path = path ? strchr(path + 2, '/') : NULL;
	return arena_strndup(arena, url, path ? (size_t)(path - url) : strlen(url));
}

/* ---- an answer --------------------------------------------------------------- */

const char *http_header_next(const struct http_answer *answer, const char *name, size_t *at)
{
	while (*at < answer->nheaders) {
		const struct http_header *header = &answer->headers[(*at)++];

		if (!strcasecmp(header->name, name))
			return header->value;
	}
	return NULL;
}

const char *http_header(const struct http_answer *answer, const char *name)
{
	size_t at = 0;

	return http_header_next(answer, name, &at);
}

/* A line of headers; a status line begins them anew (100 Continue comes first). */
static size_t on_header(char *line, size_t size, size_t n, void *arg)
{
	struct exchange *x = arg;
	struct http_answer *answer = x->answer;
	size_t len = size * n, name, end = len;
	const char *colon = memchr(line, ':', len);

	x->head += len;
	if (x->head > HTTP_HEAD_MAX) {
		x->failed = error_set(x->err, EFBIG, "the answer has more than %d bytes of headers",
				      HTTP_HEAD_MAX);
		return 0;
	}
	if (len > 5 && !strncmp(line, "HTTP/", 5)) {
		answer->nheaders = 0;
		return len;
	}
	if (!colon || answer->nheaders == HTTP_HEADERS_MAX || len > HTTP_HEADER_MAX)
		return len;
	name = (size_t)(colon - line);
	colon++;
	while (end && strchr("\r\n \t", line[end - 1]))
		end--;
	while (colon < line + end && strchr(" \t", *colon))
		colon++;
	answer->headers[answer->nheaders++] = (struct http_header){
		.name = arena_strndup(x->arena, line, name),
		.value = arena_strndup(x->arena, colon, (size_t)(line + end - colon)),
	};
	return len;
}

static bool is_good(int status)
{
	return status >= 200 && status < 300;
}

static int status_of(const struct exchange *x)
{
	long status = 0;

	(void)curl_easy_getinfo(x->client->easy, CURLINFO_RESPONSE_CODE, &status);
	return (int)status;
}

static int begin_body(struct exchange *x)
{
	if (x->has_begun)
		return 0;
	x->has_begun = true;
	return x->request->begin ? x->request->begin(x->request->arg, status_of(x), x->err) : 0;
}

static size_t on_body(char *bytes, size_t size, size_t n, void *arg)
{
	struct exchange *x = arg;
	bool is_taken = x->request->take && is_good(status_of(x));
	size_t len = size * n;

	x->received += len;
	if (is_taken && x->received > x->max)
		x->failed = error_set(x->err, EFBIG, "the answer is larger than %llu bytes",
				      (unsigned long long)x->max);
	if (is_taken && x->failed == 0)
		x->failed = begin_body(x);
	if (is_taken && x->failed == 0)
		x->failed = x->request->take(x->request->arg, bytes, len, x->err);
	if (!is_taken && !buf_add(&x->body, bytes, len))
		x->failed = error_set(x->err, EFBIG, "the answer is larger than %zu bytes",
				      x->body.max);
	return x->failed ? 0 : len;
}

/* ---- a request --------------------------------------------------------------- */

static size_t on_send(char *to, size_t size, size_t n, void *arg)
{
	struct exchange *x = arg;
	const struct http_request *request = x->request;
	uint64_t left = request->size - x->sent;
	size_t len = size * n < left ? size * n : (size_t)left;
	ssize_t got;

	if (!request->has_fd) {
		memcpy(to, (const char *)request->body + x->sent, len);
	} else {
		got = pread(request->body_fd, to, len, (off_t)(request->offset + x->sent));
		if (got <= 0 && len) {
			x->failed = error_set(x->err, EIO, "cannot read what is to be sent");
			return CURL_READFUNC_ABORT;
		}
		len = (size_t)got;
	}
	x->sent += len;
	return len;
}

/* libcurl sends a body again when a kept connection turns out to be dead. */
static int on_seek(void *arg, curl_off_t offset, int origin)
{
	struct exchange *x = arg;

	if (origin != SEEK_SET || offset < 0 || (uint64_t)offset > x->request->size)
		return CURL_SEEKFUNC_FAIL;
	x->sent = (uint64_t)offset;
	return CURL_SEEKFUNC_OK;
}

static int64_t now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/*
 * libcurl calls it all the time, and every second when nothing happens.  Its own
 * limit on speed looks at the mean of the last seconds, and so is late by those.
 */
static int on_tick(void *arg, curl_off_t to_come, curl_off_t came, curl_off_t to_go,
		   curl_off_t gone)
{
	struct exchange *x = arg;

	unsigned silence_s = x->client->options.silence_s;
	int64_t now = now_ns();

	(void)to_come;
	(void)to_go;
	if (!silence_s)
		silence_s = HTTP_SILENCE_S;
	if (came + gone < x->seen || came + gone >= x->seen + HTTP_TRICKLE) {
		x->seen = came + gone;
		x->since = now;
	}
	if (x->request->tick && !x->request->tick(x->request->arg, (uint64_t)gone))
		x->failed = error_set(x->err, ECANCELED, "given up");
	else if (now - x->since > (int64_t)silence_s * 1000000000)
		x->failed = error_set(x->err, ETIMEDOUT, "%s was %s for %u s",
				      origin_of(x->arena, x->url),
				      came + gone == x->seen ? "silent" : "too slow", silence_s);
	return x->failed ? 1 : 0;
}

static struct curl_slist *add_header(struct curl_slist *list, const char *name, const char *value)
{
	size_t len = strlen(name) + strlen(value) + 3;
	char *line = xcalloc(1, len);
	struct curl_slist *longer;

	(void)snprintf(line, len, "%s: %s", name, value);
	longer = curl_slist_append(list, line);
	explicit_bzero(line, len);
	free(line);
	if (!longer)
		abort();
	return longer;
}

static struct curl_slist *make_headers(const struct http_request *request, bool is_origin)
{
	struct curl_slist *list = NULL;

	for (size_t i = 0; i < request->nheaders; i++)
		list = add_header(list, request->headers[i].name, request->headers[i].value);
	/* Registries that do not know it make clients wait a second for nothing. */
	list = add_header(list, "Expect", "");
	if (request->authorization && is_origin)
		list = add_header(list, "Authorization", request->authorization);
	return list;
}

static void set_body(struct exchange *x, CURL *easy)
{
	const struct http_request *request = x->request;
	bool has_body = request->body || request->has_fd;

	if (!strcmp(request->method, "HEAD")) {
		(void)curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
		return;
	}
	/* A POST or PUT without a body says so: "Content-Length: 0". */
	if (has_body || !strcmp(request->method, "POST") || !strcmp(request->method, "PUT") ||
	    !strcmp(request->method, "PATCH")) {
		(void)curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
		(void)curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE,
				       has_body ? (curl_off_t)request->size : 0);
		(void)curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_send);
		(void)curl_easy_setopt(easy, CURLOPT_READDATA, x);
		(void)curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, on_seek);
		(void)curl_easy_setopt(easy, CURLOPT_SEEKDATA, x);
	}
	(void)curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
}

/* Who we are is told to nobody but whom the caller named. */
static void set_tls(CURL *easy, const struct http_options *options, bool is_origin)
{
	if (options->ca_file)
		(void)curl_easy_setopt(easy, CURLOPT_CAINFO, options->ca_file);
	if (options->cert_file && is_origin)
		(void)curl_easy_setopt(easy, CURLOPT_SSLCERT, options->cert_file);
	if (options->key_file && is_origin)
		(void)curl_easy_setopt(easy, CURLOPT_SSLKEY, options->key_file);
}

static void set_up(struct exchange *x, const char *url, struct curl_slist *headers, bool is_origin)
{
	const struct http_options *options = &x->client->options;
	CURL *easy = x->client->easy;

	/* Connections, sessions and names survive this. */
	curl_easy_reset(easy);
	(void)curl_easy_setopt(easy, CURLOPT_URL, url);
	(void)curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	(void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, x->client->error);
	(void)curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, (long)HTTP_CONNECT_S);
	(void)curl_easy_setopt(easy, CURLOPT_USERAGENT,
			       options->user_agent ? options->user_agent : "gadgetctl");
	(void)curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
	(void)curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	(void)curl_easy_setopt(easy, CURLOPT_HEADERDATA, x);
	(void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	(void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, x);
	(void)curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)RECEIVE_BUFFER);
	(void)curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, (long)RECEIVE_BUFFER);
	(void)curl_easy_setopt(easy, CURLOPT_TIMEOUT, (long)x->request->timeout_s);
	(void)curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
	(void)curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, on_tick);
	(void)curl_easy_setopt(easy, CURLOPT_XFERINFODATA, x);
	set_tls(easy, options, is_origin);
	set_body(x, easy);
}

static int code_of(CURLcode code)
{
	switch (code) {
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
	case CURLE_COULDNT_CONNECT:
		return ENOTCONN;
	case CURLE_OPERATION_TIMEDOUT:
		return ETIMEDOUT;
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
	case CURLE_GOT_NOTHING:
	case CURLE_PARTIAL_FILE:
	case CURLE_HTTP2:
	case CURLE_HTTP2_STREAM:
		return ECONNRESET;
	default:
		return EPROTO;
	}
}

static int send_once(struct exchange *x, const char *url, bool is_origin)
{
	struct curl_slist *headers = make_headers(x->request, is_origin);
	const char *why;
	CURLcode code;

	x->client->error[0] = 0;
	x->sent = x->received = 0;
	x->head = 0;
	x->seen = 0;
	x->since = now_ns();
	x->url = url;
	x->body.len = 0;
	x->has_begun = false;
	x->answer->nheaders = 0;
	set_up(x, url, headers, is_origin);
	code = curl_easy_perform(x->client->easy);
	for (struct curl_slist *line = headers; line; line = line->next)
		explicit_bzero(line->data, strlen(line->data));
	curl_slist_free_all(headers);
	if (x->failed)
		return x->failed;
	if (code == CURLE_OK) {
		x->answer->status = status_of(x);
		return 0;
	}
	why = x->client->error[0] ? x->client->error : curl_easy_strerror(code);
	/* That is what libcurl says of a line beyond its limit. */
	if (code == CURLE_OUT_OF_MEMORY)
		why = "a header of the answer is too long";
	return error_set(x->err, code_of(code), "%s: %s", origin_of(x->arena, url), why);
}

static bool is_redirect(int status)
{
	return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* Where a redirect leads; NULL with *ret when it must not be followed. */
static const char *next_url(struct exchange *x, const char *url, int *ret)
{
	const char *location = http_header(x->answer, "Location");
	const char *next = location ? http_resolve(x->arena, url, location) : NULL;

	if (!next)
		*ret = error_set(x->err, EPROTO, "%s redirects to nowhere",
				 origin_of(x->arena, url));
	else if (is_https(url) && !is_https(next)) {
		*ret = error_set(x->err, EPERM, "%s redirects to %s, which is not encrypted",
				 origin_of(x->arena, url), origin_of(x->arena, next));
		next = NULL;
	}
	return next;
}

static int follow(struct exchange *x)
{
	const char *url = x->request->url;
	int r;

	for (int hop = 0; hop <= HTTP_REDIRECTS; hop++) {
		r = send_once(x, url, http_same_origin(x->request->url, url));
		if (r < 0)
			return r;
		x->answer->url = url;
		/* Only what changes nothing is repeated elsewhere without asking. */
		if (!is_redirect(x->answer->status) || (strcmp(x->request->method, "GET") != 0 &&
							strcmp(x->request->method, "HEAD") != 0))
			return 0;
		url = next_url(x, url, &r);
		if (!url)
			return r;
	}
	return error_set(x->err, ELOOP, "%s redirects more than %d times",
			 origin_of(x->arena, x->request->url), HTTP_REDIRECTS);
}

int http_do(struct http_client *client, struct arena *arena, const struct http_request *request,
	    struct http_answer *ret_answer, struct error *err)
{
	struct exchange x = {
		.client = client,
		.arena = arena,
		.request = request,
		.answer = ret_answer,
		.max = request->max ? request->max : HTTP_BODY_MAX,
		.err = err,
	};
	int r;

	*ret_answer = (struct http_answer){ 0 };
	buf_init(&x.body, request->take || !request->max ? HTTP_BODY_MAX : request->max);
	r = follow(&x);
	if (r == 0 && request->take && is_good(ret_answer->status))
		r = begin_body(&x);
	if (r == 0) {
		ret_answer->body_len = x.body.len;
		ret_answer->body =
			arena_strndup(arena, x.body.len ? (char *)x.body.data : "", x.body.len);
	}
	buf_release(&x.body);
	return r;
}
