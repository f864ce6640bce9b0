# SPDX-License-Identifier: Apache-2.0
"""Maps that programs share by name, in the BPF file system.

Each test has a mount namespace of its own, so that it finds and leaves nothing there.
"""

import os
import shutil
import subprocess

import pytest

from support import BUILD, DEADLINE, clean_env

OBJECT = f"{BUILD}/tests/bpf/abi_gpu.o"
FOLDER = "/sys/fs/bpf"
MAPS = ["gpu_device", "gpu_meta", "gpu_per_pid", "gpu_per_pid_per_device"]

pytestmark = pytest.mark.usefixtures("needs_bpf")


def run_after(gadgetctl, mount, then=""):
    """Run the gadget for a moment, with something mounted where the maps are to be."""
    if not os.path.isdir(FOLDER) or not shutil.which("unshare"):
        pytest.skip(f"{FOLDER} or unshare(1) is missing")
    script = f'{mount} && "$0" run "$1" --timeout 100ms && {then or "true"}'
    return subprocess.run(["unshare", "-m", "bash", "-c", script, gadgetctl.path, OBJECT],
                          env=clean_env(), stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=DEADLINE, check=False)


def test_maps_shared_by_name_are_made_when_nobody_has(gadgetctl):
    result = run_after(gadgetctl, f"mount -t bpf bpf {FOLDER}", f"ls {FOLDER}")
    assert result.returncode == 0, result.stderr
    assert [name for name in result.stdout.split() if name.startswith("gpu_")] == MAPS


def test_maps_shared_by_name_are_taken_as_they_are(gadgetctl):
    """The second run finds the maps of the first: what is in them is still there."""
    if not shutil.which("bpftool"):
        pytest.skip("bpftool is not installed")
    show = f"bpftool map show pinned {FOLDER}/gpu_meta | head -1"
    result = run_after(gadgetctl, f"mount -t bpf bpf {FOLDER}",
                       f'{show} && "$0" run "$1" --timeout 100ms && {show}')
    assert result.returncode == 0, result.stderr
    first, second = [line for line in result.stdout.splitlines() if "gpu_meta" in line]
    assert first == second


def test_without_the_file_system_one_message_says_what_to_mount(gadgetctl):
    result = run_after(gadgetctl, f"mount -t tmpfs none {FOLDER}")
    assert result.returncode == 71
    assert result.stderr.count("\n") == 1
    assert "(try 'mount -t bpf bpf /sys/fs/bpf')" in result.stderr


def test_inspect_says_that_a_file_system_is_needed(gadgetctl):
    need = "a BPF file system at /sys/fs/bpf"
    assert need in gadgetctl.run("inspect", OBJECT).stdout
    assert need not in gadgetctl.run("inspect", "trace_open").stdout
