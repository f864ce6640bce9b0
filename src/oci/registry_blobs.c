/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blobs: large, streamed between the network and files, known by their digest.
 *
 * A download goes on where it was cut off, in this process or an earlier one; the
 * store's digest decides at the end.  An upload is a session at a URL that the
 * registry gives: all at once by PUT, and where a registry does not take that, in
 * pieces by PATCH.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "oci/registry_private.h"

/* ---- down --------------------------------------------------------------------------- */

/* Attempts are counted from the last one that brought that much. */
enum { PROGRESS = 1 << 20 };

/* libcurl gives 16 KiB at a time; more at once makes a pull half as fast again, and
 * what fits the cache is faster than what does not. */
enum { PIECE = 128 << 10 };

struct download {
	const struct registry *registry;
	const struct descriptor *blob;
	struct ingest *ingest;
	struct registry_meter *meter;
	struct arena arena; /* of the answer */
	struct http_answer answer;
	uint64_t have; /* in the ingest */
	char *piece;   /* PIECE bytes, of which `held` are on their way there */
	size_t held;
};

/* "bytes 100-199/200" must begin where we are. */
static bool continues_at(const struct http_answer *answer, uint64_t have, uint64_t size)
{
	const char *range = http_header(answer, "Content-Range");
	unsigned long long first, last, total;
	char star[2];

	if (!range)
		return false;
	if (sscanf(range, "bytes %llu-%llu/%llu", &first, &last, &total) == 3)
		return first == have && last < size && total == size;
	return sscanf(range, "bytes %llu-%llu/%1[*]", &first, &last, star) == 3 && first == have &&
	       last < size;
}

static int start_over(struct download *d, struct error *err)
{
	(void)atomic_fetch_sub(&d->meter->bytes, d->have);
	d->have = 0;
	return ingest_restart(d->ingest, err);
}

static int begin_download(void *arg, int status, struct error *err)
{
	struct download *d = arg;

	if (status == 206 && continues_at(&d->answer, d->have, d->blob->size))
		return 0;
	if (status == 206)
		return error_set(err, EBADMSG,
				 "registry '%s' sends another part of blob '%s' than it was asked "
				 "for",
				 d->registry->host, d->blob->digest);
	/* All of it instead of the rest. */
	return d->have ? start_over(d, err) : 0;
}

static int flush(struct download *d, struct error *err)
{
	size_t len = d->held;
	int r = len ? ingest_write(d->ingest, d->piece, len, err) : 0;

	d->held = 0;
	if (r < 0)
		return r;
	d->have += len;
	(void)atomic_fetch_add(&d->meter->bytes, len);
	return 0;
}

static int take_bytes(void *arg, const void *bytes, size_t len, struct error *err)
{
	struct download *d = arg;
	int r = 0;

	for (const char *at = bytes; r == 0 && len;) {
		size_t n = len < PIECE - d->held ? len : PIECE - d->held;

		memcpy(d->piece + d->held, at, n);
		d->held += n;
		at += n;
		len -= n;
		if (d->held == PIECE)
			r = flush(d, err);
	}
	return r;
}

static bool goes_on(void *arg, uint64_t sent)
{
	const struct download *d = arg;

	(void)sent;
	return !atomic_load(&d->meter->stop);
}

static int request_rest(struct registry_client *client, struct download *d, struct error *err)
{
	struct arena *arena = &d->arena;
	struct http_header range = { "Range", arena_printf(arena, "bytes=%llu-",
							   (unsigned long long)d->have) };
	struct registry_call call = {
		.request = { .method = "GET",
			     .url = arena_printf(arena, "%s/v2/%s/blobs/%s", d->registry->origin,
						 d->registry->path, d->blob->digest),
			     .headers = &range,
			     .nheaders = d->have ? 1 : 0,
			     .take = take_bytes,
			     .begin = begin_download,
			     .tick = goes_on,
			     .arg = d,
			     .max = d->blob->size + 1 }, /* the store says what is too much */
		.scope = d->registry->scope,
		.once = true,
	};

	int r, flushed;

	d->answer = (struct http_answer){ 0 };
	r = registry_call(client, arena, &call, &d->answer, err);
	/* Also what came before the connection was lost. */
	flushed = flush(d, r < 0 ? NULL : err);
	return r < 0 ? r : flushed;
}

