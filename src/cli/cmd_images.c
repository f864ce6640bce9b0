/* SPDX-License-Identifier: Apache-2.0 */
/*
 * images: what is in the store; also `image list`.
 */
#include <errno.h>
#include <jansson.h>
#include <string.h>
#include <time.h>

#include "cli/images.h"
#include "oci/image.h"

struct args {
	const char *output;
	bool no_trunc, quiet;
};

static const struct flag flags_table[] = {
	FLAG_TEXT(struct args, output, 'o', "FORMAT", "How to print: columns (default) or json."),
	FLAG_SWITCH(struct args, no_trunc, 0, "Show digests in full."),
	FLAG_SWITCH(struct args, quiet, 'q', "Print digests only."),
	FLAG_END,
};

enum { NCOLUMNS = 5 };

/* What is shown of an image. */
struct row {
	const char *cells[NCOLUMNS];
};

/* A size cannot be told of an image that is damaged or not whole. */
static bool size_of(const struct store *store, const struct image *image, uint64_t *ret_bytes)
{
	struct arena arena = ARENA_INIT;
	struct error err = ERROR_INIT;
	struct image_blobs blobs;
	bool is_known = image_blobs(store, &arena, &image->top, &blobs, &err) == 0;

	if (is_known)
		*ret_bytes = blobs.bytes;
	arena_release(&arena);
	return is_known;
}

/* "3 days ago" */
static const char *ago(struct arena *arena, int64_t seconds)
{
	static const struct {
		int64_t seconds;
		const char *unit;
	} units[] = { { 365 * 86400, "year" }, { 30 * 86400, "month" }, { 7 * 86400, "week" },
		      { 86400, "day" },        { 3600, "hour" },        { 60, "minute" } };

	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
		int64_t n = seconds / units[i].seconds;

		if (n >= 1)
			return arena_printf(arena, "%lld %s%s ago", (long long)n, units[i].unit,
					    n > 1 ? "s" : "");
	}
	return seconds < 0 ? "in the future" : "less than a minute ago";
}

/* ---- as columns ------------------------------------------------------------ */

static struct row make_row(const struct store *store, struct arena *arena,
			   const struct image *image, bool in_full)
{
	char size[32] = "?";
	uint64_t bytes;
	int64_t at;

	if (size_of(store, image, &bytes))
		(void)images_size(bytes, size, sizeof(size));
	return (struct row){ {
		reference_name(arena, &image->reference),
		image->reference.tag ? image->reference.tag : "<none>",
		images_id(arena, image->top.digest, in_full),
		image_created(store, &image->top, &at) && at > 0
			? ago(arena, (int64_t)time(NULL) - at)
			: "-", /* 1970 is what builders write who do not tell */
		arena_strdup(arena, size),
	} };
}

static void print_rows(const struct row *rows, uint32_t n)
{
	int widths[NCOLUMNS] = { 0 };

	for (uint32_t i = 0; i < n; i++)
		for (size_t k = 0; k < NCOLUMNS; k++)
			if ((int)strlen(rows[i].cells[k]) > widths[k])
				widths[k] = (int)strlen(rows[i].cells[k]);
	for (uint32_t i = 0; i < n; i++)
		for (size_t k = 0; k < NCOLUMNS; k++)
			(void)printf("%-*s%s", k + 1 < NCOLUMNS ? widths[k] : 0, rows[i].cells[k],
				     k + 1 < NCOLUMNS ? "   " : "\n");
}

static void print_columns(const struct store *store, struct arena *arena,
			  const struct image *images, uint32_t n, bool in_full)
{
	struct row *rows = arena_array(arena, n + 1, sizeof(*rows));

	rows[0] = (struct row){ { "REPOSITORY", "TAG", "DIGEST", "CREATED", "SIZE" } };
	for (uint32_t i = 0; i < n; i++)
		rows[i + 1] = make_row(store, arena, &images[i], in_full);
	print_rows(rows, n + 1);
}

/* ---- other forms ------------------------------------------------------------- */

