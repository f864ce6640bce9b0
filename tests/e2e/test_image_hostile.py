# SPDX-License-Identifier: Apache-2.0
"""Images and archives nobody should have made: one clear error, little time and memory,
nothing written where it does not belong."""

import gzip
import io
import json
import lzma
import os
import resource
import subprocess
import tarfile
import zipfile
import zlib

import pytest

import images
import support
from images import ARCHITECTURE, error_of
from images import ctl, layout  # noqa: F401 (fixtures)

MEMORY = 512 << 20  # bytes of address space; a build with sanitizers needs its own
LIMITED = "asan" not in support.BUILD


def limit_memory(to=MEMORY):
    if LIMITED:
        resource.setrlimit(resource.RLIMIT_AS, (to, to))


def refused(ctl, *args, code=65):
    """The error of a command that must end soon, with little memory."""
    done = subprocess.run([ctl.path, *map(str, args)], env=ctl.env, capture_output=True, text=True,
                          errors="replace", stdin=subprocess.DEVNULL, timeout=20, check=False,
                          preexec_fn=limit_memory)
    assert done.returncode == code, (done.returncode, done.stderr[-500:])
    return error_of(done)


# ---- images ------------------------------------------------------------------------------


def manifest_of(layout, **changes):
    """A manifest of one of our gadgets with keys changed."""
    program, metadata = images.gadget_files("trace_open")
    document = {"schemaVersion": 2, "mediaType": images.MANIFEST,
                "config": layout.add(metadata, images.CONFIG),
                "layers": [layout.add(program, images.EBPF)]}
    document.update(changes)
    return document


def test_sizes_that_cannot_be(ctl, layout):
    for size, said in ((10 << 30, "is too large"), (-1, "must be a number of bytes"),
                       (1 << 60, "must be a number of bytes"), ("1", "must be a number of bytes")):
        document = manifest_of(layout)
        document["layers"][0]["size"] = size
        layout.name("localhost:9/a:v1", layout.document(document))
        assert said in refused(ctl, "inspect", "a:v1")
    document = manifest_of(layout)
    document["config"]["size"] = 5 << 20
    layout.name("localhost:9/a:v1", layout.document(document))
    assert "is too large (at most 4194304)" in refused(ctl, "inspect", "a:v1")
    document["layers"] = [layout.add(b"\0" * ((64 << 20) + 1), images.EBPF)]
    layout.name("localhost:9/a:v1", layout.document(document))
    assert "is too large (at most 67108864)" in refused(ctl, "inspect", "a:v1")


def test_documents_that_lie(ctl, layout):
    whole = json.dumps(manifest_of(layout)).encode()
    layer = json.dumps(manifest_of(layout)["layers"][0]).encode()
    for bad, said in (
            (whole.replace(b'"schemaVersion": 2', b'"schemaVersion": 2, "schemaVersion": 2'), "JSON"),
            (whole.replace(b"ebpf", b"\xff\xfebpf"), "JSON"),
            (whole[:-1], "JSON"), (b"", "JSON"), (b"[]", "no object"), (b"[" * 100000, "JSON"),
            (whole.replace(b'"layers": [', b'"manifests": [], "layers": ['), "both"),
            (whole.replace(b"sha256:", b"sha256:../../"), "digest"),
            (whole.replace(b"sha256:", b"md5:"), "digest"),
            (whole.replace(layer, b", ".join([layer] * 1025)), "at most 1024"),
            (whole[:-1] + b', "annotations": {"a": "%s"}}' % (b"x" * 70000), "64 KiB"),
            (whole[:-1] + b', "annotations": {%s}}' % b",".join(
                b'"%d":""' % i for i in range(300)), "256"),
            (whole + b" " * (5 << 20), "is too large")):
        layout.name("localhost:9/a:v1", layout.add(bad, images.MANIFEST))
        assert said in refused(ctl, "inspect", "a:v1"), bad[:100]
        assert said in refused(ctl, "image", "inspect", "a:v1")
        ctl("images")


def test_indexes_in_indexes(ctl, layout):
    top = layout.document(manifest_of(layout))
    for _ in range(40):
        top = layout.index([dict(top, platform=images.platform(ARCHITECTURE))])
    layout.name("localhost:9/a:v1", top)
    assert "the image holds nothing for" in refused(ctl, "inspect", "a:v1")
    assert "nested too deep" in refused(ctl, "image", "export", "a:v1", "/dev/null")
    assert ctl("image", "fsck", code=65).stdout == "indexes are nested too deep\n"
    assert ctl("images").stdout.split()[-1] == "?"


def test_an_index_that_is_a_manifest_and_the_other_way(ctl, layout):
    manifest = layout.document(manifest_of(layout))
    layout.name("localhost:9/a:v1", dict(manifest, mediaType=images.INDEX))
    assert "it calls itself" in refused(ctl, "inspect", "a:v1")
    index = layout.index([manifest])
    layout.name("localhost:9/a:v1", dict(index, mediaType=images.MANIFEST))
    assert "it calls itself" in refused(ctl, "inspect", "a:v1")
    layout.name("localhost:9/a:v1", dict(manifest, mediaType="text/plain"))
    assert "it calls itself" in refused(ctl, "inspect", "a:v1")


