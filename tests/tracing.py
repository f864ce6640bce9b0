# SPDX-License-Identifier: Apache-2.0
"""A gadget at work on the live kernel, for the tests of single gadgets."""

import json
import os
import threading

from support import DEADLINE, SCALE, wait_until

PATIENCE = DEADLINE * 10 * SCALE


class Tracer:
    """A gadget on all of the host, or on what its flags choose, from attached to detached."""

    def __init__(self, gadgetctl, gadget, *flags):
        self.process = gadgetctl.start("run", gadget, "-o", "json", *flags)

    def __enter__(self):
        self.process.__enter__()
        return self

    def __exit__(self, *what):
        self.process.__exit__(*what)

    def seen(self, action, wanted):
        """Do `action` again and again until a record is `wanted`; return that record."""
        def look():
            action()
            return self.find(wanted)
        assert self.process.running, self.process.stderr
        return wait_until(look, f"a record of {action} ({self.process.stderr})")

    def find(self, wanted):
        return next((r for r in self.process.records() if wanted(r)), None)

    def stop(self):
        """All records, when the gadget is detached and everything is printed."""
        assert self.process.stop() == 0, self.process.stderr
        return self.process.records()


def thread_of_this_test():
    """What `proc` says of the thread that runs the test."""
    def comm(path):
        with open(path, encoding="utf-8") as f:
            return f.read().rstrip("\n")
    parent = os.getppid()
    return {
        "comm": comm(f"/proc/self/task/{threading.get_native_id()}/comm"),
        "pid": os.getpid(),
        "tid": threading.get_native_id(),
        "mntns_id": os.stat("/proc/self/ns/mnt").st_ino,
        "creds": {"uid": os.getuid(), "gid": os.getgid()},
        "parent": {"comm": comm(f"/proc/{parent}/comm"), "pid": parent, "tid": parent},
    }


def pipeline(tmp_path, gadget, ring=None, params=None, fields=None, **options):
    """A pipeline file that prints everything as JSON and never drops what it has read."""
    text = {
        "sources": {"s": {"type": "gadget", "gadget": gadget, "params": params or {}, **options}},
        "sinks": {"out": {"type": "stdout", "inputs": ["s.*"], "codec": "json",
                          "buffer": {"when_full": "block", "memory": "1MiB"}}},
    }
    if fields:
        text["stages"] = {"few": {"type": "select", "inputs": ["s.*"], "fields": fields}}
        text["sinks"]["out"]["inputs"] = ["few"]
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

    def count(self, wanted):
        """Records with this JSON in them, and the losses told in the stream."""
        wanted = wanted.encode()
        records, told, numbers = 0, 0, 0
        with open(self.output, "rb") as lines:
            for n, line in enumerate(lines):
                if line.startswith(b'{"_loss"'):
                    loss = json.loads(line)["_loss"]
                    assert loss["reason"] == "ring_full"
                    assert loss["n"] == loss["to_seq"] - loss["from_seq"] + 1
                    told += loss["n"]
                elif wanted in line:
                    records += 1
                if n % 1000 == 0:
                    json.loads(line)
                    numbers += 1
        assert numbers
        return records, told

    def check(self, wanted, made):
        """End it: delivered plus counted lost is what was made; the stream tells the same losses.

        Returns how many were delivered and how many lost."""
        source, books = self.finish()
        records, told = self.count(wanted)
        assert books["balanced"], books
        assert records + source["lost"] == made
        assert told == source["lost"] == books["losses"] - source["missed"]
        assert source["attempts"] == source["lost"] + source["discarded"] + source["read"]
        return records, source["lost"]
