# SPDX-License-Identifier: Apache-2.0
"""Archives and the store as others read and write them: skopeo, containerd."""

import json
import subprocess

import pytest

import images
import registries
import support
from registries import skopeo


@pytest.fixture
def store(gadgetctl, tmp_path):
    """gadgetctl on a store of its own, with an image for two platforms."""
    layout = images.Layout(tmp_path / "store")
    program, metadata = images.gadget_files("trace_open")
    layout.digest = images.gadget_image(layout, "localhost:5000/g/opens:v1",
                                        {"amd64": program, "arm64": program}, metadata)
    env = dict(gadgetctl.env, GADGETCTL_STORE=layout.path)

    def run(*args, code=0):
        done = subprocess.run([gadgetctl.path, *map(str, args)], env=env, capture_output=True,
                              text=True, stdin=subprocess.DEVNULL, timeout=support.DEADLINE,
                              check=False)
        assert done.returncode == code, done.stderr
        return done.stdout
    layout.run = run
    return layout


def run_skopeo(*args):
    try:
        return skopeo(*args)
    except registries.Missing as missing:
        pytest.skip(str(missing))


def manifests(layout, digest):
    """The digests of the manifests in an index; skopeo writes indexes anew."""
    with open(layout.blob(digest), encoding="utf-8") as f:
        return [d["digest"] for d in json.load(f)["manifests"]]


def only(layout):
    """The digest of the only image of a layout."""
    [image] = layout.names()
    return image["digest"]


def test_skopeo_reads_the_store(store, tmp_path):
    run_skopeo("copy", "--all", f"oci:{store.path}:localhost:5000/g/opens:v1", f"oci:{tmp_path}/copy:x")
    copy = images.Layout(tmp_path / "copy")
    assert manifests(copy, only(copy)) == manifests(store, store.digest)


def test_skopeo_reads_what_was_exported(store, tmp_path):
    store.run("image", "export", "localhost:5000/g/opens:v1", tmp_path / "a.tar")
    run_skopeo("copy", "--all", f"oci-archive:{tmp_path}/a.tar:localhost:5000/g/opens:v1", f"oci:{tmp_path}/copy:x")
    copy = images.Layout(tmp_path / "copy")
    assert manifests(copy, only(copy)) == manifests(store, store.digest)


def test_what_skopeo_writes_is_imported(store, tmp_path):
    source = f"oci:{store.path}:localhost:5000/g/opens:v1"
    run_skopeo("copy", "--all", source, f"oci-archive:{tmp_path}/a.tar:v7")
    run_skopeo("copy", "--all", source, f"oci-archive:{tmp_path}/b.tar:example.org/full:v2")
    assert store.run("image", "import", tmp_path / "a.tar", code=2) == ""
    for archive, name, *more in (("a.tar", "localhost/back:v1", "--tag", "localhost/back:v1"),
                                 ("b.tar", "example.org/full:v2")):
        said = store.run("image", "import", tmp_path / archive, *more)
        name_there, _, digest = said.strip().partition("@")
        assert name_there == name
        assert manifests(store, digest) == manifests(store, store.digest)
        assert json.loads(store.run("inspect", name, "-o", "json"))["params"]
    store.run("image", "fsck")


def test_containerd_imports_fetches_and_exports(store, tmp_path):
    store.run("image", "export", "localhost:5000/g/opens:v1", tmp_path / "a.tar")
    try:
        with registries.Containerd(tmp_path / "c") as daemon:
            daemon.ctr("images", "import", "--no-unpack", "--all-platforms", tmp_path / "a.tar")
            listed = daemon.ctr("images", "list").decode()
            assert "localhost:5000/g/opens:v1" in listed and store.digest in listed
            daemon.ctr("images", "export", "--all-platforms", tmp_path / "b.tar",
                       "localhost:5000/g/opens:v1")
    except registries.Missing as missing:
        pytest.skip(str(missing))
    store.run("image", "rm", "localhost:5000/g/opens:v1")
    assert store.run("image", "import", tmp_path / "b.tar") == \
        f"localhost:5000/g/opens:v1@{store.digest}\n"
    store.run("image", "fsck")
