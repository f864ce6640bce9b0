/* SPDX-License-Identifier: Apache-2.0 */
/*
 * batch: up to BATCH_MAX records of one schema, as one branch of the graph sees
 * them.
 *
 * Rows are borrowed.  They lie where the kernel (or a generator) wrote them,
 * are read-only, shared by all branches, and valid until the call that handed
 * them over returns; a stage that keeps a record copies it.  The view (`sel`,
 * `marks`) belongs to the branch: narrow it in place.  After stage_emit() the
 * view is spent.
 *
 * At least ROW_SLACK bytes behind each row's end may be read (not used), so
 * that vector code need not watch the edge.
 */
#ifndef DATA_BATCH_H
#define DATA_BATCH_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "data/schema.h"

enum { BATCH_MAX = 1024, ROW_SLACK = 64 };

/* Where records come from: one load of one source. */
struct origin {
	const char *source; /* the source's id */
	const char *boot;   /* the kernel's boot id, 32 hex digits */
	uint64_t epoch;     /* random, new for each load */
};

/* Identity of a record: unique together with its origin. */
struct rid {
	uint32_t cpu;
	uint64_t seq;
};

struct rows {
	const uint8_t *const *at;
	const uint32_t *len;
	const uint64_t *pos; /* ring position or running number; unique in the origin */
	const struct origin *origin;
	int64_t wall_ns;         /* when the source read them */
	int64_t boot_to_wall_ns; /* for LAYOUT_BOOT */
	uint32_t n;              /* at most BATCH_MAX */
};

/* One added column; index it by row number. */
struct column {
	const uint64_t *present; /* bitmap by row; NULL: all present */
	union {
		const uint64_t *u;
		const int64_t *i;
		const double *f;
		const struct str *s;
	};
};

enum mark_kind {
	MARK_LOSS, /* n records are missing here */
};

/* What is not a record but has a place among them. */
struct mark {
	enum mark_kind kind;
	uint32_t before_row;         /* row number it stands in front of; rows->n: behind all */
	const char *sink;            /* whose queue dropped them, whatever they were; or NULL: */
	const struct origin *origin; /* which source lost them */
	const char *event;           /* and of which kind */
	const char *reason;          /* a counter's name, e.g. "ring_full" */
	uint64_t n;
	bool has_cpu; /* it is known on which CPU: */
	uint32_t cpu;
	uint64_t from, to; /* sequence numbers of the gap on that cpu; both 0: unknown */
};

struct batch {
	const struct schema *schema;
	const struct rows *rows;
	const struct column *cols; /* schema->ncols of them */
	uint16_t *sel;             /* the selected row numbers, ascending */
	uint32_t nsel;
	uint32_t nmarks;
	const struct mark *marks; /* ascending by before_row */
};

/* The identity of a row, from its own gadget_seq or else its position. */
static inline struct rid batch_rid(const struct batch *batch, uint32_t row)
{
	uint64_t seq;

	if (batch->schema->seq_at == SCHEMA_NO_SEQ)
		return (struct rid){ .cpu = 0, .seq = batch->rows->pos[row] };
	memcpy(&seq, batch->rows->at[row] + batch->schema->seq_at, sizeof(seq));
	return (struct rid){ .cpu = (uint32_t)(seq >> 48), .seq = seq & ((UINT64_C(1) << 48) - 1) };
}

/* Length of "boot-epoch-cpu-seq" as batch_format_rid() writes it, at most. */
enum { RID_TEXT_MAX = 32 + 1 + 16 + 1 + 10 + 1 + 20 };

/* Write the identity as text, not terminated; returns its length. */
uint32_t rid_format(const struct origin *origin, struct rid id, char *out);

/* Where the bytes of a field begin, for LOC_ROW and LOC_CONST. */
static inline const uint8_t *field_bytes(const struct field *field, const struct batch *batch,
					 uint32_t row)
{
	if (field->loc == LOC_CONST)
		return batch->schema->consts + field->at;
	return batch->rows->at[row] + field->at;
}

/* The slow, plain reader: for tests, keys, and code that reads one value.  The
 * encoders and the expression engine have their own by layout. */
struct value {
	bool missing;
	bool is_wide; /* INT, UINT: `high` holds the upper 64 bits of 128 */
	enum type type;
	union {
		bool b;
		int64_t i;  /* INT, TIME, TIME_NS */
		uint64_t u; /* UINT, NAME, FLAGS (sign-extended), DURATION, SIZE, MODE */
		double f;
		struct str s; /* STRING (cut), STRINGS, BYTES, IP, ENDPOINT, DNS, ARRAY (raw) */
	};
	uint64_t high;
	char text[RID_TEXT_MAX]; /* holds s when it had to be made */
};

void batch_read(const struct batch *batch, uint32_t row, const struct field *field,
		struct value *ret_value);

/*
 * Read a field whose place is in bytes that are not a batch's: a member of an
 * array's element.  `at` is where the element begins; the field's bytes must be
 * there.
 */
void element_read(const uint8_t *at, const struct field *member, struct value *ret_value);

/* The moment of a record in wall nanoseconds. */
int64_t batch_time(const struct batch *batch, uint32_t row);

#endif
