/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"

#include <errno.h>
#include <string.h>

#include "base/suggest.h"
#include "cli/gadget_help.h"
#include "cli/reference.h"
#include "cli/text.h"

struct args {
	bool markdown;
};

static const struct flag flags_table[] = {
	FLAG_SWITCH(struct args, markdown, 0, "Print the reference of all components as Markdown."),
	FLAG_END,
};

struct exit_row {
	int status;
	const char *help;
};

static void print_exit_codes(FILE *out)
{
	static const struct exit_row rows[] = {
#define X(id, number, text) { number, text },
		EXIT_LIST(X)
#undef X
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		(void)fprintf(out, "  %3d  ", rows[i].status);
		text_wrap(out, rows[i].help, 7);
	}
}

static void offer_gadget(void *suggest, const char *name, const char *object)
{
	(void)object;
	suggest_offer(suggest, name);
}

static enum exit_status unknown_topic(const char *name, struct arena *arena)
{
	struct error err = ERROR_INIT;
	struct suggest gadgets;
	const char *near = command_near(name);

	suggest_init(&gadgets, name);
	gadget_list(arena, offer_gadget, &gadgets);
	if (!near)
		near = reference_near(name);
	if (!near)
		near = suggest_result(&gadgets);
	error_set(&err, EINVAL, "no help for '%s'", name);
	if (near)
		error_add(&err, " (did you mean '%s'?)", near);
	else
		error_add(&err, " (see 'gadgetctl help' and 'gadgetctl help components')");
	return exit_report(&err, STATUS_USAGE);
}

/* What is nothing else may be a gadget. */
static enum exit_status print_gadget(const char *name)
{
	struct arena arena = ARENA_INIT;
	struct error err = ERROR_INIT;
	struct found_gadget found;
	enum exit_status status = STATUS_OK;
	int r = gadget_look(name, &arena, &found, &err);

	if (r == 0)
		gadget_help_print(found.model, name, stdout);
	else if (r == -ENOENT && !strchr(name, '/'))
		status = unknown_topic(name, &arena);
	else
		status = exit_report(&err, STATUS_BAD_GADGET);
	arena_release(&arena);
	return status;
}

static enum exit_status print_image_topic(const char *name)
{
	const struct command *command = image_command_find(name);
	struct error err = ERROR_INIT;

	if (command) {
		command_print_help(command, stdout);
		return STATUS_OK;
	}
	(void)error_set(&err, EINVAL, "no help for 'image %s' (see 'gadgetctl help image')", name);
	return exit_report(&err, STATUS_USAGE);
}

static enum exit_status print_topic(const char *name)
{
	const struct command *command = command_find(name);

	/* one word may be both, a command and a component */
	if (command)
		command_print_help(command, stdout);
	if (command == &command_image)
		image_print_commands(stdout);
	if (command && reference_has(name))
		(void)fputc('\n', stdout);
	if (!strcmp(name, "components"))
		reference_print_list(stdout);
	else if (!strcmp(name, "exit-codes"))
		print_exit_codes(stdout);
	else if (!reference_print(name, stdout) && !command)
		return print_gadget(name);
	return STATUS_OK;
}

static enum exit_status run(int argc, char *const *argv)
{
	struct arena arena = ARENA_INIT;
	struct flags flags = { .arena = &arena };
	struct args args = { 0 };
	enum exit_status status = STATUS_OK;

	if (!command_read_flags(&command_help, &flags, argc, argv, &args, &status))
		goto out;
	if (args.markdown)
		reference_print_markdown(stdout);
	else if (!flags.nwords)
		command_print_overview(stdout);
	else if (flags.nwords == 2 && !strcmp(flags.words[0], command_image.name))
		status = print_image_topic(flags.words[1]);
	else
		status = print_topic(flags.words[0]);
out:
	arena_release(&arena);
	return status;
}

const struct command command_help = {
	.name = "help",
	.usage = "[COMMAND | image COMMAND | COMPONENT | GADGET | components | exit-codes]",
	.summary = "Explain a command, a component, a gadget, or the exit status",
	.help = "  gadgetctl help run          a command and its flags\n"
		"  gadgetctl help components   what pipelines can be made of\n"
		"  gadgetctl help filter       one of those, with its options\n"
		"  gadgetctl help trace_open   a gadget: its parameters and fields\n"
		"  gadgetctl help exit-codes   what the exit status means\n",
	.flags = flags_table,
	.run = run,
};
