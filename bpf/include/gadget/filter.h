/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Parameters every tracer of processes should have: --pid, --tid, --uid, --gid, --comm.
 *
 * They are constants by the time the verifier sees the program, so what the user
 * did not ask for is removed from the code and costs nothing.  Test them before
 * making a record; a record that is filtered out here was never attempted.
 *
 * Include <vmlinux.h> and <bpf/bpf_helpers.h> first.
 */
#ifndef GADGET_FILTER_H
#define GADGET_FILTER_H

#include <gadget/macros.h>
#include <gadget/types.h>

#define GADGET_INVALID_ID ((__u32) - 1)

/* Off: 0, or GADGET_INVALID_ID where 0 is a value, or the empty name. */
const volatile gadget_pid targ_pid = 0;
const volatile gadget_tid targ_tid = 0;
const volatile gadget_uid targ_uid = GADGET_INVALID_ID;
const volatile gadget_gid targ_gid = GADGET_INVALID_ID;
const volatile gadget_comm targ_comm[TASK_COMM_LEN] = {};

GADGET_PARAM(targ_pid)
GADGET_PARAM(targ_tid)
GADGET_PARAM(targ_uid)
GADGET_PARAM(targ_gid)
GADGET_PARAM(targ_comm)

/* Names end at their NUL; what stands behind it is not compared. */
static __always_inline bool gadget_should_discard_comm(const char *comm)
{
	if (!targ_comm[0])
		return false;
	for (int i = 0; i < TASK_COMM_LEN; i++) {
		if (comm[i] != targ_comm[i])
			return true;
		if (!comm[i])
			return false;
	}
	return false;
}

/* True when the current task is not one the user asked for. */
static __always_inline bool gadget_should_discard_data_current(void)
{
	const struct task_struct *task = bpf_get_current_task_btf();

	if (targ_pid && (__u32)task->tgid != targ_pid)
		return true;
	if (targ_tid && (__u32)task->pid != targ_tid)
		return true;
	if (targ_uid != GADGET_INVALID_ID && task->cred->uid.val != targ_uid)
		return true;
	if (targ_gid != GADGET_INVALID_ID && task->cred->gid.val != targ_gid)
		return true;
	return gadget_should_discard_comm(task->comm);
}

#endif
