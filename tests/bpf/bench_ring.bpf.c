// SPDX-License-Identifier: GPL-2.0-only
/*
 * The fastest producer there is: one BPF_PROG_RUN of `produce` makes `bench.records`
 * records of 320 bytes in a loop inside the kernel.  Benchmarks run it on one core and
 * read on another.  `produce` is never attached.
 */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include <gadget/buffer.h>
#include <gadget/common.h>

struct event {
	gadget_timestamp timestamp_raw;
	gadget_mntns_id mntns_id;
	gadget_pid pid;
	gadget_tid tid;
	gadget_uid uid;
	gadget_gid gid;
	gadget_comm comm[TASK_COMM_LEN];
	char fname[255];
	__u32 flags;
	__u32 mode;
	__s32 err;
};

_Static_assert(sizeof(struct event) == 320, "what is compared is 320 bytes");

GADGET_TRACER_MAP(events, 16 * 1024 * 1024);
GADGET_TRACER(bench, events, event);

/* What a run does; set it before, or between, runs. */
struct {
	__u32 records; /* in one run */
	__u32 gap_ns;  /* from one to the next; 0: as fast as it goes */
} bench = { .records = 1000 };

/* When the next one is due. */
static __u64 due_ns;

static const char path[] = "/usr/share/zoneinfo/Europe/Copenhagen";

static long is_due(__u32 i, void *unused)
{
	return bpf_ktime_get_ns() >= due_ns;
}

/* Evenly spaced, as programs that do something between two system calls would be. */
static __always_inline void wait_for_turn(void)
{
	__u64 now;

	if (!bench.gap_ns)
		return;
	bpf_loop(1 << 20, is_due, NULL, 0);
	now = bpf_ktime_get_ns();
	due_ns = now > due_ns + 1000000 ? now + bench.gap_ns : due_ns + bench.gap_ns;
}

static long produce_one(__u32 i, void *unused)
{
	const struct task_struct *task = bpf_get_current_task_btf();
	struct event *event;

	wait_for_turn();
	event = gadget_reserve_buf(&events, sizeof(*event));
	if (!event)
		return 0;
	event->timestamp_raw = bpf_ktime_get_boot_ns();
	event->mntns_id = gadget_task_mntns_id(task);
	event->pid = task->tgid;
	event->tid = task->pid;
	event->uid = task->cred->uid.val;
	event->gid = task->cred->gid.val;
	gadget_comm_copy(event->comm, task->comm);
	__builtin_memcpy(event->fname, path, sizeof(path));
	event->flags = i;
	event->mode = 0;
	event->err = 0;
	gadget_submit_buf(NULL, &events, event, sizeof(*event));
	return 0;
}

SEC("syscall")
int produce(void *ctx)
{
	bpf_loop(bench.records, produce_one, NULL, 0);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
