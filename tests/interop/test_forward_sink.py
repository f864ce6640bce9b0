# SPDX-License-Identifier: Apache-2.0
"""Records through the forward and msgpack sinks to receivers that are late, lie, or hang up.

The receivers share no code with the program.  They write down what they took, with the
chunk it came in, so that what came twice can be told from what was sent twice.
"""

import signal
import time
from collections import Counter, defaultdict

import pytest

from pipelines import Pipeline
from receivers import ForwardReceiver, MsgpackReceiver
from support import SCALE, free_port, wait_until

COUNT = 100_000 * SCALE

# What the receiver does wrong.  Each strikes at every so-many-th message.
FORWARD_FAULTS = {
    "none": {},
    "late acks": {"ack_delay_ms": 20},
    "lost acks": {"drop_ack_every": 11},
    "wrong acks": {"wrong_ack_every": 7},
    "cut inside a message": {"cut_mid_every": 9},
    "cut before the ack": {"cut_ack_every": 8},
    "stalls": {"stall_every": 10, "stall_ms": 200},
    "everything": {"ack_delay_ms": 1, "drop_ack_every": 13, "wrong_ack_every": 17,
                   "cut_mid_every": 19, "cut_ack_every": 23, "stall_every": 29, "stall_ms": 50},
}
CERTAIN = {"none", "late acks", "stalls"}  # the faults that lose no acknowledgement


def sink(kind, receiver, **options):
    return {"type": kind, "inputs": ["made"], "address": receiver.address,
            "buffer": {"when_full": "block"}, "retry": {"initial": "10ms", "max": "100ms"},
            **options}


def generate(count, **options):
    return {"type": "generate", "count": count, **options}


def check_rows(rows, books, node):
    """All of 1..COUNT came; what came again came in the same chunk, and the books allow it."""
    seen, chunks = Counter(), defaultdict(set)
    for row in rows:
        number = row["record"]["number"]
        seen[number] += 1
        chunks[number].add(row.get("chunk"))
    assert sorted(seen) == list(range(1, COUNT + 1))
    again = sum(seen.values()) - COUNT
    assert again <= books[node]["maybe_twice"], f"{again} came twice"
    assert all(len(ids) == 1 for ids in chunks.values()), "sent again under another chunk id"
    assert books[node]["delivered"] == COUNT
    return again


@pytest.mark.parametrize("fault", FORWARD_FAULTS)
def test_forward_delivers_everything_to_a_receiver_with(gadgetctl, tmp_path, fault):
    with ForwardReceiver(tmp_path / "got.ndjson", fields=["number"],
                         faults=FORWARD_FAULTS[fault]) as receiver:
        patience = "20s" if fault in CERTAIN else "300ms"
        books = Pipeline(gadgetctl, tmp_path, sources={"made": generate(COUNT)},
                         sinks={"out": sink("forward", receiver, ack_timeout=patience)}).run()
        again = check_rows(receiver.rows(), books, "out")
        stats = receiver.stats()
        assert stats["violations"] == []
        assert stats["packed_messages"] > 20, "too few messages for the faults to strike"
        if fault in CERTAIN:
            assert again == 0 and books["out"]["retries"] == 0
        else:
            assert books["out"]["retries"] > 0, "the fault did not strike"


def test_forward_waits_for_a_receiver_that_is_killed_and_comes_back(gadgetctl, tmp_path):
    port = free_port()
    with ForwardReceiver(tmp_path / "before.ndjson", port=port, fields=["number"]) as first:
        pipeline = Pipeline(gadgetctl, tmp_path, sources={"made": generate(COUNT, rate=50_000)},
                            sinks={"out": sink("forward", first)})
        with pipeline.start() as process:
            first.wait_records(1000)
            # A reader that is not told to stop keeps what it has acknowledged.
            first.set_faults(cut_mid_every=1)
            kept = first.rows()
            first.kill()
            time.sleep(0.5)  # how long it is away
            assert process.running, process.stderr
            with ForwardReceiver(tmp_path / "after.ndjson", port=port, fields=["number"]) as second:
                books = pipeline.finish(process)
                check_rows(kept + second.rows(), books, "out")
                assert second.stats()["violations"] == []


def test_forward_fields_and_times_arrive_as_json_shows_them(gadgetctl, tmp_path):
    with ForwardReceiver(tmp_path / "got.ndjson") as receiver:
        sinks = {"out": sink("forward", receiver, tag="test.{event}"),
                 "copy": {"type": "file", "inputs": ["made"], "path": "copy.ndjson"}}
        Pipeline(gadgetctl, tmp_path, sources={"made": generate(1000, event="made")},
                 sinks=sinks).run()
        rows = receiver.rows()
    copy = Pipeline.records(tmp_path / "copy.ndjson")
    assert [row["tag"] for row in rows] == ["test.made"] * 1000
    assert [row["time_ns"] for row in rows] == [c["timestamp_raw"] for c in copy]
    assert [row["record"] for row in rows] == copy


def test_msgpack_delivers_everything_in_order(gadgetctl, tmp_path):
    with MsgpackReceiver(tmp_path / "got.ndjson", fields=["number"],
                         faults={"stall_every": COUNT // 3, "stall_ms": 500}) as receiver:
        books = Pipeline(gadgetctl, tmp_path, sources={"made": generate(COUNT)},
                         sinks={"out": sink("msgpack", receiver)}).run()
        receiver.wait_records(COUNT)
        assert [row["record"]["number"] for row in receiver.rows()] == list(range(1, COUNT + 1))
        stats = receiver.stats()
    assert (stats["violations"], stats["torn"]) == ([], 0)
    assert books["out"]["delivered"] == COUNT
    assert books.losses == 0


def unread_bytes(port):
    """Bytes on their way to a port of loopback that its kernel has not confirmed."""
    with open("/proc/net/tcp", encoding="ascii") as lines:
        rows = [line.split() for line in lines][1:]
    return sum(int(row[4].split(":")[0], 16) for row in rows if row[2].endswith(f":{port:04X}"))


def test_msgpack_sends_again_what_the_peer_did_not_confirm(gadgetctl, tmp_path):
    """What the dead receiver's kernel had confirmed but nobody read is gone: no protocol, no ack."""
    port = free_port()
    with MsgpackReceiver(tmp_path / "before.ndjson", port=port, fields=["number"]) as first:
        pipeline = Pipeline(gadgetctl, tmp_path, sources={"made": generate(COUNT)},
                            sinks={"out": sink("msgpack", first)})
        first.process.signal(signal.SIGSTOP)
        with pipeline.start() as process:
            wait_until(lambda: unread_bytes(port), "the receiver's buffers to be full")
            first.kill()
            with MsgpackReceiver(tmp_path / "after.ndjson", port=port, fields=["number"]) as second:
                books = pipeline.finish(process)
                wait_until(lambda: second.stats()["torn"] == 0 and
                           any(r["record"]["number"] == COUNT for r in second.rows()), "the last")
                seen = Counter(row["record"]["number"] for row in second.rows())
                assert second.stats()["violations"] == []
    assert books["out"]["delivered"] == COUNT
    assert books["out"]["retries"] > 0
    # Nothing is missing behind the first record that was sent again.
    assert sorted(seen) == list(range(min(seen), COUNT + 1))
