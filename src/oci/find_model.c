/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/find_model.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"

/* ---- files or an image -------------------------------------------------------- */

static bool begins(const char *text, const char *with)
{
	return !strncmp(text, with, strlen(with));
}

static bool ends(const char *text, const char *with)
{
	size_t n = strlen(text), m = strlen(with);

	return n >= m && !strcmp(text + n - m, with);
}

bool find_is_path(struct arena *arena, const char *what, const char *base_dir)
{
	if (begins(what, "/") || begins(what, "./") || begins(what, "../") || ends(what, "/") ||
	    ends(what, ".o") || !strcmp(what, ".") || !strcmp(what, ".."))
		return true;
	if (!strchr(what, '/'))
		return false;
	if (base_dir)
		what = arena_printf(arena, "%s/%s", base_dir, what);
	return access(what, F_OK) == 0;
}

static bool is_short(const char *what)
{
	return !what[strcspn(what, "/:@")];
}

bool find_is_files(struct arena *arena, const char *what, const char *base_dir)
{
	struct gadget_place place;

	if (!*what || find_is_path(arena, what, base_dir))
		return true;
	return is_short(what) && gadget_find_name(arena, what, &place, NULL) == 0;
}

static int use_files(struct arena *arena, const struct gadget_place *place,
		     const struct yaml_node *wanted, struct found_gadget *ret_found,
		     struct error *err)
{
	struct found_gadget found = { 0 };
	int r = inspect_file(arena, place, wanted, &found.model, err);

	if (r == 0)
		*ret_found = found;
	return r;
}

/* ---- an image ------------------------------------------------------------------ */

int find_image(const struct store *store, struct arena *arena, const char *what,
	       struct image *ret_image, struct error *err)
{
	struct reference_defaults defaults;
	struct error as_id = ERROR_INIT;
	struct reference reference;
	int r = reference_defaults(arena, &defaults, err), by_id;

	if (r < 0)
		return r;
	r = reference_parse(arena, what, &defaults, &reference, err);
	if (r == 0)
		r = store_resolve(store, arena, &reference, ret_image, err);
	if (r != -ENOENT && r != -EINVAL)
		return r;
	by_id = store_find_id(store, arena, what, ret_image, &as_id);
	if (by_id == 0)
		return 0;
	if (by_id == -EEXIST && err)
		*err = as_id;
	return by_id == -EEXIST ? by_id : r;
}

/* "wasm, BTF"; NULL when all can be used. */
static const char *unused_layers(struct arena *arena, const struct image_contents *c)
{
	const char *text = NULL;

	for (uint32_t i = 0; i < c->nlayers && i < 16; i++)
		if (!c->layers[i].is_used)
			text = text ? arena_printf(arena, "%s, %.100s", text, c->layers[i].what)
				    : arena_printf(arena, "%.100s", c->layers[i].what);
	return text;
}

static int read_parts(const struct store *store, struct arena *arena,
		      const struct image_contents *c, struct gadget_parts *parts, struct error *err)
{
	int r;

	if (!c->program)
		return error_set(err, ENOEXEC, "the image has no eBPF layer%s%s%s",
				 c->nlayers ? " (it has: " : "",
				 c->nlayers ? unused_layers(arena, c) : "", c->nlayers ? ")" : "");
	r = store_read(store, arena, c->program, IMAGE_MAX_PROGRAM, &parts->object, err);
	if (r < 0)
		return error_wrap(err, "the eBPF layer");
	if (!c->config)
		return 0;
	r = store_read(store, arena, c->config, IMAGE_MAX_CONFIG, &parts->metadata, err);
	return r < 0 ? error_wrap(err, "the metadata") : 0;
}

/* Of "ghcr.io/gadgets/trace_open" it is "trace_open". */
static const char *name_of(const struct reference *reference)
{
	const char *slash = strrchr(reference->path, '/');

	return slash ? slash + 1 : reference->path;
}

static const char *full_name(struct arena *arena, const struct image *image)
{
	struct reference reference = image->reference;

	reference.digest = image->top.digest;
	return reference_text(arena, &reference);
}

