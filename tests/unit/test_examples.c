/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The examples of every stage, run: rows made from the example's JSON go through
 * a real pipeline of a source and a sink of this test's own with the stage
 * between them, and what comes out is compared, as JSON, with what the manual
 * promises.  Examples of sources and sinks are read by their option tables.
 */
#include <ctype.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>
#include <uv.h>

#include "base/buf.h"
#include "engine/config.h"
#include "engine/delivery.h"
#include "engine/pipeline.h"

enum { ROWS_MAX = 64, ROW_BYTES = 4096, FIELDS_MAX = 32, TEXT_BYTES = 256 };

/* ---- rows from JSON ---------------------------------------------------- */

struct kind {
	const char *name;
	enum type type;
	enum layout layout;
	uint32_t size;
};

static const struct kind kinds[] = {
	{ "u8", TYPE_UINT, LAYOUT_U8, 1 },   { "u16", TYPE_UINT, LAYOUT_U16, 2 },
	{ "u32", TYPE_UINT, LAYOUT_U32, 4 }, { "u64", TYPE_UINT, LAYOUT_U64, 8 },
	{ "s8", TYPE_INT, LAYOUT_S8, 1 },    { "s16", TYPE_INT, LAYOUT_S16, 2 },
	{ "s32", TYPE_INT, LAYOUT_S32, 4 },  { "s64", TYPE_INT, LAYOUT_S64, 8 },
	{ "bool", TYPE_BOOL, LAYOUT_U8, 1 }, { "string", TYPE_STRING, LAYOUT_CHARS, TEXT_BYTES },
};

struct member {
	char name[64];
	const struct kind *kind;
	uint32_t at;
};

struct shape {
	struct member members[FIELDS_MAX];
	uint32_t n, size;
};

static const struct kind *find_kind(const char *name)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (!strcmp(kinds[i].name, name))
			return &kinds[i];
	fail_msg("no type '%s' in examples", name);
	return NULL;
}

/* "pid u32, comm string" */
static void shape_read(struct shape *shape, const char *text)
{
	*shape = (struct shape){ 0 };
	while (*text) {
		struct member *m = &shape->members[shape->n];
		char kind[16];
		int used = 0;

		assert_true(shape->n < FIELDS_MAX);
		if (sscanf(text, " %63[^ ,] %15[^ ,]%n", m->name, kind, &used) != 2)
			fail_msg("cannot read the schema at '%s'", text);
		m->kind = find_kind(kind);
		m->at = shape->size;
		shape->size += m->kind->size;
		shape->n++;
		text += used;
		text += strspn(text, " ,");
	}
}

static void put_value(uint8_t *row, const struct member *m, const json_t *value)
{
	json_int_t number =
		json_is_boolean(value) ? json_is_true(value) : json_integer_value(value);

	if (m->kind->layout == LAYOUT_CHARS) {
		const char *text = json_string_value(value);

		assert_non_null(text);
		assert_true(strlen(text) < TEXT_BYTES);
		memcpy(row + m->at, text, strlen(text));
		return;
	}
	/* little end first, as everywhere this runs */
	memcpy(row + m->at, &number, m->kind->size);
}

/* ---- the source -------------------------------------------------------- */

/* What the test is about; the source has no options for it. */
static const struct example *example;

struct rows_source {
	struct source *source;
	struct shape shape;
	uv_idle_t idle;
	bool has_idle, is_done;
	uint32_t n;
	uint8_t bytes[ROWS_MAX][ROW_BYTES + ROW_SLACK];
	const uint8_t *at[ROWS_MAX];
	uint32_t len[ROWS_MAX];
	uint64_t pos[ROWS_MAX];
};

/* "proc.pid" is the member pid of the object proc. */
static const json_t *find_value(const json_t *object, const char *name)
{
	size_t len = strcspn(name, ".");
	const json_t *value = json_object_getn(object, name, len);

	return name[len] ? find_value(value, name + len + 1) : value;
}

static uint32_t count_values(const json_t *value)
{
	const char *key;
	json_t *item;
	uint32_t n = 0;

	if (!json_is_object(value))
		return 1;
	json_object_foreach((json_t *)(uintptr_t)value, key, item) n += count_values(item);
	return n;
}

