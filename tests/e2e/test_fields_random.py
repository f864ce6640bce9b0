# SPDX-License-Identifier: Apache-2.0
"""Records of random structs, decoded as the compiler of this machine reads them."""

import json
import math
import os
import random
import shutil
import struct
import subprocess

import pytest

import random_structs
from support import BUILD, DEADLINE, SCALE

SEEDS = 6 * SCALE
FIRST = int(os.environ.get("GADGETCTL_FIRST_SEED", "0"))  # to look at one that fails
STRUCTS = 24  # in one object; a gadget has at most 32 data sources
RECORDS = 8   # of each struct
CLANG = os.environ.get("CLANG", "clang-19")


def as_float(bits, size):
    return struct.unpack("<f" if size == 4 else "<d",
                         bits.to_bytes(size, "little"))[0]


def same_float(actual, bits, size):
    wanted = as_float(bits, size)
    if math.isnan(wanted) or math.isinf(wanted):
        return actual is None
    # The digits have to read back as the same number, of the same size.
    return struct.pack("<f" if size == 4 else "<d", actual) == bits.to_bytes(size, "little")


def differences(wanted, actual, path=""):
    """Where two records differ, in words."""
    if isinstance(wanted, dict) and "~f" in wanted:
        if not same_float(actual, int(wanted["~f"]), wanted["size"]):
            yield f"{path}: {as_float(int(wanted['~f']), wanted['size'])!r} became {actual!r}"
    elif isinstance(wanted, dict) and "~w" in wanted:
        high, low = map(int, wanted["~w"])
        number = high << 64 | low
        if wanted["signed"] and high >> 63:
            number -= 1 << 128
        if actual != number:
            yield f"{path}: {number} became {actual!r}"
    elif isinstance(wanted, dict) and "~s" in wanted:
        text = bytes.fromhex(wanted["~s"]).decode("utf-8", errors="replace")
        if actual != text:
            yield f"{path}: {text!r} became {actual!r}"
    elif isinstance(wanted, dict) and isinstance(actual, dict):
        if list(wanted) != list(actual):
            yield f"{path}: members {list(wanted)} became {list(actual)}"
        for key in wanted.keys() & actual.keys():
            yield from differences(wanted[key], actual[key], f"{path}.{key}")
    elif isinstance(wanted, list) and isinstance(actual, list):
        if len(wanted) != len(actual):
            yield f"{path}: {len(wanted)} elements became {len(actual)}"
        for i, pair in enumerate(zip(wanted, actual)):
            yield from differences(*pair, f"{path}[{i}]")
    elif wanted != actual or type(wanted) is not type(actual):
        yield f"{path}: {wanted!r} became {actual!r}"


def build(tmp_path, rng):
    """The object, the program that knows, and the names of the data sources."""
    bpf, native, names = random_structs.make(rng, STRUCTS)
    (tmp_path / "structs.bpf.c").write_text(bpf, encoding="utf-8")
    (tmp_path / "structs.c").write_text(native, encoding="utf-8")
    subprocess.run([CLANG, "-target", "bpf", "-g", "-O1", "-w", "-c", tmp_path / "structs.bpf.c",
                    "-o", tmp_path / "structs.o"], check=True, timeout=DEADLINE)
    subprocess.run([os.environ.get("CC", "gcc"), "-std=gnu17", "-O0", "-w", "-fno-strict-aliasing",
                    tmp_path / "structs.c", "-o", tmp_path / "structs"], check=True,
                   timeout=DEADLINE)
    return tmp_path / "structs.o", tmp_path / "structs", names


def some_bytes(rng, n):
    """Anything, with runs of zeros and ones, which random bytes seldom have."""
    out = bytearray()
    while len(out) < n:
        run = rng.randrange(1, 40)
        out += rng.choice([rng.randbytes, rng.randbytes, bytes,
                           lambda k: b"\xff" * k, lambda k: bytes([1]) + bytes(k)])(run)
    return bytes(out[:n])


def run_lines(*argv):
    out = subprocess.run([str(a) for a in argv], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                         timeout=DEADLINE, check=False)
    assert out.returncode == 0, out.stderr.decode(errors="replace")
    return out.stdout.decode("utf-8").split("\n")[:-1]


@pytest.mark.parametrize("seed", range(FIRST, FIRST + SEEDS))
def test_random_structs_decode_as_the_compiler_reads_them(tmp_path, seed):
    if not shutil.which(CLANG):
        pytest.skip(f"{CLANG} is not installed")
    rng = random.Random(seed)
    built, knows, names = build(tmp_path, rng)
    sizes = [line.split() for line in run_lines(knows, "sizes")]
    for i, name in enumerate(names):
        least, has_tail = map(int, sizes[i])
        records = [some_bytes(rng, least + (rng.randrange(0, 120) if has_tail else 0))
                   for _ in range(RECORDS)]
        path = tmp_path / "records"
        path.write_bytes(b"".join(struct.pack("<I", len(r)) + r for r in records))
        wanted = run_lines(knows, i, path)
        actual = run_lines(f"{BUILD}/tests/tools/decode_records", built, name, path)
        assert len(wanted) == len(actual) == RECORDS
        for one, other in zip(wanted, actual):
            record = json.loads(other)
            assert record.pop("event") == name
            found = list(differences(json.loads(one), record))
            assert not found, f"seed {seed}, data source {name}: " + "; ".join(found[:5])
