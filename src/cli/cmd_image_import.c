/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image import: images from a tar into the store.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/units.h"
#include "cli/images.h"
#include "oci/archive.h"

struct args {
	const char *tag, *max_size;
	bool quiet;
};

static const struct flag flags_table[] = {
	FLAG_TEXT(struct args, tag, 't', "NAME",
		  "Call the image so; for an archive with one image, whatever its name there."),
	FLAG_TEXT(struct args, max_size, 0, "SIZE",
		  "Refuse archives that are larger than this when unpacked (" ARCHIVE_MAX_SIZE_TEXT
		  ")."),
	FLAG_SWITCH(struct args, quiet, 'q', "Print no names."),
	FLAG_END,
};

static int read_options(const struct args *args, struct arena *arena,
			struct import_options *options, struct error *err)
{
	int r = reference_defaults(arena, &options->defaults, err);
	struct reference *name;

	if (r == 0 && args->max_size &&
	    (parse_size(args->max_size, &options->max_size) < 0 || !options->max_size))
		r = error_set(err, EINVAL, "--max-size must be a size such as '4GiB', not '%s'",
			      args->max_size);
	if (r < 0 || !args->tag)
		return r;
	name = arena_alloc(arena, sizeof(*name));
	r = reference_parse(arena, args->tag, &options->defaults, name, err);
	if (r == 0 && name->digest)
		r = error_set(err, EINVAL, "a new name cannot have a digest ('%s')", args->tag);
	options->name = name;
	return r;
}

static int open_archive(const char *path, struct error *err)
{
	int fd;

	if (!strcmp(path, "-"))
		return STDIN_FILENO;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? error_set(err, errno, "cannot open '%s': %s", path, strerrordesc_np(errno))
		      : fd;
}

static enum exit_status import(const char *path, const struct import_options *options, bool quiet,
			       struct arena *arena)
{
	struct imported imported = { 0 };
	struct error err = ERROR_INIT;
	struct store *store = NULL;
	int fd = open_archive(path, &err), r;

	if (fd < 0)
		return exit_report(&err, STATUS_FAILED);
	r = images_open(arena, true, &store, &err);
	if (r == 0) {
		r = archive_import(store, arena, fd, options, &imported, &err);
		if (r < 0)
			(void)error_wrap(&err, "cannot import '%s'", path);
	}
	for (uint32_t i = 0; !quiet && i < imported.n; i++)
		(void)printf("%s@%s\n", reference_text(arena, &imported.images[i].reference),
			     imported.images[i].top.digest);
	if (fd != STDIN_FILENO)
		close(fd);
	store_close(store);
	if (r == -EINVAL)
		return command_misused(&command_image_import, &err);
	return r < 0 ? exit_report(&err, STATUS_BAD_GADGET) : STATUS_OK;
}

static enum exit_status run(int argc, char *const *argv)
{
	struct arena arena = ARENA_INIT;
	struct flags flags = { .arena = &arena };
	struct args args = { 0 };
	struct import_options options = { 0 };
	struct error err = ERROR_INIT;
	enum exit_status status = STATUS_OK;

	if (!command_read_flags(&command_image_import, &flags, argc, argv, &args, &status))
		goto out;
	if (flags.nwords != 1) {
		(void)error_set(&err, EINVAL,
				"which archive? (give one file, '-' is standard input)");
		status = command_misused(&command_image_import, &err);
	} else if (read_options(&args, &arena, &options, &err) < 0) {
		status = command_misused(&command_image_import, &err);
	} else {
		status = import(flags.words[0], &options, args.quiet, &arena);
	}
out:
	arena_release(&arena);
	return status;
}

const struct command command_image_import = {
	.name = "image import",
	.usage = "FILE [flags]",
	.summary = "Add the images of an archive",
	.help = "FILE is a tar of an OCI image layout, such as 'image export', 'skopeo copy ...\n"
		"oci-archive:FILE' and 'ctr image export' write, also compressed with gzip; '-' is\n"
		"standard input. Prints the names of the images. All of it is verified, and when\n"
		"anything is wrong, nothing is kept.\n",
	.flags = flags_table,
	.run = run,
};
