# SPDX-License-Identifier: Apache-2.0
"""gadgetctl build: from a gadget's source to an image that others can read."""

import hashlib
import json
import os
import re
import shutil
import signal
import stat
import subprocess

import pytest

from support import BUILD, Process, clean_env, wait_until

GADGETS = sorted(name for name in os.listdir("bpf") if os.path.exists(f"bpf/{name}/program.bpf.c"))
REGISTRY = "registry.test/some/gadgets"  # of names without one; nobody asks it for anything

SMALL = """\
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#define GADGET_NO_BUF_RESERVE
#include <gadget/buffer.h>
#include <gadget/macros.h>

struct event {
	gadget_timestamp timestamp_raw;
	gadget_seq seq;
	__u32 number;
};

GADGET_TRACER_MAP(events, 65536);
GADGET_TRACER(small, events, event);

const volatile __u32 least = 0;
GADGET_PARAM(least);

SEC("raw_tracepoint/sys_enter")
int entered(void *ctx)
{
	struct event *event = gadget_reserve_event(&events, struct event);

	if (!event)
		return 0;
	event->number = least;
	gadget_submit_buf(ctx, &events, event, sizeof(*event));
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
"""

SMALL_YAML = """\
name: small one
description: Nothing much
homepageURL: https://example.org/
documentationURL: https://example.org/docs
sourceURL: https://example.org/src
annotations:
  org.opencontainers.image.licenses: GPL-2.0-only
  org.example.Key: "yes"
datasources:
  small:
    fields:
      number:
        annotations:
          description: A number
params:
  ebpf:
    least:
      key: least
      defaultValue: "0"
      description: The number
"""


@pytest.fixture(autouse=True)
def compiler():
    for tool in ("clang-19", "llvm-strip-19"):
        if not shutil.which(tool):
            pytest.skip(f"{tool} is not installed")


class Builder:
    """The program with a store of its own."""

    def __init__(self, gadgetctl, tmp_path):
        self.path, self.cwd, self.store = gadgetctl.path, tmp_path, tmp_path / "store"
        self.env = clean_env(GADGETCTL_STORE=str(self.store), GADGETCTL_REGISTRY=REGISTRY)

    def run(self, *args, env=(), **kwargs):
        return subprocess.run([self.path, *map(str, args)], env={**self.env, **dict(env)}, cwd=self.cwd,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              errors="replace", check=False, timeout=120, **kwargs)

    def digest(self, *args, **kwargs):
        """Build; the digest it prints."""
        done = self.run("build", "-q", *args, **kwargs)
        assert done.returncode == 0 and done.stderr == "", done
        assert done.stdout.startswith("sha256:") and done.stdout.count("\n") == 1, done
        return done.stdout.strip()

    def digest_in_spite_of_warnings(self, *args):
        done = self.run("build", "-q", *args)
        assert done.returncode == 0 and "gadgetctl: warning: " in done.stderr, done
        return done.stdout.strip()

    def blob(self, digest):
        data = (self.store / "blobs" / digest.replace(":", "/")).read_bytes()
        assert "sha256:" + hashlib.sha256(data).hexdigest() == digest
        return data

    def names(self):
        """Reference -> digest, as the store has it."""
        index = json.loads((self.store / "index.json").read_bytes())
        return {m["annotations"]["org.opencontainers.image.ref.name"]: m["digest"]
                for m in index["manifests"]}

    def image(self, digest):
        """The index, and architecture -> manifest."""
        index = json.loads(self.blob(digest))
        return index, {m["platform"]["architecture"]: json.loads(self.blob(m["digest"]))
                       for m in index["manifests"]}

    def fails(self, *args, status, **kwargs):
        """Build in vain: nothing is printed or stored; the lines on stderr."""
        before = self.everything()
        done = self.run("build", *args, **kwargs)
        assert done.returncode == status and done.stdout == "", done
        assert self.everything() == before
        return done.stderr

    def everything(self):
        """What is in the store, and what was left among temporary files."""
        return sorted(str(p) for p in self.store.rglob("*"))


@pytest.fixture
def builder(gadgetctl, tmp_path):
    return Builder(gadgetctl, tmp_path)


