/* SPDX-License-Identifier: Apache-2.0 */
/*
 * select: which fields go on, and in which order.
 *
 * A field is its own reader, so choosing fields only makes another schema at
 * bind time; the rows pass untouched.  A name that only some of the inputs have
 * is absent in the others.  The engine's fields can always be used further
 * down, shown or not.
 */
#include <errno.h>
#include <string.h>

#include "engine/component.h"
#include "expr/glob.h"

struct select {
	struct opt_strings fields;
	struct opt_strings drop;
};

static const struct opt options[] = {
	OPT_FIELDS(struct select, fields,
		   .help = "Keep these fields, in this order. A name with '*' stands for all "
			   "visible fields it matches, such as 'proc.*'."),
	OPT_FIELDS(struct select, drop,
		   .help = "Keep all fields but these. Use it instead of 'fields'."),
	OPT_END,
};

static const struct example examples[] = {
	{ .title = "Keep two fields, in another order",
	  .schema = "pid u32, uid u32, comm string",
	  .config = "type: select\nfields: [comm, pid]\n",
	  .input = "{\"pid\": 7, \"uid\": 0, \"comm\": \"cat\"}\n",
	  .output = "{\"comm\": \"cat\", \"pid\": 7}\n" },
	{ .title = "Leave out a group of fields",
	  .schema = "proc.pid u32, proc.comm string, ret s32",
	  .config = "type: select\ndrop: [proc.*]\n",
	  .input = "{\"proc\": {\"pid\": 7, \"comm\": \"cat\"}, \"ret\": -2}\n",
	  .output = "{\"ret\": -2}\n" },
	EXAMPLE_END,
};

/* Field numbers in the order they were chosen, each once. */
struct chosen {
	uint16_t indexes[SCHEMA_MAX_FIELDS];
	bool has[SCHEMA_MAX_FIELDS];
	uint32_t n;
};

static void choose(struct chosen *chosen, uint32_t index)
{
	if (chosen->has[index])
		return;
	chosen->has[index] = true;
	chosen->indexes[chosen->n++] = (uint16_t)index;
}

/* A pattern means what a user sees: no hidden field, and none of the engine's
 * unless it begins with '@' itself. */
static int choose_matching(struct chosen *chosen, const struct schema *in, const char *pattern,
			   struct arena *arena)
{
	struct glob glob;
	int r = glob_compile(arena, (struct str){ pattern, strlen(pattern) }, &glob);

	if (r < 0)
		return r;
	for (uint32_t i = 0; i < in->nfields; i++) {
		const struct field *f = &in->fields[i];
		bool is_engines = f->name[0] == '@';

		if (is_engines ? pattern[0] != '@' : f->flags & FIELD_HIDDEN)
			continue;
		if (glob_match(&glob, (struct str){ f->name, strlen(f->name) }))
			choose(chosen, i);
	}
	return 0;
}

static int choose_all(struct chosen *chosen, const struct schema *in,
		      const struct opt_strings *names, struct arena *arena, struct error *err)
{
	for (size_t i = 0; i < names->n; i++) {
		const char *name = names->items[i];
		const struct field *f;

		if (strchr(name, '*')) {
			if (choose_matching(chosen, in, name, arena) < 0)
				return error_at(err, EINVAL, names->pos[i],
						"'%s' is not a pattern ('[' is not closed, or a "
						"backslash ends it)",
						name);
			continue;
		}
		f = schema_find(in, name);
		if (f)
			choose(chosen, (uint32_t)(f - in->fields));
	}
	return 0;
}

static int check_options(const struct select *select, struct error *err)
{
	if (select->fields.n && select->drop.n)
		return error_at(err, EINVAL, select->drop.pos[0],
				"give either 'fields' or 'drop', not both");
	if (!select->fields.n && !select->drop.n)
		return error_set(
			err, EINVAL,
			"nothing to select (give 'fields' to keep or 'drop' to leave out)");
	return 0;
}

static int select_bind(void *self, const struct schema *in, void **ret_bound, struct outputs *out,
		       struct error *err)
{
	struct select *select = self;
	struct arena *arena = outputs_arena(out);
	const struct schema *schema;
	struct chosen chosen = { 0 };
	int r = check_options(select, err);

	if (r == 0)
		r = choose_all(&chosen, in, select->fields.n ? &select->fields : &select->drop,
			       arena, err);
	if (r < 0)
		return r;
	if (select->fields.n)
		schema = schema_project(arena, in, chosen.indexes, chosen.n);
	else
		schema = schema_without(arena, in, chosen.indexes, chosen.n);
	*ret_bound = (void *)(uintptr_t)schema;
	return outputs_pass(out, PORT_MAIN, schema);
}

static void select_process(void *self, void *bound, struct stage *stage, struct batch *batch)
{
	(void)self;
	batch->schema = bound;
	stage_emit(stage, PORT_MAIN, batch);
}

const struct stage_type stage_select = {
	.base = {
		.name = "select",
		.summary = "Choose the fields that go on, and their order",
		.help = "Only makes another view of the same rows, so it costs nothing per record. "
			"Further down, fields that are left out are unknown; the engine's own "
			"(@event, @time, ...) can always be used.",
		.size = sizeof(struct select),
		.options = options,
		.examples = examples,
	},
	.flags = STAGE_STATELESS,
	.bind = select_bind,
	.process = select_process,
};
