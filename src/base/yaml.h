/* SPDX-License-Identifier: Apache-2.0 */
/*
 * yaml: one reader for every document a user or an image brings.
 *
 * libyaml's events become a small tree of nodes that keep their place in the
 * text, so that every later complaint can name file:line:col.  JSON is a subset
 * of YAML, so JSON documents work too.  The reader is strict where YAML is
 * treacherous: duplicate keys, more than one document, tags, and keys that are
 * not plain text are errors; scalars stay text, and whoever wants a number or a
 * bool parses it (so `no` is the word "no").  Nothing, `~` and `null` without
 * quotes are YAML_NULL.  Limits: YAML_MAX_BYTES of input,
 * YAML_MAX_DEPTH levels, YAML_MAX_NODES nodes; aliases are refused.
 */
#ifndef BASE_YAML_H
#define BASE_YAML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"

enum { YAML_MAX_BYTES = 4 << 20, YAML_MAX_DEPTH = 64, YAML_MAX_NODES = 100000 };

enum yaml_kind { YAML_NULL, YAML_SCALAR, YAML_LIST, YAML_MAP };

struct yaml_node {
	enum yaml_kind kind;
	bool quoted;     /* a scalar in quotes (or | or >): text even if it looks like a number */
	struct pos pos;  /* of the value */
	const char *key; /* set in the items of a map */
	struct pos key_pos;
	const char *text;    /* scalar: NUL-terminated, without NULs inside */
	struct pos text_pos; /* scalar: of the first character inside the quotes */
	const char *shown;   /* scalar: the text in quotes, cut, for messages */
	size_t nitems;
	struct yaml_node *items; /* list or map, in the order written */
};

/*
 * Parse text (len bytes).  `name` is what messages call the file.  Nodes live
 * in the arena.  An empty document is a YAML_NULL root.
 */
int yaml_parse(struct arena *arena, const char *name, const char *text, size_t len,
	       struct yaml_node **ret_root, struct error *err) __attribute__((warn_unused_result));

/*
 * Read the file, "-" for standard input, and parse it.  The error's code is
 * EINVAL for what is wrong inside, else what open or read said.
 */
int yaml_load(struct arena *arena, const char *path, struct yaml_node **ret_root, struct error *err)
	__attribute__((warn_unused_result));

/* The value under key, or NULL.  The node may be NULL or no map. */
const struct yaml_node *yaml_find(const struct yaml_node *map, const char *key);

/* "a list", "a map", "'text'", "nothing": for messages that say what was found. */
const char *yaml_describe(const struct yaml_node *node);

#endif
