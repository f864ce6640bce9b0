# SPDX-License-Identifier: Apache-2.0
"""Records through the kafka sink to brokers that live, die and refuse.

Everything is read back by another client, and compared with what the source
made: nothing may be missing, and nothing twice unless the books say that its
report was lost.
"""

import json
import time
from collections import Counter

import pytest

from kafka_broker import KafkaBroker, KafkaMissing, KafkaMock
from pipelines import Pipeline
from support import SCALE, wait_until

PRODUCE = 0  # the API number of the Kafka protocol

# Error codes of the protocol that a producer must survive, and one it must not.
NOT_LEADER, TIMED_OUT, NOT_ENOUGH_REPLICAS, TOO_LARGE = 6, 7, 19, 10


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    try:
        made = KafkaBroker(tmp_path_factory.mktemp("kafka"))
    except KafkaMissing as missing:
        pytest.skip(str(missing))
    with made:
        yield made


@pytest.fixture
def mock():
    with KafkaMock() as cluster:
        cluster.command("topic events 3")
        yield cluster


def kafka(bootstrap, **options):
    return {"type": "kafka", "inputs": ["made"], "brokers": [bootstrap], "topic": "events",
            "buffer": {"when_full": "block"}, "retry": {"initial": "20ms", "max": "200ms"},
            **options}


def generate(count, **options):
    return {"type": "generate", "count": count, **options}


def numbers(messages):
    """How often each record came, by its number."""
    return Counter(json.loads(m.value)["number"] for m in messages)


def check_delivered(seen, account, count):
    """All of 1..count are there, and no more twice than the books allow for."""
    assert sorted(seen) == list(range(1, count + 1))
    assert account["delivered"] == count
    again = sum(seen.values()) - count
    assert again <= account["maybe_twice"], f"{again} came twice"


def test_a_real_broker_gets_every_record_once_and_unchanged(gadgetctl, broker, tmp_path):
    count = 1_000_000
    broker.create_topic("million", partitions=4)
    sinks = {"bus": kafka(broker.bootstrap, topic="million", key=["pid"]),
             "copy": {"type": "file", "inputs": ["made"], "path": "copy.ndjson",
                      "buffer": {"when_full": "block"}}}
    books = Pipeline(gadgetctl, tmp_path, sources={"made": generate(count)}, sinks=sinks).run()
    assert books["bus"]["delivered"] == count

    seen = {}
    last = Counter()  # by key: what has the same key stays in order
    for message in broker.consume("million"):
        record = json.loads(message.value)
        assert record["number"] not in seen, f"{record} came twice"
        assert message.key == str(record["pid"]).encode()
        assert last[message.key] < record["number"], "records of one key changed places"
        last[message.key] = record["number"]
        seen[record["number"]] = hash(message.value)
    with open(tmp_path / "copy.ndjson", "rb") as lines:
        copy = {number: hash(line.rstrip(b"\n")) for number, line in enumerate(lines, 1)}
    assert seen == copy
    assert broker.console_count("million", count) == count


def test_a_broker_killed_under_load_costs_nothing(gadgetctl, broker, tmp_path):
    count, kills = 150_000 * SCALE, SCALE
    broker.create_topic("killed", partitions=3)
    pipeline = Pipeline(gadgetctl, tmp_path, sources={"made": generate(count, rate=15_000)},
                        sinks={"bus": kafka(broker.bootstrap, topic="killed")})
    with pipeline.start("--shutdown-timeout", "60s") as process:
        for kill in range(kills):
            wait_until(lambda: sum(1 for _ in broker.consume("killed")) > 50_000 * kill + 20_000,
                       "records at the broker")
            broker.kill()
            down = time.monotonic() + 5
            wait_until(lambda: time.monotonic() > down, "five seconds without a broker")
            assert process.running, process.stderr
            broker.start()
        books = pipeline.finish(process, timeout=120 * SCALE)
    check_delivered(numbers(broker.consume("killed")), books["bus"], count)
    assert books.losses == 0


@pytest.mark.threads
def test_produce_errors_that_pass_lose_nothing(gadgetctl, mock, tmp_path):
    count = 20_000
    pipeline = Pipeline(gadgetctl, tmp_path, sources={"made": generate(count, rate=20_000)},
                        sinks={"bus": kafka(mock.bootstrap,
                                            librdkafka={"retry.backoff.ms": 10})})
    mock.command(f"errors {PRODUCE} {NOT_LEADER} 3")
    with pipeline.start() as process:
        for error in (TIMED_OUT, NOT_ENOUGH_REPLICAS, NOT_LEADER):
            before = sum(1 for _ in mock.consume("events"))
            mock.command(f"errors {PRODUCE} {error} 2")
            wait_until(lambda: sum(1 for _ in mock.consume("events")) > before
                       or not process.running, "records behind the error")
        books = pipeline.finish(process)
    check_delivered(numbers(mock.consume("events")), books["bus"], count)


@pytest.mark.threads
def test_a_cluster_that_goes_away_is_waited_for(gadgetctl, mock, tmp_path):
    count = 30_000
    pipeline = Pipeline(gadgetctl, tmp_path, sources={"made": generate(count, rate=15_000)},
                        sinks={"bus": kafka(mock.bootstrap)})
    with pipeline.start("--shutdown-timeout", "60s") as process:
        wait_until(lambda: sum(1 for _ in mock.consume("events")) > 1000, "records at the mock")
        mock.command("down 1")
        away = time.monotonic() + 1
        wait_until(lambda: time.monotonic() > away, "a second without the cluster")
        assert process.running, process.stderr
        mock.command("up 1")
        books = pipeline.finish(process)
    check_delivered(numbers(mock.consume("events")), books["bus"], count)


def test_what_the_broker_refuses_for_good_is_rejected_and_counted(gadgetctl, mock, tmp_path):
    count = 5_000
    mock.command(f"errors {PRODUCE} {TOO_LARGE} 1000")
    pipeline = Pipeline(gadgetctl, tmp_path, sources={"made": generate(count)},
                        sinks={"bus": kafka(mock.bootstrap, batch={"max_bytes": "64KiB"})})
    books = pipeline.run("--shutdown-timeout", "20s")
    bus = books["bus"]
    delivered = numbers(mock.consume("events"))
    assert bus["counters"]["too_large"] > 0
    assert bus["rejected"] + bus["delivered"] + bus["dropped"]["shutdown"] == count
    assert len(delivered) == bus["delivered"]
    assert books.losses == count - bus["delivered"]


def test_records_that_no_broker_takes_are_dropped_at_the_deadline(gadgetctl, mock, tmp_path):
    count = 3_000
    mock.command("down 1")
    pipeline = Pipeline(gadgetctl, tmp_path, sources={"made": generate(count)},
                        sinks={"bus": kafka(mock.bootstrap)})
    with pipeline.start("--shutdown-timeout", "300ms", "--fail-on-loss") as process:
        books = pipeline.finish(process, code=3)
    assert books["bus"]["dropped"]["shutdown"] == count
    assert books.losses == count
