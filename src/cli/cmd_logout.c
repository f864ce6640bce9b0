/* SPDX-License-Identifier: Apache-2.0 */
/*
 * logout: forget the credentials for a registry.
 */
#include <errno.h>
#include <string.h>

#include "cli/registry_flags.h"
#include "oci/auth.h"

struct args {
	const char *authfile;
};

static const struct flag flags_table[] = {
	FLAG_TEXT(struct args, authfile, 0, "FILE",
		  "Forget them in this file instead of those that are usually looked at."),
	FLAG_END,
};

static enum exit_status logout(const char *authfile, const char *key)
{
	struct error err = ERROR_INIT;
	unsigned n = 0;

	if (auth_forget(authfile, key, &n, &err) < 0)
		return registry_report(&err);
	if (n)
		(void)fprintf(stderr, "logged out of '%s'\n", key);
	else
		(void)fprintf(stderr, "there are no credentials for '%s'\n", key);
	return STATUS_OK;
}

static enum exit_status run(int argc, char *const *argv)
{
	struct arena arena = ARENA_INIT;
	struct flags flags = { .arena = &arena };
	struct args args = { 0 };
	struct error err = ERROR_INIT;
	enum exit_status status;

	if (!command_read_flags(&command_logout, &flags, argc, argv, &args, &status))
		goto out;
	if (flags.nwords != 1 || !*flags.words[0]) {
		error_set(&err, EINVAL, "log out where? (give one registry)");
		status = command_misused(&command_logout, &err);
	} else {
		status = logout(args.authfile, flags.words[0]);
	}
out:
	arena_release(&arena);
	return status;
}

const struct command command_logout = {
	.name = "logout",
	.usage = "REGISTRY [flags]",
	.summary = "Forget the credentials for a registry",
	.help = NULL,
	.flags = flags_table,
	.run = run,
};
