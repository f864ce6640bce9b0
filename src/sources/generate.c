/* SPDX-License-Identifier: Apache-2.0 */
/*
 * generate: records made up on the spot, to try pipelines out and to measure.
 *
 * Needs no privileges and no kernel.  What it makes depends on nothing but its
 * options and the clock: record n of a seed is always the same but for its time.
 * At full speed it makes records in turns of TURN_NS; with a rate it wakes every
 * millisecond and makes what is due.
 */
#include <errno.h>
#include <string.h>
#include <uv.h>

#include "engine/component.h"

enum {
	BATCH_ROWS = 512,
	TICK_MS = 1,
};

#define TURN_NS (1 * NS_PER_MS)

/* A record; names and layout as a gadget would have them. */
struct record {
	uint64_t timestamp;
	uint64_t seq;
	uint64_t number;
	uint32_t pid;
	uint32_t uid;
	int32_t ret;
	uint8_t is_even;
	uint8_t padding[3];
	char comm[16];
	char text[40];
};

#define AT(member)   .at = offsetof(struct record, member)
#define SIZE(member) .size = sizeof(((struct record *)0)->member)

static const struct field fields[] = {
	{ .name = "timestamp",
	  .type = TYPE_TIME,
	  .layout = LAYOUT_BOOT,
	  .flags = FIELD_QUIET,
	  AT(timestamp),
	  SIZE(timestamp) },
	{ .name = "timestamp_raw",
	  .type = TYPE_TIME_NS,
	  .layout = LAYOUT_BOOT,
	  .flags = FIELD_QUIET,
	  AT(timestamp),
	  SIZE(timestamp) },
	{ .name = "number", .type = TYPE_UINT, .layout = LAYOUT_U64, AT(number), SIZE(number) },
	{ .name = "pid", .type = TYPE_UINT, .layout = LAYOUT_U32, AT(pid), SIZE(pid) },
	{ .name = "uid", .type = TYPE_UINT, .layout = LAYOUT_U32, AT(uid), SIZE(uid) },
	{ .name = "ret", .type = TYPE_INT, .layout = LAYOUT_S32, AT(ret), SIZE(ret) },
	{ .name = "is_even", .type = TYPE_BOOL, .layout = LAYOUT_U8, AT(is_even), SIZE(is_even) },
	{ .name = "comm", .type = TYPE_STRING, .layout = LAYOUT_CHARS, AT(comm), SIZE(comm) },
	{ .name = "text", .type = TYPE_STRING, .layout = LAYOUT_CHARS, AT(text), SIZE(text) },
};

struct generate {
	int64_t count, rate, seed, lose;
	const char *event;

	struct source *source;
	const struct schema *schema;
	uv_idle_t idle;         /* full speed, and the end */
	uv_timer_t tick;        /* with a rate */
	struct record *records; /* BATCH_ROWS, and slack behind */
	const uint8_t **at;
	uint32_t *len;
	uint64_t *pos;
	struct mark *marks;
	uint32_t nmarks;
	uint64_t attempts, lost, read;
	int64_t paced_ns;     /* since when ... */
	uint64_t paced_count; /* ... so many more than this are due */
	bool has_handles, is_paused, is_stopping, has_ended;
};

/* ---- making records ------------------------------------------------------ */

