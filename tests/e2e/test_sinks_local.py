# SPDX-License-Identifier: Apache-2.0
"""stdout and file: closed, full, shared, stalled; never a part of a line, and every record counted."""

import contextlib
import json
import os
import select
import signal
import subprocess

import pytest

from pipelines import Pipeline
from support import DEADLINE, wait_until

BLOCK = {"when_full": "block"}


def printing(gadgetctl, folder, **generate):
    return Pipeline(gadgetctl, folder, sources={"made": {"type": "generate", **generate}},
                    sinks={"out": {"type": "stdout", "inputs": ["made"], "buffer": BLOCK}})


def filing(gadgetctl, folder, path, *, generate, **sink):
    return Pipeline(gadgetctl, folder, sources={"made": {"type": "generate", **generate}},
                    sinks={"out": {"type": "file", "inputs": ["made"], "path": str(path),
                                   "buffer": BLOCK, **sink}})


def numbers(data):
    """The numbers of the records; each line must be whole."""
    assert not data or data.endswith(b"\n"), f"torn: {data[-200:]}"
    return [json.loads(line)["number"] for line in data.splitlines()]


@contextlib.contextmanager
def small_disk(folder, kib):
    """A file system with room for so many KiB."""
    disk = folder / "disk"
    disk.mkdir()
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kib}k", "tmpfs", disk],
                           capture_output=True, text=True, check=False)
    if mount.returncode:
        pytest.skip(f"cannot mount a tmpfs: {mount.stderr.strip()}")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


# ---- standard output -------------------------------------------------------


@pytest.mark.parametrize("closed", ["<&-", "2>&-", "<&- 2>&-"])
def test_a_closed_descriptor_other_than_stdout_changes_nothing(gadgetctl, tmp_path, closed):
    pipeline = printing(gadgetctl, tmp_path, count=100)
    result = subprocess.run(["bash", "-c", f'"$0" run -f "$1" {closed}', gadgetctl.path,
                             pipeline.path], env=gadgetctl.env, capture_output=True,
                            timeout=DEADLINE, check=False)
    assert result.returncode == 0
    assert numbers(result.stdout) == list(range(1, 101))


def test_a_closed_stdout_is_one_clear_error(gadgetctl, tmp_path):
    pipeline = printing(gadgetctl, tmp_path, count=100)
    result = subprocess.run(["bash", "-c", '"$0" run -f "$1" >&-', gadgetctl.path, pipeline.path],
                            env=gadgetctl.env, capture_output=True, text=True, timeout=DEADLINE,
                            check=False)
    assert result.returncode not in (0, 134, 139)
    assert result.stderr == ("gadgetctl: error: sink 'out': cannot write standard output: it is "
                             "closed (redirect it to a file or to /dev/null)\n")


def test_a_full_disk_ends_the_run_with_whole_lines(gadgetctl, tmp_path):
    pipeline = printing(gadgetctl, tmp_path)
    with small_disk(tmp_path, 200) as disk:
        with open(disk / "out", "wb") as out:
            with gadgetctl.start("run", "-f", pipeline.path, "--report", pipeline.report,
                                 stdout=out) as process:
                books = pipeline.finish(process, code=74)
                assert process.stderr.splitlines()[0] == (
                    "gadgetctl: error: sink 'out': cannot write standard output: no space left on "
                    "device")
        written = numbers((disk / "out").read_bytes())
    assert written == list(range(1, len(written) + 1)) and written
    assert books["out"]["delivered"] == len(written)
    assert books["out"]["dropped"]["sink_failed"] > 0


def test_a_file_is_written_where_the_shell_left_off(gadgetctl, tmp_path):
    pipeline = printing(gadgetctl, tmp_path, count=2000)
    out = tmp_path / "out"
    command = 'echo first; "$0" run -f "$1"; "$0" run -f "$1"; echo last'
    with open(out, "wb") as f:
        subprocess.run(["bash", "-c", command, gadgetctl.path, pipeline.path], env=gadgetctl.env,
                       stdout=f, timeout=DEADLINE, check=True)
    first, *lines, last = out.read_bytes().splitlines(keepends=True)
    assert (first, last) == (b"first\n", b"last\n")
    assert numbers(b"".join(lines)) == 2 * list(range(1, 2001))


def test_a_stalled_reader_gets_whole_lines_when_the_run_is_cut_short(gadgetctl, tmp_path):
    pipeline = printing(gadgetctl, tmp_path)
    reader, writer = os.pipe()
    with open(reader, "rb") as pipe:
        with gadgetctl.start("run", "-f", pipeline.path, "--report", pipeline.report,
                             "--shutdown-timeout", "1h", "-v", stdout=writer) as process:
            wait_until(lambda: not select.select([], [writer], [], 0)[1], "a full pipe")
            process.signal(signal.SIGTERM)
            process.wait_for("terminated", "stderr")
            process.signal(signal.SIGTERM)
            books = pipeline.finish(process)
        os.close(writer)
        got = pipe.read()
    assert books["out"]["dropped"]["shutdown"] > 0
    assert numbers(got) == list(range(1, books["out"]["delivered"] + 1))


def test_writers_that_share_a_pipe_do_not_mix_their_lines(gadgetctl, tmp_path):
    count = 30_000
    pipeline = printing(gadgetctl, tmp_path, count=count)
    command = '"$0" run -f "$1" & "$0" run -f "$1" & "$0" run -f "$1" & wait'
    result = subprocess.run(["bash", "-c", f"{{ {command}; }} | cat", gadgetctl.path,
                             pipeline.path], env=gadgetctl.env, capture_output=True,
                            timeout=DEADLINE, check=True)
    got = numbers(result.stdout)
    assert sorted(got) == sorted(3 * list(range(1, count + 1)))


