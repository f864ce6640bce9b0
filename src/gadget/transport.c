/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The descriptor is an epoll instance that holds a timer for naps (libuv's are too
 * coarse) and the ring, or the CPUs' events.  A ring is readable as long as it has
 * records, so it is taken out while the reader naps; an event tells of a wake-up once,
 * so it stays, and perf.c decides who is woken.
 */
#include "gadget/transport.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"

static int watch_ring(const struct transport *t, int operation, uint32_t events)
{
	struct epoll_event wanted = { .events = events };

	return epoll_ctl(t->epoll_fd, operation, t->ring_fd, &wanted) < 0 ? -errno : 0;
}

static int open_ring(struct transport *t, const struct transport_map *map, struct error *err)
{
	int r = ring_open(&t->ring, map->fd, map->size, err);

	if (r < 0)
		return r;
	t->is_open = true;
	t->ring_fd = map->fd;
	r = watch_ring(t, EPOLL_CTL_ADD, 0);
	return r < 0 ? error_set(err, -r, "cannot watch a ring: %s", strerrordesc_np(-r)) : 0;
}

static int open_perf(struct transport *t, const struct transport_map *map, struct error *err)
{
	int r = perf_open(&t->perf, map->fd, map->ncpus, map->size, err);

	if (r < 0)
		return r;
	t->is_open = true;
	return perf_watch(&t->perf, t->epoll_fd, err);
}

static int open_timer(struct transport *t)
{
	struct epoll_event wanted = { .events = EPOLLIN };

	t->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	t->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (t->timer_fd < 0 || t->epoll_fd < 0 ||
	    epoll_ctl(t->epoll_fd, EPOLL_CTL_ADD, t->timer_fd, &wanted) < 0)
		return -errno;
	return 0;
}

static void close_fds(struct transport *t)
{
	if (t->timer_fd >= 0)
		close(t->timer_fd);
	if (t->epoll_fd >= 0)
		close(t->epoll_fd);
}

int transport_open(struct transport *t, const struct transport_map *map, struct error *err)
{
	int r;

	*t = (struct transport){ .kind = map->kind, .size = map->size };
	r = open_timer(t);
	if (r < 0)
		(void)error_set(err, -r, "cannot make a timer: %s", strerrordesc_np(-r));
	else
		r = map->kind == TRANSPORT_RING ? open_ring(t, map, err) : open_perf(t, map, err);
	if (r == 0)
		return 0;
	if (t->is_open)
		transport_close(t);
	else
		close_fds(t);
	return r;
}

void transport_close(struct transport *t)
{
	if (!t->is_open)
		return;
	close_fds(t);
	if (t->kind == TRANSPORT_RING)
		ring_close(&t->ring);
	else
		perf_close(&t->perf);
	t->is_open = false;
}

bool transport_read(struct transport *t, struct haul *haul)
{
	if (t->kind == TRANSPORT_RING)
		(void)ring_read(&t->ring, haul);
	else
		(void)perf_read(&t->perf, haul);
	return !haul_is_empty(haul);
}

void transport_release(struct transport *t)
{
	if (t->kind == TRANSPORT_RING)
		ring_release(&t->ring);
	else
		perf_release(&t->perf);
}

uint64_t transport_fill(const struct transport *t)
{
	return t->kind == TRANSPORT_RING ? ring_fill(&t->ring) : perf_fill(&t->perf);
}

bool transport_is_empty(const struct transport *t)
{
	return t->kind == TRANSPORT_RING ? ring_is_empty(&t->ring) : perf_is_empty(&t->perf);
}

bool transport_is_broken(const struct transport *t)
{
	return t->kind == TRANSPORT_RING ? t->ring.is_broken : t->perf.is_broken;
}

uint64_t transport_discarded(const struct transport *t)
{
	/* What is taken back before it is sent to a perf buffer leaves no trace there. */
	return t->kind == TRANSPORT_RING ? t->ring.discarded : 0;
}

int transport_lost(const struct transport *t, uint64_t *per_cpu)
{
	if (t->kind == TRANSPORT_RING)
		return -ENOENT;
	perf_lost(&t->perf, per_cpu);
	return 0;
}

bool transport_is_exact(const struct transport *t)
{
	return t->kind == TRANSPORT_RING || t->perf.counts_lost;
}

int transport_fd(const struct transport *t)
{
	return t->epoll_fd;
}

static void set_timer(const struct transport *t, int64_t ns)
{
	struct itimerspec spec = { .it_value = { .tv_sec = (time_t)(ns / NS_PER_S),
						 .tv_nsec = (long)(ns % NS_PER_S) } };

	/* Setting it also forgets an expiry nobody read. */
	(void)timerfd_settime(t->timer_fd, 0, &spec, NULL);
}

void transport_sleep(struct transport *t)
{
	int64_t look_ns = 0;

	if (t->kind == TRANSPORT_PERF)
		look_ns = perf_listen(&t->perf);
	else if (!t->is_listening)
		t->is_listening = watch_ring(t, EPOLL_CTL_MOD, EPOLLIN) == 0;
	set_timer(t, look_ns);
}

void transport_nap(struct transport *t, int64_t ns)
{
	if (t->kind == TRANSPORT_PERF)
		perf_hush(&t->perf);
	else if (t->is_listening)
		t->is_listening = watch_ring(t, EPOLL_CTL_MOD, 0) < 0;
	set_timer(t, ns);
}
