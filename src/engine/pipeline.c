/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/pipeline.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "engine/bind.h"
#include "engine/graph.h"

static const char *const kind_names[] = { "source", "stage", "sink" };

/* ---- building --------------------------------------------------------- */

static struct node *node_of(struct pipeline *p, const struct config_node *config)
{
	return &p->nodes[config - p->config->nodes];
}

/* The kernel's boot id without its dashes; zeros where there is none. */
static const char *read_boot_id(struct arena *arena)
{
	char raw[64] = { 0 }, *id = arena_strdup(arena, "00000000000000000000000000000000");
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	size_t at = 0;

	if (fd < 0)
		return id;
	if (read(fd, raw, sizeof(raw) - 1) > 0)
		for (const char *c = raw; *c && *c != '\n' && at < 32; c++)
			if (*c != '-')
				id[at++] = *c;
	(void)close(fd);
	return id;
}

static int parse_options(struct node *node, struct error *err)
{
	const struct config_node *config = node->config;
	const struct component *component = config->component;
	const char *const *skip = config->kind == ACCOUNT_SOURCE  ? config_source_keys
				  : config->kind == ACCOUNT_STAGE ? config_stage_keys
								  : config_sink_keys;
	const char *what = arena_printf(&node->arena, "%s '%s'", component->name, config->id);
	int r;

	node->self = arena_alloc(&node->arena, component->size ? component->size : 1);
	r = opt_parse(component->options, config->map, skip, what, node->self, &node->arena, err);
	if (r < 0)
		return r;
	if (config->kind == ACCOUNT_SINK) {
		r = bind_sink_options(node, err);
		if (r < 0)
			return r;
	}
	node->is_made = true;
	return 0;
}

static void init_account(struct node *node)
{
	node->account = (struct account){
		.kind = node->config->kind,
		.id = node->config->id,
		.type = node->config->component->name,
		.names = node->config->component->counters,
	};
}

static void init_node(struct pipeline *p, size_t i)
{
	struct node *node = &p->nodes[i];
	struct clock *clock = p->options.clock;

	node->pipeline = p;
	node->config = &p->config->nodes[i];
	node->open_inputs = (uint32_t)node->config->ninputs;
	node->is_needed = true;
	init_account(node);
	switch (node->config->kind) {
	case ACCOUNT_SOURCE:
		node->source = (struct source){ .node = node, .type = node->config->source };
		node->source.origin = (struct origin){ .source = node->config->id,
						       .boot = p->boot_id,
						       .epoch = clock->random(clock) };
		break;
	case ACCOUNT_STAGE:
		node->stage = (struct stage){ .node = node, .type = node->config->stage };
		break;
	case ACCOUNT_SINK:
		node->sink = (struct sink){ .node = node, .type = node->config->sink };
		p->live_sinks++;
		break;
	}
}

static bool has_reader(const struct node *node, const struct node *reader)
{
	for (uint32_t i = 0; i < node->nreaders; i++)
		if (node->readers[i] == reader)
			return true;
	return false;
}

/* An input may be named twice with different ports: it is still one that ends. */
static void link_readers(struct pipeline *p)
{
	for (size_t i = 0; i < p->nnodes; i++) {
		struct node *node = &p->nodes[i];

		for (size_t j = 0; j < node->config->ninputs; j++) {
			struct node *from = node_of(p, node->config->inputs[j].from);

			if (!from->readers)
				from->readers =
					arena_array(&p->arena, p->nnodes, sizeof(struct node *));
			if (has_reader(from, node))
				node->open_inputs--;
			else
				from->readers[from->nreaders++] = node;
		}
	}
}

static void init_handles(struct pipeline *p)
{
	uv_loop_t *loop = p->options.loop;

	(void)uv_prepare_init(loop, &p->turn_end);
	(void)uv_timer_init(loop, &p->deferred);
	(void)uv_timer_init(loop, &p->shutdown);
	p->turn_end.data = p->deferred.data = p->shutdown.data = p;
	p->has_handles = true;
}

