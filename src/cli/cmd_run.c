/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run: one gadget by flags, or a pipeline file; both through the same code.
 */
#include "cli/commands.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/yaml.h"
#include "cli/gadget_help.h"
#include "cli/oneliner.h"
#include "cli/runner.h"

#define SHUTDOWN_TIMEOUT "10s"
enum { SHUTDOWN_TIMEOUT_S = 10 };

struct args {
	const char *file, *output, *filter, *fields, *report;
	uint64_t count;
	int64_t timeout, shutdown_timeout;
	struct flag_texts param;
	bool fail_on_loss, print_config;
	int verbose;
};

static const struct flag flags_table[] = {
	FLAG_TEXT(struct args, file, 'f', "FILE",
		  "Run this pipeline file ('-' for standard input)."),
	FLAG_TEXT(struct args, output, 'o', "CODEC",
		  "How to print records: columns (default), json (one object a line), jsonpretty, "
		  "yaml or csv."),
	FLAG_TEXT(struct args, filter, 'F', "EXPR",
		  "Keep the records for which this is true, such as 'ret < 0 && comm == \"cat\"'."),
	FLAG_TEXT(struct args, fields, 0, "A,B,C", "Show these fields, in this order."),
	FLAG_NUMBER(struct args, count, 'n', "N", "Stop after so many records."),
	FLAG_DURATION(struct args, timeout, 't', "TIME",
		      "Stop after this time, such as '5s'; a bare number is seconds."),
	FLAG_TEXTS(struct args, param, 'p', "KEY=VALUE",
		   "Set a parameter of the gadget; '--KEY VALUE' behind its name does the same, "
		   "unless KEY is a flag of this list."),
	FLAG_TEXT(struct args, report, 0, "FILE",
		  "Write the books (what became of every record) as JSON at the end; '-' is "
		  "standard error."),
	FLAG_SWITCH(struct args, fail_on_loss, 0,
		    "Exit with status 3 when records were lost or dropped."),
	FLAG_DURATION(struct args, shutdown_timeout, 0, "TIME",
		      "How long the end may take before undelivered records are dropped "
		      "(default " SHUTDOWN_TIMEOUT ")."),
	FLAG_SWITCH(struct args, print_config, 0,
		    "Print the pipeline file that the flags stand for, and exit."),
	FLAG_REPEAT(struct args, verbose, 'v',
		    "Print the books at the end also when nothing was lost; twice: say more."),
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

/* `--param key=value` and `--key value` are the same. */
static int read_params(const struct args *args, const struct flags *flags, struct arena *arena,
		       struct oneliner *oneliner, struct error *err)
{
	struct oneliner_param *params =
		arena_array(arena, args->param.n + flags->nextras, sizeof(*params));
	size_t n = 0;

	for (size_t i = 0; i < args->param.n; i++) {
		const char *text = args->param.items[i], *equals = strchr(text, '=');

		if (!equals || equals == text)
			return error_set(err, EINVAL, "--param must be KEY=VALUE, not '%s'", text);
		params[n++] = (struct oneliner_param){
			.flag = "--param",
			.key = arena_strndup(arena, text, (size_t)(equals - text)),
			.value = equals + 1,
		};
	}
	for (size_t i = 0; i < flags->nextras; i++)
		params[n++] = (struct oneliner_param){
			.flag = arena_printf(arena, "--%s", flags->extras[i].name),
			.key = flags->extras[i].name,
			.value = flags->extras[i].value ? flags->extras[i].value : "true",
		};
	oneliner->params = params;
	oneliner->nparams = n;
	return 0;
}

/* Only a bool may stand alone.  What cannot be inspected is left for the run to say. */
static int check_bare(const struct flags *flags, struct arena *arena, struct error *err)
{
	const struct model *model = NULL;

	for (size_t i = 0; i < flags->nextras; i++) {
		const struct model_param *p;

		if (flags->extras[i].value)
			continue;
		if (!model && gadget_look(flags->words[0], arena, &model, NULL) < 0)
			return 0;
		p = model_param_find(model, flags->extras[i].name);
		if (p && p->kind != PARAM_BOOL)
			return error_set(err, EINVAL, "--%s needs a value (%s)",
					 flags->extras[i].name, param_kind_name(p->kind));
	}
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
	int r = read_params(args, flags, arena, &oneliner, err);

	if (r == 0)
		r = check_bare(flags, arena, err);
	return r < 0 ? r : oneliner_make(&oneliner, arena, ret_text, err);
}

static int parse_oneliner(const struct oneliner_text *text, struct arena *arena,
			  struct config **ret_config, struct error *err)
{
	struct yaml_node *root;
	int r = yaml_parse(arena, "flags", text->text, text->len, &root, err);

	if (r < 0) {
		oneliner_place_error(text, err);
		return r;
	}
	oneliner_place(text, root);
	return config_read(arena, &registry_builtin, "flags", root, ret_config, err);
}

/* A mistyped flag behind the gadget's name looks like a parameter of it. */
static void hint_at_flag(void *arg, struct error *err)
{
	struct arena *arena = arg;
	const char *name = err->pos.file, *near;

	if (!name || strncmp(name, "--", 2) != 0 || flags_find(flags_table, name + 2))
		return;
	near = flags_near(flags_table, name + 2, arena);
	if (near)
		error_add(err, " (or is it the flag '--%s'?)", near);
}

static FILE *open_report(const char *path, struct error *err)
{
	FILE *file = !strcmp(path, "-") ? stderr : fopen(path, "we");

	if (!file)
		error_set(err, errno, "cannot write the report to '%s': %s", path,
			  strerrordesc_np(errno));
	return file;
}

static enum exit_status run_config(const struct args *args, const struct config *config,
				   struct arena *arena)
{
	struct runner_options options = {
		.timeout_ns = args->timeout,
		.shutdown_timeout_ns = args->shutdown_timeout,
		.fail_on_loss = args->fail_on_loss,
		.is_verbose = args->verbose > 0,
		.if_invalid = args->file ? STATUS_BAD_CONFIG : STATUS_USAGE,
		.refine = args->file ? NULL : hint_at_flag,
		.arg = arena,
	};
	struct error err = ERROR_INIT;
	enum exit_status status;

	if (args->report) {
		options.report = open_report(args->report, &err);
		if (!options.report)
			return exit_report(&err, STATUS_IO);
	}
	status = runner_run(config, &options);
	if (options.report && options.report != stderr)
		(void)fclose(options.report);
	return status;
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
	if (parse_oneliner(&text, arena, &config, &err) < 0)
		return exit_report(&err, STATUS_USAGE);
	return run_config(args, config, arena);
}

/* Behind a gadget's name, --help is about the gadget. */
static enum exit_status print_help(const struct flags *flags, struct arena *arena)
{
	struct error err = ERROR_INIT;
	const struct model *model;

	if (!flags->nwords) {
		command_print_help(&command_run, stdout);
		return STATUS_OK;
	}
	if (gadget_look(flags->words[0], arena, &model, &err) < 0)
		return exit_report(&err, STATUS_BAD_GADGET);
	gadget_help_print(model, flags->words[0], stdout);
	return STATUS_OK;
}

static enum exit_status run(int argc, char *const *argv)
{
	struct arena arena = ARENA_INIT;
	struct flags flags = { .arena = &arena, .takes_extras = true };
	struct args args = { .shutdown_timeout = SHUTDOWN_TIMEOUT_S * NS_PER_S };
	enum exit_status status = STATUS_OK;
	struct error err = ERROR_INIT;

	flags.table = flags_table;
	if (flags_read(&flags, argc, argv, &args, &err) < 0) {
		status = command_misused(&command_run, &err);
		goto out;
	}
	if (flags.wants_help) {
		status = print_help(&flags, &arena);
		goto out;
	}
	if (check_args(&args, &flags, &err) < 0) {
		status = command_misused(&command_run, &err);
		goto out;
	}
	if (args.verbose)
		log_set_level(args.verbose > 1 ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO);
	status = args.file ? run_file(&args, &arena) : run_gadget(&args, &flags, &arena);
out:
	arena_release(&arena);
	return status;
}

const struct command command_run = {
	.name = "run",
	.usage = "GADGET [flags] [--PARAM VALUE ...] | -f FILE [flags]",
	.summary = "Run a gadget, or a pipeline file",
	.help = "GADGET is a name, or the path of an object file. Records go to standard output,\n"
		"everything else to standard error. Ctrl-C or SIGTERM ends the run in order, a\n"
		"second one at once. 'gadgetctl run GADGET --help' lists the gadget's parameters.\n"
		"\n"
		"  gadgetctl run trace_open -o json --filter 'ret < 0' --timeout 5s\n"
		"  gadgetctl run trace_exec --fields comm,args --count 10\n"
		"  gadgetctl run -f pipelines/opens-json.yaml --report books.json\n",
	.flags = flags_table,
	.run = run,
};
