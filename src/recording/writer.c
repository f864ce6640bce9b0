/* SPDX-License-Identifier: Apache-2.0 */
#include "recording/writer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "recording/pack.h"

struct recording_writer {
	struct packer *packer;
	int fd;
	char *name;
	uint64_t at;     /* where the next block goes */
	uint64_t before; /* where the last one begins */
	uint32_t number; /* of the next block in the session */
	bool must_cut;   /* what lies behind `at` is not ours */
	char *head;
	char **schemas; /* their documents */
	uint32_t nschemas;
};

struct recording_writer *recording_writer_new(const struct recording_writer_options *options)
{
	struct recording_writer *w = xcalloc(1, sizeof(*w));

	w->packer = packer_new(options->level);
	w->fd = options->fd;
	w->name = xstrdup(options->name);
	w->at = w->before = options->at;
	w->must_cut = true;
	w->head = document_of_head(&options->head);
	w->nschemas = options->nschemas;
	w->schemas = xcalloc(w->nschemas ? w->nschemas : 1, sizeof(char *));
	for (uint32_t i = 0; i < w->nschemas; i++)
		w->schemas[i] = document_of_schema(options->schemas[i]);
	return w;
}

void recording_writer_free(struct recording_writer *w)
{
	if (!w)
		return;
	(void)close(w->fd);
	packer_free(w->packer);
	for (uint32_t i = 0; i < w->nschemas; i++)
		free(w->schemas[i]);
	free((void *)w->schemas);
	free(w->head);
	free(w->name);
	free(w);
}

uint64_t recording_writer_at(const struct recording_writer *w)
{
	return w->at;
}

static int fail(const struct recording_writer *w, int code, struct error *err)
{
	return error_set(err, code, "cannot write '%s': %s", w->name, strerrordesc_np(code));
}

/* Cut off what is behind `at`; when that fails, the next block tries again. */
static int cut(struct recording_writer *w)
{
	w->must_cut = ftruncate(w->fd, (off_t)w->at) < 0;
	return w->must_cut ? -errno : 0;
}

static int put(struct recording_writer *w, const uint8_t *bytes, size_t len, struct error *err)
{
	uint64_t at = w->at;

	while (len) {
		ssize_t n = pwrite(w->fd, bytes, len, (off_t)at);
		int code = n < 0 ? errno : ENOSPC;

		if (n < 0 && code == EINTR)
			continue;
		if (n <= 0) {
			(void)cut(w);
			return fail(w, code, err);
		}
		bytes += n;
		at += (uint64_t)n;
		len -= (size_t)n;
	}
	w->before = w->at;
	w->at = at;
	return 0;
}

static int end_block(struct recording_writer *w, struct block *block, struct error *err)
{
	const uint8_t *bytes;
	size_t len;
	int r;

	block->number = w->number;
	r = packer_end(w->packer, block, &bytes, &len, err);
	if (r == 0)
		r = put(w, bytes, len, err);
	if (r == 0)
		w->number++;
	return r;
}

static int put_document(struct recording_writer *w, enum block_kind kind, const char *text,
			struct error *err)
{
	struct block block = { .kind = (uint8_t)kind };
	size_t len = strlen(text);

	if (len > RECORDING_DOC_MAX)
		return error_set(err, E2BIG,
				 "cannot write '%s': a schema takes %zu bytes (at most %d)",
				 w->name, len, RECORDING_DOC_MAX);
	packer_begin(w->packer, (uint32_t)len);
	packer_add(w->packer, text, len);
	return end_block(w, &block, err);
}

/* Head and schemas, as far as they are not written yet. */
static int begin_session(struct recording_writer *w, struct error *err)
{
	int r = w->must_cut ? cut(w) : 0;

	if (r < 0)
		return fail(w, -r, err);
	if (!w->number)
		r = put_document(w, BLOCK_HEAD, w->head, err);
	while (r == 0 && w->number <= w->nschemas)
		r = put_document(w, BLOCK_SCHEMA, w->schemas[w->number - 1], err);
	return r;
}

int recording_writer_begin(struct recording_writer *w, uint32_t raw, struct error *err)
{
	int r = begin_session(w, err);

	if (r == 0)
		packer_begin(w->packer, raw);
	return r;
}

void recording_writer_add(struct recording_writer *w, const void *bytes, size_t len)
{
	packer_add(w->packer, bytes, len);
}

int recording_writer_end(struct recording_writer *w, const struct block *block, struct error *err)
{
	struct block b = *block;

	b.kind = BLOCK_RECORDS;
	return end_block(w, &b, err);
}

int recording_writer_sync(struct recording_writer *w, struct error *err)
{
	int code;

	if (fdatasync(w->fd) == 0)
		return 0;
	code = errno;
	if (w->at != w->before) {
		w->at = w->before;
		w->number--;
		(void)cut(w);
	}
	return error_set(err, code, "cannot bring '%s' to the disk: %s", w->name,
			 strerrordesc_np(code));
}

int recording_writer_finish(struct recording_writer *w, struct error *err)
{
	int r = begin_session(w, err);

	return r < 0 ? r : put_document(w, BLOCK_END, "{}", err);
}
