/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image prune: delete what no name leads to.
 */
#include <errno.h>

#include "cli/images.h"

struct args {
	bool no_wait;
};

static const struct flag flags_table[] = {
	FLAG_SWITCH(struct args, no_wait, 0,
		    "Fail when somebody is adding images, instead of waiting for the end of it."),
	FLAG_END,
};

static enum exit_status prune(const struct args *args, struct arena *arena)
{
	struct store_pruned pruned = { 0 };
	struct error err = ERROR_INIT;
	struct store *store = NULL;
	char size[32];
	int r = images_open(arena, false, &store, &err);

	if (r == 0)
		r = store_prune(store, args->no_wait, &pruned, &err);
	store_close(store);
	if (r < 0 && r != -ENOENT)
		return exit_report(&err, STATUS_FAILED);
	(void)printf("deleted %u blobs and %u parts, %s\n", pruned.blobs, pruned.parts,
		     images_size(pruned.bytes, size, sizeof(size)));
	return STATUS_OK;
}

static enum exit_status run(int argc, char *const *argv)
{
	struct arena arena = ARENA_INIT;
	struct flags flags = { .arena = &arena };
	struct args args = { 0 };
	struct error err = ERROR_INIT;
	enum exit_status status = STATUS_OK;

	if (!command_read_flags(&command_image_prune, &flags, argc, argv, &args, &status))
		goto out;
	if (flags.nwords) {
		(void)error_set(&err, EINVAL, "prune takes no image ('%s')", flags.words[0]);
		status = command_misused(&command_image_prune, &err);
	} else {
		status = prune(&args, &arena);
	}
out:
	arena_release(&arena);
	return status;
}

const struct command command_image_prune = {
	.name = "image prune",
	.usage = "[flags]",
	.summary = "Delete what no image needs",
	.help = "Deletes the content that no name leads to, and what interrupted downloads have left,\n"
		"and says how much that was. Images that have a name are never touched.\n",
	.flags = flags_table,
	.run = run,
};
