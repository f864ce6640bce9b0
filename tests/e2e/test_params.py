# SPDX-License-Identifier: Apache-2.0
"""Parameters of gadgets, from the command line and pipeline files to the bytes in the kernel."""

import json
import os
import shutil
import struct

import pytest

from support import BUILD, wait_until

OBJECTS = f"{BUILD}/tests/bpf"


def bits(kind, value):
    """The bytes of a value as the unsigned number of the same size."""
    raw = struct.pack(f"<{kind}", value)
    return int.from_bytes(raw, "little")


def words(data):
    """32 bytes as the four numbers that the test object reports of an address."""
    return dict(zip(("ip_0", "ip_1", "ip_2", "ip_3"), struct.unpack("<4Q", data)))


def first_record(gadgetctl, gadget, *flags, act=lambda: os.getsid(0)):
    """What the first record says after the parameters have been set."""
    with gadgetctl.start("run", gadget, "-o", "json", "--pid", os.getpid(), "--count", 1,
                         *flags) as run:
        wait_until(lambda: act() is None or not run.running, "the end of the run")
        assert run.wait() == 0, run.stderr
        return run.records()[0]


def gadget_with(tmp_path, name, metadata):
    """A folder with the test object and this gadget.yaml."""
    shutil.copy(f"{OBJECTS}/{name}.o", tmp_path / "program.o")
    (tmp_path / "gadget.yaml").write_text(metadata, encoding="utf-8")
    return tmp_path


# ---- values ------------------------------------------------------------------

NONE = words(bytes(32))
FOUR = words(bytes([192, 0, 2, 1]) + bytes(12) + b"\x04" + bytes(15))
SIX = words(bytes.fromhex("20010db8" + "00" * 11 + "01") + b"\x06" + bytes(15))

DEFAULTS = {
    "s8": -8, "s16": -16, "s32": -32, "s64": -64, "u8": 8, "u16": 16, "u32": 32, "u64": 64,
    "boolean": 1, "character": ord("c"), "float_bits": bits("f", 0.5),
    "double_bits": bits("d", 0.1), "color": 2, "small": -3, "wide": 0x123456789abc,
    "text_bits": bits("8s", b"text"), "signal": 0, **NONE,
}

LOWEST = {
    "--p-s8": "-128", "--p-s16": "-32768", "--p-s32": "-2147483648",
    "--p-s64": "-9223372036854775808", "--p-u8": "0", "--p-u16": "0", "--p-u32": "0",
    "--p-u64": "0", "--p-bool": "false", "--p-char": "-128", "--p-float": "-1e-3",
    "--p-double": "-1e-300", "--p-color": "RED", "--p-small": "-128", "--p-wide": "NARROW",
    "--p-text": "", "--p-signal": "SIGHUP", "--p-ip": "192.0.2.1",
}
LOWEST_SEEN = {
    "s8": -2**7, "s16": -2**15, "s32": -2**31, "s64": -2**63, "u8": 0, "u16": 0, "u32": 0,
    "u64": 0, "boolean": 0, "character": -128, "float_bits": bits("f", -1e-3),
    "double_bits": bits("d", -1e-300), "color": 1, "small": -128, "wide": 1, "text_bits": 0, "signal": 1,
    **FOUR,
}
HIGHEST = {
    "--p-s8": "127", "--p-s16": "32767", "--p-s32": "2147483647",
    "--p-s64": "9223372036854775807", "--p-u8": "0xff", "--p-u16": "65535",
    "--p-u32": "4294967295", "--p-u64": "18446744073709551615", "--p-bool": "true",
    "--p-char": "~", "--p-float": "inf", "--p-double": "1.7976931348623157e308",
    "--p-color": "BLUE", "--p-small": "ABOVE", "--p-wide": "18446744073709551615",
    "--p-text": "12345678", "--p-signal": "64", "--p-ip": "2001:db8::1",
}
HIGHEST_SEEN = {
    "s8": 2**7 - 1, "s16": 2**15 - 1, "s32": 2**31 - 1, "s64": 2**63 - 1, "u8": 2**8 - 1,
    "u16": 2**16 - 1, "u32": 2**32 - 1, "u64": 2**64 - 1, "boolean": 1, "character": ord("~"),
    "float_bits": bits("f", float("inf")), "double_bits": bits("d", 1.7976931348623157e308),
    "color": 4000000000, "small": 3, "wide": 2**64 - 1, "text_bits": bits("8s", b"12345678"),
    "signal": 64, **SIX,
}


