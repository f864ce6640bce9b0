# SPDX-License-Identifier: Apache-2.0
"""Certificates for the tests, made when they are wanted and thrown away with their folder.

An Authority signs what a test asks for: servers, clients, and what must be refused
(expired, for another host).  Nothing here is a secret of anybody.
"""

import base64
import datetime
import ipaddress
import os
from typing import NamedTuple

import pytest

pytest.importorskip("cryptography", reason="python3-cryptography is not installed")

from cryptography import x509  # noqa: E402
from cryptography.hazmat.primitives import hashes, serialization  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa  # noqa: E402
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID  # noqa: E402

DAY = datetime.timedelta(days=1)
LOOPBACK = ("localhost", "127.0.0.1")


class Pair(NamedTuple):
    """The files of a certificate and its key, PEM."""

    cert: str
    key: str


def _name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _alternative(host):
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _pem(key):
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                             serialization.NoEncryption())


class Authority:
    """A certificate authority whose files are below `folder`; `ca` is the one to trust."""

    def __init__(self, folder, name="gadget test CA"):
        self.folder = str(folder)
        os.makedirs(self.folder, exist_ok=True)
        self._name = _name(name)
        self._key = ec.generate_private_key(ec.SECP256R1())
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        cert = self._build(self._name, self._key, -DAY, 3650 * DAY, (
            (x509.BasicConstraints(True, 0), True), (usage, True)))
        self.ca = self._write("ca.crt", cert.public_bytes(serialization.Encoding.PEM))

    def server(self, name="server", hosts=LOOPBACK, start=-DAY, end=30 * DAY):
        """A server's pair, for these hosts, valid from `start` to `end` as of now."""
        alternative = x509.SubjectAlternativeName([_alternative(h) for h in hosts])
        return self._pair(name, start, end, (
            (alternative, False),
            (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)))

    def expired(self):
        """The pair of a server whose time was over yesterday."""
        return self.server("expired", start=-10 * DAY, end=-DAY)

    def client(self, name="client"):
        return self._pair(name, -DAY, 30 * DAY, (
            (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), False),))

    def _pair(self, name, start, end, extensions):
        key = ec.generate_private_key(ec.SECP256R1())
        cert = self._build(_name(name), key, start, end, extensions)
        return Pair(self._write(f"{name}.crt", cert.public_bytes(serialization.Encoding.PEM)),
                    self._write(f"{name}.key", _pem(key)))

    def _build(self, subject, key, start, end, extensions):
        now = datetime.datetime.utcnow()
        builder = (x509.CertificateBuilder().subject_name(subject).issuer_name(self._name)
                   .public_key(key.public_key()).serial_number(x509.random_serial_number())
                   .not_valid_before(now + start).not_valid_after(now + end))
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder.sign(self._key, hashes.SHA256())

    def _write(self, name, data):
        path = f"{self.folder}/{name}"
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as f:
            f.write(data)
        return path


class Signer:
    """Signs tokens with RS256; `bundle` is the certificate a registry verifies them with."""

    def __init__(self, folder):
        os.makedirs(folder, exist_ok=True)
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        now = datetime.datetime.utcnow()
        cert = (x509.CertificateBuilder().subject_name(_name("token service"))
                .issuer_name(_name("token service")).public_key(self._key.public_key())
                .serial_number(x509.random_serial_number())
                .not_valid_before(now - DAY).not_valid_after(now + 30 * DAY)
                .sign(self._key, hashes.SHA256()))
        self.x5c = [base64.b64encode(cert.public_bytes(serialization.Encoding.DER)).decode()]
        self.bundle = f"{folder}/token.crt"
        with open(self.bundle, "wb") as f:
            f.write(cert.public_bytes(serialization.Encoding.PEM))

    def sign(self, data):
        return self._key.sign(data, padding.PKCS1v15(), hashes.SHA256())
