/* SPDX-License-Identifier: Apache-2.0 */
/*
 * forward: the frames of the Fluent Forward protocol, version 1, around records
 * that are encoded already.
 *
 * A PackedForward message is three parts: forward_begin(), the entries (each
 * [EventTime, record], one behind the other, as codec_msgpack writes them with
 * forward_entry), and forward_end().  A server that was given a chunk id answers
 * {"ack": id} once it has taken responsibility.
 *
 * Source of facts: the Forward Protocol Specification v1 of Fluentd.
 */
#ifndef CODEC_FORWARD_H
#define CODEC_FORWARD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
	FORWARD_TAG_MAX = 255,
	FORWARD_ID_MAX = 64,
	FORWARD_BEGIN_MAX = 16 + FORWARD_TAG_MAX,
	FORWARD_END_MAX = 32 + FORWARD_ID_MAX,
	FORWARD_REPLY_MAX = 64 * 1024, /* no reply is longer */
};

/* Write what stands in front of payload_len bytes of entries; returns its length,
 * at most FORWARD_BEGIN_MAX. */
size_t forward_begin(uint8_t *out, const char *tag, uint32_t payload_len);

/* Write what follows `count` entries.  `id` is the chunk id, NULL when no answer
 * is wanted.  Returns its length, at most FORWARD_END_MAX. */
size_t forward_end(uint8_t *out, uint32_t count, const char *id);

enum forward_reply_kind {
	FORWARD_ACK,   /* {"ack": id} */
	FORWARD_HELO,  /* the server wants to know who we are first */
	FORWARD_OTHER, /* a heartbeat, or a map that says nothing to us */
};

struct forward_reply {
	enum forward_reply_kind kind;
	const uint8_t *id; /* ACK: in the bytes that were parsed; not terminated */
	size_t id_len;
};

/*
 * Take one reply from the front of what a server sent.  Returns the bytes it
 * occupies, 0 when it is not complete yet, -EBADMSG when it is no reply or longer
 * than FORWARD_REPLY_MAX.  The bytes are hostile; nothing is allocated.
 */
ssize_t forward_parse_reply(const uint8_t *bytes, size_t len, struct forward_reply *ret_reply);

#endif
