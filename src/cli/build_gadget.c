/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/build_gadget.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "gadget/inspect.h"
#include "gadget/metadata.h"
#include "gadget/metadata_check.h"

/* ---- files ----------------------------------------------------------------- */

static const char *in_full(struct arena *arena, const char *path)
{
	char *real = realpath(path, NULL);
	const char *copy = real ? arena_strdup(arena, real) : NULL;

	free(real);
	return copy;
}

/* A path as seen from the folder. */
static const char *from(struct arena *arena, const char *folder, const char *path)
{
	return path[0] == '/' ? path : arena_printf(arena, "%s/%s", folder, path);
}

static const char *base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static bool ends_with(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);

	return n >= m && !strcmp(text + n - m, end);
}

static int check_wasm(const char *wasm, struct error *err)
{
	if (!wasm || ends_with(wasm, ".wasm"))
		return 0;
	return error_set(err, EINVAL,
			 "'%s' is no wasm module, and none is made of it (compile it, and name the "
			 ".wasm file in " RECIPE_FILE ")",
			 wasm);
}

static int read_recipe(struct arena *arena, const char *path, bool is_wanted,
		       struct recipe *ret_recipe, struct error *err)
{
	struct yaml_node *root;
	int r;

	*ret_recipe = (struct recipe){ 0 };
	if (!is_wanted && access(path, F_OK) < 0)
		return 0;
	r = yaml_load(arena, path, &root, err);
	return r < 0 ? r : recipe_read(arena, root, ret_recipe, err);
}

/* The metadata that is there when nobody names it. */
static const char *usual_metadata(struct arena *arena, const char *folder)
{
	static const char *const names[] = { RECIPE_METADATA, "definition.yaml" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		const char *path = from(arena, folder, names[i]);

		if (access(path, F_OK) == 0)
			return path;
	}
	return NULL;
}

int build_files_of_folder(struct arena *arena, const char *folder, const char *recipe,
			  struct build_files *ret_files, struct error *err)
{
	struct build_files *f = ret_files;
	struct stat st;
	int r;

	*f = (struct build_files){ .folder = in_full(arena, folder) };
	if (!f->folder)
		return error_set(err, errno, "no folder '%s': %s", folder, strerrordesc_np(errno));
	if (stat(f->folder, &st) < 0 || !S_ISDIR(st.st_mode))
		return error_set(err, ENOTDIR,
				 "'%s' is no folder (a single file is built with "
				 "--prog)",
				 folder);
	r = read_recipe(arena, from(arena, f->folder, recipe ? recipe : RECIPE_FILE),
			recipe != NULL, &f->recipe, err);
	if (r == 0)
		r = check_wasm(f->recipe.wasm, err);
	if (r < 0)
		return r;
	f->name = base_of(f->folder);
	f->source = f->recipe.source ? f->recipe.source : RECIPE_SOURCE;
	f->metadata = f->recipe.metadata ? from(arena, f->folder, f->recipe.metadata)
					 : usual_metadata(arena, f->folder);
	if (f->recipe.wasm)
		f->wasm = from(arena, f->folder, f->recipe.wasm);
	return 0;
}

/* "foo.bpf.c" is foo. */
static const char *program_name(struct arena *arena, const char *base)
{
	static const char *const ends[] = { ".bpf.c", ".c" };

	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++)
		if (ends_with(base, ends[i]))
			return arena_strndup(arena, base, strlen(base) - strlen(ends[i]));
	return base;
}

int build_files_of_program(struct arena *arena, const char *program, const char *definition,
			   struct build_files *ret_files, struct error *err)
{
	const char *path = in_full(arena, program);
	const char *base = path ? base_of(path) : NULL;

	if (!path)
		return error_set(err, errno, "no program '%s': %s", program,
				 strerrordesc_np(errno));
	*ret_files = (struct build_files){
		.folder = base > path + 1 ? arena_strndup(arena, path, (size_t)(base - path) - 1)
					  : "/",
		.name = program_name(arena, base_of(program)),
		.source = base,
		.metadata = definition,
	};
	return 0;
}

/* ---- compiling ------------------------------------------------------------- */

/* A folder for what the compiler writes, and signals held back until it is gone. */
struct workplace {
	const char *folder;
	sigset_t before;
};

static int workplace_make(struct arena *arena, struct workplace *place, struct error *err)
{
	const char *parent = getenv("TMPDIR");
	sigset_t held;
	char *folder;
	int r;

	/* The compiler runs elsewhere, so the path must be a full one. */
	parent = in_full(arena, parent && *parent ? parent : "/tmp");
	folder = arena_printf(arena, "%s/gadgetctl-build-XXXXXX", parent ? parent : "/tmp");
	(void)sigemptyset(&held);
	(void)sigaddset(&held, SIGINT);
	(void)sigaddset(&held, SIGQUIT);
	(void)sigaddset(&held, SIGTERM);
	(void)sigaddset(&held, SIGHUP);
	(void)sigprocmask(SIG_BLOCK, &held, &place->before);
	place->folder = folder;
	if (mkdtemp(folder))
		return 0;
	r = error_set(err, errno, "a temporary folder in '%s': %s", parent ? parent : "/tmp",
		      strerrordesc_np(errno));
	(void)sigprocmask(SIG_SETMASK, &place->before, NULL);
	return r;
}

