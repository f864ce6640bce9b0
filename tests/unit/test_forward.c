/* SPDX-License-Identifier: Apache-2.0 */
/* forward: golden frames out, and replies of every kind in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <errno.h>
#include <string.h>
#include <cmocka.h>

#include "codec/forward.h"

#define BYTES(text) (const uint8_t *)(text), sizeof(text) - 1

static void frame_is_as_the_specification_says(void **state)
{
	uint8_t out[FORWARD_BEGIN_MAX + FORWARD_END_MAX];
	size_t n;

	(void)state;
	n = forward_begin(out, "a.b", 0x01020304);
	assert_int_equal(n, 10);
	assert_memory_equal(out,
			    "\x93\xa3"
			    "a.b"
			    "\xc6\x01\x02\x03\x04",
			    n);
	n = forward_end(out, 3, "id");
	assert_int_equal(n, 20);
	assert_memory_equal(out,
			    "\x82\xa4size\xce\0\0\0\x03\xa5"
			    "chunk\xa2id",
			    n);
	n = forward_end(out, 0x01020304, NULL);
	assert_int_equal(n, 11);
	assert_memory_equal(out, "\x81\xa4size\xce\x01\x02\x03\x04", n);
}

static void longest_tag_and_id_fit(void **state)
{
	char tag[FORWARD_TAG_MAX + 1] = "", id[FORWARD_ID_MAX + 1] = "";
	uint8_t out[512];

	(void)state;
	memset(tag, 't', FORWARD_TAG_MAX);
	memset(id, 'i', FORWARD_ID_MAX);
	assert_true(forward_begin(out, tag, UINT32_MAX) <= FORWARD_BEGIN_MAX);
	assert_memory_equal(out, "\x93\xd9\xfft", 4);
	assert_true(forward_end(out, UINT32_MAX, id) <= FORWARD_END_MAX);
}

/*
 * Parse from memory of exactly that size, so that a sanitizer sees a read too
 * far; and each shorter piece of it must be incomplete.
 */
static ssize_t parse(const uint8_t *bytes, size_t len, struct forward_reply *reply,
		     uint8_t **ret_copy)
{
	uint8_t *copy = NULL;
	ssize_t used = 0;

	for (size_t n = 0; n <= len; n++) {
		free(copy);
		copy = malloc(n ? n : 1);
		assert_non_null(copy);
		memcpy(copy, bytes, n);
		used = forward_parse_reply(copy, n, reply);
		if (used != 0)
			break;
	}
	*ret_copy = copy;
	return used;
}

static void expect_ack(const uint8_t *bytes, size_t len, const char *id)
{
	struct forward_reply reply;
	uint8_t *copy;

	assert_int_equal(parse(bytes, len, &reply, &copy), len);
	assert_int_equal(reply.kind, FORWARD_ACK);
	assert_int_equal(reply.id_len, strlen(id));
	assert_memory_equal(reply.id, id, strlen(id));
	free(copy);
}

static void expect_kind(const uint8_t *bytes, size_t len, enum forward_reply_kind kind)
{
	struct forward_reply reply;
	uint8_t *copy;

	assert_int_equal(parse(bytes, len, &reply, &copy), len);
	assert_int_equal(reply.kind, kind);
	free(copy);
}

static void expect_garbage(const uint8_t *bytes, size_t len)
{
	struct forward_reply reply;
	uint8_t *copy;

	assert_int_equal(parse(bytes, len, &reply, &copy), -EBADMSG);
	free(copy);
}

static void acks_are_found_however_they_are_written(void **state)
{
	(void)state;
	expect_ack(BYTES("\x81\xa3"
			 "ack\xa3"
			 "xyz"),
		   "xyz");
	expect_ack(BYTES("\x81\xc4\x03"
			 "ack\xc4\x03"
			 "xyz"),
		   "xyz");
	expect_ack(BYTES("\xde\x00\x01\xd9\x03"
			 "ack\xda\x00\x03"
			 "xyz"),
		   "xyz");
	expect_ack(BYTES("\xdf\x00\x00\x00\x01\xdb\x00\x00\x00\x03"
			 "ack\xc6\x00\x00\x00\x01z"),
		   "z");
	/* Other keys, nested values, numbers and extensions around it. */
	expect_ack(BYTES("\x84\x01\x92\xc0\xc3\xa1q\x81\xa1r\xcb\0\0\0\0\0\0\0\0\xa3"
			 "ack\xa1i\xa1z\xd7\x00"
			 "12345678"),
		   "i");
}

static void other_replies_are_told_apart(void **state)
{
	(void)state;
	expect_kind(BYTES("\xc0"), FORWARD_OTHER);
	expect_kind(BYTES("\x80"), FORWARD_OTHER);
	expect_kind(BYTES("\x81\xa3"
			  "nak\xa1x"),
		    FORWARD_OTHER);
	expect_kind(BYTES("\x81\xa3"
			  "ack\x05"),
		    FORWARD_OTHER);
	expect_kind(BYTES("\x92\xa4HELO\x80"), FORWARD_HELO);
}

static void garbage_is_recognised_early(void **state)
{
	(void)state;
	expect_garbage(BYTES("H"));
	expect_garbage(BYTES("\xc1"));
	expect_garbage(BYTES("\xa4HELO"));
	expect_garbage(BYTES("\x90"));
	expect_garbage(BYTES("\x92\xa4PONG\xc3"));
	/* More than any reply holds, said in a few bytes. */
	expect_garbage(BYTES("\xdf\xff\xff\xff\xff"));
	expect_garbage(BYTES("\xdd\xff\xff\xff\xff"));
	expect_garbage(BYTES("\x81\xa3"
			     "ack\xdb\xff\xff\xff\xff"));
	expect_garbage(BYTES("\x81\xc9\xff\xff\xff\xff"));
}

static void deep_nesting_costs_nothing(void **state)
{
	uint8_t *deep = malloc(FORWARD_REPLY_MAX + 2);
	struct forward_reply reply;

	(void)state;
	assert_non_null(deep);
	memset(deep, 0x91, FORWARD_REPLY_MAX + 2);
	deep[0] = 0x81;
	assert_int_equal(forward_parse_reply(deep, 1000, &reply), 0);
	assert_int_equal(forward_parse_reply(deep, FORWARD_REPLY_MAX + 2, &reply), -EBADMSG);
	free(deep);
}

static void replies_in_a_row_are_taken_one_by_one(void **state)
{
	static const char both[] = "\x81\xa3"
				   "ack\xa1"
				   "1\xc0\x81\xa3"
				   "ack\xa1"
				   "2";
	const uint8_t *at = (const uint8_t *)both;
	size_t len = sizeof(both) - 1;
	struct forward_reply reply;
	char ids[8] = "";

	(void)state;
	while (len) {
		ssize_t used = forward_parse_reply(at, len, &reply);

		assert_true(used > 0);
		if (reply.kind == FORWARD_ACK)
			ids[strlen(ids)] = (char)reply.id[0];
		at += used;
		len -= (size_t)used;
	}
	assert_string_equal(ids, "12");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frame_is_as_the_specification_says),
		cmocka_unit_test(longest_tag_and_id_fit),
		cmocka_unit_test(acks_are_found_however_they_are_written),
		cmocka_unit_test(other_replies_are_told_apart),
		cmocka_unit_test(garbage_is_recognised_early),
		cmocka_unit_test(deep_nesting_costs_nothing),
		cmocka_unit_test(replies_in_a_row_are_taken_one_by_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
