#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A receiver of concatenated msgpack maps over TCP; commands are in msgpack_peer.py.

Faults: cut_every K      close the connection after every K-th record
        stall_every K    stop reading after every K-th record, for stall_ms
"""

from msgpack_peer import RECEIVE, Cut, Peer, run, unpacker


class MsgpackServer(Peer):
    FAULTS = {"cut_every": 0, "stall_every": 0, "stall_ms": 1000}

    def serve(self, connection):
        unpack = unpacker()
        number = received = whole = 0
        while data := connection.recv(RECEIVE):
            received += len(data)
            self.count(bytes=len(data))
            unpack.feed(data)
            rows = []
            try:
                for record in unpack:
                    if not isinstance(record, dict):
                        raise ValueError(f"a {type(record).__name__} instead of a map")
                    whole = unpack.tell()
                    rows.append(({}, record))
                    number += 1
                    if self.due("cut_every", number):
                        raise Cut
                    self.stall(number)
            finally:
                self.write(rows)
        self.count(torn=int(whole != received))


if __name__ == "__main__":
    run(MsgpackServer, __doc__.splitlines()[0])
