/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stages in the real engine, between a source that emits lines of JSON and a
 * sink that keeps what it is given as JSON.  The examples of every stage's
 * manual are run, so the manual is right.  At the end of each run the books
 * balance.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "engine/config.h"
#include "engine/pipeline.h"

enum { STRING_BYTES = 64, FIELDS_MAX = 16, ROW_MAX = FIELDS_MAX * STRING_BYTES + ROW_SLACK };

/* ---- a source of JSON lines -------------------------------------------- */

struct lines {
	const char *schema; /* "pid u32, comm string" */
	const char *input;
	const char *event;
	int64_t batch;
	int64_t loss; /* announced in front of the first record of each batch */
	struct source *source;
	const struct schema *made;
	const char *next;
	uv_idle_t idle;
	bool has_idle;
	uint64_t nread;
	uint8_t rows[BATCH_MAX][ROW_MAX];
};

static const struct opt lines_options[] = {
	OPT_STRING(struct lines, schema, .required = true, .help = "\"name type, ...\"."),
	OPT_STRING(struct lines, input, .def = "", .help = "JSON lines."),
	OPT_STRING(struct lines, event, .def = "line", .help = "The event's name."),
	OPT_INT(struct lines, batch, .def = "1024", .min = "1", .max = "1024", .help = "At once."),
	OPT_INT(struct lines, loss, .def = "0", .min = "0", .help = "A loss before each batch."),
	OPT_END,
};

static const struct {
	const char *name;
	enum type type;
	enum layout layout;
	uint32_t size;
} kinds[] = {
	{ "u8", TYPE_UINT, LAYOUT_U8, 1 },
	{ "u16", TYPE_UINT, LAYOUT_U16, 2 },
	{ "u32", TYPE_UINT, LAYOUT_U32, 4 },
	{ "u64", TYPE_UINT, LAYOUT_U64, 8 },
	{ "s8", TYPE_INT, LAYOUT_S8, 1 },
	{ "s16", TYPE_INT, LAYOUT_S16, 2 },
	{ "s32", TYPE_INT, LAYOUT_S32, 4 },
	{ "s64", TYPE_INT, LAYOUT_S64, 8 },
	{ "bool", TYPE_BOOL, LAYOUT_U8, 1 },
	{ "string", TYPE_STRING, LAYOUT_CHARS, STRING_BYTES },
	{ "hidden", TYPE_UINT, LAYOUT_U32, 4 }, /* a number, FIELD_HIDDEN */
};

static struct field field_of(const char *name, const char *kind, uint32_t at)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (!strcmp(kinds[i].name, kind))
			return (struct field){ .name = name,
					       .type = (uint8_t)kinds[i].type,
					       .layout = (uint8_t)kinds[i].layout,
					       .flags = strcmp(kind, "hidden") ? 0 : FIELD_HIDDEN,
					       .loc = LOC_ROW,
					       .at = at,
					       .size = kinds[i].size };
	fail_msg("no type '%s'", kind);
	return (struct field){ 0 };
}

static int lines_open(void *self, struct source *source, struct error *err)
{
	struct lines *l = self;
	struct schema_head head = { .event = l->event,
				    .source = source_id(source),
				    .gadget = "lines",
				    .host = "h",
				    .row_min = ROW_MAX - ROW_SLACK,
				    .seq_at = SCHEMA_NO_SEQ };
	char name[64], kind[16];
	struct schema_builder b;
	uint32_t at = 0;
	int used;

	l->source = source;
	l->next = l->input;
	schema_begin(&b, source_arena(source), &head);
	for (const char *p = l->schema; sscanf(p, " %63[^ ] %15[a-z0-9]%n", name, kind, &used) == 2;
	     p += used + (p[used] == ',')) {
		struct field f = field_of(name, kind, at);

		assert_int_equal(schema_add(&b, &f), 0);
		at += STRING_BYTES;
	}
	assert_true(at <= head.row_min);
	l->made = schema_end(&b);
	return source_port(source, NULL, l->made, err);
}

