# SPDX-License-Identifier: Apache-2.0
"""The command line: what it explains, what it refuses, and with which exit status."""

import os
import re
import shlex
import subprocess

import pytest

import support

GENERATE = """
sources:
  numbers: {{type: generate, count: {count}, rate: {rate}, lose: {lose}}}
sinks:
  out: {{type: stdout, inputs: [numbers], codec: json, buffer: {{when_full: block}}}}
"""


def generate(count=0, rate=0, lose=0):
    """A pipeline file that needs no privileges."""
    return GENERATE.format(count=count, rate=rate, lose=lose)


def error_of(result):
    """The one line on stderr, without its 'gadgetctl: error: '."""
    lines = result.stderr.splitlines()
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("gadgetctl: error: "), result.stderr
    assert result.stdout == ""
    return lines[0].removeprefix("gadgetctl: error: ")


# ---- help ------------------------------------------------------------------


def test_help_lists_every_command_and_each_explains_itself(gadgetctl):
    overview = gadgetctl.run("help")
    assert overview.returncode == 0 and overview.stderr == ""
    assert gadgetctl.run("--help").stdout == overview.stdout
    commands = re.findall(r"^  ([a-z]+)  ", overview.stdout, re.M)
    assert {"run", "validate", "help", "version"} <= set(commands)
    for command in commands:
        explained = gadgetctl.run("help", command)
        assert explained.returncode == 0 and f"Usage: gadgetctl {command}" in explained.stdout
        by_flag = gadgetctl.run(command, "--help").stdout
        assert by_flag and explained.stdout.startswith(by_flag)
        assert gadgetctl.run(command, "-h").stdout == by_flag


def test_help_explains_every_component(gadgetctl):
    listing = gadgetctl.run("help", "components").stdout
    names = re.findall(r"^  ([a-z0-9_]+)  ", listing, re.M)
    assert {"gadget", "generate", "filter", "select", "limit", "stdout"} <= set(names)
    for name in names:
        explained = gadgetctl.run("help", name)
        assert explained.returncode == 0
        # a command of the same name comes first
        assert re.search(rf"^{name} \(", explained.stdout, re.M), explained.stdout


def topics(gadgetctl):
    """Everything that help explains, but the gadgets."""
    yield from re.findall(r"^  ([a-z]+)  ", gadgetctl.run("help").stdout, re.M)
    yield from re.findall(r"^  ([a-z0-9_]+)  ", gadgetctl.run("help", "components").stdout, re.M)
    yield from ["components", "exit-codes"]


def test_help_fits_the_width_of_a_terminal(gadgetctl):
    texts = {topic: gadgetctl.run("help", topic).stdout
             for topic in [*topics(gadgetctl), "trace_open", "trace_mount", "trace_signal"]}
    texts[""] = gadgetctl.run("help").stdout
    long = [(topic, line) for topic, text in texts.items() for line in text.splitlines()
            if len(line) > 80 and not line.startswith("    ")]  # examples are as they are
    assert long == []


def test_examples_of_runs_in_help_and_readme_are_valid(gadgetctl, tmp_path):
    """Their filters and fields fit the gadgets they name."""
    with open("README.md", encoding="utf-8") as file:
        text = file.read() + "".join(gadgetctl.run("help", topic).stdout
                                     for topic in ("run", "record"))
    lines = re.findall(r"^ +(?:sudo )?gadgetctl (run [^-\n#|][^\n#|]*)", text, re.M)
    assert len(lines) >= 6
    for line in lines:
        config = gadgetctl.run(*shlex.split(line), "--print-config")
        assert config.returncode == 0, (line, config.stderr)
        path = tmp_path / "printed.yaml"
        path.write_text(config.stdout)
        result = gadgetctl.run("validate", path)
        assert result.returncode == 0, (line, result.stderr)


def test_help_of_a_word_that_is_a_command_and_a_component_explains_both(gadgetctl):
    text = gadgetctl.run("help", "replay").stdout
    assert 0 < text.find("Usage: gadgetctl replay") < text.find("\n\nreplay (")


def test_help_suggests_the_topic_that_was_meant(gadgetctl):
    result = gadgetctl.run("help", "fitler")
    assert result.returncode == 2
    assert error_of(result) == "no help for 'fitler' (did you mean 'filter'?)"


def test_exit_codes_in_docs_are_those_of_help(gadgetctl):
    listed = re.findall(r"^ +(\d+)  ", gadgetctl.run("help", "exit-codes").stdout, re.M)
    with open("docs/cli.md", encoding="utf-8") as f:
        documented = re.findall(r"^\| (\d+) \|", f.read(), re.M)
    assert listed == documented and "78" in listed


def test_version(gadgetctl):
    result = gadgetctl.run("version")
    assert re.fullmatch(r"gadgetctl \d+\.\d+\.\d+\n", result.stdout)
    assert gadgetctl.run("--version").stdout == result.stdout


