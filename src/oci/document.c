/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/document.h"

#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "oci/digest.h"

/* Descriptors beyond this are lies: no registry takes such blobs. */
#define SIZE_LIMIT ((json_int_t)1 << 50)

struct reader {
	struct arena *arena;
	struct error *err;
	const char *path; /* of the object being read, "" for the document */
};

static int wrong(const struct reader *rd, const char *key, const char *expected)
{
	return error_set(rd->err, EBADMSG, "%s%s%s must be %s", rd->path, *rd->path ? "." : "", key,
			 expected);
}

/* ---- reading -------------------------------------------------------------- */

static int read_text(const struct reader *rd, const json_t *object, const char *key,
		     const char **ret_text)
{
	const json_t *value = json_object_get(object, key);

	*ret_text = NULL;
	if (!value || json_is_null(value))
		return 0;
	if (!json_is_string(value))
		return wrong(rd, key, "a string");
	if (json_string_length(value) > DOCUMENT_TEXT)
		return wrong(rd, key, "a string of at most 64 KiB");
	*ret_text = arena_strdup(rd->arena, json_string_value(value));
	return 0;
}

static int by_key(const void *a, const void *b)
{
	return strcmp(((const struct annotation *)a)->key, ((const struct annotation *)b)->key);
}

static int read_annotations(const struct reader *rd, json_t *object,
			    struct annotations *ret_annotations)
{
	json_t *map = json_object_get(object, "annotations"), *value;
	struct annotation *list;
	const char *key;
	uint32_t n = 0;

	*ret_annotations = (struct annotations){ 0 };
	if (!map || json_is_null(map))
		return 0;
	if (!json_is_object(map))
		return wrong(rd, "annotations", "an object");
	if (json_object_size(map) > DOCUMENT_ANNOTATIONS)
		return wrong(rd, "annotations", "at most 256 entries");
	list = arena_array(rd->arena, json_object_size(map), sizeof(*list));
	json_object_foreach(map, key, value)
	{
		if (!json_is_string(value) || json_string_length(value) > DOCUMENT_TEXT ||
		    strlen(key) > DOCUMENT_TEXT)
			return wrong(rd, "annotations", "an object of strings of at most 64 KiB");
		list[n++] = (struct annotation){
			.key = arena_strdup(rd->arena, key),
			.value = arena_strdup(rd->arena, json_string_value(value)),
		};
	}
	qsort(list, n, sizeof(*list), by_key);
	*ret_annotations = (struct annotations){ .list = list, .n = n };
	return 0;
}

static int read_platform(const struct reader *rd, const json_t *object, struct descriptor *d)
{
	const json_t *platform = json_object_get(object, "platform");
	int r;

	if (!platform || json_is_null(platform))
		return 0;
	if (!json_is_object(platform))
		return wrong(rd, "platform", "an object");
	r = read_text(rd, platform, "architecture", &d->architecture);
	return r < 0 ? r : read_text(rd, platform, "os", &d->os);
}

static int read_descriptor(const struct reader *parent, const char *path, json_t *object,
			   struct descriptor *d)
{
	struct reader here = *parent, *rd = &here;
	const json_t *size;
	int r;

	rd->path = path;
	if (!json_is_object(object))
		return error_set(rd->err, EBADMSG, "%s must be an object", path);
	r = read_text(rd, object, "mediaType", &d->media_type);
	if (r == 0)
		r = read_text(rd, object, "digest", &d->digest);
	if (r == 0)
		r = read_text(rd, object, "artifactType", &d->artifact_type);
	if (r == 0)
		r = read_platform(rd, object, d);
	if (r == 0)
		r = read_annotations(rd, object, &d->annotations);
	if (r < 0)
		return r;
	if (!d->media_type || !*d->media_type)
		return wrong(rd, "mediaType", "there");
	if (!digest_is_valid(d->digest))
		return wrong(rd, "digest", "a sha256 or sha512 digest");
	size = json_object_get(object, "size");
	if (!json_is_integer(size) || json_integer_value(size) < 0 ||
	    json_integer_value(size) > SIZE_LIMIT)
		return wrong(rd, "size", "a number of bytes");
	d->size = (uint64_t)json_integer_value(size);
	return 0;
}

static int read_items(const struct reader *rd, json_t *object, const char *key,
		      struct document *doc)
{
	json_t *list = json_object_get(object, key), *item;
	struct descriptor *items;
	size_t i;

	if (!json_is_array(list))
		return wrong(rd, key, "a list");
	if (json_array_size(list) > DOCUMENT_DESCRIPTORS)
		return wrong(rd, key, "a list of at most 1024");
	items = arena_array(rd->arena, json_array_size(list), sizeof(*items));
	json_array_foreach(list, i, item)
	{
		int r = read_descriptor(rd, arena_printf(rd->arena, "%s[%zu]", key, i), item,
					&items[i]);

		if (r < 0)
			return r;
	}
	doc->items = items;
	doc->nitems = (uint32_t)json_array_size(list);
	return 0;
}

static bool is_index_type(const char *type)
{
	return !strcmp(type, MEDIA_INDEX) || !strcmp(type, MEDIA_DOCKER_LIST);
}

static bool is_manifest_type(const char *type)
{
	return !strcmp(type, MEDIA_MANIFEST) || !strcmp(type, MEDIA_DOCKER_MANIFEST);
}

/* What it is, by its own word, its descriptor's, or what it has. */
static int read_kind(const struct reader *rd, const json_t *root, const char *media_type,
		     struct document *doc)
{
	int r = read_text(rd, root, "mediaType", &doc->media_type);
	bool has_manifests = json_object_get(root, "manifests");

