// SPDX-License-Identifier: GPL-2.0-only
/*
 * trace_signal: every signal that is generated, and every call that failed to send one.
 *
 * A signal is seen where the kernel queues it for a task, or decides not to
 * (signal_generate): one record for each signal and target, also for those that
 * no system call asked for.  The hook is tp_btf, which can only be passed over while
 * it runs itself; it runs in the sender, or for signals of the kernel in whatever
 * task was on the CPU.
 *
 * A call that fails mostly comes to nothing before that point, so failures are seen
 * where the six calls return, with the arguments as they were passed.
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

#define PF_KTHREAD 0x00200000

#define SIGINFO_CODE_AT 8 /* of si_code in the siginfo_t of user space */

#define PIDFD_SIGNAL_THREAD 1

/* Codes that a system call puts into the signal. */
#define CODE_USER   0
#define CODE_TKILL  (-6)
#define CODE_KERNEL 0x80

/* What became of it; the first five are the kernel's TRACE_SIGNAL_*. */
enum signal_result {
	delivered,
	ignored,
	already_pending,
	overflow,
	info_lost,
	failed,
};

/* Who asked for it: a system call, or nobody but the kernel. */
enum signal_origin {
	kernel,
	kill,
	tkill,
	tgkill,
	rt_sigqueueinfo,
	rt_tgsigqueueinfo,
	pidfd_send_signal,
};

/*
 * Names of si_code.  A code from 1 to 127 means something else for each signal, so
 * the number here is signal << 8 | code for those; all others stand for themselves.
 */
enum signal_code {
	SI_USER = CODE_USER,
	SI_KERNEL = CODE_KERNEL,
	SI_QUEUE = -1,
	SI_TIMER = -2,
	SI_MESGQ = -3,
	SI_ASYNCIO = -4,
	SI_SIGIO = -5,
	SI_TKILL = CODE_TKILL,
	SI_DETHREAD = -7,
	SI_ASYNCNL = -60,

#define OWN_CODE(signal, code) ((signal) << 8 | (code))
	ILL_ILLOPC = OWN_CODE(4, 1),
	ILL_ILLOPN = OWN_CODE(4, 2),
	ILL_ILLADR = OWN_CODE(4, 3),
	ILL_ILLTRP = OWN_CODE(4, 4),
	ILL_PRVOPC = OWN_CODE(4, 5),
	ILL_PRVREG = OWN_CODE(4, 6),
	ILL_COPROC = OWN_CODE(4, 7),
	ILL_BADSTK = OWN_CODE(4, 8),
	TRAP_BRKPT = OWN_CODE(5, 1),
	TRAP_TRACE = OWN_CODE(5, 2),
	TRAP_BRANCH = OWN_CODE(5, 3),
	TRAP_HWBKPT = OWN_CODE(5, 4),
	TRAP_UNK = OWN_CODE(5, 5),
	TRAP_PERF = OWN_CODE(5, 6),
	BUS_ADRALN = OWN_CODE(7, 1),
	BUS_ADRERR = OWN_CODE(7, 2),
	BUS_OBJERR = OWN_CODE(7, 3),
	BUS_MCEERR_AR = OWN_CODE(7, 4),
	BUS_MCEERR_AO = OWN_CODE(7, 5),
	FPE_INTDIV = OWN_CODE(8, 1),
	FPE_INTOVF = OWN_CODE(8, 2),
	FPE_FLTDIV = OWN_CODE(8, 3),
	FPE_FLTOVF = OWN_CODE(8, 4),
	FPE_FLTUND = OWN_CODE(8, 5),
	FPE_FLTRES = OWN_CODE(8, 6),
	FPE_FLTINV = OWN_CODE(8, 7),
	FPE_FLTSUB = OWN_CODE(8, 8),
	FPE_FLTUNK = OWN_CODE(8, 14),
	FPE_CONDTRAP = OWN_CODE(8, 15),
	SEGV_MAPERR = OWN_CODE(11, 1),
	SEGV_ACCERR = OWN_CODE(11, 2),
	SEGV_BNDERR = OWN_CODE(11, 3),
	SEGV_PKUERR = OWN_CODE(11, 4),
	SEGV_ACCADI = OWN_CODE(11, 5),
	SEGV_ADIDERR = OWN_CODE(11, 6),
	SEGV_ADIPERR = OWN_CODE(11, 7),
	SEGV_MTEAERR = OWN_CODE(11, 8),
	SEGV_MTESERR = OWN_CODE(11, 9),
	SEGV_CPERR = OWN_CODE(11, 10),
	CLD_EXITED = OWN_CODE(17, 1),
	CLD_KILLED = OWN_CODE(17, 2),
	CLD_DUMPED = OWN_CODE(17, 3),
	CLD_TRAPPED = OWN_CODE(17, 4),
	CLD_STOPPED = OWN_CODE(17, 5),
	CLD_CONTINUED = OWN_CODE(17, 6),
	POLL_IN = OWN_CODE(29, 1),
	POLL_OUT = OWN_CODE(29, 2),
	POLL_MSG = OWN_CODE(29, 3),
	POLL_ERR = OWN_CODE(29, 4),
	POLL_PRI = OWN_CODE(29, 5),
	POLL_HUP = OWN_CODE(29, 6),
	SYS_SECCOMP = OWN_CODE(31, 1),
	SYS_USER_DISPATCH = OWN_CODE(31, 2),
};

