/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gadget: records from eBPF programs.
 *
 * Each data source of the gadget is a port with a ring of its own.  Rows are
 * handed on where the kernel wrote them; their space goes back to the ring when
 * the call returns.
 *
 * Reading is adaptive.  An idle ring is watched by epoll.  Once it has records
 * it is drained, left alone for a nap of 0.2 ms to max_wait (a timerfd: libuv's
 * timers are too coarse), drained again, and so on; a drain that finds nothing
 * goes back to epoll.  A drain ends after TURN_ROWS records or TURN_NS, so that
 * everything else on the loop gets its turn.
 *
 * Losses are counted by the programs.  Where they happened is told by marks in
 * the stream: exactly by sequence numbers where records have them (gaps.h), else
 * by looking at the counter now and then.
 *
 * The end: programs are detached on libuv's pool, because that takes the kernel
 * some hundred milliseconds and the ring fills meanwhile; when none runs any
 * more, what is left in the rings is read, and the counters are final.
 */
#include <errno.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include <uv.h>

#include "engine/component.h"
#include "gadget/find.h"
#include "gadget/gaps.h"
#include "gadget/inspect.h"
#include "gadget/load.h"
#include "gadget/nap.h"
#include "gadget/ring.h"

enum {
	TURN_ROWS = 65536,
	BATCH_ROWS = 512,
	MAX_MARKS = GAPS_OPEN + 1,
	END_TRIES = 100, /* naps to wait for the last records and counters */
};

#define TURN_NS    (2 * NS_PER_MS)
#define LOOK_NS    (10 * NS_PER_MS) /* between two looks at the lost counter */
#define OFFSET_NS  NS_PER_S         /* between two readings of the wall clock's offset */
#define AT_ONCE_NS 1                /* the shortest time a timerfd knows */

struct ring_options {
	uint64_t size;
};

struct gadget_source;

struct port {
	struct gadget_source *owner;
	const struct model_source *model;
	const struct schema *schema;
	uint32_t number;
	struct ring ring;
	uv_poll_t ready; /* the ring has records */
	uv_poll_t awake; /* the nap is over */
	int timer_fd;
	bool has_ring, has_timer, has_handles;
	bool is_watching; /* the ring, by epoll */
	bool has_ended;
	struct nap nap;
	struct ring_rows rows;
	struct mark *marks;
	uint32_t nmarks;
	struct gaps gaps;     /* when records have numbers */
	uint64_t *per_cpu;    /* scratch: one number for each CPU */
	uint64_t lost_told;   /* when they have none: losses that marks have told */
	int64_t looked_ns;    /* when the counter was looked at */
	uint64_t read;        /* records taken out */
	unsigned tries;       /* naps since the end was near */
	int64_t offset_ns;    /* from boot time to wall time */
	int64_t offset_at_ns; /* when that was found out */
};

struct gadget_source {
	const char *gadget;
	const struct yaml_node *params;
	struct ring_options ring;
	int64_t max_wait;

	struct source *source;
	const struct model *model;
	struct settings settings;
	struct loaded *loaded;
	struct port *ports; /* model->nsources of them */
	uv_work_t detach;
	bool is_paused, is_detaching, is_detached, is_released, has_ended;
};

/* ---- before anything runs ------------------------------------------------ */

static int make_schema(struct gadget_source *s, struct port *port, struct error *err)
{
	struct arena *arena = source_arena(s->source);
	struct schema_head head = {
		.event = port->model->name,
		.source = source_id(s->source),
		.gadget = s->model->name,
		.host = source_host(s->source),
		.row_min = port->model->row_min,
		.seq_at = port->model->seq_at,
	};
	struct schema_builder builder;

	schema_begin(&builder, arena, &head);
	for (uint32_t i = 0; i < port->model->nfields; i++) {
		int r = schema_add(&builder, &port->model->fields[i]);

		if (r < 0)
			return error_set(err, -r, "field '%s' of '%s' cannot be used",
					 port->model->fields[i].name, port->model->name);
	}
	port->schema = schema_end(&builder);
	return source_port(s->source, port->model->name, port->schema, err);
}

