/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stdout: records on standard output, for people and for the next program.
 *
 * What fd 1 is decides how it is written, and whatever it is, it is shared with
 * the shell and its other children.  O_NONBLOCK belongs to the open file, not to
 * the descriptor, so setting it on fd 1 would break them; instead
 *
 *   pipe, terminal   is opened once more through /proc/self/fd/1: the same pipe,
 *                    but an open file of our own, which may be non-blocking.
 *                    Where that is not allowed fd 1 itself is asked with poll(2)
 *                    before each short write.
 *   socket           is written with send(MSG_DONTWAIT)
 *   null, full, ...  memory devices never block: written directly
 *   anything else    (a file, a disk) may block and is written by libuv's pool
 *
 * libuv's poll handle would set O_NONBLOCK too, so an epoll descriptor of our own
 * stands between.
 *
 * A pipe is written in pieces that hold whole records: as much of the chunk as
 * there is surely room for, else at most PIPE_BUF bytes.  The kernel takes either
 * whole or not at all, so no line is torn, whenever the run ends and whoever else
 * writes to the pipe.  Long pieces matter when the CPUs are busy, because each
 * write may wake the reader: with both busy, 320-byte records cost 147 ns of
 * kernel time each in pieces of PIPE_BUF and 40 ns in pieces of a chunk.  Only a
 * record longer than a piece can be cut short, and then nothing follows it.
 *
 * Delivered means: in the pipe, or taken by the kernel for the file.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include <uv.h>

#include "engine/component.h"
#include "engine/cursor.h"
#include "engine/disk.h"

enum { CODEC_JSON, CODEC_COLUMNS, CODEC_JSONPRETTY, CODEC_YAML, CODEC_CSV };
enum { NUMBER, TEXT };
enum { PIPE_BYTES = 1 << 20, MEMORY_MAJOR = 1 };

struct stdout_sink {
	int codec;
	int big_int;
	struct sink *sink;
	struct chunk *chunk; /* being written, or NULL */
	struct cursor cursor;
	uint32_t settled; /* records before it have been settled, or need not be */
	int fd;           /* STDOUT_FILENO, or our own opening of it */
	size_t piece;     /* bytes of one write at most */
	size_t pipe_size; /* bytes a pipe holds; 0: not known, or no pipe */
	bool uses_pool;
	bool is_socket;
	bool must_ask;    /* fd blocks: poll(2) before each write */
	bool hangs_up;    /* an error condition means that the reader has gone */
	bool is_finished; /* reader gone, or failed */
	struct disk disk;
	int epoll_fd;
	bool has_poll;
	uv_poll_t poll;
};

static const struct opt_value codecs[] = {
	[CODEC_JSON] = { "json", "One JSON object a line." },
	[CODEC_COLUMNS] = { "columns", "A table; as wide as the terminal, if it is one." },
	[CODEC_JSONPRETTY] = { "jsonpretty", "JSON with a line for each value." },
	[CODEC_YAML] = { "yaml", "One YAML document a record." },
	[CODEC_CSV] = { "csv", "Comma-separated values with a header line." },
	OPT_VALUES_END,
};

static const struct opt_value big_ints[] = {
	[NUMBER] = { "number", "As the number it is." },
	[TEXT] = { "string", "In quotes." },
	OPT_VALUES_END,
};

static const struct opt options[] = {
	OPT_ENUM(
		struct stdout_sink, codec, .def = "json", .values = codecs,
		.help = "How records are shown: json and csv for programs, columns, jsonpretty and "
			"yaml for people."),
	OPT_ENUM(struct stdout_sink, big_int, .def = "number", .values = big_ints,
		 .help = "How json and jsonpretty show integers beyond 2^53, which JavaScript and "
			 "old versions of jq round."),
	OPT_END,
};

static void stdout_take_ready(struct stdout_sink *out);

/* ---- set-up ----------------------------------------------------------- */

static int stdout_open(void *self, struct sink *sink, struct error *err)
{
	struct stdout_sink *out = self;

	(void)err;
	out->sink = sink;
	out->fd = out->epoll_fd = -1;
	return 0;
}

