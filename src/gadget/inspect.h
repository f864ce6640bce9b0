/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inspect: read a gadget's object file into a model.
 *
 * Needs no privileges and touches nothing but the file, and the kernel's BTF for
 * the names of its enums (kernel_enums.h).  The file is not
 * trusted: it is checked before anything believes a byte of it (object.h), and
 * what cannot be a gadget ends in one error.  Time and memory are bounded by
 * the limits in model.h.
 */
#ifndef GADGET_INSPECT_H
#define GADGET_INSPECT_H

#include "base/yaml.h"
#include "gadget/find.h"
#include "gadget/model.h"

/*
 * Read the file at place->object and, if there is one, the gadget.yaml beside it,
 * with the custom parameters among `wanted` (a map of parameters, or NULL) as they
 * are set there.  Errors: what open and read say, -ENOEXEC for everything that is
 * wrong with the files themselves, -EINVAL for a choice that is none.
 */
int inspect_file(struct arena *arena, const struct gadget_place *place,
		 const struct yaml_node *wanted, const struct model **ret_model, struct error *err)
	__attribute__((warn_unused_result));

/* A gadget's files, wherever they came from. */
struct gadget_parts {
	const char *name;          /* the gadget's */
	const char *path;          /* where it was found: model->path, and in messages */
	struct str object;         /* must live as long as the model */
	const char *metadata_name; /* what messages call the metadata */
	struct str metadata;       /* at NULL: there is none */
};

/* The same for files that somebody else has read. */
int inspect_parts(struct arena *arena, const struct gadget_parts *parts,
		  const struct yaml_node *wanted, const struct model **ret_model, struct error *err)
	__attribute__((warn_unused_result));

/* From memory, for a gadget that is to run here; bytes and metadata (NULL: none)
 * must live as long as the model. */
int inspect_bytes_here(struct arena *arena, const char *name, const uint8_t *bytes, size_t size,
		       const struct metadata *metadata, const struct model **ret_model,
		       struct error *err) __attribute__((warn_unused_result));

/* The same without a look at the kernel: enums are named as in the object. */
int inspect_bytes(struct arena *arena, const char *name, const uint8_t *bytes, size_t size,
		  const struct metadata *metadata, const struct model **ret_model,
		  struct error *err) __attribute__((warn_unused_result));

#endif
