/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run: one gadget by flags, or a pipeline file; both through the same code.
 */
#include "cli/commands.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/yaml.h"
#include "cli/fetch.h"
#include "cli/launch.h"

struct args {
	const char *file, *output, *filter, *fields, *report, *pull;
	uint64_t count;
	int64_t timeout, shutdown_timeout;
	struct flag_texts param;
	bool fail_on_loss, print_config;
	int verbose;
	enum fetch when;
};

static const struct flag flags_table[] = {
	FLAG_TEXT(struct args, file, 'f', "FILE",
		  "Run this pipeline file ('-' for standard input)."),
	FLAG_TEXT(struct args, output, 'o', "CODEC",
		  "How to print records: columns (default), json (one object a line), jsonpretty, "
		  "yaml or csv."),
	FLAG_TEXT(
		struct args, filter, 'F', "EXPR",
		"Keep the records for which this is true, such as 'ret < 0 && proc.comm == \"cat\"'."),
	FLAG_TEXT(struct args, fields, 0, "A,B,C", "Show these fields, in this order."),
	FLAG_NUMBER(struct args, count, 'n', "N", "Stop after so many records."),
	FLAG_DURATION(struct args, timeout, 't', "TIME",
		      "Stop after this time, such as '5s'; a bare number is seconds."),
	FLAG_TEXTS(struct args, param, 'p', "KEY=VALUE",
		   "Set a parameter of the gadget; '--KEY VALUE' behind its name does the same, "
		   "unless KEY is a flag of this list."),
	FETCH_FLAG(struct args),
	LAUNCH_FLAGS(struct args),
	FLAG_END,
};

static int usage_error(struct error *err, const char *text)
{
	return error_set(err, EINVAL, "%s", text);
}

/* With -f, what the pipeline does is the file's business alone. */
static int check_file_mode(const struct args *args, const struct flags *flags, struct error *err)
{
	static const char *const names[] = { "--output", "--filter",       "--fields",
					     "--count",  "--print-config", "--param" };
	const bool given[] = { args->output,     args->filter,       args->fields,
			       args->count != 0, args->print_config, args->param.n != 0 };

	if (flags->nwords)
		return error_set(err, EINVAL, "give a gadget or -f FILE, not both ('%s')",
				 flags->words[0]);
	for (size_t i = 0; i < sizeof(given) / sizeof(*given); i++)
		if (given[i])
			return error_set(err, EINVAL,
					 "%s cannot be used with -f (the file says it)", names[i]);
	return 0;
}

static int check_args(const struct args *args, const struct flags *flags, struct error *err)
{
	if (args->file)
		return check_file_mode(args, flags, err);
	if (!flags->nwords)
		return usage_error(err, "what to run? (give a gadget, or a pipeline file with -f)");
	if (flags->nwords > 1)
		return error_set(err, EINVAL,
				 "one gadget at a time, not also '%s' (use a "
				 "pipeline file with -f for several)",
				 flags->words[1]);
	if (!*flags->words[0])
		return usage_error(err, "the gadget's name is empty");
	return 0;
}

static int make_oneliner(const struct args *args, const struct flags *flags, struct arena *arena,
			 struct oneliner_text *ret_text, struct error *err)
{
	struct oneliner oneliner = {
		.gadget = flags->words[0],
		.codec = args->output ? args->output : "columns",
		.filter = args->filter,
		.fields = args->fields,
		.count = args->count,
	};
	int r = launch_params(&args->param, flags, arena, &oneliner, err);

	return r < 0 ? r : oneliner_make(&oneliner, arena, ret_text, err);
}

static enum exit_status run_config(const struct args *args, const struct config *config,
				   struct arena *arena)
{
	struct launch launch = {
		.report = args->report,
		.timeout = args->timeout,
		.shutdown_timeout = args->shutdown_timeout,
		.fail_on_loss = args->fail_on_loss,
		.verbose = args->verbose,
		.if_invalid = args->file ? STATUS_BAD_CONFIG : STATUS_USAGE,
		.flags = args->file ? NULL : flags_table,
		.arena = arena,
	};
	enum exit_status status;

	if (!fetch_images(config, args->when, &status))
		return status;
	return launch_config(&launch, config);
}

static enum exit_status run_file(const struct args *args, struct arena *arena)
{
	struct error err = ERROR_INIT;
	struct yaml_node *root;
	struct config *config;

	if (yaml_load(arena, args->file, &root, &err) < 0 ||
	    config_read(arena, &registry_builtin, args->file, root, &config, &err) < 0)
		return exit_report(&err, STATUS_BAD_CONFIG);
	return run_config(args, config, arena);
}

static enum exit_status run_gadget(const struct args *args, const struct flags *flags,
				   struct arena *arena)
{
	struct error err = ERROR_INIT;
	struct oneliner_text text;
	struct config *config;

	if (make_oneliner(args, flags, arena, &text, &err) < 0)
		return command_misused(&command_run, &err);
	if (args->print_config) {
		(void)fwrite(text.text, 1, text.len, stdout);
		return STATUS_OK;
	}
	if (launch_parse(&text, arena, &config, &err) < 0)
		return exit_report(&err, STATUS_USAGE);
	return run_config(args, config, arena);
}

static enum exit_status run(int argc, char *const *argv)
{
	struct arena arena = ARENA_INIT;
	struct flags flags = { .arena = &arena, .takes_extras = true };
	struct args args = { .shutdown_timeout = LAUNCH_SHUTDOWN_TIMEOUT_S * NS_PER_S };
	enum exit_status status = STATUS_OK;
	struct error err = ERROR_INIT;

	flags.table = flags_table;
	if (flags_read(&flags, argc, argv, &args, &err) < 0) {
		status = command_misused(&command_run, &err);
		goto out;
	}
	if (flags.wants_help) {
		status = launch_help(&command_run, &flags, &arena);
		goto out;
	}
	if (check_args(&args, &flags, &err) < 0 || fetch_parse(args.pull, &args.when, &err) < 0) {
		status = command_misused(&command_run, &err);
		goto out;
	}
	launch_set_verbose(args.verbose);
	status = args.file ? run_file(&args, &arena) : run_gadget(&args, &flags, &arena);
out:
	arena_release(&arena);
	return status;
}

const struct command command_run = {
	.name = "run",
	.usage = "GADGET [flags] [--PARAM VALUE ...] | -f FILE [flags]",
	.summary = "Run a gadget, or a pipeline file",
	.help = "GADGET is a name, the path of an object file, or an image (name or id), which is\n"
		"pulled when the store lacks it. Records go to standard output,\n"
		"everything else to standard error. Ctrl-C or SIGTERM ends the run in order, a\n"
		"second one at once. 'gadgetctl run GADGET --help' lists the gadget's parameters.\n"
		"\n"
		"  gadgetctl run trace_open -o json --filter 'ret < 0' --timeout 5s\n"
		"  gadgetctl run trace_exec --fields proc.comm,args --count 10\n"
		"  gadgetctl run -f pipelines/opens-json.yaml --report books.json\n",
	.flags = flags_table,
	.run = run,
};
