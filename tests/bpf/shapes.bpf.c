// SPDX-License-Identifier: GPL-2.0-only
/*
 * Members of every shape a reader of BTF meets: integers of all widths, bool, enum, char and
 * number arrays, nested structs, anonymous structs and unions, a private member, a
 * bit-field, a tail of strings.  One record per getsid(2) of the process --pid; every value is
 * fixed, save `asked`, the argument of the call.
 */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include <gadget/buffer.h>
#include <gadget/common.h>
#include <gadget/filter.h>

enum shapes_color { RED = 1, GREEN = 2, BLUE = 40 };

struct shapes_point {
	__s32 x;
	__s32 y;
};

struct shapes_inner {
	__u16 small;
	struct shapes_point point;
	char name[8];
};

struct shapes_event {
	gadget_seq seq;
	__u8 u8;
	__s8 s8;
	__u16 u16;
	__s16 s16;
	__u32 u32;
	__s32 s32;
	__u64 u64;
	__s64 s64;
	bool yes;
	bool no;
	enum shapes_color color_raw;
	struct shapes_inner inner;
	struct {
		__u32 anonymous_a;
		__u32 anonymous_b;
	};
	union {
		__u32 as_number;
		__u8 as_bytes[4];
	};
	__u16 numbers[3];
	char full[4];     /* filled to the end: no NUL */
	char stale[16];   /* "new" and a NUL, then what was there before */
	char bytes[8];    /* not UTF-8 */
	__u32 __private;  /* skipped by its name */
	__u32 bits_a : 3; /* 5 */
	__u32 bits_b : 7; /* 100 */
	__s32 asked;
	gadget_errno error_raw;
	gadget_strings strings[];
};

GADGET_TRACER_MAP(events, 256 * 1024);
GADGET_TRACER(shapes, events, shapes_event);

#define TAIL "one\0\0three"

static const char full[] = "full";
static const char stale[] = "new\0was here";
static const char bytes[] = "a\"\\\n\xff\xfe\x01";

#define RECORD (__builtin_offsetof(struct shapes_event, strings) + sizeof(TAIL))

static __always_inline void fill_numbers(struct shapes_event *event)
{
	event->u8 = 200;
	event->s8 = -100;
	event->u16 = 60000;
	event->s16 = -30000;
	event->u32 = 4000000000u;
	event->s32 = -2000000000;
	event->u64 = 18446744073709551615ull;
	event->s64 = -9223372036854775807ll - 1;
	event->yes = true;
	event->no = false;
	event->color_raw = BLUE;
	event->inner.small = 7;
	event->inner.point.x = -1;
	event->inner.point.y = 2;
	event->anonymous_a = 11;
	event->anonymous_b = 12;
	event->as_number = 0x04030201;
	event->numbers[0] = 1;
	event->numbers[1] = 22;
	event->numbers[2] = 333;
	event->__private = 99;
	event->bits_a = 5;
	event->bits_b = 100;
	event->error_raw = 2;
}

static __always_inline void fill_texts(struct shapes_event *event)
{
	__builtin_memcpy(event->inner.name, "inner\0\0", sizeof(event->inner.name));
	__builtin_memcpy(event->full, full, sizeof(event->full));
	__builtin_memcpy(event->stale, stale, sizeof(stale));
	__builtin_memcpy(event->bytes, bytes, sizeof(bytes));
	__builtin_memcpy(event->strings, TAIL, sizeof(TAIL));
}

SEC("tracepoint/syscalls/sys_enter_getsid")
int enter_getsid(struct trace_event_raw_sys_enter *ctx)
{
	struct shapes_event *event;
	struct bpf_dynptr record;
	gadget_seq seq;

	if (gadget_should_discard_data_current())
		return 0;
	gadget_reserve_dynptr(&events, RECORD, &seq, &record);
	event = bpf_dynptr_data(&record, 0, RECORD);
	if (!event) {
		gadget_discard_dynptr(&record);
		return 0;
	}
	event->seq = seq;
	fill_numbers(event);
	fill_texts(event);
	event->asked = (__s32)ctx->args[0];
	gadget_submit_dynptr(&record);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
