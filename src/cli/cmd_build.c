/* SPDX-License-Identifier: Apache-2.0 */
/*
 * build: from a gadget's source to an image in the store.
 *
 * Everything is read, compiled and checked before the store is touched, so a
 * build that fails leaves it as it was.
 */
#include "cli/commands.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/file.h"
#include "base/log.h"
#include "base/units.h"
#include "cli/build_gadget.h"
#include "gadget/find.h"
#include "gadget/inspect.h"
#include "gadget/metadata.h"
#include "gadget/metadata_complete.h"
#include "oci/build.h"
#include "oci/image.h"

/* The last second of the year 9999: dates have four digits for the year. */
#define EPOCH_MAX UINT64_C(253402300799)

struct args {
	struct flag_texts tag, platform, author, annotation;
	const char *prog, *definition, *file, *output, *include;
	const char *title, *description, *url, *documentation, *source, *license;
	bool quiet, validate_metadata, update_metadata;
};

static const struct flag flags_table[] = {
	FLAG_TEXTS(struct args, tag, 't', "REF",
		   "Name the image so; may be repeated. Without, it is named after the folder."),
	FLAG_TEXT(struct args, prog, 0, "FILE", "Build this source, instead of a folder."),
	FLAG_TEXT(struct args, definition, 0, "FILE", "The gadget.yaml that belongs to --prog."),
	FLAG_TEXT(struct args, file, 'f', "FILE",
		  "Read this file of the folder, instead of its build.yaml."),
	FLAG_TEXTS(struct args, platform, 0, "LIST",
		   "What to compile for: amd64, arm64, or both (the default), with commas "
		   "between; 'linux/' may stand in front."),
	FLAG_TEXT(struct args, output, 0, "DIR",
		  "Keep the objects there, as amd64.bpf.o and arm64.bpf.o."),
	FLAG_TEXT(struct args, include, 0, "DIR",
		  "The folder that holds gadget/buffer.h and the other headers. Needed only where "
		  "gadgetctl stands without them."),
	FLAG_SWITCH(struct args, validate_metadata, 0,
		    "Fail when the gadget.yaml names fields, parameters or programs that are not "
		    "there (the default); --validate-metadata=false packs it as it is."),
	FLAG_SWITCH(struct args, update_metadata, 0,
		    "Add to the gadget.yaml what the program has and it does not mention, to be "
		    "described by hand; make one where there is none."),
	FLAG_TEXTS(struct args, author, 0, "TEXT", "Who made it; may be repeated."),
	FLAG_TEXT(struct args, title, 0, "TEXT", "Its title, instead of the gadget.yaml's 'name'."),
	FLAG_TEXT(struct args, description, 0, "TEXT",
		  "What it does, instead of the gadget.yaml's 'description'."),
	FLAG_TEXT(struct args, url, 0, "URL",
		  "Where to read about it, instead of the gadget.yaml's 'homepageURL'."),
	FLAG_TEXT(struct args, documentation, 0, "URL",
		  "Its documentation, instead of the gadget.yaml's 'documentationURL'."),
	FLAG_TEXT(struct args, source, 0, "URL",
		  "Where its source is, instead of the gadget.yaml's 'sourceURL'."),
	FLAG_TEXT(struct args, license, 0, "SPDX", "Its licences, as an SPDX expression."),
	FLAG_TEXTS(struct args, annotation, 0, "NAME=TEXT",
		   "Another annotation of the image; may be repeated."),
	FLAG_SWITCH(struct args, quiet, 'q', "Print the digest and nothing else."),
	FLAG_END,
};

/* One build, from the flags to the image. */
struct job {
	struct arena *arena;
	const struct args *args;
	struct build_files files;
	struct build_objects objects;
	struct reference *references;
	size_t nreferences;
	const char *epoch;               /* what SOURCE_DATE_EPOCH says, or "0" */
	const struct metadata *metadata; /* or NULL */
	struct annotation_list *annotations;
	struct build build;
	struct error *err;
};

/* ---- what is wanted ---------------------------------------------------------- */

