/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Rings and the books that go with them.
 *
 * GADGET_TRACER_MAP(events, size) makes three maps: the ring `events`, and two
 * counters that only ever grow, one slot per CPU:
 *
 *   events_attempts      records a program tried to hand over
 *   events_lost_samples  attempts for which the ring had no room
 *
 * Every function below counts where it happens, so at any time when no program
 * is between two of these steps
 *
 *   attempts = records submitted + records discarded + lost_samples
 *
 * holds exactly.  Discarded records need no counter here: they stand in the ring
 * with BPF_RINGBUF_DISCARD_BIT set, and the reader counts them as it skips them.
 * A program that the kernel did not run at all (it was already running on that
 * CPU) made no attempt; the kernel counts that in bpf_prog_info.recursion_misses.
 *
 * The attempt is counted before the reserve, with an atomic add: programs on one CPU
 * can interrupt each other between any two instructions.
 *
 * A record may be shorter than its struct: the missing bytes read as zeros.  So a
 * struct whose last member is a long char array may be submitted up to and
 * including the NUL.  Bytes behind the NUL of a char array may be stale.
 *
 * Two families.  The calls that number records (gadget_reserve_event,
 * gadget_output_event, gadget_*_dynptr) need a ring.  The calls of the ABI
 * (gadget_*_buf) choose when they are loaded: a kernel without ring buffers (before 5.8)
 * gets the records through a perf event array, which the loader makes of the map; until
 * then they lie in the map gadget_heap.  There the kernel reports what the array had no
 * room for, and discarded records are counted in the map gadget_discards.
 *
 * A program that calls no gadget_reserve_buf() should
 *
 *   #define GADGET_NO_BUF_RESERVE
 *
 * before it includes this, and gadget_heap is not made.  GADGET_MAX_EVENT_SIZE is the
 * largest record gadget_heap has room for.
 *
 * Include <vmlinux.h> or <linux/bpf.h> first.  Needs Linux 5.12 for numbered records,
 * 5.19 for gadget_*_dynptr.
 */
#ifndef GADGET_BUFFER_H
#define GADGET_BUFFER_H

#include <gadget/macros.h>
#include <gadget/types.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#ifndef GADGET_MAX_EVENT_SIZE
# define GADGET_MAX_EVENT_SIZE 10240
#endif

#define GADGET_COUNTER_MAP(name)                         \
	struct {                                         \
		__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY); \
		__uint(max_entries, 1);                  \
		__type(key, __u32);                      \
		__type(value, __u64);                    \
	} name SEC(".maps")

