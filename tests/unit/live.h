/* SPDX-License-Identifier: Apache-2.0 */
/*
 * live: gadgets on the live kernel, from a unit test: collect.h with objects of this build.
 *
 * Include it once in a test program.
 */
#ifndef TEST_LIVE_H
#define TEST_LIVE_H

#include <libgen.h>
#include <limits.h>
#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "collect.h"

/* build/, from build/tests/unit/<this> */
static const char *build_dir(void)
{
	static char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	path[n > 0 ? n : 0] = 0;
	return dirname(dirname(dirname(path)));
}

/* A pipeline with one gadget; `options` may hold more options of it. */
static const char *with_gadget(const char *object, const char *options)
{
	static char text[PATH_MAX + 1024];

	(void)snprintf(text, sizeof(text),
		       "sources: {s: {type: gadget, gadget: %s/%s, %s}}\n"
		       "sinks: {out: {type: collect, inputs: [s.*], "
		       "buffer: {memory: 1MiB, when_full: block}}}\n",
		       build_dir(), object, options);
	return text;
}

static const char *with_pid(const char *object, const char *options, const char *params)
{
	char all[512];

	(void)snprintf(all, sizeof(all), "params: {pid: %d%s}%s", getpid(), params, options);
	return with_gadget(object, all);
}

/* Without the rights to load programs there is nothing to test. */
static void need_kernel(const char *object)
{
	char path[PATH_MAX + 64];
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { { 0 } };

	(void)syscall(SYS_capget, &header, data);
	if (!(data[0].effective >> CAP_SYS_ADMIN & 1)) {
		print_message("skip: needs root to load BPF programs\n");
		skip();
	}
	(void)snprintf(path, sizeof(path), "%s/%s", build_dir(), object);
	if (access(path, R_OK) != 0) {
		print_message("skip: %s is not built\n", object);
		skip();
	}
}

static inline const struct account *account(void)
{
	return collected.books->accounts[0];
}

static inline struct value read_field(const struct schema *schema, const uint8_t *row, uint32_t len,
				      const char *name)
{
	const uint8_t *at[] = { row };
	struct rows rows = { .at = at, .len = &len, .n = 1 };
	struct batch batch = { .schema = schema, .rows = &rows };
	const struct field *field = schema_find(schema, name);
	struct value value = { .missing = true };

	if (field)
		batch_read(&batch, 0, field, &value);
	return value;
}

static inline bool is_text(const struct value *value, const char *text)
{
	return !value->missing && value->s.len == strlen(text) &&
	       !memcmp(value->s.at, text, value->s.len);
}

#endif
