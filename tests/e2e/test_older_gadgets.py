# SPDX-License-Identifier: Apache-2.0
"""Gadgets of the older convention, with their definition file, as it was once described."""

import json
import os
import shutil

import pytest

from support import BUILD, wait_until
from tracing import Tracer

DEFINITION = """
documentation: |
  Shows which files are opened.

  Examples:
    gadgetctl run ./opens
columns:
  - name: timestamp
    visible: false
  - name: pid
    template: pid
  - name: uid
    visible: false
  - name: gid
    visible: false
  - name: mntns_id
    visible: false
  - name: ret
    width: 3
    fixed: true
  - name: flags
    visible: false
  - name: mode
    visible: false
  - name: comm
    alias: who
    max_width: 16
  - name: fname
    alias: path
    width: 32
    min_width: 24
    ellipsis: start
    order: 1001
"""


@pytest.fixture
def gadget(tmp_path):
    folder = tmp_path / "opens"
    folder.mkdir()
    shutil.copy(f"{BUILD}/tests/bpf/seed_open.o", folder / "program.o")
    (folder / "definition.yaml").write_text(DEFINITION, encoding="utf-8")
    return folder


def one_open(gadgetctl, gadget, path, codec):
    """What a run prints that ends with one open of the path."""
    with Tracer(gadgetctl, gadget, "-F", f'fname == "{path}"', "-n", "1", "-o", codec) as tracer:
        def look():
            os.close(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
            return not tracer.process.running
        wait_until(look, f"a record of {path} ({tracer.process.stderr})")
        assert tracer.process.wait() == 0, tracer.process.stderr
        return tracer.process.stdout


def test_a_record_has_the_members_of_the_struct(needs_bpf, gadgetctl, gadget, tmp_path):
    path = tmp_path / "file"
    path.write_text("")
    record = json.loads(one_open(gadgetctl, gadget, path, "json"))
    assert record.pop("timestamp") > 0 and record.pop("ret") >= 0 and record.pop("comm")
    assert record == {
        "event": "opens", "pid": os.getpid(), "uid": os.getuid(), "gid": os.getgid(),
        "mntns_id": os.stat("/proc/self/ns/mnt").st_ino, "flags": os.O_RDONLY | os.O_CLOEXEC,
        "mode": 0, "fname": str(path),
    }


def test_the_columns_are_those_of_the_definition(needs_bpf, gadgetctl, gadget, tmp_path):
    path = tmp_path / ("x" * 100)
    path.write_text("")
    header, row = one_open(gadgetctl, gadget, path, "columns").splitlines()
    assert header.split() == ["PATH", "PID", "RET", "WHO"]
    shown, pid, ret, *_ = row.split()
    assert shown == "…" + str(path)[-31:]
    assert int(pid) == os.getpid() and int(ret) >= 0


def test_inspect_has_the_documentation_and_nothing_that_fits_nothing(gadgetctl, gadget):
    result = gadgetctl.run("inspect", gadget)
    assert result.returncode == 0 and result.stderr == ""
    assert "Shows which files are opened." in result.stdout
    assert "fits nothing" not in result.stdout and "cannot run" not in result.stdout
    model = json.loads(gadgetctl.run("inspect", gadget, "-o", "json").stdout)
    described = {f["name"]: f.get("description") for f in model["sources"][0]["fields"]}
    assert described["pid"] == "Process" and described["mntns_id"] == "Mount namespace"
