/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/reference.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "oci/digest.h"

/* Where public gadgets live, by the gadget ABI. */
#define DEFAULT_HOST      "ghcr.io"
#define DEFAULT_NAMESPACE "inspektor-gadget/gadget"

#define LOWER  "abcdefghijklmnopqrstuvwxyz"
#define UPPER  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

/* One component of a path: runs of letters and digits with separators between. */
static bool is_component(const char *text, size_t len)
{
	size_t at = 0;

	while (at < len) {
		size_t run = strspn(text + at, LOWER DIGITS), gap;

		if (run == 0)
			return false;
		at += run;
		if (at >= len)
			return at == len;
		gap = strspn(text + at, "-");
		if (!gap)
			gap = !strncmp(text + at, "__", 2) ? 2 : strspn(text + at, "._") ? 1 : 0;
		if (!gap)
			return false;
		at += gap;
	}
	return false;
}

static bool is_path(const char *path)
{
	while (*path) {
		size_t len = strcspn(path, "/");

		if (!is_component(path, len))
			return false;
		if (!path[len])
			return true;
		path += len + 1;
	}
	return false;
}

static bool is_port(const char *text)
{
	size_t len = strlen(text);

	return len >= 1 && len <= 5 && strspn(text, DIGITS) == len &&
	       strtol(text, NULL, 10) <= 65535;
}

/* A name of letters, digits, dots and inner dashes, or an IPv6 address in brackets. */
static bool is_host(const char *host)
{
	size_t len;

	if (*host == '[') {
		len = strspn(host + 1, DIGITS "abcdefABCDEF:.");
		if (!len || host[1 + len] != ']')
			return false;
		host += len + 2;
		return !*host || (*host == ':' && is_port(host + 1));
	}
	for (;;) {
		len = strspn(host, LOWER UPPER DIGITS "-");
		if (!len || *host == '-' || host[len - 1] == '-')
			return false;
		host += len;
		if (*host != '.')
			break;
		host++;
	}
	return !*host || (*host == ':' && is_port(host + 1));
}

static bool is_tag(const char *tag)
{
	size_t len = strlen(tag);

	return len >= 1 && len <= REFERENCE_TAG_MAX && strspn(tag, "-.") == 0 &&
	       strspn(tag, LOWER UPPER DIGITS "_.-") == len;
}

/* Whether the text in front of the first '/' is a host and no part of a path. */
static bool looks_like_host(const char *text, size_t len)
{
	return memchr(text, '.', len) || memchr(text, ':', len) ||
	       (len == strlen("localhost") && !strncmp(text, "localhost", len)) ||
	       strcspn(text, UPPER) < len;
}

int reference_defaults(struct arena *arena, struct reference_defaults *ret_defaults,
		       struct error *err)
{
	const char *text = getenv("GADGETCTL_REGISTRY"), *slash;
	struct reference_defaults defaults = { DEFAULT_HOST, DEFAULT_NAMESPACE };

	if (text && *text) {
		slash = strchr(text, '/');
		defaults.host =
			arena_strndup(arena, text, slash ? (size_t)(slash - text) : strlen(text));
		defaults.namespace = slash ? slash + 1 : "";
		if (!is_host(defaults.host) ||
		    (*defaults.namespace && !is_path(defaults.namespace)))
			return error_set(err, EINVAL,
					 "GADGETCTL_REGISTRY is '%.300s' (write HOST or "
					 "HOST/NAMESPACE)",
					 text);
	}
	*ret_defaults = defaults;
	return 0;
}

static int bad(struct error *err, const char *text, const char *why)
{
	return error_set(err, EINVAL, "'%.300s' is no image name: %s", text, why);
}

/* Cut the digest and the tag off the end of the copy. */
static int cut_ends(char *copy, const char *text, struct reference *ref, struct error *err)
{
	char *at = strchr(copy, '@'), *colon, *slash;

	if (at) {
		*at = 0;
		ref->digest = at + 1;
		if (!digest_is_valid(ref->digest))
			return bad(err, text, "behind '@' must be a digest (sha256:...)");
	}
	slash = strrchr(copy, '/');
	colon = strrchr(copy, ':');
	/* A colon in front of a slash is a port's; so is one in brackets. */
	if (!colon || (slash && colon < slash))
		return 0;
	*colon = 0;
	ref->tag = colon + 1;
	if (!is_tag(ref->tag))
		return bad(err, text,
			   "a tag has letters, digits, '_', '.' and '-', at most 128 of them");
	return 0;
}

static void fill_in(struct arena *arena, const struct reference_defaults *defaults,
		    struct reference *ref)
{
	bool is_single = !strchr(ref->path, '/');

	if (!ref->tag && !ref->digest)
		ref->tag = "latest";
	if (!strcmp(ref->host, "index.docker.io"))
		ref->host = "docker.io";
	if (is_single && !strcmp(ref->host, "docker.io"))
		ref->path = arena_printf(arena, "library/%s", ref->path);
	else if (is_single && !strcmp(ref->host, defaults->host) && *defaults->namespace)
		ref->path = arena_printf(arena, "%s/%s", defaults->namespace, ref->path);
}

int reference_parse(struct arena *arena, const char *text,
		    const struct reference_defaults *defaults, struct reference *ret_reference,
		    struct error *err)
{
	struct reference ref = { .host = defaults->host };
	char *copy = arena_strdup(arena, text), *slash;
	int r;

	if (!*text)
		return error_set(err, EINVAL, "an image name is empty");
	r = cut_ends(copy, text, &ref, err);
	if (r < 0)
		return r;
	ref.path = copy;
	slash = strchr(copy, '/');
	if (slash && looks_like_host(copy, (size_t)(slash - copy))) {
		*slash = 0;
		ref.host = copy;
		ref.path = slash + 1;
	}
	if (!is_host(ref.host))
		return bad(err, text, "its registry is no host name");
	if (!is_path(ref.path))
		return bad(err, text,
			   "a path has lower-case letters and digits, with '.', '_', '-' or '/' "
			   "between them");
	fill_in(arena, defaults, &ref);
	if (strlen(ref.host) + 1 + strlen(ref.path) > REFERENCE_NAME_MAX)
		return bad(err, text, "it is longer than 255 characters");
	*ret_reference = ref;
	return 0;
}

const char *reference_name(struct arena *arena, const struct reference *ref)
{
	return arena_printf(arena, "%s/%s", ref->host, ref->path);
}

const char *reference_text(struct arena *arena, const struct reference *ref)
{
	return arena_printf(arena, "%s/%s%s%s%s%s", ref->host, ref->path, ref->tag ? ":" : "",
			    ref->tag ? ref->tag : "", ref->digest ? "@" : "",
			    ref->digest ? ref->digest : "");
}
