# SPDX-License-Identifier: Apache-2.0
"""A registry that stalls, truncates, lies, redirects, floods, or asks for what it must not get.

Each case sets a HostileRegistry up and says how the one error ends.  For all of
them holds: a bounded time, bounded memory, nothing half-stored, nothing named,
and no credential where it does not belong.

Most of the time goes by waiting, so all cases that were selected run at once in
the background, and each test looks at what has become of its own.
"""

import base64
import concurrent.futures
import json
import os
import re
import socket
from typing import Callable, NamedTuple

import pytest

import images
from hostile_registry import (BIG, HostileRegistry, answers, raw, redirects, stalls, stalls_after,
                              truncated)
from oci_host import Host

WORKERS = 24
RSS_MAX = 64 << 20
ASAN_RSS_MAX = 1 << 30  # it keeps what was freed for a while
STORE_MAX = 4 << 20
RETRIES = 4
USER, SECRET = "somebody", "open-sesame-3"
SECRETS = (SECRET, base64.b64encode(f"{USER}:{SECRET}".encode()).decode())
INDEX_LIMIT = 4  # indexes in indexes


class Case(NamedTuple):
    set_up: Callable  # (registry, other)
    error: str  # what the error matches
    command: str = "pull"
    flags: tuple = ()
    keeps: bool = False  # what was cut off may stay for the next attempt
    tls: bool = False  # of the registry; `other` never has it
    deadline: float = 45


CASES = {}


def case(error, **more):
    def add(set_up):
        CASES[set_up.__name__] = Case(set_up, error, **more)
        return set_up
    return add


# ---- silence ----------------------------------------------------------------


@case("silen|time|slow")
def stalls_at_once(registry, _):
    registry.on("GET", "", stalls)


@case("silen|time|slow")
def stalls_within_the_headers(registry, _):
    registry.on("GET", "", stalls_after(b"HTTP/1.1 200 OK\r\nContent-Le"))


@case("silen|time|slow")
def stalls_within_a_manifest(registry, _):
    registry.on("GET", "/manifests/", stalls_after(
        b"HTTP/1.1 200 OK\r\nContent-Type: " + images.INDEX.encode() +
        b"\r\nContent-Length: 5000\r\n\r\n{\"schemaVersion\":2"))


@case("silen|time|slow", keeps=True)
def stalls_within_a_blob(registry, _):
    registry.on("GET", "/blobs/", stalls_after(
        b"HTTP/1.1 200 OK\r\nContent-Length: 50000\r\n\r\n" + b"x" * 10))


@case("silen|time|slow")
def stalls_behind_100_continue(registry, _):
    registry.on("GET", "", stalls_after(b"HTTP/1.1 100 Continue\r\n\r\n"))


@case("slow", keeps=True)
def lets_a_blob_drip(registry, _):
    def drips(exchange):
        exchange.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 50000\r\n\r\n")
        exchange.drip(0.05)
    registry.on("GET", "/blobs/", drips)


@case("slow")
def lets_a_manifest_drip(registry, _):
    def drips(exchange):
        exchange.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 50000\r\n\r\n")
        exchange.drip(0.05)
    registry.on("GET", "/manifests/", drips)


@case("silen|time|slow")
def the_token_service_stalls(registry, _):
    asks_for_tokens(registry)
    registry.on("GET", "^/token", stalls)


@case("silen|time|slow")
def stalls_behind_a_redirect(registry, other):
    registry.on("GET", "/manifests/", redirects(f"{other.url}/elsewhere"))
    other.on("GET", "", stalls)


@case("silen|time|slow", command="push")
def stalls_when_asked_for_an_upload(registry, _):
    registry.on("POST", "", stalls)


@case("silen|time|slow", command="push")
def never_says_that_a_blob_is_there(registry, _):
    registry.on("PUT", "/blobs/", stalls)


# ---- ends too early ---------------------------------------------------------


@case("closed|mpty|transfer|reset")
def hangs_up_at_once(registry, _):
    registry.on("GET", "", raw(b""))


@case("closed|mpty|transfer|reset")
def cuts_manifests_off(registry, _):
    registry.on("GET", "/manifests/", truncated(20))


@case("closed|mpty|transfer|reset", keeps=True)
def cuts_blobs_off(registry, _):
    registry.on("GET", "/blobs/", truncated(100))


@case("digest|size|bytes")
def sends_empty_blobs(registry, _):
    registry.on("GET", "/blobs/", answers(200))


