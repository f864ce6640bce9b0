# SPDX-License-Identifier: Apache-2.0
"""record and replay: the same bytes as the live run, anywhere, after any death of the recorder."""

import contextlib
import datetime
import json
import os
import shutil
import subprocess
import tempfile

import pytest

import recordings
from pipelines import Books, Pipeline
from support import BUILD, DEADLINE, SCALE, Process, clean_env, wait_until, workload

BLOCK = {"when_full": "block"}


def both(gadgetctl, folder, sources, **recording):
    """Into JSON lines and a recording at once."""
    return Pipeline(gadgetctl, folder, sources=sources, sinks={
        "lines": {"type": "file", "path": str(folder / "live.json"), "inputs": ["*.*"],
                  "buffer": BLOCK},
        "recording": {"type": "recording", "path": str(folder / "live.gadgetrec"), "mode": "0644",
                      "inputs": ["*.*"], "buffer": BLOCK, **recording}})


GENERATED = {
    "one": {"type": "generate", "count": 30000 * SCALE, "lose": 700},
    "two": {"type": "generate", "count": 2000, "event": "other", "seed": 9, "lose": 3},
    "three": {"type": "generate", "count": 10, "seed": 10},
}


@contextlib.contextmanager
def open_folder():
    """A folder that everybody may look into."""
    folder = tempfile.mkdtemp(dir="/var/tmp")
    os.chmod(folder, 0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def replay_as_nobody(gadgetctl, recording):
    """What `replay -o json` prints to a user without any privilege."""
    if os.getuid() != 0:
        pytest.skip("becoming another user needs root")
    with open_folder() as folder:
        shutil.copy(gadgetctl.path, folder)
        shutil.copy(recording, folder)
        argv = [f"{folder}/gadgetctl", "replay", f"{folder}/{os.path.basename(recording)}", "-o",
                "json"]
        return subprocess.run(argv, env=gadgetctl.env, user="nobody", group="nogroup",
                              extra_groups=[], capture_output=True, timeout=DEADLINE, check=True,
                              cwd="/").stdout


def same(gadgetctl, recording, live):
    """The replay's output is the live run's, to the byte."""
    result = subprocess.run([gadgetctl.path, "replay", recording, "-o", "json"],
                            env=gadgetctl.env, capture_output=True, timeout=DEADLINE, check=True)
    with open(live, "rb") as lines:
        assert result.stdout == lines.read()
    return result


# ---- the same again ---------------------------------------------------------


def test_replay_prints_what_the_live_run_printed(gadgetctl, tmp_path):
    both(gadgetctl, tmp_path, GENERATED).run()
    result = same(gadgetctl, tmp_path / "live.gadgetrec", tmp_path / "live.json")
    assert result.stderr == b""
    assert b"_loss" in result.stdout


@pytest.mark.usefixtures("needs_bpf")
def test_a_gadget_replays_without_privileges(gadgetctl, tmp_path):
    path = tmp_path / "no-such-file"
    pipeline = both(gadgetctl, tmp_path, {
        "opens": {"type": "gadget", "gadget": "trace_open", "ring": {"size": "64KiB"}},
        "execs": {"type": "gadget", "gadget": "trace_exec"}})

    def seen():
        subprocess.run([workload("opens"), path, "20000", "2"], stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, check=True)
        lines = tmp_path / "live.json"
        return lines.exists() and str(path).encode() in lines.read_bytes()

    with pipeline.start() as process:
        wait_until(lambda: seen() or not process.running, "the gadgets to be attached")
        process.stop()
        pipeline.finish(process)
    live = (tmp_path / "live.json").read_bytes()
    assert b'"exec"' in live or b"opens" in live
    assert replay_as_nobody(gadgetctl, tmp_path / "live.gadgetrec") == live


def test_hidden_fields_are_those_of_then(gadgetctl, tmp_path):
    """Identity, host, gadget and source are the recording's, not the replay's."""
    fields = ["number", "@id", "@time", "@host", "@gadget", "@source", "event"]
    sources = {"mine": {"type": "generate", "count": 1000}}
    Pipeline(gadgetctl, tmp_path, sources=sources,
             stages={"all": {"type": "select", "inputs": ["mine"], "fields": fields}},
             sinks={"lines": {"type": "file", "path": str(tmp_path / "live.json"),
                              "inputs": ["all"], "buffer": BLOCK},
                    "recording": {"type": "recording", "path": str(tmp_path / "live.gadgetrec"),
                                  "inputs": ["mine"], "buffer": BLOCK}}).run()
    result = gadgetctl.run("replay", tmp_path / "live.gadgetrec", "-o", "json", "--fields",
                           ",".join(fields))
    assert result.stdout == (tmp_path / "live.json").read_text(encoding="utf-8")
    assert '"@source":"mine"' in result.stdout and '"@gadget":"generate"' in result.stdout


def test_a_replay_can_be_recorded_and_is_still_the_same(gadgetctl, tmp_path):
    both(gadgetctl, tmp_path, GENERATED).run()
    again = tmp_path / "again.gadgetrec"
    Pipeline(gadgetctl, tmp_path,
             sources={"r": {"type": "replay", "path": str(tmp_path / "live.gadgetrec")}},
             sinks={"s": {"type": "recording", "path": str(again), "inputs": ["r.*"],
                          "buffer": BLOCK, "level": 0}}).run()
    same(gadgetctl, again, tmp_path / "live.json")


def test_count_filter_and_fields_work_on_a_replay(gadgetctl, tmp_path):
    both(gadgetctl, tmp_path, GENERATED).run()
    result = gadgetctl.run("replay", tmp_path / "live.gadgetrec", "-o", "json", "-F",
                           "event == 'other' && number > 100", "--fields", "number", "-n", "3")
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [r["number"] for r in lines if "number" in r] == [101, 103, 104]
    assert result.returncode == 0


def test_the_ports_of_a_replay_are_the_kinds_of_records(gadgetctl, tmp_path):
    both(gadgetctl, tmp_path, GENERATED).run()

    def validate(port):
        pipeline = Pipeline(gadgetctl, tmp_path, sources={
            "r": {"type": "replay", "path": str(tmp_path / "live.gadgetrec")}},
            sinks={"s": {"type": "null", "inputs": [f"r.{port}"]}})
        return gadgetctl.run("validate", "-v", pipeline.path)

    for port in ("generated", "other", "three-generated", "*"):
        assert validate(port).returncode == 0, port
    wrong = validate("othre")
    assert wrong.returncode == 78
    assert "'r' has no output 'othre' (did you mean 'other'?)" in wrong.stderr


def test_a_slow_reader_gets_every_record_of_a_replay(gadgetctl, tmp_path):
    both(gadgetctl, tmp_path, {"one": {"type": "generate", "count": 300000}}).run()
    with gadgetctl.start("replay", tmp_path / "live.gadgetrec", "-o", "json", "-v",
                         stdout=subprocess.PIPE) as process:
        assert process.wait() == 0
        assert len(process.records()) == 300000
        assert "books: 0 records lost" in process.stderr


# ---- time --------------------------------------------------------------------


def test_a_replay_at_recorded_speed_takes_as_long(gadgetctl, tmp_path):
    pipeline = both(gadgetctl, tmp_path, {"g": {"type": "generate", "rate": 1000, "count": 500}})
    pipeline.run()
    books = {}
    for speed in ("1x", "max"):
        report = tmp_path / f"{speed}.json"
        result = gadgetctl.run("replay", tmp_path / "live.gadgetrec", "--speed", speed, "-o",
                               "json", "--report", report)
        assert result.stdout == (tmp_path / "live.json").read_text(encoding="utf-8")
        books[speed] = Books(report).check()
    # Half a second of records; only the lower bound is certain on a busy machine.
    assert took(books["1x"]) >= 0.45
    assert took(books["max"]) < took(books["1x"])


def took(books):
    """Seconds from the start of the run to its end."""
    began, ended = (datetime.datetime.fromisoformat(books.report[k][:26] + "+00:00")
                    for k in ("started", "ended"))
    return (ended - began).total_seconds()


@pytest.mark.parametrize("speed", ["", "x", "0x", "-1x", "1", "nanx", "infx", "1e3x", "0.0001x",
                                   "10000000x", "Max"])
def test_a_speed_that_is_none_is_an_error(gadgetctl, tmp_path, speed):
    both(gadgetctl, tmp_path, {"g": {"type": "generate", "count": 1}}).run()
    result = gadgetctl.run("replay", tmp_path / "live.gadgetrec", f"--speed={speed}")
    assert result.returncode == 2
    assert "speed" in result.stderr


# ---- record -------------------------------------------------------------------


def write_sources(tmp_path, **sources):
    """A pipeline file whose stages and sinks would be noticed if they ran."""
    path = tmp_path / "sources.yaml"
    path.write_text(json.dumps({
        "version": 1, "sources": sources,
        "stages": {"no": {"type": "filter", "inputs": ["*"], "where": "pid == 0"}},
        "sinks": {"out": {"type": "stdout", "inputs": ["no"]}}}), encoding="utf-8")
    return path


def test_record_takes_the_sources_of_a_pipeline_file(gadgetctl, tmp_path):
    path = write_sources(tmp_path, recording={"type": "generate", "count": 50},
                         b={"type": "generate", "count": 7, "event": "other"})
    result = gadgetctl.run("record", "-f", path, "-o", "out.gadgetrec", cwd=tmp_path)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    sessions, torn = recordings.read(tmp_path / "out.gadgetrec")
    assert len(list(sessions[0].events())) == 57 and torn == 0


def test_an_existing_file_is_left_alone_unless_told_otherwise(gadgetctl, tmp_path):
    path, out = write_sources(tmp_path, g={"type": "generate", "count": 5}), tmp_path / "out"

    def record(*flags):
        return gadgetctl.run("record", "-f", path, "-o", out, *flags)

    def sessions():
        return [len(list(s.events())) for s in recordings.read(out)[0]]

    assert record().returncode == 0
    refused = record()
    assert refused.returncode != 0 and "exists already" in refused.stderr
    assert sessions() == [5]
    assert record("--append").returncode == 0 and sessions() == [5, 5]
    assert record("--overwrite").returncode == 0 and sessions() == [5]
    out.write_text("precious")
    for flag in ("--append", "--overwrite"):
        refused = record(flag)
        assert refused.returncode != 0 and "is not a recording" in refused.stderr
    assert out.read_text() == "precious"
    assert "exclude each other" in record("--append", "--overwrite").stderr


def test_only_one_records_to_a_file(gadgetctl, tmp_path):
    path = write_sources(tmp_path, g={"type": "generate", "rate": 100})
    out = tmp_path / "out"
    with gadgetctl.start("record", "-f", path, "-o", out) as process:
        wait_until(lambda: out.exists() and out.stat().st_size, "the first block")
        refused = gadgetctl.run("record", "-f", path, "-o", out, "--append")
        assert "somebody else is recording to it" in refused.stderr
        assert process.stop() == 0
    assert recordings.read(out)[0][0].has_end


def test_append_cuts_a_torn_end_off(gadgetctl, tmp_path):
    path, out = write_sources(tmp_path, g={"type": "generate", "count": 5}), tmp_path / "out"
    gadgetctl.run("record", "-f", path, "-o", out)
    with open(out, "ab") as file:
        file.write(b"GREC" + bytes(50))
    result = gadgetctl.run("replay", out, "-o", "json")
    assert result.returncode == 0 and len(result.stdout.splitlines()) == 5
    assert "its last 54 bytes are torn" in result.stderr
    result = gadgetctl.run("record", "-f", path, "-o", out, "--append")
    assert result.returncode == 0 and "its last 54 bytes are torn" in result.stderr
    result = gadgetctl.run("replay", out, "-o", "json")
    assert (len(result.stdout.splitlines()), result.stderr) == (10, "")


@pytest.mark.parametrize("args,why", [
    ([], "where to?"),
    (["-o", "x"], "what to record?"),
    (["a", "b", "-o", "x"], "what to record?"),
    (["a", "-f", "b", "-o", "x"], "not both"),
    (["-f", "b", "-o", "x", "-n", "3"], "--count cannot be used with -f"),
])
def test_a_wrong_command_line_says_what_is_wrong(gadgetctl, tmp_path, args, why):
    result = gadgetctl.run("record", *args, cwd=tmp_path)
    assert result.returncode == 2 and why in result.stderr
    assert os.listdir(tmp_path) == []


@pytest.mark.usefixtures("needs_bpf")
def test_record_a_gadget_with_parameters(gadgetctl, tmp_path):
    out = tmp_path / "opens.gadgetrec"
    with gadgetctl.start("record", "trace_open", "-o", out, "--comm", "opens", "-F", "ret < 0",
                         "-n", "20") as process:
        def ended():
            subprocess.run([workload("opens"), tmp_path / "none", "10", "1"],
                           stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)
            return not process.running

        wait_until(ended, "20 records")
        assert process.wait() == 0, process.stderr
    sessions, torn = recordings.read(out)
    events = [e for e in sessions[0].events() if "_loss" not in e]
    assert len(events) == 20 and torn == 0
    assert all(e["fname"] == str(tmp_path / "none") for e in events)


# ---- an independent reader ------------------------------------------------------


def flat(event, prefix=""):
    names = {}
    for name, value in event.items():
        if isinstance(value, dict):
            names.update(flat(value, f"{prefix}{name}."))
        else:
            names[prefix + name] = value
    return names


def compare(ours, theirs):
    """Every field that the independent reader knows has the value that replay prints."""
    assert len(ours) == len(theirs)
    compared = 0
    for a, b in zip(ours, theirs):
        if "_loss" in b or "_loss" in a:
            assert a == b
            continue
        a = flat(a)
        for name, value in a.items():
            other = b.get("@event" if name == "event" else name)
            if name in b and not name.endswith("timestamp") and name != "@time":
                assert value == other, name
                compared += 1
        assert a["@id"] == b["@id"]
    return compared


@pytest.mark.parametrize("level", [0, 1, 19])
def test_a_reader_written_from_the_manual_reads_the_same(gadgetctl, tmp_path, level):
    both(gadgetctl, tmp_path, GENERATED, level=level).run()
    sessions, torn = recordings.read(tmp_path / "live.gadgetrec")
    assert torn == 0 and len(sessions) == 1 and sessions[0].has_end
    assert sessions[0].head["machine"] == os.uname().machine
    fields = "@id,event,timestamp_raw,number,pid,uid,ret,is_even,comm,text"
    result = gadgetctl.run("replay", tmp_path / "live.gadgetrec", "-o", "json", "--fields", fields)
    ours = [json.loads(line) for line in result.stdout.splitlines()]
    assert compare(ours, list(sessions[0].events())) > 7 * 30000


# ---- deaths and full disks --------------------------------------------------------


@pytest.mark.parametrize("sync", ["end", "always"])
def test_a_killed_recorder_loses_nothing_but_its_end(gadgetctl, tmp_path, sync):
    """Whenever it is killed, the file replays: numbers without a gap, from the first on."""
    out = tmp_path / "out"
    path = tmp_path / "pipeline.json"
    path.write_text(json.dumps({
        "sources": {"g": {"type": "generate"}},
        "sinks": {"r": {"type": "recording", "path": str(out), "inputs": ["g"], "buffer": BLOCK,
                        "existing": "overwrite", "sync": sync,
                        "batch": {"max_bytes": "64KiB", "timeout": "1ms"}}}}), encoding="utf-8")
    for turn in range(20 * SCALE):
        out.unlink(missing_ok=True)
        with gadgetctl.start("run", "-f", path) as process:
            wait_until(lambda: out.exists() and out.stat().st_size > 20000 * (turn % 20 + 1),
                       "something to be recorded")
            process.kill()
        sessions, torn = recordings.read(out)
        result = gadgetctl.run("replay", out, "-o", "json", "--fields", "number")
        assert result.returncode == 0, result.stderr
        assert ("torn" in result.stderr) == bool(torn)
        numbers = [json.loads(line)["number"] for line in result.stdout.splitlines()]
        assert numbers == list(range(1, len(numbers) + 1)) and numbers
        assert len(numbers) == sum(h["records"] for h, _ in sessions[0].blocks)
        assert not sessions[0].has_end


@contextlib.contextmanager
def small_disk(folder, kib):
    disk = folder / "disk"
    disk.mkdir()
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kib}k", "tmpfs", disk],
                           capture_output=True, text=True, check=False)
    if mount.returncode:
        pytest.skip(f"cannot mount a tmpfs: {mount.stderr.strip()}")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


