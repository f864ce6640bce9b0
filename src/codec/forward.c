/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/forward.h"

#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

/* ---- writing ---------------------------------------------------------- */

static uint8_t *put_u32(uint8_t *out, uint8_t head, uint32_t value)
{
	uint32_t big = htobe32(value);

	*out = head;
	memcpy(out + 1, &big, sizeof(big));
	return out + 5;
}

/* A string of at most 255 bytes. */
static uint8_t *put_str(uint8_t *out, const char *text)
{
	size_t len = strlen(text);

	if (len < 32) {
		*out++ = (uint8_t)(0xa0 | len);
	} else {
		*out++ = 0xd9;
		*out++ = (uint8_t)len;
	}
	return mempcpy(out, text, len);
}

size_t forward_begin(uint8_t *out, const char *tag, uint32_t payload_len)
{
	uint8_t *at = out;

	*at++ = 0x93; /* [tag, entries, option] */
	at = put_str(at, tag);
	at = put_u32(at, 0xc6, payload_len);
	return (size_t)(at - out);
}

size_t forward_end(uint8_t *out, uint32_t count, const char *id)
{
	uint8_t *at = out;

	*at++ = id ? 0x82 : 0x81;
	at = put_str(at, "size");
	at = put_u32(at, 0xce, count);
	if (id) {
		at = put_str(at, "chunk");
		at = put_str(at, id);
	}
	return (size_t)(at - out);
}

/* ---- reading ---------------------------------------------------------- */

enum kind { KIND_NIL, KIND_TEXT, KIND_ARRAY, KIND_MAP, KIND_OTHER };

/* The first bytes of an object: what it is, and what belongs to it. */
struct head {
	enum kind kind;
	size_t len;        /* of the head itself */
	uint64_t bytes;    /* that follow it and belong to it */
	uint64_t children; /* objects that follow it and belong to it */
};

static uint64_t get_big(const uint8_t *bytes, size_t len)
{
	uint64_t value = 0;

	for (size_t i = 0; i < len; i++)
		value = value << 8 | bytes[i];
	return value;
}

/* How a byte of 0xc0..0xdf begins an object. */
struct form {
	uint8_t kind;    /* enum kind */
	uint8_t len_len; /* bytes of length (or count) behind it */
	uint8_t fixed;   /* bytes that follow besides */
	bool is_known;
};

#define FORM(kind, len_len, fixed) { KIND_##kind, len_len, fixed, true }

static const struct form forms[32] = {
	[0x00] = FORM(NIL, 0, 0),
	/* 0xc1 is never used */
	[0x02] = FORM(OTHER, 0, 0),  /* false */
	[0x03] = FORM(OTHER, 0, 0),  /* true */
	[0x04] = FORM(TEXT, 1, 0),   /* bin 8 */
	[0x05] = FORM(TEXT, 2, 0),   /* bin 16 */
	[0x06] = FORM(TEXT, 4, 0),   /* bin 32 */
	[0x07] = FORM(OTHER, 1, 1),  /* ext 8 */
	[0x08] = FORM(OTHER, 2, 1),  /* ext 16 */
	[0x09] = FORM(OTHER, 4, 1),  /* ext 32 */
	[0x0a] = FORM(OTHER, 0, 4),  /* float 32 */
	[0x0b] = FORM(OTHER, 0, 8),  /* float 64 */
	[0x0c] = FORM(OTHER, 0, 1),  /* uint 8 */
	[0x0d] = FORM(OTHER, 0, 2),  /* uint 16 */
	[0x0e] = FORM(OTHER, 0, 4),  /* uint 32 */
	[0x0f] = FORM(OTHER, 0, 8),  /* uint 64 */
	[0x10] = FORM(OTHER, 0, 1),  /* int 8 */
	[0x11] = FORM(OTHER, 0, 2),  /* int 16 */
	[0x12] = FORM(OTHER, 0, 4),  /* int 32 */
	[0x13] = FORM(OTHER, 0, 8),  /* int 64 */
	[0x14] = FORM(OTHER, 0, 2),  /* fixext 1 */
	[0x15] = FORM(OTHER, 0, 3),  /* fixext 2 */
	[0x16] = FORM(OTHER, 0, 5),  /* fixext 4 */
	[0x17] = FORM(OTHER, 0, 9),  /* fixext 8 */
	[0x18] = FORM(OTHER, 0, 17), /* fixext 16 */
	[0x19] = FORM(TEXT, 1, 0),   /* str 8 */
	[0x1a] = FORM(TEXT, 2, 0),   /* str 16 */
	[0x1b] = FORM(TEXT, 4, 0),   /* str 32 */
	[0x1c] = FORM(ARRAY, 2, 0),  /* array 16 */
	[0x1d] = FORM(ARRAY, 4, 0),  /* array 32 */
	[0x1e] = FORM(MAP, 2, 0),    /* map 16 */
	[0x1f] = FORM(MAP, 4, 0),    /* map 32 */
};