static int make_port(struct gadget_source *s, uint32_t number, struct error *err)
{
	struct arena *arena = source_arena(s->source);
	struct port *port = &s->ports[number];

	*port = (struct port){
		.owner = s,
		.model = &s->model->sources[number],
		.number = number,
		.timer_fd = -1,
	};
	port->rows.max = BATCH_ROWS;
	port->rows.at = arena_array(arena, BATCH_ROWS, sizeof(*port->rows.at));
	port->rows.len = arena_array(arena, BATCH_ROWS, sizeof(*port->rows.len));
	port->rows.pos = arena_array(arena, BATCH_ROWS, sizeof(*port->rows.pos));
	port->marks = arena_array(arena, MAX_MARKS, sizeof(*port->marks));
	nap_init(&port->nap, s->max_wait);
	return make_schema(s, port, err);
}

static int gadget_open(void *self, struct source *source, struct error *err)
{
	struct gadget_source *s = self;
	struct arena *arena = source_arena(source);
	struct gadget_place place;
	int r;

	s->source = source;
	if (s->ring.size & (s->ring.size - 1))
		return error_set(err, EINVAL, "ring.size must be a power of two");
	r = gadget_find(arena, s->gadget, source_dir(source), &place, err);
	if (r < 0)
		return r;
	r = inspect_file(arena, &place, s->params, &s->model, err);
	if (r < 0)
		return r;
	r = model_check(s->model, err);
	if (r < 0)
		return r;
	r = settings_make(arena, s->model, s->params, &s->settings, err);
	if (r < 0)
		return r;
	s->ports = arena_array(arena, s->model->nsources, sizeof(*s->ports));
	for (uint32_t i = 0; r >= 0 && i < s->model->nsources; i++)
		r = make_port(s, i, err);
	return r < 0 ? r : 0;
}

/* ---- marks --------------------------------------------------------------- */

static void add_mark(struct port *port, uint32_t before_row, uint64_t n, const struct gap *gap)
{
	if (port->nmarks == MAX_MARKS)
		return;
	port->marks[port->nmarks++] = (struct mark){
		.kind = MARK_LOSS,
		.before_row = before_row,
		.origin = source_origin(port->owner->source),
		.event = port->model->name,
		.reason = "ring_full",
		.n = n,
		.has_cpu = gap != NULL,
		.cpu = gap ? gap->cpu : 0,
		.from = gap ? gap->from : 0,
		.to = gap ? gap->to : 0,
	};
}

static bool has_numbers(const struct port *port)
{
	return port->model->seq_at != SCHEMA_NO_SEQ;
}

static uint64_t seq_at(const struct port *port, const uint8_t *row)
{
	uint64_t seq;

	memcpy(&seq, row + port->model->seq_at, sizeof(seq));
	return seq;
}

/* Look at all numbers of a batch, discarded records in their places. */
static void see_numbers(struct port *port)
{
	const struct ring_rows *rows = &port->rows;
	uint32_t d = 0;

	for (uint32_t i = 0; i <= rows->n; i++) {
		for (; d < rows->ndiscards && rows->discards[d].before_row == i; d++)
			if (rows->discards[d].len >= port->model->seq_at + 8)
				gaps_see_discarded(&port->gaps, seq_at(port, rows->discards[d].at),
						   i);
		if (i < rows->n)
			gaps_see(&port->gaps, seq_at(port, rows->at[i]), i);
	}
}

static void tell_gaps(struct port *port)
{
	struct gap gap;

	while (gaps_take(&port->gaps, &gap))
		add_mark(port, gap.before_row, gap.to - gap.from + 1, &gap);
	gaps_next_batch(&port->gaps);
}

static uint64_t sum_counter(const struct port *port, enum load_counter counter)
{
	const struct loaded *loaded = port->owner->loaded;
	uint64_t sum = 0;

	if (loaded_counter(loaded, port->number, counter, port->per_cpu) < 0)
		return 0;
	for (uint32_t i = 0; i < loaded_cpus(loaded); i++)
		sum += port->per_cpu[i];
	return sum;
}

/* Without numbers: what the counter has grown by since the last look was lost about here. */
static void tell_lost(struct port *port)
{
	uint64_t lost = sum_counter(port, LOAD_LOST);

	if (lost > port->lost_told)
		add_mark(port, 0, lost - port->lost_told, NULL);
	port->lost_told = lost;
}

static void look_for_losses(struct port *port, int64_t now_ns)
{
	if (has_numbers(port) || !port->model->lost || now_ns - port->looked_ns < LOOK_NS)
		return;
	port->looked_ns = now_ns;
	tell_lost(port);
}

/* ---- draining ------------------------------------------------------------ */

