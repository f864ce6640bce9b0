# SPDX-License-Identifier: Apache-2.0
"""Perf event arrays, the fall-back to them, and several data sources: exact at full speed."""

import collections
import json
import subprocess
import time

import pytest

from support import BUILD, SCALE, Process, clean_env, wait_until, workload
from tracing import PATIENCE, Run

pytestmark = pytest.mark.usefixtures("needs_bpf")

CALLS = 200_000 * SCALE
COMM = {"comm": "calls"}


def attach(run, events):
    """Wait until the gadget sees the calls of processes called `calls`, of every kind."""
    def seen():
        subprocess.run([workload("calls"), "1", "1"], stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, check=True)
        return all(run.has(f'"event":"{event}"'.encode()) for event in events)

    wait_until(seen, "the gadget to be attached")


def call_often(run, stall):
    """Run the workload to its end while nobody reads for `stall` seconds; its process id."""
    with Process([workload("calls"), CALLS, 2], env=clean_env()) as calls:
        if stall:
            run.may_read.clear()
        began = time.monotonic()
        calls.send("go\n")
        calls.popen.stdin.close()
        wait_until(lambda: time.monotonic() - began >= stall, "the reader's pause to be over")
        run.may_read.set()
        assert calls.wait(PATIENCE) == 0, calls.stderr
        return int(calls.stdout)


def tally(run, pid):
    """What the stream says of each event: records of that process, and losses."""
    records, lost = collections.Counter(), collections.Counter()
    ids = set()
    with open(run.output, "rb") as lines:
        for line in map(json.loads, lines):
            if "_loss" in line:
                assert line["_loss"]["reason"] == "ring_full" and "cpu" in line["_loss"]
                lost[line["_loss"]["event"]] += line["_loss"]["n"]
                continue
            assert line["@id"] not in ids
            ids.add(line["@id"])
            if line.get("pid") == pid or line.get("proc", {}).get("pid") == pid:
                records[line["event"]] += 1
    return records, lost


def run_and_check(gadgetctl, tmp_path, events, stall, **how):
    """Every call of the workload is a record or counted as lost, of each kind."""
    fields = ["@id", "event", how.pop("pid", "pid")]
    with Run(gadgetctl, tmp_path, params=COMM, fields=fields, **how) as run:
        attach(run, events)
        pid = call_often(run, stall)
        source, books = run.finish()
        records, lost = tally(run, pid)
    assert books["balanced"], books
    for event in events:
        assert records[event] + lost[event] == CALLS
        assert records[event] > 0
    assert sum(lost.values()) == source["lost"]
    return source


def test_perf_array_is_exact_at_full_speed(gadgetctl, tmp_path):
    run_and_check(gadgetctl, tmp_path, ["getppid"], 0, gadget=f"{BUILD}/tests/bpf/perf_only.o")


def test_perf_array_is_exact_when_it_must_lose(gadgetctl, tmp_path):
    source = run_and_check(gadgetctl, tmp_path, ["getppid"], 2, ring="64KiB",
                           gadget=f"{BUILD}/tests/bpf/perf_only.o")
    assert source["lost"] > 0


def test_fall_back_to_perf_buffers_is_exact_when_it_must_lose(gadgetctl, tmp_path):
    source = run_and_check(gadgetctl, tmp_path, ["getppid"], 2, ring="64KiB", transport="perf",
                           gadget=f"{BUILD}/tests/bpf/raw_tp.o", pid="proc.pid")
    assert source["lost"] > 0
    assert source["attempts"] == source["lost"] + source["read"]


def one_liner(gadgetctl, *flags):
    """What a one-liner with several data sources prints of a process that makes each call once."""
    with gadgetctl.start("run", f"{BUILD}/tests/bpf/several.o", "--comm", "calls", *flags) as run:
        def look():
            subprocess.run([workload("calls"), "1", "1"], stdin=subprocess.DEVNULL, check=True,
                           stdout=subprocess.DEVNULL, env=clean_env())
            return not run.running
        wait_until(look, "the end of the run")
        assert run.wait() == 0, run.stderr
        return run.stdout.splitlines()


def test_a_one_liner_shows_all_data_sources(gadgetctl):
    records = [json.loads(line) for line in one_liner(gadgetctl, "-o", "json", "-n", 30)]
    assert {r["event"] for r in records} == {"getppid", "getpgid", "getsid"}
    assert all(("behind" in r) == (r["event"] != "getppid") for r in records)


def test_a_table_of_all_data_sources_says_which_each_row_is_from(gadgetctl):
    rows = [line.split() for line in one_liner(gadgetctl, "-n", 30)]
    headers = [row for row in rows if row[0] == "EVENT"]
    assert sorted(header[-1] for header in headers) == ["BEHIND", "PADDING"]
    assert {row[0] for row in rows} == {"EVENT", "getppid", "getpgid", "getsid"}


def test_flags_may_name_fields_that_only_some_data_sources_have(gadgetctl):
    kept = [json.loads(line) for line in
            one_liner(gadgetctl, "-o", "json", "-n", 20, "-F", "behind == 1")]
    assert {r["event"] for r in kept} == {"getpgid", "getsid"}
    shown = [json.loads(line) for line in
             one_liner(gadgetctl, "-o", "json", "-n", 30, "--fields", "event,behind")]
    assert {(r["event"], r.get("behind")) for r in shown} == {
        ("getppid", None), ("getpgid", 1), ("getsid", 1)}
    wrong = gadgetctl.run("run", f"{BUILD}/tests/bpf/several.o", "--fields", "count,nowhere")
    assert wrong.returncode == 2 and "--fields:1:7: " in wrong.stderr


def test_several_data_sources_are_exact_each(gadgetctl, tmp_path):
    source = run_and_check(gadgetctl, tmp_path, ["getppid", "getpgid", "getsid"], 2, ring="64KiB",
                           gadget=f"{BUILD}/tests/bpf/several.o")
    assert source["lost"] > 0
    assert source["attempts"] == source["lost"] + source["read"]


def test_losses_are_told_where_nobody_counts_attempts(gadgetctl, tmp_path):
    source = run_and_check(gadgetctl, tmp_path, ["getppid"], 2,
                           gadget=f"{BUILD}/tests/bpf/abi_lost.o")
    assert source["lost"] > 0
