/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the registry client share.  Inside of src/oci/registry*.c only.
 */
#ifndef OCI_REGISTRY_PRIVATE_H
#define OCI_REGISTRY_PRIVATE_H

#include <pthread.h>

#include "net/http.h"
#include "oci/challenge.h"
#include "oci/registry.h"

enum { REGISTRY_URL_MAX = 8192, REGISTRY_TOKEN_MAX = 64 << 10, REGISTRY_SCOPE_MAX = 1024 };

/* What was given for one scope. */
struct token {
	char scope[REGISTRY_SCOPE_MAX];
	char *authorization; /* "Bearer ..." */
	int64_t until_ms;    /* as of registry_now_ms() */
};

struct registry {
	struct registry_options options;
	struct http_options http;
	char *host;   /* as in references */
	char *path;   /* of the repository */
	char *origin; /* "https://host:port" */
	char *ca_file, *cert_file, *key_file;
	char *scope; /* "repository:PATH:pull" */
	struct credentials credentials;
	atomic_bool has_answered;

	/* How it wants to be asked; under the lock, which is held while a token is fetched. */
	pthread_mutex_t lock;
	enum challenge_kind kind;
	char *realm, *service;
	char *basic;                          /* "Basic ...", or NULL */
	struct token tokens[REGISTRY_SCOPES]; /* free: without authorization */
};

struct registry_client {
	struct registry *registry;
	struct http_client *http;
};

/* One request with what it needs of a registry. */
struct registry_call {
	struct http_request request; /* its URL, without credentials */
	const char *scope;           /* NULL: none */
	bool once;                   /* the caller tries again */
};

int64_t registry_now_ms(void);

/* Send a request, try again what may pass.  Any status is a success. */
int registry_exchange(struct registry_client *client, struct arena *arena,
		      const struct http_request *request, bool once, struct http_answer *answer,
		      struct error *err) __attribute__((warn_unused_result));

/* The same with credentials, when the URL is the registry's; 401 is an error. */
int registry_call(struct registry_client *client, struct arena *arena,
		  const struct registry_call *call, struct http_answer *answer, struct error *err)
	__attribute__((warn_unused_result));

/* Whether it is worth to try again after http_do() has returned r with that answer. */
bool registry_may_pass(const struct registry *registry, int r, const struct http_answer *answer);

/* Wait before the next attempt: a while, or as long as the answer asks for.
 * -EBUSY with the error set when that is too long; -ECANCELED by the meter. */
int registry_pause(const struct registry *registry, unsigned attempt, int r,
		   const struct http_answer *answer, const struct registry_meter *meter,
		   struct error *err) __attribute__((warn_unused_result));

/* An answer that is none of those hoped for, as an error: "WHAT: the registry says..." */
int registry_refused(const struct registry *registry, const struct http_answer *answer,
		     struct error *err, const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* A 401 as an error, with what could help. */
int registry_not_allowed(const struct registry *registry, const struct http_answer *answer,
			 struct error *err);

/* The value of the Authorization header for a scope, in the arena; NULL: none.  Tokens are fetched
 * when it is known that they are wanted. */
int registry_authorize(struct registry_client *client, struct arena *arena, const char *scope,
		       const char **ret_authorization, struct error *err)
	__attribute__((warn_unused_result));

/* Take up the challenge of a 401 that `used` (may be NULL) has led to; -EACCES when
 * there is nothing to answer it with. */
int registry_challenged(struct registry_client *client, struct arena *arena, const char *scope,
			const struct http_answer *answer, const char *used, struct error *err)
	__attribute__((warn_unused_result));

/* Whether plain HTTP may be spoken with "host[:port]". */
bool registry_is_insecure(const struct registry_options *options, const char *host);

#endif
