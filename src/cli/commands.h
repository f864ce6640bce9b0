/* SPDX-License-Identifier: Apache-2.0 */
/*
 * commands: what `gadgetctl` can do, one command a file.
 *
 * src/cli/cmd_NAME.c defines `command_NAME`; adding a command is adding that
 * file and its line in COMMAND_LIST.
 */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include "cli/exit.h"
#include "cli/flags.h"

/* In the order help shows them. */
#define COMMAND_LIST(X) \
	X(run)          \
	X(record)       \
	X(replay)       \
	X(validate)     \
	X(inspect)      \
	X(test)         \
	X(init)         \
	X(build)        \
	X(pull)         \
	X(push)         \
	X(image)        \
	X(images)       \
	X(tag)          \
	X(login)        \
	X(logout)       \
	X(help)         \
	X(version)

/* Behind `image`: X(name, alias or NULL, alias or NULL, command_...) */
#define IMAGE_COMMAND_LIST(X)                     \
	X("build", NULL, NULL, build)             \
	X("list", "ls", NULL, images)             \
	X("inspect", NULL, NULL, image_inspect)   \
	X("pull", NULL, NULL, pull)               \
	X("push", NULL, NULL, push)               \
	X("tag", NULL, NULL, tag)                 \
	X("remove", "rm", "delete", image_remove) \
	X("prune", NULL, NULL, image_prune)       \
	X("export", NULL, NULL, image_export)     \
	X("import", NULL, NULL, image_import)     \
	X("fsck", NULL, NULL, image_fsck)

struct command {
	const char *name;
	const char *usage;   /* behind the name: "GADGET [flags]" */
	const char *summary; /* a line for the list of commands */
	const char *help;    /* paragraphs, already wrapped, ending in a newline */
	const struct flag *flags;
	/* argv[0] is the first argument behind the command's name. */
	enum exit_status (*run)(int argc, char *const *argv);
};

#define X(name) extern const struct command command_##name;
COMMAND_LIST(X)
#undef X

#define X(name, alias, other, id) extern const struct command command_##id;
IMAGE_COMMAND_LIST(X)
#undef X

/* The command of this name, or NULL; the nearest name to a mistyped one, or NULL. */
const struct command *command_find(const char *name);
const char *command_near(const char *name);

/* All commands, for help: the i-th, NULL behind the last. */
const struct command *command_at(size_t i);

/* The command behind `image`, by its name or an alias, or NULL; all of them, for help. */
const struct command *image_command_find(const char *name);
void image_print_commands(FILE *out);

/* What there is: commands, global flags, where to read on. */
void command_print_overview(FILE *out);

/* Usage, help and flags of one command. */
void command_print_help(const struct command *command, FILE *out);

/*
 * Read a command's flags into object.  False when the command is to end with
 * *ret_status: its help was printed, or the error was.
 */
bool command_read_flags(const struct command *command, struct flags *flags, int argc,
			char *const *argv, void *object, enum exit_status *ret_status);

/* Print an error about the command line; one without a remedy points to the help. */
enum exit_status command_misused(const struct command *command, struct error *err);

/* Find the command in argv (argv[0] is the program) and run it. */
int cli_main(int argc, char *const *argv);

#endif
