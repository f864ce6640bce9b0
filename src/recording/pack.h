/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pack: blocks to bytes and back, compressed by zstd.
 *
 * A packer and an unpacker each belong to one thread at a time.
 */
#ifndef RECORDING_PACK_H
#define RECORDING_PACK_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "recording/format.h"

struct packer;

/* Level 0 does not compress; 1 (fast) to 19 (small). */
struct packer *packer_new(int level);
void packer_free(struct packer *packer);

/* Begin a block of `raw` bytes, which follow in pieces. */
void packer_begin(struct packer *packer, uint32_t raw);
void packer_add(struct packer *packer, const void *bytes, size_t len);

/*
 * End it.  Fills in what the header says of sizes, packing and CRC, and returns
 * the whole block, header first, valid until the next begin.  -EIO with zstd's
 * reason when it fails.
 */
int packer_end(struct packer *packer, struct block *block, const uint8_t **ret_bytes,
	       size_t *ret_len, struct error *err);

struct unpacker;

struct unpacker *unpacker_new(void);
void unpacker_free(struct unpacker *unpacker);

/*
 * Check the CRC of what lay behind the header (block->stored bytes), and unpack it
 * into out, which has room for block->raw bytes.  -EBADMSG when it is damaged.
 */
int unpacker_run(struct unpacker *unpacker, const struct block *block, const uint8_t *stored,
		 uint8_t *out, struct error *err);

#endif
