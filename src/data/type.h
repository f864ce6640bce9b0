/* SPDX-License-Identifier: Apache-2.0 */
/*
 * type: what a value means (logical type) and how its bytes lie (layout).
 *
 * Printing and type checking go by logical type, reading goes by layout.  Both
 * lists are X-macros, so that a table per type cannot miss one.
 */
#ifndef DATA_TYPE_H
#define DATA_TYPE_H

#include <stdbool.h>
#include <stdint.h>

/* X(enum name, name in schemas and messages) */
#define TYPE_LIST(X)                                                                         \
	X(BOOL, "bool")                                                                      \
	X(INT, "int")                                                                        \
	X(UINT, "uint")                                                                      \
	X(FLOAT, "float")                                                                    \
	X(STRING, "string")                                                                  \
	X(STRINGS, "strings") /* a list of strings, kept NUL-separated */                    \
	X(BYTES, "bytes")                                                                    \
	X(TIME, "time")         /* a moment; printed as RFC 3339 with nanoseconds, in UTC */ \
	X(TIME_NS, "time_ns")   /* the same moment as nanoseconds since the epoch */         \
	X(NAME, "name")         /* a number shown as its name, from field->names */          \
	X(FLAGS, "flags")       /* a number shown as the names in it, from field->names */   \
	X(DURATION, "duration") /* nanoseconds; shown with a fitting unit */                 \
	X(SIZE, "size")         /* bytes; shown with a fitting unit */                       \
	X(MODE, "mode")         /* permissions of a file; shown as ls does */                \
	X(IP, "ip")             /* an IPv4 or IPv6 address */                                \
	X(ENDPOINT, "endpoint") /* an address and a port */                                  \
	X(DNS, "dns")           /* a domain name as DNS sends it; shown with dots */         \
	X(ARRAY, "array")       /* what field->element says, several times */

enum type {
#define X(id, name) TYPE_##id,
	TYPE_LIST(X)
#undef X
		TYPE_COUNT
};

/* Types from here to TYPE_DNS are shown as text that is made (show.h), not copied. */
static inline bool type_is_made(enum type type)
{
	return type >= TYPE_NAME && type <= TYPE_DNS;
}

/* Made from a number in an integer layout, not from bytes. */
static inline bool type_is_made_number(enum type type)
{
	return type >= TYPE_NAME && type <= TYPE_MODE;
}

/*
 * X(enum name, bytes read; 0 = the field's own size)
 *
 * U128, S128  a number of which only the slow reader knows
 * BITS, SBITS a bit-field: `bits` bits from bit `bit` on of the size (at most 9)
 *         bytes, little-endian; SBITS has a sign
 * L3      an address as struct gadget_l3endpoint_t has it: 16 bytes, version
 * L4      the same of struct gadget_l4endpoint_t: 16 bytes, port, protocol, version
 * REST    from `at` on as many bytes as the u32 at `len_at` says, if there are
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
	X(U128, 16)    \
	X(S128, 16)    \
	X(BITS, 0)     \
	X(SBITS, 0)    \
	X(L3, 17)      \
	X(L4, 21)      \
	X(REST, 0)     \
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

/* Bytes a layout reads; 0: the field's own size says it, or the row. */
uint32_t layout_bytes(enum layout layout);

/* "U8", ...; for documents that name layouts. */
const char *layout_name(enum layout layout);

/* What the compiler calls unsigned __int128; not in ISO C. */
__extension__ typedef unsigned __int128 uint128;

/* Text that is not NUL-terminated. */
struct str {
	const char *at;
	uint64_t len;
};

#endif