@pytest.fixture
def small(tmp_path):
    """A folder with a small gadget."""
    folder = tmp_path / "small"
    folder.mkdir()
    (folder / "program.bpf.c").write_text(SMALL)
    (folder / "gadget.yaml").write_text(SMALL_YAML)
    return folder


# ---- equal sources, equal images -------------------------------------------


@pytest.mark.parametrize("name", GADGETS)
def test_equal_sources_make_equal_images_wherever_and_whenever(builder, tmp_path, name):
    one, two = tmp_path / "a" / name, tmp_path / "another folder, x=y" / name
    for folder, mask in ((one, 0o022), (two, 0o077)):
        shutil.copytree(os.path.abspath(f"bpf/{name}"), folder, copy_function=shutil.copyfile)
        for file in folder.rglob("*"):
            file.chmod(0o755 & ~mask)
    for file in two.rglob("*"):
        os.utime(file, (1e9, 1e9))
    tmp = tmp_path / "tmp"
    tmp.mkdir()
    first = builder.digest(one)
    second = builder.digest(two, "-t", "other/name:v2", umask=0o077,
                            env={"TMPDIR": str(tmp), "LC_ALL": "tr_TR.UTF-8", "TZ": "Asia/Tokyo",
                                 "CPATH": "/nowhere", "USER": "somebody"})
    assert first == second and not os.listdir(tmp)
    assert builder.names() == {f"{REGISTRY}/{name}:latest": first, "registry.test/other/name:v2": first}
    _, manifests = builder.image(first)
    assert set(manifests) == {"amd64", "arm64"}
    for arch, manifest in manifests.items():
        program = tmp_path / arch / "program.o"
        program.parent.mkdir()
        program.write_bytes(builder.blob(manifest["layers"][0]["digest"]))
        shutil.copy(two / "gadget.yaml", program.parent)
        told = builder.run("inspect", program)
        assert told.returncode == 0 and "Metadata that fits nothing" not in told.stdout, told
        assert str(tmp_path).encode() not in program.read_bytes()


def test_the_time_of_an_image_is_the_one_given_and_no_other(builder, small):
    source = small / "program.bpf.c"
    source.write_text(SMALL + 'static const char when[] SEC(".rodata.when") __attribute__((used)) = '
                              '__DATE__ " " __TIME__;\n')
    never, again = builder.digest(small), builder.digest(small)
    assert never == again
    dated = builder.digest(small, env={"SOURCE_DATE_EPOCH": "1700000000"})
    assert builder.image(never)[0]["annotations"]["org.opencontainers.image.created"] \
        == "1970-01-01T00:00:00Z"
    index, manifests = builder.image(dated)
    assert index["annotations"]["org.opencontainers.image.created"] == "2023-11-14T22:13:20Z"
    assert b"Nov 14 2023" in builder.blob(manifests["amd64"]["layers"][0]["digest"])
    for wrong in ("soon", "-1", "253402300800"):
        said = builder.fails(small, status=2, env={"SOURCE_DATE_EPOCH": wrong})
        assert f"SOURCE_DATE_EPOCH must be seconds since 1970, not '{wrong}'" in said


# ---- architectures ---------------------------------------------------------

REGISTERS = """\
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

__u64 seen;

SEC("kprobe/nothing")
int BPF_KPROBE(first, unsigned long arg)
{
	seen = arg;
	return 0;
}

SEC("perf_event")
int sampled(struct bpf_perf_event_data *ctx)
{
	seen = PT_REGS_SP(&ctx->regs);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
"""

# Bytes of the context at which the ABI of each has the first argument and the stack pointer.
PLACES = {"amd64": (14 * 8, 19 * 8), "arm64": (0, 31 * 8)}


def loads_from_context(path):
    """The offsets at which an object's programs read 8 bytes of r1, their context."""
    text = subprocess.run(["llvm-objdump-19", "-d", "--no-show-raw-insn", path], check=True,
                          capture_output=True, text=True).stdout
    found = re.findall(r"\*\(u64 \*\)\(r1 \+ 0x([0-9a-f]+)\)", text)
    return sorted(int(n, 16) for n in found)


