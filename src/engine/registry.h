/* SPDX-License-Identifier: Apache-2.0 */
/*
 * registry: every component of this build, found by the name pipelines use.
 *
 * The table behind registry_builtin() is generated from the file names in
 * src/sources, src/stages and src/sinks.  Tests bring registries of their own.
 */
#ifndef ENGINE_REGISTRY_H
#define ENGINE_REGISTRY_H

#include "engine/component.h"

struct registry {
	const struct source_type *const *sources; /* each ends with NULL, sorted by name */
	const struct stage_type *const *stages;
	const struct sink_type *const *sinks;
};

/* Defined in the generated file. */
extern const struct registry registry_builtin;

const struct source_type *registry_source(const struct registry *registry, const char *name);
const struct stage_type *registry_stage(const struct registry *registry, const char *name);
const struct sink_type *registry_sink(const struct registry *registry, const char *name);

#endif
