/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replay: the records of a recording, once more.
 *
 * Each kind of record in the file is a port with the schema it was recorded with,
 * so identity, times, host and losses are those of then.  A thread of libuv's pool
 * reads and unpacks the next block while the loop hands on rows of this one, which
 * point straight into it.  While a sink blocks nothing is read, so nothing is lost,
 * however slow it is.  At a speed, a record is due as long behind the first one as it
 * was then, by its own time; a pause moves the rest back.
 *
 * Losses are shown where they were, but this run's books do not count them: it lost
 * nothing.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/log.h"
#include "engine/component.h"
#include "recording/frames.h"
#include "recording/pack.h"
#include "recording/reader.h"

enum {
	MARKS_MAX = 64,      /* of a batch */
	ORIGINS_MAX = 16384, /* different ones of a file */
	WORDS_MAX = 4096,    /* different names in losses */
	LONGEST_WAIT_MS = 60000,
};

#define TURN_NS (1 * NS_PER_MS)

/* The block that is read ahead; between start and end of the work it is the thread's. */
struct ahead {
	uv_work_t work;
	struct recording_place place;
	struct unpacker *unpacker;
	struct recording_block *block;
	bool is_loading, is_loaded;
	int result; /* of recording_read() */
	uint64_t torn;
	struct error err;
};

/* The batch that is being put together. */
struct draft {
	uint16_t schema; /* number in the session */
	bool has_schema;
	struct rows rows;
	uint32_t nmarks;
};

struct replay {
	const char *path, *speed;

	struct source *source;
	struct recording rec;
	bool is_open;
	double factor;    /* of the speed; 0: none */
	bool *reads_wall; /* by stream: a field is the time of reading */

	struct ahead ahead;
	struct recording_block blocks[2];
	uint32_t current; /* which one rows come from */
	bool has_block;
	struct frames frames;
	struct frame next; /* looked at, but not used yet */
	bool has_next;
	struct frame group;          /* the last one */
	const struct origin *origin; /* of the group */
	bool has_group;

	struct draft draft;
	const uint8_t *at[BATCH_MAX];
	uint32_t len[BATCH_MAX];
	uint64_t pos[BATCH_MAX];
	struct mark marks[MARKS_MAX];
	const struct origin **origins;
	uint32_t norigins;
	const char **words;
	uint32_t nwords;

	uv_idle_t idle;
	uv_timer_t timer;
	bool has_base;
	int64_t base_mono_ns, base_time_ns; /* the record of that time was due then */
	uint64_t read;
	bool has_handles, is_paused, is_stopping, has_ended, is_released;
};

/* ---- what is named once and pointed to ---------------------------------------- */

/* Origins live as long as the node, as those of every source do. */
static const struct origin *find_origin(struct replay *r, const char *source,
					const struct frame *frame)
{
	struct origin *origin;

	for (uint32_t i = r->norigins; i-- > 0;)
		if (r->origins[i]->epoch == frame->epoch &&
		    !strcmp(r->origins[i]->source, source) &&
		    !strcmp(r->origins[i]->boot, frame->boot))
			return r->origins[i];
	if (r->norigins == ORIGINS_MAX)
		return NULL;
	origin = arena_alloc(source_arena(r->source), sizeof(*origin));
	*origin = (struct origin){
		.source = source,
		.boot = arena_strdup(source_arena(r->source), frame->boot),
		.epoch = frame->epoch,
	};
	r->origins[r->norigins++] = origin;
	return origin;
}

static const char *find_word(struct replay *r, struct str word)
{
	for (uint32_t i = 0; i < r->nwords; i++)
		if (strlen(r->words[i]) == word.len && !memcmp(r->words[i], word.at, word.len))
			return r->words[i];
	if (r->nwords == WORDS_MAX)
		return NULL;
	r->words[r->nwords] = arena_strndup(source_arena(r->source), word.at, word.len);
	return r->words[r->nwords++];
}

/* ---- putting a batch together --------------------------------------------------- */

static const struct recording_session *session(const struct replay *r)
{
	return &r->rec.sessions[r->blocks[r->current].session];
}

