/* SPDX-License-Identifier: Apache-2.0 */
/*
 * param: what a user may set of a gadget, and how its value is written.
 *
 * A parameter is a `const volatile` variable of the programs: a text becomes the
 * bytes that stand in the object's read-only data when the kernel verifies it.
 * params.c finds them; settings.h takes what a user chose.
 *
 *   bool         true, false, 1, 0, in any case
 *   int, uint    decimal, or hexadecimal after 0x, within the variable's width
 *   char         one character, or a number; 'x' in quotes is always a character
 *   float        decimal, with exponent if need be, inf, nan
 *   enum         the name of an enumerator, a signal, an error, a system call; or a
 *                number
 *   text         at most as many bytes as the array has; a full one has no NUL
 *   ip           an IPv4 or IPv6 address; the empty text is none at all
 */
#ifndef GADGET_PARAM_H
#define GADGET_PARAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"

/* X(enum name, what help calls it) */
#define PARAM_KIND_LIST(X)                                                                \
	X(BOOL, "bool")                                                                   \
	X(INT, "int")                                                                     \
	X(UINT, "uint")                                                                   \
	X(CHAR, "char")                                                                   \
	X(FLOAT, "float")                                                                 \
	X(ENUM, "enum")                                                                   \
	X(TEXT, "text")                                                                   \
	X(IP, "ip")                                                                       \
	X(CHOICE, "choice") /* no variable: picks a patch of the gadget's own metadata */ \
	X(OTHER, "other")   /* cannot be set by this version */

enum param_kind {
#define X(id, name) PARAM_##id,
	PARAM_KIND_LIST(X)
#undef X
};

/* Bytes of struct gadget_l3endpoint_t: an address of 16, then its version. */
enum { PARAM_IP_VERSION = 16, PARAM_IP_MIN = 17, PARAM_IP_MAX = 32 };

/* A value that has a name. */
struct param_choice {
	const char *name;
	uint64_t number; /* of an enumerator */
};

struct model_param {
	const char *key;         /* what users call it: `pid` */
	const char *variable;    /* what the program calls it: `targ_pid`; NULL of a CHOICE */
	const char *description; /* or NULL */
	enum param_kind kind;
	bool is_signed;                     /* INT, CHAR, ENUM */
	bool takes_any;                     /* CHOICE: other texts than the choices too */
	struct pos pos;                     /* of its key in the metadata; line 0: not there */
	const char *section;                /* .rodata... */
	uint32_t at, size;                  /* bytes, in the section */
	const struct param_choice *choices; /* ENUM, CHOICE; in the order of the file */
	uint32_t nchoices;
	const char *initial;  /* the value when nobody sets it, as text */
	const uint8_t *bytes; /* the same as it stands in the section; NULL of CHOICE, OTHER */
	bool is_preset;       /* the bytes are not the object's: they must be written */
};

/*
 * Turn a user's text into the bytes of the variable (param->size of them).
 * -EINVAL or -ERANGE with the text and what was expected; OTHER takes nothing.
 * The message does not name the parameter.  Not for a CHOICE.
 */
int param_parse(const struct model_param *param, const char *text, uint8_t *ret_bytes,
		struct error *err) __attribute__((warn_unused_result));

/*
 * The bytes as text: param_parse() makes the same bytes of it, save for a text
 * that is not printable ASCII, which is escaped.
 */
const char *param_text(const struct model_param *param, const uint8_t *bytes, struct arena *arena);

/* The bytes of a BOOL, INT, UINT, CHAR or ENUM as a number; of a signed one, extended. */
uint64_t param_number(const struct model_param *param, const uint8_t *bytes);

/* "bool", "int", "uint", ...: how help shows the type of a param. */
const char *param_kind_name(enum param_kind kind);

/* "a, b, c" of the choices; of many the first and "...".  Returns out. */
char *param_choices(const struct model_param *param, char *out, size_t size);

/* Bytes from a file as text that cannot drive a terminal: others than ASCII as \xNN. */
const char *printable(struct arena *arena, const char *text, size_t len);

#endif
