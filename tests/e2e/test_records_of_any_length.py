# SPDX-License-Identifier: Apache-2.0
"""Records that are longer or shorter than their struct, live, from rings and from perf buffers."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from support import BUILD, wait_until
from tracing import Run

pytestmark = pytest.mark.usefixtures("needs_bpf")

METADATA = """
datasources:
  counted: { annotations: { ebpf.rest.name: payload, ebpf.rest.len: length } }
  plain: { annotations: { ebpf.rest.name: payload } }
"""
SHORT, LAST = 256, 0xff  # see the object
LETTERS = b"abcdefghijklmno"
ASK = """
import os, sys
open("/proc/self/comm", "w").write("asks")
for n in sys.argv[1:]:
    try:
        os.getsid(int(n))
    except OSError:
        pass
"""


@pytest.fixture(params=["ring", "perf"])
def run(request, gadgetctl, tmp_path):
    """The gadget at work for this process; from perf buffers as where the kernel has no rings."""
    shutil.copy(f"{BUILD}/tests/bpf/abi_rest.o", tmp_path / "rest.o")
    (tmp_path / "gadget.yaml").write_text(METADATA, encoding="utf-8")
    how = {"transport": "perf"} if request.param == "perf" else {}
    with Run(gadgetctl, tmp_path, gadget=str(tmp_path / "rest.o"), params={"comm": "asks"},
             **how) as run:
        run.pads = request.param == "perf"
        yield run


def ask(*numbers, within=()):
    """A process called `asks` calls getsid() with these numbers."""
    subprocess.run([*within, sys.executable, "-S", "-E", "-c", ASK, *map(str, numbers)],
                   stdin=subprocess.DEVNULL, check=True)


def attached(run):
    def seen():
        ask(LAST)
        return run.has(b'"event":"plain"')
    wait_until(seen, f"the gadget to be attached ({run.process.stderr})")


def records(run):
    """What was asked, by event and number, and how many were malformed."""
    source, books = run.finish()
    malformed = source["counters"].get("malformed", 0)
    assert books["balanced"] and books["losses"] == malformed, books
    found = {"counted": {}, "plain": {}}
    for line in run.output.read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        found[record["event"]][record["asked"]] = record
    return found, malformed


def test_bytes_behind_the_struct_are_a_field_of_the_length_that_is_said(run):
    attached(run)
    asked = [there | said << 4 for there in range(16) for said in range(16)]
    asked.remove(LAST)  # how often that was asked nobody knows
    ask(*asked)
    found, malformed = records(run)
    nmalformed = 0
    for n in asked:
        there, said = n & 15, n >> 4
        plain = bytes.fromhex(found["plain"][n]["payload"])
        assert plain[:there] == LETTERS[:there]
        # A perf buffer rounds up, and nobody says where a record without a length ends.
        assert len(plain) == there or run.pads and there < len(plain) < there + 8
        if said > len(plain):
            assert n not in found["counted"], "it says more than there is"
            nmalformed += 1
            continue
        counted = bytes.fromhex(found["counted"][n]["payload"])
        assert len(counted) == said and counted[:there] == LETTERS[:min(said, there)]
    assert malformed == nmalformed > 0


def test_what_a_short_record_lacks_of_its_struct_is_zero(run):
    attached(run)
    ask(SHORT, SHORT | 1, SHORT | 3 << 4)
    found, malformed = records(run)
    for n in (SHORT, SHORT | 1, SHORT | 3 << 4):
        record = {"asked": n, "length": 0, "mntns_id": 0}
        for event in ("counted", "plain"):
            assert found[event][n] == dict(record, event=event, payload="")
    assert malformed == 0


def test_other_mount_namespaces_are_seen_when_nothing_filters_them(run):
    """The map of the filter is there, and the switch that makes the program look is off."""
    attached(run)
    ask(1, within=("unshare", "-m"))
    ask(2)
    found, _ = records(run)
    mine = os.stat("/proc/self/ns/mnt").st_ino
    assert found["plain"][2]["mntns_id"] == mine
    assert found["plain"][1]["mntns_id"] not in (0, mine)
