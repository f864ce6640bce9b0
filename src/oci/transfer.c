/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The blobs of a transfer: a list, and threads that take one after the other.
 *
 * The caller's thread starts the others, reports how far they are, and waits for
 * all of them.  The first failure stops the rest: they look at meter.stop.
 */
#include "oci/transfer.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "oci/transfer_private.h"

struct crew {
	struct transfer *transfer;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	uint32_t next, done; /* jobs that were begun, and ended */
	unsigned working;    /* threads */
	int failed;
	struct error error;
	struct transfer_result result;
};

bool transfer_is_index(const struct descriptor *blob)
{
	return !strcmp(blob->media_type, MEDIA_INDEX) ||
	       !strcmp(blob->media_type, MEDIA_DOCKER_LIST);
}

bool transfer_is_manifest(const struct descriptor *blob)
{
	return !strcmp(blob->media_type, MEDIA_MANIFEST) ||
	       !strcmp(blob->media_type, MEDIA_DOCKER_MANIFEST);
}

int transfer_begin(struct transfer *transfer, struct store *store,
		   const struct transfer_options *options, const struct reference *reference,
		   bool wants_push, struct error *err)
{
	struct registry_options registry = options->registry;
	int r;

	transfer->meter.stop_fd = eventfd(0, EFD_CLOEXEC);
	if (transfer->meter.stop_fd < 0)
		return error_set(err, errno, "cannot make an eventfd: %s", strerrordesc_np(errno));
	registry.wants_push = wants_push;
	transfer->store = store;
	transfer->options = options;
	transfer->jobs = arena_array(&transfer->arena, TRANSFER_BLOBS, sizeof(*transfer->jobs));
	r = registry_open(&registry, reference, &transfer->registry, err);
	return r < 0 ? r : registry_connect(transfer->registry, &transfer->client, err);
}

void transfer_end(struct transfer *transfer)
{
	/* 0: it has not begun; that is standard input. */
	if (transfer->meter.stop_fd > 0)
		close(transfer->meter.stop_fd);
	registry_disconnect(transfer->client);
	registry_close(transfer->registry);
	arena_release(&transfer->arena);
}

/* ---- the list ------------------------------------------------------------------- */

static int add_blob(struct transfer *transfer, const struct descriptor *blob, struct error *err)
{
	struct transfer_job *job;

	if (transfer->njobs == TRANSFER_BLOBS)
		return error_set(err, E2BIG, "the image has more than %d layers", TRANSFER_BLOBS);
	job = arena_alloc(&transfer->arena, sizeof(*job));
	job->blob = *blob;
	transfer->jobs[transfer->njobs++] = job;
	return 0;
}

int transfer_add_blobs(struct transfer *transfer, const struct document *manifest,
		       struct error *err)
{
	int r = add_blob(transfer, &manifest->config, err);

	for (uint32_t i = 0; r == 0 && i < manifest->nitems; i++)
		r = add_blob(transfer, &manifest->items[i], err);
	return r;
}

static int by_digest(const void *a, const void *b)
{
	const struct transfer_job *const *x = a, *const *y = b;

	return strcmp((*x)->blob.digest, (*y)->blob.digest);
}

int transfer_sort(struct transfer *transfer, struct error *err)
{
	struct transfer_job **jobs = transfer->jobs;
	uint32_t n = 0;

	qsort(jobs, transfer->njobs, sizeof(*jobs), by_digest);
	for (uint32_t i = 0; i < transfer->njobs; i++) {
		const struct descriptor *blob = &jobs[i]->blob,
					*last = n ? &jobs[n - 1]->blob : NULL;

		if (last && !strcmp(last->digest, blob->digest)) {
			if (last->size != blob->size)
				return error_set(err, EBADMSG,
						 "the image gives blob '%s' two sizes",
						 blob->digest);
			continue;
		}
		jobs[n++] = jobs[i];
		/* 8192 times the 2^50 that a descriptor may say do not overflow. */
		transfer->bytes += blob->size;
	}
	transfer->njobs = n;
	return 0;
}

/* ---- the threads ----------------------------------------------------------------- */

static const struct transfer_job *take_job(struct crew *crew)
{
	const struct transfer_job *job = NULL;

	(void)pthread_mutex_lock(&crew->lock);
	if (!crew->failed && crew->next < crew->transfer->njobs)
		job = crew->transfer->jobs[crew->next++];
	(void)pthread_mutex_unlock(&crew->lock);
	return job;
}

