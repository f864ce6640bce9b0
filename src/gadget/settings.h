/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settings: the values of a gadget's parameters for one run.
 *
 * What a user wrote is checked against the model, without privileges; what comes
 * out is bytes, and where they go.  A variable <map>_max_entries, set or not, is
 * how many entries that map gets.
 */
#ifndef GADGET_SETTINGS_H
#define GADGET_SETTINGS_H

#include "base/yaml.h"
#include "gadget/model.h"

/* Entries a map can be given by a variable: 1 to this. */
enum { SETTINGS_MAX_ENTRIES = 1 << 26 };

/* The bytes of a parameter's variable. */
struct param_setting {
	const struct model_param *param;
	const uint8_t *bytes;
};

struct settings {
	const struct param_setting *list;
	size_t n;
};

/*
 * Make the settings of a map from keys (or names of variables) to values; NULL is
 * an empty one.  Defaults that come from the metadata are among them.  -EINVAL
 * with the place of what is wrong.
 */
int settings_make(struct arena *arena, const struct model *model, const struct yaml_node *wanted,
		  struct settings *ret_settings, struct error *err)
	__attribute__((warn_unused_result));

/*
 * The metadata as the custom parameters among the wanted ones make it, to inspect
 * the object with; NULL stays NULL.  -EINVAL with the place of a choice that is none,
 * -ENOEXEC for patches that are wrong.
 */
int settings_choose(struct arena *arena, const struct metadata *metadata,
		    const struct yaml_node *wanted, const struct metadata **ret_metadata,
		    struct error *err) __attribute__((warn_unused_result));

/* The entries of a map with map->sized_by, with these settings. */
uint32_t settings_map_entries(const struct settings *settings, const struct model_map *map);

#endif
