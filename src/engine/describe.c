/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "engine/bind.h"
#include "engine/graph.h"

enum { NAMES_MAX = 32 };

/* Names of the node's options that one schema does not have. */
struct missing {
	const struct schema *schema;
	const char *names[NAMES_MAX];
	uint32_t n;
};

static void describe_fields(const struct schema *schema, FILE *out)
{
	for (uint32_t i = 0; i < schema->nfields; i++) {
		const struct field *f = &schema->fields[i];

		if (!(f->flags & FIELD_HIDDEN))
			(void)fprintf(out, "        %-24s %s\n", f->name,
				      type_name((enum type)f->type));
	}
}

static void describe_schema(const char *how, const struct schema *schema, FILE *out, int verbose)
{
	(void)fprintf(out, "    %-4s %s (of %s)\n", how, schema->event, schema->source);
	if (verbose > 1)
		describe_fields(schema, out);
}

static void add_missing(void *arg, const char *name, struct pos pos)
{
	struct missing *missing = arg;

	(void)pos;
	if (missing->n == NAMES_MAX || schema_find(missing->schema, name))
		return;
	for (uint32_t i = 0; i < missing->n; i++)
		if (!strcmp(missing->names[i], name))
			return;
	missing->names[missing->n++] = name;
}

static void describe_input(const struct node *node, const struct schema *schema, FILE *out,
			   int verbose)
{
	struct missing missing = { .schema = schema };

	describe_schema("in", schema, out, verbose);
	bind_visit_names(node, add_missing, &missing);
	for (uint32_t i = 0; i < missing.n; i++)
		(void)fprintf(out, "         has no %s: it is missing here\n", missing.names[i]);
}

static void describe_node(const struct node *node, FILE *out, int verbose)
{
	static const char *const kinds[] = { "source", "stage", "sink" };

	(void)fprintf(out, "%s %s: %s\n", kinds[node->config->kind], node->config->id,
		      node->config->component->name);
	for (const struct binding *b = node->bindings; b; b = b->next)
		describe_input(node, b->in, out, verbose);
	if (!node->bindings && node->config->kind != ACCOUNT_SOURCE)
		(void)fputs("    in   nothing: no record can get here\n", out);
	if (node->config->kind == ACCOUNT_SINK)
		return;
	for (const struct route *r = node->routes; r; r = r->next)
		describe_schema("out", r->schema, out, verbose);
	if (!node->routes)
		(void)fputs("    out  nothing\n", out);
}

void pipeline_describe(const struct pipeline *pipeline, FILE *out, int verbose)
{
	for (size_t i = 0; i < pipeline->nnodes; i++)
		describe_node(&pipeline->nodes[i], out, verbose);
}
