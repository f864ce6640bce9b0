/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/bind.h"

#include <errno.h>
#include <string.h>

#include "base/suggest.h"
#include "engine/graph.h"
#include "expr/expr.h"

/* ---- what components ask of the engine -------------------------------- */

struct arena *source_arena(struct source *source)
{
	return &source->node->arena;
}

struct uv_loop_s *source_loop(struct source *source)
{
	return source->node->pipeline->options.loop;
}

struct clock *source_clock(struct source *source)
{
	return source->node->pipeline->options.clock;
}

const char *source_id(struct source *source)
{
	return source->node->config->id;
}

const char *source_host(struct source *source)
{
	return source->node->pipeline->options.host;
}

const struct origin *source_origin(struct source *source)
{
	return &source->origin;
}

const char *source_dir(struct source *source)
{
	return source->node->pipeline->config->dir;
}

struct arena *sink_arena(struct sink *sink)
{
	return &sink->node->arena;
}

struct uv_loop_s *sink_loop(struct sink *sink)
{
	return sink->node->pipeline->options.loop;
}

struct clock *sink_clock(struct sink *sink)
{
	return sink->node->pipeline->options.clock;
}

const char *sink_id(struct sink *sink)
{
	return sink->node->config->id;
}

const char *sink_dir(struct sink *sink)
{
	return sink->node->pipeline->config->dir;
}

bool sink_has_events(const struct sink *sink)
{
	return sink->has_events;
}

struct arena *outputs_arena(struct outputs *out)
{
	return &out->node->arena;
}

/* ---- routes ----------------------------------------------------------- */

static void add_route(struct node *node, uint32_t port, const struct schema *schema)
{
	struct arena *arena = &node->arena;
	struct route **at = &node->routes, *route;

	if (flow_find_route(node, port, schema))
		return;
	while (*at)
		at = &(*at)->next;
	route = arena_alloc(arena, sizeof(*route));
	route->port = port;
	route->schema = schema;
	route->targets =
		arena_array(arena, node->nreaders ? node->nreaders : 1, sizeof(*route->targets));
	*at = route;
}

int outputs_pass(struct outputs *out, uint32_t port, const struct schema *schema)
{
	add_route(out->node, port, schema);
	return 0;
}

int source_port(struct source *source, const char *name, const struct schema *schema,
		struct error *err)
{
	struct arena *arena = &source->node->arena;
	struct port *ports;

	for (uint32_t i = 0; name && i < source->nports; i++)
		if (source->ports[i].name && !strcmp(source->ports[i].name, name))
			return error_set(err, EEXIST, "two outputs are called '%s'", name);
	ports = arena_array(arena, source->nports + 1, sizeof(*ports));
	if (source->nports)
		memcpy(ports, source->ports, source->nports * sizeof(*ports));
	ports[source->nports].name = name ? arena_strdup(arena, name) : NULL;
	ports[source->nports].schema = schema;
	source->ports = ports;
	source->nports++;
	return 0;
}

static void add_target(struct route *route, struct node *reader, struct binding *binding)
{
	struct arena *arena = &reader->arena;

	for (uint32_t i = 0; i < route->ntargets; i++)
		if (route->targets[i].node == reader)
			return;
	route->targets[route->ntargets++] = (struct target){
		.node = reader,
		.binding = binding,
		.sel = arena_array(arena, BATCH_MAX, sizeof(uint16_t)),
	};
}

/* ---- which schemas come in -------------------------------------------- */

static struct binding *find_binding(struct node *node, const struct schema *schema)
{
	struct binding *binding = node->bindings;

	while (binding && binding->in != schema)
		binding = binding->next;
	return binding;
}

static struct binding *add_binding(struct node *node, const struct schema *schema)
{
	struct binding **at = &node->bindings;

	while (*at)
		at = &(*at)->next;
	*at = arena_alloc(&node->arena, sizeof(**at));
	(*at)->in = schema;
	return *at;
}