/* The value at a dotted name: {"p": {"pid": 1}} for "p.pid". */
static const json_t *value_at(const json_t *object, const char *name)
{
	char part[64];

	while (object) {
		size_t len = strcspn(name, ".");

		(void)snprintf(part, sizeof(part), "%.*s", (int)len, name);
		object = json_object_get(object, part);
		if (!name[len])
			break;
		name += len + 1;
	}
	return object;
}

static void fill_row(const struct schema *schema, json_t *object, uint8_t *row)
{
	memset(row, 0, ROW_MAX);
	for (uint32_t i = 0; i < schema->nfields; i++) {
		const struct field *f = &schema->fields[i];
		const json_t *value = value_at(object, f->name);
		json_int_t number = json_is_true(value) ? 1 : json_integer_value(value);

		if (f->name[0] == '@')
			continue;
		assert_non_null(value);
		if (f->type == TYPE_STRING)
			(void)snprintf((char *)row + f->at, f->size, "%s",
				       json_string_value(value));
		else
			memcpy(row + f->at, &number, f->size);
	}
}

/* The next record into row; false at the end of the input. */
static bool next_row(struct lines *l, uint8_t *row)
{
	size_t len = strcspn(l->next, "\n");
	json_t *object;

	if (!len)
		return false;
	object = json_loadb(l->next, len, 0, NULL);
	assert_non_null(object);
	fill_row(l->made, object, row);
	json_decref(object);
	l->next += len + (l->next[len] == '\n');
	return true;
}

static void lines_emit(uv_idle_t *idle)
{
	struct lines *l = idle->data;
	const uint8_t *at[BATCH_MAX];
	uint32_t len[BATCH_MAX];
	uint64_t pos[BATCH_MAX];
	struct rows rows = { .at = at, .len = len, .pos = pos, .origin = source_origin(l->source) };
	const struct mark mark = { .kind = MARK_LOSS,
				   .origin = rows.origin,
				   .event = l->event,
				   .reason = "ring_full",
				   .n = (uint64_t)l->loss };
	struct batch batch = { .rows = &rows, .marks = &mark, .nmarks = l->loss > 0 };

	while (rows.n < l->batch && next_row(l, l->rows[rows.n])) {
		at[rows.n] = l->rows[rows.n];
		len[rows.n] = ROW_MAX - ROW_SLACK;
		pos[rows.n++] = l->nread++;
	}
	if (rows.n) {
		source_emit(l->source, 0, &batch);
		return;
	}
	(void)uv_idle_stop(&l->idle);
	source_end(l->source);
}

static int lines_start(void *self, struct error *err)
{
	struct lines *l = self;

	(void)err;
	(void)uv_idle_init(source_loop(l->source), &l->idle);
	l->idle.data = l;
	l->has_idle = true;
	return uv_idle_start(&l->idle, lines_emit);
}

static void lines_pause(void *self, bool paused)
{
	struct lines *l = self;

	(void)(paused ? uv_idle_stop(&l->idle) : uv_idle_start(&l->idle, lines_emit));
}

static void lines_stop(void *self)
{
	struct lines *l = self;

	l->next = "";
}

static void lines_count(void *self, struct source_counts *counts)
{
	const struct lines *l = self;

	*counts = (struct source_counts){ .read = l->nread };
}

static void lines_release(void *self)
{
	struct lines *l = self;

	if (l->has_idle)
		uv_close((uv_handle_t *)&l->idle, NULL);
}

static const struct source_type source_lines = {
	.base = { .name = "lines", .size = sizeof(struct lines), .options = lines_options },
	.open = lines_open,
	.start = lines_start,
	.pause = lines_pause,
	.stop = lines_stop,
	.count = lines_count,
	.release = lines_release,
};

/* ---- a sink that keeps JSON -------------------------------------------- */

/* What the sink of the run got, one line a record. */
static char *got;
static size_t got_len;

static struct sink *keep_sink;

static int keep_open(void *self, struct sink *sink, struct error *err)
{
	(void)self;
	(void)err;
	keep_sink = sink;
	return 0;
}

static int keep_bind(void *self, const struct schema *in, struct encoding *encoding,
		     struct error *err)
{
	const struct encoder_options options = { .newline = true };

