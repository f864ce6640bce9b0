/* SPDX-License-Identifier: Apache-2.0 */
/*
 * login: try credentials with a registry, and keep them when they are good.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/log.h"
#include "cli/registry_flags.h"

struct args {
	REGISTRY_FLAG_MEMBERS;
	const char *username, *password;
	bool password_stdin;
};

static const struct flag flags_table[] = {
	FLAG_TEXT(struct args, username, 'u', "NAME", "Who to be; asked for when not given."),
	FLAG_SWITCH(struct args, password_stdin, 0, "Read the password from standard input."),
	FLAG_TEXT(struct args, password, 'p', "PASSWORD",
		  "The password. Others can see it in the list of processes: better be asked, "
		  "or use --password-stdin."),
	REGISTRY_FLAGS(struct args),
	FLAG_END,
};

/* ---- asking ----------------------------------------------------------------------- */

/* Without its end of line; -EINVAL when there is nothing, or too much. */
static int read_line(int fd, char *line, size_t size, struct error *err)
{
	size_t len = 0;

	for (;;) {
		ssize_t n = read(fd, line + len, 1);

		if (n < 0 && errno == EINTR)
			return error_set(err, EINTR, "interrupted");
		if (n <= 0 || line[len] == '\n')
			break;
		if (++len == size - 1)
			return error_set(err, EINVAL, "what was entered is too long");
	}
	if (len && line[len - 1] == '\r')
		len--;
	line[len] = 0;
	if (memchr(line, 0, len))
		return error_set(err, EINVAL, "what was entered has a NUL byte");
	return len ? 0 : error_set(err, EINVAL, "nothing was entered");
}

/* Signals end the reading only, so that the terminal is put back in order. */
static void on_signal(int number)
{
	(void)number;
}

static int read_unseen(int fd, char *line, size_t size, struct error *err)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP };
	enum { N = sizeof(numbers) / sizeof(*numbers) };
	struct sigaction ours = { .sa_handler = on_signal }, before[N];
	struct termios seen, unseen;
	bool is_terminal = tcgetattr(fd, &seen) == 0;
	int r;

	for (int i = 0; i < N; i++)
		(void)sigaction(numbers[i], &ours, &before[i]);
	if (is_terminal) {
		unseen = seen;
		unseen.c_lflag &= ~(tcflag_t)ECHO;
		(void)tcsetattr(fd, TCSAFLUSH, &unseen);
	}
	r = read_line(fd, line, size, err);
	if (is_terminal)
		(void)tcsetattr(fd, TCSAFLUSH, &seen);
	for (int i = 0; i < N; i++)
		(void)sigaction(numbers[i], &before[i], NULL);
	return r;
}

/* From the terminal, whatever standard input is. */
static int ask(const char *question, bool is_secret, char *line, size_t size, struct error *err)
{
	int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY), r;

	if (fd < 0)
		return error_set(err, EINVAL,
				 "there is no terminal to ask on (give --username and "
				 "--password-stdin)");
	(void)!write(fd, question, strlen(question));
	r = is_secret ? read_unseen(fd, line, size, err) : read_line(fd, line, size, err);
	if (is_secret)
		(void)!write(fd, "\n", 1);
	close(fd);
	return r;
}

static int get_user(const struct args *args, char *user, size_t size, struct error *err)
{
	if (!args->username)
		return args->password_stdin
			       ? error_set(err, EINVAL, "--password-stdin needs --username")
			       : ask("Username: ", false, user, size, err);
	if (!*args->username || strlen(args->username) >= size)
		return error_set(err, EINVAL, "--username is empty or too long");
	(void)snprintf(user, size, "%s", args->username);
	return 0;
}

static int get_password(const struct args *args, char *password, size_t size, struct error *err)
{
	if (args->password_stdin && args->password)
		return error_set(err, EINVAL, "--password and --password-stdin exclude each other");
	if (args->password_stdin)
		return read_unseen(STDIN_FILENO, password, size, err);
	if (!args->password)
		return ask("Password: ", true, password, size, err);
	log_warn("a password on the command line can be seen by others (use --password-stdin)");
	if (!*args->password || strlen(args->password) >= size)
		return error_set(err, EINVAL, "--password is empty or too long");
	(void)snprintf(password, size, "%s", args->password);
	return 0;
}

/* ---- the registry ------------------------------------------------------------------- */

