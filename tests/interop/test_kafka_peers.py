# SPDX-License-Identifier: Apache-2.0
"""The Kafka peers themselves: a test that trusts them may trust what they say."""

import subprocess

import pytest

from kafka_broker import KafkaMock
from support import clean_env


def produce(bootstrap, topic, lines, *options):
    done = subprocess.run(["kcat", "-P", "-b", bootstrap, "-t", topic, "-K", ":", *options],
                          input="".join(f"{line}\n" for line in lines).encode(),
                          env=clean_env(), capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_broker_gives_back_keys_and_values_byte_for_byte(broker):
    broker.create_topic("plain", partitions=2)
    produce(broker.bootstrap, "plain", [f"k{i}:value {i}" for i in range(1000)])
    got = {m.key: m.value for m in broker.consume("plain")}
    assert got == {b"k%d" % i: b"value %d" % i for i in range(1000)}
    assert broker.console_count("plain", 1000) == 1000


def test_broker_keeps_acknowledged_messages_over_kill_9(broker):
    broker.create_topic("durable", partitions=1)
    produce(broker.bootstrap, "durable", ["a:before"])
    broker.kill()
    broker.start()
    produce(broker.bootstrap, "durable", ["a:after"])
    assert [m.value for m in broker.consume("durable")] == [b"before", b"after"]


def test_mock_fails_produce_requests_on_command():
    with KafkaMock() as mock:
        mock.command("topic t 1")
        mock.command("errors 0 10 1")  # MSG_SIZE_TOO_LARGE: final, so kcat reports it
        with pytest.raises(AssertionError, match="[Mm]essage"):
            produce(mock.bootstrap, "t", ["a:refused"])
        mock.command("errors 0 6 2")  # NOT_LEADER: the client tries again
        produce(mock.bootstrap, "t", ["a:taken"], "-X", "retry.backoff.ms=20")
        assert [m.value for m in mock.consume("t")] == [b"taken"]