def test_a_full_disk_is_waited_for_and_leaves_no_torn_block(gadgetctl, tmp_path):
    with small_disk(tmp_path, 600) as disk:
        (disk / "ballast").write_bytes(bytes(400 << 10))
        pipeline = Pipeline(gadgetctl, tmp_path,
                            sources={"g": {"type": "generate", "count": 30000}},
                            sinks={"r": {"type": "recording", "path": str(disk / "out"),
                                         "inputs": ["g"], "buffer": BLOCK,
                                         "retry": {"initial": "5ms", "max": "20ms"},
                                         "batch": {"max_bytes": "64KiB"}}})
        with pipeline.start() as process:
            process.wait_for("No space left|no space left", "stderr")
            _, torn = recordings.read(disk / "out")
            assert torn == 0 or process.running  # a try may be under way
            (disk / "ballast").unlink()
            books = pipeline.finish(process)
        assert books["r"]["delivered"] == 30000
        assert books["r"]["retries"] > 0
        sessions, torn = recordings.read(disk / "out")
        assert torn == 0
        assert [e["number"] for e in sessions[0].events()] == list(range(1, 30001))


def test_a_disk_that_stays_full_drops_and_counts_at_the_end(gadgetctl, tmp_path):
    with small_disk(tmp_path, 200) as disk:
        pipeline = Pipeline(gadgetctl, tmp_path,
                            sources={"g": {"type": "generate", "count": 100000}},
                            sinks={"r": {"type": "recording", "path": str(disk / "out"),
                                         "inputs": ["g"], "buffer": BLOCK,
                                         "batch": {"max_bytes": "64KiB"}}})
        with pipeline.start("--shutdown-timeout", "100ms", "--timeout", "1s") as process:
            books = pipeline.finish(process)
        sessions, torn = recordings.read(disk / "out")
        replayed = len(list(sessions[0].events()))
        assert torn == 0
        assert replayed == books["r"]["delivered"]
        assert books["r"]["dropped"]["shutdown"] == books["g"]["out"] - replayed > 0


