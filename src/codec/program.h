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
 * The parts here are common to the codecs: which kernel reads a field, and how
 * operations are put together.  Which fields are shown and how they nest is in
 * shape.h, how much room they need in bounds.h.  How a value looks is the
 * codec's own, in its interpreter.
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
#include "codec/bounds.h"
#include "codec/encoder.h"
#include "codec/memo.h"
#include "codec/moment.h"
#include "codec/shape.h"
#include "data/batch.h"

/* Interpreters may write so many bytes behind a value before the next one
 * overwrites them; every bound has them on top. */
enum { PROGRAM_SLACK = 64 };

/*
 * Values: src + at holds
 *   U8..S64, F32, F64, BOOL   a number of that size (BOOL: `size` bytes)
 *   SHORT, CHARS              a string of at most `size` bytes (SHORT: at most 16)
 *   TAIL, STR                 a string: the rest of the row; a struct str
 *   REST                      a string: the bytes behind the struct that it says
 *                             there are; their number is at `size`
 *   BITS, SBITS               an integer in an odd place: see op_number()
 *   WIDE, SWIDE               an integer of 128 bits
 *   MEMO32, MEMO, MADE        text that is made: of few numbers, a u32 in the row
 *                             or any; of any value
 *   LIST, HEX                 strings, bytes; where they lie says `layout`
 *   ARRAY                     elements, one behind the other; as `layout` says
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
	X(REST)        \
	X(STR)         \
	X(BITS)        \
	X(SBITS)       \
	X(WIDE)        \
	X(SWIDE)       \
	X(MEMO32)      \
	X(MEMO)        \
	X(MADE)        \
	X(LIST)        \
	X(HEX)         \
	X(ARRAY)       \
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
	union {
		uint32_t skip;
		struct { /* BOOL, BITS, SBITS, MEMO, MADE: see op_number() */
			uint8_t bit, unused;
			bool is_signed;
		};
	};
	const void *go;                    /* the kernel's place in the interpreter */
	union {                            /* what the kernel also needs */
		struct memo *memo;         /* MEMO32, MEMO */
		const struct field *field; /* MADE, LIST */
		const struct list *list;   /* ARRAY */
	};
};

struct program {
	struct op *ops;
	uint32_t nops;
	struct bounds bounds;
};

/* ---- kernels ------------------------------------------------------------ */

/*
 * The kernel that reads the field; -ENOTSUP for what cannot be shown, -EINVAL
 * for what lies outside the row or says of itself what cannot be.
 */
int field_kernel(const struct schema *schema, const struct field *field, struct error *err);

/* The same for a member of an element of `array`, a field of the schema. */
int member_kernel(const struct schema *schema, const struct field *array,
		  const struct field *member, uint32_t stride, struct error *err);

/* ---- putting a program together ----------------------------------------- */

struct assembler {
	struct arena *arena;
	const struct schema *schema;
	struct bounds_builder bounds;
	struct buf text; /* literal of the next operation */
	struct buf ops;
	enum kernel from; /* where src points; END: not known */
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
 * Append the operation that writes the leaf's value, and count its bound.
 * Errors are field_kernel()'s.
 */
int assemble_value(struct assembler *as, const struct shape *leaf, bool is_guarded,
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

/*
 * A number of `64 - unused` bits from bit `bit` on, at src + at.  Eight bytes
 * are read whatever its size (rows have ROW_SLACK), a ninth if it needs one.
 */
static inline uint64_t op_number(const struct op *op, const uint8_t *src)
{
	const uint8_t *from = src + op->at;
	uint64_t v = load_u64(from) >> op->bit;

	if (op->bit > op->unused)
		v |= (uint64_t)from[8] << (64 - op->bit);
	v <<= op->unused;
	return op->is_signed ? (uint64_t)((int64_t)v >> op->unused) : v >> op->unused;
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

/* A record's value in a column; NULL when it is missing. */
static inline const uint8_t *column_value(const struct batch *batch, uint32_t row,
					  const struct op *op)
{
	const struct column *col = &batch->cols[op->at];

	if (col->present && !(col->present[row / 64] >> (row % 64) & 1))
		return NULL;
	return (const uint8_t *)col->u + (size_t)row * op->size;
}

/* The bytes of a LIST, HEX, ARRAY or MADE operation. */
struct str op_span(const struct op *op, const struct scene *scene, const uint8_t *src);

/* The text of a MADE operation, at most SHOW_MAX bytes; returns its length. */
uint32_t op_show(const struct op *op, const struct scene *scene, const uint8_t *src, char *text);

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

#endif