static bool is_good(const struct http_answer *answer)
{
	return answer->status == 200 || answer->status == 206;
}

static int download_once(struct registry_client *client, struct download *d, struct error *err)
{
	int r = request_rest(client, d, err);

	/* So it is said that the rest cannot be had. */
	if (r == 0 && d->answer.status == 416 && d->have) {
		r = start_over(d, err);
		if (r == 0)
			r = request_rest(client, d, err);
	}
	if (r == 0 && !is_good(&d->answer))
		(void)registry_refused(d->registry, &d->answer, err, "cannot get blob '%s'",
				       d->blob->digest);
	return r;
}

/* Until all is there. */
static int download(struct registry_client *client, struct download *d, struct error *err)
{
	uint64_t mark = d->have;
	unsigned attempt = 0;
	int r = 0;

	while (d->have < d->blob->size || !d->blob->size) {
		arena_release(&d->arena);
		r = download_once(client, d, err);
		if (r == 0 && is_good(&d->answer))
			break;
		if (d->have >= mark + PROGRESS) {
			mark = d->have;
			attempt = 0;
		}
		if (!registry_may_pass(d->registry, r, &d->answer) || attempt == REGISTRY_RETRIES) {
			r = -err->code;
			break;
		}
		r = registry_pause(d->registry, attempt++, r, &d->answer, d->meter, err);
		if (r < 0)
			break;
	}
	arena_release(&d->arena);
	return r;
}

/* What was cut off is, what is wrong is not, and neither is a little that others'
 * failures have ended. */
static bool is_worth_keeping(const struct download *d, int r)
{
	if (r == -EBADMSG || r == -EFBIG)
		return false;
	return d->have >= (r == -ECANCELED ? PROGRESS : 1);
}

/* Into an ingest that has begun. */
static int fill(struct registry_client *client, struct download *d, struct error *err)
{
	int r;

	(void)atomic_fetch_add(&d->meter->bytes, d->have);
	d->piece = xcalloc(1, PIECE);
	r = download(client, d, err);
	free(d->piece);
	if (r < 0)
		ingest_abort(d->ingest, is_worth_keeping(d, r));
	else
		r = ingest_commit(d->ingest, err);
	if (r < 0)
		(void)atomic_fetch_sub(&d->meter->bytes, d->have);
	return r;
}

int registry_get_blob(struct registry_client *client, struct store *store,
		      const struct descriptor *blob, struct registry_meter *meter,
		      struct error *err)
{
	struct download d = { .registry = client->registry, .blob = blob, .meter = meter };
	uint64_t kept = 0;
	int r = ingest_begin(store, blob, &d.have, &d.ingest, err);

	if (r == -EBUSY) {
		d.have = 0;
		r = ingest_begin(store, blob, NULL, &d.ingest, err);
		if (r == 0 && store_has(store, blob)) {
			/* The one we have waited for has brought it. */
			ingest_abort(d.ingest, false);
			(void)atomic_fetch_add(&meter->bytes, blob->size);
			return 0;
		}
	}
	if (r < 0)
		return r;
	kept = d.have;
	r = fill(client, &d, err);
	if (r != -EBADMSG || !kept)
		return r;
	/* The fault may be in what an earlier attempt has left: once without it. */
	d.have = 0;
	r = ingest_begin(store, blob, NULL, &d.ingest, err);
	return r < 0 ? r : fill(client, &d, err);
}

/* ---- up ------------------------------------------------------------------------------- */

struct upload {
	struct registry_client *client;
	const struct registry *registry;
	const struct descriptor *blob;
	int fd;
	struct registry_meter *meter;
	uint64_t before, counted; /* bytes of earlier requests; of all that are in the meter */
	const char *scope;
	char *location; /* of the session */
	uint64_t chunk;
};