struct event {
	gadget_timestamp timestamp_raw;
	gadget_seq seq;
	struct gadget_process proc;
	gadget_signal sig_raw;
	enum signal_result result_raw;
	gadget_errno error_raw;
	enum signal_origin origin_raw;
	enum signal_code code_raw;
	__s32 si_code;
	__s32 tpid;
	__s32 ttid;
	gadget_comm tcomm[TASK_COMM_LEN];
	gadget_mntns_id tmntns_id;
	bool group;
	__u8 __unused[7];
};

GADGET_TRACER_MAP(events, 8 * 1024 * 1024);
GADGET_TRACER(signal, events, event);

const volatile gadget_signal targ_signal = 0;
const volatile bool targ_failed = false;
const volatile bool targ_kill_only = false;
GADGET_PARAM(targ_signal);
GADGET_PARAM(targ_failed);
GADGET_PARAM(targ_kill_only);

static __always_inline bool is_wanted(int sig)
{
	if (targ_signal && (__u32)sig != targ_signal)
		return false;
	return !gadget_should_discard_data_current();
}

static __always_inline enum signal_code code_of(int sig, int si_code)
{
	return si_code > 0 && si_code < CODE_KERNEL ? OWN_CODE(sig, si_code) : si_code;
}

/* What every record has; target, origin and outcome are up to the caller. */
static __always_inline void event_fill(struct event *event, int sig, int si_code)
{
	event->timestamp_raw = bpf_ktime_get_boot_ns();
	gadget_process_populate(&event->proc);
	event->sig_raw = (__u32)sig;
	event->si_code = si_code;
	event->code_raw = code_of(sig, si_code);
	__builtin_memset(event->__unused, 0, sizeof(event->__unused));
}

/* ---- signals that were generated ------------------------------------------- */

/* The calls: their numbers on x86-64 and i386, arm64 and arm, and which argument is the signal. */
#define CALLS(X)                                    \
	X(kill, 62, 37, 129, 37, 2)                 \
	X(tkill, 200, 238, 130, 238, 2)             \
	X(tgkill, 234, 270, 131, 268, 3)            \
	X(rt_sigqueueinfo, 129, 178, 138, 178, 2)   \
	X(rt_tgsigqueueinfo, 297, 335, 240, 363, 3) \
	X(pidfd_send_signal, 424, 424, 424, 424, 2)

/* The one of them that the current task is in, if any, and its signal. */
static __always_inline enum signal_origin call_current(const struct pt_regs___gadget *regs,
						       bool is_32bit, int *ret_sig)
{
	int nr = gadget_syscall_nr(regs);

#define CALL(name, x86_64, i386, arm64, arm, n)                        \
	if (nr == GADGET_NR(is_32bit, x86_64, i386, arm64, arm)) {     \
		*ret_sig = (int)gadget_syscall_arg(regs, is_32bit, n); \
		return name;                                           \
	}
	CALLS(CALL)
	return kernel;
}

/*
 * A signal comes from a system call if the task is in one of the six, with this very
 * signal, and a siginfo was made for it.  Interrupts and faults during such a call
 * that generate signals of their own fail the one or the other test.
 */
static __always_inline enum signal_origin origin_of(int sig, bool has_info)
{
	const struct task_struct *task = bpf_get_current_task_btf();
	enum signal_origin origin;
	int sent = 0;

	if (!has_info || task->flags & PF_KTHREAD)
		return kernel;
	origin = call_current(gadget_syscall_regs(), gadget_syscall_is_32bit(), &sent);
	return sent == sig ? origin : kernel;
}

/*
 * Where the siginfo should be, the kernel also passes 0, "as if from a task", and 1, "from
 * the kernel".  The verifier of most kernels takes the argument for an address that
 * cannot be 0, and would remove the tests for that; so it is read as a number.
 */
static __always_inline const struct kernel_siginfo *siginfo_of(const __u64 *ctx)
{
	__u64 info = 0;

	bpf_probe_read_kernel(&info, sizeof(info), ctx + 1);
	return (const struct kernel_siginfo *)info;
}

