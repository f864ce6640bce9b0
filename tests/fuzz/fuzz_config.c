/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a pipeline file, down to the options of a component that has one
 * of each kind.  What is accepted is a graph in order: inputs before users.
 */
#include <stdlib.h>
#include <string.h>

#include "base/yaml.h"
#include "engine/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct inner {
	int64_t wait;
};

struct all {
	bool yes;
	int64_t number;
	uint64_t size;
	int64_t wait;
	int choice;
	const char *text, *path;
	struct opt_strings list, fields;
	const struct yaml_node *map;
	struct expr *where;
	struct inner inner;
};

static const struct opt inner_options[] = {
	OPT_DURATION(struct inner, wait, .required = true, .help = "."),
	OPT_END,
};

static const struct opt_value choices[] = { { "one", "." }, { "two", "." }, OPT_VALUES_END };

static const struct opt options[] = {
	OPT_BOOL(struct all, yes, .help = "."),
	OPT_INT(struct all, number, .min = "-5", .max = "5", .help = "."),
	OPT_SIZE(struct all, size, .min = "1KiB", .max = "1GiB", .help = "."),
	OPT_DURATION(struct all, wait, .max = "1h", .help = "."),
	OPT_ENUM(struct all, choice, .values = choices, .help = "."),
	OPT_STRING(struct all, text, .help = "."),
	OPT_PATH(struct all, path, .help = "."),
	OPT_STRINGS(struct all, list, .help = "."),
	OPT_FIELDS(struct all, fields, .help = "."),
	OPT_MAP(struct all, map, .help = "."),
	OPT_EXPR(struct all, where, .help = "."),
	OPT_TABLE(struct all, inner, inner_options, .help = "."),
	OPT_END,
};

static const struct source_type source_all = {
	.base = { .name = "all", .size = sizeof(struct all), .options = options }
};
static const struct stage_type stage_all = {
	.base = { .name = "all", .size = sizeof(struct all), .options = options }
};
static const struct sink_type sink_all = {
	.base = { .name = "all", .size = sizeof(struct all), .options = options }
};

static const struct source_type *const sources[] = { &source_all, NULL };
static const struct stage_type *const stages[] = { &stage_all, NULL };
static const struct sink_type *const sinks[] = { &sink_all, NULL };
static const struct registry registry = { sources, stages, sinks };

static void require(bool is_so)
{
	if (!is_so)
		abort();
}

static void check_node(const struct config *config, const struct config_node *node)
{
	require(!node->ninputs == (node->kind == ACCOUNT_SOURCE));
	for (size_t i = 0; i < node->ninputs; i++)
		require(node->inputs[i].from >= config->nodes && node->inputs[i].from < node &&
			node->inputs[i].from->kind != ACCOUNT_SINK);
}

static void parse_node(struct arena *arena, const struct config_node *node)
{
	struct error err = ERROR_INIT;
	struct all all = { 0 };

	if (opt_parse(options, node->map, config_sink_keys, node->id, &all, arena, &err) < 0)
		require(err.code && *err.text);
	else
		require(all.number >= -5 && all.number <= 5 && all.size <= 1 << 30);
}

static void check(struct arena *arena, const struct config *config)
{
	require(config->nnodes >= 2 && config->nnodes <= CONFIG_MAX_NODES);
	for (size_t i = 0; i < config->nnodes; i++) {
		check_node(config, &config->nodes[i]);
		parse_node(arena, &config->nodes[i]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena = ARENA_INIT;
	struct error err = ERROR_INIT;
	struct config *config = NULL;
	struct yaml_node *root;

	if (yaml_parse(&arena, "input", (const char *)data, size, &root, &err) == 0) {
		if (config_read(&arena, &registry, "input", root, &config, &err) < 0)
			require(!config && err.code && *err.text);
		else
			check(&arena, config);
	}
	arena_release(&arena);
	return 0;
}
