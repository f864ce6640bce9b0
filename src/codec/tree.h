/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tree: a record, or a list in one, walked value by value.
 *
 * The walk knows shapes, lists and how values are read; a style knows how its
 * codec writes them.  This is the plain way, for what is not worth an
 * interpreter of its own: lists in JSON and msgpack, and all of what people
 * read.
 *
 * Room is the caller's business (bounds.h): a writer has no limit.
 */
#ifndef CODEC_TREE_H
#define CODEC_TREE_H

#include <stdbool.h>
#include <stdint.h>

#include "codec/bounds.h"
#include "codec/moment.h"
#include "codec/shape.h"
#include "data/batch.h"

struct writer;

/* How a codec writes.  Everything is written at writer->out, which moves. */
struct style {
	/* An object or a list of n members; not for the record itself. */
	void (*open)(struct writer *writer, bool is_object, uint32_t n);
	void (*close)(struct writer *writer, bool is_object, uint32_t n);
	/* In front of a member's value, and of an element. */
	void (*key)(struct writer *writer, const struct shape *member, bool is_first);
	void (*item)(struct writer *writer, bool is_first);
	/* BOOL, INT, UINT, FLOAT, TIME, TIME_NS */
	void (*scalar)(struct writer *writer, const struct field *field, const struct value *value);
	void (*text)(struct writer *writer, struct str text); /* up to its NUL */
	void (*bytes)(struct writer *writer, struct str bytes);
};

struct writer {
	const struct style *style;
	uint8_t *out;
	const struct batch *batch;
	uint32_t depth;  /* objects and lists around what is written; the walk keeps it */
	bool is_guarded; /* integers beyond 2^53 are strings */
	bool is_inline;  /* the style's own: the next line has been begun, */
	bool is_item;    /* and what was written last is an element's mark */
	struct second second;
};

void writer_init(struct writer *writer, const struct style *style, const struct batch *batch,
		 uint8_t *out);

/* Members of the record that are there; how many write_members() will write. */
uint32_t count_members(const struct shape *object, const struct batch *batch, uint32_t row);
void write_members(struct writer *writer, const struct shape *object, uint32_t row);

/* A list: brackets, elements and all.  A part of an element at the end is none. */
void write_list(struct writer *writer, const struct list *list, struct str bytes);

/* Any other value that is there, as its type wants. */
void write_value(struct writer *writer, const struct field *field, const struct value *value);

/* A leaf of the record itself. */
void write_leaf(struct writer *writer, const struct shape *leaf, const struct value *value);

/* Is the member, or any of its members, in this row? */
bool is_there(const struct shape *member, const struct batch *batch, uint32_t row);

/*
 * A codec that does nothing but walk: its encoder, and what of it never varies.
 */
struct tree_encoder {
	struct encoder encoder; /* first: what callers hold */
	const struct shape *root;
	struct bounds bounds;
	const struct style *style;
	const char *begin, *end, *empty; /* in front, behind; a record without members */
	uint32_t depth;                  /* of the record's members */
	bool is_guarded;
};

/* Compile a tree_encoder; its encoder still lacks mark(). */
int tree_compile(struct arena *arena, const struct schema *schema,
		 const struct encoder_options *options, const struct expansion *expansion,
		 struct tree_encoder *ret_tree, struct error *err)
	__attribute__((warn_unused_result));

/* batch_read(), and the lists of strings without their padding. */
void leaf_read(const struct batch *batch, uint32_t row, const struct field *field,
	       struct value *ret_value);

/* element_read(); times since boot become moments. */
void member_read(const struct batch *batch, const uint8_t *at, const struct field *member,
		 struct value *ret_value);

#endif