static int stdout_bind(void *self, const struct schema *in, struct encoding *ret_encoding,
		       struct error *err)
{
	static const struct codec *const table[] = {
		[CODEC_JSON] = &codec_json,
		[CODEC_COLUMNS] = &codec_columns,
		[CODEC_JSONPRETTY] = &codec_jsonpretty,
		[CODEC_YAML] = &codec_yaml,
		[CODEC_CSV] = &codec_csv,
	};
	struct stdout_sink *out = self;
	const struct codec *codec = table[out->codec];
	struct encoder_options how = {
		.newline = true,
		.with_event = sink_has_events(out->sink),
		.big_int_string = out->big_int == TEXT,
	};
	struct winsize size;
	int r;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col) {
		how.is_terminal = true;
		how.width = size.ws_col;
	}
	r = codec->compile(sink_arena(out->sink), in, &how, &ret_encoding->encoder, err);
	if (r < 0)
		return r;
	if (codec->header)
		ret_encoding->header = codec->header(ret_encoding->encoder);
	if (codec->header_again)
		ret_encoding->header_again = codec->header_again(ret_encoding->encoder);
	return 0;
}

/* Open the same pipe or terminal once more, without blocking; else ask fd 1. */
static void open_again(struct stdout_sink *out)
{
	int fd = open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd < 0) {
		out->must_ask = true;
		return;
	}
	out->fd = fd;
}

/* A bigger pipe lets a slow reader fall behind further before we must wait. */
static size_t enlarge_pipe(int fd)
{
	int size = fcntl(fd, F_GETPIPE_SZ);

	if (size < PIPE_BYTES && fcntl(fd, F_SETPIPE_SZ, PIPE_BYTES) >= 0)
		size = fcntl(fd, F_GETPIPE_SZ);
	return size > 0 ? (size_t)size : 0;
}

static void choose_way(struct stdout_sink *out, const struct stat *st)
{
	out->fd = STDOUT_FILENO;
	out->piece = PIPE_BUF;
	if (S_ISFIFO(st->st_mode)) {
		open_again(out);
		out->pipe_size = enlarge_pipe(out->fd);
		out->hangs_up = true;
	} else if (S_ISSOCK(st->st_mode)) {
		out->is_socket = out->hangs_up = true;
		out->piece = SIZE_MAX;
	} else if (isatty(STDOUT_FILENO)) {
		open_again(out);
	} else if (S_ISCHR(st->st_mode) && major(st->st_rdev) == MEMORY_MAJOR) {
		out->piece = SIZE_MAX;
	} else {
		out->uses_pool = true;
	}
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct stdout_sink *out = poll->data;

	(void)status;
	(void)events;
	stdout_take_ready(out);
}

/* Watch for errors from the start, for room only while waiting for it. */
static int watch(struct stdout_sink *out)
{
	struct epoll_event event = { .events = 0 };
	int r;

	out->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (out->epoll_fd < 0)
		return -errno;
	if (epoll_ctl(out->epoll_fd, EPOLL_CTL_ADD, out->fd, &event) < 0)
		return errno == EPERM ? 0 : -errno; /* a memory device: always ready */
	r = uv_poll_init(sink_loop(out->sink), &out->poll, out->epoll_fd);
	if (r < 0)
		return r;
	out->has_poll = true;
	out->poll.data = out;
	/* Alone it must not keep a loop alive that has nothing else to do. */
	uv_unref((uv_handle_t *)&out->poll);
	return uv_poll_start(&out->poll, UV_READABLE, on_poll);
}

static void on_disk_done(void *arg, struct chunk *chunk, uint32_t first, uint32_t n, int status);

