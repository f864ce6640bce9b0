// SPDX-License-Identifier: GPL-2.0-only
/* Every map of the daemon that watches graphics processors, and what reads them. */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>

#define GPU_BRIDGE_WANT_ALL
#include <gadget/gpu_bridge_maps.h>
#include <gadget/buffer.h>

/* A gadget may have one of its own; it is the one that is called, with a __u8. */
static __always_inline bool gpu_device_underutilized(__u8 device, __u32 max_pct)
{
	return device < GPU_MAX_DEVICES && gpu_device_underutilized((__u32)device, max_pct);
}

struct holder {
	gadget_bytes bytes_raw;
	bool is_idle;
};

GADGET_TRACER_MAP(holders, 64 * 1024);
GADGET_TRACER(holders, holders, holder);

SEC("tracepoint/syscalls/sys_enter_getsid")
int enter_getsid(void *ctx)
{
	__u64 key = bpf_get_current_pid_tgid() & ~0xffffffffULL;
	struct gpu_pid_metrics_aggregated *process;
	struct holder h = {};

	if (!gpu_meta_fresh(bpf_ktime_get_boot_ns(), 300))
		return 0;
	process = gpu_pid_holder(key >> 32, 1);
	if (!process || !bpf_map_lookup_elem(&gpu_per_pid_per_device, &key))
		return 0;
	h.bytes_raw = process->used_gpu_memory_total;
	h.is_idle = process->gpu_device_primary != GPU_DEVICE_PRIMARY_MULTI &&
		    gpu_device_underutilized(process->gpu_device_primary, 50);
	gadget_output_buf(ctx, &holders, &h, sizeof(h));
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
