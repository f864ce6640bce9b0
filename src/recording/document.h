/* SPDX-License-Identifier: Apache-2.0 */
/*
 * document: schemas and session heads as JSON, for blocks of kind SCHEMA, HEAD.
 *
 * A schema's document says everything: fields, places, tables of names, elements
 * of arrays, how columns show them.  Reading is strict: a key, type or layout that
 * is not known changes what rows mean, so it is an error that names it.
 * Text is a JSON string, or {"hex": "..."} where the bytes are no UTF-8.
 */
#ifndef RECORDING_DOCUMENT_H
#define RECORDING_DOCUMENT_H

#include "base/arena.h"
#include "base/error.h"
#include "data/schema.h"

/* The document of a checked schema (schema_check()), to be freed with free(). */
char *document_of_schema(const struct schema *schema);

/* Make the schema a document describes; it has passed schema_check().  -EBADMSG,
 * -ENOTSUP. */
int document_to_schema(struct arena *arena, const char *text, size_t len,
		       const struct schema **ret_schema, struct error *err);

/* Who made a session, and when: for people; nothing is read by it. */
struct recording_head {
	const char *program; /* "gadgetctl 0.1.0" */
	const char *host, *kernel, *machine;
	const char *boot;        /* boot id */
	int64_t created_ns;      /* wall time */
	int64_t boot_to_wall_ns; /* then */
};

char *document_of_head(const struct recording_head *head);

/* Strings that are missing are "".  Rows of another byte order are refused. */
int document_to_head(struct arena *arena, const char *text, size_t len,
		     struct recording_head *ret_head, struct error *err);

#endif
