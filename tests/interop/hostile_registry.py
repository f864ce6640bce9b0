# SPDX-License-Identifier: Apache-2.0
"""A small image registry in memory that misbehaves where a test tells it to.

Unruled it does what a registry should: documents, blobs (with Range), uploads at
once and in pieces, mounts, HEAD.  A rule is a function that gets each Exchange
first; on() makes one for some requests only.  It may answer in any way HTTP
knows and in some it does not, and returns PASS to let the next one have it.

    with HostileRegistry(layout) as registry:
        registry.on("GET", "/blobs/", truncated(100), times=1)

All requests are kept in `seen`, with their headers.
"""

import base64
import hashlib
import http.server
import json
import re
import ssl
import threading
import urllib.parse
from typing import NamedTuple

import images

PASS = object()
BIG = 10 << 30


class Seen(NamedTuple):
    method: str
    path: str
    headers: dict  # names in lower case


class Exchange:
    """One request and all means to answer it."""

    def __init__(self, registry, handler):
        self.registry, self.handler = registry, handler
        self.method, self.path = handler.command, handler.path
        self.headers = {name.lower(): value for name, value in handler.headers.items()}
        self._body = None

    @property
    def body(self):
        """What the client sends, read when it is first asked for."""
        if self._body is None:
            try:
                self._body = self._read_body()
            except (OSError, ValueError):  # the client has gone
                self._body = b""
                self.close()
        return self._body

    def _read_body(self):
        reader = self.handler.rfile
        if self.headers.get("transfer-encoding", "").lower() != "chunked":
            return reader.read(int(self.headers.get("content-length", "0")))
        data = b""
        while size := int(reader.readline().split(b";")[0], 16):
            data += reader.read(size)
            reader.readline()
        reader.readline()
        return data

    @property
    def query(self):
        return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query))

    def send(self, status, body=b"", **headers):
        """A whole answer; headers' names have '_' for '-'.  None leaves a header out."""
        self.body  # or it would be taken for the next request
        if isinstance(body, str):
            body = body.encode()
        headers = {"Content_Length": len(body), **headers}
        lines = [f"HTTP/1.1 {status} Whatever"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()
                  if value is not None]
        head = ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogateescape")
        self.raw(head + (b"" if self.method == "HEAD" else body))

    def raw(self, data):
        """Bytes, as they are."""
        try:
            self.handler.wfile.write(data)
            return True
        except OSError:  # the client has had enough
            self.close()
            return False

    def close(self):
        """End the connection behind this answer."""
        self.handler.close_connection = True

    def stall(self):
        """Say nothing more, until the test is over or the client has gone."""
        connection = self.handler.connection
        connection.settimeout(0.2)
        while not self.registry.over.is_set():
            try:
                if not connection.recv(1 << 16):
                    break
            except TimeoutError:
                continue
            except OSError:
                break
        self.close()

    def drip(self, seconds):
        """A byte each so many seconds, until the client has gone."""
        while not self.registry.over.wait(seconds) and self.raw(b" "):
            pass
        self.close()

    def flood(self, piece):
        """The same bytes again and again; for at most BIG of them."""
        for _ in range(BIG // len(piece)):
            if self.registry.over.is_set() or not self.raw(piece):
                break
        self.close()


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_):  # clients that leave are what is tested
        pass


