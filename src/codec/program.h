/* SPDX-License-Identifier: Apache-2.0 */
/*
 * program: a schema compiled into a list of operations that write one record.
 *
 * Every operation first copies its literal, the bytes that are the same in each
 * record (keys, braces, quotes), and then does what its kernel says: read a
 * value at `src + at` and write it.  Literals lie padded in the operation, so
 * copying one is two 16-byte moves whatever its length.  `src` is the row, until
 * an operation moves it to a column's value or to the schema's constants.
 *
 * The parts here are common to the codecs: which fields are shown, how dotted
 * names nest (shape), which kernel reads a field, and how operations are put
 * together.  How a value looks is the codec's own, in its interpreter.
 */
#ifndef CODEC_PROGRAM_H
#define CODEC_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "codec/encoder.h"
#include "codec/moment.h"
#include "data/batch.h"

/* Fields with dots nest so deep; what is beyond stays dotted. */
enum { SHAPE_DEPTH_MAX = 8 };

/* Interpreters may write so many bytes behind a value before the next one
 * overwrites them; every bound has them on top. */
enum { PROGRAM_SLACK = 64 };

/*
 * Values: src + at holds
 *   U8..S64, F32, F64, BOOL   a number of that size (BOOL: `size` bytes)
 *   SHORT, CHARS              a string of at most `size` bytes (SHORT: at most 16)
 *   TAIL, STR                 a string: the rest of the row; a struct str
 *   LIST, HEX                 strings, bytes; where they lie says `layout`
 *   BOOT, WALL, READ          a moment: since boot; since the epoch; of reading
 *   BOOT_NS, READ_NS          the same as a number
 *   RID                       the record's identity as text
 * Moves:
 *   FROM_ROW, FROM_CONSTS     src is the row, the schema's constants
 *   FROM_COLUMN               src is this record's value in column `at` (of `size`
 *                             bytes); when it is missing, skip `skip` operations
 * Structure:
 *   LITERAL                   nothing but the literal
 *   EVENT_TIME                msgpack: the record's time in front of it
 *   COMMA, OPEN, MEMBER, CLOSE  for objects whose members may be missing
 *   END                       the record is complete
 */
#define KERNEL_LIST(X) \
	X(U8)          \
	X(U16)         \
	X(U32)         \
	X(U64)         \
	X(S8)          \
	X(S16)         \
	X(S32)         \
	X(S64)         \
	X(F32)         \
	X(F64)         \
	X(BOOL)        \
	X(SHORT)       \
	X(CHARS)       \
	X(TAIL)        \
	X(STR)         \
	X(LIST)        \
	X(HEX)         \
	X(BOOT)        \
	X(WALL)        \
	X(READ)        \
	X(BOOT_NS)     \
	X(READ_NS)     \
	X(RID)         \
	X(FROM_ROW)    \
	X(FROM_CONSTS) \
	X(FROM_COLUMN) \
	X(LITERAL)     \
	X(EVENT_TIME)  \
	X(COMMA)       \
	X(OPEN)        \
	X(MEMBER)      \
	X(CLOSE)       \
	X(END)

enum kernel {
#define X(id) KERNEL_##id,
	KERNEL_LIST(X)
#undef X
		KERNEL_COUNT
};

enum { LITERAL_MAX = 32 };

struct op {
	uint8_t literal[LITERAL_MAX];
	uint32_t at, size;
	uint8_t kernel, layout, nliteral;
	bool is_guarded; /* json: a number that may have to be a string */
	uint32_t skip;
	const void *go; /* the kernel's place in the interpreter */
};

/* Part of a record whose size is not fixed, for bounds. */
struct variable {
	const struct field *field;
	uint32_t factor; /* bytes out for a byte in, at most */
};

