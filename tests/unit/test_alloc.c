/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In the long run nothing is allocated: a filter and two sinks, 100,000 batches, and
 * every malloc of the process counted.  The test's own allocator sits in front of
 * glibc's, so it sees the libraries' calls too.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "engine/config.h"
#include "engine/pipeline.h"
#include "numbers.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
# define HAS_SANITIZER 1
#elif defined(__has_feature)
# if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#  define HAS_SANITIZER 1
# endif
#endif

enum { WARM_UP = 20000, MEASURED = 100000 };

#ifndef HAS_SANITIZER
static atomic_ullong calls;

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);

void *malloc(size_t size)
{
	atomic_fetch_add(&calls, 1);
	return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	atomic_fetch_add(&calls, 1);
	return __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
	atomic_fetch_add(&calls, 1);
	return __libc_realloc(old, size);
}

struct run {
	uv_loop_t loop;
	struct pipeline *pipeline;
	const struct account *source;
	unsigned long long before, during;
	uv_check_t check;
};

/* After each turn of the loop: note the count at both ends of the stretch. */
static void watch(uv_check_t *check)
{
	struct run *run = check->data;

	if (!run->before && run->source->batches >= WARM_UP)
		run->before = atomic_load(&calls);
	if (!run->during && run->source->batches >= WARM_UP + MEASURED) {
		run->during = atomic_load(&calls) - run->before + 1;
		pipeline_stop(run->pipeline);
	}
}

static void build(struct run *run, struct arena *arena, const char *path)
{
	static const struct source_type *const sources[] = { &source_numbers, NULL };
	struct registry registry = registry_builtin;
	struct pipeline_options options = { .loop = &run->loop,
					    .clock = clock_system(),
					    .host = "h",
					    .shutdown_timeout_ns = 5 * NS_PER_S };
	char *text = arena_printf(arena,
				  "sources: { n: { type: numbers, count: 1000000000, batch: 3 } }\n"
				  "stages: { f: { type: filter, inputs: [n], where: value > 5 } }\n"
				  "sinks:\n"
				  "  a: { type: 'null', inputs: [f] }\n"
				  "  b: { type: file, inputs: [f], path: %s, "
				  "buffer: { memory: 256KiB, when_full: block } }\n",
				  path);
	struct error err = ERROR_INIT;
	struct yaml_node *root;
	struct config *config;

	registry.sources = sources;
	if (yaml_parse(arena, "test", text, strlen(text), &root, &err) < 0 ||
	    config_read(arena, &registry, "test", root, &config, &err) < 0 ||
	    pipeline_new(config, &options, &run->pipeline, &err) < 0 ||
	    pipeline_start(run->pipeline, &err) < 0)
		fail_msg("%s", err.text);
	run->source = pipeline_books(run->pipeline)->accounts[0];
}

static void nothing_is_allocated_per_record_or_batch(void **state)
{
	char path[] = "/tmp/test_alloc.XXXXXX";
	struct arena arena = ARENA_INIT;
	struct error err = ERROR_INIT;
	struct run run = { 0 };
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	(void)close(fd);
	assert_int_equal(uv_loop_init(&run.loop), 0);
	build(&run, &arena, path);
	(void)uv_check_init(&run.loop, &run.check);
	run.check.data = &run;
	(void)uv_check_start(&run.check, watch);
	uv_unref((uv_handle_t *)&run.check);
	(void)uv_run(&run.loop, UV_RUN_DEFAULT);
	assert_true(run.during > 0);
	assert_int_equal(run.during - 1, 0);
	if (books_check(pipeline_books(run.pipeline), &err) < 0)
		fail_msg("%s", err.text);
	uv_close((uv_handle_t *)&run.check, NULL);
	pipeline_free(run.pipeline);
	(void)uv_run(&run.loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&run.loop), 0);
	arena_release(&arena);
	(void)unlink(path);
}
#else
static void nothing_is_allocated_per_record_or_batch(void **state)
{
	(void)state;
	(void)printf("skip: a sanitizer owns the allocator in this build\n");
	skip();
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_allocated_per_record_or_batch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
