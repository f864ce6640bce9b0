/* SPDX-License-Identifier: Apache-2.0 */
#include "gadget/find.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/suggest.h"

enum { MAX_FOLDERS = 64, MAX_GADGETS = 1024 };

struct folders {
	const char *at[MAX_FOLDERS];
	size_t n;
};

static bool is_folder(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static bool is_there(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0;
}

static bool ends_with(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);

	return n >= m && !strcmp(text + n - m, end);
}

static void add_folder(struct folders *folders, const char *path)
{
	if (folders->n < MAX_FOLDERS)
		folders->at[folders->n++] = path;
}

/* The folder the running program is in, or NULL. */
static const char *program_folder(struct arena *arena)
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path));
	const char *slash;

	if (n <= 0 || (size_t)n == sizeof(path))
		return NULL;
	slash = memrchr(path, '/', (size_t)n);
	return slash ? arena_strndup(arena, path, (size_t)(slash - path)) : NULL;
}

static void find_folders(struct arena *arena, struct folders *folders)
{
	const char *list = getenv("GADGETCTL_GADGET_PATH");
	const char *program = program_folder(arena);

	folders->n = 0;
	while (list && *list) {
		size_t len = strcspn(list, ":");

		if (len)
			add_folder(folders, arena_strndup(arena, list, len));
		list += len + (list[len] == ':');
	}
	if (!program)
		return;
	add_folder(folders, arena_printf(arena, "%s/bpf", program));
	add_folder(folders, arena_printf(arena, "%s/../lib/gadgetctl/gadgets", program));
}

/* What a gadget at this path is called. */
static const char *name_of(struct arena *arena, const char *object)
{
	const char *slash = strrchr(object, '/');
	const char *base = slash ? slash + 1 : object, *end = base + strlen(base);

	if (!strcmp(base, "program.o") && slash && slash > object) {
		end = slash;
		slash = memrchr(object, '/', (size_t)(slash - object));
		base = slash ? slash + 1 : object;
	} else if (ends_with(base, ".bpf.o")) {
		end -= strlen(".bpf.o");
	} else if (ends_with(base, ".o")) {
		end -= strlen(".o");
	}
	return arena_strndup(arena, base, (size_t)(end - base));
}

static const char *dir_of(struct arena *arena, const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? arena_strndup(arena, path, (size_t)(slash - path)) : ".";
}

static int find_path(struct arena *arena, const char *what, const char *base_dir,
		     struct gadget_place *ret_place, struct error *err)
{
	const char *path = what;

	if (what[0] != '/' && base_dir && strcmp(base_dir, ".") != 0)
		path = arena_printf(arena, "%s/%s", base_dir, what);
	if (is_folder(path)) {
		char *real = realpath(path, NULL);

		/* "." and ".." have a name only in full. */
		path = arena_printf(arena, "%s/program.o", real ? real : path);
		free(real);
		if (!is_there(path))
			return error_set(err, ENOENT, "no gadget in folder '%s' (no program.o)",
					 what);
	}
	if (!is_there(path))
		return error_set(err, errno, "no gadget at '%s': %s", path, strerrordesc_np(errno));
	*ret_place = (struct gadget_place){
		.name = name_of(arena, path),
		.object = path,
		.dir = dir_of(arena, path),
	};
	return 0;
}

static void offer(void *arg, const char *name, const char *object)
{
	(void)object;
	suggest_offer(arg, name);
}

const char *gadget_near(struct arena *arena, const char *name, const char *base_dir)
{
	const char *dir = base_dir ? base_dir : ".";
	struct suggest suggest;
	const char *best;

	if (is_there(arena_printf(arena, "%s/%s/program.o", dir, name)))
		return arena_printf(arena, "./%s", name);
	suggest_init(&suggest, name);
	gadget_list(arena, offer, &suggest);
	best = suggest_result(&suggest);
	return best ? arena_strdup(arena, best) : NULL;
}

int gadget_find_name(struct arena *arena, const char *name, struct gadget_place *ret_place,
		     struct error *err)
{
	struct folders folders;

