/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config: a pipeline file as nodes that know their inputs.
 *
 * Nodes are read in the order written, then inputs are looked up (a glob stands
 * for every source and stage it matches, but not for the node itself), then the
 * stages are put in an order in which inputs come before users.  A walk from
 * user to input that meets itself is a cycle.  Counts are limited, so nothing
 * here depends on more than the square of CONFIG_MAX_NODES.
 */
#include "engine/config.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/suggest.h"
#include "base/yaml.h"
#include "engine/config_vars.h"

const char *const config_source_keys[] = { "type", NULL };
const char *const config_stage_keys[] = { "type", "inputs", NULL };
const char *const config_sink_keys[] = { "type", "inputs", "buffer", "retry", "batch", NULL };

struct reader {
	struct arena *arena;
	const struct registry *registry;
	struct config_node *nodes; /* as written: sources, stages, sinks */
	size_t nnodes;
	struct error *err;
};

static const char *const kind_names[] = {
	[ACCOUNT_SOURCE] = "source",
	[ACCOUNT_STAGE] = "stage",
	[ACCOUNT_SINK] = "sink",
};

/* ---- sections ---------------------------------------------------------- */

static const char *const sections[] = { "version", "sources", "stages", "transforms", "sinks" };
enum { NSECTIONS = sizeof(sections) / sizeof(*sections) };

static int unknown_section(struct reader *reader, const struct yaml_node *item)
{
	struct suggest suggest;

	suggest_init(&suggest, item->key);
	for (size_t i = 0; i < NSECTIONS; i++)
		suggest_offer(&suggest, sections[i]);
	error_at(reader->err, EINVAL, item->key_pos, "unknown section '%s'", item->key);
	if (suggest_result(&suggest))
		return error_add(reader->err, " (did you mean '%s'?)", suggest_result(&suggest));
	return error_add(reader->err, " (known: sources, stages, sinks, version)");
}

static int check_section(struct reader *reader, const struct yaml_node *item)
{
	bool is_known = false;

	for (size_t i = 0; i < NSECTIONS; i++)
		is_known |= !strcmp(item->key, sections[i]);
	if (!is_known)
		return unknown_section(reader, item);
	if (!strcmp(item->key, "version")) {
		if (item->kind == YAML_SCALAR && !strcmp(item->text, "1"))
			return 0;
		return error_at(reader->err, EINVAL, item->pos,
				"version must be 1, not %s (this program knows no other)",
				yaml_describe(item));
	}
	if (item->kind != YAML_MAP)
		return error_at(reader->err, EINVAL, item->pos,
				"'%s' must be a map of id to options, not %s", item->key,
				yaml_describe(item));
	return 0;
}

static int check_sections(struct reader *reader, const struct yaml_node *root)
{
	const struct yaml_node *both = yaml_find(root, "transforms");

	if (root->kind != YAML_MAP)
		return error_at(reader->err, EINVAL, root->pos,
				"a pipeline file must be a map with 'sources' and 'sinks', not %s",
				yaml_describe(root));
	for (size_t i = 0; i < root->nitems; i++) {
		int r = check_section(reader, &root->items[i]);

		if (r < 0)
			return r;
	}
	if (both && yaml_find(root, "stages"))
		return error_at(reader->err, EINVAL, both->key_pos,
				"'transforms' is another name for 'stages': use one of them");
	return 0;
}

/* ---- nodes ------------------------------------------------------------- */

static bool is_id(const char *id)
{
	for (const char *p = id; *p; p++)
		if (!islower((unsigned char)*p) && !isdigit((unsigned char)*p) && *p != '_' &&
		    *p != '-')
			return false;
	return *id && strlen(id) <= CONFIG_MAX_ID;
}

static struct config_node *find_node(struct reader *reader, const char *id)
{
	for (size_t i = 0; i < reader->nnodes; i++)
		if (!strcmp(reader->nodes[i].id, id))
			return &reader->nodes[i];
	return NULL;
}

