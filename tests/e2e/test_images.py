# SPDX-License-Identifier: Apache-2.0
"""Gadgets from images: how they are called, what is read of them, what is refused."""

import json
import os
import subprocess

import pytest

import images
import support
from images import ARCHITECTURE, OTHER, error_of
from images import ctl, layout  # noqa: F401 (fixtures)


def model(ctl, what):
    return json.loads(ctl("inspect", what, "-o", "json").stdout)


# ---- how they are called -----------------------------------------------------------


def test_an_image_is_found_by_name_tag_digest_and_id(ctl, layout):
    digest = images.our_gadget(layout, "localhost:9/opens:v1")
    full = f"localhost:9/opens:v1@{digest}"
    for what in ("localhost:9/opens:v1", "opens:v1", f"opens@{digest}", f"opens:v7@{digest}",
                 digest, digest[7:], digest[7:15]):
        found = model(ctl, what)
        assert found["path"] == full, what
        assert found["name"] == "opens"
    assert "no image 'localhost:9/opens:latest'" in error_of(ctl("inspect", "opens", code=66))
    assert "no image 'localhost:9/opens:v2'" in error_of(ctl("inspect", "opens:v2", code=66))


def test_an_image_says_what_its_file_says(ctl, layout):
    images.our_gadget(layout, "localhost:9/x/trace_open:latest")
    of_image, of_file = model(ctl, "x/trace_open"), model(ctl, "trace_open")
    assert of_image.pop("path") != of_file.pop("path")
    of_image.pop("findings"), of_file.pop("findings")  # they name the file
    assert of_image == of_file


def test_a_folder_hides_the_image_that_a_short_name_stands_for(ctl, layout):
    digest = images.our_gadget(layout, "localhost:9/trace_open:latest", "trace_exec")
    assert model(ctl, "trace_open")["path"].endswith("bpf/trace_open/program.o")
    assert model(ctl, "localhost:9/trace_open")["path"].endswith(digest)
    assert model(ctl, "trace_open:latest")["path"].endswith(digest)


def test_a_path_is_what_looks_like_one_or_exists(ctl, layout, tmp_path):
    images.our_gadget(layout, "localhost:9/g/opens:latest")
    assert model(ctl, "g/opens")["path"].startswith("localhost:9/g/opens:latest@")
    os.makedirs(tmp_path / "g")
    os.symlink(f"{support.BUILD}/bpf/trace_open", tmp_path / "g/opens")
    assert ctl("inspect", "g/opens", cwd=tmp_path).stdout.startswith("trace_open: /")
    for path in ("./opens", "../opens", "/opens", "opens.o", "g/opens/"):
        assert "no gadget " in error_of(ctl("inspect", path, code=66))


def test_what_is_nowhere_is_said_with_all_the_places(ctl, layout):
    error = error_of(ctl("inspect", "trace_opne", code=66))
    assert "no gadget 'trace_opne' in '" in error
    assert f"no image 'localhost:9/trace_opne:latest' in '{layout.path}'" in error
    assert error.endswith("(did you mean 'trace_open'?)")
    error = error_of(ctl("inspect", "x/y:z", code=66, env={"GADGETCTL_STORE": "/nonexistent"}))
    assert error.startswith("no image 'localhost:9/x/y:z' in '/nonexistent'")
    assert "is no image name" in error_of(ctl("inspect", "x/Y:z", code=66))


def test_an_id_of_several_images_is_ambiguous(ctl, layout):
    seen = {}
    for i in range(300):  # two of 257 begin with the same byte
        digest = images.gadget_image(layout, f"localhost:9/a:v{i}", {ARCHITECTURE: None},
                                     b"name: %d\n" % i)
        if (begin := digest[7:9]) in seen:
            break
        seen[begin] = digest
    assert f"several images have an id that begins '{begin}'" in error_of(
        ctl("inspect", begin, code=65))


# ---- what is read ------------------------------------------------------------------


def test_the_right_architecture_is_chosen(ctl, layout):
    program, metadata = images.gadget_files("trace_open")
    images.gadget_image(layout, "localhost:9/both:v1", {OTHER: b"not this", ARCHITECTURE: program},
                        metadata)
    assert model(ctl, "both:v1")["name"] == "both"
    images.gadget_image(layout, "localhost:9/other:v1", {OTHER: program}, metadata)
    assert error_of(ctl("inspect", "other:v1", code=65)).endswith(
        f"the image holds nothing for {ARCHITECTURE} (it has {OTHER})")


def test_a_manifest_without_platform_fits_only_where_none_names_it(ctl, layout):
    program, metadata = images.gadget_files("trace_open")
    config = layout.add(metadata, images.CONFIG)
    right = layout.manifest(config, [layout.add(program, images.EBPF)])
    wrong = layout.manifest(config, [layout.add(b"signature", "application/x-signature")])
    layout.name("localhost:9/a:v1", layout.index(
        [wrong, dict(right, platform=images.platform(ARCHITECTURE))]))
    assert model(ctl, "a:v1")["name"] == "a"
    layout.name("localhost:9/b:v1", layout.index([right]))
    assert model(ctl, "b:v1")["name"] == "b"


