/* SPDX-License-Identifier: Apache-2.0 */
/* file: whole records or none, on a disk that is slow to forgive. */
#include "fake_engine.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

extern const struct sink_type sink_file;

struct place {
	char dir[64], path[128];
	struct sink *sink;
};

static int set_up(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	(void)snprintf(place->dir, sizeof(place->dir), "/tmp/test_sink_file.XXXXXX");
	*state = place;
	if (!mkdtemp(place->dir))
		return -1;
	(void)snprintf(place->path, sizeof(place->path), "%s/out", place->dir);
	return 0;
}

static int tear_down(void **state)
{
	struct place *place = *state;

	if (place->sink)
		fake_free(place->sink);
	(void)unlink(place->path);
	(void)rmdir(place->dir);
	free(place);
	return 0;
}

/* Where an option's value lies in the instance. */
static void *option(struct sink *sink, const char *name)
{
	for (const struct opt *opt = sink->type->base.options; opt->type != OPT_TYPE_END; opt++)
		if (!strcmp(opt->name, name))
			return (char *)sink->self + opt->offset;
	fail_msg("no option '%s'", name);
	return NULL;
}

static struct sink *make(struct place *place)
{
	place->sink = fake_new(&sink_file);
	*(const char **)option(place->sink, "path") = place->path;
	*(bool *)option(place->sink, "append") = true;
	return place->sink;
}

static void finish(struct place *place)
{
	place->sink->type->stop(place->sink->self);
	fake_free(place->sink);
	place->sink = NULL;
}

static void put_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static char *get_text(const char *path, size_t *ret_len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	char *text;

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	text = xcalloc(1, (size_t)st.st_size + 1);
	assert_int_equal(read(fd, text, (size_t)st.st_size), st.st_size);
	close(fd);
	*ret_len = (size_t)st.st_size;
	return text;
}

static void expect_text(const char *path, const char *expected)
{
	size_t len;
	char *text = get_text(path, &len);

	assert_string_equal(text, expected);
	free(text);
}

/* The file holds the lines 0..n of `size` bytes, whole. */
static void expect_lines(const char *path, size_t n, size_t size)
{
	size_t len;
	char *text = get_text(path, &len);

	assert_int_equal(len, n * size);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(strtoul(text + i * size, NULL, 10), i);
		assert_int_equal(text[(i + 1) * size - 1], '\n');
	}
	free(text);
}

static rlim_t limit_file_size(rlim_t bytes)
{
	struct rlimit limit;
	rlim_t before;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	before = limit.rlim_cur;
	limit.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	return before;
}

