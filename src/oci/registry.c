/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a registry is and how requests to it are made: what all calls share.
 */
#include "oci/registry.h"

#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/units.h"
#include "oci/registry_private.h"

enum {
	ANSWER_TIMEOUT_S = 300, /* for a whole answer that is not a blob */
	SAID_MAX = 300,         /* bytes of what a registry says that are shown */
	SAID_ERRORS = 3,
};

int64_t registry_now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- where it is ------------------------------------------------------------- */

bool registry_is_insecure(const struct registry_options *options, const char *host)
{
	for (size_t i = 0; i < options->ninsecure; i++)
		if (!strcmp(options->insecure[i], host))
			return true;
	return false;
}

/* docker.io is a name that is not a host of the API. */
static const char *api_host(const char *host)
{
	return strcmp(host, "docker.io") == 0 ? "registry-1.docker.io" : host;
}

static bool is_file(const char *path)
{
	return access(path, R_OK) == 0;
}

/* A file of the folders where administrators put certificates for docker and podman. */
static char *find_certificate(const char *host, const char *name)
{
	static const char *const folders[] = { "/etc/containers/certs.d", "/etc/docker/certs.d" };
	char path[512];

	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s/%s", folders[i], host, name);
		if (is_file(path))
			return xstrdup(path);
	}
	return NULL;
}

static int set_certificates(struct registry *registry, struct error *err)
{
	const struct registry_options *o = &registry->options;
	const char *const named[] = { o->ca_file, o->cert_file, o->key_file };

	for (size_t i = 0; i < sizeof(named) / sizeof(*named); i++)
		if (named[i] && access(named[i], R_OK) < 0)
			return error_set(err, errno, "cannot read '%s': %s", named[i],
					 strerrordesc_np(errno));
	if (!o->cert_file != !o->key_file)
		return error_set(err, EINVAL,
				 "a client's certificate and its key need each other (give both "
				 "--cert-file and --key-file)");
	registry->ca_file =
		o->ca_file ? xstrdup(o->ca_file) : find_certificate(registry->host, "ca.crt");
	if (o->cert_file) {
		registry->cert_file = xstrdup(o->cert_file);
		registry->key_file = xstrdup(o->key_file);
	} else {
		registry->cert_file = find_certificate(registry->host, "client.cert");
		registry->key_file = find_certificate(registry->host, "client.key");
	}
	registry->http = (struct http_options){
		.ca_file = registry->ca_file,
		.cert_file = registry->cert_file,
		.key_file = registry->key_file,
		.user_agent = "gadgetctl/" GADGETCTL_VERSION,
		.silence_s = o->silence_s,
	};
	return 0;
}

static int set_credentials(struct registry *registry, struct error *err)
{
	const struct credentials *given = registry->options.credentials;

	if (!given)
		return auth_find(registry->options.authfile, registry->host, registry->path,
				 &registry->credentials, err);
	registry->credentials = (struct credentials){
		.user = given->user ? xstrdup(given->user) : NULL,
		.secret = given->secret ? xstrdup(given->secret) : NULL,
		.is_identity = given->is_identity,
	};
	return 0;
}

static char *text_of(const char *fmt, const char *a, const char *b)
{
	char *text = NULL;

	if (asprintf(&text, fmt, a, b) < 0)
		abort();
	return text;
}

int registry_open(const struct registry_options *options, const struct reference *repository,
		  struct registry **ret_registry, struct error *err)
{
	struct registry *registry = xcalloc(1, sizeof(*registry));
	bool is_plain = registry_is_insecure(options, repository->host);
	int r;

	registry->options = *options;
	registry->host = xstrdup(repository->host);
	registry->path = xstrdup(repository->path);
	registry->origin =
		text_of("%s://%s", is_plain ? "http" : "https", api_host(repository->host));
	registry->scope = text_of("repository:%s:%s", repository->path,
				  options->wants_push ? "pull,push" : "pull");
	(void)pthread_mutex_init(&registry->lock, NULL);
	r = set_certificates(registry, err);
	if (r == 0)
		r = set_credentials(registry, err);
	if (r < 0) {
		registry_close(registry);
		return r;
	}
	*ret_registry = registry;
	return 0;
}

