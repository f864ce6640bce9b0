/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/build.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "oci/image.h"

/* ---- annotations ----------------------------------------------------------- */

static bool is_text(const char *text)
{
	json_t *string = json_string(text); /* refuses what is not UTF-8 */

	json_decref(string);
	return string != NULL;
}

int annotation_set(struct annotation_list *list, const char *key, const char *value,
		   struct error *err)
{
	uint32_t i = 0;

	if (!value)
		return 0;
	if (!*key)
		return error_set(err, EINVAL, "an annotation needs a name");
	if (!is_text(key) || !is_text(value))
		return error_set(err, EINVAL,
				 "annotation '%.64s' is not UTF-8 (its name and value must be)",
				 key);
	list->bytes += strlen(key) + strlen(value);
	if (list->bytes > BUILD_MAX_ANNOTATIONS)
		return error_set(err, E2BIG, "the annotations are longer than %d KiB",
				 BUILD_MAX_ANNOTATIONS >> 10);
	while (i < list->n && strcmp(list->items[i].key, key) != 0)
		i++;
	if (i == DOCUMENT_ANNOTATIONS)
		return error_set(err, E2BIG, "more than %d annotations", DOCUMENT_ANNOTATIONS);
	list->items[i] = (struct annotation){ key, value };
	list->n += i == list->n;
	return 0;
}

static int by_key(const void *a, const void *b)
{
	return strcmp(((const struct annotation *)a)->key, ((const struct annotation *)b)->key);
}

struct annotations annotations_sorted(struct annotation_list *list)
{
	qsort(list->items, list->n, sizeof(*list->items), by_key);
	return (struct annotations){ .list = list->items, .n = list->n };
}

/* All of them, but with another title. */
static struct annotations with_title(struct arena *arena, const struct annotations *from,
				     const char *title)
{
	struct annotation *list = arena_array(arena, (size_t)from->n + 1, sizeof(*list));
	uint32_t n = 0;

	for (uint32_t i = 0; i < from->n; i++)
		if (strcmp(from->list[i].key, ANNOTATION_TITLE) != 0)
			list[n++] = from->list[i];
	list[n++] = (struct annotation){ ANNOTATION_TITLE, title };
	qsort(list, n, sizeof(*list), by_key);
	return (struct annotations){ .list = list, .n = n };
}

/* What the first images said of a blob. */
static struct annotations of_blob(struct arena *arena, const struct annotations *from,
				  const char *title)
{
	static const char *const keys[] = { ANNOTATION_AUTHORS, ANNOTATION_DESCRIPTION };
	struct annotation list[2];
	struct annotations some = { .list = list };

	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		const char *value = annotation_find(from, keys[i]);

		if (value)
			list[some.n++] = (struct annotation){ keys[i], value };
	}
	return with_title(arena, &some, title);
}

/* ---- documents ------------------------------------------------------------- */

struct builder {
	struct store *store;
	struct arena *arena;
	const struct build *build;
	struct descriptor config, wasm;
	struct error *err;
};

static int write_blob(struct builder *b, struct str bytes, const char *media_type,
		      struct descriptor *blob)
{
	blob->media_type = media_type;
	return store_write(b->store, b->arena, bytes.at, bytes.len, blob, b->err);
}

static int write_document(struct builder *b, const struct document *document,
			  struct descriptor *blob)
{
	return write_blob(b, document_write(b->arena, document), document->media_type, blob);
}

/* What is the same for all architectures. */
static int write_common(struct builder *b)
{
	const struct build *build = b->build;
	int r;

	if (build->config.at) {
		b->config.annotations = with_title(b->arena, &build->annotations, "config.yaml");
		r = write_blob(b, build->config, MEDIA_GADGET_CONFIG, &b->config);
	} else {
		b->config.annotations = build->annotations;
		r = write_blob(b, (struct str){ "{}", 2 }, MEDIA_EMPTY, &b->config);
	}
	if (r == 0 && build->wasm.at) {
		b->wasm.annotations = of_blob(b->arena, &build->annotations, "program.wasm");
		r = write_blob(b, build->wasm, MEDIA_GADGET_WASM, &b->wasm);
	}
	return r;
}

static int write_manifest(struct builder *b, const struct build_part *part,
			  struct descriptor *manifest)
{
	const struct annotations *annotations = &b->build->annotations;
	struct descriptor layers[2] = { 0 };
	struct document document = {
		.kind = DOCUMENT_MANIFEST,
		.media_type = MEDIA_MANIFEST,
		.artifact_type = MEDIA_GADGET,
		.config = b->config,
		.items = layers,
		.annotations = *annotations,
	};
	int r;

	layers[document.nitems].annotations = of_blob(b->arena, annotations, "program.o");
	r = write_blob(b, part->program, MEDIA_GADGET_EBPF, &layers[document.nitems++]);
	if (b->build->wasm.at)
		layers[document.nitems++] = b->wasm;
	if (r < 0)
		return r;
	manifest->artifact_type = MEDIA_GADGET;
	manifest->architecture = part->architecture;
	manifest->os = "linux";
	manifest->annotations = *annotations;
	return write_document(b, &document, manifest);
}

static int by_architecture(const void *a, const void *b)
{
	return strcmp(((const struct build_part *)a)->architecture,
		      ((const struct build_part *)b)->architecture);
}

static int write_index(struct builder *b, struct descriptor *top)
{
	struct build_part parts[BUILD_MAX_PARTS];
	struct descriptor manifests[BUILD_MAX_PARTS] = { 0 };
	struct document document = {
		.kind = DOCUMENT_INDEX,
		.media_type = MEDIA_INDEX,
		.items = manifests,
		.nitems = b->build->nparts,
		.annotations = b->build->annotations,
	};
	int r = write_common(b);

	memcpy(parts, b->build->parts, sizeof(parts));
	qsort(parts, b->build->nparts, sizeof(*parts), by_architecture);
	for (uint32_t i = 0; i < b->build->nparts && r == 0; i++)
		r = write_manifest(b, &parts[i], &manifests[i]);
	return r < 0 ? r : write_document(b, &document, top);
}

int build_image(struct store *store, struct arena *arena, const struct build *build,
		const struct reference *references, size_t n, struct descriptor *ret_top,
		struct error *err)
{
	struct builder b = { .store = store, .arena = arena, .build = build, .err = err };
	struct descriptor top = { 0 };
	int r = store_begin(store, err);

	if (r < 0)
		return r;
	r = write_index(&b, &top);
	for (size_t i = 0; i < n && r == 0; i++)
		r = store_tag(store, &references[i], &top, err);
	store_end(store);
	if (r == 0)
		*ret_top = top;
	return r;
}