static int64_t now_ns(const struct port *port)
{
	struct clock *clock = source_clock(port->owner->source);

	return clock->mono_ns(clock);
}

static void refresh_offset(struct port *port, int64_t now)
{
	struct clock *clock = source_clock(port->owner->source);

	if (port->offset_at_ns && now - port->offset_at_ns < OFFSET_NS)
		return;
	port->offset_at_ns = now;
	port->offset_ns = clock->boot_to_wall_ns(clock);
}

/* Hand on what was read; returns when the rows are not needed any more. */
static void emit(struct port *port)
{
	struct source *source = port->owner->source;
	struct clock *clock = source_clock(source);
	struct rows rows = {
		.at = port->rows.at,
		.len = port->rows.len,
		.pos = port->rows.pos,
		.origin = source_origin(source),
		.wall_ns = clock->wall_ns(clock),
		.boot_to_wall_ns = port->offset_ns,
		.n = port->rows.n,
	};
	struct batch batch = {
		.schema = port->schema,
		.rows = &rows,
		.marks = port->marks,
		.nmarks = port->nmarks,
	};

	if (!rows.n && !batch.nmarks)
		return;
	port->read += rows.n;
	port->nmarks = 0;
	source_emit(source, port->number, &batch);
}

static uint32_t drain_batch(struct port *port)
{
	uint32_t n = ring_read(&port->ring, &port->rows);

	if (has_numbers(port)) {
		see_numbers(port);
		tell_gaps(port);
	}
	emit(port);
	ring_release(&port->ring);
	return n + port->rows.ndiscards;
}

/* What a turn left behind. */
enum left { LEFT_NOTHING, LEFT_WRITING, LEFT_MORE };

/* Read until the ring is empty or the turn is over; returns how many were read. */
static uint64_t drain(struct port *port, int64_t began, enum left *ret_left)
{
	uint64_t total = 0;

	*ret_left = LEFT_MORE;
	if (has_numbers(port))
		gaps_turn(&port->gaps);
	while (!port->owner->is_paused) {
		uint32_t n = drain_batch(port);

		total += n;
		if (!n) {
			*ret_left = ring_is_empty(&port->ring) ? LEFT_NOTHING : LEFT_WRITING;
			break;
		}
		if (total >= TURN_ROWS || now_ns(port) - began >= TURN_NS)
			break;
	}
	return total;
}

/* ---- epoll and naps ------------------------------------------------------ */

static void on_ready(uv_poll_t *handle, int status, int events);

static void set_timer(const struct port *port, int64_t ns)
{
	struct itimerspec spec = { .it_value = { .tv_sec = (time_t)(ns / NS_PER_S),
						 .tv_nsec = (long)(ns % NS_PER_S) } };

	/* Setting it also forgets an expiry nobody read. */
	(void)timerfd_settime(port->timer_fd, 0, &spec, NULL);
}

static void sleep_in_epoll(struct port *port)
{
	set_timer(port, 0);
	port->is_watching = uv_poll_start(&port->ready, UV_READABLE, on_ready) == 0;
}

static void take_nap(struct port *port, int64_t ns)
{
	/* Stopping what is stopped would still cost a system call. */
	if (port->is_watching)
		(void)uv_poll_stop(&port->ready);
	port->is_watching = false;
	set_timer(port, ns);
}

static void rest(struct port *port)
{
	take_nap(port, 0);
}

/* ---- the end ------------------------------------------------------------- */

static bool all_ended(const struct gadget_source *s)
{
	for (uint32_t i = 0; i < s->model->nsources; i++)
		if (!s->ports[i].has_ended)
			return false;
	return true;
}

static void end_port(struct port *port)
{
	struct gadget_source *s = port->owner;

	rest(port);
	port->has_ended = true;
	if (s->has_ended || !all_ended(s))
		return;
	s->has_ended = true;
	source_end(s->source);
}

/* Whether every attempt has been lost, discarded or read. */
static bool is_complete(const struct port *port)
{
	if (!port->model->attempts || !port->model->lost)
		return true;
	return sum_counter(port, LOAD_ATTEMPTS) ==
	       sum_counter(port, LOAD_LOST) + port->ring.discarded + port->read;
}

/* Losses behind the last record. */
static void tell_last_losses(struct port *port)
{
	bool counts = loaded_counter(port->owner->loaded, port->number, LOAD_ATTEMPTS,
				     port->per_cpu) == 0;

	if (has_numbers(port)) {
		gaps_end(&port->gaps, counts ? port->per_cpu : NULL);
		tell_gaps(port);
	} else if (port->model->lost) {
		tell_lost(port);
	}
	port->rows.n = 0;
	emit(port);
}

