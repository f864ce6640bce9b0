/* SPDX-License-Identifier: Apache-2.0 */
/*
 * init: a new gadget, in a folder of its own, that builds and runs as it is.
 *
 * The folder is made by this command or the command fails; what it has made when it
 * fails it removes again, and it touches nothing else.
 */
#include "cli/commands.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/init_template.h"
#include "gadget/find.h"

/* With what the markers put in front and behind, well below what the kernel takes. */
#define NAME_MAX_LEN 40

struct args {
	const char *include;
};

static const struct flag flags_table[] = {
	FLAG_TEXT(struct args, include, 0, "DIR",
		  "The folder that holds gadget/buffer.h and the other headers. Needed only where "
		  "gadgetctl stands without them."),
	FLAG_END,
};

/* ---- names --------------------------------------------------------------- */

static bool is_letter(char c)
{
	return c >= 'a' && c <= 'z';
}

static bool is_name_char(char c)
{
	return is_letter(c) || (c >= '0' && c <= '9') || c == '_';
}

/* A gadget's name is part of names in C, and of names with "___" between the parts. */
static int check_name(const char *name, struct error *err)
{
	size_t len = strlen(name);

	if (!len)
		return error_set(err, EINVAL, "a gadget needs a name");
	if (len > NAME_MAX_LEN)
		return error_set(err, EINVAL, "the name '%s' is too long (at most %d characters)",
				 name, NAME_MAX_LEN);
	for (size_t i = 0; i < len; i++)
		if (!is_name_char(name[i]))
			return error_set(err, EINVAL,
					 "'%s' cannot be the name of a gadget (use a-z, 0-9 and _)",
					 name);
	if (!is_letter(name[0]) || strstr(name, "___") || name[len - 1] == '_')
		return error_set(err, EINVAL,
				 "'%s' cannot be the name of a gadget (begin with a letter, end "
				 "without '_', no three '_' in a row)",
				 name);
	return 0;
}

/* "a/b/" is the folder "a/b", and the name "b". */
static const char *folder_of(struct arena *arena, const char *path)
{
	size_t len = strlen(path);

	while (len > 1 && path[len - 1] == '/')
		len--;
	return arena_strndup(arena, path, len);
}

static const char *name_of(const char *folder)
{
	const char *slash = strrchr(folder, '/');

	return slash ? slash + 1 : folder;
}

/* ---- the headers --------------------------------------------------------- */

/* As make reads it; it cannot read everything. */
static int quote_for_make(struct arena *arena, const char *path, const char **ret_text,
			  struct error *err)
{
	char *text = arena_alloc(arena, 2 * strlen(path) + 1), *end = text;

	for (const char *c = path; *c; c++) {
		if ((unsigned char)*c < ' ' || *c == 0x7f || strchr("\"'`\\", *c))
			return error_set(err, EINVAL,
					 "a Makefile cannot name the folder '%s' (give the headers "
					 "another one with --include)",
					 path);
		if (*c == '$' || *c == '#')
			*end++ = *c == '$' ? '$' : '\\';
		*end++ = *c;
	}
	*ret_text = text;
	return 0;
}

static int find_headers(struct arena *arena, const char *given, const char **ret_text,
			struct error *err)
{
	const char *folder;
	int r = gadget_include_find(arena, given, &folder, err);

	return r < 0 ? r : quote_for_make(arena, folder, ret_text, err);
}

/* ---- files --------------------------------------------------------------- */

struct fresh {
	const char *name, *include;
	int dir;
};

static void write_text(const struct fresh *fresh, const char *text, FILE *out)
{
	while (*text) {
		size_t len = strcspn(text, "@");

		(void)fwrite(text, 1, len, out);
		text += len;
		if (!strncmp(text, "@NAME@", 6)) {
			(void)fputs(fresh->name, out);
			text += 6;
		} else if (!strncmp(text, "@INCLUDE@", 9)) {
			(void)fputs(fresh->include, out);
			text += 9;
		} else if (*text) {
			(void)fputc(*text++, out);
		}
	}
}

