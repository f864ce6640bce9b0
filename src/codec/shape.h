/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shape: which fields an encoder shows, and how their dotted names nest.
 *
 * A record is an object.  Its members are objects, lists and scalars: `a.b` is
 * the member `b` of the object `a`, an ARRAY is a list, and an element of a list
 * is an object, a list or a scalar again.  A shape is made when an encoder is
 * compiled, checked in every place, and read-only afterwards.
 */
#ifndef CODEC_SHAPE_H
#define CODEC_SHAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "codec/encoder.h"
#include "data/batch.h"

enum {
	SHAPE_DEPTH_MAX = 8, /* fields with dots nest so deep; what is beyond stays dotted */
	LIST_DEPTH_MAX = 8,  /* so do lists in lists; what is beyond is an error, */
	SHAPE_MAX = 16384,   /* and so are more members than these, those in lists included */
};

struct list;

/* An object has children, a leaf has a field. */
struct shape {
	const char *key; /* not terminated */
	size_t key_len;
	const struct field *field; /* NULL: an object */
	struct list *list;         /* of a field that is an ARRAY */
	bool is_optional;          /* may be missing: a column, or an object of such */
	uint32_t nchildren;
	struct shape *children, *last, *next;
};

/* What an ARRAY repeats: objects, lists, or the scalar element->fields[0]. */
struct list {
	const struct element *element;
	const struct shape *object;
	struct list *inner;
	/* bounds.h: bytes of an element at most, without its text; of its text */
	size_t item, text;
};

/*
 * The fields to show (options->fields, or all that are neither hidden nor for
 * columns only), nested by the dots of their labels.  Members of one object
 * stand together where the first of them stood.  A name that is both a field and
 * the front of others cannot be an object; the others keep their dots then.
 */
int shape_make(struct arena *arena, const struct schema *schema,
	       const struct encoder_options *options, const struct shape **ret_root,
	       struct error *err) __attribute__((warn_unused_result));

/* The list of an ARRAY field; its element is checked, down to the last. */
int list_make(struct arena *arena, const struct schema *schema, const struct field *field,
	      struct list **ret_list, struct error *err) __attribute__((warn_unused_result));

/*
 * Which fields an encoder shows, without nesting.  skip_flags: fields with any
 * of these flags are left out, unless options name the fields; with_event makes
 * nothing of FIELD_QUIET for @event.
 */
int shown_fields(struct arena *arena, const struct schema *schema,
		 const struct encoder_options *options, unsigned skip_flags,
		 const struct field ***ret_fields, uint32_t *ret_nfields, struct error *err)
	__attribute__((warn_unused_result));

/* -EEXIST when two of the fields are shown by the same name. */
int check_twins(const struct field *const *fields, uint32_t n, struct error *err)
	__attribute__((warn_unused_result));

/* Elements in so many bytes; what is left over is none. */
static inline uint64_t list_count(const struct list *list, struct str bytes)
{
	return bytes.len / list->element->stride;
}

static inline const uint8_t *list_at(const struct list *list, struct str bytes, uint64_t i)
{
	return (const uint8_t *)bytes.at + i * list->element->stride;
}

/*
 * Split a list of strings: take the next one off the front of *strings.  A NUL
 * ends each string, the last may lack it.  False when there is none.
 */
bool strings_next(struct str *strings, struct str *ret_string);

/* How many strings_next() finds. */
uint32_t strings_count(struct str strings);

/* An array of the row is padded with NULs behind its last string; they are none. */
struct str strings_trim(const struct field *field, struct str strings);

#endif
