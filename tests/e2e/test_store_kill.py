# SPDX-License-Identifier: Apache-2.0
"""One store, several processes that pull, import, name, remove and prune, and sudden death.

Each round starts some commands on one store and kills them wherever they are.  After it the
store must be valid, every image that has a name must be whole, and the one that nobody
removes must be there.
"""

import os
import random
import subprocess

import pytest

import images
import registries
import support
from images import ctl, layout  # noqa: F401 (fixtures)

ROUNDS = 20 * support.SCALE
AT_ONCE = 4
GADGETS = ("trace_open", "trace_exec", "trace_signal")


@pytest.fixture
def registry(tmp_path):
    """A registry with all gadgets, or None."""
    try:
        with registries.Registry(tmp_path / "registry") as registry:
            source = images.Layout(tmp_path / "pushed")
            for name in GADGETS:
                images.our_gadget(source, name, name)
                registries.skopeo_push(source.path, name, f"{registry.host}/{name}:v1")
            yield registry
    except registries.Missing:
        yield None


@pytest.fixture
def archives(ctl, layout, tmp_path):
    """An archive for each gadget; larger ones, too, that take a while to write."""
    paths = []
    for i, name in enumerate(GADGETS):
        images.our_gadget(layout, f"localhost:9/{name}:v1", name, layers=[
            ("application/x-ballast", bytes([i]) * (1 << 20 << i))])
        paths.append(tmp_path / f"{name}.tar")
        ctl("image", "export", f"{name}:v1", paths[-1])
        ctl("image", "rm", f"{name}:v1")
    return paths


def commands(rng, archives, registry):
    """AT_ONCE commands, whatever they are."""
    name = lambda: f"localhost:9/{rng.choice(GADGETS)}:v{rng.randrange(1, 4)}"  # noqa: E731
    kinds = [lambda: ("image", "import", rng.choice(archives)),
             lambda: ("image", "import", rng.choice(archives), "--tag", name()),
             lambda: ("tag", "localhost:9/kept:v1", name()),
             lambda: ("tag", name(), name()),
             lambda: ("image", "rm", name()),
             lambda: ("image", "rm", "-f", name(), name(), name()),
             lambda: ("image", "prune")]
    if registry:
        kinds.append(lambda: ("pull", f"{registry.host}/{rng.choice(GADGETS)}:v1"))
        kinds.append(lambda: ("image", "rm", f"{registry.host}/{rng.choice(GADGETS)}:v1"))
    return [rng.choice(kinds)() for _ in range(AT_ONCE)]


def one_round(ctl, env, rng, archives, registry):
    """Start them, and kill each at some time; what ends by itself must end well."""
    running = [subprocess.Popen([ctl.path, *map(str, c)], env=env, stdin=subprocess.DEVNULL,
                                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
               for c in commands(rng, archives, registry)]
    for process in running:
        try:
            process.wait(rng.uniform(0, 0.03))
        except subprocess.TimeoutExpired:
            process.kill()
    killed = 0
    for process in running:
        error = process.communicate()[1]
        # 66: somebody else has removed what it names
        assert process.returncode in (0, -9, 66), f"{process.args}: {process.returncode} {error}"
        killed += process.returncode == -9
    return killed


def check(ctl):
    ctl("image", "fsck")
    listed = [line.split()[:2] for line in ctl("images").stdout.splitlines()[1:]]
    assert ["localhost:9/kept", "v1"] in listed
    for repository, tag in listed:
        ctl("image", "export", f"{repository}:{tag}", "/dev/null")


def test_sudden_death_leaves_a_valid_store(ctl, layout, archives, registry):
    rng = random.Random(5)
    env = dict(ctl.env, GADGETCTL_INSECURE_REGISTRIES=registry.host if registry else "")
    images.our_gadget(layout, "localhost:9/kept:v1")
    killed = 0
    for _ in range(ROUNDS):
        killed += one_round(ctl, env, rng, archives, registry)
        check(ctl)
    assert killed, "nothing was killed: it ends too soon to be of use"
    ctl("image", "prune")
    check(ctl)
    removed = [f"{line.split()[0]}:{line.split()[1]}" for line in
               ctl("images").stdout.splitlines()[1:]]
    ctl("image", "rm", *removed)
    ctl("image", "prune")
    assert ctl("images", "-q").stdout == ""
    assert os.listdir(f"{layout.path}/blobs/sha256") == os.listdir(f"{layout.path}/ingest") == []
