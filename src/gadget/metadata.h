/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metadata: what the file beside a gadget's object says about it.
 *
 * Every format that public gadgets have used is read: gadget.yaml of today
 * (`datasources`, `params`, `programs`, ...), the form before it (`tracers`,
 * `structs`, `ebpfParams`), and the first definition file (`documentation`,
 * `columns`, `ebpf_params`).  docs/gadget-yaml.md lists every key.
 *
 * Parsing makes one tree of all of them, and whoever asks need not know which
 * format it was: keys with dots become nested ones (`columns.width: 8` is
 * `columns: {width: 8}`), and fields of the older forms stand where today's do.
 * Keys compare without regard to case.  Scalars are their text, whether YAML
 * takes them for booleans, numbers or words.  Every node keeps its place in the
 * file, for messages.
 *
 * The object says what there is, the metadata how it is called and shown: so
 * the metadata is parsed first, asked while the object is inspected, then
 * applied to the fields (present.h) and checked against it (metadata_check.h).
 * It lives in the arena, read-only.
 */
#ifndef GADGET_METADATA_H
#define GADGET_METADATA_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/yaml.h"

/* Limits on a document, besides those of yaml.h; past them it is refused. */
enum {
	METADATA_MAX_NODES = 20000,
	METADATA_MAX_KEYS = 4096, /* of one map */
	METADATA_MAX_DEPTH = 64,  /* with dotted keys taken apart */
};

struct metadata {
	const char *file;             /* what messages call it */
	const struct yaml_node *root; /* a map; empty for an empty document */
	const struct yaml_node
		*every; /* fields that the first format gives no data source, or NULL */
	const char *name, *description, *homepage, *documentation, *source; /* or NULL */
};

/* Parse a document of len bytes; `file` is what messages call it. */
int metadata_parse(struct arena *arena, const char *file, const char *text, size_t len,
		   const struct metadata **ret_metadata, struct error *err)
	__attribute__((warn_unused_result));

/*
 * The value at a dotted path below a node; NULL when there is none.  Case does
 * not matter.  The node may be NULL.
 */
const struct yaml_node *metadata_find(const struct yaml_node *node, const char *path);

/* The text at a path; NULL when there is none, or it is no scalar. */
const char *metadata_text(const struct yaml_node *node, const char *path);

/*
 * The annotation `key` of a field (full dotted name) of a data source, or of the
 * data source itself (field NULL); NULL when there is none, or no metadata.
 */
const struct yaml_node *metadata_annotation(const struct metadata *metadata, const char *event,
					    const char *field, const char *key);

/* ---- parameters ---------------------------------------------------------- */

/* What is said about a parameter; each node is a scalar or NULL. */
struct metadata_param {
	struct pos pos; /* of its name in the file */
	const struct yaml_node *key, *default_value, *description;
};

/*
 * What is said about the parameter behind a variable of the programs: under
 * `params.ebpf`, else `ebpfParams`, else `ebpf_params`.  False when nothing is,
 * or there is no metadata.
 */
bool metadata_param(const struct metadata *metadata, const char *variable,
		    struct metadata_param *ret_param);

/*
 * The new default of a parameter from `paramDefaults`, by its full name
 * ("operator.oci.ebpf.pid"); NULL when there is none, or no metadata.
 */
const struct yaml_node *metadata_param_default(const struct metadata *metadata, const char *name);

/*
 * What `programs.<name>` says at a dotted path ("attach_to", "perf.type"); the
 * name is a function, or the end of a section ("perf_event/<name>").  NULL when
 * there is none, or no metadata.
 */
const struct yaml_node *metadata_program(const struct metadata *metadata, const char *name,
					 const char *path);

/* ---- parameters that change the metadata itself: params.custom ----------- */

/* One parameter; its full name is "custom.<key>".  Nodes are NULL when absent. */
struct metadata_custom {
	const char *key;
	struct pos pos;
	const struct yaml_node *description, *default_value, *alias; /* scalars */
	const struct yaml_node *values;                              /* a map: value -> {patch} */
	const struct yaml_node *patch; /* a map: for values that are not in there */
};

enum { METADATA_MAX_CUSTOM = 256 };

/* The parameters under params.custom, in the file's order; returns how many. */
uint32_t metadata_customs(struct arena *arena, const struct metadata *metadata,
			  const struct metadata_custom **ret_customs);

/* A parameter that somebody set, by its full name: "custom.interval". */
struct metadata_setting {
	const char *name, *value;
};

/*
 * The metadata as it is with these settings: for each custom parameter that is
 * set or has a default, the patch for its value is merged into a copy of the
 * tree, in the file's order.  A patch is a tree like the document; its maps are
 * merged, everything else replaces what was there.  Its texts may contain
 * `{{getParamValue "full name"}}` and `{{getConfig "key.path"}}` (`call .` in
 * front of the function is accepted): the value of a setting (else of a custom
 * parameter's default; nothing if that parameter is not custom and not set), and
 * the text at a path of the tree as it is then.  -EINVAL for everything else
 * between {{ }}, for a path or a custom parameter that is not there, for a value
 * that `values` lacks when there is no `patch`, and for a patch of params.custom.
 *
 * With nothing to change, *ret_metadata is the metadata itself.
 */
int metadata_with_custom(struct arena *arena, const struct metadata *metadata,
			 const struct metadata_setting *settings, uint32_t n,
			 const struct metadata **ret_metadata, struct error *err)
	__attribute__((warn_unused_result));

#endif