static __always_inline int si_code_of(const struct kernel_siginfo *info)
{
	int si_code = info ? CODE_KERNEL : CODE_USER;

	if ((unsigned long)info > 1)
		bpf_core_read(&si_code, sizeof(si_code), &info->si_code);
	return si_code;
}

SEC("tp_btf/signal_generate")
int BPF_PROG(signal_generated, int sig, void *unused, struct task_struct *task, int group,
	     int result)
{
	const struct kernel_siginfo *info;
	enum signal_origin origin;
	struct event *event;

	if (targ_failed || !is_wanted(sig))
		return 0;
	info = siginfo_of(ctx);
	origin = origin_of(sig, (unsigned long)info > 1);
	if (targ_kill_only && origin == kernel)
		return 0;

	event = gadget_reserve_event(&events, struct event);
	if (!event)
		return 0;
	event_fill(event, sig, si_code_of(info));
	event->result_raw = (enum signal_result)result;
	event->error_raw = 0;
	event->origin_raw = origin;
	event->tpid = task->tgid;
	event->ttid = task->pid;
	gadget_comm_copy(event->tcomm, task->comm);
	event->tmntns_id = gadget_task_mntns_id(task);
	event->group = group != 0;
	gadget_submit_buf(ctx, &events, event, sizeof(*event));
	return 0;
}

/* ---- calls that failed ----------------------------------------------------- */

/* The code in a siginfo_t of the caller; 0 when it cannot be read. */
static __always_inline int user_code(unsigned long siginfo)
{
	int code = 0;

	bpf_probe_read_user(&code, sizeof(code), (const void *)(siginfo + SIGINFO_CODE_AT));
	return code;
}

/* What its siginfo would have said. */
static __always_inline int failed_code(enum signal_origin origin,
				       const struct pt_regs___gadget *regs, bool is_32bit)
{
	unsigned long siginfo;

	switch (origin) {
	case tkill:
	case tgkill:
		return CODE_TKILL;
	case rt_sigqueueinfo:
		return user_code(gadget_syscall_arg(regs, is_32bit, 3));
	case rt_tgsigqueueinfo:
		return user_code(gadget_syscall_arg(regs, is_32bit, 4));
	case pidfd_send_signal:
		siginfo = gadget_syscall_arg(regs, is_32bit, 3);
		if (siginfo)
			return user_code(siginfo);
		return gadget_syscall_arg(regs, is_32bit, 4) & PIDFD_SIGNAL_THREAD ? CODE_TKILL
										   : CODE_USER;
	default:
		return CODE_USER;
	}
}

/*
 * Whom it was for, as passed.  tkill names no process, some name no thread, and the
 * descriptor of pidfd_send_signal may by now stand for something else.
 */
static __always_inline void fill_failed_target(struct event *event,
					       const struct pt_regs___gadget *regs, bool is_32bit)
{
	__s32 first = (__s32)gadget_syscall_arg(regs, is_32bit, 1);
	__s32 second = (__s32)gadget_syscall_arg(regs, is_32bit, 2);

	event->tpid = 0;
	event->ttid = 0;
	event->group = false;
	switch (event->origin_raw) {
	case tkill:
		event->ttid = first;
		break;
	case tgkill:
	case rt_tgsigqueueinfo:
		event->tpid = first;
		event->ttid = second;
		break;
	case pidfd_send_signal:
		event->group = !(gadget_syscall_arg(regs, is_32bit, 4) & PIDFD_SIGNAL_THREAD);
		break;
	default:
		event->tpid = first;
		event->group = true;
	}
	__builtin_memset(event->tcomm, 0, sizeof(event->tcomm));
	event->tmntns_id = 0;
}

/*
 * Not tracepoints of the six calls: these would leave out 32-bit programs, and be passed
 * over while another program runs.
 */
SEC("tp_btf/sys_exit")
int BPF_PROG(call_failed, struct pt_regs *unused, long ret)
{
	const struct pt_regs___gadget *regs;
	enum signal_origin origin;
	struct event *event;
	bool is_32bit;
	int sig = 0;

	if (ret >= 0)
		return 0;
	regs = gadget_syscall_regs();
	is_32bit = gadget_syscall_is_32bit();
	origin = call_current(regs, is_32bit, &sig);
	if (origin == kernel || !is_wanted(sig))
		return 0;
	event = gadget_reserve_event(&events, struct event);
	if (!event)
		return 0;
	event_fill(event, sig, failed_code(origin, regs, is_32bit));
	event->result_raw = failed;
	event->error_raw = (__u32)-ret;
	event->origin_raw = origin;
	fill_failed_target(event, regs, is_32bit);
	gadget_submit_buf(ctx, &events, event, sizeof(*event));
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
