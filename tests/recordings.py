# SPDX-License-Identifier: Apache-2.0
"""A reader of recordings that shares no code with the program.

Written from docs/recording-format.md alone: blocks, their checksums, frames, and the
fields of the simple kinds.  read() gives sessions; Session.events() gives what was
recorded, in order, as dictionaries like those that `replay -o json` prints.
"""

import json
import struct
import zlib

import zstandard

HEADER = struct.Struct("<4s4B4IQqq4I")
HEAD, SCHEMA, RECORDS, END = 1, 2, 3, 4
GROUP, ROW, LOSS = 1, 2, 3
NUMBERS = {"U8": "<B", "U16": "<H", "U32": "<I", "U64": "<Q", "S8": "<b", "S16": "<h",
           "S32": "<i", "S64": "<q", "F32": "<f", "F64": "<d"}


class Damaged(Exception):
    """A block that is not what its checksum says."""


class Session:
    """A head, schemas by number, and the payload of each block of records."""

    def __init__(self, head):
        self.head, self.schemas, self.blocks, self.has_end = head, [], [], False

    def events(self):
        for header, payload in self.blocks:
            rows = losses = 0
            for event in read_frames(payload, self.schemas):
                losses += "_loss" in event
                rows += "_loss" not in event
                yield event
            assert (rows, losses) == (header["records"], header["losses"])


def read(path):
    """All sessions, and how many bytes at the end are no whole block."""
    with open(path, "rb") as file:
        data = file.read()
    sessions, at = [], 0
    while block := read_block(data, at):
        header, payload = block
        at += HEADER.size + header["stored"]
        if header["kind"] == HEAD:
            sessions.append(Session(json.loads(payload)))
            assert sessions[-1].head["byte_order"] == "little"
            number = 0
        assert header["number"] == number
        number += 1
        if header["kind"] == SCHEMA:
            sessions[-1].schemas.append(json.loads(payload))
        elif header["kind"] == RECORDS:
            sessions[-1].blocks.append((header, payload))
        elif header["kind"] == END:
            sessions[-1].has_end = True
    return sessions, len(data) - at


def read_block(data, at):
    """The header as a dictionary and the unpacked payload; None where no whole block begins."""
    head = data[at:at + HEADER.size]
    if len(head) < HEADER.size:
        return None
    (magic, version, kind, packing, zero, stored, raw, records, losses, lost, first, last, number,
     crc, zero_too, header_crc) = HEADER.unpack(head)
    if magic != b"GREC" or header_crc != zlib.crc32(head[:60]):
        return None
    assert (version, zero, zero_too) == (1, 0, 0)
    payload = data[at + HEADER.size:at + HEADER.size + stored]
    if len(payload) < stored:
        return None
    if zlib.crc32(payload) != crc:
        raise Damaged(f"the block at byte {at}")
    if packing == 1:
        payload = zstandard.ZstdDecompressor().decompress(payload, max_output_size=raw)
    assert len(payload) == raw
    return dict(kind=kind, stored=stored, records=records, losses=losses, lost=lost,
                first_ns=first, last_ns=last, number=number), payload


def read_frames(payload, schemas):
    at, group = 0, None
    while at < len(payload):
        length, number, kind, flags = struct.unpack_from("<IHBB", payload, at)
        frame = payload[at:at + length]
        assert len(frame) == length and not any(payload[at + length:at + (length + 7 & ~7)])
        at += length + 7 & ~7
        if kind == GROUP:
            group = struct.unpack_from("<qqQ32s", frame, 8)
        elif kind == ROW:
            yield read_row(frame, schemas[number], group)
        elif kind == LOSS:
            yield read_loss(frame, flags)


def read_loss(frame, flags):
    n, first, last, _epoch = struct.unpack_from("<QQQQ", frame, 8)
    cpu, *lengths = struct.unpack_from("<IIII", frame, 72)
    words, at = [], 88
    for length in lengths:
        words.append(frame[at:at + length].decode())
        at += length
    assert at == len(frame)
    loss = {"sink": words[0]} if flags & 1 else {"source": words[0], "event": words[1]}
    loss.update(reason=words[2], n=n)
    if flags & 2:
        loss["cpu"] = cpu
    if first or last:
        loss.update(from_seq=first, to_seq=last)
    return {"_loss": loss}


def read_row(frame, schema, group):
    """Names (not nested) and values of the fields that are numbers, text or identity."""
    (position,) = struct.unpack_from("<Q", frame, 8)
    row, event = frame[16:], {}
    assert len(row) >= schema["row_min"]
    for field in schema["fields"]:
        value = read_field(row, field, group)
        if value is not None:
            event[field["name"]] = value
    identity = (0, position)
    if "seq_at" in schema:
        (seq,) = struct.unpack_from("<Q", row, schema["seq_at"])
        identity = (seq >> 48, seq & (1 << 48) - 1)
    event["@id"] = f"{group[3].rstrip(bytes(1)).decode()}-{group[2]:016x}-{identity[0]}-{identity[1]}"
    return event


def read_field(row, field, group):
    kind, layout = field["type"], field["layout"]
    if field["place"] == "const":
        return field["text"]
    if layout == "READ":
        return group[0]
    if layout == "RID":
        return None
    at = field["at"]
    if layout == "BOOT":
        return struct.unpack_from("<Q", row, at)[0] + group[1]
    if layout in NUMBERS and kind in ("int", "uint", "bool", "float", "time", "time_ns"):
        value = struct.unpack_from(NUMBERS[layout], row, at)[0]
        return bool(value) if kind == "bool" else value
    if kind == "string" and layout in ("CHARS", "TAIL"):
        end = len(row) if layout == "TAIL" else at + field["size"]
        return row[at:end].split(b"\0")[0].decode(errors="replace")
    return None