/* How large a codec's output can be for its input; for bounds. */
struct expansion {
	uint32_t per_byte;   /* of a string */
	uint32_t per_list;   /* of a byte in a list of strings */
	uint32_t per_raw;    /* of a byte of bytes */
	uint32_t per_string; /* of a list, besides its text */
	uint32_t number;     /* for any number, moment or flag */
	uint32_t frame;      /* in front of and behind strings, lists and bytes */
	size_t (*text_size)(const uint8_t *s, size_t n); /* what a string takes exactly */
};

struct program {
	struct op *ops;
	uint32_t nops;
	uint32_t nvariables;
	const struct variable *variables;
	const struct expansion *expansion;
	size_t fixed; /* bytes of a record without what is variable, slack included */
};

/* ---- shape ------------------------------------------------------------- */

/* A tree of what is shown: an object has children, a leaf has a field. */
struct shape {
	const char *key; /* not terminated */
	size_t key_len;
	const struct field *field; /* NULL: an object */
	bool is_optional;          /* may be missing: a column, or an object of such */
	uint32_t nchildren;
	struct shape *children, *last, *next;
};

/*
 * The fields to show (options->fields, or all that are not hidden), nested by
 * the dots of their labels.  Members of one object stand together where the
 * first of them stood.  A name that is both a field and the front of others
 * cannot be an object; the others keep their dots then.
 */
int shape_make(struct arena *arena, const struct schema *schema,
	       const struct encoder_options *options, const struct shape **ret_root,
	       struct error *err) __attribute__((warn_unused_result));

/*
 * Which fields an encoder shows, without nesting.  skip_flags: fields with any
 * of these flags are left out, unless options name the fields.
 */
int shown_fields(struct arena *arena, const struct schema *schema,
		 const struct encoder_options *options, unsigned skip_flags,
		 const struct field ***ret_fields, uint32_t *ret_nfields, struct error *err)
	__attribute__((warn_unused_result));

/*
 * The kernel that reads the field; -ENOTSUP for what cannot be shown, -EINVAL
 * for what lies outside the row.
 */
int field_kernel(const struct schema *schema, const struct field *field, struct error *err);

/* ---- putting a program together ----------------------------------------- */

struct assembler {
	struct arena *arena;
	const struct schema *schema;
	const struct expansion *expansion;
	struct buf text; /* literal of the next operation */
	struct buf ops, variables;
	enum kernel from; /* where src points; END: not known */
	size_t fixed;
};

void assembler_init(struct assembler *as, struct arena *arena, const struct schema *schema,
		    const struct expansion *expansion);
void assembler_release(struct assembler *as);

/* Append to the literal in front of the next operation. */
void assemble_bytes(struct assembler *as, const void *bytes, size_t len);
void assemble_text(struct assembler *as, const char *text);

/* Append an operation; returns its number. */
uint32_t assemble_op(struct assembler *as, struct op op);

/* If a literal is pending, append an operation for it. */
void assemble_flush(struct assembler *as);

/*
 * Move src to where the field is read, if it is not there; for a column this
 * appends FROM_COLUMN, whose skip assemble_join() sets.
 */
void assemble_from(struct assembler *as, const struct field *field);

/* What a missing value skips ends here. */
void assemble_join(struct assembler *as, uint32_t from_column);

/*
 * Append the operation that writes the field's value, and count its bound.
 * Errors are field_kernel()'s.
 */
int assemble_value(struct assembler *as, const struct field *field, bool is_guarded,
		   struct error *err) __attribute__((warn_unused_result));

/* Append END and hand the program over; lives in the arena. */
void assemble_end(struct assembler *as, struct program *ret_program);

/* ---- for interpreters --------------------------------------------------- */

/*
 * Tell each operation where its kernel is.  Only the interpreter knows, so it
 * calls this itself, once, when compiling asks it to (rows() without a batch).
 */
void program_link(const struct program *program, const void *const kernels[KERNEL_COUNT]);

/* What is the same for all records of one call, and which record it is. */
struct scene {
	const struct batch *batch;
	const uint8_t *row;
	uint32_t index; /* of the row */
	struct second second;
};

