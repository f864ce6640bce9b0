/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tag: one more name for an image; also `image tag`.
 */
#include <errno.h>

#include "cli/images.h"
#include "oci/find_model.h"

struct args {
	bool quiet;
};

static const struct flag flags_table[] = {
	FLAG_SWITCH(struct args, quiet, 'q', "Do not print the name."),
	FLAG_END,
};

/* Between finding and naming nobody may delete the content. */
static int tag(struct store *store, struct arena *arena, const char *source,
	       const struct reference *name, struct error *err)
{
	struct image image;
	int r = store_begin(store, err);

	if (r < 0)
		return r;
	r = find_image(store, arena, source, &image, err);
	if (r == 0)
		r = store_tag(store, name, &image.top, err);
	store_end(store);
	return r;
}

static enum exit_status run(int argc, char *const *argv)
{
	struct arena arena = ARENA_INIT;
	struct flags flags = { .arena = &arena };
	struct args args = { 0 };
	struct error err = ERROR_INIT;
	enum exit_status status = STATUS_OK;
	struct store *store = NULL;
	struct reference name;

	if (!command_read_flags(&command_tag, &flags, argc, argv, &args, &status))
		goto out;
	if (flags.nwords != 2) {
		(void)error_set(&err, EINVAL, "give an image and its new name");
		status = command_misused(&command_tag, &err);
		goto out;
	}
	if (images_reference(&arena, flags.words[1], &name, &err) < 0) {
		status = command_misused(&command_tag, &err);
		goto out;
	}
	if (name.digest) {
		(void)error_set(&err, EINVAL, "a new name cannot have a digest ('%s')",
				flags.words[1]);
		status = command_misused(&command_tag, &err);
	} else if (images_open(&arena, false, &store, &err) < 0 ||
		   tag(store, &arena, flags.words[0], &name, &err) < 0) {
		status = exit_report(&err, STATUS_FAILED);
	} else if (!args.quiet) {
		(void)puts(reference_text(&arena, &name));
	}
out:
	store_close(store);
	arena_release(&arena);
	return status;
}

const struct command command_tag = {
	.name = "tag",
	.usage = "IMAGE NAME [flags]",
	.summary = "Give an image one more name",
	.help = "IMAGE is a name or an id. A name that another image has moves to this one.\n"
		"\n"
		"  gadgetctl tag trace_open localhost:5000/me/trace_open:v1\n",
	.flags = flags_table,
	.run = run,
};
