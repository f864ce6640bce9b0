# SPDX-License-Identifier: Apache-2.0
"""The msgpack receivers themselves: golden messages in, records and faults out."""

import gzip
import socket

import msgpack
import pytest

from receivers import ForwardReceiver, MsgpackReceiver

EVENT_TIME = msgpack.ExtType(0, (5).to_bytes(4, "big") + (7).to_bytes(4, "big"))
EVENT_TIME_NS = 5_000_000_007


def packed(*records):
    return b"".join(msgpack.packb([EVENT_TIME, r]) for r in records)


class Client:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), 10)
        self.unpack = msgpack.Unpacker()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, *message):
        self.socket.sendall(msgpack.packb(message))

    def receive(self):
        """The next object from the server; None when it closed the connection."""
        while True:
            try:
                return next(self.unpack)
            except StopIteration:
                pass
            try:
                data = self.socket.recv(4096)
            except ConnectionResetError:
                return None
            if not data:
                return None
            self.unpack.feed(data)


@pytest.fixture
def forward(tmp_path):
    with ForwardReceiver(tmp_path / "forward.ndjson") as server:
        yield server


def test_forward_takes_every_kind_of_message(forward):
    with Client(forward.port) as client:
        client.send("a.b", 3, {"n": 1})
        client.send("a.b", [[EVENT_TIME, {"n": 2}], [4, {"n": 3}]], {"chunk": "c1"})
        assert client.receive() == {"ack": "c1"}
        client.send("a.b", packed({"n": 4}, {"n": 5}), {"chunk": "c2", "size": 2})
        assert client.receive() == {"ack": "c2"}
        two_members = gzip.compress(packed({"n": 6})) + gzip.compress(packed({"n": 7}))
        client.send("a.b", two_members, {"chunk": "c3", "size": 2, "compressed": "gzip"})
        assert client.receive() == {"ack": "c3"}
    assert [row["record"]["n"] for row in forward.rows()] == [1, 2, 3, 4, 5, 6, 7]
    assert [row["time_ns"] for row in forward.rows()][:3] == [
        3_000_000_000, EVENT_TIME_NS, 4_000_000_000]
    stats = forward.stats()
    assert stats["violations"] == [] and stats["acks"] == 3


@pytest.mark.parametrize("message, complaint", [
    (["t"], "array of 2 to 4"),
    ([5, [[1, {}]]], "tag"),
    (["t", [[1, [2]]]], "record is a list"),
    (["t", [[None, {}]]], "time is a NoneType"),
    (["t", packed({"n": 1})[:-1]], "inside an entry"),
    (["t", packed({"n": 1}), {"size": 2}], "size is 2"),
    (["t", b"no gzip", {"compressed": "gzip"}], "error"),
])
def test_forward_names_what_breaks_the_protocol(forward, message, complaint):
    with Client(forward.port) as client:
        client.send(*message)
        assert client.receive() is None
    stats = forward.stats()
    assert stats["records"] == 0
    assert len(stats["violations"]) == 1 and complaint in stats["violations"][0]


def test_forward_cut_before_the_ack_keeps_the_data_and_sees_it_again(forward):
    forward.set_faults(cut_ack_every=1)
    for _ in range(2):
        with Client(forward.port) as client:
            client.send("t", packed({"n": 1}), {"chunk": "c"})
            assert client.receive() is None
    stats = forward.stats()
    assert (stats["records"], stats["chunks_again"], stats["acks"]) == (2, 1, 0)


def test_forward_cut_inside_a_message_loses_it(forward):
    forward.set_faults(cut_mid_every=2)
    with Client(forward.port) as client:
        client.send("t", packed({"n": 1}), {"chunk": "kept"})
        assert client.receive() == {"ack": "kept"}
        client.send("t", packed({"n": 2}), {"chunk": "lost"})
        assert client.receive() is None
    assert [row["chunk"] for row in forward.rows()] == ["kept"]


def test_forward_drops_and_falsifies_acks(forward):
    forward.set_faults(drop_ack_every=2, wrong_ack_every=3)
    with Client(forward.port) as client:
        for chunk in ("1", "2", "3", "4", "5"):
            client.send("t", packed({"n": 1}), {"chunk": chunk})
        assert client.receive() == {"ack": "1"}
        assert client.receive() == {"ack": "no such chunk"}
        assert client.receive() == {"ack": "5"}
    assert forward.wait_records(5)["acks_dropped"] == 2


def test_msgpack_stream_keeps_order_and_counts_torn_ends(tmp_path):
    with MsgpackReceiver(tmp_path / "stream.ndjson", fields=["n"]) as server:
        with Client(server.port) as client:
            stream = b"".join(msgpack.packb({"n": i, "s": b"\xff"}) for i in range(1000))
            client.socket.sendall(stream + b"\x82\xa1n")
            client.socket.shutdown(socket.SHUT_WR)
            assert client.receive() is None
        assert [row["record"] for row in server.rows()] == [{"n": i} for i in range(1000)]
        assert server.stats()["torn"] == 1


def test_msgpack_stream_cut_resets_the_client(tmp_path):
    with MsgpackReceiver(tmp_path / "stream.ndjson", faults={"cut_every": 3}) as server:
        with Client(server.port) as client:
            client.socket.sendall(b"".join(msgpack.packb({"n": i}) for i in range(5)))
            assert client.receive() is None
        assert [row["record"]["n"] for row in server.rows()] == [0, 1, 2]
