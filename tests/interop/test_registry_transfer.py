# SPDX-License-Identifier: Apache-2.0
"""What goes wrong on the way and comes right in the end: resumption, repetition, redirects,
registries that take blobs in their own way, and processes that are killed."""

import base64
import os
import random
import re
import signal
import subprocess
import threading

import pytest

import images
from hostile_registry import PASS, HostileRegistry, answers, raw, stalls, truncated
from support import SCALE, wait_until

USER, SECRET = "somebody", "open-sesame-4"
ROUNDS = 20 * SCALE
MIB = 1 << 20


@pytest.fixture
def layout(tmp_path):
    return images.Layout(tmp_path / "layout")


@pytest.fixture
def registry(layout):
    images.our_gadget(layout, "latest")
    with HostileRegistry(layout) as made:
        yield made


@pytest.fixture
def other():
    with HostileRegistry() as made:
        yield made


@pytest.fixture
def large(layout):
    """The bytes of a large layer of the image that the registry has."""
    data = random.Random(5).randbytes(8 * MIB)
    images.our_gadget(layout, "latest", layers=[(images.WASM, data)])
    return data


def flags(registry):
    return f"--insecure-registry={registry.host}", "--timeout=5s"


def digest_in(registry):
    return images.digest_of(registry.documents["latest"][1])


def pulls(host, registry, *more):
    """Pull, and look whether it is all there."""
    done = host.ok("pull", registry.image(), *flags(registry), *more)
    assert host.names()[registry.image()] == digest_in(registry)
    assert not host.parts()
    return done


def ranges(registry, data):
    """Where the requests for a blob begin."""
    return [int(re.fullmatch(r"bytes=(\d+)-", s.headers.get("range", "bytes=0-"))[1])
            for s in registry.seen
            if s.method == "GET" and s.path.endswith(images.digest_of(data))]


# ---- taken up ---------------------------------------------------------------


def test_a_blob_that_is_cut_off_goes_on_where_it_was(host, large, layout):
    with HostileRegistry(layout) as registry:
        registry.on("GET", f"/blobs/{images.digest_of(large)}", truncated(3 * MIB), times=1)
        done = pulls(host, registry)
        assert ranges(registry, large) == [0, 3 * MIB]
        assert "trying again" in done.stderr


def test_a_pull_that_was_killed_is_taken_up_by_the_next(host, large, layout):
    digest = images.digest_of(large)

    def half(exchange):
        exchange.raw(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(large) +
                     large[:5 * MIB])
        exchange.stall()

    with HostileRegistry(layout) as registry:
        registry.on("GET", f"/blobs/{digest}", half, times=1)
        with host.start("pull", registry.image(), *flags(registry)) as process:
            wait_until(lambda: max(host.parts().values(), default=0) == 5 * MIB, "half a blob")
            process.signal(signal.SIGKILL)
            process.wait()
        assert not host.names()
        host.check()
        pulls(host, registry)
        assert ranges(registry, large) == [0, 5 * MIB]


def test_an_interrupted_pull_leaves_what_it_has(host, large, layout):
    with HostileRegistry(layout) as registry:
        registry.on("GET", "/manifests/latest", stalls, times=2)
        for number in (signal.SIGINT, signal.SIGTERM):
            del registry.seen[:]
            with host.start("pull", registry.image(), *flags(registry)) as process:
                wait_until(lambda: registry.paths("GET"), "the first request")
                process.signal(number)
                assert process.wait() != 0
            assert not host.names()
            host.check()
        pulls(host, registry)


def test_a_registry_without_ranges_sends_all_again(host, large, layout):
    digest = images.digest_of(large)
    with HostileRegistry(layout) as registry:
        registry.on("GET", f"/blobs/{digest}", truncated(3 * MIB), times=1)
        registry.on("GET", f"/blobs/{digest}", answers(200, large), times=1)
        pulls(host, registry)
        assert ranges(registry, large) == [0, 3 * MIB]


def test_a_range_that_is_refused_is_asked_for_as_a_whole(host, large, layout):
    digest = images.digest_of(large)
    with HostileRegistry(layout) as registry:
        registry.on("GET", f"/blobs/{digest}", truncated(3 * MIB), times=1)
        registry.on("GET", f"/blobs/{digest}", answers(416), times=1)
        pulls(host, registry)
        assert ranges(registry, large) == [0, 3 * MIB, 0]


def test_a_part_that_is_wrong_is_thrown_away(host, large, layout):
    digest = images.digest_of(large)
    with HostileRegistry(layout) as registry:
        def wrong(exchange):
            exchange.raw(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(large) +
                         bytes(2 * MIB))
            exchange.stall()
        registry.on("GET", f"/blobs/{digest}", wrong, times=1)
        with host.start("pull", registry.image(), *flags(registry)) as process:
            wait_until(lambda: max(host.parts().values(), default=0) == 2 * MIB, "the wrong part")
            process.kill()
        pulls(host, registry)


