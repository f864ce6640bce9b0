/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Showing a registry who asks: its challenge, basic credentials, and tokens from
 * the service it names (distribution project, "Token Authentication" and "Oauth2
 * Token Authentication").
 *
 * One thread fetches a token while the others that need one wait for it: the lock
 * is held.  A token is fetched for each scope and used until it is nearly over.
 */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "oci/base64.h"
#include "oci/registry_private.h"

enum {
	TOKEN_SECONDS = 60, /* how long a token holds when nobody says */
	TOKEN_SECONDS_MAX = 3600,
	TOKEN_MARGIN_MS = 5000, /* the end of its time is not used */
	TOKEN_TIMEOUT_S = 60,
	FORM_MAX = 4 * REGISTRY_TOKEN_MAX,
};

static void wipe_buf(struct buf *buf)
{
	if (buf->data)
		explicit_bzero(buf->data, buf->cap);
	buf_release(buf);
}

/* Percent-encoded, as in queries and forms. */
static bool add_encoded(struct buf *out, const char *text)
{
	static const char plain[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
	bool ok = true;

	for (; ok && *text; text++)
		ok = strchr(plain, *text) ? buf_add(out, text, 1)
					  : buf_printf(out, "%%%02X", (unsigned char)*text);
	return ok;
}

static bool add_field(struct buf *out, const char *name, const char *value)
{
	return buf_printf(out, "%s%s=", out->len ? "&" : "", name) && add_encoded(out, value);
}

/* ---- tokens that are there --------------------------------------------------------- */

static struct token *find_token(struct registry *registry, const char *scope)
{
	for (uint32_t i = 0; i < REGISTRY_SCOPES; i++)
		if (registry->tokens[i].authorization && !strcmp(registry->tokens[i].scope, scope))
			return &registry->tokens[i];
	return NULL;
}

static void drop_token(struct token *token)
{
	secret_free(token->authorization);
	*token = (struct token){ 0 };
}

/* Room for one more: the one that ends first makes it, and what is free ends at 0. */
static struct token *make_room(struct registry *registry)
{
	struct token *first = &registry->tokens[0];

	for (uint32_t i = 1; i < REGISTRY_SCOPES; i++)
		if (registry->tokens[i].until_ms < first->until_ms)
			first = &registry->tokens[i];
	drop_token(first);
	return first;
}

/* ---- tokens that are fetched -------------------------------------------------------- */

/* What may stand in a header. */
static bool is_token(const char *text)
{
	size_t len = strlen(text);

	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] <= ' ' || (unsigned char)text[i] >= 0x7f)
			return false;
	return len >= 1 && len <= REGISTRY_TOKEN_MAX;
}

static int keep_token(struct registry *registry, const char *scope,
		      const struct http_answer *answer, struct error *err)
{
	json_t *root = json_loadb(answer->body, answer->body_len, JSON_REJECT_DUPLICATES, NULL);
	const char *text = json_string_value(json_object_get(root, "token"));
	json_int_t seconds = json_integer_value(json_object_get(root, "expires_in"));
	struct token *token;
	int r = 0;

	if (!text)
		text = json_string_value(json_object_get(root, "access_token"));
	if (!text || !is_token(text)) {
		r = error_set(err, EBADMSG, "the token service of registry '%s' gives no token",
			      registry->host);
		goto out;
	}
	if (seconds <= 0)
		seconds = TOKEN_SECONDS;
	if (seconds > TOKEN_SECONDS_MAX)
		seconds = TOKEN_SECONDS_MAX;
	token = make_room(registry);
	(void)snprintf(token->scope, sizeof(token->scope), "%s", scope);
	token->until_ms = registry_now_ms() + seconds * 1000 - TOKEN_MARGIN_MS;
	if (asprintf(&token->authorization, "Bearer %s", text) < 0)
		abort();
out:
	json_decref(root);
	return r;
}

/* A scope of several repositories is several parameters. */
static bool add_scopes(struct buf *out, const char *scopes)
{
	char copy[REGISTRY_SCOPE_MAX], *rest = copy;
	bool ok = true;

	(void)snprintf(copy, sizeof(copy), "%s", scopes);
	for (const char *one; ok && (one = strsep(&rest, " "));)
		if (*one)
			ok = add_field(out, "scope", one);
	return ok;
}