@pytest.mark.usefixtures("needs_bpf")
@pytest.mark.parametrize("flags, seen", [({}, DEFAULTS), (LOWEST, LOWEST_SEEN),
                                         (HIGHEST, HIGHEST_SEEN)])
def test_the_kernel_has_exactly_the_bytes_that_were_asked_for(gadgetctl, flags, seen):
    # a value that begins with '-' and is no number is joined to its flag
    record = first_record(gadgetctl, f"{OBJECTS}/params.o",
                          *(f"{flag}={value}" for flag, value in flags.items()))
    assert {name: record[name] for name in seen} == seen


@pytest.mark.usefixtures("needs_bpf")
def test_flags_param_and_pipeline_files_are_the_same(gadgetctl, tmp_path):
    by_flags = first_record(gadgetctl, f"{OBJECTS}/params.o", "--p-s8", "-5", "--p-text", "$x y",
                            "-p", "p-color=BLUE", "--param", "p_u8=200", "--p-bool")
    file = tmp_path / "pipeline.yaml"
    file.write_text(json.dumps({
        "sources": {"s": {"type": "gadget", "gadget": f"{OBJECTS}/params.o",
                          "params": {"p-s8": -5, "p-text": "$$x y", "p-color": "BLUE",
                                     "p-u8": 200, "p-bool": True, "pid": os.getpid()}}},
        "stages": {"one": {"type": "limit", "inputs": ["s"], "count": 1}},
        "sinks": {"out": {"type": "stdout", "inputs": ["one"], "codec": "json"}},
    }), encoding="utf-8")
    with gadgetctl.start("run", "-f", file) as run:
        wait_until(lambda: os.getsid(0) is None or not run.running, "the end of the run")
        assert run.wait() == 0, run.stderr
        assert run.records() == [by_flags]
    assert by_flags["s8"] == -5 and by_flags["color"] == 4000000000 and by_flags["u8"] == 200
    assert by_flags["text_bits"] == bits("8s", b"$x y")


@pytest.mark.usefixtures("needs_bpf")
def test_texts_start_as_the_metadata_says_and_numbers_as_the_object_does(gadgetctl, tmp_path):
    gadget = gadget_with(tmp_path, "params", """
params:
  ebpf:
    p_s8: {key: small, defaultValue: 1}
    p_text: {defaultValue: other}
paramDefaults:
  operator.oci.ebpf.p-u8: 77
""")
    record = first_record(gadgetctl, gadget)
    assert record["s8"] == -8 and record["u8"] == 77
    assert record["text_bits"] == bits("8s", b"other")
    record = first_record(gadgetctl, gadget, "--small", "3", "--p-text", "mine", "--p-u8", "1")
    assert record["s8"] == 3 and record["u8"] == 1
    assert record["text_bits"] == bits("8s", b"mine")


@pytest.mark.usefixtures("needs_bpf")
def test_maps_have_as_many_slots_as_their_variables_say(gadgetctl):
    record = first_record(gadgetctl, f"{OBJECTS}/params.o")
    assert (record["chosen_slots"], record["fixed_slots"]) == (3, 5)
    record = first_record(gadgetctl, f"{OBJECTS}/params.o", "--chosen-max-entries", "17")
    assert (record["chosen_slots"], record["fixed_slots"]) == (17, 5)


