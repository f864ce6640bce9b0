/* SPDX-License-Identifier: Apache-2.0 */
/*
 * limit: let the first records through, then ask for no more.
 *
 * Exactly `count` records pass, over all inputs together.  With the last of
 * them the stage says that it is done, and the engine stops the sources that
 * nothing else needs; what was on its way by then is counted here.
 */
#include "engine/component.h"

struct limit {
	int64_t count;
	int64_t left; /* records that may still pass */
};

static const struct opt options[] = {
	OPT_INT(struct limit, count, .required = true, .min = "1",
		.help = "How many records pass before the stage is done."),
	OPT_END,
};

enum { OVER_LIMIT };
static const struct counter counters[] = {
	[OVER_LIMIT] = { .name = "over_limit",
			 .help = "Records that came after the last one that was wanted." },
	COUNTER_END,
};

static const struct example examples[] = {
	{ .title = "See two records",
	  .schema = "pid u32",
	  .config = "type: limit\ncount: 2\n",
	  .input = "{\"pid\": 1}\n{\"pid\": 2}\n{\"pid\": 3}\n",
	  .output = "{\"pid\": 1}\n{\"pid\": 2}\n" },
	EXAMPLE_END,
};

static int limit_bind(void *self, const struct schema *in, void **ret_bound, struct outputs *out,
		      struct error *err)
{
	struct limit *limit = self;

	(void)err;
	limit->left = limit->count;
	*ret_bound = NULL;
	return outputs_pass(out, PORT_MAIN, in);
}

static void limit_process(void *self, void *bound, struct stage *stage, struct batch *batch)
{
	struct limit *limit = self;
	bool was_open = limit->left > 0;

	(void)bound;
	if (batch->nsel > limit->left) {
		stage_count(stage, OVER_LIMIT, batch->nsel - (uint64_t)limit->left);
		batch->nsel = (uint32_t)limit->left;
	}
	limit->left -= batch->nsel;
	stage_emit(stage, PORT_MAIN, batch);
	if (was_open && limit->left == 0)
		stage_done(stage);
}

const struct stage_type stage_limit = {
	.base = {
		.name = "limit",
		.summary = "Let the first records through, then stop",
		.help = "Counts the records of all its inputs together. When the number is reached "
			"it wants no more: a run in which nobody else does either ends in order.",
		.size = sizeof(struct limit),
		.options = options,
		.counters = counters,
		.examples = examples,
	},
	.bind = limit_bind,
	.process = limit_process,
};
