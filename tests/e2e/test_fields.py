# SPDX-License-Identifier: Apache-2.0
"""What members mean: records of a live gadget, from their C struct to their JSON."""

import json
import os
import shutil
import struct

import pytest

from support import BUILD, wait_until

OBJECT = f"{BUILD}/tests/bpf/vocabulary.o"

METADATA = """
name: vocabulary
datasources:
  numbers:
    fields:
      annotated:
        annotations:
          ebpf.formatter.enum: with_dashes
          ebpf.formatter.bitfield.separator: " - "
  meaning:
    fields:
      annotated:
        annotations:
          formatters.errno.target: why
  packet:
    annotations:
      ebpf.rest.name: payload
      ebpf.rest.len: length
"""


@pytest.fixture
def gadget(tmp_path):
    """The object with metadata beside it."""
    shutil.copy(OBJECT, tmp_path / "vocabulary.o")
    (tmp_path / "gadget.yaml").write_text(METADATA, encoding="utf-8")
    return tmp_path / "vocabulary.o"


def run(gadgetctl, tmp_path, gadget, codec):
    """Start a pipeline that prints every data source of the gadget."""
    path = tmp_path / "pipeline.yaml"
    path.write_text(json.dumps({
        "sources": {"s": {"type": "gadget", "gadget": str(gadget),
                          "params": {"pid": os.getpid()}}},
        "sinks": {"out": {"type": "stdout", "inputs": ["s.*"], "codec": codec}},
    }), encoding="utf-8")
    return gadgetctl.start("run", "-f", path)


def records_of(gadgetctl, tmp_path, gadget):
    """One record of each data source, by its name."""
    with run(gadgetctl, tmp_path, gadget, "json") as process:
        def seen():
            assert process.running, process.stderr
            os.getsid(0)
            found = {r.pop("event"): r for r in process.records() if "event" in r}
            return found if len(found) == 4 else None
        found = wait_until(seen, f"a record of each kind ({process.stderr})")
        assert process.stop() == 0, process.stderr
    return found


@pytest.fixture
def records(needs_bpf, gadgetctl, tmp_path, gadget):
    return records_of(gadgetctl, tmp_path, gadget)



def test_numbers_of_every_shape_arrive_as_they_were(records):
    got = records["numbers"]
    assert struct.pack("f", got.pop("f32")) == struct.pack("f", 0.1)
    assert got == {
        "below": "BELOW", "below_raw": -2,
        "neither": "UNKNOWN", "neither_raw": 1,
        "high": "HIGHEST", "high_raw": 0xffffffff,
        "wide": "WIDE", "wide_raw": 0x123456789ab,
        "small": "SMALL", "small_raw": 200,
        "set": "SET_FIRST|SET_SECOND|SET_BOTH|SET_FOURTH", "set_raw": 11,
        "nothing": "SET_NOTHING", "nothing_raw": 0,
        "with_dashes": "SET_FIRST - SET_FOURTH", "annotated": 9,
        "wide_set": "LOW_BIT|HIGH_BIT", "wide_set_raw": (1 << 40) + 1,
        "nameless": "NAMELESS_A", "nameless_raw": 5,
        "chain": "NAMELESS_B", "chain_raw": 6,
        "plain": 2,
        "u128": (1 << 128) - 1, "s128": -(1 << 100),
        "f64": -2.5e300,
        "yes": True, "no": False, "minus": -11,
        "bits": "SET_FOURTH", "bits_raw": 8,
        "across": 0xabcdef012345678,
        "packed": {"low": 0x55, "nine_bytes": 0x123456789abcdef},
        "odd": {"first": 1, "middle": 0xfedcba9876543210, "last": 0xffff},
        "typed": {"inside": 77},
    }


def point(x, y, side, error):
    names = {-2: "BELOW", 0: "UNKNOWN", 2: "ABOVE"}
    errors = {0: "", 2: "ENOENT", 5: "EIO", 13: "EACCES"}
    return {"x": x, "y": y, "side": names[side], "side_raw": side,
            "error": errors[error], "error_raw": error}


def test_arrays_of_every_shape_arrive_as_lists(records):
    assert records["lists"] == {
        "numbers": [1, 22, 333, 65535], "small": [-1, 1], "truths": [True, False, True],
        "floats": [0.5, -1.25], "matrix": [[1, 2, 3], [4, 5, 6]],
        "names": ["one", "", "eight888"], "macs": ["020000000001", "ffffffffffff"],
        "sets": ["SET_FIRST", "SET_FIRST|SET_SECOND|SET_BOTH"], "sets_raw": [1, 3],
        "errors": ["", "EPERM", "EAGAIN"], "errors_raw": [0, 1, 11],
        "points": [point(1, -1, -2, 2), point(-2, 2, 0, 0)],
        "shapes": [{"corners": [point(1, 1, 2, 0), point(2, 2, 2, 0)]},
                   {"corners": [point(3, 3, 2, 0), point(4, 4, 2, 5)]}],
        # Whole elements only: the ring's record ends inside a third.
        "rest": [point(7, 8, 2, 13), point(9, 10, -2, 0)],
    }