@case("closed|mpty|transfer|reset", command="push")
def hangs_up_when_it_gets_a_blob(registry, _):
    registry.on("PUT", "/blobs/", raw(b""))


# ---- lies -------------------------------------------------------------------


def zeros_instead(exchange):
    data = exchange.registry.blobs[exchange.path.rsplit("/", 1)[1]]
    exchange.send(200, bytes(len(data)))


@case("digest")
def sends_other_bytes(registry, _):
    registry.on("GET", "/blobs/", zeros_instead)


@case("larger|more|size|too")
def sends_more_bytes(registry, _):
    registry.on("GET", "/blobs/", lambda e: e.send(
        200, e.registry.blobs[e.path.rsplit("/", 1)[1]] + b"more"))


@case("digest|size|bytes")
def sends_fewer_bytes(registry, _):
    registry.on("GET", "/blobs/", lambda e: e.send(
        200, e.registry.blobs[e.path.rsplit("/", 1)[1]][:-1]))


@case("digest")
def says_another_digest(registry, _):
    media_type, data = registry.documents["latest"]
    registry.on("GET", "/manifests/latest", answers(
        200, data, Content_Type=media_type, Docker_Content_Digest="sha256:" + "1" * 64))


@case("digest|bytes")
def sends_another_manifest_than_the_index_says(registry, _):
    media_type, data = registry.documents["latest"]
    registry.on("GET", "/manifests/sha256:", answers(200, data, Content_Type=media_type))


@case("--max-size")
def says_a_layer_has_10_gigabytes(registry, _):
    replace_layers(registry, [{"mediaType": images.EBPF, "digest": "sha256:" + "2" * 64,
                               "size": BIG}])