static int write_file(const struct fresh *fresh, const struct init_file *file, struct error *err)
{
	int fd = openat(fresh->dir, file->name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	FILE *out = fd < 0 ? NULL : fdopen(fd, "w");
	bool is_whole;

	if (!out) {
		(void)error_set(err, errno, "making '%s': %s", file->name, strerrordesc_np(errno));
		if (fd >= 0)
			(void)close(fd);
		return -err->code;
	}
	write_text(fresh, file->text, out);
	is_whole = fflush(out) == 0 && !ferror(out);
	if (!is_whole)
		(void)error_set(err, errno ? errno : EIO, "writing '%s': %s", file->name,
				strerrordesc_np(errno ? errno : EIO));
	(void)fclose(out);
	return is_whole ? 0 : -err->code;
}

static int write_files(const struct fresh *fresh, struct error *err)
{
	int r = 0;

	for (const struct init_file *f = init_files; f->name && r == 0; f++)
		r = write_file(fresh, f, err);
	if (r < 0)
		for (const struct init_file *f = init_files; f->name; f++)
			(void)unlinkat(fresh->dir, f->name, 0);
	return r;
}

static int make_folder(const char *folder, struct fresh *fresh, struct error *err)
{
	int r;

	if (mkdir(folder, 0755) < 0)
		return error_set(err, errno,
				 errno == EEXIST ? "'%s' exists already (give another name)"
						 : "making the folder '%s': %s",
				 folder, strerrordesc_np(errno));
	fresh->dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r = fresh->dir < 0 ? error_set(err, errno, "opening: %s", strerrordesc_np(errno))
			   : write_files(fresh, err);
	if (fresh->dir >= 0)
		(void)close(fresh->dir);
	if (r < 0) {
		(void)rmdir(folder);
		return error_wrap(err, "folder '%s'", folder);
	}
	return 0;
}

/* ---- the command --------------------------------------------------------- */

/* A path that `run` takes for one. */
static void print_next_steps(const char *folder)
{
	(void)printf("%s/ is a gadget that shows which files are deleted:\n", folder);
	for (const struct init_file *f = init_files; f->name; f++)
		(void)printf("  %s\n", f->name);
	(void)printf("\nBuild it and run it:\n"
		     "  make -C %s\n"
		     "  sudo gadgetctl run %s%s\n"
		     "\nOr make an image of it, for any host:\n"
		     "  gadgetctl build %s\n",
		     folder, strchr(folder, '/') ? "" : "./", folder, folder);
}

static enum exit_status init(struct arena *arena, const char *path, const struct args *args)
{
	const char *folder = folder_of(arena, path);
	struct fresh fresh = { .name = name_of(folder) };
	struct error err = ERROR_INIT;

	if (check_name(fresh.name, &err) < 0)
		return command_misused(&command_init, &err);
	if (find_headers(arena, args->include, &fresh.include, &err) < 0 ||
	    make_folder(folder, &fresh, &err) < 0)
		return exit_report(&err, STATUS_FAILED);
	print_next_steps(folder);
	return STATUS_OK;
}

static enum exit_status run(int argc, char *const *argv)
{
	struct arena arena = ARENA_INIT;
	struct flags flags = { .arena = &arena };
	struct args args = { 0 };
	struct error err = ERROR_INIT;
	enum exit_status status = STATUS_OK;

	if (!command_read_flags(&command_init, &flags, argc, argv, &args, &status))
		goto out;
	if (flags.nwords != 1) {
		error_set(&err, EINVAL, "which gadget? (give one name, of a folder to make)");
		status = command_misused(&command_init, &err);
	} else {
		status = init(&arena, flags.words[0], &args);
	}
out:
	arena_release(&arena);
	return status;
}

const struct command command_init = {
	.name = "init",
	.usage = "NAME [flags]",
	.summary = "Make a folder with a new gadget to start from",
	.help = "Makes the folder NAME, or a path that ends in it, with a small tracer that builds\n"
		"and runs as it is: program.bpf.c, gadget.yaml, README.md and a Makefile. Names\n"
		"have letters a-z, digits and '_'. Nothing that exists is changed.\n"
		"docs/writing-a-gadget.md is the tutorial.\n",
	.flags = flags_table,
	.run = run,
};
