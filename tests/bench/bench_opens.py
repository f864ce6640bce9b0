#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""bench_opens: the openat workload traced by gadgetctl and by bpftrace, in one run.

Both print the same nine fields of every openat of the workload into a pipe that
is read by the same reader.  Printed for each: events a second (how fast the
workload could go while it was traced), CPU of the tool per event, how much
slower each openat became, and what was lost; then the ratios.

For gadgetctl also: the time from its start to the first event on its stdout,
its private memory, and the ring's bytes.  The tracing file systems are mounted
in a mount namespace of our own, because bpftrace wants them.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time

COUNT = 300_000
ROUNDS = 3
STARTS = 5
PATH = "/no/such/file/that/anyone/opens"
BUILD = os.path.abspath(os.environ.get("GADGETCTL_BUILD", "build"))
OPENS, READER = f"{BUILD}/tests/workloads/opens", f"{BUILD}/tests/workloads/pipe_reader"
TICK = os.sysconf("SC_CLK_TCK")

BPFTRACE = """
tracepoint:syscalls:sys_enter_openat /comm == "opens"/ {
	@name[tid] = args->filename; @flags[tid] = args->flags; @mode[tid] = args->mode;
}
tracepoint:syscalls:sys_exit_openat /comm == "opens"/ {
	printf("{\\"time\\":%llu,\\"pid\\":%d,\\"tid\\":%d,\\"uid\\":%d,\\"comm\\":\\"%s\\",\\"fname\\":\\"%s\\",\\"flags\\":%d,\\"mode\\":%d,\\"ret\\":%d}\\n",
		nsecs, pid, tid, uid, comm, str(@name[tid]), @flags[tid], @mode[tid], args->ret);
	delete(@name[tid]); delete(@flags[tid]); delete(@mode[tid]);
}
"""
GADGETCTL = [f"{BUILD}/gadgetctl", "run", "trace_open", "-o", "json",
             "--filter", 'proc.comm == "opens"', "--fields",
             "timestamp_raw,proc.pid,proc.tid,proc.creds.uid,proc.comm,fname,flags_raw,mode_raw,ret"]


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as f:
        fields = f.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def opens(count):
    done = subprocess.run([OPENS, PATH, str(count), "1"], stdin=subprocess.DEVNULL,
                          capture_output=True, check=True)
    return json.loads(done.stdout)


def settle(pid):
    """Wait until the tool has digested everything: it uses no CPU for a while."""
    last, quiet = cpu_seconds(pid), 0
    while quiet < 3:
        time.sleep(0.1)
        now = cpu_seconds(pid)
        quiet, last = (quiet + 1 if now == last else 0), now


class Traced:
    """A tool that is attached: its first event has come out of it."""

    def __init__(self, argv):
        self.started = time.monotonic()
        self.tool = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                     stderr=subprocess.PIPE)
        os.set_blocking(self.tool.stderr.fileno(), False)
        os.set_blocking(self.tool.stdout.fileno(), False)
        while not re.search(b"fname", self.tool.stdout.read() or b""):
            if self.tool.poll() is not None:
                raise SystemExit(f"{argv[0]} ended: {self.tool.stderr.read().decode()}")
            opens(1)
            time.sleep(0.001)
        self.first_event = time.monotonic() - self.started
        settle(self.tool.pid)
        self.tool.stdout.read()
        os.set_blocking(self.tool.stdout.fileno(), True)
        self.reader = subprocess.Popen([READER, "0"], stdin=self.tool.stdout,
                                       stdout=subprocess.PIPE)

    def measure(self):
        before = cpu_seconds(self.tool.pid)
        took = opens(COUNT)["took_ns"] / 1e9
        settle(self.tool.pid)
        return took, cpu_seconds(self.tool.pid) - before

    def end(self):
        self.tool.send_signal(signal.SIGINT)
        self.tool.wait()
        self.tool.stdout.close()
        return json.loads(self.reader.communicate()[0])["lines"]


def run(name, argv, bare):
    traced = Traced(argv)
    rounds = [traced.measure() for _ in range(ROUNDS)]
    memory = memory_of(traced.tool.pid)
    lines = min(traced.end(), COUNT * ROUNDS)
    took, cpu = (sorted(column)[ROUNDS // 2] for column in zip(*rounds))
    result = {
        "events_s": COUNT / took,
        "cpu_ns": cpu / COUNT * 1e9,
        "added_ns": (took - bare) / COUNT * 1e9,
        "lost": COUNT * ROUNDS - lines,
        "first_event": first_event(argv),
        "memory": memory,
    }
    print(f"{name:10} {result['events_s']:12,.0f} events/s   {result['cpu_ns']:8,.0f} ns CPU/event"
          f"   {result['added_ns']:8,.0f} ns added/openat   {result['lost']:,} lost")
    return result


def first_event(argv):
    """Seconds from the start to the first event on stdout: the median of some starts."""
    times = []
    for _ in range(STARTS):
        traced = Traced(argv)
        times.append(traced.first_event)
        traced.end()
    return sorted(times)[STARTS // 2]


def memory_of(pid):
    """RssAnon in KiB, and the size of the mapped BPF maps."""
    with open(f"/proc/{pid}/status", encoding="utf-8") as f:
        anon = int(re.search(r"^RssAnon:\s*(\d+) kB", f.read(), re.M)[1])
    with open(f"/proc/{pid}/maps", encoding="utf-8") as f:
        ring = sum(int(m[2], 16) - int(m[1], 16) for m in
                   re.finditer(r"^(\w+)-(\w+) .*bpf[-_]map", f.read(), re.M))
    return anon, ring // 1024


def main():
    bare = min(opens(COUNT)["took_ns"] for _ in range(ROUNDS)) / 1e9
    print(f"{'untraced':10} {COUNT / bare:12,.0f} events/s")
    theirs = run("bpftrace", ["bpftrace", "-B", "full", "-e", BPFTRACE], bare)
    ours = run("gadgetctl", GADGETCTL, bare)
    print(f"ratios     {ours['events_s'] / theirs['events_s']:.1f}x the events/s, "
          f"1/{theirs['cpu_ns'] / max(ours['cpu_ns'], 1):.0f} of the CPU per event, "
          f"1/{theirs['added_ns'] / max(ours['added_ns'], 1):.0f} of the added latency")
    print(f"start to first event {ours['first_event'] * 1000:.0f} ms "
          f"(bpftrace {theirs['first_event'] * 1000:.0f} ms), "
          f"RssAnon {ours['memory'][0]:,} KiB, mapped rings {ours['memory'][1]:,} KiB")


if __name__ == "__main__":
    if os.geteuid() != 0:
        raise SystemExit("bench_opens: needs root")
    if "--mounted" not in sys.argv:
        mount = ("mount -t tracefs tracefs /sys/kernel/tracing && "
                 "mount -t debugfs debugfs /sys/kernel/debug; exec \"$@\"")
        os.execvp("unshare", ["unshare", "-m", "sh", "-c", mount, "sh", sys.executable,
                              os.path.abspath(__file__), "--mounted"])
    main()