@case(".", flags=("--max-size=20GiB",), keeps=True)
def sends_10_gigabytes_and_stops(registry, _):
    layer = {"mediaType": images.EBPF, "digest": "sha256:" + "2" * 64, "size": BIG}
    replace_layers(registry, [layer])
    registry.on("GET", "/blobs/", raw(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\nx" % BIG))


@case("more than 32 MiB of manifests")
def says_a_manifest_has_10_gigabytes(registry, _):
    registry.add("latest", images.INDEX, index([{
        "mediaType": images.MANIFEST, "digest": "sha256:" + "2" * 64, "size": BIG}]))


@case(".")
def says_contradicting_lengths(registry, _):
    registry.on("GET", "/manifests/", raw(
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 500\r\n\r\n{}"))


@case(".")
def says_a_negative_length(registry, _):
    registry.on("GET", "", raw(b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n{}"))


@case(".")
def sends_broken_chunks(registry, _):
    registry.on("GET", "/manifests/", raw(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n{}"))


@case("part|range|Range|digest", keeps=True)
def sends_another_part_of_a_blob(registry, _):
    registry.on("GET", "/blobs/", truncated(500), times=1)
    registry.on("GET", "/blobs/", lambda e: e.send(
        206, b"y" * 100, Content_Range="bytes 0-99/100"))


@case("JSON")
def sends_a_web_page(registry, _):
    registry.on("GET", "", answers(200, "<html><body>Log in to the hotel's network!",
                                   Content_Type="text/html"))


@case(".")
def speaks_another_protocol(registry, _):
    registry.on("GET", "", raw(b"SSH-2.0-OpenSSH_9.2\r\n"))


# ---- too much ---------------------------------------------------------------


def floods(head, piece):
    def behaviour(exchange):
        if exchange.raw(head):
            exchange.flood(piece)
    return behaviour


@case("header|Header|large|too")
def sends_headers_forever(registry, _):
    registry.on("GET", "", floods(b"HTTP/1.1 200 OK\r\n", b"X-Header: value\r\n" * 1000))


@case("header|Header|large|too")
def sends_one_header_forever(registry, _):
    registry.on("GET", "", floods(b"HTTP/1.1 200 OK\r\nX-Header: ", b"v" * 10000))


@case("header|Header|large|too")
def says_continue_forever(registry, _):
    registry.on("GET", "", floods(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000))


@case("large|more|too")
def sends_a_manifest_forever(registry, _):
    registry.on("GET", "/manifests/", floods(
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", b" " * 65536))


@case("large|more|too")
def sends_a_blob_forever(registry, _):
    registry.on("GET", "/blobs/", floods(
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", b"z" * 65536))


@case("large|more|too|500")
def sends_an_error_forever(registry, _):
    registry.on("GET", "", floods(
        b"HTTP/1.1 403 No\r\nConnection: close\r\n\r\n", b"no " * 20000))


@case("token")
def sends_a_token_forever(registry, _):
    asks_for_tokens(registry)
    registry.on("GET", "^/token", floods(
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{\"token\":\"", b"t" * 65536))


# ---- redirects --------------------------------------------------------------


@case("redirect")
def redirects_to_itself(registry, _):
    registry.on("GET", "", lambda e: e.send(307, Location=e.path))


@case("redirect")
def redirects_to_and_fro(registry, other):
    registry.on("GET", "", redirects(f"{other.url}/a"))
    other.on("GET", "", redirects(f"{registry.url}/v2/b"))


@case("redirect")
def redirects_ever_further(registry, _):
    registry.on("GET", "", lambda e: e.send(302, Location=e.path + "x"))


@case("encrypted", tls=True)
def redirects_to_plain_http(registry, other):
    registry.on("GET", "/blobs/", redirects(f"{other.url}/blob"))


@case("redirect")
def redirects_to_a_file(registry, _):
    registry.on("GET", "", redirects("file:///etc/passwd"))


@case("redirect")
def redirects_without_saying_where(registry, _):
    registry.on("GET", "", answers(307))


@case("redirect|header|large")
def redirects_to_a_very_long_name(registry, _):
    registry.on("GET", "", redirects("/" + "x" * 90000))


@case("digest|size|bytes|404|answers")
def redirects_to_what_is_not_the_blob(registry, other):
    registry.on("GET", "/blobs/", redirects(f"{other.url}/blob"))
    other.on("GET", "", answers(200, "something else", Set_Cookie="a=b"))


# ---- asking for credentials -------------------------------------------------


def asks_for_tokens(registry, realm=None):
    registry.on("GET|POST|HEAD|PUT", "^/v2", answers(
        401, WWW_Authenticate=f'Bearer realm="{realm or registry.url + "/token"}",service="s"'))


@case("401")
def asks_for_a_password_forever(registry, _):
    registry.on("GET", "", answers(401, WWW_Authenticate='Basic realm="x"'))


@case("401")
def asks_for_tokens_forever(registry, _):
    asks_for_tokens(registry)
    registry.on("GET", "^/token", answers(200, '{"token":"t","expires_in":300}'))


@case("401", command="push")
def asks_for_tokens_forever_when_pushed_to(registry, _):
    asks_for_tokens(registry)
    registry.on("GET", "^/token", answers(200, '{"token":"t","expires_in":300}'))


@case("401")
def is_not_open_and_does_not_say_how(registry, _):
    registry.on("GET", "", answers(401))


@case("token")
def the_token_service_sends_the_password_elsewhere(registry, other):
    asks_for_tokens(registry)
    registry.on("GET", "^/token", redirects(f"{other.url}/token"))
    other.on("GET", "", answers(401))


@case("encrypted|token")
def the_token_service_is_another_host_without_tls(registry, other):
    asks_for_tokens(registry, f"{other.url}/token")


@case("token")
def the_token_service_is_a_file(registry, _):
    asks_for_tokens(registry, "file:///etc/passwd")


@case("token")
def the_token_service_answers_with_garbage(registry, _):
    asks_for_tokens(registry)
    registry.on("GET", "^/token", answers(200, b"\xff\xfe{"))


@case("token")
def the_token_service_gives_a_number(registry, _):
    asks_for_tokens(registry)
    registry.on("GET", "^/token", answers(200, '{"token":5}'))


@case("token")
def the_token_has_headers_in_it(registry, _):
    asks_for_tokens(registry)
    registry.on("GET", "^/token", answers(200, json.dumps(
        {"token": "t\r\nX-Evil: yes\r\n\r\nGET /evil HTTP/1.1"})))


@case("token")
def the_token_service_asks_for_a_token(registry, _):
    asks_for_tokens(registry)
    registry.on("GET", "^/token", answers(
        401, WWW_Authenticate=f'Bearer realm="{registry.url}/token"'))


@case("token|500")
def the_token_service_fails(registry, _):
    asks_for_tokens(registry)
    registry.on("GET", "^/token", answers(500))


@case("403.*DENIED")
def refuses_in_its_own_words(registry, _):
    registry.on("GET", "", answers(403, json.dumps({"errors": [
        {"code": "DENIED", "message": "no\x1b[31m\r\ngadgetctl: error: faked" + "x" * 5000}]})))


# ---- later, maybe -----------------------------------------------------------


@case("come back in 31536000 s")
def asks_to_come_back_in_a_year(registry, _):
    registry.on("GET", "", answers(429, Retry_After="31536000"))


@case("come back in")
def asks_to_come_back_in_another_century(registry, _):
    registry.on("GET", "", answers(503, Retry_After="Sun, 06 Nov 2194 08:49:37 GMT"))


@case("429")
def is_always_busy(registry, _):
    registry.on("GET", "", answers(429, Retry_After="0"))


@case("429")
def cannot_say_when(registry, _):
    registry.on("GET", "/manifests/", answers(429, Retry_After="-99999999999999999999 soon"))


@case("500")
def always_fails(registry, _):
    registry.on("GET", "/manifests/", answers(500, "<h1>Internal error</h1>"))


@case("502", command="push")
def always_fails_to_take_a_blob(registry, _):
    registry.on("PUT", "/blobs/", answers(502))


# ---- documents --------------------------------------------------------------


def index(manifests, **more):
    return {"schemaVersion": 2, "mediaType": images.INDEX, "manifests": manifests, **more}


def manifest(config, layers, **more):
    return {"schemaVersion": 2, "mediaType": images.MANIFEST, "config": config, "layers": layers,
            **more}


def replace_layers(registry, layers, **more):
    """Let the image consist of one manifest with these layers."""
    config = registry.add_blob(b"name: x\n", images.CONFIG)
    registry.add("latest", images.MANIFEST, manifest(config, layers, **more))


@case("index")
def has_indexes_in_indexes(registry, _):
    inner = registry.add(None, images.INDEX, index([]))
    for _ in range(20):
        inner = registry.add(None, images.INDEX, index([inner]))
    registry.add("latest", images.INDEX, index([inner]))


@case("manifests|platform|nothing")
def has_a_thousand_times_a_thousand_manifests(registry, _):
    inner = registry.add(None, images.INDEX, index([]))
    for _ in range(INDEX_LIMIT - 2):
        inner = registry.add(None, images.INDEX, index([inner] * 1000))
    registry.add("latest", images.INDEX, index([inner] * 1000))


@case("digest")
def has_an_index_that_claims_to_contain_itself(registry, _):
    claimed = "sha256:" + "3" * 64
    media_type, data = images.INDEX, json.dumps(index([
        {"mediaType": images.INDEX, "digest": claimed, "size": 400}])).encode().ljust(400)
    registry.add("latest", media_type, data)
    registry.documents[claimed] = (media_type, data)


@case("layers|more than")
def has_2000_layers(registry, _):
    layer = registry.add_blob(b"layer")
    replace_layers(registry, [layer] * 2000)


@case("manifests|more than")
def has_5000_manifests(registry, _):
    inner = registry.add(None, images.MANIFEST, manifest(registry.add_blob(b"{}"), []))
    registry.add("latest", images.INDEX, index([inner] * 5000))


@case("JSON|twice|uplicate")
def has_a_key_twice(registry, _):
    registry.add("latest", images.INDEX,
                 b'{"schemaVersion":2,"manifests":[],"manifests":[{"size":1}]}')


@case("JSON|UTF-8")
def has_text_that_is_not_utf8(registry, _):
    registry.add("latest", images.INDEX, b'{"schemaVersion":2,"manifests":[],"x":"\xff\xfe"}')


@case("JSON|deep|depth")
def has_brackets_without_end(registry, _):
    registry.add("latest", images.INDEX, b"[" * 1_000_000)


@case("JSON|empty")
def has_an_empty_document(registry, _):
    registry.add("latest", images.INDEX, b"")


@case("annotation|long|large|bytes")
def has_huge_annotations(registry, _):
    replace_layers(registry, [], annotations={"a": "x" * 1_000_000})


@case("annotation|more than")
def has_many_annotations(registry, _):
    replace_layers(registry, [], annotations={str(i): "x" for i in range(50_000)})


@case("digest")
def has_a_digest_that_is_a_path(registry, _):
    replace_layers(registry, [{"mediaType": images.EBPF, "size": 5,
                               "digest": "sha256:../../../../../../../../etc/cron.d/evil"}])


@case("size")
def has_a_negative_size(registry, _):
    replace_layers(registry, [{"mediaType": images.EBPF, "size": -1,
                               "digest": "sha256:" + "4" * 64}])


@case("size|JSON|number")
def has_a_size_beyond_numbers(registry, _):
    registry.add("latest", images.MANIFEST, json.dumps(manifest(
        registry.add_blob(b"{}"), [{"mediaType": images.EBPF, "size": 7,
                                    "digest": "sha256:" + "4" * 64}])
    ).replace(": 7", ": 1e999").encode())


@case("--max-size|size|more")
def has_sizes_whose_sum_wraps_around(registry, _):
    replace_layers(registry, [{"mediaType": images.EBPF, "size": (1 << 63) - 1,
                               "digest": "sha256:" + c * 64} for c in "456"])


@case(".")
def is_of_docker_s_first_kind(registry, _):
    registry.add("latest", "application/vnd.docker.distribution.manifest.v1+prettyjws",
                 b'{"schemaVersion":1,"name":"x","tag":"latest","fsLayers":[]}')


@case("mediaType|media type|is an|index|manifest")
def says_a_manifest_is_an_index(registry, _):
    media_type, data = registry.documents["latest"]
    assert media_type == images.INDEX
    registry.documents["latest"] = (images.MANIFEST, data)


@case("nothing for linux")
def has_nothing_for_this_host(registry, _):
    inner = registry.add(None, images.MANIFEST, manifest(registry.add_blob(b"{}"), []))
    registry.add("latest", images.INDEX, index(
        [dict(inner, platform={"architecture": "s390x", "os": "linux"})]))


# ---- pushed to --------------------------------------------------------------


@case("where to send", command="push")
def does_not_say_where_to_send_a_blob(registry, _):
    registry.on("POST", "", answers(202))


@case("where to send|encrypted", command="push")
def wants_a_blob_sent_to_a_file(registry, _):
    registry.on("POST", "", answers(202, Location="file:///etc/cron.d/evil"))


@case("encrypted", command="push", tls=True)
def wants_a_blob_sent_in_the_open(registry, other):
    registry.on("POST", "", answers(202, Location=f"{other.url}/upload"))


@case("404|answers|put", command="push")
def wants_a_blob_sent_to_another_host(registry, other):
    """That is its right, but our credentials are not for that host."""
    registry.on("POST", "", answers(202, Location=f"{other.url}/upload?x=y"))


@case("digest|something else", command="push")
def keeps_something_else(registry, _):
    registry.on("PUT", "/manifests/", answers(
        201, Docker_Content_Digest="sha256:" + "5" * 64))


@case("DIGEST_INVALID", command="push")
def says_that_what_it_gets_is_wrong(registry, _):
    registry.on("PUT", "/blobs/", answers(400, json.dumps(
        {"errors": [{"code": "DIGEST_INVALID", "message": "provided digest did not match"}]})))


@case("415|413|answers", command="push")
def takes_blobs_in_no_way(registry, _):
    registry.on("PUT|PATCH", "/blobs/", answers(413))


@case("405|answers", command="push")
def takes_nothing(registry, _):
    registry.on("POST|PUT|PATCH", "", answers(405))


@case("redirect|307|answers", command="push")
def redirects_what_it_gets(registry, other):
    registry.on("PUT", "/blobs/", redirects(f"{other.url}/take-it"))


# ---- running ----------------------------------------------------------------


class Outcome(NamedTuple):
    done: object
    host: Host
    registry: HostileRegistry
    other: HostileRegistry


def run(gadgetctl, folder, certificates, each):
    """One case from beginning to end."""
    authority, pair = certificates
    host = Host(gadgetctl, folder)
    layout = images.Layout(f"{folder}/layout")
    images.our_gadget(layout, "latest")
    address = "localhost" if each.tls else "127.0.0.1"
    with HostileRegistry(layout, pair=pair if each.tls else None, address=address) as registry, \
            HostileRegistry() as other:
        each.set_up(registry, other)
        host.auth_file(f"{host.home}/.docker/config.json", {registry.host: (USER, SECRET)})
        flags = [f"--ca-file={authority.ca}"] if each.tls else [
            f"--insecure-registry={registry.host}"]
        if each.command == "push":
            registry.documents.clear(), registry.blobs.clear()
            images.our_gadget(host.layout, registry.image())
        done = host.run("--log-level=debug", each.command, registry.image(), "--timeout=1s",
                        "--jobs=1", *flags, *each.flags, deadline=each.deadline)
        return Outcome(done, host, registry, other)


@pytest.fixture(scope="module")
def outcomes(request, gadgetctl, authority, server_pair, tmp_path_factory):
    """The futures of all cases that were selected."""
    names = {item.callspec.params["name"] for item in request.session.items
             if item.originalname == test_a_hostile_registry_.__name__}
    folder = tmp_path_factory.mktemp("hostile")
    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        yield {name: pool.submit(run, gadgetctl, folder / name, (authority, server_pair),
                                 CASES[name]) for name in sorted(names)}


@pytest.fixture(scope="module")
def rss_max(gadgetctl):
    with open(gadgetctl.path, "rb") as f:
        return ASAN_RSS_MAX if b"__asan_init" in f.read() else RSS_MAX


def sizes_below(folder):
    return sum(os.path.getsize(f"{at}/{name}") for at, _, names in os.walk(folder)
               for name in names)


@pytest.mark.parametrize("name", CASES)
def test_a_hostile_registry_(outcomes, name, rss_max):
    each = CASES[name]
    done, host, registry, other = outcomes[name].result()
    assert done.code not in (0, 2), done.stdout + done.stderr
    assert re.search(each.error, done.error), done.error
    assert len(done.error) < 1500
    for line in done.stderr.splitlines():
        assert line.startswith("gadgetctl: ") and line.isprintable(), line
    assert done.stderr.count("trying again") <= RETRIES * 4  # as many blobs as there are at once
    for secret in SECRETS:
        assert secret not in done.stderr + done.stdout
        assert not any(secret in str(s) for s in other.seen)
    assert not any({"authorization", "cookie"} & set(s.headers) for s in other.seen)
    assert done.rss < rss_max, f"{done.rss >> 20} MiB"
    assert sizes_below(host.store) < STORE_MAX
    if each.command == "pull":
        assert not host.names()
    if not each.keeps:
        assert not host.parts()
    host.check()


# ---- what needs a test of its own -------------------------------------------


def test_nothing_of_10_gigabytes_is_fetched(outcomes):
    _, _, registry, _ = outcomes["says_a_layer_has_10_gigabytes"].result()
    assert not [path for path in registry.paths("GET") if "/blobs/" in path]


def test_a_host_that_accepts_and_never_speaks_tls_is_given_up(host):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        done = host.fails("pull", f"127.0.0.1:{silent.getsockname()[1]}/x", "--timeout=1s",
                          deadline=10)
        assert not host.names()
    assert "127.0.0.1" in done.error


CHALLENGES = [
    "", "Bearer", "Bearer realm", "Bearer realm=", 'Bearer realm="', 'Bearer realm="x', "Basic",
    'Bearer realm="not a url"', 'Bearer realm="http://"', 'Bearer realm="//host/x"', ",,,,", "=",
    'Bearer realm="http://[::1"', 'Digest realm="x", nonce="y"', '"Bearer realm=', "Bearer " * 3000,
    'Bearer realm="http://a\\', 'Negotiate, Basic', "Bearer " + ",".join(["a=b"] * 500),
    'Bearer realm="javascript:alert(1)"', 'Bearer realm="http://user:pw@127.0.0.1/"',
    "\x01\x02\xff",
]


@pytest.mark.parametrize("number", range(len(CHALLENGES)))
def test_a_malformed_challenge_is_an_error(host, number):
    with HostileRegistry() as registry:
        registry.on("GET", "", answers(401, WWW_Authenticate=CHALLENGES[number]))
        host.auth_file(f"{host.home}/.docker/config.json", {registry.host: (USER, SECRET)})
        done = host.fails("pull", registry.image(), f"--insecure-registry={registry.host}",
                          "--timeout=1s")
        assert SECRET not in done.stderr
        assert all(line.isprintable() for line in done.stderr.splitlines())


def test_titles_that_are_paths_lead_nowhere(host):
    with HostileRegistry() as registry:
        data = b"content"
        layers = [dict(registry.add_blob(data), annotations={images.TITLE: title}) for title in (
            f"../../../../../../../{host.folder}/evil", f"{host.folder}/evil", "..", ".", "/")]
        replace_layers(registry, layers)
        host.ok("pull", registry.image(), f"--insecure-registry={registry.host}")
        assert images.digest_of(data) in host.blobs()
    assert not os.path.exists(f"{host.folder}/evil")


def test_a_failed_pull_leaves_the_image_that_was_there(host, tmp_path):
    layout = images.Layout(tmp_path / "layout")
    before = images.our_gadget(layout, "latest")
    with HostileRegistry(layout) as registry:
        flag = f"--insecure-registry={registry.host}"
        host.ok("pull", registry.image(), flag)
        replace_layers(registry, [dict(registry.add_blob(b"new"), digest="sha256:" + "6" * 64)])
        host.fails("pull", registry.image(), flag)
        assert host.names() == {registry.image(): before}
        host.ok("inspect", registry.image())
