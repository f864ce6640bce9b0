/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bind: which schemas reach a node, and what the node makes of each.
 *
 * Nodes are bound in order, inputs before their readers.  A node is bound once
 * for each distinct schema that can reach it; a name that no schema has is an
 * error with a suggestion, one that only some have is missing in the others.
 */
#ifndef ENGINE_BIND_H
#define ENGINE_BIND_H

#include "base/error.h"

struct node;

/* Parse buffer, retry and batch of a sink, and prepare its delivery. */
int bind_sink_options(struct node *node, struct error *err);

/* Open a source, or bind a stage or sink to every schema that reaches it. */
int bind_node(struct node *node, struct error *err);

/* Call visit for each field name in the node's options; a name may come twice. */
void bind_visit_names(const struct node *node,
		      void (*visit)(void *arg, const char *name, struct pos pos), void *arg);

#endif
