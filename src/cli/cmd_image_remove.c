/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image remove: take names away, and the content that is left without one.
 */
#include <errno.h>

#include "cli/images.h"

struct args {
	bool force;
};

static const struct flag flags_table[] = {
	FLAG_SWITCH(struct args, force, 'f',
		    "By id: remove all names the image has, not only a single one."),
	FLAG_END,
};

static int untag(struct store *store, struct arena *arena, const char *what, bool force,
		 struct error *err)
{
	struct image *images;
	uint32_t n = 0;
	int r = images_match(store, arena, what, &images, &n, err);

	if (r == 0 && n > 1 && !force)
		r = error_set(err, EEXIST,
			      "'%s' has %u names, such as '%s' (give the name, or --force)", what,
			      n, reference_text(arena, &images[0].reference));
	for (uint32_t i = 0; r == 0 && i < n; i++) {
		r = store_untag(store, &images[i].reference, err);
		if (r == 0)
			(void)printf("untagged %s\n", reference_text(arena, &images[i].reference));
	}
	return r;
}

static enum exit_status remove_all(const struct args *args, const struct flags *flags,
				   struct arena *arena)
{
	enum exit_status status = STATUS_OK;
	struct error err = ERROR_INIT;
	struct store_pruned pruned;
	struct store *store = NULL;
	char size[32];

	if (images_open(arena, false, &store, &err) < 0)
		return exit_report(&err, STATUS_FAILED);
	for (size_t i = 0; i < flags->nwords; i++) {
		err = ERROR_INIT;
		if (untag(store, arena, flags->words[i], args->force, &err) < 0)
			status = exit_report(&err, STATUS_FAILED);
	}
	if (images_collect(store, &pruned) && pruned.blobs)
		(void)printf("deleted %u blobs, %s\n", pruned.blobs,
			     images_size(pruned.bytes, size, sizeof(size)));
	store_close(store);
	return status;
}

static enum exit_status run(int argc, char *const *argv)
{
	struct arena arena = ARENA_INIT;
	struct flags flags = { .arena = &arena };
	struct args args = { 0 };
	struct error err = ERROR_INIT;
	enum exit_status status = STATUS_OK;

	if (!command_read_flags(&command_image_remove, &flags, argc, argv, &args, &status))
		goto out;
	if (flags.nwords) {
		status = remove_all(&args, &flags, &arena);
	} else {
		(void)error_set(&err, EINVAL, "which image? (give at least one)");
		status = command_misused(&command_image_remove, &err);
	}
out:
	arena_release(&arena);
	return status;
}

const struct command command_image_remove = {
	.name = "image remove",
	.usage = "IMAGE... [flags]",
	.summary = "Remove images",
	.help = "Takes the name away; content that no name leads to any more is deleted. An image that\n"
		"is given by id, or by name and digest, must have one name only, or --force removes\n"
		"them all.\n",
	.flags = flags_table,
	.run = run,
};
