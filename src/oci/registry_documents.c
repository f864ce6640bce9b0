/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Indexes and manifests: small, wanted whole, and known by a name or a digest.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "oci/digest.h"
#include "oci/registry_private.h"

/* Registries answer 404 when the kind they have is not named here. */
static const char accepted[] =
	MEDIA_INDEX ", " MEDIA_MANIFEST ", " MEDIA_DOCKER_LIST ", " MEDIA_DOCKER_MANIFEST;

static const struct http_header accept_headers[] = { { "Accept", accepted } };

static const char *url_of(struct registry_client *client, struct arena *arena, const char *name)
{
	return arena_printf(arena, "%s/v2/%s/manifests/%s", client->registry->origin,
			    client->registry->path, name);
}

/* The media type of the answer if it is one of ours: some say "application/json",
 * and then the document itself must know. */
static const char *media_of(struct arena *arena, const struct http_answer *answer)
{
	static const char *const ours[] = { MEDIA_INDEX, MEDIA_MANIFEST, MEDIA_DOCKER_LIST,
					    MEDIA_DOCKER_MANIFEST };
	const char *type = http_header(answer, "Content-Type");
	size_t len = type ? strcspn(type, "; \t") : 0;

	for (size_t i = 0; i < sizeof(ours) / sizeof(*ours); i++)
		if (len == strlen(ours[i]) && !strncmp(type, ours[i], len))
			return arena_strdup(arena, ours[i]);
	return NULL;
}

/* Whether the bytes are what was asked for, and what the registry says they are. */
static int check(const struct registry *registry, const char *name, const struct descriptor *want,
		 const struct http_answer *answer, struct error *err)
{
	const char *said = http_header(answer, "Docker-Content-Digest");
	const char *digest = want ? want->digest : digest_is_valid(name) ? name : NULL;

	if (want && want->size != answer->body_len)
		return error_set(err, EBADMSG,
				 "registry '%s' sends %zu bytes as '%s', which has %llu",
				 registry->host, answer->body_len, want->digest,
				 (unsigned long long)want->size);
	if (digest && !digest_matches(digest, answer->body, answer->body_len))
		return error_set(err, EBADMSG,
				 "what registry '%s' sends as '%s' has another digest",
				 registry->host, digest);
	if (digest || !said)
		return 0;
	if (!digest_is_valid(said) || !digest_matches(said, answer->body, answer->body_len))
		return error_set(err, EBADMSG,
				 "what registry '%s' sends for '%s' has not the digest it says "
				 "('%.140s')",
				 registry->host, name, said);
	return 0;
}

int registry_document(struct registry_client *client, struct arena *arena, const char *name,
		      const struct descriptor *want, struct descriptor *ret_blob,
		      struct str *ret_bytes, struct error *err)
{
	const struct registry *registry = client->registry;
	struct registry_call call = {
		.request = { .method = "GET",
			     .headers = accept_headers,
			     .nheaders = 1,
			     .url = url_of(client, arena, want ? want->digest : name),
			     .max = DOCUMENT_MAX },
		.scope = registry->scope,
	};
	struct descriptor blob = { 0 };
	struct http_answer answer;
	int r;

	if (want && want->size > DOCUMENT_MAX)
		return error_set(err, EFBIG, "'%s' is too large for a manifest (%llu bytes)",
				 want->digest, (unsigned long long)want->size);
	r = registry_call(client, arena, &call, &answer, err);
	if (r < 0)
		return r;
	if (answer.status != 200)
		return registry_refused(registry, &answer, err, "cannot get '%s/%s%s%s'",
					registry->host, registry->path, want ? "@" : ":",
					want ? want->digest : name);
	r = check(registry, name, want, &answer, err);
	if (r < 0)
		return r;
	if (want)
		blob = *want;
	else {
		blob.media_type = media_of(arena, &answer);
		blob.digest = digest_is_valid(name)
				      ? name
				      : digest_of(arena, answer.body, answer.body_len);
		blob.size = answer.body_len;
	}
	*ret_blob = blob;
	*ret_bytes = (struct str){ answer.body, answer.body_len };
	return 0;
}

/* ---- whether it is there ----------------------------------------------------------- */

static int head(struct registry_client *client, const char *kind, const char *digest,
		bool wants_length, uint64_t *ret_length, bool *ret_has, struct error *err)
{
	const struct registry *registry = client->registry;
	struct arena arena = ARENA_INIT;
	struct registry_call call = {
		.request = { .method = "HEAD",
			     .url = arena_printf(&arena, "%s/v2/%s/%s/%s", registry->origin,
						 registry->path, kind, digest) },
		.scope = registry->scope,
	};
	struct http_answer answer;
	const char *length;
	int r;

	if (!wants_length) {
		call.request.headers = accept_headers;
		call.request.nheaders = 1;
	}
	r = registry_call(client, &arena, &call, &answer, err);
	if (r == 0 && answer.status != 200 && answer.status != 404)
		r = registry_refused(registry, &answer, err, "cannot ask for '%s'", digest);
	if (r == 0) {
		*ret_has = answer.status == 200;
		length = http_header(&answer, "Content-Length");
		if (wants_length && (!length || parse_uint(length, ret_length) < 0))
			*ret_has = false;
	}
	arena_release(&arena);
	return r;
}

int registry_has_document(struct registry_client *client, const struct descriptor *blob,
			  bool *ret_has, struct error *err)
{
	return head(client, "manifests", blob->digest, false, NULL, ret_has, err);
}

int registry_has_blob(struct registry_client *client, const struct descriptor *blob, bool *ret_has,
		      struct error *err)
{
	uint64_t length = 0;
	int r = head(client, "blobs", blob->digest, true, &length, ret_has, err);

	if (r == 0 && *ret_has && length != blob->size)
		*ret_has = false;
	return r;
}

/* ---- sending ------------------------------------------------------------------------- */

int registry_put_document(struct registry_client *client, const char *name,
			  const struct descriptor *blob, const struct str *bytes, struct error *err)
{
	const struct registry *registry = client->registry;
	struct arena arena = ARENA_INIT;
	const struct http_header headers[] = { { "Content-Type", blob->media_type } };
	struct registry_call call = {
		.request = { .method = "PUT",
			     .url = url_of(client, &arena, name),
			     .headers = headers,
			     .nheaders = 1,
			     .body = bytes->at,
			     .size = bytes->len },
		.scope = registry->scope,
	};
	struct http_answer answer;
	const char *said;
	int r = registry_call(client, &arena, &call, &answer, err);

	if (r == 0 && answer.status != 201 && answer.status != 200 && answer.status != 202)
		r = registry_refused(registry, &answer, err, "cannot put '%s/%s%s%s'",
				     registry->host, registry->path,
				     digest_is_valid(name) ? "@" : ":", name);
	said = r == 0 ? http_header(&answer, "Docker-Content-Digest") : NULL;
	if (said && digest_is_valid(said) && !digest_matches(said, bytes->at, bytes->len))
		r = error_set(err, EBADMSG, "registry '%s' has kept '%s' as something else ('%s')",
			      registry->host, name, said);
	arena_release(&arena);
	return r;
}