static void read_row(struct rows_source *rows, const json_t *object)
{
	uint32_t n = rows->n++;

	assert_true(n < ROWS_MAX && rows->shape.size <= ROW_BYTES);
	assert_int_equal(count_values(object), rows->shape.n);
	for (uint32_t i = 0; i < rows->shape.n; i++) {
		const json_t *value = find_value(object, rows->shape.members[i].name);

		if (!value)
			fail_msg("no '%s' in a row", rows->shape.members[i].name);
		put_value(rows->bytes[n], &rows->shape.members[i], value);
	}
	rows->at[n] = rows->bytes[n];
	rows->len[n] = rows->shape.size;
	rows->pos[n] = n;
}

/* Call visit for each JSON line. */
static void each_line(const char *text, void (*visit)(void *arg, const json_t *), void *arg)
{
	while (*text) {
		size_t len = strcspn(text, "\n");
		json_error_t why;
		json_t *object = json_loadb(text, len, 0, &why);

		if (!object)
			fail_msg("'%.*s' is no JSON: %s", (int)len, text, why.text);
		visit(arg, object);
		json_decref(object);
		text += len + (text[len] == '\n');
	}
}

static void add_row(void *arg, const json_t *object)
{
	read_row(arg, object);
}

static int rows_open(void *self, struct source *source, struct error *err)
{
	struct rows_source *rows = self;
	struct schema_builder builder;

	rows->source = source;
	shape_read(&rows->shape, example->schema);
	each_line(example->input, add_row, rows);
	schema_begin(&builder, source_arena(source),
		     &(struct schema_head){ .event = "event",
					    .source = source_id(source),
					    .gadget = "example",
					    .host = source_host(source),
					    .row_min = rows->shape.size,
					    .seq_at = SCHEMA_NO_SEQ });
	for (uint32_t i = 0; i < rows->shape.n; i++) {
		const struct member *m = &rows->shape.members[i];

		assert_int_equal(schema_add(&builder,
					    &(struct field){
						    .name = m->name,
						    .type = (uint8_t)m->kind->type,
						    .layout = (uint8_t)m->kind->layout,
						    .loc = LOC_ROW,
						    .at = m->at,
						    .size = m->kind->size,
					    }),
				 0);
	}
	return source_port(source, NULL, schema_end(&builder), err);
}

static void rows_emit(uv_idle_t *idle)
{
	struct rows_source *source = idle->data;
	const struct rows rows = { .at = source->at,
				   .len = source->len,
				   .pos = source->pos,
				   .origin = source_origin(source->source),
				   .n = source->n };
	struct batch batch = { .rows = &rows };

	(void)uv_idle_stop(idle);
	source->is_done = true;
	source_emit(source->source, 0, &batch);
	source_end(source->source);
}

static int rows_start(void *self, struct error *err)
{
	struct rows_source *rows = self;

	(void)err;
	(void)uv_idle_init(source_loop(rows->source), &rows->idle);
	rows->has_idle = true;
	rows->idle.data = rows;
	return uv_idle_start(&rows->idle, rows_emit);
}

/* A batch of a few rows fills no queue: nobody asks for a pause. */
static void rows_pause(void *self, bool paused)
{
	(void)self;
	(void)paused;
	fail_msg("paused");
}

static void rows_stop(void *self)
{
	struct rows_source *rows = self;

	if (!rows->is_done)
		rows_emit(&rows->idle);
}

static void rows_count(void *self, struct source_counts *ret_counts)
{
	struct rows_source *rows = self;

	*ret_counts = (struct source_counts){ .read = rows->is_done ? rows->n : 0 };
}

static void rows_release(void *self)
{
	struct rows_source *rows = self;

	if (rows->has_idle)
		uv_close((uv_handle_t *)&rows->idle, NULL);
}

static const struct source_type source_rows = {
	.base = { .name = "rows", .size = sizeof(struct rows_source) },
	.open = rows_open,
	.start = rows_start,
	.pause = rows_pause,
	.stop = rows_stop,
	.count = rows_count,
	.release = rows_release,
};

/* ---- the sink ---------------------------------------------------------- */

