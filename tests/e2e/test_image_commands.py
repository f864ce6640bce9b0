# SPDX-License-Identifier: Apache-2.0
"""The commands on the store: images, tag, image inspect, remove, prune, fsck, export, import."""

import io
import json
import os
import re
import subprocess
import tarfile

import pytest

import images
import support
from images import ARCHITECTURE, OTHER, error_of
from images import ctl, layout  # noqa: F401 (fixtures)


@pytest.fixture
def two(layout):
    """Two images, the first for two platforms; returns their digests."""
    program, metadata = images.gadget_files("trace_open")
    first = images.gadget_image(layout, "localhost:9/g/opens:v1",
                                {ARCHITECTURE: program, OTHER: program}, metadata,
                                annotations={"org.opencontainers.image.description": "opens"})
    return first, images.our_gadget(layout, "localhost:9/execs:v2", "trace_exec")


def names(ctl):
    return [one["reference"] for one in json.loads(ctl("images", "-o", "json").stdout)]


# ---- images, tag ---------------------------------------------------------------------


def test_images_are_listed(ctl, two):
    first, second = two
    lines = ctl("images").stdout.splitlines()
    assert re.split(r" {3,}", lines[0].strip()) == ["REPOSITORY", "TAG", "DIGEST", "CREATED", "SIZE"]
    rows = [re.split(r" {3,}", line) for line in lines[1:]]
    assert [row[:3] for row in rows] == [["localhost:9/execs", "v2", second[7:19]],
                                         ["localhost:9/g/opens", "v1", first[7:19]]]
    assert all(re.fullmatch(r"\d+ years? ago", row[3]) for row in rows)
    assert all(re.fullmatch(r"[\d.]+kB", row[4]) for row in rows)
    assert ctl("image", "ls", "--no-trunc").stdout.count("sha256:") == 2
    assert ctl("images", "-q").stdout.split() == [second[7:19], first[7:19]]
    assert ctl("images", "-q", "--no-trunc", "g/opens").stdout.split() == [first]
    opens = json.loads(ctl("image", "list", "g/opens", "-o", "json").stdout)
    assert [(o["repository"], o["tag"], o["digest"], o["created"]) for o in opens] == [
        ("localhost:9/g/opens", "v1", first, "2024-05-06T07:08:09Z")]
    assert opens[0]["size"] > 70000


def test_a_store_that_is_not_there_has_no_images(ctl, tmp_path):
    env = {"GADGETCTL_STORE": str(tmp_path / "none")}
    assert ctl("images", env=env).stdout.split() == ["REPOSITORY", "TAG", "DIGEST", "CREATED", "SIZE"]
    assert json.loads(ctl("images", "-o", "json", env=env).stdout) == []
    assert "there are no images in '" in error_of(ctl("tag", "a", "b", env=env, code=66))
    assert "deleted 0 blobs" in ctl("image", "prune", env=env).stdout
    assert not os.path.exists(tmp_path / "none")


def test_a_tag_is_one_more_name_and_moves(ctl, two):
    first, second = two
    assert ctl("tag", "g/opens:v1", "mine").stdout == "localhost:9/mine:latest\n"
    assert ctl("image", "tag", second[7:20], "mine", "-q").stdout == ""
    assert json.loads(ctl("images", "mine", "-o", "json").stdout)[0]["digest"] == second
    assert "no image 'localhost:9/nix:latest'" in error_of(ctl("tag", "nix", "b", code=66))
    assert "cannot have a digest" in error_of(ctl("tag", "mine", f"b@{first}", code=2))
    ctl("tag", "mine", code=2)


# ---- image inspect -------------------------------------------------------------------


def test_inspect_shows_image_and_gadget(ctl, two, layout):
    first, _ = two
    text = ctl("image", "inspect", "g/opens:v1").stdout
    assert text.startswith(f"localhost:9/g/opens:v1\n  digest     {first}\n")
    for part in (f"linux/{OTHER}", "org.opencontainers.image.description: opens", "eBPF",
                 "Data sources:", "Parameters:", "Programs:", "Maps:"):
        assert part in text
    both = [json.loads(ctl("image", "inspect", "g/opens:v1", "-o", "json", *more).stdout)
            for more in ((), ("--platform", f"linux/{OTHER}"))]
    assert [b["architecture"] for b in both] == [ARCHITECTURE, OTHER]
    assert both[0]["gadget"]["sources"] == both[1]["gadget"]["sources"] != []
    assert [l["what"] for l in both[0]["layers"]] == ["metadata", "eBPF"]
    assert {p["architecture"] for p in both[0]["platforms"]} == {"amd64", "arm64"}
    error = error_of(ctl("image", "inspect", "g/opens:v1", "--platform", "s390x", code=65))
    assert "the image holds nothing for s390x (it has amd64, arm64)" in error