static int stdout_start(void *self, struct error *err)
{
	struct stdout_sink *out = self;
	struct stat st;
	int flags = fcntl(STDOUT_FILENO, F_GETFL), r;

	if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY || fstat(STDOUT_FILENO, &st) < 0 ||
	    !(st.st_mode & S_IFMT))
		return error_set(err, EBADF,
				 "cannot write standard output: it is closed (redirect it to a "
				 "file or to /dev/null)");
	choose_way(out, &st);
	if (out->uses_pool) {
		disk_init(&out->disk, sink_loop(out->sink), out->fd, on_disk_done, out);
		out->disk.separator = "\n";
		return 0;
	}
	r = watch(out);
	if (r < 0)
		return error_set(err, -r, "cannot watch standard output: %s", uv_strerror(r));
	return 0;
}

/* ---- how it can end --------------------------------------------------- */

/* The reader has gone: no fault of anybody's. */
static void reader_gone(struct stdout_sink *out)
{
	struct chunk *chunk = out->chunk;

	out->chunk = NULL;
	out->is_finished = true;
	if (out->has_poll)
		(void)uv_poll_stop(&out->poll);
	if (chunk)
		sink_retry(out->sink, chunk, 0, NULL);
	sink_closed(out->sink);
}

static void fail(struct stdout_sink *out, int code)
{
	struct error err = ERROR_INIT;
	struct chunk *chunk = out->chunk;

	(void)error_set(&err, -code, "cannot write standard output: %s", uv_strerror(code));
	out->chunk = NULL;
	out->is_finished = true;
	if (out->has_poll)
		(void)uv_poll_stop(&out->poll);
	if (chunk)
		sink_retry(out->sink, chunk, 0, NULL);
	sink_fail(out->sink, &err);
}

static void end_with(struct stdout_sink *out, int code)
{
	if (code == -EPIPE || code == -ECONNRESET)
		reader_gone(out);
	else
		fail(out, code);
}

/* ---- writing ---------------------------------------------------------- */

static void wait_for_room(struct stdout_sink *out, bool wait)
{
	struct epoll_event event = { .events = wait ? EPOLLOUT : 0 };

	if (!out->has_poll)
		return;
	(void)epoll_ctl(out->epoll_fd, EPOLL_CTL_MOD, out->fd, &event);
	if (wait)
		uv_ref((uv_handle_t *)&out->poll);
	else
		uv_unref((uv_handle_t *)&out->poll);
}

