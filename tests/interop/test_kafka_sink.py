# SPDX-License-Identifier: Apache-2.0
"""What a reader of the topic may rely on when a cluster goes away and comes back."""

import json
import time
from collections import Counter

import pytest

from kafka_broker import KafkaMock
from pipelines import Pipeline
from support import wait_until


@pytest.mark.threads
def test_records_of_one_key_stay_in_order_over_an_outage(gadgetctl, tmp_path):
    count = 40_000
    with KafkaMock(brokers=1) as mock:
        mock.command("topic events 3")
        pipeline = Pipeline(
            gadgetctl, tmp_path,
            sources={"made": {"type": "generate", "count": count, "rate": 15_000}},
            sinks={"bus": {"type": "kafka", "inputs": ["made"], "brokers": [mock.bootstrap],
                           "topic": "events", "key": ["pid"], "buffer": {"when_full": "block"}}})
        with pipeline.start() as process:
            wait_until(lambda: mock.count("events") > 1000, "records at the mock")
            mock.command("down 1")
            time.sleep(1)  # how long it is away
            assert process.running, process.stderr
            mock.command("up 1")
            books = pipeline.finish(process)
        last, seen = Counter(), Counter()
        for message in mock.consume("events"):
            record = json.loads(message.value)
            seen[record["number"]] += 1
            assert message.key == str(record["pid"]).encode()
            assert seen[record["number"]] > 1 or last[message.key] < record["number"]
            last[message.key] = max(last[message.key], record["number"])
    assert sorted(seen) == list(range(1, count + 1))
    assert sum(seen.values()) - count <= books["bus"]["maybe_twice"]
    assert books["bus"]["delivered"] == count


@pytest.mark.parametrize("how, kind", [("number", int), ("string", str)])
def test_integers_that_a_double_cannot_hold_are_texts_when_asked(gadgetctl, tmp_path, how, kind):
    with KafkaMock(brokers=1) as mock:
        mock.command("topic events 1")
        pipeline = Pipeline(
            gadgetctl, tmp_path, sources={"made": {"type": "generate", "count": 1}},
            sinks={"bus": {"type": "kafka", "inputs": ["made"], "brokers": [mock.bootstrap],
                           "topic": "events", "big_int": how}})
        with pipeline.start() as process:
            assert process.wait() == 0, process.stderr
        record = json.loads(next(iter(mock.consume("events"))).value)
    assert type(record["timestamp_raw"]) is kind and int(record["timestamp_raw"]) > 1 << 53
    assert type(record["number"]) is int
