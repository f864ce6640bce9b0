# SPDX-License-Identifier: Apache-2.0
"""gadgetctl init: what it makes builds and runs, from the build tree and from where it is installed."""

import os
import shutil
import subprocess

import pytest

from support import BUILD, Process, clean_env, wait_until

FILES = {"program.bpf.c", "gadget.yaml", "README.md", "Makefile", ".gitignore"}


def make(folder, *args):
    """Build the gadget; the result has returncode, stdout and stderr."""
    return subprocess.run(["make", "-C", folder, *args], env=clean_env(), check=False,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True)


def needs_compiler():
    for tool in ("clang-19", "make"):
        if not shutil.which(tool):
            pytest.skip(f"{tool} is not installed")


def init(program, tmp_path, name, *args):
    return subprocess.run([program, "init", name, *args], cwd=tmp_path, env=clean_env(),
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)


def error_of(result):
    assert result.stdout == "" and result.stderr.count("\n") == 1, result
    return result.stderr.removeprefix("gadgetctl: error: ").rstrip("\n")


def sees_a_deletion(program, folder, tmp_path):
    """Run the gadget there until it has shown that one file was deleted."""
    victim = tmp_path / "victim"

    def shown():
        victim.touch()
        victim.unlink()
        return any(record["path"] == str(victim) for record in run.records())

    with Process([program, "run", folder, "-o", "json", "--pid", str(os.getpid())],
                 env=clean_env()) as run:
        wait_until(shown, "the gadget to show a deletion")
        record = next(r for r in run.records() if r["path"] == str(victim))
    assert record["error_raw"] == 0 and record["proc"]["pid"] == os.getpid()
    assert record["proc"]["creds"] == {"uid": os.getuid(), "gid": os.getgid()}


# ---- what it makes ---------------------------------------------------------


def test_what_it_makes_builds_and_is_a_gadget_without_rights(gadgetctl, tmp_path):
    needs_compiler()
    made = init(gadgetctl.path, tmp_path, "mine")
    assert made.returncode == 0 and made.stderr == ""
    assert "sudo gadgetctl run ./mine\n" in made.stdout
    assert set(os.listdir(tmp_path / "mine")) == FILES
    built = make(tmp_path / "mine")
    assert built.returncode == 0 and built.stderr == "", built
    told = gadgetctl.run("inspect", tmp_path / "mine")
    assert told.returncode == 0 and told.stderr == ""
    for part in ("mine: struct event in ring events", "--failed", "attempts and losses counted"):
        assert part in told.stdout
    assert "cannot run it" not in told.stdout


def test_a_second_make_does_nothing_and_a_change_builds_again(gadgetctl, tmp_path):
    needs_compiler()
    assert init(gadgetctl.path, tmp_path, "mine").returncode == 0
    assert make(tmp_path / "mine").returncode == 0
    assert "clang" not in make(tmp_path / "mine").stdout
    source = tmp_path / "mine" / "program.bpf.c"
    source.write_text(source.read_text().replace("path[256]", "path[128]"))
    os.utime(source, (4e9, 4e9))
    assert "clang" in make(tmp_path / "mine").stdout
    assert make(tmp_path / "mine", "clean").returncode == 0
    assert set(os.listdir(tmp_path / "mine")) == FILES


def test_without_linux_bpf_dev_it_asks_the_running_kernel_for_its_types(gadgetctl, tmp_path):
    needs_compiler()
    path = os.environ["PATH"] + ":/usr/sbin"
    if not shutil.which("bpftool", path=path) or not os.path.exists("/sys/kernel/btf/vmlinux"):
        pytest.skip("no bpftool, or no BTF of this kernel")
    assert init(gadgetctl.path, tmp_path, "mine").returncode == 0
    built = make(tmp_path / "mine", "VMLINUX=vmlinux.h")
    assert built.returncode == 0, built
    assert {"vmlinux.h", "program.o"} <= set(os.listdir(tmp_path / "mine"))


