// SPDX-License-Identifier: GPL-2.0-only
/*
 * trace_mount: every call that mounts, unmounts or changes mounts, with its result.
 *
 * Both interfaces are followed: mount, umount2 and pivot_root, and the calls that do the same
 * in steps (fsopen, fsconfig, fsmount, open_tree, move_mount, mount_setattr, fspick).
 * All become records of one shape; what a step does not say itself, the type of its
 * file system above all, is looked up behind its descriptor.
 *
 * A record is made at the return of a call, where the arguments are still saved in the
 * registers.  Another program at its entry only leaves the time with the task; if that
 * did not run, a record has no duration, but it is there.
 *
 * Both programs see every call of the host and pick theirs by number.  Tracepoints of
 * the single calls would be two dozen, take a second or two to detach, leave 32-bit
 * programs out, and one that the kernel lacks would be an error.
 */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>
#define GADGET_NO_BUF_RESERVE
#include <gadget/buffer.h>
#include <gadget/common.h>
#include <gadget/filter.h>
#include <gadget/syscall.h>

#define PATH_MAX 4096 /* of options, too: the kernel takes a page of them */
#define TYPE_MAX 256
#define KEY_MAX  256 /* the kernel takes no longer keys */

#define AT_FDCWD (-100)

#define ANON_INODE_FS_MAGIC 0x09041934

/* Higher half of mount's flags, from before 2.4: says that they are flags, and nothing else. */
#define MS_MGC_VAL 0xC0ED0000u
#define MS_MGC_MSK 0xffff0000u

/* As the call is named; of fsconfig, its command. */
enum mount_op {
	MOUNT,
	UMOUNT,
	PIVOT_ROOT,
	FSOPEN,
	FSPICK,
	FSMOUNT,
	OPEN_TREE,
	OPEN_TREE_ATTR,
	MOVE_MOUNT,
	MOUNT_SETATTR,
	FSCONFIG, /* with a command that is none of these: */
	FSCONFIG_FLAG,
	FSCONFIG_STRING,
	FSCONFIG_BINARY,
	FSCONFIG_PATH,
	FSCONFIG_PATH_EMPTY,
	FSCONFIG_FD,
	FSCONFIG_CREATE,
	FSCONFIG_RECONFIGURE,
	FSCONFIG_CREATE_EXCL,
	FSCONFIG_OPS_END,
};

/*
 * Flags of all calls in one number: those of mount (and the propagation that
 * mount_setattr takes) where mount has them, those of the others shifted into a range of
 * bits of their own.
 */
#define UMOUNT_SHIFT     32
#define FSOPEN_SHIFT     36
#define FSMOUNT_SHIFT    37
#define FSPICK_SHIFT     38
#define MOVE_MOUNT_SHIFT 42

#define UMOUNT_MASK     0xfu
#define FSOPEN_MASK     0x1u
#define FSMOUNT_MASK    0x1u
#define FSPICK_MASK     0xfu
#define MOVE_MOUNT_MASK 0x377u

enum mount_flags_set {
	MS_RDONLY = 1 << 0,
	MS_NOSUID = 1 << 1,
	MS_NODEV = 1 << 2,
	MS_NOEXEC = 1 << 3,
	MS_SYNCHRONOUS = 1 << 4,
	MS_REMOUNT = 1 << 5,
	MS_MANDLOCK = 1 << 6,
	MS_DIRSYNC = 1 << 7,
	MS_NOSYMFOLLOW = 1 << 8,
	MS_NOATIME = 1 << 10,
	MS_NODIRATIME = 1 << 11,
	MS_BIND = 1 << 12,
	MS_MOVE = 1 << 13,
	MS_REC = 1 << 14,
	MS_SILENT = 1 << 15,
	MS_POSIXACL = 1 << 16,
	MS_UNBINDABLE = 1 << 17,
	MS_PRIVATE = 1 << 18,
	MS_SLAVE = 1 << 19,
	MS_SHARED = 1 << 20,
	MS_RELATIME = 1 << 21,
	MS_KERNMOUNT = 1 << 22,
	MS_I_VERSION = 1 << 23,
	MS_STRICTATIME = 1 << 24,
	MS_LAZYTIME = 1 << 25,