def ring_sizes(pid):
    """Bytes of the rings a process holds, as the kernel tells."""
    sizes = []
    for fd in os.listdir(f"/proc/{pid}/fdinfo"):
        try:
            with open(f"/proc/{pid}/fdinfo/{fd}", encoding="utf-8") as f:
                info = dict(line.split(":\t", 1) for line in f.read().splitlines() if ":\t" in line)
        except FileNotFoundError:
            continue
        if info.get("map_type") == "27":  # BPF_MAP_TYPE_RINGBUF
            sizes.append(int(info["max_entries"]))
    return sizes


@pytest.mark.usefixtures("needs_bpf")
@pytest.mark.parametrize("params, ring, size", [
    ({}, None, 8192),
    ({"events-max-entries": 50000}, None, 65536),  # the next size a ring can have
    ({"events-max-entries": 50000}, "16KiB", 16384),
])
def test_a_ring_has_the_size_its_variable_says_unless_the_pipeline_does(gadgetctl, tmp_path, params,
                                                                      ring, size):
    source = {"type": "gadget", "gadget": f"{OBJECTS}/hooks.o", "params": params}
    if ring:
        source["ring"] = {"size": ring}
    file = tmp_path / "pipeline.yaml"
    file.write_text(json.dumps({"sources": {"s": source},
                                "sinks": {"out": {"type": "stdout", "inputs": ["s"]}}}),
                    encoding="utf-8")
    with gadgetctl.start("run", "-f", file) as run:
        def look():
            assert run.running, run.stderr
            return set(ring_sizes(run.pid)) == {size}
        wait_until(look, f"a ring of {size} bytes")
        assert run.stop() == 0, run.stderr


# ---- programs -----------------------------------------------------------------

MOVABLE, RAW, OFF, OFF_BTF = 1, 2, 3, 4
NR_GETSID = {"x86_64": 124, "aarch64": 156}.get(os.uname().machine)


def act():
    os.getsid(0)
    os.getpgid(0)


def seen(gadgetctl, gadget, until, *flags):
    """Which programs reported something, from attached until that program did."""
    with gadgetctl.start("run", gadget, "-o", "json", "--pid", os.getpid(), *flags) as run:
        def look():
            act()
            assert run.running, run.stderr
            return any(r["which"] == until for r in run.records())
        wait_until(look, f"a record of program {until} ({run.stderr})")
        assert run.stop() == 0, run.stderr
        return {r["which"] for r in run.records()}


@pytest.mark.usefixtures("needs_bpf")
def test_programs_run_where_their_sections_say(gadgetctl):
    hooks = f"{OBJECTS}/hooks.o"
    assert seen(gadgetctl, hooks, MOVABLE) == {MOVABLE}
    assert seen(gadgetctl, hooks, RAW, "--match", NR_GETSID) == {MOVABLE, RAW}


@pytest.mark.usefixtures("needs_bpf")
def test_attach_to_disables_enables_and_moves(gadgetctl, tmp_path):
    gadget = gadget_with(tmp_path, "hooks", """
programs:
  movable: {attach_to: gadget_program_disabled}
  off: {attach_to: syscalls/sys_enter_getpgid}
  raw: {attach_to: sys_exit}
""")
    # sys_exit: the second argument is the result
    assert seen(gadgetctl, gadget, RAW, "--match", os.getsid(0)) == {RAW, OFF}


CHOICES = """
params:
  custom:
    hook:
      description: What to look at
      defaultValue: sid
      values:
        sid: {patch: {programs: {raw: {attach_to: gadget_program_disabled}}}}
        pgid:
          patch:
            programs:
              movable: {attach_to: gadget_program_disabled}
              off: {attach_to: syscalls/sys_enter_getpgid}
    tracepoint:
      description: Any tracepoint at all
      patch:
        programs:
          movable: {attach_to: '{{getParamValue "custom.tracepoint"}}'}
"""


@pytest.mark.usefixtures("needs_bpf")
def test_parameters_choose_where_programs_run(gadgetctl, tmp_path):
    gadget = gadget_with(tmp_path, "hooks", CHOICES)
    assert seen(gadgetctl, gadget, MOVABLE) == {MOVABLE}
    assert seen(gadgetctl, gadget, OFF, "--hook", "pgid") == {OFF}
    assert seen(gadgetctl, gadget, MOVABLE, "--tracepoint", "syscalls/sys_exit_getpgid") \
        == {MOVABLE}