# ---- tried again ------------------------------------------------------------


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_what_may_pass_is_tried_again(host, registry, status):
    for path in ("/manifests/latest", "/blobs/"):
        registry.on("GET", path, answers(status), times=1)
    assert pulls(host, registry).stderr.count("trying again") == 2


@pytest.mark.parametrize("status", [400, 403, 405, 410, 418, 501])
def test_what_will_not_pass_is_not_tried_again(host, registry, status):
    registry.on("GET", "/manifests/latest", answers(status))
    done = host.fails("pull", registry.image(), *flags(registry))
    assert str(status) in done.error and len(registry.seen) == 1


def test_a_registry_says_when_to_come_back(host, registry):
    times = []

    def busy(exchange):
        times.append(len(registry.seen))
        return exchange.send(429, Retry_After="1")

    registry.on("GET", "/manifests/latest", busy, times=1)
    assert "trying again in 1.0 s" in pulls(host, registry).stderr
    assert times == [1]


def test_a_lost_connection_is_made_again(host, registry):
    registry.on("GET", "/blobs/", raw(b""), times=2)
    pulls(host, registry)


def test_a_push_is_tried_again(host, registry, layout):
    registry.blobs.clear(), registry.documents.clear()
    digest = images.our_gadget(host.layout, registry.image())
    registry.on("POST", "", answers(503), times=1)
    registry.on("PUT", "/blobs/", raw(b""), times=1)
    registry.on("PUT", "/manifests/", answers(500), times=1)
    host.ok("push", registry.image(), *flags(registry))
    assert digest_in(registry) == digest


@pytest.mark.parametrize("status", [401, 403, 404, 500])
def test_what_may_not_be_mounted_is_sent(host, registry, status):
    """A registry that does not let us see the other repository, and says so instead of 202."""
    registry.blobs.clear(), registry.documents.clear()
    digest = images.our_gadget(host.layout, registry.image())
    host.ok("tag", registry.image(), registry.image().replace("gadget/x", "gadget/private"))
    registry.on("POST", "mount=", answers(status))
    host.ok("push", registry.image(), *flags(registry))
    assert digest_in(registry) == digest


# ---- redirected -------------------------------------------------------------


def test_blobs_may_be_elsewhere_but_credentials_stay(host, registry, other):
    registry.wants_basic(USER, SECRET)
    host.auth_file(f"{host.home}/.docker/config.json", {registry.host: (USER, SECRET)})
    other.blobs.update(registry.blobs)
    registry.on("GET", "/blobs/", lambda e: e.send(307, Location=f"{other.url}{e.path}?signed=1",
                                                   Set_Cookie="session=of-the-registry"))
    pulls(host, registry)
    asked = [s for s in other.seen if "/blobs/" in s.path]
    assert len(asked) >= 2
    for seen in asked:
        assert not {"authorization", "cookie", "proxy-authorization"} & set(seen.headers)
    encoded = base64.b64encode(f"{USER}:{SECRET}".encode()).decode()
    assert encoded not in str(other.seen) and SECRET not in str(other.seen)


def test_a_blob_elsewhere_is_taken_up_too(host, large, layout, other):
    with HostileRegistry(layout) as registry:
        other.blobs.update(registry.blobs)
        registry.on("GET", "/blobs/", lambda e: e.send(302, Location=f"{other.url}{e.path}"))
        other.on("GET", f"/blobs/{images.digest_of(large)}", truncated(2 * MIB), times=1)
        pulls(host, registry)
        assert ranges(other, large) == [0, 2 * MIB]


def test_a_blob_is_sent_elsewhere_without_credentials(host, registry, other):
    """An upload's address may be another host: what is sent is public to the registry anyway."""
    registry.blobs.clear(), registry.documents.clear()
    registry.wants_basic(USER, SECRET)
    host.auth_file(f"{host.home}/.docker/config.json", {registry.host: (USER, SECRET)})
    images.our_gadget(host.layout, registry.image())

    def elsewhere(exchange):
        session = f"s{len(other.uploads)}"
        other.uploads[session] = b""
        exchange.send(202, Location=f"{other.url}/v2/x/blobs/uploads/{session}?key=1")

    registry.on("POST", "", elsewhere)
    host.ok("push", registry.image(), *flags(registry))
    program, _ = images.gadget_files("trace_open")
    assert other.blobs[images.digest_of(program)] == program
    assert not any("authorization" in s.headers for s in other.seen)


# ---- in their own way -------------------------------------------------------


@pytest.mark.parametrize("status", [404, 405, 413, 415])
def test_where_whole_blobs_are_not_taken_pieces_are(host, tmp_path, status):
    data = random.Random(6).randbytes(20 * MIB)

    def whole(exchange):
        if int(exchange.headers.get("content-length", "0")) <= MIB:
            return PASS
        return answers(status)(exchange)

    with HostileRegistry() as registry:
        images.our_gadget(host.layout, registry.image(), layers=[(images.WASM, data)])
        registry.on("PUT", "/blobs/", whole)
        host.ok("push", registry.image(), *flags(registry))
        assert registry.blobs[images.digest_of(data)] == data
        pieces = [s for s in registry.seen if s.method == "PATCH"]
        assert len(pieces) > 1
        assert pieces[0].headers["content-range"].startswith("0-")


