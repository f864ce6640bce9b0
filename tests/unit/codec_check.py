#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""codec_check DIR: do rows.bin, rows.json and rows.msgpack say the same?

test_codec_python.c writes the three.  rows.bin holds the rows themselves, each
behind its length (u32); what they mean is spelled out here once more, with
Python's own readers of structs, UTF-8, JSON and MessagePack as the judges.
Exit code 77: python3-msgpack is missing.
"""

import datetime
import json
import math
import struct
import sys

try:
    import msgpack
except ImportError:
    sys.exit(77)

ROW = struct.Struct("<QqIiHhBb2xfd24s8s40s16s9s3H")
BOOT_TO_WALL = 1_700_000_000_000_000_000


def text(raw):
    """Up to the NUL; Python too replaces each maximal ill-formed subpart."""
    return raw.split(b"\0", 1)[0].decode("utf-8", errors="replace")


def strings(raw):
    """A NUL ends each string; the last may lack it."""
    parts = raw.split(b"\0")
    if parts[-1] == b"":
        parts.pop()
    return [part.decode("utf-8", errors="replace") for part in parts]


def expected(row):
    """What the record is, from its bytes."""
    (when, s64, u32, s32, u16, s16, u8, s8, f32, f64, short, raw, long, wide, odd,
     *several) = ROW.unpack_from(row)
    bits = int.from_bytes(odd, "little")
    sbits = bits >> 3 & 0x3ff
    return {"event": "open", "when": when + BOOT_TO_WALL, "when_ns": when + BOOT_TO_WALL,
            "u64": when, "n": {"s64": s64, "u32": u32, "s32": s32, "u16": u16, "s16": s16,
                               "u8": u8, "s8": s8},
            "f32": f32, "f64": f64, "short": text(short), "raw": raw, "long": text(long),
            "u128": int.from_bytes(wide, "little"),
            "s128": int.from_bytes(wide, "little", signed=True),
            "bits": bits >> 5 & 0xffffffffffffffff,
            "sbits": sbits - 0x400 if sbits & 0x200 else sbits, "several": several,
            "list": strings(row[ROW.size:])}


def nanoseconds(moment):
    """RFC 3339 with nine digits as nanoseconds since the epoch."""
    seconds, fraction = moment.removesuffix("Z").split(".")
    stamp = datetime.datetime.fromisoformat(seconds + "+00:00")
    return int(stamp.timestamp()) * 1_000_000_000 + int(fraction)


def same_float(got, want):
    """The same number, down to the sign of zero; JSON has no word for the others."""
    if not math.isfinite(want):
        return got is None or math.isnan(want) and math.isnan(got) or got == want
    return got == want and math.copysign(1, got) == math.copysign(1, want)


def from_json(got):
    """JSON's forms of what it has no type for, taken back."""
    # The shortest text of a float reads back as that float, not as its double.
    f32 = got["f32"]
    if f32 is not None:
        f32 = struct.unpack("<f", struct.pack("<f", f32))[0]
    return got | {"when": nanoseconds(got["when"]), "raw": bytes.fromhex(got["raw"]), "f32": f32}


def from_msgpack(got):
    """A Timestamp as nanoseconds; what has more than 64 bits is text."""
    assert isinstance(got["u128"], str) and isinstance(got["s128"], str)
    return got | {"when": got["when"].to_unix_nano(), "u128": int(got["u128"]),
                  "s128": int(got["s128"])}


def check(kind, number, got, want):
    """Exit with what differs first."""
    assert list(got) == list(want), f"{kind} {number}: keys {list(got)}"
    for key, value in want.items():
        ok = same_float(got[key], value) if isinstance(value, float) else got[key] == value
        if isinstance(value, dict):
            ok = ok and list(got[key]) == list(value)
        assert ok, f"{kind} {number}: {key}: {got[key]!r}, not {value!r}"


def rows(data):
    """The rows of rows.bin."""
    at = 0
    while at < len(data):
        (size,) = struct.unpack_from("<I", data, at)
        yield data[at + 4:at + 4 + size]
        at += 4 + size


def main():
    folder = sys.argv[1]
    with open(f"{folder}/rows.bin", "rb") as file:
        wanted = [expected(row) for row in rows(file.read())]
    with open(f"{folder}/rows.json", "rb") as file:
        lines = file.read().decode("utf-8", errors="strict").split("\n")
    assert lines.pop() == "" and len(lines) == len(wanted)
    for number, (line, want) in enumerate(zip(lines, wanted)):
        check("json", number, from_json(json.loads(line)), want)
    with open(f"{folder}/rows.msgpack", "rb") as file:
        unpacked = list(msgpack.Unpacker(file, raw=False, unicode_errors="strict"))
    assert len(unpacked) == len(wanted)
    for number, (got, want) in enumerate(zip(unpacked, wanted)):
        check("msgpack", number, from_msgpack(got), want)
    print(f"{len(wanted)} records are equal")


if __name__ == "__main__":
    main()