static void init_books(struct pipeline *p)
{
	p->books.accounts = arena_array(&p->arena, p->nnodes, sizeof(struct account *));
	p->books.naccounts = p->nnodes;
	for (size_t i = 0; i < p->nnodes; i++)
		p->books.accounts[i] = &p->nodes[i].account;
}

static int build(struct pipeline *p, struct error *err)
{
	int r;

	for (size_t i = 0; i < p->nnodes; i++) {
		r = parse_options(&p->nodes[i], err);
		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < p->nnodes; i++) {
		r = bind_node(&p->nodes[i], err);
		if (r < 0)
			return r;
	}
	return 0;
}

int pipeline_new(const struct config *config, const struct pipeline_options *options,
		 struct pipeline **ret_pipeline, struct error *err)
{
	struct pipeline *p = xcalloc(1, sizeof(*p));
	int r;

	p->config = config;
	p->options = *options;
	p->nnodes = config->nnodes;
	p->nodes = xcalloc(p->nnodes, sizeof(*p->nodes));
	p->boot_id = read_boot_id(&p->arena);
	for (size_t i = 0; i < p->nnodes; i++)
		init_node(p, i);
	link_readers(p);
	init_handles(p);
	init_books(p);
	r = build(p, err);
	if (r < 0) {
		pipeline_free(p);
		return r;
	}
	*ret_pipeline = p;
	return 0;
}

/* ---- starting --------------------------------------------------------- */

static void on_turn_end(uv_prepare_t *handle)
{
	struct pipeline *p = handle->data;

	for (size_t i = 0; i < p->nnodes; i++)
		if (p->nodes[i].config->kind == ACCOUNT_SINK)
			delivery_turn_end(&p->nodes[i].sink);
}

static int wrap_node(struct node *node, struct error *err)
{
	return error_wrap(err, "%s '%s'", kind_names[node->config->kind], node->config->id);
}

static int load_sources(struct pipeline *p, struct error *err)
{
	for (size_t i = 0; i < p->nnodes; i++) {
		struct node *node = &p->nodes[i];

		if (node->config->kind == ACCOUNT_SOURCE && node->source.type->load &&
		    node->source.type->load(node->self, err) < 0)
			return wrap_node(node, err);
	}
	return 0;
}

static int start_sinks(struct pipeline *p, struct error *err)
{
	for (size_t i = 0; i < p->nnodes; i++) {
		struct node *node = &p->nodes[i];

		if (node->config->kind == ACCOUNT_SINK &&
		    node->sink.type->start(node->self, err) < 0)
			return wrap_node(node, err);
	}
	return 0;
}

static int start_sources(struct pipeline *p, struct error *err)
{
	for (size_t i = 0; i < p->nnodes; i++) {
		struct node *node = &p->nodes[i];

		if (node->config->kind != ACCOUNT_SOURCE)
			continue;
		if (node->source.type->start(node->self, err) < 0)
			return wrap_node(node, err);
		node->source.is_started = true;
	}
	return 0;
}

int pipeline_start(struct pipeline *p, struct error *err)
{
	int r = load_sources(p, err);

	if (r < 0)
		return r;
	r = start_sinks(p, err);
	if (r < 0)
		return r;
	p->books.started_ns = p->options.clock->wall_ns(p->options.clock);
	p->is_started = true;
	r = start_sources(p, err);
	if (r < 0)
		return r;
	/* Attaching can take seconds; timers that start now must not count them. */
	uv_update_time(p->options.loop);
	(void)uv_prepare_start(&p->turn_end, on_turn_end);
	uv_unref((uv_handle_t *)&p->turn_end);
	return 0;
}

/* ---- ending ----------------------------------------------------------- */

void pipeline_stop_now(struct pipeline *p)
{
	if (!p->is_started || p->has_ended)
		return;
	pipeline_stop(p);
	for (size_t i = 0; i < p->nnodes; i++)
		if (p->nodes[i].config->kind == ACCOUNT_SINK)
			delivery_drop_all(&p->nodes[i].sink, DROP_SHUTDOWN);
}

