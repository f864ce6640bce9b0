# SPDX-License-Identifier: Apache-2.0
"""The msgpack receivers as processes under a test's control."""

import json
import os
import sys

from support import Process, wait_until

HERE = os.path.dirname(os.path.abspath(__file__))


class Receiver:
    """A receiver of this folder; use as a context manager.

    `out` is the file its records go to, `faults` the modes it starts with.
    """

    SCRIPT = None

    def __init__(self, out, *, port=0, fields=None, faults=None):
        argv = [sys.executable, f"{HERE}/{self.SCRIPT}", "--port", port, "--out", out]
        if fields:
            argv += ["--fields", ",".join(fields)]
        if faults:
            argv += ["--faults", json.dumps(faults)]
        self.out = out
        self.process = Process(argv)
        self.answered = 0
        self.port = self._answer()["port"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.__exit__()

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def stats(self):
        return self._ask("stats")

    def set_faults(self, **faults):
        self._ask("faults " + json.dumps(faults))

    def kill(self):
        """kill -9: what was received but not written to `out` yet is lost."""
        self.process.kill()

    def wait_records(self, n, timeout=60):
        """Wait until at least n records came; return the statistics."""
        def enough():
            stats = self.stats()
            return stats if stats["records"] >= n else None
        return wait_until(enough, f"{n} records at {self.SCRIPT}", timeout)

    def rows(self):
        """Every line of `out`, after the receiver has written all it has."""
        if self.process.running:
            self.stats()
        with open(self.out, encoding="ascii") as lines:
            return [json.loads(line) for line in lines]

    def _ask(self, command):
        self.process.send(command + "\n")
        return self._answer()

    def _answer(self):
        self.answered += 1
        wait_until(lambda: self.process.stdout.count("\n") >= self.answered
                   or not self.process.running, f"an answer of {self.SCRIPT}")
        assert self.process.running, f"{self.SCRIPT} ended: {self.process.stderr}"
        return json.loads(self.process.stdout.splitlines()[self.answered - 1])


class ForwardReceiver(Receiver):
    SCRIPT = "forward_server.py"


class MsgpackReceiver(Receiver):
    SCRIPT = "msgpack_server.py"
