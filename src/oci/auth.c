/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/auth.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "oci/auth_helper.h"
#include "oci/base64.h"

enum { FILES_MAX = 2 };

/* Where to look; in this order. */
struct files {
	char path[FILES_MAX][AUTH_PATH_MAX];
	unsigned n;
	bool is_named; /* by the user: it must be there */
};

/* ---- one file --------------------------------------------------------------- */

/* Whether the key leads to host/path: it is the host or a namespace that begins
 * both; keys of old files are URLs. */
static size_t key_fits(const char *key, const char *host, const char *path)
{
	size_t len = strlen(host);
	bool is_url = !strncmp(key, "https://", 8) || !strncmp(key, "http://", 7);
	const char *name = is_url ? strstr(key, "//") + 2 : key, *rest = name + len;

	if (strncmp(name, host, len) != 0)
		return 0;
	/* What follows the host of a URL is a part of the API. */
	if (!*rest || (is_url && *rest == '/'))
		return len;
	if (*rest != '/' || is_url)
		return 0;
	rest++;
	if (!*rest)
		return len;
	if (strncmp(path, rest, strlen(rest)) != 0)
		return 0;
	return path[strlen(rest)] == 0 || path[strlen(rest)] == '/' ? strlen(key) : 0;
}

/* The value of the longest key that leads there. */
static json_t *find_entry(json_t *map, const char *host, const char *path)
{
	size_t best = 0, len;
	json_t *found = NULL, *value;
	const char *key;

	json_object_foreach(map, key, value)
	{
		len = key_fits(key, host, path);
		if (!len && !strcmp(host, "docker.io"))
			len = key_fits(key, "index.docker.io", path);
		if (len > best) {
			best = len;
			found = value;
		}
	}
	return found;
}

/* base64("user:password") */
static int read_auth(const char *text, struct credentials *credentials, struct error *err)
{
	size_t len = 0;
	char *pair =
		strlen(text) > 2 * AUTH_SECRET_MAX ? NULL : base64_decode(text, strlen(text), &len);
	char *colon = pair ? memchr(pair, ':', len) : NULL;
	int r = 0;

	/* Some writers end it in NUL bytes. */
	while (colon && len && !pair[len - 1])
		len--;
	if (!colon || memchr(pair, 0, len)) {
		r = error_set(err, EBADMSG, "an 'auth' is not base64 of USER:PASSWORD");
	} else {
		*colon = 0;
		credentials_set(credentials, pair, colon + 1,
				!strcmp(pair, CREDENTIALS_TOKEN_USER));
	}
	if (pair) {
		explicit_bzero(pair, len);
		free(pair);
	}
	return r;
}

/* Text, or nothing. */
static bool is_text(const json_t *value)
{
	return !value || json_is_null(value) || json_is_string(value);
}

static int read_entry(const json_t *entry, struct credentials *credentials, struct error *err)
{
	static const char *const keys[] = { "auth", "identitytoken", "username", "password" };

	const char *auth = json_string_value(json_object_get(entry, "auth"));
	const char *identity = json_string_value(json_object_get(entry, "identitytoken"));
	const char *user = json_string_value(json_object_get(entry, "username"));
	const char *password = json_string_value(json_object_get(entry, "password"));
	int r = 0;

	if (entry && !json_is_object(entry))
		return error_set(err, EBADMSG, "an entry of 'auths' is no object");
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		if (!is_text(json_object_get(entry, keys[i])))
			return error_set(err, EBADMSG, "an entry's '%s' is no text", keys[i]);
	if (auth && *auth)
		r = read_auth(auth, credentials, err);
	else if (user && password)
		credentials_set(credentials, user, password, false);
	if (r == 0 && identity && *identity)
		credentials_set(credentials, CREDENTIALS_TOKEN_USER, identity, true);
	return r;
}

static int set_helper(struct auth_entry *entry, const char *name, struct error *err)
{
	if (!helper_is_valid(name))
		return error_set(err, EBADMSG, "'%.80s' cannot be the name of a credential helper",
				 name);
	memcpy(entry->helper, name, strlen(name) + 1);
	return 0;
}

/* The helper that is set for a host, or for all; NULL. */
static const char *helper_of(json_t *root, const char *host, const char *path)
{
	json_t *helpers = json_object_get(root, "credHelpers");
	const char *name = json_string_value(find_entry(helpers, host, path));

	return name && *name ? name : NULL;
}

static const char *keychain_of(const json_t *root)
{
	const char *name = json_string_value(json_object_get(root, "credsStore"));

	return name && *name ? name : NULL;
}

static int search(json_t *root, const char *host, const char *path, struct auth_entry *entry,
		  struct error *err)
{
	const char *helper = helper_of(root, host, path);
	int r;