	(void)self;
	return codec_json.compile(sink_arena(keep_sink), in, &options, &encoding->encoder, err);
}

static int keep_start(void *self, struct error *err)
{
	(void)self;
	(void)err;
	return 0;
}

static void keep_write(void *self, struct chunk *chunk)
{
	(void)self;
	for (uint32_t i = 0; i < chunk->nrecs; i++) {
		const struct crec *rec = &chunk->recs[i];

		if (rec->fate != PENDING)
			continue;
		got = xrealloc(got, got_len + rec->len + 1);
		memcpy(got + got_len, chunk->bytes + rec->at, rec->len);
		got_len += rec->len;
		got[got_len] = '\0';
	}
	sink_settle(keep_sink, chunk, 0, chunk->nrecs, DELIVERED, 0);
}

static void keep_cancel(void *self)
{
	(void)self;
}

static void keep_release(void *self)
{
	(void)self;
}

static const struct sink_type sink_keep = {
	.base = { .name = "keep", .size = 1 },
	.open = keep_open,
	.bind = keep_bind,
	.start = keep_start,
	.write = keep_write,
	.cancel = keep_cancel,
	.release = keep_release,
};

/* ---- running one ------------------------------------------------------- */

struct run {
	struct arena arena;
	uv_loop_t loop;
	struct config *config;
	struct pipeline *pipeline;
	bool has_ended;
};

static void on_end(void *arg, const struct error *err)
{
	struct run *run = arg;

	run->has_ended = true;
	if (err)
		fail_msg("%s", err->text);
}

static int run_new(struct run *run, const char *text, struct error *err)
{
	static const struct source_type *const sources[] = { &source_lines, NULL };
	static const struct sink_type *const sinks[] = { &sink_keep, NULL };
	const struct registry registry = { sources, registry_builtin.stages, sinks };
	const struct pipeline_options options = { .loop = &run->loop,
						  .clock = clock_system(),
						  .host = "h",
						  .shutdown_timeout_ns = 10 * NS_PER_S,
						  .on_end = on_end,
						  .arg = run };
	struct yaml_node *root;
	int r;

	*run = (struct run){ 0 };
	free(got);
	got = xcalloc(1, 1);
	got_len = 0;
	assert_int_equal(uv_loop_init(&run->loop), 0);
	r = yaml_parse(&run->arena, "test", text, strlen(text), &root, err);
	if (r == 0)
		r = config_read(&run->arena, &registry, "test", root, &run->config, err);
	if (r == 0)
		r = pipeline_new(run->config, &options, &run->pipeline, err);
	return r;
}

static void run_free(struct run *run)
{
	if (run->pipeline)
		pipeline_free(run->pipeline);
	(void)uv_run(&run->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&run->loop), 0);
	arena_release(&run->arena);
}

static void run_to_end(struct run *run, const char *text)
{
	struct error err = ERROR_INIT;

	if (run_new(run, text, &err) < 0 || pipeline_start(run->pipeline, &err) < 0)
		fail_msg("%s\nin\n%s", err.text, text);
	(void)uv_run(&run->loop, UV_RUN_DEFAULT);
	assert_true(run->has_ended);
	if (books_check(pipeline_books(run->pipeline), &err) < 0)
		fail_msg("%s", err.text);
}

static const struct account *account(struct run *run, const char *id)
{
	const struct books *books = pipeline_books(run->pipeline);

	for (size_t i = 0; i < books->naccounts; i++)
		if (!strcmp(books->accounts[i]->id, id))
			return books->accounts[i];
	fail_msg("no account '%s'", id);
	return NULL;
}

static void assert_refused(const char *text, uint32_t line, const char *part)
{
	struct error err = ERROR_INIT;
	struct run run;

	assert_true(run_new(&run, text, &err) < 0);
	if (!strstr(err.text, part))
		fail_msg("'%s' lacks '%s'", err.text, part);
	assert_int_equal(err.pos.line, line);
	run_free(&run);
}