void registry_close(struct registry *registry)
{
	if (!registry)
		return;
	for (uint32_t i = 0; i < REGISTRY_SCOPES; i++)
		secret_free(registry->tokens[i].authorization);
	secret_free(registry->basic);
	credentials_release(&registry->credentials);
	(void)pthread_mutex_destroy(&registry->lock);
	free(registry->host);
	free(registry->path);
	free(registry->origin);
	free(registry->scope);
	free(registry->ca_file);
	free(registry->cert_file);
	free(registry->key_file);
	free(registry->realm);
	free(registry->service);
	free(registry);
}

int registry_connect(struct registry *registry, struct registry_client **ret_client,
		     struct error *err)
{
	struct registry_client *client = xcalloc(1, sizeof(*client));
	int r = http_open(&registry->http, &client->http, err);

	client->registry = registry;
	if (r < 0)
		free(client);
	else
		*ret_client = client;
	return r;
}

void registry_disconnect(struct registry_client *client)
{
	if (!client)
		return;
	http_close(client->http);
	free(client);
}

/* ---- trying again -------------------------------------------------------------- */

static bool is_passing_status(int status)
{
	return status == 408 || status == 429 || status == 500 || status == 502 || status == 503 ||
	       status == 504;
}

bool registry_may_pass(const struct registry *registry, int r, const struct http_answer *answer)
{
	switch (r) {
	case 0:
		return is_passing_status(answer->status);
	case -ENOTCONN:
	case -ECONNRESET:
	case -ETIMEDOUT:
		return atomic_load(&registry->has_answered);
	default:
		return false;
	}
}

/* Retry-After as milliseconds: seconds, or a date; -1 when there is none. */
static int64_t asked_ms(const struct http_answer *answer)
{
	const char *text = http_header(answer, "Retry-After");
	struct tm date = { 0 };
	uint64_t seconds;
	time_t left;

	if (!text)
		return -1;
	if (parse_uint(text, &seconds) == 0)
		return seconds > INT32_MAX ? INT64_C(1000) * INT32_MAX : (int64_t)seconds * 1000;
	if (!strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &date))
		return -1;
	left = timegm(&date) - time(NULL);
	return left < 0 ? 0 : (int64_t)left * 1000;
}

/* Until then, or until all is given up. */
static int wait_until(int64_t until_ms, const struct registry_meter *meter, struct error *err)
{
	struct pollfd stop = { .fd = meter ? meter->stop_fd : -1, .events = POLLIN };
	int64_t left;

	while ((left = until_ms - registry_now_ms()) > 0) {
		if (meter && atomic_load(&meter->stop))
			return error_set(err, ECANCELED, "given up");
		(void)poll(&stop, 1, (int)left);
	}
	return 0;
}

static void tell_pause(const struct registry *registry, int r, const struct http_answer *answer,
		       int64_t ms)
{
	char text[256];

	if (!registry->options.note)
		return;
	if (r == 0)
		(void)snprintf(text, sizeof(text),
			       "registry '%s' answers %d; trying again in %.1f s", registry->host,
			       answer->status, (double)ms / 1000);
	else
		(void)snprintf(text, sizeof(text), "registry '%s': %s; trying again in %.1f s",
			       registry->host, strerrordesc_np(-r), (double)ms / 1000);
	registry->options.note(registry->options.note_arg, text);
}

int registry_pause(const struct registry *registry, unsigned attempt, int r,
		   const struct http_answer *answer, const struct registry_meter *meter,
		   struct error *err)
{
	int64_t ms = (int64_t)REGISTRY_PAUSE_MS << (attempt < 6 ? attempt : 6);
	int64_t asked = r == 0 ? asked_ms(answer) : -1;

	if (asked > (int64_t)REGISTRY_PATIENCE_S * 1000)
		return error_set(err, EBUSY,
				 "registry '%s' answers %d and asks to come back in %lld s",
				 registry->host, answer->status, (long long)asked / 1000);
	/* Clients that were turned away together shall not come back together. */
	ms += ms * (random() % 50) / 100;
	if (asked >= 0)
		ms = asked;
	tell_pause(registry, r, answer, ms);
	return wait_until(registry_now_ms() + ms, meter, err);
}

int registry_exchange(struct registry_client *client, struct arena *arena,
		      const struct http_request *request, bool once, struct http_answer *answer,
		      struct error *err)
{
	struct registry *registry = client->registry;