enum { EVERY_PORT = UINT32_MAX }; /* `id.*` */

/* The port an input names: its number, or -ENOENT with the known ones. */
static int find_port(const struct config_input *input, const struct node *from, uint32_t *ret_port,
		     struct error *err)
{
	struct suggest suggest;

	*ret_port = 0;
	if (!input->port)
		return 0;
	if (!strcmp(input->port, "*")) {
		*ret_port = EVERY_PORT;
		return 0;
	}
	suggest_init(&suggest, input->port);
	if (from->config->kind == ACCOUNT_SOURCE) {
		for (uint32_t i = 0; i < from->source.nports; i++) {
			if (!from->source.ports[i].name)
				continue;
			*ret_port = i;
			if (!strcmp(from->source.ports[i].name, input->port))
				return 0;
			suggest_offer(&suggest, from->source.ports[i].name);
		}
	}
	(void)error_at(err, EINVAL, input->pos, "'%s' has no output '%s'", from->config->id,
		       input->port);
	if (suggest_result(&suggest))
		(void)error_add(err, " (did you mean '%s'?)", suggest_result(&suggest));
	return -EINVAL;
}

static struct node *input_node(struct node *node, const struct config_input *input)
{
	struct pipeline *p = node->pipeline;

	return &p->nodes[input->from - p->config->nodes];
}

/* Everything that leaves `from` by this port, or by any (EVERY_PORT). */
static void add_routes(struct node *node, struct node *from, uint32_t port)
{
	for (struct route *route = from->routes; route; route = route->next) {
		struct binding *binding;

		if (port != EVERY_PORT && route->port != port)
			continue;
		binding = find_binding(node, route->schema);
		if (!binding)
			binding = add_binding(node, route->schema);
		add_target(route, node, binding);
	}
}

/* Find every schema that reaches the node and make a binding for each. */
static int collect_inputs(struct node *node, struct error *err)
{
	for (size_t i = 0; i < node->config->ninputs; i++) {
		const struct config_input *input = &node->config->inputs[i];
		struct node *from = input_node(node, input);
		uint32_t port;
		int r = find_port(input, from, &port, err);

		if (r < 0)
			return r;
		add_routes(node, from, port);
	}
	return 0;
}

/* ---- names that options use ------------------------------------------- */

struct name_check {
	struct node *node;
	struct error *err;
	int result;
};

static void suggest_field(struct node *node, const char *name, struct error *err)
{
	struct suggest suggest;

	suggest_init(&suggest, name);
	for (struct binding *b = node->bindings; b; b = b->next)
		for (uint32_t i = 0; i < b->in->nfields; i++)
			suggest_offer(&suggest, b->in->fields[i].name);
	if (suggest_result(&suggest))
		(void)error_add(err, " (did you mean '%s'?)", suggest_result(&suggest));
}

static void check_name(void *arg, const char *name, struct pos pos)
{
	struct name_check *check = arg;

	/* Nothing arrives at all: an earlier filter folded to false. */
	if (check->result < 0 || !check->node->bindings)
		return;
	for (struct binding *b = check->node->bindings; b; b = b->next)
		if (schema_find(b->in, name))
			return;
	check->result = error_at(
		check->err, EINVAL, pos, "%s '%s': no record that arrives here has a field '%s'",
		check->node->config->component->name, check->node->config->id, name);
	suggest_field(check->node, name, check->err);
}

typedef void visit_name(void *arg, const char *name, struct pos pos);

static void visit_table(const struct opt *table, const char *object, visit_name *visit, void *arg)
{
	for (const struct opt *opt = table; opt && opt->type != OPT_TYPE_END; opt++) {
		const void *member = object + opt->offset;

		if (opt->type == OPT_TYPE_TABLE) {
			visit_table(opt->table, member, visit, arg);
		} else if (opt->type == OPT_TYPE_EXPR) {
			struct expr *expr = *(struct expr *const *)member;

			if (expr)
				expr_fields(expr, visit, arg);
		} else if (opt->type == OPT_TYPE_FIELDS) {
			const struct opt_strings *names = member;

			for (size_t i = 0; i < names->n; i++)
				if (!strchr(names->items[i], '*'))
					visit(arg, names->items[i], names->pos[i]);
		}
	}
}

