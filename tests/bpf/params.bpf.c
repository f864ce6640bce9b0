// SPDX-License-Identifier: GPL-2.0-only
/*
 * A parameter of every type, and maps whose size is a variable.  One record per
 * getsid(2) of the process --pid: what each parameter was in the kernel, bit by bit.
 */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include <gadget/buffer.h>
#include <gadget/common.h>
#include <gadget/filter.h>

enum params_color { RED = 1, GREEN = 2, BLUE = 4000000000u };
enum params_small : signed char { BELOW = -3, ABOVE = 3 };
enum params_wide { NARROW = 1, WIDE = 0x123456789abcull };

const volatile __s8 p_s8 = -8;
const volatile __s16 p_s16 = -16;
const volatile __s32 p_s32 = -32;
const volatile __s64 p_s64 = -64;
const volatile __u8 p_u8 = 8;
const volatile __u16 p_u16 = 16;
const volatile __u32 p_u32 = 32;
const volatile __u64 p_u64 = 64;
const volatile bool p_bool = true;
const volatile char p_char = 'c';
const volatile float p_float = 0.5f;
const volatile double p_double = 0.1;
const volatile enum params_color p_color = GREEN;
const volatile enum params_small p_small = BELOW;
const volatile enum params_wide p_wide = WIDE;
const volatile char p_text[8] = "text";
const volatile gadget_signal p_signal = 0;
const volatile struct gadget_l3endpoint_t p_ip = {};
const volatile __u8 p_bytes[4] = { 1, 2, 3, 4 }; /* no text: cannot be set */

GADGET_PARAM(p_s8)
GADGET_PARAM(p_s16)
GADGET_PARAM(p_s32)
GADGET_PARAM(p_s64)
GADGET_PARAM(p_u8)
GADGET_PARAM(p_u16)
GADGET_PARAM(p_u32)
GADGET_PARAM(p_u64)
GADGET_PARAM(p_bool)
GADGET_PARAM(p_char)
GADGET_PARAM(p_float)
GADGET_PARAM(p_double)
GADGET_PARAM(p_color)
GADGET_PARAM(p_small)
GADGET_PARAM(p_wide)
GADGET_PARAM(p_text)
GADGET_PARAM(p_signal)
GADGET_PARAM(p_ip)
GADGET_PARAM(p_bytes)

/* How many slots each of these has is the parameter's, or the variable's, number. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} chosen SEC(".maps"), fixed SEC(".maps");

const volatile int chosen_max_entries = 3;
const volatile __u64 fixed_max_entries = 5;
GADGET_PARAM(chosen_max_entries)

struct params_event {
	__s8 s8;
	__s16 s16;
	__s32 s32;
	__s64 s64;
	__u8 u8;
	__u16 u16;
	__u32 u32;
	__u64 u64;
	__u8 boolean;
	__s8 character;
	__u32 float_bits;
	__u64 double_bits;
	__u32 color;
	__s8 small;
	__u64 wide;
	__u64 text_bits;
	__u32 signal;
	__u64 ip_0;
	__u64 ip_1;
	__u64 ip_2;
	__u64 ip_3;
	__u32 chosen_slots;
	__u32 fixed_slots;
};

GADGET_TRACER_MAP(events, 64 * 1024);
GADGET_TRACER(params, events, params_event);

#define SLOTS_MAX 64

static __always_inline void count_slots(struct params_event *event)
{
	event->chosen_slots = 0;
	event->fixed_slots = 0;
	for (__u32 i = 0; i < SLOTS_MAX; i++) {
		__u32 key = i;

		event->chosen_slots += bpf_map_lookup_elem(&chosen, &key) != NULL;
		key = i;
		event->fixed_slots += bpf_map_lookup_elem(&fixed, &key) != NULL;
	}
}

static __always_inline void copy_params(struct params_event *event)
{
	const volatile __u64 *ip = (const volatile __u64 *)&p_ip;

	event->s8 = p_s8;
	event->s16 = p_s16;
	event->s32 = p_s32;
	event->s64 = p_s64;
	event->u8 = p_u8;
	event->u16 = p_u16;
	event->u32 = p_u32;
	event->u64 = p_u64;
	event->boolean = *(const volatile __u8 *)&p_bool;
	event->character = p_char;
	event->float_bits = *(const volatile __u32 *)&p_float;
	event->double_bits = *(const volatile __u64 *)&p_double;
	event->color = p_color;
	event->small = p_small;
	event->wide = p_wide;
	event->signal = p_signal;
	for (int i = 0; i < 8; i++)
		((char *)&event->text_bits)[i] = p_text[i];
	event->ip_0 = ip[0];
	event->ip_1 = ip[1];
	event->ip_2 = ip[2];
	event->ip_3 = ip[3];
}

SEC("tracepoint/syscalls/sys_enter_getsid")
int enter_getsid(struct trace_event_raw_sys_enter *ctx)
{
	struct params_event *event;

	if (gadget_should_discard_data_current())
		return 0;
	event = gadget_reserve_buf(&events, sizeof(*event));
	if (!event)
		return 0;
	copy_params(event);
	count_slots(event);
	gadget_submit_buf(ctx, &events, event, sizeof(*event));
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
