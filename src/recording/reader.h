/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reader: a recording as sessions, schemas and blocks.
 *
 * Opening looks at every block's header, and reads heads and schemas; what is then
 * known is enough to make ports.  The readable part ends at the first block that
 * is not whole: `torn` bytes behind it are left by a writer that was killed, or
 * are being written.  Damage in front of that is an error when it is reached.
 *
 * The file may change meanwhile and may be anybody's; whatever is read again is
 * checked again.
 */
#ifndef RECORDING_READER_H
#define RECORDING_READER_H

#include <stdbool.h>

#include "base/arena.h"
#include "data/schema.h"
#include "recording/document.h"
#include "recording/format.h"

/* One kind of record: the same schema in several sessions is one stream. */
struct recording_stream {
	const struct schema *schema;
	const char *gadget;   /* text of its @gadget */
	const char *document; /* of its first session; unique in the file */
	size_t document_len;
};

struct recording_session {
	struct recording_head head;
	uint64_t at;                   /* its first byte in the file */
	const struct schema **schemas; /* by number in the session */
	uint32_t *streams;             /* which stream each is */
	uint32_t nschemas;
	uint64_t blocks, records, losses, lost, raw, stored;
	int64_t first_ns, last_ns; /* times of its records; both 0 without any */
	bool has_end;              /* it was closed in order */
};

struct recording {
	int fd;
	const char *path;
	uint64_t size;     /* of the file when it was opened */
	uint64_t readable; /* bytes of whole blocks */
	uint64_t torn;     /* size - readable */
	struct recording_session *sessions;
	uint32_t nsessions;
	struct recording_stream *streams;
	uint32_t nstreams;
};

/*
 * Open a regular file and learn all of the above.  -ENOENT, -EACCES, ...; -EINVAL:
 * no regular file; -EUCLEAN: no recording, damaged, or made by a newer version, as
 * the message says.  Strings and schemas live in the arena.
 */
int recording_open(struct recording *recording, struct arena *arena, const char *path,
		   struct error *err);

/* Close the file; the rest is the arena's. */
void recording_close(struct recording *recording);

/* Whether a path is a regular file that begins as recordings do. */
bool recording_is_one(const char *path);

/* A reading of one block after the other; independent of others. */
struct recording_place {
	uint64_t at;      /* of the next block */
	uint32_t session; /* number + 1 of the session it stands in; 0: in front of all */
	uint32_t number;  /* of the next block in it */
};

struct unpacker;

/* A block of records in memory; fields of it are reused by the next read. */
struct recording_block {
	struct block block;
	uint32_t session;
	uint64_t at;    /* in the file */
	uint8_t *bytes; /* block.raw of them, aligned to 16, ROW_SLACK zeros behind */
	size_t cap;
	uint8_t *stored;
	size_t stored_cap;
};

/*
 * Read the next RECORDS block, past others.  1, 0 at the end of the readable part, or
 * a negative errno.  A damaged block that is the last of the file counts as torn: 0,
 * and *ret_torn is the bytes that were left out (else 0).  Needs no loop; may run in
 * a thread of its own while the recording is open.
 */
int recording_read(const struct recording *recording, struct recording_place *place,
		   struct unpacker *unpacker, struct recording_block *block, uint64_t *ret_torn,
		   struct error *err);

void recording_block_release(struct recording_block *block);

#endif
