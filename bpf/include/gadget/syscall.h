/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * A system call's number and arguments, read when it returns.
 *
 * The registers user space called with stay saved on the kernel stack until the
 * call is over, so a program at tracepoint/syscalls/sys_exit_* has the arguments and
 * the result together: no second program at sys_enter, no map between the two,
 * no event lost because that map was full.  Memory the arguments point to has just
 * been read by the kernel, so it is present.  (As with any tracer, another
 * thread may have changed it meanwhile.)
 *
 *	const struct pt_regs___gadget *regs = gadget_syscall_regs();
 *	const char *path = (const char *)gadget_syscall_arg2(regs);
 *
 * After a successful execve the saved registers are those of the new program.
 *
 * A program at tp_btf/sys_exit sees all calls and picks its own by number.  For one call or
 * two it costs the host more than tracepoints of these calls; for many it does not, and it is
 * detached at once, sees the calls of 32-bit programs too, and is never passed
 * over because another program runs:
 *
 *	bool is_32bit = gadget_syscall_is_32bit();
 *	if (gadget_syscall_nr(regs) == GADGET_NR(is_32bit, 62, 37, 129, 37))
 *		pid = (int)gadget_syscall_arg(regs, is_32bit, 1);
 *
 * Include <vmlinux.h> and <bpf/bpf_helpers.h> first.  Needs Linux 5.15.
 */
#ifndef GADGET_SYSCALL_H
#define GADGET_SYSCALL_H

/*
 * The kernel's struct pt_regs, as far as system calls pass arguments in it; the
 * loader finds the members by name in the running kernel's BTF.
 */
#if defined(__TARGET_ARCH_x86)

struct pt_regs___gadget {
	unsigned long di, si, dx, r10, r8, r9, bx, cx, bp, orig_ax;
} __attribute__((preserve_access_index));

struct thread_info___gadget {
	__u32 status;
} __attribute__((preserve_access_index));

# define __GADGET_SYSCALL_ARGS(X)       X(1, di) X(2, si) X(3, dx) X(4, r10) X(5, r8) X(6, r9)
# define __GADGET_SYSCALL_ARGS_32BIT(X) X(1, bx) X(2, cx) X(3, dx) X(4, si) X(5, di) X(6, bp)

/* A call's number, by table: of x86-64 and i386, arm64 and arm. */
# define GADGET_NR(is_32bit, x86_64, i386, arm64, arm) ((is_32bit) ? (i386) : (x86_64))

#elif defined(__TARGET_ARCH_arm64)

/* x0 holds the result by now. */
struct pt_regs___gadget {
	unsigned long long regs[31];
	unsigned long long orig_x0;
	int syscallno;
} __attribute__((preserve_access_index));

struct thread_info___gadget {
	unsigned long flags;
} __attribute__((preserve_access_index));

# define __GADGET_SYSCALL_ARGS(X) \
	 X(1, orig_x0) X(2, regs[1]) X(3, regs[2]) X(4, regs[3]) X(5, regs[4]) X(6, regs[5])
# define __GADGET_SYSCALL_ARGS_32BIT(X) __GADGET_SYSCALL_ARGS(X)

# define GADGET_NR(is_32bit, x86_64, i386, arm64, arm) ((is_32bit) ? (arm) : (arm64))

#else
# error "define __TARGET_ARCH_x86 or __TARGET_ARCH_arm64"
#endif

static __always_inline const struct pt_regs___gadget *gadget_syscall_regs(void)
{
	return (const void *)bpf_task_pt_regs(bpf_get_current_task_btf());
}

/* gadget_syscall_arg1(regs) … gadget_syscall_arg6(regs) */
#define __GADGET_SYSCALL_ARG(n, reg)                                \
	static __always_inline unsigned long gadget_syscall_arg##n( \
		const struct pt_regs___gadget *regs)                \
	{                                                           \
		return regs->reg;                                   \
	}

__GADGET_SYSCALL_ARGS(__GADGET_SYSCALL_ARG)

/* The number of the call; -1 when the task came into the kernel another way. */
static __always_inline int gadget_syscall_nr(const struct pt_regs___gadget *regs)
{
#if defined(__TARGET_ARCH_x86)
	return (int)regs->orig_ax;
#else
	return regs->syscallno;
#endif
}

/* Whether the current task's call is one of the 32-bit table. */
static __always_inline bool gadget_syscall_is_32bit(void)
{
	struct task_struct *task = bpf_get_current_task_btf();
	const struct thread_info___gadget *info = (const void *)&task->thread_info;

#if defined(__TARGET_ARCH_x86)
	return info->status & 0x0002; /* TS_COMPAT */
#else
	return info->flags >> 22 & 1; /* TIF_32BIT */
#endif
}

/* Argument n, a constant from 1 to 6, of a call of either table. */
static __always_inline unsigned long gadget_syscall_arg(const struct pt_regs___gadget *regs,
							bool is_32bit, int n)
{
#define __GADGET_SYSCALL_ARG_CASE(number, reg) \
	if (n == (number))                     \
		return regs->reg;
	if (is_32bit) {
		__GADGET_SYSCALL_ARGS_32BIT(__GADGET_SYSCALL_ARG_CASE)
	}
	__GADGET_SYSCALL_ARGS(__GADGET_SYSCALL_ARG_CASE)
#undef __GADGET_SYSCALL_ARG_CASE
	return 0;
}

#endif
