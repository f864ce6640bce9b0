/* SPDX-License-Identifier: Apache-2.0 */
/*
 * writer: one session, appended to a file block by block.
 *
 * Each block is one write; what a failed one left is cut off again, or else written
 * over by the next, so the file never holds half a block but at its end.  Every
 * call may block for as long as the disk likes, and belongs to one thread at a time.
 */
#ifndef RECORDING_WRITER_H
#define RECORDING_WRITER_H

#include <stdbool.h>

#include "data/schema.h"
#include "recording/document.h"
#include "recording/format.h"

struct recording_writer;

struct recording_writer_options {
	int fd;           /* a regular file; becomes the writer's */
	const char *name; /* for messages */
	uint64_t at;      /* the session begins there; what lies behind is cut off ... */
	int level;        /* of compression, as packer_new() has it */
	struct recording_head head;
	const struct schema *const *schemas; /* checked; each number is its place here */
	uint32_t nschemas;
};

/* Nothing is written yet.  Everything that is given is copied. */
struct recording_writer *recording_writer_new(const struct recording_writer_options *options);

/* Closes the file. */
void recording_writer_free(struct recording_writer *writer);

/*
 * A block of records: begin with its size, add its bytes in pieces, end.  `block` holds
 * what the header counts (records, losses, lost, times).  The first one puts head and
 * schemas in front.  After an error the file is as it was, and the same block may be
 * tried again.
 */
int recording_writer_begin(struct recording_writer *writer, uint32_t raw, struct error *err);
void recording_writer_add(struct recording_writer *writer, const void *bytes, size_t len);
int recording_writer_end(struct recording_writer *writer, const struct block *block,
			 struct error *err);

/* Bring it all to the disk.  On failure the last block is taken back: it did not arrive. */
int recording_writer_sync(struct recording_writer *writer, struct error *err);

/* Mark the session's end (with head and schemas, if nothing else was written). */
int recording_writer_finish(struct recording_writer *writer, struct error *err);

/* Bytes of the file so far. */
uint64_t recording_writer_at(const struct recording_writer *writer);

#endif
