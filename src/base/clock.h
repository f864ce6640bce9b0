/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clock: time and randomness as something handed in, so that tests own both.
 *
 * All times are int64_t nanoseconds.  Monotonic time drives time-outs; boot
 * time is what gadgets stamp (it runs during suspend); wall time is what users
 * read.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

struct clock {
	int64_t (*mono_ns)(struct clock *clock);
	int64_t (*wall_ns)(struct clock *clock);
	/* What to add to a boot time stamp to get wall time, as of now. */
	int64_t (*boot_to_wall_ns)(struct clock *clock);
	uint64_t (*random)(struct clock *clock);
};

/*
 * The machine's clocks and the kernel's random numbers.  Has no state; the
 * pointer is valid for ever, from any thread.
 */
struct clock *clock_system(void);

/* A clock that stands still until told otherwise; for tests. */
struct fake_clock {
	struct clock clock;
	int64_t now_ns;     /* what mono_ns returns */
	int64_t wall_at_ns; /* wall time when now_ns is 0 */
	uint64_t seed;
};

/* Fill in a fake clock at mono 0, the given wall time, and a fixed seed. */
void fake_clock_init(struct fake_clock *fake, int64_t wall_ns);

#define NS_PER_US INT64_C(1000)
#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S  INT64_C(1000000000)

#endif