@pytest.mark.usefixtures("needs_bpf")
def test_a_target_that_the_kernel_lacks_is_named(gadgetctl, tmp_path):
    gadget = gadget_with(tmp_path, "hooks", CHOICES)
    result = gadgetctl.run("run", gadget, "--tracepoint", "syscalls/no_such_call")
    assert result.returncode == 71, result.stderr
    assert "program 'movable' to 'syscalls/no_such_call': not there" in result.stderr


# ---- mistakes, without any rights ------------------------------------------------


def error_of(result, status):
    assert result.returncode == status, result.stderr
    assert result.stderr.count("\n") == 1, result.stderr
    return result.stderr.removeprefix("gadgetctl: error: ").rstrip("\n")


@pytest.mark.parametrize("flags, message", [
    (["--p-s8", "128"], "--p-s8: parameter 'p-s8' of gadget 'params': '128' is not from -128 to "
                        "127"),
    (["--p-u8", "many"], "--p-u8: parameter 'p-u8' of gadget 'params': 'many' is not a whole "
                         "number from 0 to 255"),
    (["--p-color", "GREN"], "--p-color: parameter 'p-color' of gadget 'params': 'GREN' is neither "
                            "a number nor one of RED, GREEN, BLUE (did you mean 'GREEN'?)"),
    (["--p-text", "ninebytes"], "--p-text: parameter 'p-text' of gadget 'params': 'ninebytes' has "
                                "9 bytes, at most 8 fit"),
    (["-p", "p-ip=1.2.3"], "--param: parameter 'p-ip' of gadget 'params': '1.2.3' is neither an "
                           "IPv4 nor an IPv6 address"),
    (["--p-bytes", "x"], "--p-bytes: parameter 'p-bytes' of gadget 'params': a variable of its "
                         "type cannot be set by this version"),
    (["--p-colour", "RED"], "--p-colour: gadget 'params' has no parameter 'p-colour' (did you mean "
                            "'p-color'?)"),
    (["--chosen-max-entries", "0"], "--chosen-max-entries: 'chosen-max-entries' of gadget "
                                    "'params': map 'chosen' cannot have 0 entries (from 1 to "
                                    "67108864)"),
    (["--p-u8"], "--p-u8 needs a value (uint)"),
    (["--p-bool", "yes"], "--p-bool: parameter 'p-bool' of gadget 'params': 'yes' is neither true "
                          "nor false"),
])
def test_a_wrong_value_names_the_flag_and_what_was_expected(gadgetctl, flags, message):
    result = gadgetctl.run("run", f"{OBJECTS}/params.o", *flags)
    assert error_of(result, 2) == message


def test_a_parameter_in_front_of_the_gadget_is_no_flag(gadgetctl):
    result = gadgetctl.run("run", "--p-u8", "1", f"{OBJECTS}/params.o")
    assert error_of(result, 2) == \
        "unknown flag '--p-u8' (a gadget's parameters stand behind its name)"


def test_validate_checks_parameters_with_their_places(gadgetctl, tmp_path):
    gadget = gadget_with(tmp_path, "hooks", CHOICES)
    for params, message in (("{match: -1}", ":1:56: parameter 'match' of gadget "),
                            ("{hook: pgif}", ":1:55: parameter 'hook' has no value 'pgif' (did "
                                             "you mean 'pgid'?)"),
                            ("{hok: sid}", ":1:49: gadget ")):
        file = tmp_path / "pipeline.yaml"
        file.write_text(f"sources: {{s: {{type: gadget, gadget: ., params: {params}}}}}\n"
                        "sinks: {o: {type: stdout, inputs: [s]}}\n", encoding="utf-8")
        message_seen = error_of(gadgetctl.run("validate", file), 78)
        assert message_seen.startswith(f"{file}{message}"), message_seen
    file.write_text(f"sources: {{s: {{type: gadget, gadget: {gadget}, params: {{hook: pgid}}}}}}\n"
                    "sinks: {o: {type: stdout, inputs: [s]}}\n", encoding="utf-8")
    assert gadgetctl.run("validate", file).returncode == 0


