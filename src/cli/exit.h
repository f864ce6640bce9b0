/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exit: what the program's exit status means, as one table.
 *
 * The numbers above 63 are those of sysexits.h where it has one that fits.
 */
#ifndef CLI_EXIT_H
#define CLI_EXIT_H

#include "base/error.h"

/* X(enum name, status, what it means) */
#define EXIT_LIST(X)                                                                           \
	X(OK, 0,                                                                               \
	  "Everything asked for was done; also after Ctrl-C, SIGTERM, --timeout and --count, " \
	  "and when the reader of the output went away.")                                      \
	X(FAILED, 1, "The run failed for a reason that has no number of its own.")             \
	X(USAGE, 2,                                                                            \
	  "The command line is wrong; also a filter, field or parameter that was given as a "  \
	  "flag.")                                                                             \
	X(LOSS, 3, "Records were lost or dropped, and --fail-on-loss was given.")              \
	X(BAD_GADGET, 65,                                                                      \
	  "A gadget's object file, its gadget.yaml or its image, or a recording, is broken.")  \
	X(NOT_FOUND, 66, "A file, a gadget or an image does not exist.")                       \
	X(UNREACHABLE, 69, "An image registry cannot be reached, or does not work.")           \
	X(UNBALANCED, 70,                                                                      \
	  "The books do not balance: records went astray uncounted, which is a bug in this "   \
	  "program.")                                                                          \
	X(UNSUPPORTED, 71, "The kernel lacks something that is needed.")                       \
	X(IO, 74, "Output could not be written, for example because the disk is full.")        \
	X(NO_PERMISSION, 77, "Not allowed (try as root, or with CAP_BPF and CAP_PERFMON).")    \
	X(BAD_CONFIG, 78, "A pipeline file is wrong.")

enum exit_status {
#define X(id, status, help) STATUS_##id = (status),
	EXIT_LIST(X)
#undef X
};

/* The status for an error; `otherwise` for codes that mean nothing in particular. */
enum exit_status exit_status_of(const struct error *err, enum exit_status otherwise);

/* Print "gadgetctl: error: ..." on stderr, and return exit_status_of() it. */
enum exit_status exit_report(const struct error *err, enum exit_status otherwise);

#endif