static int check_id(struct reader *reader, const struct yaml_node *item)
{
	const struct config_node *other;

	if (!is_id(item->key))
		return error_at(reader->err, EINVAL, item->key_pos,
				"'%s' is no id (1 to %d of a-z, 0-9, '_' and '-')", item->key,
				CONFIG_MAX_ID);
	other = find_node(reader, item->key);
	if (other)
		return error_at(reader->err, EINVAL, item->key_pos,
				"id '%s' is already used for the %s in line %u", item->key,
				kind_names[other->kind], other->pos.line);
	return 0;
}

static const struct component *find_type(const struct registry *registry, enum account_kind kind,
					 const char *name)
{
	const struct source_type *source;
	const struct stage_type *stage;
	const struct sink_type *sink;

	switch (kind) {
	case ACCOUNT_SOURCE:
		source = registry_source(registry, name);
		return source ? &source->base : NULL;
	case ACCOUNT_STAGE:
		stage = registry_stage(registry, name);
		return stage ? &stage->base : NULL;
	default:
		sink = registry_sink(registry, name);
		return sink ? &sink->base : NULL;
	}
}

/* Call visit for each type name of one kind. */
static void each_type(const struct registry *registry, enum account_kind kind,
		      void (*visit)(void *arg, const char *name), void *arg)
{
	if (kind == ACCOUNT_SOURCE)
		for (const struct source_type *const *p = registry->sources; *p; p++)
			visit(arg, (*p)->base.name);
	else if (kind == ACCOUNT_STAGE)
		for (const struct stage_type *const *p = registry->stages; *p; p++)
			visit(arg, (*p)->base.name);
	else
		for (const struct sink_type *const *p = registry->sinks; *p; p++)
			visit(arg, (*p)->base.name);
}

static void offer_type(void *arg, const char *name)
{
	suggest_offer(arg, name);
}

struct type_list {
	struct error *err;
	const char *separator;
};

static void add_type(void *arg, const char *name)
{
	struct type_list *list = arg;

	error_add(list->err, "%s%s", list->separator, name);
	list->separator = ", ";
}

static int unknown_type(struct reader *reader, enum account_kind kind, const struct yaml_node *type)
{
	struct type_list list = { reader->err, " (known: " };
	struct suggest suggest;

	for (enum account_kind k = ACCOUNT_SOURCE; k <= ACCOUNT_SINK; k++)
		if (find_type(reader->registry, k, type->text))
			return error_at(reader->err, EINVAL, type->pos, "'%s' is a %s, not a %s",
					type->text, kind_names[k], kind_names[kind]);
	suggest_init(&suggest, type->text);
	each_type(reader->registry, kind, offer_type, &suggest);
	error_at(reader->err, EINVAL, type->pos, "unknown %s type '%s'", kind_names[kind],
		 type->text);
	if (suggest_result(&suggest))
		return error_add(reader->err, " (did you mean '%s'?)", suggest_result(&suggest));
	each_type(reader->registry, kind, add_type, &list);
	return error_add(reader->err, "%s", *list.separator == ',' ? ")" : "");
}

static int read_type(struct reader *reader, const struct yaml_node *item, struct config_node *node)
{
	const struct yaml_node *type = yaml_find(item, "type");

	if (!type)
		return error_at(reader->err, EINVAL, item->key_pos, "%s '%s' needs a 'type'",
				kind_names[node->kind], item->key);
	if (type->kind != YAML_SCALAR)
		return error_at(reader->err, EINVAL, type->pos,
				"the type of %s '%s' must be a name, not %s",
				kind_names[node->kind], item->key, yaml_describe(type));
	node->component = find_type(reader->registry, node->kind, type->text);
	if (!node->component)
		return unknown_type(reader, node->kind, type);
	if (node->kind == ACCOUNT_SOURCE)
		node->source = registry_source(reader->registry, type->text);
	else if (node->kind == ACCOUNT_STAGE)
		node->stage = registry_stage(reader->registry, type->text);
	else
		node->sink = registry_sink(reader->registry, type->text);
	return 0;
}

