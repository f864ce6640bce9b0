/* SPDX-License-Identifier: Apache-2.0 */
/*
 * interpreter: how the functions that run programs are written.
 *
 * Each kernel is a label and ends in a jump of its own, so that the branch
 * predictor learns the order of fields.  The macros are for a function that has
 * `op`, `out`, `src`, `scene` and `batch`, and a label k_X for every kernel X.
 */
#ifndef CODEC_INTERPRETER_H
#define CODEC_INTERPRETER_H

#include "codec/program.h"

/* Where the kernels are, for program_link(). */
#define KERNEL_LABELS    { KERNEL_LIST(KERNEL_LABEL) }
#define KERNEL_LABEL(id) [KERNEL_##id] = &&k_##id,

/* What a kernel writes, then on to the next operation. */
#define KERNEL(id, write)     \
	k_##id : out = write; \
	NEXT()

/* The same for one that writes nothing. */
#define MOVE(id, move) \
	k_##id : move; \
	NEXT()

#define NEXT()                              \
	do {                                \
		op++;                       \
		out = put_literal(out, op); \
		goto * op->go;              \
	} while (0)

/* The moves are the same for everybody. */
#define KERNELS_MOVE()                                  \
	MOVE(FROM_ROW, src = scene.row);                \
	MOVE(FROM_CONSTS, src = batch->schema->consts); \
	MOVE(FROM_COLUMN, src = column_value(batch, scene.index, op); op += src ? 0 : op->skip)

#endif
