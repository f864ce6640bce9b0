# SPDX-License-Identifier: Apache-2.0
"""One-liners and the project's own pipelines on the live kernel."""

import json
import os
import re
import shutil
import signal
import subprocess

import pytest

from pipelines import Books
from support import DEADLINE, wait_until

pytestmark = pytest.mark.usefixtures("needs_bpf")


def open_missing(path):
    """An open that fails, and so disturbs nothing."""
    try:
        os.close(os.open(path, os.O_RDONLY))
    except FileNotFoundError:
        return
    raise AssertionError(f"{path} exists")


def until_seen(run, action, pattern):
    """Repeat the action until the run's output matches: then the gadget is attached."""
    def look():
        action()
        assert run.running, run.stderr
        return re.search(pattern, run.stdout)
    wait_until(look, f"{pattern!r} in the output of the run")


@pytest.fixture
def probe(tmp_path):
    """A path that only this test opens."""
    return str(tmp_path / "no-such-file")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_detaches_and_balances_the_books(gadgetctl, probe, tmp_path, number):
    report = tmp_path / "books.json"
    with gadgetctl.start("run", "trace_open", "-o", "json", "--pid", os.getpid(), "--report",
                         report) as run:
        until_seen(run, lambda: open_missing(probe), "no-such-file")
        for i in range(100):
            open_missing(f"{probe}-{i}")
        run.signal(number)
        assert run.wait() == 0, run.stderr
        names = [r["fname"] for r in run.records() if r["fname"].startswith(f"{probe}-")]
    assert names == [f"{probe}-{i}" for i in range(100)]
    assert Books(report).check().losses == 0


def test_filter_fields_count_and_parameters(gadgetctl, probe):
    with gadgetctl.start("run", "trace_open", "-o", "json", "--pid", os.getpid(),
                         "-F", f'fname ~ "{probe}*" && ret == -2', "--fields", "ret,fname",
                         "--count", 3) as run:
        wait_until(lambda: open_missing(probe) or not run.running, "the end of the run")
        assert run.wait() == 0, run.stderr
        assert run.records() == [{"ret": -2, "fname": probe}] * 3
        assert run.stderr == ""


def test_columns_are_the_default_and_begin_with_their_names(gadgetctl, probe):
    with gadgetctl.start("run", "trace_open", "--pid", os.getpid(), "--count", 2,
                         "--fields", "proc.pid,fname") as run:
        wait_until(lambda: open_missing(probe) or not run.running, "the end of the run")
        assert run.wait() == 0, run.stderr
        header, *rows = run.stdout.splitlines()
        assert header.split() == ["PID", "FNAME"]
        assert [row.split()[0] for row in rows] == [str(os.getpid())] * 2


def test_a_printed_config_is_the_same_run(gadgetctl, probe, tmp_path):
    flags = ["trace_open", "-o", "json", "--pid", os.getpid(), "-F", f"fname == '{probe}$'",
             "--fields", "fname", "-n", "2"]
    printed = gadgetctl.run("run", *flags, "--print-config")
    assert printed.returncode == 0 and printed.stderr == ""
    path = tmp_path / "printed.yaml"
    path.write_text(printed.stdout, encoding="utf-8")
    outputs = []
    for args in (flags, ["-f", path]):
        with gadgetctl.start("run", *args) as run:
            wait_until(lambda: open_missing(probe + "$") or not run.running, "the end of the run")
            assert run.wait() == 0, run.stderr
            outputs.append(run.stdout)
    assert outputs[0] == outputs[1] == f'{{"fname":"{probe}$"}}\n' * 2


def test_head_ends_the_run(gadgetctl):
    script = 'set -o pipefail; "$0" run trace_open -o json | head -n 3; echo "$?" >&2'
    with subprocess.Popen(["bash", "-c", script, gadgetctl.path], env=gadgetctl.env, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as shell:
        wait_until(lambda: open_missing("/no-such-file") or shell.poll() is not None,
                   "the end of the run")
        out, err = shell.communicate(timeout=DEADLINE)
    assert len([json.loads(line) for line in out.splitlines()]) == 3
    assert err == "0\n"


def test_jq_reads_the_stream(gadgetctl):
    if not shutil.which("jq"):
        pytest.skip("jq is not installed")
    script = '"$0" run trace_open -o json -n 20 | jq -c .fname'
    with subprocess.Popen(["bash", "-c", script, gadgetctl.path], env=gadgetctl.env, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as shell:
        wait_until(lambda: open_missing("/no-such-file") or shell.poll() is not None,
                   "the end of the run")
        out, err = shell.communicate(timeout=DEADLINE)
    assert shell.returncode == 0 and err == ""
    assert len(out.splitlines()) == 20


def test_a_full_disk_ends_the_run_with_an_io_error(gadgetctl):
    with open("/dev/full", "wb") as full:
        with gadgetctl.start("run", "trace_open", "-o", "json", stdout=full) as run:
            wait_until(lambda: open_missing("/no-such-file") or not run.running,
                       "the end of the run")
            assert run.wait() == 74, run.stderr


def test_without_privileges_the_status_is_77(gadgetctl):
    if os.getuid() != 0:
        pytest.skip("only root can become nobody")
    result = gadgetctl.run("run", "trace_open", user=65534, group=65534, extra_groups=[])
    assert result.returncode == 77
    assert re.fullmatch(r"gadgetctl: error: .*operation not permitted.*\n", result.stderr, re.I)


# ---- pipelines/ ------------------------------------------------------------


def test_the_pipeline_opens_json(gadgetctl, probe, tmp_path):
    report = tmp_path / "books.json"
    with gadgetctl.start("run", "-f", "pipelines/opens-json.yaml", "--report", report) as run:
        until_seen(run, lambda: open_missing(probe), "no-such-file")
        for i in range(100):
            open_missing(f"{probe}-{i}")
        assert run.stop() == 0, run.stderr
        names = [r["fname"] for r in run.records() if r["fname"].startswith(f"{probe}-")]
    assert names == [f"{probe}-{i}" for i in range(100)]
    Books(report).check()


def test_the_pipeline_failed_opens(gadgetctl, tmp_path):
    report = tmp_path / "books.json"
    # short, because a column cuts what is long
    probe = f"/no-{os.getpid()}"
    with open("/etc/passwd", "rb"), \
            gadgetctl.start("run", "-f", "pipelines/failed-opens.yaml", "--report",
                            report) as run:
        until_seen(run, lambda: open_missing(probe), probe)
        with open("/etc/passwd", "rb"):
            pass
        assert run.stop() == 0, run.stderr
        header, *rows = run.stdout.splitlines()
    assert header.split() == ["COMM", "PID", "ERROR", "FNAME"]
    mine = [row.split() for row in rows if row.split()[-1] == probe]
    assert mine and all(row[-3:-1] == [str(os.getpid()), "ENOENT"] for row in mine)
    assert not [row for row in rows if row.split()[-1] == "/etc/passwd"]
    Books(report).check()