def test_many_large_documents_take_little_memory(ctl, layout):
    program, metadata = images.gadget_files("trace_open")
    many = []
    for i in range(60):
        # 40 annotations of 60 kB are 2.4 MB; with copies, all would be 290 MB.
        large = manifest_of(layout, annotations={f"{i}.{k}": "x" * 60000 for k in range(40)})
        many.append(dict(layout.document(large), platform=images.platform(f"a{i}")))
    layout.name("localhost:9/a:v1", layout.index(many))
    for command in (("images",), ("image", "fsck"), ("image", "prune")):
        done = subprocess.run([ctl.path, *command], env=ctl.env, capture_output=True, timeout=60,
                              check=False, preexec_fn=lambda: limit_memory(300 << 20))
        assert done.returncode == 0, done.stderr


def test_names_of_the_store_cannot_drive_a_terminal(ctl, layout):
    document = manifest_of(layout, annotations={"a\x1b[31m": "b\x1b[2Jc\n"})
    document["layers"].append(dict(layout.add(b"?", "x/\x1b[31my")))
    layout.name("localhost:9/a:v1", layout.document(document))
    done = ctl("image", "inspect", "a:v1")
    assert "\x1b" not in done.stdout + done.stderr
    assert "\x1b" not in ctl("inspect", "a:v1").stderr


# ---- archives ------------------------------------------------------------------------------


class Tar:
    """A tar that is made member by member."""

    def __init__(self):
        self.file = io.BytesIO()
        self.tar = tarfile.open(fileobj=self.file, mode="w", format=tarfile.PAX_FORMAT)

    def add(self, name, data=b"", kind=tarfile.REGTYPE, link=""):
        info = tarfile.TarInfo(name)
        info.type, info.linkname, info.size = kind, link, len(data)
        self.tar.addfile(info, io.BytesIO(data))
        return self

    def bytes(self):
        self.tar.close()
        return self.file.getvalue()


@pytest.fixture
def image(tmp_path):
    """The members of a good archive: {name: bytes}."""
    source = images.Layout(tmp_path / "source")
    images.our_gadget(source, "localhost:9/good:v1")
    members = {}
    for folder, _, files in os.walk(source.path):
        for name in files:
            path = os.path.join(folder, name)
            with open(path, "rb") as f:
                members[os.path.relpath(path, source.path)] = f.read()
    return members


def tar_of(members, without=()):
    tar = Tar()
    for name, data in members.items():
        if name not in without:
            tar.add(name, data)
    return tar


@pytest.fixture
def refuse(ctl, layout, tmp_path):
    """Importing these bytes fails, and leaves nothing anywhere."""
    def check(data, code=65, *more):
        before = sorted(os.listdir(tmp_path))
        path = tmp_path / "bad.tar"
        path.write_bytes(data)
        error = refused(ctl, "image", "import", path, *more, code=code)
        path.unlink()
        assert sorted(os.listdir(tmp_path)) == before
        assert os.listdir(f"{layout.path}/blobs/sha256") == []
        assert os.listdir(f"{layout.path}/ingest") == []
        assert layout.names() == []
        return error
    return check


def test_the_good_archive_is_good(ctl, image, tmp_path):
    members = dict(sorted(image.items(), reverse=True))  # names first: any order will do
    (tmp_path / "good.tar").write_bytes(
        tar_of({f"./{name}": data for name, data in members.items()})
        .add("manifest.json", b"[]").add("some/folder", kind=tarfile.DIRTYPE).bytes())
    assert ctl("image", "import", tmp_path / "good.tar").stdout.startswith("localhost:9/good:v1@")
    ctl("image", "fsck")


@pytest.mark.parametrize("name", [
    "../evil", "/evil", "blobs/sha256/../../../evil", "./../evil", "blobs/../../evil", "a/..",
    "//evil"])
def test_paths_that_lead_outside(refuse, image, name):
    assert "has a path that leads outside" in refuse(tar_of(image).add(name, b"evil").bytes())


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE,
                                  tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_members_that_are_no_files(refuse, image, kind):
    for name in ("blobs/sha256/" + "0" * 64, "index.json", "other"):
        error = refuse(tar_of(image, [name]).add(name, kind=kind, link="/etc/passwd").bytes())
        assert "is a link" in error or "is neither a file nor a folder" in error


def test_members_that_come_twice(refuse, image):
    for name in image:
        assert "comes twice" in refuse(tar_of(image).add(name, image[name]).bytes())
        assert "comes twice" in refuse(tar_of(image).add("./" + name, image[name]).bytes())


def test_members_that_are_missing(refuse, image):
    for name in image:
        error = refuse(tar_of(image, [name]).bytes())
        assert f"has no {name}" in error or "is missing" in error or "no part of it" in error, name


