/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schema: the fields of one kind of record, and where each is found.
 *
 * A field is its own reader: a byte offset in the row, a constant of the
 * schema, a column that a stage added, or a fact about the batch.  So selecting
 * and renaming fields only makes a new schema; no record is touched.
 *
 * A schema is immutable once made and lives in the arena of the node that made
 * it, as long as the pipeline.
 *
 * Names that begin with '@' are the engine's: @event @source @gadget @host @id
 * @time.  They cannot clash with C names.  A bare `event` means @event unless
 * the record has a field of that name, and so on for each.
 */
#ifndef DATA_SCHEMA_H
#define DATA_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "data/type.h"

enum loc {
	LOC_ROW,   /* at = byte in the row */
	LOC_COL,   /* at = number of the column */
	LOC_CONST, /* at = byte in schema->consts */
	LOC_META,  /* LAYOUT_READ and LAYOUT_RID: from the batch itself */
};

enum field_flag {
	FIELD_HIDDEN = 1, /* not in a sink's output unless selected by name */
	FIELD_QUIET = 2,  /* in JSON and msgpack, but not in the default columns */
	FIELD_COLUMN = 4, /* in columns only: JSON has the same in another form */
};

enum align { ALIGN_TYPE, ALIGN_LEFT, ALIGN_RIGHT }; /* TYPE: numbers right */
enum ellipsis { ELLIPSIS_END, ELLIPSIS_START, ELLIPSIS_MIDDLE, ELLIPSIS_NONE }; /* what is cut */

/* How columns show a field; zero means "the type's default". */
struct notes {
	const char *description;
	const char *alias; /* the header, instead of the label */
	uint16_t width, min_width, max_width;
	uint8_t align;    /* enum align */
	uint8_t ellipsis; /* enum ellipsis */
	bool is_fixed;    /* the width does not follow the terminal's */
	bool is_hex;      /* an integer as 0x... */
	bool has_precision;
	uint8_t precision; /* digits behind a float's point */
};

/* One name of a number: (number & mask) == value. */
struct name {
	uint64_t mask, value;
	struct str text;
};

/*
 * What numbers are called.  A NAME field shows the entry that equals the number;
 * a FLAGS field shows every entry that is in it, in order, with the separator
 * between them.  Made by names_make() (names.h).
 */
struct names {
	const struct name *list; /* in the order they are shown */
	uint32_t n;
	const uint32_t *sorted; /* indexes into list, by value; for NAME */
	const char *unknown;    /* for a NAME without entry: in front of the number */
	bool hides_number;      /* `unknown` alone, without the number */
	const char *separator;  /* between flags */
	uint32_t text_max;      /* bytes of the longest text */
	bool is_signed;         /* numbers print with a sign */
};

struct field;

/*
 * What an ARRAY repeats.  An element of a scalar array is read through fields[0];
 * one of an array of structs has a member for each field.  Places count from the
 * element's first byte; all are LOC_ROW, and none is TAIL or REST.
 */
struct element {
	uint32_t stride; /* bytes from one element to the next, at least 1 */
	bool is_object;
	uint32_t nfields;
	const struct field *fields;
};

struct field {
	const char *name;  /* full dotted name; '@' is the engine's */
	const char *label; /* how output names it: the name, or "event" for @event */
	uint8_t type;      /* enum type */
	uint8_t layout;    /* enum layout */
	uint8_t loc;       /* enum loc */
	uint8_t flags;     /* enum field_flag */
	uint32_t at;
	uint32_t size;                 /* bytes; for TAIL and REST the least (0) */
	uint8_t bit, bits;             /* BITS, SBITS: the first bit, and how many */
	uint32_t len_at;               /* REST: byte in the row of its length */
	const struct names *names;     /* NAME, FLAGS */
	const struct element *element; /* ARRAY */
	const struct notes *notes;     /* or NULL */
};

enum { SCHEMA_MAX_FIELDS = 1024, SCHEMA_NO_SEQ = UINT32_MAX };

struct schema {
	const char *event;  /* name of the data source */
	const char *source; /* the source's id in the pipeline */
	uint64_t hash;      /* of names, types and places: equal hash, same reading */
	uint32_t row_min;   /* every row has at least so many bytes */
	uint32_t seq_at;    /* where the row keeps its gadget_seq, or SCHEMA_NO_SEQ */
	uint16_t ncols;
	uint16_t nfields;
	const uint8_t *consts;
	const struct field *time; /* the field behind @time */
	const struct field *fields;
};

/* Who a schema is for; strings are copied. */
struct schema_head {
	const char *event, *source, *gadget, *host;
	uint32_t row_min;
	uint32_t seq_at;
};

/*
 * Make a schema: begin, add fields in the order they should be shown, end.
 * Begin puts the engine's fields first; @time reads the row's first field of
 * type TIME in layout BOOT when there is one, else the time of reading.
 */
struct schema_builder {
	struct arena *arena;
	struct schema *schema;
	struct field *fields;
	uint32_t nfields;
	uint8_t *consts;
	uint32_t nconsts;
};

void schema_begin(struct schema_builder *builder, struct arena *arena,
		  const struct schema_head *head);

/* Copies the field; name and label (NULL: the name) too.  -EEXIST when the name
 * is taken, -E2BIG past SCHEMA_MAX_FIELDS. */
int schema_add(struct schema_builder *builder, const struct field *field);

const struct schema *schema_end(struct schema_builder *builder);

/*
 * A schema whose fields were made elsewhere, all but what follows from them: its
 * hash and where @time is.  The draft has a field "@time"; what it points to lives
 * in the arena, or as long.
 */
const struct schema *schema_finish(struct arena *arena, const struct schema *draft);

/*
 * The same rows seen through other fields: those of `from` at the given
 * indexes, in that order.  Engine fields that are not listed stay, hidden, so
 * that expressions further down can still use them.
 */
const struct schema *schema_project(struct arena *arena, const struct schema *from,
				    const uint16_t *indexes, uint32_t n);

/*
 * The same rows without the fields of `from` at the given indexes; the others
 * keep their order and flags.  Engine fields that are listed become hidden.
 */
const struct schema *schema_without(struct arena *arena, const struct schema *from,
				    const uint16_t *indexes, uint32_t n);

/*
 * Look a field up by the name a user wrote: exact name first, then '@' + name
 * for the engine's.  NULL when there is none.
 */
const struct field *schema_find(const struct schema *schema, const char *name);

/* The text of a LOC_CONST field. */
struct str field_const_str(const struct schema *schema, const struct field *field);

#endif
