# SPDX-License-Identifier: Apache-2.0
"""Enums of the running kernel: their numbers count, not those the object was compiled with."""

import os
import shutil
import struct
import subprocess

import pytest

from support import BUILD, DEADLINE

CLANG = os.environ.get("CLANG", "clang-19")

# enum hrtimer_restart of every kernel is HRTIMER_NORESTART, HRTIMER_RESTART.
SOURCE = """
enum hrtimer_restart { HRTIMER_RESTART = 55 };      /* the kernel's, when it looked different */
enum pid_type { MINE = 0, OTHERS = 1 };             /* called like one of the kernel's by chance */
enum not_in_any_kernel_at_all { ALONE = 1 };
struct record {
	enum hrtimer_restart restart_raw;
	enum hrtimer_restart never_raw;
	enum pid_type kind_raw;
	enum not_in_any_kernel_at_all alone_raw;
};
struct { int (*type)[27]; int (*max_entries)[4096]; } events
	__attribute__((section(".maps"), used));
const void *gadget_tracer_events___events___record;
const struct record *keep;
char LICENSE[] __attribute__((section("license"), used)) = "GPL";
"""


@pytest.fixture
def decoded(tmp_path):
    if not os.path.exists("/sys/kernel/btf/vmlinux"):
        pytest.skip("the kernel has no BTF (/sys/kernel/btf/vmlinux)")
    if not shutil.which(CLANG):
        pytest.skip(f"{CLANG} is not installed")
    (tmp_path / "enums.bpf.c").write_text(SOURCE, encoding="utf-8")
    subprocess.run([CLANG, "-target", "bpf", "-g", "-O1", "-c", tmp_path / "enums.bpf.c",
                    "-o", tmp_path / "enums.o"], check=True, timeout=DEADLINE)
    record = struct.pack("<4I", 1, 0, 1, 1)
    (tmp_path / "records").write_bytes(struct.pack("<I", len(record)) + record)
    return subprocess.run([f"{BUILD}/tests/tools/decode_records", tmp_path / "enums.o", "events",
                           tmp_path / "records"], capture_output=True, text=True, check=True,
                          timeout=DEADLINE).stdout


def test_an_enum_of_the_kernel_has_the_running_kernels_names(decoded):
    assert '"restart":"HRTIMER_RESTART","restart_raw":1' in decoded
    assert '"never":"HRTIMER_NORESTART","never_raw":0' in decoded


def test_an_enum_that_shares_its_name_with_the_kernels_keeps_its_own(decoded):
    assert '"kind":"OTHERS"' in decoded
    assert '"alone":"ALONE"' in decoded
