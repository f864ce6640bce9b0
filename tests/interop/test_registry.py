# SPDX-License-Identifier: Apache-2.0
"""Images between our store, a real registry, and clients of it that are not ours."""

import itertools
import json
import os
import subprocess

import pytest

import images
import registries
from images import ARCHITECTURE, OTHER
from oci_host import Host
from registries import skopeo, skopeo_push, skopeo_raw
from support import SCALE, wait_until

UPLOADS = ("POST", "PUT", "PATCH")
NAMES = (f"gadget/n{i}" for i in itertools.count())  # one repository for each test


@pytest.fixture
def registry(plain_registry):
    return plain_registry


@pytest.fixture
def repository(registry):
    """The name of an image that the registry does not have, without a tag."""
    return f"{registry.host}/{next(NAMES)}"


@pytest.fixture
def plain(registry):
    return f"--insecure-registry={registry.host}"


def both_architectures(layout, name):
    program, metadata = images.gadget_files("trace_open")
    return images.gadget_image(layout, name, {ARCHITECTURE: program, OTHER: program + b"\0"},
                               metadata)


def uploads(requests):
    return [r for r in requests if r.method in UPLOADS and "/blobs/" in r.path]


def everything_below(layout, digest):
    """The digests of an image: the index, its manifests, and their blobs."""
    with open(layout.blob(digest), encoding="utf-8") as f:
        index = json.load(f)
    found = {digest}
    for item in index["manifests"]:
        with open(layout.blob(item["digest"]), encoding="utf-8") as f:
            manifest = json.load(f)
        found |= {item["digest"], manifest["config"]["digest"]}
        found |= {layer["digest"] for layer in manifest["layers"]}
    return found


# ---- push -------------------------------------------------------------------


def test_what_is_pushed_is_byte_for_byte_what_others_see(host, registry, repository, plain):
    digest = both_architectures(host.layout, f"{repository}:v1")
    done = host.ok("push", f"{repository}:v1", plain)
    assert done.stdout == f"{repository}:v1@{digest}\n"
    for reference in (f"{repository}:v1", f"{repository}@{digest}"):
        assert images.digest_of(skopeo_raw(reference)) == digest
    for part in everything_below(host.layout, digest):
        with open(host.layout.blob(part), "rb") as f:
            assert registry.bytes_of(part) == f.read(), part


def test_what_the_registry_has_is_not_sent_again(host, registry, repository, plain):
    both_architectures(host.layout, f"{repository}:v1")
    host.ok("push", f"{repository}:v1", plain)
    mark = registry.mark()
    host.ok("push", f"{repository}:v1", plain)
    again = registry.since(mark)
    assert not uploads(again)
    assert [r.path.rsplit("/", 1)[1] for r in again if r.method in UPLOADS] == ["v1"]


def test_one_more_name_is_pushed_without_its_content(host, registry, repository, plain):
    digest = both_architectures(host.layout, f"{repository}:v1")
    host.ok("push", f"{repository}:v1", plain)
    host.ok("tag", f"{repository}:v1", f"{repository}:stable")
    mark = registry.mark()
    host.ok("push", f"{repository}:stable", plain)
    assert not uploads(registry.since(mark))
    listed = json.loads(skopeo("list-tags", "--tls-verify=false", f"docker://{repository}").stdout)
    assert sorted(listed["Tags"]) == ["stable", "v1"]
    assert images.digest_of(skopeo_raw(f"{repository}:stable")) == digest


def test_a_change_sends_only_what_has_changed(host, registry, repository, plain):
    program, metadata = images.gadget_files("trace_open")
    for tag, annotation in (("v1", "one"), ("v2", "two")):
        images.gadget_image(host.layout, f"{repository}:{tag}", {ARCHITECTURE: program}, metadata,
                            annotations={"who": annotation})
    host.ok("push", f"{repository}:v1", plain)
    mark = registry.mark()
    host.ok("push", f"{repository}:v2", plain)
    assert not uploads(registry.since(mark)), "the blobs are the same"
    assert sum(r.method == "PUT" for r in registry.since(mark)) == 2, "a manifest and an index"