def test_the_shells_end_of_a_pipe_stays_blocking(gadgetctl, tmp_path):
    """What comes after us in the same pipeline must not see EAGAIN."""
    pipeline = printing(gadgetctl, tmp_path, count=5000)
    command = '"$0" run -f "$1"; head -c 3000000 /dev/zero | tr "\\0" "x"'
    result = subprocess.run(["bash", "-c", f"{{ {command}; }} | {{ sleep 0.3; cat; }}",
                             gadgetctl.path, pipeline.path], env=gadgetctl.env,
                            capture_output=True, timeout=DEADLINE, check=True)
    assert result.stderr == b""
    lines, rest = result.stdout[:-3_000_000], result.stdout[-3_000_000:]
    assert rest == 3_000_000 * b"x"
    assert numbers(lines) == list(range(1, 5001))


def test_a_reader_that_goes_while_nothing_is_printed_ends_the_run(gadgetctl, tmp_path):
    pipeline = Pipeline(gadgetctl, tmp_path,
                        sources={"made": {"type": "generate", "rate": 1000}},
                        stages={"none": {"type": "filter", "inputs": ["made"],
                                         "where": "number == 1"}},
                        sinks={"out": {"type": "stdout", "inputs": ["none"]}})
    reader, writer = os.pipe()
    with gadgetctl.start("run", "-f", pipeline.path, "--report", pipeline.report,
                         stdout=writer) as process:
        os.close(writer)
        with open(reader, "rb") as pipe:
            assert numbers(pipe.readline()) == [1]
        books = pipeline.finish(process)
    assert books["out"]["delivered"] == 1 and books.losses == 0


# ---- file ------------------------------------------------------------------


def test_a_file_holds_every_record_once(gadgetctl, tmp_path):
    out = tmp_path / "out.ndjson"
    pipeline = filing(gadgetctl, tmp_path, out, generate={"count": 300_000})
    books = pipeline.run()
    assert books["out"]["delivered"] == 300_000
    assert numbers(out.read_bytes()) == list(range(1, 300_001))
    assert out.stat().st_mode & 0o777 == 0o640 & ~current_umask()
    pipeline.run()
    assert numbers(out.read_bytes()) == 2 * list(range(1, 300_001))


def current_umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_a_full_disk_is_waited_for(gadgetctl, tmp_path):
    count = 20_000
    with small_disk(tmp_path, 8192) as disk:
        ballast, out = disk / "ballast", disk / "out"
        ballast.write_bytes(bytes(7 << 20))
        pipeline = filing(gadgetctl, tmp_path, out, generate={"count": count},
                          retry={"initial": "10ms", "max": "100ms"})
        with pipeline.start("--shutdown-timeout", "60s") as process:
            process.wait_for("no space left on device; retrying", "stderr")
            # Whatever did fit is whole, and nothing else is there.
            stuck = numbers(out.read_bytes())
            assert stuck == list(range(1, len(stuck) + 1)) and 0 < len(stuck) < count
            ballast.unlink()
            books = pipeline.finish(process)
        assert numbers(out.read_bytes()) == list(range(1, count + 1))
    assert books["out"]["delivered"] == count and books["out"]["retries"] > 0


def test_what_a_full_disk_keeps_out_is_counted(gadgetctl, tmp_path):
    with small_disk(tmp_path, 200) as disk:
        pipeline = filing(gadgetctl, tmp_path, disk / "out", generate={"count": 20_000})
        with pipeline.start("--shutdown-timeout", "300ms", "--fail-on-loss") as process:
            process.wait_for("no space left on device; retrying", "stderr")
            process.signal(signal.SIGTERM)
            books = pipeline.finish(process, code=3)
        written = numbers((disk / "out").read_bytes())
    account = books["out"]
    assert written == list(range(1, account["delivered"] + 1)) and written
    assert account["dropped"]["shutdown"] == account["in"] - len(written) > 0


def test_a_killed_run_leaves_a_file_that_the_next_one_continues(gadgetctl, tmp_path):
    out = tmp_path / "out.ndjson"
    out.write_bytes(b'{"number":0}\n{"number":')
    filing(gadgetctl, tmp_path, out, generate={"count": 10}).run()
    lines = out.read_bytes().splitlines()
    assert lines[:2] == [b'{"number":0}', b'{"number":']
    assert [json.loads(line)["number"] for line in lines[2:]] == list(range(1, 11))


def test_a_symbolic_link_is_not_followed(gadgetctl, tmp_path):
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_bytes(b"precious\n")
    link.symlink_to(target)
    pipeline = filing(gadgetctl, tmp_path, link, generate={"count": 10})
    result = gadgetctl.run("run", "-f", pipeline.path)
    assert result.returncode not in (0, 134, 139)
    assert "it is a symbolic link (name the file that it points to)" in result.stderr
    assert target.read_bytes() == b"precious\n"


def test_a_full_disk_does_not_hold_up_another_sink(gadgetctl, tmp_path):
    with small_disk(tmp_path, 64) as disk:
        pipeline = Pipeline(
            gadgetctl, tmp_path, sources={"made": {"type": "generate", "count": 50_000}},
            sinks={"file": {"type": "file", "inputs": ["made"], "path": str(disk / "out"),
                            "buffer": {"when_full": "drop_newest", "memory": "1MiB"}},
                   "out": {"type": "stdout", "inputs": ["made"], "buffer": BLOCK}})
        with pipeline.start("--shutdown-timeout", "200ms") as process:
            wait_until(lambda: len(process.records()) == 50_000 or not process.running,
                       "every record on stdout")
            process.signal(signal.SIGTERM)
            books = pipeline.finish(process)
    assert books["out"]["delivered"] == 50_000
    assert books["file"]["dropped"]["queue_full"] > 0
