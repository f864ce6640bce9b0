/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as an archive: the import ends, the store stays valid, a failure leaves
 * nothing in it, and what was imported can be exported and imported again.
 */
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "oci/archive.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LIMIT = 1 << 20 };

static char dir[] = "/tmp/fuzz_archive.XXXXXX";
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

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct error err = ERROR_INIT;

	(void)argc;
	(void)argv;
	if (!mkdtemp(dir) || store_open(dir, true, &store, &err) < 0) {
		(void)fprintf(stderr, "%s\n", err.text);
		exit(1);
	}
	(void)atexit(clean_up);
	return 0;
}

static void require(bool is_so)
{
	if (!is_so)
		abort();
}

static void on_fault(void *arg, const char *fault)
{
	(void)arg;
	(void)fprintf(stderr, "%s\n", fault);
	abort();
}

static int in_memory(const uint8_t *data, size_t size)
{
	int fd = memfd_create("archive", MFD_CLOEXEC);

	require(fd >= 0 && write(fd, data, size) == (ssize_t)size && lseek(fd, 0, SEEK_SET) == 0);
	return fd;
}

static int import(struct arena *arena, int fd, struct imported *imported, struct error *err)
{
	const struct import_options options = {
		.max_size = LIMIT,
		.defaults = { "localhost", "fuzz" },
	};
	int r = archive_import(store, arena, fd, &options, imported, err);

	close(fd);
	return r;
}

/* All that has come in goes out and in again. */
static void there_and_back(struct arena *arena, const struct imported *imported)
{
	int fd = memfd_create("exported", MFD_CLOEXEC);
	struct error err = ERROR_INIT;
	struct imported again;

	require(fd >= 0);
	require(archive_export(store, arena, imported->images, imported->n, 7, fd, &err) == 0);
	/* Names and folders of ours take more room than a tight archive had. */
	require(lseek(fd, 0, SEEK_SET) == 0);
	if (import(arena, fd, &again, &err) < 0)
		require(err.code == E2BIG);
	else
		require(again.n <= imported->n);
}

static void untag_all(struct arena *arena)
{
	struct error err = ERROR_INIT;
	struct image *images = NULL;
	struct store_pruned pruned;
	uint32_t n = 0;

	require(store_list(store, arena, &images, &n, &err) == 0);
	for (uint32_t i = 0; i < n; i++)
		require(store_untag(store, &images[i].reference, &err) == 0);
	require(store_prune(store, false, &pruned, &err) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena = ARENA_INIT;
	struct error err = ERROR_INIT;
	struct imported imported = { 0 };
	struct store_pruned pruned = { 0 };
	struct image *images;
	uint32_t n = 1;

	if (import(&arena, in_memory(data, size), &imported, &err) < 0) {
		require(err.code && *err.text);
		require(store_list(store, &arena, &images, &n, &err) == 0 && n == 0);
		require(store_prune(store, false, &pruned, &err) == 0);
		require(pruned.blobs == 0 && pruned.parts == 0);
	} else {
		require(imported.n > 0);
		require(store_check(store, on_fault, NULL, &err) == 0);
		there_and_back(&arena, &imported);
		untag_all(&arena);
	}
	arena_release(&arena);
	return 0;
}
