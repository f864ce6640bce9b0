/* SPDX-License-Identifier: Apache-2.0 */
/*
 * find: from what a user calls a gadget to its object file; where its headers are.
 *
 * What contains a '/' or ends in ".o" is a path, to an object file or to a
 * folder with a program.o.  Anything else is a name, looked up as
 * FOLDER/NAME/program.o in
 *
 *   1. the folders of $GADGETCTL_GADGET_PATH, separated by ':'
 *   2. bpf/ beside the executable (the build tree)
 *   3. ../lib/gadgetctl/gadgets/ from the executable's folder (installed)
 */
#ifndef GADGET_FIND_H
#define GADGET_FIND_H

#include "base/arena.h"
#include "base/error.h"

struct gadget_place {
	const char *name;   /* the gadget's: a folder's or file's name without .o, .bpf.o */
	const char *object; /* the file */
	const char *dir;    /* the folder it is in: gadget.yaml is looked for there */
};

/*
 * Find `what`; relative paths start at base_dir (NULL: the working directory).
 * -ENOENT says where it looked and what it thinks was meant.  Strings live in
 * the arena.
 */
int gadget_find(struct arena *arena, const char *what, const char *base_dir,
		struct gadget_place *ret_place, struct error *err)
	__attribute__((warn_unused_result));

/* By name only.  -ENOENT says where it looked, without a remedy. */
int gadget_find_name(struct arena *arena, const char *name, struct gadget_place *ret_place,
		     struct error *err) __attribute__((warn_unused_result));

/*
 * What somebody may have meant by a name that is no gadget's: "./name" when there is one of that
 * name in base_dir (NULL: the working directory), or the most similar name; NULL: who knows.
 */
const char *gadget_near(struct arena *arena, const char *name, const char *base_dir);

/*
 * Call visit for each gadget that can be found by name, once for a name, the
 * first place winning.
 */
void gadget_list(struct arena *arena,
		 void (*visit)(void *arg, const char *name, const char *object), void *arg);

/*
 * The folder that holds our headers, gadget/buffer.h and the others, in full: `given`, or
 * when that is NULL the one beside the executable, include/ (the build tree) or
 * ../include/ (installed).  -ENOENT says where it looked.
 */
int gadget_include_find(struct arena *arena, const char *given, const char **ret_folder,
			struct error *err) __attribute__((warn_unused_result));

#endif
