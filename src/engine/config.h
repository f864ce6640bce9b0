/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config: a pipeline file as a checked list of nodes.
 *
 *     sources:
 *       opens: { type: gadget, gadget: trace_open }
 *     stages:                       # or `transforms`
 *       failed: { type: filter, inputs: [opens], where: ret < 0 }
 *     sinks:
 *       out: { type: stdout, inputs: [failed] }
 *
 * Checked here: the shape of the file, known component types, ids ([a-z0-9_-],
 * unique over all sections), inputs that exist (`id`, `id.port`, `id.*`, globs
 * such as `trace_*`), no cycle, no source or stage that nothing reads, no sink or stage
 * without input.  Options are not looked at yet.
 *
 * In every scalar that is a value, `${VAR}` becomes the environment variable's
 * text, `${VAR:-text}` falls back to a text, `${VAR:?text}` fails with it, and
 * `$$` is a dollar sign.  It happens after the YAML was read, so what a variable
 * holds is always text and never structure.
 */
#ifndef ENGINE_CONFIG_H
#define ENGINE_CONFIG_H

#include "engine/books.h"
#include "engine/component.h"
#include "engine/registry.h"

enum { CONFIG_MAX_NODES = 256, CONFIG_MAX_ID = 64 };

struct config_node;

struct config_input {
	const struct config_node *from;
	const char *port; /* NULL: the first; "*": all */
	struct pos pos;
};

struct config_node {
	enum account_kind kind;
	const char *id;
	struct pos pos; /* of the id */
	union {
		const struct source_type *source;
		const struct stage_type *stage;
		const struct sink_type *sink;
	};
	const struct component *component; /* the head of the above */
	const struct yaml_node *map;       /* the node's options, with `type` and `inputs` */
	struct config_input *inputs;       /* globs expanded, no duplicates */
	size_t ninputs;
};

struct config {
	const char *path;          /* what messages call the file */
	const char *dir;           /* for relative paths in it */
	struct config_node *nodes; /* sources, then stages, inputs before users, then sinks */
	size_t nnodes;
};

/* Keys of a node that are not its component's options; NULL-terminated. */
extern const char *const config_source_keys[]; /* type */
extern const char *const config_stage_keys[];  /* type, inputs */
extern const char *const config_sink_keys[];   /* type, inputs, buffer, retry, batch */

/*
 * Check a parsed pipeline file.  `path` is where it came from ("-" for standard
 * input).  Everything lives in the arena.
 */
int config_read(struct arena *arena, const struct registry *registry, const char *path,
		const struct yaml_node *root, struct config **ret_config, struct error *err)
	__attribute__((warn_unused_result));

#endif