static void on_shutdown_deadline(uv_timer_t *timer)
{
	struct pipeline *p = timer->data;

	log_warn("the shutdown deadline has passed; dropping what is not delivered");
	pipeline_stop_now(p);
}

void pipeline_stop(struct pipeline *p)
{
	if (!p->is_started || p->is_stopping)
		return;
	p->is_stopping = true;
	(void)uv_timer_start(&p->shutdown, on_shutdown_deadline,
			     (uint64_t)(p->options.shutdown_timeout_ns / NS_PER_MS), 0);
	flow_review(p);
}

void pipeline_fail(struct pipeline *p, struct node *node, const struct error *err)
{
	if (!p->error.code) {
		p->error = *err;
		(void)wrap_node(node, &p->error);
	}
	pipeline_stop(p);
	flow_review(p);
}

void pipeline_sink_ended(struct pipeline *p)
{
	if (--p->live_sinks)
		return;
	p->has_ended = true;
	p->books.ended_ns = p->options.clock->wall_ns(p->options.clock);
	(void)uv_timer_stop(&p->shutdown);
	(void)uv_prepare_stop(&p->turn_end);
	if (p->options.on_end)
		p->options.on_end(p->options.arg, p->error.code ? &p->error : NULL);
}

static void count_source(struct node *node)
{
	struct account *account = &node->account;
	struct source_counts counts = { 0 };

	if (!node->source.is_started)
		return;
	node->source.type->count(node->self, &counts);
	account->has_attempts = counts.has_attempts;
	account->attempts = counts.attempts;
	account->lost = counts.lost;
	account->missed = counts.missed;
	account->discarded = counts.discarded;
	account->read = counts.read;
}

const struct books *pipeline_books(struct pipeline *p)
{
	for (size_t i = 0; i < p->nnodes; i++) {
		struct node *node = &p->nodes[i];

		if (node->config->kind == ACCOUNT_SOURCE)
			count_source(node);
		else if (node->config->kind == ACCOUNT_SINK)
			node->account.held = delivery_held(&node->sink);
	}
	p->books.is_final = p->has_ended;
	if (!p->has_ended)
		p->books.ended_ns = p->options.clock->wall_ns(p->options.clock);
	return &p->books;
}

static void release_node(struct node *node)
{
	if (!node->is_made)
		return;
	switch (node->config->kind) {
	case ACCOUNT_SOURCE:
		if (node->source.type->release)
			node->source.type->release(node->self);
		break;
	case ACCOUNT_STAGE:
		if (node->stage.type->release)
			node->stage.type->release(node->self);
		break;
	case ACCOUNT_SINK:
		if (node->sink.type->release)
			node->sink.type->release(node->self);
		break;
	}
}

static void note_closing(uv_handle_t *handle, void *arg)
{
	bool *any = arg;

	if (uv_is_closing(handle))
		*any = true;
}

/* Handles and requests point into memory that is about to go. */
static void settle_loop(uv_loop_t *loop)
{
	for (;;) {
		bool any = loop->active_reqs.count > 0;

		uv_walk(loop, note_closing, &any);
		if (!any)
			return;
		(void)uv_run(loop, UV_RUN_NOWAIT);
	}
}

void pipeline_free(struct pipeline *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->nnodes; i++)
		release_node(&p->nodes[i]);
	for (size_t i = 0; i < p->nnodes; i++)
		if (p->nodes[i].config->kind == ACCOUNT_SINK)
			delivery_release(&p->nodes[i].sink);
	if (p->has_handles) {
		uv_close((uv_handle_t *)&p->turn_end, NULL);
		uv_close((uv_handle_t *)&p->deferred, NULL);
		uv_close((uv_handle_t *)&p->shutdown, NULL);
	}
	settle_loop(p->options.loop);
	for (size_t i = 0; i < p->nnodes; i++)
		arena_release(&p->nodes[i].arena);
	arena_release(&p->arena);
	free(p->nodes);
	free(p);
}