/* Whatever is wrong with it, callers see one code; what is missing can be pulled. */
static int no_image(struct arena *arena, const struct image *image, int code, struct error *err)
{
	if (code == -ENOENT)
		(void)error_add(err, " (pull the image again)");
	(void)error_wrap(err, "cannot use image '%s'", reference_text(arena, &image->reference));
	if (err && code != -EACCES && code != -EPERM && code != -EIO)
		err->code = ENOEXEC;
	return err ? -err->code : -ENOEXEC;
}

int find_image_model(const struct store *store, struct arena *arena, const struct image *image,
		     const char *architecture, const struct yaml_node *wanted,
		     struct found_gadget *ret_found, struct error *err)
{
	struct gadget_parts parts = { .name = name_of(&image->reference),
				      .path = full_name(arena, image) };
	struct found_gadget found = { .image = arena_memdup(arena, image, sizeof(*image)) };
	struct image_contents contents;
	int r = image_open(store, arena, &image->top, architecture, &contents, err);

	if (r == 0)
		r = read_parts(store, arena, &contents, &parts, err);
	if (r < 0)
		return no_image(arena, image, r, err);
	parts.metadata_name =
		arena_printf(arena, "%s:gadget.yaml", reference_text(arena, &image->reference));
	r = inspect_parts(arena, &parts, wanted, &found.model, err);
	if (r < 0)
		return r;
	found.unused = unused_layers(arena, &contents);
	*ret_found = found;
	return 0;
}

static int no_such(struct arena *arena, const char *what, const char *base_dir, const char *dir,
		   struct error *err)
{
	struct gadget_place place;
	bool is_name = is_short(what) && gadget_find_name(arena, what, &place, err) < 0;
	const char *near = is_name ? gadget_near(arena, what, base_dir) : NULL;
	struct reference_defaults defaults;
	struct error why = ERROR_INIT;
	struct reference reference;
	int r = reference_defaults(arena, &defaults, &why);

	if (r == 0)
		r = reference_parse(arena, what, &defaults, &reference, &why);
	if (r < 0 && !is_name)
		return error_set(err, ENOENT, "%s", why.text);
	if (!is_name)
		(void)error_set(err, ENOENT, "no image '%s' in '%s'",
				reference_text(arena, &reference), dir);
	else if (r == 0)
		(void)error_add(err, ", and no image '%s' in '%s'",
				reference_text(arena, &reference), dir);
	if (near)
		return error_add(err, " (did you mean '%s'?)", near);
	if (!is_name)
		return error_add(err, " (get it with 'gadgetctl pull %s'; a path begins with './')",
				 what);
	return error_add(err, " (a path begins with './' or ends in .o)");
}

static int find_in_store(struct arena *arena, const char *what, const char *base_dir,
			 const struct yaml_node *wanted, struct found_gadget *ret_found,
			 struct error *err)
{
	const char *dir = store_default_dir(arena);
	struct store *store = NULL;
	struct image image;
	int r = store_open(dir, false, &store, err);

	if (r == -ENOENT)
		return no_such(arena, what, base_dir, dir, err);
	if (r < 0)
		return r;
	r = find_image(store, arena, what, &image, err);
	if (r == -ENOENT || r == -EINVAL)
		r = no_such(arena, what, base_dir, dir, err);
	else if (r == 0)
		r = find_image_model(store, arena, &image, image_host_architecture(), wanted,
				     ret_found, err);
	store_close(store);
	return r;
}

int find_model(struct arena *arena, const char *what, const char *base_dir,
	       const struct yaml_node *wanted, struct found_gadget *ret_found, struct error *err)
{
	struct gadget_place place;
	int r;

	if (!*what)
		return error_set(err, EINVAL, "a gadget needs a name");
	if (find_is_path(arena, what, base_dir)) {
		/* A path for gadget_find() has a '/' or ends in .o: all of these do. */
		r = gadget_find(arena, what, base_dir, &place, err);
		return r < 0 ? r : use_files(arena, &place, wanted, ret_found, err);
	}
	if (is_short(what) && gadget_find_name(arena, what, &place, NULL) == 0)
		return use_files(arena, &place, wanted, ret_found, err);
	return find_in_store(arena, what, base_dir, wanted, ret_found, err);
}