static void end_job(struct crew *crew, const struct transfer_job *job, int r,
		    enum transfer_outcome outcome, const struct error *err)
{
	(void)pthread_mutex_lock(&crew->lock);
	if (r < 0 && !crew->failed) {
		crew->failed = r;
		crew->error = *err;
		atomic_store(&crew->transfer->meter.stop, true);
		(void)eventfd_write(crew->transfer->meter.stop_fd, 1);
	}
	if (r == 0) {
		crew->done++;
		crew->result.moved += outcome == TRANSFER_MOVED;
		crew->result.there += outcome == TRANSFER_THERE;
		crew->result.mounted += outcome == TRANSFER_MOUNTED;
		crew->result.bytes += outcome == TRANSFER_MOVED ? job->blob.size : 0;
	}
	(void)pthread_mutex_unlock(&crew->lock);
}

/* What is not moved counts as moved, for the bar to reach its end. */
static int do_job(struct transfer *transfer, struct registry_client *client,
		  const struct transfer_job *job, enum transfer_outcome *outcome, struct error *err)
{
	int r = transfer->move(transfer, client, job, outcome, err);

	if (r == 0 && *outcome != TRANSFER_MOVED)
		(void)atomic_fetch_add(&transfer->meter.bytes, job->blob.size);
	return r;
}

static void *work(void *arg)
{
	struct crew *crew = arg;
	struct registry_client *client = NULL;
	const struct transfer_job *job;
	struct error err = ERROR_INIT;
	int r = registry_connect(crew->transfer->registry, &client, &err);

	if (r < 0)
		end_job(crew, NULL, r, TRANSFER_THERE, &err);
	while (r == 0 && (job = take_job(crew))) {
		enum transfer_outcome outcome = TRANSFER_MOVED;

		r = do_job(crew->transfer, client, job, &outcome, &err);
		end_job(crew, job, r, outcome, &err);
	}
	registry_disconnect(client);
	(void)pthread_mutex_lock(&crew->lock);
	crew->working--;
	(void)pthread_cond_signal(&crew->changed);
	(void)pthread_mutex_unlock(&crew->lock);
	return NULL;
}

static void report(const struct crew *crew, uint32_t done)
{
	const struct transfer *transfer = crew->transfer;
	const struct transfer_progress progress = {
		.blobs = transfer->njobs,
		.blobs_done = done,
		.bytes = transfer->bytes,
		.bytes_done = atomic_load(&transfer->meter.bytes),
	};

	if (transfer->options->progress)
		transfer->options->progress(transfer->options->progress_arg, &progress);
}

/* Until no thread works any more. */
static void wait_for_all(struct crew *crew)
{
	struct timespec until;
	uint32_t done;

	(void)pthread_mutex_lock(&crew->lock);
	while (crew->working) {
		(void)clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_nsec += TRANSFER_TICK_MS * 1000000L;
		until.tv_sec += until.tv_nsec / 1000000000;
		until.tv_nsec %= 1000000000;
		(void)pthread_cond_timedwait(&crew->changed, &crew->lock, &until);
		done = crew->done;
		(void)pthread_mutex_unlock(&crew->lock);
		report(crew, done);
		(void)pthread_mutex_lock(&crew->lock);
	}
	(void)pthread_mutex_unlock(&crew->lock);
}

static unsigned count_threads(const struct transfer *transfer)
{
	unsigned n = transfer->options->jobs ? transfer->options->jobs : TRANSFER_JOBS;

	if (n > TRANSFER_JOBS_MAX)
		n = TRANSFER_JOBS_MAX;
	return n > transfer->njobs ? transfer->njobs : n;
}

static void crew_init(struct crew *crew, struct transfer *transfer)
{
	pthread_condattr_t monotonic;

	crew->transfer = transfer;
	(void)pthread_mutex_init(&crew->lock, NULL);
	(void)pthread_condattr_init(&monotonic);
	(void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&crew->changed, &monotonic);
	(void)pthread_condattr_destroy(&monotonic);
}

int transfer_run(struct transfer *transfer, struct transfer_result *result, struct error *err)
{
	pthread_t threads[TRANSFER_JOBS_MAX];
	unsigned want = count_threads(transfer), n;
	struct crew crew = { 0 };

	crew_init(&crew, transfer);
	crew.working = want;
	for (n = 0; n < want; n++)
		if (pthread_create(&threads[n], NULL, work, &crew) != 0)
			break;
	(void)pthread_mutex_lock(&crew.lock);
	crew.working -= want - n;
	(void)pthread_mutex_unlock(&crew.lock);
	wait_for_all(&crew);
	for (unsigned i = 0; i < n; i++)
		(void)pthread_join(threads[i], NULL);
	(void)pthread_cond_destroy(&crew.changed);
	(void)pthread_mutex_destroy(&crew.lock);
	if (want && !n)
		return error_set(err, EAGAIN, "cannot start a thread");
	if (crew.failed) {
		*err = crew.error;
		/* The copy's place must not point into the original. */
		err->pos.file = NULL;
		return crew.failed;
	}
	result->moved = crew.result.moved;
	result->there = crew.result.there;
	result->mounted = crew.result.mounted;
	result->bytes = crew.result.bytes;
	return 0;
}
