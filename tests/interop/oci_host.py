# SPDX-License-Identifier: Apache-2.0
"""A host with a store of images and a home of its own, on which a test runs the program."""

import base64
import json
import os
import re
import signal
import subprocess
import threading
from typing import NamedTuple

import images
from support import DEADLINE, Process, clean_env


class Done(NamedTuple):
    """How a run ended; rss is the most memory that it was seen to have had, in bytes."""

    code: int
    stdout: str
    stderr: str
    rss: int

    @property
    def errors(self):
        return [line for line in self.stderr.splitlines() if line.startswith("gadgetctl: error: ")]

    @property
    def error(self):
        """The text of the one error."""
        assert len(self.errors) == 1, f"not one error: {self.stderr}"
        return self.errors[0].removeprefix("gadgetctl: error: ")


def watch(child):
    """Wait for the end of a process; the most memory it was seen to have had.

    What wait4() says includes the memory that this process had when it forked.
    """
    rss = 0
    while child.returncode is None:
        try:
            with open(f"/proc/{child.pid}/status", "rb") as f:
                rss = max(rss, *(int(kb) << 10 for kb in re.findall(rb"VmHWM:\s+(\d+)", f.read())),
                          0)
        except OSError:
            pass
        try:
            child.wait(0.01)
        except subprocess.TimeoutExpired:
            pass
    return rss


class Host:
    """`store` is the folder of its images, which is an OCI layout as tests make them, too."""

    def __init__(self, gadgetctl, folder):
        self.path = gadgetctl.path
        self.folder = str(folder)
        self.store = f"{self.folder}/store"
        self.home, self.runtime = f"{self.folder}/home", f"{self.folder}/run"
        for path in (self.home, self.runtime):
            os.makedirs(path, mode=0o700, exist_ok=True)
        self.env = clean_env(HOME=self.home, XDG_RUNTIME_DIR=self.runtime,
                             GADGETCTL_STORE=self.store)

    # ---- running ----

    def run(self, *args, stdin=None, deadline=DEADLINE, env=None):
        """Run to the end; what is still running at the deadline is killed and a failure."""
        with subprocess.Popen([self.path, *map(str, args)], env=dict(self.env, **(env or {})),
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE) as child:
            pieces = {}
            readers = [threading.Thread(target=lambda n, p: pieces.update({n: p.read()}), args=pair)
                       for pair in ((1, child.stdout), (2, child.stderr))]
            late = threading.Event()
            killer = threading.Timer(deadline, lambda: (late.set(), child.kill()))
            for thread in (*readers, killer):
                thread.start()
            try:
                child.stdin.write((stdin or "").encode())
                child.stdin.close()
            except BrokenPipeError:
                pass
            rss = watch(child)
            killer.cancel()
            for reader in readers:
                reader.join()
        done = Done(child.returncode, *(pieces[n].decode(errors="replace") for n in (1, 2)),
                    rss)
        assert not late.is_set(), f"still ran after {deadline} s: {args}\n{done.stderr[-2000:]}"
        assert done.code >= 0, f"died of {signal.Signals(-done.code).name}: {done.stderr[-4000:]}"
        return done

    def ok(self, *args, **more):
        done = self.run(*args, **more)
        assert done.code == 0, f"{args}: {done.stderr}"
        return done

    def fails(self, *args, code=None, **more):
        """Run what must fail with one error; the result."""
        done = self.run(*args, **more)
        assert done.code != 0, f"{args} succeeded: {done.stdout}{done.stderr}"
        assert code in (None, done.code), f"status {done.code}, not {code}: {done.stderr}"
        assert done.error
        return done

    def start(self, *args, **more):
        """Start it; use as a context manager."""
        return Process([self.path, *args], env=self.env, **more)

    # ---- what it has ----

    @property
    def layout(self):
        return images.Layout(self.store)

    def names(self):
        """The names in the store and the digests they stand for."""
        if not os.path.exists(f"{self.store}/index.json"):
            return {}
        return {d["annotations"][images.REF_NAME]: d["digest"] for d in self.layout.names()}

    def blobs(self):
        """The digests of all that is stored."""
        folder = f"{self.store}/blobs/sha256"
        return {f"sha256:{name}" for name in os.listdir(folder)} if os.path.isdir(folder) else set()

    def parts(self):
        """The files of blobs that are not there completely, and their sizes."""
        folder = f"{self.store}/ingest"
        found = {}
        for name in os.listdir(folder) if os.path.isdir(folder) else ():
            try:
                found[name] = os.path.getsize(f"{folder}/{name}")
            except FileNotFoundError:  # complete meanwhile
                pass
        return found

    def check(self):
        """The store is valid, and every blob in it is what it is called."""
        if not os.path.exists(self.store):
            return
        done = self.run("image", "fsck")
        assert done.code == 0, done.stdout + done.stderr
        for digest in self.blobs():
            with open(self.layout.blob(digest), "rb") as f:
                assert images.digest_of(f.read()) == digest

    # ---- credentials ----

    def auth_file(self, path, auths=None, **more):
        """Write an auth file: {key: (user, password)}, and other keys; its path."""
        entries = {key: {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()}
                   for key, (user, password) in (auths or {}).items()}
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w",
                  encoding="utf-8") as f:
            json.dump({"auths": entries, **more}, f)
        return path

    def helper(self, name, script):
        """Install a credential helper, a shell script, in the PATH of this host."""
        folder = f"{self.folder}/bin"
        os.makedirs(folder, exist_ok=True)
        path = f"{folder}/docker-credential-{name}"
        with open(path, "w", encoding="utf-8") as f:
            f.write(f"#!/bin/sh\n{script}")
        os.chmod(path, 0o755)
        self.env["PATH"] = f"{folder}:{os.environ['PATH']}"