/* "HOST[:PORT][/NAMESPACE]" as a reference to something there. */
static int parse_key(struct arena *arena, const char *word, struct reference *reference,
		     const char **ret_key, struct error *err)
{
	const struct reference_defaults none = { "localhost", "" };
	const char *slash = strchr(word, '/');
	const char *text = arena_printf(arena, "%s/x", word);

	if (!strncmp(word, "https://", 8) || !strncmp(word, "http://", 7))
		return error_set(err, EINVAL, "'%.200s' is a URL (write the host only)", word);
	/* Without a dot or a port it would be taken for a path. */
	if (!slash && !strpbrk(word, ".:") && strcmp(word, "localhost") != 0)
		return error_set(err, EINVAL,
				 "'%.200s' is no registry (write its host, with the port if it has "
				 "one)",
				 word);
	if (reference_parse(arena, text, &none, reference, err) < 0 ||
	    strncmp(reference->host, word, slash ? (size_t)(slash - word) : strlen(word)) != 0)
		return error_set(err, EINVAL, "'%.200s' is no registry", word);
	*ret_key = slash ? word : reference->host;
	return 0;
}

static int try_out(const struct registry_options *options, const struct reference *reference,
		   struct error *err)
{
	struct registry *registry = NULL;
	struct registry_client *client = NULL;
	int r = registry_open(options, reference, &registry, err);

	if (r == 0)
		r = registry_connect(registry, &client, err);
	if (r == 0)
		r = registry_ping(client, err);
	registry_disconnect(client);
	registry_close(registry);
	return r;
}

static enum exit_status login(struct registry_options *options, const struct reference *reference,
			      const char *key, const struct credentials *credentials)
{
	char where[AUTH_PATH_MAX];
	struct error err = ERROR_INIT;
	int r;

	options->credentials = credentials;
	r = try_out(options, reference, &err);
	if (r == 0)
		r = auth_keep(options->authfile, key, credentials, where, &err);
	if (r < 0) {
		(void)error_wrap(&err, "cannot log in to '%s'", key);
		return registry_report(&err);
	}
	(void)fprintf(stderr, "logged in to '%s'; credentials are in '%s'\n", key, where);
	return STATUS_OK;
}

static int take_args(const struct args *args, const struct flags *flags, struct arena *arena,
		     struct registry_options *options, struct reference *reference,
		     const char **ret_key, struct error *err)
{
	const struct registry_flags registry = REGISTRY_FLAGS_OF(args);
	int r;

	if (flags->nwords != 1)
		return error_set(err, EINVAL, "log in where? (give one registry)");
	r = parse_key(arena, flags->words[0], reference, ret_key, err);
	return r < 0 ? r : registry_flags_take(&registry, arena, options, err);
}

static enum exit_status run(int argc, char *const *argv)
{
	struct arena arena = ARENA_INIT;
	struct flags flags = { .arena = &arena };
	struct registry_options options = { 0 };
	struct args args = { 0 };
	char user[1024] = "", password[AUTH_SECRET_MAX] = "";
	const struct credentials credentials = { .user = user, .secret = password };
	struct reference reference;
	struct error err = ERROR_INIT;
	enum exit_status status;
	const char *key = NULL;

	if (!command_read_flags(&command_login, &flags, argc, argv, &args, &status))
		goto out;
	if (take_args(&args, &flags, &arena, &options, &reference, &key, &err) < 0 ||
	    get_user(&args, user, sizeof(user), &err) < 0 ||
	    get_password(&args, password, sizeof(password), &err) < 0)
		status = command_misused(&command_login, &err);
	else if (strchr(user, ':'))
		status = (error_set(&err, EINVAL, "a user name cannot have a ':'"),
			  command_misused(&command_login, &err));
	else
		status = login(&options, &reference, key, &credentials);
out:
	explicit_bzero(password, sizeof(password));
	arena_release(&arena);
	return status;
}

const struct command command_login = {
	.name = "login",
	.usage = "REGISTRY [flags]",
	.summary = "Keep credentials for a registry",
	.help = "Asks for a user and a password, tries them, and keeps them in docker's file, or\n"
		"where --authfile or $REGISTRY_AUTH_FILE say. A credential helper that is set in\n"
		"that file gets them instead. REGISTRY is a host, with its port if it has one, and\n"
		"maybe a namespace: 'registry.example:5000/team'.\n",
	.flags = flags_table,
	.run = run,
};
