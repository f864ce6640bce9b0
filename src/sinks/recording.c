/* SPDX-License-Identifier: Apache-2.0 */
/*
 * recording: raw records with their schemas in a file that `replay` reads.
 *
 * A chunk becomes a block: a thread of libuv's pool compresses it, adds a CRC, and
 * appends it with one write.  What a failed write left is cut off again, so a full
 * disk costs a retry and no damage; a killed process leaves at most one torn block
 * at the end.  Head and schemas precede the first block; a run in which nothing
 * happened writes them when it ends, and one that fails to start writes nothing.
 *
 * Like `file` it writes regular files only and follows no symbolic link.  One
 * process at a time writes a recording; a lock on the file sees to it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <uv.h>

#include "base/log.h"
#include "engine/component.h"
#include "engine/cursor.h"
#include "recording/encoder.h"
#include "recording/reader.h"
#include "recording/writer.h"

enum { EXISTING_REFUSE, EXISTING_APPEND, EXISTING_OVERWRITE };
enum { SYNC_END, SYNC_ALWAYS, SYNC_NEVER };

struct job;

struct recording_sink {
	const char *path;
	int64_t level;
	int existing, sync, mode;

	struct sink *sink;
	const char *name; /* the path, seen from the working directory */
	const struct schema *schemas[RECORDING_SCHEMAS_MAX];
	uint32_t nschemas;
	struct recording_writer *writer;
	struct job *job; /* under way, or NULL */
};

/* What the thread works on.  The loop's thread looks at it, and at the writer, only
 * before the thread starts and after `ended` was posted. */
struct job {
	uv_work_t req;
	struct recording_sink *owner; /* NULL: aborted, or the last */
	uv_sem_t ended;
	struct recording_writer *writer;
	struct chunk *chunk; /* NULL: the session ends */
	bool must_sync;
	struct error err; /* code 0: it worked */
};

static const struct opt_value existing_values[] = {
	[EXISTING_REFUSE] = { "refuse", "Fail, and leave it alone." },
	[EXISTING_APPEND] = { "append", "Add a session behind what a recording holds; a torn end "
					"is cut off." },
	[EXISTING_OVERWRITE] = { "overwrite", "Begin anew; only if it is a recording." },
	OPT_VALUES_END,
};

