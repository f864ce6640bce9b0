/* SPDX-License-Identifier: Apache-2.0 */
/*
 * btf: what is asked of BTF all over this folder.  BTF from a file may claim anything.
 */
#ifndef GADGET_BTF_H
#define GADGET_BTF_H

#include <stdbool.h>
#include <stdint.h>

struct btf;
struct btf_type;

enum {
	BTF_CHAIN_MAX = 32, /* typedefs, consts, ... in a row */
	BTF_NAME_MAX = 256, /* bytes of a name */
};

/*
 * The type behind typedef, const, volatile, restrict and type tags; NULL when
 * the chain is broken or too long.  *ret_id (may be NULL) is its id.
 */
const struct btf_type *btf_bare(const struct btf *btf, uint32_t id, uint32_t *ret_id);

/* Whether a typedef called `name` stands in that chain. */
bool btf_is_called(const struct btf *btf, uint32_t id, const char *name);

/* A name from BTF: "" for none, NULL unless it is a plain C identifier. */
const char *btf_identifier(const struct btf *btf, uint32_t name_off);

/* Whether a text is a plain C identifier, as all names in a model are. */
bool is_identifier(const char *text);

#endif