/* Lines of JSON in one form: fields in their order, without @event's. */
static char *plain(const char *lines)
{
	char *out;
	size_t size;
	FILE *f = open_memstream(&out, &size);

	while (*lines) {
		size_t len = strcspn(lines, "\n");
		json_t *object = json_loadb(lines, len, 0, NULL);

		if (!object)
			fail_msg("no JSON: %s", lines);
		(void)json_object_del(object, "event");
		(void)json_dumpf(object, f, JSON_COMPACT);
		(void)fputc('\n', f);
		json_decref(object);
		lines += len + (lines[len] == '\n');
	}
	(void)fclose(f);
	return out;
}

static void assert_got(const char *expected, const char *what)
{
	char *ours = plain(got), *theirs = plain(expected);

	if (strcmp(ours, theirs) != 0)
		fail_msg("%s\ngave\n%snot\n%s", what, ours, theirs);
	free(ours);
	free(theirs);
}

/* ---- examples ---------------------------------------------------------- */

static void print_quoted(FILE *out, const char *text)
{
	json_t *string = json_string(text);

	(void)json_dumpf(string, out, JSON_ENCODE_ANY);
	json_decref(string);
}

static void print_indented(FILE *out, const char *text)
{
	while (*text) {
		size_t len = strcspn(text, "\n");

		(void)fprintf(out, "    %.*s\n", (int)len, text);
		text += len + (text[len] == '\n');
	}
}

static char *example_pipeline(const struct example *example)
{
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	(void)fputs("sources:\n  in:\n    type: lines\n    schema: ", out);
	print_quoted(out, example->schema);
	(void)fputs("\n    input: ", out);
	print_quoted(out, example->input);
	(void)fputs("\nstages:\n  it:\n    inputs: [in]\n", out);
	print_indented(out, example->config);
	(void)fputs("sinks:\n  out: { type: keep, inputs: [it] }\n", out);
	(void)fclose(out);
	return text;
}

static void examples_of_every_stage_do_what_they_say(void **state)
{
	size_t n = 0;

	(void)state;
	for (const struct stage_type *const *stage = registry_builtin.stages; *stage; stage++) {
		assert_non_null((*stage)->base.examples);
		for (const struct example *e = (*stage)->base.examples; e->title; e++) {
			char *text = example_pipeline(e);
			struct run run;

			run_to_end(&run, text);
			assert_got(e->output, text);
			run_free(&run);
			free(text);
			n++;
		}
	}
	assert_true(n >= 3);
}

/* ---- filter ------------------------------------------------------------ */

#define TWO_SOURCES                                                           \
	"sources:\n"                                                          \
	"  a: { type: lines, event: exec, schema: 'pid u32, comm string',\n"  \
	"       input: '{\"pid\": 1, \"comm\": \"sh\"}\n\n"                   \
	"               {\"pid\": 2, \"comm\": \"ls\"}' }\n"                  \
	"  b: { type: lines, event: open, schema: 'pid u32, fname string',\n" \
	"       input: '{\"pid\": 3, \"fname\": \"/etc\"}' }\n"

static void filter_stops_a_schema_it_can_never_pass(void **state)
{
	struct run run;
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	/* `pid == 1` on the stage below is checked against exec's schema only. */
	run_to_end(&run,
		   TWO_SOURCES "stages:\n"
			       "  f: { type: filter, inputs: [a, b], where: event == 'exec' }\n"
			       "sinks: { out: { type: keep, inputs: [f] } }\n");
	assert_got("{\"pid\": 1, \"comm\": \"sh\"}\n{\"pid\": 2, \"comm\": \"ls\"}\n", "filter");
	assert_int_equal(account(&run, "f")->counts[0], 1);
	pipeline_describe(run.pipeline, out, 1);
	(void)fclose(out);
	assert_non_null(strstr(text, "exec"));
	free(text);
	run_free(&run);
	/* A field that only the stopped schema has is unknown further down. */
	assert_refused(TWO_SOURCES "stages:\n"
				   "  f: { type: filter, inputs: [a, b], where: event == 'exec' }\n"
				   "  g: { type: filter, inputs: [f], where: fname == 'x' }\n"
				   "sinks: { out: { type: keep, inputs: [g] } }\n",
		       10, "no record that arrives here has a field 'fname'");
}

