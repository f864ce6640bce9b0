/* SPDX-License-Identifier: Apache-2.0 */
#include "recording/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data/batch.h"
#include "recording/pack.h"

/* ---- bytes ----------------------------------------------------------------- */

/* For callers, all that is wrong inside is one: the file needs another look. */
static int say_broken(struct error *err, int r)
{
	if (r != -EBADMSG && r != -ENOTSUP && r != -E2BIG)
		return r;
	if (err)
		err->code = EUCLEAN;
	return -EUCLEAN;
}

/* All of len bytes, or -EBADMSG where the file ends before. */
static int read_at(int fd, void *to, size_t len, uint64_t at, struct error *err)
{
	uint8_t *out = to;

	while (len) {
		ssize_t n = pread(fd, out, len, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_set(err, errno, "cannot read it: %s", strerrordesc_np(errno));
		if (n == 0)
			return error_set(err, EBADMSG, "it became shorter while it was read");
		out += n;
		at += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

static void make_room(uint8_t **bytes, size_t *cap, size_t need)
{
	if (need <= *cap)
		return;
	/* The old contents are of no use: no need to move them. */
	free(*bytes);
	*bytes = xcalloc(1, need);
	*cap = need;
}

void recording_block_release(struct recording_block *block)
{
	free(block->bytes);
	free(block->stored);
	*block = (struct recording_block){ 0 };
}

/* Read and unpack what follows a header that was read from `at`. */
static int unpack(const struct recording *rec, struct unpacker *unpacker, uint64_t at,
		  struct recording_block *b, struct error *err)
{
	int r;

	make_room(&b->stored, &b->stored_cap, b->block.stored + (size_t)1);
	make_room(&b->bytes, &b->cap, b->block.raw + (size_t)ROW_SLACK);
	r = read_at(rec->fd, b->stored, b->block.stored, at + RECORDING_HEADER, err);
	if (r == 0)
		r = unpacker_run(unpacker, &b->block, b->stored, b->bytes, err);
	if (r == 0)
		memset(b->bytes + b->block.raw, 0, ROW_SLACK);
	return r;
}

/* ---- opening --------------------------------------------------------------- */

struct opener {
	struct recording *rec;
	struct arena *arena;
	struct unpacker *unpacker;
	struct recording_block doc; /* heads and schemas are unpacked here */
	uint32_t next;              /* number of the next block in the session */
	struct error *err;
};

static struct recording_session *last_session(const struct opener *o)
{
	return &o->rec->sessions[o->rec->nsessions - 1];
}

static int begin_session(struct opener *o, uint64_t at)
{
	struct recording *rec = o->rec;
	struct recording_session *s;
	int r;

	if (rec->nsessions == RECORDING_SESSIONS_MAX)
		return error_set(o->err, E2BIG, "more than %d sessions", RECORDING_SESSIONS_MAX);
	/* Room grows by doubling; what the arena keeps of older ones is little. */
	if (!(rec->nsessions & (rec->nsessions - 1))) {
		s = arena_array(o->arena, rec->nsessions ? 2 * rec->nsessions : 1, sizeof(*s));
		if (rec->nsessions)
			memcpy(s, rec->sessions, rec->nsessions * sizeof(*s));
		rec->sessions = s;
	}
	s = &rec->sessions[rec->nsessions];
	s->at = at;
	r = document_to_head(o->arena, (const char *)o->doc.bytes, o->doc.block.raw, &s->head,
			     o->err);
	if (r < 0)
		return r;
	s->schemas = arena_array(o->arena, RECORDING_SCHEMAS_MAX, sizeof(const struct schema *));
	s->streams = arena_array(o->arena, RECORDING_SCHEMAS_MAX, sizeof(*s->streams));
	rec->nsessions++;
	return 0;
}

static const char *const_text(struct arena *arena, const struct schema *schema, const char *name)
{
	struct str text = field_const_str(schema, schema_find(schema, name));

	return arena_strndup(arena, text.at, text.len);
}

static int add_stream(struct opener *o, uint32_t *ret_stream)
{
	struct recording *rec = o->rec;
	const char *text = (const char *)o->doc.bytes;
	size_t len = o->doc.block.raw;
	struct recording_stream *s;
	int r;

	for (uint32_t i = 0; i < rec->nstreams; i++) {
		s = &rec->streams[i];
		if (s->document_len == len && !memcmp(s->document, text, len)) {
			*ret_stream = i;
			return 0;
		}
	}
	if (rec->nstreams == RECORDING_SCHEMAS_MAX)
		return error_set(o->err, E2BIG, "more than %d different schemas",
				 RECORDING_SCHEMAS_MAX);
	s = &rec->streams[rec->nstreams];
	r = document_to_schema(o->arena, text, len, &s->schema, o->err);
	if (r < 0)
		return r;
	s->gadget = const_text(o->arena, s->schema, "@gadget");
	s->document = arena_strndup(o->arena, text, len);
	s->document_len = len;
	*ret_stream = rec->nstreams++;
	return 0;
}

static int add_schema(struct opener *o)
{
	struct recording_session *s = last_session(o);
	uint32_t stream = 0;
	int r;

	if (s->nschemas == RECORDING_SCHEMAS_MAX)
		return error_set(o->err, E2BIG, "more than %d schemas in a session",
				 RECORDING_SCHEMAS_MAX);
	r = add_stream(o, &stream);
	if (r < 0)
		return r;
	s->schemas[s->nschemas] = o->rec->streams[stream].schema;
	s->streams[s->nschemas++] = stream;
	return 0;
}

static void count_block(struct recording_session *s, const struct block *b)
{
	s->blocks++;
	s->records += b->records;
	s->losses += b->losses;
	s->lost += b->lost;
	s->raw += b->raw;
	s->stored += b->stored;
	if (!b->first_ns && !b->last_ns)
		return;
	if (!s->first_ns || b->first_ns < s->first_ns)
		s->first_ns = b->first_ns;
	if (!s->last_ns || b->last_ns > s->last_ns)
		s->last_ns = b->last_ns;
}

/* Where a block has to stand. */
static int check_order(const struct opener *o, const struct block *b)
{
	const struct recording_session *s = o->rec->nsessions ? last_session(o) : NULL;

	if (b->kind == BLOCK_HEAD && b->number == 0)
		return 0;
	if (!s)
		return error_set(o->err, EBADMSG, "it does not begin with a head");
	if (b->kind == BLOCK_HEAD || b->number != o->next || s->has_end)
		return error_set(o->err, EBADMSG, "block %u of a session stands where %u belongs",
				 b->number, o->next);
	if (b->kind == BLOCK_SCHEMA && s->blocks)
		return error_set(o->err, EBADMSG, "a schema stands behind records");
	if (b->kind == BLOCK_RECORDS && !s->nschemas)
		return error_set(o->err, EBADMSG, "records without a schema");
	return 0;
}

/* Take a whole block in; 1, 0 when the readable part ends in front of it, or an error. */
static int take_block(struct opener *o, const struct block *b, uint64_t at)
{
	int r = check_order(o, b);

	if (r < 0)
		return r;
	o->next = b->kind == BLOCK_HEAD ? 1 : o->next + 1;
	if (b->kind == BLOCK_RECORDS) {
		count_block(last_session(o), b);
		return 1;
	}
	o->doc.block = *b;
	r = unpack(o->rec, o->unpacker, at, &o->doc, o->err);
	/* Damage at the very end is what a power cut leaves of a block. */
	if (r == -EBADMSG && at + RECORDING_HEADER + b->stored == o->rec->size)
		return 0;
	if (r < 0)
		return r;
	if (b->kind == BLOCK_END) {
		last_session(o)->has_end = true;
		return 1;
	}
	r = b->kind == BLOCK_HEAD ? begin_session(o, at) : add_schema(o);
	return r < 0 ? r : 1;
}

/* One block further.  1, 0 where the readable part ends, or an error. */
static int scan_block(struct opener *o)
{
	struct recording *rec = o->rec;
	uint64_t at = rec->readable, left = rec->size - at;
	uint8_t header[RECORDING_HEADER];
	struct error why = ERROR_INIT;
	struct block b;
	int r;

	if (left < RECORDING_HEADER)
		return 0;
	r = read_at(rec->fd, header, sizeof(header), at, o->err);
	if (r < 0)
		return r;
	r = block_get(header, &b, &why);
	if (r == -EBADMSG)
		return 0;
	if (r < 0)
		return error_set(o->err, why.code, "at byte %llu: %s", (unsigned long long)at,
				 why.text);
	if (b.stored > left - RECORDING_HEADER)
		return 0;
	r = take_block(o, &b, at);
	if (r < 0)
		return error_wrap(o->err, "at byte %llu", (unsigned long long)at);
	if (r == 1)
		rec->readable += RECORDING_HEADER + b.stored;
	return r;
}

static int scan(struct opener *o)
{
	uint8_t magic[5];
	int r;

	if (o->rec->size < sizeof(magic) ||
	    read_at(o->rec->fd, magic, sizeof(magic), 0, o->err) < 0 ||
	    memcmp(magic, RECORDING_MAGIC, 4) != 0)
		return error_set(o->err, EBADMSG, "it is not a recording");
	do
		r = scan_block(o);
	while (r == 1);
	if (r < 0)
		return r;
	if (!o->rec->nsessions)
		return error_set(o->err, EBADMSG, "its first block is damaged, or not whole");
	o->rec->torn = o->rec->size - o->rec->readable;
	return 0;
}

static int open_file(const char *path, uint64_t *ret_size, struct error *err)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return error_set(err, errno, "cannot open '%s': %s", path, strerrordesc_np(errno));
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		(void)close(fd);
		return error_set(err, EINVAL, "cannot read '%s': it is not a regular file", path);
	}
	*ret_size = (uint64_t)st.st_size;
	return fd;
}

int recording_open(struct recording *rec, struct arena *arena, const char *path, struct error *err)
{
	struct opener o = { .rec = rec, .arena = arena, .err = err };
	int r;

	*rec = (struct recording){ .fd = -1, .path = arena_strdup(arena, path) };
	r = open_file(path, &rec->size, err);
	if (r < 0)
		return r;
	rec->fd = r;
	rec->streams = arena_array(arena, RECORDING_SCHEMAS_MAX, sizeof(*rec->streams));
	o.unpacker = unpacker_new();
	r = scan(&o);
	unpacker_free(o.unpacker);
	recording_block_release(&o.doc);
	if (r < 0) {
		recording_close(rec);
		(void)error_wrap(err, "cannot read '%s'", path);
		return say_broken(err, r);
	}
	return 0;
}

void recording_close(struct recording *rec)
{
	if (rec->fd >= 0)
		(void)close(rec->fd);
	rec->fd = -1;
}

bool recording_is_one(const char *path)
{
	uint8_t magic[4];
	uint64_t size;
	int fd = open_file(path, &size, NULL);
	bool is_one;

	if (fd < 0)
		return false;
	is_one = read_at(fd, magic, sizeof(magic), 0, NULL) == 0 &&
		 !memcmp(magic, RECORDING_MAGIC, sizeof(magic));
	(void)close(fd);
	return is_one;
}

/* ---- reading --------------------------------------------------------------- */

static int enter(const struct recording *rec, struct recording_place *place, const struct block *b,
		 struct error *err)
{
	if (b->kind == BLOCK_HEAD) {
		place->session++;
		place->number = 0;
	}
	if (!place->session || place->session > rec->nsessions || b->number != place->number)
		return error_set(err, EBADMSG, "it changed while it was read");
	place->number++;
	return 0;
}

int recording_read(const struct recording *rec, struct recording_place *place,
		   struct unpacker *unpacker, struct recording_block *block, uint64_t *ret_torn,
		   struct error *err)
{
	uint8_t header[RECORDING_HEADER];
	uint64_t at;
	int r;

	*ret_torn = 0;
	do {
		at = place->at;
		if (at >= rec->readable)
			return 0;
		r = read_at(rec->fd, header, sizeof(header), at, err);
		if (r == 0)
			r = block_get(header, &block->block, err);
		if (r == 0)
			r = enter(rec, place, &block->block, err);
		if (r < 0)
			goto fail;
		place->at += RECORDING_HEADER + block->block.stored;
	} while (block->block.kind != BLOCK_RECORDS);
	r = unpack(rec, unpacker, at, block, err);
	if (r == -EBADMSG && place->at >= rec->size) {
		*ret_torn = rec->size - at;
		return 0;
	}
	if (r < 0)
		goto fail;
	block->session = place->session - 1;
	block->at = at;
	return 1;
fail:
	(void)error_wrap(err, "cannot read '%s': the block at byte %llu", rec->path,
			 (unsigned long long)at);
	return say_broken(err, r);
}
