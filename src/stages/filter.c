/* SPDX-License-Identifier: Apache-2.0 */
/*
 * filter: keep the records for which an expression is true.
 *
 * Nothing is copied: the expression, compiled once per input schema, reads the
 * rows in place and narrows this branch's selection.  Where it is false for all
 * records of a schema, that schema does not flow on at all, so that the stages
 * below are checked against exactly what can reach them.
 */
#include "engine/component.h"
#include "expr/expr.h"

struct filter {
	struct expr *where;
};

static const struct opt options[] = {
	OPT_EXPR(struct filter, where, .required = true,
		 .help = "Keep a record when this is true. A comparison with a missing value is "
			 "false."),
	OPT_END,
};

enum { FILTERED };
static const struct counter counters[] = {
	[FILTERED] = { .name = "filtered",
		       .help = "Records for which the expression was not true." },
	COUNTER_END,
};

static const struct example examples[] = {
	{ .title = "Keep failed calls only",
	  .schema = "pid u32, ret s32",
	  .config = "type: filter\nwhere: ret < 0\n",
	  .input = "{\"pid\": 1, \"ret\": 0}\n{\"pid\": 2, \"ret\": -13}\n",
	  .output = "{\"pid\": 2, \"ret\": -13}\n" },
	{ .title = "Match names with patterns",
	  .schema = "comm string, fname string",
	  .config = "type: filter\nwhere: comm != \"sshd\" && fname ~ \"/etc/shadow*\"\n",
	  .input = "{\"comm\": \"sshd\", \"fname\": \"/etc/shadow\"}\n"
		   "{\"comm\": \"cat\", \"fname\": \"/etc/shadow-\"}\n"
		   "{\"comm\": \"cat\", \"fname\": \"/etc/hosts\"}\n",
	  .output = "{\"comm\": \"cat\", \"fname\": \"/etc/shadow-\"}\n" },
	EXAMPLE_END,
};

static int filter_bind(void *self, const struct schema *in, void **ret_bound, struct outputs *out,
		       struct error *err)
{
	struct filter *filter = self;
	struct predicate *keep;
	int r = expr_bind(filter->where, in, outputs_arena(out), &keep, err);

	if (r < 0)
		return r;
	*ret_bound = keep;
	if (predicate_folded(keep) == FOLDED_FALSE)
		return 0;
	return outputs_pass(out, PORT_MAIN, in);
}

static void filter_process(void *self, void *bound, struct stage *stage, struct batch *batch)
{
	uint32_t before = batch->nsel;

	(void)self;
	batch->nsel = predicate_select(bound, batch);
	stage_count(stage, FILTERED, before - batch->nsel);
	stage_emit(stage, PORT_MAIN, batch);
}

const struct stage_type stage_filter = {
	.base = {
		.name = "filter",
		.summary = "Keep the records for which an expression is true",
		.help = "The expression language is described in docs/expressions.md. A filter costs a "
			"few nanoseconds per record and no memory, so put it first.",
		.size = sizeof(struct filter),
		.options = options,
		.counters = counters,
		.examples = examples,
	},
	.flags = STAGE_STATELESS,
	.bind = filter_bind,
	.process = filter_process,
};
