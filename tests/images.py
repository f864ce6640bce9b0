# SPDX-License-Identifier: Apache-2.0
"""Images of gadgets for the tests, put together here and not by our code.

A Layout is an OCI image layout on the disk.  gadget_image() puts a gadget into
it as builders of gadgets do; for what no builder would do, there are add(),
manifest(), index() and name(), which write whatever they are told.
"""

import hashlib
import json
import os
import subprocess

import pytest

import support

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
EMPTY = "application/vnd.oci.empty.v1+json"
GADGET = "application/vnd.gadget.v1+binary"
CONFIG = "application/vnd.gadget.config.v1+yaml"
EBPF = "application/vnd.gadget.ebpf.program.v1+binary"
WASM = "application/vnd.gadget.wasm.program.v1+binary"
BTFGEN = "application/vnd.gadget.btfgen.v1+binary"

REF_NAME = "org.opencontainers.image.ref.name"
TITLE = "org.opencontainers.image.title"
CREATED = "org.opencontainers.image.created"

ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, "unknown")
OTHER = "arm64" if ARCHITECTURE == "amd64" else "amd64"


def digest_of(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def gadget_files(name):
    """The object and the gadget.yaml of one of our gadgets."""
    with open(f"{support.BUILD}/bpf/{name}/program.o", "rb") as f:
        program = f.read()
    with open(f"{support.BUILD}/bpf/{name}/gadget.yaml", "rb") as f:
        return program, f.read()


class Layout:
    """An OCI image layout at `path`, which need not exist."""

    def __init__(self, path):
        self.path = str(path)
        os.makedirs(f"{self.path}/blobs/sha256", exist_ok=True)
        # Others may be reading it just now.
        if not os.path.exists(f"{self.path}/oci-layout"):
            self._write("oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
        if not os.path.exists(f"{self.path}/index.json"):
            self._write_index([])

    def _write(self, name, data):
        with open(f"{self.path}/{name}", "wb") as f:
            f.write(data)

    def _write_index(self, manifests):
        self._write("index.json", json.dumps(
            {"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests}).encode())

    def names(self):
        """What index.json lists."""
        with open(f"{self.path}/index.json", encoding="utf-8") as f:
            return json.load(f)["manifests"]

    def blob(self, digest):
        """The file of a blob."""
        return f"{self.path}/blobs/{digest.replace(':', '/')}"

    def add(self, data, media_type, **more):
        """Write a blob; return its descriptor, with more keys."""
        digest = digest_of(data)
        with open(self.blob(digest), "wb") as f:
            f.write(data)
        return {"mediaType": media_type, "digest": digest, "size": len(data), **more}

    def document(self, document, **more):
        """Write a JSON document (a dict, or bytes as they are) as a blob."""
        data = document if isinstance(document, bytes) else json.dumps(document).encode()
        media_type = more.pop("mediaType", None) or document["mediaType"]
        return self.add(data, media_type, **more)

    def manifest(self, config, layers, annotations=None, **more):
        document = {"schemaVersion": 2, "mediaType": MANIFEST, "artifactType": GADGET,
                    "config": config, "layers": layers}
        if annotations:
            document["annotations"] = annotations
        return self.document(document, **more)

    def index(self, manifests, annotations=None, **more):
        document = {"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests}
        if annotations:
            document["annotations"] = annotations
        return self.document(document, **more)

    def name(self, reference, descriptor):
        """Let a name stand for a descriptor."""
        others = [d for d in self.names()
                  if d.get("annotations", {}).get(REF_NAME) != reference]
        annotations = {**descriptor.get("annotations", {}), REF_NAME: reference}
        self._write_index(others + [{**descriptor, "annotations": annotations}])
        return descriptor["digest"]


def platform(architecture):
    return {"architecture": architecture, "os": "linux"}


def gadget_image(layout, reference, programs, metadata=None, annotations=None, layers=()):
    """An image as today's builders make it; returns the digest of its index.

    programs: {architecture: bytes of the object, or None for no eBPF layer};
    layers: (media type, bytes) to add behind the program.
    """
    annotations = {CREATED: "2024-05-06T07:08:09Z", **(annotations or {})}
    if metadata is None:
        config = layout.add(b"{}", EMPTY)
    else:
        config = layout.add(metadata, CONFIG, annotations=annotations)
    manifests = []
    for architecture, program in sorted(programs.items()):
        own = [layout.add(program, EBPF)] if program is not None else []
        own += [layout.add(data, media_type) for media_type, data in layers]
        manifest = layout.manifest(config, own, annotations)
        manifests.append(dict(manifest, artifactType=GADGET, platform=platform(architecture),
                              annotations=annotations))
    return layout.name(reference, layout.index(manifests, annotations))


def our_gadget(layout, reference, name="trace_open", **more):
    """One of our gadgets as an image for this host; returns the digest of its index."""
    program, metadata = gadget_files(name)
    return gadget_image(layout, reference, {ARCHITECTURE: program}, metadata, **more)


# ---- the program on a store -------------------------------------------------------


@pytest.fixture
def layout(tmp_path):
    return Layout(tmp_path / "store")


@pytest.fixture
def ctl(gadgetctl, layout):
    """Runs gadgetctl on the store."""
    env = dict(gadgetctl.env, GADGETCTL_STORE=layout.path)

    def run(*args, code=0, **kwargs):
        kwargs["env"] = dict(env, **kwargs.pop("env", {}))
        result = subprocess.run([gadgetctl.path, *map(str, args)], capture_output=True, text=True,
                                errors="replace", timeout=support.DEADLINE, check=False,
                                stdin=subprocess.DEVNULL, **kwargs)
        assert result.returncode == code, result.stderr + result.stdout
        return result
    run.env = env
    run.path = gadgetctl.path
    return run


def error_of(result):
    lines = [l for l in result.stderr.splitlines() if l.startswith("gadgetctl: error: ")]
    assert len(lines) == 1, result.stderr
    return lines[0].removeprefix("gadgetctl: error: ")
