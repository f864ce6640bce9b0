/* SPDX-License-Identifier: Apache-2.0 */
/*
 * format: the bytes of a recording; docs/recording-format.md says it for others.
 *
 * A recording is a row of blocks.  A block is a header of 64 bytes and what the
 * header says follows; each has a CRC, so a block is whole or it is not one.  A
 * run appends a session: a HEAD (who, where, when), a SCHEMA for each kind of
 * record, RECORDS, and an END when it ended in order.  Nothing is ever rewritten,
 * so whatever happens to the writer, all blocks but the last are whole.
 *
 * RECORDS hold frames, each 8 bytes of frame header, a body, and zeros up to a
 * multiple of 8:
 *
 *     GROUP   what the rows behind it share: when they were read, the clock's
 *             offset, the load they come from
 *     ROW     a record as the kernel wrote it
 *     LOSS    n records are missing here
 *
 * Numbers are little-endian, wherever it was recorded.
 */
#ifndef RECORDING_FORMAT_H
#define RECORDING_FORMAT_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "rows are taken as they lie in memory");

enum {
	RECORDING_VERSION = 1,
	RECORDING_HEADER = 64,                   /* bytes of a block's header */
	RECORDING_BLOCK_MAX = (64 << 20) + 4096, /* bytes of a block when unpacked */
	RECORDING_SCHEMAS_MAX = 256,             /* of a session, and different ones of a file */
	RECORDING_SESSIONS_MAX = 4096,
	RECORDING_DOC_MAX = 4 << 20, /* bytes of a JSON document */
	RECORDING_BOOT = 32,         /* bytes of a boot id */
	FRAME_HEADER = 8,
	FRAME_ALIGN = 8,
	ROW_HEADER = FRAME_HEADER + 8,
	GROUP_BYTES = FRAME_HEADER + 24 + RECORDING_BOOT,
	LOSS_BYTES = FRAME_HEADER + 32 + RECORDING_BOOT + 16, /* names follow */
};

#define RECORDING_MAGIC "GREC"

enum block_kind { BLOCK_HEAD = 1, BLOCK_SCHEMA, BLOCK_RECORDS, BLOCK_END };
enum block_packing { PACKING_NONE, PACKING_ZSTD };
enum frame_kind { FRAME_GROUP = 1, FRAME_ROW, FRAME_LOSS };
/* Flags of a LOSS frame: a sink's queue dropped them; it is known on which CPU. */
enum { LOSS_OF_SINK = 1, LOSS_HAS_CPU = 2 };

/* A block's header; the place of each member in the file is its name's comment. */
struct block {
	uint8_t version;  /* 4 */
	uint8_t kind;     /* 5 */
	uint8_t packing;  /* 6 */
	uint32_t stored;  /* 8: bytes behind the header */
	uint32_t raw;     /* 12: of them when unpacked */
	uint32_t records; /* 16 */
	uint32_t losses;  /* 20: LOSS frames */
	uint64_t lost;    /* 24: records missing, by them */
	int64_t first_ns; /* 32: earliest and ... */
	int64_t last_ns;  /* 40: ... latest time of a record; both 0 without records */
	uint32_t number;  /* 48: of the block in its session, from 0 */
	uint32_t crc;     /* 52: of the bytes behind the header */
};

/* Write the header, with its magic and its own CRC (60). */
void block_put(const struct block *block, uint8_t out[RECORDING_HEADER]);

/*
 * Read a header.  -EBADMSG: it is none, or damaged; -ENOTSUP: it is one of a
 * newer version; -E2BIG: it is whole, but its sizes are past the limits.
 */
int block_get(const uint8_t in[RECORDING_HEADER], struct block *ret_block, struct error *err);

uint32_t block_crc(const uint8_t *bytes, size_t len);

/* "head", "schema", ... */
const char *block_kind_name(enum block_kind kind);

#endif
