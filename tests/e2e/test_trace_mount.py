# SPDX-License-Identifier: Apache-2.0
"""trace_mount on the live kernel: every record against what the workload `mounts` did."""

import ctypes
import errno
import json
import os
import subprocess
import time

import pytest

from support import SCALE, Process, clean_env, wait_until, workload
from tracing import PATIENCE, Run, Tracer

MANY = 100_000 * SCALE

OPS = ["MOUNT", "UMOUNT", "PIVOT_ROOT", "FSOPEN", "FSPICK", "FSMOUNT", "OPEN_TREE",
       "OPEN_TREE_ATTR", "MOVE_MOUNT", "MOUNT_SETATTR", "FSCONFIG", "FSCONFIG_FLAG",
       "FSCONFIG_STRING", "FSCONFIG_BINARY", "FSCONFIG_PATH", "FSCONFIG_PATH_EMPTY",
       "FSCONFIG_FD", "FSCONFIG_CREATE", "FSCONFIG_RECONFIGURE", "FSCONFIG_CREATE_EXCL"]
TEXTS = ["fs", "src", "dest", "key", "data"]

# Flags as linux/mount.h and fcntl.h have them.
MS = {1: "MS_RDONLY", 2: "MS_NOSUID", 4: "MS_NODEV", 0x20: "MS_REMOUNT", 0x1000: "MS_BIND",
      0x4000: "MS_REC", 0x40000: "MS_PRIVATE"}
AT = {0x100: "AT_SYMLINK_NOFOLLOW", 0x800: "AT_NO_AUTOMOUNT", 0x1000: "AT_EMPTY_PATH",
      0x8000: "AT_RECURSIVE"}
OPEN_TREE = {1: "OPEN_TREE_CLONE", 0o2000000: "OPEN_TREE_CLOEXEC", **AT}
FLAGS = {
    "MOUNT": MS,
    "UMOUNT": {1: "MNT_FORCE", 2: "MNT_DETACH", 4: "MNT_EXPIRE", 8: "UMOUNT_NOFOLLOW"},
    "FSOPEN": {1: "FSOPEN_CLOEXEC"},
    "FSMOUNT": {1: "FSMOUNT_CLOEXEC"},
    "FSPICK": {1: "FSPICK_CLOEXEC", 2: "FSPICK_SYMLINK_NOFOLLOW", 4: "FSPICK_NO_AUTOMOUNT",
               8: "FSPICK_EMPTY_PATH"},
    "MOVE_MOUNT": {4: "MOVE_MOUNT_F_EMPTY_PATH", 0x20: "MOVE_MOUNT_T_AUTOMOUNTS"},
    "OPEN_TREE": OPEN_TREE, "OPEN_TREE_ATTR": OPEN_TREE, "MOUNT_SETATTR": AT,
}
ATTRS = {1: "MOUNT_ATTR_RDONLY", 2: "MOUNT_ATTR_NOSUID", 4: "MOUNT_ATTR_NODEV",
         8: "MOUNT_ATTR_NOEXEC", 0x70: "MOUNT_ATTR__ATIME", 0x10: "MOUNT_ATTR_NOATIME",
         0x20: "MOUNT_ATTR_STRICTATIME", 0x80: "MOUNT_ATTR_NODIRATIME"}
ERRORS = {**errno.errorcode, 0: "", errno.EOPNOTSUPP: "EOPNOTSUPP"}
MS_MGC_VAL, MS_MGC_MSK = 0xC0ED0000, 0xFFFF0000


def why_no_namespace():
    """Why mounts cannot be kept from the host here, or None."""
    if os.geteuid() != 0:
        return "a mount namespace needs root"
    child = os.fork()
    if child == 0:
        os._exit(0 if ctypes.CDLL(None).unshare(0x00020000) == 0 else 1)
    return "unshare(CLONE_NEWNS) is refused" if os.waitpid(child, 0)[1] else None


@pytest.fixture(scope="module", autouse=True)
def own_mounts(needs_bpf):
    if reason := why_no_namespace():
        pytest.skip(reason)


def names(flags, table):
    """What the flags are called, in any order."""
    found = {name for value, name in table.items() if flags & value == value}
    known = sum(value for value in table if value.bit_count() == 1)
    return found | ({"OTHER_FLAGS"} if flags & ~known else set())


def flag_names(step):
    flags = step["flags"]
    if flags & MS_MGC_MSK == MS_MGC_VAL:  # a magic number that old programs pass
        flags &= ~MS_MGC_MSK
    return names(flags, FLAGS.get(step["op"], {})) | names(step["propagation"], MS)


