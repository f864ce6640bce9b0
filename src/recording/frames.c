/* SPDX-License-Identifier: Apache-2.0 */
#include "recording/frames.h"

#include <errno.h>

static uint32_t get32(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

static uint64_t get64(const uint8_t *at)
{
	uint64_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

static int bad(struct error *err, const char *what)
{
	return error_set(err, EBADMSG, "%s", what);
}

static int read_row(const uint8_t *at, uint32_t len, const struct schema *schema, struct frame *f,
		    struct error *err)
{
	if (len < ROW_HEADER || len - ROW_HEADER < schema->row_min)
		return bad(err, "a row is shorter than its schema says");
	f->pos = get64(at + FRAME_HEADER);
	f->row = at + ROW_HEADER;
	f->row_len = len - ROW_HEADER;
	return 1;
}

static void read_origin(const uint8_t *at, struct frame *f)
{
	f->epoch = get64(at);
	memcpy(f->boot, at + sizeof(f->epoch), RECORDING_BOOT);
	f->boot[RECORDING_BOOT] = '\0';
}

static int read_group(const uint8_t *at, uint32_t len, struct frame *f, struct error *err)
{
	if (len != GROUP_BYTES)
		return bad(err, "a group has another length than groups have");
	at += FRAME_HEADER;
	f->wall_ns = (int64_t)get64(at);
	f->boot_to_wall_ns = (int64_t)get64(at + 8);
	read_origin(at + 16, f);
	for (const char *c = f->boot; *c; c++)
		if (*c < ' ' || *c > '~')
			return bad(err, "a boot id is no text");
	return 1;
}

static struct str take_name(const uint8_t **at, uint32_t len)
{
	struct str name = { (const char *)*at, len };

	*at += len;
	return name;
}

static int read_loss(const uint8_t *at, uint32_t len, uint8_t flags, struct frame *f,
		     struct error *err)
{
	const uint8_t *names = at + LOSS_BYTES;
	uint32_t lens[3];

	if (len < LOSS_BYTES)
		return bad(err, "a loss is too short");
	at += FRAME_HEADER;
	if (flags & ~(LOSS_OF_SINK | LOSS_HAS_CPU))
		return error_set(err, ENOTSUP, "a loss has flags of a newer version");
	f->is_of_sink = flags & LOSS_OF_SINK;
	f->has_cpu = flags & LOSS_HAS_CPU;
	f->n = get64(at);
	f->from = get64(at + 8);
	f->to = get64(at + 16);
	read_origin(at + 24, f);
	at += 32 + RECORDING_BOOT;
	f->cpu = get32(at);
	memcpy(lens, at + 4, sizeof(lens));
	if ((uint64_t)lens[0] + lens[1] + lens[2] != len - LOSS_BYTES)
		return bad(err, "the names of a loss do not fit it");
	f->source = take_name(&names, lens[0]);
	f->event = take_name(&names, lens[1]);
	f->reason = take_name(&names, lens[2]);
	if (memchr(f->source.at, 0, len - LOSS_BYTES))
		return bad(err, "a name of a loss holds a NUL");
	return 1;
}

int frames_next(struct frames *frames, struct frame *f, struct error *err)
{
	const uint8_t *at = frames->at;
	size_t left = (size_t)(frames->end - at), whole;
	uint32_t len;

	if (!left)
		return 0;
	if (left < FRAME_HEADER)
		return bad(err, "bytes are left behind the last frame");
	len = get32(at);
	whole = ((size_t)len + FRAME_ALIGN - 1) & ~(size_t)(FRAME_ALIGN - 1);
	if (len < FRAME_HEADER || whole > left)
		return bad(err, "a frame reaches beyond its block");
	memcpy(&f->schema, at + 4, sizeof(f->schema));
	if (f->schema >= frames->nschemas)
		return error_set(err, EBADMSG, "a frame is of schema %u, but there are %u",
				 f->schema, frames->nschemas);
	frames->at += whole;
	f->kind = (enum frame_kind)at[6];
	switch (f->kind) {
	case FRAME_ROW:
		return read_row(at, len, frames->schemas[f->schema], f, err);
	case FRAME_GROUP:
		return read_group(at, len, f, err);
	case FRAME_LOSS:
		return read_loss(at, len, at[7], f, err);
	}
	return error_set(err, ENOTSUP, "a frame of kind %u; made by a newer version", at[6]);
}