	find_folders(arena, &folders);
	for (size_t i = 0; i < folders.n; i++) {
		const char *dir = arena_printf(arena, "%s/%s", folders.at[i], name);
		const char *object = arena_printf(arena, "%s/program.o", dir);

		if (!is_there(object))
			continue;
		*ret_place = (struct gadget_place){
			.name = arena_strdup(arena, name),
			.object = object,
			.dir = dir,
		};
		return 0;
	}
	(void)error_set(err, ENOENT, "no gadget '%s'", name);
	for (size_t i = 0; i < folders.n; i++)
		(void)error_add(err, "%s'%s'", i ? ", " : " in ", folders.at[i]);
	return -ENOENT;
}

int gadget_find(struct arena *arena, const char *what, const char *base_dir,
		struct gadget_place *ret_place, struct error *err)
{
	const char *near;
	int r;

	if (!what[0])
		return error_set(err, EINVAL, "a gadget needs a name");
	if (strchr(what, '/') || ends_with(what, ".o") || !strcmp(what, ".") || !strcmp(what, ".."))
		return find_path(arena, what, base_dir, ret_place, err);
	r = gadget_find_name(arena, what, ret_place, err);
	near = r < 0 ? gadget_near(arena, what, base_dir) : NULL;
	if (near)
		return error_add(err, " (did you mean '%s'?)", near);
	return r < 0 ? error_add(err, " (a path has a '/' in it or ends in .o)") : 0;
}

struct listing {
	struct arena *arena;
	const char *names[MAX_GADGETS];
	size_t n;
	void (*visit)(void *arg, const char *name, const char *object);
	void *arg;
};

static bool is_listed(const struct listing *listing, const char *name)
{
	for (size_t i = 0; i < listing->n; i++)
		if (!strcmp(listing->names[i], name))
			return true;
	return false;
}

static void list_folder(struct listing *listing, const char *folder)
{
	struct dirent **entries;
	int n = scandir(folder, &entries, NULL, alphasort);

	for (int i = 0; i < n; i++) {
		const char *name = entries[i]->d_name;
		const char *object = arena_printf(listing->arena, "%s/%s/program.o", folder, name);

		if (name[0] != '.' && listing->n < MAX_GADGETS && !is_listed(listing, name) &&
		    is_there(object)) {
			listing->names[listing->n] = arena_strdup(listing->arena, name);
			listing->visit(listing->arg, listing->names[listing->n++], object);
		}
		free(entries[i]);
	}
	if (n >= 0)
		free((void *)entries);
}

void gadget_list(struct arena *arena,
		 void (*visit)(void *arg, const char *name, const char *object), void *arg)
{
	struct listing *listing = arena_alloc(arena, sizeof(*listing));
	struct folders folders;

	listing->arena = arena;
	listing->visit = visit;
	listing->arg = arg;
	find_folders(arena, &folders);
	for (size_t i = 0; i < folders.n; i++)
		list_folder(listing, folders.at[i]);
}

/* The folder in full if the headers are in it, or NULL. */
static const char *with_headers(struct arena *arena, const char *folder)
{
	char *real = realpath(folder, NULL);
	const char *in_full = real ? arena_strdup(arena, real) : folder;

	free(real);
	return is_there(arena_printf(arena, "%s/gadget/buffer.h", in_full)) ? in_full : NULL;
}

int gadget_include_find(struct arena *arena, const char *given, const char **ret_folder,
			struct error *err)
{
	const char *program = given ? NULL : program_folder(arena);
	const char *places[] = { given, NULL };
	const char *found = NULL;

	if (program) {
		places[0] = arena_printf(arena, "%s/include", program);
		places[1] = arena_printf(arena, "%s/../include", program);
	}
	for (size_t i = 0; i < 2 && places[i] && !found; i++)
		found = with_headers(arena, places[i]);
	if (found) {
		*ret_folder = found;
		return 0;
	}
	if (given)
		return error_set(err, ENOENT, "no gadget/buffer.h in '%s'", given);
	(void)error_set(err, ENOENT, "no gadget/buffer.h");
	for (size_t i = 0; i < 2 && places[i]; i++)
		(void)error_add(err, "%s'%s'", i ? ", " : " in ", places[i]);
	return error_add(err, " (say where it is with --include)");
}
