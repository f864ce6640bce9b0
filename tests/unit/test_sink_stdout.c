/* SPDX-License-Identifier: Apache-2.0 */
/* stdout: every kind of thing fd 1 can be, and every way it can end. */
#include "fake_engine.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

extern const struct sink_type sink_stdout;

/* Each test puts something at fd 1; the real one comes back afterwards. */
struct place {
	int saved;
	int other; /* the reader's end */
	struct sink *sink;
};

static int set_up(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	(void)fflush(stdout);
	place->saved = dup(STDOUT_FILENO);
	place->other = -1;
	*state = place;
	return place->saved < 0;
}

static int tear_down(void **state)
{
	struct place *place = *state;

	if (place->sink)
		fake_free(place->sink);
	if (place->other >= 0)
		close(place->other);
	dup2(place->saved, STDOUT_FILENO);
	close(place->saved);
	free(place);
	return 0;
}

static void put_at_stdout(int fd)
{
	assert_true(fd >= 0);
	assert_int_equal(dup2(fd, STDOUT_FILENO), STDOUT_FILENO);
	close(fd);
}

static struct sink *start(struct place *place)
{
	place->sink = fake_new(&sink_stdout);
	fake_start(place->sink);
	return place->sink;
}

static struct sink *start_on_pipe(struct place *place)
{
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	place->other = ends[0];
	put_at_stdout(ends[1]);
	return start(place);
}

static struct sink *start_on_socket(struct place *place)
{
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	place->other = ends[0];
	put_at_stdout(ends[1]);
	return start(place);
}

/* Read what is there now, at most max bytes; the text is the caller's. */
static char *drain(int fd, size_t max, size_t *ret_len)
{
	char *text = xcalloc(1, max + 1);
	size_t len = 0;

	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	while (len < max) {
		ssize_t n = read(fd, text + len, max - len);

		if (n <= 0)
			break;
		len += (size_t)n;
	}
	*ret_len = len;
	return text;
}

/* The text is the lines from..from+n of `size` bytes each, whole. */
static void expect_lines(const char *text, size_t len, unsigned from, size_t n, size_t size)
{
	assert_int_equal(len, n * size);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(strtoul(text + i * size, NULL, 10), from + i);
		assert_int_equal(text[(i + 1) * size - 1], '\n');
	}
}

static bool shares_nonblock(void)
{
	return fcntl(STDOUT_FILENO, F_GETFL) & O_NONBLOCK;
}

/* ---- pipes ------------------------------------------------------------ */

static void pipe_gets_records_in_order(void **state)
{
	struct place *place = *state;
	struct sink *sink = start_on_pipe(place);
	char *text;
	size_t len;

	fake_write(sink, fake_lines(sink, 0, 200, 100));
	fake_write(sink, fake_lines(sink, 200, 100, 100));
	assert_int_equal(sink->delivered, 300);
	assert_int_equal(sink->nout, 0);
	text = drain(place->other, 100000, &len);
	expect_lines(text, len, 0, 300, 100);
	free(text);
}

static void full_pipe_is_waited_for_without_touching_the_shared_one(void **state)
{
	struct place *place = *state;
	struct sink *sink = start_on_pipe(place);
	size_t total = 0, len;

	/* More than any pipe takes. */
	fake_write(sink, fake_lines(sink, 0, 30000, 100));
	assert_int_equal(sink->nout, 1);
	assert_true(sink->delivered > 0 && sink->delivered < 30000);
	assert_false(shares_nonblock());
	while (total < 3000000) {
		char *text = drain(place->other, 3000000, &len);

		/* Only whole lines, however it was cut. */
		expect_lines(text, len, (unsigned)(total / 100), len / 100, 100);
		free(text);
		total += len;
		if (total < 3000000)
			fake_run_until(sink, sink->delivered * 100 > total || !sink->nout);
	}
	fake_run_until(sink, !sink->nout);
	assert_int_equal(sink->delivered, 30000);
}

