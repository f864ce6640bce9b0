/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's side of the agreement (kernel/events/ring_buffer.c): data_head is moved
 * when a record and everything it interrupted is complete, and the writer looks at
 * data_tail before it reserves.  So data_head is loaded with acquire, and data_tail
 * stored with release once the records before it are not needed any more.
 *
 * How a reader sleeps: poll(2) on an event tells of a wake-up only once and not at all
 * of records for which nobody was to be woken.  So perf_listen() first asks for
 * wake-ups and then looks whether a buffer has something.
 */
#include "gadget/perf.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "data/batch.h"

/* Not in the headers of kernels before 6.0. */
#define FORMAT_LOST (UINT64_C(1) << 4)

enum {
	HEADER = sizeof(struct perf_event_header),
	LENGTH = sizeof(uint32_t),
	RECORD_MAX = 1 << 16, /* the header's size has 16 bits */
	/*
	 * Records since the reader slept from which a CPU's wake-ups are worth two system
	 * calls: one to end them, one to have them again.
	 */
	BUSY = 16,
};

/*
 * A program that took the quiet event from the map before it was replaced may send its
 * record after that; it does not take long.
 */
#define SETTLE_NS (100 * NS_PER_MS)

/* ---- opening ------------------------------------------------------------- */

static int open_event(const struct perf *perf, uint32_t cpu, bool is_loud)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.config = PERF_COUNT_SW_BPF_OUTPUT,
		.size = sizeof(attr),
		.sample_type = PERF_SAMPLE_RAW,
		.sample_period = 1,
		.read_format = perf->counts_lost ? FORMAT_LOST : 0,
	};

	if (is_loud) {
		attr.wakeup_events = 1;
	} else {
		attr.watermark = 1;
		attr.wakeup_watermark = (uint32_t)(perf->size / 2);
	}
	return (int)syscall(SYS_perf_event_open, &attr, -1, (int)cpu, -1, PERF_FLAG_FD_CLOEXEC);
}

static int explain(const struct perf *perf, uint32_t cpu, int code, struct error *err)
{
	const char *hint = "";

	if (code == EMFILE)
		hint = " (two descriptors for each CPU; raise the limit of open files)";
	else if (code == EPERM || code == EACCES)
		hint = " (needs CAP_PERFMON; a smaller ring.size if memory cannot be locked)";
	return error_set(err, code, "cannot make a perf buffer of %llu bytes for CPU %u: %s%s",
			 (unsigned long long)perf->size, cpu, strerrordesc_np(code), hint);
}

static int select_event(const struct perf *perf, struct perf_cpu *c, bool is_loud)
{
	if (bpf_map_update_elem(perf->map_fd, &c->cpu, is_loud ? &c->loud : &c->quiet, BPF_ANY) < 0)
		return -errno;
	c->is_loud = is_loud;
	return 0;
}

/*
 * Reserve the address space in one piece first: the page of positions, the data, and a
 * page of zeros that stays when the rest is mapped over it.
 */
static int map_buffer(const struct perf *perf, struct perf_cpu *c)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct perf_event_mmap_page *positions;
	uint8_t *base = mmap(NULL, perf->base_size, PROT_READ,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (base == MAP_FAILED)
		return -errno;
	c->base = base;
	if (mmap(base, page + (size_t)perf->size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
		 c->loud, 0) == MAP_FAILED)
		return -errno;
	positions = (struct perf_event_mmap_page *)(void *)base;
	c->head = (const uint64_t *)(const void *)&positions->data_head;
	c->tail = (uint64_t *)(void *)&positions->data_tail;
	c->data = base + page;
	return 0;
}

/* 0 for a CPU that is not there, 1 for one that is. */
static int open_cpu(struct perf *perf, uint32_t cpu)
{
	struct perf_cpu *c = &perf->cpus[perf->ncpus];
	int r;

	*c = (struct perf_cpu){ .cpu = cpu, .loud = -1, .quiet = -1 };
	c->loud = open_event(perf, cpu, true);
	if (c->loud < 0)
		return errno == ENODEV ? 0 : -errno;
	perf->ncpus++;
	r = map_buffer(perf, c);
	if (r < 0)
		return r;
	c->quiet = open_event(perf, cpu, false);
	if (c->quiet < 0 || ioctl(c->quiet, PERF_EVENT_IOC_SET_OUTPUT, c->loud) < 0)
		return -errno;
	r = select_event(perf, c, true);
	return r < 0 ? r : 1;
}

