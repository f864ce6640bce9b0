/* SPDX-License-Identifier: Apache-2.0 */
/*
 * registry: one repository of an image registry (OCI distribution API 1.1, which
 * is docker's registry API v2).
 *
 * `struct registry` is what threads share: where it is, who we are, and the
 * tokens that were given for that.  Each thread talks to it by a client of its
 * own.  Calls block.
 *
 * A registry is not trusted: what it sends is taken only when its digest and size
 * are those that were asked for; limits hold for all it says; its words are shown
 * escaped and short.  Plain HTTP is spoken only with hosts that the user named.
 * Credentials go to the registry and to the token service it names, nowhere else.
 *
 * What may pass is tried again, at most REGISTRY_RETRIES times with growing
 * pauses: lost connections, silence, and the answers 408, 429, 500, 502, 503 and
 * 504.  A host that has never answered is not tried again.
 *
 * Errors of all calls: -ENOENT there is no such thing; -EACCES credentials are
 * missing or wrong; -EBADMSG it says what cannot be; -EBUSY it asks to come back
 * later than we want to wait; -EREMOTEIO it fails; and what http_do() returns.
 */
#ifndef OCI_REGISTRY_H
#define OCI_REGISTRY_H

#include <stdatomic.h>
#include <stdbool.h>

#include "oci/auth.h"
#include "oci/document.h"
#include "oci/reference.h"
#include "oci/store.h"

enum {
	REGISTRY_RETRIES = 3,
	REGISTRY_PAUSE_MS = 250,  /* before the first repetition; doubles */
	REGISTRY_PATIENCE_S = 60, /* the longest pause a registry may ask for */
	REGISTRY_CHUNK = 8 << 20, /* bytes at a time when a blob must be sent in pieces */
	REGISTRY_SCOPES = 32,     /* tokens that are kept */
};

struct registry_options {
	const char *authfile;                       /* NULL: where they usually are */
	const struct credentials *credentials;      /* used instead of a file's; or NULL */
	const char *ca_file, *cert_file, *key_file; /* PEM; NULL: those of the certs.d folders */
	const char *const *insecure;                /* "host[:port]" to speak plain HTTP with */
	size_t ninsecure;
	unsigned silence_s; /* 0: HTTP_SILENCE_S */
	bool wants_push;    /* tokens are to allow it */
	/* What a user may want to know: that something is tried again.  From any thread. */
	void (*note)(void *arg, const char *text);
	void *note_arg;
};

struct registry;
struct registry_client;

/*
 * Prepare to talk to a reference's repository: find credentials and certificates.
 * Does not connect.  The options' strings must live as long.
 */
int registry_open(const struct registry_options *options, const struct reference *repository,
		  struct registry **ret_registry, struct error *err)
	__attribute__((warn_unused_result));
void registry_close(struct registry *registry);

/* A client for one thread at a time. */
int registry_connect(struct registry *registry, struct registry_client **ret_client,
		     struct error *err) __attribute__((warn_unused_result));
void registry_disconnect(struct registry_client *client);

/* Ask whether it is a registry and takes our credentials. */
int registry_ping(struct registry_client *client, struct error *err)
	__attribute__((warn_unused_result));

/*
 * Fetch an index or a manifest.  `want` is what a document that was fetched before
 * says of it; without one, `name` is a tag or a digest.  Fills in *ret_blob.
 * Bytes live in the arena.
 */
int registry_document(struct registry_client *client, struct arena *arena, const char *name,
		      const struct descriptor *want, struct descriptor *ret_blob,
		      struct str *ret_bytes, struct error *err) __attribute__((warn_unused_result));

/* Whether it has a manifest or index of that digest, or a blob of digest and size. */
int registry_has_document(struct registry_client *client, const struct descriptor *blob,
			  bool *ret_has, struct error *err) __attribute__((warn_unused_result));
int registry_has_blob(struct registry_client *client, const struct descriptor *blob, bool *ret_has,
		      struct error *err) __attribute__((warn_unused_result));

/* How far a transfer is; shared by threads. */
struct registry_meter {
	atomic_uint_fast64_t bytes;
	atomic_bool stop; /* end with -ECANCELED; set before stop_fd is made readable */
	int stop_fd;      /* an eventfd that ends pauses; or -1 */
};

/*
 * Fetch a blob into a store, going on where an earlier attempt ended.  Within
 * store_begin() and store_end().
 */
int registry_get_blob(struct registry_client *client, struct store *store,
		      const struct descriptor *blob, struct registry_meter *meter,
		      struct error *err) __attribute__((warn_unused_result));

/*
 * Send a blob, the whole content of fd; first asking to take it from the
 * repository `mount_from` ("path", or NULL) of the same registry.  *ret_mounted
 * tells whether that was enough.
 */
int registry_put_blob(struct registry_client *client, const struct descriptor *blob, int fd,
		      const char *mount_from, struct registry_meter *meter, bool *ret_mounted,
		      struct error *err) __attribute__((warn_unused_result));

/* Send an index or a manifest under a tag or a digest. */
int registry_put_document(struct registry_client *client, const char *name,
			  const struct descriptor *blob, const struct str *bytes, struct error *err)
	__attribute__((warn_unused_result));

#endif