static int damaged(const struct replay *r, struct error *err, const char *what)
{
	return error_set(err, EUCLEAN, "cannot read '%s': the block at byte %llu: %s", r->rec.path,
			 (unsigned long long)r->blocks[r->current].at, what);
}

/* What a frame leads to. */
enum step { STEP_ON, STEP_EMIT, STEP_WAIT };

static bool fits_schema(const struct replay *r, uint16_t schema)
{
	return !r->draft.has_schema || r->draft.schema == schema;
}

static void set_schema(struct replay *r, uint16_t schema)
{
	r->draft.schema = schema;
	r->draft.has_schema = true;
}

/* Rows of two groups are one batch when nothing can tell them apart. */
static bool fits_group(const struct replay *r, const struct frame *group,
		       const struct origin *origin)
{
	const struct rows *rows = &r->draft.rows;
	uint32_t stream = session(r)->streams[group->schema];

	if (!fits_schema(r, group->schema))
		return false;
	if (!rows->n)
		return true;
	return rows->origin == origin && rows->boot_to_wall_ns == group->boot_to_wall_ns &&
	       (rows->wall_ns == group->wall_ns || !r->reads_wall[stream]);
}

static int take_group(struct replay *r, const struct frame *f, struct error *err)
{
	const struct origin *origin = find_origin(r, session(r)->schemas[f->schema]->source, f);

	if (!origin)
		return damaged(r, err, "too many different loads");
	if (!fits_group(r, f, origin))
		return STEP_EMIT;
	r->group = *f;
	r->origin = origin;
	r->has_group = true;
	return STEP_ON;
}

/* When the row belongs, by its own time. */
static int64_t time_of_row(const struct replay *r, const struct frame *f)
{
	const uint8_t *const at[] = { f->row };
	struct rows rows = {
		.at = at,
		.len = &f->row_len,
		.pos = &f->pos,
		.origin = r->origin,
		.wall_ns = r->group.wall_ns,
		.boot_to_wall_ns = r->group.boot_to_wall_ns,
		.n = 1,
	};
	struct batch batch = { .schema = session(r)->schemas[f->schema], .rows = &rows };

	return batch_time(&batch, 0);
}

static int64_t now_ns(const struct replay *r)
{
	struct clock *clock = source_clock(r->source);

	return clock->mono_ns(clock);
}

/* Nanoseconds until the row is due; the first one after a pause is due at once. */
static double wait_for(struct replay *r, const struct frame *f)
{
	int64_t time = time_of_row(r, f);

	if (!r->has_base) {
		r->has_base = true;
		r->base_mono_ns = now_ns(r);
		r->base_time_ns = time;
	}
	return ((double)time - (double)r->base_time_ns) / r->factor -
	       (double)(now_ns(r) - r->base_mono_ns);
}

static void set_timer(struct replay *r, double wait_ns);

static int take_row(struct replay *r, const struct frame *f, struct error *err)
{
	struct rows *rows = &r->draft.rows;
	double wait;

	if (!r->has_group || r->group.schema != f->schema)
		return damaged(r, err, "a row stands in no group of its kind");
	if (rows->n == BATCH_MAX)
		return STEP_EMIT;
	wait = r->factor > 0 ? wait_for(r, f) : 0;
	if (wait > 0) {
		set_timer(r, wait);
		return STEP_WAIT;
	}
	if (!rows->n) {
		rows->origin = r->origin;
		rows->wall_ns = r->group.wall_ns;
		rows->boot_to_wall_ns = r->group.boot_to_wall_ns;
	}
	set_schema(r, f->schema);
	r->at[rows->n] = f->row;
	r->len[rows->n] = f->row_len;
	r->pos[rows->n++] = f->pos;
	return STEP_ON;
}