static bool can_count_lost(struct perf *perf, uint32_t cpu)
{
	int fd;

	perf->counts_lost = true;
	fd = open_event(perf, cpu, true);
	if (fd >= 0)
		close(fd);
	return fd >= 0 || errno != EINVAL;
}

int perf_open(struct perf *perf, int map_fd, uint32_t ncpus, uint64_t size, struct error *err)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	*perf = (struct perf){
		.size = size,
		.mask = size - 1,
		.base_size = 2 * page + (size_t)size,
		.map_fd = map_fd,
		.cpus = xcalloc(ncpus, sizeof(*perf->cpus)),
		.scratch = xcalloc(1, RECORD_MAX + ROW_SLACK),
	};
	perf->counts_lost = can_count_lost(perf, 0);
	for (uint32_t cpu = 0; cpu < ncpus; cpu++) {
		int r = open_cpu(perf, cpu);

		if (r < 0) {
			perf_close(perf);
			return explain(perf, cpu, -r, err);
		}
	}
	return 0;
}

void perf_adopt(struct perf *perf, uint32_t cpu, const uint64_t *head, uint64_t *tail,
		const uint8_t *data, uint64_t size)
{
	*perf = (struct perf){
		.size = size,
		.mask = size - 1,
		.map_fd = -1,
		.ncpus = 1,
		.cpus = xcalloc(1, sizeof(*perf->cpus)),
		.scratch = xcalloc(1, RECORD_MAX + ROW_SLACK),
	};
	perf->cpus[0] = (struct perf_cpu){
		.cpu = cpu,
		.head = head,
		.tail = tail,
		.data = data,
		.at = *tail,
		.loud = -1,
		.quiet = -1,
	};
}

void perf_close(struct perf *perf)
{
	for (uint32_t i = 0; i < perf->ncpus; i++) {
		struct perf_cpu *c = &perf->cpus[i];

		if (c->base)
			(void)munmap(c->base, perf->base_size);
		if (c->quiet >= 0)
			close(c->quiet);
		if (c->loud >= 0)
			close(c->loud);
	}
	free(perf->cpus);
	free(perf->scratch);
	perf->cpus = perf->held = NULL;
	perf->scratch = NULL;
	perf->ncpus = 0;
}

/* ---- reading ------------------------------------------------------------- */

/* Copy what may run over the end of the buffer. */
static void copy_out(const struct perf *perf, const struct perf_cpu *c, uint64_t at, void *to,
		     size_t len)
{
	uint64_t begin = at & perf->mask;
	size_t first = len < perf->size - begin ? len : (size_t)(perf->size - begin);

	memcpy(to, c->data + begin, first);
	memcpy((uint8_t *)to + first, c->data, len - first);
}

enum taken { TAKEN, NO_ROOM, NONSENSE };

static enum taken take_sample(const struct perf *perf, const struct perf_cpu *c, uint32_t size,
			      struct haul *haul)
{
	uint64_t begin = (c->at + HEADER + LENGTH) & perf->mask;
	const uint8_t *row = c->data + begin;
	uint32_t len;

	if (size < HEADER + LENGTH)
		return NONSENSE;
	copy_out(perf, c, c->at + HEADER, &len, sizeof(len));
	if (len > size - HEADER - LENGTH)
		return NONSENSE;
	if (len > perf->size - begin) {
		/* One haul comes from less than one round of the buffer: this happens once. */
		copy_out(perf, c, c->at + HEADER + LENGTH, perf->scratch, len);
		row = perf->scratch;
	}
	/* Unique among the CPUs, too. */
	return haul_take(haul, row, len, (uint64_t)c->cpu << 48 | c->at) ? TAKEN : NO_ROOM;
}

static enum taken take_loss(const struct perf *perf, struct perf_cpu *c, uint32_t size,
			    struct haul *haul)
{
	uint64_t id_and_lost[2];

	if (size < HEADER + sizeof(id_and_lost))
		return NONSENSE;
	copy_out(perf, c, c->at + HEADER, id_and_lost, sizeof(id_and_lost));
	if (!haul_take_loss(haul, c->cpu, id_and_lost[1]))
		return NO_ROOM;
	c->told += id_and_lost[1];
	return TAKEN;
}

/* Headers do not run over the end: every record is a multiple of 8 long. */
static enum taken take_one(const struct perf *perf, struct perf_cpu *c, uint64_t end,
			   struct haul *haul)
{
	struct perf_event_header header;
	enum taken taken = TAKEN;

