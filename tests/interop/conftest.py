# SPDX-License-Identifier: Apache-2.0
"""What takes time to start and is shared by all tests that want it: a real Kafka
broker, real image registries, and the certificates they need."""

import pytest

import registries
from kafka_broker import KafkaBroker, KafkaMissing
from oci_host import Host
from registries import PASSWORD, USER


@pytest.fixture(scope="session")
def broker(tmp_path_factory):
    """A running broker; a test that kills it starts it again."""
    try:
        made = KafkaBroker(tmp_path_factory.mktemp("kafka"))
    except KafkaMissing as missing:
        pytest.skip(str(missing))
    with made:
        yield made


@pytest.fixture
def host(gadgetctl, tmp_path):
    """A host that has no images and knows no registry."""
    made = Host(gadgetctl, tmp_path / "host")
    yield made
    made.check()


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    """The authority whose certificates the tests' servers have."""
    return pytest.importorskip("certificates").Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="session")
def server_pair(authority):
    return authority.server()


@pytest.fixture(scope="session")
def signer(tmp_path_factory):
    return pytest.importorskip("certificates").Signer(tmp_path_factory.mktemp("signer"))


def running(folder, **options):
    try:
        with registries.Registry(folder, **options) as registry:
            yield registry
    except registries.Missing as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def plain_registry(tmp_path_factory):
    """A registry that speaks plain HTTP with anybody."""
    yield from running(tmp_path_factory.mktemp("plain"))


@pytest.fixture(scope="session")
def basic_registry(tmp_path_factory, server_pair):
    """A registry with TLS that asks for USER's PASSWORD."""
    yield from running(tmp_path_factory.mktemp("basic"), users={USER: PASSWORD}, pair=server_pair)


@pytest.fixture(scope="session")
def mtls_registry(tmp_path_factory, authority, server_pair):
    """A registry that wants to see a client's certificate."""
    yield from running(tmp_path_factory.mktemp("mtls"), pair=server_pair, client_ca=authority.ca)
