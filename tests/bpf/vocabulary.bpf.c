// SPDX-License-Identifier: GPL-2.0-only
/*
 * What members can mean, and the shapes that shapes.bpf.c has no room for.  Each
 * getsid(2) of the process --pid makes one record of each data source; every value is fixed:
 *
 *   numbers  enums of every kind, 128 bits, floats, bit-fields, packed and odd places
 *   lists    arrays of numbers, texts, arrays and structs, the last of no fixed length
 *   meaning  each type that has a derived field, some with annotations for it
 *   packet   a record with more behind its struct than that declares
 */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include <gadget/buffer.h>
#include <gadget/common.h>
#include <gadget/filter.h>

enum vocabulary_signed { BELOW = -2, ABOVE = 2 };
enum vocabulary_high { HIGH = 0x80000000u, HIGHEST = 0xffffffffu };
enum vocabulary_wide { WIDE = 0x123456789abull };
enum __attribute__((packed)) vocabulary_small { SMALL = 200 };
enum vocabulary_set {
	SET_NOTHING = 0,
	SET_FIRST = 1,
	SET_SECOND = 2,
	SET_BOTH = 3,
	SET_FOURTH = 8
};
enum vocabulary_wide_set { LOW_BIT = 1, HIGH_BIT = 1ull << 40 };
typedef enum { NAMELESS_A = 5, NAMELESS_B } vocabulary_nameless;
typedef const vocabulary_nameless vocabulary_chain;

struct vocabulary_odd {
	__u8 first;
	__u64 middle;
	__u16 last;
} __attribute__((packed));

typedef struct {
	__u32 inside;
} vocabulary_typedef;

struct numbers {
	enum vocabulary_signed below_raw;
	enum vocabulary_signed neither_raw;
	enum vocabulary_high high_raw;
	enum vocabulary_wide wide_raw;
	enum vocabulary_small small_raw;
	enum vocabulary_set set_raw;
	enum vocabulary_set nothing_raw;
	enum vocabulary_set annotated;
	enum vocabulary_wide_set wide_set_raw;
	vocabulary_nameless nameless_raw;
	vocabulary_chain chain_raw;
	enum vocabulary_set plain;
	unsigned __int128 u128;
	__int128 s128;
	float f32;
	double f64;
	__u8 : 3;
	bool yes : 1;
	bool no : 1;
	__s32 minus : 5;
	enum vocabulary_set bits_raw : 4;
	__u64 across : 60;
	struct {
		__u64 low : 7;
		__u64 nine_bytes : 60;
	} __attribute__((packed)) packed;
	struct vocabulary_odd odd;
	vocabulary_typedef typed;
	void *pointer;
};

struct vocabulary_point {
	__s16 x, y;
	enum vocabulary_signed side_raw;
	gadget_errno error_raw;
};

struct lists {
	__u16 numbers[4];
	__s8 small[2];
	bool truths[3];
	float floats[2];
	__u32 matrix[2][3];
	char names[3][8];
	__u8 macs[2][6];
	enum vocabulary_set sets_raw[2];
	gadget_errno errors_raw[3];
	struct vocabulary_point points[2];
	struct {
		struct vocabulary_point corners[2];
	} shapes[2];
	void *pointers[2];
	struct vocabulary_point rest[];
};

struct meaning {
	gadget_errno error_raw;
	gadget_errno fine_raw;
	gadget_errno odd_raw;
	gadget_errno plain;
	gadget_errno annotated;
	gadget_signal kill_raw;
	gadget_signal realtime_raw;
	gadget_signal beyond_raw;
	gadget_syscall call_raw;
	gadget_syscall unknown_raw;
	gadget_bytes size_raw;
	gadget_duration took_raw;
	gadget_file_mode mode_raw;
	gadget_file_flags flags_raw;
	gadget_kernel_stack stack_raw;
	gadget_dns_name name[16];
	gadget_dns_name query_raw[16];
	struct gadget_l3endpoint_t server;
	struct gadget_l4endpoint_t src;
	struct gadget_l4endpoint_t dst;
	struct {
		gadget_errno error_raw;
		struct gadget_l4endpoint_t peer;
	} inner;
	struct gadget_l4endpoint_t peers[1];
};

struct packet {
	__u16 kind;
	__u32 length;
};

