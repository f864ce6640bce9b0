/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Parameters every tracer of processes should have: --pid, --tid, --uid, --gid, --comm.
 * With them comes the choice of containers, see mntns_filter.h.
 *
 * They are constants by the time the verifier sees the program, so what the user
 * did not ask for is removed from the code and costs nothing.  Test them before
 * making a record; a record that is filtered out here was never attempted.
 *
 * Tests return true when the record is NOT wanted.  Programs that see packets have no
 * current task; they `#define GADGET_TYPE_NETWORKING`, include sockets-map.h too, and
 * call gadget_should_discard_data_by_skb().
 *
 * Include <vmlinux.h> or <linux/bpf.h> first.
 */
#ifndef GADGET_FILTER_H
#define GADGET_FILTER_H

#include <gadget/macros.h>
#include <gadget/types.h>
#include <gadget/mntns_filter.h>

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

static __always_inline bool gadget_should_discard_pid(gadget_pid pid)
{
	return targ_pid && targ_pid != pid;
}

static __always_inline bool gadget_should_discard_tid(gadget_tid tid)
{
	return targ_tid && targ_tid != tid;
}

static __always_inline bool gadget_should_discard_uid(gadget_uid uid)
{
	return targ_uid != GADGET_INVALID_ID && targ_uid != uid;
}

static __always_inline bool gadget_should_discard_gid(gadget_gid gid)
{
	return targ_gid != GADGET_INVALID_ID && targ_gid != gid;
}

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

/* All of them, for values a program has at hand. */
static __always_inline bool gadget_should_discard_data(gadget_mntns_id mntns_id, gadget_pid pid,
						       gadget_tid tid, const char *comm,
						       gadget_uid uid, gadget_gid gid)
{
	return gadget_should_discard_mntns_id(mntns_id) || gadget_should_discard_pid(pid) ||
	       gadget_should_discard_tid(tid) || gadget_should_discard_uid(uid) ||
	       gadget_should_discard_gid(gid) || gadget_should_discard_comm(comm);
}

#if defined(__VMLINUX_H__) && !defined(GADGET_TYPE_NETWORKING)

/* All of them, for the current task.  What is not asked for is not even loaded. */
static __always_inline bool gadget_should_discard_data_current(void)
{
	const struct task_struct *task = bpf_get_current_task_btf();

	if (gadget_filter_by_mntns && gadget_should_discard_mntns_id(gadget_task_mntns_id(task)))
		return true;
	if (targ_pid && gadget_should_discard_pid(task->tgid))
		return true;
	if (targ_tid && gadget_should_discard_tid(task->pid))
		return true;
	if (targ_uid != GADGET_INVALID_ID && gadget_should_discard_uid(task->cred->uid.val))
		return true;
	if (targ_gid != GADGET_INVALID_ID && gadget_should_discard_gid(task->cred->gid.val))
		return true;
	return gadget_should_discard_comm(task->comm);
}

#endif

#ifdef GADGET_SOCKETS_MAP_H
# include <gadget/filter_socket.h>
#endif

#endif
