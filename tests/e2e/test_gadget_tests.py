# SPDX-License-Identifier: Apache-2.0
"""`gadgetctl test`: the tests of every gadget in bpf/, and what the command says when one fails."""

import os
import pathlib
import shutil
import subprocess
import tempfile

import pytest

TESTS = sorted(pathlib.Path("bpf").glob("*/test/*.yaml"))
FOLDERS = sorted({str(path.parent.parent) for path in TESTS})


def test_every_gadget_has_a_test_with_a_recording():
    gadgets = sorted(str(path.parent) for path in pathlib.Path("bpf").glob("*/program.bpf.c"))
    assert FOLDERS == gadgets
    for path in TESTS:
        assert path.with_suffix(".gadgetrec").exists(), path
        assert path.with_suffix(".jsonl").exists(), path


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_gadget_sees_its_workload(gadgetctl, needs_bpf, folder):
    result = gadgetctl.run("test", folder, "--live", timeout=120)
    assert result.returncode == 0, result.stdout + result.stderr
    assert " 0 failed, 0 skipped" in result.stdout, result.stdout


@pytest.fixture
def as_nobody(gadgetctl):
    """Run a copy of the program, in a folder that everybody may look into."""
    if os.geteuid() != 0:
        pytest.skip("only root can become nobody")
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        os.chmod(folder, 0o755)
        shutil.copy(gadgetctl.path, folder)

        def run(gadget, *args):
            shutil.copytree(gadget, f"{folder}/gadget")
            return subprocess.run([f"{folder}/gadgetctl", "test", "gadget", *args], cwd=folder,
                                  env=gadgetctl.env, user="nobody", group="nogroup",
                                  extra_groups=[], capture_output=True, text=True, timeout=60,
                                  check=False)

        yield run


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_recording_is_read_by_anybody(as_nobody, folder):
    result = as_nobody(folder, "--replay")
    assert result.returncode == 0, result.stdout + result.stderr
    assert " 0 failed, 0 skipped" in result.stdout, result.stdout


# ---- what goes wrong ---------------------------------------------------------------------

WORKLOAD = """
#include <stdio.h>
#include <fcntl.h>
#include <unistd.h>
int main(void)
{
	open("/nonexistent/a", O_RDONLY);
	open("/nonexistent/b", O_RDONLY);
	%s
	return %d;
}
"""


@pytest.fixture
def folder(tmp_path):
    def make(body, status=0, spec='filter: proc.comm == "work" && fname ~ "/nonexistent/*"\n'):
        test = tmp_path / "gadget" / "test"
        test.mkdir(parents=True, exist_ok=True)
        (test / "work.c").write_text(WORKLOAD % (body, status))
        (test / "work.yaml").write_text(spec)
        return str(tmp_path / "gadget")
    return make


def expect(path, **more):
    pairs = "".join(f', \\"{key}\\": {value}' for key, value in more.items())
    return f'puts("{{\\"fname\\": \\"{path}\\"{pairs}}}");'


def run_test(gadgetctl, folder, *more):
    return gadgetctl.run("test", folder, "--live", "-g", "trace_open", *more, timeout=120)


BOTH = expect("/nonexistent/a") + expect("/nonexistent/b")


def test_a_test_passes_when_all_and_only_that_comes(gadgetctl, needs_bpf, folder):
    result = run_test(gadgetctl, folder(BOTH))
    assert result.returncode == 0, result.stdout + result.stderr
    assert "PASS" in result.stdout and "live: 2 records" in result.stdout


def test_what_does_not_come_is_shown_with_the_nearest_record(gadgetctl, needs_bpf, folder):
    result = run_test(gadgetctl, folder(BOTH.replace("}", ', \\"ret\\": 7}', 1)))
    assert result.returncode == 1
    assert 'no record is {"fname": "/nonexistent/a", "ret": 7}' in result.stdout
    assert "ret is '-2' instead of '7'" in result.stdout
    assert "0 passed, 1 failed, 0 skipped" in result.stdout


def test_what_nobody_expects_is_a_fault_unless_ignored(gadgetctl, needs_bpf, folder):
    only = expect("/nonexistent/a")
    result = run_test(gadgetctl, folder(only))
    assert result.returncode == 1
    assert "nobody expects" in result.stdout and "/nonexistent/b" in result.stdout
    spec = 'filter: proc.comm == "work"\nunexpected: ignore\n'
    assert run_test(gadgetctl, folder(only, spec=spec)).returncode == 0


def test_a_workload_must_end_well_and_expect_something(gadgetctl, needs_bpf, folder):
    result = run_test(gadgetctl, folder(BOTH, status=3))
    assert result.returncode == 1 and "ended with status 3" in result.stdout
    result = run_test(gadgetctl, folder(""))
    assert result.returncode == 1 and "expects nothing" in result.stdout
    result = run_test(gadgetctl, folder("__builtin_trap();"))
    assert result.returncode == 1 and "died of signal" in result.stdout
    result = run_test(gadgetctl, folder("syntax error"))
    assert result.returncode == 1 and "cannot compile" in result.stdout


def test_a_workload_that_hangs_is_killed(gadgetctl, needs_bpf, folder):
    result = run_test(gadgetctl, folder("pause();", spec="timeout: 1s\n"))
    assert result.returncode == 1 and "did not end in time" in result.stdout
    ps = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    assert "gadgetctl-test." not in ps.stdout


def test_recording_makes_what_replaying_needs(gadgetctl, needs_bpf, folder):
    path = folder(BOTH)
    result = gadgetctl.run("test", path, "-g", "trace_open", "--record", timeout=120)
    assert result.stdout.count("PASS") == 2, result.stdout + result.stderr
    lines = pathlib.Path(path, "test", "work.jsonl")
    lines.write_text(lines.read_text().replace("/nonexistent/b", "/nonexistent/c"))
    result = gadgetctl.run("test", path, "--replay")
    assert result.returncode == 1 and "no record is" in result.stdout


def test_what_cannot_run_is_skipped_with_the_reason(gadgetctl, as_nobody, folder):
    path = folder(BOTH)
    shutil.copy(f"{os.path.dirname(gadgetctl.path)}/bpf/trace_open/program.o", path)
    result = as_nobody(path)
    assert "SKIP" in result.stdout and "no permission" in result.stdout, result.stdout
    assert "there is no recording" in result.stdout
    assert "0 passed, 0 failed, 2 skipped" in result.stdout


def test_a_wrong_file_is_named(gadgetctl, folder):
    result = gadgetctl.run("test", folder(BOTH, spec="fliter: a\n"), "--replay")
    assert result.returncode == 78
    assert "work.yaml:1:1" in result.stderr and "filter" in result.stderr
    result = gadgetctl.run("test", "/nonexistent")
    assert result.returncode == 66 and "/nonexistent/test" in result.stderr
