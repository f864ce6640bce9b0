/* SPDX-License-Identifier: Apache-2.0 */
#include "recording/pack.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "base/arena.h"

struct packer {
	ZSTD_CCtx *zstd; /* NULL: level 0 */
	uint8_t *bytes;  /* header, then what follows */
	size_t cap;
	uint32_t raw;  /* announced */
	uint32_t seen; /* added so far */
	size_t len;    /* bytes made so far, with the header */
	const char *fault;
};

struct packer *packer_new(int level)
{
	struct packer *p = xcalloc(1, sizeof(*p));

	if (!level)
		return p;
	p->zstd = ZSTD_createCCtx();
	if (!p->zstd)
		abort(); /* only fails without memory */
	(void)ZSTD_CCtx_setParameter(p->zstd, ZSTD_c_compressionLevel, level);
	return p;
}

void packer_free(struct packer *p)
{
	if (!p)
		return;
	ZSTD_freeCCtx(p->zstd);
	free(p->bytes);
	free(p);
}

void packer_begin(struct packer *p, uint32_t raw)
{
	size_t need = RECORDING_HEADER + (p->zstd ? ZSTD_compressBound(raw) : raw);

	if (need > p->cap) {
		p->bytes = xrealloc(p->bytes, need);
		p->cap = need;
	}
	p->raw = raw;
	p->seen = 0;
	p->len = RECORDING_HEADER;
	p->fault = NULL;
	if (!p->zstd)
		return;
	(void)ZSTD_CCtx_reset(p->zstd, ZSTD_reset_session_only);
	(void)ZSTD_CCtx_setPledgedSrcSize(p->zstd, raw);
}

static void compress(struct packer *p, const void *bytes, size_t len, bool is_last)
{
	ZSTD_inBuffer in = { bytes, len, 0 };
	ZSTD_outBuffer out = { p->bytes, p->cap, p->len };
	size_t left;

	/* There is room for the worst, so one call that ends takes all. */
	do {
		left = ZSTD_compressStream2(p->zstd, &out, &in,
					    is_last ? ZSTD_e_end : ZSTD_e_continue);
		if (ZSTD_isError(left)) {
			p->fault = ZSTD_getErrorName(left);
			return;
		}
	} while (in.pos < in.size || (is_last && left));
	p->len = out.pos;
}

void packer_add(struct packer *p, const void *bytes, size_t len)
{
	if (p->fault || len > p->raw - p->seen)
		return;
	p->seen += (uint32_t)len;
	if (p->zstd) {
		compress(p, bytes, len, p->seen == p->raw);
		return;
	}
	memcpy(p->bytes + p->len, bytes, len);
	p->len += len;
}

int packer_end(struct packer *p, struct block *block, const uint8_t **ret_bytes, size_t *ret_len,
	       struct error *err)
{
	if (p->zstd && !p->raw)
		compress(p, "", 0, true);
	if (p->fault)
		return error_set(err, EIO, "cannot compress: %s", p->fault);
	if (p->seen != p->raw)
		return error_set(err, EIO, "a block of %u bytes has %u", p->raw, p->seen);
	block->version = RECORDING_VERSION;
	block->packing = p->zstd ? PACKING_ZSTD : PACKING_NONE;
	block->raw = p->raw;
	block->stored = (uint32_t)(p->len - RECORDING_HEADER);
	block->crc = block_crc(p->bytes + RECORDING_HEADER, block->stored);
	block_put(block, p->bytes);
	*ret_bytes = p->bytes;
	*ret_len = p->len;
	return 0;
}

/* ---- and back ----------------------------------------------------------- */

struct unpacker {
	ZSTD_DCtx *zstd;
};

struct unpacker *unpacker_new(void)
{
	struct unpacker *u = xcalloc(1, sizeof(*u));

	u->zstd = ZSTD_createDCtx();
	if (!u->zstd)
		abort(); /* only fails without memory */
	return u;
}

void unpacker_free(struct unpacker *u)
{
	if (!u)
		return;
	ZSTD_freeDCtx(u->zstd);
	free(u);
}

int unpacker_run(struct unpacker *u, const struct block *block, const uint8_t *stored, uint8_t *out,
		 struct error *err)
{
	size_t n;

	if (block_crc(stored, block->stored) != block->crc)
		return error_set(err, EBADMSG, "its bytes are damaged (the CRC is wrong)");
	if (block->packing == PACKING_NONE) {
		if (block->stored != block->raw)
			return error_set(err, EBADMSG, "it holds %u bytes instead of %u",
					 block->stored, block->raw);
		memcpy(out, stored, block->raw);
		return 0;
	}
	/* In one go, so memory is what the header said, whatever the frame's window. */
	n = ZSTD_decompressDCtx(u->zstd, out, block->raw, stored, block->stored);
	if (ZSTD_isError(n))
		return error_set(err, EBADMSG, "cannot unpack it: %s", ZSTD_getErrorName(n));
	if (n != block->raw)
		return error_set(err, EBADMSG, "it holds %zu bytes instead of %u", n, block->raw);
	return 0;
}
