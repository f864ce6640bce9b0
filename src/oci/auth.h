/* SPDX-License-Identifier: Apache-2.0 */
/*
 * auth: who we are to a registry; files in the format of docker's config.json.
 *
 *     {"auths": {"registry.example:5000/team": {"auth": BASE64("user:password")}},
 *      "credHelpers": {"other.example": "NAME"}, "credsStore": "NAME"}
 *
 * A key of `auths` is a host with its port, or a namespace below it; the longest
 * that leads to a repository counts.  docker.io's key is
 * "https://index.docker.io/v1/".  An entry with an `identitytoken`, or the user
 * "<token>", holds a token that is exchanged for others instead of a password.
 * What a helper keeps is asked of the program docker-credential-NAME.
 *
 * Files are looked at in this order, and the first that knows the registry counts:
 *
 *     --authfile, or else $REGISTRY_AUTH_FILE: this one only
 *     $XDG_RUNTIME_DIR/containers/auth.json (/run/containers/UID/auth.json)
 *     $DOCKER_CONFIG/config.json, or else ~/.docker/config.json
 *
 * In one file: credHelpers, then auths, then credsStore.
 *
 * Files are written whole or not at all, with mode 0600 and everything in them
 * that is not ours; a symbolic link stays one, what it leads to is replaced.
 * Secrets are in files, pipes and memory, which is wiped; never in an argument
 * of a program, a message or an environment variable.
 */
#ifndef OCI_AUTH_H
#define OCI_AUTH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "oci/secret.h"

enum {
	AUTH_FILE_MAX = 1 << 20,  /* bytes of a file */
	AUTH_SECRET_MAX = 32768,  /* bytes of a password or token */
	AUTH_HELPER_MAX = 64,     /* bytes of a helper's name */
	AUTH_HELPER_SECONDS = 60, /* a helper may ask its user something */
	AUTH_PATH_MAX = 4096,
};

/* The file key of the registry that others call docker.io. */
#define AUTH_DOCKER_KEY "https://index.docker.io/v1/"

/*
 * The credentials for a repository ("host:port", "path" or ""); all empty when no
 * file has any.  authfile may be NULL.  -ENOENT when a file that was named is not
 * there, -EBADMSG when one is damaged, -EIO when a helper fails, -ETIMEDOUT.
 */
int auth_find(const char *authfile, const char *host, const char *path,
	      struct credentials *ret_credentials, struct error *err)
	__attribute__((warn_unused_result));

/*
 * Keep credentials for "host:port" or "host:port/namespace": in the file that is
 * named, which is made if need be; else in the first that has them already, else
 * in docker's.  Where a helper is set, it gets them.  ret_where tells where they
 * are.
 */
int auth_keep(const char *authfile, const char *key, const struct credentials *credentials,
	      char ret_where[AUTH_PATH_MAX], struct error *err) __attribute__((warn_unused_result));

/* Forget them, in every file that would be looked at.  *ret_n: in how many. */
int auth_forget(const char *authfile, const char *key, unsigned *ret_n, struct error *err)
	__attribute__((warn_unused_result));

/* What one file says of a repository. */
struct auth_entry {
	struct credentials credentials;
	char helper[AUTH_HELPER_MAX]; /* "": none; to be asked for `key` */
	const char *key;              /* the caller's host, or AUTH_DOCKER_KEY */
};

/* Read a file's bytes; for auth_find() and for its fuzzer. */
int auth_parse(const char *bytes, size_t len, const char *host, const char *path,
	       struct auth_entry *ret_entry, struct error *err) __attribute__((warn_unused_result));

#endif