def test_the_smallest_piece_is_the_registrys(host):
    data = random.Random(7).randbytes(20 * MIB)
    with HostileRegistry() as registry:
        images.our_gadget(host.layout, registry.image(), layers=[(images.WASM, data)])
        registry.on("PUT", "/blobs/", lambda e: PASS if e.headers.get("content-length") == "0"
                    else answers(413)(e))

        def session(exchange):
            name = f"m{len(registry.uploads)}"
            registry.uploads[name] = b""
            exchange.send(202, Location=f"/v2/gadget/x/blobs/uploads/{name}",
                          OCI_Chunk_Min_Length=str(16 * MIB))

        registry.on("POST", "", session)
        host.ok("push", registry.image(), *flags(registry))
        sizes = [int(s.headers["content-length"]) for s in registry.seen if s.method == "PATCH"]
        assert sorted(sizes)[-2:] == [4 * MIB, 16 * MIB]
        assert registry.blobs[images.digest_of(data)] == data


def test_a_lone_manifest_is_an_image(host, tmp_path):
    layout = images.Layout(tmp_path / "layout")
    program, metadata = images.gadget_files("trace_open")
    manifest = layout.manifest(layout.add(metadata, images.CONFIG),
                               [layout.add(program, images.EBPF)])
    layout.name("latest", manifest)
    with HostileRegistry(layout) as registry:
        pulls(host, registry)
        assert "fname" in host.ok("inspect", registry.image()).stdout


def test_a_media_type_that_says_nothing_is_looked_up_in_the_document(host, registry):
    for name, (_, data) in list(registry.documents.items()):
        registry.documents[name] = ("application/json; charset=utf-8", data)
    pulls(host, registry)


def test_a_blob_that_was_damaged_here_is_fetched_again(host, registry):
    pulls(host, registry)
    program, _ = images.gadget_files("trace_open")
    path = host.layout.blob(images.digest_of(program))
    os.chmod(path, 0o600)
    with open(path, "r+b") as f:
        f.seek(100)
        f.write(b"damaged")
    pulls(host, registry)
    with open(path, "rb") as f:
        assert f.read() == program


def test_size_has_a_limit_that_can_be_raised(host, large, layout):
    with HostileRegistry(layout) as registry:
        error = host.fails("pull", registry.image(), *flags(registry), "--max-size=8MiB").error
        assert "--max-size" in error
        assert not [path for path in registry.paths("GET") if "/blobs/" in path]
        pulls(host, registry, "--max-size=9MiB")


# ---- killed -----------------------------------------------------------------


def test_whoever_is_killed_the_store_stays_valid(host, layout):
    """Pulls, tags, removals and prunes at once, all killed at some moment, again and again."""
    chance = random.Random(8)
    for number in range(3):
        images.our_gadget(layout, f"v{number}", layers=[
            (images.WASM, chance.randbytes(256 << 10)) for _ in range(3)])
    with HostileRegistry(layout) as registry:
        kept = registry.image("v0")
        host.ok("pull", kept, *flags(registry))
        digest = host.names()[kept]
        for _ in range(ROUNDS):
            commands = [("pull", registry.image("v1"), *flags(registry)),
                        ("pull", registry.image("v2"), *flags(registry)),
                        ("tag", kept, registry.image(f"t{chance.randrange(3)}")),
                        ("image", "rm", registry.image("v1")), ("image", "prune")]
            running = [subprocess.Popen([host.path, *command], env=host.env,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL) for command in commands]
            for child in chance.sample(running, len(running)):
                try:
                    child.wait(chance.uniform(0, 0.02))
                except subprocess.TimeoutExpired:
                    child.kill()
                    child.wait()
            host.check()
            assert host.names()[kept] == digest
        host.ok("image", "prune")
        host.ok("inspect", kept)
        for tag in ("v1", "v2"):
            host.ok("pull", registry.image(tag), *flags(registry))
        host.check()


def test_several_processes_pull_while_others_prune(host, large, layout):
    with HostileRegistry(layout) as registry:
        over, failed = threading.Event(), []

        def prunes():
            while not over.is_set():
                done = host.run("image", "prune")
                if done.code:
                    failed.append(done)

        host.ok("pull", registry.image(), *flags(registry))
        pruner = threading.Thread(target=prunes)
        pruner.start()
        try:
            for _ in range(3 * SCALE):
                host.ok("image", "rm", registry.image())
                running = [host.start("pull", registry.image(), *flags(registry))
                           for _ in range(3)]
                for process in running:
                    assert process.wait() == 0, process.stderr
                    process.__exit__()
                host.check()
        finally:
            over.set()
            pruner.join()
        assert not failed
        assert host.names() == {registry.image(): digest_in(registry)}
