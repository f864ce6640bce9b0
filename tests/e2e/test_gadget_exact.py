# SPDX-License-Identifier: Apache-2.0
"""Exactness: every open a workload counted is delivered or counted as lost, to the last one."""

import json
import os
import subprocess
import threading
import time

import pytest

from support import BUILD, DEADLINE, SCALE, Process, clean_env, wait_until, workload

pytestmark = pytest.mark.usefixtures("needs_bpf")

OPENS = 1_000_000 * SCALE
PATIENCE = DEADLINE * 10 * SCALE


def pipeline(tmp_path, gadget, ring=None, params=None):
    """A pipeline file that prints everything as JSON and never drops what it has read."""
    text = {
        "sources": {"s": {"type": "gadget", "gadget": gadget, "params": params or {}}},
        "sinks": {"out": {"type": "stdout", "inputs": ["s"], "codec": "json",
                          "buffer": {"when_full": "block", "memory": "1MiB"}}},
    }
    if ring:
        text["sources"]["s"]["ring"] = {"size": ring}
    path = tmp_path / "pipeline.yaml"
    path.write_text(json.dumps(text), encoding="utf-8")
    return path


class Run:
    """gadgetctl with its output in a pipe, which a thread empties into a file when told."""

    def __init__(self, gadgetctl, tmp_path, **how):
        self.output = tmp_path / "out.jsonl"
        self.report = tmp_path / "books.json"
        self.output.touch()
        self.may_read = threading.Event()
        self.may_read.set()
        self.pipe, write_end = os.pipe()
        self.process = gadgetctl.start("run", "-f", pipeline(tmp_path, **how), "--report",
                                       self.report, "--shutdown-timeout", "60s",
                                       stdout=write_end)
        os.close(write_end)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        with open(self.output, "wb", buffering=0) as out:
            while self.may_read.wait() and (data := os.read(self.pipe, 1 << 20)):
                out.write(data)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.may_read.set()
        self.process.kill()
        self.reader.join(DEADLINE)
        os.close(self.pipe)

    def has(self, text):
        assert self.process.running, self.process.stderr
        return text in self.output.read_bytes()

    def finish(self):
        """End it; returns the account of the source, and the books."""
        assert self.process.stop(PATIENCE) in (0, 70), self.process.stderr
        self.reader.join(DEADLINE)
        books = json.loads(self.report.read_text(encoding="utf-8"))
        return books["accounts"][0], books

    def count(self, path):
        """Records of that path, all of them different, and the losses told in the stream."""
        wanted = f'"fname":{json.dumps(str(path))}'.encode()
        opens, told, numbers = 0, 0, 0
        with open(self.output, "rb") as lines:
            for n, line in enumerate(lines):
                if line.startswith(b'{"_loss"'):
                    loss = json.loads(line)["_loss"]
                    assert loss["reason"] == "ring_full"
                    assert loss["n"] == loss["to_seq"] - loss["from_seq"] + 1
                    told += loss["n"]
                elif wanted in line:
                    opens += 1
                if n % 1000 == 0:
                    json.loads(line)
                    numbers += 1
        assert numbers
        return opens, told


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
    """Delivered plus counted lost is what was made; the stream tells the same losses."""
    source, books = run.finish()
    opens, told = run.count(path)
    assert books["balanced"], books
    assert opens + source["lost"] == made
    assert told == source["lost"] == books["losses"] - source["missed"]
    assert source["attempts"] == source["lost"] + source["discarded"] + source["read"]
    return opens, source["lost"]


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
