/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/gadget_help.h"

#include <string.h>

#include "cli/commands.h"
#include "cli/text.h"
#include "data/type.h"
#include "gadget/metadata.h"

enum {
	COLUMN = 28,      /* where descriptions begin */
	LISTED_MAX = 480, /* bytes of a list of choices */
};

int gadget_look(const char *what, struct arena *arena, struct found_gadget *ret_found,
		struct error *err)
{
	return find_model(arena, what, NULL, NULL, ret_found, err);
}

/* How long the text is without blanks at its end. */
static int trimmed(const char *text)
{
	size_t len = strlen(text);

	while (len && text[len - 1] == ' ')
		len--;
	return (int)len;
}

/* The left side, then the right one beside it, or on the next line. */
static void print_pair(const char *left, const char *right, struct arena *arena, FILE *out)
{
	if (!right[strspn(right, " ")]) {
		(void)fprintf(out, "%.*s\n", trimmed(left), left);
		return;
	}
	(void)fprintf(out, "%-*s", COLUMN, left);
	if (strlen(left) >= COLUMN)
		(void)fprintf(out, "\n%*s", COLUMN, "");
	text_wrap(out, text_clean(arena, right), COLUMN);
}

/* ---- parameters ---------------------------------------------------------- */

/* A flag of the command itself hides a parameter of the same name. */
static bool is_hidden(const char *key)
{
	return !strcmp(key, "help") || flags_find(command_run.flags, key);
}

static const char *param_flag(const struct model_param *p, struct arena *arena)
{
	const char *kind = param_kind_name(p->kind);

	if (is_hidden(p->key))
		return arena_printf(arena, "  --param %s=%s", p->key, kind);
	if (p->kind == PARAM_BOOL)
		return arena_printf(arena, "  --%s%s", p->key,
				    strcmp(p->initial, "true") != 0 ? "" : "=false");
	return arena_printf(arena, "  --%s %s", p->key, kind);
}

/* "(RED, GREEN; default RED)" */
static const char *param_rest(const struct model_param *p, struct arena *arena)
{
	char choices[LISTED_MAX];
	const char *any = p->takes_any ? ", or any other" : "";
	const char *quote = p->kind == PARAM_TEXT ? "\"" : "";

	if (p->nchoices && *p->initial)
		return arena_printf(arena, "(%s%s; default %s)",
				    param_choices(p, choices, sizeof(choices)), any, p->initial);
	if (p->nchoices)
		return arena_printf(arena, "(%s%s)", param_choices(p, choices, sizeof(choices)),
				    any);
	if (*p->initial)
		return arena_printf(arena, "(default %s%s%s)", quote, p->initial, quote);
	return "";
}

static void print_params(const struct model *model, struct arena *arena, FILE *out)
{
	bool has_any = false;

	for (uint32_t i = 0; i < model->nparams; i++) {
		const struct model_param *p = &model->params[i];
		const char *text = p->description ? p->description : "";

		if (p->kind == PARAM_OTHER)
			continue;
		if (!has_any)
			(void)fputs("\nParameters:\n", out);
		has_any = true;
		print_pair(param_flag(p, arena),
			   arena_printf(arena, "%s %s", text, param_rest(p, arena)), arena, out);
	}
}

/* ---- fields -------------------------------------------------------------- */

static void print_fields(const struct model_source *source, struct arena *arena, FILE *out)
{
	(void)fprintf(out, "\nFields of '%s':\n", source->name);
	for (uint32_t i = 0; i < source->nfields; i++) {
		const struct field *f = &source->fields[i];
		const char *text = f->notes && f->notes->description ? f->notes->description : "";

		if (f->flags & FIELD_HIDDEN)
			continue;
		print_pair(arena_printf(arena, "  %-*s %s", COLUMN - 12, f->name,
					type_name((enum type)f->type)),
			   text, arena, out);
	}
}

/* ---- all of it ----------------------------------------------------------- */

void gadget_help_print(const struct model *model, const char *what, FILE *out)
{
	const struct metadata *md = model->metadata;
	struct arena arena = ARENA_INIT;
	struct error err = ERROR_INIT;

	text_wrap(out, text_clean(&arena, md && md->name ? md->name : model->name), 0);
	if (md && md->description)
		text_wrap(out, text_clean(&arena, md->description), 0);
	if (md && md->documentation)
		text_wrap(out, text_clean(&arena, md->documentation), 0);
	(void)fprintf(out, "\nUsage: gadgetctl run %s [--PARAMETER VALUE ...] [flags]\n", what);
	print_params(model, &arena, out);
	for (uint32_t i = 0; i < model->nsources; i++)
		print_fields(&model->sources[i], &arena, out);
	if (model_check(model, &err) < 0)
		(void)fprintf(out, "\nThis version cannot run it: %s\n", err.text);
	(void)fputs("\n'gadgetctl help run' lists the flags that every gadget has.\n", out);
	arena_release(&arena);
}
