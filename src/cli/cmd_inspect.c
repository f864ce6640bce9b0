/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inspect: what a gadget will emit and what it needs, from its file (or image) alone.
 */
#include "cli/commands.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "base/log.h"
#include "cli/gadget_help.h"
#include "cli/inspect_model.h"
#include "cli/inspect_recording.h"
#include "recording/reader.h"

struct args {
	const char *output;
};

static const struct flag flags_table[] = {
	FLAG_TEXT(struct args, output, 'o', "FORMAT", "How to print: text (default) or json."),
	FLAG_END,
};

static void print_json(const struct found_gadget *found, struct arena *arena)
{
	json_t *root = inspect_model_json(found->model, arena);

	(void)json_dumpf(root, stdout, JSON_INDENT(2));
	(void)putchar('\n');
	json_decref(root);
}

static enum exit_status inspect(const char *what, bool as_json, struct arena *arena)
{
	struct error err = ERROR_INIT;
	struct found_gadget found;

	if (recording_is_one(what))
		return inspect_recording(what, as_json, arena);
	if (gadget_look(what, arena, &found, &err) < 0)
		return exit_report(&err, STATUS_BAD_GADGET);
	if (as_json)
		print_json(&found, arena);
	else
		inspect_model_print(found.model, arena);
	if (found.unused)
		log_warn("image '%s' has layers that this version does not use: %s",
			 found.model->path, found.unused);
	return STATUS_OK;
}

static enum exit_status run(int argc, char *const *argv)
{
	struct arena arena = ARENA_INIT;
	struct flags flags = { .arena = &arena };
	struct args args = { .output = "text" };
	struct error err = ERROR_INIT;
	enum exit_status status = STATUS_OK;
	bool as_json;

	if (!command_read_flags(&command_inspect, &flags, argc, argv, &args, &status))
		goto out;
	as_json = !strcmp(args.output, "json");
	if (!as_json && strcmp(args.output, "text") != 0) {
		error_set(&err, EINVAL, "--output must be text or json, not '%s'", args.output);
		status = command_misused(&command_inspect, &err);
	} else if (flags.nwords != 1) {
		error_set(&err, EINVAL, "which gadget? (give one name or path)");
		status = command_misused(&command_inspect, &err);
	} else {
		status = inspect(flags.words[0], as_json, &arena);
	}
out:
	arena_release(&arena);
	return status;
}

const struct command command_inspect = {
	.name = "inspect",
	.usage = "GADGET|RECORDING [flags]",
	.summary = "Show what a gadget emits and needs, or a recording holds",
	.help = "Reads the gadget's object file: its data sources with their fields, parameters,\n"
		"programs and maps, and what its metadata says that fits nothing in it. Needs no\n"
		"privileges and loads nothing. Of a recording it shows who made it, when, of what, how\n"
		"many records and losses it holds, and whether its end is torn.\n",
	.flags = flags_table,
	.run = run,
};