def expected(step):
    return {
        "pid": step["pid"], "ret": step["ret"], "error_raw": step["errno"],
        "error": ERRORS[step["errno"]],
        "flags": flag_names(step), "attrs": names(step["attrs"], ATTRS) - {"OTHER_FLAGS"},
        "attrs_raw": step["attrs"], "attrs_clear_raw": step["attrs_clear"],
        "attrs_clear": names(step["attrs_clear"], ATTRS) - {"OTHER_FLAGS"},
        **{k: step[k] for k in ("op", "incomplete", "src_fd", "dest_fd", "aux", *TEXTS)},
    }


def got(record):
    return {
        "pid": record["proc"]["pid"],
        **{k: set(record[k].split("|")) - {""} for k in ("flags", "attrs", "attrs_clear")},
        **{k: record[k] for k in ("op", "ret", "error", "error_raw", "attrs_raw",
                                  "attrs_clear_raw", "incomplete", "src_fd", "dest_fd", "aux",
                                  *TEXTS)},
    }


def mounts(*args):
    """Run the workload to its end; what it says it did."""
    done = subprocess.run([workload("mounts"), *map(str, args)], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, check=True, env=clean_env())
    return json.loads(done.stdout)


def trace_calls(gadgetctl, folder, *flags, seen=lambda: mounts("many", 1, 1)):
    """All steps of the workload, and the records of it, in order."""
    with Tracer(gadgetctl, "trace_mount", "--comm", "mounts", *flags) as tracer:
        tracer.seen(seen, lambda r: True)
        truth = mounts("calls", folder)
        pids = {s["pid"] for s in truth["steps"]}
        return truth["steps"], [r for r in tracer.stop() if r["proc"]["pid"] in pids]


def test_each_call_is_recorded_exactly(gadgetctl, tmp_path):
    steps, records = trace_calls(gadgetctl, tmp_path)
    assert [got(r) for r in records] == [expected(s) for s in steps]
    done = {s["op"] for s in steps}
    assert done == set(OPS), "the workload has a step for each"
    for step, record in zip(steps, records):
        assert 0 < record["delta_raw"] <= step["took_ns"], step


def test_records_say_who_called(gadgetctl, tmp_path):
    _, records = trace_calls(gadgetctl, tmp_path)
    callers = {(r["proc"]["comm"], r["proc"]["creds"]["uid"]) for r in records}
    assert callers == {("mounts", os.getuid()), ("mounts", 65534)}
    assert os.stat("/proc/self/ns/mnt").st_ino not in {r["proc"]["mntns_id"] for r in records}


def test_failed_shows_only_calls_that_failed(gadgetctl, tmp_path):
    steps, records = trace_calls(gadgetctl, tmp_path, "--failed")
    assert [got(r) for r in records] == [expected(s) for s in steps if s["errno"]]


def test_uid_chooses_the_caller(gadgetctl, tmp_path):
    steps, records = trace_calls(gadgetctl, tmp_path, "--uid", "65534",
                                 seen=lambda: mounts("calls", tmp_path))
    assert [got(r) for r in records] == [expected(s) for s in steps if s["errno"] == 1]


# ---- many --------------------------------------------------------------------


def fail_often(run, meanwhile=lambda: None):
    """Fail to unmount from two threads; the JSON of these records, and their number."""
    with Process([workload("mounts"), "many", MANY, 2], env=clean_env()) as caller:
        caller.send("go\n")
        caller.popen.stdin.close()
        meanwhile()
        assert caller.wait(PATIENCE) == 0, caller.stderr
        truth = json.loads(caller.stdout)
    assert truth["failed"] == MANY
    return f'"proc":{{"comm":"mounts","pid":{truth["pid"]},', MANY


def attach(run):
    def seen():
        mounts("many", 1, 1)
        return run.has(b'"comm":"mounts"')
    wait_until(seen, "the gadget to be attached")


def test_every_call_is_delivered_or_counted_at_full_speed(gadgetctl, tmp_path):
    with Run(gadgetctl, tmp_path, gadget="trace_mount", params={"comm": "mounts"}) as run:
        attach(run)
        delivered, _ = run.check(*fail_often(run))
    assert delivered > 0


def test_every_call_is_delivered_or_counted_with_a_ring_that_must_lose(gadgetctl, tmp_path):
    with Run(gadgetctl, tmp_path, gadget="trace_mount", params={"comm": "mounts"},
             ring="64KiB") as run:
        attach(run)
        run.may_read.clear()
        began = time.monotonic()

        def read_again():
            wait_until(lambda: time.monotonic() - began >= 1, "the ring to have been full")
            run.may_read.set()

        delivered, lost = run.check(*fail_often(run, read_again))
    assert delivered > 0
    assert lost > 0
