/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gadget: records from eBPF programs.
 *
 * Each data source of the gadget is a port with a transport of its own, a ring or a
 * perf buffer for each CPU (transport.h).  Rows are handed on where the kernel wrote
 * them; their space goes back to it when the call returns.
 *
 * Reading is adaptive.  An idle transport is watched by epoll.  Once it has records
 * it is drained, left alone for a nap of 0.2 ms to max_wait (a timerfd: libuv's
 * timers are too coarse), drained again, and so on; a drain that finds nothing
 * goes back to epoll.  A drain ends after TURN_ROWS records or TURN_NS, so that
 * everything else on the loop gets its turn.
 *
 * Losses are counted by the programs, or the kernel.  Where they happened is told by
 * marks in the stream (losses.h).
 *
 * The end: programs are detached on libuv's pool, because that takes the kernel
 * some hundred milliseconds and the ring fills meanwhile; when none runs any
 * more, what is left in the rings is read, and the counters are final.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "base/log.h"
#include "engine/component.h"
#include "gadget/load.h"
#include "gadget/losses.h"
#include "gadget/nap.h"
#include "oci/find_model.h"

enum {
	TURN_ROWS = 65536,
	BATCH_ROWS = 512,
	END_TRIES = 100, /* naps to wait for the last records and counters */
};

enum { COUNT_MALFORMED };

static const struct counter counters[] = {
	[COUNT_MALFORMED] = { "malformed",
			      "Records that claim to be longer than they are. The gadget is broken, "
			      "or was built with other headers.",
			      true },
	COUNTER_END,
};

#define TURN_NS    (2 * NS_PER_MS)
#define OFFSET_NS  NS_PER_S /* between two readings of the wall clock's offset */
#define AT_ONCE_NS 1        /* a nap of no length */

struct ring_options {
	uint64_t size;
};

struct gadget_source;

struct port {
	struct gadget_source *owner;
	const struct model_source *model;
	const struct schema *schema;
	uint32_t number;
	struct origin origin; /* of this port alone: others count from 1, too */
	struct transport transport;
	struct haul haul;
	uint16_t *sel;   /* rows that are whole, where not all need be */
	uv_poll_t ready; /* it is time to read */
	bool has_handle, has_ended;
	struct nap nap;
	struct losses losses;
	uint64_t *per_cpu[2]; /* by enum load_counter: room for what is counted by CPU */
	uint64_t *kernels;    /* the same for what the kernel itself counts */
	uint64_t read;        /* records taken out */
	unsigned tries;       /* naps since the end was near */
	int64_t offset_ns;    /* from boot time to wall time */
	int64_t offset_at_ns; /* when that was found out */
};

struct gadget_source {
	const char *gadget;
	const struct yaml_node *params;
	struct ring_options ring;
	int transport; /* enum load_transport */
	int64_t max_wait;

	struct source *source;
	const struct model *model;
	const char *unused; /* layers of the image, or NULL */
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
	struct port *port = &s->ports[number];

	*port = (struct port){
		.owner = s,
		.model = &s->model->sources[number],
		.number = number,
	};
	haul_init(&port->haul, source_arena(s->source), BATCH_ROWS, port->model->row_min,
		  port->model->row_max);
	if (model_has_rest(port->model))
		port->sel = arena_array(source_arena(s->source), BATCH_ROWS, sizeof(*port->sel));
	nap_init(&port->nap, s->max_wait);
	return make_schema(s, port, err);
}