static struct buf collected;

struct collector {
	struct sink *sink;
};

static int collect_open(void *self, struct sink *sink, struct error *err)
{
	struct collector *collector = self;

	(void)err;
	collector->sink = sink;
	return 0;
}

static int collect_bind(void *self, const struct schema *in, struct encoding *ret_encoding,
			struct error *err)
{
	static const struct encoder_options options = { .newline = true };
	struct collector *collector = self;

	return codec_json.compile(sink_arena(collector->sink), in, &options, &ret_encoding->encoder,
				  err);
}

static int collect_start(void *self, struct error *err)
{
	(void)self;
	(void)err;
	return 0;
}

static void collect_write(void *self, struct chunk *chunk)
{
	struct collector *collector = self;

	for (uint32_t i = 0; i < chunk->nrecs; i++)
		if (chunk->recs[i].fate == PENDING)
			assert_true(buf_add(&collected, chunk->bytes + chunk->recs[i].at,
					    chunk->recs[i].len));
	sink_settle(collector->sink, chunk, 0, chunk->nrecs, DELIVERED, 0);
}

static void collect_nothing(void *self)
{
	(void)self;
}

static const struct sink_type sink_collect = {
	.base = { .name = "collect", .size = sizeof(struct collector) },
	.open = collect_open,
	.bind = collect_bind,
	.start = collect_start,
	.write = collect_write,
	.cancel = collect_nothing,
	.release = collect_nothing,
};

/* ---- running ----------------------------------------------------------- */

static struct yaml_node *parse(struct arena *arena, const char *text)
{
	struct error err = ERROR_INIT;
	struct yaml_node *root = NULL;

	if (yaml_parse(arena, "example", text, strlen(text), &root, &err) < 0)
		fail_msg("%u:%u: %s", err.pos.line, err.pos.col, err.text);
	return root;
}

static void on_end(void *arg, const struct error *err)
{
	if (err)
		fail_msg("%s", err->text);
	*(bool *)arg = true;
}

static void run_config(const struct config *config)
{
	struct error err = ERROR_INIT;
	struct fake_clock clock;
	struct pipeline *pipeline;
	bool has_ended = false;
	uv_loop_t loop;
	struct pipeline_options options = {
		.loop = &loop,
		.clock = &clock.clock,
		.host = "host",
		.shutdown_timeout_ns = NS_PER_S,
		.on_end = on_end,
		.arg = &has_ended,
	};

	fake_clock_init(&clock, NS_PER_S);
	assert_int_equal(uv_loop_init(&loop), 0);
	if (pipeline_new(config, &options, &pipeline, &err) < 0 ||
	    pipeline_start(pipeline, &err) < 0)
		fail_msg("%s", err.text);
	(void)uv_run(&loop, UV_RUN_DEFAULT);
	assert_true(has_ended);
	if (books_check(pipeline_books(pipeline), &err) < 0)
		fail_msg("%s", err.text);
	pipeline_free(pipeline);
	assert_int_equal(uv_loop_close(&loop), 0);
}

/* rows -> the stage -> collect */
static void run_stage(struct arena *arena, const struct stage_type *stage)
{
	struct yaml_node *empty = parse(arena, "{}");
	struct config_node nodes[3] = {
		{ .kind = ACCOUNT_SOURCE, .id = "rows", .source = &source_rows },
		{ .kind = ACCOUNT_STAGE, .id = "stage", .stage = stage },
		{ .kind = ACCOUNT_SINK, .id = "collect", .sink = &sink_collect },
	};
	struct config_input from_rows = { .from = &nodes[0] }, from_stage = { .from = &nodes[1] };
	const struct config config = { .path = "-", .dir = ".", .nodes = nodes, .nnodes = 3 };

	nodes[0].component = &source_rows.base;
	nodes[0].map = empty;
	nodes[1].component = &stage->base;
	nodes[1].map = parse(arena, example->config);
	nodes[1].inputs = &from_rows;
	nodes[2].component = &sink_collect.base;
	nodes[2].map = empty;
	nodes[2].inputs = &from_stage;
	nodes[1].ninputs = nodes[2].ninputs = 1;
	run_config(&config);
}

