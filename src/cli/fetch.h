/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fetch: the images that a run needs, pulled before anything starts.
 */
#ifndef CLI_FETCH_H
#define CLI_FETCH_H

#include "cli/exit.h"
#include "engine/config.h"

#define FETCH_FLAG(T)                                                                     \
	FLAG_TEXT(T, pull, 0, "WHEN",                                                     \
		  "Fetch images from their registries: when they are missing (default), " \
		  "always, or never.")

enum fetch { FETCH_MISSING, FETCH_ALWAYS, FETCH_NEVER };

/* What --pull says; NULL is the default. */
int fetch_parse(const char *text, enum fetch *ret_when, struct error *err)
	__attribute__((warn_unused_result));

/*
 * Pull what the gadgets of a configuration are called by, where that is images and
 * `when` says so.  Gadgets that are files are never pulled.  False when the command
 * is to end with *ret_status: the error was printed.
 */
bool fetch_images(const struct config *config, enum fetch when, enum exit_status *ret_status);

#endif
