/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as the top document of an image, in a store that has an object, a
 * gadget.yaml and a manifest with both: whatever the document refers to them as,
 * looking into the image ends, with a model or one error.
 *
 * The first byte says whether the document is called an index or a manifest.
 */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "oci/digest.h"
#include "oci/find_model.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OBJECT_MAX = 1 << 20 };

/* Relative to the top of the source tree. */
static const char object_path[] = "tests/fuzz/corpus/inspect/shapes.o";
static const char metadata[] = "name: fuzz\n";

static char dir[] = "/tmp/fuzz_image.XXXXXX";
static struct store *store;

static int delete_entry(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static void clean_up(void)
{
	store_close(store);
	(void)nftw(dir, delete_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static void require(bool is_so)
{
	if (!is_so)
		abort();
}

static struct descriptor add(struct arena *arena, const void *bytes, size_t len, const char *type)
{
	struct descriptor d = { .media_type = type };
	struct error err = ERROR_INIT;

	if (store_write(store, arena, bytes, len, &d, &err) < 0) {
		(void)fprintf(stderr, "%s\n", err.text);
		exit(1);
	}
	return d;
}

/* What the documents of the corpus refer to. */
static void add_parts(struct arena *arena)
{
	uint8_t *object = arena_alloc(arena, OBJECT_MAX);
	FILE *file = fopen(object_path, "rb");
	struct descriptor layer;
	struct document manifest = { .kind = DOCUMENT_MANIFEST, .media_type = MEDIA_MANIFEST };
	struct str text;

	if (!file) {
		perror(object_path);
		exit(1);
	}
	layer = add(arena, object, fread(object, 1, OBJECT_MAX, file), MEDIA_GADGET_EBPF);
	(void)fclose(file);
	manifest.config = add(arena, metadata, strlen(metadata), MEDIA_GADGET_CONFIG);
	manifest.items = &layer;
	manifest.nitems = 1;
	text = document_write(arena, &manifest);
	(void)add(arena, text.at, text.len, MEDIA_MANIFEST);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct arena arena = ARENA_INIT;
	struct error err = ERROR_INIT;

	(void)argc;
	(void)argv;
	if (!mkdtemp(dir) || store_open(dir, true, &store, &err) < 0) {
		(void)fprintf(stderr, "%s\n", err.text);
		exit(1);
	}
	(void)atexit(clean_up);
	add_parts(&arena);
	arena_release(&arena);
	return 0;
}

static void check_blobs(struct arena *arena, const struct descriptor *top)
{
	struct error err = ERROR_INIT;
	struct image_blobs blobs;
	uint64_t bytes = 0;

	if (image_blobs(store, arena, top, &blobs, &err) < 0) {
		require(err.code && *err.text);
		return;
	}
	require(blobs.n >= 1 && blobs.n <= IMAGE_MAX_BLOBS);
	for (uint32_t i = 0; i < blobs.n; i++) {
		require(store_has(store, &blobs.list[i]));
		bytes += blobs.list[i].size;
		for (uint32_t k = 0; k < i; k++)
			require(strcmp(blobs.list[i].digest, blobs.list[k].digest) != 0);
	}
	require(bytes == blobs.bytes);
}

static void check_model(struct arena *arena, const struct image *image)
{
	struct error err = ERROR_INIT;
	struct found_gadget found = { 0 };

	if (find_image_model(store, arena, image, "amd64", NULL, &found, &err) < 0) {
		require(err.code && *err.text && !found.model);
		return;
	}
	require(found.model && found.model->size && found.image);
	require(!strcmp(found.model->name, "image"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct image image = { .reference = { "localhost", "an/image", "v1", NULL } };
	char path[sizeof(dir) + 96];
	struct arena arena = ARENA_INIT;
	int64_t at;

	if (!size)
		return 0;
	image.top = add(&arena, data + 1, size - 1, data[0] & 1 ? MEDIA_INDEX : MEDIA_MANIFEST);
	check_blobs(&arena, &image.top);
	check_model(&arena, &image);
	(void)image_created(store, &image.top, &at);
	(void)image_is_complete(store, &image.top, "arm64");
	(void)snprintf(path, sizeof(path), "%s/blobs/sha256/%s", dir, digest_hex(image.top.digest));
	(void)unlink(path);
	arena_release(&arena);
	return 0;
}