	memcpy(&header, c->data + (c->at & perf->mask), sizeof(header));
	if (header.size < HEADER || header.size % 8 || header.size > end - c->at)
		return NONSENSE;
	if (header.type == PERF_RECORD_SAMPLE)
		taken = take_sample(perf, c, header.size, haul);
	else if (header.type == PERF_RECORD_LOST)
		taken = take_loss(perf, c, header.size, haul);
	if (taken == TAKEN)
		c->at += header.size;
	return taken;
}

static void release(struct perf_cpu *c)
{
	__atomic_store_n(c->tail, c->at, __ATOMIC_RELEASE);
}

static void read_cpu(struct perf *perf, struct perf_cpu *c, struct haul *haul)
{
	uint64_t end = __atomic_load_n(c->head, __ATOMIC_ACQUIRE), began = c->at;
	enum taken taken = TAKEN;

	if (end - c->at > perf->size || end % 8) {
		perf->is_broken = true;
		return;
	}
	while (taken == TAKEN && c->at != end)
		taken = take_one(perf, c, end, haul);
	perf->is_broken = taken == NONSENSE;
	c->recent += haul->n;
	if (c->at != began && haul_is_empty(haul))
		release(c); /* nothing but records of kinds we do not know */
}

uint32_t perf_read(struct perf *perf, struct haul *haul)
{
	haul_begin(haul);
	for (uint32_t i = 0; i < perf->ncpus && !perf->is_broken && haul_is_empty(haul); i++) {
		struct perf_cpu *c = &perf->cpus[perf->next];

		perf->next = perf->next + 1 < perf->ncpus ? perf->next + 1 : 0;
		perf->held = c;
		read_cpu(perf, c, haul);
	}
	return haul->n;
}

void perf_release(struct perf *perf)
{
	if (perf->held)
		release(perf->held);
	perf->held = NULL;
}

uint64_t perf_fill(const struct perf *perf)
{
	uint64_t most = 0;

	for (uint32_t i = 0; i < perf->ncpus; i++) {
		const struct perf_cpu *c = &perf->cpus[i];
		uint64_t fill = __atomic_load_n(c->head, __ATOMIC_ACQUIRE) - *c->tail;

		most = fill > most ? fill : most;
	}
	return most;
}

bool perf_is_empty(const struct perf *perf)
{
	for (uint32_t i = 0; i < perf->ncpus; i++)
		if (__atomic_load_n(perf->cpus[i].head, __ATOMIC_ACQUIRE) != perf->cpus[i].at)
			return false;
	return true;
}

/* ---- wake-ups ------------------------------------------------------------ */

int perf_watch(const struct perf *perf, int epoll_fd, struct error *err)
{
	struct epoll_event wanted = { .events = EPOLLIN };

	for (uint32_t i = 0; i < perf->ncpus; i++)
		if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, perf->cpus[i].loud, &wanted) < 0)
			return error_set(err, errno, "cannot watch a perf buffer: %s",
					 strerrordesc_np(errno));
	return 0;
}

int64_t perf_listen(struct perf *perf)
{
	bool was_quiet = false;

	for (uint32_t i = 0; i < perf->ncpus; i++) {
		struct perf_cpu *c = &perf->cpus[i];

		c->recent = 0;
		if (c->is_loud)
			continue;
		was_quiet = true;
		(void)select_event(perf, c, true);
	}
	if (!perf_is_empty(perf))
		return 1;
	return was_quiet ? SETTLE_NS : 0;
}

void perf_hush(struct perf *perf)
{
	for (uint32_t i = 0; i < perf->ncpus; i++) {
		struct perf_cpu *c = &perf->cpus[i];

		if (c->is_loud && c->recent >= BUSY)
			(void)select_event(perf, c, false);
	}
}

/* ---- losses -------------------------------------------------------------- */

static uint64_t lost_of_event(int fd)
{
	uint64_t value_and_lost[2] = { 0 };

	return read(fd, value_and_lost, sizeof(value_and_lost)) == sizeof(value_and_lost)
		       ? value_and_lost[1]
		       : 0;
}

void perf_lost(const struct perf *perf, uint64_t *per_cpu)
{
	for (uint32_t i = 0; i < perf->ncpus; i++) {
		const struct perf_cpu *c = &perf->cpus[i];
		uint64_t counted = 0;

		if (perf->counts_lost)
			counted = lost_of_event(c->loud) + lost_of_event(c->quiet);
		per_cpu[c->cpu] += counted > c->told ? counted : c->told;
	}
}