void bind_visit_names(const struct node *node, visit_name *visit, void *arg)
{
	visit_table(node->config->component->options, node->self, visit, arg);
}

/* ---- binding ---------------------------------------------------------- */

static int place_error(struct node *node, struct error *err)
{
	static const char *const kinds[] = { "source", "stage", "sink" };

	/* A component that named a place in the file has said it all. */
	if (err && !err->pos.file) {
		(void)error_wrap(err, "%s '%s'", kinds[node->config->kind], node->config->id);
		err->pos = node->config->pos;
	}
	return err ? -err->code : -EINVAL;
}

static int open_source(struct node *node, struct error *err)
{
	struct source *source = &node->source;
	int r = source->type->open(node->self, source, err);

	if (r < 0)
		return r;
	for (uint32_t i = 0; i < source->nports; i++)
		add_route(node, i, source->ports[i].schema);
	return 0;
}

static int bind_stage(struct node *node, struct error *err)
{
	struct outputs out = { .node = node };

	for (struct binding *b = node->bindings; b; b = b->next) {
		int r = node->stage.type->bind(node->self, b->in, &b->bound, &out, err);

		if (r < 0)
			return r;
	}
	return 0;
}

/* The kinds of one event, as two instances of a gadget have them, are one. */
static bool has_events(const struct binding *bindings)
{
	for (const struct binding *b = bindings; b; b = b->next)
		if (strcmp(b->in->event, bindings->in->event) != 0)
			return true;
	return false;
}

static int bind_sink(struct node *node, struct error *err)
{
	struct sink *sink = &node->sink;

	if (sink->type->open) {
		int r = sink->type->open(node->self, sink, err);

		if (r < 0)
			return r;
	}
	sink->has_events = has_events(node->bindings);
	for (struct binding *b = node->bindings; b; b = b->next) {
		int r = sink->type->bind(node->self, b->in, &b->encoding, err);

		if (r < 0)
			return r;
	}
	return 0;
}

int bind_sink_options(struct node *node, struct error *err)
{
	const char *const *skip = config_stage_keys;
	const struct opt *own = node->config->component->options;
	const char **all;
	const char *what = arena_printf(&node->arena, "%s '%s'", node->config->component->name,
					node->config->id);
	size_t n = 0, at = 0;
	int r;

	/* The component's own keys were read before; here they are somebody else's. */
	while (skip[n])
		n++;
	for (const struct opt *opt = own; opt && opt->type != OPT_TYPE_END; opt++)
		n++;
	all = arena_array(&node->arena, n + 1, sizeof(*all));
	for (size_t i = 0; skip[i]; i++)
		all[at++] = skip[i];
	for (const struct opt *opt = own; opt && opt->type != OPT_TYPE_END; opt++)
		all[at++] = opt->name;
	r = opt_parse(delivery_option_table, node->config->map, all, what, &node->sink.options,
		      &node->arena, err);
	if (r < 0)
		return r;
	delivery_init(&node->sink, node);
	return 0;
}

int bind_node(struct node *node, struct error *err)
{
	struct name_check check = { .node = node, .err = err };
	int r;

	if (node->config->kind == ACCOUNT_SOURCE) {
		r = open_source(node, err);
		return r < 0 ? place_error(node, err) : 0;
	}
	r = collect_inputs(node, err);
	if (r < 0)
		return r;
	bind_visit_names(node, check_name, &check);
	if (check.result < 0)
		return check.result;
	r = node->config->kind == ACCOUNT_STAGE ? bind_stage(node, err) : bind_sink(node, err);
	return r < 0 ? place_error(node, err) : 0;
}