	if (r < 0)
		return r;
	if (doc->media_type && media_type && strcmp(doc->media_type, media_type) != 0)
		return error_set(rd->err, EBADMSG, "it calls itself '%.100s', not '%.100s'",
				 doc->media_type, media_type);
	if (!doc->media_type)
		doc->media_type = media_type      ? arena_strdup(rd->arena, media_type)
				  : has_manifests ? MEDIA_INDEX
						  : MEDIA_MANIFEST;
	if (!is_index_type(doc->media_type) && !is_manifest_type(doc->media_type))
		return error_set(rd->err, EBADMSG, "'%.100s' is neither an index nor a manifest",
				 doc->media_type);
	doc->kind = is_index_type(doc->media_type) ? DOCUMENT_INDEX : DOCUMENT_MANIFEST;
	/* One document with both can mean different things to different readers. */
	if (has_manifests && json_object_get(root, "layers"))
		return error_set(rd->err, EBADMSG, "it has both manifests and layers");
	return 0;
}

static int read_document(const struct reader *rd, json_t *root, const char *media_type,
			 struct document *doc)
{
	json_t *version, *subject;
	int r;

	if (!json_is_object(root))
		return error_set(rd->err, EBADMSG, "it is no object");
	version = json_object_get(root, "schemaVersion");
	if (!json_is_integer(version) || json_integer_value(version) != 2)
		return wrong(rd, "schemaVersion", "2");
	r = read_kind(rd, root, media_type, doc);
	if (r == 0)
		r = read_text(rd, root, "artifactType", &doc->artifact_type);
	if (r == 0)
		r = read_annotations(rd, root, &doc->annotations);
	if (r == 0)
		r = read_items(rd, root, doc->kind == DOCUMENT_INDEX ? "manifests" : "layers", doc);
	if (r == 0 && doc->kind == DOCUMENT_MANIFEST)
		r = read_descriptor(rd, "config", json_object_get(root, "config"), &doc->config);
	subject = json_object_get(root, "subject");
	if (r == 0 && subject && !json_is_null(subject))
		r = read_descriptor(rd, "subject", subject, &doc->subject);
	return r;
}

int document_parse(struct arena *arena, const void *bytes, size_t len, const char *media_type,
		   const struct document **ret_document, struct error *err)
{
	const struct reader rd = { .arena = arena, .err = err, .path = "" };
	struct document *doc = arena_alloc(arena, sizeof(*doc));
	json_error_t why;
	json_t *root;
	int r;

	if (len > DOCUMENT_MAX)
		return error_set(err, E2BIG, "%zu bytes are too many (at most %d)", len,
				 DOCUMENT_MAX);
	root = json_loadb(bytes, len, JSON_REJECT_DUPLICATES, &why);
	if (!root)
		return error_set(err, EBADMSG, "no proper JSON: line %d: %s", why.line, why.text);
	r = read_document(&rd, root, media_type, doc);
	json_decref(root);
	if (r == 0)
		*ret_document = doc;
	return r;
}

const char *annotation_find(const struct annotations *annotations, const char *key)
{
	for (uint32_t i = 0; i < annotations->n; i++)
		if (!strcmp(annotations->list[i].key, key))
			return annotations->list[i].value;
	return NULL;
}

/* ---- writing -------------------------------------------------------------- */

/* Set-up memory: without it there is nothing to go on with. */
static void put(json_t *object, const char *key, json_t *value)
{
	if (json_object_set_new(object, key, value) < 0)
		abort();
}

static void put_text(json_t *object, const char *key, const char *text)
{
	if (text)
		put(object, key, json_string(text));
}

static void put_annotations(json_t *object, const struct annotations *annotations)
{
	json_t *map;

	if (!annotations->n)
		return;
	map = json_object();
	for (uint32_t i = 0; i < annotations->n; i++)
		put_text(map, annotations->list[i].key, annotations->list[i].value);
	put(object, "annotations", map);
}

static json_t *write_descriptor(const struct descriptor *d)
{
	json_t *object = json_object(), *platform;

	put_text(object, "mediaType", d->media_type);
	put_text(object, "digest", d->digest);
	put(object, "size", json_integer((json_int_t)d->size));
	put_text(object, "artifactType", d->artifact_type);
	if (d->architecture) {
		platform = json_object();
		put_text(platform, "architecture", d->architecture);
		put_text(platform, "os", d->os);
		put(object, "platform", platform);
	}
	put_annotations(object, &d->annotations);
	return object;
}

struct str document_write(struct arena *arena, const struct document *doc)
{
	json_t *root = json_object(), *items = json_array();
	struct str text;
	char *bytes;

	put(root, "schemaVersion", json_integer(2));
	put_text(root, "mediaType", doc->media_type);
	put_text(root, "artifactType", doc->artifact_type);
	if (doc->kind == DOCUMENT_MANIFEST)
		put(root, "config", write_descriptor(&doc->config));
	for (uint32_t i = 0; i < doc->nitems; i++)
		if (json_array_append_new(items, write_descriptor(&doc->items[i])) < 0)
			abort();
	put(root, doc->kind == DOCUMENT_INDEX ? "manifests" : "layers", items);
	if (doc->subject.digest)
		put(root, "subject", write_descriptor(&doc->subject));
	put_annotations(root, &doc->annotations);
	bytes = json_dumps(root, JSON_COMPACT | JSON_PRESERVE_ORDER);
	if (!bytes)
		abort();
	text.len = strlen(bytes);
	text.at = arena_strndup(arena, bytes, text.len);
	free(bytes);
	json_decref(root);
	return text;
}
