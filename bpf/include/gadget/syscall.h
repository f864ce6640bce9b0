/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Arguments of a system call, read when it returns.
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
	unsigned long di, si, dx, r10, r8, r9;
} __attribute__((preserve_access_index));

# define __GADGET_SYSCALL_ARGS(X) X(1, di) X(2, si) X(3, dx) X(4, r10) X(5, r8) X(6, r9)

#elif defined(__TARGET_ARCH_arm64)

/* x0 holds the result by now. */
struct pt_regs___gadget {
	unsigned long long regs[31];
	unsigned long long orig_x0;
} __attribute__((preserve_access_index));

# define __GADGET_SYSCALL_ARGS(X) \
	 X(1, orig_x0) X(2, regs[1]) X(3, regs[2]) X(4, regs[3]) X(5, regs[4]) X(6, regs[5])

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

#endif
