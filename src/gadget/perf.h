/* SPDX-License-Identifier: Apache-2.0 */
/*
 * perf: the reading side of a perf event array, without copying.
 *
 * Each CPU has a buffer of its own: a page with two positions (the kernel's and
 * ours), and the data.  A record is a header of 8 bytes, a length of 4, and what the
 * program sent, padded to 8: so rows are aligned to 4, and up to 7 bytes of anything
 * stand behind what the program sent.  A record that runs over the end of the buffer
 * goes on at its beginning; such a one is copied, all others are read in place.
 *
 * Records of one CPU come in the order the kernel wrote them.  Between CPUs there is
 * no order: one read brings records of one CPU, and CPUs take turns.
 *
 * What finds no room the kernel counts, and says so in front of the next record of
 * that CPU (a loss of the haul).  What was lost behind the last record is known only
 * where the kernel also keeps a counter: perf_lost().
 *
 * Wake-ups: the kernel can be asked to wake the reader for every record, or when a
 * buffer is half full.  Each CPU has an event of either kind for the same buffer, and
 * the map says which one programs write to; perf_listen() and perf_hush() change that
 * where it pays.
 *
 * CPUs that are offline when it is opened are left out; a program that runs there later
 * finds no buffer, which is for the program to count.
 *
 * One thread reads.
 */
#ifndef GADGET_PERF_H
#define GADGET_PERF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "gadget/haul.h"

enum { PERF_PAGES = 64 }; /* of each CPU's buffer, unless somebody says otherwise */

struct perf_cpu {
	uint32_t cpu;
	const uint64_t *head; /* mapped: written up to here */
	uint64_t *tail;       /* mapped: read up to here, ours */
	const uint8_t *data;  /* mapped, size bytes */
	uint64_t at;          /* read up to here; what is before it may not be released yet */
	uint64_t told;        /* losses that records told of */
	uint32_t recent;      /* records since the last perf_listen() */
	int loud, quiet;      /* events: wake for every record, or at half a buffer; -1: none */
	bool is_loud;         /* which of them the map has */
	void *base;           /* what to unmap; NULL for memory of somebody else */
};

struct perf {
	struct perf_cpu *cpus; /* those that were online */
	uint32_t ncpus;
	uint64_t size, mask; /* of each buffer */
	size_t base_size;
	int map_fd;
	uint32_t next;         /* whose turn it is */
	struct perf_cpu *held; /* whose records were read and not released; or NULL */
	uint8_t *scratch;      /* for the record that wraps around */
	bool counts_lost;      /* the kernel keeps a counter of losses (Linux 6.0) */
	bool is_broken;        /* a header made no sense; nothing more is read */
};

/*
 * Make a buffer of `size` bytes (a power of two, at least a page) for each CPU below
 * ncpus that is online, and put them into the map, whose descriptor stays the caller's.
 */
int perf_open(struct perf *perf, int map_fd, uint32_t ncpus, uint64_t size, struct error *err)
	__attribute__((warn_unused_result));

/* Use memory laid out like such a buffer, of one CPU; for tests. */
void perf_adopt(struct perf *perf, uint32_t cpu, const uint64_t *head, uint64_t *tail,
		const uint8_t *data, uint64_t size);

void perf_close(struct perf *perf);

/* Collect records of one CPU, and return their number; the next read begins with another. */
uint32_t perf_read(struct perf *perf, struct haul *haul);

/* Give the space of everything that was collected back to the kernel. */
void perf_release(struct perf *perf);

/* Bytes that are not released, of the buffer that has most of them. */
uint64_t perf_fill(const struct perf *perf);

bool perf_is_empty(const struct perf *perf);

/* Have epoll_fd tell of wake-ups. */
int perf_watch(const struct perf *perf, int epoll_fd, struct error *err)
	__attribute__((warn_unused_result));

/*
 * Ask to be woken for each record.  Returns in how many ns to look all the same, because
 * records came, or may yet come, for which nobody is woken; 0: sleep.
 */
int64_t perf_listen(struct perf *perf);

/* The reader will look by itself: do not wake it for CPUs that are busy. */
void perf_hush(struct perf *perf);

/*
 * What the kernel counted as lost, added to per_cpu (by CPU number).  Exact where
 * perf->counts_lost; elsewhere without what was lost behind a CPU's last record.
 */
void perf_lost(const struct perf *perf, uint64_t *per_cpu);

#endif
