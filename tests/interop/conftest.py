# SPDX-License-Identifier: Apache-2.0
"""One real Kafka broker for all tests that want one: starting it is what takes time."""

import pytest

from kafka_broker import KafkaBroker, KafkaMissing


@pytest.fixture(scope="session")
def broker(tmp_path_factory):
    """A running broker; a test that kills it starts it again."""
    try:
        made = KafkaBroker(tmp_path_factory.mktemp("kafka"))
    except KafkaMissing as missing:
        pytest.skip(str(missing))
    with made:
        yield made