	MNT_FORCE = 1ull << UMOUNT_SHIFT,
	MNT_DETACH = 2ull << UMOUNT_SHIFT,
	MNT_EXPIRE = 4ull << UMOUNT_SHIFT,
	UMOUNT_NOFOLLOW = 8ull << UMOUNT_SHIFT,

	FSOPEN_CLOEXEC = 1ull << FSOPEN_SHIFT,
	FSMOUNT_CLOEXEC = 1ull << FSMOUNT_SHIFT,

	FSPICK_CLOEXEC = 1ull << FSPICK_SHIFT,
	FSPICK_SYMLINK_NOFOLLOW = 2ull << FSPICK_SHIFT,
	FSPICK_NO_AUTOMOUNT = 4ull << FSPICK_SHIFT,
	FSPICK_EMPTY_PATH = 8ull << FSPICK_SHIFT,

	MOVE_MOUNT_F_SYMLINKS = 0x1ull << MOVE_MOUNT_SHIFT,
	MOVE_MOUNT_F_AUTOMOUNTS = 0x2ull << MOVE_MOUNT_SHIFT,
	MOVE_MOUNT_F_EMPTY_PATH = 0x4ull << MOVE_MOUNT_SHIFT,
	MOVE_MOUNT_T_SYMLINKS = 0x10ull << MOVE_MOUNT_SHIFT,
	MOVE_MOUNT_T_AUTOMOUNTS = 0x20ull << MOVE_MOUNT_SHIFT,
	MOVE_MOUNT_T_EMPTY_PATH = 0x40ull << MOVE_MOUNT_SHIFT,
	MOVE_MOUNT_SET_GROUP = 0x100ull << MOVE_MOUNT_SHIFT,
	MOVE_MOUNT_BENEATH = 0x200ull << MOVE_MOUNT_SHIFT,

	/* open_tree and mount_setattr; too far apart to be shifted. */
	OPEN_TREE_CLONE = 1ull << 52,
	OPEN_TREE_CLOEXEC = 1ull << 53,
	AT_SYMLINK_NOFOLLOW = 1ull << 54,
	AT_NO_AUTOMOUNT = 1ull << 55,
	AT_EMPTY_PATH = 1ull << 56,
	AT_RECURSIVE = 1ull << 57,

	OTHER_FLAGS = 1ull << 62, /* some that this gadget does not know */
};

#define MS_KNOWN 0x3fffdffu

/* Their numbers where they are passed. */
#define ARG_OPEN_TREE_CLONE     0x1u
#define ARG_OPEN_TREE_CLOEXEC   02000000u
#define ARG_AT_SYMLINK_NOFOLLOW 0x100u
#define ARG_AT_NO_AUTOMOUNT     0x800u
#define ARG_AT_EMPTY_PATH       0x1000u
#define ARG_AT_RECURSIVE        0x8000u

/* What fsmount gives a mount, and mount_setattr sets and clears. */
enum mount_attrs_set {
	MOUNT_ATTR_RDONLY = 0x1,
	MOUNT_ATTR_NOSUID = 0x2,
	MOUNT_ATTR_NODEV = 0x4,
	MOUNT_ATTR_NOEXEC = 0x8,
	MOUNT_ATTR__ATIME = 0x70,
	MOUNT_ATTR_NOATIME = 0x10,
	MOUNT_ATTR_STRICTATIME = 0x20,
	MOUNT_ATTR_NODIRATIME = 0x80,
	MOUNT_ATTR_IDMAP = 0x100000,
	MOUNT_ATTR_NOSYMFOLLOW = 0x200000,
};

/* Texts that could not be read, or are longer than what is shown. */
enum incomplete_set {
	fs = 1 << 0,
	src = 1 << 1,
	dest = 1 << 2,
	key = 1 << 3,
	data = 1 << 4,
};

