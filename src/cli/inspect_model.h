/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inspect_model: a gadget's model for people and for programs, as `inspect` and
 * `image inspect` print it.
 */
#ifndef CLI_INSPECT_MODEL_H
#define CLI_INSPECT_MODEL_H

#include <jansson.h>

#include "base/arena.h"
#include "gadget/model.h"

/* To standard output: what it is, data sources, parameters, programs, maps, needs. */
void inspect_model_print(const struct model *model, struct arena *arena);

/* The same as an object, which is the caller's. */
json_t *inspect_model_json(const struct model *model, struct arena *arena);

#endif
