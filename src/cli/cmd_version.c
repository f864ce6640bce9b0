/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"

static enum exit_status run(int argc, char *const *argv)
{
	struct arena arena = ARENA_INIT;
	struct flags flags = { .arena = &arena };
	enum exit_status status = STATUS_OK;

	if (command_read_flags(&command_version, &flags, argc, argv, NULL, &status))
		(void)printf("gadgetctl %s\n", GADGETCTL_VERSION);
	arena_release(&arena);
	return status;
}

static const struct flag no_flags[] = { FLAG_END };

const struct command command_version = {
	.name = "version",
	.usage = "",
	.summary = "Print the version",
	.flags = no_flags,
	.run = run,
};
