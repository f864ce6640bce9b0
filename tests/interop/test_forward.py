# SPDX-License-Identifier: Apache-2.0
"""Records through the forward sink to an independent server that delays, forgets, lies and cuts."""

import json
from collections import defaultdict

import pytest

from pipelines import Pipeline
from receivers import ForwardReceiver
from support import SCALE, free_port, wait_until

# Faults under which no acknowledgement is lost: every record comes exactly once.
HARMLESS = {
    "none": {},
    "late acks": {"ack_delay_ms": 20},
    "stalls": {"stall_every": 7, "stall_ms": 200},
}
# Faults that lose acknowledgements: whole messages may come again.
HARMFUL = {
    "forgotten acks": {"drop_ack_every": 7},
    "acks for others": {"wrong_ack_every": 7},
    "cut in a message": {"cut_mid_every": 9},
    "cut before the ack": {"cut_ack_every": 9},
    "everything": {"drop_ack_every": 13, "wrong_ack_every": 17, "cut_mid_every": 11,
                   "cut_ack_every": 19, "stall_every": 23, "stall_ms": 100, "ack_delay_ms": 2},
}


def forward(address, **options):
    return {"type": "forward", "inputs": ["made"], "address": address, "ack_timeout": "1s",
            "buffer": {"when_full": "block"}, "retry": {"initial": "10ms", "max": "100ms"},
            # Small messages, so that every fault strikes often.
            "batch": {"max_bytes": "16KiB"}, **options}


def generate(count, **options):
    return {"type": "generate", "count": count, **options}


def messages_by_number(rows):
    """For each record the ids of the messages it came in."""
    came = defaultdict(list)
    for row in rows:
        came[row["record"]["number"]].append(row["chunk"])
    return came


def check_all(rows, count):
    """Every record came; one that came again did so in the same message. Returns how many did."""
    came = messages_by_number(rows)
    assert sorted(came) == list(range(1, count + 1))
    for number, ids in came.items():
        assert len(set(ids)) == 1, f"{number} came in {ids}"
    return len(rows) - count


@pytest.mark.parametrize("faults", HARMLESS.values(), ids=HARMLESS)
def test_every_record_comes_once(gadgetctl, tmp_path, faults):
    count = 30_000 * SCALE
    with ForwardReceiver(tmp_path / "got", fields=["number"], faults=faults) as server:
        books = Pipeline(gadgetctl, tmp_path, sources={"made": generate(count)},
                         sinks={"out": forward(server.address, ack_timeout="30s")}).run()
        stats = server.stats()
        rows = server.rows()
    assert stats["violations"] == [] and stats["connections"] == 1
    assert check_all(rows, count) == 0
    assert books["out"]["delivered"] == count and books["out"]["retries"] == 0


@pytest.mark.parametrize("faults", HARMFUL.values(), ids=HARMFUL)
def test_lost_acks_and_connections_lose_no_record(gadgetctl, tmp_path, faults):
    count = 30_000 * SCALE
    with ForwardReceiver(tmp_path / "got", fields=["number"], faults=faults) as server:
        books = Pipeline(gadgetctl, tmp_path, sources={"made": generate(count)},
                         sinks={"out": forward(server.address)}).run()
        stats = server.stats()
        rows = server.rows()
    assert stats["violations"] == []
    again = check_all(rows, count)
    assert (again > 0) == (stats["chunks_again"] > 0)
    assert again <= books["out"]["maybe_twice"]
    assert books["out"]["delivered"] == count and books["out"]["retries"] > 0
    lost_acks = stats.get("acks_dropped", 0) + stats.get("acks_wrong", 0)
    if not stats["cuts"]:
        # Nothing but the message whose acknowledgement was lost is sent twice.
        assert stats["chunks_again"] == lost_acks > 0


def test_a_million_records_at_full_speed(gadgetctl, tmp_path):
    count = 1_000_000
    with ForwardReceiver(tmp_path / "got", fields=["number"]) as server:
        books = Pipeline(gadgetctl, tmp_path, sources={"made": generate(count)},
                         sinks={"out": forward(server.address, batch={})}).run()
        stats = server.stats()
        rows = server.rows()
    assert stats["violations"] == []
    assert [row["record"]["number"] for row in rows] == list(range(1, count + 1))
    assert books["out"]["delivered"] == count


