/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recordings as an attacker would write them: a reader ends in rows or in an error, and
 * what it hands out can be shown and expressed without leaving a row.
 *
 * An input that begins as a recording is one.  Any other is a list of blocks: a byte of
 * kind, then a document up to a NUL, or two bytes of length and so many of records.  They get
 * headers and checksums here, which no fuzzer would guess.  Rows are copied to memory of their
 * own, once without the slack, so that the sanitizer sees what is read behind their end.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "codec/encoder.h"
#include "recording/frames.h"
#include "recording/pack.h"
#include "recording/reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OUT_BYTES = 1 << 20 };

static void put(int fd, const void *bytes, size_t len)
{
	if (write(fd, bytes, len) != (ssize_t)len)
		abort();
}

static void put_block(int fd, uint8_t kind, uint32_t number, const uint8_t *payload, uint32_t len)
{
	struct block block = { .version = RECORDING_VERSION,
			       .kind = kind,
			       .stored = len,
			       .raw = len,
			       .number = number,
			       .crc = block_crc(payload, len) };
	uint8_t header[RECORDING_HEADER];

	block_put(&block, header);
	put(fd, header, sizeof(header));
	put(fd, payload, len);
}

/* Where the payload of a block of that kind lies in the input; returns what it takes. */
static size_t find_payload(uint8_t kind, const uint8_t *data, size_t size, const uint8_t **ret_at,
			   uint32_t *ret_len)
{
	const uint8_t *nul = memchr(data, 0, size);
	uint16_t len;

	*ret_at = data;
	*ret_len = (uint32_t)(nul ? (size_t)(nul - data) : size);
	if (kind != BLOCK_RECORDS)
		return *ret_len + (nul != NULL);
	*ret_len = 0;
	if (size < sizeof(len))
		return size;
	memcpy(&len, data, sizeof(len));
	*ret_at = data + sizeof(len);
	*ret_len = len < size - sizeof(len) ? len : (uint32_t)(size - sizeof(len));
	return sizeof(len) + *ret_len;
}

static void put_blocks(int fd, const uint8_t *data, size_t size)
{
	uint32_t number = 0;

	while (size > 1) {
		const uint8_t *payload;
		uint32_t len;
		size_t used = 1 + find_payload(data[0], data + 1, size - 1, &payload, &len);

		if (data[0] == BLOCK_HEAD)
			number = 0;
		put_block(fd, data[0], number++, payload, len);
		data += used;
		size -= used;
	}
}

/* ---- using what was read ------------------------------------------------- */

/* One encoder for each codec and schema, made when first needed. */
struct shown {
	const struct encoder *json, *columns;
	bool is_made;
};

static void make(struct shown *shown, struct arena *arena, const struct schema *schema)
{
	const struct encoder_options options = { .newline = true };
	struct error err = ERROR_INIT;

	shown->is_made = true;
	if (codec_json.compile(arena, schema, &options, &shown->json, &err) < 0)
		shown->json = NULL;
	if (codec_columns.compile(arena, schema, &options, &shown->columns, &err) < 0)
		shown->columns = NULL;
}

static void encode(const struct encoder *encoder, const struct batch *batch)
{
	static uint8_t out[OUT_BYTES];
	uint32_t end[1];
	struct encoded to = {
		.at = out, .limit = out + sizeof(out), .ends = end, .max = 1, .start = out
	};

	if (encoder && encoder->bound(encoder, batch, 0) <= sizeof(out))
		(void)encoder->rows(encoder, batch, 0, 1, &to);
}

static volatile uint8_t sum;

static void look(const struct batch *batch, const struct field *field)
{
	struct value value;

	batch_read(batch, 0, field, &value);
	if (value.type < TYPE_STRING || value.missing || type_is_made_number(value.type))
		return;
	if (value.type == TYPE_TIME || value.type == TYPE_TIME_NS)
		return;
	for (uint64_t i = 0; i < value.s.len; i++)
		sum = (uint8_t)(sum + (uint8_t)value.s.at[i]);
}

static void use_row(struct shown *shown, struct arena *arena, const struct schema *schema,
		    const struct frame *group, const struct frame *f)
{
	uint8_t *exact = malloc(f->row_len), *row = malloc(f->row_len + (size_t)ROW_SLACK);
	const uint8_t *at[] = { exact };
	const struct origin origin = { schema->source, group->boot, group->epoch };
	uint16_t sel[] = { 0 };
	struct rows rows = { .at = at,
			     .len = &f->row_len,
			     .pos = &f->pos,
			     .origin = &origin,
			     .wall_ns = group->wall_ns,
			     .boot_to_wall_ns = group->boot_to_wall_ns,
			     .n = 1 };
	struct batch batch = { .schema = schema, .rows = &rows, .sel = sel, .nsel = 1 };

	if (f->row_len)
		memcpy(exact, f->row, f->row_len);
	for (uint32_t i = 0; i < schema->nfields; i++)
		look(&batch, &schema->fields[i]);
	(void)batch_time(&batch, 0);
	at[0] = row;
	memcpy(row, f->row, f->row_len);
	memset(row + f->row_len, 0, ROW_SLACK);
	if (!shown->is_made)
		make(shown, arena, schema);
	encode(shown->json, &batch);
	encode(shown->columns, &batch);
	free(exact);
	free(row);
}

static void use_block(const struct recording *rec, const struct recording_block *b,
		      struct shown *shown, struct arena *arena)
{
	const struct recording_session *s = &rec->sessions[b->session];
	struct frames frames = { b->bytes, b->bytes + b->block.raw, s->schemas, s->nschemas };
	struct error err = ERROR_INIT;
	struct frame f, group;
	bool has_group = false;

	while (frames_next(&frames, &f, &err) == 1) {
		if (f.kind == FRAME_GROUP) {
			group = f;
			has_group = true;
		} else if (f.kind == FRAME_ROW && has_group) {
			use_row(&shown[s->streams[f.schema]], arena, s->schemas[f.schema], &group,
				&f);
		}
	}
}

static void read_blocks(const struct recording *rec, struct arena *arena)
{
	static struct shown shown[RECORDING_SCHEMAS_MAX];
	struct unpacker *unpacker = unpacker_new();
	struct recording_place place = { 0 };
	struct recording_block block = { 0 };
	struct error err = ERROR_INIT;
	uint64_t torn;

	memset(shown, 0, sizeof(shown));
	while (recording_read(rec, &place, unpacker, &block, &torn, &err) == 1)
		use_block(rec, &block, shown, arena);
	recording_block_release(&block);
	unpacker_free(unpacker);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fd = -1;
	struct arena arena = ARENA_INIT;
	struct error err = ERROR_INIT;
	struct recording rec;
	char path[64];

	if (fd < 0)
		fd = memfd_create("recording", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, 0) < 0 || lseek(fd, 0, SEEK_SET) < 0)
		abort();
	if (size >= 4 && !memcmp(data, RECORDING_MAGIC, 4))
		put(fd, data, size);
	else
		put_blocks(fd, data, size);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (recording_open(&rec, &arena, path, &err) == 0) {
		read_blocks(&rec, &arena);
		recording_close(&rec);
	}
	arena_release(&arena);
	return 0;
}