	if (helper)
		return set_helper(entry, helper, err);
	r = read_entry(find_entry(json_object_get(root, "auths"), host, path), &entry->credentials,
		       err);
	helper = keychain_of(root);
	if (r == 0 && !entry->credentials.secret && helper)
		r = set_helper(entry, helper, err);
	return r;
}

/* What is there must be of the kind that it is read as, lest it be passed over silently. */
static bool is_map(const json_t *root, const char *name)
{
	const json_t *value = json_object_get(root, name);

	return !value || json_is_null(value) || json_is_object(value);
}

/* NULL with the error set. */
static json_t *parse(const char *bytes, size_t len, struct error *err)
{
	json_error_t why;
	json_t *root = json_loadb(bytes, len, JSON_REJECT_DUPLICATES, &why);

	if (json_is_object(root) && is_map(root, "auths") && is_map(root, "credHelpers"))
		return root;
	/* What jansson says quotes the text, which may be a secret. */
	if (root)
		error_set(err, EBADMSG, "is not a JSON object with an object as 'auths'");
	else
		error_set(err, EBADMSG, "line %d is not JSON", why.line);
	secret_release_json(root);
	return NULL;
}

static const char *server_of(const char *host)
{
	return strcmp(host, "docker.io") == 0 ? AUTH_DOCKER_KEY : host;
}

int auth_parse(const char *bytes, size_t len, const char *host, const char *path,
	       struct auth_entry *ret_entry, struct error *err)
{
	struct auth_entry entry = { .key = server_of(host) };
	json_t *root = parse(bytes, len, err);
	int r;

	if (!root)
		return -EBADMSG;
	r = search(root, host, path, &entry, err);
	secret_release_json(root);
	if (r < 0)
		credentials_release(&entry.credentials);
	else
		*ret_entry = entry;
	return r;
}

/* ---- files ------------------------------------------------------------------- */

static bool name_file(struct files *files, const char *folder, const char *name)
{
	if (!folder || !*folder || files->n == FILES_MAX)
		return false;
	(void)snprintf(files->path[files->n++], AUTH_PATH_MAX, "%s%s", folder, name);
	return true;
}

static void name_files(struct files *files, const char *authfile)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	char folder[64];

	files->is_named = true;
	if (name_file(files, authfile, "") || name_file(files, getenv("REGISTRY_AUTH_FILE"), ""))
		return;
	files->is_named = false;
	(void)snprintf(folder, sizeof(folder), "/run/containers/%u", (unsigned)geteuid());
	if (!name_file(files, runtime, "/containers/auth.json"))
		(void)name_file(files, folder, "/auth.json");
	if (!name_file(files, getenv("DOCKER_CONFIG"), "/config.json"))
		(void)name_file(files, getenv("HOME"), "/.docker/config.json");
}

/* The bytes, malloc()ed; -ENOENT without an error. */
static int read_file(const char *path, char **ret_bytes, size_t *ret_len, struct error *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), r = 0;
	struct stat st;
	char *bytes;
	ssize_t n;

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return -ENOENT;
	if (fd < 0)
		return error_set(err, errno, "cannot open '%s': %s", path, strerrordesc_np(errno));
	bytes = xcalloc(1, AUTH_FILE_MAX + 1);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		r = error_set(err, EBADMSG, "'%s' is no regular file", path);
	while (r == 0 && *ret_len <= AUTH_FILE_MAX) {
		n = read(fd, bytes + *ret_len, AUTH_FILE_MAX + 1 - *ret_len);
		if (n > 0)
			*ret_len += (size_t)n;
		else if (n == 0)
			break;
		else if (errno != EINTR)
			r = error_set(err, errno, "cannot read '%s': %s", path,
				      strerrordesc_np(errno));
	}
	if (r == 0 && *ret_len > AUTH_FILE_MAX)
		r = error_set(err, EFBIG, "'%s' is larger than 1 MiB", path);
	close(fd);
	if (r < 0)
		secret_free(bytes);
	else
		*ret_bytes = bytes;
	return r;
}

/* The document; NULL with r == 0 when there is no file, or an empty one. */
static int load(const char *path, json_t **ret_root, struct error *err)
{
	char *bytes = NULL;
	size_t len = 0;
	int r = read_file(path, &bytes, &len, err);

	*ret_root = NULL;
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	if (len) {
		*ret_root = parse(bytes, len, err);
		r = *ret_root ? 0 : error_wrap(err, "'%s'", path);
	}
	explicit_bzero(bytes, len);
	free(bytes);
	return r;
}

static int find_in(const char *path, const char *host, const char *repository,
		   struct credentials *credentials, struct error *err)
{
	struct auth_entry entry = { .key = server_of(host) };
	json_t *root = NULL;
	int r = load(path, &root, err);

