/* SPDX-License-Identifier: Apache-2.0 */
/* Lookups walk the tables: there are tens of components, and set-up is rare. */
#include "engine/registry.h"

#include <string.h>

const struct source_type *registry_source(const struct registry *registry, const char *name)
{
	for (const struct source_type *const *p = registry->sources; *p; p++)
		if (!strcmp((*p)->base.name, name))
			return *p;
	return NULL;
}

const struct stage_type *registry_stage(const struct registry *registry, const char *name)
{
	for (const struct stage_type *const *p = registry->stages; *p; p++)
		if (!strcmp((*p)->base.name, name))
			return *p;
	return NULL;
}

const struct sink_type *registry_sink(const struct registry *registry, const char *name)
{
	for (const struct sink_type *const *p = registry->sinks; *p; p++)
		if (!strcmp((*p)->base.name, name))
			return *p;
	return NULL;
}
