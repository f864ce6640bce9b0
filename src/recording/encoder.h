/* SPDX-License-Identifier: Apache-2.0 */
/*
 * encoder: records as frames of a recording (format.h).
 *
 * Rows are copied as they are.  Each call of rows() writes a GROUP in front of its
 * first row, so a chunk, which is what becomes a block, can be read alone.
 */
#ifndef RECORDING_ENCODER_H
#define RECORDING_ENCODER_H

#include "codec/encoder.h"

/*
 * The encoder of a schema that is the number-th of its session.  -EINVAL
 * when it cannot be recorded, or not be read back; the message says why.
 */
int recording_encoder(struct arena *arena, const struct schema *schema, uint16_t number,
		      const struct encoder **ret_encoder, struct error *err);

#endif
