# SPDX-License-Identifier: Apache-2.0
"""Pipelines into Kafka: every event is there, once, and the books say so.

A file sink beside the kafka sink keeps what the source made; what kcat reads
back from the brokers is compared with it line by line.
"""

import glob
import json
import os
import re
import time
from array import array

import pytest

from kafka_broker import KafkaMock
from support import SCALE, free_port, wait_until

NUMBER = re.compile(rb'"number":(\d+)')


def pipeline(tmp_path, bootstrap, topic, generate, kafka=""):
    """A pipeline file: a generator into Kafka and a file."""
    path = tmp_path / "pipeline.yaml"
    path.write_text(f"""\
sources:
  gen: {{ type: generate, {generate} }}
sinks:
  bus:
    type: kafka
    inputs: [gen]
    brokers: ['{bootstrap}']
    topic: {topic}
    key: [number]
    buffer: {{ when_full: block }}
    retry: {{ initial: 50ms, max: 500ms }}
    {kafka}
  made: {{ type: file, inputs: [gen], path: {tmp_path}/made.json, buffer: {{ when_full: block }} }}
""")
    return path


class Made:
    """The lines the source made, by number: as hashes, so that many fit."""

    def __init__(self, path):
        with open(path, "rb") as lines:
            self.hashes = array("q", (hash(line.rstrip(b"\n")) for line in lines))
        self.copies = bytearray(len(self.hashes))

    def check_off(self, messages):
        """Compare each message with the line it was made from; count its copies."""
        total = 0
        for message in messages:
            number = int(NUMBER.search(message.value)[1])
            assert hash(message.value) == self.hashes[number - 1], message.value
            assert message.key == b"%d" % number
            if number % 1000 == 0:
                made_ns = json.loads(message.value)["timestamp_raw"]
                assert message.timestamp_ms == made_ns // 1_000_000
            self.copies[number - 1] += 1
            total += 1
        return total

    def missing(self):
        return self.copies.count(0)


def read_report(path, count):
    """The account of the kafka sink, when the books are in order and nothing was lost."""
    books = json.loads(path.read_text())
    assert books["final"] and books["balanced"] and books["losses"] == 0, books
    account = next(a for a in books["accounts"] if a["id"] == "bus")
    assert account["in"] == account["delivered"] == count, account
    return account


def run_to_the_end(gadgetctl, tmp_path, config, count, timeout):
    report = tmp_path / "report.json"
    done = gadgetctl.run("run", "-f", config, "--report", report, "--fail-on-loss",
                         timeout=timeout)
    assert done.returncode == 0, done.stderr
    return read_report(report, count)


def test_a_million_events_are_in_a_real_broker_once_with_equal_fields(gadgetctl, broker, tmp_path):
    count = 1_000_000 * SCALE
    broker.create_topic("million", partitions=3)
    config = pipeline(tmp_path, broker.bootstrap, "million", f"count: {count}")
    account = run_to_the_end(gadgetctl, tmp_path, config, count, 120 * SCALE)
    made = Made(tmp_path / "made.json")
    assert made.check_off(broker.consume("million")) == count
    assert made.missing() == 0
    assert account["maybe_twice"] == 0


def log_bytes(broker, topic):
    return sum(os.path.getsize(p) for p in glob.glob(f"{broker.folder}/data/{topic}-*/*.log"))


def test_a_broker_killed_for_5_s_under_load_loses_nothing(gadgetctl, broker, tmp_path):
    count = 600_000 * SCALE
    broker.create_topic("killed", partitions=3)
    config = pipeline(tmp_path, broker.bootstrap, "killed", f"count: {count}, rate: 100000")
    report = tmp_path / "report.json"
    with gadgetctl.start("run", "-f", config, "--report", report, "--fail-on-loss") as run:
        wait_until(lambda: log_bytes(broker, "killed") > 1_000_000, "the load to arrive")
        broker.kill()
        try:
            time.sleep(5)  # how long it is away, by the test's definition
            assert run.running, run.stderr  # or it would not have been under load
        finally:
            broker.start()
        assert run.wait(60 * SCALE) == 0, run.stderr
        # It said so, and not once per message.
        assert 1 <= run.stderr.count("kafka 'bus'") <= 20, run.stderr
    account = read_report(report, count)
    made = Made(tmp_path / "made.json")
    total = made.check_off(broker.consume("killed"))
    assert made.missing() == 0
    assert total - count <= account["maybe_twice"]


# The protocol's number of an error, how many requests in a row fail with it, and
# whether librdkafka hands the records back to us (it sends the others again itself).
INJECTED = {
    "unknown topic": (3, 2, False),
    "not leader": (6, 5, False),
    "request timed out": (7, 5, False),
    "network exception": (13, 3, True),
    "not enough replicas": (19, 5, False),
    "message too large": (10, 3, True),
    "out of order sequence": (45, 1, True),
}


# A broker takes an idempotent producer's requests in sequence or not at all, so
# librdkafka may conclude from a later one's success that an earlier one arrived.  The
# mock does not check the sequence: with two requests in flight it would take the later
# one, and the conclusion would be wrong.
ONE_BY_ONE = "librdkafka: { max.in.flight.requests.per.connection: 1 }"


@pytest.mark.threads
@pytest.mark.parametrize("error", INJECTED)
def test_injected_produce_errors_lose_nothing(gadgetctl, tmp_path, error):
    code, times, comes_back = INJECTED[error]
    count = 20_000
    with KafkaMock() as mock:
        mock.command("topic t 3")
        mock.command(f"errors 0 {code} {times}")
        config = pipeline(tmp_path, mock.bootstrap, "t", f"count: {count}, rate: 40000", ONE_BY_ONE)
        account = run_to_the_end(gadgetctl, tmp_path, config, count, 60)
        made = Made(tmp_path / "made.json")
        total = made.check_off(mock.consume("t"))
    assert (account["retries"] > 0) == comes_back
    assert made.missing() == 0
    assert total - count <= account["maybe_twice"]


def test_without_a_broker_the_rest_is_dropped_at_the_deadline_and_counted(gadgetctl, tmp_path):
    config = pipeline(tmp_path, f"127.0.0.1:{free_port()}", "t", "count: 1000")
    report = tmp_path / "report.json"
    done = gadgetctl.run("run", "-f", config, "--report", report, "--fail-on-loss",
                         "--timeout", "1s", "--shutdown-timeout", "500ms")
    assert done.returncode == 3, done.stderr
    books = json.loads(report.read_text())
    assert books["balanced"] and books["losses"] == 1000, books
    account = next(a for a in books["accounts"] if a["id"] == "bus")
    assert account["dropped"]["shutdown"] == 1000, account


def test_a_misspelled_librdkafka_property_fails_in_validate(gadgetctl, tmp_path):
    config = pipeline(tmp_path, "127.0.0.1:1", "t", "count: 1",
                      "librdkafka: { socket.keepalive.enabel: true }")
    done = gadgetctl.run("validate", config)
    assert done.returncode == 78
    assert re.search(r"pipeline\.yaml:12:19: .*unknown librdkafka property "
                     r"'socket\.keepalive\.enabel' \(did you mean 'socket\.keepalive\.enable'\?\)",
                     done.stderr), done.stderr
