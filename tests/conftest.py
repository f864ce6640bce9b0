# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the end-to-end and interop tests; helpers are in support.py.

GADGETCTL        the program under test (default: $GADGETCTL_BUILD/gadgetctl)
GADGETCTL_BUILD  where its build and the test programs are (default: build)
"""

import ctypes
import os
import subprocess
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "interop")]

import support  # noqa: E402  (needs the path above)


class Gadgetctl:
    """The program under test, run with a clean environment."""

    def __init__(self, path):
        self.path = path
        self.env = support.clean_env()

    def run(self, *args, timeout=support.DEADLINE, **kwargs):
        """Run to the end; the result has returncode, stdout and stderr (text)."""
        kwargs.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.run([self.path, *map(str, args)], env=self.env, timeout=timeout,
                              capture_output=True, text=True, errors="replace", check=False,
                              **kwargs)

    def start(self, *args, **kwargs):
        """Start it; use as a context manager."""
        return support.Process([self.path, *args], env=self.env, **kwargs)


@pytest.fixture(scope="session")
def gadgetctl():
    path = os.path.abspath(os.environ.get("GADGETCTL", f"{support.BUILD}/gadgetctl"))
    assert os.access(path, os.X_OK), f"{path} is not built"
    return Gadgetctl(path)


@pytest.fixture
def free_port():
    return support.free_port


def why_no_bpf():
    """Why BPF programs cannot be loaded here, or None."""
    if not os.path.exists("/sys/kernel/btf/vmlinux"):
        return "the kernel has no BTF (/sys/kernel/btf/vmlinux)"
    # BPF_MAP_CREATE of an array with one 4-byte value; x86-64 and arm64 numbers.
    number = {"x86_64": 321, "aarch64": 280}.get(os.uname().machine)
    if number is None:
        return f"bpf(2) has no known number on {os.uname().machine}"
    libc = ctypes.CDLL(None, use_errno=True)
    attr = (ctypes.c_uint32 * 18)(2, 4, 4, 1)
    fd = libc.syscall(number, 0, attr, ctypes.sizeof(attr))
    if fd < 0:
        return f"bpf(2): {os.strerror(ctypes.get_errno())}"
    os.close(fd)
    return None


@pytest.fixture(scope="session")
def needs_bpf():
    """For tests that load programs into the live kernel."""
    if reason := why_no_bpf():
        pytest.skip(reason)
