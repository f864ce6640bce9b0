# SPDX-License-Identifier: Apache-2.0
"""The token service of a registry: JWTs for GET with a password and POST with a refresh token.

What was asked is kept in `asked`, for tests to look at.
"""

import base64
import http.server
import json
import ssl
import threading
import time
import urllib.parse
import uuid
from typing import NamedTuple

ISSUER, SERVICE = "test-issuer", "test-registry"


class Asked(NamedTuple):
    method: str
    user: str  # "" for nobody
    scopes: list
    fields: dict  # of the query or the form, but for what is secret


def _b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class TokenServer:
    """Answers on a free port of localhost; with a Pair, over TLS.

    Anybody may pull what is `public`; `users` ({name: password}) may do
    everything, with their password or with `refresh_token`.
    """

    def __init__(self, signer, pair=None, users=None, refresh_token=None, public=True, seconds=300):
        self.signer, self.users, self.refresh_token = signer, users or {}, refresh_token
        self.public = public
        self.seconds = seconds  # how long the tokens hold, as said and as signed
        self.asked = []
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.url = f"{'https' if pair else 'http'}://localhost:{self.port}/token"
        if pair:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(pair.cert, pair.key)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True,
                                                      do_handshake_on_connect=False)

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()

    def token(self, user, scopes):
        """A signed token; nobody may only pull."""
        access = []
        for scope in scopes:
            kind, name, actions = scope.split(":", 1)[0], *scope.split(":", 1)[1].rsplit(":", 1)
            wanted = [a for a in actions.split(",") if user or (self.public and a == "pull")]
            access.append({"type": kind, "name": name, "actions": wanted})
        now = int(time.time())
        head = {"typ": "JWT", "alg": "RS256", "x5c": self.signer.x5c}
        body = {"iss": ISSUER, "sub": user, "aud": SERVICE, "iat": now, "nbf": now - 10,
                "exp": now + self.seconds, "jti": str(uuid.uuid4()), "access": access}
        text = f"{_b64(json.dumps(head).encode())}.{_b64(json.dumps(body).encode())}"
        return f"{text}.{_b64(self.signer.sign(text.encode()))}"

    def _user(self, authorization, form):
        """Who it is: "" for nobody, None for somebody who lies."""
        if form.get("grant_type") == ["refresh_token"]:
            known = self.refresh_token and form.get("refresh_token") == [self.refresh_token]
            return "refreshed" if known else None
        if not authorization:
            return ""
        kind, _, value = authorization.partition(" ")
        name, _, password = base64.b64decode(value).decode().partition(":")
        return name if kind == "Basic" and self.users.get(name) == password else None

    def _handler(self):
        service = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def answer(self, status, document):
                data = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def serve(self, fields):
                user = service._user(self.headers.get("Authorization"), fields)
                scopes = [s for text in fields.get("scope", []) for s in text.split()]
                public = {k: v for k, v in fields.items() if "token" not in k and k != "password"}
                service.asked.append(Asked(self.command, user, scopes, public))
                if user is None:
                    self.answer(401, {"errors": [{"code": "UNAUTHORIZED", "message": "no"}]})
                    return
                token = service.token(user, scopes)
                key = "access_token" if self.command == "POST" else "token"
                self.answer(200, {key: token, "expires_in": service.seconds})

            def do_GET(self):
                self.serve(urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query))

            def do_POST(self):
                length = int(self.headers.get("Content-Length", "0"))
                self.serve(urllib.parse.parse_qs(self.rfile.read(length).decode()))

        return Handler
