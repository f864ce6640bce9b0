/* SPDX-License-Identifier: Apache-2.0 */
/* Words of the documents, by enum value; each list ends with NULL. */
#ifndef RECORDING_KEYS_H
#define RECORDING_KEYS_H

extern const char *const recording_places[];   /* enum loc; "" cannot be recorded */
extern const char *const recording_flags[];    /* by bit of enum field_flag */
extern const char *const recording_aligns[];   /* enum align */
extern const char *const recording_ellipses[]; /* enum ellipsis */

#endif
