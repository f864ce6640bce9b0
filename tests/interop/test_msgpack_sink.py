# SPDX-License-Identifier: Apache-2.0
"""Records through the msgpack sink to a receiver that stalls, cuts and goes away."""

import json
import signal

from pipelines import Pipeline
from receivers import MsgpackReceiver
from support import SCALE, free_port, wait_until


def msgpack(address, **options):
    return {"type": "msgpack", "inputs": ["made"], "address": address,
            "buffer": {"when_full": "block"}, "retry": {"initial": "10ms", "max": "100ms"},
            **options}


def generate(count, **options):
    return {"type": "generate", "count": count, **options}


def numbers(server):
    return [row["record"]["number"] for row in server.rows()]


def test_a_million_records_come_once_and_in_order(gadgetctl, tmp_path):
    count = 1_000_000
    with MsgpackReceiver(tmp_path / "got", fields=["number"]) as server:
        books = Pipeline(gadgetctl, tmp_path, sources={"made": generate(count)},
                         sinks={"out": msgpack(server.address)}).run()
        stats = server.wait_records(count)
        assert numbers(server) == list(range(1, count + 1))
    assert stats["violations"] == [] and stats["torn"] == 0
    assert books["out"]["delivered"] == count


def test_records_arrive_unchanged(gadgetctl, tmp_path):
    count = 5000
    with MsgpackReceiver(tmp_path / "got") as server:
        Pipeline(gadgetctl, tmp_path, sources={"made": generate(count)},
                 sinks={"out": msgpack(server.address),
                        "copy": {"type": "file", "inputs": ["made"], "path": "copy.ndjson",
                                 "buffer": {"when_full": "block"}}}).run()
        server.wait_records(count)
        got = [row["record"] for row in server.rows()]
    with open(tmp_path / "copy.ndjson", encoding="utf-8") as lines:
        copy = [json.loads(line) for line in lines]
    for record in copy:
        record["timestamp"] = record["timestamp_raw"]  # a moment is of msgpack's own kind
    assert got == copy


def test_a_receiver_that_stalls_is_waited_for(gadgetctl, tmp_path):
    count = 100_000 * SCALE
    faults = {"stall_every": 30_000, "stall_ms": 500}
    with MsgpackReceiver(tmp_path / "got", fields=["number"], faults=faults) as server:
        books = Pipeline(gadgetctl, tmp_path, sources={"made": generate(count)},
                         sinks={"out": msgpack(server.address)}).run()
        server.wait_records(count)
        assert numbers(server) == list(range(1, count + 1))
    assert books["out"]["delivered"] == count and books["out"]["retries"] == 0


def test_a_receiver_that_comes_late_gets_everything(gadgetctl, tmp_path):
    count, port = 20_000, free_port()
    pipeline = Pipeline(gadgetctl, tmp_path, sources={"made": generate(count)},
                        sinks={"out": msgpack(f"127.0.0.1:{port}")})
    with pipeline.start() as process:
        process.wait_for("connection refused; retrying", "stderr")
        with MsgpackReceiver(tmp_path / "got", port=port, fields=["number"]) as server:
            books = pipeline.finish(process)
            server.wait_records(count)
            assert sorted(numbers(server)) == list(range(1, count + 1))
    assert books["out"]["delivered"] == count and books["out"]["retries"] > 0


def test_cut_connections_are_made_again_and_no_record_is_broken(gadgetctl, tmp_path):
    """What the receiver's kernel had confirmed when it was cut is lost with it, but nothing else:
    before each cut at most a socket's worth is missing, and behind the last one nothing."""
    count = 200_000 * SCALE
    with MsgpackReceiver(tmp_path / "got", fields=["number"],
                         faults={"cut_every": 20_000}) as server:
        pipeline = Pipeline(gadgetctl, tmp_path, sources={"made": generate(count)},
                            sinks={"out": msgpack(server.address)})
        with pipeline.start() as process:
            wait_until(lambda: server.stats()["cuts"] >= 3 or not process.running, "three cuts")
            server.set_faults(cut_every=0)
            books = pipeline.finish(process)
        wait_until(lambda: count in numbers(server), "the last record")
        stats = server.stats()
        got = numbers(server)
    assert stats["violations"] == [] and stats["cuts"] >= 3
    assert books["out"]["delivered"] == count and books["out"]["retries"] > 0
    assert set(got) <= set(range(1, count + 1))
    # Only gaps that end where a connection began.
    missing = sorted(set(range(1, count + 1)) - set(got))
    gaps = sum(1 for i, n in enumerate(missing) if i == 0 or missing[i - 1] != n - 1)
    assert gaps <= stats["cuts"] + books["out"]["retries"]


def unconfirmed_bytes(port):
    """Bytes on their way to a port of loopback that its kernel has not confirmed."""
    with open("/proc/net/tcp", encoding="ascii") as lines:
        rows = [line.split() for line in lines][1:]
    return sum(int(row[4].split(":")[0], 16) for row in rows if row[2].endswith(f":{port:04X}"))


def wait_stuck(port):
    """Wait until the buffers on the way to the port are full: nothing moves any more."""
    looks = []

    def stuck():
        looks.append(unconfirmed_bytes(port))
        return looks[-1] > 0 and len(looks) >= 10 and len(set(looks[-10:])) == 1

    wait_until(stuck, "the receiver's buffers to be full")


def test_what_the_peer_did_not_confirm_is_sent_again(gadgetctl, tmp_path):
    """What the dead receiver's kernel had confirmed but nobody read is gone: no protocol, no ack."""
    count, port = 100_000 * SCALE, free_port()
    with MsgpackReceiver(tmp_path / "before.ndjson", port=port, fields=["number"]) as first:
        pipeline = Pipeline(gadgetctl, tmp_path, sources={"made": generate(count)},
                            sinks={"out": msgpack(first.address)})
        first.process.signal(signal.SIGSTOP)
        with pipeline.start() as process:
            wait_stuck(port)
            first.kill()
            with MsgpackReceiver(tmp_path / "after.ndjson", port=port, fields=["number"]) as second:
                books = pipeline.finish(process)
                wait_until(lambda: count in numbers(second), "the last record")
                seen = set(numbers(second))
                assert second.stats()["violations"] == []
    assert books["out"]["delivered"] == count
    assert books["out"]["retries"] > 0
    # Nothing is missing behind the first record that was sent again.
    assert sorted(seen) == list(range(min(seen), count + 1))


def test_what_never_arrives_is_counted_at_the_end(gadgetctl, tmp_path):
    pipeline = Pipeline(gadgetctl, tmp_path, sources={"made": generate(0, rate=10_000)},
                        sinks={"out": msgpack(f"127.0.0.1:{free_port()}")})
    with pipeline.start("--shutdown-timeout", "300ms", "--fail-on-loss") as process:
        process.wait_for("connection refused; retrying", "stderr")
        assert process.stop() == 3
        books = pipeline.finish(process, code=3)
    assert books["out"]["dropped"]["shutdown"] == books["out"]["in"] > 0