static const struct opt_value syncs[] = {
	[SYNC_END] = { "end", "When the run ends." },
	[SYNC_ALWAYS] = { "always", "Before a record counts as delivered." },
	[SYNC_NEVER] = { "never", "Whenever the kernel likes." },
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

static const struct opt options[] = {
	OPT_PATH(struct recording_sink, path, .required = true,
		 .help = "The file; relative paths start at the pipeline file's directory. It is "
			 "made when it does not exist; its directory is not."),
	OPT_ENUM(struct recording_sink, existing, .def = "refuse", .values = existing_values,
		 .help = "What to do when the file exists and is not empty."),
	OPT_INT(struct recording_sink, level, .def = "1", .min = "0", .max = "19",
		.help = "Compression, from 1 (fast) to 19 (small, and too slow for busy sources); 0 "
			"does not compress."),
	OPT_ENUM(struct recording_sink, sync, .def = "end", .values = syncs,
		 .help = "When to wait for the disk: always survives a power cut, and costs a "
			 "round trip to the disk for each block."),
	OPT_ENUM(struct recording_sink, mode, .def = "0640", .values = modes,
		 .help = "Permissions of a file that is made, less the umask."),
	OPT_END,
};

static int recording_open_sink(void *self, struct sink *sink, struct error *err)
{
	struct recording_sink *s = self;

	(void)err;
	s->sink = sink;
	s->name = s->path;
	if (s->path[0] != '/')
		s->name = arena_printf(sink_arena(sink), "%s/%s", sink_dir(sink), s->path);
	return 0;
}

static int recording_bind(void *self, const struct schema *in, struct encoding *ret_encoding,
			  struct error *err)
{
	struct recording_sink *s = self;
	int r;

	if (s->nschemas == RECORDING_SCHEMAS_MAX)
		return error_set(err, E2BIG, "more than %d kinds of records",
				 RECORDING_SCHEMAS_MAX);
	r = recording_encoder(sink_arena(s->sink), in, (uint16_t)s->nschemas,
			      &ret_encoding->encoder, err);
	if (r < 0)
		return r;
	s->schemas[s->nschemas++] = in;
	return 0;
}

/* ---- on a thread of the pool ------------------------------------------------ */

static void describe(const struct chunk *chunk, struct block *block)
{
	for (uint32_t i = 0; i < chunk->nrecs; i++) {
		const struct crec *rec = &chunk->recs[i];
		uint64_t lost;

		if (rec->fate != PENDING)
			continue;
		if (rec->is_mark) {
			memcpy(&lost, chunk->bytes + rec->at + FRAME_HEADER, sizeof(lost));
			block->losses++;
			block->lost += lost;
			continue;
		}
		if (!block->records || rec->time_ns < block->first_ns)
			block->first_ns = rec->time_ns;
		if (!block->records || rec->time_ns > block->last_ns)
			block->last_ns = rec->time_ns;
		block->records++;
	}
}

static int write_chunk(struct job *job)
{
	struct block block = { 0 };
	struct cursor cursor;
	const uint8_t *at;
	size_t len;
	int r;

	cursor_init(&cursor, job->chunk, CURSOR_ANY_ROUTE);
	describe(job->chunk, &block);
	r = recording_writer_begin(job->writer, (uint32_t)cursor_left(&cursor), &job->err);
	if (r < 0)
		return r;
	while ((at = cursor_run(&cursor, SIZE_MAX, &len))) {
		recording_writer_add(job->writer, at, len);
		(void)cursor_advance(&cursor, len);
	}
	return recording_writer_end(job->writer, &block, &job->err);
}

static void write_work(uv_work_t *req)
{
	struct job *job = req->data;
	int r = job->chunk ? write_chunk(job) : recording_writer_finish(job->writer, &job->err);

	if (r == 0 && job->must_sync)
		(void)recording_writer_sync(job->writer, &job->err);
	uv_sem_post(&job->ended);
}

/* ---- on the loop's thread ---------------------------------------------------- */

static struct job *new_job(struct recording_sink *s, struct chunk *chunk)
{
	struct job *job = xcalloc(1, sizeof(*job));

	if (uv_sem_init(&job->ended, 0) < 0)
		abort(); /* only fails without memory */
	job->req.data = job;
	job->owner = s;
	job->writer = s->writer;
	job->chunk = chunk;
	job->must_sync = s->sync == SYNC_ALWAYS || (s->sync == SYNC_END && !chunk);
	return job;
}

static void free_job(struct job *job)
{
	uv_sem_destroy(&job->ended);
	free(job);
}

/* Tell the engine what became of the chunk. */
static void report(struct recording_sink *s, const struct job *job)
{
	s->job = NULL;
	if (job->err.code)
		sink_retry(s->sink, job->chunk, 0, job->err.text);
	else
		sink_settle(s->sink, job->chunk, 0, job->chunk->nrecs, DELIVERED, 0);
}

static void after_write(uv_work_t *req, int status)
{
	struct job *job = req->data;

	(void)status; /* only an aborted job is ever cancelled */
	if (job->owner)
		report(job->owner, job);
	free_job(job);
}

static void recording_write(void *self, struct chunk *chunk)
{
	struct recording_sink *s = self;

	s->job = new_job(s, chunk);
	(void)uv_queue_work(sink_loop(s->sink), &s->job->req, write_work, after_write);
}

/* Waits for the one write a thread may be in: nobody can take it back from the kernel. */
static void recording_cancel(void *self)
{
	struct recording_sink *s = self;
	struct job *job = s->job;

	if (!job)
		return;
	if (uv_cancel((uv_req_t *)&job->req) == 0)
		job->err.code = ECANCELED;
	else
		uv_sem_wait(&job->ended);
	/* The request is libuv's until after_write(): the job stays for it. */
	job->owner = NULL;
	report(s, job);
}

static void after_last(uv_work_t *req, int status)
{
	struct job *job = req->data;

	(void)status;
	if (job->err.code)
		log_error("the recording has no proper end: %s", job->err.text);
	recording_writer_free(job->writer);
	free_job(job);
}

static void recording_stop(void *self)
{
	struct recording_sink *s = self;
	struct job *job = new_job(s, NULL);

	log_info("sink '%s': %llu bytes in '%s'", sink_id(s->sink),
		 (unsigned long long)recording_writer_at(s->writer), s->name);
	s->writer = NULL;
	(void)uv_queue_work(sink_loop(s->sink), &job->req, write_work, after_last);
}

/* ---- beginning ---------------------------------------------------------------- */

static int open_file(const struct recording_sink *s, struct stat *ret_st, struct error *err)
{
	int fd = open(s->name, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC,
		      mode_bits[s->mode]);

	if (fd < 0 && errno == ELOOP)
		return error_set(err, ELOOP,
				 "cannot open '%s': it is a symbolic link (name the file that it "
				 "points to)",
				 s->name);
	if (fd < 0)
		return error_set(err, errno, "cannot open '%s': %s", s->name, uv_strerror(-errno));
	if (fstat(fd, ret_st) < 0 || !S_ISREG(ret_st->st_mode)) {
		(void)close(fd);
		return error_set(err, EINVAL, "cannot write '%s': it is not a regular file",
				 s->name);
	}
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		(void)close(fd);
		return error_set(err, EBUSY, "cannot write '%s': somebody else is recording to it",
				 s->name);
	}
	return fd;
}

