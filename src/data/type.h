/* SPDX-License-Identifier: Apache-2.0 */
/*
 * type: what a value means (logical type) and how its bytes lie (layout).
 *
 * Printing and type checking go by logical type, reading goes by layout.  Both
 * lists are X-macros, so that a table per type cannot miss one.
 */
#ifndef DATA_TYPE_H
#define DATA_TYPE_H

#include <stdint.h>

/* X(enum name, name in schemas and messages) */
#define TYPE_LIST(X)                                                                       \
	X(BOOL, "bool")                                                                    \
	X(INT, "int")                                                                      \
	X(UINT, "uint")                                                                    \
	X(FLOAT, "float")                                                                  \
	X(STRING, "string")                                                                \
	X(STRINGS, "strings") /* a list of strings, kept NUL-separated */                  \
	X(BYTES, "bytes")                                                                  \
	X(TIME, "time")       /* a moment; printed as RFC 3339 with nanoseconds, in UTC */ \
	X(TIME_NS, "time_ns") /* the same moment as nanoseconds since the epoch */

enum type {
#define X(id, name) TYPE_##id,
	TYPE_LIST(X)
#undef X
		TYPE_COUNT
};

/*
 * X(enum name, bytes read; 0 = the field's own size)
 *
 * CHARS   char[size] in the row, cut at the first NUL
 * BYTES   size raw bytes in the row
 * TAIL    from `at` to the end of the row, whatever its length
 * STR     a struct str (in the schema's consts, or in a column)
 * BOOT    u64 in the row: ns since boot; reading adds rows->boot_to_wall_ns
 * READ    no bytes of the row: rows->wall_ns, when the source read it
 * RID     no bytes of the row: the record's identity as text
 */
#define LAYOUT_LIST(X) \
	X(U8, 1)       \
	X(U16, 2)      \
	X(U32, 4)      \
	X(U64, 8)      \
	X(S8, 1)       \
	X(S16, 2)      \
	X(S32, 4)      \
	X(S64, 8)      \
	X(F32, 4)      \
	X(F64, 8)      \
	X(CHARS, 0)    \
	X(BYTES, 0)    \
	X(TAIL, 0)     \
	X(STR, 16)     \
	X(BOOT, 8)     \
	X(READ, 0)     \
	X(RID, 0)

enum layout {
#define X(id, bytes) LAYOUT_##id,
	LAYOUT_LIST(X)
#undef X
		LAYOUT_COUNT
};

/* "uint", "string", ...; never NULL for a valid type. */
const char *type_name(enum type type);

/* Text that is not NUL-terminated. */
struct str {
	const char *at;
	uint64_t len;
};

#endif
