/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Kernel stacks: an event has the number of a stack, the map ig_kstack has the stack.
 *
 *	gadget_kernel_stack kstack_raw;
 *	…
 *	event->kstack_raw = gadget_get_kernel_stack(ctx);
 *
 * Include <vmlinux.h> first.
 */
#ifndef GADGET_KERNEL_STACK_MAP_H
#define GADGET_KERNEL_STACK_MAP_H

#include <gadget/types.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#define GADGET_KERNEL_MAX_STACK_DEPTH       127
#define GADGET_KERNEL_STACK_MAP_MAX_ENTRIES 10000

struct {
	__uint(type, BPF_MAP_TYPE_STACK_TRACE);
	__uint(max_entries, GADGET_KERNEL_STACK_MAP_MAX_ENTRIES);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, GADGET_KERNEL_MAX_STACK_DEPTH * sizeof(__u64));
} ig_kstack SEC(".maps");

/* The stack's number, or a negative errno, which names no stack. */
static __always_inline long gadget_get_kernel_stack(void *ctx)
{
	return bpf_get_stackid(ctx, &ig_kstack, BPF_F_FAST_STACK_CMP);
}

#endif