static struct head head_of(enum kind kind, size_t len, uint64_t size)
{
	struct head head = { .kind = kind, .len = len };

	if (kind == KIND_ARRAY)
		head.children = size;
	else if (kind == KIND_MAP)
		head.children = 2 * size;
	else
		head.bytes = size;
	return head;
}

/* 1: read; 0: more bytes are needed; -EBADMSG: no msgpack. */
static int read_head(const uint8_t *bytes, size_t len, struct head *ret_head)
{
	const struct form *form;
	uint8_t first;

	*ret_head = head_of(KIND_OTHER, 1, 0); /* right for a small integer */
	if (len == 0)
		return 0;
	first = bytes[0];
	if (first < 0x80 || first >= 0xe0)
		return 1;
	if (first < 0x90)
		*ret_head = head_of(KIND_MAP, 1, first & 0x0f);
	else if (first < 0xa0)
		*ret_head = head_of(KIND_ARRAY, 1, first & 0x0f);
	else if (first < 0xc0)
		*ret_head = head_of(KIND_TEXT, 1, first & 0x1f);
	if (first < 0xc0)
		return 1;
	form = &forms[first & 0x1f];
	if (!form->is_known)
		return -EBADMSG;
	if (len - 1 < form->len_len)
		return 0;
	*ret_head = head_of(form->kind, 1 + form->len_len,
			    get_big(bytes + 1, form->len_len) + form->fixed);
	return 1;
}

/* The length of the whole object; 0: not all there; -EBADMSG: never will be. */
static ssize_t object_len(const uint8_t *bytes, size_t len)
{
	uint64_t objects = 1, at = 0;

	while (objects) {
		struct head head;
		int r = read_head(bytes + at, len - at, &head);

		if (r <= 0)
			return r;
		/* Every object has a byte at least, so this bounds the counts too. */
		at += head.len + head.bytes;
		objects += head.children - 1;
		if (at + objects > FORWARD_REPLY_MAX)
			return -EBADMSG;
		if (at > len)
			return 0;
	}
	return (ssize_t)at;
}

/* A text object equal to `word`; `bytes` holds a whole object. */
static bool is_text(const uint8_t *bytes, const struct head *head, const char *word)
{
	return head->kind == KIND_TEXT && head->bytes == strlen(word) &&
	       memcmp(bytes + head->len, word, head->bytes) == 0;
}

/* Look for "ack" among the pairs between at and end, which are all there. */
static void find_ack(const uint8_t *at, const uint8_t *end, struct forward_reply *reply)
{
	while (at < end) {
		struct head key, value;
		const uint8_t *second = at + object_len(at, (size_t)(end - at));

		(void)read_head(at, (size_t)(end - at), &key);
		(void)read_head(second, (size_t)(end - second), &value);
		if (is_text(at, &key, "ack") && value.kind == KIND_TEXT) {
			reply->kind = FORWARD_ACK;
			reply->id = second + value.len;
			reply->id_len = value.bytes;
		}
		at = second + object_len(second, (size_t)(end - second));
	}
}

ssize_t forward_parse_reply(const uint8_t *bytes, size_t len, struct forward_reply *ret_reply)
{
	struct forward_reply reply = { .kind = FORWARD_OTHER };
	ssize_t total = object_len(bytes, len);
	struct head head, first;

	if (total <= 0)
		return total == 0 && len >= FORWARD_REPLY_MAX ? -EBADMSG : total;
	(void)read_head(bytes, len, &head);
	switch (head.kind) {
	case KIND_NIL:
		break;
	case KIND_MAP:
		find_ack(bytes + head.len, bytes + total, &reply);
		break;
	case KIND_ARRAY:
		if (!head.children)
			return -EBADMSG;
		(void)read_head(bytes + head.len, len - head.len, &first);
		if (!is_text(bytes + head.len, &first, "HELO"))
			return -EBADMSG;
		reply.kind = FORWARD_HELO;
		break;
	case KIND_TEXT:
	case KIND_OTHER:
		return -EBADMSG;
	}
	*ret_reply = reply;
	return total;
}
