# SPDX-License-Identifier: Apache-2.0
"""gadgetctl inspect: what it says of good objects and of bad ones, without any rights."""

import json
import os
import shutil
import subprocess

import pytest

from support import BUILD, DEADLINE, clean_env


def without_rights(*argv):
    """Run argv without a single capability, also when the tests are root's."""
    command = [str(a) for a in argv]
    if os.geteuid() == 0:
        if not shutil.which("setpriv"):
            pytest.skip("setpriv(1) is not installed")
        command = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--ambient-caps=-all",
                   *command]
    return subprocess.run(command, env=clean_env(), stdin=subprocess.DEVNULL, text=True,
                          capture_output=True, timeout=DEADLINE, check=False)


def test_inspect_needs_no_rights(gadgetctl):
    result = without_rights(gadgetctl.path, "inspect", "trace_open")
    assert result.returncode == 0, result.stderr
    assert "open: struct event in ring events (16MiB), numbered" in result.stdout
    assert "tracepoint/syscalls/sys_exit_openat" in result.stdout
    assert "--pid" in result.stdout
    assert result.stderr == ""


def test_run_says_which_rights_it_lacks(gadgetctl):
    result = without_rights(gadgetctl.path, "run", "trace_open", "--timeout", "1s")
    assert result.returncode == 77
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert "needs CAP_BPF and CAP_PERFMON" in result.stderr


def test_inspect_as_json_has_everything(gadgetctl):
    result = gadgetctl.run("inspect", f"{BUILD}/tests/bpf/shapes.o", "-o", "json")
    assert result.returncode == 0, result.stderr
    model = json.loads(result.stdout)
    source = model["sources"][0]
    assert source["name"] == "shapes" and source["struct"] == "shapes_event"
    assert {"name": "inner.point.y", "type": "int", "at": 56, "size": 4} in source["fields"]
    assert {"name": "bits_b", "type": "uint", "at": 120, "size": 2, "bit": 3, "bits": 7} \
        in source["fields"]
    assert {"name": "numbers", "type": "array", "at": 80, "size": 6, "count": 3, "stride": 2,
            "element": {"name": "", "type": "uint", "at": 0, "size": 2}} in source["fields"]
    assert {"name": "color", "type": "name", "at": 44, "size": 4,
            "names": ["RED", "GREEN", "BLUE"]} in source["fields"]
    assert source["skipped"] == []
    assert model["supported"] is True
    pid = next(p for p in model["params"] if p["key"] == "pid")
    assert pid["variable"] == "targ_pid" and pid["type"] == "uint" and pid["default"] == "0"
    assert model["programs"][0]["section"] == "tracepoint/syscalls/sys_enter_getsid"


@pytest.mark.parametrize("content, says", [
    (b"", "not an ELF object"),
    (b"\x7fELF" + bytes(200), "not a BPF object"),
    (b"#!/bin/sh\n" * 20, "not an ELF object"),
])
def test_broken_objects_end_in_one_message(gadgetctl, tmp_path, content, says):
    path = tmp_path / "broken.o"
    path.write_bytes(content)
    for command in (["inspect", path], ["run", path, "--timeout", "1s"]):
        result = gadgetctl.run(*command)
        assert result.returncode == 65, result.stderr
        assert result.stdout == ""
        assert result.stderr.count("\n") == 1
        assert says in result.stderr


def test_a_cut_object_ends_in_one_message(gadgetctl, tmp_path):
    with open(f"{BUILD}/bpf/trace_open/program.o", "rb") as f:
        whole = f.read()
    path = tmp_path / "cut.o"
    for size in range(0, len(whole), len(whole) // 40):
        path.write_bytes(whole[:size])
        result = gadgetctl.run("inspect", path)
        assert result.returncode == 65, f"{size} bytes: {result.stderr}"
        assert result.stderr.count("\n") == 1


def test_an_unknown_gadget_is_not_found_and_the_right_name_suggested(gadgetctl):
    for command in ("inspect", "run"):
        result = gadgetctl.run(command, "trace_opne")
        assert result.returncode == 66
        assert "no gadget 'trace_opne' in '" in result.stderr
        assert "(did you mean 'trace_open'?)" in result.stderr


def test_a_gadget_in_the_working_directory_is_suggested_with_its_path(gadgetctl, tmp_path):
    (tmp_path / "trace_opem").mkdir()
    (tmp_path / "trace_opem" / "program.o").write_bytes(b"")
    result = gadgetctl.run("run", "trace_opem", cwd=tmp_path)
    assert result.returncode == 66
    assert "(did you mean './trace_opem'?)" in result.stderr


def test_a_gadget_that_asks_for_owners_of_sockets_says_so(needs_bpf, gadgetctl):
    result = gadgetctl.run("run", f"{BUILD}/tests/bpf/abi_sockets.o")
    assert result.returncode == 71, result
    assert "looks up the owners of sockets, which this version does not support" in result.stderr
    assert "relocation" not in result.stderr


def test_control_bytes_of_a_path_do_not_reach_the_terminal(gadgetctl):
    result = gadgetctl.run("inspect", "./\x1b[2Jnot-here")
    assert result.returncode == 66
    assert "\x1b" not in result.stderr
    assert "\\x1b" in result.stderr
