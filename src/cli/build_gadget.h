/* SPDX-License-Identifier: Apache-2.0 */
/*
 * build_gadget: from a folder to what goes into an image: which files, compiled for
 * each architecture, and checked.
 */
#ifndef CLI_BUILD_GADGET_H
#define CLI_BUILD_GADGET_H

#include "gadget/compiler.h"
#include "gadget/model.h"
#include "gadget/recipe.h"

/* What a gadget is made of, as the user and its build.yaml say. */
struct build_files {
	const char *folder;   /* in full: where the compiler runs */
	const char *name;     /* of the gadget, if nobody gives it another */
	const char *source;   /* in the folder, or a full path */
	const char *metadata; /* path, or NULL: there is none */
	const char *wasm;     /* path, or NULL */
	struct recipe recipe;
};

/*
 * The files of a folder, by its build.yaml, or `recipe` (in the folder) instead of
 * that one; or of --prog and --definition (NULL: none).
 */
int build_files_of_folder(struct arena *arena, const char *folder, const char *recipe,
			  struct build_files *ret_files, struct error *err)
	__attribute__((warn_unused_result));
int build_files_of_program(struct arena *arena, const char *program, const char *definition,
			   struct build_files *ret_files, struct error *err)
	__attribute__((warn_unused_result));

/* A gadget's object for an architecture. */
struct build_object {
	const char *architecture;
	struct str bytes;
	const struct model *model; /* once it is inspected */
};

struct build_objects {
	struct build_object list[COMPILER_ARCHITECTURES];
	uint32_t n;
};

/*
 * Compile for the architectures of the list, in a temporary folder that is gone
 * afterwards, also when a signal ends the compiler.  `say` is called with what is
 * being done.
 */
int build_compile(struct arena *arena, const struct build_files *files, const char *include,
		  const char *epoch, struct build_objects *objects, void (*say)(const char *line),
		  struct error *err) __attribute__((warn_unused_result));

/*
 * Inspect the objects with the metadata (NULL: none): they must be gadgets, with
 * the same data sources.  -ENOEXEC.
 */
int build_inspect(struct arena *arena, const char *name, const struct metadata *metadata,
		  struct build_objects *objects, struct error *err)
	__attribute__((warn_unused_result));

/*
 * Hold the metadata against the inspected objects.  `report` gets every finding
 * once.  -ENOEXEC when there is an error among them.
 */
int build_check(struct arena *arena, const struct build_objects *objects,
		void (*report)(bool is_error, struct pos pos, const char *text), struct error *err)
	__attribute__((warn_unused_result));

#endif
