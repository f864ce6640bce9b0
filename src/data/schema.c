/* SPDX-License-Identifier: Apache-2.0 */
#include "data/schema.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { CONSTS_CAP = 4096 };

/* The engine's fields; the first nengine of every schema that a source makes. */
static const struct {
	const char *name, *label;
	uint8_t flags;
} engine_fields[] = {
	{ "@event", "event", FIELD_QUIET },     { "@source", "@source", FIELD_HIDDEN },
	{ "@gadget", "@gadget", FIELD_HIDDEN }, { "@host", "@host", FIELD_HIDDEN },
	{ "@id", "@id", FIELD_HIDDEN },         { "@time", "@time", FIELD_HIDDEN },
};

enum { ENGINE_FIELDS = sizeof(engine_fields) / sizeof(*engine_fields), AT_ID = 4, AT_TIME = 5 };

static uint32_t add_const_str(struct schema_builder *b, const char *text)
{
	struct str s = { .at = arena_strdup(b->arena, text ? text : "") };
	uint32_t at = b->nconsts;

	s.len = strlen(s.at);
	memcpy(b->consts + at, &s, sizeof(s));
	b->nconsts += sizeof(s);
	return at;
}

void schema_begin(struct schema_builder *b, struct arena *arena, const struct schema_head *head)
{
	const char *texts[ENGINE_FIELDS] = { head->event, head->source, head->gadget, head->host };

	*b = (struct schema_builder){
		.arena = arena,
		.schema = arena_alloc(arena, sizeof(struct schema)),
		.fields = arena_array(arena, SCHEMA_MAX_FIELDS, sizeof(struct field)),
		.consts = arena_alloc(arena, CONSTS_CAP),
	};
	b->schema->event = arena_strdup(arena, head->event);
	b->schema->source = arena_strdup(arena, head->source);
	b->schema->row_min = head->row_min;
	b->schema->seq_at = head->seq_at;
	for (uint32_t i = 0; i < ENGINE_FIELDS; i++) {
		struct field *f = &b->fields[b->nfields++];

		*f = (struct field){ .name = engine_fields[i].name,
				     .label = engine_fields[i].label,
				     .flags = engine_fields[i].flags,
				     .type = TYPE_STRING,
				     .layout = LAYOUT_STR,
				     .loc = LOC_CONST,
				     .size = sizeof(struct str) };
		if (texts[i])
			f->at = add_const_str(b, texts[i]);
	}
	b->fields[AT_ID].loc = LOC_META;
	b->fields[AT_ID].layout = LAYOUT_RID;
	b->fields[AT_TIME].loc = LOC_META;
	b->fields[AT_TIME].layout = LAYOUT_READ;
	b->fields[AT_TIME].type = TYPE_TIME;
}

static const struct field *find_exact(const struct field *fields, uint32_t n, const char *name)
{
	for (uint32_t i = 0; i < n; i++)
		if (!strcmp(fields[i].name, name))
			return &fields[i];
	return NULL;
}

int schema_add(struct schema_builder *b, const struct field *field)
{
	struct field *f;

	if (b->nfields == SCHEMA_MAX_FIELDS)
		return -E2BIG;
	if (find_exact(b->fields, b->nfields, field->name))
		return -EEXIST;
	f = &b->fields[b->nfields++];
	*f = *field;
	f->name = arena_strdup(b->arena, field->name);
	f->label = field->label ? arena_strdup(b->arena, field->label) : f->name;
	if (f->loc == LOC_ROW && f->layout == LAYOUT_BOOT && f->type == TYPE_TIME &&
	    b->fields[AT_TIME].loc == LOC_META) {
		b->fields[AT_TIME].loc = LOC_ROW;
		b->fields[AT_TIME].layout = LAYOUT_BOOT;
		b->fields[AT_TIME].at = f->at;
		b->fields[AT_TIME].size = f->size;
	}
	return 0;
}

static uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t len)
{
	const uint8_t *p = bytes;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ p[i]) * UINT64_C(1099511628211);
	return hash;
}

static uint64_t hash_names(uint64_t hash, const struct names *names)
{
	for (uint32_t i = 0; i < names->n; i++) {
		const struct name *name = &names->list[i];

		hash = hash_bytes(hash, &name->mask, sizeof(name->mask));
		hash = hash_bytes(hash, &name->value, sizeof(name->value));
		hash = hash_bytes(hash, name->text.at, name->text.len);
	}
	hash = hash_bytes(hash, names->unknown, strlen(names->unknown) + 1);
	return hash_bytes(hash, names->separator, strlen(names->separator) + 1);
}