# ---- mistakes --------------------------------------------------------------


@pytest.mark.parametrize("args, message", [
    (["rum"], "unknown command 'rum' (did you mean 'run'?)"),
    (["--bogus"], "unknown flag '--bogus'"),
    (["--log-level", "x", "version"],
     "--log-level must be error, warn, info or debug, not 'x'"),
    (["run"], "what to run? (give a gadget, or a pipeline file with -f)"),
    (["run", ""], "the gadget's name is empty (see 'gadgetctl help run')"),
    (["run", "--outptu", "json"], "unknown flag '--outptu' (did you mean '--output'?)"),
    (["run", "a", "b"], "one gadget at a time, not also 'b' (use a pipeline file with -f for "
                        "several)"),
    (["run", "a", "-f", "b"], "give a gadget or -f FILE, not both ('a')"),
    (["run", "-f", "b", "-o", "json"], "--output cannot be used with -f (the file says it)"),
    (["run", "-f", "b", "-F", "a"], "--filter cannot be used with -f (the file says it)"),
    (["run", "a", "-n", "0"], "--count must be a whole number from 1 on, not '0' (see "
                              "'gadgetctl help run')"),
    (["run", "a", "-t", "soon"], "--timeout must be a duration such as '5s' or '200ms', not "
                                 "'soon' (see 'gadgetctl help run')"),
    (["run", "a", "-p", "x"], "--param must be KEY=VALUE, not 'x' (see 'gadgetctl help run')"),
    (["run", "a", "--x", "1", "-p", "x=2"], "parameter 'x' is given twice (see 'gadgetctl help "
                                            "run')"),
    (["validate"], "which file? (give at least one)"),
])
def test_a_wrong_command_line_is_one_clear_line_and_status_2(gadgetctl, args, message):
    result = gadgetctl.run(*args)
    assert result.returncode == 2
    assert error_of(result) == message


def test_no_command_prints_the_overview_on_stderr(gadgetctl):
    result = gadgetctl.run()
    assert result.returncode == 2 and result.stdout == ""
    assert "Usage: gadgetctl" in result.stderr


@pytest.mark.parametrize("args, message", [
    (["-F", "rett < 0"], "--filter:1:1: filter 'filter': no record that arrives here has a "
                        "field 'rett' (did you mean 'ret'?)"),
    (["-F", "ret < 0 && fnme == 'x'"], "--filter:1:12: filter 'filter': no record that "),
    (["-F", "ret <"], "--filter:1:"),
    (["-F", "fname < 3"], "--filter:1:"),
    (["--fields", "fname, rett"], "--fields:1:8: select 'select': no record that "),
    (["-o", "xml"], "--output: option 'codec' of stdout 'stdout' must be one of json, columns, "),
    (["--pidd", "1"], "--pidd: gadget 'trace_open' has no parameter 'pidd' (did you mean 'pid'?)"),
    (["--fitler", "1"], "--fitler: gadget 'trace_open' has no parameter 'fitler' (did you mean "
                        "'failed'?) (or is it the flag '--filter'?)"),
    (["--pid", "x"], "--pid: parameter 'pid' of gadget 'trace_open': "),
    (["-F", "a\xff"], "--filter: "),
])
def test_mistakes_in_flags_name_the_flag_and_not_a_file(gadgetctl, args, message):
    args = [os.fsencode(a.encode("latin-1")) if "\xff" in a else a for a in args]
    result = subprocess.run([gadgetctl.path, "run", "trace_open", *args], env=gadgetctl.env,
                            capture_output=True, timeout=support.DEADLINE, check=False)
    lines = result.stderr.decode(errors="replace").splitlines()
    assert result.returncode == 2, lines
    assert len(lines) == 1 and lines[0].startswith(f"gadgetctl: error: {message}"), lines
    assert result.stdout == b""


def test_no_such_gadget(gadgetctl):
    for name in ("trace_opne", "./nothing.bpf.o"):
        result = gadgetctl.run("run", name)
        assert result.returncode == 66, result.stderr
        assert name in error_of(result)


def test_a_broken_gadget_object(gadgetctl, tmp_path):
    broken = tmp_path / "broken.bpf.o"
    broken.write_bytes(b"\x7fELF" + b"\x02" * 200)
    result = gadgetctl.run("run", broken)
    assert result.returncode == 65, result.stderr
    assert "broken.bpf.o" in error_of(result)