/* Where in a file that exists the session begins. */
static int find_place(const struct recording_sink *s, uint64_t size, uint64_t *ret_at,
		      struct error *err)
{
	struct recording rec;
	struct arena arena = ARENA_INIT;
	int r;

	*ret_at = 0;
	if (!size)
		return 0;
	if (s->existing == EXISTING_REFUSE)
		return error_set(err, EEXIST, "'%s' exists already (say 'append' or 'overwrite')",
				 s->name);
	if (!recording_is_one(s->name))
		return error_set(err, EEXIST,
				 "'%s' exists and is not a recording (remove it first)", s->name);
	if (s->existing == EXISTING_OVERWRITE)
		return 0;
	r = recording_open(&rec, &arena, s->name, err);
	if (r == 0) {
		if (rec.torn)
			log_warn("'%s': its last %llu bytes are torn and will be cut off", s->name,
				 (unsigned long long)rec.torn);
		*ret_at = rec.readable;
		recording_close(&rec);
	}
	arena_release(&arena);
	return r;
}

static const char *constant(const struct recording_sink *s, const char *name)
{
	struct str text = { "", 0 };

	if (s->nschemas)
		text = field_const_str(s->schemas[0], schema_find(s->schemas[0], name));
	return arena_strndup(sink_arena(s->sink), text.at, text.len);
}

static void read_boot_id(char out[RECORDING_BOOT + 1])
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	char raw[64] = { 0 };
	size_t n = 0;

	memset(out, 0, RECORDING_BOOT + 1);
	if (fd < 0)
		return;
	if (read(fd, raw, sizeof(raw) - 1) > 0)
		for (const char *c = raw; *c && *c != '\n' && n < RECORDING_BOOT; c++)
			if (*c != '-')
				out[n++] = *c;
	(void)close(fd);
}

static int recording_start(void *self, struct error *err)
{
	struct recording_sink *s = self;
	struct clock *clock = sink_clock(s->sink);
	struct recording_writer_options how = {
		.name = s->name,
		.level = (int)s->level,
		.schemas = s->schemas,
		.nschemas = s->nschemas,
	};
	char boot[RECORDING_BOOT + 1];
	struct utsname host;
	struct stat st;
	int r;

	how.fd = open_file(s, &st, err);
	if (how.fd < 0)
		return how.fd;
	r = find_place(s, (uint64_t)st.st_size, &how.at, err);
	if (r < 0) {
		(void)close(how.fd);
		return r;
	}
	read_boot_id(boot);
	(void)uname(&host);
	how.head = (struct recording_head){
		.program = "gadgetctl " GADGETCTL_VERSION,
		.host = constant(s, "@host"),
		.kernel = host.release,
		.machine = host.machine,
		.boot = boot,
		.created_ns = clock->wall_ns(clock),
		.boot_to_wall_ns = clock->boot_to_wall_ns(clock),
	};
	s->writer = recording_writer_new(&how);
	return 0;
}

static void recording_release(void *self)
{
	struct recording_sink *s = self;

	if (s->job) {
		if (uv_cancel((uv_req_t *)&s->job->req) < 0)
			uv_sem_wait(&s->job->ended);
		s->job->owner = NULL;
	}
	recording_writer_free(s->writer);
}

static const struct example examples[] = {
	{ .title = "Record a day, small, and add to what is there",
	  .config = "type: recording\n"
		    "path: ./today.gadgetrec\n"
		    "existing: append\n"
		    "level: 6\n"
		    "batch: {timeout: 10s}\n" },
	EXAMPLE_END,
};

const struct sink_type sink_recording = {
	.base = {
		.name = "recording",
		.summary = "Keep raw records in a file that `replay` reads",
		.help = "Writes records as the kernel made them, with their schemas, identity, "
			"times and losses, compressed and with checksums. A replay of the file "
			"gives what the run gave, anywhere and without privileges.",
		.size = sizeof(struct recording_sink),
		.options = options,
		.examples = examples,
	},
	.flags = SINK_WANTS_TIME,
	.chunk_bytes = 512 << 10,
	.chunk_wait_ns = NS_PER_S,
	.open = recording_open_sink,
	.bind = recording_bind,
	.start = recording_start,
	.write = recording_write,
	.cancel = recording_cancel,
	.stop = recording_stop,
	.release = recording_release,
};
