# SPDX-License-Identifier: Apache-2.0
"""trace_open and trace_exec on the live kernel: every field against what was really done."""

import ctypes
import errno
import os
import subprocess
import sys
import threading

import pytest

from tracing import Tracer, thread_of_this_test

pytestmark = pytest.mark.usefixtures("needs_bpf")

AT_FDCWD = -100
AT_EMPTY_PATH = 0x1000
PATH_MAX = 4096

ARCH = os.uname().machine
NUMBERS = {
    "x86_64": {"open": 2, "creat": 85, "openat": 257, "openat2": 437, "execveat": 322},
    "aarch64": {"openat": 56, "openat2": 437, "execveat": 281},
}.get(ARCH, {})

libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long


def syscall(name, *args):
    """What the system call returns: a result, or a negative error number."""
    if name not in NUMBERS:
        pytest.skip(f"{ARCH} has no {name}()")
    args = [ctypes.c_long(a) if isinstance(a, int) else a for a in args]
    ret = libc.syscall(ctypes.c_long(NUMBERS[name]), *args)
    if ret < 0:
        return -ctypes.get_errno()
    if name.startswith(("open", "creat")):
        os.close(ret)
    return ret


# ---- trace_open ---------------------------------------------------------------


@pytest.fixture
def file(tmp_path):
    """A file made before anybody watches."""
    path = tmp_path / "file"
    path.touch()
    return str(path)


@pytest.fixture
def opens(file, gadgetctl, tmp_path):
    """A tracer of this process's opens that is attached."""
    with Tracer(gadgetctl, "trace_open", "--pid", os.getpid()) as tracer:
        marker = f"{tmp_path}/begin"
        tracer.seen(lambda: syscall("openat", AT_FDCWD, marker.encode(), 0, 0),
                    lambda r: r["fname"] == marker)
        yield tracer


def the_open(tracer, fname, call):
    """Make one call, and return its result and its only record."""
    ret = call()
    records = [r for r in tracer.stop() if r["fname"] == fname]
    assert len(records) == 1, records
    return ret, records[0]


def how(flags, mode):
    return (ctypes.c_uint64 * 3)(flags, mode, 0)


CREATE = os.O_CREAT | os.O_WRONLY
CALLS = {
    # name: (call, its arguments behind the path, flags_raw, mode_raw)
    "openat_reading": ("openat", (os.O_RDONLY | os.O_CLOEXEC, 0), os.O_RDONLY | os.O_CLOEXEC, 0),
    "openat_creating": ("openat", (CREATE | os.O_APPEND, 0o640), CREATE | os.O_APPEND, 0o640),
    "openat_junk_for_mode": ("openat", (os.O_RDWR, 0o777), os.O_RDWR, 0),
    "openat2_creating": ("openat2", (how(CREATE, 0o604), 24), CREATE, 0o604),
    "openat2_unreadable_how": ("openat2", (8, 24), 0, 0),
    "open_reading": ("open", (os.O_RDONLY, 0o777), os.O_RDONLY, 0),
    "creat": ("creat", (0o1751,), CREATE | os.O_TRUNC, 0o1751),
}


@pytest.mark.parametrize("name", CALLS)
def test_open_record_says_what_the_call_did(file, opens, name):
    call, args, flags, mode = CALLS[name]
    before = (AT_FDCWD,) if call.startswith("openat") else ()
    ret, got = the_open(opens, file, lambda: syscall(call, *before, file.encode(), *args))
    assert (got["ret"], got["error_raw"]) == (ret, max(-ret, 0))
    assert (got["flags_raw"], got["mode_raw"], got["dirfd"]) == (flags, mode, AT_FDCWD)
    assert got["proc"] == thread_of_this_test()


def test_open_of_a_missing_file_is_recorded_with_its_error(opens, tmp_path):
    path = f"{tmp_path}/missing"
    ret, got = the_open(opens, path, lambda: syscall("openat", AT_FDCWD, path.encode(), 0, 0))
    assert ret == -errno.ENOENT
    assert (got["ret"], got["error_raw"]) == (-errno.ENOENT, errno.ENOENT)