# ---- validate ----------------------------------------------------------------


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("text, message", [
    ("sources: [", ":2:1: "),
    ("a: 1\na: 2\n", ":2:1: key 'a' is already there in line 1"),
    ("sorces: {}\n", ":1:1: unknown section 'sorces' (did you mean 'sources'?)"),
    ("sources: {s: {type: genrate}}\nsinks: {o: {type: null, inputs: [s]}}\n",
     ":1:21: unknown source type 'genrate' (did you mean 'generate'?)"),
    ("sources: {s: {type: generate, cuont: 1}}\nsinks: {o: {type: 'null', inputs: [s]}}\n",
     ":1:31: unknown option 'cuont' of generate 's' (did you mean 'count'?)"),
    ("sources: {s: {type: generate}}\n"
     "stages: {f: {type: filter, inputs: [s], where: 'nosuch == 1'}}\n"
     "sinks: {o: {type: 'null', inputs: [f]}}\n",
     ":2:49: filter 'f': no record that arrives here has a field 'nosuch'"),
    ("sources: {s: {type: generate}}\nsinks: {o: {type: 'null', inputs: [x]}}\n",
     ":2:36: unknown input 'x' of sink 'o'"),
])
def test_validate_names_the_place_of_a_mistake(gadgetctl, tmp_path, text, message):
    path = write(tmp_path / "bad.yaml", text)
    result = gadgetctl.run("validate", path)
    assert result.returncode == 78
    assert error_of(result).startswith(f"{path}{message}"), result.stderr
    assert gadgetctl.run("run", "-f", path).returncode == 78


def test_validate_says_ok_or_nothing(gadgetctl, tmp_path):
    path = write(tmp_path / "good.yaml", generate())
    result = gadgetctl.run("validate", path)
    assert (result.returncode, result.stdout, result.stderr) == (0, f"{path}: ok\n", "")
    result = gadgetctl.run("validate", "--quiet", path)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_validate_looks_at_every_file_and_keeps_the_first_status(gadgetctl, tmp_path):
    good = write(tmp_path / "good.yaml", generate())
    bad = write(tmp_path / "bad.yaml", "sources: 1\n")
    result = gadgetctl.run("validate", tmp_path / "none.yaml", good, bad)
    assert result.returncode == 66
    assert f"{good}: ok" in result.stdout
    assert len(result.stderr.splitlines()) == 2


def test_validate_shows_what_flows_where(gadgetctl, tmp_path):
    path = write(tmp_path / "fan.yaml", """
sources:
  one: {type: generate, event: first}
  two: {type: generate, event: second}
stages:
  only: {type: filter, inputs: [one, two], where: event == "first"}
sinks:
  out: {type: 'null', inputs: [only]}
""")
    flow = gadgetctl.run("validate", "-v", path).stdout
    stage, sink = flow.split("stage only")[1].split("sink out")
    assert "first" in stage and "second" in stage
    assert "first" in sink and "second" not in sink, "a folded filter lets the other kind through"
    fields = gadgetctl.run("validate", "-vv", path).stdout
    assert len(fields.splitlines()) > len(flow.splitlines())


def test_validate_lists_the_fields_that_a_kind_of_record_lacks(gadgetctl, tmp_path):
    path = write(tmp_path / "fan.yaml", """
sources:
  execs: {type: gadget, gadget: trace_exec}
  opens: {type: gadget, gadget: trace_open}
stages:
  some: {type: filter, inputs: [execs, opens], where: event == "exec" || fname == "x"}
sinks:
  out: {type: 'null', inputs: [some]}
""")
    flow = gadgetctl.run("validate", "-v", path)
    assert flow.returncode == 0, flow.stderr
    stage = flow.stdout.split("stage some")[1].split("sink out")[0]
    exec_part, open_part = stage.split("in   open")
    assert "in   exec" in exec_part and "has no fname" in exec_part
    assert "has no" not in open_part


def test_validate_needs_no_privileges_and_no_kernel(gadgetctl):
    if os.getuid() != 0:
        pytest.skip("only root can become nobody")
    result = gadgetctl.run("validate", "pipelines/opens-json.yaml", user=65534, group=65534)
    assert result.returncode == 0, result.stderr


def test_the_pipelines_of_the_project_are_valid(gadgetctl):
    files = sorted(f"pipelines/{name}" for name in os.listdir("pipelines"))
    assert len(files) >= 3
    result = gadgetctl.run("validate", *files)
    assert result.returncode == 0, result.stderr


def test_variables_come_from_the_environment(gadgetctl, tmp_path):
    path = write(tmp_path / "vars.yaml", """
sources: {s: {type: generate, count: "${TEST_COUNT}"}}
sinks: {o: {type: stdout, inputs: [s], codec: "${TEST_CODEC:-json}"}}
""")
    result = gadgetctl.run("run", "-f", path)
    assert result.returncode == 78 and "'TEST_COUNT' is not set" in error_of(result)
    env = dict(gadgetctl.env, TEST_COUNT="3")
    result = subprocess.run([gadgetctl.path, "run", "-f", path], env=env, capture_output=True,
                            timeout=support.DEADLINE, check=False)
    assert result.returncode == 0 and result.stdout.count(b"\n") == 3