def test_programs_find_the_registers_of_their_architecture(builder, tmp_path):
    folder = tmp_path / "registers"
    folder.mkdir()
    (folder / "program.bpf.c").write_text(REGISTERS)
    builder.digest_in_spite_of_warnings(folder, "--output", tmp_path / "out")
    for arch, places in PLACES.items():
        assert loads_from_context(tmp_path / "out" / f"{arch}.bpf.o") == sorted(places)


def test_types_of_each_architecture_are_made_of_the_others(tmp_path):
    """There and back, from whichever this build has."""
    for first, second in (("amd64", "arm64"), ("arm64", "amd64")):
        one, two = tmp_path / f"{first}.h", tmp_path / f"{first}-{second}.h"
        subprocess.run(["tools/gen-vmlinux", first, f"{BUILD}/include/gadget/{first}/vmlinux.h", one],
                       check=True)
        assert one.read_bytes() == open(f"{BUILD}/include/gadget/{first}/vmlinux.h", "rb").read()
        subprocess.run(["tools/gen-vmlinux", second, one, two], check=True)
        folder = tmp_path / f"{first}-{second}"
        folder.mkdir()
        two.rename(folder / "vmlinux.h")
        (folder / "registers.bpf.c").write_text(REGISTERS)
        target = {"amd64": "x86", "arm64": "arm64"}[second]
        subprocess.run(["clang-19", "-target", "bpf", "-mcpu=v3", "-O2", "-g", "-Werror", "-I", folder,
                        f"-D__TARGET_ARCH_{target}", "-c", folder / "registers.bpf.c", "-o",
                        folder / "out.o"], check=True)
        assert loads_from_context(folder / "out.o") == sorted(PLACES[second])


def test_types_that_are_none_are_refused(tmp_path):
    (tmp_path / "empty.h").write_text("\n")
    for args, status in ((("arm64", "empty.h", "out.h"), 65), (("amd64", "no.h", "out.h"), 64), (("mips", "empty.h", "out.h"), 64),
                         (("amd64",), 64)):
        done = subprocess.run([os.path.abspath("tools/gen-vmlinux"), *args], cwd=tmp_path, check=False,
                              capture_output=True, text=True)
        assert done.returncode == status and done.stderr
    assert os.listdir(tmp_path) == ["empty.h"]


# ---- what is in it ---------------------------------------------------------


def test_an_image_has_todays_layout_and_what_the_first_images_had(builder, small):
    digest = builder.digest(small, "--author", "A. Uthor", "--author", "Ö. Ther", "--license", "MIT",
                            "--annotation", "org.example.more=a=b")
    index, manifests = builder.image(digest)
    common = {
        "org.opencontainers.image.title": "small one",
        "org.opencontainers.image.description": "Nothing much",
        "org.opencontainers.image.url": "https://example.org/",
        "org.opencontainers.image.documentation": "https://example.org/docs",
        "org.opencontainers.image.source": "https://example.org/src",
        "org.opencontainers.image.created": "1970-01-01T00:00:00Z",
        "org.opencontainers.image.authors": "A. Uthor, Ö. Ther",
        "org.opencontainers.image.licenses": "MIT",
        "org.example.Key": "yes",
        "org.example.more": "a=b",
        "io.inspektor-gadget.builder.version": index["annotations"]["io.inspektor-gadget.builder.version"],
    }
    assert index["mediaType"] == "application/vnd.oci.image.index.v1+json"
    assert index["schemaVersion"] == 2 and index["annotations"] == common
    assert [m["platform"] for m in index["manifests"]] == [
        {"architecture": "amd64", "os": "linux"}, {"architecture": "arm64", "os": "linux"}]
    assert all(m["annotations"] == common for m in index["manifests"])
    for manifest in manifests.values():
        assert manifest["artifactType"] == "application/vnd.gadget.v1+binary"
        assert manifest["annotations"] == common
        config, (layer,) = manifest["config"], manifest["layers"]
        assert config["mediaType"] == "application/vnd.gadget.config.v1+yaml"
        assert builder.blob(config["digest"]) == SMALL_YAML.encode()
        assert config["annotations"] == {**common, "org.opencontainers.image.title": "config.yaml"}
        assert layer["mediaType"] == "application/vnd.gadget.ebpf.program.v1+binary"
        assert layer["annotations"] == {
            "org.opencontainers.image.title": "program.o",
            "org.opencontainers.image.authors": "A. Uthor, Ö. Ther",
            "org.opencontainers.image.description": "Nothing much"}
        assert builder.blob(layer["digest"])[:4] == b"\x7fELF"


