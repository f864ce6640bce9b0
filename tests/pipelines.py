# SPDX-License-Identifier: Apache-2.0
"""Pipelines run by tests, and their books.

The books are checked again here, from the terms in the report alone, so that a
mistake in the program's own check is found too.
"""

import json


class Books:
    """The accounts of a --report file."""

    def __init__(self, path):
        with open(path, encoding="utf-8") as f:
            self.report = json.load(f)
        self.accounts = {a["id"]: a for a in self.report["accounts"]}

    def __getitem__(self, node):
        return self.accounts[node]

    def of_kind(self, kind):
        return [a for a in self.report["accounts"] if a["kind"] == kind]

    def check(self):
        """AssertionError unless everything has ended and every equation holds."""
        assert self.report["final"], "the books are not final"
        for account in self.report["accounts"]:
            CHECKS[account["kind"]](account)
        assert self.report["balanced"], self.report.get("imbalance")
        return self

    @property
    def losses(self):
        return self.report["losses"]


def check_source(a):
    if "attempts" in a:
        assert a["attempts"] == a["lost"] + a["discarded"] + a["read"], a
    assert a["read"] == a["out"] + a["unread"] + sum(a["counters"].values()), a


def check_stage(a):
    assert a["in"] + a["created"] == a["out"] + sum(a["counters"].values()), a


def check_sink(a):
    assert a["held"] == 0, a
    assert a["rejected"] == sum(a["counters"].values()), a
    assert a["in"] == a["delivered"] + a["rejected"] + sum(a["dropped"].values()), a


CHECKS = {"source": check_source, "stage": check_stage, "sink": check_sink}


class Pipeline:
    """A pipeline file below a folder, and the runs of it.

    Sections are dictionaries; JSON is YAML, so that is how they are written.
    """

    def __init__(self, gadgetctl, folder, *, sources, sinks, stages=None):
        self.gadgetctl = gadgetctl
        self.report = folder / "books.json"
        self.path = folder / "pipeline.yaml"
        sections = {"sources": sources, "stages": stages, "sinks": sinks}
        text = json.dumps({k: v for k, v in sections.items() if v}, indent=1)
        self.path.write_text(text, encoding="utf-8")

    def _args(self, flags):
        return ["run", "-f", self.path, "--report", self.report, *flags]

    def start(self, *flags):
        return self.gadgetctl.start(*self._args(flags))

    def run(self, *flags, timeout=120):
        """Run to the end, which must be a good one; return the books, checked."""
        with self.start(*flags) as process:
            return self.finish(process, timeout)

    def finish(self, process, timeout=120, code=0):
        """Wait for the end of a started run; return the books, checked."""
        got = process.wait(timeout)
        assert got == code, f"exit code {got}: {process.stderr[-4000:]}"
        return Books(self.report).check()
