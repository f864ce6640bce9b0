/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as the metadata of a gadget: parsing ends in a tree that keeps its
 * promises or in an error with a message; then real objects are inspected with
 * it, its custom parameters are set, and it is held against the model.  What the
 * metadata says may change how fields are shown and what derived ones are called,
 * and never what is read from a record.  What is completed by the object is whole,
 * or it is refused.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "gadget/inspect.h"
#include "gadget/metadata.h"
#include "gadget/metadata_check.h"
#include "gadget/metadata_complete.h"
#include "gadget/present.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Of both conventions; relative to the top of the source tree. */
static const char *const paths[] = { "tests/fuzz/corpus/inspect/shapes.o",
				     "tests/fuzz/corpus/inspect/seed_events.o" };
enum { OBJECTS = sizeof(paths) / sizeof(*paths), OBJECT_MAX = 1 << 20 };

static uint8_t objects[OBJECTS][OBJECT_MAX];
static size_t sizes[OBJECTS];

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	for (size_t i = 0; i < OBJECTS; i++) {
		FILE *file = fopen(paths[i], "rb");

		if (!file) {
			perror(paths[i]);
			exit(1);
		}
		sizes[i] = fread(objects[i], 1, OBJECT_MAX, file);
		(void)fclose(file);
	}
	return 0;
}

static void require(bool is_so)
{
	if (!is_so)
		abort();
}

static void check_text(const char *text)
{
	require(text && *text);
	for (; *text; text++)
		require((unsigned char)*text >= ' ' && *text != 0x7f);
}

static bool has_place(const struct error *err)
{
	return err->pos.file && err->pos.line && err->pos.col;
}

/* Keys are single, whatever their case, and lead to where they stand. */
static size_t check_tree(const struct yaml_node *node, unsigned depth)
{
	size_t n = 1;

	require(depth <= METADATA_MAX_DEPTH + 1 && node->nitems <= METADATA_MAX_KEYS);
	require(node->kind != YAML_SCALAR || (node->text && node->shown));
	for (size_t i = 0; i < node->nitems; i++) {
		const struct yaml_node *item = &node->items[i];

		if (node->kind == YAML_MAP)
			require(item->key && *item->key && metadata_find(node, item->key));
		for (size_t k = 0; node->kind == YAML_MAP && k < i; k++)
			require((item->kind == YAML_MAP) != (node->items[k].kind == YAML_MAP) ||
				strcasecmp(item->key, node->items[k].key) != 0);
		n += check_tree(item, depth + 1);
	}
	return n;
}

static void check_notes(const struct notes *n)
{
	require(n->width <= PRESENT_MAX_WIDTH && n->min_width <= PRESENT_MAX_WIDTH &&
		n->max_width <= PRESENT_MAX_WIDTH);
	require(!n->max_width || n->min_width <= n->max_width);
	require(!n->alias || (*n->alias && strlen(n->alias) <= PRESENT_MAX_ALIAS));
	require(n->precision <= PRESENT_MAX_PRECISION);
	require(n->align <= ALIGN_RIGHT && n->ellipsis <= ELLIPSIS_NONE);
}

/* What a reader relies on without looking, and what a schema does. */
static void check_source(struct arena *arena, const struct model_source *s)
{
	const struct schema_head head = { .event = s->name, .source = "x", .row_min = s->row_min };
	struct schema_builder builder = { 0 };

	schema_begin(&builder, arena, &head);
	for (uint32_t i = 0; i < s->nfields; i++) {
		const struct field *f = &s->fields[i];
		uint32_t size = f->layout == LAYOUT_TAIL || f->layout == LAYOUT_REST ? 0 : f->size;

		require(f->at <= s->row_min && size <= s->row_min - f->at);
		require(schema_add(&builder, f) == 0);
		if (f->notes)
			check_notes(f->notes);
	}
	(void)schema_end(&builder);
}

static void check_findings(struct arena *arena, const struct model *model)
{
	const struct metadata_finding *findings, *lenient;
	uint32_t n = metadata_check(arena, model, true, &findings);

	require(n <= METADATA_MAX_FINDINGS);
	require(metadata_check(arena, model, false, &lenient) == n);
	for (uint32_t i = 0; i < n; i++) {
		check_text(findings[i].text);
		require(findings[i].pos.file && findings[i].pos.line);
		require(!i || findings[i].pos.line >= findings[i - 1].pos.line);
		require(!lenient[i].is_error);
	}
}

/* The second time there is nothing to add, and the gadget is one as before. */
static void check_completion(struct arena *arena, size_t i, const struct model *model,
			     struct str text)
{
	struct error err = ERROR_INIT;
	const struct metadata *md = NULL;
	const struct model *again = NULL;
	struct str whole, same;
	uint32_t n;

	if (metadata_complete(arena, "gadget.yaml", text, model, &whole, &n, &err) < 0) {
		check_text(err.text);
		require(metadata_parse(arena, "x", whole.at, whole.len, &md, &err) == 0);
		return;
	}
	require(whole.len >= text.len && (n || whole.len == text.len));
	if (!n)
		return;
	require(metadata_parse(arena, "x", whole.at, whole.len, &md, &err) == 0);
	require(inspect_bytes(arena, "fuzz", objects[i], sizes[i], md, &again, &err) == 0);
	require(metadata_complete(arena, "x", whole, again, &same, &n, &err) == 0 && !n);
}

static void check_object(struct arena *arena, size_t i, const struct metadata *md, struct str text)
{
	struct error err = ERROR_INIT;
	const struct model *model = NULL;

	if (inspect_bytes(arena, "fuzz", objects[i], sizes[i], md, &model, &err) < 0) {
		require(!model && err.code);
		check_text(err.text);
		return;
	}
	for (uint32_t k = 0; k < model->nsources; k++)
		if (!model->sources[k].unsupported)
			check_source(arena, &model->sources[k]);
	check_findings(arena, model);
	if (text.at)
		check_completion(arena, i, model, text);
}

/* Every custom parameter set to its first value, or to something. */
static const struct metadata *customised(struct arena *arena, const struct metadata *md)
{
	const struct metadata_custom *customs;
	uint32_t n = metadata_customs(arena, md, &customs);
	struct metadata_setting *settings = arena_array(arena, n + 1, sizeof(*settings));
	size_t nodes = check_tree(md->root, 1);
	const struct metadata *patched = NULL;
	struct error err = ERROR_INIT;

	for (uint32_t i = 0; i < n; i++) {
		bool has_values = customs[i].values && customs[i].values->nitems;

		settings[i].name = arena_printf(arena, "custom.%s", customs[i].key);
		settings[i].value = has_values ? customs[i].values->items[0].key : "7";
	}
	if (metadata_with_custom(arena, md, settings, n, &patched, &err) < 0) {
		require(!patched && err.code);
		check_text(err.text);
	}
	require(check_tree(md->root, 1) == nodes);
	return patched;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena = ARENA_INIT;
	struct error err = ERROR_INIT;
	const struct metadata *md = NULL, *patched;

	if (metadata_parse(&arena, "gadget.yaml", (const char *)data, size, &md, &err) < 0) {
		require(!md && err.code && has_place(&err));
		check_text(err.text);
	} else {
		require(check_tree(md->root, 1) <= METADATA_MAX_NODES + 1);
		for (size_t i = 0; i < OBJECTS; i++)
			check_object(&arena, i, md, (struct str){ (const char *)data, size });
		patched = customised(&arena, md);
		if (patched && patched != md) {
			(void)check_tree(patched->root, 1);
			check_object(&arena, 0, patched, (struct str){ 0 });
		}
	}
	arena_release(&arena);
	return 0;
}
