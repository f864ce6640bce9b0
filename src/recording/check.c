/* SPDX-License-Identifier: Apache-2.0 */
#include "recording/check.h"

#include <errno.h>
#include <string.h>

#define L(id) (UINT32_C(1) << LAYOUT_##id)

#define NUMBERS \
	(L(U8) | L(U16) | L(U32) | L(U64) | L(S8) | L(S16) | L(S32) | L(S64) | L(BITS) | L(SBITS))
#define SPANS (L(CHARS) | L(BYTES) | L(TAIL) | L(REST))

/* Which layouts the readers of a type know. */
static const uint32_t layouts[TYPE_COUNT] = {
	[TYPE_BOOL] = NUMBERS,
	[TYPE_INT] = NUMBERS | L(U128) | L(S128),
	[TYPE_UINT] = NUMBERS | L(U128) | L(S128),
	[TYPE_FLOAT] = L(F32) | L(F64),
	[TYPE_STRING] = SPANS | L(STR) | L(RID),
	[TYPE_STRINGS] = SPANS,
	[TYPE_BYTES] = SPANS,
	[TYPE_TIME] = L(BOOT) | L(READ) | L(U64) | L(S64),
	[TYPE_TIME_NS] = L(BOOT) | L(READ) | L(U64) | L(S64),
	[TYPE_NAME] = NUMBERS,
	[TYPE_FLAGS] = NUMBERS,
	[TYPE_DURATION] = NUMBERS,
	[TYPE_SIZE] = NUMBERS,
	[TYPE_MODE] = NUMBERS,
	[TYPE_IP] = L(L3) | L(L4),
	[TYPE_ENDPOINT] = L(L4),
	[TYPE_DNS] = SPANS,
	[TYPE_ARRAY] = L(BYTES) | L(TAIL) | L(REST),
};

struct checker {
	struct error *err;
	uint32_t nfields;
};

static int bad(const struct checker *c, const struct field *f, const char *what)
{
	return error_set(c->err, EBADMSG, "field '%s': %s", f->name, what);
}

static bool is(const struct field *f, enum layout layout)
{
	return f->layout == layout;
}

static int check_kind(const struct checker *c, const struct field *f)
{
	bool is_meta = is(f, LAYOUT_READ) || is(f, LAYOUT_RID);

	if (f->type >= TYPE_COUNT || f->layout >= LAYOUT_COUNT)
		return error_set(c->err, ENOTSUP,
				 "field '%s' is of type %u in layout %u; made by a newer version",
				 f->name, f->type, f->layout);
	if (!(layouts[f->type] >> f->layout & 1))
		return error_set(c->err, EBADMSG, "field '%s': a %s cannot lie as %s", f->name,
				 type_name((enum type)f->type),
				 layout_name((enum layout)f->layout));
	if (f->flags & ~(FIELD_HIDDEN | FIELD_QUIET | FIELD_COLUMN))
		return bad(c, f, "has flags of a newer version");
	if (f->loc == LOC_COL)
		return bad(c, f, "was computed by a stage");
	/* An address in a file would be read as one of ours. */
	if (is(f, LAYOUT_STR) != (f->loc == LOC_CONST))
		return bad(c, f, "only constants are kept by address");
	if (is_meta != (f->loc == LOC_META))
		return bad(c, f, "is not where its layout says");
	if ((f->type == TYPE_NAME || f->type == TYPE_FLAGS) != (f->names != NULL))
		return bad(c, f, "names and flags have a table, others have none");
	if ((f->type == TYPE_ARRAY) != (f->element != NULL))
		return bad(c, f, "arrays have an element, others have none");
	return 0;
}

static int check_bits(const struct checker *c, const struct field *f)
{
	bool has_bits = is(f, LAYOUT_BITS) || is(f, LAYOUT_SBITS);

	if (!has_bits)
		return f->bit || f->bits ? bad(c, f, "only bit-fields have bits") : 0;
	if (!f->size || f->size > 9 || !f->bits || f->bits > 64 ||
	    (uint32_t)f->bit + f->bits > 8 * f->size)
		return bad(c, f, "its bits are not in its bytes");
	return 0;
}

/* Whether the field lies in the `room` bytes that are always there. */
static int check_place(const struct checker *c, const struct field *f, uint32_t room)
{
	uint32_t bytes = layout_bytes((enum layout)f->layout);

	if (is(f, LAYOUT_TAIL) || is(f, LAYOUT_REST)) {
		if ((uint64_t)f->at + f->size > room)
			return bad(c, f, "begins behind the end of the row");
		if (is(f, LAYOUT_REST) && (uint64_t)f->len_at + sizeof(uint32_t) > room)
			return bad(c, f, "its length is not in the row");
		return 0;
	}
	if (bytes && f->size != bytes)
		return bad(c, f, "its size is not that of its layout");
	if (!f->size)
		return bad(c, f, "has no size");
	if ((uint64_t)f->at + f->size > room)
		return bad(c, f, "ends behind the end of the row");
	return 0;
}

