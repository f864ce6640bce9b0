/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image: the commands on images of gadgets, in a table.
 */
#include <errno.h>
#include <string.h>

#include "base/suggest.h"
#include "cli/commands.h"

struct row {
	const char *name, *aliases[2];
	const struct command *command;
};

static const struct row rows[] = {
#define X(n, a, b, c) { .name = (n), .aliases = { (a), (b) }, .command = &command_##c },
	IMAGE_COMMAND_LIST(X)
#undef X
};

enum { NROWS = sizeof(rows) / sizeof(*rows) };

static bool is_called(const struct row *row, const char *name)
{
	for (size_t i = 0; i < 2; i++)
		if (row->aliases[i] && !strcmp(row->aliases[i], name))
			return true;
	return !strcmp(row->name, name);
}

const struct command *image_command_find(const char *name)
{
	for (size_t i = 0; i < NROWS; i++)
		if (is_called(&rows[i], name))
			return rows[i].command;
	return NULL;
}

static void print_aliases(const struct row *row, FILE *out)
{
	for (size_t i = 0; i < 2 && row->aliases[i]; i++)
		(void)fprintf(out, "%s%s", i ? ", " : " (or ", row->aliases[i]);
	(void)fputs(row->aliases[0] ? ")\n" : "\n", out);
}

void image_print_commands(FILE *out)
{
	(void)fputs("\nCommands:\n", out);
	for (size_t i = 0; i < NROWS; i++) {
		(void)fprintf(out, "  %-12s%s", rows[i].name, rows[i].command->summary);
		print_aliases(&rows[i], out);
	}
	(void)fputs("\nTry 'gadgetctl help image COMMAND'.\n", out);
}

static enum exit_status unknown(const char *name)
{
	struct error err = ERROR_INIT;
	struct suggest suggest;
	const char *near;

	suggest_init(&suggest, name);
	for (size_t i = 0; i < NROWS; i++)
		suggest_offer(&suggest, rows[i].name);
	near = suggest_result(&suggest);
	(void)error_set(&err, EINVAL, "unknown command 'image %s'", name);
	if (near)
		(void)error_add(&err, " (did you mean 'image %s'?)", near);
	return command_misused(&command_image, &err);
}

static const struct flag flags_table[] = { FLAG_END };

struct args {
	char none;
};

static enum exit_status run(int argc, char *const *argv)
{
	struct arena arena = ARENA_INIT;
	struct flags flags = { .arena = &arena, .stops_at_word = true };
	struct args args = { 0 };
	enum exit_status status = STATUS_OK;
	const struct command *command;

	if (!command_read_flags(&command_image, &flags, argc, argv, &args, &status)) {
		if (flags.wants_help)
			image_print_commands(stdout);
	} else if (flags.used >= argc) {
		command_print_help(&command_image, stderr);
		image_print_commands(stderr);
		status = STATUS_USAGE;
	} else {
		command = image_command_find(argv[flags.used]);
		status = command ? command->run(argc - flags.used - 1, argv + flags.used + 1)
				 : unknown(argv[flags.used]);
	}
	arena_release(&arena);
	return status;
}

const struct command command_image = {
	.name = "image",
	.usage = "COMMAND ...",
	.summary = "Keep, look into and move images of gadgets",
	.help = "A gadget's image holds its programs and its metadata. Images are kept in the store\n"
		"of this host ($GADGETCTL_STORE) and are called by name, such as\n"
		"ghcr.io/inspektor-gadget/gadget/trace_open:latest or trace_open for short, or by\n"
		"the beginning of their id.\n",
	.flags = flags_table,
	.run = run,
};