def test_inspect_prints_one_thing(ctl, two):
    first, _ = two
    _, metadata = images.gadget_files("trace_open")
    def extra(key, code=0):
        return ctl("image", "inspect", "g/opens:v1", "--extra-info", key, code=code)
    assert extra("oci.metadata").stdout.encode() == metadata
    assert json.loads(extra("oci.manifest").stdout)["schemaVersion"] == 2
    assert [extra(f"oci.{k}").stdout for k in ("repository", "tag", "digest", "created")] == [
        "localhost:9/g/opens\n", "v1\n", f"{first}\n", "2024-05-06T07:08:09Z\n"]
    assert "program" not in {s["name"] for s in json.loads(extra("ebpf.sections").stdout)}
    assert ".BTF" in {s["name"] for s in json.loads(extra("ebpf.sections").stdout)}
    for key, name in (("maps", "events"), ("variables", "targ_pid")):
        assert name in extra(f"ebpf.{key}").stdout
    assert "section" in json.loads(extra("ebpf.programs").stdout)[0]
    assert "there is no extra info 'ebpf.flow'" in error_of(extra("ebpf.flow", code=2))


def test_inspect_says_which_file_hides_an_image(ctl, layout):
    images.our_gadget(layout, "localhost:9/trace_open:latest")
    images.our_gadget(layout, "localhost:9/trace_open:v2")
    assert "bpf/trace_open/program.o (the short name stands for" in ctl(
        "image", "inspect", "trace_open:latest").stdout
    assert "hidden by" not in ctl("image", "inspect", "trace_open:v2").stdout


def test_what_cannot_run_is_shown_as_far_as_possible(ctl, layout):
    images.gadget_image(layout, "localhost:9/w:v1", {ARCHITECTURE: None}, b"name: w\n",
                        layers=[(images.WASM, b"\0asm")])
    shown = ctl("image", "inspect", "w:v1", code=65)
    assert "wasm" in shown.stdout and "(not used by this version)" in shown.stdout
    assert "the image has no eBPF layer (it has: wasm)" in error_of(shown)
    assert json.loads(ctl("image", "inspect", "w:v1", "-o", "json", code=65).stdout)["gadget"] is None


# ---- remove, prune, fsck ----------------------------------------------------------------


def test_remove_takes_the_name_and_then_the_content(ctl, two, layout):
    first, second = two
    ctl("tag", "g/opens:v1", "other:v1")
    assert ctl("image", "rm", "g/opens:v1").stdout == "untagged localhost:9/g/opens:v1\n"
    assert os.path.exists(layout.blob(first))
    assert re.search(r"^untagged localhost:9/other:v1\ndeleted \d+ blobs, [\d.]+kB$",
                     ctl("image", "delete", "other:v1").stdout)
    assert not os.path.exists(layout.blob(first)) and os.path.exists(layout.blob(second))
    assert "no image 'localhost:9/other:v1'" in error_of(ctl("image", "remove", "other:v1", code=66))
    assert names(ctl) == ["localhost:9/execs:v2"]


def test_by_id_all_names_go_only_by_force(ctl, two):
    first, second = two
    ctl("tag", "g/opens:v1", "other:v1")
    error = error_of(ctl("image", "rm", first[7:19], code=1))
    assert "has 2 names" in error and "--force" in error and len(names(ctl)) == 3
    assert ctl("image", "rm", f"g/opens@{first}").stdout.startswith("untagged localhost:9/g/opens:v1")
    ctl("tag", "other:v1", "third:v1")
    assert ctl("image", "rm", "-f", first[7:19]).stdout.count("untagged") == 2
    assert ctl("image", "rm", second[7:]).stdout.startswith("untagged localhost:9/execs:v2")
    assert names(ctl) == [] and os.listdir(f"{ctl.env['GADGETCTL_STORE']}/blobs/sha256") == []


def test_prune_deletes_what_nothing_needs(ctl, two, layout):
    layout.add(b"x" * 1000, "a/b")
    os.makedirs(f"{layout.path}/ingest", exist_ok=True)
    with open(f"{layout.path}/ingest/sha256-{'0' * 64}", "wb") as f:
        f.write(b"y" * 234)
    assert ctl("image", "prune").stdout == "deleted 1 blobs and 1 parts, 1.23kB\n"
    assert ctl("image", "prune").stdout == "deleted 0 blobs and 0 parts, 0B\n"
    ctl("image", "fsck")


def test_a_damaged_store_is_reported_and_can_be_mended(ctl, two, layout):
    first, second = two
    assert ctl("image", "fsck").stdout == f"{layout.path}: valid\n"
    with open(layout.blob(first), "r+b") as f:
        f.write(b"!")
    os.unlink(layout.blob(second))
    faults = ctl("image", "fsck", code=65)
    assert len(faults.stdout.splitlines()) == 2 and f"'{layout.path}' has 2 faults" in faults.stderr
    assert first in faults.stdout and f"blob '{second}' is missing" in faults.stdout
    assert [line.split()[-1] for line in ctl("images").stdout.splitlines()[1:]] == ["?", "?"]
    removed = ctl("image", "rm", "g/opens:v1")  # its content cannot be told from others'
    assert "nothing was deleted" in removed.stderr
    ctl("image", "rm", "execs:v2")
    ctl("image", "prune")
    assert ctl("image", "fsck").stdout == f"{layout.path}: valid\n"