def test_blobs_of_another_repository_are_mounted(host, registry, repository, plain):
    other = f"{repository}-copy"
    digest = both_architectures(host.layout, f"{repository}:v1")
    host.ok("push", f"{repository}:v1", plain)
    host.ok("tag", f"{repository}:v1", f"{other}:v1")
    mark = registry.mark()
    host.ok("push", f"{other}:v1", plain)
    sent = uploads(registry.since(mark))
    assert {(r.method, r.status) for r in sent} == {("POST", 201)}
    assert all("mount=sha256" in r.path and "from=gadget" in r.path for r in sent)
    skopeo("copy", "--all", "--src-tls-verify=false", f"docker://{other}:v1",
           f"oci:{host.folder}/back:v1")
    assert images.digest_of(skopeo_raw(f"{other}:v1")) == digest


def test_what_another_repository_lost_is_sent_after_all(host, registry, repository, plain):
    other = f"{repository}-new"
    both_architectures(host.layout, f"{repository}:never-pushed")
    host.ok("tag", f"{repository}:never-pushed", f"{other}:v1")
    program, _ = images.gadget_files("trace_open")
    host.ok("push", f"{other}:v1", plain)
    assert registry.bytes_of(images.digest_of(program)) == program


def test_a_platform_that_was_not_pulled_is_missed_when_pushed(host, registry, repository, plain,
                                                              tmp_path, gadgetctl):
    digest = both_architectures(host.layout, f"{repository}:v1")
    host.ok("push", f"{repository}:v1", plain)
    other = Host(gadgetctl, tmp_path / "other")
    other.ok("pull", f"{repository}:v1", plain)
    other.ok("tag", f"{repository}:v1", f"{repository}-elsewhere:v1")
    error = other.fails("push", f"{repository}-elsewhere:v1", plain, code=66).error
    assert f"linux/{OTHER}" in error and "--all-platforms" in error
    assert f"{repository}-elsewhere:v1@{digest}" not in other.ok("images").stdout
    # Where all of it is already, nothing is missed.
    other.ok("tag", f"{repository}:v1", f"{repository}:v2")
    other.ok("push", f"{repository}:v2", plain)
    assert images.digest_of(skopeo_raw(f"{repository}:v2")) == digest


def test_an_image_that_is_not_there_is_not_pushed(host, repository, plain):
    host.layout
    assert "no image" in host.fails("push", f"{repository}:v1", plain, code=66).error


# ---- pull -------------------------------------------------------------------


def pushed_by_skopeo(folder, repository, make=images.our_gadget):
    """An image that skopeo has brought to the registry; the digest the registry has it under."""
    layout = images.Layout(f"{folder}/layout")
    make(layout, "v1")
    skopeo_push(layout.path, "v1", f"{repository}:v1")
    # skopeo writes indexes anew, so the registry's word counts.
    return images.digest_of(skopeo_raw(f"{repository}:v1"))


def test_what_skopeo_pushes_is_pulled_as_it_is(host, registry, repository, plain, tmp_path):
    digest = pushed_by_skopeo(tmp_path, repository)
    done = host.ok("pull", f"{repository}:v1", plain)
    assert done.stdout == f"{repository}:v1@{digest}\n"
    assert host.names() == {f"{repository}:v1": digest}
    assert host.blobs() == everything_below(host.layout, digest)
    for part in host.blobs():
        with open(host.layout.blob(part), "rb") as f:
            assert f.read() == registry.bytes_of(part)


def test_what_is_pulled_is_a_layout_that_skopeo_reads(host, repository, plain, tmp_path):
    digest = pushed_by_skopeo(tmp_path, repository)
    host.ok("pull", f"{repository}:v1", plain)
    raw = skopeo("inspect", "--raw", f"oci:{host.store}:{repository}:v1").stdout
    assert images.digest_of(raw) == digest
    skopeo("copy", "--all", f"oci:{host.store}:{repository}:v1", f"oci:{tmp_path}/copy:v1")
    assert images.Layout(tmp_path / "copy").names()[0]["digest"] == digest


def test_what_is_there_is_not_fetched_again(host, registry, repository, plain, tmp_path):
    pushed_by_skopeo(tmp_path, repository)
    host.ok("pull", f"{repository}:v1", plain)
    mark = registry.mark()
    host.ok("pull", f"{repository}:v1", plain)
    assert not [r for r in registry.since(mark) if "/blobs/" in r.path]


def test_a_pull_by_digest_is_that_digest(host, repository, plain, tmp_path):
    digest = pushed_by_skopeo(tmp_path, repository)
    host.ok("pull", f"{repository}@{digest}", plain)
    assert digest in host.names().values()
    wrong = "sha256:" + "0" * 64
    assert "0000" in host.fails("pull", f"{repository}@{wrong}", plain, code=66).error


