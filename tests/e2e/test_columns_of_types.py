# SPDX-License-Identifier: Apache-2.0
"""Which columns types and templates bring, how wide they are and on which side: live."""

import json
import os
import shutil

import pytest

from support import BUILD, wait_until

# Of the numbers and texts of the object that mean nothing by themselves.
TEMPLATES = {
    "counter32": "uid", "gauge32": "pid", "gauge64": "bytes", "counter64": "duration",
    "name": "container", "l3.addr": "errorString",
}
LEFT, RIGHT = "<", ">"
FIXED_BY_TYPE = [("DURATION", RIGHT, 20), ("BYTES", RIGHT, 10), ("ERROR", LEFT, 12),
                 ("SIGNAL", LEFT, 11), ("SYSCALL", LEFT, 18)]
NOT_SHOWN = {"TIMESTAMP", "TIMESTAMP_RAW", "MNTNS_ID", "NETNS_ID", "TID", "PPID", "PTID", "PCOMM",
             "KSTACK_RAW", "ERROR_RAW", "SIGNAL_RAW", "PROC.MNTNS_ID", "USTACK.STACK_ID"}

pytestmark = pytest.mark.usefixtures("needs_bpf")


def header(gadgetctl, tmp_path, metadata, *flags):
    """The header over the first record of this process; nothing tells the width of a pipe."""
    shutil.copy(f"{BUILD}/tests/bpf/abi_layouts.o", tmp_path / "program.o")
    (tmp_path / "gadget.yaml").write_text(json.dumps(metadata), encoding="utf-8")
    with gadgetctl.start("run", tmp_path, "--pid", os.getpid(), "-n", "1", *flags) as run:
        def ended():
            os.getsid(0)
            return not run.running
        wait_until(ended, "a record of getsid()")
        assert run.wait() == 0, run.stderr
        return run.stdout.splitlines()[0]


def columns(described):
    return " ".join(f"{title:{side}{width}}" for title, side, width in described)


def test_types_bring_their_columns(gadgetctl, tmp_path):
    line = header(gadgetctl, tmp_path, {})
    assert line.startswith(columns(FIXED_BY_TYPE) + " ")
    assert not NOT_SHOWN & set(line.split())
    assert {"PID", "COMM", "NAME", "L3", "L4", "FLAGS", "MODE"} <= set(line.split())


def test_templates_bring_their_columns(gadgetctl, tmp_path):
    fields = {name: {"annotations": {"template": template}} for name, template in TEMPLATES.items()}
    line = header(gadgetctl, tmp_path, {"datasources": {"every": {"fields": fields}}},
                  "--fields", "gauge64,counter64,name,l3.addr,counter32,gauge32")
    described = [("GAUGE64", RIGHT, 10), ("COUNTER64", RIGHT, 20), ("NAME", LEFT, 30),
                 ("L3", LEFT, 12)]
    assert line.startswith(columns(described) + " ")
    assert line.split()[-2:] == ["COUNTER32", "GAUGE32"]


def test_templates_that_hide_do_so_until_somebody_says_otherwise(gadgetctl, tmp_path):
    hidden = ["timestamp", "pcomm", "tid", "ppid", "ptid", "ns", "mntns_id", "netns_id",
              "containerPid", "containerStartedAt", "user_stack"]
    for template in hidden:
        fields = {"gauge32": {"annotations": {"template": template}},
                  "counter32": {"annotations": {"template": template, "columns.hidden": False}}}
        titles = header(gadgetctl, tmp_path,
                        {"datasources": {"every": {"fields": fields}}}).split()
        assert "GAUGE32" not in titles and "COUNTER32" in titles, template
