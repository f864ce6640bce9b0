/* SPDX-License-Identifier: Apache-2.0 */
/*
 * recipe: which files of a folder make a gadget, by its build.yaml.
 *
 *     ebpfsource: program.bpf.c     # the default
 *     metadata: gadget.yaml         # the default
 *     wasm: program.wasm            # none by default
 *     cflags: -DMORE -Iinclude      # words, or a list
 *
 * Every key may be left out, and so may the file.  A folder may come from a
 * stranger, and building it should do no more than compile: only flags that
 * define macros, add folders of headers, and choose warnings and code generation
 * are taken.
 */
#ifndef GADGET_RECIPE_H
#define GADGET_RECIPE_H

#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/yaml.h"

#define RECIPE_FILE     "build.yaml"
#define RECIPE_SOURCE   "program.bpf.c"
#define RECIPE_METADATA "gadget.yaml"

enum { RECIPE_MAX_FLAGS = 32 };

/* Files as written, from the folder; NULL where the recipe says nothing. */
struct recipe {
	const char *source, *metadata, *wasm;
	const char *flags[RECIPE_MAX_FLAGS];
	size_t nflags;
};

/* Read a parsed build.yaml.  -EINVAL with the place. */
int recipe_read(struct arena *arena, const struct yaml_node *root, struct recipe *ret_recipe,
		struct error *err) __attribute__((warn_unused_result));

#endif