/* GET realm?service=...&scope=..., with a password if there is one. */
static int get_token(struct registry_client *client, struct arena *arena, const char *scope,
		     struct http_answer *answer, struct error *err)
{
	struct registry *registry = client->registry;
	struct http_request request = { .method = "GET", .timeout_s = TOKEN_TIMEOUT_S };
	struct buf query;
	bool ok;

	buf_init(&query, REGISTRY_URL_MAX);
	ok = (!registry->service || add_field(&query, "service", registry->service)) &&
	     add_scopes(&query, scope);
	if (ok && registry->credentials.secret)
		ok = add_field(&query, "account", registry->credentials.user);
	request.url = arena_printf(arena, "%s%s%.*s", registry->realm,
				   !query.len                     ? ""
				   : strchr(registry->realm, '?') ? "&"
								  : "?",
				   (int)query.len, query.len ? (char *)query.data : "");
	request.authorization = registry->basic;
	buf_release(&query);
	if (!ok)
		return error_set(err, EBADMSG, "registry '%s' asks for a token in too many words",
				 registry->host);
	return registry_exchange(client, arena, &request, false, answer, err);
}

/* POST, with the identity token in a form. */
static int post_token(struct registry_client *client, struct arena *arena, const char *scope,
		      struct http_answer *answer, struct error *err)
{
	static const struct http_header headers[] = {
		{ "Content-Type", "application/x-www-form-urlencoded" },
	};
	struct registry *registry = client->registry;
	struct http_request request = { .method = "POST",
					.url = registry->realm,
					.headers = headers,
					.nheaders = 1,
					.timeout_s = TOKEN_TIMEOUT_S };
	struct buf form;
	int r = -EBADMSG;

	buf_init(&form, FORM_MAX);
	/* At once, so that no copy of the secret stays where the buffer was before. */
	if (buf_reserve(&form, 3 * strlen(registry->credentials.secret) + REGISTRY_URL_MAX) &&
	    add_field(&form, "grant_type", "refresh_token") &&
	    (!registry->service || add_field(&form, "service", registry->service)) &&
	    add_field(&form, "client_id", "gadgetctl") &&
	    (!*scope || add_field(&form, "scope", scope)) &&
	    add_field(&form, "refresh_token", registry->credentials.secret)) {
		request.body = form.data;
		request.size = form.len;
		r = registry_exchange(client, arena, &request, false, answer, err);
	} else {
		error_set(err, EBADMSG, "registry '%s' asks for a token in too many words",
			  registry->host);
	}
	wipe_buf(&form);
	return r;
}

/* It was tried again here already: whoever called does not have to. */
static int given_up(const struct registry *registry, int r, struct error *err)
{
	(void)error_wrap(err, "cannot get a token for registry '%s'", registry->host);
	if (registry_may_pass(registry, r, NULL))
		err->code = EREMOTEIO;
	return -err->code;
}

static int fetch_token(struct registry_client *client, const char *scope, struct error *err)
{
	struct registry *registry = client->registry;
	struct arena arena = ARENA_INIT;
	struct http_answer answer = { 0 };
	int r;

	r = registry->credentials.is_identity ? post_token(client, &arena, scope, &answer, err)
					      : get_token(client, &arena, scope, &answer, err);
	if (r < 0)
		r = given_up(registry, r, err);
	else if (answer.status == 200)
		r = keep_token(registry, scope, &answer, err);
	else
		r = registry_refused(registry, &answer, err, "no token is given");
	if (r == -EACCES)
		r = registry->credentials.secret
			    ? error_add(err, " (the user or the password is wrong)")
			    : error_add(err, " (try 'gadgetctl login %s')", registry->host);
	if (answer.body)
		explicit_bzero((char *)(uintptr_t)answer.body, answer.body_len);
	arena_release(&arena);
	return r;
}

/* ---- requests ------------------------------------------------------------------------ */

static void make_basic(struct registry *registry)
{
	const struct credentials *c = &registry->credentials;
	char *pair = NULL, *text;

	if (registry->basic || !c->secret || c->is_identity)
		return;
	if (asprintf(&pair, "%s:%s", c->user, c->secret) < 0)
		abort();
	text = base64_encode(pair, strlen(pair));
	if (asprintf(&registry->basic, "Basic %s", text) < 0)
		abort();
	secret_free(pair);
	secret_free(text);
}

