/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_style: values as JSON, one at a time; for lists, and for whoever shows
 * lists as JSON.  The whole record goes through json.c.
 */
#ifndef CODEC_JSON_STYLE_H
#define CODEC_JSON_STYLE_H

#include "codec/bounds.h"
#include "codec/tree.h"

/* Beyond this a double cannot tell neighbours apart. */
#define SAFE_INT (UINT64_C(1) << 53)

/* Without spaces; and with a line for each value, indented by two spaces. */
extern const struct style json_style;
extern const struct style json_pretty_style;

/* What it takes without spaces. */
extern const struct expansion json_expansion;

/* An integer of 128 bits, in quotes when it is guarded and beyond SAFE_INT. */
uint8_t *json_wide(uint8_t *out, uint64_t high, uint64_t low, bool is_signed, bool is_guarded);

/* A loss as an object; at most ENCODER_MARK_MAX bytes.  Returns the end. */
uint8_t *json_mark(const struct mark *mark, uint8_t *out);

#endif