/* Bytes written, or a negative errno. */
static ssize_t put(const struct stdout_sink *out, const void *bytes, size_t len)
{
	struct pollfd room = { .fd = out->fd, .events = POLLOUT };
	ssize_t n;

	if (out->must_ask && len > PIPE_BUF)
		len = PIPE_BUF;
	do {
		if (out->must_ask && poll(&room, 1, 0) == 0)
			return -EAGAIN;
		if (out->is_socket)
			n = send(out->fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
		else
			n = write(out->fd, bytes, len);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

/*
 * How much a pipe takes in one go for sure.  It holds pages, and each write may
 * leave the page it ends in half empty, so what is queued occupies a bit more
 * than its bytes: an eighth is more than pieces of half a page or longer waste.
 */
static void measure_room(struct stdout_sink *out)
{
	size_t taken, spare = 4 * (size_t)PIPE_BUF;
	int queued;

	if (!out->pipe_size || out->must_ask || ioctl(out->fd, FIONREAD, &queued) < 0)
		return;
	taken = (size_t)queued + (size_t)queued / 8 + spare;
	out->piece = out->pipe_size > taken + PIPE_BUF ? out->pipe_size - taken : PIPE_BUF;
}

/* A record longer than a piece goes out as it comes. */
static const uint8_t *next_run(const struct stdout_sink *out, size_t *ret_len)
{
	const struct crec *rec = &out->chunk->recs[out->cursor.rec];

	if (!cursor_is_done(&out->cursor) && rec->len - out->cursor.skip > out->piece) {
		*ret_len = rec->len - out->cursor.skip;
		return out->chunk->bytes + rec->at + out->cursor.skip;
	}
	return cursor_run(&out->cursor, out->piece, ret_len);
}

/* Write what there is room for.  Zero when all is written, or a negative errno. */
static int put_records(struct stdout_sink *out)
{
	const uint8_t *at;
	size_t len;

	measure_room(out);
	while ((at = next_run(out, &len))) {
		ssize_t n = put(out, at, len);

		if (n < 0)
			return (int)n;
		(void)cursor_advance(&out->cursor, (size_t)n);
		measure_room(out);
	}
	return 0;
}

static void settle(struct stdout_sink *out)
{
	struct chunk *chunk = out->chunk;
	uint32_t first = out->settled;

	out->settled = out->cursor.rec;
	if (cursor_is_done(&out->cursor))
		out->chunk = NULL; /* settling may bring the next one at once */
	if (out->settled > first)
		sink_settle(out->sink, chunk, first, out->settled - first, DELIVERED, 0);
}

static void push(struct stdout_sink *out)
{
	int r = put_records(out);

	if (r == -EAGAIN)
		wait_for_room(out, true);
	else
		wait_for_room(out, false);
	settle(out);
	if (r < 0 && r != -EAGAIN)
		end_with(out, r);
}

static void stdout_take_ready(struct stdout_sink *out)
{
	struct epoll_event event = { .events = 0 };

	if (out->chunk) {
		push(out);
		return;
	}
	if (epoll_wait(out->epoll_fd, &event, 1, 0) <= 0)
		return;
	if (out->hangs_up)
		reader_gone(out);
	else
		(void)uv_poll_stop(&out->poll); /* the next write says what it is */
}

static void on_disk_done(void *arg, struct chunk *chunk, uint32_t first, uint32_t n, int status)
{
	struct stdout_sink *out = arg;

	/* The engine may hand out the next chunk while this one is settled. */
	if (!status) {
		out->chunk = NULL;
		sink_settle(out->sink, chunk, first, n, DELIVERED, 0);
		return;
	}
	if (n)
		sink_settle(out->sink, chunk, first, n, DELIVERED, 0);
	if (status == -ECANCELED) {
		out->chunk = NULL;
		sink_retry(out->sink, chunk, 0, "cancelled");
		return;
	}
	end_with(out, status);
}

static void stdout_write(void *self, struct chunk *chunk)
{
	struct stdout_sink *out = self;

	if (out->is_finished) {
		sink_retry(out->sink, chunk, 0, "standard output is closed");
		return;
	}
	out->chunk = chunk;
	if (out->uses_pool) {
		disk_write(&out->disk, chunk);
		return;
	}
	cursor_init(&out->cursor, chunk, CURSOR_ANY_ROUTE);
	out->settled = 0;
	push(out);
}

static void stdout_cancel(void *self)
{
	struct stdout_sink *out = self;
	struct chunk *chunk;

	if (out->uses_pool) {
		disk_abort(&out->disk);
		return;
	}
	chunk = out->chunk;
	if (!chunk)
		return;
	out->chunk = NULL;
	out->is_finished = true; /* the last record may be torn: nothing follows it */
	wait_for_room(out, false);
	sink_retry(out->sink, chunk, 0, "cancelled");
}

static void stdout_release(void *self)
{
	struct stdout_sink *out = self;

	if (!out->sink)
		return;
	disk_release(&out->disk);
	if (out->has_poll)
		uv_close((uv_handle_t *)&out->poll, NULL);
	if (out->epoll_fd >= 0)
		(void)close(out->epoll_fd);
	if (out->fd > STDOUT_FILENO)
		(void)close(out->fd);
}

static const struct example examples[] = {
	{ .title = "A table for people, which never makes the sources wait",
	  .config = "type: stdout\n"
		    "codec: columns\n"
		    "buffer: {when_full: drop_oldest}\n" },
	EXAMPLE_END,
};

const struct sink_type sink_stdout = {
	.base = {
		.name = "stdout",
		.summary = "Write records to standard output",
		.help = "JSON lines for programs, or a table for people. When the reader goes "
			"away (`| head`), the pipeline ends and that is no error.",
		.size = sizeof(struct stdout_sink),
		.options = options,
		.examples = examples,
	},
	.open = stdout_open,
	.bind = stdout_bind,
	.start = stdout_start,
	.write = stdout_write,
	.cancel = stdout_cancel,
	.release = stdout_release,
};