static int take_loss(struct replay *r, const struct frame *f, struct error *err)
{
	struct draft *d = &r->draft;
	const char *source = find_word(r, f->source), *event = find_word(r, f->event),
		   *reason = find_word(r, f->reason);
	const struct origin *origin = source ? find_origin(r, source, f) : NULL;

	if (!origin || !event || !reason)
		return damaged(r, err, "too many different names in losses");
	if (!fits_schema(r, f->schema) || d->nmarks == MARKS_MAX)
		return STEP_EMIT;
	set_schema(r, f->schema);
	r->marks[d->nmarks++] = (struct mark){
		.kind = MARK_LOSS,
		.before_row = d->rows.n,
		.sink = f->is_of_sink ? source : NULL,
		.origin = f->is_of_sink ? NULL : origin,
		.event = f->is_of_sink ? NULL : event,
		.reason = reason,
		.n = f->n,
		.has_cpu = f->has_cpu,
		.cpu = f->cpu,
		.from = f->from,
		.to = f->to,
	};
	return STEP_ON;
}

static int take_frame(struct replay *r, const struct frame *f, struct error *err)
{
	switch (f->kind) {
	case FRAME_GROUP:
		return take_group(r, f, err);
	case FRAME_ROW:
		return take_row(r, f, err);
	case FRAME_LOSS:
		return take_loss(r, f, err);
	}
	return damaged(r, err, "it has frames that are not known");
}

/* Take frames until the batch is complete; a step, or an error. */
static int make_batch(struct replay *r, struct error *err)
{
	int step = STEP_ON;

	r->draft = (struct draft){ .rows = { .at = r->at, .len = r->len, .pos = r->pos } };
	while (step == STEP_ON) {
		if (!r->has_next) {
			struct error why = ERROR_INIT;
			int got = frames_next(&r->frames, &r->next, &why);

			if (got < 0)
				return damaged(r, err, why.text);
			if (got == 0) {
				r->has_block = false;
				return STEP_EMIT;
			}
		}
		step = take_frame(r, &r->next, err);
		r->has_next = step != STEP_ON;
	}
	return step;
}

static void emit(struct replay *r)
{
	struct draft *d = &r->draft;
	const struct recording_session *s = session(r);
	struct batch batch = { .rows = &d->rows, .marks = r->marks, .nmarks = d->nmarks };

	if (!d->has_schema)
		return;
	if (!d->rows.n)
		d->rows.origin = source_origin(r->source);
	batch.schema = s->schemas[d->schema];
	r->read += d->rows.n;
	source_emit(r->source, s->streams[d->schema], &batch);
}

/* ---- blocks, read ahead ----------------------------------------------------------- */

static void load_work(uv_work_t *work)
{
	struct replay *r = work->data;
	struct ahead *a = &r->ahead;

	a->result = recording_read(&r->rec, &a->place, a->unpacker, a->block, &a->torn, &a->err);
}

static void give_back(struct replay *r)
{
	unpacker_free(r->ahead.unpacker);
	recording_block_release(&r->blocks[0]);
	recording_block_release(&r->blocks[1]);
	free((void *)r->origins);
	free((void *)r->words);
	if (r->is_open)
		recording_close(&r->rec);
}

static void wake(struct replay *r);

static void after_load(uv_work_t *work, int status)
{
	struct replay *r = work->data;

	(void)status;
	r->ahead.is_loading = false;
	r->ahead.is_loaded = true;
	if (r->is_released)
		give_back(r);
	else
		wake(r);
}

static void load_ahead(struct replay *r)
{
	struct ahead *a = &r->ahead;

	a->is_loading = true;
	a->is_loaded = false;
	a->block = &r->blocks[!r->current];
	a->work.data = r;
	(void)uv_queue_work(source_loop(r->source), &a->work, load_work, after_load);
}

static void warn_torn(const struct replay *r, uint64_t bytes)
{
	log_warn("'%s': its last %llu bytes are torn, which is what a recorder leaves that was "
		 "killed; everything in front of them is replayed",
		 r->rec.path, (unsigned long long)bytes);
}

/* Turn to the block that was read ahead, and read on behind it. */
static void turn_block(struct replay *r)
{
	struct recording_block *b;

	r->current = !r->current;
	b = &r->blocks[r->current];
	r->has_block = true;
	r->has_group = r->has_next = false;
	r->frames = (struct frames){
		.at = b->bytes,
		.end = b->bytes + b->block.raw,
		.schemas = session(r)->schemas,
		.nschemas = session(r)->nschemas,
	};
	load_ahead(r);
}