def test_a_source_that_does_not_compile_leaves_no_object(gadgetctl, tmp_path):
    needs_compiler()
    assert init(gadgetctl.path, tmp_path, "mine").returncode == 0
    (tmp_path / "mine" / "program.bpf.c").write_text("no C at all")
    assert make(tmp_path / "mine").returncode != 0
    assert not (tmp_path / "mine" / "program.o").exists()


@pytest.mark.usefixtures("needs_bpf")
def test_what_it_makes_shows_deletions(gadgetctl, tmp_path):
    needs_compiler()
    assert init(gadgetctl.path, tmp_path, "mine").returncode == 0
    assert make(tmp_path / "mine").returncode == 0
    sees_a_deletion(gadgetctl.path, str(tmp_path / "mine"), tmp_path)


def test_installed_it_finds_the_installed_headers(tmp_path):
    needs_compiler()
    root = tmp_path / "root"
    installed = subprocess.run(["make", "-s", f"BUILD={os.environ.get('GADGETCTL_BUILD', 'build')}",
                                "install", f"DESTDIR={root}", "PREFIX=/usr"], check=False,
                               stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert installed.returncode == 0, installed
    program = str(root / "usr/bin/gadgetctl")
    assert init(program, tmp_path, "mine").returncode == 0
    makefile = (tmp_path / "mine" / "Makefile").read_text()
    assert f"GADGET_INCLUDE ?= {root}/usr/include\n" in makefile
    built = make(tmp_path / "mine")
    assert built.returncode == 0, built
    told = subprocess.run([program, "inspect", str(tmp_path / "mine")], env=clean_env(),
                          capture_output=True, text=True, check=False)
    assert told.returncode == 0 and "mine: struct event" in told.stdout


# ---- what it refuses -------------------------------------------------------


def test_a_folder_that_exists_is_left_alone(gadgetctl, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "precious").write_text("as it was")
    result = init(gadgetctl.path, tmp_path, "mine")
    assert result.returncode == 1
    assert error_of(result) == "'mine' exists already (give another name)"
    assert os.listdir(tmp_path / "mine") == ["precious"]


@pytest.mark.parametrize("name", ["Mine", "my-gadget", "1st", "a___b", "_a", "a_", "x" * 41, "é",
                                  "a b", "../..", ""])
def test_names_that_are_none_in_c_are_refused(gadgetctl, tmp_path, name):
    result = init(gadgetctl.path, tmp_path, name)
    assert result.returncode == 2
    error_of(result)
    assert os.listdir(tmp_path) == []


def test_a_path_may_lead_to_the_folder(gadgetctl, tmp_path):
    (tmp_path / "all").mkdir()
    assert init(gadgetctl.path, tmp_path, "all/mine/").returncode == 0
    assert "GADGET_TRACER(mine, " in (tmp_path / "all/mine/program.bpf.c").read_text()
    missing = init(gadgetctl.path, tmp_path, "none/mine")
    assert missing.returncode == 66
    assert error_of(missing) == "making the folder 'none/mine': No such file or directory"


def test_headers_can_be_elsewhere_and_must_be_there(gadgetctl, tmp_path):
    needs_compiler()
    elsewhere = tmp_path / "my $ headers"
    shutil.copytree(f"{BUILD}/include", elsewhere)
    assert init(gadgetctl.path, tmp_path, "mine", "--include", str(elsewhere)).returncode == 0
    built = make(tmp_path / "mine")
    assert built.returncode == 0, built
    shutil.rmtree(elsewhere)
    assert make(tmp_path / "mine", "clean").returncode == 0
    gone = make(tmp_path / "mine")
    assert gone.returncode != 0 and "no gadget/buffer.h in '" in gone.stderr
    result = init(gadgetctl.path, tmp_path, "other", "--include", str(tmp_path))
    assert result.returncode == 66 and not (tmp_path / "other").exists()
    assert error_of(result) == f"no gadget/buffer.h in '{tmp_path}'"