# ---- export, import -----------------------------------------------------------------------


def test_an_archive_brings_the_same_images_elsewhere(ctl, two, tmp_path):
    first, second = two
    ctl("image", "export", "g/opens:v1", second[7:19], "g/opens:v1", tmp_path / "a.tar")
    there = {"GADGETCTL_STORE": str(tmp_path / "there")}
    assert ctl("image", "import", tmp_path / "a.tar", env=there).stdout.splitlines() in [
        [f"localhost:9/g/opens:v1@{first}", f"localhost:9/execs:v2@{second}"],
        [f"localhost:9/execs:v2@{second}", f"localhost:9/g/opens:v1@{first}"]]
    ctl("image", "fsck", env=there)
    ctl("image", "export", "execs:v2", "g/opens:v1", tmp_path / "b.tar", env=there)
    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()


def test_archives_are_reproducible(ctl, two, tmp_path):
    ctl("image", "export", "g/opens:v1", tmp_path / "a.tar")
    with tarfile.open(tmp_path / "a.tar") as tar:
        members = tar.getmembers()
    assert {m.mtime for m in members} == {1714979289}  # 2024-05-06T07:08:09Z
    assert {(m.uid, m.gid, m.uname, m.gname) for m in members} == {(0, 0, "", "")}
    assert [m.name for m in members] == sorted(m.name for m in members)
    out = subprocess.run([ctl.path, "image", "export", "g/opens:v1", "-"], env=ctl.env,
                         capture_output=True, check=True)
    assert out.stdout == (tmp_path / "a.tar").read_bytes()
    ctl("image", "export", "g/opens:v1", tmp_path / "b.tar", env={"SOURCE_DATE_EPOCH": "77"})
    with tarfile.open(tmp_path / "b.tar") as tar:
        assert {m.mtime for m in tar} == {77}
    assert os.listdir(tmp_path) and not [n for n in os.listdir(tmp_path) if n.endswith(".part")]


def test_standard_input_and_gzip_are_read(ctl, two, tmp_path):
    first, _ = two
    ctl("image", "export", "g/opens:v1", tmp_path / "a.tar")
    subprocess.run(["gzip", tmp_path / "a.tar"], check=True)
    there = dict(ctl.env, GADGETCTL_STORE=str(tmp_path / "there"))
    with open(tmp_path / "a.tar.gz", "rb") as f:
        done = subprocess.run([ctl.path, "image", "import", "-"], env=there, stdin=f,
                              capture_output=True, check=True)
    assert done.stdout.decode() == f"localhost:9/g/opens:v1@{first}\n"


def test_a_damaged_image_is_not_exported(ctl, two, layout, tmp_path):
    first, _ = two
    manifest = json.load(open(layout.blob(first), encoding="utf-8"))["manifests"][0]["digest"]
    layer = json.load(open(layout.blob(manifest), encoding="utf-8"))["layers"][0]["digest"]
    with open(layout.blob(layer), "r+b") as f:
        f.write(b"!")
    assert "is damaged" in error_of(ctl("image", "export", "g/opens:v1", tmp_path / "a.tar", code=65))
    os.unlink(layout.blob(layer))
    assert "is missing" in error_of(ctl("image", "export", "g/opens:v1", tmp_path / "a.tar", code=66))
    assert not [n for n in os.listdir(tmp_path) if n.startswith("a.tar")]


def test_export_says_when_it_cannot_write(ctl, two, tmp_path):
    assert "No such file" in error_of(ctl("image", "export", "g/opens:v1", tmp_path / "no/a", code=66))
    full = error_of(ctl("image", "export", "g/opens:v1", "/dev/full", code=74))
    assert "No space left" in full


# ---- how commands are called -----------------------------------------------------------------


def test_commands_explain_themselves(ctl):
    listed = ctl("image", "--help").stdout
    for name in ("list", "inspect", "tag", "remove", "prune", "export", "import", "fsck", "pull"):
        assert f"\n  {name} " in listed
        assert "Usage: gadgetctl " in ctl("image", name, "--help").stdout
        assert ctl("help", "image", name).stdout == ctl("image", name, "--help").stdout
    assert "did you mean 'image prune'?" in error_of(ctl("image", "prun", code=2))
    assert "no help for 'image x'" in error_of(ctl("help", "image", "x", code=2))
    ctl("image", code=2)
    for words in (("rm",), ("prune", "x"), ("fsck", "x"), ("inspect",), ("export", "x"), ("import",),
                  ("list", "a", "b"), ("list", "-o", "xml"), ("inspect", "a", "-o", "xml"),
                  ("inspect", "a", "--platform", "a/b/c"), ("import", "x", "--max-size", "-1"),
                  ("import", "x", "--tag", "X")):
        assert ctl("image", *words, code=2).stderr.count("\n") == 1
