/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Mount namespaces of tasks: what tells containers apart.
 *
 * Include <vmlinux.h> first; without it, as in programs that only see packets, nothing
 * is declared, for these have no current task.  Needs Linux 5.11.
 */
#ifndef GADGET_MNTNS_H
#define GADGET_MNTNS_H

#include <gadget/types.h>
#include <bpf/bpf_helpers.h>

#ifdef __VMLINUX_H__

/* Gadgets take BPF_KPROBE and the like for granted once they have included this. */
# include <bpf/bpf_core_read.h>
# include <bpf/bpf_tracing.h>

/* `task` is a pointer the verifier knows: of bpf_get_current_task_btf() or an argument. */
static __always_inline gadget_mntns_id gadget_task_mntns_id(const struct task_struct *task)
{
	return task->nsproxy->mnt_ns->ns.inum;
}

/* Of the current task; 0 when it is going away and has left its namespaces. */
static __always_inline gadget_mntns_id gadget_get_current_mntns_id(void)
{
	return gadget_task_mntns_id(bpf_get_current_task_btf());
}

/* The same, by the name older sources have. */
static __always_inline gadget_mntns_id gadget_get_mntns_id(void)
{
	return gadget_get_current_mntns_id();
}

#endif

#endif
