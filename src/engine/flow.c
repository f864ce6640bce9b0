/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "engine/graph.h"

/* ---- batches ---------------------------------------------------------- */

static void process(struct node *node, struct binding *binding, struct batch *batch)
{
	struct pipeline *p = node->pipeline;
	int64_t began = now_ns(p), outer_child_ns = p->child_ns, took;

	p->child_ns = 0;
	if (node->config->kind == ACCOUNT_SINK)
		delivery_take(&node->sink, binding, batch);
	else
		node->stage.type->process(node->self, binding->bound, &node->stage, batch);
	took = now_ns(p) - began;
	node->account.ns += (uint64_t)(took - p->child_ns);
	p->child_ns = outer_child_ns + took;
}

static void deliver(struct target *target, struct batch *batch)
{
	struct account *account = &target->node->account;

	account->in += batch->nsel;
	account->batches++;
	process(target->node, target->binding, batch);
}

void flow_emit(struct node *node, struct route *route, struct batch *batch)
{
	uint32_t nsel = batch->nsel;

	(void)node;
	if (!nsel && !batch->nmarks)
		return;
	for (uint32_t i = 0; i < route->ntargets; i++) {
		struct target *target = &route->targets[i];
		struct batch view = *batch;

		target->node->account.expected_in += nsel;
		/* The last branch gets the original selection, the others a copy. */
		if (i + 1 < route->ntargets) {
			view.sel = target->sel;
			memcpy(view.sel, batch->sel, nsel * sizeof(*view.sel));
		}
		deliver(target, &view);
	}
}

struct route *flow_find_route(struct node *node, uint32_t port, const struct schema *schema)
{
	struct route *route = node->routes;

	while (route && (route->port != port || route->schema != schema))
		route = route->next;
	return route;
}

void stage_emit(struct stage *stage, uint32_t port, struct batch *batch)
{
	struct node *node = stage->node;
	struct route *route;

	if (!batch->nsel && !batch->nmarks)
		return;
	route = flow_find_route(node, port, batch->schema);
	/* A schema that bind() did not pass: only its marks can have come this far. */
	if (!route)
		return;
	node->account.out += batch->nsel;
	flow_emit(node, route, batch);
}

void stage_count(struct stage *stage, uint32_t counter, uint64_t n)
{
	stage->node->account.counts[counter] += n;
}

static void select_all(struct source *source, struct batch *batch)
{
	for (uint32_t i = 0; i < batch->rows->n; i++)
		source->sel[i] = (uint16_t)i;
	batch->sel = source->sel;
	batch->nsel = batch->rows->n;
}

void source_emit(struct source *source, uint32_t port, struct batch *batch)
{
	struct node *node = source->node;
	struct route *route = flow_find_route(node, port, source->ports[port].schema);
	struct batch view = *batch;

	if (!view.sel)
		select_all(source, &view);
	view.schema = source->ports[port].schema;
	node->account.batches++;
	if (!route) {
		node->account.unread += view.nsel;
		return;
	}
	node->account.out += view.nsel;
	flow_emit(node, route, &view);
}

void source_count(struct source *source, uint32_t counter, uint64_t n)
{
	source->node->account.counts[counter] += n;
}

/* ---- the end of stream ------------------------------------------------ */

static void input_ended(struct node *node)
{
	if (--node->open_inputs)
		return;
	if (node->config->kind == ACCOUNT_SINK) {
		delivery_end(&node->sink);
		return;
	}
	if (node->stage.type->flush)
		node->stage.type->flush(node->self, &node->stage);
	flow_end(node);
}

void flow_end(struct node *node)
{
	for (uint32_t i = 0; i < node->nreaders; i++)
		input_ended(node->readers[i]);
}

void source_end(struct source *source)
{
	if (source->has_ended)
		return;
	source->has_ended = true;
	flow_end(source->node);
}

void source_fail(struct source *source, const struct error *err)
{
	pipeline_fail(source->node->pipeline, source->node, err);
	source_end(source);
}

/* ---- who is needed, who must wait ------------------------------------- */

static bool any_reader_needed(const struct node *node)
{
	for (uint32_t i = 0; i < node->nreaders; i++)
		if (node->readers[i]->is_needed)
			return true;
	return false;
}

static bool is_needed(const struct node *node)
{
	if (node->config->kind == ACCOUNT_SINK)
		return !node->sink.is_dropping;
	if (node->config->kind == ACCOUNT_STAGE && node->stage.is_done)
		return false;
	return any_reader_needed(node);
}

static void stop_source(struct source *source)
{
	if (source->is_stopping || !source->is_started || source->has_ended)
		return;
	source->is_stopping = true;
	source->type->stop(source->node->self);
}

static bool any_reader_blocks(const struct node *node)
{
	for (uint32_t i = 0; i < node->nreaders; i++) {
		const struct node *reader = node->readers[i];

		if (reader->config->kind == ACCOUNT_SINK ? reader->sink.is_blocking
							 : any_reader_blocks(reader))
			return true;
	}
	return false;
}

void flow_balance(struct pipeline *p)
{
	for (size_t i = 0; i < p->nnodes; i++) {
		struct node *node = &p->nodes[i];
		struct source *source = &node->source;
		bool must_wait;

		if (node->config->kind != ACCOUNT_SOURCE || !source->is_started ||
		    source->has_ended)
			continue;
		must_wait = any_reader_blocks(node);
		if (must_wait == source->is_paused)
			continue;
		source->is_paused = must_wait;
		source->type->pause(node->self, must_wait);
	}
}

/* Readers stand behind what they read, so one pass from the end decides all. */
static void stop_unneeded(struct pipeline *p)
{
	for (size_t i = p->nnodes; i-- > 0;) {
		struct node *node = &p->nodes[i];

		node->is_needed = is_needed(node);
		if (node->config->kind == ACCOUNT_SOURCE && (!node->is_needed || p->is_stopping))
			stop_source(&node->source);
	}
}

static bool any_source_needed(const struct pipeline *p)
{
	for (size_t i = 0; i < p->nnodes; i++)
		if (p->nodes[i].config->kind == ACCOUNT_SOURCE && p->nodes[i].is_needed)
			return true;
	return false;
}

void flow_deferred(uv_timer_t *timer)
{
	struct pipeline *p = timer->data;

	for (size_t i = 0; i < p->nnodes; i++) {
		struct node *node = &p->nodes[i];

		if (node->config->kind == ACCOUNT_SINK && node->sink.must_cancel)
			delivery_drop_all(&node->sink, node->sink.drop_reason);
	}
	stop_unneeded(p);
	/* Everybody has what they asked for: that is an end like any other, with its deadline. */
	if (!any_source_needed(p))
		pipeline_stop(p);
}

void flow_review(struct pipeline *p)
{
	if (p->has_handles)
		(void)uv_timer_start(&p->deferred, flow_deferred, 0, 0);
}

void stage_done(struct stage *stage)
{
	if (stage->is_done)
		return;
	stage->is_done = true;
	flow_review(stage->node->pipeline);
}
