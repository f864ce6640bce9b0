#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""bench_image: what running from a stored image costs, against running the same files.

The same gadget is run as files and as an image, in turns, up to where the kernel
takes part: a parameter that does not exist ends the run there.  (Beyond, both are the
same, and detaching takes the kernel some 350 ms, give or take 20.)  What counts is the
difference of the fastest of each, since all that disturbs only adds.  Limit: 5 ms.
"""

import os
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

import images  # noqa: E402 (needs the path above)
import support  # noqa: E402

LIMIT_MS = 5.0
GADGET = "trace_open"


def once(env, *args):
    """Milliseconds that a command takes."""
    began = time.perf_counter()
    done = subprocess.run([f"{support.BUILD}/gadgetctl", *args], env=env, check=False,
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    took = (time.perf_counter() - began) * 1e3
    assert done.returncode == 0 or b"has no parameter 'none'" in done.stderr, done.stderr
    return took


def compare(env, rounds, *args):
    """The fastest of the files, and how much longer the fastest of the image takes."""
    files, image = [], []
    for _ in range(rounds):
        files.append(once(env, args[0], GADGET, *args[1:]))
        image.append(once(env, args[0], f"example.org/g/{GADGET}:v1", *args[1:]))
    return min(files), min(image) - min(files)


def main():
    with tempfile.TemporaryDirectory() as folder:
        layout = images.Layout(f"{folder}/store")
        images.our_gadget(layout, f"example.org/g/{GADGET}:v1", GADGET)
        env = support.clean_env(GADGETCTL_STORE=layout.path)
        worst = 0.0
        for name, rounds, args in (("inspect", 101, ("inspect", "-o", "json")),
                                   ("run", 101, ("run", "--param", "none=1"))):
            files, difference = compare(env, rounds, *args)
            worst = max(worst, difference)
            print(f"{name:8} files {files:7.2f} ms   image {difference:+6.2f} ms "
                  f"(ratio {(files + difference) / files:.2f})")
    print(f"an image adds at most {worst:.2f} ms to the start (limit {LIMIT_MS:g} ms)")
    return 1 if worst > LIMIT_MS else 0


if __name__ == "__main__":
    sys.exit(main())