static int add_architecture(struct job *job, const char *name)
{
	struct build_objects *objects = &job->objects;
	size_t at = 0;

	if (!strncmp(name, "linux/", 6))
		name += 6;
	while (at < COMPILER_ARCHITECTURES && strcmp(compiler_architectures[at], name) != 0)
		at++;
	if (at == COMPILER_ARCHITECTURES)
		return error_set(job->err, EINVAL,
				 "--platform must be amd64 or arm64, or both with a comma between, "
				 "not '%s'",
				 name);
	for (uint32_t i = 0; i < objects->n; i++)
		if (objects->list[i].architecture == compiler_architectures[at])
			return 0;
	objects->list[objects->n++].architecture = compiler_architectures[at];
	return 0;
}

static int read_platforms(struct job *job)
{
	const struct flag_texts *lists = &job->args->platform;
	int r = 0;

	for (size_t i = 0; i < lists->n; i++)
		for (const char *at = lists->items[i]; at && r == 0;) {
			size_t len = strcspn(at, ",");

			r = add_architecture(job, arena_strndup(job->arena, at, len));
			at = at[len] ? at + len + 1 : NULL;
		}
	for (size_t i = 0; !lists->n && i < COMPILER_ARCHITECTURES; i++)
		r = add_architecture(job, compiler_architectures[i]);
	return r;
}

static int add_reference(struct job *job, const char *text,
			 const struct reference_defaults *defaults)
{
	struct reference *reference = &job->references[job->nreferences];
	int r = reference_parse(job->arena, text, defaults, reference, job->err);

	if (r < 0)
		return r;
	if (reference->digest)
		return error_set(job->err, EINVAL,
				 "'%s' has a digest, which is not known before the image is built "
				 "(give a tag)",
				 text);
	job->nreferences++;
	return 0;
}

/* -t, and the word behind --prog; else what the folder or the program is called. */
static int read_references(struct job *job, const char *word)
{
	const struct flag_texts *tags = &job->args->tag;
	struct reference_defaults defaults;
	int r = reference_defaults(job->arena, &defaults, job->err);

	job->references = arena_array(job->arena, tags->n + 1, sizeof(*job->references));
	if (r == 0 && word)
		r = add_reference(job, word, &defaults);
	for (size_t i = 0; i < tags->n && r == 0; i++)
		r = add_reference(job, tags->items[i], &defaults);
	if (r < 0 || job->nreferences)
		return r;
	r = add_reference(job, job->files.name, &defaults);
	if (r < 0)
		return error_set(job->err, EINVAL,
				 "an image cannot be named '%s' (name it with --tag)",
				 job->files.name);
	return 0;
}

/* Without the variable all builds are of one time: equal sources make equal images. */
static int read_epoch(struct job *job)
{
	const char *text = getenv("SOURCE_DATE_EPOCH");
	uint64_t seconds = 0;

	if (text && *text && (parse_uint(text, &seconds) < 0 || seconds > EPOCH_MAX))
		return error_set(job->err, EINVAL,
				 "SOURCE_DATE_EPOCH must be seconds since 1970, not '%s'", text);
	job->epoch = arena_printf(job->arena, "%llu", (unsigned long long)seconds);
	return 0;
}

static int read_files(struct job *job, const char *word)
{
	const struct args *args = job->args;

	if (args->prog)
		return build_files_of_program(job->arena, args->prog, args->definition, &job->files,
					      job->err);
	return build_files_of_folder(job->arena, word, args->file, &job->files, job->err);
}

/* ---- annotations ------------------------------------------------------------- */

