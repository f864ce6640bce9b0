# SPDX-License-Identifier: Apache-2.0
"""Real registries and real clients of them: docker-registry, skopeo, containerd's ctr.

Everything listens on free ports of loopback, keeps its data below a folder of the
caller's and ends with its context manager.  What is not installed raises Missing.
"""

import http.client
import os
import re
import shutil
import subprocess
from typing import NamedTuple

from support import Process, answers, clean_env, free_port, wait_until
from token_server import ISSUER, SERVICE

USER, PASSWORD = "admin", "correct-horse-9"
START_ATTEMPTS = 5  # a free port may be taken by somebody else meanwhile

# A line of the access log: HOST - - [TIME] "METHOD PATH HTTP/x" STATUS BYTES "" "AGENT"
ACCESS = re.compile(r'^\S+ - \S+ \[[^]]+\] "([A-Z]+) (\S+) HTTP/\S+" (\d+) (\d+) "[^"]*" "([^"]*)"',
                    re.M)


class Missing(Exception):
    """A program is not installed; the text says which."""


def need(program):
    path = shutil.which(program)
    if not path:
        raise Missing(f"{program} is not installed")
    return path


class Request(NamedTuple):
    method: str
    path: str
    status: int
    bytes: int
    agent: str


def htpasswd(path, users):
    """Write a file of bcrypt hashes; cheap ones, for they are computed at each request."""
    need("htpasswd")
    open(path, "w", encoding="ascii").close()
    for name, password in users.items():
        subprocess.run(["htpasswd", "-i", "-B", "-C", "4", path, name], input=password, text=True,
                       env=clean_env(), capture_output=True, check=True, timeout=30)


def connections(port):
    """How many connections a server on that port of this host has not closed yet."""
    count = 0
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with open(table, encoding="ascii") as f:
            for line in f.readlines()[1:]:
                local, _, state = line.split()[1:4]
                # Not those that listen, or are only remembered (TIME_WAIT).
                if int(local.rsplit(":", 1)[1], 16) == port and state not in ("0A", "06"):
                    count += 1
    return count


class Registry:
    """docker-registry; `host` is what its images are named by ("localhost:PORT").

    users:      {name: password}: basic credentials are asked for
    token:      a TokenServer whose tokens are asked for
    pair:       TLS, with these files
    client_ca:  clients must show a certificate of this authority
    """

    def __init__(self, folder, *, users=None, token=None, pair=None, client_ca=None,
                 address="localhost"):
        self._program = need("docker-registry")
        self.folder = str(folder)
        os.makedirs(self.folder, exist_ok=True)
        self._auth, self._tls = "", ""
        self._address = address
        self._process = None
        self._marks = 0
        if users:
            htpasswd(f"{self.folder}/htpasswd", users)
            self._auth = ("auth:\n  htpasswd:\n    realm: test-realm\n"
                          f"    path: {self.folder}/htpasswd\n")
        elif token:
            self._auth = (f"auth:\n  token:\n    realm: {token.url}\n    service: {SERVICE}\n"
                          f"    issuer: {ISSUER}\n    rootcertbundle: {token.signer.bundle}\n")
        if pair:
            self._tls = f"  tls:\n    certificate: {pair.cert}\n    key: {pair.key}\n"
            if client_ca:
                self._tls += f"    clientcas:\n      - {client_ca}\n"

    @property
    def host(self):
        return f"{self._address}:{self.port}"

    def __enter__(self):
        for _ in range(START_ATTEMPTS):
            self.port = free_port()
            if self._start():
                return self
        raise AssertionError(f"docker-registry does not start: {self._process.stderr[-2000:]}")

    def __exit__(self, *_):
        self._process.__exit__()

    def _start(self):
        config = f"{self.folder}/config.yml"
        with open(config, "w", encoding="utf-8") as f:
            f.write("version: 0.1\nlog:\n  level: error\n  accesslog:\n    disabled: false\n"
                    f"storage:\n  filesystem:\n    rootdirectory: {self.folder}/data\n"
                    f"  delete:\n    enabled: true\n{self._auth}"
                    f"http:\n  addr: 127.0.0.1:{self.port}\n{self._tls}")
        self._process = Process([self._program, "serve", config])
        wait_until(lambda: answers(self.port) or not self._process.running,
                   f"docker-registry on port {self.port}")
        if self._process.running:
            return True
        self._process.__exit__()
        return False

    def requests(self):
        """Every request so far, as the registry has logged it (without TLS only)."""
        self._settle()
        return self._logged()

    def _settle(self):
        """Wait until all that clients who have gone have asked for is in the log.

        The registry logs a request when it is done with it, and closes a
        connection after that; then one more request goes through the same pipe.
        """
        wait_until(lambda: not connections(self.port), "the end of all connections")
        self._marks += 1
        mark = f"/v2/?mark={self._marks}"
        request = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        request.request("GET", mark)
        request.getresponse().read()
        request.close()
        wait_until(lambda: any(r.path == mark for r in self._logged()), "the registry's log")

    def _logged(self):
        return [Request(m, path, int(status), int(size), agent) for m, path, status, size, agent
                in ACCESS.findall(self._process.stdout)]

    def mark(self):
        """How many requests there were; for since()."""
        return len(self.requests())

    def since(self, mark):
        return [r for r in self.requests()[mark:] if "?mark=" not in r.path]

    def bytes_of(self, digest):
        """The bytes of a blob or document, from the registry's own disk."""
        algorithm, value = digest.split(":")
        path = f"{self.folder}/data/docker/registry/v2/blobs/{algorithm}/{value[:2]}/{value}/data"
        with open(path, "rb") as f:
            return f.read()


