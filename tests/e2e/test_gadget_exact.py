# SPDX-License-Identifier: Apache-2.0
"""Exactness: every open a workload counted is delivered or counted as lost, to the last one."""

import json
import os
import subprocess
import time

import pytest

from support import BUILD, SCALE, Process, clean_env, wait_until, workload
from tracing import PATIENCE, Run

pytestmark = pytest.mark.usefixtures("needs_bpf")

OPENS = 1_000_000 * SCALE


def attach(run, tmp_path):
    """Wait until the gadget sees what processes called `opens` do."""
    marker = str(tmp_path / "marker")

    def seen():
        subprocess.run([workload("opens"), marker, "1", "1"], stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, check=True)
        return run.has(marker.encode())

    wait_until(seen, "the gadget to be attached")


def open_often(path, count, meanwhile=lambda: None, threads=2):
    """Run the workload to its end; what its own threads counted."""
    with Process([workload("opens"), path, count, threads], env=clean_env()) as opens:
        opens.send("go\n")
        opens.popen.stdin.close()
        meanwhile()
        assert opens.wait(PATIENCE) == 0, opens.stderr
        told = json.loads(opens.stdout)
    assert told["failed"] == count and told["ok"] == 0
    return told["failed"]


def check(run, path, made):
    return run.check(f'"fname":{json.dumps(str(path))}', made)


COMM = {"comm": "opens"}


def test_every_open_is_delivered_or_counted_at_full_speed(gadgetctl, tmp_path):
    path = tmp_path / "no-such-file"
    with Run(gadgetctl, tmp_path, gadget="trace_open", params=COMM) as run:
        attach(run, tmp_path)
        made = open_often(path, OPENS)
        delivered, _ = check(run, path, made)
    assert delivered > 0


def test_every_open_is_delivered_or_counted_when_the_reader_stalls(gadgetctl, tmp_path):
    path = tmp_path / "no-such-file"
    with Run(gadgetctl, tmp_path, gadget="trace_open", params=COMM) as run:
        attach(run, tmp_path)
        run.may_read.clear()
        stalled = time.monotonic()
        made = open_often(path, OPENS)
        wait_until(lambda: time.monotonic() - stalled >= 5, "the reader's pause to be over")
        run.may_read.set()
        delivered, lost = check(run, path, made)
    assert delivered > 0
    assert lost > 0, "the stall was too short to mean anything"


def test_every_open_is_delivered_or_counted_with_a_ring_that_must_lose(gadgetctl, tmp_path):
    path = tmp_path / "no-such-file"
    with Run(gadgetctl, tmp_path, gadget="trace_open", params=COMM, ring="64KiB") as run:
        attach(run, tmp_path)
        run.may_read.clear()
        began = time.monotonic()

        def read_again():
            wait_until(lambda: time.monotonic() - began >= 1, "the ring to have been full")
            run.may_read.set()

        made = open_often(path, OPENS, read_again)
        delivered, lost = check(run, path, made)
    assert delivered > 0
    assert lost > 0


def test_a_single_hidden_drop_unbalances_the_books(gadgetctl, tmp_path):
    """The object tests/bpf/hide_drop loses one record without counting it."""
    with Run(gadgetctl, tmp_path, gadget=f"{BUILD}/tests/bpf/hide_drop.o",
             params={"pid": os.getpid()}) as run:
        def seen():
            os.getppid()
            return run.has(b"getppid")

        wait_until(seen, "the gadget to be attached")
        run.may_read.clear()
        # Fill the reader's buffers, then the ring: from then on reserves fail.
        for _ in range(600_000):
            os.getppid()
        run.may_read.set()
        source, books = run.finish()
        assert run.process.popen.returncode == 70, run.process.stderr
    assert source["lost"] > 0
    assert source["attempts"] == source["lost"] + source["discarded"] + source["read"] + 1
    assert not books["balanced"]
    assert "attempts" in books["imbalance"]
