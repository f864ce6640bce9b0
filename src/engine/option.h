/* SPDX-License-Identifier: Apache-2.0 */
/*
 * option: what a component can be told, as a table.
 *
 * One table per component gives the parser, the checks, the defaults, `help`,
 * and the reference manual.  Defaults and bounds are text, as a user would
 * write them.  Components never parse: when their first callback runs, every
 * member is set and in range.
 *
 *     static const struct opt options[] = {
 *             OPT_SIZE(struct thing, limit, .def = "1MiB", .min = "4KiB",
 *                      .help = "How much it may hold."),
 *             OPT_END,
 *     };
 *
 * The member's C type is checked when the table is compiled.
 */
#ifndef ENGINE_OPTION_H
#define ENGINE_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/yaml.h"

struct expr;

/* X(enum name, C type of the member, name in help) */
#define OPT_TYPE_LIST(X)                                                                        \
	X(BOOL, bool, "true|false")                                                             \
	X(INT, int64_t, "integer")                                                              \
	X(SIZE, uint64_t, "size")        /* bytes */                                            \
	X(DURATION, int64_t, "duration") /* nanoseconds */                                      \
	X(ENUM, int, "one of")           /* index into .values */                               \
	X(STRING, const char *, "text")                                                         \
	X(PATH, const char *, "path")                                                           \
	X(STRINGS, struct opt_strings, "list")          /* a single text is a list of one */    \
	X(FIELDS, struct opt_strings, "list of fields") /* checked against the input schemas */ \
	X(MAP, const struct yaml_node *, "map")         /* free keys; the component looks */    \
	X(EXPR, struct expr *, "expression")                                                    \
	X(TABLE, struct opt_table_member, "table") /* nested; member is any struct */

struct opt_strings {
	size_t n;
	const char **items;
	struct pos *pos;
};

/* Only names the kind of a nested table; the member may be any struct. */
struct opt_table_member {
	char unused;
};

enum opt_type {
	OPT_TYPE_END,
#define X(id, ctype, name) OPT_TYPE_##id,
	OPT_TYPE_LIST(X)
#undef X
};

struct opt_value {
	const char *name, *help;
};

#define OPT_VALUES_END { 0 }

struct opt {
	const char *name;
	enum opt_type type;
	size_t offset;
	const char *def, *min, *max;    /* NULL: zero / no bound */
	const struct opt_value *values; /* ENUM, ends with OPT_VALUES_END */
	const struct opt *table;        /* TABLE */
	bool required;
	const char *help; /* one or two sentences: what, and when to change it */
};

/* Fails to compile (negative array size) unless T.m has the type `ctype`. */
#define OPT_OFFSET(T, m, ctype) \
	(offsetof(T, m) + 0 * sizeof(char[_Generic(((T *)0)->m, ctype: 1, default: -1)]))

#define OPT_ROW(T, m, id, ctype, ...) \
	{ .name = #m, .type = OPT_TYPE_##id, .offset = OPT_OFFSET(T, m, ctype), __VA_ARGS__ }

#define OPT_BOOL(T, m, ...)     OPT_ROW(T, m, BOOL, bool, __VA_ARGS__)
#define OPT_INT(T, m, ...)      OPT_ROW(T, m, INT, int64_t, __VA_ARGS__)
#define OPT_SIZE(T, m, ...)     OPT_ROW(T, m, SIZE, uint64_t, __VA_ARGS__)
#define OPT_DURATION(T, m, ...) OPT_ROW(T, m, DURATION, int64_t, __VA_ARGS__)
#define OPT_ENUM(T, m, ...)     OPT_ROW(T, m, ENUM, int, __VA_ARGS__)
#define OPT_STRING(T, m, ...)   OPT_ROW(T, m, STRING, const char *, __VA_ARGS__)
#define OPT_PATH(T, m, ...)     OPT_ROW(T, m, PATH, const char *, __VA_ARGS__)
#define OPT_STRINGS(T, m, ...)  OPT_ROW(T, m, STRINGS, struct opt_strings, __VA_ARGS__)
#define OPT_FIELDS(T, m, ...)   OPT_ROW(T, m, FIELDS, struct opt_strings, __VA_ARGS__)
#define OPT_MAP(T, m, ...)      OPT_ROW(T, m, MAP, const struct yaml_node *, __VA_ARGS__)
#define OPT_EXPR(T, m, ...)     OPT_ROW(T, m, EXPR, struct expr *, __VA_ARGS__)
/* A nested map: `rows` is the table of the member's own struct. */
#define OPT_TABLE(T, m, rows, ...) \
	{ .name = #m, .type = OPT_TYPE_TABLE, .offset = offsetof(T, m), .table = rows, __VA_ARGS__ }
#define OPT_END { .type = OPT_TYPE_END }

/*
 * Fill `object` from a map node by the table: defaults first, then what the map
 * says.  Keys in `skip` (NULL-terminated, or NULL) belong to somebody else.
 * `what` names the owner in messages: "filter 'noise'".  Errors: unknown key
 * (with a suggestion), wrong kind, out of range, missing required option.
 */
int opt_parse(const struct opt *table, const struct yaml_node *map, const char *const *skip,
	      const char *what, void *object, struct arena *arena, struct error *err)
	__attribute__((warn_unused_result));

/*
 * Check a table itself: every default and bound parses and lies in bounds,
 * enums have values, every row has help.  For the unit test of all tables.
 */
int opt_check_table(const struct opt *table, struct error *err);

/* "one of json, columns", "size", ...: the type as help shows it. */
char *opt_describe_type(const struct opt *opt, struct arena *arena);

#endif