/* A number that looks random and is a function of seed and n (splitmix64). */
static uint64_t scramble(uint64_t seed, uint64_t n)
{
	uint64_t x = seed + n * UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

static const char *const comms[] = { "sh", "cat", "nginx", "postgres", "kworker/0:1", "systemd" };

static const char *const texts[] = {
	"/etc/passwd",
	"/proc/self/status",
	"/usr/lib/x86_64-linux-gnu/libc.so.6",
	"/tmp/a \"b\"",
	"/var/log/syslog",
	"/home",
	"caf\xc3\xa9",
	"",
};

static void put_text(char *to, size_t size, const char *from)
{
	size_t len = strlen(from);

	memset(to, 0, size);
	memcpy(to, from, len < size ? len : size);
}

static void make_record(const struct generate *g, struct record *r, uint64_t number, uint64_t boot)
{
	uint64_t x = scramble((uint64_t)g->seed, number);

	r->timestamp = boot;
	r->seq = number;
	r->number = number;
	r->pid = 1000 + (uint32_t)(x % 40);
	r->uid = x >> 8 & 3 ? 1000 : 0;
	r->ret = x >> 16 & 7 ? (int32_t)(x >> 20 & 63) : -(int32_t)(1 + (x >> 20 & 31));
	r->is_even = number % 2 == 0;
	put_text(r->comm, sizeof(r->comm), comms[(x >> 32) % (sizeof(comms) / sizeof(*comms))]);
	put_text(r->text, sizeof(r->text), texts[(x >> 40) % (sizeof(texts) / sizeof(*texts))]);
}

/* Whether this one is to be missing. */
static bool is_lost(const struct generate *g, uint64_t number)
{
	return g->lose && number % (uint64_t)g->lose == 0;
}

static void lose(struct generate *g, uint32_t before_row, uint64_t number)
{
	struct mark *last = g->marks + g->nmarks;

	g->lost++;
	if (g->nmarks && last[-1].before_row == before_row && last[-1].to == number - 1) {
		last[-1].n++;
		last[-1].to = number;
		return;
	}
	g->nmarks++;
	*last = (struct mark){
		.kind = MARK_LOSS,
		.before_row = before_row,
		.origin = source_origin(g->source),
		.event = g->event,
		.reason = "ring_full",
		.n = 1,
		.from = number,
		.to = number,
	};
}

/* Make up to `most` attempts; returns the number of rows. */
static uint32_t make_batch(struct generate *g, uint64_t most, uint64_t boot)
{
	uint32_t n = 0;

	for (uint64_t i = 0; i < most && n < BATCH_ROWS; i++) {
		uint64_t number = ++g->attempts;

		if (is_lost(g, number)) {
			lose(g, n, number);
			continue;
		}
		make_record(g, &g->records[n], number, boot);
		g->pos[n++] = number;
	}
	return n;
}

static void emit_batch(struct generate *g, uint64_t most)
{
	struct clock *clock = source_clock(g->source);
	struct rows rows = {
		.at = g->at,
		.len = g->len,
		.pos = g->pos,
		.origin = source_origin(g->source),
		.wall_ns = clock->wall_ns(clock),
		.boot_to_wall_ns = clock->boot_to_wall_ns(clock),
	};
	struct batch batch = { .schema = g->schema, .rows = &rows, .marks = g->marks };

	rows.n = make_batch(g, most, (uint64_t)(rows.wall_ns - rows.boot_to_wall_ns));
	batch.nmarks = g->nmarks;
	g->nmarks = 0;
	g->read += rows.n;
	source_emit(g->source, 0, &batch);
}

/* ---- pace ---------------------------------------------------------------- */

static int64_t now_ns(const struct generate *g)
{
	struct clock *clock = source_clock(g->source);

	return clock->mono_ns(clock);
}

/* Attempts still to be made, by count. */
static uint64_t left(const struct generate *g)
{
	return g->count ? (uint64_t)g->count - g->attempts : UINT64_MAX;
}

/* Attempts to be made by now, by rate. */
static uint64_t due(const struct generate *g)
{
	double elapsed;

	if (!g->rate)
		return UINT64_MAX;
	elapsed = (double)(now_ns(g) - g->paced_ns) / (double)NS_PER_S;
	return (uint64_t)(elapsed * (double)g->rate) - (g->attempts - g->paced_count);
}

static void stop_handles(struct generate *g)
{
	(void)uv_idle_stop(&g->idle);
	(void)uv_timer_stop(&g->tick);
}

static void end(struct generate *g)
{
	stop_handles(g);
	if (g->has_ended)
		return;
	g->has_ended = true;
	source_end(g->source);
}

static void turn(struct generate *g)
{
	int64_t began = now_ns(g);

	while (!g->is_paused && !g->is_stopping && left(g)) {
		uint64_t most = due(g);

		if (most > left(g))
			most = left(g);
		if (most > BATCH_ROWS)
			most = BATCH_ROWS;
		if (!most)
			break;
		emit_batch(g, most);
		if (now_ns(g) - began >= TURN_NS)
			break;
	}
	if (g->is_paused)
		stop_handles(g);
	else if (g->is_stopping || !left(g))
		end(g);
}

static void on_idle(uv_idle_t *idle)
{
	turn(idle->data);
}

static void on_tick(uv_timer_t *timer)
{
	turn(timer->data);
}

static void go(struct generate *g)
{
	g->paced_ns = now_ns(g);
	g->paced_count = g->attempts;
	if (g->rate && !g->is_stopping)
		(void)uv_timer_start(&g->tick, on_tick, TICK_MS, TICK_MS);
	else
		(void)uv_idle_start(&g->idle, on_idle);
}

/* ---- life ---------------------------------------------------------------- */

static int generate_open(void *self, struct source *source, struct error *err)
{
	struct generate *g = self;
	struct arena *arena = source_arena(source);
	struct schema_head head = {
		.event = g->event,
		.source = source_id(source),
		.gadget = "generate",
		.host = source_host(source),
		.row_min = sizeof(struct record),
		.seq_at = offsetof(struct record, seq),
	};
	struct schema_builder builder;
	uint8_t *slab = arena_alloc(arena, BATCH_ROWS * sizeof(struct record) + ROW_SLACK);
	int r;

	g->source = source;
	g->records = (struct record *)(void *)slab;
	g->at = arena_array(arena, BATCH_ROWS, sizeof(*g->at));
	g->len = arena_array(arena, BATCH_ROWS, sizeof(*g->len));
	g->pos = arena_array(arena, BATCH_ROWS, sizeof(*g->pos));
	g->marks = arena_array(arena, BATCH_ROWS + 1, sizeof(*g->marks));
	for (uint32_t i = 0; i < BATCH_ROWS; i++) {
		g->at[i] = (const uint8_t *)&g->records[i];
		g->len[i] = sizeof(struct record);
	}
	schema_begin(&builder, arena, &head);
	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
		r = schema_add(&builder, &fields[i]);
		if (r < 0)
			return error_set(err, -r, "field '%s' cannot be used", fields[i].name);
	}
	g->schema = schema_end(&builder);
	r = source_port(source, NULL, g->schema, err);
	return r < 0 ? r : 0;
}

