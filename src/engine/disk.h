/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk: chunks written to a file, one at a time, by libuv's pool.
 *
 * Writing to a file can block for as long as the disk likes, and there is no
 * asking beforehand, so a thread of the pool does it.  While a write is under
 * way the chunk's bytes and record table must not change; its owner keeps it.
 *
 * A record is in the file whole or not at all: when a write fails in the middle
 * of one, the file is cut back to the last whole record, unless somebody else
 * has written behind it.  Then the torn record stays, and the next write begins
 * with the separator, if there is one.
 */
#ifndef ENGINE_DISK_H
#define ENGINE_DISK_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/chunk.h"

struct uv_loop_s;
struct disk_job;

/*
 * A write has ended, on the loop's thread: the pending ones of the n records
 * from first are in the file; status is 0, or why it went no further.
 */
typedef void disk_done(void *arg, struct chunk *chunk, uint32_t first, uint32_t n, int status);

struct disk {
	struct uv_loop_s *loop;
	int fd;
	const char *separator; /* goes behind a torn record; NULL: nothing helps */
	bool sync;             /* a record is done only when it is on the disk */
	bool must_truncate;    /* cut the file to nothing before the first write */
	bool is_torn;          /* the file ends in a part of a record */
	struct disk_job *job;  /* under way, or kept for the next write */
	bool is_busy;
	disk_done *done;
	void *arg;
};

/*
 * Write to fd, at its end if it was opened so.  The fields between fd and is_torn
 * may be set before the first write.
 */
void disk_init(struct disk *disk, struct uv_loop_s *loop, int fd, disk_done *done, void *arg);

/* Write what is pending in the chunk; done() follows from the loop.  Only while
 * no other write is under way. */
void disk_write(struct disk *disk, struct chunk *chunk);

/*
 * Stop the write under way, if any, and call done() before returning, with
 * -ECANCELED if records are left.  Waits for the one write(2) a thread may be in,
 * because nobody can take the bytes away from the kernel.
 */
void disk_abort(struct disk *disk);

/*
 * Nothing more will be written: truncate if that is still due, fsync, and close
 * the descriptor, all on the pool; the loop must run on until it is done.  A
 * failure goes to the log under `name`.  No write may be under way.
 */
void disk_finish(struct disk *disk, const char *name);

/* Give the memory back, after disk_abort().  Does not close the descriptor. */
void disk_release(struct disk *disk);

#endif
