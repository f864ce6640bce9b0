/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image fsck: check the whole store.
 */
#include <errno.h>

#include "cli/images.h"
#include "cli/text.h"

struct args {
	bool quiet;
};

static const struct flag flags_table[] = {
	FLAG_SWITCH(struct args, quiet, 'q', "Print faults only."),
	FLAG_END,
};

static void print_fault(void *arg, const char *fault)
{
	(void)puts(text_clean(arg, fault));
}

static enum exit_status check(const struct args *args, struct arena *arena)
{
	struct error err = ERROR_INIT;
	struct store *store = NULL;
	int r = images_open(arena, false, &store, &err);

	if (r == 0)
		r = store_check(store, print_fault, arena, &err);
	if (r < 0) {
		store_close(store);
		return exit_report(&err, STATUS_FAILED);
	}
	if (r == 0 && !args->quiet)
		(void)printf("%s: valid\n", text_clean(arena, store_dir(store)));
	else if (r > 0)
		(void)error_set(&err, EBADMSG, "'%s' has %d fault%s", store_dir(store), r,
				r > 1 ? "s" : "");
	store_close(store);
	return r ? exit_report(&err, STATUS_BAD_GADGET) : STATUS_OK;
}

static enum exit_status run(int argc, char *const *argv)
{
	struct arena arena = ARENA_INIT;
	struct flags flags = { .arena = &arena };
	struct args args = { 0 };
	struct error err = ERROR_INIT;
	enum exit_status status = STATUS_OK;

	if (!command_read_flags(&command_image_fsck, &flags, argc, argv, &args, &status))
		goto out;
	if (flags.nwords) {
		(void)error_set(&err, EINVAL, "fsck checks the whole store, not '%s'",
				flags.words[0]);
		status = command_misused(&command_image_fsck, &err);
	} else {
		status = check(&args, &arena);
	}
out:
	arena_release(&arena);
	return status;
}

const struct command command_image_fsck = {
	.name = "image fsck",
	.usage = "[flags]",
	.summary = "Check the whole store",
	.help = "Checks the layout, every name, the digest of every blob, and that all that images\n"
		"refer to is there. Each fault is a line; the exit status is 65 when there is one.\n"
		"A damaged image is repaired by removing it and pulling it again.\n",
	.flags = flags_table,
	.run = run,
};