static void print_json(const struct store *store, struct arena *arena, const struct image *images,
		       uint32_t n)
{
	json_t *all = json_array();

	for (uint32_t i = 0; i < n; i++) {
		const struct image *image = &images[i];
		uint64_t bytes = 0;
		int64_t at = 0;
		bool has_size = size_of(store, image, &bytes),
		     has_time = image_created(store, &image->top, &at);
		json_t *one =
			json_pack("{ss ss ss? ss so so}", "reference",
				  reference_text(arena, &image->reference), "repository",
				  reference_name(arena, &image->reference), "tag",
				  image->reference.tag, "digest", image->top.digest, "created",
				  has_time ? json_string(images_time(arena, at)) : json_null(),
				  "size", has_size ? json_integer((json_int_t)bytes) : json_null());

		(void)json_array_append_new(all, one);
	}
	(void)json_dumpf(all, stdout, JSON_INDENT(2));
	(void)putchar('\n');
	json_decref(all);
}

/* Each content once, whatever number of names it has. */
static void print_ids(struct arena *arena, const struct image *images, uint32_t n, bool in_full)
{
	for (uint32_t i = 0; i < n; i++) {
		bool is_new = true;

		for (uint32_t k = 0; k < i; k++)
			is_new &= strcmp(images[i].top.digest, images[k].top.digest) != 0;
		if (is_new)
			(void)puts(images_id(arena, images[i].top.digest, in_full));
	}
}

/* ---- the command --------------------------------------------------------------- */

/* A store that is not there has no images. */
static int list(struct arena *arena, struct store **ret_store, struct image **ret_images,
		uint32_t *ret_n, struct error *err)
{
	int r = images_open(arena, false, ret_store, err);

	if (r == -ENOENT)
		return 0;
	return r < 0 ? r : store_list(*ret_store, arena, ret_images, ret_n, err);
}

/* Those of a repository, or all. */
static uint32_t choose(struct image *images, uint32_t n, const struct reference *wanted)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < n; i++)
		if (!strcmp(images[i].reference.host, wanted->host) &&
		    !strcmp(images[i].reference.path, wanted->path))
			images[kept++] = images[i];
	return kept;
}

static enum exit_status print(const struct args *args, const char *repository, struct arena *arena)
{
	struct error err = ERROR_INIT;
	struct store *store = NULL;
	struct image *images = NULL;
	struct reference wanted;
	uint32_t n = 0;
	enum exit_status status = STATUS_OK;

	if (repository && images_reference(arena, repository, &wanted, &err) < 0)
		return command_misused(&command_images, &err);
	if (list(arena, &store, &images, &n, &err) < 0) {
		status = exit_report(&err, STATUS_FAILED);
		goto out;
	}
	if (repository)
		n = choose(images, n, &wanted);
	if (args->quiet)
		print_ids(arena, images, n, args->no_trunc);
	else if (!strcmp(args->output, "json"))
		print_json(store, arena, images, n);
	else
		print_columns(store, arena, images, n, args->no_trunc);
out:
	store_close(store);
	return status;
}

static enum exit_status run(int argc, char *const *argv)
{
	struct arena arena = ARENA_INIT;
	struct flags flags = { .arena = &arena };
	struct args args = { .output = "columns" };
	struct error err = ERROR_INIT;
	enum exit_status status = STATUS_OK;

	if (!command_read_flags(&command_images, &flags, argc, argv, &args, &status))
		goto out;
	if (strcmp(args.output, "columns") != 0 && strcmp(args.output, "json") != 0) {
		(void)error_set(&err, EINVAL, "--output must be columns or json, not '%s'",
				args.output);
		status = command_misused(&command_images, &err);
	} else if (flags.nwords > 1) {
		(void)error_set(&err, EINVAL, "one repository at a time, not also '%s'",
				flags.words[1]);
		status = command_misused(&command_images, &err);
	} else {
		status = print(&args, flags.nwords ? flags.words[0] : NULL, &arena);
	}
out:
	arena_release(&arena);
	return status;
}

const struct command command_images = {
	.name = "images",
	.usage = "[REPOSITORY] [flags]",
	.summary = "List the images of this host",
	.help = "SIZE is what the image takes in the store, for all the platforms it was pulled for;\n"
		"images may share parts. An image whose size is '?' is damaged or not whole\n"
		"('gadgetctl image fsck' says more).\n",
	.flags = flags_table,
	.run = run,
};
