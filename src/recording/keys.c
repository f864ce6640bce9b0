/* SPDX-License-Identifier: Apache-2.0 */
#include "recording/keys.h"

#include <stddef.h>

#include "data/schema.h"

const char *const recording_places[] = {
	[LOC_ROW] = "row", [LOC_COL] = "", [LOC_CONST] = "const", [LOC_META] = "batch", NULL,
};

/* FIELD_HIDDEN, FIELD_QUIET, FIELD_COLUMN are bits 0, 1, 2. */
const char *const recording_flags[] = { "hidden", "quiet", "column", NULL };

const char *const recording_aligns[] = {
	[ALIGN_TYPE] = "type",
	[ALIGN_LEFT] = "left",
	[ALIGN_RIGHT] = "right",
	NULL,
};

const char *const recording_ellipses[] = {
	[ELLIPSIS_END] = "end",
	[ELLIPSIS_START] = "start",
	[ELLIPSIS_MIDDLE] = "middle",
	[ELLIPSIS_NONE] = "none",
	NULL,
};