struct event {
	gadget_timestamp timestamp_raw;
	gadget_seq seq;
	struct gadget_process proc;
	enum mount_op op_raw;
	__s32 ret;
	gadget_errno error_raw;
	__s32 src_fd;
	gadget_duration delta_raw;
	enum mount_flags_set flags_raw;
	enum mount_attrs_set attrs_raw;
	enum mount_attrs_set attrs_clear_raw;
	__s32 dest_fd;
	__s32 aux;
	enum incomplete_set incomplete_raw;
	char fs[TYPE_MAX];
	char src[PATH_MAX];
	char dest[PATH_MAX];
	char key[KEY_MAX];
	char data[PATH_MAX];
};

GADGET_TRACER_MAP(events, 16 * 1024 * 1024);
GADGET_TRACER(mount, events, event);

const volatile bool targ_failed = false;
GADGET_PARAM(targ_failed);

/* One per CPU is enough: tracepoint programs do not interrupt each other. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct event);
} scratch SEC(".maps");

/* When the task's present call began, 0 in between; it has no limit that could be reached. */
struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, __u64);
} began SEC(".maps");

/* A call, as far as its arguments say. */
struct call {
	enum mount_op op;
	const char *fs, *src, *dest, *key, *data;
	__s32 src_fd, dest_fd, aux;
	__s32 context_fd; /* of a file system being set up, which knows fs; or -1 */
	__s32 mount_fd;   /* below a mount, which knows fs and source; or -1 */
	__u64 flags;
	__u32 attrs, attrs_clear;
};

/* ---- flags ----------------------------------------------------------------- */

/* `flags`, of which `mask` are known, at their place among all. */
static __always_inline __u64 flags_at(__u32 flags, __u32 mask, int shift)
{
	return (__u64)(flags & mask) << shift | (flags & ~mask ? OTHER_FLAGS : 0);
}

static __always_inline __u64 flags_of_mount(__u32 flags)
{
	if ((flags & MS_MGC_MSK) == MS_MGC_VAL)
		flags &= ~MS_MGC_MSK;
	return flags_at(flags, MS_KNOWN, 0);
}

/* Flags that open_tree and mount_setattr share. */
static __always_inline __u64 flags_of_path(__u32 flags)
{
	return (flags & ARG_AT_SYMLINK_NOFOLLOW ? AT_SYMLINK_NOFOLLOW : 0) |
	       (flags & ARG_AT_NO_AUTOMOUNT ? AT_NO_AUTOMOUNT : 0) |
	       (flags & ARG_AT_EMPTY_PATH ? AT_EMPTY_PATH : 0) |
	       (flags & ARG_AT_RECURSIVE ? AT_RECURSIVE : 0);
}

#define ARG_AT_KNOWN \
	(ARG_AT_SYMLINK_NOFOLLOW | ARG_AT_NO_AUTOMOUNT | ARG_AT_EMPTY_PATH | ARG_AT_RECURSIVE)

static __always_inline __u64 flags_of_setattr(__u32 flags)
{
	return flags_of_path(flags) | flags_at(flags & ~ARG_AT_KNOWN, 0, 0);
}

static __always_inline __u64 flags_of_open_tree(__u32 flags)
{
	const __u32 known = ARG_AT_KNOWN | ARG_OPEN_TREE_CLONE | ARG_OPEN_TREE_CLOEXEC;

	return flags_of_path(flags) | (flags & ARG_OPEN_TREE_CLONE ? OPEN_TREE_CLONE : 0) |
	       (flags & ARG_OPEN_TREE_CLOEXEC ? OPEN_TREE_CLOEXEC : 0) |
	       flags_at(flags & ~known, 0, 0);
}

/* ---- what is behind a descriptor --------------------------------------------- */

static __always_inline struct file *file_of(__s32 fd)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct fdtable *table = task->files->fdt;
	struct file *file = NULL;

	if (fd < 0 || (__u32)fd >= table->max_fds)
		return NULL;
	bpf_core_read(&file, sizeof(file), table->fd + fd);
	return file;
}

/* Whether it is what fsopen and fspick return; the kernel tells such files by their name, too. */
static __always_inline bool is_context(struct file *file)
{
	static const char name[] = "[fscontext]";
	char got[sizeof(name)] = {};
	const unsigned char *at = BPF_CORE_READ(file, f_path.dentry, d_name.name);

	if (BPF_CORE_READ(file, f_inode, i_sb, s_magic) != ANON_INODE_FS_MAGIC)
		return false;
	bpf_probe_read_kernel(got, sizeof(got), at);
	return __builtin_memcmp(got, name, sizeof(name)) == 0;
}