/* ---- pace --------------------------------------------------------------------------- */

static void rest(struct replay *r)
{
	(void)uv_idle_stop(&r->idle);
	(void)uv_timer_stop(&r->timer);
}

static void end(struct replay *r)
{
	rest(r);
	if (r->has_ended)
		return;
	r->has_ended = true;
	source_end(r->source);
}

static void fail(struct replay *r, const struct error *err)
{
	rest(r);
	r->has_ended = true;
	source_fail(r->source, err);
}

/* The file has no more blocks that can be read. */
static void finish(struct replay *r)
{
	if (r->ahead.result < 0) {
		fail(r, &r->ahead.err);
		return;
	}
	if (r->ahead.torn)
		warn_torn(r, r->ahead.torn);
	end(r);
}

/* One batch further; false when there is nothing to do for now. */
static bool work(struct replay *r)
{
	struct error err = ERROR_INIT;
	int step;

	if (!r->has_block) {
		if (!r->ahead.is_loaded) {
			rest(r); /* after_load() wakes us */
			return false;
		}
		if (r->ahead.result != 1) {
			finish(r);
			return false;
		}
		turn_block(r);
	}
	step = make_batch(r, &err);
	if (step < 0) {
		fail(r, &err);
		return false;
	}
	emit(r);
	return step != STEP_WAIT;
}

static void turn(struct replay *r)
{
	int64_t began = now_ns(r);

	while (!r->is_paused && !r->is_stopping && work(r))
		if (now_ns(r) - began >= TURN_NS)
			break;
	if (r->is_paused)
		rest(r);
	else if (r->is_stopping)
		end(r);
}

static void on_idle(uv_idle_t *idle)
{
	turn(idle->data);
}

static void on_timer(uv_timer_t *timer)
{
	wake(timer->data);
}

static void wake(struct replay *r)
{
	if (!r->is_paused && !r->has_ended)
		(void)uv_idle_start(&r->idle, on_idle);
}

static void set_timer(struct replay *r, double wait_ns)
{
	double ms = wait_ns / (double)NS_PER_MS + 1;

	(void)uv_idle_stop(&r->idle);
	(void)uv_timer_start(&r->timer, on_timer,
			     ms < (double)LONGEST_WAIT_MS ? (uint64_t)ms : LONGEST_WAIT_MS, 0);
}

/* ---- life ---------------------------------------------------------------------------- */

static int read_speed(struct replay *r, struct error *err)
{
	char *end_of_number;

	if (!strcmp(r->speed, "max"))
		return 0;
	errno = 0;
	r->factor = strtod(r->speed, &end_of_number);
	if (strspn(r->speed, "0123456789.") != (size_t)(end_of_number - r->speed) ||
	    strcmp(end_of_number, "x") != 0 || errno || !(r->factor >= 0.001) ||
	    r->factor > 1000000)
		return error_set(err, EINVAL,
				 "speed must be 'max' or a factor from 0.001x to 1000000x such as "
				 "'1x', not '%s'",
				 r->speed);
	return 0;
}

static bool reads_wall(const struct schema *schema)
{
	for (uint32_t i = 0; i < schema->nfields; i++)
		if (schema->fields[i].layout == LAYOUT_READ)
			return true;
	return false;
}

static bool is_taken(const char *const *names, uint32_t n, const char *name)
{
	for (uint32_t i = 0; i < n; i++)
		if (!strcmp(names[i], name))
			return true;
	return false;
}

/* The event, or where several have it "source-event", or with a number behind it. */
static const char *port_name(const struct replay *r, const char *const *taken, uint32_t stream)
{
	const struct schema *s = r->rec.streams[stream].schema;
	struct arena *arena = source_arena(r->source);
	const char *name = s->event;

	if (is_taken(taken, stream, name))
		name = arena_printf(arena, "%s-%s", s->source, s->event);
	for (uint32_t i = 2; is_taken(taken, stream, name); i++)
		name = arena_printf(arena, "%s-%s-%u", s->source, s->event, i);
	return name;
}

