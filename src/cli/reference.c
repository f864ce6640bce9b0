/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reference: one walk over the tables, two ways to write.
 *
 * A nested option is shown as `outer.inner`.  Options that every sink has are
 * shown once, in front of the sinks.
 */
#include "cli/reference.h"

#include <string.h>

#include "base/suggest.h"
#include "cli/text.h"
#include "engine/delivery.h"
#include "engine/registry.h"

enum { NKINDS = 3 };

static const char *const kinds[NKINDS] = { "source", "stage", "sink" };

/* The i-th component of a kind, or NULL. */
static const struct component *component_at(int kind, size_t i)
{
	const struct registry *registry = &registry_builtin;

	if (kind == 0)
		return registry->sources[i] ? &registry->sources[i]->base : NULL;
	if (kind == 1)
		return registry->stages[i] ? &registry->stages[i]->base : NULL;
	return registry->sinks[i] ? &registry->sinks[i]->base : NULL;
}

/* "size, default 16MiB, 256KiB to 64GiB" */
static const char *describe_option(const struct opt *opt, struct arena *arena)
{
	const char *text =
		opt->type == OPT_TYPE_ENUM ? "one of the below" : opt_describe_type(opt, arena);

	if (opt->required)
		text = arena_printf(arena, "%s, required", text);
	if (opt->def)
		text = arena_printf(arena, "%s, default %s", text, opt->def);
	if (opt->min && opt->max)
		return arena_printf(arena, "%s, %s to %s", text, opt->min, opt->max);
	if (opt->min)
		return arena_printf(arena, "%s, at least %s", text, opt->min);
	if (opt->max)
		return arena_printf(arena, "%s, at most %s", text, opt->max);
	return text;
}

static const char *full_name(const char *prefix, const struct opt *opt, struct arena *arena)
{
	return arena_printf(arena, "%s%s", prefix, opt->name);
}

/* ---- text -------------------------------------------------------------- */

static void text_values(const struct opt *opt, FILE *out)
{
	for (const struct opt_value *v = opt->values; v && v->name; v++) {
		(void)fprintf(out, "        %-16s", v->name);
		text_wrap(out, v->help, 24);
	}
}

static void text_options(const struct opt *table, const char *prefix, struct arena *arena,
			 FILE *out)
{
	for (const struct opt *opt = table; opt && opt->type != OPT_TYPE_END; opt++) {
		const char *name = full_name(prefix, opt, arena);

		(void)fprintf(out, "  %s  (%s)\n      ", name, describe_option(opt, arena));
		text_wrap(out, opt->help, 6);
		text_values(opt, out);
		if (opt->type == OPT_TYPE_TABLE)
			text_options(opt->table, arena_printf(arena, "%s.", name), arena, out);
	}
}

static void text_counters(const struct counter *counters, FILE *out)
{
	if (!counters || !counters->name)
		return;
	(void)fputs("\nCounters:\n", out);
	for (const struct counter *c = counters; c->name; c++) {
		(void)fprintf(out, "  %-16s  ", c->name);
		text_wrap(out, c->help, 20);
	}
}

/* Each line of text, indented. */
static void text_block(const char *text, FILE *out)
{
	while (*text) {
		size_t len = strcspn(text, "\n");

		(void)fprintf(out, "    %.*s\n", (int)len, text);
		text += len + (text[len] == '\n');
	}
}

static void text_examples(const struct example *examples, FILE *out)
{
	for (const struct example *e = examples; e && e->title; e++) {
		(void)fprintf(out, "\nExample: %s\n", e->title);
		text_block(e->config, out);
		if (e->input && e->output) {
			(void)fputs("  makes of\n", out);
			text_block(e->input, out);
			(void)fputs("  this:\n", out);
			text_block(e->output, out);
		}
	}
}

static void text_component(const struct component *c, int kind, struct arena *arena, FILE *out)
{
	(void)fprintf(out, "%s (%s): %s\n", c->name, kinds[kind], c->summary);
	if (c->help) {
		(void)fputs("\n  ", out);
		text_wrap(out, c->help, 2);
	}
	if (c->options && c->options->type != OPT_TYPE_END) {
		(void)fputs("\nOptions:\n", out);
		text_options(c->options, "", arena, out);
	}
	if (kind == 2) {
		(void)fputs("\nOptions of every sink:\n", out);
		text_options(delivery_option_table, "", arena, out);
	}
	text_counters(c->counters, out);
	text_examples(c->examples, out);
}

bool reference_print(const char *name, FILE *out)
{
	struct arena arena = ARENA_INIT;
	bool any = false;

	for (int kind = 0; kind < NKINDS; kind++)
		for (size_t i = 0; component_at(kind, i); i++) {
			if (strcmp(component_at(kind, i)->name, name) != 0)
				continue;
			if (any)
				(void)fputc('\n', out);
			text_component(component_at(kind, i), kind, &arena, out);
			any = true;
		}
	arena_release(&arena);
	return any;
}

bool reference_has(const char *name)
{
	for (int kind = 0; kind < NKINDS; kind++)
		for (size_t i = 0; component_at(kind, i); i++)
			if (!strcmp(component_at(kind, i)->name, name))
				return true;
	return false;
}

