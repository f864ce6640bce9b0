#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""bench_transports: the same program through a ring and through perf buffers.

tests/bpf/raw_tp sends a record for every getppid(2) of the workload; its programs can do
either, so `transport: ring` and `transport: perf` run the same code up to the helper.
Printed for each: calls a second of the traced workload (two of three calls are not
traced), how many records were lost, and the CPU gadgetctl used per record; then the
ratios.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time

CALLS = 1_000_000
ROUNDS = 3
BUILD = os.path.abspath(os.environ.get("GADGETCTL_BUILD", "build"))
WORKLOAD = f"{BUILD}/tests/workloads/calls"


def calls(count):
    """Seconds the workload took."""
    began = time.monotonic()
    subprocess.run([WORKLOAD, str(count), "1"], stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL, check=True)
    return time.monotonic() - began


def pipeline(transport):
    """As JSON into a file, so that the first record can be waited for."""
    return json.dumps({
        "sources": {"s": {"type": "gadget", "gadget": f"{BUILD}/tests/bpf/raw_tp.o",
                          "transport": transport, "ring": {"size": "1MiB"},
                          "params": {"comm": "calls"}}},
        "sinks": {"out": {"type": "stdout", "inputs": ["s"], "codec": "json",
                          "buffer": {"when_full": "block"}}},
    })


def children_cpu():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def once(transport, folder):
    """Calls a second, records read and lost, and gadgetctl's CPU seconds."""
    path, out, report = (f"{folder}/{name}" for name in ("p.yaml", "out", "report"))
    with open(path, "w", encoding="utf-8") as f:
        f.write(pipeline(transport))
    with open(out, "wb") as f:
        tool = subprocess.Popen([f"{BUILD}/gadgetctl", "run", "-f", path, "--report", report],
                                stdin=subprocess.DEVNULL, stdout=f, stderr=subprocess.DEVNULL)
    while os.path.getsize(out) == 0:
        if tool.poll() is not None:
            raise SystemExit("bench_transports: gadgetctl ended")
        calls(1)
    took = calls(CALLS)
    before = children_cpu()
    tool.terminate()
    tool.wait()
    with open(report, encoding="utf-8") as f:
        source = json.load(f)["accounts"][0]
    return CALLS / took, source["read"], source["lost"], children_cpu() - before


def measure(transport, folder):
    rounds = sorted(once(transport, folder) for _ in range(ROUNDS))
    rate, read, lost, cpu = rounds[ROUNDS // 2]
    per_record = cpu / max(read, 1) * 1e9
    print(f"{transport:6} {rate:12,.0f} calls/s   {100 * lost / (read + lost):5.1f} % lost   "
          f"{per_record:6,.0f} ns CPU/record (start and end included)")
    return rate, per_record


def main():
    bare = CALLS / min(calls(CALLS) for _ in range(ROUNDS))
    print(f"{'bare':6} {bare:12,.0f} calls/s")
    with tempfile.TemporaryDirectory() as folder:
        ring, perf = (measure(transport, folder) for transport in ("ring", "perf"))
    print(f"perf : ring   {perf[0] / ring[0]:.2f}x the calls/s, "
          f"{perf[1] / ring[1]:.2f}x the CPU per record")


if __name__ == "__main__":
    if os.geteuid() != 0:
        sys.exit("bench_transports: needs root")
    main()