def test_flags_win_over_the_metadata(builder, small):
    digest = builder.digest(small, "--title", "T", "--description", "D", "--url", "U",
                            "--documentation", "M", "--source", "S", "--license", "L",
                            "--annotation", "org.example.Key=other")
    said = builder.image(digest)[0]["annotations"]
    assert {key.rpartition(".")[2]: value for key, value in said.items()} == {
        "title": "T", "description": "D", "url": "U", "documentation": "M", "source": "S",
        "licenses": "L", "Key": "other", "created": "1970-01-01T00:00:00Z",
        "version": said["io.inspektor-gadget.builder.version"]}


def test_without_metadata_the_config_is_the_empty_one(builder, small):
    (small / "gadget.yaml").unlink()
    _, manifests = builder.image(builder.digest(small, "--platform", "linux/arm64"))
    assert list(manifests) == ["arm64"]
    config = manifests["arm64"]["config"]
    assert config["mediaType"] == "application/vnd.oci.empty.v1+json"
    assert builder.blob(config["digest"]) == b"{}"


def test_skopeo_reads_what_is_built(builder, small):
    if not shutil.which("skopeo"):
        pytest.skip("skopeo is not installed")
    digest = builder.digest(small, "-t", "localhost:5000/small:v1")
    for what, name in (("localhost:5000/small:v1", digest),):
        raw = subprocess.run(["skopeo", "inspect", "--raw", f"oci:{builder.store}:{what}"],
                             capture_output=True, check=True).stdout
        assert "sha256:" + hashlib.sha256(raw).hexdigest() == name


def test_a_tag_that_exists_is_moved(builder, small):
    first = builder.digest(small, "-t", "small:v1")
    (small / "gadget.yaml").write_text(SMALL_YAML.replace("much", "more"))
    second = builder.digest(small, "-t", "small:v1", "-t", "small:v2")
    assert first != second
    assert builder.names() == {f"{REGISTRY}/small:v1": second, f"{REGISTRY}/small:v2": second}


def test_objects_are_kept_where_output_says(builder, small, tmp_path):
    out = tmp_path / "out put"
    _, manifests = builder.image(builder.digest(small, "--output", out))
    for arch, manifest in manifests.items():
        assert (out / f"{arch}.bpf.o").read_bytes() == builder.blob(manifest["layers"][0]["digest"])
    assert sorted(os.listdir(out)) == ["amd64.bpf.o", "arm64.bpf.o"]


def test_the_gadgets_of_the_project_are_built_as_images(builder):
    subprocess.run(["make", "-s", f"BUILD={os.environ.get('GADGETCTL_BUILD', 'build')}", "images"],
                   check=True, stdin=subprocess.DEVNULL, capture_output=True, env=clean_env())
    for name in GADGETS:
        digest = open(f"{BUILD}/image/{name}", encoding="ascii").read().strip()
        assert builder.digest(os.path.abspath(f"bpf/{name}")) == digest
        assert os.path.exists(f"{BUILD}/images/blobs/{digest.replace(':', '/')}")


# ---- what it says ----------------------------------------------------------


def test_it_says_which_compiler_and_what_was_built(builder, small):
    done = builder.run("build", small, "-t", "one", "-t", "two:v2")
    assert done.returncode == 0
    digest = builder.names()[f"{REGISTRY}/one:latest"]
    assert done.stdout.splitlines() == [f"Successfully built {REGISTRY}/one:latest@{digest}",
                                        f"Successfully built {REGISTRY}/two:v2@{digest}"]
    assert "clang version" in done.stderr and str(small / "program.bpf.c") in done.stderr


