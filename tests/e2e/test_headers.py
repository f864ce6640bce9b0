# SPDX-License-Identifier: Apache-2.0
"""What the macros and types of the headers leave in an object is what inspect finds there."""

import json

import pytest

from support import BUILD

FILTERS = ["pid", "tid", "uid", "gid", "comm"]
STACKS = ["collect-ustack", "collect-build-id", "collect-otel-stack", "ig-build-id-max-entries"]


def inspect(gadgetctl, name):
    result = gadgetctl.run("inspect", f"{BUILD}/tests/bpf/{name}.o", "-o", "json")
    assert result.returncode == 0 and result.stderr == "", result
    return json.loads(result.stdout)


@pytest.mark.parametrize("name, sources, params", [
    ("abi_buf", [("asked", "asked", "events")], ["pid"]),
    ("abi_calls", [("calls", "call", "events"), ("copies", "left", "copies")],
     [*FILTERS, *STACKS, "fd-number"]),
    ("abi_gpu", [("holders", "holder", "holders")], []),
    ("abi_packets", [("packets", "packet", "packets")], FILTERS),
    ("abi_sockets", [("changes", "change", "changes")], FILTERS),
    ("abi_stacks", [("samples", "profile", "samples")], STACKS),
])
def test_tracers_and_parameters_are_found_by_their_markers(gadgetctl, name, sources, params):
    model = inspect(gadgetctl, name)
    assert [(s["name"], s["struct"], s["ring"]) for s in model["sources"]] == sources
    assert all(s["counts_attempts"] and s["counts_losses"] for s in model["sources"])
    assert sorted(p["key"] for p in model["params"]) == sorted(params)


def test_sets_are_found_by_their_markers(gadgetctl):
    model = inspect(gadgetctl, "abi_sets")
    names = {s["name"] for s in model["sources"]}
    assert {"tasks", "both", "all", "older", "elements", "counted"} <= names


def test_each_type_says_what_it_holds(gadgetctl):
    source = inspect(gadgetctl, "abi_layouts")["sources"][0]
    types = {f["name"]: f["type"] for f in source["fields"]}
    assert source["numbered"] and "seq" not in types
    assert types | {
        "timestamp": "time", "duration": "duration", "bytes": "size", "error": "name",
        "signal": "name", "syscall": "name", "flags": "flags", "mode": "mode",
        "comm": "string", "pcomm": "string", "name": "dns", "args": "strings",
        "l3.addr": "ip", "l4.endpoint": "endpoint", "l4.port": "uint", "slots32": "array",
        "proc.parent.tid": "uint", "ustack.boot_timestamp": "uint", "mntns_id": "uint",
    } == types


def test_the_maps_the_loader_knows_by_name_have_their_shapes(gadgetctl):
    maps = {m["name"]: m for name in ("abi_calls", "abi_packets")
            for m in inspect(gadgetctl, name)["maps"]}
    for name, kind, key, value, entries in (
            ("gadget_heap", "percpu_array", 4, 10240, 1),
            ("gadget_mntns_filter_map", "hash", 8, 4, 1024),
            ("gadget_sockets", "hash", 12, 8280, 16384),
            ("ig_kstack", "stack_trace", 4, 127 * 8, 10000),
            ("ig_ustack", "stack_trace", 4, 127 * 8, 10000),
            ("ig_build_id", "hash", 4, 127 * 32, 1024),
            ("bufs", "percpu_array", 4, 32768, 1),
            ("packets_lost_samples", "percpu_array", 4, 8, 1),
            ("packets_attempts", "percpu_array", 4, 8, 1)):
        found = maps[name]
        assert (found["type"], found["key_bytes"], found["value_bytes"],
                found["max_entries"]) == (kind, key, value, entries), name
