/* SPDX-License-Identifier: Apache-2.0 */
/* The store of images: content, names, upkeep, many processes, sudden death. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "oci/digest.h"
#include "oci/store.h"

static char dir[] = "/tmp/test_oci_store.XXXXXX";
static char home[sizeof(dir) + 8];
static struct arena arena;
static struct error error;
static struct store *store;

static int delete_entry(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static int set_up(void **state)
{
	(void)state;
	memcpy(dir + sizeof(dir) - 7, "XXXXXX", 6);
	if (!mkdtemp(dir))
		return -1;
	(void)snprintf(home, sizeof(home), "%s/a/b", dir);
	error = (struct error)ERROR_INIT;
	return store_open(home, true, &store, &error);
}

static int tear_down(void **state)
{
	(void)state;
	store_close(store);
	arena_release(&arena);
	return nftw(dir, delete_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static struct reference name(const char *text)
{
	static const struct reference_defaults defaults = { "localhost", "" };
	struct reference ref;

	assert_int_equal(reference_parse(&arena, text, &defaults, &ref, &error), 0);
	return ref;
}

static struct descriptor add_blob(struct store *to, const char *text, const char *type)
{
	struct descriptor d = { .media_type = type };

	if (store_write(to, &arena, text, strlen(text), &d, &error) < 0)
		fail_msg("%s", error.text);
	return d;
}

/* An index of one manifest with one layer of that text. */
static struct descriptor add_image(struct store *to, const char *text)
{
	struct descriptor config = add_blob(to, "{}", MEDIA_EMPTY);
	struct descriptor layer = add_blob(to, text, "a/layer"), manifest, index;
	struct document doc = { .kind = DOCUMENT_MANIFEST,
				.media_type = MEDIA_MANIFEST,
				.config = config,
				.items = &layer,
				.nitems = 1 };
	struct str bytes = document_write(&arena, &doc);

	manifest = add_blob(to, bytes.at, MEDIA_MANIFEST);
	manifest.architecture = "amd64";
	manifest.os = "linux";
	doc = (struct document){
		.kind = DOCUMENT_INDEX, .media_type = MEDIA_INDEX, .items = &manifest, .nitems = 1
	};
	bytes = document_write(&arena, &doc);
	index = add_blob(to, bytes.at, MEDIA_INDEX);
	return index;
}

static void print_fault(void *arg, const char *text)
{
	(void)arg;
	(void)fprintf(stderr, "fault: %s\n", text);
}

static int faults(void)
{
	return store_check(store, print_fault, NULL, &error);
}

static char *blob_path(const struct descriptor *d)
{
	return arena_printf(&arena, "%s/blobs/sha256/%s", home, digest_hex(d->digest));
}

