/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metadata: what the file beside a gadget's object says about it.
 *
 * Two formats are read: gadget.yaml as public gadgets have it today (`name`,
 * `datasources`, `params`, `annotations`, `programs`, ...), and the older
 * definition file (`documentation`, `columns`).  Keys compare without regard to
 * case, and a dotted key is the same as nested ones: `columns.width: 8` and
 * `columns: {width: 8}`.
 *
 * The object says what there is, the metadata how it is called and shown: so
 * the metadata is parsed first, asked while the object is inspected, and then
 * checked against it.  It lives in the arena, read-only.
 */
#ifndef GADGET_METADATA_H
#define GADGET_METADATA_H

#include "base/arena.h"
#include "base/error.h"
#include "base/yaml.h"

struct metadata {
	const char *file; /* what messages call it */
	const struct yaml_node *root;
	const char *name, *description, *homepage, *documentation, *source; /* or NULL */
};

/* Parse a document of len bytes; `file` is what messages call it. */
int metadata_parse(struct arena *arena, const char *file, const char *text, size_t len,
		   const struct metadata **ret_metadata, struct error *err)
	__attribute__((warn_unused_result));

/*
 * The value at a dotted path below a node, whatever mixture of nested and dotted
 * keys leads there; NULL when there is none.  Case does not matter.  The node
 * may be NULL.
 */
const struct yaml_node *metadata_find(const struct yaml_node *node, const char *path);

/*
 * The annotation `key` of a field (full dotted name) of a data source, or of the
 * data source itself (field NULL); NULL when there is none, or no metadata.
 */
const struct yaml_node *metadata_annotation(const struct metadata *metadata, const char *event,
					    const char *field, const char *key);

#endif