/*
 * No program runs any more and the ring has been read.  Where the kernel could
 * not wait for the last run of a program, its record or its counter may still be
 * on the way: look again a few times before believing otherwise.
 */
static void finish(struct port *port, enum left left)
{
	if ((left == LEFT_WRITING || !is_complete(port)) && port->tries++ < END_TRIES) {
		take_nap(port, NS_PER_MS);
		return;
	}
	tell_last_losses(port);
	end_port(port);
}

static void fail(struct port *port)
{
	struct error err = ERROR_INIT;

	(void)error_set(&err, EIO, "the ring of '%s' is damaged", port->model->name);
	rest(port);
	port->has_ended = port->owner->has_ended = true;
	source_fail(port->owner->source, &err);
}

/* ---- a turn -------------------------------------------------------------- */

static void turn(struct port *port)
{
	int64_t began = now_ns(port);
	uint64_t fill = ring_fill(&port->ring), n;
	enum left left;

	if (port->has_ended) {
		rest(port);
		return;
	}
	refresh_offset(port, began);
	if (fill && !port->owner->is_paused)
		look_for_losses(port, began);
	n = drain(port, began, &left);
	if (port->ring.is_broken)
		fail(port);
	else if (port->owner->is_paused)
		rest(port);
	else if (left == LEFT_MORE)
		take_nap(port, AT_ONCE_NS);
	else if (port->owner->is_detached)
		finish(port, left);
	else if (n || left == LEFT_WRITING) {
		nap_adapt(&port->nap, fill, port->ring.size);
		take_nap(port, port->nap.ns);
	} else
		sleep_in_epoll(port);
}

static void on_ready(uv_poll_t *handle, int status, int events)
{
	(void)status;
	(void)events;
	turn(handle->data);
}

static void wake_ports(struct gadget_source *s)
{
	for (uint32_t i = 0; i < s->model->nsources; i++)
		if (s->ports[i].has_handles && !s->ports[i].has_ended)
			take_nap(&s->ports[i], AT_ONCE_NS);
}

/* ---- life ---------------------------------------------------------------- */

static int open_port(struct port *port, struct error *err)
{
	struct gadget_source *s = port->owner;
	struct arena *arena = source_arena(s->source);
	uint32_t cpus = loaded_cpus(s->loaded);
	int fd = loaded_ring_fd(s->loaded, port->number), r;

	port->per_cpu = arena_array(arena, cpus, sizeof(*port->per_cpu));
	if (has_numbers(port))
		gaps_init(&port->gaps, arena, cpus);
	r = ring_open(&port->ring, fd, loaded_ring_size(s->loaded, port->number),
		      port->model->row_min, port->model->row_max, err);
	if (r < 0)
		return r;
	port->has_ring = true;
	port->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (port->timer_fd < 0)
		return error_set(err, errno, "cannot make a timer: %s", strerrordesc_np(errno));
	r = uv_poll_init(source_loop(s->source), &port->awake, port->timer_fd);
	if (r < 0)
		return error_set(err, -r, "cannot watch a timer: %s", uv_strerror(r));
	port->has_timer = true;
	r = uv_poll_init(source_loop(s->source), &port->ready, fd);
	if (r < 0)
		return error_set(err, -r, "cannot watch a ring: %s", uv_strerror(r));
	port->has_handles = true;
	port->ready.data = port->awake.data = port;
	return 0;
}

static int gadget_load(void *self, struct error *err)
{
	struct gadget_source *s = self;
	struct load_options options = {
		.ring_size = s->ring.size,
		.settings = s->settings,
	};
	int r = load_gadget(s->model, &options, &s->loaded, err);

	for (uint32_t i = 0; r == 0 && i < s->model->nsources; i++)
		r = open_port(&s->ports[i], err);
	return r;
}

static int gadget_start(void *self, struct error *err)
{
	struct gadget_source *s = self;
	int r = loaded_attach(s->loaded, err);

	if (r < 0)
		return r;
	for (uint32_t i = 0; i < s->model->nsources; i++) {
		(void)uv_poll_start(&s->ports[i].awake, UV_READABLE, on_ready);
		sleep_in_epoll(&s->ports[i]);
	}
	return 0;
}