static void cancel_leaves_whole_lines_behind(void **state)
{
	struct place *place = *state;
	struct sink *sink = start_on_pipe(place);
	struct chunk *chunk = fake_lines(sink, 0, 20000, 123);
	size_t len;
	char *text;

	fake_write(sink, chunk);
	assert_int_equal(sink->nout, 1);
	sink->type->cancel(sink->self);
	assert_int_equal(sink->nout, 0);
	text = drain(place->other, 20000 * 123, &len);
	assert_int_equal(len, sink->delivered * 123);
	assert_int_equal(sink->delivered + chunk->npending, 20000);
	expect_lines(text, len, 0, sink->delivered, 123);
	free(text);
}

static void nothing_follows_a_line_that_was_cut_short(void **state)
{
	struct place *place = *state;
	struct sink *sink = start_on_pipe(place);
	size_t len, again;

	fake_write(sink, fake_lines(sink, 0, 1, 3 << 20));
	assert_int_equal(sink->delivered, 0);
	sink->type->cancel(sink->self);
	free(drain(place->other, 4 << 20, &len));
	assert_true(len > 0 && len < 3 << 20);
	fake_write(sink, fake_lines(sink, 1, 1, 100));
	free(drain(place->other, 4 << 20, &again));
	assert_int_equal(again, 0);
	assert_int_equal(sink->nout, 0);
	assert_int_equal(sink->delivered, 0);
}

static void line_longer_than_the_pipe_goes_through(void **state)
{
	struct place *place = *state;
	struct sink *sink = start_on_pipe(place);
	size_t total = 0, len;

	fake_write(sink, fake_lines(sink, 0, 2, 3 << 20));
	fake_arm(sink);
	while (sink->nout && !sink->is_late) {
		free(drain(place->other, 1 << 20, &len));
		total += len;
		(void)uv_run(&sink->loop, UV_RUN_NOWAIT);
	}
	free(drain(place->other, 7 << 20, &len));
	assert_int_equal(total + len, 6 << 20);
	assert_int_equal(sink->delivered, 2);
}

static void settled_records_are_not_written(void **state)
{
	struct place *place = *state;
	struct sink *sink = start_on_pipe(place);
	struct chunk *chunk = fake_lines(sink, 0, 3, 10);
	char *text;
	size_t len;

	chunk->recs[2].fate = DROPPED;
	chunk->npending--;
	fake_write(sink, chunk);
	assert_int_equal(sink->delivered, 2);
	text = drain(place->other, 100, &len);
	assert_string_equal(text, "0 xxxxxxx\n2 xxxxxxx\n");
	free(text);
}

static void reader_that_goes_is_noticed_while_idle(void **state)
{
	struct place *place = *state;
	struct sink *sink = start_on_pipe(place);

	fake_write(sink, fake_lines(sink, 0, 3, 10));
	close(place->other);
	place->other = -1;
	fake_run_until(sink, sink->is_closed);
	assert_int_equal(sink->delivered, 3);
	assert_int_equal(sink->retries, 0);
}

static void reader_that_goes_gives_the_chunk_back(void **state)
{
	struct place *place = *state;
	struct sink *sink = start_on_pipe(place);

	fake_write(sink, fake_lines(sink, 0, 30000, 100));
	close(place->other);
	place->other = -1;
	fake_run_until(sink, sink->is_closed);
	assert_int_equal(sink->retries, 1);
	assert_false(sink->has_failed);
	fake_write(sink, fake_lines(sink, 0, 1, 10));
	assert_int_equal(sink->retries, 2);
}

static void reader_that_has_gone_before_the_start_is_no_error(void **state)
{
	struct place *place = *state;
	struct sink *sink;
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	close(ends[0]);
	put_at_stdout(ends[1]);
	sink = start(place);
	fake_write(sink, fake_lines(sink, 0, 1, 10));
	assert_true(sink->is_closed);
	assert_int_equal(sink->delivered, 0);
}