static void overwrite(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void an_image_is_found_by_name_digest_and_id(void **state)
{
	struct reference ref = name("localhost/a/x:v1");
	struct descriptor top = add_image(store, "one");
	struct image *images, image;
	uint32_t n;

	(void)state;
	assert_int_equal(store_tag(store, &ref, &top, &error), 0);
	assert_int_equal(store_list(store, &arena, &images, &n, &error), 0);
	assert_int_equal(n, 1);
	assert_string_equal(reference_text(&arena, &images[0].reference), "localhost/a/x:v1");
	assert_int_equal(store_resolve(store, &arena, &ref, &image, &error), 0);
	assert_string_equal(image.top.digest, top.digest);
	ref = name(arena_printf(&arena, "localhost/a/x@%s", top.digest));
	assert_int_equal(store_resolve(store, &arena, &ref, &image, &error), 0);
	ref = name("localhost/a/x:v2");
	assert_int_equal(store_resolve(store, &arena, &ref, &image, &error), -ENOENT);
	assert_int_equal(store_find_id(store, &arena,
				       arena_strndup(&arena, digest_hex(top.digest), 12), &image,
				       &error),
			 0);
	assert_int_equal(store_find_id(store, &arena, "x", &image, &error), -ENOENT);
	assert_int_equal(faults(), 0);
}

static void a_name_moves_to_new_content(void **state)
{
	struct reference ref = name("x:v1"), other = name("y:v1");
	struct descriptor one = add_image(store, "one"), two = add_image(store, "two");
	struct store_pruned pruned;
	struct image image;

	(void)state;
	assert_int_equal(store_tag(store, &ref, &one, &error), 0);
	assert_int_equal(store_tag(store, &other, &one, &error), 0);
	assert_int_equal(store_tag(store, &ref, &two, &error), 0);
	assert_int_equal(store_resolve(store, &arena, &ref, &image, &error), 0);
	assert_string_equal(image.top.digest, two.digest);
	assert_int_equal(store_untag(store, &other, &error), 0);
	assert_int_equal(store_untag(store, &other, &error), -ENOENT);
	assert_int_equal(store_prune(store, false, &pruned, &error), 0);
	assert_int_equal(pruned.blobs, 3); /* the config is shared */
	assert_false(store_has(store, &one));
	assert_int_equal(faults(), 0);
}

static void damage_is_found(void **state)
{
	struct reference ref = name("x:v1");
	struct descriptor top = add_image(store, "one"), layer = add_blob(store, "one", "a/layer");
	struct str bytes;

	(void)state;
	assert_int_equal(store_tag(store, &ref, &top, &error), 0);
	overwrite(blob_path(&layer), "two");
	assert_int_equal(store_read(store, &arena, &layer, 100, &bytes, &error), -EBADMSG);
	assert_non_null(strstr(error.text, "damaged"));
	assert_int_equal(store_open_blob(store, &layer, &error), -EBADMSG);
	assert_int_equal(faults(), 1);
	overwrite(blob_path(&layer), "longer");
	assert_int_equal(store_read(store, &arena, &layer, 100, &bytes, &error), -EBADMSG);
	assert_int_equal(unlink(blob_path(&layer)), 0);
	assert_int_equal(faults(), 1);
	layer.size = 1000;
	assert_int_equal(store_read(store, &arena, &layer, 100, &bytes, &error), -EFBIG);
}

static void nothing_is_deleted_while_names_cannot_be_read(void **state)
{
	struct reference ref = name("x:v1");
	struct descriptor top = add_image(store, "one"), stray = add_blob(store, "stray", "a/b");
	struct store_pruned pruned;

	(void)state;
	assert_int_equal(store_tag(store, &ref, &top, &error), 0);
	overwrite(blob_path(&top), "{");
	assert_true(store_prune(store, false, &pruned, &error) < 0);
	assert_true(store_has(store, &stray));
	overwrite(arena_printf(&arena, "%s/index.json", home), "{}");
	assert_int_equal(store_prune(store, false, &pruned, &error), -EBADMSG);
	assert_non_null(strstr(error.text, "index.json"));
}

static void wrong_content_gets_no_name(void **state)
{
	struct descriptor d = { .digest = digest_of(&arena, "right", 5), .size = 5 };
	struct ingest *in;

	(void)state;
	assert_int_equal(ingest_begin(store, &d, NULL, &in, &error), 0);
	assert_int_equal(ingest_write(in, "wrong", 5, &error), 0);
	assert_int_equal(ingest_commit(in, &error), -EBADMSG);
	assert_int_equal(ingest_begin(store, &d, NULL, &in, &error), 0);
	assert_int_equal(ingest_write(in, "righ", 4, &error), 0);
	assert_int_equal(ingest_write(in, "ty", 2, &error), -EFBIG);
	assert_int_equal(ingest_commit(in, &error), -EBADMSG);
	assert_false(store_has(store, &d));
}

static void an_interrupted_blob_is_taken_up(void **state)
{
	struct descriptor d = { .digest = digest_of(&arena, "right", 5), .size = 5 };
	struct ingest *in, *second;
	uint64_t have = 7;

	(void)state;
	assert_int_equal(ingest_begin(store, &d, &have, &in, &error), 0);
	assert_int_equal(have, 0);
	assert_int_equal(ingest_begin(store, &d, &have, &second, &error), -EBUSY);
	assert_int_equal(ingest_write(in, "rig", 3, &error), 0);
	ingest_abort(in, true);
	assert_int_equal(ingest_begin(store, &d, &have, &in, &error), 0);
	assert_int_equal(have, 3);
	assert_int_equal(ingest_write(in, "ht", 2, &error), 0);
	assert_int_equal(ingest_commit(in, &error), 0);
	assert_true(store_has(store, &d));
	assert_int_equal(faults(), 0);
}

static void deleting_waits_for_adding(void **state)
{
	struct store *other;
	struct store_pruned pruned;

	(void)state;
	assert_int_equal(store_open(home, false, &other, &error), 0);
	assert_int_equal(store_begin(store, &error), 0);
	assert_int_equal(store_begin(store, &error), 0);
	assert_int_equal(store_prune(other, true, &pruned, &error), -EAGAIN);
	store_end(store);
	assert_int_equal(store_prune(other, true, &pruned, &error), -EAGAIN);
	store_end(store);
	assert_int_equal(store_prune(other, true, &pruned, &error), 0);
	store_close(other);
}

static void other_folders_are_left_alone(void **state)
{
	struct store *other;

	(void)state;
	assert_int_equal(store_open("/etc", true, &other, &error), -EBADMSG);
	assert_non_null(strstr(error.text, "something else"));
	assert_int_equal(store_open(dir, false, &other, &error), -ENOENT);
	overwrite(arena_printf(&arena, "%s/oci-layout", home), "{\"imageLayoutVersion\":\"2.0\"}");
	assert_int_equal(store_open(home, true, &other, &error), -EBADMSG);
}

/* ---- many processes, sudden death ------------------------------------------ */

/* Adds, names, moves and deletes until somebody kills it. */
static void be_busy(unsigned seed)
{
	struct store *own;

	if (store_open(home, true, &own, &error) < 0)
		_exit(1);
	for (unsigned i = seed;; i = i * 1103515245 + 12345) {
		char text[32];
		struct reference ref;
		struct descriptor top;
		struct store_pruned pruned;

		(void)snprintf(text, sizeof(text), "x:v%u", i >> 16 & 7);
		ref = name(text);
		if (store_begin(own, &error) < 0)
			_exit(2);
		top = add_image(own, text);
		if (store_tag(own, &ref, &top, &error) < 0)
			_exit(3);
		store_end(own);
		if ((i >> 20 & 3) == 0 && store_untag(own, &ref, &error) < 0 &&
		    error.code != ENOENT)
			_exit(4);
		if ((i >> 22 & 3) == 0 && store_prune(own, false, &pruned, &error) < 0)
			_exit(5);
		arena_release(&arena);
	}
}

static void kill_after(pid_t pid, unsigned us)
{
	struct timespec delay = { .tv_nsec = (long)us * 1000 };
	int status;

	(void)clock_nanosleep(CLOCK_MONOTONIC, 0, &delay, NULL);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (!WIFSIGNALED(status))
		fail_msg("a busy process ended with status %d", WEXITSTATUS(status));
}

static void sudden_death_leaves_a_valid_store(void **state)
{
	const char *text = getenv("STORE_ROUNDS");
	long rounds = text ? strtol(text, NULL, 10) : 20;
	struct store_pruned pruned;
	struct image *images;
	uint32_t n;

	(void)state;
	for (long i = 0; i < rounds; i++) {
		pid_t pids[3];

		for (unsigned k = 0; k < 3; k++) {
			pids[k] = fork();
			assert_true(pids[k] >= 0);
			if (!pids[k])
				be_busy((unsigned)i * 3 + k);
		}
		for (unsigned k = 0; k < 3; k++)
			kill_after(pids[k], 5000 + (unsigned)(i * 7919 % 10000));
		assert_int_equal(faults(), 0);
		assert_int_equal(store_list(store, &arena, &images, &n, &error), 0);
		assert_true(n <= 8);
		if (i % 4 == 0)
			assert_int_equal(store_prune(store, false, &pruned, &error), 0);
		assert_int_equal(faults(), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_image_is_found_by_name_digest_and_id, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_name_moves_to_new_content, set_up, tear_down),
		cmocka_unit_test_setup_teardown(damage_is_found, set_up, tear_down),
		cmocka_unit_test_setup_teardown(nothing_is_deleted_while_names_cannot_be_read,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(wrong_content_gets_no_name, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_interrupted_blob_is_taken_up, set_up, tear_down),
		cmocka_unit_test_setup_teardown(deleting_waits_for_adding, set_up, tear_down),
		cmocka_unit_test_setup_teardown(other_folders_are_left_alone, set_up, tear_down),
		cmocka_unit_test_setup_teardown(sudden_death_leaves_a_valid_store, set_up,
						tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