def test_open_relative_to_a_descriptor_names_it(opens, tmp_path):
    fd = os.open(tmp_path, os.O_PATH)
    _, got = the_open(opens, "not-here", lambda: syscall("openat", fd, b"not-here", 0, 0))
    os.close(fd)
    assert got["dirfd"] == fd


def test_open_of_the_longest_path_is_recorded_whole(opens):
    path = "/" + "long/" * 818 + "last"  # as long as the kernel takes
    assert len(path) == PATH_MAX - 1
    ret, _ = the_open(opens, path, lambda: syscall("openat", AT_FDCWD, path.encode(), 0, 0))
    assert ret == -errno.ENOENT


def test_open_of_a_bad_pointer_has_an_empty_path(opens):
    ret, got = the_open(opens, "", lambda: syscall("openat", AT_FDCWD, 8, 0, 0))
    assert ret == -errno.EFAULT
    assert got["error_raw"] == errno.EFAULT


def test_open_in_a_thread_has_its_own_tid(opens, tmp_path):
    path = f"{tmp_path}/in-a-thread"
    tids = []

    def work():
        tids.append(threading.get_native_id())
        syscall("openat", AT_FDCWD, path.encode(), 0, 0)

    thread = threading.Thread(target=work)
    _, got = the_open(opens, path, lambda: (thread.start(), thread.join()))
    assert got["proc"]["pid"] == os.getpid()
    assert [got["proc"]["tid"]] == tids != [os.getpid()]


def test_failed_opens_only_leaves_out_the_others(file, gadgetctl, tmp_path):
    good, bad = file, f"{tmp_path}/bad"
    with Tracer(gadgetctl, "trace_open", "--pid", os.getpid(), "--failed") as tracer:
        tracer.seen(lambda: [syscall("openat", AT_FDCWD, p.encode(), 0, 0) for p in (good, bad)],
                    lambda r: r["fname"] == bad)
        records = tracer.stop()
    assert records and all(r["error_raw"] for r in records)
    assert not [r for r in records if r["fname"] == good]


# ---- trace_exec ---------------------------------------------------------------


@pytest.fixture
def execs(gadgetctl):
    """A tracer of the host's execs that is attached."""
    with Tracer(gadgetctl, "trace_exec") as tracer:
        tracer.seen(lambda: subprocess.run(["/bin/true", "begin"], check=True),
                    lambda r: r["args"] == ["/bin/true", "begin"])
        yield tracer


def execs_of(tracer, argv, **options):
    """Run a program; its pid, and the records of it after its own start."""
    child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, **options)
    child.wait()
    records = [r for r in tracer.stop() if r["proc"]["pid"] == child.pid]
    assert records, argv[:3]
    return child.pid, records


# In a child: execve or execveat as C would call them.
RAW_EXEC = """
import ctypes, os, sys, threading
libc = ctypes.CDLL(None)
def argv(*texts):
    return (ctypes.c_char_p * (len(texts) + 1))(*texts)
def execve(path, *texts):
    libc.execve(path, argv(*texts), argv())
def execveat(fd, path, flags, *texts):
    libc.syscall(ctypes.c_long(%d), ctypes.c_long(fd), path, argv(*texts), argv(),
                 ctypes.c_long(flags))
""" % NUMBERS.get("execveat", 0)


def raw_exec(tracer, code):
    """The last record of a child that runs `code` with these functions."""
    pid, records = execs_of(tracer, [sys.executable, "-c", RAW_EXEC + code])
    assert len(records) == 2, records
    return pid, records[1]


