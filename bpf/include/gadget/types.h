/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Types whose names mean something to the reader of a record.
 *
 * The loader walks the BTF of an event struct; a member declared with one of
 * these typedefs is printed, typed and enriched by what the typedef says, where
 * a plain integer would only be a number.  A member called `x_raw` gives a second,
 * readable field `x` beside it.
 *
 * Include <vmlinux.h> first.
 */
#ifndef GADGET_TYPES_H
#define GADGET_TYPES_H

#include <gadget/macros.h>

/* Nanoseconds since boot, suspend included: what bpf_ktime_get_boot_ns() returns. */
typedef __u64 gadget_timestamp;

/* Inode number of a mount namespace: what `stat -L /proc/PID/ns/mnt` shows. */
typedef __u64 gadget_mntns_id;

/* Positive errno of what failed, 0 when it worked. */
typedef __u32 gadget_errno;

/* Flags of open(2) and the permission bits of mode_t, as user space passed them. */
typedef __u32 gadget_file_flags;
typedef __u32 gadget_file_mode;

/* Number of a signal. */
typedef __u32 gadget_signal;

/* Nanoseconds that something took. */
typedef __u64 gadget_duration;

/* A process (thread group), a thread, and their parents, in the initial pid namespace. */
typedef __u32 gadget_pid;
typedef __u32 gadget_tid;
typedef __u32 gadget_ppid;
typedef __u32 gadget_ptid;

/* Real user and group, in the initial user namespace. */
typedef __u32 gadget_uid;
typedef __u32 gadget_gid;

/* Elements of a command name: `gadget_comm comm[TASK_COMM_LEN]`. */
typedef char gadget_comm;
typedef char gadget_pcomm;

/*
 * Identity of a record: CPU << 48 | number of the attempt on that CPU, from 1.
 *
 * An event struct has at most one member of this type.  It is not shown as a
 * field; a gap in it says where records were lost (how many is told by the
 * counters, see buffer.h).  gadget_reserve_event() and gadget_output_event() fill it.
 */
typedef __u64 gadget_seq;

/*
 * Elements of the last member of an event struct, a flexible array:
 * `gadget_strings args[];`.  The bytes from that offset to the end of the record are
 * strings, each with a NUL behind it; the last one may lack it (it was cut).
 * No bytes are no strings; a single NUL is one empty string.
 */
typedef char gadget_strings;

struct gadget_creds {
	gadget_uid uid;
	gadget_gid gid;
};

struct gadget_parent {
	gadget_pcomm comm[TASK_COMM_LEN];
	gadget_ppid pid;
	gadget_ptid tid;
};

/* Who did it; filled by gadget_process_populate().  64 bytes without holes. */
struct gadget_process {
	gadget_comm comm[TASK_COMM_LEN];
	gadget_pid pid;
	gadget_tid tid;
	gadget_mntns_id mntns_id;
	struct gadget_creds creds;
	struct gadget_parent parent;
};

#endif
