/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config_vars: environment variables in the values of a document.
 */
#ifndef ENGINE_CONFIG_VARS_H
#define ENGINE_CONFIG_VARS_H

#include "base/arena.h"
#include "base/error.h"
#include "base/yaml.h"

/*
 * A copy of the tree in which `${VAR}`, `${VAR:-text}`, `${VAR:?text}` and `$$`
 * in values (not in keys) are replaced.  A single `$` stands for itself.  The
 * variable counts as unset when it is empty, for all three forms.  Replaced text
 * is limited to YAML_MAX_BYTES in total.  Errors are -EINVAL with the place of
 * the value.
 */
int config_expand(struct arena *arena, const struct yaml_node *root, struct yaml_node **ret_root,
		  struct error *err) __attribute__((warn_unused_result));

#endif
