/* SPDX-License-Identifier: Apache-2.0 */
/* What an image holds: for which architecture, which parts, since when. */
#include <errno.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "oci/image.h"

static char dir[] = "/tmp/test_oci_image.XXXXXX";
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
	error = (struct error)ERROR_INIT;
	return store_open(dir, true, &store, &error);
}

static int tear_down(void **state)
{
	(void)state;
	store_close(store);
	arena_release(&arena);
	return nftw(dir, delete_entry, 16, FTW_DEPTH | FTW_PHYS);
}

/* ---- making images --------------------------------------------------------- */

static struct descriptor add_blob(const char *text, const char *type)
{
	struct descriptor d = { .media_type = type };

	assert_int_equal(store_write(store, &arena, text, strlen(text), &d, &error), 0);
	return d;
}

static struct descriptor add_document(const struct document *doc)
{
	return add_blob(document_write(&arena, doc).at, doc->media_type);
}

static struct descriptor titled(struct descriptor d, const char *title)
{
	struct annotation *one = arena_alloc(&arena, sizeof(*one));

	*one = (struct annotation){ ANNOTATION_TITLE, title };
	d.annotations = (struct annotations){ one, 1 };
	return d;
}

static struct descriptor add_manifest(struct descriptor config, const struct descriptor *layers,
				      uint32_t n)
{
	return add_document(&(struct document){ .kind = DOCUMENT_MANIFEST,
						.media_type = MEDIA_MANIFEST,
						.config = config,
						.items = layers,
						.nitems = n });
}

/* A manifest for an architecture (NULL: none named) with one program of that text. */
static struct descriptor add_gadget(const char *architecture, const char *program)
{
	struct descriptor layer = add_blob(program, MEDIA_GADGET_EBPF);
	struct descriptor d = add_manifest(add_blob("name: x\n", MEDIA_GADGET_CONFIG), &layer, 1);

	d.architecture = architecture;
	d.os = architecture ? "linux" : NULL;
	return d;
}

static struct descriptor add_index(const struct descriptor *items, uint32_t n)
{
	return add_document(&(struct document){
		.kind = DOCUMENT_INDEX, .media_type = MEDIA_INDEX, .items = items, .nitems = n });
}

static struct image_contents opened(struct descriptor top, const char *architecture)
{
	struct image_contents contents;

	if (image_open(store, &arena, &top, architecture, &contents, &error) < 0)
		fail_msg("%s", error.text);
	return contents;
}

static void delete_blob(const struct descriptor *d)
{
	assert_int_equal(
		unlink(arena_printf(&arena, "%s/blobs/sha256/%s", dir, strchr(d->digest, ':') + 1)),
		0);
}

/* ---- architectures ----------------------------------------------------------- */

static void the_part_for_the_architecture_is_taken(void **state)
{
	struct descriptor items[] = { add_gadget("amd64", "one"), add_gadget("arm64", "two") };
	struct descriptor top = add_index(items, 2);
	struct image_contents contents = opened(top, "arm64");

	(void)state;
	assert_string_equal(contents.manifest_blob.digest, items[1].digest);
	assert_string_equal(contents.architecture, "arm64");
	assert_int_equal(contents.program->size, 3);
	assert_int_equal(contents.config->size, 8);
	assert_int_equal(image_open(store, &arena, &top, "s390x", &contents, &error), -ENOEXEC);
	assert_string_equal(error.text, "the image holds nothing for s390x (it has amd64, arm64)");
}

static void what_names_no_architecture_comes_last(void **state)
{
	struct descriptor items[] = { add_gadget(NULL, "any"), add_gadget("amd64", "one"),
				      add_gadget("unknown", "attestation") };
	struct descriptor top = add_index(items, 3);

	(void)state;
	assert_string_equal(opened(top, "amd64").manifest_blob.digest, items[1].digest);
	assert_string_equal(opened(top, "arm64").manifest_blob.digest, items[0].digest);
	assert_string_equal(opened(items[0], "arm64").architecture, "");
}

static void another_system_is_another_platform(void **state)
{
	struct descriptor item = add_gadget("amd64", "one"), top;
	struct image_contents contents;

	(void)state;
	item.os = "windows";
	top = add_index(&item, 1);
	assert_int_equal(image_open(store, &arena, &top, "amd64", &contents, &error), -ENOEXEC);
}

/* ---- layers ------------------------------------------------------------------- */

static void layers_are_told_apart_by_type_and_by_title(void **state)
{
	const struct descriptor layers[] = {
		titled(add_blob("y", "any/thing"), "gadget.yaml"),
		titled(add_blob("o", "any/thing"), "program.o"),
		add_blob("w", MEDIA_GADGET_WASM),
		add_blob("b", MEDIA_GADGET_BTFGEN),
		titled(add_blob("z", "x/y"), "README"),
	};
	struct image_contents c =
		opened(add_manifest(add_blob("{}", MEDIA_EMPTY), layers, 5), "amd64");
	static const char *const what[] = { "eBPF", "wasm", "BTF", "x/y" };

	(void)state;
	assert_string_equal(c.config->digest, layers[0].digest);
	assert_string_equal(c.program->digest, layers[1].digest);
	assert_int_equal(c.nlayers, 4);
	for (uint32_t i = 0; i < 4; i++) {
		assert_string_equal(c.layers[i].what, what[i]);
		assert_int_equal(c.layers[i].is_used, i == 0);
	}
}