	for (unsigned attempt = 0;; attempt++) {
		int r = http_do(client->http, arena, request, answer, err), wait;

		if (r == 0)
			atomic_store(&registry->has_answered, true);
		else if (r == -EPROTO && strstr(err->text, "wrong version number"))
			(void)error_add(err, " (a registry without TLS must be named by "
					     "--insecure-registry)");
		if (once || attempt == REGISTRY_RETRIES || !registry_may_pass(registry, r, answer))
			return r;
		wait = registry_pause(registry, attempt, r, answer, NULL, err);
		if (wait < 0)
			return wait;
	}
}

/* ---- calls ---------------------------------------------------------------------- */

int registry_not_allowed(const struct registry *registry, const struct http_answer *answer,
			 struct error *err)
{
	(void)registry_refused(registry, answer, err, "not allowed");
	if (registry->credentials.secret)
		return error_add(err, " (the user or the password is wrong)");
	return error_add(err, " (try 'gadgetctl login %s')", registry->host);
}

int registry_call(struct registry_client *client, struct arena *arena,
		  const struct registry_call *call, struct http_answer *answer, struct error *err)
{
	struct registry *registry = client->registry;
	struct http_request request = call->request;
	bool is_ours = http_same_origin(registry->origin, request.url);
	int r = 0;

	*answer = (struct http_answer){ 0 };
	if (!request.take && !request.has_fd)
		request.timeout_s = ANSWER_TIMEOUT_S;
	for (int round = 0; round < 2; round++) {
		if (is_ours)
			r = registry_authorize(client, arena, call->scope, &request.authorization,
					       err);
		if (r == 0)
			r = registry_exchange(client, arena, &request, call->once, answer, err);
		if (r < 0 || answer->status != 401 || !is_ours)
			return r;
		if (round == 0)
			r = registry_challenged(client, arena, call->scope, answer,
						request.authorization, err);
		if (r < 0)
			return r;
	}
	/* A fresh token did not help, so the next will not either. */
	return registry_not_allowed(registry, answer, err);
}

int registry_ping(struct registry_client *client, struct error *err)
{
	struct arena arena = ARENA_INIT;
	struct http_answer answer;
	struct registry_call call = {
		.request = { .method = "GET",
			     .url = arena_printf(&arena, "%s/v2/", client->registry->origin) },
	};
	int r = registry_call(client, &arena, &call, &answer, err);

	if (r == 0 && answer.status != 200)
		r = registry_refused(client->registry, &answer, err,
				     "'%s' does not answer as a registry does",
				     client->registry->host);
	arena_release(&arena);
	return r;
}

/* ---- what it says ------------------------------------------------------------------ */

/* {"errors": [{"code": ..., "message": ...}]}, shortly. */
static void add_said(struct buf *out, const struct http_answer *answer)
{
	json_t *root = json_loadb(answer->body, answer->body_len, 0, NULL), *item;
	size_t i;

	json_array_foreach(json_object_get(root, "errors"), i, item)
	{
		const char *code = json_string_value(json_object_get(item, "code"));
		const char *message = json_string_value(json_object_get(item, "message"));

		if (i == SAID_ERRORS || out->len >= SAID_MAX)
			break;
		(void)buf_printf(out, "%s%.60s%s%.200s", i ? "; " : ": ", code ? code : "",
				 code && message ? " " : "", message ? message : "");
	}
	json_decref(root);
}

static int code_of(int status)
{
	switch (status) {
	case 401:
	case 403:
		return EACCES;
	case 404:
		return ENOENT;
	case 429:
		return EBUSY;
	default:
		return EREMOTEIO;
	}
}

int registry_refused(const struct registry *registry, const struct http_answer *answer,
		     struct error *err, const char *fmt, ...)
{
	char what[512];
	struct buf said;
	va_list args;
	int r;

	va_start(args, fmt);
	(void)vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	buf_init(&said, 2 * SAID_MAX + 512);
	add_said(&said, answer);
	r = error_set(err, code_of(answer->status), "%s: registry '%s' answers %d%.*s", what,
		      registry->host, answer->status, (int)said.len,
		      said.len ? (char *)said.data : "");
	buf_release(&said);
	return r;
}
