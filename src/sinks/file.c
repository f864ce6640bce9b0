/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file: records in a regular file.
 *
 * libuv's pool does the writing (engine/disk.h), one chunk at a time, so a slow
 * disk delays nothing but this sink.  A disk that is full, or out of order, is no
 * end: what was not written stays queued and is tried again, and the file never
 * holds a part of a record in between.  A line that an earlier run left unfinished
 * (it was killed, or the machine was) is ended before the first new one.
 *
 * Only regular files, and no symbolic links: in a directory that others may write
 * to, a link in place of the file would aim what a privileged user writes at any
 * file of the system.
 *
 * Delivered means: taken by the kernel, or with `sync: always` by the disk.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include "engine/component.h"
#include "engine/disk.h"

enum { CODEC_JSON, CODEC_MSGPACK, CODEC_COLUMNS, CODEC_JSONPRETTY, CODEC_YAML, CODEC_CSV };
enum { NUMBER, TEXT };
enum { SYNC_END, SYNC_ALWAYS };

struct file_sink {
	const char *path;
	int codec;
	int big_int;
	bool append;
	int mode;
	int sync;
	struct sink *sink;
	const char *name; /* the path, seen from the working directory */
	char why[512];
	struct disk disk;
	bool is_open;
};

static const struct opt_value codecs[] = {
	[CODEC_JSON] = { "json", "One JSON object a line." },
	[CODEC_MSGPACK] = { "msgpack", "MessagePack maps, one behind the other." },
	[CODEC_COLUMNS] = { "columns", "A table." },
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

static const struct opt_value modes[] = {
	{ "0640", "The owner writes, the group reads." },
	{ "0600", "Only the owner." },
	{ "0644", "The owner writes, everybody reads." },
	{ "0660", "Owner and group write." },
	OPT_VALUES_END,
};

static const mode_t mode_bits[] = { 0640, 0600, 0644, 0660 };

static const struct opt_value syncs[] = {
	[SYNC_END] = { "end", "When the run ends." },
	[SYNC_ALWAYS] = { "always", "Before a record counts as delivered." },
	OPT_VALUES_END,
};

static const struct opt options[] = {
	OPT_PATH(struct file_sink, path, .required = true,
		 .help = "The file; relative paths start at the pipeline file's directory. It is "
			 "made when it does not exist; its directory is not."),
	OPT_ENUM(struct file_sink, codec, .def = "json", .values = codecs,
		 .help = "How records are written."),
	OPT_ENUM(struct file_sink, big_int, .def = "number", .values = big_ints,
		 .help = "How json and jsonpretty show integers beyond 2^53, which JavaScript and "
			 "old versions of jq round."),
	OPT_BOOL(struct file_sink, append, .def = "true",
		 .help = "Write behind what the file holds; false empties it first."),
	OPT_ENUM(struct file_sink, mode, .def = "0640", .values = modes,
		 .help = "Permissions of a file that is made, less the umask."),
	OPT_ENUM(
		struct file_sink, sync, .def = "end", .values = syncs,
		.help = "When to wait for the disk: always survives a power cut, and costs a round "
			"trip to the disk for each chunk."),
	OPT_END,
};

static int file_open(void *self, struct sink *sink, struct error *err)
{
	struct file_sink *file = self;

	(void)err;
	file->sink = sink;
	file->name = file->path;
	if (file->path[0] != '/')
		file->name = arena_printf(sink_arena(sink), "%s/%s", sink_dir(sink), file->path);
	return 0;
}

static int file_bind(void *self, const struct schema *in, struct encoding *ret_encoding,
		     struct error *err)
{
	static const struct codec *const table[] = {
		[CODEC_JSON] = &codec_json,       [CODEC_MSGPACK] = &codec_msgpack,
		[CODEC_COLUMNS] = &codec_columns, [CODEC_JSONPRETTY] = &codec_jsonpretty,
		[CODEC_YAML] = &codec_yaml,       [CODEC_CSV] = &codec_csv,
	};
	struct file_sink *file = self;
	const struct codec *codec = table[file->codec];
	struct encoder_options how = {
		.newline = true,
		.with_event = sink_has_events(file->sink),
		.big_int_string = file->big_int == TEXT,
	};
	int r = codec->compile(sink_arena(file->sink), in, &how, &ret_encoding->encoder, err);

	if (r < 0)
		return r;
	if (codec->header)
		ret_encoding->header = codec->header(ret_encoding->encoder);
	if (codec->header_again)
		ret_encoding->header_again = codec->header_again(ret_encoding->encoder);
	return 0;
}

/* ---- writing ---------------------------------------------------------- */

static void on_disk_done(void *arg, struct chunk *chunk, uint32_t first, uint32_t n, int status)
{
	struct file_sink *file = arg;

	if (n)
		sink_settle(file->sink, chunk, first, n, DELIVERED, 0);
	if (!status)
		return; /* the chunk is the engine's again */
	(void)snprintf(file->why, sizeof(file->why), "cannot write '%s': %s", file->name,
		       uv_strerror(status));
	sink_retry(file->sink, chunk, 0, file->why);
}

static void file_write(void *self, struct chunk *chunk)
{
	struct file_sink *file = self;

	disk_write(&file->disk, chunk);
}

static void file_cancel(void *self)
{
	struct file_sink *file = self;

	disk_abort(&file->disk);
}

/* ---- beginning and end ------------------------------------------------ */

/* Whether the file ends in the middle of a line. */
static bool ends_torn(int fd, off_t size)
{
	char last;

	return size > 0 && pread(fd, &last, 1, size - 1) == 1 && last != '\n';
}

static int file_start(void *self, struct error *err)
{
	struct file_sink *file = self;
	struct stat st;
	int fd = open(file->name,
		      O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC,
		      mode_bits[file->mode]);

	if (fd < 0 && errno == ELOOP)
		return error_set(err, ELOOP,
				 "cannot open '%s': it is a symbolic link (name the file that it "
				 "points to)",
				 file->name);
	if (fd < 0)
		return error_set(err, errno, "cannot open '%s': %s", file->name,
				 uv_strerror(-errno));
	disk_init(&file->disk, sink_loop(file->sink), fd, on_disk_done, file);
	file->is_open = true;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return error_set(err, EINVAL, "cannot write '%s': it is not a regular file",
				 file->name);
	/* Not before something is written: a run that fails to start changes nothing. */
	file->disk.must_truncate = !file->append;
	file->disk.sync = file->sync == SYNC_ALWAYS;
	if (file->codec != CODEC_MSGPACK) {
		file->disk.separator = "\n";
		file->disk.is_torn = file->append && ends_torn(fd, st.st_size);
	}
	return 0;
}

static void file_stop(void *self)
{
	struct file_sink *file = self;

	file->is_open = false;
	disk_finish(&file->disk, file->name);
}

static void file_release(void *self)
{
	struct file_sink *file = self;

	disk_release(&file->disk);
	if (file->is_open)
		(void)close(file->disk.fd);
}

static const struct example examples[] = {
	{ .title = "Append JSON lines, and wait for the disk each time",
	  .config = "type: file\n"
		    "path: ./events.ndjson\n"
		    "sync: always\n" },
	EXAMPLE_END,
};

const struct sink_type sink_file = {
	.base = {
		.name = "file",
		.summary = "Write records to a file",
		.help = "Appends to a regular file, and waits when the disk is full. Records are "
			"whole or absent, whatever happens.",
		.size = sizeof(struct file_sink),
		.options = options,
		.examples = examples,
	},
	.chunk_bytes = 256 << 10,
	.open = file_open,
	.bind = file_bind,
	.start = file_start,
	.write = file_write,
	.cancel = file_cancel,
	.stop = file_stop,
	.release = file_release,
};