def test_the_first_way_to_build_still_works(builder, tmp_path):
    place = tmp_path / "elsewhere"
    place.mkdir()
    (place / "foo.bpf.c").write_text(SMALL)
    (tmp_path / "foo.yaml").write_text(SMALL_YAML)
    done = builder.run("build", "--prog", "elsewhere/foo.bpf.c", "--definition", "foo.yaml",
                       "mygadgetimage:latest")
    assert done.returncode == 0, done
    digest = builder.names()[f"{REGISTRY}/mygadgetimage:latest"]
    assert builder.blob(builder.image(digest)[1]["arm64"]["config"]["digest"]) == SMALL_YAML.encode()
    assert builder.digest("--prog", "elsewhere/foo.bpf.c", "--definition", "foo.yaml") == digest
    assert builder.names()[f"{REGISTRY}/foo:latest"] == digest


def test_what_init_makes_is_built(builder):
    assert builder.run("init", "mine").returncode == 0
    assert builder.digest("mine", "-t", "mine")
    assert f"{REGISTRY}/mine:latest" in builder.names()


def test_installed_it_builds_the_same(builder, small, tmp_path):
    here = builder.digest(small)
    root = tmp_path / "root"
    subprocess.run(["make", "-s", f"BUILD={os.environ.get('GADGETCTL_BUILD', 'build')}", "install",
                    f"DESTDIR={root}", "PREFIX=/usr"], check=True, stdin=subprocess.DEVNULL,
                   capture_output=True)
    builder.path = str(root / "usr/bin/gadgetctl")
    assert builder.digest(small) == here


# ---- what is wrong ---------------------------------------------------------


def test_metadata_that_fits_nothing_is_an_error_at_its_place(builder, small):
    yaml = SMALL_YAML.replace("      number:", "      numbr:").replace("    least:\n", "    lest:\n")
    (small / "gadget.yaml").write_text(yaml)
    said = builder.fails(small, status=65)
    lines = yaml.splitlines()
    for word, what in (("numbr:", "has no field 'numbr' (did you mean 'number'?)"),
                       ("lest:", "has no parameter 'lest' (did you mean 'least'?)")):
        line = next(i for i, text in enumerate(lines, 1) if text.strip() == word)
        col = lines[line - 1].index(word) + 1
        found = [text for text in said.splitlines() if f"gadget.yaml:{line}:{col}: " in text]
        assert len(found) == 1 and found[0].endswith(what), said
    assert "2 errors" in said
    assert builder.digest(small, "--validate-metadata=false")


def test_what_does_not_compile_is_shown_by_the_compiler(builder, small, tmp_path):
    tmp = tmp_path / "tmp"
    tmp.mkdir()
    (small / "program.bpf.c").write_text(SMALL + "no C at all\n")
    said = builder.fails(small, status=1, env={"TMPDIR": str(tmp)})
    line = SMALL.count("\n") + 1
    assert f"program.bpf.c:{line}:1: error:" in said
    assert f"'{small}/program.bpf.c' does not compile for amd64 (clang says why above)" in said
    assert not os.listdir(tmp) and not builder.store.exists()


def test_without_clang_it_says_what_to_install(builder, small, tmp_path):
    said = builder.fails(small, status=66, env={"PATH": str(tmp_path)})
    assert said == ("gadgetctl: error: no clang in $PATH (install clang-19, or say where it is with "
                    "$CLANG)\n")
    said = builder.fails(small, status=66, env={"CLANG": "/nowhere/clang"})
    assert said == "gadgetctl: error: no program '/nowhere/clang' (it is what $CLANG says)\n"
    said = builder.fails(small, status=65, env={"CLANG": "/bin/true"})
    assert said == "gadgetctl: error: '/bin/true' is no clang\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_the_compiler_and_leaves_nothing(builder, small, tmp_path, number):
    tmp = tmp_path / "tmp"
    tmp.mkdir()
    os.mkfifo(tmp_path / "never")
    wrapper = tmp_path / "clang"
    wrapper.write_text(f'#!/bin/sh\n[ "$1" = --version ] && exec clang-19 "$@"\n'
                       f'echo $$ >"{tmp_path}/pid"\nexec cat "{tmp_path}/never"\n')
    wrapper.chmod(0o755)
    with Process([builder.path, "build", small], env={**builder.env, "CLANG": str(wrapper),
                                                      "TMPDIR": str(tmp)}) as build:
        wait_until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text().strip(),
                   "the compiler to run")
        assert os.listdir(tmp)
        build.signal(number)
        assert build.wait() == -number
    compiler = int((tmp_path / "pid").read_text())
    assert not os.path.exists(f"/proc/{compiler}") and not os.listdir(tmp)
    assert not builder.store.exists()


