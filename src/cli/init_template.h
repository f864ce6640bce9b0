/* SPDX-License-Identifier: Apache-2.0 */
/*
 * init_template: the files of a new gadget.
 *
 * A small tracer that works as it is: files that are deleted.  In the texts
 * @NAME@ stands for the gadget's name and @INCLUDE@ for the folder with our headers.
 */
#ifndef CLI_INIT_TEMPLATE_H
#define CLI_INIT_TEMPLATE_H

#include <stddef.h>

struct init_file {
	const char *name;
	const char *text;
};

/* Ends with a NULL name. */
extern const struct init_file init_files[];

#endif