def test_exec_record_says_who_started_what(execs):
    pid, records = execs_of(execs, ["/bin/true", "one two", "", "drei\n"], env={})
    got = records[-1]
    assert len(records) == 1
    assert got["args"] == ["/bin/true", "one two", "", "drei\n"]
    assert (got["args_count"], got["args_size"], got["args_cut"]) == (4, 25, False)
    assert (got["filename"], got["filename_cut"]) == ("/bin/true", False)
    assert (got["ret"], got["error_raw"]) == (0, 0)
    me = thread_of_this_test()
    assert got["proc"] == {
        "comm": "true", "pid": pid, "tid": pid, "mntns_id": me["mntns_id"],
        "creds": me["creds"],
        "parent": {"comm": me["comm"], "pid": me["pid"], "tid": me["pid"]},
    }
    with open("/proc/self/loginuid", encoding="ascii") as f:
        assert got["loginuid"] == int(f.read())


@pytest.mark.parametrize("size", [4095, 4096, 4097, 1 << 20])
def test_exec_argv_is_complete(execs, size):
    argv = ["/bin/true"]
    left = size - len("/bin/true\0")
    while left:
        n = min(left, 100_000)
        argv.append(f"{len(argv)}:".ljust(n - 1, "x")[:n - 1])
        left -= n
    _, records = execs_of(execs, argv, env={})
    got = records[-1]
    assert got["args"] == argv
    assert (got["args_count"], got["args_size"], got["args_cut"]) == (len(argv), size, False)


def test_exec_with_empty_argv(execs):
    _, got = raw_exec(execs, "execve(b'/bin/true')")
    assert (got["ret"], got["filename"]) == (0, "/bin/true")
    # Since 5.18 the kernel gives such a program one empty argument.
    assert got["args"] in ([], [""])
    assert got["args_count"] == len(got["args"])


@pytest.mark.parametrize("path, error", [("/nonexistent/file", errno.ENOENT),
                                         ("/etc/passwd", errno.EACCES)])
def test_failed_exec_is_recorded(execs, path, error):
    pid, got = raw_exec(execs, f"execve({path!r}.encode(), b'a', b'', b'b c')")
    assert (got["ret"], got["error_raw"], got["filename"]) == (-error, error, path)
    assert (got["args"], got["args_count"], got["args_size"]) == (["a", "", "b c"], 3, 7)
    assert got["proc"]["pid"] == pid
    assert got["proc"]["parent"]["pid"] == os.getpid()


def test_failed_exec_with_more_arguments_than_fit_says_so(execs):
    _, got = raw_exec(execs, "execve(b'/nonexistent', *[b'%d' % i for i in range(2000)])")
    assert got["args_cut"] is True
    assert got["args"] == [str(i) for i in range(1024)]


def test_exec_through_a_descriptor_is_named_as_the_kernel_does(execs):
    _, got = raw_exec(execs, "fd = os.open('/bin/true', os.O_PATH)\n"
                             f"fd = os.dup2(fd, 99)\nexecveat(99, b'', {AT_EMPTY_PATH}, b'x')")
    assert (got["filename"], got["args"], got["ret"]) == ("/dev/fd/99", ["x"], 0)


def test_failed_exec_through_a_descriptor_is_named_the_same_way(execs):
    _, got = raw_exec(execs, "fd = os.dup2(os.open('/bin', os.O_PATH), 99)\n"
                             "execveat(99, b'not-here', 0, b'x')")
    assert (got["filename"], got["error_raw"]) == ("/dev/fd/99/not-here", errno.ENOENT)


def test_exec_in_a_thread_becomes_the_process(execs):
    pid, got = raw_exec(execs, "t = threading.Thread(target=execve, args=(b'/bin/true', b'y'))\n"
                               "t.start()\nt.join()")
    assert (got["proc"]["pid"], got["proc"]["tid"], got["args"]) == (pid, pid, ["y"])


def test_ignoring_failed_execs_leaves_them_out(gadgetctl):
    with Tracer(gadgetctl, "trace_exec", "--ignore-failed") as tracer:
        tracer.seen(lambda: subprocess.run(["/bin/true", "begin"], check=True),
                    lambda r: r["args"] == ["/bin/true", "begin"])
        pid, records = execs_of(tracer, [sys.executable, "-c", RAW_EXEC + "execve(b'/no', b'x')"])
    assert [r["error_raw"] for r in records] == [0]
    assert records[0]["proc"]["pid"] == pid