void reference_print_list(FILE *out)
{
	for (int kind = 0; kind < NKINDS; kind++) {
		(void)fprintf(out, "%s%c%ss:\n", kind ? "\n" : "", kinds[kind][0] - 'a' + 'A',
			      kinds[kind] + 1);
		for (size_t i = 0; component_at(kind, i); i++)
			(void)fprintf(out, "  %-12s%s\n", component_at(kind, i)->name,
				      component_at(kind, i)->summary);
	}
}

const char *reference_near(const char *name)
{
	struct suggest suggest;

	suggest_init(&suggest, name);
	for (int kind = 0; kind < NKINDS; kind++)
		for (size_t i = 0; component_at(kind, i); i++)
			suggest_offer(&suggest, component_at(kind, i)->name);
	return suggest_result(&suggest);
}

/* ---- Markdown ---------------------------------------------------------- */

/* Text in a table cell: '|' would end it, '<' and '*' mean something. */
static void markdown_cell(const char *text, FILE *out)
{
	for (; *text; text++) {
		if (strchr("|<*_", *text))
			(void)fputc('\\', out);
		(void)fputc(*text == '\n' ? ' ' : *text, out);
	}
}

static void markdown_option(const struct opt *opt, const char *name, struct arena *arena, FILE *out)
{
	(void)fprintf(out, "| `%s` | ", name);
	markdown_cell(describe_option(opt, arena), out);
	(void)fputs(" | ", out);
	markdown_cell(opt->help, out);
	for (const struct opt_value *v = opt->values; v && v->name; v++) {
		(void)fprintf(out, "<br>`%s`: ", v->name);
		markdown_cell(v->help, out);
	}
	(void)fputs(" |\n", out);
}

static void markdown_rows(const struct opt *table, const char *prefix, struct arena *arena,
			  FILE *out)
{
	for (const struct opt *opt = table; opt && opt->type != OPT_TYPE_END; opt++) {
		const char *name = full_name(prefix, opt, arena);

		markdown_option(opt, name, arena, out);
		if (opt->type == OPT_TYPE_TABLE)
			markdown_rows(opt->table, arena_printf(arena, "%s.", name), arena, out);
	}
}

static void markdown_options(const struct opt *table, struct arena *arena, FILE *out)
{
	if (!table || table->type == OPT_TYPE_END)
		return;
	(void)fputs("\n| option | value | |\n|---|---|---|\n", out);
	markdown_rows(table, "", arena, out);
}

static void markdown_counters(const struct counter *counters, FILE *out)
{
	if (!counters || !counters->name)
		return;
	(void)fputs("\n| counter | |\n|---|---|\n", out);
	for (const struct counter *c = counters; c->name; c++) {
		(void)fprintf(out, "| `%s` | ", c->name);
		markdown_cell(c->help, out);
		(void)fprintf(out, "%s |\n", c->is_loss ? " Counts as a loss." : "");
	}
}

static void markdown_block(const char *language, const char *text, FILE *out)
{
	size_t len = strlen(text);

	(void)fprintf(out, "\n```%s\n%s%s```\n", language, text,
		      len && text[len - 1] == '\n' ? "" : "\n");
}

static void markdown_examples(const struct example *examples, FILE *out)
{
	for (const struct example *e = examples; e && e->title; e++) {
		(void)fprintf(out, "\n**%s**\n", e->title);
		markdown_block("yaml", e->config, out);
		if (!e->input || !e->output)
			continue;
		(void)fputs("\nmakes of\n", out);
		markdown_block("json", e->input, out);
		(void)fputs("\nthis:\n", out);
		markdown_block("json", e->output, out);
	}
}

static void markdown_component(const struct component *c, struct arena *arena, FILE *out)
{
	(void)fprintf(out, "\n### %s\n\n%s.\n", c->name, c->summary);
	if (c->help) {
		(void)fputc('\n', out);
		text_wrap(out, c->help, 0);
	}
	markdown_options(c->options, arena, out);
	markdown_counters(c->counters, out);
	markdown_examples(c->examples, out);
}

static void markdown_kind(int kind, struct arena *arena, FILE *out)
{
	(void)fprintf(out, "\n## %c%ss\n", kinds[kind][0] - 'a' + 'A', kinds[kind] + 1);
	if (kind == 2) {
		(void)fputs("\nEvery sink has these options besides its own:\n", out);
		markdown_options(delivery_option_table, arena, out);
	}
	for (size_t i = 0; component_at(kind, i); i++)
		markdown_component(component_at(kind, i), arena, out);
}

void reference_print_markdown(FILE *out)
{
	struct arena arena = ARENA_INIT;

	(void)fputs("# Components\n\n"
		    "What can stand behind `type:` in a pipeline file (see "
		    "[pipeline-file.md](../pipeline-file.md)).\n"
		    "Made by `make docs` from the components' own tables; do not edit.\n",
		    out);
	for (int kind = 0; kind < NKINDS; kind++)
		markdown_kind(kind, &arena, out);
	arena_release(&arena);
}