static int read_node(struct reader *reader, enum account_kind kind, const struct yaml_node *item)
{
	struct config_node node = { .kind = kind, .id = item->key, .pos = item->key_pos };
	int r = check_id(reader, item);

	if (r < 0)
		return r;
	if (reader->nnodes == CONFIG_MAX_NODES)
		return error_at(reader->err, EINVAL, item->key_pos, "more than %d nodes",
				CONFIG_MAX_NODES);
	if (item->kind != YAML_MAP)
		return error_at(reader->err, EINVAL, item->pos,
				"%s '%s' must be a map with a 'type', not %s", kind_names[kind],
				item->key, yaml_describe(item));
	node.map = item;
	r = read_type(reader, item, &node);
	if (r < 0)
		return r;
	reader->nodes[reader->nnodes++] = node;
	return 0;
}

static int read_section(struct reader *reader, enum account_kind kind,
			const struct yaml_node *section)
{
	for (size_t i = 0; section && i < section->nitems; i++) {
		int r = read_node(reader, kind, &section->items[i]);

		if (r < 0)
			return r;
	}
	return 0;
}

static int read_nodes(struct reader *reader, const struct yaml_node *root)
{
	const struct yaml_node *sources = yaml_find(root, "sources");
	const struct yaml_node *stages = yaml_find(root, "stages");
	const struct yaml_node *sinks = yaml_find(root, "sinks");
	int r;

	if (!sources || !sources->nitems)
		return error_at(reader->err, EINVAL, root->pos, "no source (add one to 'sources')");
	if (!sinks || !sinks->nitems)
		return error_at(reader->err, EINVAL, root->pos, "no sink (add one to 'sinks')");
	if (!stages)
		stages = yaml_find(root, "transforms");
	reader->nodes = arena_array(reader->arena, CONFIG_MAX_NODES, sizeof(*reader->nodes));
	r = read_section(reader, ACCOUNT_SOURCE, sources);
	if (r == 0)
		r = read_section(reader, ACCOUNT_STAGE, stages);
	if (r == 0)
		r = read_section(reader, ACCOUNT_SINK, sinks);
	return r;
}

/* ---- inputs ------------------------------------------------------------ */

struct input_list {
	struct config_input *at;
	size_t n, cap;
};

/* `*` and `?`; goes back to the last star only, so it cannot explode. */
static bool glob_matches(const char *glob, const char *text)
{
	const char *star = NULL, *resume = NULL;

	while (*text) {
		if (*glob == '*') {
			star = glob++;
			resume = text;
		} else if (*glob == '?' || *glob == *text) {
			glob++;
			text++;
		} else if (star) {
			glob = star + 1;
			text = ++resume;
		} else {
			return false;
		}
	}
	while (*glob == '*')
		glob++;
	return !*glob;
}

