/* SPDX-License-Identifier: Apache-2.0 */
#include "recording/format.h"

#include <errno.h>
#include <string.h>
#include <zlib.h>

enum { CRC_AT = 60 };

uint32_t block_crc(const uint8_t *bytes, size_t len)
{
	return (uint32_t)crc32_z(0, bytes, len);
}

const char *block_kind_name(enum block_kind kind)
{
	static const char *const names[] = { [BLOCK_HEAD] = "head",
					     [BLOCK_SCHEMA] = "schema",
					     [BLOCK_RECORDS] = "records",
					     [BLOCK_END] = "end" };

	return names[kind];
}

static void put32(uint8_t *out, uint32_t value)
{
	memcpy(out, &value, sizeof(value));
}

static void put64(uint8_t *out, uint64_t value)
{
	memcpy(out, &value, sizeof(value));
}

static uint32_t get32(const uint8_t *in)
{
	uint32_t value;

	memcpy(&value, in, sizeof(value));
	return value;
}

static uint64_t get64(const uint8_t *in)
{
	uint64_t value;

	memcpy(&value, in, sizeof(value));
	return value;
}

void block_put(const struct block *block, uint8_t out[RECORDING_HEADER])
{
	memset(out, 0, RECORDING_HEADER);
	memcpy(out, RECORDING_MAGIC, 4);
	out[4] = block->version;
	out[5] = block->kind;
	out[6] = block->packing;
	put32(out + 8, block->stored);
	put32(out + 12, block->raw);
	put32(out + 16, block->records);
	put32(out + 20, block->losses);
	put64(out + 24, block->lost);
	put64(out + 32, (uint64_t)block->first_ns);
	put64(out + 40, (uint64_t)block->last_ns);
	put32(out + 48, block->number);
	put32(out + 52, block->crc);
	put32(out + CRC_AT, block_crc(out, CRC_AT));
}

static int check(const struct block *b, struct error *err)
{
	uint32_t max = b->kind == BLOCK_RECORDS ? RECORDING_BLOCK_MAX : RECORDING_DOC_MAX;

	if (b->version != RECORDING_VERSION)
		return error_set(err, ENOTSUP,
				 "format %u; made by a newer version, this one reads format %d",
				 b->version, RECORDING_VERSION);
	if (b->kind < BLOCK_HEAD || b->kind > BLOCK_END || b->packing > PACKING_ZSTD)
		return error_set(err, ENOTSUP,
				 "a block of kind %u in packing %u; made by a newer version",
				 b->kind, b->packing);
	if (b->raw > max || b->stored > max)
		return error_set(err, E2BIG, "a block of %u bytes (at most %u)",
				 b->raw > max ? b->raw : b->stored, max);
	return 0;
}

int block_get(const uint8_t in[RECORDING_HEADER], struct block *ret_block, struct error *err)
{
	struct block b;
	int r;

	if (memcmp(in, RECORDING_MAGIC, 4) != 0 || get32(in + CRC_AT) != block_crc(in, CRC_AT))
		return error_set(err, EBADMSG, "no block begins there");
	b = (struct block){
		.version = in[4],
		.kind = in[5],
		.packing = in[6],
		.stored = get32(in + 8),
		.raw = get32(in + 12),
		.records = get32(in + 16),
		.losses = get32(in + 20),
		.lost = get64(in + 24),
		.first_ns = (int64_t)get64(in + 32),
		.last_ns = (int64_t)get64(in + 40),
		.number = get32(in + 48),
		.crc = get32(in + 52),
	};
	r = check(&b, err);
	if (r < 0)
		return r;
	*ret_block = b;
	return 0;
}
