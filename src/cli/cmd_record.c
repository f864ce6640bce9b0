/* SPDX-License-Identifier: Apache-2.0 */
/*
 * record: the sources of a gadget or of a pipeline file, into a recording.
 */
#include "cli/commands.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/yaml.h"
#include "cli/fetch.h"
#include "cli/launch.h"

struct args {
	const char *file, *output, *filter, *level, *report, *pull;
	uint64_t count;
	int64_t timeout, shutdown_timeout;
	struct flag_texts param;
	bool append, overwrite, fail_on_loss, print_config;
	int verbose;
	enum fetch when;
};

static const struct flag flags_table[] = {
	FLAG_TEXT(struct args, output, 'o', "OUT", "The recording to write."),
	FLAG_TEXT(struct args, file, 'f', "FILE",
		  "Record the sources of this pipeline file ('-' for standard input), without its "
		  "stages and sinks."),
	FLAG_SWITCH(struct args, append, 'a', "Add to OUT if it exists."),
	FLAG_SWITCH(struct args, overwrite, 0, "Begin anew if OUT exists and is a recording."),
	FLAG_TEXT(struct args, level, 0, "N",
		  "Compression: 1 (fast, default) to 19 (small); 0 for none."),
	FLAG_TEXT(struct args, filter, 'F', "EXPR", "Record only what this is true for."),
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

static int check_file_mode(const struct args *args, const struct flags *flags, struct error *err)
{
	static const char *const names[] = { "--filter", "--count", "--param", "--print-config" };
	const bool given[] = { args->filter, args->count != 0, args->param.n != 0,
			       args->print_config };

	if (flags->nwords)
		return error_set(err, EINVAL, "give a gadget or -f FILE, not both ('%s')",
				 flags->words[0]);
	for (size_t i = 0; i < sizeof(given) / sizeof(*given); i++)
		if (given[i])
			return error_set(err, EINVAL,
					 "%s cannot be used with -f (only its sources are used)",
					 names[i]);
	return 0;
}

static int check_args(const struct args *args, const struct flags *flags, struct error *err)
{
	if (!args->output || !*args->output)
		return error_set(err, EINVAL, "where to? (give the recording with -o FILE)");
	if (args->append && args->overwrite)
		return error_set(err, EINVAL, "--append and --overwrite exclude each other");
	if (args->file)
		return check_file_mode(args, flags, err);
	if (flags->nwords != 1 || !*flags->words[0])
		return error_set(err, EINVAL,
				 "what to record? (give one gadget, or a pipeline file with -f)");
	return 0;
}

static struct oneliner recorder(const struct args *args, const char *path)
{
	return (struct oneliner){
		.record = path,
		.existing = args->append      ? "append"
			    : args->overwrite ? "overwrite"
					      : NULL,
		.level = args->level,
		.filter = args->filter,
		.count = args->count,
	};
}

static enum exit_status launch(const struct args *args, const struct config *config,
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

/* ---- a gadget ------------------------------------------------------------------- */

static enum exit_status record_gadget(const struct args *args, const struct flags *flags,
				      struct arena *arena)
{
	struct oneliner oneliner = recorder(args, args->output);
	struct error err = ERROR_INIT;
	struct oneliner_text text;
	struct config *config;

	oneliner.gadget = flags->words[0];
	if (launch_params(&args->param, flags, arena, &oneliner, &err) < 0 ||
	    oneliner_make(&oneliner, arena, &text, &err) < 0)
		return command_misused(&command_record, &err);
	if (args->print_config) {
		(void)fwrite(text.text, 1, text.len, stdout);
		return STATUS_OK;
	}
	if (launch_parse(&text, arena, &config, &err) < 0)
		return exit_report(&err, STATUS_USAGE);
	return launch(args, config, arena);
}

/* ---- a pipeline file ------------------------------------------------------------- */

/* Relative paths in the file start at the file; those of the command line start here. */
static const char *absolute(const char *path, struct arena *arena)
{
	char here[4096];

	if (path[0] == '/' || !getcwd(here, sizeof(here)))
		return path;
	return arena_printf(arena, "%s/%s", here, path);
}

static const char *free_id(const struct yaml_node *sources, struct arena *arena)
{
	const char *id = "recording";

	while (yaml_find(sources, id))
		id = arena_printf(arena, "%s_", id);
	return id;
}

/* The file's sources, and the sink that records them. */
static int make_root(const struct args *args, const struct yaml_node *file, struct arena *arena,
		     struct yaml_node *ret_root, struct error *err)
{
	const struct yaml_node *sources = yaml_find(file, "sources"),
			       *version = yaml_find(file, "version");
	struct oneliner oneliner = recorder(args, absolute(args->output, arena));
	struct yaml_node *items = arena_array(arena, 3, sizeof(*items)), *made = NULL;
	struct oneliner_text text;
	int r;

	if (!sources)
		return error_at(err, EINVAL, file->pos, "there are no sources to record");
	r = oneliner_make_recorder(&oneliner, free_id(sources, arena), arena, &text, err);
	if (r == 0)
		r = yaml_parse(arena, "flags", text.text, text.len, &made, err);
	if (r < 0)
		return r;
	oneliner_place(&text, made);
	items[0] = *sources;
	items[1] = *yaml_find(made, "sinks");
	if (version)
		items[2] = *version;
	*ret_root = *file;
	ret_root->items = items;
	ret_root->nitems = version ? 3 : 2;
	return 0;
}

static enum exit_status record_file(const struct args *args, struct arena *arena)
{
	struct error err = ERROR_INIT;
	struct yaml_node *file, root;
	struct config *config;

	if (yaml_load(arena, args->file, &file, &err) < 0 ||
	    make_root(args, file, arena, &root, &err) < 0 ||
	    config_read(arena, &registry_builtin, args->file, &root, &config, &err) < 0)
		return exit_report(&err, STATUS_BAD_CONFIG);
	return launch(args, config, arena);
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
		status = command_misused(&command_record, &err);
		goto out;
	}
	if (flags.wants_help) {
		status = launch_help(&command_record, &flags, &arena);
		goto out;
	}
	if (check_args(&args, &flags, &err) < 0 || fetch_parse(args.pull, &args.when, &err) < 0) {
		status = command_misused(&command_record, &err);
		goto out;
	}
	launch_set_verbose(args.verbose);
	status = args.file ? record_file(&args, &arena) : record_gadget(&args, &flags, &arena);
out:
	arena_release(&arena);
	return status;
}

const struct command command_record = {
	.name = "record",
	.usage = "GADGET -o OUT [flags] [--PARAM VALUE ...] | -f FILE -o OUT [flags]",
	.summary = "Keep what a gadget sees in a file",
	.help = "Writes the records as the kernel made them, with schemas, times and losses, to\n"
		"OUT (by custom OUT.gadgetrec). 'gadgetctl replay OUT' prints them anywhere, without\n"
		"privileges; 'gadgetctl inspect OUT' says what is in it. Ctrl-C ends the recording in\n"
		"order; when it is killed, all but its last second can be replayed.\n"
		"\n"
		"  gadgetctl record trace_open -o opens.gadgetrec --timeout 1m\n"
		"  gadgetctl record -f pipelines/host-activity.yaml -o activity.gadgetrec\n",
	.flags = flags_table,
	.run = run,
};
