/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * The maps of gpu_types.h, pinned in /sys/fs/bpf by their names.  When no daemon has made
 * them, loading the gadget makes them, empty.
 *
 * Say which are needed before including; each comes with what reads it:
 *
 *   GPU_BRIDGE_WANT_META                gpu_meta, gpu_meta_fresh()
 *   GPU_BRIDGE_WANT_DEVICE              gpu_device, gpu_device_underutilized()
 *   GPU_BRIDGE_WANT_PER_PID             gpu_per_pid, gpu_pid_holder()
 *   GPU_BRIDGE_WANT_PER_PID_PER_DEVICE  gpu_per_pid_per_device
 *   GPU_BRIDGE_WANT_ALL                 all of them
 *
 * Include <vmlinux.h> or <linux/bpf.h> first.
 */
#ifndef GADGET_GPU_BRIDGE_MAPS_H
#define GADGET_GPU_BRIDGE_MAPS_H

#include <gadget/gpu_types.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#define __GADGET_GPU_MAX_PROCESSES 4096

#ifdef GPU_BRIDGE_WANT_ALL
# define GPU_BRIDGE_WANT_META
# define GPU_BRIDGE_WANT_DEVICE
# define GPU_BRIDGE_WANT_PER_PID
# define GPU_BRIDGE_WANT_PER_PID_PER_DEVICE
#endif

#ifdef GPU_BRIDGE_WANT_META

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct gpu_meta);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} gpu_meta SEC(".maps");

/* The daemon's state, or NULL when it has been silent for longer than `max_age_ms`. */
static __always_inline struct gpu_meta *gpu_meta_fresh(__u64 now_boot_ns, __u64 max_age_ms)
{
	__u32 zero = 0;
	struct gpu_meta *meta = bpf_map_lookup_elem(&gpu_meta, &zero);

	if (!meta || now_boot_ns - meta->last_update_boottime_ns > max_age_ms * 1000000)
		return NULL;
	return meta;
}

#endif

#ifdef GPU_BRIDGE_WANT_DEVICE

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, GPU_MAX_DEVICES);
	__type(key, __u32);
	__type(value, struct gpu_device_metrics);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} gpu_device SEC(".maps");

/*
 * True when the device is known to have less to do than `max_pct` percent.  Some sources
 * bring their own of this name, for a __u8; C may choose between the two.
 */
static __always_inline __attribute__((overloadable)) bool gpu_device_underutilized(__u32 device,
										   __u32 max_pct)
{
	const struct gpu_device_metrics *m = bpf_map_lookup_elem(&gpu_device, &device);

	return m && m->sm_util_pct < max_pct;
}

#endif

#ifdef GPU_BRIDGE_WANT_PER_PID

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, __GADGET_GPU_MAX_PROCESSES);
	__type(key, __u32);
	__type(value, struct gpu_pid_metrics_aggregated);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} gpu_per_pid SEC(".maps");

/* The process, if it holds at least that much memory of graphics processors, or NULL. */
static __always_inline struct gpu_pid_metrics_aggregated *gpu_pid_holder(__u32 tgid,
									 __u64 min_bytes)
{
	struct gpu_pid_metrics_aggregated *m = bpf_map_lookup_elem(&gpu_per_pid, &tgid);

	return m && m->used_gpu_memory_total >= min_bytes ? m : NULL;
}

#endif

#ifdef GPU_BRIDGE_WANT_PER_PID_PER_DEVICE

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, __GADGET_GPU_MAX_PROCESSES);
	__type(key, __u64);
	__type(value, struct gpu_pid_metrics);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} gpu_per_pid_per_device SEC(".maps");

#endif

#endif