def test_the_compiler_that_is_named_is_used(builder, small, tmp_path):
    wrapper = tmp_path / "my clang"
    wrapper.write_text(f'#!/bin/sh\necho x >>"{tmp_path}/used"\nexec clang-19 "$@"\n')
    wrapper.chmod(0o755)
    builder.digest(small, env={"CLANG": str(wrapper)})
    assert (tmp_path / "used").read_text() == "x\n" * 3  # its version, and two architectures


def test_an_object_that_is_no_gadget_is_refused(builder, small):
    (small / "program.bpf.c").write_text(SMALL.replace(
        "GADGET_TRACER(small, events, event);",
        "const void *gadget_tracer_small___none___event __attribute__((used));"))
    (small / "gadget.yaml").unlink()
    said = builder.fails(small, status=65)
    assert "the object for amd64" in said


def test_architectures_must_emit_the_same(builder, small):
    source = SMALL.replace("\t__u32 number;\n", "\t__u32 number;\n#ifdef __TARGET_ARCH_arm64\n"
                                                "\t__u64 more;\n#endif\n")
    (small / "program.bpf.c").write_text(source)
    said = builder.fails(small, status=65)
    assert "field 'more' of data source 'small' is there for arm64, but not for amd64" in said
    assert builder.digest(small, "--platform", "arm64")


def test_a_store_that_cannot_be_written_is_one_error(builder, small, tmp_path):
    (tmp_path / "file").write_text("")
    done = builder.run("build", small, env={"GADGETCTL_STORE": str(tmp_path / "file" / "store")})
    assert done.returncode != 0 and done.stdout == ""
    assert str(tmp_path / "file" / "store") in done.stderr.splitlines()[-1]


@pytest.mark.parametrize("args, status, words", [
    ((), 2, "which gadget?"),
    (("nowhere",), 66, "no folder 'nowhere'"),
    (("small", "other"), 2, "'other' is one folder too many"),
    (("small/program.bpf.c",), 1, "is no folder (a single file is built with --prog)"),
    (("small", "--definition", "x.yaml"), 2, "--definition belongs to --prog"),
    (("--prog", "nowhere.bpf.c"), 66, "no program 'nowhere.bpf.c'"),
    (("--prog", "small/program.bpf.c", "a", "b"), 2, "'b' is one name too many"),
    (("--prog", "small/program.bpf.c", "-f", "x"), 2, "--file belongs to a folder"),
    (("--prog", "small/program.bpf.c", "--definition", "no.yaml"), 66, "cannot use 'no.yaml'"),
    (("small", "--platform", "riscv64"), 2, "--platform must be amd64 or arm64"),
    (("small", "--platform", "amd64,"), 2, "--platform must be amd64 or arm64"),
    (("small", "-t", "UPPER"), 2, "UPPER"),
    (("small", "-t", "x@sha256:" + "0" * 64), 2, "has a digest"),
    (("small", "--annotation", "novalue"), 1, "--annotation must be NAME=TEXT, not 'novalue'"),
    (("small", "--annotation", "=x"), 1, "an annotation needs a name"),
    (("small", "--title", "x" * 70000), 1, "longer than 64 KiB"),
    (("small", "--include", "small"), 66, "no gadget/buffer.h"),
    (("small", "-f", "other.yaml"), 66, "other.yaml"),
    (("small", "--validate-metadata=maybe"), 2, "--validate-metadata takes no value"),
])
def test_a_wrong_command_line_is_one_error(builder, small, args, status, words):
    said = builder.fails(*args, status=status)
    assert words in said and said.count("gadgetctl: error:") == 1, said


def test_annotations_must_be_text(builder, small):
    done = subprocess.run([builder.path, "build", str(small), "--title", b"\xff"], env=builder.env,
                          stdin=subprocess.DEVNULL, capture_output=True, check=False)
    assert done.returncode == 1 and b"is not UTF-8" in done.stderr
    (small / "gadget.yaml").write_text(SMALL_YAML.replace('"yes"', "[1, 2]"))
    said = builder.fails(small, status=1)
    assert "gadget.yaml:8:20: annotation 'org.example.Key' must be a text, not a list" in said