@pytest.mark.parametrize("metadata, message", [
    ("params:\n  ebpf:\n    match: {key: match, defaultValue: -1}\n",
     ":3:39: default of parameter 'match': '-1' is not from 0 to 18446744073709551615"),
    ("params:\n  ebpf:\n    match: {key: pid}\n", ":3:18: two parameters have the key 'pid'"),
    ("programs:\n  movabel: {attach_to: a/b}\n",
     ":2:3: there is no program 'movabel' (did you mean 'movable'?)"),
])
def test_wrong_metadata_is_named_with_its_place(gadgetctl, tmp_path, metadata, message):
    gadget = gadget_with(tmp_path, "hooks", metadata)
    result = gadgetctl.run("run", gadget)
    assert error_of(result, 65) == f"{gadget}/gadget.yaml{message}"


# ---- help ---------------------------------------------------------------------------

DESCRIBED = """
name: hooks and more
description: Shows "which program ran\\e[31m"
params:
  ebpf:
    match: {key: count, defaultValue: 7, description: The number that counts}
""" + CHOICES.replace("params:\n", "")


def test_help_of_a_gadget_has_its_parameters_and_fields(gadgetctl, tmp_path):
    gadget = gadget_with(tmp_path, "hooks", DESCRIBED)
    by_run = gadgetctl.run("run", gadget, "--help")
    by_help = gadgetctl.run("help", gadget)
    assert by_run.returncode == 0 and by_help.returncode == 0, by_run.stderr + by_help.stderr
    assert by_run.stdout == by_help.stdout
    text = by_run.stdout
    assert text.startswith("hooks and more\nShows ")
    assert f"Usage: gadgetctl run {gadget} " in text
    # a flag of the command itself has that name
    assert "--param count=uint" in text and "The number that counts" in text
    assert "--hook choice" in text and "What to look at (sid, pgid; default sid)" in text
    assert "Fields of 'hooks':\n  which" in text
    assert "\x1b" not in text


def test_help_of_a_gadget_lists_choices_and_defaults(gadgetctl):
    text = gadgetctl.run("run", f"{OBJECTS}/params.o", "--help").stdout
    assert "(RED, GREEN, BLUE; default GREEN)" in text
    assert '--p-text text' in text and '(default "text")' in text
    assert "--p-bool=false" in text
    assert "p-bytes" not in text  # cannot be set


def test_help_of_what_is_no_gadget(gadgetctl):
    assert error_of(gadgetctl.run("help", "trace_opne"), 2) == \
        "no help for 'trace_opne' (did you mean 'trace_open'?)"
    assert "./nothing.o" in error_of(gadgetctl.run("help", "./nothing.o"), 66)
    assert "nothing" in error_of(gadgetctl.run("run", "nothing", "--help"), 66)


def test_inspect_has_parameters_choices_and_targets(gadgetctl, tmp_path):
    gadget = gadget_with(tmp_path, "hooks", DESCRIBED)
    model = json.loads(gadgetctl.run("inspect", gadget, "-o", "json").stdout)
    params = {p["key"]: p for p in model["params"]}
    assert params["count"] == {"key": "count", "variable": "match", "type": "uint", "bytes": 8,
                               "default": "18446744073709551615",
                               "description": "The number that counts"}
    assert params["hook"] == {"key": "hook", "variable": None, "type": "choice", "default": "sid",
                              "description": "What to look at", "choices": ["sid", "pgid"],
                              "takes_any": False}
    assert params["tracepoint"]["takes_any"] is True
    programs = {p["name"]: p for p in model["programs"]}
    assert programs["raw"]["disabled"] and not programs["movable"]["disabled"]
    assert programs["raw"]["attach_to"] == "gadget_program_disabled"
    text = gadgetctl.run("inspect", gadget).stdout
    assert "raw_tp/sys_enter" in text and ", not attached" in text
