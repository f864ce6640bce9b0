# SPDX-License-Identifier: Apache-2.0
"""trace_signal on the live kernel: every record against what the workload `signals` did."""

import errno
import json
import os
import signal
import subprocess
import time

import pytest

from support import SCALE, Process, clean_env, wait_until, workload
from tracing import PATIENCE, Run, Tracer

pytestmark = pytest.mark.usefixtures("needs_bpf")

MANY = 500_000 * SCALE

SI_USER, SI_KERNEL, SI_QUEUE, SI_TKILL = 0, 0x80, -1, -6
CLD_EXITED, CLD_KILLED, SEGV_MAPERR = 1, 2, 1

CODES = {SI_USER: "SI_USER", SI_KERNEL: "SI_KERNEL", SI_QUEUE: "SI_QUEUE", SI_TKILL: "SI_TKILL"}
OWN_CODES = {(signal.SIGCHLD, CLD_EXITED): "CLD_EXITED", (signal.SIGCHLD, CLD_KILLED): "CLD_KILLED",
             (signal.SIGSEGV, SEGV_MAPERR): "SEGV_MAPERR"}

# What each step of the workload is to be recorded as: origin, result, si_code, group.
STEPS = {
    "kill": [("kill", "delivered", SI_USER, True)],
    "kill_pending": [("kill", "already_pending", SI_USER, True)],
    "kill_ignored": [("kill", "ignored", SI_USER, True)],
    "kill_nothing": [],
    "tkill": [("tkill", "delivered", SI_TKILL, False)],
    "tgkill": [("tgkill", "delivered", SI_TKILL, False)],
    "rt_sigqueueinfo": [("rt_sigqueueinfo", "delivered", SI_QUEUE, True)],
    "rt_tgsigqueueinfo": [("rt_tgsigqueueinfo", "delivered", SI_QUEUE, False)],
    "pidfd_send_signal": [("pidfd_send_signal", "delivered", SI_USER, True)],
    "overflow": [("rt_sigqueueinfo", "overflow", SI_QUEUE, True),
                 ("rt_sigqueueinfo", "failed", SI_QUEUE, True)],
    "info_lost": [("kill", "info_lost", SI_USER, True)],
    "kill_failed": [("kill", "failed", SI_USER, True)],
    "kill_group_failed": [("kill", "failed", SI_USER, True)],
    "kill_nothing_failed": [("kill", "failed", SI_USER, True)],
    "kill_bad_signal": [("kill", "failed", SI_USER, True)],
    "kill_forbidden": [("kill", "failed", SI_USER, True)],
    "tkill_failed": [("tkill", "failed", SI_TKILL, False)],
    "tgkill_failed": [("tgkill", "failed", SI_TKILL, False)],
    "rt_sigqueueinfo_failed": [("rt_sigqueueinfo", "failed", SI_QUEUE, True)],
    "rt_tgsigqueueinfo_failed": [("rt_tgsigqueueinfo", "failed", SI_QUEUE, False)],
    "pidfd_send_signal_failed": [("pidfd_send_signal", "failed", SI_USER, True)],
    "kill_group": [("kill", "delivered", SI_USER, True)],
    "kill_32bit_failed": [("kill", "failed", SI_USER, True)],
    "kill_32bit": [("kill", "ignored", SI_USER, True)],
    "sigpipe": [("kernel", "delivered", SI_USER, False)],
    "timer": [("kernel", "delivered", SI_KERNEL, True)],
    "segv": [("kernel", "delivered", SEGV_MAPERR, False)],
    "exited": [("kernel", "ignored", CLD_EXITED, True)],
    "killed": [("kernel", "ignored", CLD_KILLED, True)],
}


def expected(step):
    """The records of one step."""
    sig = step["sig"]
    for origin, result, si_code, group in STEPS[step["step"]]:
        failed = result == "failed"
        yield {
            "pid": step["pid"], "sig_raw": sig, "result": result, "origin": origin,
            "si_code": si_code, "code": OWN_CODES.get((sig, si_code)) or CODES[si_code],
            "group": group, "error_raw": step["errno"] if failed else 0,
            "error": errno.errorcode[step["errno"]] if failed else "",
            # A failed rt_sigqueueinfo to a process names no thread.
            "tpid": step["tpid"], "ttid": 0 if failed and group else step["ttid"],
            "tcomm": "" if failed else "signals",
            "tmntns_id": 0 if failed else os.stat("/proc/self/ns/mnt").st_ino,
        }


def got(record):
    """The same of a record."""
    return {
        "pid": record["proc"]["pid"],
        **{k: record[k] for k in ("sig_raw", "result", "origin", "si_code", "code", "group",
                                  "error", "error_raw", "tpid", "ttid", "tcomm", "tmntns_id")},
    }


def signals(*args):
    """Run the workload to its end; what it says it did."""
    done = subprocess.run([workload("signals"), *map(str, args)], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, check=True, env=clean_env())
    return json.loads(done.stdout)