static void a_field_of_one_schema_is_missing_in_the_other(void **state)
{
	struct run run;

	(void)state;
	run_to_end(&run, TWO_SOURCES "stages:\n"
				     "  f: { type: filter, inputs: [a, b], where: comm != 'sh' }\n"
				     "sinks: { out: { type: keep, inputs: [f] } }\n");
	/* Which source comes first is not promised. */
	assert_non_null(strstr(got, "\"comm\":\"ls\""));
	assert_non_null(strstr(got, "\"fname\":\"/etc\""));
	assert_null(strstr(got, "\"comm\":\"sh\""));
	run_free(&run);
}

static void filter_hands_losses_on_when_no_record_passes(void **state)
{
	struct run run;

	(void)state;
	run_to_end(&run, "sources:\n"
			 "  in: { type: lines, schema: pid u32, loss: 7, input: '{\"pid\": 1}' }\n"
			 "stages: { f: { type: filter, inputs: [in], where: pid == 9 } }\n"
			 "sinks: { out: { type: keep, inputs: [f] } }\n");
	assert_non_null(strstr(got, "_loss"));
	assert_int_equal(account(&run, "f")->counts[0], 1);
	assert_int_equal(account(&run, "out")->notes, 1);
	run_free(&run);
}

static void errors_in_an_expression_name_their_place(void **state)
{
	struct error err = ERROR_INIT;
	struct run run;

	(void)state;
	assert_true(run_new(&run,
			    TWO_SOURCES "stages:\n"
					"  f:\n"
					"    type: filter\n"
					"    inputs: [a, b]\n"
					"    where: pid == 1 && comm < 5\n"
					"sinks: { out: { type: keep, inputs: [f] } }\n",
			    &err) < 0);
	assert_int_equal(err.pos.line, 12);
	assert_int_equal(err.pos.col, 29);
	run_free(&run);
}

/* ---- limit ------------------------------------------------------------- */

static char *numbered(uint32_t n)
{
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	(void)fputs("sources:\n  in:\n    type: lines\n    schema: n u32\n    batch: 7\n"
		    "    loss: 1\n    input: \"",
		    out);
	for (uint32_t i = 0; i < n; i++)
		(void)fprintf(out, "{\\\"n\\\": %u}\\n", i);
	(void)fputs("\"\nstages: { l: { type: limit, inputs: [in], count: 10 } }\n"
		    "sinks: { out: { type: keep, inputs: [l] } }\n",
		    out);
	(void)fclose(out);
	return text;
}

static void limit_passes_exactly_its_count_and_stops_the_source(void **state)
{
	char *text = numbered(5000);
	struct run run;

	(void)state;
	run_to_end(&run, text);
	assert_int_equal(account(&run, "l")->out, 10);
	assert_int_equal(account(&run, "out")->delivered, 10);
	assert_int_equal(account(&run, "l")->counts[0], account(&run, "l")->in - 10);
	assert_true(account(&run, "in")->read < 5000);
	assert_non_null(strstr(got, "\"n\":9"));
	assert_null(strstr(got, "\"n\":10"));
	run_free(&run);
	free(text);
}

static void limit_takes_less_when_there_is_less(void **state)
{
	char *text = numbered(8);
	struct run run;

	(void)state;
	run_to_end(&run, text);
	assert_int_equal(account(&run, "out")->delivered, 8);
	assert_int_equal(account(&run, "l")->counts[0], 0);
	run_free(&run);
	free(text);
}

/* ---- select ------------------------------------------------------------ */

#define ONE_SOURCE                                                                        \
	"sources:\n"                                                                      \
	"  in: { type: lines, schema: 'p.pid u32, p.comm string, ret s32, key hidden',\n" \
	"        input: '{\"p\": {\"pid\": 1, \"comm\": \"sh\"}, \"ret\": -2, \"key\": 5}' }\n"