static int generate_start(void *self, struct error *err)
{
	struct generate *g = self;
	struct uv_loop_s *loop = source_loop(g->source);
	int r = uv_idle_init(loop, &g->idle);

	if (r == 0)
		r = uv_timer_init(loop, &g->tick);
	if (r < 0)
		return error_set(err, -r, "cannot start: %s", uv_strerror(r));
	g->idle.data = g->tick.data = g;
	g->has_handles = true;
	go(g);
	return 0;
}

/* May come from within emit_batch(): then turn() notices. */
static void generate_pause(void *self, bool paused)
{
	struct generate *g = self;

	g->is_paused = paused;
	if (!paused && !g->has_ended)
		go(g);
}

static void generate_stop(void *self)
{
	struct generate *g = self;

	g->is_stopping = true;
	/* The end comes from the loop, not from within somebody's call. */
	if (!g->is_paused && !g->has_ended)
		go(g);
}

static void generate_count(void *self, struct source_counts *ret_counts)
{
	const struct generate *g = self;

	*ret_counts = (struct source_counts){
		.has_attempts = true,
		.attempts = g->attempts,
		.lost = g->lost,
		.read = g->read,
	};
}

static void generate_release(void *self)
{
	struct generate *g = self;

	if (!g->has_handles)
		return;
	uv_close((uv_handle_t *)&g->idle, NULL);
	uv_close((uv_handle_t *)&g->tick, NULL);
}

static const struct opt options[] = {
	OPT_INT(struct generate, count, .def = "0", .min = "0",
		.help = "How many records to make before ending; 0 goes on until stopped."),
	OPT_INT(struct generate, rate, .def = "0", .min = "0", .max = "100000000",
		.help = "Records a second; 0 makes them as fast as they are taken."),
	OPT_INT(struct generate, seed, .def = "1", .min = "0",
		.help = "The same seed gives the same records, but for their time."),
	OPT_INT(struct generate, lose, .def = "0", .min = "0",
		.help = "Lose every so-many-th record, to see how losses are shown; 0 loses none."),
	OPT_STRING(struct generate, event, .def = "generated",
		   .help = "What the records are called: their @event."),
	OPT_END,
};

static const struct example examples[] = {
	{ .title = "A hundred records a second, every tenth lost",
	  .config = "type: generate\n"
		    "rate: 100\n"
		    "lose: 10\n" },
	EXAMPLE_END,
};

const struct source_type source_generate = {
	.base = {
		.name = "generate",
		.summary = "Records made up on the spot",
		.help = "Makes records of a fixed kind, without privileges: to try a pipeline "
			"out, to test sinks, to measure.",
		.size = sizeof(struct generate),
		.options = options,
		.examples = examples,
	},
	.open = generate_open,
	.start = generate_start,
	.pause = generate_pause,
	.stop = generate_stop,
	.count = generate_count,
	.release = generate_release,
};