	if (r < 0 || !root)
		return r;
	r = search(root, host, repository, &entry, err);
	secret_release_json(root);
	if (r < 0) {
		credentials_release(&entry.credentials);
		return error_wrap(err, "'%s'", path);
	}
	*credentials = entry.credentials;
	return *entry.helper ? helper_get(entry.helper, entry.key, credentials, err) : 0;
}

int auth_find(const char *authfile, const char *host, const char *path,
	      struct credentials *ret_credentials, struct error *err)
{
	struct files files = { 0 };
	int r = 0;

	*ret_credentials = (struct credentials){ 0 };
	name_files(&files, authfile);
	if (files.is_named && access(files.path[0], F_OK) < 0 && errno == ENOENT)
		return error_set(err, ENOENT, "the file of credentials '%s' is not there",
				 files.path[0]);
	for (unsigned i = 0; r == 0 && i < files.n && !ret_credentials->secret; i++)
		r = find_in(files.path[i], host, path, ret_credentials, err);
	return r;
}

/* ---- changing a file ---------------------------------------------------------- */

/* What a symbolic link leads to; the path itself when there is nothing yet. */
static void resolve(const char *path, char out[AUTH_PATH_MAX])
{
	char *real = realpath(path, NULL);

	(void)snprintf(out, AUTH_PATH_MAX, "%s", real ? real : path);
	free(real);
}

/* mkdir -p of what is in front of the last '/', each with mode 0700. */
static int make_folders(const char *path)
{
	char folder[AUTH_PATH_MAX];

	for (const char *at = strchr(path + 1, '/'); at; at = strchr(at + 1, '/')) {
		memcpy(folder, path, (size_t)(at - path));
		folder[at - path] = 0;
		if (mkdir(folder, 0700) < 0 && errno != EEXIST)
			return -errno;
	}
	return 0;
}

/* Whoever changes a file holds its folder's lock; returns a descriptor. */
static int lock_folder(const char *path)
{
	const char *slash = strrchr(path, '/');
	char folder[AUTH_PATH_MAX];
	int fd;

	(void)snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - path + 1) : 1,
		       slash ? path : ".");
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	while (flock(fd, LOCK_EX) < 0)
		if (errno != EINTR) {
			close(fd);
			return -EWOULDBLOCK;
		}
	return fd;
}

static int write_all(int fd, const char *text, size_t len)
{
	while (len) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		text += n;
		len -= (size_t)n;
	}
	return fsync(fd) < 0 ? -errno : 0;
}

static int replace_file(const char *path, const char *text)
{
	char temporary[AUTH_PATH_MAX + 8];
	struct stat st;
	int fd, r;

	(void)snprintf(temporary, sizeof(temporary), "%s.XXXXXX", path);
	fd = mkostemp(temporary, O_CLOEXEC); /* 0600 */
	if (fd < 0)
		return -errno;
	/* root may change somebody's file: it stays theirs. */
	if (stat(path, &st) == 0 && fchown(fd, st.st_uid, st.st_gid) < 0 && errno != EPERM)
		(void)errno;
	r = write_all(fd, text, strlen(text));
	close(fd);
	if (r == 0 && rename(temporary, path) < 0)
		r = -errno;
	if (r < 0)
		(void)unlink(temporary);
	return r;
}

static int save(const char *path, json_t *root, struct error *err)
{
	char *text = json_dumps(root, JSON_INDENT(1) | JSON_REAL_PRECISION(17));
	int r = text ? replace_file(path, text) : -EINVAL;

	if (text)
		secret_free(text);
	if (r < 0)
		return error_set(err, -r, "cannot write '%s': %s", path, strerrordesc_np(-r));
	return 0;
}

/* What to do with a file under its lock; returns 1 when it is to be written. */
struct change {
	const char *host, *path; /* the parts of key */
	const char *key;
	const struct credentials *credentials; /* NULL: forget */
	char helper[AUTH_HELPER_MAX];          /* who got or lost them; "" */
	bool had;
};

static json_t *map_of(json_t *root, const char *name)
{
	json_t *map = json_object_get(root, name);

	if (!json_is_object(map)) {
		map = json_object();
		(void)json_object_set_new(root, name, map);
	}
	return map;
}

static json_t *make_entry(const struct credentials *credentials)
{
	json_t *entry = json_object();
	size_t nuser = strlen(credentials->user), nsecret = strlen(credentials->secret);
	char *pair, *text;

	if (credentials->is_identity) {
		(void)json_object_set_new(entry, "identitytoken", json_string(credentials->secret));
		return entry;
	}
	pair = xcalloc(1, nuser + nsecret + 2);
	memcpy(pair, credentials->user, nuser);
	pair[nuser] = ':';
	memcpy(pair + nuser + 1, credentials->secret, nsecret);
	text = base64_encode(pair, nuser + 1 + nsecret);
	(void)json_object_set_new(entry, "auth", json_string(text));
	secret_free(pair);
	secret_free(text);
	return entry;
}