static bool count_sent(void *arg, uint64_t sent)
{
	struct upload *up = arg;

	sent += up->before;
	/* It may be less than before, when something is sent again; unsigned sums do that. */
	(void)atomic_fetch_add(&up->meter->bytes, sent - up->counted);
	up->counted = sent;
	return !atomic_load(&up->meter->stop);
}

static void forget_sent(struct upload *up)
{
	(void)atomic_fetch_sub(&up->meter->bytes, up->counted);
	up->before = up->counted = 0;
}

/* Where the session goes on; the answer's URL is the base. */
static int take_location(struct upload *up, struct arena *arena, const struct http_answer *answer,
			 struct error *err)
{
	const char *text = http_header(answer, "Location"), *least;
	const char *url = text && *text ? http_resolve(arena, answer->url, text) : NULL;
	uint64_t min;

	if (!url || strlen(url) > REGISTRY_URL_MAX)
		return error_set(err, EBADMSG, "registry '%s' does not say where to send a blob",
				 up->registry->host);
	if (!strncmp(answer->url, "https:", 6) && strncmp(url, "https:", 6) != 0)
		return error_set(err, EPERM,
				 "registry '%s' wants a blob sent to where it is not encrypted",
				 up->registry->host);
	free(up->location);
	up->location = xstrdup(url);
	least = http_header(answer, "OCI-Chunk-Min-Length");
	if (least && parse_uint(least, &min) == 0 && min > up->chunk && min <= up->blob->size)
		up->chunk = min;
	return 0;
}

/* POST: 201 when the blob was mounted, 202 and a session, or what the caller looks at. */
static int open_session(struct upload *up, struct arena *arena, const char *mount_from,
			struct http_answer *answer, struct error *err)
{
	const struct registry *registry = up->registry;
	const char *query =
		mount_from ? arena_printf(arena, "?mount=%s&from=%s", up->blob->digest, mount_from)
			   : "";
	struct registry_call call = {
		.request = { .method = "POST",
			     .url = arena_printf(arena, "%s/v2/%s/blobs/uploads/%s",
						 registry->origin, registry->path, query),
			     .tick = count_sent,
			     .arg = up },
		.scope = up->scope,
		.once = true,
	};
	int r = registry_call(up->client, arena, &call, answer, err);

	return r == 0 && answer->status == 202 ? take_location(up, arena, answer, err) : r;
}

/* A request to the session's URL with `len` bytes of the file; `last` ends it. */
static int send_part(struct upload *up, struct arena *arena, const char *method, uint64_t from,
		     uint64_t len, bool last, struct http_answer *answer, struct error *err)
{
	struct http_header headers[2] = { { "Content-Type", "application/octet-stream" } };
	struct registry_call call = {
		.request = { .method = method,
			     .url = up->location,
			     .headers = headers,
			     .nheaders = 1,
			     .has_fd = true,
			     .body_fd = up->fd,
			     .offset = from,
			     .size = len,
			     .tick = count_sent,
			     .arg = up },
		.scope = up->scope,
		.once = true,
	};

	/* The session's URL has a query of its own, mostly. */
	if (last)
		call.request.url =
			arena_printf(arena, "%s%sdigest=%s", up->location,
				     strchr(up->location, '?') ? "&" : "?", up->blob->digest);
	if (!last) {
		headers[1] = (struct http_header){
			"Content-Range",
			arena_printf(arena, "%llu-%llu", (unsigned long long)from,
				     (unsigned long long)(from + len - 1)),
		};
		call.request.nheaders = 2;
	}
	return registry_call(up->client, arena, &call, answer, err);
}

static bool is_stored(const struct http_answer *answer)
{
	return answer->status == 201 || answer->status == 204;
}

/* All of it by one PUT. */
static int send_whole(struct upload *up, struct arena *arena, struct http_answer *answer,
		      struct error *err)
{
	return send_part(up, arena, "PUT", 0, up->blob->size, true, answer, err);
}

