/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * What the kernel has renamed, moved or retyped, under one name each.
 *
 * A struct `name___flavour` stands for the kernel's `name` as some versions have it.
 * Whether the running one has a member is answered when the object is loaded, and
 * the code for other versions is never verified.
 *
 * Include <vmlinux.h> first.
 */
#ifndef GADGET_CORE_FIXES_BPF_H
#define GADGET_CORE_FIXES_BPF_H

#include <gadget/macros.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

/*
 * Where a program must not get: a call of the helper that loaders write in place of a
 * relocation that failed.  If the verifier can reach it, it refuses the program and
 * names the number 195896080.
 */
static void (*const bpf_core_unreachable)(void) = (void *)0xbad2310;

/* ---- tasks ----------------------------------------------------------------- */

/* task_struct.state is task_struct.__state since 5.14. */
struct task_struct___o {
	volatile long state;
} __attribute__((preserve_access_index));

struct task_struct___x {
	unsigned int __state;
} __attribute__((preserve_access_index));

static __always_inline __s64 get_task_state(void *task)
{
	struct task_struct___x *now = task;
	struct task_struct___o *before = task;

	return bpf_core_field_exists(now->__state) ? (__s64)BPF_CORE_READ(now, __state)
						   : (__s64)BPF_CORE_READ(before, state);
}

/* ---- block devices --------------------------------------------------------- */

/* A bio names its disk, and since 5.12 the block device instead. */
struct bio___o {
	struct gendisk *bi_disk;
} __attribute__((preserve_access_index));

struct bio___x {
	struct block_device *bi_bdev;
} __attribute__((preserve_access_index));

static __always_inline struct gendisk *get_gendisk(void *bio)
{
	struct bio___x *now = bio;
	struct bio___o *before = bio;

	if (!bpf_core_field_exists(now->bi_bdev))
		return BPF_CORE_READ(before, bi_disk);
	return BPF_CORE_READ(now, bi_bdev, bd_disk);
}

/* A request names its disk until 5.16; later its queue does. */
struct request_queue___x {
	struct gendisk *disk;
} __attribute__((preserve_access_index));

struct request___x {
	struct request_queue___x *q;
	struct gendisk *rq_disk;
} __attribute__((preserve_access_index));

static __always_inline struct gendisk *get_disk(void *request)
{
	struct request___x *r = request;

	if (!bpf_core_field_exists(r->rq_disk))
		return BPF_CORE_READ(r, q, disk);
	return BPF_CORE_READ(r, rq_disk);
}

/* The context of the tracepoint block_rq_complete has another name since 5.18. */
struct trace_event_raw_block_rq_complete___x {
	dev_t dev;
	sector_t sector;
	unsigned int nr_sector;
} __attribute__((preserve_access_index));

struct trace_event_raw_block_rq_completion___x {
	dev_t dev;
	sector_t sector;
	unsigned int nr_sector;
} __attribute__((preserve_access_index));

static __always_inline bool has_block_rq_completion(void)
{
	return bpf_core_type_exists(struct trace_event_raw_block_rq_completion___x);
}

/* ---- files ----------------------------------------------------------------- */

/*
 * Since 5.12 functions such as vfs_create() and vfs_unlink() have one argument more in
 * front; struct renamedata tells.
 */
struct renamedata___x {
	struct user_namespace *old_mnt_userns;
} __attribute__((preserve_access_index));

static __always_inline bool renamedata_has_old_mnt_userns_field(void)
{
	return bpf_core_field_exists(struct renamedata___x, old_mnt_userns);
}

/*
 * Times of an inode: a struct timespec64, under another name since 6.6 (ctime) and 6.7,
 * and two members since 6.11.  Since 6.13 the top bit of ctime's nanoseconds is a mark.
 */
struct inode___times_parts {
	__s64 i_mtime_sec, i_ctime_sec;
	__u32 i_mtime_nsec, i_ctime_nsec;
} __attribute__((preserve_access_index));

struct inode___times_hidden {
	struct timespec64 __i_mtime, __i_ctime;
} __attribute__((preserve_access_index));

struct inode___times_plain {
	struct timespec64 i_mtime, i_ctime;
} __attribute__((preserve_access_index));