static int keep_in(json_t *root, struct change *change, struct error *err)
{
	const char *helper = helper_of(root, change->host, change->path);
	json_t *entry;
	int r;

	helper = helper ? helper : keychain_of(root);
	if (!helper) {
		entry = make_entry(change->credentials);
	} else if (!helper_is_valid(helper)) {
		return error_set(err, EBADMSG, "'%.80s' cannot be the name of a credential helper",
				 helper);
	} else {
		memcpy(change->helper, helper, strlen(helper) + 1);
		r = helper_store(helper, change->key, change->credentials, err);
		if (r < 0)
			return r;
		/* An empty entry tells others that there was a login. */
		entry = json_object();
	}
	(void)json_object_set_new(map_of(root, "auths"), change->key, entry);
	return 0;
}

static int forget_in(json_t *root, struct change *change, struct error *err)
{
	const char *helper = helper_of(root, change->host, change->path);
	json_t *auths = json_object_get(root, "auths");
	bool had = false;
	int r;

	change->had = json_object_get(auths, change->key) != NULL;
	helper = helper ? helper : keychain_of(root);
	if (helper && helper_is_valid(helper)) {
		r = helper_erase(helper, change->key, &had, err);
		if (r < 0)
			return r;
	}
	if (change->had) {
		secret_wipe_json(json_object_get(auths, change->key));
		(void)json_object_del(auths, change->key);
	}
	change->had |= had;
	return 0;
}

static int change_file(const char *path, struct change *change, struct error *err)
{
	char real[AUTH_PATH_MAX];
	json_t *root = NULL;
	int lock, r;

	resolve(path, real);
	r = change->credentials ? make_folders(real) : 0;
	lock = r < 0 ? r : lock_folder(real);
	if (lock == -ENOENT && !change->credentials)
		return 0;
	if (lock < 0)
		return error_set(err, -lock, "cannot write '%s': %s", real, strerrordesc_np(-lock));
	r = load(real, &root, err);
	if (r < 0 || (!root && !change->credentials))
		goto out;
	if (!root)
		root = json_object();
	r = change->credentials ? keep_in(root, change, err) : forget_in(root, change, err);
	if (r == 0 && (change->credentials || change->had))
		r = save(real, root, err);
out:
	secret_release_json(root);
	close(lock);
	return r;
}

/* "host/path" in two, and the key that files have for it. */
static struct change change_of(const char *key, char host[AUTH_PATH_MAX])
{
	struct change change = { .host = host, .path = "" };
	const char *slash = strchr(key, '/');

	(void)snprintf(host, AUTH_PATH_MAX, "%.*s", slash ? (int)(slash - key) : AUTH_PATH_MAX - 1,
		       key);
	if (slash)
		change.path = slash + 1;
	change.key = slash ? key : server_of(key);
	return change;
}

static bool has_key(const char *path, const char *key)
{
	struct error ignored = ERROR_INIT;
	json_t *root = NULL;
	bool has;

	if (load(path, &root, &ignored) < 0 || !root)
		return false;
	has = json_object_get(json_object_get(root, "auths"), key) != NULL;
	secret_release_json(root);
	return has;
}

int auth_keep(const char *authfile, const char *key, const struct credentials *credentials,
	      char ret_where[AUTH_PATH_MAX], struct error *err)
{
	char host[AUTH_PATH_MAX];
	struct change change = change_of(key, host);
	struct files files = { 0 };
	unsigned at;
	int r;

	change.credentials = credentials;
	name_files(&files, authfile);
	if (!files.n)
		return error_set(err, ENOENT,
				 "there is no home for credentials (set HOME, or give --authfile)");
	for (at = 0; at + 1 < files.n && !has_key(files.path[at], change.key); at++)
		;
	r = change_file(files.path[at], &change, err);
	if (r < 0)
		return r;
	if (*change.helper)
		(void)snprintf(ret_where, AUTH_PATH_MAX, "docker-credential-%s", change.helper);
	else
		(void)snprintf(ret_where, AUTH_PATH_MAX, "%s", files.path[at]);
	return 0;
}

int auth_forget(const char *authfile, const char *key, unsigned *ret_n, struct error *err)
{
	char host[AUTH_PATH_MAX];
	struct change change = change_of(key, host);
	struct files files = { 0 };
	int r = 0;

	*ret_n = 0;
	name_files(&files, authfile);
	for (unsigned i = 0; r == 0 && i < files.n; i++) {
		change.had = false;
		r = change_file(files.path[i], &change, err);
		*ret_n += change.had;
	}
	return r;
}
