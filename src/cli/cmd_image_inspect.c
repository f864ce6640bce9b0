/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image inspect: what an image holds.
 *
 * First what the image says of itself, which is read from its documents alone; then
 * the gadget in it, for one platform.  An image whose gadget cannot be used is shown
 * as far as it can be.
 */
#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "cli/images.h"
#include "cli/inspect_model.h"
#include "cli/text.h"
#include "gadget/object.h"
#include "oci/find_model.h"

struct args {
	const char *output, *platform, *extra_info;
};

static const struct flag flags_table[] = {
	FLAG_TEXT(struct args, output, 'o', "FORMAT", "How to print: text (default) or json."),
	FLAG_TEXT(struct args, platform, 0, "OS/ARCH",
		  "Look at this platform's part, such as 'linux/arm64', instead of this host's."),
	FLAG_TEXT(struct args, extra_info, 0, "KEY",
		  "Print one thing as it is: oci.manifest, oci.metadata, oci.repository, oci.tag, "
		  "oci.digest, oci.created, ebpf.sections, ebpf.maps, ebpf.programs or "
		  "ebpf.variables."),
	FLAG_END,
};

/* All that is known of an image; what could not be read is NULL or empty. */
struct view {
	const struct store *store;
	struct arena *arena;
	struct image image;
	const char *architecture;
	struct image_contents contents; /* for the architecture */
	const struct model *model;
	const char *hidden_by; /* the gadget's file that its short name stands for */
	const char *created;   /* or NULL */
	struct error problem;  /* why there is no model; code 0: there is one */
};

/* ---- finding out --------------------------------------------------------------- */

/* The file of a gadget in the folders that hides the image, or NULL. */
static const char *hidden_by(struct arena *arena, const struct reference *reference)
{
	const char *slash = strrchr(reference->path, '/');
	const char *name = slash ? slash + 1 : reference->path;
	struct error ignored = ERROR_INIT;
	struct gadget_place place;
	struct reference full;

	if (images_reference(arena, name, &full, &ignored) < 0 ||
	    strcmp(reference_text(arena, &full), reference_text(arena, reference)) != 0)
		return NULL;
	return gadget_find_name(arena, name, &place, NULL) == 0 ? place.object : NULL;
}

static int look(struct view *v, const char *what, struct error *err)
{
	struct found_gadget found;
	int64_t at;
	int r = find_image(v->store, v->arena, what, &v->image, err);

	if (r < 0)
		return r;
	r = image_open(v->store, v->arena, &v->image.top, v->architecture, &v->contents, err);
	if (r == -ENOEXEC)
		(void)error_add(err, " (choose with --platform)");
	if (r < 0)
		return error_wrap(err, "image '%s'", reference_text(v->arena, &v->image.reference));
	if (image_created(v->store, &v->image.top, &at))
		v->created = images_time(v->arena, at);
	v->hidden_by = hidden_by(v->arena, &v->image.reference);
	if (find_image_model(v->store, v->arena, &v->image, v->architecture, NULL, &found,
			     &v->problem) == 0)
		v->model = found.model;
	return 0;
}

static const struct annotations *annotations_of(const struct view *v)
{
	return v->contents.index && v->contents.index->annotations.n
		       ? &v->contents.index->annotations
		       : &v->contents.manifest->annotations;
}

/* ---- as text ---------------------------------------------------------------------- */

static void print_platforms(const struct view *v)
{
	const struct document *index = v->contents.index;

	if (!index)
		return;
	(void)printf("  platforms  ");
	for (uint32_t i = 0; i < index->nitems; i++)
		(void)printf("%s%s/%s%s", i ? ", " : "",
			     text_clean(v->arena, index->items[i].os ? index->items[i].os : "?"),
			     text_clean(v->arena, index->items[i].architecture
							  ? index->items[i].architecture
							  : "?"),
			     store_has(v->store, &index->items[i]) ? "" : " (not pulled)");
	(void)putchar('\n');
}

static void print_layer(const struct view *v, const char *what, const struct descriptor *d,
			bool is_used)
{
	char size[32];

	(void)printf("  %-10s %s  %8s  %s%s\n", what, d->digest,
		     images_size(d->size, size, sizeof(size)), text_clean(v->arena, d->media_type),
		     !store_has(v->store, d) ? " (missing)"
		     : is_used               ? ""
					     : " (not used by this version)");
}

static void print_layers(const struct view *v)
{
	(void)printf("\nLayers for %s:\n", v->architecture);
	if (v->contents.config)
		print_layer(v, "metadata", v->contents.config, true);
	for (uint32_t i = 0; i < v->contents.nlayers; i++) {
		const struct image_layer *layer = &v->contents.layers[i];
		const char *what = layer->what == layer->blob.media_type ? "other" : layer->what;

		print_layer(v, what, &layer->blob, layer->is_used);
	}
}