/* gadget_inode_get_mtime(inode, &sec, &nsec), …_ctime(…): 0 where nothing fits. */
#define __GADGET_INODE_TIME(time)                                                            \
	static __always_inline void gadget_inode_get_##time(struct inode *inode, __u64 *sec, \
							    __u32 *nsec)                     \
	{                                                                                    \
		struct inode___times_parts *parts = (void *)inode;                           \
		struct inode___times_hidden *hidden = (void *)inode;                         \
		struct inode___times_plain *plain = (void *)inode;                           \
                                                                                             \
		*sec = 0;                                                                    \
		*nsec = 0;                                                                   \
		if (bpf_core_field_exists(parts->i_##time##_sec)) {                          \
			*sec = BPF_CORE_READ(parts, i_##time##_sec);                         \
			*nsec = BPF_CORE_READ(parts, i_##time##_nsec) & 0x7fffffff;          \
		} else if (bpf_core_field_exists(hidden->__i_##time)) {                      \
			*sec = BPF_CORE_READ(hidden, __i_##time.tv_sec);                     \
			*nsec = BPF_CORE_READ(hidden, __i_##time.tv_nsec);                   \
		} else if (bpf_core_field_exists(plain->i_##time)) {                         \
			*sec = BPF_CORE_READ(plain, i_##time.tv_sec);                        \
			*nsec = BPF_CORE_READ(plain, i_##time.tv_nsec);                      \
		}                                                                            \
	}

__GADGET_INODE_TIME(mtime)
__GADGET_INODE_TIME(ctime)

/* Time of the last change of an inode, in nanoseconds since 1970. */
static __always_inline __u64 gadget_get_ctime_nanosec_from_inode(struct inode *inode)
{
	__u64 sec;
	__u32 nsec;

	gadget_inode_get_ctime(inode, &sec, &nsec);
	return sec * 1000000000ULL + nsec;
}

/* ---- memory ---------------------------------------------------------------- */

/* kfree and kmem_cache_free share the context of their tracepoints until 5.12. */
struct trace_event_raw_kmem_free___x {
	const void *ptr;
} __attribute__((preserve_access_index));

struct trace_event_raw_kfree___x {
	const void *ptr;
} __attribute__((preserve_access_index));

struct trace_event_raw_kmem_cache_free___x {
	const void *ptr;
} __attribute__((preserve_access_index));

static __always_inline bool has_kfree(void)
{
	return bpf_core_type_exists(struct trace_event_raw_kfree___x);
}

static __always_inline bool has_kmem_cache_free(void)
{
	return bpf_core_type_exists(struct trace_event_raw_kmem_cache_free___x);
}

/* ---- network --------------------------------------------------------------- */

/* The context of the tracepoint tcp_retransmit_skb has a name of its own since 6.13. */
struct trace_event_raw_tcp_retransmit_skb___x {
	const void *skbaddr, *skaddr;
} __attribute__((preserve_access_index));

struct trace_event_raw_tcp_event_sk_skb___x {
	const void *skbaddr, *skaddr;
} __attribute__((preserve_access_index));

#define __GADGET_TCP_RETRANSMIT_MEMBER(member)                                         \
	static __always_inline void *gadget_get_tcp_retransmit_skb_##member(void *ctx) \
	{                                                                              \
		struct trace_event_raw_tcp_retransmit_skb___x *now = ctx;              \
		struct trace_event_raw_tcp_event_sk_skb___x *before = ctx;             \
                                                                                       \
		return (void *)(bpf_core_type_exists(                                  \
					struct trace_event_raw_tcp_retransmit_skb___x) \
					? BPF_CORE_READ(now, member)                   \
					: BPF_CORE_READ(before, member));              \
	}

/* gadget_get_tcp_retransmit_skb_skbaddr(ctx) and …_skaddr(ctx) */
__GADGET_TCP_RETRANSMIT_MEMBER(skbaddr)
__GADGET_TCP_RETRANSMIT_MEMBER(skaddr)

/* ---- system calls ---------------------------------------------------------- */

/* Registers at the entry of a call, by the architecture the object is loaded on. */
struct pt_regs___on_x86 {
	unsigned long di, si, dx, r10, r8, r9, orig_ax;
} __attribute__((preserve_access_index));

struct pt_regs___on_arm64 {
	__u64 regs[31];
	__u64 orig_x0;
	__s32 syscallno;
} __attribute__((preserve_access_index));

/* Number of the call whose registers these are; -1 on an architecture unknown to us. */
static __always_inline long gadget_get_syscall_nr(struct pt_regs *regs)
{
	struct pt_regs___on_x86 *x86 = (void *)regs;
	struct pt_regs___on_arm64 *arm64 = (void *)regs;

	if (bpf_core_field_exists(x86->orig_ax))
		return (long)BPF_CORE_READ(x86, orig_ax);
	if (bpf_core_field_exists(arm64->syscallno))
		return BPF_CORE_READ(arm64, syscallno);
	return -1;
}

/* Its n-th argument, from 1; `n` is a constant.  arm64 returns in the first one's register. */
static __always_inline unsigned long gadget_get_syscall_arg(struct pt_regs *regs, int n)
{
	struct pt_regs___on_x86 *x86 = (void *)regs;
	struct pt_regs___on_arm64 *arm64 = (void *)regs;

	if (n < 1 || n > 6)
		return 0;
	if (bpf_core_field_exists(arm64->syscallno))
		return n == 1 ? BPF_CORE_READ(arm64, orig_x0) : BPF_CORE_READ(arm64, regs[n - 1]);
	if (n == 1)
		return BPF_CORE_READ(x86, di);
	if (n == 2)
		return BPF_CORE_READ(x86, si);
	if (n == 3)
		return BPF_CORE_READ(x86, dx);
	if (n == 4)
		return BPF_CORE_READ(x86, r10);
	return n == 5 ? BPF_CORE_READ(x86, r8) : BPF_CORE_READ(x86, r9);
}

static __always_inline unsigned long gadget_get_syscall_arg1(struct pt_regs *regs)
{
	return gadget_get_syscall_arg(regs, 1);
}

#endif