static int gadget_open(void *self, struct source *source, struct error *err)
{
	struct gadget_source *s = self;
	struct arena *arena = source_arena(source);
	struct found_gadget found;
	int r;

	s->source = source;
	if (s->ring.size & (s->ring.size - 1))
		return error_set(err, EINVAL, "ring.size must be a power of two");
	r = find_model(arena, s->gadget, source_dir(source), s->params, &found, err);
	if (r < 0)
		return r;
	s->model = found.model;
	s->unused = found.unused;
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

/* ---- counting ------------------------------------------------------------ */

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/*
 * Fill port->per_cpu[counter]; NULL when nobody counts.  What a perf buffer had no room
 * for is counted by the kernel, and by programs that look at the result of sending: the
 * larger number is right.
 */
static const uint64_t *read_counter(struct port *port, enum load_counter counter)
{
	const struct loaded *loaded = port->owner->loaded;
	uint64_t *per_cpu = port->per_cpu[counter], *kernels = port->kernels;
	size_t bytes = loaded_cpus(loaded) * sizeof(*per_cpu);
	bool is_counted = loaded_counter(loaded, port->number, counter, per_cpu) == 0;

	if (!is_counted)
		memset(per_cpu, 0, bytes);
	memset(kernels, 0, bytes);
	if (counter == LOAD_LOST && transport_lost(&port->transport, kernels) == 0)
		is_counted = true;
	for (uint32_t i = 0; i < loaded_cpus(loaded); i++)
		per_cpu[i] = larger(per_cpu[i], kernels[i]);
	return is_counted ? per_cpu : NULL;
}

static uint64_t sum_counter(struct port *port, enum load_counter counter)
{
	const uint64_t *per_cpu = read_counter(port, counter);
	uint64_t sum = 0;

	for (uint32_t i = 0; per_cpu && i < loaded_cpus(port->owner->loaded); i++)
		sum += per_cpu[i];
	return sum;
}

static void look_for_losses(struct port *port, int64_t now)
{
	const uint64_t *lost;

	if (!losses_want_counts(&port->losses, now))
		return;
	lost = read_counter(port, LOAD_LOST);
	if (lost)
		losses_count(&port->losses, lost);
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

/* The rows stay where they are, so that marks keep their places. */
static void leave_out_malformed(struct port *port, struct batch *batch)
{
	batch->sel = port->sel;
	for (uint32_t i = 0; i < batch->rows->n; i++)
		if (model_row_is_whole(port->model, port->haul.at[i], port->haul.len[i]))
			port->sel[batch->nsel++] = (uint16_t)i;
	source_count(port->owner->source, COUNT_MALFORMED, batch->rows->n - batch->nsel);
}

/* Hand on what was read; returns when the rows are not needed any more. */
static void emit(struct port *port)
{
	struct source *source = port->owner->source;
	struct clock *clock = source_clock(source);
	struct rows rows = {
		.at = port->haul.at,
		.len = port->haul.len,
		.pos = port->haul.pos,
		.origin = &port->origin,
		.wall_ns = clock->wall_ns(clock),
		.boot_to_wall_ns = port->offset_ns,
		.n = port->haul.n,
	};
	struct batch batch = {
		.schema = port->schema,
		.rows = &rows,
		.marks = port->losses.marks,
		.nmarks = port->losses.nmarks,
	};

	if (!rows.n && !batch.nmarks)
		return;
	port->read += rows.n;
	port->losses.nmarks = 0;
	if (port->sel)
		leave_out_malformed(port, &batch);
	source_emit(source, port->number, &batch);
}

/* False when there was nothing. */
static bool drain_batch(struct port *port, uint64_t *total)
{
	bool any = transport_read(&port->transport, &port->haul);

	losses_see(&port->losses, &port->haul);
	emit(port);
	*total += port->haul.n + port->haul.ndiscards;
	transport_release(&port->transport);
	return any;
}

/* What a turn left behind. */
enum left { LEFT_NOTHING, LEFT_WRITING, LEFT_MORE };

/* Read until there is nothing left or the turn is over; returns how many were read. */
static uint64_t drain(struct port *port, int64_t began, enum left *ret_left)
{
	uint64_t total = 0;

	*ret_left = LEFT_MORE;
	losses_turn(&port->losses);
	while (!port->owner->is_paused) {
		if (!drain_batch(port, &total)) {
			*ret_left =
				transport_is_empty(&port->transport) ? LEFT_NOTHING : LEFT_WRITING;
			break;
		}
		if (total >= TURN_ROWS || now_ns(port) - began >= TURN_NS)
			break;
	}
	return total;
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

	transport_nap(&port->transport, 0);
	port->has_ended = true;
	if (s->has_ended || !all_ended(s))
		return;
	s->has_ended = true;
	source_end(s->source);
}

/* Whether attempts and losses are both counted, and to the last one. */
static bool is_exact(const struct port *port)
{
	return port->model->attempts && port->model->lost && transport_is_exact(&port->transport);
}

/*
 * Whether every attempt has been lost, discarded or read.  What was discarded without a
 * trace may be another port's: then more is accounted for than was attempted.
 */
static bool is_complete(struct port *port)
{
	uint64_t discarded = transport_discarded(&port->transport);

	if (!is_exact(port))
		return true;
	discarded += loaded_discards(port->owner->loaded);
	return sum_counter(port, LOAD_ATTEMPTS) <=
	       sum_counter(port, LOAD_LOST) + discarded + port->read;
}

/* Losses behind the last record. */
static void tell_last_losses(struct port *port)
{
	losses_end(&port->losses, read_counter(port, LOAD_ATTEMPTS), read_counter(port, LOAD_LOST));
	haul_begin(&port->haul);
	emit(port);
}

/*
 * No program runs any more and everything has been read.  Where the kernel could
 * not wait for the last run of a program, its record or its counter may still be
 * on the way: look again a few times before believing otherwise.
 */
static void finish(struct port *port, enum left left)
{
	if ((left == LEFT_WRITING || !is_complete(port)) && port->tries++ < END_TRIES) {
		transport_nap(&port->transport, NS_PER_MS);
		return;
	}
	tell_last_losses(port);
	end_port(port);
}

static void fail(struct port *port)
{
	struct error err = ERROR_INIT;

	(void)error_set(&err, EIO, "the records of '%s' are damaged", port->model->name);
	transport_nap(&port->transport, 0);
	port->has_ended = port->owner->has_ended = true;
	source_fail(port->owner->source, &err);
}

/* ---- a turn -------------------------------------------------------------- */

static void turn(struct port *port)
{
	int64_t began = now_ns(port);
	uint64_t fill = transport_fill(&port->transport), n;
	enum left left;

	if (port->has_ended) {
		transport_nap(&port->transport, 0);
		return;
	}
	refresh_offset(port, began);
	if (fill && !port->owner->is_paused)
		look_for_losses(port, began);
	n = drain(port, began, &left);
	if (transport_is_broken(&port->transport))
		fail(port);
	else if (port->owner->is_paused)
		transport_nap(&port->transport, 0);
	else if (left == LEFT_MORE)
		transport_nap(&port->transport, AT_ONCE_NS);
	else if (port->owner->is_detached)
		finish(port, left);
	else if (n || left == LEFT_WRITING) {
		nap_adapt(&port->nap, fill, port->transport.size);
		transport_nap(&port->transport, port->nap.ns);
	} else
		transport_sleep(&port->transport);
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
		if (s->ports[i].has_handle && !s->ports[i].has_ended)
			transport_nap(&s->ports[i].transport, AT_ONCE_NS);
}

/* ---- life ---------------------------------------------------------------- */

static void init_losses(struct port *port)
{
	struct gadget_source *s = port->owner;
	struct arena *arena = source_arena(s->source);
	uint32_t cpus = loaded_cpus(s->loaded);

	port->origin = *source_origin(s->source);
	port->origin.epoch += port->number;
	losses_init(&port->losses, arena, port->model, &port->origin, cpus);
	port->losses.are_told = port->transport.kind == TRANSPORT_PERF;
	port->per_cpu[LOAD_ATTEMPTS] = arena_array(arena, cpus, sizeof(uint64_t));
	port->per_cpu[LOAD_LOST] = arena_array(arena, cpus, sizeof(uint64_t));
	port->kernels = arena_array(arena, cpus, sizeof(uint64_t));
}

static int watch(struct port *port, struct error *err)
{
	int r = uv_poll_init(source_loop(port->owner->source), &port->ready,
			     transport_fd(&port->transport));

	if (r < 0)
		return error_set(err, -r, "cannot watch records: %s", uv_strerror(r));
	port->has_handle = true;
	port->ready.data = port;
	return 0;
}

static int open_port(struct port *port, struct error *err)
{
	struct transport_map map = loaded_transport(port->owner->loaded, port->number);
	int r = transport_open(&port->transport, &map, err);

	if (r < 0)
		return r;
	init_losses(port);
	return watch(port, err);
}

static int gadget_load(void *self, struct error *err)
{
	struct gadget_source *s = self;
	struct load_options options = {
		.ring_size = s->ring.size,
		.transport = (enum load_transport)s->transport,
		.settings = s->settings,
	};
	int r;

	if (s->unused)
		log_warn("image '%s' has layers that this version does not use: %s", s->model->path,
			 s->unused);
	r = load_gadget(s->model, &options, &s->loaded, err);
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
		(void)uv_poll_start(&s->ports[i].ready, UV_READABLE, on_ready);
		transport_nap(&s->ports[i].transport, AT_ONCE_NS);
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
	struct source_counts counts = {
		.has_attempts = true,
		.missed = loaded_missed(s->loaded),
		.discarded = loaded_discards(s->loaded),
	};

	for (uint32_t i = 0; i < s->model->nsources; i++) {
		struct port *port = &s->ports[i];

		counts.has_attempts &= is_exact(port);
		counts.attempts += sum_counter(port, LOAD_ATTEMPTS);
		counts.lost += sum_counter(port, LOAD_LOST);
		counts.discarded += transport_discarded(&port->transport);
		counts.read += port->read;
	}
	*ret_counts = counts;
}

static void release_port(struct port *port)
{
	if (port->has_handle)
		uv_close((uv_handle_t *)&port->ready, NULL);
	transport_close(&port->transport);
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
	OPT_SIZE(
		struct ring_options, size, .min = "4KiB", .max = "1GiB",
		.help = "Bytes of each of the gadget's rings, a power of two; as the gadget says "
			"when not set. Of each CPU's buffer where they are perf buffers, 64 pages "
			"when not set. Larger ones bridge longer stalls, at the price of memory in "
			"the kernel."),
	OPT_END,
};

static const struct opt_value transports[] = {
	[LOAD_AUTO] = { "auto", "a ring, or perf buffers where the kernel has no rings" },
	[LOAD_RING] = { "ring", "a ring" },
	[LOAD_PERF] = { "perf", "perf buffers, as if the kernel had no rings" },
	OPT_VALUES_END,
};

static const struct opt options[] = {
	OPT_STRING(
		struct gadget_source, gadget, .required = true,
		.help = "Name of a gadget, path of its object file or folder, or name or id of an "
			"image in the store."),
	OPT_MAP(struct gadget_source, params,
		.help = "Values for the gadget's own parameters; `gadgetctl help GADGET` lists them."),
	OPT_TABLE(struct gadget_source, ring, ring_table,
		  .help = "The memory records pass through."),
	OPT_ENUM(
		struct gadget_source, transport, .def = "auto", .values = transports,
		.help = "How records come from a gadget that leaves the choice, as those made with "
			"GADGET_TRACER_MAP do. To try what it does on a kernel before 5.8, take "
			"perf."),
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
		.counters = counters,
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
