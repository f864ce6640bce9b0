#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""bench_pull: one large blob from a docker-registry on loopback, by gadgetctl and by curl.

gadgetctl pulls an image with that blob into an empty store: it also fetches the
documents, computes the SHA-256 and syncs.  curl writes the blob to a file of the
same folder, and does none of that.  Both begin with a new process and write to
memory (/dev/shm), where there is any: a disk is not what is measured.
Printed are the best of ROUNDS for each, for what else runs on the machine only
slows down, and the ratio, which must be at least 70 %.

For comparison: the same by curl with sha256sum behind it, which is the least that
makes the bytes trustworthy.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.dirname(HERE), os.path.join(os.path.dirname(HERE), "interop")]

import images  # noqa: E402  (needs the path above)
import registries  # noqa: E402
from support import BUILD, clean_env  # noqa: E402

SIZE = 128 << 20
MEMORY = "/dev/shm"
ROUNDS = 7
WANTED = 0.70


def timed(argv, env):
    start = time.monotonic()
    subprocess.run(argv, env=env, check=True, stdin=subprocess.DEVNULL, capture_output=True)
    return time.monotonic() - start


def measure(folder, registry, blob, size):
    env = clean_env(GADGETCTL_STORE=f"{folder}/store")
    url = f"http://{registry.host}/v2/bench/x/blobs/{blob}"
    curl = ["curl", "-sS", "-f", "-o", f"{folder}/blob", url]
    ways = {
        "curl": curl,
        "curl, sha256sum": ["sh", "-c", f"curl -sS -f {url} | tee {folder}/blob | sha256sum"],
        "gadgetctl pull": [f"{BUILD}/gadgetctl", "pull", "-q", "--insecure-registry", registry.host,
                           f"{registry.host}/bench/x:1"],
    }
    best = dict.fromkeys(ways, float("inf"))
    for _ in range(ROUNDS):
        for name, argv in ways.items():
            shutil.rmtree(f"{folder}/store", ignore_errors=True)
            if os.path.exists(f"{folder}/blob"):
                os.unlink(f"{folder}/blob")
            best[name] = min(best[name], timed(argv, env))
    for name, seconds in best.items():
        print(f"{name:16} {size / seconds / 1e6:8.0f} MB/s")
    return best["curl"] / best["gadgetctl pull"]


def main():
    if not shutil.which("curl"):
        print("skipped: curl is not installed")
        return 0
    with tempfile.TemporaryDirectory(prefix="bench_pull.") as folder:
        data = os.urandom(1 << 20) * (SIZE >> 20)
        layout = images.Layout(f"{folder}/layout")
        images.gadget_image(layout, "x", {images.ARCHITECTURE: data}, b"name: x\n")
        try:
            with registries.Registry(f"{folder}/registry") as registry:
                registries.skopeo_push(layout.path, "x", f"{registry.host}/bench/x:1")
                memory = MEMORY if os.access(MEMORY, os.W_OK) else None
                with tempfile.TemporaryDirectory(prefix="bench_pull.", dir=memory) as target:
                    ratio = measure(target, registry, images.digest_of(data), SIZE)
        except registries.Missing as missing:
            print(f"skipped: {missing}")
            return 0
    print(f"{'pull / curl':16} {100 * ratio:8.0f} %  (at least {100 * WANTED:.0f} %)")
    return 0 if ratio >= WANTED else 1


if __name__ == "__main__":
    sys.exit(main())