def trace_calls(gadgetctl, *flags, last="pidfd_send_signal"):
    """All steps of the workload, and the records of it, in order.

    Programs are attached one after the other: `last` is the origin of failures that
    the last one sees."""
    def is_last(record):
        return record["result"] == "failed" and record["origin"] == last

    with Tracer(gadgetctl, "trace_signal", "--comm", "signals", *flags) as tracer:
        tracer.seen(lambda: signals("calls"), is_last)
        truth = signals("calls")
        pids = {s["pid"] for s in truth["steps"]}
        records = [r for r in tracer.stop() if r["proc"]["pid"] in pids]
    # The end of the workload is a signal to this process.
    return truth["steps"], [r for r in records if r["tpid"] != os.getpid()]


def check_steps(gadgetctl, wanted, *flags):
    """Exactly the wanted ones of all records there are to be, each field of them, in order."""
    steps, records = trace_calls(gadgetctl, *flags)
    everything = [e for s in steps for e in expected(s)]
    assert [got(r) for r in records] == [e for e in everything if wanted(e)]
    assert records
    return records


def test_each_way_to_send_a_signal_is_recorded_exactly(gadgetctl):
    records = check_steps(gadgetctl, lambda e: True)
    uids = {r["proc"]["creds"]["uid"] for r in records if r["error"] == "EPERM"}
    assert uids == {65534}, "who was not allowed to"
    assert {r["proc"]["comm"] for r in records} == {"signals"}


def test_signals_are_named(gadgetctl):
    _, records = trace_calls(gadgetctl)
    names = {r["sig_raw"]: r["sig"] for r in records}
    assert names[signal.SIGUSR1] == "SIGUSR1"
    assert names[signal.SIGSEGV] == "SIGSEGV"
    assert names[0] == "signal#0"


def test_failed_shows_only_calls_that_failed(gadgetctl):
    check_steps(gadgetctl, lambda e: e["result"] == "failed", "--failed")


def test_kill_only_leaves_the_kernels_own_signals_out(gadgetctl):
    check_steps(gadgetctl, lambda e: e["origin"] != "kernel", "--kill-only")


@pytest.mark.parametrize("text", ["15", "SIGTERM"])
def test_signal_chooses_by_number_or_name(gadgetctl, text):
    check_steps(gadgetctl, lambda e: e["sig_raw"] == signal.SIGTERM, "--signal", text)


def test_uid_chooses_the_sender(gadgetctl):
    steps, records = trace_calls(gadgetctl, "--uid", "65534", last="kill")
    sender = [s["pid"] for s in steps if s["step"] == "kill_forbidden"]
    assert [(r["proc"]["pid"], r["sig"]) for r in records] == [
        (*sender, "SIGTERM"), (*sender, "SIGCHLD")]


def test_pid_chooses_the_sender(gadgetctl):
    with Tracer(gadgetctl, "trace_signal", "--pid", os.getpid()) as tracer:
        tracer.seen(lambda: os.kill(os.getpid(), signal.SIGURG), lambda r: True)
        signals("calls")
        records = tracer.stop()
    assert {r["proc"]["pid"] for r in records} == {os.getpid()}


# ---- many --------------------------------------------------------------------


def send_many(run, meanwhile=lambda: None):
    """Send signals from two threads at full speed; the JSON of their records, and their number."""
    with Process([workload("signals"), "many", MANY, 2], env=clean_env()) as sender:
        sender.send("go\n")
        sender.popen.stdin.close()
        meanwhile()
        assert sender.wait(PATIENCE) == 0, sender.stderr
        truth = json.loads(sender.stdout)
    assert truth["sent"] == MANY
    return f'"proc":{{"comm":"signals","pid":{truth["pid"]},', MANY


def attach(run):
    def seen():
        signals("many", 1, 1)
        return run.has(b'"comm":"signals"')
    wait_until(seen, "the gadget to be attached")


PARAMS = {"comm": "signals", "signal": int(signal.SIGURG)}


def test_every_signal_is_delivered_or_counted_at_full_speed(gadgetctl, tmp_path):
    with Run(gadgetctl, tmp_path, gadget="trace_signal", params=PARAMS) as run:
        attach(run)
        delivered, _ = run.check(*send_many(run))
    assert delivered > 0


def test_every_signal_is_delivered_or_counted_with_a_ring_that_must_lose(gadgetctl, tmp_path):
    with Run(gadgetctl, tmp_path, gadget="trace_signal", params=PARAMS, ring="64KiB") as run:
        attach(run)
        run.may_read.clear()
        began = time.monotonic()

        def read_again():
            wait_until(lambda: time.monotonic() - began >= 1, "the ring to have been full")
            run.may_read.set()

        delivered, lost = run.check(*send_many(run, read_again))
    assert delivered > 0
    assert lost > 0