static bool is_same_port(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

static bool has_input(const struct input_list *list, const struct config_node *from,
		      const char *port)
{
	for (size_t i = 0; i < list->n; i++)
		if (list->at[i].from == from && is_same_port(list->at[i].port, port))
			return true;
	return false;
}

static int add_input(struct reader *reader, struct input_list *list, struct config_input input)
{
	if (list->n == list->cap)
		return error_at(reader->err, EINVAL, input.pos, "more than %zu inputs", list->cap);
	list->at[list->n++] = input;
	return 0;
}

static int unknown_input(struct reader *reader, const struct config_node *node, const char *id,
			 struct pos pos)
{
	struct suggest suggest;

	suggest_init(&suggest, id);
	for (size_t i = 0; i < reader->nnodes; i++)
		if (reader->nodes[i].kind != ACCOUNT_SINK && &reader->nodes[i] != node)
			suggest_offer(&suggest, reader->nodes[i].id);
	error_at(reader->err, EINVAL, pos, "unknown input '%s' of %s '%s'", id,
		 kind_names[node->kind], node->id);
	if (suggest_result(&suggest))
		error_add(reader->err, " (did you mean '%s'?)", suggest_result(&suggest));
	return -EINVAL;
}

static int add_named(struct reader *reader, struct config_node *node, struct input_list *list,
		     const char *id, const char *port, struct pos pos)
{
	struct config_node *from = find_node(reader, id);

	if (!from)
		return unknown_input(reader, node, id, pos);
	if (from->kind == ACCOUNT_SINK)
		return error_at(reader->err, EINVAL, pos, "'%s' is a sink; nothing can read it",
				id);
	if (has_input(list, from, port))
		return error_at(reader->err, EINVAL, pos, "%s '%s' has the input '%s' already",
				kind_names[node->kind], node->id, id);
	return add_input(reader, list, (struct config_input){ from, port, pos });
}

static int add_matching(struct reader *reader, struct config_node *node, struct input_list *list,
			const char *glob, const char *port, struct pos pos)
{
	size_t nmatches = 0;

	for (size_t i = 0; i < reader->nnodes; i++) {
		const struct config_node *from = &reader->nodes[i];
		int r;

		if (from->kind == ACCOUNT_SINK || from == node || !glob_matches(glob, from->id))
			continue;
		nmatches++;
		if (has_input(list, from, port))
			continue;
		r = add_input(reader, list, (struct config_input){ from, port, pos });
		if (r < 0)
			return r;
	}
	if (!nmatches)
		return error_at(reader->err, EINVAL, pos, "'%s' matches no source and no stage",
				glob);
	return 0;
}

static int read_input(struct reader *reader, struct config_node *node, struct input_list *list,
		      const struct yaml_node *item)
{
	const char *dot, *id, *port = NULL;

	if (item->kind != YAML_SCALAR)
		return error_at(reader->err, EINVAL, item->pos,
				"inputs of %s '%s' must be names, not %s", kind_names[node->kind],
				node->id, yaml_describe(item));
	dot = strchr(item->text, '.');
	id = dot ? arena_strndup(reader->arena, item->text, (size_t)(dot - item->text))
		 : item->text;
	if (dot)
		port = dot + 1;
	if (!*id || strlen(id) > CONFIG_MAX_ID || (port && (!*port || strchr(port, '.'))))
		return error_at(reader->err, EINVAL, item->pos,
				"%s is no input (write 'id', 'id.port', or a pattern such as "
				"'trace_*')",
				yaml_describe(item));
	if (strpbrk(id, "*?"))
		return add_matching(reader, node, list, id, port, item->text_pos);
	return add_named(reader, node, list, id, port, item->text_pos);
}

static int read_inputs(struct reader *reader, struct config_node *node)
{
	const struct yaml_node *inputs = yaml_find(node->map, "inputs");
	struct config_input room[CONFIG_MAX_NODES];
	struct input_list list = { .at = room, .cap = CONFIG_MAX_NODES };
	const struct yaml_node *items = inputs;
	size_t nitems = 1;

	if (node->kind == ACCOUNT_SOURCE) {
		if (inputs)
			return error_at(reader->err, EINVAL, inputs->key_pos,
					"source '%s' cannot have inputs", node->id);
		return 0;
	}
	if (!inputs || inputs->kind == YAML_NULL || (inputs->kind == YAML_LIST && !inputs->nitems))
		return error_at(reader->err, EINVAL, inputs ? inputs->pos : node->pos,
				"%s '%s' has no inputs (name what it reads: 'inputs: [id]')",
				kind_names[node->kind], node->id);
	if (inputs->kind == YAML_LIST) {
		items = inputs->items;
		nitems = inputs->nitems;
	}
	if (nitems > CONFIG_MAX_NODES)
		return error_at(reader->err, EINVAL, inputs->pos, "more than %d inputs",
				CONFIG_MAX_NODES);
	for (size_t i = 0; i < nitems; i++) {
		int r = read_input(reader, node, &list, &items[i]);

		if (r < 0)
			return r;
	}
	node->inputs = arena_memdup(reader->arena, room, list.n * sizeof(*room));
	node->ninputs = list.n;
	return 0;
}

static bool is_read(const struct reader *reader, const struct config_node *node)
{
	for (size_t i = 0; i < reader->nnodes; i++)
		for (size_t j = 0; j < reader->nodes[i].ninputs; j++)
			if (reader->nodes[i].inputs[j].from == node)
				return true;
	return false;
}

static int check_all_read(const struct reader *reader)
{
	for (size_t i = 0; i < reader->nnodes; i++) {
		const struct config_node *node = &reader->nodes[i];

		if (node->kind != ACCOUNT_SINK && !is_read(reader, node))
			return error_at(reader->err, EINVAL, node->pos,
					"nothing reads %s '%s' (add it to somebody's inputs, or "
					"remove it)",
					kind_names[node->kind], node->id);
	}
	return 0;
}

/* ---- order ------------------------------------------------------------- */

enum visit { NEW, OPEN, DONE };

struct order {
	struct reader *reader;
	enum visit visits[CONFIG_MAX_NODES];
	size_t path[CONFIG_MAX_NODES]; /* from a user down to the input being looked at */
	size_t npath;
	size_t sorted[CONFIG_MAX_NODES];
	size_t nsorted;
};

/* The path ends in the node that reads `start`, so the records go round backwards. */
static int cycle_error(const struct order *order, size_t start)
{
	const struct config_node *nodes = order->reader->nodes;
	struct error *err = order->reader->err;

	error_at(err, EINVAL, nodes[start].pos, "the inputs go in a circle: '%s'", nodes[start].id);
	for (size_t i = order->npath; i-- > 0;) {
		error_add(err, " -> '%s'", nodes[order->path[i]].id);
		if (order->path[i] == start)
			break;
	}
	return -EINVAL;
}

static int visit_node(struct order *order, size_t index)
{
	const struct config_node *nodes = order->reader->nodes;

	if (order->visits[index] == DONE)
		return 0;
	if (order->visits[index] == OPEN)
		return cycle_error(order, index);
	order->visits[index] = OPEN;
	order->path[order->npath++] = index;
	for (size_t i = 0; i < nodes[index].ninputs; i++) {
		int r = visit_node(order, (size_t)(nodes[index].inputs[i].from - nodes));

		if (r < 0)
			return r;
	}
	order->npath--;
	order->visits[index] = DONE;
	order->sorted[order->nsorted++] = index;
	return 0;
}

/* All nodes in an order in which inputs come first; sources, stages and sinks
 * are then taken out of it one kind after the other. */
static int sort_nodes(struct reader *reader, struct config *config)
{
	struct order *order = arena_alloc(reader->arena, sizeof(*order));
	struct config_node **moved;

	order->reader = reader;
	for (size_t i = 0; i < reader->nnodes; i++) {
		int r = visit_node(order, i);

		if (r < 0)
			return r;
	}
	config->nodes = arena_array(reader->arena, reader->nnodes, sizeof(*config->nodes));
	moved = arena_array(reader->arena, reader->nnodes, sizeof(*moved));
	for (enum account_kind kind = ACCOUNT_SOURCE; kind <= ACCOUNT_SINK; kind++)
		for (size_t i = 0; i < order->nsorted; i++) {
			size_t from = order->sorted[i];

			if (reader->nodes[from].kind != kind)
				continue;
			moved[from] = &config->nodes[config->nnodes++];
			*moved[from] = reader->nodes[from];
		}
	for (size_t i = 0; i < config->nnodes; i++)
		for (size_t j = 0; j < config->nodes[i].ninputs; j++) {
			struct config_input *input = &config->nodes[i].inputs[j];

			input->from = moved[input->from - reader->nodes];
		}
	return 0;
}

/* ---- the whole --------------------------------------------------------- */

static const char *dir_of(struct arena *arena, const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!strcmp(path, "-") || !slash)
		return ".";
	return slash == path ? "/" : arena_strndup(arena, path, (size_t)(slash - path));
}

int config_read(struct arena *arena, const struct registry *registry, const char *path,
		const struct yaml_node *root, struct config **ret_config, struct error *err)
{
	struct reader reader = { .arena = arena, .registry = registry, .err = err };
	struct config *config = arena_alloc(arena, sizeof(*config));
	struct yaml_node *expanded;
	int r = config_expand(arena, root, &expanded, err);

	if (r == 0)
		r = check_sections(&reader, expanded);
	if (r == 0)
		r = read_nodes(&reader, expanded);
	for (size_t i = 0; r == 0 && i < reader.nnodes; i++)
		r = read_inputs(&reader, &reader.nodes[i]);
	if (r == 0)
		r = check_all_read(&reader);
	if (r == 0)
		r = sort_nodes(&reader, config);
	if (r < 0)
		return r;
	config->path = arena_strdup(arena, path);
	config->dir = dir_of(arena, path);
	*ret_config = config;
	return 0;
}
