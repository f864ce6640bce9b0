/* SPDX-License-Identifier: Apache-2.0 */
/*
 * oneliner: `gadgetctl run NAME --flags` as a pipeline file.
 *
 * The text is what --print-config prints and what is then parsed, so a one-liner
 * can do nothing that a file cannot.  Each value from the command line stands on
 * a line of its own; oneliner_place() uses that to make errors point into the
 * flag the user wrote instead of a file nobody has seen.
 */
#ifndef CLI_ONELINER_H
#define CLI_ONELINER_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/yaml.h"

struct oneliner_param {
	const char *flag; /* as errors name it: "--pid" */
	const char *key, *value;
};

struct oneliner {
	const char *gadget; /* a name or a path */
	const char *replay; /* instead: a recording */
	const char *speed;  /* of a replay, or NULL */
	const char *codec;
	const char *record;   /* instead of printing: the recording to write, from all outputs */
	const char *existing; /* what to do with one that is there, or NULL */
	const char *level;    /* of its compression, or NULL */
	const char *filter;   /* or NULL */
	const char *fields;   /* "a,b,c", or NULL */
	uint64_t count;       /* 0: no limit */
	const struct oneliner_param *params;
	size_t nparams;
};

/* Where a line of the text came from. */
struct oneliner_line {
	const char *flag; /* NULL: from no flag, or from the gadget's name */
	bool has_text;    /* columns within the flag's text mean something */
	uint32_t col;     /* where the line's value begins in the flag's text */
};

struct oneliner_text {
	const char *text;
	size_t len;
	const struct oneliner_line *lines; /* by line number - 1 */
	size_t nlines;
};

/*
 * Only the sink of a recording, as a pipeline file's section: it reads all sources that
 * stand beside it.  Its id is not one of theirs.
 */
int oneliner_make_recorder(const struct oneliner *oneliner, const char *id, struct arena *arena,
			   struct oneliner_text *ret_text, struct error *err)
	__attribute__((warn_unused_result));

/* Make the text.  -EINVAL: a parameter is given twice, or it is all too long. */
int oneliner_make(const struct oneliner *oneliner, struct arena *arena,
		  struct oneliner_text *ret_text, struct error *err)
	__attribute__((warn_unused_result));

/* Make all places in the tree, or one in an error, those of the flags. */
void oneliner_place(const struct oneliner_text *text, struct yaml_node *root);
void oneliner_place_error(const struct oneliner_text *text, struct error *err);

#endif
