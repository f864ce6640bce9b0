/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses of the gadget ABI, struct gadget_l3endpoint_t and gadget_l4endpoint_t: 16 bytes
 * of address, of which IPv4 uses the first four, and behind them, by kind,
 *
 *	l3	version (u8 at 16)
 *	l4	port (u16 at 16), proto_raw (u16 at 18), version (u8 at 20)
 *
 * with ports in host order and version 4 or 6.
 */
#include <bpf/btf.h>
#include <string.h>

#include "gadget/templates.h"
#include "gadget/walk.h"

enum {
	L3_VERSION = 16,
	L4_PORT = 16,
	L4_PROTO = 18,
	L4_VERSION = 20,
};

/* Whether a number of that size lies at that byte, whatever else there is. */
static bool has_member(const struct walk *w, const struct btf_type *st, const char *name,
		       uint32_t at, uint32_t size)
{
	for (uint32_t i = 0; i < btf_vlen(st); i++) {
		const struct btf_member *m = btf_members(st) + i;
		const char *called = btf__name_by_offset(w->btf, m->name_off);
		const struct btf_type *t;

		if (!called || strcmp(called, name) != 0)
			continue;
		t = btf_bare(w->btf, m->type, NULL);
		return t && btf_is_int(t) && t->size == size &&
		       btf_member_bit_offset(st, i) == 8 * at && !btf_member_bitfield_size(st, i);
	}
	return false;
}

static bool is_l3(const struct walk *w, uint32_t type_id, const struct btf_type *st)
{
	return walk_is_called(w, type_id, "gadget_l3endpoint_t") && st->size > L3_VERSION &&
	       has_member(w, st, "version", L3_VERSION, 1);
}

static bool is_l4(const struct walk *w, uint32_t type_id, const struct btf_type *st)
{
	return walk_is_called(w, type_id, "gadget_l4endpoint_t") && st->size > L4_VERSION &&
	       has_member(w, st, "port", L4_PORT, 2) &&
	       has_member(w, st, "proto_raw", L4_PROTO, 2) &&
	       has_member(w, st, "version", L4_VERSION, 1);
}

bool endpoint_is(const struct walk *w, uint32_t type_id, const struct btf_type *st)
{
	return btf_is_struct(st) && (is_l3(w, type_id, st) || is_l4(w, type_id, st));
}

/* The template's notes under the header of the endpoint itself: `src`, not `src.addr`. */
static const struct notes *notes_of(struct walk *w, const char *template)
{
	struct notes *notes =
		arena_memdup(w->arena, &notes_template(template)->notes, sizeof(*notes));
	const char *dot = strrchr(w->name, '.');

	if (w->name[0])
		notes->alias = arena_strdup(w->arena, dot ? dot + 1 : w->name);
	return notes;
}

static int add_part(struct walk *w, const char *name, const struct field *f)
{
	size_t len;
	int r = walk_push(w, name, &len);

	if (r < 0)
		return r;
	r = walk_append(w, walk_member_name(w), f);
	walk_pop(w, len);
	return r;
}

static int add_l3(struct walk *w, uint32_t at)
{
	struct field addr = { .type = TYPE_IP, .layout = LAYOUT_L3, .at = at, .size = 17 };
	struct field version = { .type = TYPE_UINT, .layout = LAYOUT_U8, .size = 1 };
	int r;

	addr.notes = notes_of(w, "l3endpoint");
	version.at = at + L3_VERSION;
	version.flags = FIELD_QUIET;
	r = add_part(w, "addr", &addr);
	return r < 0 ? r : add_part(w, "version", &version);
}

static int add_l4(struct walk *w, uint32_t at)
{
	const struct notes *notes = notes_of(w, "l4endpoint");
	const struct {
		const char *name;
		struct field field;
	} parts[] = {
		{ "endpoint",
		  { .type = TYPE_ENDPOINT,
		    .layout = LAYOUT_L4,
		    .size = 21,
		    .flags = FIELD_COLUMN,
		    .notes = notes } },
		{ "addr", { .type = TYPE_IP, .layout = LAYOUT_L4, .size = 21 } },
		{ "port", { .type = TYPE_UINT, .layout = LAYOUT_U16, .at = L4_PORT, .size = 2 } },
		{ "proto",
		  { .type = TYPE_NAME,
		    .layout = LAYOUT_U16,
		    .at = L4_PROTO,
		    .size = 2,
		    .names = walk_words(w, WORDS_PROTOCOL) } },
		{ "proto_raw",
		  { .type = TYPE_UINT, .layout = LAYOUT_U16, .at = L4_PROTO, .size = 2 } },
		{ "version",
		  { .type = TYPE_UINT, .layout = LAYOUT_U8, .at = L4_VERSION, .size = 1 } },
	};

	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		struct field f = parts[i].field;
		int r;

		/* Columns show endpoints of records; an array's elements have no columns. */
		if (f.type == TYPE_ENDPOINT && w->is_element)
			continue;
		f.at += at;
		if (f.type != TYPE_ENDPOINT)
			f.flags |= FIELD_QUIET;
		r = add_part(w, parts[i].name, &f);
		if (r < 0)
			return r;
	}
	return 0;
}

int endpoint_add(struct walk *w, const struct btf_type *st, uint32_t at)
{
	return has_member(w, st, "port", L4_PORT, 2) ? add_l4(w, at) : add_l3(w, at);
}
