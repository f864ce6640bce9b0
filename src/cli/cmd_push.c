/* SPDX-License-Identifier: Apache-2.0 */
/*
 * push: an image from the store to a registry.
 */
#include <errno.h>

#include "cli/images.h"
#include "cli/registry_flags.h"
#include "oci/store.h"

struct args {
	REGISTRY_FLAG_MEMBERS;
	uint64_t jobs;
	bool quiet;
};

static const struct flag flags_table[] = {
	FLAG_SWITCH(struct args, quiet, 'q', "Say nothing but the image's name with its digest."),
	FLAG_NUMBER(struct args, jobs, 'j', "N", "Send so many blobs at once (4, at most 16)."),
	REGISTRY_FLAGS(struct args),
	FLAG_END,
};

static int take_args(const struct args *args, const struct flags *flags, struct arena *arena,
		     struct transfer_options *options, struct reference *reference,
		     struct error *err)
{
	const struct registry_flags registry = REGISTRY_FLAGS_OF(args);
	int r;

	if (flags->nwords != 1)
		return error_set(err, EINVAL, "what to push? (give the name of one image)");
	if (args->jobs > TRANSFER_JOBS_MAX)
		return error_set(err, EINVAL, "--jobs must be at most %d", TRANSFER_JOBS_MAX);
	options->jobs = (unsigned)args->jobs;
	r = registry_flags_take(&registry, arena, &options->registry, err);
	return r < 0 ? r : images_reference(arena, flags->words[0], reference, err);
}

static void print(const struct args *args, struct arena *arena, const struct reference *reference,
		  const struct transfer_result *result)
{
	struct reference full = *reference;
	char size[32];

	if (!args->quiet)
		(void)fprintf(stderr, "pushed %u blobs (%s), %u were there, %u were mounted\n",
			      result->moved, images_size(result->bytes, size, sizeof(size)),
			      result->there, result->mounted);
	full.digest = result->top.digest;
	(void)printf("%s\n", reference_text(arena, &full));
}

static enum exit_status push(const struct args *args, const struct reference *reference,
			     struct transfer_options *options, struct arena *arena)
{
	struct error err = ERROR_INIT;
	struct transfer_result result = { 0 };
	struct store *store = NULL;
	int r = images_open(arena, false, &store, &err);

	if (!args->quiet)
		registry_show_progress(options);
	if (r == 0)
		r = transfer_push(store, arena, reference, options, &result, &err);
	registry_end_progress(options);
	store_close(store);
	if (r < 0) {
		(void)error_wrap(&err, "cannot push '%s'", reference_text(arena, reference));
		return registry_report(&err);
	}
	print(args, arena, reference, &result);
	return STATUS_OK;
}

static enum exit_status run(int argc, char *const *argv)
{
	struct arena arena = ARENA_INIT;
	struct flags flags = { .arena = &arena };
	struct transfer_options options = { 0 };
	struct args args = { 0 };
	struct reference reference;
	struct error err = ERROR_INIT;
	enum exit_status status;

	if (!command_read_flags(&command_push, &flags, argc, argv, &args, &status))
		goto out;
	if (take_args(&args, &flags, &arena, &options, &reference, &err) < 0)
		status = command_misused(&command_push, &err);
	else
		status = push(&args, &reference, &options, &arena);
out:
	arena_release(&arena);
	return status;
}

const struct command command_push = {
	.name = "push",
	.usage = "IMAGE [flags]",
	.summary = "Send an image to a registry",
	.help = "Sends the image of that name to the registry in its name, and prints the name\n"
		"with its digest. What the registry has already is not sent again.\n",
	.flags = flags_table,
	.run = run,
};
