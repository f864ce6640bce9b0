# SPDX-License-Identifier: Apache-2.0
"""The common half of the msgpack receivers: sockets, faults, records, statistics.

A receiver listens on 127.0.0.1, prints {"port": N} and obeys one command a line
on stdin:

    stats             print the statistics so far as one JSON line
    faults JSON       change the fault modes (see the receiver) from now on
    quit, or the end  print the statistics and end

Every record goes to the file --out as one JSON line (only --fields of it, if
given).  "torn" counts streams that ended inside an object.  What breaks the protocol is a line in "violations" of the statistics,
never tolerated in silence.
"""

import argparse
import json
import socket
import sys
import threading
import time

import msgpack

RECEIVE = 1 << 18
MAX_MESSAGE = 64 << 20


class Cut(Exception):
    """Close this connection now: a fault was asked for."""


class EventTime:
    """Fluent's ext type 0: seconds and nanoseconds, 32 bits each, big endian."""

    __slots__ = ("seconds", "nanoseconds")

    def __init__(self, data):
        if len(data) != 8:
            raise ValueError(f"EventTime of {len(data)} bytes")
        self.seconds = int.from_bytes(data[:4], "big")
        self.nanoseconds = int.from_bytes(data[4:], "big")

    def ns(self):
        return self.seconds * 1_000_000_000 + self.nanoseconds


def ext_hook(code, data):
    return EventTime(data) if code == 0 else msgpack.ExtType(code, data)


def unpacker():
    # surrogateescape: a path need not be UTF-8, and the test wants to see that.
    return msgpack.Unpacker(ext_hook=ext_hook, raw=False, strict_map_key=False,
                            unicode_errors="surrogateescape", max_buffer_size=MAX_MESSAGE,
                            read_size=RECEIVE)


def to_json(value):
    if isinstance(value, EventTime):
        return value.ns()
    if isinstance(value, msgpack.Timestamp):
        return value.to_unix_nano()
    if isinstance(value, bytes):
        return {"bytes": value.hex()}
    raise TypeError(f"{type(value).__name__} in a record")


class Peer:
    """Accepts connections and hands each one's bytes to serve(), in a thread each."""

    #: fault mode -> default; 0 switches a mode off
    FAULTS = {}

    def __init__(self, options):
        self.faults = dict(self.FAULTS)
        self.fields = options.fields.split(",") if options.fields else None
        self.out = open(options.out, "a", encoding="ascii") if options.out else None
        self.lock = threading.Lock()
        self.stats = {"connections": 0, "records": 0, "bytes": 0, "torn": 0, "cuts": 0, "resets": 0,
                      "violations": []}
        self.encode = json.JSONEncoder(default=to_json, separators=(",", ":")).encode
        self.listener = socket.create_server(("127.0.0.1", options.port))
        self.port = self.listener.getsockname()[1]

    def serve(self, connection):
        raise NotImplementedError

    def violation(self, text):
        with self.lock:
            if len(self.stats["violations"]) < 100:
                self.stats["violations"].append(text)

    def count(self, **what):
        with self.lock:
            for name, n in what.items():
                self.stats[name] = self.stats.get(name, 0) + n

    def write(self, rows):
        """Keep (extra, record) rows; extra is a dict of what came with the record."""
        if self.out:
            fields = self.fields
            lines = []
            for extra, record in rows:
                if fields:
                    record = {name: record[name] for name in fields if name in record}
                lines.append(self.encode({**extra, "record": record}))
            lines.append("")
            with self.lock:
                self.out.write("\n".join(lines))
        self.count(records=len(rows))

    def due(self, fault, number):
        """Is the number-th occasion (from 1) one at which the fault strikes?"""
        every = self.faults[fault]
        return every > 0 and number % every == 0

    def stall(self, number):
        if self.due("stall_every", number):
            time.sleep(self.faults["stall_ms"] / 1000)

    def accept_forever(self):
        while True:
            connection, _ = self.listener.accept()
            self.count(connections=1)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with connection:
            try:
                self.serve(connection)
            except Cut:
                # Closing with unread bytes resets the connection, as a crash would.
                self.count(cuts=1)
            except ConnectionError:
                self.count(resets=1)
            except Exception as error:  # the referee never ends without a word
                self.violation(f"{type(error).__name__}: {error}")

    def obey(self, line):
        name, _, rest = line.strip().partition(" ")
        if name == "stats":
            self.print_stats()
        elif name == "faults":
            wanted = json.loads(rest)
            unknown = set(wanted) - set(self.FAULTS)
            if unknown:
                raise SystemExit(f"unknown fault: {', '.join(unknown)}")
            self.faults.update(wanted)
            print("{}", flush=True)
        elif name == "quit":
            return False
        else:
            raise SystemExit(f"unknown command: {line!r}")
        return True

    def print_stats(self):
        with self.lock:
            if self.out:
                self.out.flush()
            print(json.dumps(self.stats), flush=True)


def run(peer_type, description):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--out", help="append each record to this file as a JSON line")
    parser.add_argument("--fields", help="write only these fields (a,b,c)")
    parser.add_argument("--faults", help="fault modes as a JSON object: " +
                        ", ".join(peer_type.FAULTS))
    options = parser.parse_args()
    peer = peer_type(options)
    if options.faults:
        peer.faults.update(json.loads(options.faults))
    threading.Thread(target=peer.accept_forever, daemon=True).start()
    print(json.dumps({"port": peer.port}), flush=True)
    for line in sys.stdin:
        if not peer.obey(line):
            break
    peer.print_stats()
