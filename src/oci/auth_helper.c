/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/auth_helper.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "oci/auth.h"

/* A secret, a user and the JSON around them. */
enum { ANSWER_MAX = 2 * AUTH_SECRET_MAX };

struct helper {
	const char *name;
	pid_t pid;
	int in, out; /* our ends; -1: closed */
	char answer[ANSWER_MAX];
	size_t len;
	int status; /* as of waitpid() */
};

bool helper_is_valid(const char *name)
{
	size_t len = strlen(name);

	return len >= 1 && len < AUTH_HELPER_MAX && name[0] != '-' && name[0] != '.' &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
		       len;
}

static int64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void close_end(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* Start it with pipes as stdin and stdout; what it says on stderr is nobody's. */
static int start(struct helper *helper, const char *verb, struct error *err)
{
	char program[AUTH_HELPER_MAX + 24];
	char *const argv[] = { program, (char *)(uintptr_t)verb, NULL };
	posix_spawn_file_actions_t actions;
	int in[2] = { -1, -1 }, out[2] = { -1, -1 }, r;

	(void)snprintf(program, sizeof(program), "docker-credential-%s", helper->name);
	if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0) {
		r = errno;
		close_end(&in[0]);
		close_end(&in[1]);
		return error_set(err, r, "cannot make a pipe: %s", strerrordesc_np(r));
	}
	r = posix_spawn_file_actions_init(&actions);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
	if (r == 0)
		r = posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY,
						     0);
	if (r == 0)
		r = posix_spawnp(&helper->pid, program, &actions, NULL, argv, environ);
	(void)posix_spawn_file_actions_destroy(&actions);
	close(in[0]);
	close(out[1]);
	helper->in = in[1];
	helper->out = out[0];
	if (r == 0)
		return 0;
	close_end(&helper->in);
	close_end(&helper->out);
	return error_set(err, EIO, "the credential helper '%s' cannot be run: %s", program,
			 strerrordesc_np(r));
}

