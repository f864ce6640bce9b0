# SPDX-License-Identifier: Apache-2.0
"""docs/writing-a-gadget.md: the tutorial is done as it is written; the reference has every name."""

import glob
import os
import re
import shutil
import subprocess
import sys

import pytest

from support import BUILD, DEADLINE, Process, clean_env, wait_until

DOC = "docs/writing-a-gadget.md"
HEADERS = "bpf/include/gadget"
ARCHITECTURE = {"aarch64": "arm64"}.get(os.uname().machine, "x86")


def section(title):
    """The text of one section of the document, up to the next of its level."""
    with open(DOC, encoding="utf-8") as f:
        text = f.read()
    return re.split(r"^## ", text.split(f"\n## {title}\n", 1)[1], maxsplit=1, flags=re.M)[0]


# ---- the tutorial ----------------------------------------------------------


class Reader:
    """Somebody who does what the tutorial says, in a folder of theirs, with two terminals."""

    def __init__(self, folder, gadgetctl):
        self.folder = folder
        self.env = clean_env(PATH=f"{os.path.dirname(gadgetctl.path)}:{os.environ['PATH']}")
        self.process = None
        self.output = ""

    def shell(self, text):
        return ["bash", "-euc", re.sub(r"^sudo ", "", text, flags=re.M)]

    def type(self, text):
        """In the first terminal.  What runs a gadget goes on until something happens."""
        if "gadgetctl run" in text:
            self.process = Process(self.shell(text), env=self.env, cwd=self.folder)
            return
        done = subprocess.run(self.shell(text), env=self.env, cwd=self.folder, check=False,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True)
        assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
        self.output = done.stdout

    def type_elsewhere(self, text):
        """In the other terminal, again and again: nobody knows when the gadget is attached."""
        def is_over():
            done = subprocess.run(self.shell(text), env=self.env, cwd=self.folder, check=False,
                                  stdin=subprocess.DEVNULL, capture_output=True, text=True)
            assert done.returncode == 0, f"{text}\n{done.stderr}"
            return not self.process.running

        with self.process as process:
            wait_until(is_over, f"the end of {process.argv[-1]}", 2 * DEADLINE)
            assert process.wait() == 0, process.stderr
            # What make printed is not what the gadget did.
            self.output = "".join(f"{line}\n" for line in process.stdout.splitlines()
                                  if line.startswith("{"))
        self.process = None

    def patch(self, text):
        done = subprocess.run(["patch", "-p0"], input=text, cwd=self.folder, check=False,
                              capture_output=True, text=True)
        assert done.returncode == 0, f"{text}\n{done.stdout}{done.stderr}"

    def see(self, text):
        """Which of two records comes first depends on when the gadget was attached."""
        assert sorted(self.output.splitlines()) == sorted(text.splitlines())


@pytest.mark.usefixtures("needs_bpf")
def test_the_tutorial_does_what_it_says(gadgetctl, tmp_path):
    for tool in ("clang-19", "make", "patch"):
        if not shutil.which(tool):
            pytest.skip(f"{tool} is not installed")
    reader = Reader(tmp_path, gadgetctl)
    done = []
    for info, text in re.findall(r"^```(.*?)\n(.*?)^```$", section("In fifteen minutes"), re.M | re.S):
        print(f"--- {info}\n{text}", file=sys.stderr)
        kind, _, name = info.partition(" ")
        assert reader.process is None or info == "sh other-terminal", "nobody makes it end"
        if info == "sh other-terminal":
            reader.type_elsewhere(text)
        elif kind == "sh":
            reader.type(text)
        elif kind == "diff":
            reader.patch(text)
        elif kind == "yaml" and name:
            (tmp_path / name).write_text(text)
        else:
            assert kind == "text", f"what is '{info}'?"
            reader.see(text)
        done.append(kind)
    assert reader.process is None
    assert done.count("diff") >= 3 and done.count("text") >= 4 and "yaml" in done


# ---- the reference ---------------------------------------------------------


def preprocessed(*lines):
    """The headers with their macros expanded, only what comes from themselves."""
    vmlinux = glob.glob("/usr/include/*-linux-gnu/linux/bpf") + [f"{BUILD}/bpf"]
    source = "\n".join(lines) + "\n"
    done = subprocess.run(
        ["clang-19", "-target", "bpf", "-E", "-O2", f"-D__TARGET_ARCH_{ARCHITECTURE}",
         "-isystem", vmlinux[0], "-idirafter", f"/usr/include/{os.uname().machine}-linux-gnu",
         f"-I{os.path.dirname(HEADERS)}", "-x", "c", "-"],
        input=source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    own, text = False, []
    for line in done.stdout.splitlines():
        if mark := re.match(r'# \d+ "(.*?)"', line):
            own = "/gadget/" in mark[1]
        elif own and not line.startswith("#"):
            text.append(line)
    return "\n".join(text)


def declared_names():
    """Every name the headers declare for others to use."""
    headers = sorted(os.listdir(HEADERS))
    names = set()
    for header in headers:
        with open(f"{HEADERS}/{header}", encoding="utf-8") as f:
            text = f.read()
        guard = re.search(r"^#ifndef (\w+)\n#define \1\n", text, re.M)
        assert guard and guard[1] == f"GADGET_{re.sub(r'[^A-Z0-9]', '_', header.upper())}", header
        names |= set(re.findall(r"^# *define (\w+)", text, re.M)) - {guard[1]}
    everything = [f"#include <gadget/{header}>" for header in headers
                  if header != "filter_socket.h"]  # the others include it when it is time
    for kind, base in (("TRACING", ["#include <vmlinux.h>"]),
                       ("NETWORKING", ["#include <linux/bpf.h>"])):
        use = [line for line in everything if kind == "TRACING" or
               re.search(r"sockets|/filter\.h|packet", line)]
        code = preprocessed(*base, f"#define GADGET_TYPE_{kind}", "#define GPU_BRIDGE_WANT_ALL",
                            *use)
        code = re.sub(r"\s+", " ", re.sub(r"__attribute__\(\(.*?\)\)\)?", " ", code))
        names |= set(re.findall(r"typedef [\w ]+ (\w+);", code))
        names |= {f"{kind} {name}" for kind, name in re.findall(r"\b(struct|union) (\w+) \{", code)}
        names |= set(re.findall(r"\bstatic [^;{}()=]*?(\w+)\([^;{}]*\) \{", code))
        names |= set(re.findall(r"\bstruct \{[^{}]*\} (\w+) *;", code))
        names |= set(re.findall(r"\bconst volatile \w+ (\w+)", code))
        names |= set(re.findall(r"static void \(\*const (\w+)\)", code))
    return {name for name in names if "___" not in name and not re.match(r"(\w+ )?__", name)}


def documented_names():
    """The names in the first column of the tables."""
    names = set()
    for row in re.findall(r"^\| (`.*?) \|", section("The headers"), re.M):
        for name in re.findall(r"`([^`]+)`", row):
            names.add(re.match(r"((struct|union) )?\w+", name)[0])
    return names


# Asked for by #ifdef: nothing declares them.
ASKED_FOR = {"GADGET_NO_BUF_RESERVE", "GADGET_TYPE_NETWORKING", "GADGET_TYPE_TRACING",
             "GPU_BRIDGE_WANT_ALL"}


def test_the_reference_has_every_name_of_the_headers_and_no_other():
    if not shutil.which("clang-19"):
        pytest.skip("clang-19 is not installed")
    declared, documented = declared_names(), documented_names()
    assert len(declared) > 150
    assert declared - documented == set(), "not documented"
    assert documented - declared - ASKED_FOR == set(), "in no header"