# ---- what is in it -----------------------------------------------------------------


def test_what_is_no_recording_is_refused(gadgetctl, tmp_path):
    other = tmp_path / "other"
    other.write_text("not one\n")
    for path, code, why in ((other, 65, "it is not a recording"),
                            (tmp_path / "none", 66, "no such file"),
                            (tmp_path, 2, "not a regular file")):
        result = gadgetctl.run("replay", path)
        assert result.returncode == code and why in result.stderr.lower()


def test_a_damaged_block_is_an_error_behind_what_is_whole(gadgetctl, tmp_path):
    both(gadgetctl, tmp_path, {"g": {"type": "generate", "count": 50000}},
         batch={"max_bytes": "256KiB"}).run()
    out = tmp_path / "live.gadgetrec"
    data = bytearray(out.read_bytes())
    data[len(data) // 2] ^= 1
    out.write_bytes(data)
    result = gadgetctl.run("replay", out, "-o", "json", "--fields", "number")
    numbers = [json.loads(line)["number"] for line in result.stdout.splitlines()]
    assert result.returncode == 65
    assert "damaged (the CRC is wrong)" in result.stderr
    assert numbers == list(range(1, len(numbers) + 1)) and 0 < len(numbers) < 50000


def test_inspect_says_what_a_recording_holds(gadgetctl, tmp_path):
    both(gadgetctl, tmp_path, GENERATED).run()
    out = tmp_path / "live.gadgetrec"
    with open(out, "ab") as file:
        file.write(b"GREC torn")
    told = json.loads(gadgetctl.run("inspect", out, "-o", "json").stdout)
    session, = told["sessions"]
    events = list(recordings.read(out)[0][0].events())
    assert session["records"] == sum("_loss" not in e for e in events)
    assert session["lost"] == sum(e["_loss"]["n"] for e in events if "_loss" in e)
    assert session["ended"] and session["machine"] == os.uname().machine
    assert told["torn"] == 9 and told["format"] == 1
    assert [k["source"] for k in told["kinds"]] == ["one", "two", "three"]
    text = gadgetctl.run("inspect", out).stdout
    assert f"  {session['records']} records in " in text
    assert "The last 9 bytes are torn" in text
    assert f"  {session['lost']} records lost, in " in text


def test_inspect_reads_what_a_killed_recorder_left(gadgetctl, tmp_path):
    path, out = write_sources(tmp_path, g={"type": "generate"}), tmp_path / "out"
    with gadgetctl.start("record", "-f", path, "-o", out) as process:
        wait_until(lambda: out.exists() and out.stat().st_size > 100000, "something recorded")
        process.kill()
    assert "; it was not ended in order" in gadgetctl.run("inspect", out).stdout
