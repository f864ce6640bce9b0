/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <sys/random.h>
#include <time.h>

static int64_t read_clock(clockid_t id)
{
	struct timespec t;

	(void)clock_gettime(id, &t);
	return (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
}

static int64_t system_mono(struct clock *clock)
{
	(void)clock;
	return read_clock(CLOCK_MONOTONIC);
}

static int64_t system_wall(struct clock *clock)
{
	(void)clock;
	return read_clock(CLOCK_REALTIME);
}

static int64_t system_boot_to_wall(struct clock *clock)
{
	int64_t best = INT64_MAX, offset = 0;

	(void)clock;
	/* Wall is read between two boot readings; the tightest of a few pairs wins. */
	for (int i = 0; i < 4; i++) {
		int64_t before = read_clock(CLOCK_BOOTTIME);
		int64_t wall = read_clock(CLOCK_REALTIME);
		int64_t after = read_clock(CLOCK_BOOTTIME);

		if (after - before < best) {
			best = after - before;
			offset = wall - before - best / 2;
		}
	}
	return offset;
}

static uint64_t system_random(struct clock *clock)
{
	uint64_t value = 0;

	(void)clock;
	if (getrandom(&value, sizeof(value), 0) != sizeof(value))
		value = (uint64_t)read_clock(CLOCK_MONOTONIC);
	return value;
}

struct clock *clock_system(void)
{
	static struct clock system = {
		.mono_ns = system_mono,
		.wall_ns = system_wall,
		.boot_to_wall_ns = system_boot_to_wall,
		.random = system_random,
	};

	return &system;
}

static int64_t fake_mono(struct clock *clock)
{
	return ((struct fake_clock *)clock)->now_ns;
}

static int64_t fake_wall(struct clock *clock)
{
	struct fake_clock *fake = (struct fake_clock *)clock;

	return fake->wall_at_ns + fake->now_ns;
}

static int64_t fake_boot_to_wall(struct clock *clock)
{
	return ((struct fake_clock *)clock)->wall_at_ns;
}

static uint64_t fake_random(struct clock *clock)
{
	struct fake_clock *fake = (struct fake_clock *)clock;

	fake->seed = fake->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return fake->seed;
}

void fake_clock_init(struct fake_clock *fake, int64_t wall_ns)
{
	*fake = (struct fake_clock){
		.clock = {
			.mono_ns = fake_mono,
			.wall_ns = fake_wall,
			.boot_to_wall_ns = fake_boot_to_wall,
			.random = fake_random,
		},
		.wall_at_ns = wall_ns,
		.seed = 1,
	};
}
