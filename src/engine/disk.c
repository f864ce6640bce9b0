/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/disk.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include "base/arena.h"
#include "base/log.h"
#include "engine/cursor.h"

enum { WRITE_MAX = 1 << 20, POLL_MS = 100 };

/* What the thread gets and gives back.  The loop's thread looks at it only
 * before the thread starts and after `ended` was posted. */
struct disk_job {
	uv_work_t req;
	struct disk *disk; /* NULL: aborted; the job frees itself */
	uv_sem_t ended;
	atomic_bool must_stop;
	int fd;
	const char *separator;
	bool sync, must_truncate, is_torn;
	struct chunk *chunk;
	struct cursor cursor;
	uint32_t first;
	int status;
};

struct finish_job {
	uv_work_t req;
	int fd;
	bool must_truncate;
	int status;
	char *name;
};

void disk_init(struct disk *disk, struct uv_loop_s *loop, int fd, disk_done *done, void *arg)
{
	*disk = (struct disk){ .loop = loop, .fd = fd, .done = done, .arg = arg };
}

/* ---- on a thread of the pool ------------------------------------------ */

/* One write(2); a device that somebody made non-blocking is waited for. */
static ssize_t put(struct disk_job *job, const void *bytes, size_t len)
{
	for (;;) {
		ssize_t n = write(job->fd, bytes, len);

		if (n >= 0)
			return n;
		if (atomic_load(&job->must_stop))
			return -ECANCELED;
		if (errno == EAGAIN)
			(void)poll(&(struct pollfd){ .fd = job->fd, .events = POLLOUT }, 1,
				   POLL_MS);
		else if (errno != EINTR)
			return -errno;
	}
}

static int prepare(struct disk_job *job)
{
	if (job->must_truncate && ftruncate(job->fd, 0) < 0)
		return -errno;
	job->must_truncate = false;
	if (job->is_torn && job->separator) {
		ssize_t n = put(job, job->separator, strlen(job->separator));

		if (n < 0)
			return (int)n;
	}
	job->is_torn = false;
	return 0;
}

/* Cut the file back to the last whole record, if it still ends with our bytes. */
static void untear(struct disk_job *job)
{
	off_t at = lseek(job->fd, 0, SEEK_CUR);
	struct stat st;

	job->is_torn = true;
	if (at < (off_t)job->cursor.skip || fstat(job->fd, &st) < 0 || !S_ISREG(st.st_mode) ||
	    st.st_size != at)
		return;
	at -= (off_t)job->cursor.skip;
	if (ftruncate(job->fd, at) < 0 || lseek(job->fd, at, SEEK_SET) < 0)
		return;
	job->is_torn = false;
}

static int write_records(struct disk_job *job)
{
	const uint8_t *at;
	size_t len;

	while ((at = cursor_run(&job->cursor, WRITE_MAX, &len))) {
		ssize_t n;

		if (atomic_load(&job->must_stop))
			return -ECANCELED;
		n = put(job, at, len);
		if (n < 0)
			return (int)n;
		(void)cursor_advance(&job->cursor, (size_t)n);
	}
	return 0;
}

static void write_work(uv_work_t *req)
{
	struct disk_job *job = req->data;

	job->status = prepare(job);
	if (!job->status)
		job->status = write_records(job);
	if (job->cursor.skip)
		untear(job);
	if (job->sync && job->cursor.rec != job->first && fdatasync(job->fd) < 0) {
		/* What the disk does not have is not delivered. */
		job->status = -errno;
		job->cursor.rec = job->first;
	}
	uv_sem_post(&job->ended);
}

static void finish_work(uv_work_t *req)
{
	struct finish_job *job = req->data;

	if (job->must_truncate && ftruncate(job->fd, 0) < 0)
		job->status = -errno;
	/* EINVAL: a device or the like, which has nothing to sync. */
	if (fsync(job->fd) < 0 && errno != EINVAL && !job->status)
		job->status = -errno;
	if (close(job->fd) < 0 && errno != EINTR && !job->status)
		job->status = -errno;
}

/* ---- on the loop's thread --------------------------------------------- */

static void free_job(struct disk_job *job)
{
	uv_sem_destroy(&job->ended);
	free(job);
}

static struct disk_job *new_job(struct disk *disk)
{
	struct disk_job *job = xcalloc(1, sizeof(*job));

	if (uv_sem_init(&job->ended, 0) < 0)
		abort(); /* only fails without memory */
	job->disk = disk;
	job->req.data = job;
	return job;
}

/* Take over what the thread found out, and tell the owner. */
static void report(struct disk *disk, struct disk_job *job)
{
	disk->is_busy = false;
	disk->must_truncate = job->must_truncate;
	disk->is_torn = job->is_torn;
	disk->done(disk->arg, job->chunk, job->first, job->cursor.rec - job->first, job->status);
}

static void after_write(uv_work_t *req, int status)
{
	struct disk_job *job = req->data;

	if (!job->disk) {
		free_job(job);
		return;
	}
	(void)status; /* only an aborted job is ever cancelled */
	uv_sem_wait(&job->ended);
	report(job->disk, job);
}

static void load_job(struct disk *disk, struct disk_job *job, struct chunk *chunk)
{
	job->fd = disk->fd;
	job->separator = disk->separator;
	job->sync = disk->sync;
	job->must_truncate = disk->must_truncate;
	job->is_torn = disk->is_torn;
	job->chunk = chunk;
	cursor_init(&job->cursor, chunk, CURSOR_ANY_ROUTE);
	job->first = job->cursor.rec;
	job->status = 0;
}

void disk_write(struct disk *disk, struct chunk *chunk)
{
	if (!disk->job)
		disk->job = new_job(disk);
	load_job(disk, disk->job, chunk);
	disk->is_busy = true;
	(void)uv_queue_work(disk->loop, &disk->job->req, write_work, after_write);
}

void disk_abort(struct disk *disk)
{
	struct disk_job *job = disk->job;

	if (!disk->is_busy)
		return;
	atomic_store(&job->must_stop, true);
	if (uv_cancel((uv_req_t *)&job->req) == 0)
		job->status = -ECANCELED;
	else
		uv_sem_wait(&job->ended);
	/* The request is libuv's until after_write(): the job stays for it. */
	job->disk = NULL;
	disk->job = NULL;
	report(disk, job);
}

static void after_finish(uv_work_t *req, int status)
{
	struct finish_job *job = req->data;

	(void)status;
	if (job->status)
		log_error("cannot bring '%s' to the disk: %s", job->name, uv_strerror(job->status));
	free(job->name);
	free(job);
}

void disk_finish(struct disk *disk, const char *name)
{
	struct finish_job *job = xcalloc(1, sizeof(*job));

	job->req.data = job;
	job->fd = disk->fd;
	job->must_truncate = disk->must_truncate;
	job->name = xstrdup(name);
	disk->fd = -1;
	(void)uv_queue_work(disk->loop, &job->req, finish_work, after_finish);
}

void disk_release(struct disk *disk)
{
	if (disk->job)
		free_job(disk->job);
	disk->job = NULL;
}
