# SPDX-License-Identifier: Apache-2.0
"""What programs read from a run, whatever codec it writes."""

import csv
import io
import json

import pytest
import yaml

TWO_KINDS = """
sources:
  a: {{type: generate, count: {count}, event: alpha, rate: 20000}}
  b: {{type: generate, count: {count}, event: beta, rate: 20000}}
stages:
  less: {{type: select, inputs: [b], drop: [comm]}}
sinks:
  out: {{type: stdout, inputs: [a, less], codec: {codec}}}
"""


def run(gadgetctl, tmp_path, codec, count=300):
    """The output as text, line ends and all."""
    path = tmp_path / "pipeline.yaml"
    path.write_text(TWO_KINDS.format(count=count, codec=codec), encoding="utf-8")
    out = tmp_path / f"out.{codec}"
    with open(out, "wb") as file:
        with gadgetctl.start("run", "-f", path, stdout=file) as running:
            assert running.wait() == 0, running.stderr
            assert running.stderr == ""
    with open(out, encoding="utf-8", newline="") as file:
        return file.read()


def events(records):
    """How many of each kind."""
    return {kind: sum(record["event"] == kind for record in records)
            for kind in ("alpha", "beta")}


def tables(text):
    """The tables of a CSV stream: each a header and its rows."""
    found, fresh = [], True
    for row in csv.reader(io.StringIO(text, newline=""), strict=True):
        if not row:
            fresh = True
        elif fresh:
            found.append((row, []))
            fresh = False
        else:
            found[-1][1].append(row)
    return found


def test_csv_begins_a_table_with_its_header_where_the_kind_changes(gadgetctl, tmp_path):
    found = tables(run(gadgetctl, tmp_path, "csv"))
    assert len(found) >= 2
    headers = {}
    records = []
    for header, rows in found:
        kinds = {row[header.index("event")] for row in rows}
        assert len(kinds) == 1, "a table holds one kind"
        assert headers.setdefault(kinds.pop(), header) == header
        assert all(len(row) == len(header) for row in rows)
        records += [dict(zip(header, row)) for row in rows]
    assert events(records) == {"alpha": 300, "beta": 300}
    assert headers["alpha"] != headers["beta"]


def test_csv_keeps_one_table_for_kinds_of_the_same_fields(gadgetctl, tmp_path):
    path = tmp_path / "pipeline.yaml"
    path.write_text(TWO_KINDS.replace("[comm]", "['@source']").format(count=100, codec="csv"),
                    encoding="utf-8")
    result = gadgetctl.run("run", "-f", path)
    assert result.returncode == 0, result.stderr
    (header, rows), = tables(result.stdout)
    assert events([dict(zip(header, row)) for row in rows]) == {"alpha": 100, "beta": 100}


def test_columns_say_of_which_event_each_record_is(gadgetctl, tmp_path):
    lines = run(gadgetctl, tmp_path, "columns").splitlines()
    headers = [line.split() for line in lines if line.startswith("EVENT")]
    assert len(headers) == 2, "one for each kind"
    assert {"COMM" in header for header in headers} == {True, False}
    firsts = [line.split()[0] for line in lines]
    assert {kind: firsts.count(kind) for kind in set(firsts)} == {
        "EVENT": 2, "alpha": 300, "beta": 300}


@pytest.mark.parametrize("codec", ["yaml", "jsonpretty", "json"])
def test_every_record_is_read_back(gadgetctl, tmp_path, codec):
    text = run(gadgetctl, tmp_path, codec, count=100)
    if codec == "yaml":
        records = list(yaml.safe_load_all(text))
    elif codec == "json":
        records = [json.loads(line) for line in text.splitlines()]
    else:
        records, at = [], 0
        while at < len(text):
            record, at = json.JSONDecoder().raw_decode(text, at)
            records.append(record)
            at += len("\n")
    assert events(records) == {"alpha": 100, "beta": 100}


@pytest.mark.parametrize("codec", ["json", "jsonpretty"])
@pytest.mark.parametrize("sink", ["stdout", "file"])
def test_integers_that_a_double_cannot_hold_are_texts_when_asked(gadgetctl, tmp_path, sink, codec):
    """`timestamp_raw` is beyond 2^53, all other numbers of the record are not."""
    printed = {}
    for how in ("number", "string"):
        out = tmp_path / how
        path = tmp_path / "pipeline.json"
        path.write_text(json.dumps({
            "sources": {"made": {"type": "generate", "count": 1}},
            "sinks": {"out": {"type": sink, "inputs": ["made"], "codec": codec, "big_int": how,
                              **({"path": str(out)} if sink == "file" else {})}},
        }), encoding="utf-8")
        result = gadgetctl.run("run", "-f", path)
        assert result.returncode == 0, result.stderr
        printed[how] = json.loads(out.read_text() if sink == "file" else result.stdout)
    number, text = printed["number"]["timestamp_raw"], printed["string"]["timestamp_raw"]
    assert isinstance(number, int) and number > 1 << 53
    assert isinstance(text, str) and int(text) > 1 << 53
    assert [k for k, v in printed["string"].items() if type(v) is not type(printed["number"][k])
            ] == ["timestamp_raw"]
