/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replay: what a recording holds, printed as `run` prints what a gadget sees.
 */
#include "cli/commands.h"

#include <errno.h>

#include "base/clock.h"
#include "cli/launch.h"

struct args {
	const char *output, *filter, *fields, *speed, *report;
	uint64_t count;
	int64_t timeout, shutdown_timeout;
	bool fail_on_loss, print_config;
	int verbose;
};

static const struct flag flags_table[] = {
	FLAG_TEXT(struct args, output, 'o', "CODEC",
		  "How to print records: columns (default), json (one object a line), jsonpretty, "
		  "yaml or csv."),
	FLAG_TEXT(
		struct args, filter, 'F', "EXPR",
		"Keep the records for which this is true, such as 'ret < 0 && proc.comm == \"cat\"'."),
	FLAG_TEXT(struct args, fields, 0, "A,B,C", "Show these fields, in this order."),
	FLAG_NUMBER(struct args, count, 'n', "N", "Stop after so many records."),
	FLAG_TEXT(struct args, speed, 0, "SPEED",
		  "As fast as it goes (max, the default), as recorded (1x), or faster or slower by "
		  "a factor (10x, 0.5x)."),
	FLAG_DURATION(struct args, timeout, 't', "TIME",
		      "Stop after this time, such as '5s'; a bare number is seconds."),
	LAUNCH_FLAGS(struct args),
	FLAG_END,
};

static enum exit_status replay(const struct args *args, const char *file, struct arena *arena)
{
	const struct oneliner oneliner = {
		.replay = file,
		.speed = args->speed,
		.codec = args->output ? args->output : "columns",
		.filter = args->filter,
		.fields = args->fields,
		.count = args->count,
	};
	struct launch launch = {
		.report = args->report,
		.timeout = args->timeout,
		.shutdown_timeout = args->shutdown_timeout,
		.fail_on_loss = args->fail_on_loss,
		.verbose = args->verbose,
		.if_invalid = STATUS_USAGE,
	};
	struct error err = ERROR_INIT;
	struct oneliner_text text;
	struct config *config;

	if (oneliner_make(&oneliner, arena, &text, &err) < 0)
		return command_misused(&command_replay, &err);
	if (args->print_config) {
		(void)fwrite(text.text, 1, text.len, stdout);
		return STATUS_OK;
	}
	if (launch_parse(&text, arena, &config, &err) < 0)
		return exit_report(&err, STATUS_USAGE);
	return launch_config(&launch, config);
}

static enum exit_status run(int argc, char *const *argv)
{
	struct arena arena = ARENA_INIT;
	struct flags flags = { .arena = &arena };
	struct args args = { .shutdown_timeout = LAUNCH_SHUTDOWN_TIMEOUT_S * NS_PER_S };
	enum exit_status status = STATUS_OK;
	struct error err = ERROR_INIT;

	if (!command_read_flags(&command_replay, &flags, argc, argv, &args, &status))
		goto out;
	if (flags.nwords != 1 || !*flags.words[0]) {
		error_set(&err, EINVAL, "which recording? (give one file)");
		status = command_misused(&command_replay, &err);
		goto out;
	}
	launch_set_verbose(args.verbose);
	status = replay(&args, flags.words[0], &arena);
out:
	arena_release(&arena);
	return status;
}

const struct command command_replay = {
	.name = "replay",
	.usage = "FILE [flags]",
	.summary = "Print what a recording holds",
	.help = "FILE was made by 'gadgetctl record' or the sink 'recording'. Needs no privileges;\n"
		"what is printed is what 'run' would have printed. 'gadgetctl inspect FILE' says\n"
		"what is in it.\n"
		"\n"
		"  gadgetctl replay opens.gadgetrec -o json --filter 'ret < 0'\n"
		"  gadgetctl replay opens.gadgetrec --speed 1x\n",
	.flags = flags_table,
	.run = run,
};