static void print_text(const struct view *v)
{
	const struct annotations *annotations = annotations_of(v);

	(void)printf("%s\n  digest     %s\n", reference_text(v->arena, &v->image.reference),
		     v->image.top.digest);
	if (v->created)
		(void)printf("  created    %s\n", v->created);
	print_platforms(v);
	if (v->hidden_by)
		(void)printf("  hidden by  %s (the short name stands for that file)\n",
			     text_clean(v->arena, v->hidden_by));
	if (annotations->n)
		(void)puts("\nAnnotations:");
	for (uint32_t i = 0; i < annotations->n; i++)
		(void)printf("  %s: %s\n", text_clean(v->arena, annotations->list[i].key),
			     text_clean(v->arena, annotations->list[i].value));
	print_layers(v);
	if (!v->model)
		return;
	(void)putchar('\n');
	inspect_model_print(v->model, v->arena);
}

/* ---- as JSON ------------------------------------------------------------------------ */

static json_t *platforms_json(const struct view *v)
{
	const struct document *index = v->contents.index;
	json_t *all = json_array();

	for (uint32_t i = 0; index && i < index->nitems; i++)
		(void)json_array_append_new(all, json_pack("{ss? ss? ss sb}", "architecture",
							   index->items[i].architecture, "os",
							   index->items[i].os, "digest",
							   index->items[i].digest, "pulled",
							   store_has(v->store, &index->items[i])));
	return all;
}

static json_t *layer_json(const char *what, const struct descriptor *d, bool is_used)
{
	return json_pack("{ss ss ss sI sb}", "what", what, "media_type", d->media_type, "digest",
			 d->digest, "size", (json_int_t)d->size, "used", is_used);
}

static json_t *layers_json(const struct view *v)
{
	json_t *all = json_array();

	if (v->contents.config)
		(void)json_array_append_new(all, layer_json("metadata", v->contents.config, true));
	for (uint32_t i = 0; i < v->contents.nlayers; i++) {
		const struct image_layer *layer = &v->contents.layers[i];

		(void)json_array_append_new(all,
					    layer_json(layer->what, &layer->blob, layer->is_used));
	}
	return all;
}

static json_t *annotations_json(const struct annotations *annotations)
{
	json_t *all = json_object();

	for (uint32_t i = 0; i < annotations->n; i++)
		(void)json_object_set_new(all, annotations->list[i].key,
					  json_string(annotations->list[i].value));
	return all;
}

static void print_value(json_t *value)
{
	(void)json_dumpf(value, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY);
	(void)putchar('\n');
	json_decref(value);
}

static void print_json(const struct view *v)
{
	json_t *root =
		json_pack("{ss ss ss? so so ss so}", "reference",
			  reference_text(v->arena, &v->image.reference), "digest",
			  v->image.top.digest, "created", v->created, "platforms",
			  platforms_json(v), "annotations", annotations_json(annotations_of(v)),
			  "architecture", v->architecture, "layers", layers_json(v));

	/* A path may be no UTF-8; then it is left out. */
	(void)json_object_set_new(root, "hidden_by",
				  v->hidden_by ? json_string(v->hidden_by) : json_null());
	(void)json_object_set_new(root, "gadget",
				  v->model ? inspect_model_json(v->model, v->arena) : json_null());
	print_value(root);
}

/* ---- one thing ------------------------------------------------------------------------- */

static int print_blob(const struct view *v, const struct descriptor *d, struct error *err)
{
	struct str bytes = { 0 };
	int r = d ? store_read(v->store, v->arena, d, IMAGE_MAX_CONFIG, &bytes, err)
		  : error_set(err, ENOENT, "the image has no metadata");

	if (r == 0)
		(void)fwrite(bytes.at, 1, bytes.len, stdout);
	return r;
}

/* Part of what inspect says of the model. */
static int print_part(const struct view *v, const char *key)
{
	json_t *root = inspect_model_json(v->model, v->arena);

	print_value(json_incref(json_object_get(root, key)));
	json_decref(root);
	return 0;
}

static int print_sections(const struct view *v, struct error *err)
{
	json_t *all = json_array();
	struct object object;
	int r = object_parse(v->arena, v->model->bytes, v->model->size, &object, err);

	for (uint32_t i = 0; r == 0 && i < object.nsections; i++)
		if (*object.sections[i].name)
			(void)json_array_append_new(
				all, json_pack("{ss sI}", "name", object.sections[i].name, "bytes",
					       (json_int_t)object.sections[i].size));
	print_value(all);
	return r;
}

