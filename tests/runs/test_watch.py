"""`watch` beside a real run in a process of its own, and over what it left."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.watch import watch_command

pytestmark = pytest.mark.slow


@pytest.fixture
def pilot(project, slow_simulator):
    project.write_prompts([{"id": f"p{index}", "prompt": f"Is claim {index} true?"} for index in range(60)])
    model = {"name": "gpt-4.1-mini", "type": "openai", "temperature": [0.0, 0.7]}
    project.write_config(model, simulator=slow_simulator.url, concurrency=4)
    return project


def _wait_for_records(project, count: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with contextlib.suppress(FileNotFoundError):
            if project.results.read_bytes().count(b"\n") >= count:
                return
        time.sleep(0.01)
    raise AssertionError(f"the run never had {count} records")


def _watched(project) -> list[dict]:
    done = project.process("watch", "out", "--json")
    assert done.code == 0, done.output
    return [json.loads(line) for line in done.output.splitlines()]


def test_a_watch_sees_a_run_through_from_its_middle_to_its_end(pilot, capfd):
    with pilot.start("run", "--plain") as run:
        _wait_for_records(pilot, 10)
        assert watch_command(Path("out"), "json") == 0
        assert run.wait(60) == 0
        run.communicate()
    events = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    seen = [event["item_id"] for event in events if event["event"] == "result"]
    assert sorted(seen) == sorted(record["item_id"] for record in pilot.records())
    progress, last = [event for event in events if event["event"] == "progress"], events[-1]
    assert (last["event"], last["done"], last["total"], last["resumed"], last["failed"]) == ("done", 120, 120, 0, 0)
    assert {variant["state"] for variant in last["variants"]} == {"done"}
    assert (progress[0]["done"] < 120, progress[0]["simulated"], progress[0]["in_flight"]) == (True, True, None)
    assert all(0.05 <= variant["p50_s"] < 5 for variant in last["variants"])


def test_what_a_killed_run_left_is_shown_as_that_and_resumed_as_such(pilot):
    with pilot.start("run", "--plain") as run:
        _wait_for_records(pilot, 30)
        run.send_signal(signal.SIGKILL)
        run.communicate()
    last = _watched(pilot)[-1]
    before = len(pilot.records())
    assert (last["event"], last["done"], last["resumed"]) == ("done", before, 0)
    assert pilot.process("run", "--plain").code == 0
    last = _watched(pilot)[-1]
    assert (last["done"], last["resumed"]) == (120, before)


def test_ending_the_watching_does_nothing_to_the_run(pilot):
    with pilot.start("run", "--plain") as run:
        _wait_for_records(pilot, 10)
        with pilot.start("watch", "out", "--plain") as watch:
            assert "done" in watch.stdout.readline()
            watch.send_signal(signal.SIGINT)
            output, _ = watch.communicate(timeout=30)
        assert watch.returncode == 130
        assert "goes on" in output
        assert run.wait(60) == 0
        run.communicate()
    assert len(pilot.records()) == 120


def test_runs_begin_beside_those_who_watch(pilot):
    """A look at the lock must never be what keeps a run from having it."""
    assert pilot.process("run", "--plain", "--num-prompts", "1").code == 0
    code = "from pathlib import Path; from harness.journal.lock import is_held\nwhile True: is_held(Path('out'))"
    with subprocess.Popen([sys.executable, "-c", code], cwd=pilot.folder) as looking:
        try:
            codes = [pilot.process("run", "--plain", "--num-prompts", "1").code for _ in range(3)]
        finally:
            looking.kill()
    assert codes == [0, 0, 0]


def test_on_a_terminal_the_table_of_a_run_stays_after_its_end(pilot):
    assert pilot.process("run", "--plain").code == 0
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120", "LINES": "30"}
    command = [sys.executable, "-m", "harness", "watch", "out"]
    with subprocess.Popen(command, cwd=pilot.folder, env=environment, stdout=theirs, stderr=theirs) as watch:
        os.close(theirs)
        seen = b""
        with contextlib.suppress(OSError):
            while data := os.read(ours, 65536):
                seen += data
    os.close(ours)
    assert watch.returncode == 0
    frame = seen.decode().rsplit("120/120 done (100%)", 1)[1]
    assert frame.count("60/60") == 2
    assert "out/results.jsonl" in frame
    assert "stopped" not in frame