/* Somebody else's pipe: it cannot be opened again, and must not be changed. */
static void pipe_of_another_user_is_asked_before_each_write(void **state)
{
	struct place *place = *state;
	struct sink *sink;
	size_t len, total = 0;
	int ends[2];

	if (geteuid() != 0) {
		print_message("skip: needs root to become another user\n");
		skip();
	}
	assert_int_equal(pipe(ends), 0);
	place->other = ends[0];
	put_at_stdout(ends[1]);
	assert_int_equal(seteuid(65534), 0);
	sink = start(place);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(prctl(PR_SET_DUMPABLE, 1), 0);
	fake_write(sink, fake_lines(sink, 0, 20000, 100));
	assert_int_equal(sink->nout, 1);
	assert_false(shares_nonblock());
	while (sink->nout) {
		char *text = drain(place->other, 2000000, &len);

		expect_lines(text, len, (unsigned)(total / 100), len / 100, 100);
		free(text);
		total += len;
		fake_run_until(sink, sink->delivered * 100 > total || !sink->nout);
	}
	assert_int_equal(sink->delivered, 20000);
}

/* ---- sockets ---------------------------------------------------------- */

static void socket_is_written_without_touching_the_shared_one(void **state)
{
	struct place *place = *state;
	struct sink *sink = start_on_socket(place);
	size_t total = 0, len;

	fake_write(sink, fake_lines(sink, 0, 30000, 100));
	assert_int_equal(sink->nout, 1);
	assert_false(shares_nonblock());
	fake_arm(sink);
	while (sink->nout && !sink->is_late) {
		free(drain(place->other, 1 << 20, &len));
		total += len;
		(void)uv_run(&sink->loop, UV_RUN_NOWAIT);
	}
	free(drain(place->other, 4 << 20, &len));
	assert_int_equal(total + len, 3000000);
	assert_int_equal(sink->delivered, 30000);
}

static void socket_whose_peer_goes_is_closed(void **state)
{
	struct place *place = *state;
	struct sink *sink = start_on_socket(place);

	close(place->other);
	place->other = -1;
	fake_run_until(sink, sink->is_closed);
	assert_false(sink->has_failed);
}

/* ---- files and devices ------------------------------------------------ */

enum { PATH_SIZE = 64 };

static int temporary_file(char *path, int flags)
{
	int fd;

	(void)snprintf(path, PATH_SIZE, "/tmp/test_sink_stdout.XXXXXX");
	fd = mkostemp(path, flags);
	assert_true(fd >= 0);
	return fd;
}

static void file_is_written_by_the_pool(void **state)
{
	struct place *place = *state;
	char path[PATH_SIZE], *text;
	struct sink *sink;
	size_t len;

	put_at_stdout(temporary_file(path, 0));
	sink = start(place);
	place->other = open(path, O_RDONLY | O_CLOEXEC);
	unlink(path);
	fake_write(sink, fake_lines(sink, 0, 1000, 100));
	assert_int_equal(sink->nout, 1);
	fake_run_until(sink, !sink->nout);
	fake_write(sink, fake_lines(sink, 1000, 10, 100));
	fake_run_until(sink, !sink->nout);
	assert_int_equal(sink->delivered, 1010);
	text = drain(place->other, 200000, &len);
	expect_lines(text, len, 0, 1010, 100);
	free(text);
}

/* The limit on file size stands in for a disk that fills up in mid-record. */
static void full_disk_fails_and_leaves_whole_lines(void **state)
{
	struct place *place = *state;
	struct rlimit before, limit;
	char path[PATH_SIZE], *text;
	struct sink *sink;
	size_t len;

	put_at_stdout(temporary_file(path, O_APPEND));
	place->other = open(path, O_RDONLY | O_CLOEXEC);
	unlink(path);
	sink = start(place);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	limit = before;
	limit.rlim_cur = 12345;
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	fake_write(sink, fake_lines(sink, 0, 1000, 100));
	fake_run_until(sink, sink->has_failed);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(sink->error.code, EFBIG);
	assert_string_equal(sink->error.text, "cannot write standard output: file too large");
	assert_int_equal(sink->delivered, 123);
	assert_int_equal(sink->retries, 1);
	text = drain(place->other, 200000, &len);
	expect_lines(text, len, 0, 123, 100);
	free(text);
}