def test_records_arrive_unchanged_under_the_tag_of_their_event(gadgetctl, tmp_path):
    count = 5000
    sinks = {"out": forward("", batch={"timeout": "5ms"}),
             "copy": {"type": "file", "inputs": ["*"], "path": "copy.ndjson",
                      "buffer": {"when_full": "block"}}}
    with ForwardReceiver(tmp_path / "got") as server:
        sinks["out"].update(address=server.address, inputs=["*"])
        Pipeline(gadgetctl, tmp_path, sinks=sinks,
                 sources={"a": generate(count, event="first", rate=20_000),
                          "b": generate(count, event="second", rate=20_000, seed=7)}).run()
        stats = server.stats()
        rows = server.rows()
    assert stats["violations"] == []
    # Records of two kinds alternate, and yet travel in few messages.
    assert stats["packed_messages"] < count
    with open(tmp_path / "copy.ndjson", encoding="utf-8") as lines:
        copy = [json.loads(line) for line in lines]
    for event in ("first", "second"):
        got = [row for row in rows if row["tag"] == f"gadget.{event}"]
        assert [row["record"] for row in got] == [r for r in copy if r["event"] == event]
        assert all(row["time_ns"] == row["record"]["timestamp_raw"] for row in got)
    assert len(rows) == 2 * count


def test_a_server_killed_under_load_and_started_again_gets_the_rest(gadgetctl, tmp_path):
    count, port = 60_000 * SCALE, free_port()
    got = tmp_path / "got"
    server = ForwardReceiver(got, port=port, fields=["number"])
    pipeline = Pipeline(gadgetctl, tmp_path, sources={"made": generate(count, rate=20_000)},
                        sinks={"out": forward(server.address)})
    with pipeline.start("--shutdown-timeout", "60s") as process:
        with server:
            # What the server acknowledged it must have written: read all, then kill it.
            server.wait_records(10_000)
            server.set_faults(drop_ack_every=1)
            server.wait_records(server.stats()["records"] + 1)
            kept = server.rows()
            server.kill()
        process.wait_for("; retrying", "stderr")
        assert process.running
        got.write_text("".join(json.dumps(row) + "\n" for row in kept), encoding="ascii")
        with ForwardReceiver(got, port=port, fields=["number"]) as server:
            books = pipeline.finish(process)
            rows = server.rows()
    assert check_all(rows, count) <= books["out"]["maybe_twice"]
    assert books["out"]["delivered"] == count and books.losses == 0


def test_a_server_that_never_comes_costs_only_what_is_counted(gadgetctl, tmp_path):
    pipeline = Pipeline(gadgetctl, tmp_path, sources={"made": generate(0, rate=10_000)},
                        sinks={"out": forward(f"127.0.0.1:{free_port()}")})
    with pipeline.start("--shutdown-timeout", "300ms", "--fail-on-loss") as process:
        process.wait_for(r"sink 'out': cannot connect to '127\.0\.0\.1:\d+': connection refused; "
                         "retrying", "stderr")
        assert process.stop() == 3
        books = pipeline.finish(process, code=3)
    assert books["out"]["dropped"]["shutdown"] == books["out"]["in"] > 0


def test_without_acks_records_come_once_and_are_not_waited_for(gadgetctl, tmp_path):
    count = 30_000 * SCALE
    with ForwardReceiver(tmp_path / "got", fields=["number"]) as server:
        books = Pipeline(gadgetctl, tmp_path, sources={"made": generate(count)},
                         sinks={"out": forward(server.address, require_ack=False)}).run()
        wait_until(lambda: server.stats()["records"] >= count, "the last records")
        stats = server.stats()
        rows = server.rows()
    assert stats["violations"] == [] and stats["acks"] == 0
    assert [row["record"]["number"] for row in rows] == list(range(1, count + 1))
    assert books["out"]["delivered"] == count
