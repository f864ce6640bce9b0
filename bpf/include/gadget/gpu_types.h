/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * What a daemon that watches graphics processors publishes in pinned maps; see
 * gpu_bridge_maps.h.  The names are those of no vendor.  Values its source does not
 * know are 0.
 *
 * Include <vmlinux.h> or <linux/types.h> first.
 */
#ifndef GADGET_GPU_TYPES_H
#define GADGET_GPU_TYPES_H

#include <gadget/macros.h>

/* Of the layouts below; members may be added without a new one. */
#define GPU_SCHEMA_VERSION 1
#define GPU_MAX_DEVICES    16

/* The daemon itself. */
struct gpu_meta {
	__u32 schema_version;
	__u32 n_devices;
	__u64 last_update_boottime_ns; /* old: the daemon is gone, and the rest is stale */
	__u32 helper_pid;
	__u32 _reserved;
	__s64 clock_offset_ns; /* wall clock minus boot time */
};

/* A device, by its number. */
struct gpu_device_metrics {
	__u64 timestamp_ns;
	__u32 sm_util_pct; /* of the compute units, 0 to 100 */
	__u32 mem_util_pct;
	__u64 mem_total; /* bytes; free is what neither of the others has */
	__u64 mem_used;
	__u64 mem_reserved;
	__u32 temp_c;
	__u32 power_mw;
	__u32 sm_clock_mhz;
	__u32 mem_clock_mhz;
	__u64 throttle_reasons; /* a set of bits, of the vendor */
	__u64 pcie_tx_kbps;
	__u64 pcie_rx_kbps;
	__u32 enc_util_pct;
	__u32 dec_util_pct;
	__u64 nvlink_tx_kbps;
	__u64 nvlink_rx_kbps;
	__u64 ecc_corrected_total;
	__u64 ecc_uncorrected_total;
	__u32 fan_speed_pct;
	__u32 compute_mode; /* a number of the vendor */
};

/* A process on one device, by pid << 32 | device. */
struct gpu_pid_metrics {
	__u64 timestamp_ns;
	__u64 used_gpu_memory; /* bytes */
	__u32 sm_util_pct;
	__u32 mem_util_pct;
	__u32 enc_util_pct;
	__u32 dec_util_pct;
	__u8 gpu_device;
	__u8 mig_instance;
	__u16 _pad;
};

/* A process on all of them, by pid: the sum of its memory, the highest of its loads. */
struct gpu_pid_metrics_aggregated {
	__u64 timestamp_ns;
	__u64 used_gpu_memory_total;
	__u32 sm_util_pct_max;
	__u32 mem_util_pct_max;
	__u8 gpu_device_primary; /* or the number below */
	__u8 device_count;
	__u16 _pad;
};

/* gpu_device_primary of a process that is on several. */
#define GPU_DEVICE_PRIMARY_MULTI 0xff

#endif