static uint64_t hash_fields(uint64_t hash, const struct field *fields, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		const struct field *f = &fields[i];
		uint32_t place[] = { f->type, f->layout, f->loc,  f->flags, f->at,
				     f->size, f->bit,    f->bits, f->len_at };

		hash = hash_bytes(hash, f->name, strlen(f->name) + 1);
		hash = hash_bytes(hash, f->label, strlen(f->label) + 1);
		hash = hash_bytes(hash, place, sizeof(place));
		if (f->names)
			hash = hash_names(hash, f->names);
		if (f->element) {
			hash = hash_bytes(hash, &f->element->stride, sizeof(f->element->stride));
			hash = hash_fields(hash, f->element->fields, f->element->nfields);
		}
	}
	return hash;
}

static uint64_t schema_hash(const struct schema *s)
{
	uint64_t hash = hash_bytes(UINT64_C(14695981039346656037), s->event, strlen(s->event) + 1);

	hash = hash_bytes(hash, s->source, strlen(s->source) + 1);
	hash = hash_bytes(hash, &s->row_min, sizeof(s->row_min));
	hash = hash_bytes(hash, &s->seq_at, sizeof(s->seq_at));
	return hash_fields(hash, s->fields, s->nfields);
}

static const struct schema *finish(struct schema *s, struct field *fields, uint32_t n)
{
	s->fields = fields;
	s->nfields = (uint16_t)n;
	s->time = find_exact(fields, n, "@time");
	s->hash = schema_hash(s);
	return s;
}

const struct schema *schema_end(struct schema_builder *b)
{
	struct field *fields = arena_memdup(b->arena, b->fields, b->nfields * sizeof(*fields));

	/* A record's own `event` keeps the bare word; the engine's shows with its '@'. */
	for (uint32_t i = 0; i < ENGINE_FIELDS; i++)
		if (find_exact(fields + ENGINE_FIELDS, b->nfields - ENGINE_FIELDS, fields[i].label))
			fields[i].label = fields[i].name;
	b->schema->consts = b->consts;
	return finish(b->schema, fields, b->nfields);
}

const struct schema *schema_finish(struct arena *arena, const struct schema *draft)
{
	struct schema *s = arena_memdup(arena, draft, sizeof(*draft));
	struct field *fields = arena_memdup(arena, s->fields, s->nfields * sizeof(*fields));

	return finish(s, fields, s->nfields);
}

static bool is_listed(const uint16_t *indexes, uint32_t n, uint32_t index)
{
	for (uint32_t i = 0; i < n; i++)
		if (indexes[i] == index)
			return true;
	return false;
}

const struct schema *schema_project(struct arena *arena, const struct schema *from,
				    const uint16_t *indexes, uint32_t n)
{
	struct schema *s = arena_memdup(arena, from, sizeof(*from));
	struct field *fields = arena_array(arena, n + ENGINE_FIELDS, sizeof(*fields));
	uint32_t at = 0;

	for (uint32_t i = 0; i < n; i++) {
		fields[at] = from->fields[indexes[i]];
		fields[at++].flags = 0;
	}
	for (uint32_t i = 0; i < from->nfields; i++) {
		if (from->fields[i].name[0] != '@' || is_listed(indexes, n, i))
			continue;
		fields[at] = from->fields[i];
		fields[at++].flags |= FIELD_HIDDEN;
	}
	return finish(s, fields, at);
}

const struct schema *schema_without(struct arena *arena, const struct schema *from,
				    const uint16_t *indexes, uint32_t n)
{
	struct schema *s = arena_memdup(arena, from, sizeof(*from));
	struct field *fields = arena_array(arena, from->nfields, sizeof(*fields));
	uint32_t at = 0;

	for (uint32_t i = 0; i < from->nfields; i++) {
		bool is_dropped = is_listed(indexes, n, i);

		if (is_dropped && from->fields[i].name[0] != '@')
			continue;
		fields[at] = from->fields[i];
		if (is_dropped)
			fields[at].flags |= FIELD_HIDDEN;
		at++;
	}
	return finish(s, fields, at);
}

const struct field *schema_find(const struct schema *schema, const char *name)
{
	const struct field *f = find_exact(schema->fields, schema->nfields, name);

	if (f)
		return f;
	for (uint32_t i = 0; i < schema->nfields; i++)
		if (schema->fields[i].name[0] == '@' && !strcmp(schema->fields[i].name + 1, name))
			return &schema->fields[i];
	return NULL;
}

struct str field_const_str(const struct schema *schema, const struct field *field)
{
	struct str s;

	memcpy(&s, schema->consts + field->at, sizeof(s));
	return s;
}
