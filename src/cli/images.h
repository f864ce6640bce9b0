/* SPDX-License-Identifier: Apache-2.0 */
/*
 * images: what the commands on images share.
 */
#ifndef CLI_IMAGES_H
#define CLI_IMAGES_H

#include "cli/commands.h"
#include "oci/store.h"

enum { IMAGES_SHORT_ID = 12 }; /* hex digits */

/* "1.5MB", as docker writes sizes; returns out. */
char *images_size(uint64_t bytes, char *out, size_t size);

/* "2024-05-06T07:08:09Z" of seconds since 1970; "" for a time no calendar has. */
const char *images_time(struct arena *arena, int64_t seconds);

/* The id to show: 12 hex digits, or the whole digest. */
const char *images_id(struct arena *arena, const char *digest, bool in_full);

/*
 * The store where it always is.  Without `create` a missing one is -ENOENT, saying
 * that there are no images.
 */
int images_open(struct arena *arena, bool create, struct store **ret_store, struct error *err)
	__attribute__((warn_unused_result));

/* A name as users write it. */
int images_reference(struct arena *arena, const char *text, struct reference *ret_reference,
		     struct error *err) __attribute__((warn_unused_result));

/*
 * The names of images that a word stands for: a name with a tag is one, a name with a
 * digest and an id may be several (all of the same content).  -ENOENT when none.
 */
int images_match(const struct store *store, struct arena *arena, const char *what,
		 struct image **ret_images, uint32_t *ret_n, struct error *err)
	__attribute__((warn_unused_result));

/*
 * Delete what no name leads to, unless somebody is adding images just now (then a
 * later prune does it) or the store is damaged, which is logged.
 */
bool images_collect(struct store *store, struct store_pruned *ret_pruned);

#endif
