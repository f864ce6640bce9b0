/* SPDX-License-Identifier: Apache-2.0 */
/*
 * testcase: one test of a gadget, as its author wrote it.
 *
 *     test/NAME.yaml        what to do; the keys are testcase_options
 *     test/NAME.c           the workload, when no other command is named
 *     test/NAME.gadgetrec   what the gadget once recorded
 *     test/NAME.jsonl       what the workload printed then
 *
 * The workload does something the gadget must see and prints, as JSON, a line for
 * each record it expects.  Live, the gadget runs while the workload does, and its
 * records are compared with what was printed.  Replayed, the recording is compared
 * with the lines that were kept: anywhere, without privileges, and whatever has
 * become of the decoder since.
 */
#ifndef CLI_TESTCASE_H
#define CLI_TESTCASE_H

#include "base/arena.h"
#include "base/error.h"
#include "base/yaml.h"
#include "cli/exit.h"
#include "engine/option.h"

/* In the file. */
struct testcase_spec {
	const char *description;
	struct opt_strings workload;
	const struct yaml_node *params;
	struct expr *filter;
	int unexpected;
	int64_t timeout;
};

enum { TESTCASE_FAULT, TESTCASE_IGNORE }; /* .unexpected */

extern const struct opt testcase_options[];

struct testcase {
	struct testcase_spec spec;
	const char *name;                          /* NAME */
	const char *dir;                           /* the folder of its files */
	const char *file;                          /* dir/NAME.yaml */
	const char *gadget;                        /* what is run: a folder, an object or a name */
	const char *filter;                        /* text of the filter, or NULL */
	const char *source, *recording, *expected; /* paths, whether they exist or not */
};

/* Read and check test/NAME.yaml of a gadget. */
int testcase_read(struct arena *arena, const char *file, const char *gadget,
		  struct testcase *ret_case, struct error *err) __attribute__((warn_unused_result));

enum testcase_result { TESTCASE_PASSED, TESTCASE_FAILED, TESTCASE_SKIPPED };

/*
 * Run it live, and with `keep` make the files of the replay anew from it; or
 * replay it.  What went wrong is printed on standard output; *ret_note is a word
 * on the result: how many records, or why it was skipped.
 */
enum testcase_result testcase_live(const struct testcase *test, bool keep, struct arena *arena,
				   const char **ret_note);
enum testcase_result testcase_replay(const struct testcase *test, struct arena *arena,
				     const char **ret_note);

#endif