GADGET_TRACER_MAP(number_ring, 64 * 1024);
GADGET_TRACER_MAP(list_ring, 64 * 1024);
GADGET_TRACER_MAP(meaning_ring, 64 * 1024);
GADGET_TRACER_MAP(packet_ring, 64 * 1024);
GADGET_TRACER(numbers, number_ring, numbers);
GADGET_TRACER(lists, list_ring, lists);
GADGET_TRACER(meaning, meaning_ring, meaning);
GADGET_TRACER(packet, packet_ring, packet);

#define V4(a, b, c, d) { .v6 = { a, b, c, d, 0xee, 0xee, 0xee, 0xee } }

static const struct numbers numbers_record = {
	.below_raw = BELOW,
	.neither_raw = 1,
	.high_raw = HIGHEST,
	.wide_raw = WIDE,
	.small_raw = SMALL,
	.set_raw = SET_BOTH | SET_FOURTH,
	.nothing_raw = SET_NOTHING,
	.annotated = SET_FIRST | SET_FOURTH,
	.wide_set_raw = LOW_BIT | HIGH_BIT,
	.nameless_raw = NAMELESS_A,
	.chain_raw = NAMELESS_B,
	.plain = SET_SECOND,
	.u128 = ~(unsigned __int128)0,
	.s128 = -((__int128)1 << 100),
	.f32 = 0.1f,
	.f64 = -2.5e300,
	.yes = true,
	.minus = -11,
	.bits_raw = SET_FOURTH,
	.across = 0xabcdef012345678,
	.packed = { .low = 0x55, .nine_bytes = 0x123456789abcdef },
	.odd = { 1, 0xfedcba9876543210, 0xffff },
	.typed = { 77 },
	.pointer = (void *)8,
};

#pragma clang diagnostic ignored "-Wgnu-variable-sized-type-not-at-end"
static const struct {
	struct lists lists;
	struct vocabulary_point rest[2];
	char part[5]; /* of one more, too short to count */
} __attribute__((packed)) lists_record = {
	.lists = { .numbers = { 1, 22, 333, 65535 },
		   .small = { -1, 1 },
		   .truths = { true, false, true },
		   .floats = { 0.5f, -1.25f },
		   .matrix = { { 1, 2, 3 }, { 4, 5, 6 } },
		   .names = { "one", "", "eight888" },
		   .macs = { { 2, 0, 0, 0, 0, 1 }, { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } },
		   .sets_raw = { SET_FIRST, SET_BOTH },
		   .errors_raw = { 0, 1, 11 },
		   .points = { { 1, -1, BELOW, 2 }, { -2, 2, 0, 0 } },
		   .shapes = { { { { 1, 1, ABOVE, 0 }, { 2, 2, ABOVE, 0 } } },
			       { { { 3, 3, ABOVE, 0 }, { 4, 4, ABOVE, 5 } } } } },
	.rest = { { 7, 8, ABOVE, 13 }, { 9, 10, BELOW, 0 } },
	.part = "????",
};

static const struct meaning meaning_record = {
	.error_raw = 2,
	.odd_raw = 4095,
	.plain = 13,
	.annotated = 13,
	.kill_raw = 9,
	.realtime_raw = 37,
	.beyond_raw = 200,
	.call_raw = 435, /* clone3, the same everywhere */
	.unknown_raw = 999999,
	.size_raw = 1500,
	.took_raw = 1500000,
	.mode_raw = 0100640,
	.flags_raw = 02001101, /* the same everywhere */
	.stack_raw = 7,
	.name = "\7example\3com",
	.query_raw = "\4wiki\3org",
	.server = { V4(192, 0, 2, 1), 4 },
	.src = { V4(10, 0, 0, 1), 12345, 6, 4 },
	.dst = { { .v6 = { 0x20, 1, 0xd, 0xb8, [15] = 1 } }, 443, 17, 6 },
	.inner = { 17, { V4(127, 0, 0, 1), 53, 253, 4 } },
	.peers = { { V4(10, 0, 0, 2), 80, 6, 4 } },
};

static const struct {
	struct packet packet;
	char rest[8];
} packet_record = { { 3, 5 }, "payload" };

SEC("tracepoint/syscalls/sys_enter_getsid")
int enter_getsid(struct trace_event_raw_sys_enter *ctx)
{
	if (gadget_should_discard_data_current())
		return 0;
	gadget_output_buf(ctx, &number_ring, (void *)&numbers_record, sizeof(numbers_record));
	gadget_output_buf(ctx, &list_ring, (void *)&lists_record, sizeof(lists_record));
	gadget_output_buf(ctx, &meaning_ring, (void *)&meaning_record, sizeof(meaning_record));
	gadget_output_buf(ctx, &packet_ring, (void *)&packet_record, sizeof(packet_record));
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
