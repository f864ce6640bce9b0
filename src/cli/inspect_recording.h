/* SPDX-License-Identifier: Apache-2.0 */
/* inspect_recording: what is in a recording, without unpacking its records. */
#ifndef CLI_INSPECT_RECORDING_H
#define CLI_INSPECT_RECORDING_H

#include <stdbool.h>

#include "base/arena.h"
#include "cli/exit.h"

/* Print it; errors have been printed when it returns. */
enum exit_status inspect_recording(const char *path, bool as_json, struct arena *arena);

#endif