static void two_programs_are_refused(void **state)
{
	const struct descriptor layers[] = { add_blob("1", MEDIA_GADGET_EBPF),
					     add_blob("2", MEDIA_GADGET_EBPF) };
	struct descriptor top = add_manifest(add_blob("{}", MEDIA_EMPTY), layers, 2);
	struct image_contents contents;

	(void)state;
	assert_int_equal(image_open(store, &arena, &top, "amd64", &contents, &error), -EBADMSG);
	assert_string_equal(error.text, "the image has two eBPF programs");
}

/* ---- all of it ------------------------------------------------------------------ */

static void all_blobs_are_found_once(void **state)
{
	struct descriptor items[] = { add_gadget("amd64", "one"), add_gadget("arm64", "two") };
	struct descriptor top = add_index(items, 2);
	struct image_blobs blobs;
	uint64_t bytes = top.size + items[0].size + items[1].size + 8 + 3 + 3;

	(void)state;
	assert_int_equal(image_blobs(store, &arena, &top, &blobs, &error), 0);
	assert_int_equal(blobs.n, 6); /* the config is shared */
	assert_int_equal(blobs.bytes, bytes);
	assert_string_equal(blobs.list[0].digest, top.digest);
	assert_true(image_is_complete(store, &top, "amd64"));
}

static void a_platform_that_was_not_pulled_is_no_fault(void **state)
{
	struct descriptor items[] = { add_gadget("amd64", "one"), add_gadget("arm64", "two") };
	struct descriptor top = add_index(items, 2);
	struct image_blobs blobs;
	struct descriptor layer;

	(void)state;
	delete_blob(&items[1]);
	assert_int_equal(image_blobs(store, &arena, &top, &blobs, &error), 0);
	assert_int_equal(blobs.n, 4);
	assert_true(image_is_complete(store, &top, "amd64"));
	assert_false(image_is_complete(store, &top, "arm64"));
	layer = *opened(top, "amd64").program;
	delete_blob(&layer);
	assert_int_equal(image_blobs(store, &arena, &top, &blobs, &error), -ENOENT);
	assert_false(image_is_complete(store, &top, "amd64"));
}

static void too_many_blobs_are_refused(void **state)
{
	enum { MANIFESTS = 5, LAYERS = 1000 };
	struct descriptor *layers = arena_array(&arena, LAYERS, sizeof(*layers));
	struct descriptor items[MANIFESTS], top;
	struct image_blobs blobs;

	(void)state;
	for (unsigned m = 0; m < MANIFESTS; m++) {
		for (unsigned i = 0; i < LAYERS; i++)
			layers[i] = (struct descriptor){
				.media_type = "a/b",
				.digest = arena_printf(&arena, "sha256:%064x", m * LAYERS + i),
			};
		items[m] = add_manifest(add_blob("{}", MEDIA_EMPTY), layers, LAYERS);
	}
	/* Empty files are enough: they are only looked for. */
	for (unsigned i = 0; i < MANIFESTS * LAYERS; i++) {
		FILE *f = fopen(arena_printf(&arena, "%s/blobs/sha256/%064x", dir, i), "we");

		assert_non_null(f);
		assert_int_equal(fclose(f), 0);
	}
	top = add_index(items, MANIFESTS);
	assert_int_equal(image_blobs(store, &arena, &top, &blobs, &error), -E2BIG);
}

/* ---- times ------------------------------------------------------------------------ */

static void times_are_read_as_rfc_3339_writes_them(void **state)
{
	static const struct {
		const char *text;
		int64_t seconds;
	} good[] = { { "1970-01-01T00:00:00Z", 0 },
		     { "2024-05-06T07:08:09Z", 1714979289 },
		     { "2024-05-06t07:08:09.123456789z", 1714979289 },
		     { "2024-05-06T09:08:09+02:00", 1714979289 },
		     { "2024-05-06 01:38:09-05:30", 1714979289 },
		     { "1969-12-31T23:59:59Z", -1 } };
	static const char *const bad[] = { "",
					   "today",
					   "2024-05-06",
					   "2024-05-06T07:08Z",
					   "2024-05-06T07:08:09",
					   "2024-13-06T07:08:09Z",
					   "2024-05-32T07:08:09Z",
					   "2024-05-06T24:08:09Z",
					   "2024-05-06T07:08:09Zx",
					   "2024-05-06T07:08:09+2",
					   "2024-05-06T07:08:09+24:00",
					   "20244-05-06T07:08:09Z",
					   " 024-05-06T07:08:09Z" };
	int64_t seconds;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		assert_true(image_parse_time(good[i].text, &seconds));
		assert_int_equal(seconds, good[i].seconds);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (image_parse_time(bad[i], &seconds))
			fail_msg("'%s' is no time", bad[i]);
}

static void the_time_is_that_of_the_top_or_below(void **state)
{
	const struct annotation made = { ANNOTATION_CREATED, "1970-01-01T00:00:07Z" };
	struct descriptor item = add_gadget("amd64", "one"), top;
	int64_t seconds = 0;

	(void)state;
	top = add_index(&item, 1);
	assert_false(image_created(store, &top, &seconds));
	item.annotations = (struct annotations){ &made, 1 };
	top = add_index(&item, 1);
	assert_true(image_created(store, &top, &seconds));
	assert_int_equal(seconds, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		TEST(the_part_for_the_architecture_is_taken),
		TEST(what_names_no_architecture_comes_last),
		TEST(another_system_is_another_platform),
		TEST(layers_are_told_apart_by_type_and_by_title),
		TEST(two_programs_are_refused),
		TEST(all_blobs_are_found_once),
		TEST(a_platform_that_was_not_pulled_is_no_fault),
		TEST(too_many_blobs_are_refused),
		TEST(times_are_read_as_rfc_3339_writes_them),
		TEST(the_time_is_that_of_the_top_or_below),
#undef TEST
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