# ---- build.yaml ------------------------------------------------------------


def test_a_build_yaml_names_other_files_and_flags(builder, small):
    plain = builder.digest(small)
    (small / "src").mkdir()
    (small / "program.bpf.c").rename(small / "src" / "other.c")
    (small / "gadget.yaml").rename(small / "meta data.yaml")
    (small / "module.wasm").write_bytes(b"\0asm\1\0\0\0")
    (small / "build.yaml").write_text(
        "ebpfsource: src/other.c\nmetadata: meta data.yaml\nwasm: module.wasm\n"
        "cflags: -DMORE -Wno-unused-variable\n")
    source = small / "src" / "other.c"
    source.write_text(source.read_text() + "#ifndef MORE\n#error no flags\n#endif\n")
    digest = builder.digest(small)
    assert digest != plain
    for manifest in builder.image(digest)[1].values():
        program, wasm = manifest["layers"]
        assert program["annotations"]["org.opencontainers.image.title"] == "program.o"
        assert wasm["mediaType"] == "application/vnd.gadget.wasm.program.v1+binary"
        assert wasm["annotations"]["org.opencontainers.image.title"] == "program.wasm"
        assert builder.blob(wasm["digest"]) == b"\0asm\1\0\0\0"
    (small / "build.yaml").rename(small / "recipe")
    assert builder.digest(small, "-f", "recipe") == digest


@pytest.mark.parametrize("text, status, words", [
    ("ebpfsorce: x.c\n", 1, "build.yaml:1:1: unknown key 'ebpfsorce'"),
    ("- x\n", 1, "a build.yaml must be a map, not a list"),
    ("ebpfsource: [a]\n", 1, "build.yaml:1:13: 'ebpfsource' must be the name of a file"),
    ("ebpfsource: none.c\n", 66, "none.c"),
    ("metadata: none.yaml\n", 66, "none.yaml"),
    ("wasm: program.go\n", 1, "'program.go' is no wasm module, and none is made of it"),
    ("wasm: gadget.yaml.wasm\n", 66, "gadget.yaml.wasm"),
    ("wasm: text.wasm\n", 65, "no wasm module"),
    ("cflags: -DX -fplugin=/tmp/x.so\n", 1, "the compiler's flag '-fplugin=/tmp/x.so' cannot be set"),
    ("cflags: ['-Wp,-x']\n", 1, "build.yaml:1:10: the compiler's flag '-Wp,-x'"),
    ("cflags: -ftime-trace=/tmp/x\n", 1, "the compiler's flag '-ftime-trace=/tmp/x'"),
    ("cflags: -o /tmp/x\n", 1, "the compiler's flag '-o'"),
    ("cflags: '@file'\n", 1, "the compiler's flag '@file'"),
    ("cflags: {a: b}\n", 1, "'cflags' must be a text or a list"),
    ("cflags: '" + "-DX " * 40 + "'\n", 1, "more than 32 flags"),
])
def test_a_wrong_build_yaml_is_one_error(builder, small, text, status, words):
    (small / "build.yaml").write_text(text)
    (small / "text.wasm").write_text("this is text")
    said = builder.fails(small, status=status)
    assert words in said and said.count("gadgetctl: error:") == 1, said


# ---- --update-metadata -----------------------------------------------------


def test_metadata_is_made_of_the_program_and_then_fits_it(builder, small):
    (small / "gadget.yaml").unlink()
    first = builder.run("build", small, "--update-metadata")
    assert first.returncode == 0 and f"added 2 to '{small}/gadget.yaml'" in first.stderr, first
    text = (small / "gadget.yaml").read_text()
    for part in ("name: \"small\"\n", "      number:\n", "    least:\n      key: \"least\"\n"):
        assert part in text
    assert text.count("(to be described)") == 3
    digest = builder.digest(small)
    assert builder.names()[f"{REGISTRY}/small:latest"] == digest
    assert builder.blob(builder.image(digest)[1]["amd64"]["config"]["digest"]).decode() == text