static int print_extra(const struct view *v, const char *key, struct error *err)
{
	const struct reference *reference = &v->image.reference;

	if (!strcmp(key, "oci.manifest"))
		return print_blob(v, &v->contents.manifest_blob, err);
	if (!strcmp(key, "oci.metadata"))
		return print_blob(v, v->contents.config, err);
	if (!strcmp(key, "oci.repository"))
		return puts(reference_name(v->arena, reference)) < 0 ? -EIO : 0;
	if (!strcmp(key, "oci.tag"))
		return puts(reference->tag ? reference->tag : "") < 0 ? -EIO : 0;
	if (!strcmp(key, "oci.digest"))
		return puts(v->image.top.digest) < 0 ? -EIO : 0;
	if (!strcmp(key, "oci.created"))
		return puts(v->created ? v->created : "") < 0 ? -EIO : 0;
	if (strncmp(key, "ebpf.", strlen("ebpf.")) != 0)
		return -EINVAL;
	if (!v->model) {
		*err = v->problem;
		return -err->code;
	}
	key += strlen("ebpf.");
	if (!strcmp(key, "sections"))
		return print_sections(v, err);
	if (!strcmp(key, "variables"))
		return print_part(v, "params");
	if (!strcmp(key, "maps") || !strcmp(key, "programs"))
		return print_part(v, key);
	return -EINVAL;
}

/* ---- the command ------------------------------------------------------------------------- */

static enum exit_status print(const struct view *v, const struct args *args)
{
	struct error err = ERROR_INIT;
	int r = 0;

	if (args->extra_info) {
		r = print_extra(v, args->extra_info, &err);
		if (r == -EINVAL && !err.code) {
			(void)error_set(&err, EINVAL, "there is no extra info '%s'",
					args->extra_info);
			return command_misused(&command_image_inspect, &err);
		}
		return r < 0 && err.code ? exit_report(&err, STATUS_BAD_GADGET) : STATUS_OK;
	}
	if (!strcmp(args->output, "json"))
		print_json(v);
	else
		print_text(v);
	return v->model ? STATUS_OK : exit_report(&v->problem, STATUS_BAD_GADGET);
}

static int check_args(const struct args *args, const struct flags *flags,
		      const char **ret_architecture, struct error *err)
{
	const char *platform = args->platform;

	if (strcmp(args->output, "text") != 0 && strcmp(args->output, "json") != 0)
		return error_set(err, EINVAL, "--output must be text or json, not '%s'",
				 args->output);
	if (flags->nwords != 1)
		return error_set(err, EINVAL, "which image? (give one)");
	if (!platform) {
		*ret_architecture = image_host_architecture();
		return 0;
	}
	if (!strncmp(platform, "linux/", strlen("linux/")))
		platform += strlen("linux/");
	if (!*platform || strchr(platform, '/'))
		return error_set(err, EINVAL, "--platform must be such as 'linux/arm64', not '%s'",
				 args->platform);
	*ret_architecture = platform;
	return 0;
}

static enum exit_status run(int argc, char *const *argv)
{
	struct arena arena = ARENA_INIT;
	struct flags flags = { .arena = &arena };
	struct args args = { .output = "text" };
	struct view view = { .arena = &arena };
	struct error err = ERROR_INIT;
	enum exit_status status = STATUS_OK;
	struct store *store = NULL;

	if (!command_read_flags(&command_image_inspect, &flags, argc, argv, &args, &status))
		goto out;
	if (check_args(&args, &flags, &view.architecture, &err) < 0) {
		status = command_misused(&command_image_inspect, &err);
		goto out;
	}
	if (images_open(&arena, false, &store, &err) < 0) {
		status = exit_report(&err, STATUS_FAILED);
		goto out;
	}
	view.store = store;
	if (look(&view, flags.words[0], &err) < 0)
		status = exit_report(&err, STATUS_BAD_GADGET);
	else
		status = print(&view, &args);
out:
	store_close(store);
	arena_release(&arena);
	return status;
}

const struct command command_image_inspect = {
	.name = "image inspect",
	.usage = "IMAGE [flags]",
	.summary = "Show what an image holds",
	.help = "Shows the image's platforms, annotations and layers, and for one platform what\n"
		"'gadgetctl inspect' shows of a gadget. Nothing is loaded or pulled.\n"
		"\n"
		"  gadgetctl image inspect trace_open:latest\n"
		"  gadgetctl image inspect trace_open:latest --extra-info oci.metadata\n",
	.flags = flags_table,
	.run = run,
};
