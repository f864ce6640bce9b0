/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/launch.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "base/yaml.h"
#include "cli/gadget_help.h"

void launch_set_verbose(int verbose)
{
	if (verbose)
		log_set_level(verbose > 1 ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO);
}

int launch_parse(const struct oneliner_text *text, struct arena *arena, struct config **ret_config,
		 struct error *err)
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

/* Only a bool may stand alone.  What cannot be inspected is left for the run to say. */
static int check_bare(const struct flags *flags, struct arena *arena, struct error *err)
{
	struct found_gadget found = { 0 };

	for (size_t i = 0; i < flags->nextras; i++) {
		const struct model_param *p;

		if (flags->extras[i].value)
			continue;
		if (!found.model && gadget_look(flags->words[0], arena, &found, NULL) < 0)
			return 0;
		p = model_param_find(found.model, flags->extras[i].name);
		if (p && p->kind != PARAM_BOOL)
			return error_set(err, EINVAL, "--%s needs a value (%s)",
					 flags->extras[i].name, param_kind_name(p->kind));
	}
	return 0;
}

/* `--param key=value` and `--key value` are the same. */
int launch_params(const struct flag_texts *texts, const struct flags *flags, struct arena *arena,
		  struct oneliner *oneliner, struct error *err)
{
	struct oneliner_param *params =
		arena_array(arena, texts->n + flags->nextras, sizeof(*params));
	size_t n = 0;

	for (size_t i = 0; i < texts->n; i++) {
		const char *text = texts->items[i], *equals = strchr(text, '=');

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
	return check_bare(flags, arena, err);
}

/* Behind a gadget's name, --help is about the gadget. */
enum exit_status launch_help(const struct command *command, const struct flags *flags,
			     struct arena *arena)
{
	struct error err = ERROR_INIT;
	struct found_gadget found;

	if (!flags->nwords) {
		command_print_help(command, stdout);
		return STATUS_OK;
	}
	if (gadget_look(flags->words[0], arena, &found, &err) < 0)
		return exit_report(&err, STATUS_BAD_GADGET);
	gadget_help_print(found.model, flags->words[0], stdout);
	return STATUS_OK;
}

/* A mistyped flag behind the gadget's name looks like a parameter of it. */
static void hint_at_flag(void *arg, struct error *err)
{
	const struct launch *launch = arg;
	const char *name = err->pos.file, *near;

	if (!name || strncmp(name, "--", 2) != 0 || flags_find(launch->flags, name + 2))
		return;
	near = flags_near(launch->flags, name + 2, launch->arena);
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

enum exit_status launch_config(struct launch *launch, const struct config *config)
{
	struct runner_options options = {
		.timeout_ns = launch->timeout,
		.shutdown_timeout_ns = launch->shutdown_timeout,
		.fail_on_loss = launch->fail_on_loss,
		.is_verbose = launch->verbose > 0,
		.if_invalid = launch->if_invalid,
		.refine = launch->flags ? hint_at_flag : NULL,
		.arg = launch,
	};
	struct error err = ERROR_INIT;
	enum exit_status status;

	if (launch->report) {
		options.report = open_report(launch->report, &err);
		if (!options.report)
			return exit_report(&err, STATUS_IO);
	}
	status = runner_run(config, &options);
	if (options.report && options.report != stderr)
		(void)fclose(options.report);
	return status;
}
