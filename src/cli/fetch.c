/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/fetch.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "base/yaml.h"
#include "cli/images.h"
#include "cli/registry_flags.h"
#include "oci/find_model.h"

int fetch_parse(const char *text, enum fetch *ret_when, struct error *err)
{
	static const char *const names[] = {
		[FETCH_MISSING] = "missing",
		[FETCH_ALWAYS] = "always",
		[FETCH_NEVER] = "never",
	};

	if (!text)
		text = names[FETCH_MISSING];
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strcmp(text, names[i])) {
			*ret_when = (enum fetch)i;
			return 0;
		}
	return error_set(err, EINVAL, "--pull must be missing, always or never, not '%s'", text);
}

/* ---- one image -------------------------------------------------------------------- */

/*
 * What to pull for a word; false when there is nothing to pull: it is no name of an
 * image, and whoever runs it will say so, or it is there.
 */
static bool is_wanted(const struct store *store, struct arena *arena, const char *what,
		      enum fetch when, struct reference *ret_reference)
{
	struct error ignored = ERROR_INIT;
	struct image image;
	bool is_name = images_reference(arena, what, ret_reference, &ignored) == 0,
	     is_there = find_image(store, arena, what, &image, &ignored) == 0;

	if (!is_there)
		return is_name;
	if (when == FETCH_MISSING &&
	    image_is_complete(store, &image.top, image_host_architecture()))
		return false;
	/* An id is a name of nothing that a registry knows. */
	is_name = is_name && store_resolve(store, arena, ret_reference, &image, &ignored) == 0;
	if (!is_name && when == FETCH_ALWAYS)
		return false;
	if (!is_name)
		*ret_reference = image.reference;
	return true;
}

static void explain(struct arena *arena, const char *what, const char *dir,
		    const struct reference *reference, struct error *err)
{
	struct error why = *err;
	struct gadget_place place;
	const char *near;

	if (what[strcspn(what, "/:@")] || gadget_find_name(arena, what, &place, err) == 0) {
		(void)error_wrap(err, "cannot pull '%s'", reference_text(arena, reference));
		return;
	}
	near = gadget_near(arena, what, dir);
	(void)error_add(err, ", and cannot pull '%s': %s", reference_text(arena, reference),
			why.text);
	if (near)
		(void)error_add(err, " (did you mean '%s'?)", near);
	err->code = near ? ENOENT : why.code; /* most likely a slip of the hand */
}

static int pull(struct store *store, struct arena *arena, const char *what, const char *dir,
		const struct reference *reference, struct error *err)
{
	const struct registry_flags none = { 0 };
	struct transfer_options options = { 0 };
	struct transfer_result result;
	int r = registry_flags_take(&none, arena, &options.registry, err);

	if (r < 0)
		return r;
	registry_show_progress(&options);
	r = transfer_pull(store, arena, reference, &options, &result, err);
	registry_end_progress(&options);
	if (r < 0)
		explain(arena, what, dir, reference, err);
	else
		log_info("pulled %s@%s", reference_text(arena, reference), result.top.digest);
	return r;
}

static int fetch(struct store **store, struct arena *arena, const char *what, const char *dir,
		 enum fetch when, struct error *err)
{
	struct reference reference;

	if (!*store) {
		int r = images_open(arena, true, store, err);

		if (r < 0)
			return r;
	}
	return is_wanted(*store, arena, what, when, &reference)
		       ? pull(*store, arena, what, dir, &reference, err)
		       : 0;
}

/* ---- all of a configuration ---------------------------------------------------------- */

static const char *gadget_of(const struct config_node *node)
{
	const struct yaml_node *gadget;

	if (node->kind != ACCOUNT_SOURCE || strcmp(node->component->name, "gadget") != 0)
		return NULL;
	gadget = yaml_find(node->map, "gadget");
	return gadget && gadget->kind == YAML_SCALAR ? gadget->text : NULL;
}

bool fetch_images(const struct config *config, enum fetch when, enum exit_status *ret_status)
{
	struct arena arena = ARENA_INIT;
	struct error err = ERROR_INIT;
	struct store *store = NULL;
	int r = 0;

	for (size_t i = 0; r == 0 && when != FETCH_NEVER && i < config->nnodes; i++) {
		const char *what = gadget_of(&config->nodes[i]);

		if (what && !find_is_files(&arena, what, config->dir))
			r = fetch(&store, &arena, what, config->dir, when, &err);
	}
	store_close(store);
	arena_release(&arena);
	if (r < 0)
		*ret_status = registry_report(&err);
	return r == 0;
}