class HostileRegistry:
    """See above.  `layout` (images.Layout) is what it has, under all its names."""

    def __init__(self, layout=None, pair=None, repository="gadget/x", address="127.0.0.1"):
        self.repository = repository
        self.documents, self.blobs, self.uploads = {}, {}, {}
        self.seen, self.over = [], threading.Event()
        self._lock = threading.Lock()
        self._rules = []
        self._server = _Server(("127.0.0.1", 0), self._handler())
        self.port = self._server.server_address[1]
        self.host = f"{address}:{self.port}"
        self.url = f"{'https' if pair else 'http'}://{self.host}"
        if pair:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(pair.cert, pair.key)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True,
                                                      do_handshake_on_connect=False)
        if layout:
            self.load(layout)

    def image(self, tag="latest"):
        return f"{self.host}/{self.repository}:{tag}"

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self._server.shutdown()
        self._server.server_close()

    # ---- what it has ----

    def load(self, layout):
        """Take over the images of a layout."""
        for descriptor in layout.names():
            self._load(layout, descriptor)
            name = descriptor["annotations"][images.REF_NAME]
            self.documents[name] = self.documents[descriptor["digest"]]

    def _load(self, layout, descriptor):
        with open(layout.blob(descriptor["digest"]), "rb") as f:
            data = f.read()
        if descriptor["mediaType"] not in (images.INDEX, images.MANIFEST):
            self.blobs[descriptor["digest"]] = data
            return
        self.documents[descriptor["digest"]] = (descriptor["mediaType"], data)
        document = json.loads(data)
        config = [document["config"]] if "config" in document else []
        for item in document.get("manifests", config + document.get("layers", [])):
            self._load(layout, item)

    def add(self, name, media_type, document):
        """Give a document (bytes, or what becomes JSON) a name and its digest; the descriptor."""
        data = document if isinstance(document, bytes) else json.dumps(document).encode()
        digest = images.digest_of(data)
        self.documents[digest] = (media_type, data)
        if name:
            self.documents[name] = self.documents[digest]
        return {"mediaType": media_type, "digest": digest, "size": len(data)}

    def add_blob(self, data, media_type=images.EBPF):
        digest = images.digest_of(data)
        self.blobs[digest] = data
        return {"mediaType": media_type, "digest": digest, "size": len(data)}

    # ---- what it does ----

    def on(self, methods, path, behaviour, times=None):
        """Let a function answer the requests whose path matches; at most so many times."""
        left = [times]

        def rule(exchange):
            if exchange.method not in methods.split("|") or not re.search(path, exchange.path):
                return PASS
            with self._lock:
                if left[0] == 0:
                    return PASS
                if left[0]:
                    left[0] -= 1
            return behaviour(exchange)

        self._rules.append(rule)

    def wants_basic(self, user, password):
        """Ask for credentials at every request."""
        good = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()

        def rule(exchange):
            if exchange.headers.get("authorization") == good:
                return PASS
            return exchange.send(401, WWW_Authenticate='Basic realm="test"')

        self._rules.append(rule)

    def paths(self, method):
        return [s.path for s in self.seen if s.method == method]

    def _handler(self):
        registry = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 60

            def log_message(self, *_):
                pass

            def serve(self):
                exchange = Exchange(registry, self)
                registry.seen.append(Seen(exchange.method, exchange.path, exchange.headers))
                for rule in list(registry._rules):
                    if rule(exchange) is not PASS:
                        return
                registry._serve(exchange)

            do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = serve

        return Handler

    def _serve(self, exchange):
        path = urllib.parse.urlsplit(exchange.path).path
        if path == "/v2/":
            exchange.send(200, b"{}")
        elif m := re.fullmatch(r"/v2/(.+)/manifests/([^/]+)", path):
            self._document(exchange, m[2])
        elif m := re.fullmatch(r"/v2/(.+)/blobs/uploads/([^/]*)", path):
            self._upload(exchange, path, m[2])
        elif m := re.fullmatch(r"/v2/(.+)/blobs/([^/]+)", path):
            self._blob(exchange, m[2])
        else:
            exchange.send(404)

    def _document(self, exchange, name):
        if exchange.method == "PUT":
            media_type = exchange.headers.get("content-type")
            descriptor = self.add(name, media_type, exchange.body)
            exchange.send(201, Docker_Content_Digest=descriptor["digest"])
        elif name not in self.documents:
            exchange.send(404, '{"errors":[{"code":"MANIFEST_UNKNOWN","message":"unknown"}]}')
        else:
            media_type, data = self.documents[name]
            exchange.send(200, data, Content_Type=media_type,
                          Docker_Content_Digest=images.digest_of(data))

    def _blob(self, exchange, digest):
        data = self.blobs.get(digest)
        if data is None:
            exchange.send(404, '{"errors":[{"code":"BLOB_UNKNOWN","message":"unknown"}]}')
        elif m := re.fullmatch(r"bytes=(\d+)-", exchange.headers.get("range", "")):
            first = int(m[1])
            exchange.send(206, data[first:],
                          Content_Range=f"bytes {first}-{len(data) - 1}/{len(data)}")
        else:
            exchange.send(200, data)

    def _upload(self, exchange, path, session):
        if exchange.method == "POST":
            if exchange.query.get("mount") in self.blobs:
                exchange.send(201, Location=f"/v2/{self.repository}/blobs/x")
                return
            session = str(len(self.uploads))
            self.uploads[session] = b""
            exchange.send(202, Location=f"{path}{session}?_state=abc")
            return
        self.uploads[session] += exchange.body
        data = self.uploads[session]
        if exchange.method == "PATCH":
            exchange.send(202, Location=f"{path}?_state=def", Range=f"0-{len(data) - 1}")
        elif images.digest_of(data) != exchange.query.get("digest"):
            exchange.send(400, '{"errors":[{"code":"DIGEST_INVALID","message":"no"}]}')
        else:
            self.blobs[exchange.query["digest"]] = data
            exchange.send(201, Location="/somewhere")


# ---- behaviours that several tests use --------------------------------------


def answers(status, body=b"", **headers):
    return lambda exchange: exchange.send(status, body, **headers)


def stalls(exchange):
    exchange.stall()


def stalls_after(head):
    def behaviour(exchange):
        exchange.raw(head)
        exchange.stall()
    return behaviour


def raw(data):
    """Bytes instead of an answer, and the end of the connection."""
    def behaviour(exchange):
        exchange.raw(data)
        exchange.close()
    return behaviour


def truncated(keep):
    """The right answer, cut off behind so many bytes of its body."""
    def behaviour(exchange):
        path = urllib.parse.urlsplit(exchange.path).path
        name = path.rsplit("/", 1)[1]
        registry = exchange.registry
        media_type, data = registry.documents.get(name) or ("x/y", registry.blobs.get(name, b""))
        exchange.raw(f"HTTP/1.1 200 OK\r\nContent-Type: {media_type}\r\n"
                     f"Content-Length: {len(data)}\r\n\r\n".encode() + data[:keep])
        exchange.close()
    return behaviour


def redirects(location, status=307):
    return answers(status, Location=location)


def sha256_of_zeros(size):
    """The digest of so many zero bytes, without having them."""
    digest, piece = hashlib.sha256(), bytes(1 << 20)
    for _ in range(size >> 20):
        digest.update(piece)
    digest.update(bytes(size & ((1 << 20) - 1)))
    return "sha256:" + digest.hexdigest()