def test_one_platform_is_pulled_unless_more_is_asked_for(host, registry, repository, plain,
                                                         tmp_path, gadgetctl):
    pushed_by_skopeo(tmp_path, repository, both_architectures)
    program, _ = images.gadget_files("trace_open")
    ours, others = images.digest_of(program), images.digest_of(program + b"\0")
    wanted = {(): {ours}, (f"--platform=linux/{OTHER}",): {others},
              ("--all-platforms",): {ours, others}}
    for number, (flags, programs) in enumerate(wanted.items()):
        each = Host(gadgetctl, tmp_path / str(number))
        each.ok("pull", f"{repository}:v1", plain, *flags)
        assert each.blobs() & {ours, others} == programs
        each.check()
    error = host.fails("pull", f"{repository}:v1", plain, "--platform=linux/s390x").error
    assert "linux/s390x" in error and f"linux/{OTHER}" in error
    assert not host.names()


def test_names_that_are_not_there_say_so(host, registry, repository, plain, tmp_path):
    assert "404" in host.fails("pull", f"{repository}:v1", plain, code=66).error
    pushed_by_skopeo(tmp_path, repository)
    error = host.fails("pull", f"{repository}:v2", plain, code=66).error
    assert f"{repository}:v2" in error and "\n" not in error
    assert not host.names()


def test_several_processes_pull_one_image(host, registry, repository, plain, tmp_path):
    def large(layout, name):
        program, metadata = images.gadget_files("trace_open")
        return images.gadget_image(layout, name, {ARCHITECTURE: program}, metadata, layers=[
            (images.WASM, os.urandom(1 << 20)) for _ in range(6)])

    digest = pushed_by_skopeo(tmp_path, repository, large)
    running = [host.start("pull", f"{repository}:v1", plain) for _ in range(6 * SCALE)]
    try:
        for process in running:
            assert process.wait() == 0, process.stderr
            assert process.stdout == f"{repository}:v1@{digest}\n"
    finally:
        for process in running:
            process.__exit__()
    assert host.names() == {f"{repository}:v1": digest}
    assert not host.parts()


# ---- other clients ----------------------------------------------------------


def test_containerd_fetches_what_is_pushed(host, repository, plain, tmp_path):
    digest = both_architectures(host.layout, f"{repository}:v1")
    host.ok("push", f"{repository}:v1", plain)
    try:
        with registries.Containerd(tmp_path / "c") as containerd:
            containerd.ctr("content", "fetch", "--plain-http", "--all-platforms",
                           f"{repository}:v1")
            held = containerd.ctr("content", "ls", "-q").decode().split()
            for part in everything_below(host.layout, digest):
                assert part in held
            with open(host.layout.blob(digest), "rb") as f:
                assert containerd.ctr("content", "get", digest) == f.read()
    except registries.Missing as missing:
        pytest.skip(str(missing))



def test_exports_load_elsewhere_and_come_back(host, repository, plain, tmp_path, gadgetctl):
    digest = both_architectures(host.layout, f"{repository}:v1")
    tar = f"{tmp_path}/image.tar"
    host.ok("image", "export", f"{repository}:v1", tar)
    # Into the registry by skopeo, from there into another store, and out again.
    skopeo("copy", "--all", "--dest-tls-verify=false", f"oci-archive:{tar}",
           f"docker://{repository}:v2")
    other = Host(gadgetctl, tmp_path / "other")
    other.ok("pull", f"{repository}:v2", plain, "--all-platforms")
    again = f"{tmp_path}/again.tar"
    other.ok("image", "export", f"{repository}:v2", again)
    host.ok("image", "import", again)
    assert digest in host.names().values()
    copied = skopeo("inspect", "--raw", f"oci-archive:{again}").stdout
    assert images.digest_of(copied) == other.names()[f"{repository}:v2"]
    other.check()


def test_an_image_that_skopeo_copied_runs(host, repository, plain, tmp_path, needs_bpf):
    pushed_by_skopeo(tmp_path, repository)
    host.ok("pull", f"{repository}:v1", plain)
    marker = f"{tmp_path}/opened-by-nobody-else"
    with host.start("run", f"{repository}:v1", "-o", "json", "--timeout=20s") as run:
        def seen():
            subprocess.run(["cat", marker], stderr=subprocess.DEVNULL, check=False)
            return marker in run.stdout or not run.running
        wait_until(seen, "the record of an open")
        assert run.running, run.stderr
        assert run.stop() == 0, run.stderr
        assert any(record["fname"] == marker for record in run.records())