def l4(addr, port, proto, number, version):
    return {"addr": addr, "port": port, "proto": proto, "proto_raw": number, "version": version}


def test_members_say_what_they_mean(records):
    assert records["meaning"] == {
        "error": "ENOENT", "error_raw": 2, "fine": "", "fine_raw": 0,
        "odd": "error#4095", "odd_raw": 4095,
        "plain": 13, "why": "EACCES", "annotated": 13,
        "kill": "SIGKILL", "kill_raw": 9, "realtime": "SIGRTMIN+3", "realtime_raw": 37,
        "beyond": "signal#200", "beyond_raw": 200,
        "call": "SYS_CLONE3", "call_raw": 435, "unknown": "SYS_UNKNOWN", "unknown_raw": 999999,
        "size": "1.5 kB", "size_raw": 1500, "took": "1.50ms", "took_raw": 1500000,
        "mode": "-rw-r-----", "mode_raw": 0o100640,
        "flags": "O_WRONLY|O_CREAT|O_TRUNC|O_CLOEXEC", "flags_raw": 0o2001101,
        "stack_raw": 7,
        "name": "example.com.",
        "query": "wiki.org.", "query_raw": (b"\4wiki\3org" + bytes(7)).hex(),
        "server": {"addr": "192.0.2.1", "version": 4},
        "src": l4("10.0.0.1", 12345, "TCP", 6, 4),
        "dst": l4("2001:db8::1", 443, "UDP", 17, 6),
        "inner": {"error": "EEXIST", "error_raw": 17,
                  "peer": l4("127.0.0.1", 53, "proto#253", 253, 4)},
        "peers": [l4("10.0.0.2", 80, "TCP", 6, 4)],
    }


def test_bytes_behind_the_struct_have_the_declared_length(records):
    assert records["packet"] == {"kind": 3, "length": 5, "payload": b"paylo".hex()}


def test_without_metadata_nothing_is_derived_that_has_no_name(needs_bpf, gadgetctl, tmp_path):
    records = records_of(gadgetctl, tmp_path, OBJECT)
    assert "why" not in records["meaning"] and records["meaning"]["annotated"] == 13
    assert records["packet"] == {"kind": 3, "length": 5}


def test_columns_show_meanings_instead_of_numbers(needs_bpf, gadgetctl, tmp_path, gadget):
    with run(gadgetctl, tmp_path, gadget, "columns") as process:
        def seen():
            assert process.running, process.stderr
            os.getsid(0)
            return "10.0.0.1:12345" in process.stdout
        wait_until(seen, f"an endpoint in {process.stdout!r} ({process.stderr})")
        assert process.stop() == 0, process.stderr
    lines = process.stdout.split("\n")
    row = next(i for i, line in enumerate(lines) if "10.0.0.1:12345" in line)
    header = next(lines[i] for i in range(row, -1, -1) if "SERVER" in lines[i]).split()
    assert {"WHY", "SERVER", "SRC", "DST", "KILL", "SIZE", "FLAGS"} <= set(header)
    assert not [title for title in header if title.endswith("_RAW") or title in ("PORT", "PROTO")]
    assert "[2001:db8::1]:443" in lines[row]


@pytest.mark.parametrize("metadata, says", [
    ("datasources: {meaning: {fields: {annotated: {annotations: "
     "{formatters.errno.target: 'no name'}}}}}", "must be the name of a field, not 'no name'"),
    ("datasources: {meaning: {fields: {annotated: {annotations: "
     "{formatters.errno.target: plain}}}}}", "two fields are called 'plain'"),
    ("datasources: {packet: {annotations: {ebpf.rest.name: kind}}}",
     "two fields are called 'kind'"),
    ("datasources: {packet: {annotations: {ebpf.rest.name: 'a b'}}}",
     "'ebpf.rest.name' must be the name of a field, not 'a b'"),
    ("datasources: {packet: {annotations: {ebpf.rest.name: p, ebpf.rest.len: kind}}}",
     "'ebpf.rest.len' must name a u32 member, not 'kind'"),
])
def test_annotations_that_cannot_be_are_told_once(gadgetctl, tmp_path, metadata, says):
    shutil.copy(OBJECT, tmp_path / "vocabulary.o")
    (tmp_path / "gadget.yaml").write_text(metadata + "\n", encoding="utf-8")
    result = gadgetctl.run("inspect", tmp_path / "vocabulary.o")
    assert result.returncode == 65, result.stderr
    assert says in result.stderr
    assert result.stderr.count("\n") == 1