static void cancel_of_a_file_settles_what_is_in_it(void **state)
{
	struct place *place = *state;
	char path[PATH_SIZE], *text;
	struct chunk *chunk;
	struct sink *sink;
	size_t len;

	put_at_stdout(temporary_file(path, O_APPEND));
	place->other = open(path, O_RDONLY | O_CLOEXEC);
	unlink(path);
	sink = start(place);
	chunk = fake_lines(sink, 0, 40000, 100);
	fake_write(sink, chunk);
	sink->type->cancel(sink->self);
	assert_int_equal(sink->nout, 0);
	assert_int_equal(sink->delivered + chunk->npending, 40000);
	text = drain(place->other, 40000 * 100, &len);
	expect_lines(text, len, 0, sink->delivered, 100);
	free(text);
}

static void full_device_fails_with_its_reason(void **state)
{
	struct place *place = *state;
	struct sink *sink;

	put_at_stdout(open("/dev/full", O_WRONLY | O_CLOEXEC));
	sink = start(place);
	fake_write(sink, fake_lines(sink, 0, 1, 10));
	assert_true(sink->has_failed);
	assert_int_equal(sink->error.code, ENOSPC);
	assert_string_equal(sink->error.text,
			    "cannot write standard output: no space left on device");
	assert_int_equal(sink->retries, 1);
}

static void null_device_takes_everything(void **state)
{
	struct place *place = *state;
	struct sink *sink;

	put_at_stdout(open("/dev/null", O_WRONLY | O_CLOEXEC));
	sink = start(place);
	fake_write(sink, fake_lines(sink, 0, 30000, 100));
	assert_int_equal(sink->delivered, 30000);
	assert_int_equal(sink->settles, 1);
}

static void terminal_is_written_and_its_width_is_used(void **state)
{
	struct place *place = *state;
	struct winsize size = { .ws_row = 24, .ws_col = 77 };
	struct encoding encoding = { 0 };
	struct error err = ERROR_INIT;
	struct sink *sink;
	size_t len;
	char *text;

	place->other = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (place->other < 0 || grantpt(place->other) < 0 || unlockpt(place->other) < 0) {
		print_message("skip: no pseudo-terminals here\n");
		skip();
	}
	put_at_stdout(open(ptsname(place->other), O_RDWR | O_NOCTTY | O_CLOEXEC));
	assert_int_equal(ioctl(STDOUT_FILENO, TIOCSWINSZ, &size), 0);
	sink = start(place);
	assert_int_equal(sink->type->bind(sink->self, NULL, &encoding, &err), 0);
	assert_true(fake_asked.is_terminal);
	assert_int_equal(fake_asked.width, 77);
	fake_write(sink, fake_lines(sink, 0, 3, 10));
	assert_false(shares_nonblock());
	text = drain(place->other, 33, &len);
	assert_string_equal(text, "0 xxxxxxx\r\n1 xxxxxxx\r\n2 xxxxxxx\r\n");
	free(text);
}

/* ---- set-up ----------------------------------------------------------- */

static void closed_stdout_is_an_error(void **state)
{
	struct place *place = *state;
	struct sink *sink = place->sink = fake_new(&sink_stdout);
	struct error err = ERROR_INIT;

	assert_int_equal(fake_open(sink, &err), 0);
	close(STDOUT_FILENO);
	assert_int_equal(sink->type->start(sink->self, &err), -EBADF);
	assert_non_null(strstr(err.text, "cannot write standard output: it is closed"));
}