static __always_inline void read_kernel_text(char *to, __u32 size, const void *from)
{
	if (!from || bpf_probe_read_kernel_str(to, size, from) < 1)
		to[0] = 0;
}

static __always_inline void describe_context(struct event *event, __s32 fd)
{
	struct file *file = file_of(fd);
	struct fs_context *context;

	if (!file || !is_context(file))
		return;
	context = BPF_CORE_READ(file, private_data);
	read_kernel_text(event->fs, TYPE_MAX, BPF_CORE_READ(context, fs_type, name));
}

/*
 * The file system of the mount below a descriptor, unless a path says which one is meant;
 * and where no path can, the source it was mounted from.
 */
static __always_inline void describe_mount(struct event *event, __s32 fd)
{
	struct file *file = file_of(fd);
	bool is_source = event->op_raw == FSMOUNT || event->op_raw == MOVE_MOUNT;
	struct vfsmount *vfs;
	struct mount *mount;

	if (!file || (event->op_raw == MOVE_MOUNT && event->src[0]) ||
	    (event->op_raw == MOUNT_SETATTR && event->dest[0]))
		return;
	vfs = BPF_CORE_READ(file, f_path.mnt);
	mount = (void *)vfs - bpf_core_field_offset(struct mount, mnt);
	read_kernel_text(event->fs, TYPE_MAX, BPF_CORE_READ(vfs, mnt_sb, s_type, name));
	if (is_source)
		read_kernel_text(event->src, PATH_MAX, BPF_CORE_READ(mount, mnt_devname));
}

/* ---- records ----------------------------------------------------------------- */

/*
 * Read a text of the caller; how many bytes it takes with its NUL.  No text is empty; one
 * that is not all there says so with its bit.
 */
static __always_inline __u32 read_text(struct event *event, enum incomplete_set which, char *to,
				       __u32 size, const char *from)
{
	char next = 0;
	long n;

	to[0] = 0;
	if (!from)
		return 1;
	n = bpf_probe_read_user_str(to, size, from);
	if (n < 1 || n > size) {
		to[0] = 0;
		event->incomplete_raw |= which;
		return 1;
	}
	/* One that fills its room may end just there: look where its NUL would be. */
	if (n == size && (bpf_probe_read_user(&next, 1, from + size - 1) || next))
		event->incomplete_raw |= which;
	return (__u32)n;
}

static __always_inline __u64 take_duration(__u64 now)
{
	__u64 *start = bpf_task_storage_get(&began, bpf_get_current_task_btf(), NULL, 0);
	__u64 duration = start && *start ? now - *start : 0;

	if (start)
		*start = 0;
	return duration;
}

static __always_inline bool is_wanted(long ret)
{
	if (targ_failed && ret >= 0)
		return false;
	return !gadget_should_discard_data_current();
}

static __always_inline int report(const struct call *call, long ret)
{
	__u32 zero = 0;
	__u64 now = bpf_ktime_get_boot_ns();
	struct event *event = bpf_map_lookup_elem(&scratch, &zero);
	__u32 size;

	if (!event)
		return 0;
	event->timestamp_raw = now;
	gadget_process_populate(&event->proc);
	event->delta_raw = take_duration(now);
	event->op_raw = call->op;
	event->ret = (__s32)ret;
	event->error_raw = ret < 0 ? (__u32)-ret : 0;
	event->src_fd = call->src_fd;
	event->dest_fd = call->dest_fd;
	event->aux = call->aux;
	event->flags_raw = call->flags;
	event->attrs_raw = call->attrs;
	event->attrs_clear_raw = call->attrs_clear;
	event->incomplete_raw = 0;
	read_text(event, fs, event->fs, TYPE_MAX, call->fs);
	read_text(event, src, event->src, PATH_MAX, call->src);
	read_text(event, dest, event->dest, PATH_MAX, call->dest);
	read_text(event, key, event->key, KEY_MAX, call->key);
	size = read_text(event, data, event->data, PATH_MAX, call->data);
	if (call->context_fd >= 0)
		describe_context(event, call->context_fd);
	if (call->mount_fd >= 0)
		describe_mount(event, call->mount_fd);
	gadget_output_event(&events, event, __builtin_offsetof(struct event, data) + size);
	return 0;
}

