# SPDX-License-Identifier: Apache-2.0
"""The pipeline execs-and-opens: two gadgets, one filter, three destinations."""

import json
import os
import subprocess
import uuid
from collections import Counter

import pytest

from kafka_broker import KafkaMock
from pipelines import Books
from receivers import ForwardReceiver
from support import Process, wait_until

pytestmark = pytest.mark.usefixtures("needs_bpf")

OPENS, EXECS = 300, 30


def open_missing(path):
    try:
        os.close(os.open(path, os.O_RDONLY))
    except FileNotFoundError:
        return
    raise AssertionError(f"{path} exists")


def do_work(mark):
    """OPENS opens below /etc, as many elsewhere, and EXECS execs; all carry the mark."""
    for i in range(OPENS):
        open_missing(f"/etc/{mark}-{i}")
        open_missing(f"/var/{mark}-{i}")
    for i in range(EXECS):
        subprocess.run(["/bin/true", f"{mark}-{i}"], check=True)


def summary(records, mark):
    """How often each event of do_work() is there."""
    seen = Counter()
    mark += "-"
    for record in records:
        if record["event"] == "open" and mark in record["fname"]:
            seen["open", record["fname"]] += 1
        elif record["event"] == "exec" and mark in str(record["args"]):
            seen["exec", record["args"][1]] += 1
    return seen


def expected(mark):
    return Counter([("open", f"/etc/{mark}-{i}") for i in range(OPENS)] +
                   [("exec", f"{mark}-{i}") for i in range(EXECS)])


def attached(run, mark):
    """Both gadgets are: an open and an exec came through."""
    open_missing(f"/etc/first-{mark}")
    subprocess.run(["/bin/true", f"first-{mark}"], check=True)
    assert run.running, run.stderr
    seen = [r["event"] for r in run.records() if f"first-{mark}" in json.dumps(r)]
    return {"open", "exec"} <= set(seen)


def test_every_event_reaches_json_kafka_and_forward_once(gadgetctl, tmp_path):
    mark = uuid.uuid4().hex[:12]
    report = tmp_path / "books.json"
    with KafkaMock() as kafka, ForwardReceiver(tmp_path / "forward.ndjson") as forward:
        kafka.command("topic host-events 3")
        env = dict(gadgetctl.env, KAFKA_BROKERS=kafka.bootstrap, FORWARD_ADDRESS=forward.address)
        with Process([gadgetctl.path, "run", "-f", "pipelines/execs-and-opens.yaml", "--report",
                      report], env=env) as run:
            wait_until(lambda: attached(run, mark), "both gadgets to be attached")
            do_work(mark)
            assert run.stop() == 0, run.stderr
            printed = run.records()
        sent = [json.loads(m.value) for m in kafka.consume("host-events")]
        received = [row["record"] for row in forward.rows()]
    books = Books(report).check()
    assert books.losses == 0, run.stderr
    assert summary(printed, mark) == expected(mark)
    assert summary(sent, mark) == expected(mark)
    assert summary(received, mark) == expected(mark)
    assert books["out"]["delivered"] == len(printed)
    assert books["bus"]["delivered"] == len(sent)
    assert books["collector"]["delivered"] == len(received)
