/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Who is running: the current task as a struct gadget_process.
 *
 * Everything is loaded straight from task_struct; the helpers that return the same
 * (pid_tgid, uid_gid, comm) cost about twice as much, and an event is mostly that.
 * A pointer that is NULL, as nsproxy of a task that is going away, reads as zeros.
 *
 * For programs that trace the kernel.  Needs Linux 5.11, and a program type
 * that may call bpf_get_current_task_btf(): tracing, not networking.
 */
#ifndef GADGET_COMMON_H
#define GADGET_COMMON_H

#include <vmlinux.h>
#include <gadget/types.h>
#include <gadget/mntns.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

/* Copy a task's name as two words; both sides are 8-aligned where it matters. */
static __always_inline void gadget_comm_copy(char *to, const char *from)
{
	((__u64 *)to)[0] = ((const __u64 *)from)[0];
	((__u64 *)to)[1] = ((const __u64 *)from)[1];
}

/* Fill `p` with the current task and its real parent (the one that forked it, not a tracer). */
static __always_inline void gadget_process_populate(struct gadget_process *p)
{
	const struct task_struct *task = bpf_get_current_task_btf();
	const struct task_struct *parent = task->real_parent;

	gadget_comm_copy(p->comm, task->comm);
	p->pid = task->tgid;
	p->tid = task->pid;
	p->mntns_id = gadget_task_mntns_id(task);
	p->creds.uid = task->cred->uid.val;
	p->creds.gid = task->cred->gid.val;
	gadget_comm_copy(p->parent.comm, parent->comm);
	p->parent.pid = parent->tgid;
	p->parent.tid = parent->pid;
}

/* The same, by the name older sources have. */
static __always_inline void gadget_fill_current_process(struct gadget_process *p)
{
	gadget_process_populate(p);
}

#endif