/* Under the lock. */
static int bearer(struct registry_client *client, struct arena *arena, const char *scope,
		  const char **ret_authorization, struct error *err)
{
	struct token *token = find_token(client->registry, scope);
	int r;

	if (token && token->until_ms <= registry_now_ms()) {
		drop_token(token);
		token = NULL;
	}
	if (!token) {
		r = fetch_token(client, scope, err);
		if (r < 0)
			return r;
		token = find_token(client->registry, scope);
	}
	*ret_authorization = arena_strdup(arena, token->authorization);
	return 0;
}

int registry_authorize(struct registry_client *client, struct arena *arena, const char *scope,
		       const char **ret_authorization, struct error *err)
{
	struct registry *registry = client->registry;
	int r = 0;

	*ret_authorization = NULL;
	(void)pthread_mutex_lock(&registry->lock);
	if (registry->kind == CHALLENGE_BEARER)
		r = bearer(client, arena, scope ? scope : "", ret_authorization, err);
	else if (registry->kind == CHALLENGE_BASIC && registry->basic)
		*ret_authorization = arena_strdup(arena, registry->basic);
	(void)pthread_mutex_unlock(&registry->lock);
	return r;
}

/* The token service is another host maybe: it must be encrypted as the registry is,
 * unless the user named it. */
static int check_realm(const struct registry *registry, const char *realm, struct error *err)
{
	size_t len;
	char host[512];

	if (strlen(realm) > REGISTRY_URL_MAX / 2)
		return error_set(err, EBADMSG, "registry '%s' names no usable token service",
				 registry->host);
	if (!strncmp(realm, "https://", 8))
		return 0;
	if (strncmp(realm, "http://", 7) != 0)
		return error_set(err, EBADMSG,
				 "registry '%s' names a token service that is no URL: '%.100s'",
				 registry->host, realm);
	len = strcspn(realm + 7, "/?#@");
	(void)snprintf(host, sizeof(host), "%.*s", (int)(len < 500 ? len : 500), realm + 7);
	if (realm[7 + len] != '@' && registry_is_insecure(&registry->options, host))
		return 0;
	return error_set(err, EPERM,
			 "the token service of registry '%s', '%.200s', is not encrypted (allow it "
			 "with --insecure-registry %.200s)",
			 registry->host, realm, host);
}

static int set_challenge(struct registry *registry, const struct challenge *challenge,
			 struct error *err)
{
	int r;

	if (challenge->kind == CHALLENGE_BEARER) {
		r = check_realm(registry, challenge->realm, err);
		if (r < 0)
			return r;
		free(registry->realm);
		free(registry->service);
		registry->realm = xstrdup(challenge->realm);
		registry->service = challenge->service ? xstrdup(challenge->service) : NULL;
	}
	registry->kind = challenge->kind;
	make_basic(registry);
	return 0;
}

/* Under the lock. */
static int take_up(struct registry *registry, const char *scope, const struct challenge *challenge,
		   const char *used, const struct http_answer *answer, struct error *err)
{
	struct token *token = find_token(registry, scope);

	if (challenge->kind == CHALLENGE_BEARER) {
		/* Another thread may have got a new one meanwhile. */
		if (token && used && token->authorization && !strcmp(token->authorization, used))
			drop_token(token);
		return set_challenge(registry, challenge, err);
	}
	if (challenge->kind == CHALLENGE_BASIC && !used) {
		(void)set_challenge(registry, challenge, err);
		if (registry->basic)
			return 0;
	}
	return registry_not_allowed(registry, answer, err);
}

int registry_challenged(struct registry_client *client, struct arena *arena, const char *scope,
			const struct http_answer *answer, const char *used, struct error *err)
{
	struct challenge challenge = { 0 };
	const char *header;
	size_t at = 0;
	int r;

	while ((header = http_header_next(answer, "WWW-Authenticate", &at)))
		challenge_add(arena, header, &challenge);
	(void)pthread_mutex_lock(&client->registry->lock);
	r = take_up(client->registry, scope ? scope : "", &challenge, used, answer, err);
	(void)pthread_mutex_unlock(&client->registry->lock);
	return r;
}
