/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Paths of open files, as the whole host sees them.
 *
 * A path is put together from its last name to its first, at the end of a buffer each
 * CPU has (the map `bufs`): up the directories to the root of the mount, on at the place
 * where that is mounted, until the first mount.  The result stays in that buffer, so the
 * next call on this CPU overwrites it: copy it at once, with bpf_probe_read_kernel_str().
 *
 * Deeper than 80 names, or longer than 16 KiB, the front of the path is missing.  What
 * has no place in a file system (memfd, pipes) reads as the name it has.
 *
 * Include <vmlinux.h> first.
 */
#ifndef GADGET_FILESYSTEM_H
#define GADGET_FILESYSTEM_H

#include <gadget/macros.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

/* What gadgets keep of a path; a power of two, as get_path_str_with_size() wants it. */
#define GADGET_PATH_MAX 512

#define MAX_PERCPU_BUFSIZE  (1 << 15)
#define MAX_PATH_COMPONENTS 80

/* Paths grow down from the middle, so that an offset below it may be off by a name. */
#define __GADGET_PATH_END  (MAX_PERCPU_BUFSIZE / 2)
#define __GADGET_PATH_MASK (__GADGET_PATH_END - 1)
#define __GADGET_NAME_MASK 255 /* NAME_MAX */

/*
 * `start`, of the path, is here and not on the stack so that the verifier forgets its
 * value: each step would be checked anew for each value it can have.
 */
struct __gadget_path_buf {
	char at[MAX_PERCPU_BUFSIZE - sizeof(__u32)];
	__u32 start;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct __gadget_path_buf);
} bufs SEC(".maps");

/* Where a walk is: a name, and the mount it was found in. */
struct __gadget_walk {
	struct dentry *dentry;
	struct mount *mount;
};

static __always_inline struct mount *__gadget_mount_of(struct vfsmount *vfsmount)
{
	return (void *)((char *)vfsmount - bpf_core_field_offset(struct mount, mnt));
}

/* Put the name where the walk is in front of the path; false when there is no room. */
static __always_inline bool __gadget_walk_add_name(struct __gadget_walk *w,
						   struct __gadget_path_buf *buf)
{
	struct dentry *dentry = w->dentry;
	struct qstr name = BPF_CORE_READ(dentry, d_name);
	__u32 len = name.len & __GADGET_NAME_MASK;

	if (!len || len != name.len || buf->start < len + 1)
		return false;
	buf->start -= len + 1;
	buf->at[buf->start & __GADGET_PATH_MASK] = '/';
	return !bpf_probe_read_kernel(&buf->at[(buf->start + 1) & __GADGET_PATH_MASK], len,
				      name.name);
}

/* One step up; false at the end, or where the path cannot be followed. */
static __always_inline bool __gadget_walk_up(struct __gadget_walk *w, struct __gadget_path_buf *buf)
{
	struct dentry *dentry = w->dentry, *parent = BPF_CORE_READ(dentry, d_parent);
	struct mount *below = w->mount;

	if (dentry == BPF_CORE_READ(below, mnt.mnt_root)) {
		w->mount = BPF_CORE_READ(below, mnt_parent);
		w->dentry = BPF_CORE_READ(below, mnt_mountpoint);
		return w->mount != below;
	}
	if (dentry == parent || !__gadget_walk_add_name(w, buf))
		return false;
	w->dentry = parent;
	return true;
}

/*
 * The path as a string of at most `size` bytes, cut at its end.  `size` is a power of
 * two.  NULL when it is not.
 */
static __always_inline void *get_path_str_with_size(struct path *path, __u32 size)
{
	struct path from = {};
	struct __gadget_walk walk;
	struct dentry *file;
	struct __gadget_path_buf *buf;
	__u32 zero = 0;

	if (!size || (size & (size - 1)))
		return NULL;
	buf = bpf_map_lookup_elem(&bufs, &zero);
	if (!buf)
		return NULL;
	bpf_probe_read_kernel(&from, sizeof(from), path);
	file = walk.dentry = from.dentry;
	walk.mount = __gadget_mount_of(from.mnt);
	buf->start = __GADGET_PATH_END - 1;
	buf->at[__GADGET_PATH_END - 1] = 0;
	for (int i = 0; i < MAX_PATH_COMPONENTS && __gadget_walk_up(&walk, buf); i++)
		;
	if (buf->start == __GADGET_PATH_END - 1) {
		bpf_probe_read_kernel_str(buf->at, GADGET_PATH_MAX,
					  BPF_CORE_READ(file, d_name.name));
		buf->start = 0;
	}
	if (__GADGET_PATH_END - buf->start > size)
		buf->at[(buf->start + size - 1) & __GADGET_PATH_MASK] = 0;
	return &buf->at[buf->start & __GADGET_PATH_MASK];
}

static __always_inline void *get_path_str(struct path *path)
{
	return get_path_str_with_size(path, GADGET_PATH_MAX);
}

/* The current task's open file of this number, or NULL. */
static __always_inline struct file *get_struct_file_for_fd(int fd_num)
{
	const struct task_struct *task = (void *)bpf_get_current_task();
	struct file *file = NULL;
	struct file **files;

	if (fd_num < 0 || (__u32)fd_num >= BPF_CORE_READ(task, files, fdt, max_fds))
		return NULL;
	files = BPF_CORE_READ(task, files, fdt, fd);
	bpf_probe_read_kernel(&file, sizeof(file), &files[fd_num]);
	return file;
}

/*
 * The path of the current task's open file into `buf`, of `buf_len` bytes, a constant
 * power of two.  Its length with the NUL, or negative: there is no such file.
 */
static __always_inline long read_full_path_of_open_file_fd(int fd_num, char *buf, __u64 buf_len)
{
	struct file *file = get_struct_file_for_fd(fd_num);
	struct path path;
	void *text;

	if (!file)
		return -1;
	path = BPF_CORE_READ(file, f_path);
	text = get_path_str_with_size(&path, buf_len);
	return text ? bpf_probe_read_kernel_str(buf, buf_len, text) : -1;
}

#endif
