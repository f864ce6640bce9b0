/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Types whose names mean something to the reader of a record.
 *
 * The loader walks the BTF of an event struct; a member declared with one of
 * these typedefs is printed, typed and enriched by what the typedef says, where
 * a plain integer would only be a number.  A member called `x_raw` gives a second,
 * readable field `x` beside it.
 *
 * Names and layouts are those of the Inspektor Gadget ABI; gadget_seq, gadget_strings
 * and gadget_dns_name are additions.
 */
#ifndef GADGET_TYPES_H
#define GADGET_TYPES_H

#include <gadget/macros.h>

/* ---- numbers --------------------------------------------------------------- */

/* Nanoseconds since boot, suspend included: what bpf_ktime_get_boot_ns() returns. */
typedef __u64 gadget_timestamp;

/* Nanoseconds from one moment to another; a number of bytes. */
typedef __u64 gadget_duration;
typedef __u64 gadget_bytes;

/* Inode numbers of a mount and of a network namespace: `stat -L /proc/PID/ns/mnt`. */
typedef __u64 gadget_mntns_id;
typedef __u32 gadget_netns_id;

/* Positive errno of what failed, 0 when it worked. */
typedef __u32 gadget_errno;

/* Number of a signal, number of a system call on this architecture. */
typedef __u32 gadget_signal;
typedef __u64 gadget_syscall;

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

/* What gadget_get_kernel_stack() returns: see kernel_stack_map.h. */
typedef __u32 gadget_kernel_stack;

/* A member that is a metric: it only grows, it goes up and down, a slot of a histogram. */
typedef __u32 gadget_counter__u32;
typedef __u64 gadget_counter__u64;
typedef __u32 gadget_gauge__u32;
typedef __u64 gadget_gauge__u64;
typedef __u32 gadget_histogram_slot__u32;
typedef __u64 gadget_histogram_slot__u64;

/*
 * Identity of a record: CPU << 48 | number of the attempt on that CPU, from 1.
 *
 * An event struct has at most one member of this type.  It is not shown as a
 * field; a gap in it says where records were lost (how many is told by the
 * counters, see buffer.h).  gadget_reserve_event() and gadget_output_event() fill it.
 */
typedef __u64 gadget_seq;

/* ---- elements of arrays ---------------------------------------------------- */

/* Of a command name: `gadget_comm comm[TASK_COMM_LEN]`. */
typedef char gadget_comm;
typedef char gadget_pcomm;

/*
 * Of a domain name as packets have it, labels with a length in front of each, ended by
 * a length of 0: `gadget_dns_name name[256]`.  It reads as "www.example.org".
 */
typedef __u8 gadget_dns_name;

/*
 * Of the last member of an event struct, a flexible array:
 * `gadget_strings args[];`.  The bytes from that offset to the end of the record are
 * strings, each with a NUL behind it; the last one may lack it (it was cut).
 * No bytes are no strings; a single NUL is one empty string.
 */
typedef char gadget_strings;

/* ---- who did it ------------------------------------------------------------ */

struct gadget_creds {
	gadget_uid uid;
	gadget_gid gid;
};

struct gadget_parent {
	gadget_pcomm comm[TASK_COMM_LEN];
	gadget_ppid pid;
	gadget_ptid tid;
};

/*
 * Filled by gadget_process_populate() or gadget_process_populate_from_socket().
 * 64 bytes without holes.
 */
struct gadget_process {
	gadget_comm comm[TASK_COMM_LEN];
	gadget_pid pid;
	gadget_tid tid;
	gadget_mntns_id mntns_id;
	struct gadget_creds creds;
	struct gadget_parent parent;
};

/* ---- network --------------------------------------------------------------- */

/* An address; the bytes are those of the packet.  `version` beside it says which. */
union gadget_ip_addr_t {
	__u8 v6[16];
	unsigned __int128 v6_raw;
	__u32 v4;
};

struct gadget_l3endpoint_t {
	union gadget_ip_addr_t addr_raw;
	__u8 version; /* 4 or 6 */
};

struct gadget_l4endpoint_t {
	union gadget_ip_addr_t addr_raw;
	__u16 port;      /* in host byte order */
	__u16 proto_raw; /* IPPROTO_… */
	__u8 version;    /* 4 or 6 */
};

/* ---- stacks ---------------------------------------------------------------- */

/* Filled by gadget_get_user_stack(), see user_stack_map.h: a stack and whose it is. */
struct gadget_user_stack {
	/* The executable, by device, inode and time of change; inode 0: no stack. */
	__u32 major;
	__u32 minor;
	__u64 inode;
	__u64 mtime_sec;
	__u32 mtime_nsec;
	__u32 base_addr_hash; /* of where this process has it in memory */
	__u32 stack_id;       /* in ig_ustack; negative: the kernel gave none */
	/* The process, and its thread in the initial and the next pid namespace. */
	__u32 tgid_level0;
	__u32 pid_level0;
	__u32 pidns_level0;
	__u32 pid_level1;
	__u32 pidns_level1;
	__u64 otel_correlation_id;
	__u64 boot_timestamp;
};

/* ---- sockets --------------------------------------------------------------- */

/*
 * Who has a socket; found in the map gadget_sockets, see sockets-map.h.  The loader
 * relocates every access to what the keeper of that map has.  `cwd` and `exepath` are
 * there only when it was told to keep them, at the length it was told: ask
 * bpf_core_field_exists() and bpf_core_field_size().
 */
struct gadget_socket_value {
	__u64 mntns;
	__u64 pid_tgid;
	__u64 uid_gid;
	char task[TASK_COMM_LEN];
	char ptask[TASK_COMM_LEN];
	__u64 sock;
	__u64 deletion_timestamp;
	__u32 ppid;
	__u32 ptid;
	char ipv6only;
	char optional_fields_start[0] __attribute__((aligned(8)));
	char cwd[4096];
	char exepath[4096];
} __attribute__((preserve_access_index));

#endif