def test_older_layouts_are_read(ctl, layout):
    program, metadata = images.gadget_files("trace_open")
    anything = "application/vnd.oci.image.layer.v1.tar"
    lone = layout.manifest(
        layout.add(metadata, images.CONFIG, annotations={images.TITLE: "config.yaml"}),
        [layout.add(program, anything, annotations={images.TITLE: "program.o"})])
    layout.name("localhost:9/seed:v1", lone)
    assert model(ctl, "seed:v1")["metadata"]
    bee = layout.manifest(
        layout.add(b"{}", "application/ebpf.oci.image.config.v1+json",
                   annotations={images.TITLE: "config.json"}),
        [layout.add(program, "application/ebpf.oci.image.program.v1+binary",
                    annotations={images.TITLE: "program.o"})])
    layout.name("localhost:9/bee:v1", bee)
    assert not model(ctl, "bee:v1")["metadata"]
    images.gadget_image(layout, "localhost:9/bare:v1", {ARCHITECTURE: program})
    assert not model(ctl, "bare:v1")["metadata"]


def test_layers_that_cannot_be_used_are_named(ctl, layout):
    images.our_gadget(layout, "localhost:9/a:v1", layers=[
        (images.WASM, b"\0asm"), (images.BTFGEN, b"tar"), ("application/x-new", b"?")])
    warning = ctl("inspect", "a:v1").stderr
    assert "layers that this version does not use: wasm, BTF, application/x-new" in warning
    program, metadata = images.gadget_files("trace_open")
    images.gadget_image(layout, "localhost:9/b:v1", {ARCHITECTURE: None}, metadata,
                        layers=[(images.WASM, b"\0asm")])
    assert error_of(ctl("inspect", "b:v1", code=65)).endswith(
        "the image has no eBPF layer (it has: wasm)")
    images.gadget_image(layout, "localhost:9/c:v1", {ARCHITECTURE: program}, metadata,
                        layers=[(images.EBPF, b"second")])
    assert error_of(ctl("inspect", "c:v1", code=65)).endswith("the image has two eBPF programs")


def test_metadata_errors_name_the_image_and_the_place(ctl, layout):
    program, _ = images.gadget_files("trace_open")
    images.gadget_image(layout, "localhost:9/a:v1", {ARCHITECTURE: program}, b"name: x\nname: y\n")
    assert error_of(ctl("inspect", "a:v1", code=65)).startswith("localhost:9/a:v1:gadget.yaml:2:1:")
    images.gadget_image(layout, "localhost:9/b:v1", {ARCHITECTURE: b"\x7fELF"}, b"name: x\n")
    assert error_of(ctl("inspect", "b:v1", code=65)).startswith("cannot use 'localhost:9/b:v1@sha256")


# ---- running -------------------------------------------------------------------------


@pytest.mark.usefixtures("needs_bpf")
def test_an_image_runs_by_name_and_id_and_in_pipelines(ctl, layout, tmp_path):
    digest = images.our_gadget(layout, "localhost:9/execs:v1", "trace_exec",
                               layers=[(images.WASM, b"\0asm")])
    pipeline = tmp_path / "p.yaml"
    pipeline.write_text("sources: {execs: {type: gadget, gadget: 'execs:v1'}}\n"
                        "stages: {one: {type: limit, inputs: [execs], count: 1}}\n"
                        "sinks: {out: {type: stdout, inputs: [one], codec: json}}\n")
    for args in (("execs:v1", "-o", "json", "-n", "1"), (digest[7:19], "-o", "json", "-n", "1"),
                 ("-f", pipeline)):
        with support.Process([ctl.path, "run", *args], env=ctl.env) as run:
            def started():
                subprocess.run(["/bin/true"], check=True)
                return not run.running
            support.wait_until(started, "a record")
            assert run.wait() == 0, run.stderr
            assert len(run.records()) == 1
            assert "layers that this version does not use: wasm" in run.stderr
    ctl("validate", pipeline)


def test_validate_says_what_is_missing(ctl, layout, tmp_path):
    pipeline = tmp_path / "p.yaml"
    pipeline.write_text("sources: {a: {type: gadget, gadget: 'some/where:v1'}}\n"
                        "sinks: {out: {type: stdout, inputs: [a]}}\n")
    assert "no image 'localhost:9/some/where:v1' in '" in error_of(
        ctl("validate", pipeline, code=66))


def test_a_one_liner_calls_its_source_by_the_last_word_of_the_name(ctl):
    for name, source in (("ghcr.io/x/trace_open:v1", "trace_open"), ("4f0a12bc", "gadget"),
                         (f"x/trace_open@sha256:{'0' * 64}", "trace_open")):
        assert ctl("run", name, "--print-config").stdout.startswith(f"sources:\n  {source}:\n")


def test_help_of_an_image_is_that_of_its_gadget(ctl, layout):
    images.our_gadget(layout, "localhost:9/opens:v1")
    for args in (("help", "opens:v1"), ("run", "opens:v1", "--help")):
        assert "--pid" in ctl(*args).stdout


# ---- damage ----------------------------------------------------------------------------


def blobs_of(layout):
    return sorted(os.listdir(f"{layout.path}/blobs/sha256"))


def test_every_blob_is_verified_when_it_is_read(ctl, layout):
    images.our_gadget(layout, "localhost:9/a:v1")
    for name in blobs_of(layout):
        path = f"{layout.path}/blobs/sha256/{name}"
        with open(path, "r+b") as f:
            whole = f.read()
            f.seek(len(whole) // 2)
            f.write(bytes([whole[len(whole) // 2] ^ 1]))
        error = error_of(ctl("inspect", "a:v1", code=65))
        assert name in error and "is damaged" in error
        os.truncate(path, 10)
        assert "has not the size" in error_of(ctl("inspect", "a:v1", code=65))
        os.unlink(path)
        assert error_of(ctl("inspect", "a:v1", code=65)).endswith("(pull the image again)")
        with open(path, "wb") as f:
            f.write(whole)
    model(ctl, "a:v1")
