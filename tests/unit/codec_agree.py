#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""codec_agree DIR: do all codecs say of random records what JSON says?

test_codec_python.c writes rows.json and the same records as msgpack, YAML,
many-lined JSON and CSV.  Python's own readers are the judges; only what one of
the formats cannot say, as docs/records.md has it, is taken back here.
Exit code 77: python3-msgpack or python3-yaml is missing.
"""

import csv
import io
import json
import math
import sys

try:
    import msgpack
    import yaml
except ImportError:
    sys.exit(77)


def load_json(folder):
    with open(f"{folder}/rows.json", "rb") as file:
        lines = file.read().decode("utf-8", errors="strict").split("\n")
    assert lines.pop() == ""
    return [json.loads(line) for line in lines]


def load_pretty(folder):
    with open(f"{folder}/rows.pretty", encoding="utf-8") as file:
        text, at, found = file.read(), 0, []
    while at < len(text):
        record, at = json.JSONDecoder().raw_decode(text, at)
        found.append(record)
        assert text[at] == "\n", "a record ends with its line"
        at += 1
    return found


def load_yaml(folder):
    with open(f"{folder}/rows.yaml", "rb") as file:
        return list(yaml.load_all(file, Loader=yaml.CSafeLoader))


def load_msgpack(folder):
    with open(f"{folder}/rows.msgpack", "rb") as file:
        return list(msgpack.Unpacker(file, raw=False, unicode_errors="strict", timestamp=0))


def load_csv(folder):
    """Dictionaries; an empty line parts tables, and each has a header."""
    with open(f"{folder}/rows.csv", encoding="utf-8", newline="") as file:
        text = file.read()
    assert text.endswith("\r\n")
    found, header = [], None
    for row in csv.reader(io.StringIO(text, newline=""), strict=True):
        if not row:
            header = None
        elif header is None:
            header = row
        else:
            assert len(row) == len(header), (header, row)
            found.append(dict(zip(header, row)))
    return found


def same_float(got, want):
    """JSON says null for what is no finite number; single precision loses digits."""
    if want is None:
        return isinstance(got, float) and not math.isfinite(got)
    return isinstance(got, float) and (got == want or math.isclose(got, want, rel_tol=1e-7)
                                       or abs(want) < 1e-37 and math.isclose(got, want,
                                                                             abs_tol=1e-44))


def same_in_msgpack(got, want):
    """Bytes are bin, moments are extensions, 128 bits are text."""
    if isinstance(got, bytes):
        return got.hex() == want
    if isinstance(got, msgpack.Timestamp):
        return isinstance(want, str) and want.endswith(f".{got.nanoseconds:09}Z")
    if isinstance(got, str) and isinstance(want, int):
        return got == str(want)
    return None


def same_in_yaml(_got, _want):
    """Nothing but floats differs."""


def same(got, want, special):
    if isinstance(want, dict) and isinstance(got, dict):
        return list(got) == list(want) and all(same(got[key], want[key], special)
                                               for key in want)
    if isinstance(want, list) and isinstance(got, list):
        return len(got) == len(want) and all(map(lambda a, b: same(a, b, special), got, want))
    answer = special(got, want)
    if answer is not None:
        return answer
    if want is None or isinstance(want, float):
        return same_float(got, want)
    return type(got) is type(want) and got == want


def flat(record, prefix=""):
    """Members by their dotted names."""
    for key, value in record.items():
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def same_cell(cell, want):
    if isinstance(want, list):
        return json.loads(cell) == want
    if isinstance(want, bool):
        return cell == str(want).lower()
    if want is None or isinstance(want, float):
        return same_float(float(cell), want)
    return cell == str(want)


def check_csv(number, cells, record):
    """Every value in its cell; the other cells are empty."""
    wanted = dict(flat(record))
    assert set(wanted) <= set(cells), f"csv {number}: {wanted} in {cells}"
    for name, cell in cells.items():
        ok = same_cell(cell, wanted[name]) if name in wanted else cell == ""
        assert ok, f"csv {number}: {name}: {cell!r}, not {wanted.get(name)!r}"


def main():
    folder = sys.argv[1]
    wanted = load_json(folder)
    assert load_pretty(folder) == wanted
    for kind, load, special in (("yaml", load_yaml, same_in_yaml),
                                ("msgpack", load_msgpack, same_in_msgpack)):
        found = load(folder)
        assert len(found) == len(wanted)
        for number, (got, want) in enumerate(zip(found, wanted)):
            assert same(got, want, special), f"{kind} {number}:\n{got}\n{want}"
    cells = load_csv(folder)
    assert len(cells) == len(wanted)
    for number, (got, want) in enumerate(zip(cells, wanted)):
        check_csv(number, got, want)
    print(f"{len(wanted)} records are equal")


if __name__ == "__main__":
    main()
