/* SPDX-License-Identifier: Apache-2.0 */
/*
 * validate: everything about pipeline files that can be known without running
 * them: needs no privileges and touches nothing.
 */
#include "cli/commands.h"

#include <errno.h>

#include "base/yaml.h"
#include "cli/runner.h"

struct args {
	bool quiet;
	int verbose;
};

static const struct flag flags_table[] = {
	FLAG_SWITCH(struct args, quiet, 'q', "Print errors only."),
	FLAG_REPEAT(struct args, verbose, 'v',
		    "Print which records reach each node; twice: with all their fields."),
	FLAG_END,
};

static enum exit_status validate(const char *path, const struct args *args)
{
	struct arena arena = ARENA_INIT;
	struct error err = ERROR_INIT;
	enum exit_status status = STATUS_OK;
	struct yaml_node *root;
	struct config *config;

	if (yaml_load(&arena, path, &root, &err) < 0 ||
	    config_read(&arena, &registry_builtin, path, root, &config, &err) < 0 ||
	    runner_check(config, args->verbose, stdout, &err) < 0)
		status = exit_report(&err, STATUS_BAD_CONFIG);
	else if (!args->quiet)
		(void)printf("%s: ok\n", path);
	arena_release(&arena);
	return status;
}

static enum exit_status run(int argc, char *const *argv)
{
	struct arena arena = ARENA_INIT;
	struct flags flags = { .arena = &arena };
	struct args args = { 0 };
	struct error err = ERROR_INIT;
	enum exit_status status = STATUS_OK;

	if (!command_read_flags(&command_validate, &flags, argc, argv, &args, &status))
		goto out;
	if (!flags.nwords) {
		error_set(&err, EINVAL, "which file? (give at least one)");
		status = command_misused(&command_validate, &err);
		goto out;
	}
	for (size_t i = 0; i < flags.nwords; i++) {
		enum exit_status one = validate(flags.words[i], &args);

		if (status == STATUS_OK)
			status = one;
	}
out:
	arena_release(&arena);
	return status;
}

const struct command command_validate = {
	.name = "validate",
	.usage = "FILE... [flags]",
	.summary = "Check pipeline files without running them",
	.help = "Checks the whole file: options, fields, types and expressions, against the fields\n"
		"that really reach each node. Needs no privileges and changes nothing on the host.\n"
		"The exit status is that of the first file that is wrong.\n",
	.flags = flags_table,
	.run = run,
};