static void appends_and_makes_the_file_as_told(void **state)
{
	struct place *place = *state;
	struct sink *sink = make(place);
	struct stat st;

	*(int *)option(sink, "mode") = 1;
	fake_start(sink);
	fake_write(sink, fake_lines(sink, 0, 2, 10));
	assert_int_equal(sink->delivered, 0);
	fake_run_until(sink, !sink->nout);
	finish(place);
	assert_int_equal(stat(place->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	sink = make(place);
	fake_start(sink);
	fake_write(sink, fake_lines(sink, 2, 1, 10));
	fake_run_until(sink, !sink->nout);
	finish(place);
	expect_text(place->path, "0 xxxxxxx\n1 xxxxxxx\n2 xxxxxxx\n");
}

static void overwrites_when_something_is_written(void **state)
{
	struct place *place = *state;
	struct sink *sink = make(place);

	put_text(place->path, "old\n");
	*(bool *)option(sink, "append") = false;
	fake_start(sink);
	expect_text(place->path, "old\n");
	fake_write(sink, fake_lines(sink, 0, 1, 10));
	fake_run_until(sink, !sink->nout);
	fake_write(sink, fake_lines(sink, 1, 1, 10));
	fake_run_until(sink, !sink->nout);
	finish(place);
	expect_text(place->path, "0 xxxxxxx\n1 xxxxxxx\n");
}

static void run_without_records_overwrites_at_its_end(void **state)
{
	struct place *place = *state;

	put_text(place->path, "old\n");
	*(bool *)option(make(place), "append") = false;
	fake_start(place->sink);
	finish(place);
	expect_text(place->path, "");
}

static void unfinished_line_of_an_earlier_run_is_ended(void **state)
{
	struct place *place = *state;
	struct sink *sink = make(place);

	put_text(place->path, "{\"a\":1}\n{\"a\":");
	fake_start(sink);
	fake_write(sink, fake_lines(sink, 0, 1, 10));
	fake_run_until(sink, !sink->nout);
	fake_write(sink, fake_lines(sink, 1, 1, 10));
	fake_run_until(sink, !sink->nout);
	expect_text(place->path, "{\"a\":1}\n{\"a\":\n0 xxxxxxx\n1 xxxxxxx\n");
}

/* The limit on file size stands in for a disk that fills up in mid-record. */
static void full_disk_keeps_the_rest_and_resumes(void **state)
{
	struct place *place = *state;
	struct sink *sink = make(place);
	struct chunk *chunk;
	rlim_t before;

	fake_start(sink);
	chunk = fake_lines(sink, 0, 1000, 100);
	before = limit_file_size(12345);
	fake_write(sink, chunk);
	fake_run_until(sink, !sink->nout);
	assert_int_equal(sink->delivered, 123);
	assert_int_equal(sink->retries, 1);
	assert_non_null(strstr(sink->why, "/out': file too large"));
	expect_lines(place->path, 123, 100);
	fake_write(sink, chunk);
	fake_run_until(sink, !sink->nout);
	assert_int_equal(sink->retries, 2);
	(void)limit_file_size(before);
	fake_write(sink, chunk);
	fake_run_until(sink, !sink->nout);
	assert_int_equal(sink->delivered, 1000);
	assert_false(sink->has_failed);
	expect_lines(place->path, 1000, 100);
}

/* The file is cut at our torn record, wherever that is by now. */
static void text_of_others_survives_the_cut(void **state)
{
	struct place *place = *state;
	struct sink *sink = make(place);
	struct chunk *chunk;
	rlim_t before;
	size_t len;
	char *text;

	fake_start(sink);
	chunk = fake_lines(sink, 0, 2, 100);
	put_text(place->path, "other\n");
	before = limit_file_size(150);
	fake_write(sink, chunk);
	fake_run_until(sink, !sink->nout);
	assert_int_equal(sink->delivered, 1);
	(void)limit_file_size(before);
	fake_write(sink, chunk);
	fake_run_until(sink, !sink->nout);
	text = get_text(place->path, &len);
	assert_int_equal(len, 6 + 200);
	assert_memory_equal(text, "other\n0 xxx", 11);
	assert_memory_equal(text + 106, "1 xxx", 5);
	free(text);
}

static void cancel_settles_what_is_in_the_file(void **state)
{
	struct place *place = *state;
	struct sink *sink = make(place);
	struct chunk *chunk;

	fake_start(sink);
	chunk = fake_lines(sink, 0, 100000, 100);
	fake_write(sink, chunk);
	sink->type->cancel(sink->self);
	assert_int_equal(sink->nout, 0);
	assert_int_equal(sink->delivered + chunk->npending, 100000);
	expect_lines(place->path, sink->delivered, 100);
	finish(place);
}

static void sync_always_delivers_too(void **state)
{
	struct place *place = *state;
	struct sink *sink = make(place);

	*(int *)option(sink, "sync") = 1;
	fake_start(sink);
	fake_write(sink, fake_lines(sink, 0, 10, 10));
	fake_run_until(sink, !sink->nout);
	assert_int_equal(sink->delivered, 10);
	expect_lines(place->path, 10, 10);
}

static void expect_start_error(struct place *place, const char *part)
{
	struct error err = ERROR_INIT;
	struct sink *sink = make(place);

	assert_int_equal(fake_open(sink, &err), 0);
	assert_true(sink->type->start(sink->self, &err) < 0);
	if (!strstr(err.text, part))
		fail_msg("'%s' lacks '%s'", err.text, part);
	fake_free(sink);
	place->sink = NULL;
}

static void links_and_what_is_no_file_are_refused(void **state)
{
	struct place *place = *state;

	assert_int_equal(symlink("/dev/null", place->path), 0);
	expect_start_error(place, "it is a symbolic link (name the file");
	assert_int_equal(unlink(place->path), 0);
	assert_int_equal(mkfifo(place->path, 0600), 0);
	expect_start_error(place, "it is not a regular file");
	assert_int_equal(unlink(place->path), 0);
	(void)snprintf(place->path, sizeof(place->path), "%s/none/out", place->dir);
	expect_start_error(place, "no such file or directory");
}

static void relative_path_starts_at_the_pipeline_file(void **state)
{
	struct place *place = *state;
	struct error err = ERROR_INIT;
	struct sink *sink = make(place);

	*(const char **)option(sink, "path") = "no-such-directory/x";
	assert_int_equal(fake_open(sink, &err), 0);
	assert_true(sink->type->start(sink->self, &err) < 0);
	assert_non_null(strstr(err.text, "'./no-such-directory/x'"));
}

static void codec_follows_the_option(void **state)
{
	static const struct codec *const expected[] = { &codec_json,    &codec_msgpack,
							&codec_columns, &codec_jsonpretty,
							&codec_yaml,    &codec_csv };
	struct place *place = *state;
	struct sink *sink = make(place);
	struct error err = ERROR_INIT;

	assert_int_equal(fake_open(sink, &err), 0);
	for (int i = 0; i < 6; i++) {
		struct encoding encoding = { 0 };

		*(int *)option(sink, "codec") = i;
		assert_int_equal(sink->type->bind(sink->self, NULL, &encoding, &err), 0);
		assert_ptr_equal(fake_codec_used, expected[i]);
		assert_int_equal(encoding.header.len, i == 2 || i == 5 ? 5 : 0);
		assert_int_equal(encoding.header_again.len, i == 5 ? 5 : 0);
		assert_true(fake_asked.newline);
		assert_false(fake_asked.big_int_string);
	}
	*(int *)option(sink, "big_int") = 1;
	assert_int_equal(sink->type->bind(sink->self, NULL, &(struct encoding){ 0 }, &err), 0);
	assert_true(fake_asked.big_int_string);
}

#define WITH_DIR(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_DIR(appends_and_makes_the_file_as_told),
		WITH_DIR(overwrites_when_something_is_written),
		WITH_DIR(run_without_records_overwrites_at_its_end),
		WITH_DIR(unfinished_line_of_an_earlier_run_is_ended),
		WITH_DIR(full_disk_keeps_the_rest_and_resumes),
		WITH_DIR(text_of_others_survives_the_cut),
		WITH_DIR(cancel_settles_what_is_in_the_file),
		WITH_DIR(sync_always_delivers_too),
		WITH_DIR(links_and_what_is_no_file_are_refused),
		WITH_DIR(relative_path_starts_at_the_pipeline_file),
		WITH_DIR(codec_follows_the_option),
	};

	(void)signal(SIGXFSZ, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