static void assert_select(const char *options, const char *expected)
{
	struct run run;
	char text[1024];

	(void)snprintf(text, sizeof(text),
		       ONE_SOURCE "stages: { s: { type: select, inputs: [in], %s } }\n"
				  "sinks: { out: { type: keep, inputs: [s] } }\n",
		       options);
	run_to_end(&run, text);
	assert_string_equal(got, expected);
	run_free(&run);
}

static void select_keeps_order_and_takes_each_field_once(void **state)
{
	(void)state;
	assert_select("fields: [ret, 'p.*', p.comm, ret]",
		      "{\"ret\":-2,\"p\":{\"pid\":1,\"comm\":\"sh\"}}\n");
	assert_select("fields: [event, p.pid]", "{\"event\":\"line\",\"p\":{\"pid\":1}}\n");
	assert_select("fields: [key]", "{\"key\":5}\n");
	assert_select("fields: ['*']", "{\"p\":{\"pid\":1,\"comm\":\"sh\"},\"ret\":-2}\n");
	assert_select("fields: ['@so*']", "{\"@source\":\"in\"}\n");
}

static void select_drops_without_showing_the_hidden(void **state)
{
	(void)state;
	assert_select("drop: ['p.*']", "{\"event\":\"line\",\"ret\":-2}\n");
	assert_select("drop: [event, ret]", "{\"p\":{\"pid\":1,\"comm\":\"sh\"}}\n");
}

static void select_leaves_engine_fields_usable_below(void **state)
{
	struct run run;

	(void)state;
	run_to_end(&run,
		   TWO_SOURCES "stages:\n"
			       "  s: { type: select, inputs: [a, b], fields: [comm, fname] }\n"
			       "  f: { type: filter, inputs: [s], where: event == 'open' }\n"
			       "sinks: { out: { type: keep, inputs: [f] } }\n");
	assert_string_equal(got, "{\"fname\":\"/etc\"}\n");
	run_free(&run);
	assert_refused(TWO_SOURCES "stages:\n"
				   "  s: { type: select, inputs: [a, b], fields: [comm, fname] }\n"
				   "  f: { type: filter, inputs: [s], where: pid == 1 }\n"
				   "sinks: { out: { type: keep, inputs: [f] } }\n",
		       10, "'pid'");
}

static void select_refuses_what_it_cannot_mean(void **state)
{
	(void)state;
	assert_refused(ONE_SOURCE "stages:\n  s: { type: select, inputs: [in], fields: [rte] }\n"
				  "sinks: { out: { type: keep, inputs: [s] } }\n",
		       5, "did you mean 'ret'?");
	assert_refused(ONE_SOURCE "stages:\n  s: { type: select, inputs: [in] }\n"
				  "sinks: { out: { type: keep, inputs: [s] } }\n",
		       5, "nothing to select");
	assert_refused(ONE_SOURCE
		       "stages:\n  s: { type: select, inputs: [in], fields: [ret], drop: [key] }\n"
		       "sinks: { out: { type: keep, inputs: [s] } }\n",
		       5, "not both");
	assert_refused(ONE_SOURCE "stages:\n  s: { type: select, inputs: [in], fields: ['a*['] }\n"
				  "sinks: { out: { type: keep, inputs: [s] } }\n",
		       5, "not a pattern");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(examples_of_every_stage_do_what_they_say),
		cmocka_unit_test(filter_stops_a_schema_it_can_never_pass),
		cmocka_unit_test(a_field_of_one_schema_is_missing_in_the_other),
		cmocka_unit_test(filter_hands_losses_on_when_no_record_passes),
		cmocka_unit_test(errors_in_an_expression_name_their_place),
		cmocka_unit_test(limit_passes_exactly_its_count_and_stops_the_source),
		cmocka_unit_test(limit_takes_less_when_there_is_less),
		cmocka_unit_test(select_keeps_order_and_takes_each_field_once),
		cmocka_unit_test(select_drops_without_showing_the_hidden),
		cmocka_unit_test(select_leaves_engine_fields_usable_below),
		cmocka_unit_test(select_refuses_what_it_cannot_mean),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	free(got);
	return failed;
}