def test_metadata_is_added_to_and_nothing_else_changes(builder, small):
    yaml, source = small / "gadget.yaml", small / "program.bpf.c"
    yaml.chmod(0o640)
    assert builder.digest(small, "--update-metadata") and yaml.read_text() == SMALL_YAML
    source.write_text(SMALL.replace("\t__u32 number;\n", "\t__u32 number;\n\t__u32 more;\n"))
    yaml.rename(small / "real.yaml")
    yaml.symlink_to("real.yaml")
    assert builder.digest(small, "--update-metadata")
    text = yaml.read_text()
    added = ("      more:\n        annotations:\n          description: \"(to be described)\"\n")
    assert added in text and text.replace(added, "") == SMALL_YAML
    assert yaml.is_symlink() and stat.S_IMODE((small / "real.yaml").stat().st_mode) == 0o640
    assert sorted(os.listdir(small)) == ["gadget.yaml", "program.bpf.c", "real.yaml"]


@pytest.mark.parametrize("name", GADGETS)
def test_metadata_made_of_a_gadget_builds(builder, tmp_path, name):
    folder = tmp_path / name
    shutil.copytree(os.path.abspath(f"bpf/{name}"), folder)
    assert builder.digest(folder, "--update-metadata") == builder.digest(folder)
    assert (folder / "gadget.yaml").read_bytes() == open(f"bpf/{name}/gadget.yaml", "rb").read()
    (folder / "gadget.yaml").unlink()
    assert builder.digest(folder, "--update-metadata") == builder.digest(folder)


def test_metadata_that_cannot_be_added_to_says_what_to_add(builder, small):
    (small / "gadget.yaml").write_text("{name: x}\n")
    done = builder.run("build", small, "--update-metadata")
    assert done.returncode == 1 and "cannot be added to as it is written" in done.stderr
    assert "datasources:\n  small:\n    fields:\n      number:\n" in done.stdout
    assert (small / "gadget.yaml").read_text() == "{name: x}\n" and not builder.store.exists()


def test_metadata_of_a_single_program_needs_a_name(builder, small):
    said = builder.fails("--prog", small / "program.bpf.c", "--update-metadata", status=1)
    assert "name it with --definition" in said
    assert builder.digest("--prog", small / "program.bpf.c", "--update-metadata", "--definition",
                          "new.yaml")
    assert "name: \"program\"" in (builder.cwd / "new.yaml").read_text()


# ---- running it ------------------------------------------------------------


@pytest.mark.usefixtures("needs_bpf")
def test_what_is_built_runs_by_its_name(builder, small):
    builder.digest(small, "-t", "localhost:5000/mine:v3")
    shutil.rmtree(small)
    done = builder.run("run", "localhost:5000/mine:v3", "-o", "json", "--count", "3", "--least", "7")
    assert done.returncode == 0, done
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert [record["number"] for record in records] == [7, 7, 7]


def test_build_is_also_a_command_of_image(builder, small):
    done = builder.run("image", "build", "-q", small)
    assert done.returncode == 0 and done.stdout.strip() == builder.digest(small)


# ---- what strangers put in a folder ----------------------------------------


def test_a_gadget_yaml_that_is_too_large_is_refused(builder, small):
    with open(small / "gadget.yaml", "wb") as file:
        file.truncate(5 << 30)
    said = builder.fails(small, status=74)
    assert f"cannot use '{small}/gadget.yaml': 5368709120 bytes are too many" in said


def test_a_gadget_yaml_that_is_a_pipe_does_not_hang(builder, small):
    (small / "gadget.yaml").unlink()
    os.mkfifo(small / "gadget.yaml")
    assert "not a regular file" in builder.fails(small, status=1)


def test_a_link_to_a_file_that_is_no_metadata_is_refused(builder, small):
    (small / "gadget.yaml").unlink()
    os.symlink("/etc/passwd", small / "gadget.yaml")
    said = builder.fails(small, status=65)
    assert f"{small}/gadget.yaml:1:1: metadata must be a map" in said


def test_only_the_owner_may_look_into_the_store(builder, small):
    builder.digest(small, umask=0)
    assert stat.S_IMODE(builder.store.stat().st_mode) == 0o700