/* A helper that ends without reading must not end us: SIGPIPE is held back. */
static void tell(struct helper *helper, const char *text, size_t len)
{
	const struct timespec at_once = { 0 };
	sigset_t pipe_only, before, pending;
	bool was_pending;

	(void)sigemptyset(&pipe_only);
	(void)sigaddset(&pipe_only, SIGPIPE);
	(void)sigpending(&pending);
	was_pending = sigismember(&pending, SIGPIPE) == 1;
	(void)pthread_sigmask(SIG_BLOCK, &pipe_only, &before);
	while (len) {
		ssize_t n = write(helper->in, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			break;
		text += n;
		len -= (size_t)n;
	}
	if (!was_pending)
		while (sigtimedwait(&pipe_only, NULL, &at_once) == -1 && errno == EINTR)
			;
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	close_end(&helper->in);
}

/* Collect what it says until it has said all; -ETIMEDOUT, -EFBIG. */
static int listen_to(struct helper *helper, int64_t until_ms)
{
	for (;;) {
		struct pollfd poll_fd = { .fd = helper->out, .events = POLLIN };
		int64_t left = until_ms - now_ms();
		ssize_t n;

		if (left <= 0)
			return -ETIMEDOUT;
		if (poll(&poll_fd, 1, (int)left) <= 0)
			continue;
		n = read(helper->out, helper->answer + helper->len, ANSWER_MAX - 1 - helper->len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return 0;
		helper->len += (size_t)n;
		if (helper->len == ANSWER_MAX - 1)
			return -EFBIG;
	}
}

/* Its end, at the latest when the time is over. */
static int wait_for(struct helper *helper, int r, int64_t until_ms)
{
	struct pollfd end = { .fd = pidfd_open(helper->pid, 0), .events = POLLIN };
	int64_t left;

	close_end(&helper->out);
	while (r == 0 && end.fd >= 0) {
		left = until_ms - now_ms();
		if (left <= 0)
			r = -ETIMEDOUT;
		else if (poll(&end, 1, (int)left) > 0)
			break;
	}
	close_end(&end.fd);
	if (r < 0)
		(void)kill(helper->pid, SIGKILL);
	while (waitpid(helper->pid, &helper->status, 0) < 0 && errno == EINTR)
		;
	return r;
}

static int run(struct helper *helper, const char *verb, const char *text, struct error *err)
{
	int64_t until_ms = now_ms() + (int64_t)AUTH_HELPER_SECONDS * 1000;
	int r = start(helper, verb, err);

	if (r < 0)
		return r;
	tell(helper, text, strlen(text));
	r = wait_for(helper, listen_to(helper, until_ms), until_ms);
	if (r == -ETIMEDOUT)
		return error_set(err, ETIMEDOUT,
				 "the credential helper '%s' did not answer within %d s",
				 helper->name, AUTH_HELPER_SECONDS);
	if (r < 0)
		return error_set(err, EIO, "the credential helper '%s' says too much",
				 helper->name);
	helper->answer[helper->len] = 0;
	return 0;
}

static bool went_well(const struct helper *helper)
{
	return WIFEXITED(helper->status) && WEXITSTATUS(helper->status) == 0;
}

/* Helpers say so in these words, and fail. */
static bool has_nothing(const struct helper *helper)
{
	return strstr(helper->answer, "credentials not found") != NULL;
}

/* Its first line, unless it looks as if secrets could be in it. */
static int failed(struct helper *helper, const char *verb, struct error *err)
{
	size_t len = strcspn(helper->answer, "\r\n");

	helper->answer[len] = 0;
	if (!len || strchr(helper->answer, '{') || strchr(helper->answer, '"'))
		return error_set(err, EIO, "the credential helper '%s' failed at '%s'",
				 helper->name, verb);
	return error_set(err, EIO, "the credential helper '%s' failed at '%s': %.200s",
			 helper->name, verb, helper->answer);
}

/* Credentials from {"Username": ..., "Secret": ...}. */
static int read_answer(const struct helper *helper, struct credentials *ret_credentials,
		       struct error *err)
{
	json_t *root = json_loadb(helper->answer, helper->len, JSON_REJECT_DUPLICATES, NULL);
	const char *user = json_string_value(json_object_get(root, "Username"));
	const char *secret = json_string_value(json_object_get(root, "Secret"));
	int r = 0;

	if (!user || !secret || strlen(secret) > AUTH_SECRET_MAX)
		r = error_set(err, EIO, "the credential helper '%s' answers what is no credential",
			      helper->name);
	else
		credentials_set(ret_credentials, user, secret,
				!strcmp(user, CREDENTIALS_TOKEN_USER));
	secret_release_json(root);
	return r;
}

static struct helper *helper_new(const char *name)
{
	struct helper *helper = xcalloc(1, sizeof(*helper));

	helper->name = name;
	helper->in = helper->out = -1;
	return helper;
}

static void helper_free(struct helper *helper)
{
	explicit_bzero(helper, sizeof(*helper));
	free(helper);
}

int helper_get(const char *name, const char *server, struct credentials *ret_credentials,
	       struct error *err)
{
	struct helper *helper = helper_new(name);
	int r = run(helper, "get", server, err);

	if (r == 0 && went_well(helper))
		r = read_answer(helper, ret_credentials, err);
	else if (r == 0 && !has_nothing(helper))
		r = failed(helper, "get", err);
	helper_free(helper);
	return r;
}

int helper_store(const char *name, const char *server, const struct credentials *credentials,
		 struct error *err)
{
	struct helper *helper = helper_new(name);
	json_t *root =
		json_pack("{s:s, s:s, s:s}", "ServerURL", server, "Username",
			  credentials->is_identity ? CREDENTIALS_TOKEN_USER : credentials->user,
			  "Secret", credentials->secret);
	char *text = root ? json_dumps(root, JSON_COMPACT) : NULL;
	int r;

	if (!text)
		r = error_set(err, EINVAL, "a user or password is not UTF-8");
	else
		r = run(helper, "store", text, err);
	if (r == 0 && !went_well(helper))
		r = failed(helper, "store", err);
	secret_free(text);
	secret_release_json(root);
	helper_free(helper);
	return r;
}

int helper_erase(const char *name, const char *server, bool *ret_had, struct error *err)
{
	struct helper *helper = helper_new(name);
	int r = run(helper, "erase", server, err);

	*ret_had = r == 0 && went_well(helper);
	if (r == 0 && !went_well(helper) && !has_nothing(helper))
		r = failed(helper, "erase", err);
	helper_free(helper);
	return r;
}