/* `size`: bytes, a power of two and a multiple of the page size. */
#define GADGET_TRACER_MAP(name, size)               \
	struct {                                    \
		__uint(type, BPF_MAP_TYPE_RINGBUF); \
		__uint(max_entries, size);          \
	} name SEC(".maps");                        \
	GADGET_MARKER(gadget_map_tracer_##name);    \
	GADGET_COUNTER_MAP(name##_attempts);        \
	GADGET_COUNTER_MAP(name##_lost_samples);

/* Add one to this CPU's slot and return the new value. */
static __always_inline __u64 gadget_counter_add(void *map)
{
	__u32 zero = 0;
	__u64 *n = bpf_map_lookup_elem(map, &zero);

	return n ? __sync_fetch_and_add(n, 1) + 1 : 0;
}

static __always_inline __u64 gadget_seq_next(void *attempts)
{
	return (__u64)bpf_get_smp_processor_id() << 48 | gadget_counter_add(attempts);
}

/*
 * From here on `map` is the address of a GADGET_TRACER_MAP, written `&events`: the
 * macros paste the names of its counters to it.
 *
 * The two steps of the books, for programs that talk to the ring themselves:
 * count an attempt and return its sequence number; count an attempt as lost.
 */
#define gadget_count_attempt(map) gadget_seq_next(map##_attempts)
#define gadget_count_lost(map)    ((void)gadget_counter_add(map##_lost_samples))

/* ---- numbered records ------------------------------------------------------ */

/*
 * Take a sequence number, then reserve a record of `type`, an event struct with a
 * gadget_seq member called `seq`, and put the number there.  NULL when the ring is
 * full; that is counted.  The memory is NOT zeroed: write every member.  Hand the
 * record over with gadget_submit_buf(), or drop it with gadget_discard_buf().
 */
#define gadget_reserve_event(map, type)                                   \
	({                                                                \
		gadget_seq _seq = gadget_count_attempt(map);              \
		type *_event = bpf_ringbuf_reserve(map, sizeof(type), 0); \
		if (_event)                                               \
			_event->seq = _seq;                               \
		else                                                      \
			gadget_count_lost(map);                           \
		_event;                                                   \
	})

/*
 * Put a sequence number into `event->seq` and copy the first `size` bytes of
 * `*event`, made in memory of the program's own, into the ring.  For records whose
 * size is known only when they are made; the copy costs less than the ring space
 * it saves.  0, or negative when the ring is full; that is counted.
 */
#define gadget_output_event(map, event, size)                        \
	({                                                           \
		(event)->seq = gadget_count_attempt(map);            \
		long _err = bpf_ringbuf_output(map, event, size, 0); \
		if (_err)                                            \
			gadget_count_lost(map);                      \
		_err;                                                \
	})

/*
 * The same for records too large for memory of one's own: take a sequence number
 * into `*seq` and reserve `size` bytes under `dynptr`, a struct bpf_dynptr on the stack.
 * 0, or negative when the ring is full; that is counted.  Either way the verifier wants
 * the dynptr back: gadget_submit_dynptr() or gadget_discard_dynptr(), which do
 * nothing after a failed reserve.
 */
#define gadget_reserve_dynptr(map, size, seq, dynptr)                         \
	({                                                                    \
		*(seq) = gadget_count_attempt(map);                           \
		long _err = bpf_ringbuf_reserve_dynptr(map, size, 0, dynptr); \
		if (_err)                                                     \
			gadget_count_lost(map);                               \
		_err;                                                         \
	})

static __always_inline void gadget_submit_dynptr(struct bpf_dynptr *dynptr)
{
	bpf_ringbuf_submit_dynptr(dynptr, 0);
}

static __always_inline void gadget_discard_dynptr(struct bpf_dynptr *dynptr)
{
	bpf_ringbuf_discard_dynptr(dynptr, 0);
}

/* ---- the calls of the ABI -------------------------------------------------- */

/*
 * Does the running kernel have ring buffers?  The loader answers by relocation, so the
 * verifier sees a constant, and never looks at the branch that is not taken.
 */
static __always_inline bool __gadget_has_ring(void)
{
	return bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_ringbuf_reserve);
}

#ifndef GADGET_NO_BUF_RESERVE

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, GADGET_MAX_EVENT_SIZE);
} gadget_heap SEC(".maps");

/* Records taken back before they were sent, of all maps. */
GADGET_COUNTER_MAP(gadget_discards);

static __always_inline void *__gadget_heap_slot(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&gadget_heap, &zero);
}

/*
 * Reserve a record of `size` bytes, a constant, for an event struct without a
 * sequence number; the same books.  NULL when the ring is full; that is counted.  The
 * memory is NOT zeroed.
 */
# define gadget_reserve_buf(map, size)                                                            \
	 ({                                                                                       \
	  (void)gadget_count_attempt(map);                                                        \
	  void *_buf =                                                                            \
		  __gadget_has_ring() ? bpf_ringbuf_reserve(map, size, 0) : __gadget_heap_slot(); \
	  if (!_buf)                                                                              \
		  gadget_count_lost(map);                                                         \
	  _buf;                                                                                   \
	 })

#endif

/* Hand over what was reserved.  `ctx` is the program's context. */
static __always_inline long gadget_submit_buf(void *ctx, void *map, void *buf, __u64 size)
{
	if (!__gadget_has_ring())
		return bpf_perf_event_output(ctx, map, BPF_F_CURRENT_CPU, buf, size);
	bpf_ringbuf_submit(buf, 0);
	return 0;
}

/* The record stays in the ring, marked; the reader counts it as discarded. */
static __always_inline void gadget_discard_buf(void *buf)
{
	if (__gadget_has_ring())
		bpf_ringbuf_discard(buf, 0);
#ifndef GADGET_NO_BUF_RESERVE
	else
		(void)gadget_counter_add(&gadget_discards);
#endif
}

/*
 * Copy `size` bytes, made in memory of the program's own, into the ring.  0, or
 * negative when the ring is full; that is counted.
 */
#define gadget_output_buf(ctx, map, buf, size)                                                \
	({                                                                                    \
		long _err;                                                                    \
		(void)gadget_count_attempt(map);                                              \
		if (__gadget_has_ring()) {                                                    \
			_err = bpf_ringbuf_output(map, buf, size, 0);                         \
			if (_err)                                                             \
				gadget_count_lost(map);                                       \
		} else {                                                                      \
			_err = bpf_perf_event_output(ctx, map, BPF_F_CURRENT_CPU, buf, size); \
		}                                                                             \
		_err;                                                                         \
	})

#endif
