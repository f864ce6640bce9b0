# SPDX-License-Identifier: Apache-2.0
"""The metadata beside a gadget's object: what it changes, what it cannot, what fits nothing."""

import json
import os
import re
import shutil

import pytest

from support import BUILD, wait_until

SHOWN = """
name: opens
description: A gadget of this test
datasources:
  open:
    fields:
      proc.comm: { annotations: { columns.hidden: true } }
      proc.pid: { annotations: { columns.alias: who, columns.alignment: left, columns.width: 9 } }
      proc.creds: { annotations: { columns.hidden: true } }
      proc.creds.uid: { annotations: { columns.hidden: true } }
      proc.creds.gid: { annotations: { columns.hidden: true } }
      dirfd: { annotations: { columns.hidden: false, columns.hex: true, columns.alias: HERE } }
"""


@pytest.fixture
def gadget(tmp_path):
    """Make a gadget of trace_open's object with that text as its metadata; None: with none."""
    def make(text, file="gadget.yaml"):
        folder = tmp_path / "opens"
        folder.mkdir(exist_ok=True)
        shutil.copy(f"{BUILD}/bpf/trace_open/program.o", folder)
        for old in folder.glob("*.yaml"):
            old.unlink()
        if text is not None:
            (folder / file).write_text(text)
        return folder
    return make


def one_open(gadgetctl, folder, path, *flags):
    """What a run prints that ends with one open of the path."""
    where = f'fname == "{path}"'
    with gadgetctl.start("run", folder, "--pid", os.getpid(), "-F", where, "-n", "1",
                         *flags) as run:
        def opened():
            try:
                os.close(os.open(path, os.O_RDONLY))
            except FileNotFoundError:
                pass
            return not run.running
        wait_until(opened, "a record of the open")
        assert run.wait() == 0, run.stderr
        return run.stdout


def test_columns_are_as_the_metadata_says(needs_bpf, gadgetctl, gadget, tmp_path):
    path = f"{tmp_path}/missing"
    out = one_open(gadgetctl, gadget(SHOWN), path)
    header, row = out.splitlines()
    titles = header.split()
    assert titles[0] == "WHO" and "HERE" in titles
    assert not {"COMM", "PID", "UID", "GID", "DIRFD"} & set(titles)
    assert row.startswith(f"{os.getpid():<9} ")
    assert row.split()[titles.index("HERE")] == "0xFFFFFF9C"  # AT_FDCWD


def test_json_has_the_same_names_whatever_the_metadata_says(needs_bpf, gadgetctl, gadget,
                                                            tmp_path):
    path = f"{tmp_path}/missing"
    plain, shown = (json.loads(one_open(gadgetctl, gadget(text), path, "-o", "json"))
                    for text in (None, SHOWN))
    assert shown.keys() == plain.keys() and shown["proc"].keys() == plain["proc"].keys()
    assert shown["dirfd"] == plain["dirfd"] == -100
    skipped = gadget("datasources.open.fields.dirfd.annotations.json.skip: true\n")
    got = json.loads(one_open(gadgetctl, skipped, path, "-o", "json"))
    assert plain.keys() - got.keys() == {"dirfd"}


def test_a_definition_file_of_old_orders_the_columns(needs_bpf, gadgetctl, gadget, tmp_path):
    folder = gadget("documentation: x\n"
                    "columns:\n"
                    "  - { name: fname, order: 1000, width: 90, alignment: left }\n"
                    "  - { name: proc.pid, order: 1001, visible: true }\n"
                    "  - { name: proc.comm, visible: false }\n", "definition.yaml")
    path = f"{tmp_path}/missing"
    header, row = one_open(gadgetctl, folder, path).splitlines()
    assert header.split()[:2] == ["FNAME", "PID"] and "COMM" not in header
    assert row.split()[:2] == [path, str(os.getpid())]


CUSTOM = """
params:
  custom:
    view:
      description: What to show
      defaultValue: brief
      values:
        brief: { patch: { datasources.open.fields.dirfd.annotations.columns.hidden: true } }
        full:
          patch:
            datasources.open.fields.dirfd.annotations:
              columns.hidden: false
              columns.alias: 'in {{ getParamValue "custom.view" }}'
"""