static int check_fields(struct checker *c, const struct field *fields, uint32_t n, uint32_t room,
			uint32_t depth);

static int check_element(struct checker *c, const struct field *f, uint32_t depth)
{
	const struct element *e = f->element;

	if (depth == CHECK_ELEMENT_DEPTH)
		return bad(c, f, "arrays are nested too deep");
	if (!e->stride || e->stride > CHECK_ROW_MAX)
		return bad(c, f, "its elements have no proper size");
	if (!e->nfields || e->nfields > SCHEMA_MAX_FIELDS || (!e->is_object && e->nfields != 1))
		return bad(c, f, "its elements have no proper number of fields");
	for (uint32_t i = 0; i < e->nfields; i++)
		if (e->fields[i].loc != LOC_ROW || is(&e->fields[i], LAYOUT_TAIL) ||
		    is(&e->fields[i], LAYOUT_REST))
			return bad(c, f, "a member of its elements has no fixed place");
	return check_fields(c, e->fields, e->nfields, e->stride, depth + 1);
}

static int check_field(struct checker *c, const struct field *f, uint32_t room, uint32_t depth)
{
	int r = check_kind(c, f);

	if (r == 0)
		r = check_bits(c, f);
	if (r == 0 && f->loc == LOC_ROW)
		r = check_place(c, f, room);
	if (r == 0 && f->element)
		r = check_element(c, f, depth);
	return r;
}

static int check_fields(struct checker *c, const struct field *fields, uint32_t n, uint32_t room,
			uint32_t depth)
{
	c->nfields += n;
	if (c->nfields > CHECK_FIELDS_MAX)
		return error_set(c->err, E2BIG, "more than %d fields", CHECK_FIELDS_MAX);
	for (uint32_t i = 0; i < n; i++) {
		int r;

		for (uint32_t j = 0; j < i; j++)
			if (!strcmp(fields[i].name, fields[j].name))
				return bad(c, &fields[i], "is there twice");
		r = check_field(c, &fields[i], room, depth);
		if (r < 0)
			return r;
	}
	return 0;
}

/* The fields that the engine counts on. */
static int check_engine(const struct checker *c, const struct schema *schema)
{
	static const struct {
		const char *name;
		uint32_t layouts;
		enum type type;
	} all[] = {
		{ "@event", L(STR), TYPE_STRING },  { "@source", L(STR), TYPE_STRING },
		{ "@gadget", L(STR), TYPE_STRING }, { "@host", L(STR), TYPE_STRING },
		{ "@id", L(RID), TYPE_STRING },     { "@time", L(BOOT) | L(READ), TYPE_TIME },
	};
	uint32_t n = 0;

	for (uint32_t i = 0; i < schema->nfields; i++)
		n += schema->fields[i].name[0] == '@';
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		const struct field *f = schema_find(schema, all[i].name);

		if (!f)
			return error_set(c->err, EBADMSG, "has no field '%s'", all[i].name);
		if (f->type != all[i].type || !(all[i].layouts >> f->layout & 1))
			return bad(c, f, "is not what it has to be");
	}
	if (n != sizeof(all) / sizeof(*all))
		return error_set(c->err, ENOTSUP,
				 "has fields with '@' that are not known; made by a newer version");
	return 0;
}

int schema_check(const struct schema *schema, struct error *err)
{
	struct checker c = { .err = err };
	int r;

	if (schema->ncols)
		return error_set(err, EINVAL,
				 "'%s' has fields that a stage computed; only rows can be recorded "
				 "(record in front of that stage)",
				 schema->event);
	if (schema->row_min > CHECK_ROW_MAX)
		return error_set(err, EBADMSG, "'%s' has rows of %u bytes", schema->event,
				 schema->row_min);
	if (schema->seq_at != SCHEMA_NO_SEQ &&
	    (uint64_t)schema->seq_at + sizeof(uint64_t) > schema->row_min)
		return error_set(err, EBADMSG, "the numbers of '%s' are not in its rows",
				 schema->event);
	r = check_fields(&c, schema->fields, schema->nfields, schema->row_min, 0);
	if (r == 0)
		r = check_engine(&c, schema);
	return r < 0 ? error_wrap(err, "schema '%s'", schema->event) : 0;
}
