/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as YAML: the reader ends, stays within its limits, and either gives
 * an error with a message or a tree that holds what its header promises.
 */
#include <stdlib.h>
#include <string.h>

#include "base/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool is_so)
{
	if (!is_so)
		abort();
}

static void check_place(struct pos pos)
{
	require(pos.file && pos.line && pos.col);
}

static size_t check(const struct yaml_node *node, unsigned depth)
{
	size_t n = 1;

	require(depth <= YAML_MAX_DEPTH);
	check_place(node->pos);
	if (node->kind == YAML_SCALAR) {
		require(node->text && node->shown);
		check_place(node->text_pos);
		require(!node->nitems);
	}
	for (size_t i = 0; i < node->nitems; i++) {
		const struct yaml_node *item = &node->items[i];

		if (node->kind == YAML_MAP) {
			require(item->key && *item->key);
			check_place(item->key_pos);
			require(yaml_find(node, item->key) == item);
		}
		n += check(item, depth + 1);
	}
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena = ARENA_INIT;
	struct error err = ERROR_INIT;
	struct yaml_node *root = NULL;

	if (yaml_parse(&arena, "input", (const char *)data, size, &root, &err) < 0)
		require(!root && err.code && *err.text);
	else
		require(check(root, 1) <= YAML_MAX_NODES);
	arena_release(&arena);
	return 0;
}
