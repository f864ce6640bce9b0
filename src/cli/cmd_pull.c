/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pull: an image from a registry into the store.
 */
#include <errno.h>
#include <string.h>

#include "base/units.h"
#include "cli/images.h"
#include "cli/registry_flags.h"
#include "oci/store.h"

struct args {
	REGISTRY_FLAG_MEMBERS;
	const char *platform, *max_size;
	uint64_t jobs;
	bool all_platforms, quiet;
};

static const struct flag flags_table[] = {
	FLAG_SWITCH(struct args, quiet, 'q', "Say nothing but the image's name with its digest."),
	FLAG_TEXT(struct args, platform, 0, "OS/ARCH",
		  "What to fetch of an image for several, instead of what this host needs: "
		  "'linux/arm64'."),
	FLAG_SWITCH(struct args, all_platforms, 'a', "Fetch all there is, to push it elsewhere."),
	FLAG_TEXT(struct args, max_size, 0, "SIZE",
		  "Refuse an image that says it is larger (" TRANSFER_SIZE_TEXT ")."),
	FLAG_NUMBER(struct args, jobs, 'j', "N", "Fetch so many blobs at once (4, at most 16)."),
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
		return error_set(err, EINVAL, "what to pull? (give the name of one image)");
	if (args->platform && args->all_platforms)
		return error_set(err, EINVAL, "--platform and --all-platforms exclude each other");
	if (args->max_size &&
	    (parse_size(args->max_size, &options->max_size) < 0 || !options->max_size))
		return error_set(err, EINVAL, "--max-size must be a size such as '2GiB', not '%s'",
				 args->max_size);
	if (args->jobs > TRANSFER_JOBS_MAX)
		return error_set(err, EINVAL, "--jobs must be at most %d", TRANSFER_JOBS_MAX);
	options->platform = args->platform;
	options->all_platforms = args->all_platforms;
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
		(void)fprintf(stderr, "pulled %u blobs (%s), %u were there\n", result->moved,
			      images_size(result->bytes, size, sizeof(size)), result->there);
	full.digest = result->top.digest;
	(void)printf("%s\n", reference_text(arena, &full));
}

static enum exit_status pull(const struct args *args, const struct reference *reference,
			     struct transfer_options *options, struct arena *arena)
{
	struct error err = ERROR_INIT;
	struct transfer_result result = { 0 };
	struct store *store = NULL;
	int r = images_open(arena, true, &store, &err);

	if (!args->quiet)
		registry_show_progress(options);
	if (r == 0)
		r = transfer_pull(store, arena, reference, options, &result, &err);
	registry_end_progress(options);
	store_close(store);
	if (r < 0) {
		(void)error_wrap(&err, "cannot pull '%s'", reference_text(arena, reference));
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

	if (!command_read_flags(&command_pull, &flags, argc, argv, &args, &status))
		goto out;
	if (take_args(&args, &flags, &arena, &options, &reference, &err) < 0)
		status = command_misused(&command_pull, &err);
	else
		status = pull(&args, &reference, &options, &arena);
out:
	arena_release(&arena);
	return status;
}

const struct command command_pull = {
	.name = "pull",
	.usage = "IMAGE [flags]",
	.summary = "Fetch an image from a registry",
	.help = "Fetches what this host needs of the image into the store, and prints its name\n"
		"with its digest. What the store has already is not fetched again, and a pull\n"
		"that was interrupted goes on where it ended.\n",
	.flags = flags_table,
	.run = run,
};
