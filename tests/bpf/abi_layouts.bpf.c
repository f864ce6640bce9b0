// SPDX-License-Identifier: GPL-2.0-only
/*
 * The layouts other programs rely on, checked by the compiler.  They were measured in
 * objects built with the headers of the Inspektor Gadget ABI.
 *
 * One record per getsid(2) has a member of each type.
 */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>

#define GADGET_NO_BUF_RESERVE
#include <gadget/buffer.h>
#include <gadget/common.h>
#include <gadget/filter.h>
#define GADGET_TYPE_TRACING
#include <gadget/sockets-map.h>
#include <gadget/gpu_types.h>

#define SIZE(type, bytes) _Static_assert(sizeof(type) == (bytes), #type)
#define AT(type, member, bytes) \
	_Static_assert(__builtin_offsetof(type, member) == (bytes), #type "." #member)

SIZE(gadget_timestamp, 8);
SIZE(gadget_duration, 8);
SIZE(gadget_bytes, 8);
SIZE(gadget_mntns_id, 8);
SIZE(gadget_netns_id, 4);
SIZE(gadget_errno, 4);
SIZE(gadget_signal, 4);
SIZE(gadget_syscall, 8);
SIZE(gadget_file_flags, 4);
SIZE(gadget_file_mode, 4);
SIZE(gadget_pid, 4);
SIZE(gadget_tid, 4);
SIZE(gadget_ppid, 4);
SIZE(gadget_ptid, 4);
SIZE(gadget_uid, 4);
SIZE(gadget_gid, 4);
SIZE(gadget_kernel_stack, 4);
SIZE(gadget_counter__u32, 4);
SIZE(gadget_counter__u64, 8);
SIZE(gadget_gauge__u32, 4);
SIZE(gadget_gauge__u64, 8);
SIZE(gadget_histogram_slot__u32, 4);
SIZE(gadget_histogram_slot__u64, 8);
SIZE(gadget_comm, 1);
SIZE(gadget_pcomm, 1);
SIZE(gadget_seq, 8);
SIZE(gadget_strings, 1);
SIZE(gadget_dns_name, 1);

SIZE(union gadget_ip_addr_t, 16);
_Static_assert(_Alignof(union gadget_ip_addr_t) == 16, "union gadget_ip_addr_t");
AT(union gadget_ip_addr_t, v6, 0);
AT(union gadget_ip_addr_t, v6_raw, 0);
AT(union gadget_ip_addr_t, v4, 0);

SIZE(struct gadget_l3endpoint_t, 32);
AT(struct gadget_l3endpoint_t, addr_raw, 0);
AT(struct gadget_l3endpoint_t, version, 16);

SIZE(struct gadget_l4endpoint_t, 32);
AT(struct gadget_l4endpoint_t, addr_raw, 0);
AT(struct gadget_l4endpoint_t, port, 16);
AT(struct gadget_l4endpoint_t, proto_raw, 18);
AT(struct gadget_l4endpoint_t, version, 20);

SIZE(struct gadget_creds, 8);
AT(struct gadget_creds, uid, 0);
AT(struct gadget_creds, gid, 4);

SIZE(struct gadget_parent, 24);
AT(struct gadget_parent, comm, 0);
AT(struct gadget_parent, pid, 16);
AT(struct gadget_parent, tid, 20);

SIZE(struct gadget_process, 64);
AT(struct gadget_process, comm, 0);
AT(struct gadget_process, pid, 16);
AT(struct gadget_process, tid, 20);
AT(struct gadget_process, mntns_id, 24);
AT(struct gadget_process, creds, 32);
AT(struct gadget_process, parent, 40);

SIZE(struct gadget_user_stack, 72);
AT(struct gadget_user_stack, major, 0);
AT(struct gadget_user_stack, minor, 4);
AT(struct gadget_user_stack, inode, 8);
AT(struct gadget_user_stack, mtime_sec, 16);
AT(struct gadget_user_stack, mtime_nsec, 24);
AT(struct gadget_user_stack, base_addr_hash, 28);
AT(struct gadget_user_stack, stack_id, 32);
AT(struct gadget_user_stack, tgid_level0, 36);
AT(struct gadget_user_stack, pid_level0, 40);
AT(struct gadget_user_stack, pidns_level0, 44);
AT(struct gadget_user_stack, pid_level1, 48);
AT(struct gadget_user_stack, pidns_level1, 52);
AT(struct gadget_user_stack, otel_correlation_id, 56);
AT(struct gadget_user_stack, boot_timestamp, 64);

SIZE(struct gadget_socket_key, 12);
AT(struct gadget_socket_key, netns, 0);
AT(struct gadget_socket_key, family, 4);
AT(struct gadget_socket_key, proto, 6);
AT(struct gadget_socket_key, port, 8);

SIZE(struct gadget_socket_value, 8280);
AT(struct gadget_socket_value, mntns, 0);
AT(struct gadget_socket_value, pid_tgid, 8);
AT(struct gadget_socket_value, uid_gid, 16);
AT(struct gadget_socket_value, task, 24);
AT(struct gadget_socket_value, ptask, 40);
AT(struct gadget_socket_value, sock, 56);
AT(struct gadget_socket_value, deletion_timestamp, 64);
AT(struct gadget_socket_value, ppid, 72);
AT(struct gadget_socket_value, ptid, 76);
AT(struct gadget_socket_value, ipv6only, 80);
AT(struct gadget_socket_value, optional_fields_start, 88);
AT(struct gadget_socket_value, cwd, 88);

SIZE(struct gpu_meta, 32);
AT(struct gpu_meta, clock_offset_ns, 24);
SIZE(struct gpu_device_metrics, 128);
AT(struct gpu_device_metrics, throttle_reasons, 56);
AT(struct gpu_device_metrics, fan_speed_pct, 120);
SIZE(struct gpu_pid_metrics, 40);
AT(struct gpu_pid_metrics, gpu_device, 32);
SIZE(struct gpu_pid_metrics_aggregated, 32);
AT(struct gpu_pid_metrics_aggregated, device_count, 25);

struct every {
	gadget_seq seq;
	gadget_timestamp timestamp_raw;
	gadget_duration duration_raw;
	gadget_bytes bytes_raw;
	gadget_mntns_id mntns_id;
	gadget_netns_id netns_id;
	gadget_errno error_raw;
	gadget_signal signal_raw;
	gadget_syscall syscall_raw;
	gadget_file_flags flags_raw;
	gadget_file_mode mode_raw;
	gadget_pid pid;
	gadget_tid tid;
	gadget_ppid ppid;
	gadget_ptid ptid;
	gadget_uid uid_raw;
	gadget_gid gid_raw;
	gadget_kernel_stack kstack_raw;
	gadget_counter__u32 counter32;
	gadget_counter__u64 counter64;
	gadget_gauge__u32 gauge32;
	gadget_gauge__u64 gauge64;
	gadget_histogram_slot__u32 slots32[4];
	gadget_histogram_slot__u64 slots64[4];
	gadget_comm comm[TASK_COMM_LEN];
	gadget_pcomm pcomm[TASK_COMM_LEN];
	gadget_dns_name name[32];
	struct gadget_l3endpoint_t l3;
	struct gadget_l4endpoint_t l4;
	struct gadget_process proc;
	struct gadget_user_stack ustack;
	gadget_strings args[];
};

GADGET_TRACER_MAP(events, 256 * 1024);
GADGET_TRACER(every, events, every);

SEC("tracepoint/syscalls/sys_enter_getsid")
int enter_getsid(void *ctx)
{
	struct every *event;

	if (gadget_should_discard_data_current())
		return 0;
	event = gadget_reserve_event(&events, struct every);
	if (!event)
		return 0;
	__builtin_memset(&event->timestamp_raw, 0, sizeof(*event) - sizeof(event->seq));
	event->timestamp_raw = bpf_ktime_get_boot_ns();
	gadget_process_populate(&event->proc);
	gadget_submit_buf(ctx, &events, event, sizeof(*event));
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
