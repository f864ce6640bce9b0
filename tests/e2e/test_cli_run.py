# SPDX-License-Identifier: Apache-2.0
"""How a run ends, on records that need no privileges: status, output, books."""

import json
import os
import signal
import subprocess

import pytest

import support
from test_cli_usage import generate


@pytest.fixture
def pipeline(tmp_path):
    def write(text):
        path = tmp_path / "pipeline.yaml"
        path.write_text(text, encoding="utf-8")
        return path
    return write


def books(path):
    with open(path, encoding="utf-8") as f:
        return json.load(f)


def accounts(report):
    return {account["id"]: account for account in report["accounts"]}


def test_a_pipeline_that_ends_by_itself(gadgetctl, pipeline):
    result = gadgetctl.run("run", "-f", pipeline(generate(count=1000)))
    assert result.returncode == 0 and result.stderr == ""
    records = [json.loads(line) for line in result.stdout.splitlines()]
    assert len(records) == 1000


def test_a_pipeline_from_standard_input(gadgetctl):
    result = subprocess.run([gadgetctl.path, "run", "-f", "-"], env=gadgetctl.env,
                            input=generate(count=3).encode(), capture_output=True,
                            timeout=support.DEADLINE, check=False)
    assert result.returncode == 0, result.stderr
    assert result.stdout.count(b"\n") == 3
    result = subprocess.run([gadgetctl.path, "run", "-f", "-"], env=gadgetctl.env,
                            input=b"sources: [", capture_output=True, timeout=support.DEADLINE,
                            check=False)
    assert result.returncode == 78 and b"error: stdin:2:1: " in result.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_run_in_order(gadgetctl, pipeline, tmp_path, number):
    report = tmp_path / "books.json"
    with gadgetctl.start("run", "-f", pipeline(generate(rate=1000)), "--report", report) as run:
        run.wait_for(r"^\{.*\}$")
        run.signal(number)
        assert run.wait() == 0, run.stderr
        assert run.stderr == ""
        printed = len(run.records())
        assert run.stdout.endswith("\n"), "a record was torn"
    result = books(report)
    assert result["balanced"] and result["final"] and result["losses"] == 0
    assert accounts(result)["out"]["delivered"] == printed


def test_a_second_signal_ends_it_at_once_and_counts_the_rest(gadgetctl, pipeline, tmp_path):
    report = tmp_path / "books.json"
    reader, writer = os.pipe()
    try:
        # Nobody reads the pipe: it fills, and the sink can never finish by itself.
        with gadgetctl.start("run", "-f", pipeline(generate()), "--report", report,
                             "--shutdown-timeout", "1h", "-v", stdout=writer) as run:
            support.wait_until(lambda: select_full(writer), "a full pipe")
            run.signal(signal.SIGINT)
            run.wait_for("interrupted", "stderr")
            assert run.running
            run.signal(signal.SIGINT)
            assert run.wait() == 0, run.stderr
    finally:
        os.close(reader)
        os.close(writer)
    result = books(report)
    assert result["balanced"]
    assert accounts(result)["out"]["dropped"]["shutdown"] > 0
    assert result["losses"] > 0


def select_full(fd):
    """Would a write to the pipe block?"""
    import select
    return not select.select([], [fd], [], 0)[1]


def test_the_shutdown_deadline_drops_and_counts_what_is_left(gadgetctl, pipeline, tmp_path):
    report = tmp_path / "books.json"
    reader, writer = os.pipe()
    try:
        with gadgetctl.start("run", "-f", pipeline(generate()), "--report", report, "--timeout",
                             "200ms", "--shutdown-timeout", "200ms", "--fail-on-loss",
                             stdout=writer) as run:
            assert run.wait() == 3, run.stderr
            assert "shutdown" in run.stderr
    finally:
        os.close(reader)
        os.close(writer)
    assert accounts(books(report))["out"]["dropped"]["shutdown"] > 0


def test_a_reader_that_goes_away_is_a_good_end(gadgetctl, pipeline, tmp_path):
    report = tmp_path / "books.json"
    reader, writer = os.pipe()
    with gadgetctl.start("run", "-f", pipeline(generate()), "--report", report,
                         stdout=writer) as run:
        os.close(writer)
        assert os.read(reader, 1) == b"{"
        os.close(reader)
        assert run.wait() == 0, run.stderr
        assert run.stderr == ""
    result = books(report)
    assert result["balanced"] and result["losses"] == 0


def test_head_gets_its_lines_and_nobody_complains(gadgetctl, pipeline):
    result = subprocess.run(
        ["bash", "-c", 'set -o pipefail; "$0" run -f "$1" | head -n 3; echo "$?" >&2',
         gadgetctl.path, str(pipeline(generate()))],
        env=gadgetctl.env, capture_output=True, text=True, timeout=support.DEADLINE, check=False)
    assert result.stdout.count("\n") == 3
    assert result.stderr == "0\n"