/* Only a note: each port looks at it when it wakes, or between two batches. */
static void gadget_pause(void *self, bool paused)
{
	struct gadget_source *s = self;

	s->is_paused = paused;
	if (!paused)
		wake_ports(s);
}

static void detach_work(uv_work_t *work)
{
	struct gadget_source *s = work->data;

	loaded_detach(s->loaded);
}

static void detach_done(uv_work_t *work, int status)
{
	struct gadget_source *s = work->data;

	(void)status;
	s->is_detaching = false;
	s->is_detached = true;
	if (s->is_released)
		loaded_free(s->loaded);
	else if (!s->is_paused)
		wake_ports(s);
}

static void gadget_stop(void *self)
{
	struct gadget_source *s = self;

	s->detach.data = s;
	if (uv_queue_work(source_loop(s->source), &s->detach, detach_work, detach_done) == 0) {
		s->is_detaching = true;
		return;
	}
	detach_work(&s->detach);
	detach_done(&s->detach, 0);
}

static void gadget_count(void *self, struct source_counts *ret_counts)
{
	struct gadget_source *s = self;
	struct source_counts counts = { .has_attempts = true, .missed = loaded_missed(s->loaded) };

	for (uint32_t i = 0; i < s->model->nsources; i++) {
		const struct port *port = &s->ports[i];

		counts.has_attempts &= port->model->attempts && port->model->lost;
		counts.attempts += sum_counter(port, LOAD_ATTEMPTS);
		counts.lost += sum_counter(port, LOAD_LOST);
		counts.discarded += port->ring.discarded;
		counts.read += port->read;
	}
	*ret_counts = counts;
}

static void release_port(struct port *port)
{
	if (port->has_timer)
		uv_close((uv_handle_t *)&port->awake, NULL);
	if (port->has_handles)
		uv_close((uv_handle_t *)&port->ready, NULL);
	if (port->timer_fd >= 0)
		close(port->timer_fd);
	if (port->has_ring)
		ring_close(&port->ring);
}

static void gadget_release(void *self)
{
	struct gadget_source *s = self;

	for (uint32_t i = 0; s->ports && i < s->model->nsources; i++)
		if (s->ports[i].owner)
			release_port(&s->ports[i]);
	s->is_released = true;
	/* While the pool works on it, it belongs to detach_done(). */
	if (!s->is_detaching)
		loaded_free(s->loaded);
}

/* ---- what it is ---------------------------------------------------------- */

static const struct opt ring_table[] = {
	OPT_SIZE(struct ring_options, size, .min = "4KiB", .max = "1GiB",
		 .help = "Bytes of each of the gadget's rings, a power of two; as the gadget says "
			 "when not set. Larger rings bridge longer stalls, at the price of memory "
			 "in the kernel."),
	OPT_END,
};

static const struct opt options[] = {
	OPT_STRING(struct gadget_source, gadget, .required = true,
		   .help = "Name of a gadget, or path of its object file or folder."),
	OPT_MAP(struct gadget_source, params,
		.help = "Values for the gadget's own parameters; `gadgetctl inspect` lists them."),
	OPT_TABLE(struct gadget_source, ring, ring_table,
		  .help = "The memory records pass through."),
	OPT_DURATION(struct gadget_source, max_wait, .def = "1ms", .min = "50us", .max = "1s",
		     .help = "How long a record may lie in the ring before it is read. Longer "
			     "saves CPU time at low rates."),
	OPT_END,
};

static const struct example examples[] = {
	{ .title = "Failed opens of one process, with room for bursts",
	  .config = "type: gadget\n"
		    "gadget: trace_open\n"
		    "params: {failed: true, pid: 4711}\n"
		    "ring: {size: 4MiB}\n" },
	EXAMPLE_END,
};

const struct source_type source_gadget = {
	.base = {
		.name = "gadget",
		.summary = "Records from the eBPF programs of a gadget",
		.help = "Loads a gadget's programs into the kernel, attaches them, and reads their "
			"records. Each data source of the gadget is a port of its name. Needs "
			"CAP_BPF and CAP_PERFMON; `validate` does not.",
		.size = sizeof(struct gadget_source),
		.options = options,
		.examples = examples,
	},
	.open = gadget_open,
	.load = gadget_load,
	.start = gadget_start,
	.pause = gadget_pause,
	.stop = gadget_stop,
	.count = gadget_count,
	.release = gadget_release,
};
