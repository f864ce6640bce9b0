/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tree: documents whose keys may be written nested or with dots.
 *
 * A tree is made of yaml_nodes (base/yaml.h) so that every value keeps its
 * place, but differs from what was parsed: no key has a dot (`a.b: 1` became
 * `a: {b: 1}`), and maps that are said in several places are one.  Keys keep the
 * case they were written in and are found without it.
 */
#ifndef GADGET_TREE_H
#define GADGET_TREE_H

#include "base/arena.h"
#include "base/error.h"
#include "base/yaml.h"

struct tree {
	struct arena *arena;
	uint32_t nnodes; /* made so far, at most METADATA_MAX_NODES */
	struct error *err;
};

/* What tree_put() does where there is a value already. */
enum tree_clash { TREE_REFUSE, TREE_KEEP, TREE_REPLACE };

/*
 * Put a value at a path below a map, made as needed.  Maps are merged.  -EINVAL
 * with the value's place where it is said twice and that is refused, or past a
 * limit of metadata.h.
 */
int tree_put(struct tree *tree, struct yaml_node *map, const char *path,
	     const struct yaml_node *value, enum tree_clash clash)
	__attribute__((warn_unused_result));

/* Put everything in a map below another. */
int tree_merge(struct tree *tree, struct yaml_node *map, const struct yaml_node *from,
	       enum tree_clash clash) __attribute__((warn_unused_result));

/*
 * What is at a dotted path below a map (which may be NULL): a map, or something
 * else.  NULL when there is none of that.
 */
struct yaml_node *tree_map(const struct yaml_node *map, const char *path);
struct yaml_node *tree_value(const struct yaml_node *map, const char *path);

/* A deep copy whose values may be changed; the texts are shared. */
int tree_copy(struct tree *tree, const struct yaml_node *from, struct yaml_node *ret_copy)
	__attribute__((warn_unused_result));

/* A scalar that stands where another node does. */
struct yaml_node tree_text(struct arena *arena, const struct yaml_node *at, const char *text);

#endif