static int make_ports(struct replay *r, struct error *err)
{
	struct arena *arena = source_arena(r->source);
	const char **names = arena_array(arena, RECORDING_SCHEMAS_MAX, sizeof(const char *));

	r->reads_wall = arena_array(arena, RECORDING_SCHEMAS_MAX, sizeof(*r->reads_wall));
	for (uint32_t i = 0; i < r->rec.nstreams; i++) {
		const struct schema *schema = r->rec.streams[i].schema;
		int status;

		names[i] = port_name(r, names, i);
		r->reads_wall[i] = reads_wall(schema);
		status = source_port(r->source, names[i], schema, err);
		if (status < 0)
			return status;
	}
	return 0;
}

static int replay_open(void *self, struct source *source, struct error *err)
{
	struct replay *r = self;
	const char *path = r->path;
	int status;

	r->source = source;
	status = read_speed(r, err);
	if (status < 0)
		return status;
	if (path[0] != '/')
		path = arena_printf(source_arena(source), "%s/%s", source_dir(source), path);
	status = recording_open(&r->rec, source_arena(source), path, err);
	if (status < 0)
		return status;
	r->is_open = true;
	return make_ports(r, err);
}

static int replay_start(void *self, struct error *err)
{
	struct replay *r = self;
	struct uv_loop_s *loop = source_loop(r->source);
	int status = uv_idle_init(loop, &r->idle);

	if (status == 0)
		status = uv_timer_init(loop, &r->timer);
	if (status < 0)
		return error_set(err, -status, "cannot start: %s", uv_strerror(status));
	r->idle.data = r->timer.data = r;
	r->has_handles = true;
	if (r->rec.torn)
		warn_torn(r, r->rec.torn);
	r->origins = xcalloc(ORIGINS_MAX, sizeof(const struct origin *));
	r->words = xcalloc(WORDS_MAX, sizeof(const char *));
	r->ahead.unpacker = unpacker_new();
	load_ahead(r);
	return 0;
}

/* May come from within emit(): then turn() notices. */
static void replay_pause(void *self, bool paused)
{
	struct replay *r = self;

	r->is_paused = paused;
	r->has_base = false;
	if (!paused)
		wake(r);
}

static void replay_stop(void *self)
{
	struct replay *r = self;

	r->is_stopping = true;
	wake(r);
}

static void replay_count(void *self, struct source_counts *ret_counts)
{
	const struct replay *r = self;

	*ret_counts = (struct source_counts){ .read = r->read };
}

static void replay_release(void *self)
{
	struct replay *r = self;

	if (r->has_handles) {
		uv_close((uv_handle_t *)&r->idle, NULL);
		uv_close((uv_handle_t *)&r->timer, NULL);
	}
	r->is_released = true;
	/* While a thread reads, it all belongs to after_load(). */
	if (!r->ahead.is_loading)
		give_back(r);
}

static const struct opt options[] = {
	OPT_PATH(struct replay, path, .required = true,
		 .help = "The recording; relative paths start at the pipeline file's directory."),
	OPT_STRING(
		struct replay, speed, .def = "max",
		.help = "How fast: max is as fast as it is taken, 1x as it was recorded, 10x ten "
			"times as fast, 0.5x half as fast."),
	OPT_END,
};

static const struct example examples[] = {
	{ .title = "What was recorded, at the speed of then",
	  .config = "type: replay\n"
		    "path: ./today.gadgetrec\n"
		    "speed: 1x\n" },
	EXAMPLE_END,
};

const struct source_type source_replay = {
	.base = {
		.name = "replay",
		.summary = "The records of a recording, once more",
		.help = "Reads what the sink `recording` wrote: the same records with the same "
			"identity, times, host and losses. Each kind of record is a port of its "
			"name; `id.*` reads them all. Needs no privileges and no gadget.",
		.size = sizeof(struct replay),
		.options = options,
		.examples = examples,
	},
	.open = replay_open,
	.start = replay_start,
	.pause = replay_pause,
	.stop = replay_stop,
	.count = replay_count,
	.release = replay_release,
};
