/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metadata_older: the forms of metadata before today's, read as today's.
 *
 *   columns: [{name: pid, template: pid, min_width: 7, visible: false, order: 3}]
 *   ebpf_params: [{var: targ_pid, key: pid, description: ..., defaultValue: ...}]
 *
 *   tracers: {open: {structName: event}}       (also snapshotters, toppers)
 *   structs: {event: {fields: [{name: pid, description: ..., attributes: {hidden: true}}]}}
 *
 * A column's attributes become annotations, with `visible` turned into
 * `columns.hidden` and `order` into `columns.order`.
 */
#ifndef GADGET_METADATA_OLDER_H
#define GADGET_METADATA_OLDER_H

#include "gadget/metadata.h"
#include "gadget/tree.h"

/*
 * Add to the tree of a document what its older parts say: fields of a data source
 * below `datasources`, parameters below `ebpfParams`.  Fields without data source
 * become the map *ret_every (NULL: there are none).  What today's keys say of the
 * same stays.
 */
int metadata_read_older(struct tree *tree, struct yaml_node *root,
			const struct yaml_node **ret_every) __attribute__((warn_unused_result));

/* What metadata_parse() and metadata_with_custom() end in: the metadata of a tree. */
int metadata_make(struct tree *tree, const char *file, struct yaml_node *root,
		  const struct metadata **ret_metadata) __attribute__((warn_unused_result));

/* Today's annotation for an attribute of those forms; NULL when there is none. */
const char *metadata_older_annotation(const char *attribute);

#endif