def test_a_custom_parameter_changes_the_columns(needs_bpf, gadgetctl, gadget, tmp_path):
    path = f"{tmp_path}/missing"
    folder = gadget(CUSTOM)
    assert "IN FULL" not in one_open(gadgetctl, folder, path).splitlines()[0]
    assert "IN FULL" in one_open(gadgetctl, folder, path, "--view", "full").splitlines()[0]
    result = gadgetctl.run("run", folder, "--view", "ful")
    assert result.returncode == 2, result.stderr
    assert "has no value 'ful' (did you mean 'full'?)" in result.stderr


@pytest.mark.parametrize("text, says", [
    ("a: [\n", ":2:1: "),
    ("- a\n", ":1:1: metadata must be a map, not a list"),
    ("name: a\nNAME: b\n", ":2:1: 'NAME' and 'name' (line 1) are the same key: case does not count"),
    ("datasources.open.fields.fname.annotations:\n  columns.width: wide\n",
     ":2:18: field 'fname': columns.width must be a number of cells (at most 1024) or 'type', "
     "not 'wide'"),
    ("datasources.open.fields.ret.annotations: { columns.replace: fnam }\n",
     ":1:61: columns.replace: data source 'open' has no field 'fnam' (did you mean 'fname'?)"),
])
def test_metadata_that_cannot_be_ends_in_one_message(gadgetctl, gadget, text, says):
    folder = gadget(text)
    for command in (["inspect", folder], ["run", folder, "--timeout", "1s"]):
        result = gadgetctl.run(*command)
        assert result.returncode == 65, result.stderr
        assert result.stdout == ""
        assert result.stderr.count("\n") == 1
        assert f"{folder}/gadget.yaml{says}" in result.stderr


def test_inspect_lists_what_fits_nothing(gadgetctl, gadget):
    folder = gadget("name: x\n"
                    "colour: red\n"
                    "datasources:\n"
                    "  open:\n"
                    "    fields:\n"
                    "      proc.pdi: { annotations: { columns.with: 3 } }\n"
                    "      k8s.node: { annotations: { columns.width: 3 } }\n")
    says = [(2, 1, "unknown key 'colour' of the metadata"),
            (6, 7, "data source 'open' has no field 'proc.pdi' (did you mean 'proc.pid'?)"),
            (6, 34, "unknown key 'with' of columns (did you mean 'width'?)"),
            (7, 7, "field 'k8s.node' of data source 'open' is added by others, not here")]
    result = gadgetctl.run("inspect", folder)
    assert result.returncode == 0, result.stderr
    for line, column, text in says:
        assert f"  {folder}/gadget.yaml:{line}:{column}: {text}\n" in result.stdout
    model = json.loads(gadgetctl.run("inspect", folder, "-o", "json").stdout)
    assert [(f["line"], f["column"], f["text"]) for f in model["findings"]] == says
    assert {f["file"] for f in model["findings"]} == {f"{folder}/gadget.yaml"}


def test_inspect_says_what_fields_are_and_where_they_are_seen(gadgetctl, gadget):
    folder = gadget(SHOWN + "      fname:\n        annotations:\n"
                    "          description: \"path\\e[2J\\nof\\x07 it\"\n")
    result = gadgetctl.run("inspect", folder)
    assert "  A gadget of this test\n" in result.stdout
    assert re.search(r" fname +string +path\\x1b\[2J of\\x07 it\n", result.stdout)
    fields = {f["name"]: f for f in json.loads(
        gadgetctl.run("inspect", folder, "-o", "json").stdout)["sources"][0]["fields"]}
    assert fields["proc.comm"]["shown"] == "not in columns"
    assert "shown" not in fields["dirfd"]
    assert fields["fname"]["description"] == "path\x1b[2J\nof\x07 it"


@pytest.mark.parametrize("name", ["trace_open", "trace_exec", "trace_mount", "trace_signal"])
def test_the_metadata_of_our_gadgets_fits(gadgetctl, name):
    model = json.loads(gadgetctl.run("inspect", name, "-o", "json").stdout)
    assert model["metadata"] and model["findings"] == []
    for source in model["sources"]:
        assert not [f["name"] for f in source["fields"] if "description" not in f]