def test_content_that_is_not_what_its_name_says(refuse, image):
    blobs = [name for name in image if name.startswith("blobs/")]
    for name in blobs:
        changed = dict(image, **{name: image[name][:-1] + b"?"})
        assert "another digest" in refuse(tar_of(changed).bytes())
    for name in ("blobs/sha256/xyz", "blobs/md5/" + "0" * 32, "blobs/x", "blobs/sha256/" + "A" * 64):
        assert "is no blob's name" in refuse(tar_of(image).add(name, b"x").bytes())


def test_an_archive_that_is_cut_anywhere(refuse, image):
    data = tar_of(image).bytes()
    end = max(i for i in range(0, len(data), 512) if any(data[i:i + 512])) + 512
    for at in [0, 1, 511, 512, 700, *range(1024, end - 1, 512 * 29), end - 512, end - 300]:
        refuse(data[:at])
    packed = gzip.compress(data, mtime=0)
    for at in range(1, len(packed) - 1, len(packed) // 20):
        refuse(packed[:at])


def test_names_in_an_archive(refuse, image, ctl, tmp_path):
    index = json.loads(image["index.json"])
    one = index["manifests"][0]

    def named(*names):
        items = [dict(one, annotations={images.REF_NAME: name} if name else {}) for name in names]
        return tar_of(dict(image, **{"index.json": json.dumps(
            dict(index, manifests=items)).encode()})).bytes()
    assert "has no full name in the archive, only 'v1'" in refuse(named("v1"), 2)
    assert "has no full name in the archive (" in refuse(named(None), 2)
    assert "is no image name" in refuse(named("a/../b:v1"))
    assert "is the name of other content" in refuse(named("a/b@sha256:" + "0" * 64))
    assert "has 2 images" in refuse(named("a/b:v1", "a/b:v2"), 2, "--tag", "x:v1")
    assert "has no image" in refuse(named())
    other = dict(image, **{"oci-layout": b'{"imageLayoutVersion":"2.0.0"}'})
    assert "no version 1" in refuse(tar_of(other).bytes())


def declared(name, size):
    """A header that declares a size, in base 256 if need be, and nothing behind it."""
    info = tarfile.TarInfo(name)
    info.size = size
    return info.tobuf(tarfile.GNU_FORMAT)


def test_sizes_that_are_only_declared(refuse, image):
    begin = tar_of(image).bytes().rstrip(b"\0")
    begin += b"\0" * (-len(begin) % 512)
    for name in ("blobs/sha256/" + "0" * 64, "index.json", "something"):
        for size in (10 << 30, 1 << 62):
            error = refuse(declared(name, size) + b"x" * 4096)
            assert "is larger than 1073741824 bytes when it is unpacked" in error
    assert "is too large" in refuse(declared("index.json", 5 << 20) + b"x" * 4096)
    assert "--max-size" in refuse(tar_of(image).bytes(), 65, "--max-size", "64KiB")


def zeros(size):
    """A gzip of very many zeros behind a tar header of them, made without having them."""
    squeeze = zlib.compressobj(9, zlib.DEFLATED, 31)
    out = squeeze.compress(declared("skipped", size))
    piece = b"\0" * (1 << 20)
    for _ in range(size >> 20):
        out += squeeze.compress(piece)
    return out + squeeze.flush()


def test_decompression_bombs(refuse):
    bomb = zeros(1100 << 20)
    assert len(bomb) < 5 << 20
    assert "when it is unpacked" in refuse(bomb)
    assert "when it is unpacked" in refuse(zeros(64 << 20), 65, "--max-size", "1MiB")
    assert "Unrecognized archive format" in refuse(gzip.compress(gzip.compress(bomb)))


def test_too_many_members(refuse):
    tar = Tar()
    for i in range(16385):
        tar.add(f"f{i}")
    assert "more than 16384 members" in refuse(tar.bytes())


def test_other_formats_are_not_read(refuse, image, tmp_path):
    for data in (b"", b"\0" * 10240, b"hello", os.urandom(4096), lzma.compress(tar_of(image).bytes()),
                 b"!<arch>\n", b"070701" + b"0" * 200):
        refuse(data)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as z:
        for name, data in image.items():
            z.writestr(name, data)
    data = (tmp_path / "a.zip").read_bytes()
    refuse(data)


def test_an_import_that_fails_takes_nothing_from_others(ctl, layout, image, tmp_path):
    digest = images.our_gadget(layout, "localhost:9/mine:v1")
    (tmp_path / "a.tar").write_bytes(tar_of(image).add("../evil", b"").bytes())
    refused(ctl, "image", "import", tmp_path / "a.tar")
    assert ctl("images", "-q", "--no-trunc").stdout.split() == [digest]
    ctl("image", "fsck")


def test_import_repairs_a_damaged_blob(ctl, layout, tmp_path):
    digest = images.our_gadget(layout, "localhost:9/mine:v1")
    ctl("image", "export", "mine:v1", tmp_path / "a.tar")
    for name in os.listdir(f"{layout.path}/blobs/sha256"):
        with open(f"{layout.path}/blobs/sha256/{name}", "r+b") as f:
            f.write(b"!")
    ctl("image", "fsck", code=65)
    assert ctl("image", "import", tmp_path / "a.tar").stdout == f"localhost:9/mine:v1@{digest}\n"
    ctl("image", "fsck")