static const char *object_at(struct arena *arena, const struct workplace *place,
			     const struct build_object *object)
{
	return arena_printf(arena, "%s/%s.bpf.o", place->folder, object->architecture);
}

static void workplace_leave(struct arena *arena, struct workplace *place,
			    const struct build_objects *objects)
{
	for (uint32_t i = 0; i < objects->n; i++)
		(void)unlink(object_at(arena, place, &objects->list[i]));
	(void)rmdir(place->folder);
	(void)sigprocmask(SIG_SETMASK, &place->before, NULL);
}

static int compile_all(const struct compiler *compiler, struct arena *arena,
		       struct compile_job *job, const struct workplace *place,
		       struct build_objects *objects, struct error *err)
{
	for (uint32_t i = 0; i < objects->n; i++) {
		struct build_object *object = &objects->list[i];
		const char *path = object_at(arena, place, object);
		size_t len = 0;
		int r;

		job->architecture = object->architecture;
		r = compiler_run(compiler, arena, job, path, err);
		if (r == 0)
			r = file_read(arena, path, MODEL_MAX_OBJECT, &object->bytes.at, &len, err);
		if (r < 0)
			return r;
		object->bytes.len = len;
	}
	return 0;
}

int build_compile(struct arena *arena, const struct build_files *files, const char *include,
		  const char *epoch, struct build_objects *objects, void (*say)(const char *line),
		  struct error *err)
{
	struct compile_job job = {
		.folder = files->folder,
		.source = files->source,
		.include = include,
		.flags = files->recipe.flags,
		.nflags = files->recipe.nflags,
		.epoch = epoch,
	};
	struct compiler compiler = { 0 };
	struct workplace place = { 0 };
	int r = compiler_find(arena, &compiler, err);

	if (r < 0)
		return r;
	r = workplace_make(arena, &place, err);
	if (r < 0)
		return r;
	say(arena_printf(arena, "compiling '%s' with %s", from(arena, files->folder, files->source),
			 compiler.version));
	r = compile_all(&compiler, arena, &job, &place, objects, err);
	workplace_leave(arena, &place, objects);
	return r;
}

/* ---- checking -------------------------------------------------------------- */

static bool has_field(const struct model_source *source, const char *name)
{
	for (uint32_t i = 0; i < source->nfields; i++)
		if (!strcmp(source->fields[i].name, name))
			return true;
	return false;
}

/* What a has and b has not. */
static int compare(const struct build_object *a, const struct build_object *b, struct error *err)
{
	for (uint32_t i = 0; i < a->model->nsources; i++) {
		const struct model_source *source = &a->model->sources[i];
		const struct model_source *other = model_source_find(b->model, source->name);

		if (!other)
			return error_set(err, ENOEXEC,
					 "data source '%s' is there for %s, but not for %s",
					 source->name, a->architecture, b->architecture);
		for (uint32_t k = 0; k < source->nfields; k++)
			if (!has_field(other, source->fields[k].name))
				return error_set(err, ENOEXEC,
						 "field '%s' of data source '%s' is there for %s, "
						 "but not for %s",
						 source->fields[k].name, source->name,
						 a->architecture, b->architecture);
	}
	return 0;
}

int build_inspect(struct arena *arena, const char *name, const struct metadata *metadata,
		  struct build_objects *objects, struct error *err)
{
	struct build_object *first = &objects->list[0];

	for (uint32_t i = 0; i < objects->n; i++) {
		struct build_object *o = &objects->list[i];
		int r = inspect_bytes(arena, name, (const uint8_t *)o->bytes.at, o->bytes.len,
				      metadata, &o->model, err);

		if (r < 0 && err->pos.line)
			return r; /* of the metadata */
		if (r < 0)
			return error_wrap(err, "the object for %s", o->architecture);
		r = compare(first, o, err);
		if (r == 0)
			r = compare(o, first, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static bool is_among(const struct metadata_finding *list, uint32_t n,
		     const struct metadata_finding *finding)
{
	for (uint32_t i = 0; i < n; i++)
		if (list[i].pos.line == finding->pos.line && list[i].pos.col == finding->pos.col &&
		    !strcmp(list[i].text, finding->text))
			return true;
	return false;
}

int build_check(struct arena *arena, const struct build_objects *objects,
		void (*report)(bool is_error, struct pos pos, const char *text), struct error *err)
{
	const struct metadata_finding *first = NULL;
	uint32_t nfirst = 0, errors = 0;

	for (uint32_t i = 0; i < objects->n; i++) {
		const struct metadata_finding *list;
		uint32_t n = metadata_check(arena, objects->list[i].model, true, &list);

		for (uint32_t k = 0; k < n; k++) {
			if (is_among(first, nfirst, &list[k]))
				continue;
			report(list[k].is_error, list[k].pos, list[k].text);
			errors += list[k].is_error;
		}
		if (i == 0) {
			first = list;
			nfirst = n;
		}
	}
	if (!errors)
		return 0;
	return error_set(err, ENOEXEC,
			 "the metadata does not fit the gadget: %u error%s "
			 "(--validate-metadata=false packs it all the same)",
			 errors, errors == 1 ? "" : "s");
}