def skopeo(*args, check=True):
    """Run skopeo; the result's stdout is bytes."""
    done = subprocess.run([need("skopeo"), "--insecure-policy", *map(str, args)], env=clean_env(),
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False)
    assert not check or done.returncode == 0, f"skopeo {args}: {done.stderr.decode()}"
    return done


def skopeo_push(layout, name, image, *args):
    """Copy image `name` of the layout folder to the registry image "host/path:tag"."""
    skopeo("copy", "--all", "--dest-tls-verify=false", *args, f"oci:{layout}:{name}",
           f"docker://{image}")


def skopeo_raw(image, *args):
    """The bytes of the index or manifest that a registry has under a name."""
    return skopeo("inspect", "--raw", "--tls-verify=false", *args, f"docker://{image}").stdout


class Containerd:
    """containerd with its own folders and socket, for ctr(); no container ever runs."""

    def __init__(self, folder):
        need("ctr")
        self._program = need("containerd")
        self.folder = str(folder)
        # The paths of sockets are short.
        self.socket = f"{self.folder}/c.sock"
        self._process = None

    def __enter__(self):
        os.makedirs(self.folder, exist_ok=True)
        config = f"{self.folder}/config.toml"
        with open(config, "w", encoding="utf-8") as f:
            f.write(f'version = 2\nroot = "{self.folder}/root"\nstate = "{self.folder}/state"\n'
                    'disabled_plugins = ["io.containerd.grpc.v1.cri"]\noom_score = 0\n'
                    f'[grpc]\naddress = "{self.socket}"\n'
                    f'[ttrpc]\naddress = "{self.socket}.ttrpc"\n')
        self._process = Process([self._program, "--config", config, "--log-level", "error"])
        wait_until(lambda: not self._process.running or self._answers(), "containerd")
        if not self._process.running:
            said = self._process.stderr[-500:]
            self._process.__exit__()
            raise Missing(f"containerd does not start here: {said}")
        return self

    def __exit__(self, *_):
        self._process.stop()
        self._process.__exit__()

    def _answers(self):
        return os.path.exists(self.socket) and self._run("version").returncode == 0

    def _run(self, *args):
        return subprocess.run(["ctr", "--address", self.socket, *map(str, args)], env=clean_env(),
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=60,
                              check=False)

    def ctr(self, *args):
        """Run ctr; its output as bytes."""
        done = self._run(*args)
        assert done.returncode == 0, f"ctr {args}: {done.stdout.decode()}{done.stderr.decode()}"
        return done.stdout
