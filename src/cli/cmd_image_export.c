/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image export: images from the store into a tar.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/units.h"
#include "cli/images.h"
#include "oci/archive.h"
#include "oci/find_model.h"

struct args {
	char none;
};

static const struct flag flags_table[] = { FLAG_END };

/* ---- what ------------------------------------------------------------------------ */

static bool is_new(const struct image *images, uint32_t n, const struct image *image,
		   struct arena *arena)
{
	for (uint32_t i = 0; i < n; i++)
		if (!strcmp(reference_text(arena, &images[i].reference),
			    reference_text(arena, &image->reference)))
			return false;
	return true;
}

static int find_all(const struct store *store, const char **words, size_t nwords,
		    struct arena *arena, struct image *images, uint32_t *ret_n, struct error *err)
{
	uint32_t n = 0;

	for (size_t i = 0; i < nwords; i++) {
		int r = find_image(store, arena, words[i], &images[n], err);

		if (r < 0)
			return r;
		n += is_new(images, n, &images[n], arena);
	}
	*ret_n = n;
	return 0;
}

/* $SOURCE_DATE_EPOCH, or when the newest image was made; 0 when nothing says. */
static int archive_time(const struct store *store, const struct image *images, uint32_t n,
			int64_t *ret_seconds, struct error *err)
{
	const char *text = getenv("SOURCE_DATE_EPOCH");
	int64_t newest = 0, at;

	if (text && *text) {
		if (parse_int(text, ret_seconds) < 0 || *ret_seconds < 0)
			return error_set(err, EINVAL,
					 "SOURCE_DATE_EPOCH must be seconds since 1970, not '%s'",
					 text);
		return 0;
	}
	for (uint32_t i = 0; i < n; i++)
		if (image_created(store, &images[i].top, &at) && at > newest)
			newest = at;
	*ret_seconds = newest;
	return 0;
}

/* ---- where to ---------------------------------------------------------------------- */

/* A file that appears when it is complete; or a device or pipe that is there. */
struct target {
	const char *path, *temporary; /* temporary NULL: written directly */
	int fd;
};

static int open_target(const char *path, struct arena *arena, struct target *target,
		       struct error *err)
{
	struct stat st;
	bool is_special = stat(path, &st) == 0 && !S_ISREG(st.st_mode);

	*target = (struct target){ .path = path, .fd = STDOUT_FILENO };
	if (!strcmp(path, "-"))
		return isatty(STDOUT_FILENO)
			       ? error_set(err, EINVAL, "an archive is not for a terminal")
			       : 0;
	if (!is_special)
		target->temporary = arena_printf(arena, "%s.%d.part", path, (int)getpid());
	target->fd = is_special ? open(path, O_WRONLY | O_CLOEXEC)
				: open(target->temporary,
				       O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
	return target->fd < 0 ? error_set(err, errno, "cannot write '%s': %s", path,
					  strerrordesc_np(errno))
			      : 0;
}

static int close_target(const struct target *target, int status, struct error *err)
{
	int r = status;

	if (target->fd < 0)
		return status;
	if (target->fd != STDOUT_FILENO && close(target->fd) < 0 && r == 0)
		r = error_set(err, errno, "cannot write '%s': %s", target->path,
			      strerrordesc_np(errno));
	if (!target->temporary)
		return r;
	if (r == 0 && rename(target->temporary, target->path) < 0)
		r = error_set(err, errno, "cannot write '%s': %s", target->path,
			      strerrordesc_np(errno));
	if (r < 0)
		(void)unlink(target->temporary);
	return r;
}

static int export(const struct store *store, const char **words, size_t nwords, const char *path,
		  struct arena *arena, struct error *err)
{
	struct image *images = arena_array(arena, nwords, sizeof(*images));
	struct target target = { .fd = -1 };
	uint32_t n = 0;
	int64_t mtime = 0;
	int r = find_all(store, words, nwords, arena, images, &n, err);

	if (r == 0)
		r = archive_time(store, images, n, &mtime, err);
	if (r == 0)
		r = open_target(path, arena, &target, err);
	if (r == 0)
		r = archive_export(store, arena, images, n, mtime, target.fd, err);
	return close_target(&target, r, err);
}

/* ---- the command ---------------------------------------------------------------------- */

static enum exit_status run(int argc, char *const *argv)
{
	struct arena arena = ARENA_INIT;
	struct flags flags = { .arena = &arena };
	struct args args = { 0 };
	struct error err = ERROR_INIT;
	enum exit_status status = STATUS_OK;
	struct store *store = NULL;

	if (!command_read_flags(&command_image_export, &flags, argc, argv, &args, &status))
		goto out;
	if (flags.nwords < 2) {
		(void)error_set(&err, EINVAL, "give at least one image, and the file to write");
		status = command_misused(&command_image_export, &err);
	} else if (images_open(&arena, false, &store, &err) < 0 ||
		   export(store, flags.words, flags.nwords - 1, flags.words[flags.nwords - 1],
			  &arena, &err) < 0) {
		status = exit_report(&err, STATUS_FAILED);
	}
out:
	store_close(store);
	arena_release(&arena);
	return status;
}

const struct command command_image_export = {
	.name = "image export",
	.usage = "IMAGE... FILE",
	.summary = "Write images to an archive",
	.help = "FILE becomes a tar of an OCI image layout with all that the store has of the images;\n"
		"'-' is standard output. 'image import' and 'skopeo copy oci-archive:FILE:NAME ...'\n"
		"read it. The same images give the same bytes: the times in it are those of the\n"
		"newest image's creation, or $SOURCE_DATE_EPOCH.\n",
	.flags = flags_table,
	.run = run,
};