/* PATCH by PATCH, and a PUT of nothing. */
static int send_pieces(struct upload *up, struct arena *arena, struct http_answer *answer,
		       struct error *err)
{
	uint64_t at = 0, len;
	int r;

	while (at < up->blob->size) {
		len = up->blob->size - at < up->chunk ? up->blob->size - at : up->chunk;
		r = send_part(up, arena, "PATCH", at, len, false, answer, err);
		if (r < 0 || answer->status != 202)
			return r;
		r = take_location(up, arena, answer, err);
		if (r < 0)
			return r;
		at += len;
		up->before = at;
	}
	return send_part(up, arena, "PUT", 0, 0, true, answer, err);
}

/* What a proxy or a registry says when a body is too large, or of the wrong kind. */
static bool wants_pieces(const struct http_answer *answer)
{
	switch (answer->status) {
	case 404:
	case 405:
	case 411:
	case 413:
	case 415:
	case 501:
		return true;
	default:
		return false;
	}
}

/* One session; the answer's status tells how it ended. */
static int upload_once(struct upload *up, struct arena *arena, const char *mount_from,
		       bool in_pieces, struct http_answer *answer, bool *ret_mounted,
		       struct error *err)
{
	int r = open_session(up, arena, mount_from, answer, err);

	*ret_mounted = r == 0 && mount_from && answer->status == 201;
	if (r == 0 && answer->status == 202)
		r = in_pieces ? send_pieces(up, arena, answer, err)
			      : send_whole(up, arena, answer, err);
	else if (r == 0 && !*ret_mounted && is_stored(answer))
		r = error_set(err, EBADMSG, "registry '%s' says it has blob '%s' before it does",
			      up->registry->host, up->blob->digest);
	if (r == 0 && !is_stored(answer))
		(void)registry_refused(up->registry, answer, err, "cannot put blob '%s'",
				       up->blob->digest);
	return r;
}

static int upload(struct upload *up, const char *mount_from, bool *ret_mounted, struct error *err)
{
	struct arena arena = ARENA_INIT;
	struct http_answer answer;
	bool in_pieces = false, was_mount;
	unsigned attempt = 0;
	int r;

	for (;;) {
		arena_release(&arena);
		r = upload_once(up, &arena, mount_from, in_pieces, &answer, ret_mounted, err);
		if (r == 0 && is_stored(&answer))
			break;
		forget_sent(up);
		/* Who may not read there may write here all the same. */
		was_mount = mount_from && (r == -EACCES || r == 0);
		mount_from = NULL;
		up->scope = up->registry->scope;
		if (was_mount && !registry_may_pass(up->registry, r, &answer))
			continue;
		if (r == 0 && wants_pieces(&answer) && !in_pieces) {
			in_pieces = true;
			continue;
		}
		if (!registry_may_pass(up->registry, r, &answer) || attempt == REGISTRY_RETRIES) {
			r = -err->code;
			break;
		}
		r = registry_pause(up->registry, attempt++, r, &answer, up->meter, err);
		if (r < 0)
			break;
	}
	arena_release(&arena);
	return r;
}

int registry_put_blob(struct registry_client *client, const struct descriptor *blob, int fd,
		      const char *mount_from, struct registry_meter *meter, bool *ret_mounted,
		      struct error *err)
{
	struct registry *registry = client->registry;
	char scope[REGISTRY_SCOPE_MAX];
	struct upload up = {
		.client = client,
		.registry = registry,
		.blob = blob,
		.fd = fd,
		.meter = meter,
		.scope = registry->scope,
		.chunk = REGISTRY_CHUNK,
	};
	int r;

	/* A token that may read there, too; a service that does not agree gives less. */
	if (mount_from) {
		(void)snprintf(scope, sizeof(scope), "%s repository:%s:pull", registry->scope,
			       mount_from);
		up.scope = scope;
	}
	*ret_mounted = false;
	r = upload(&up, mount_from, ret_mounted, err);
	free(up.location);
	return r;
}