/* ---- calls by number ---------------------------------------------------------- */

#define NOT_OURS ((enum mount_op) - 1)

static __always_inline enum mount_op op_of(int nr, bool is_32bit)
{
	/* Newer calls have one number everywhere. */
	switch (nr) {
	case 428:
		return OPEN_TREE;
	case 429:
		return MOVE_MOUNT;
	case 430:
		return FSOPEN;
	case 431:
		return FSCONFIG;
	case 432:
		return FSMOUNT;
	case 433:
		return FSPICK;
	case 442:
		return MOUNT_SETATTR;
	case 467:
		return OPEN_TREE_ATTR;
	}
	if (nr == GADGET_NR(is_32bit, 165, 21, 40, 21))
		return MOUNT;
	if (nr == GADGET_NR(is_32bit, 166, 52, 39, 52))
		return UMOUNT;
	if (nr == GADGET_NR(is_32bit, 155, 217, 41, 218))
		return PIVOT_ROOT;
	return NOT_OURS;
}

SEC("tp_btf/sys_enter")
int BPF_PROG(call_entered, struct pt_regs *unused, long nr)
{
	__u64 *start;

	if (op_of((int)nr, gadget_syscall_is_32bit()) == NOT_OURS)
		return 0;
	if (gadget_should_discard_data_current())
		return 0;
	start = bpf_task_storage_get(&began, bpf_get_current_task_btf(), NULL,
				     BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (start)
		*start = bpf_ktime_get_boot_ns();
	return 0;
}

#define TEXT(n) ((const char *)gadget_syscall_arg(regs, is_32bit, n))
#define INT(n)  ((__s32)gadget_syscall_arg(regs, is_32bit, n))
#define BITS(n) ((__u32)gadget_syscall_arg(regs, is_32bit, n))

/* ---- the interface of old ------------------------------------------------------ */

static __always_inline void mount_args(struct call *call, const struct pt_regs___gadget *regs,
				       bool is_32bit)
{
	call->src = TEXT(1);
	call->dest = TEXT(2);
	call->fs = TEXT(3);
	call->flags = flags_of_mount(BITS(4));
	call->data = TEXT(5);
}

static __always_inline void umount_args(struct call *call, const struct pt_regs___gadget *regs,
					bool is_32bit)
{
	call->dest = TEXT(1);
	call->flags = flags_at(BITS(2), UMOUNT_MASK, UMOUNT_SHIFT);
}

static __always_inline void pivot_root_args(struct call *call, const struct pt_regs___gadget *regs,
					    bool is_32bit)
{
	call->src = TEXT(1);
	call->dest = TEXT(2);
}

/* ---- a file system, step by step ------------------------------------------------ */

static __always_inline void fsopen_args(struct call *call, const struct pt_regs___gadget *regs,
					bool is_32bit)
{
	call->fs = TEXT(1);
	call->flags = flags_at(BITS(2), FSOPEN_MASK, FSOPEN_SHIFT);
}

/* The context of a file system that is mounted already, to change it. */
static __always_inline void fspick_args(struct call *call, const struct pt_regs___gadget *regs,
					bool is_32bit, long ret)
{
	call->dest_fd = INT(1);
	call->dest = TEXT(2);
	call->flags = flags_at(BITS(3), FSPICK_MASK, FSPICK_SHIFT);
	call->context_fd = (__s32)ret;
}

static __always_inline void fsconfig_args(struct call *call, const struct pt_regs___gadget *regs,
					  bool is_32bit)
{
	__u32 command = BITS(2);

	if (command < FSCONFIG_OPS_END - FSCONFIG_FLAG)
		call->op = FSCONFIG_FLAG + command;
	call->src_fd = INT(1);
	call->context_fd = call->src_fd;
	call->key = TEXT(3);
	/* Others have no value, or one that is not text. */
	if (call->op == FSCONFIG_STRING || call->op == FSCONFIG_PATH ||
	    call->op == FSCONFIG_PATH_EMPTY)
		call->data = TEXT(4);
	call->aux = INT(5);
}

static __always_inline void fsmount_args(struct call *call, const struct pt_regs___gadget *regs,
					 bool is_32bit, long ret)
{
	call->src_fd = INT(1);
	call->context_fd = call->src_fd;
	call->mount_fd = (__s32)ret;
	call->flags = flags_at(BITS(2), FSMOUNT_MASK, FSMOUNT_SHIFT);
	call->attrs = BITS(3);
}

/* ---- mounts that exist ----------------------------------------------------------- */

/* Of struct mount_attr; it may be longer than what is known of it. */
static __always_inline void attr_args(struct call *call, const void *from)
{
	struct {
		__u64 set, clear, propagation;
	} attr = {};

	if (!from)
		return;
	bpf_probe_read_user(&attr, sizeof(attr), from);
	call->flags |= flags_of_mount((__u32)attr.propagation);
	call->attrs = (__u32)attr.set;
	call->attrs_clear = (__u32)attr.clear;
}

static __always_inline void open_tree_args(struct call *call, const struct pt_regs___gadget *regs,
					   bool is_32bit, long ret)
{
	call->src_fd = INT(1);
	call->src = TEXT(2);
	call->flags = flags_of_open_tree(BITS(3));
	call->mount_fd = (__s32)ret;
	if (call->op == OPEN_TREE_ATTR)
		attr_args(call, TEXT(4));
}

static __always_inline void move_mount_args(struct call *call, const struct pt_regs___gadget *regs,
					    bool is_32bit)
{
	call->src_fd = INT(1);
	call->src = TEXT(2);
	call->dest_fd = INT(3);
	call->dest = TEXT(4);
	call->flags = flags_at(BITS(5), MOVE_MOUNT_MASK, MOVE_MOUNT_SHIFT);
	if (call->flags & MOVE_MOUNT_F_EMPTY_PATH)
		call->mount_fd = call->src_fd;
}

static __always_inline void mount_setattr_args(struct call *call,
					       const struct pt_regs___gadget *regs, bool is_32bit)
{
	call->dest_fd = INT(1);
	call->dest = TEXT(2);
	call->flags = flags_of_setattr(BITS(3));
	if (call->flags & AT_EMPTY_PATH)
		call->mount_fd = call->dest_fd;
	attr_args(call, TEXT(4));
}

/* ---- returns ---------------------------------------------------------------------- */

SEC("tp_btf/sys_exit")
int BPF_PROG(call_returned, struct pt_regs *unused, long ret)
{
	const struct pt_regs___gadget *regs = gadget_syscall_regs();
	bool is_32bit = gadget_syscall_is_32bit();
	struct call call = {
		.op = op_of(gadget_syscall_nr(regs), is_32bit),
		.src_fd = AT_FDCWD,
		.dest_fd = AT_FDCWD,
		.context_fd = -1,
		.mount_fd = -1,
	};

	if (call.op == NOT_OURS || !is_wanted(ret))
		return 0;
	if (call.op == MOUNT)
		mount_args(&call, regs, is_32bit);
	else if (call.op == UMOUNT)
		umount_args(&call, regs, is_32bit);
	else if (call.op == PIVOT_ROOT)
		pivot_root_args(&call, regs, is_32bit);
	else if (call.op == FSOPEN)
		fsopen_args(&call, regs, is_32bit);
	else if (call.op == FSPICK)
		fspick_args(&call, regs, is_32bit, ret);
	else if (call.op == FSMOUNT)
		fsmount_args(&call, regs, is_32bit, ret);
	else if (call.op == OPEN_TREE || call.op == OPEN_TREE_ATTR)
		open_tree_args(&call, regs, is_32bit, ret);
	else if (call.op == MOVE_MOUNT)
		move_mount_args(&call, regs, is_32bit);
	else if (call.op == MOUNT_SETATTR)
		mount_setattr_args(&call, regs, is_32bit);
	else
		fsconfig_args(&call, regs, is_32bit);
	return report(&call, ret);
}

char LICENSE[] SEC("license") = "GPL";
