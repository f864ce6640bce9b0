/* SPDX-License-Identifier: Apache-2.0 */
#include "gadget/walk.h"

#include <bpf/btf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

bool walk_is_called(const struct walk *w, uint32_t type_id, const char *name)
{
	const struct btf_type *t = btf_bare(w->btf, type_id, NULL);
	const char *called = t ? btf__name_by_offset(w->btf, t->name_off) : NULL;

	return (called && !strcmp(called, name)) || btf_is_called(w->btf, type_id, name);
}

int walk_push(struct walk *w, const char *name, size_t *ret_len)
{
	size_t len = strlen(w->name), room = sizeof(w->name) - len;
	int n = snprintf(w->name + len, room, "%s%s", len ? "." : "", name);

	*ret_len = len;
	if (n < 0 || (size_t)n >= room)
		return error_set(w->err, E2BIG, "the name of a member is too long");
	return 0;
}

void walk_pop(struct walk *w, size_t len)
{
	w->name[len] = 0;
}

const char *walk_member_name(const struct walk *w)
{
	return w->name + w->name_from;
}

const char *walk_sibling_name(struct walk *w, const char *last, size_t len)
{
	const char *name = walk_member_name(w), *dot = strrchr(name, '.');

	return arena_printf(w->arena, "%.*s%.*s", dot ? (int)(dot + 1 - name) : 0, name, (int)len,
			    last);
}

int walk_skip(struct walk *w, const char *why)
{
	struct model_source *s = w->source;

	if (s->nskipped == MODEL_MAX_FIELDS)
		return 0;
	s->skipped[s->nskipped++] =
		(struct model_skipped){ .name = arena_strdup(w->arena, w->name), .why = why };
	return 0;
}

int walk_append(struct walk *w, const char *name, const struct field *field)
{
	struct field *f;

	for (uint32_t i = w->first; i < w->nfields; i++)
		if (!strcmp(w->fields[i].name, name))
			return error_set(w->err, EEXIST,
					 "two fields are called '%s', one of them for member '%s'",
					 name, w->name);
	if (w->nfields == MODEL_MAX_FIELDS || ++w->total > MODEL_MAX_FIELDS)
		return error_set(w->err, E2BIG, "more than %d fields", MODEL_MAX_FIELDS);
	f = &w->fields[w->nfields++];
	*f = *field;
	f->loc = LOC_ROW;
	f->name = f->label = arena_strdup(w->arena, name);
	if (w->is_quiet)
		f->flags |= FIELD_QUIET;
	return 0;
}

const struct names *walk_words(struct walk *w, enum words words)
{
	if (words != WORDS_NONE && !w->words[words])
		w->words[words] = vocabulary_make(w->arena, words);
	return w->words[words];
}