/* ---- comparing --------------------------------------------------------- */

/* One object a line, spaces gone, the order of keys kept. */
static void add_line(void *arg, const json_t *object)
{
	char *text = json_dumps(object, JSON_COMPACT);

	assert_non_null(text);
	assert_true(buf_addstr(arg, text) && buf_addstr(arg, "\n"));
	free(text);
}

/* The name of the event leads most records; the examples are about the rest. */
static void add_line_without_event(void *arg, const json_t *object)
{
	(void)json_object_del((json_t *)(uintptr_t)object, "event");
	add_line(arg, object);
}

static void assert_output(const char *expected)
{
	struct buf want, got;

	buf_init(&want, 1 << 20);
	buf_init(&got, 1 << 20);
	assert_true(buf_add(&collected, "", 1));
	each_line((const char *)collected.data, add_line_without_event, &got);
	each_line(expected, add_line, &want);
	assert_true(buf_add(&got, "", 1) && buf_add(&want, "", 1));
	assert_string_equal((const char *)got.data, (const char *)want.data);
	buf_release(&want);
	buf_release(&got);
}

/* ---- tests ------------------------------------------------------------- */

static void check_type(struct arena *arena, const struct component *component)
{
	const struct yaml_node *type = yaml_find(parse(arena, example->config), "type");

	if (!type || strcmp(type->text, component->name) != 0)
		fail_msg("example '%s' of '%s' is not about it", example->title, component->name);
}

static void examples_of_stages_do_what_they_say(void **state)
{
	(void)state;
	for (const struct stage_type *const *s = registry_builtin.stages; *s; s++) {
		assert_non_null((*s)->base.examples);
		for (example = (*s)->base.examples; example->title; example++) {
			struct arena arena = ARENA_INIT;

			print_message("    %s: %s\n", (*s)->base.name, example->title);
			buf_init(&collected, 1 << 20);
			check_type(&arena, &(*s)->base);
			run_stage(&arena, *s);
			assert_output(example->output);
			buf_release(&collected);
			arena_release(&arena);
		}
	}
}

/* The options are right; what they do shows in end-to-end tests. */
static void parse_example(const struct component *component, const char *const *skip)
{
	struct arena arena = ARENA_INIT;
	struct error err = ERROR_INIT;
	void *self = arena_alloc(&arena, component->size ? component->size : 1);

	print_message("    %s: %s\n", component->name, example->title);
	check_type(&arena, component);
	if (opt_parse(component->options, parse(&arena, example->config), skip, component->name,
		      self, &arena, &err) < 0)
		fail_msg("%u:%u: %s", err.pos.line, err.pos.col, err.text);
	arena_release(&arena);
}

static void examples_of_sources_are_valid(void **state)
{
	(void)state;
	for (const struct source_type *const *s = registry_builtin.sources; *s; s++)
		for (example = (*s)->base.examples; example && example->title; example++)
			parse_example(&(*s)->base, config_source_keys);
}

static void examples_of_sinks_are_valid(void **state)
{
	static const char *const not_common[] = { "type", "inputs", NULL };
	struct delivery_options options;

	(void)state;
	for (const struct sink_type *const *s = registry_builtin.sinks; *s; s++)
		for (example = (*s)->base.examples; example && example->title; example++) {
			struct arena arena = ARENA_INIT;
			struct error err = ERROR_INIT;
			struct yaml_node common = *parse(&arena, example->config);
			size_t n = 0;

			parse_example(&(*s)->base, config_sink_keys);
			/* what is left is what every sink has */
			for (size_t i = 0; i < common.nitems; i++)
				if (!strcmp(common.items[i].key, "buffer") ||
				    !strcmp(common.items[i].key, "retry") ||
				    !strcmp(common.items[i].key, "batch"))
					common.items[n++] = common.items[i];
			common.nitems = n;
			if (opt_parse(delivery_option_table, &common, not_common, "sink", &options,
				      &arena, &err) < 0)
				fail_msg("%s", err.text);
			arena_release(&arena);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(examples_of_stages_do_what_they_say),
		cmocka_unit_test(examples_of_sources_are_valid),
		cmocka_unit_test(examples_of_sinks_are_valid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