#define LOADER(name, type)                           \
	static inline type name(const uint8_t *from) \
	{                                            \
		type v;                              \
                                                     \
		memcpy(&v, from, sizeof(v));         \
		return v;                            \
	}

LOADER(load_u16, uint16_t)
LOADER(load_u32, uint32_t)
LOADER(load_u64, uint64_t)
LOADER(load_s8, int8_t)
LOADER(load_s16, int16_t)
LOADER(load_s32, int32_t)
LOADER(load_s64, int64_t)
LOADER(load_f32, float)
LOADER(load_f64, double)
LOADER(load_str, struct str)
#undef LOADER

static inline bool load_bool(const uint8_t *from, uint32_t size)
{
	uint64_t v = 0;

	memcpy(&v, from, size);
	return v != 0;
}

static inline uint8_t *put_literal(uint8_t *out, const struct op *op)
{
	memcpy(out, op->literal, LITERAL_MAX);
	return out + op->nliteral;
}

static inline int64_t boot_to_wall(const struct scene *scene, uint64_t boot_ns)
{
	return (int64_t)(boot_ns + (uint64_t)scene->batch->rows->boot_to_wall_ns);
}

/* Bytes from `at` to the row's end. */
static inline uint32_t tail_len(const struct batch *batch, uint32_t row, uint32_t at)
{
	uint32_t len = batch->rows->len[row];

	return len > at ? len - at : 0;
}

/* A record's value in a column; NULL when it is missing. */
static inline const uint8_t *column_value(const struct batch *batch, uint32_t row,
					  const struct op *op)
{
	const struct column *col = &batch->cols[op->at];

	if (col->present && !(col->present[row / 64] >> (row % 64) & 1))
		return NULL;
	return (const uint8_t *)col->u + (size_t)row * op->size;
}

/* The bytes of a LIST or HEX operation. */
struct str op_span(const struct op *op, const struct scene *scene, const uint8_t *src);

/*
 * Split a list: take the next string off the front of *list.  A NUL ends each
 * string, the last may lack it.  False when the list is empty.
 */
bool list_next(struct str *list, struct str *ret_string);

/* The rows behind are cold: they were written by another CPU a moment ago. */
static inline void prefetch_row(const uint8_t *row)
{
	for (uint32_t line = 0; line < 5; line++)
		__builtin_prefetch(row + 64 * line);
}

/* How many records a call may write: it was asked for some, and `ends` has room for some. */
static inline uint32_t runs_until(uint32_t first, uint32_t until, const struct encoded *dest)
{
	uint32_t room = dest->max - dest->nends;

	return until - first < room ? until : first + room;
}

/* The text a constant string field holds. */
static inline bool is_const_text(const struct field *field)
{
	return field->loc == LOC_CONST && field->layout == LAYOUT_STR && field->type == TYPE_STRING;
}

/* The bytes of a variable part of a record, and how many at most; none when it is missing. */
struct str variable_span(const struct variable *variable, const struct batch *batch, uint32_t row);
size_t variable_len(const struct variable *variable, const struct batch *batch, uint32_t row);

/* Bytes the record needs at most: each string looked at. */
size_t program_exact_bound(const struct program *program, const struct batch *batch, uint32_t row);

/* The same from lengths alone: quick, but several times what it is. */
static inline size_t program_quick_bound(const struct program *program, const struct batch *batch,
					 uint32_t row)
{
	size_t bound = program->fixed;

	for (uint32_t i = 0; i < program->nvariables; i++) {
		const struct variable *v = &program->variables[i];

		bound += v->factor * variable_len(v, batch, row);
	}
	return bound;
}

static inline bool program_fits(const struct program *program, const struct batch *batch,
				uint32_t row, size_t room)
{
	if (room >= program_quick_bound(program, batch, row))
		return true;
	return program->nvariables && room >= program_exact_bound(program, batch, row);
}

#endif
