/* SPDX-License-Identifier: Apache-2.0 */
/*
 * transport: how the records of one data source come from the kernel.
 *
 * Either through a BPF ring buffer, which all CPUs share (ring.h), or through the
 * buffers of a perf event array, one for each CPU (perf.h).  To a reader they are
 * alike: read, use the haul, release, and then nap, or sleep if there was nothing.
 */
#ifndef GADGET_TRANSPORT_H
#define GADGET_TRANSPORT_H

#include "base/error.h"
#include "gadget/haul.h"
#include "gadget/perf.h"
#include "gadget/ring.h"

enum transport_kind { TRANSPORT_RING, TRANSPORT_PERF };

/* What to open. */
struct transport_map {
	enum transport_kind kind;
	int fd;         /* of the map; stays the caller's */
	uint64_t size;  /* bytes: of the ring, or of each CPU's buffer */
	uint32_t ncpus; /* CPUs there may ever be */
};

struct transport {
	enum transport_kind kind;
	union {
		struct ring ring;
		struct perf perf;
	};
	uint64_t size;
	int ring_fd, epoll_fd, timer_fd;
	bool is_open, is_listening;
};

int transport_open(struct transport *transport, const struct transport_map *map, struct error *err)
	__attribute__((warn_unused_result));

/* Does nothing to a zeroed one. */
void transport_close(struct transport *transport);

/*
 * Read records that were not read before into the haul.  False when there were none;
 * true with no rows when only something else was passed.
 */
bool transport_read(struct transport *transport, struct haul *haul);

/* Give the space of what was read back to the kernel; the haul is spent. */
void transport_release(struct transport *transport);

/* Bytes waiting, of transport->size; with several buffers, in the fullest. */
uint64_t transport_fill(const struct transport *transport);

/* Whether there is nothing to read, and nothing being written. */
bool transport_is_empty(const struct transport *transport);

/* Nothing more can be read, because what was there made no sense. */
bool transport_is_broken(const struct transport *transport);

/* Records the programs took back and that were passed. */
uint64_t transport_discarded(const struct transport *transport);

/*
 * What the kernel counted as lost, added to per_cpu; -ENOENT for a ring, of which only
 * the programs know.
 */
int transport_lost(const struct transport *transport, uint64_t *per_cpu);

/*
 * Whether what was lost can be known to the last record.  Of a perf buffer the kernel
 * counts that since Linux 6.0; before, what was lost behind a CPU's last record may be
 * missing.
 */
bool transport_is_exact(const struct transport *transport);

/*
 * A descriptor to poll all the time: it is readable when it is time to read.  It may
 * tell of a record only once, so begin with a nap: what came before somebody polled
 * it is found then.
 */
int transport_fd(const struct transport *transport);

/* Sleep: it is time to read when a record comes, or has come meanwhile. */
void transport_sleep(struct transport *transport);

/*
 * Nap: it is time to read in `ns` (at least 1); 0: not before the next call of these two.
 * Perf buffers of CPUs that are not busy may wake the reader before.
 */
void transport_nap(struct transport *transport, int64_t ns);

#endif