static const char *created(const struct job *job)
{
	time_t seconds = (time_t)strtoull(job->epoch, NULL, 10);
	char text[32];
	struct tm tm;

	(void)gmtime_r(&seconds, &tm);
	(void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	return arena_strdup(job->arena, text);
}

static int set(struct job *job, const char *key, const char *value)
{
	return annotation_set(job->annotations, key, value, job->err);
}

/* The keys below `annotations:`, as they are written. */
static int set_from_yaml(struct job *job)
{
	const struct str *text = &job->build.config;
	const struct yaml_node *map;
	struct yaml_node *root;
	int r = yaml_parse(job->arena, job->files.metadata, text->at, text->len, &root, job->err);

	if (r < 0)
		return r;
	map = yaml_find(root, "annotations");
	for (size_t i = 0; map && map->kind == YAML_MAP && i < map->nitems; i++) {
		const struct yaml_node *item = &map->items[i];

		if (item->kind == YAML_LIST || item->kind == YAML_MAP)
			return error_at(job->err, EINVAL, item->pos,
					"annotation '%s' must be a text, not %s", item->key,
					yaml_describe(item));
		r = set(job, item->key, item->kind == YAML_SCALAR ? item->text : "");
		if (r < 0)
			return r;
	}
	return 0;
}

static int set_from_metadata(struct job *job)
{
	const struct metadata *md = job->metadata;
	const struct annotation said[] = {
		{ ANNOTATION_TITLE, md->name },
		{ ANNOTATION_DESCRIPTION, md->description },
		{ ANNOTATION_URL, md->homepage },
		{ ANNOTATION_DOCUMENTATION, metadata_text(md->root, "documentationURL") },
		{ ANNOTATION_SOURCE, md->source },
	};
	int r = 0;

	for (size_t i = 0; i < sizeof(said) / sizeof(*said) && r == 0; i++)
		r = set(job, said[i].key, said[i].value);
	return r < 0 ? r : set_from_yaml(job);
}

static const char *joined(struct arena *arena, const struct flag_texts *texts)
{
	const char *all = NULL;

	for (size_t i = 0; i < texts->n; i++)
		all = all ? arena_printf(arena, "%s, %s", all, texts->items[i]) : texts->items[i];
	return all;
}

static int set_from_flags(struct job *job)
{
	const struct args *args = job->args;
	const struct annotation said[] = {
		{ ANNOTATION_AUTHORS, joined(job->arena, &args->author) },
		{ ANNOTATION_TITLE, args->title },
		{ ANNOTATION_DESCRIPTION, args->description },
		{ ANNOTATION_URL, args->url },
		{ ANNOTATION_DOCUMENTATION, args->documentation },
		{ ANNOTATION_SOURCE, args->source },
		{ ANNOTATION_LICENSES, args->license },
	};
	int r = 0;

	for (size_t i = 0; i < sizeof(said) / sizeof(*said) && r == 0; i++)
		r = set(job, said[i].key, said[i].value);
	for (size_t i = 0; i < args->annotation.n && r == 0; i++) {
		const char *text = args->annotation.items[i], *equals = strchr(text, '=');

		if (!equals)
			return error_set(job->err, EINVAL,
					 "--annotation must be NAME=TEXT, not '%s'", text);
		r = set(job, arena_strndup(job->arena, text, (size_t)(equals - text)), equals + 1);
	}
	return r;
}

static int annotate(struct job *job)
{
	int r;

	job->annotations = arena_alloc(job->arena, sizeof(*job->annotations));
	r = set(job, ANNOTATION_CREATED, created(job));
	if (r == 0)
		r = set(job, ANNOTATION_BUILDER, "gadgetctl-" GADGETCTL_VERSION);
	if (r == 0 && job->metadata)
		r = set_from_metadata(job);
	if (r == 0)
		r = set_from_flags(job);
	if (r == 0)
		job->build.annotations = annotations_sorted(job->annotations);
	return r;
}

/* ---- steps ------------------------------------------------------------------- */

static void say(const char *line)
{
	(void)fprintf(stderr, "%s\n", line);
}

static void say_nothing(const char *line)
{
	(void)line;
}

static int read_metadata(struct job *job)
{
	const char *path = job->files.metadata;
	struct str *text = &job->build.config;
	size_t len = 0;
	int r;

	if (!path)
		return 0;
	r = file_read(job->arena, path, IMAGE_MAX_CONFIG, &text->at, &len, job->err);
	if (r == -ENOENT && job->args->update_metadata)
		return 0; /* it will be made */
	if (r < 0)
		return error_wrap(job->err, "cannot use '%s'", path);
	text->len = len;
	r = metadata_parse(job->arena, path, text->at, text->len, &job->metadata, job->err);
	if (r < 0)
		job->err->code = ENOEXEC;
	return r;
}

static int read_wasm(struct job *job)
{
	const char *path = job->files.wasm;
	struct str *bytes = &job->build.wasm;
	size_t len = 0;
	int r;

	if (!path)
		return 0;
	r = file_read(job->arena, path, IMAGE_MAX_PROGRAM, &bytes->at, &len, job->err);
	if (r == 0 && (len < 8 || memcmp(bytes->at, "\0asm", 4) != 0))
		r = error_set(job->err, ENOEXEC, "no wasm module");
	bytes->len = len;
	return r < 0 ? error_wrap(job->err, "cannot use '%s'", path) : 0;
}

static int compile(struct job *job)
{
	const char *include;
	int r = gadget_include_find(job->arena, job->args->include, &include, job->err);

	if (r < 0)
		return r;
	return build_compile(job->arena, &job->files, include, job->epoch, &job->objects,
			     job->args->quiet ? say_nothing : say, job->err);
}

/* Where the metadata is, or is to be. */
static int place_metadata(struct job *job)
{
	if (job->files.metadata || !job->args->update_metadata)
		return 0;
	if (job->args->prog)
		return error_set(job->err, EINVAL,
				 "which file is to be updated? (name it with --definition)");
	job->files.metadata = arena_printf(job->arena, "%s/" RECIPE_METADATA, job->files.folder);
	return 0;
}

static int update(struct job *job)
{
	const struct build_object *object = &job->objects.list[0];
	const char *path = job->files.metadata;
	const struct model *model;
	struct str text;
	uint32_t n;
	int r;

	if (!job->args->update_metadata)
		return 0;
	r = inspect_bytes(job->arena, job->files.name, (const uint8_t *)object->bytes.at,
			  object->bytes.len, job->metadata, &model, job->err);
	if (r < 0)
		return r;
	r = metadata_complete(job->arena, path, job->build.config, model, &text, &n, job->err);
	if (r < 0) {
		(void)fwrite(text.at, 1, text.len, stdout);
		return r;
	}
	if (n || !job->build.config.at)
		r = file_replace(path, text.at, text.len, job->err);
	if (r == 0 && !job->args->quiet)
		(void)fprintf(stderr, "added %u to '%s'\n", n, path);
	if (r == 0)
		r = read_metadata(job);
	return r < 0 ? r : annotate(job);
}

static void report(bool is_error, struct pos pos, const char *text)
{
	if (is_error)
		log_error("%s:%u:%u: %s", pos.file, pos.line, pos.col, text);
	else
		log_warn("%s:%u:%u: %s", pos.file, pos.line, pos.col, text);
}

static int check(struct job *job)
{
	bool is_strict = job->args->validate_metadata;
	struct error cannot = ERROR_INIT;
	int r = build_inspect(job->arena, job->files.name, is_strict ? job->metadata : NULL,
			      &job->objects, job->err);

	if (r == 0 && is_strict)
		r = build_check(job->arena, &job->objects, report, job->err);
	if (r == 0 && model_check(job->objects.list[0].model, &cannot) < 0)
		log_warn("this version cannot run it: %s", cannot.text);
	return r;
}

static int keep_objects(struct job *job)
{
	const char *folder = job->args->output;
	int r = 0;

	if (!folder)
		return 0;
	if (mkdir(folder, 0777) < 0 && errno != EEXIST)
		return error_set(job->err, errno, "making the folder '%s': %s", folder,
				 strerrordesc_np(errno));
	for (uint32_t i = 0; i < job->objects.n && r == 0; i++) {
		const struct build_object *object = &job->objects.list[i];

		r = file_replace(
			arena_printf(job->arena, "%s/%s.bpf.o", folder, object->architecture),
			object->bytes.at, object->bytes.len, job->err);
	}
	return r;
}

static int pack(struct job *job, struct descriptor *ret_top)
{
	struct store *store;
	int r = store_open(store_default_dir(job->arena), true, &store, job->err);

	if (r < 0)
		return r;
	for (uint32_t i = 0; i < job->objects.n; i++)
		job->build.parts[job->build.nparts++] = (struct build_part){
			.architecture = job->objects.list[i].architecture,
			.program = job->objects.list[i].bytes,
		};
	r = build_image(store, job->arena, &job->build, job->references, job->nreferences, ret_top,
			job->err);
	store_close(store);
	return r;
}

static void print_result(const struct job *job, const struct descriptor *top)
{
	if (job->args->quiet)
		(void)puts(top->digest);
	for (size_t i = 0; i < job->nreferences && !job->args->quiet; i++)
		(void)printf("Successfully built %s@%s\n",
			     reference_text(job->arena, &job->references[i]), top->digest);
}

static enum exit_status build(struct job *job)
{
	struct descriptor top = { 0 };

	if (place_metadata(job) < 0 || read_metadata(job) < 0 || read_wasm(job) < 0 ||
	    annotate(job) < 0 || compile(job) < 0 || update(job) < 0 || check(job) < 0 ||
	    keep_objects(job) < 0 || pack(job, &top) < 0)
		return exit_report(job->err, STATUS_FAILED);
	print_result(job, &top);
	return STATUS_OK;
}

/* ---- the command ------------------------------------------------------------- */

static int check_words(const struct args *args, const struct flags *flags, struct error *err)
{
	if (!args->prog && args->definition)
		return error_set(err, EINVAL, "--definition belongs to --prog");
	if (args->prog && args->file)
		return error_set(err, EINVAL, "--file belongs to a folder, not to --prog");
	if (args->prog && flags->nwords > 1)
		return error_set(err, EINVAL, "'%s' is one name too many (--tag gives others)",
				 flags->words[1]);
	if (!args->prog && !flags->nwords)
		return error_set(err, EINVAL, "which gadget? (give its folder; '.' is this one)");
	if (!args->prog && flags->nwords > 1)
		return error_set(err, EINVAL, "'%s' is one folder too many (--tag names the image)",
				 flags->words[1]);
	return 0;
}

static enum exit_status run(int argc, char *const *argv)
{
	struct arena arena = ARENA_INIT;
	struct flags flags = { .arena = &arena };
	struct args args = { .validate_metadata = true };
	struct error err = ERROR_INIT;
	struct job job = { .arena = &arena, .args = &args, .err = &err };
	enum exit_status status = STATUS_OK;
	const char *word;

	if (!command_read_flags(&command_build, &flags, argc, argv, &args, &status))
		goto out;
	word = flags.nwords ? flags.words[0] : NULL;
	if (check_words(&args, &flags, &err) < 0 || read_platforms(&job) < 0 ||
	    read_epoch(&job) < 0)
		status = command_misused(&command_build, &err);
	else if (read_files(&job, word) < 0)
		status = exit_report(&err, STATUS_FAILED);
	else if (read_references(&job, args.prog ? word : NULL) < 0)
		status = command_misused(&command_build, &err);
	else
		status = build(&job);
out:
	arena_release(&arena);
	return status;
}

const struct command command_build = {
	.name = "build",
	.usage = "PATH [-t REF] [flags] | --prog FILE --definition FILE REF [flags]",
	.summary = "Compile a gadget and pack it as an image",
	.help = "Compiles the program.bpf.c in the folder PATH with clang, for amd64 and arm64, checks\n"
		"the gadget.yaml against it, and puts both into the store as an image, which 'run'\n"
		"then finds by its name and 'push' uploads. A build.yaml in the folder may name\n"
		"other files. Equal sources make equal images: their time is SOURCE_DATE_EPOCH, or\n"
		"else 1970. Nothing is stored when anything fails. docs/images.md tells more.\n",
	.flags = flags_table,
	.run = run,
};