def test_a_full_disk_is_an_io_error(gadgetctl, pipeline):
    with open("/dev/full", "wb") as full:
        with gadgetctl.start("run", "-f", pipeline(generate()), stdout=full) as run:
            assert run.wait() == 74, run.stderr
            assert run.stderr.startswith("gadgetctl: error: ")
            assert "no space left on device" in run.stderr.splitlines()[0].lower()


def test_a_closed_standard_output_is_an_error_and_becomes_no_other_file(gadgetctl, pipeline,
                                                                       tmp_path):
    report = tmp_path / "books.json"
    result = subprocess.run(
        ["bash", "-c", '"$0" run -f "$1" --report "$2" >&-', gadgetctl.path,
         str(pipeline(generate(count=3))), str(report)],
        env=gadgetctl.env, capture_output=True, text=True, timeout=support.DEADLINE, check=False)
    assert result.returncode == 1
    assert "cannot write standard output: it is closed" in result.stderr
    assert report.read_text() == ""


def test_timeout_ends_the_run(gadgetctl, pipeline):
    result = gadgetctl.run("run", "-f", pipeline(generate(rate=100)), "--timeout", "300ms")
    assert result.returncode == 0 and result.stderr == ""
    assert result.stdout.count("\n") > 0


def test_losses_are_printed_and_can_be_the_status(gadgetctl, pipeline, tmp_path):
    report = tmp_path / "books.json"
    path = pipeline(generate(count=1000, lose=10))
    result = gadgetctl.run("run", "-f", path, "--report", report)
    assert result.returncode == 0
    assert "books: 100 records lost" in result.stderr
    assert "lost 100" in result.stderr
    result = books(report)
    assert result["losses"] == 100
    assert accounts(result)["numbers"]["lost"] == 100
    result = gadgetctl.run("run", "-f", path, "--fail-on-loss")
    assert result.returncode == 3


def test_verbose_prints_the_books_of_a_good_run(gadgetctl, pipeline):
    result = gadgetctl.run("run", "-f", pipeline(generate(count=5)), "-v")
    assert result.returncode == 0
    assert "books: 0 records lost" in result.stderr
    assert "in 5 = delivered 5" in result.stderr


def test_the_report_has_a_node_for_each_of_the_file(gadgetctl, pipeline, tmp_path):
    report = tmp_path / "books.json"
    path = pipeline("""
sources: {s: {type: generate, count: 100}}
stages:
  f: {type: filter, inputs: [s], where: 'event == "generated"'}
  l: {type: limit, inputs: [f], count: 40}
sinks:
  a: {type: 'null', inputs: [l]}
  b: {type: stdout, inputs: [f]}
""")
    result = gadgetctl.run("run", "-f", path, "--report", report)
    assert result.returncode == 0, result.stderr
    by_id = accounts(books(report))
    assert [(a["kind"], a["type"]) for a in by_id.values()] == [
        ("source", "generate"), ("stage", "filter"), ("stage", "limit"), ("sink", "null"),
        ("sink", "stdout")]
    assert by_id["s"]["out"] == by_id["f"]["in"] == by_id["b"]["delivered"] == 100
    assert by_id["a"]["delivered"] == 40
    assert sum(by_id["l"]["counters"].values()) == 60


def test_a_report_to_dash_is_on_stderr(gadgetctl, pipeline):
    result = gadgetctl.run("run", "-f", pipeline(generate(count=2)), "--report", "-")
    assert result.returncode == 0 and json.loads(result.stderr)["balanced"]
    assert result.stdout.count("\n") == 2


def test_a_report_that_cannot_be_made_stops_the_run_before_it_begins(gadgetctl, pipeline):
    result = gadgetctl.run("run", "-f", pipeline(generate(count=2)), "--report", "/nonexistent/b")
    assert result.returncode == 66 and result.stdout == ""
    assert "cannot write the report to '/nonexistent/b'" in result.stderr


def test_a_report_that_finds_no_room_is_an_io_error(gadgetctl, pipeline):
    result = gadgetctl.run("run", "-f", pipeline(generate(count=2)), "--report", "/dev/full")
    assert result.returncode == 74 and "cannot write the report" in result.stderr


def test_a_missing_pipeline_file(gadgetctl):
    result = gadgetctl.run("run", "-f", "/nonexistent/p.yaml")
    assert result.returncode == 66
    assert result.stderr == ("gadgetctl: error: cannot open '/nonexistent/p.yaml': "
                             "No such file or directory\n")
