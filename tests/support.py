# SPDX-License-Identifier: Apache-2.0
"""What every end-to-end test needs: processes with deadlines, and waiting.

Nothing here sleeps for a fixed time: wait_until() looks again and again until
a condition holds or a deadline has passed, and then says what it waited for.
"""

import json
import os
import re
import signal
import socket
import subprocess
import threading
import time

BUILD = os.path.abspath(os.environ.get("GADGETCTL_BUILD", "build"))
DEADLINE = 30.0  # seconds; generous, because it is only ever reached by a failure
SCALE = int(os.environ.get("GADGETCTL_SCALE", "1"))  # 'make soak' runs the same tests at more


def clean_env(**more):
    """The environment of a bare machine: no certificates, proxies or debug knobs of the caller.

    No images of the caller either, and a registry for short names that nobody answers for.
    """
    keep = ("PATH", "HOME", "USER", "TMPDIR", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS",
            "LSAN_OPTIONS")
    env = {name: os.environ[name] for name in keep if name in os.environ}
    images = {"GADGETCTL_STORE": f"{BUILD}/tests/store", "GADGETCTL_REGISTRY": "localhost:9"}
    return {**env, "LC_ALL": "C.UTF-8", "TERM": "dumb", **images, **more}


def wait_until(condition, what, timeout=DEADLINE):
    """Return condition()'s first true answer; AssertionError after timeout seconds."""
    end = time.monotonic() + timeout
    nap = 0.001
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > end:
            raise AssertionError(f"waited {timeout:g} s for {what}")
        time.sleep(nap)
        nap = min(nap * 2, 0.05)


def free_port():
    """A TCP port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def answers(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


def workload(name):
    """The path of a program of tests/workloads."""
    return f"{BUILD}/tests/workloads/{name}"


class Process:
    """A child process whose output is collected while it runs.

    Use as a context manager: what is still running at its end is killed.  Give
    `stdout` a file or descriptor to send the output there instead.
    """

    def __init__(self, argv, *, env=None, cwd=None, stdout=subprocess.PIPE, stdin=subprocess.PIPE):
        self.argv = [str(a) for a in argv]
        self.popen = subprocess.Popen(self.argv, env=clean_env() if env is None else env, cwd=cwd,
                                      stdin=stdin, stdout=stdout, stderr=subprocess.PIPE)
        self.pid = self.popen.pid
        self._out, self._err = bytearray(), bytearray()
        self._readers = [
            threading.Thread(target=self._collect, args=pair, daemon=True)
            for pair in ((self.popen.stdout, self._out), (self.popen.stderr, self._err)) if pair[0]
        ]
        for reader in self._readers:
            reader.start()

    @staticmethod
    def _collect(pipe, into):
        while data := pipe.read1(1 << 16):
            into += data

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()
        for pipe in (self.popen.stdin, self.popen.stdout, self.popen.stderr):
            if pipe:
                try:
                    pipe.close()
                except BrokenPipeError:
                    pass

    @property
    def stdout(self):
        return self._out.decode(errors="replace")

    @property
    def stderr(self):
        return self._err.decode(errors="replace")

    @property
    def running(self):
        return self.popen.poll() is None

    def records(self):
        """The complete JSON lines printed so far."""
        complete = bytes(self._out).rpartition(b"\n")[0]
        return [json.loads(line) for line in complete.split(b"\n") if line]

    def wait_for(self, pattern, stream="stdout", timeout=DEADLINE):
        """Wait until the output matches the pattern; return the match."""
        found = wait_until(
            lambda: re.search(pattern, getattr(self, stream), re.M) or not self.running,
            f"{pattern!r} in {stream} of {self._describe()}", timeout)
        if found is True:
            self._finish()
            found = re.search(pattern, getattr(self, stream), re.M)
            assert found, f"ended without {pattern!r} in {stream}: {self._describe()}"
        return found

    def send(self, text):
        self.popen.stdin.write(text.encode())
        self.popen.stdin.flush()

    def signal(self, number):
        self.popen.send_signal(number)

    def wait(self, timeout=DEADLINE):
        """The exit code, when all output is read; AssertionError at the deadline."""
        try:
            code = self.popen.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"still runs after {timeout:g} s: {self._describe()}") from None
        self._finish()
        return code

    def stop(self, timeout=DEADLINE):
        """SIGTERM, then the exit code."""
        if self.running:
            self.signal(signal.SIGTERM)
        return self.wait(timeout)

    def kill(self):
        """SIGKILL, if it still runs."""
        if self.running:
            self.popen.kill()
        self.popen.wait()
        self._finish()

    def _finish(self):
        for reader in self._readers:
            reader.join(10)

    def _describe(self):
        return f"{' '.join(self.argv)}\nstdout: {self.stdout[-2000:]}\nstderr: {self.stderr[-4000:]}"
