/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/suggest.h"
#include "cli/text.h"

static const struct command *const commands[] = {
#define X(name) &command_##name,
	COMMAND_LIST(X)
#undef X
};

struct globals {
	bool version;
	const char *log_level;
};

static const struct flag global_flags[] = {
	FLAG_SWITCH(struct globals, version, 0, "Print the version."),
	FLAG_TEXT(struct globals, log_level, 0, "LEVEL",
		  "What to say on stderr: error, warn (default), info or debug."),
	FLAG_END,
};

const struct command *command_at(size_t i)
{
	return i < sizeof(commands) / sizeof(*commands) ? commands[i] : NULL;
}

const struct command *command_find(const char *name)
{
	for (size_t i = 0; command_at(i); i++)
		if (!strcmp(command_at(i)->name, name))
			return command_at(i);
	return NULL;
}

const char *command_near(const char *name)
{
	struct suggest suggest;

	suggest_init(&suggest, name);
	for (size_t i = 0; command_at(i); i++)
		suggest_offer(&suggest, command_at(i)->name);
	return suggest_result(&suggest);
}

void command_print_help(const struct command *command, FILE *out)
{
	int column = fprintf(out, "%s\n\nUsage: gadgetctl %s ", command->summary, command->name);

	text_wrap(out, command->usage, column - (int)strlen(command->summary) - 2);
	if (command->help) {
		(void)fputc('\n', out);
		text_help(out, command->help);
	}
	(void)fputs("\nFlags:\n", out);
	flags_print(command->flags, out);
}

enum exit_status command_misused(const struct command *command, struct error *err)
{
	size_t len = strlen(err->text);

	/* a message that ends in a remedy needs no other */
	if (len && err->text[len - 1] != ')')
		error_add(err, " (see 'gadgetctl help %s')", command->name);
	(void)exit_report(err, STATUS_USAGE);
	return STATUS_USAGE;
}

bool command_read_flags(const struct command *command, struct flags *flags, int argc,
			char *const *argv, void *object, enum exit_status *ret_status)
{
	struct error err = ERROR_INIT;

	flags->table = command->flags;
	if (flags_read(flags, argc, argv, object, &err) < 0) {
		*ret_status = command_misused(command, &err);
		return false;
	}
	if (!flags->wants_help)
		return true;
	command_print_help(command, stdout);
	*ret_status = STATUS_OK;
	return false;
}

void command_print_overview(FILE *out)
{
	(void)fputs("Run eBPF gadgets and process what they see.\n\n"
		    "Usage: gadgetctl [flags] COMMAND ...\n\n"
		    "Commands:\n",
		    out);
	for (size_t i = 0; command_at(i); i++)
		(void)fprintf(out, "  %-12s%s\n", command_at(i)->name, command_at(i)->summary);
	(void)fputs("\nFlags:\n", out);
	flags_print(global_flags, out);
	(void)fputs("\nTry 'gadgetctl help COMMAND', 'gadgetctl help components' or\n"
		    "'gadgetctl help exit-codes'.\n",
		    out);
}

static int set_log_level(const char *name, struct error *err)
{
	static const char *const names[] = { "error", "warn", "info", "debug" };

	for (int i = 0; i < 4; i++)
		if (!strcmp(names[i], name)) {
			log_set_level((enum log_level)i);
			return 0;
		}
	return error_set(err, EINVAL, "--log-level must be error, warn, info or debug, not '%s'",
			 name);
}

static enum exit_status unknown_command(const char *name)
{
	struct error err = ERROR_INIT;
	const char *near = command_near(name);

	error_set(&err, EINVAL, "unknown command '%s'", name);
	if (near)
		error_add(&err, " (did you mean '%s'?)", near);
	else
		error_add(&err, " (see 'gadgetctl help')");
	return exit_report(&err, STATUS_USAGE);
}

static enum exit_status dispatch(struct arena *arena, int argc, char *const *argv)
{
	struct flags flags = { .table = global_flags, .arena = arena, .stops_at_word = true };
	struct globals globals = { 0 };
	struct error err = ERROR_INIT;
	const struct command *command;

	if (flags_read(&flags, argc - 1, argv + 1, &globals, &err) < 0)
		return exit_report(&err, STATUS_USAGE);
	if (globals.log_level && set_log_level(globals.log_level, &err) < 0)
		return exit_report(&err, STATUS_USAGE);
	if (flags.wants_help) {
		command_print_overview(stdout);
		return STATUS_OK;
	}
	if (globals.version)
		return command_version.run(0, NULL);
	argc -= 1 + flags.used;
	argv += 1 + flags.used;
	if (argc <= 0) {
		command_print_overview(stderr);
		return STATUS_USAGE;
	}
	command = command_find(argv[0]);
	if (!command)
		return unknown_command(argv[0]);
	return command->run(argc - 1, argv + 1);
}

/*
 * A descriptor that was closed by whoever started us would be given to the next
 * file that is opened, and records would go there.  Reading from and writing to
 * these fails, as it would have.
 */
static void hold_standard_descriptors(void)
{
	int fd;

	do
		fd = open("/dev/null", O_PATH | O_CLOEXEC);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		(void)close(fd);
}

int cli_main(int argc, char *const *argv)
{
	struct arena arena = ARENA_INIT;
	enum exit_status status;

	hold_standard_descriptors();
	status = dispatch(&arena, argc, argv);
	arena_release(&arena);
	if (fflush(stdout) != 0 && status == STATUS_OK) {
		log_error("cannot write to standard output: %s", strerrordesc_np(errno));
		status = STATUS_IO;
	}
	return (int)status;
}
