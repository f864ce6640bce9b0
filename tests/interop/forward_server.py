#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A Fluent Forward v1 server, written from the protocol; commands are in msgpack_peer.py.

It takes Message, Forward, PackedForward and CompressedPackedForward, times as
integers or EventTime, and acknowledges a chunk after writing its records.  Each
written line holds tag, time_ns, chunk and record, so a chunk that was sent again
can be told from one that was not.

Faults, each striking at every K-th message (0: never):
    cut_mid_every     close while the message is being read; its data is lost here
    cut_ack_every     close after the data was written, before the ack
    drop_ack_every    write the data, never send the ack
    wrong_ack_every   acknowledge a chunk that does not exist
    stall_every       stop reading for stall_ms before the message
and ack_delay_ms before each ack.
"""

import time
import zlib

import msgpack

from msgpack_peer import RECEIVE, Cut, EventTime, Peer, run, unpacker

# A message is read in small pieces when it is to be cut in its middle.
CUT_PIECE = 512


def gunzip(data):
    """The concatenated members of a gzip stream, unpacked."""
    parts = []
    while data:
        member = zlib.decompressobj(wbits=31)
        parts.append(member.decompress(data))
        if not member.eof:
            raise ValueError("gzip data ends early")
        data = member.unused_data
    return b"".join(parts)


def time_ns(value):
    if isinstance(value, EventTime):
        return value.ns()
    if isinstance(value, int) and not isinstance(value, bool):
        return value * 1_000_000_000
    raise ValueError(f"time is a {type(value).__name__}")


def entry_row(extra, entry):
    if not isinstance(entry, list) or len(entry) != 2:
        raise ValueError("an entry is not [time, record]")
    when, record = entry
    if isinstance(when, list):  # [time, metadata], as newer Fluent Bit sends
        when = when[0]
    if not isinstance(record, dict):
        raise ValueError(f"a record is a {type(record).__name__}")
    return {**extra, "time_ns": time_ns(when)}, record


def entries_of(second, option):
    """The entries of a Forward message or one of the packed kinds."""
    if isinstance(second, list):
        return second
    data = second.encode("utf-8", "surrogateescape") if isinstance(second, str) else second
    compressed = option.get("compressed", "text")
    if compressed == "gzip":
        data = gunzip(data)
    elif compressed != "text":
        raise ValueError(f"compressed is {compressed!r}")
    unpack = unpacker()
    unpack.feed(data)
    entries, whole = [], 0
    for entry in unpack:
        entries.append(entry)
        whole = unpack.tell()
    if whole != len(data):
        raise ValueError("packed entries end inside an entry")
    return entries


def decode(message):
    """A message of the carrier: (kind, rows, option)."""
    if not isinstance(message, list) or not 2 <= len(message) <= 4:
        raise ValueError("a message is not an array of 2 to 4")
    tag, second = message[0], message[1]
    if not isinstance(tag, str) or not tag:
        raise ValueError("the tag is not a string")
    if isinstance(second, (int, EventTime)):
        kind, rest = "message", message[3:]
        entries = [message[1:3]]
    else:
        kind, rest = ("forward" if isinstance(second, list) else "packed"), message[2:]
        entries = None
    option = rest[0] if rest else {}
    if not isinstance(option, dict) or len(rest) > 1:
        raise ValueError("the option is not a map")
    if entries is None:
        entries = entries_of(second, option)
    if option.get("compressed") == "gzip":
        kind = "compressed"
    if option.get("size", len(entries)) != len(entries):
        raise ValueError(f"size is {option['size']}, entries are {len(entries)}")
    chunk = option.get("chunk")
    if chunk is not None and not isinstance(chunk, str):
        raise ValueError("chunk is not a string")
    extra = {"tag": tag, "chunk": chunk}
    return kind, [entry_row(extra, e) for e in entries], option


class ForwardServer(Peer):
    FAULTS = {"cut_mid_every": 0, "cut_ack_every": 0, "drop_ack_every": 0, "wrong_ack_every": 0,
              "stall_every": 0, "stall_ms": 1000, "ack_delay_ms": 0}

    def __init__(self, options):
        super().__init__(options)
        self.messages = 0  # over all connections, so faults strike whatever the client does
        self.stats.update(acks=0, chunks_again=0)
        self.chunks = set()

    def next_number(self):
        with self.lock:
            self.messages += 1
            return self.messages

    def serve(self, connection):
        unpack = unpacker()
        received = whole = 0
        number = self.next_message(connection, unpack)
        while data := connection.recv(RECEIVE):
            received += len(data)
            self.count(bytes=len(data))
            unpack.feed(data)
            for message in unpack:
                whole = unpack.tell()
                if message is None:
                    self.count(heartbeats=1)
                    continue
                self.take(connection, number, message)
                number = self.next_message(connection, unpack)
        self.count(torn=int(whole != received))

    def next_message(self, connection, unpack):
        """The number of the message that comes next, after the faults that strike before it."""
        with self.lock:
            self.messages += 1
            number = self.messages
        self.stall(number)
        if self.due("cut_mid_every", number):
            # Part of it may be here already; otherwise wait for its first bytes.
            if unpack.read_bytes(1) or connection.recv(CUT_PIECE):
                raise Cut
        return number

    def take(self, connection, number, message):
        kind, rows, option = decode(message)
        chunk = option.get("chunk")
        self.write(rows)
        self.count(**{f"{kind}_messages": 1})
        if chunk is None:
            return
        with self.lock:
            again = chunk in self.chunks
            self.chunks.add(chunk)
        self.count(chunks_again=int(again))
        if self.due("cut_ack_every", number):
            raise Cut
        if self.due("drop_ack_every", number):
            self.count(acks_dropped=1)
            return
        if self.faults["ack_delay_ms"]:
            time.sleep(self.faults["ack_delay_ms"] / 1000)
        wrong = self.due("wrong_ack_every", number)
        self.count(**{"acks_wrong" if wrong else "acks": 1})
        connection.sendall(msgpack.packb({"ack": "no such chunk" if wrong else chunk}))


if __name__ == "__main__":
    run(ForwardServer, __doc__.splitlines()[0])
