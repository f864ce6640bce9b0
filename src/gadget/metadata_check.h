/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metadata_check: what in a gadget's metadata fits nothing.
 *
 * Metadata may say more than this version, or this object, knows: gadgets are
 * made for several tools, and some fields are added by others.  So running a
 * gadget passes over what it does not know; `inspect` shows it, and who makes a
 * gadget wants typos to be errors.
 */
#ifndef GADGET_METADATA_CHECK_H
#define GADGET_METADATA_CHECK_H

#include <stdbool.h>

#include "gadget/model.h"

struct metadata_finding {
	bool is_error;
	struct pos pos;
	const char *text; /* as messages of error.h are, without the place */
};

enum { METADATA_MAX_FINDINGS = 200 };

/*
 * Hold the model's metadata against the model: unknown keys, data sources,
 * fields, templates, parameters and programs, in the order of the file.  When
 * strict, a finding is an error unless it is of something that others may add
 * (fields below `k8s` and `runtime`, what a wasm module makes) or that this
 * version knows and does not use.  Returns how many there are, at most
 * METADATA_MAX_FINDINGS; without metadata 0.
 */
uint32_t metadata_check(struct arena *arena, const struct model *model, bool strict,
			const struct metadata_finding **ret_findings);

#endif
