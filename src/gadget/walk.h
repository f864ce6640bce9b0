/* SPDX-License-Identifier: Apache-2.0 */
/*
 * walk: what the parts of fields.h share while they go over a struct.
 *
 * Private to walk.c, fields.c, shapes.c, derive.c and endpoint.c.  A walk goes through one
 * container at a time: the record, or one element of an array of structs.
 * Offsets count from the container's first byte, names from the container's name.
 */
#ifndef GADGET_WALK_H
#define GADGET_WALK_H

#include "gadget/btf.h"
#include "gadget/fields.h"
#include "gadget/kernel_enums.h"
#include "gadget/vocabulary.h"

enum { WALK_NAME_MAX = 256 }; /* bytes of a dotted name */

/* Names made from an enum, kept for the next member of that type. */
struct enum_names {
	struct enum_names *next;
	uint32_t type_id;
	const char *separator; /* NULL: not a set */
	const struct names *names;
};

struct walk {
	struct arena *arena;
	const struct btf *btf;
	struct model_source *source;
	struct error *err;
	enum fields_style style;
	const struct metadata *metadata;
	struct kernel_enums *kernel; /* NULL: the object's enums have to do */

	/* The container: its size, and where its fields and names begin. */
	uint32_t size;
	uint32_t first;
	size_t name_from;
	bool is_element;
	bool is_quiet; /* nothing of it is for the default columns */

	struct field *fields; /* a stack: the record's, and behind them an element's */
	uint32_t nfields;
	uint32_t total;   /* fields ever made */
	uint32_t visits;  /* members looked at */
	uint32_t tail_at; /* where the record may end, UINT32_MAX: only behind its struct */
	uint32_t tail_max;

	const struct names *words[WORDS_COUNT];
	struct enum_names *enums;
	uint32_t enumerators; /* in all tables of enums */

	char name[WALK_NAME_MAX]; /* of the member being looked at, from the record on */
};

/* How a struct may end: see shape_array(). */
enum walk_end {
	END_FIXED,    /* something lies behind it */
	END_FLEXIBLE, /* a flexible array may end the record */
	END_ANY,      /* a text may, too */
};

/* A member: where it lies and what it is. */
struct member {
	uint32_t type_id;            /* as declared */
	const struct btf_type *type; /* bare */
	uint32_t at;                 /* byte in the container */
	uint8_t bit, bits;           /* a bit-field; bits 0: whole bytes */
	enum walk_end end;
};

/*
 * The fields of a member: as it lies in the record, and, if there is one, the
 * field derived from it, which is shown in front of it under the name `target`.
 */
struct shape {
	struct field raw, made;
	const char *target; /* NULL: nothing is derived */
	const char *why;    /* it cannot be shown: why; NULL: it can */
};

/* Add a field; the name counts from the container.  Copies the field. */
int walk_append(struct walk *w, const char *name, const struct field *field);

/* The name of the member being looked at, as fields of this container have it. */
const char *walk_member_name(const struct walk *w);

/* The name that follows from another last part for the member being looked at. */
const char *walk_sibling_name(struct walk *w, const char *last, size_t len);

/* List the member being looked at as not shown.  Returns 0. */
int walk_skip(struct walk *w, const char *why);

/* Put a member's name behind the one at hand; walk_pop() takes it off again. */
int walk_push(struct walk *w, const char *name, size_t *ret_len);
void walk_pop(struct walk *w, size_t len);

/* Whether the type is a struct or union of that name, or a typedef of that name. */
bool walk_is_called(const struct walk *w, uint32_t type_id, const char *name);

/* The table of that vocabulary, made when first asked for. */
const struct names *walk_words(struct walk *w, enum words words);

/* fields.c: the fields of a struct or union that lies at `at` in the container. */
int walk_struct(struct walk *w, uint32_t type_id, const struct btf_type *st, uint32_t at,
		enum walk_end end, int depth);

/* shapes.c: numbers and arrays.  shape->why is set for what cannot be shown. */
int shape_number(struct walk *w, const struct member *m, struct shape *ret_shape);
int shape_array(struct walk *w, const struct member *m, int depth, struct shape *ret_shape);

/*
 * derive.c: what is derived from shape->raw, whose type is type_id.  Fills
 * shape->made and shape->target, or leaves the target NULL.
 */
int derive(struct walk *w, uint32_t type_id, struct shape *shape);

/*
 * Where something derived goes: what the annotation `key` of the member says, else its name
 * without `_raw`, else nowhere (NULL).
 */
int derive_target(struct walk *w, const char *key, const char **ret_target);

/* endpoint.c: whether the struct is an endpoint of the gadget ABI, and its fields. */
bool endpoint_is(const struct walk *w, uint32_t type_id, const struct btf_type *st);
int endpoint_add(struct walk *w, const struct btf_type *st, uint32_t at);

#endif
