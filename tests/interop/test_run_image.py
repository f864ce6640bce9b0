# SPDX-License-Identifier: Apache-2.0
"""run --pull against a real registry, by name, digest and in pipeline files."""

import subprocess

import pytest

import images
import registries
import support


@pytest.fixture
def gadget(plain_registry, tmp_path):
    """A gadget in the registry: (its name there, a function that pushes it anew)."""
    layout = images.Layout(tmp_path / "pushed")
    name = f"{plain_registry.host}/{tmp_path.name.lower().replace('_', '-')}/execs:v1"

    def push(**more):
        images.our_gadget(layout, "x", "trace_exec", **more)
        registries.skopeo_push(layout.path, "x", name)
        return images.digest_of(registries.skopeo_raw(name))
    push()
    return name, push


@pytest.fixture
def ctl(gadgetctl, plain_registry, tmp_path):
    env = dict(gadgetctl.env, GADGETCTL_STORE=str(tmp_path / "store"),
               GADGETCTL_INSECURE_REGISTRIES=plain_registry.host)

    def run(*args):
        return subprocess.run([gadgetctl.path, *map(str, args)], env=env, capture_output=True,
                              text=True, stdin=subprocess.DEVNULL, timeout=support.DEADLINE,
                              check=False)
    run.start = lambda *args: support.Process([gadgetctl.path, *args], env=env)
    return run


def one_record(ctl, *args):
    """Run until there is a record; the run must end well."""
    with ctl.start("run", *args) as run:
        def ended():
            subprocess.run(["/bin/true"], check=True)
            return not run.running
        support.wait_until(ended, f"a record of {args}")
        assert run.wait() == 0 and len(run.records()) == 1, run.stderr


def listed(ctl):
    return ctl("images", "-q", "--no-trunc").stdout.split()


@pytest.mark.usefixtures("needs_bpf")
def test_a_missing_image_is_pulled_once_and_then_used(ctl, gadget, plain_registry):
    name, _ = gadget
    one_record(ctl, name, "-o", "json", "-n", "1")
    mark = plain_registry.mark()
    one_record(ctl, name, "-o", "json", "-n", "1")
    one_record(ctl, name, "-o", "json", "-n", "1", "--pull", "never")
    assert plain_registry.since(mark) == []


@pytest.mark.usefixtures("needs_bpf")
def test_always_takes_what_the_tag_stands_for_now(ctl, gadget):
    name, push = gadget
    assert ctl("pull", name).returncode == 0
    old = listed(ctl)
    new = push(layers=[(images.WASM, b"second")])
    one_record(ctl, name, "-o", "json", "-n", "1", "--pull=missing")
    assert listed(ctl) == old
    one_record(ctl, name, "-o", "json", "-n", "1", "--pull=always")
    assert listed(ctl) == [new]
    one_record(ctl, f"{name.removesuffix(':v1')}@{new}", "-o", "json", "-n", "1", "--pull=always")


@pytest.mark.usefixtures("needs_bpf")
def test_a_pipeline_pulls_what_it_lacks_and_validate_never_does(ctl, gadget, plain_registry,
                                                               tmp_path):
    name, _ = gadget
    pipeline = tmp_path / "p.yaml"
    pipeline.write_text(f"sources: {{execs: {{type: gadget, gadget: '{name}'}}}}\n"
                        "stages: {one: {type: limit, inputs: [execs], count: 1}}\n"
                        "sinks: {out: {type: stdout, inputs: [one], codec: json}}\n")
    mark = plain_registry.mark()
    for args in (("validate", pipeline), ("run", "-f", pipeline, "--pull", "never")):
        missing = ctl(*args)
        assert missing.returncode == 66 and f"no image '{name}' in '" in missing.stderr
    assert plain_registry.since(mark) == []
    one_record(ctl, "-f", str(pipeline))
    assert ctl("validate", pipeline).returncode == 0


@pytest.mark.usefixtures("needs_bpf")
def test_a_part_that_is_missing_is_pulled_again(ctl, gadget, tmp_path):
    name, _ = gadget
    assert ctl("pull", name).returncode == 0
    blobs = tmp_path / "store/blobs/sha256"
    largest = max(blobs.iterdir(), key=lambda path: path.stat().st_size)
    largest.unlink()
    broken = ctl("run", name, "--pull", "never")
    assert broken.returncode == 65 and "(pull the image again)" in broken.stderr
    one_record(ctl, name, "-o", "json", "-n", "1")
    assert ctl("image", "fsck").returncode == 0


def test_what_no_registry_has_is_not_found(ctl, plain_registry):
    missing = ctl("run", f"{plain_registry.host}/no/such:v1")
    assert missing.returncode == 66, missing.stderr
    assert f"cannot pull '{plain_registry.host}/no/such:v1': " in missing.stderr
    assert ctl("run", "trace_exec", "--pull", "sometimes").returncode == 2
