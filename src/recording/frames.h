/* SPDX-License-Identifier: Apache-2.0 */
/*
 * frames: a walk over the frames of an unpacked RECORDS block.
 *
 * The bytes may be anybody's: every frame is checked before it is handed out, so
 * whoever reads a ROW by its schema stays within it.
 */
#ifndef RECORDING_FRAMES_H
#define RECORDING_FRAMES_H

#include "data/batch.h"
#include "recording/format.h"

struct frames {
	const uint8_t *at, *end;
	const struct schema *const *schemas; /* of the session, by number */
	uint32_t nschemas;
};

/* A frame; which members hold something depends on its kind. */
struct frame {
	enum frame_kind kind;
	uint16_t schema; /* number in the session */
	/* GROUP, LOSS */
	char boot[RECORDING_BOOT + 1];
	uint64_t epoch;
	/* GROUP */
	int64_t wall_ns, boot_to_wall_ns;
	/* ROW: in the block */
	const uint8_t *row;
	uint32_t row_len;
	uint64_t pos;
	/* LOSS: names point into the block and have a length */
	bool is_of_sink, has_cpu;
	uint64_t n, from, to;
	uint32_t cpu;
	struct str source, event, reason;
};

/*
 * The frame at frames->at, and past it.  1, 0 at the end, or -EBADMSG with the
 * reason.  ROWs have at least the bytes of their schema's row_min.
 */
int frames_next(struct frames *frames, struct frame *ret_frame, struct error *err);

#endif