/* What may have taken the number of a closed stdout must not get records. */
static void stdout_that_cannot_be_written_is_an_error(void **state)
{
	struct place *place = *state;
	struct sink *sink = place->sink = fake_new(&sink_stdout);
	struct error err = ERROR_INIT;

	assert_int_equal(fake_open(sink, &err), 0);
	put_at_stdout(open("/dev/null", O_RDONLY | O_CLOEXEC));
	assert_int_equal(sink->type->start(sink->self, &err), -EBADF);
	put_at_stdout(epoll_create1(EPOLL_CLOEXEC));
	assert_int_equal(sink->type->start(sink->self, &err), -EBADF);
}

static void codec_follows_the_option(void **state)
{
	static const struct codec *const expected[] = { &codec_json, &codec_columns,
							&codec_jsonpretty, &codec_yaml,
							&codec_csv };
	struct place *place = *state;
	struct sink *sink = start_on_pipe(place);
	const struct opt *opt = sink->type->base.options;
	struct error err = ERROR_INIT;

	while (strcmp(opt->name, "codec") != 0)
		opt++;
	for (int i = 0; i < 5; i++) {
		struct encoding encoding = { 0 };

		*(int *)((char *)sink->self + opt->offset) = i;
		assert_int_equal(sink->type->bind(sink->self, NULL, &encoding, &err), 0);
		assert_ptr_equal(fake_codec_used, expected[i]);
		assert_int_equal(encoding.header_again.len, expected[i] == &codec_csv ? 5 : 0);
	}
}

static void options_reach_the_codec(void **state)
{
	struct place *place = *state;
	struct sink *sink = start_on_pipe(place);
	struct encoding encoding = { 0 };
	struct error err = ERROR_INIT;

	assert_int_equal(sink->type->bind(sink->self, NULL, &encoding, &err), 0);
	assert_ptr_equal(fake_codec_used, &codec_json);
	assert_true(fake_asked.newline);
	assert_false(fake_asked.big_int_string);
	assert_false(fake_asked.is_terminal);
	assert_int_equal(encoding.header.len, 0);
	for (const struct opt *opt = sink->type->base.options; opt->type != OPT_TYPE_END; opt++)
		*(int *)((char *)sink->self + opt->offset) = 1; /* the second value of each */
	assert_int_equal(sink->type->bind(sink->self, NULL, &encoding, &err), 0);
	assert_ptr_equal(fake_codec_used, &codec_columns);
	assert_true(fake_asked.big_int_string);
	assert_int_equal(encoding.header.len, 5);
}

#define WITH_STDOUT(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_STDOUT(pipe_gets_records_in_order),
		WITH_STDOUT(full_pipe_is_waited_for_without_touching_the_shared_one),
		WITH_STDOUT(cancel_leaves_whole_lines_behind),
		WITH_STDOUT(nothing_follows_a_line_that_was_cut_short),
		WITH_STDOUT(line_longer_than_the_pipe_goes_through),
		WITH_STDOUT(settled_records_are_not_written),
		WITH_STDOUT(reader_that_goes_is_noticed_while_idle),
		WITH_STDOUT(reader_that_goes_gives_the_chunk_back),
		WITH_STDOUT(reader_that_has_gone_before_the_start_is_no_error),
		WITH_STDOUT(pipe_of_another_user_is_asked_before_each_write),
		WITH_STDOUT(socket_is_written_without_touching_the_shared_one),
		WITH_STDOUT(socket_whose_peer_goes_is_closed),
		WITH_STDOUT(file_is_written_by_the_pool),
		WITH_STDOUT(full_disk_fails_and_leaves_whole_lines),
		WITH_STDOUT(cancel_of_a_file_settles_what_is_in_it),
		WITH_STDOUT(full_device_fails_with_its_reason),
		WITH_STDOUT(null_device_takes_everything),
		WITH_STDOUT(terminal_is_written_and_its_width_is_used),
		WITH_STDOUT(closed_stdout_is_an_error),
		WITH_STDOUT(stdout_that_cannot_be_written_is_an_error),
		WITH_STDOUT(codec_follows_the_option),
		WITH_STDOUT(options_reach_the_codec),
	};

	/* The program ignores it for all components. */
	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
