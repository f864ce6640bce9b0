/* SPDX-License-Identifier: Apache-2.0 */
/*
 * find_model: from what a user calls a gadget to its model.
 *
 * A gadget is files or an image.  In this order:
 *
 *   1. a path: what begins with '/', './' or '../', ends in '.o' or '/', is '.'
 *      or '..', or has a '/' in it and exists
 *   2. a name without '/', ':' and '@' that a folder of gadgets has (gadget/find.h)
 *   3. the name of an image in the store (reference.h says how it is filled in)
 *   4. the id of an image in the store: the beginning of its digest
 *
 * So a gadget in a folder hides the image that its short name stands for; the
 * image's full name leads to the image.
 *
 * An image is read for the host's architecture, and each part's digest is checked.
 */
#ifndef OCI_FIND_MODEL_H
#define OCI_FIND_MODEL_H

#include "gadget/inspect.h"
#include "oci/image.h"

struct found_gadget {
	const struct model *model; /* path: the file, or the full name with the digest */
	const struct image *image; /* NULL: files */
	/* Layers of the image that this version cannot use: "wasm, BTF"; or NULL. */
	const char *unused;
};

/* Whether it is a path and nothing else; relative ones start at base_dir (NULL: here). */
bool find_is_path(struct arena *arena, const char *what, const char *base_dir);

/* Whether it is a path, or a gadget in the folders: then no image is looked for. */
bool find_is_files(struct arena *arena, const char *what, const char *base_dir);

/*
 * Find and inspect, with the parameters among `wanted` (NULL: none) as they are set
 * there.  Errors: those of gadget_find() and inspect_file(); -ENOENT when there is
 * neither such a gadget nor such an image; -ENOEXEC for an image that cannot be used,
 * with the reason.
 */
int find_model(struct arena *arena, const char *what, const char *base_dir,
	       const struct yaml_node *wanted, struct found_gadget *ret_found, struct error *err)
	__attribute__((warn_unused_result));

/* The image of that name, or else of that id, in a store.  -ENOENT; -EEXIST: several. */
int find_image(const struct store *store, struct arena *arena, const char *what,
	       struct image *ret_image, struct error *err) __attribute__((warn_unused_result));

/* The model of an image that was found, for an architecture. */
int find_image_model(const struct store *store, struct arena *arena, const struct image *image,
		     const char *architecture, const struct yaml_node *wanted,
		     struct found_gadget *ret_found, struct error *err)
	__attribute__((warn_unused_result));

#endif
