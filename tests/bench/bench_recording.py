#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""bench_recording: how fast records go into a recording and come out of it again.

The records are made by the source `generate`: 96 bytes each, a little less than what trace_open
makes of a path of usual length.  Printed for each way: records a second, the median of some
rounds; for the files bytes per record; and, from the same run, what `cat` needs for the
same records when they are not compressed, which is the least anybody can do.

Aims: 1 million records a second into a recording, 5 million out of it into `null`.
"""

import datetime
import json
import os
import subprocess
import tempfile
import time

COUNT = 3_000_000
ROUNDS = 5
RECORD_AIM, REPLAY_AIM = 1e6, 5e6
BUILD = os.path.abspath(os.environ.get("GADGETCTL_BUILD", "build"))
BLOCK = {"when_full": "block"}


def seconds(report):
    with open(report, encoding="utf-8") as file:
        books = json.load(file)
    assert books["balanced"] and books["losses"] == 0
    began, ended = (datetime.datetime.fromisoformat(books[k][:26] + "+00:00")
                    for k in ("started", "ended"))
    return (ended - began).total_seconds()


def run(folder, source, sink):
    """Records a second of a pipeline of one source and one sink."""
    path, report = f"{folder}/pipeline.json", f"{folder}/books.json"
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"sources": {"s": source}, "sinks": {"t": dict(sink, inputs=["s.*"])}}, file)
    subprocess.run([f"{BUILD}/gadgetctl", "run", "-f", path, "--report", report], check=True)
    return COUNT / seconds(report)


def copy(source, target):
    """Records a second of `cat` for a file that holds them as they are."""
    began = time.monotonic()
    with open(source, "rb") as reader, open(target, "wb") as writer:
        subprocess.run(["cat"], stdin=reader, stdout=writer, check=True)
    return COUNT / (time.monotonic() - began)


def median(measure):
    return sorted(measure() for _ in range(ROUNDS))[ROUNDS // 2]


def tell(what, rate, baseline=None, more=""):
    ratio = f"   1/{baseline / rate:.1f} of cat" if baseline else " " * 15
    print(f"{what:34} {rate / 1e6:7.2f} M records/s{ratio}{more}", flush=True)


def recorder(folder, level):
    return {"type": "recording", "path": f"{folder}/{level}.gadgetrec", "existing": "overwrite",
            "level": level, "buffer": BLOCK}


def replay(folder, level):
    return {"type": "replay", "path": f"{folder}/{level}.gadgetrec"}


def main():
    made = {"type": "generate", "count": COUNT}
    with tempfile.TemporaryDirectory() as folder:
        run(folder, made, recorder(folder, 0))
        plain = f"{folder}/0.gadgetrec"
        written = median(lambda: copy(plain, f"{folder}/copy"))
        read = median(lambda: copy(plain, "/dev/null"))
        tell("cat, to a file", written)
        tell("cat, to /dev/null", read)
        tell("generate into null", median(lambda: run(folder, made, {"type": "null"})))
        rates = {}
        for level in (0, 1, 6):
            rates["record", level] = median(lambda: run(folder, made, recorder(folder, level)))
            size = os.path.getsize(f"{folder}/{level}.gadgetrec") / COUNT
            tell(f"generate into recording, level {level}", rates["record", level], written,
                 f"   {size:.1f} bytes/record")
        for level in (0, 1, 6):
            rates["replay", level] = median(
                lambda: run(folder, replay(folder, level), {"type": "null"}))
            tell(f"replay into null, level {level}", rates["replay", level], read)
    if rates["record", 1] < RECORD_AIM or rates["replay", 1] < REPLAY_AIM:
        raise SystemExit("bench_recording: slower than it is to be")


if __name__ == "__main__":
    main()
