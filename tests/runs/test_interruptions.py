"""Runs that are killed, interrupted or run twice: everything is answered once, and little is sent again."""

from __future__ import annotations

import contextlib
import random
import re
import resource
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import orjson
import pytest

CONCURRENCY = 4


@pytest.fixture
def pilot(project, slow_simulator):
    project.write_prompts([{"id": f"p{index}", "prompt": f"Is claim {index} true?"} for index in range(60)])
    model = {"name": "gpt-4.1-mini", "type": "openai", "temperature": [0.0, 0.7]}
    project.write_config(model, simulator=slow_simulator.url, concurrency=CONCURRENCY)
    return project


def _started_ignoring(project, number: int):
    """A run that inherits `number` ignored, as nohup and a script's background jobs leave it."""
    inherited = signal.signal(number, signal.SIG_IGN)
    try:
        return project.start("run", "--plain")
    finally:
        signal.signal(number, inherited)


def test_killed_again_and_again_every_item_is_answered_once(pilot, slow_simulator):
    dice = random.Random(7)
    kills = 0
    for wanted in (10, 40, 75, 100):
        with pilot.start("run", "--plain") as process:
            pilot.wait_for_records(wanted + dice.randrange(5), process)
            process.send_signal(signal.SIGKILL)
            process.communicate()
        kills += 1
    done = pilot.process("run", "--plain")
    assert done.code == 0, done.output
    records = pilot.records()
    assert len(records) == 120 == len({record["item_id"] for record in records})
    counts = slow_simulator.counts()
    assert counts["requests"] <= 120 + kills * CONCURRENCY
    assert max(counts["by_item"].values()) <= 1 + kills
    assert counts["max_in_flight"] <= CONCURRENCY


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_an_interrupted_run_finishes_what_is_in_flight_and_says_how_to_go_on(pilot, slow_simulator, number, code):
    with pilot.start("run", "--plain") as process:
        pilot.wait_for_records(20, process)
        process.send_signal(number)
        output, _ = process.communicate(timeout=60)
    assert process.returncode == code
    assert "-m harness run --plain --config config.json" in output.splitlines()[-1]
    assert slow_simulator.counts()["requests"] == len(pilot.records())
    assert pilot.cli("run", "--plain").code == 0
    assert slow_simulator.counts()["requests"] == 120


def test_a_second_interrupt_stops_at_once_and_loses_nothing_that_came_back(project, start_simulator):
    simulator = start_simulator(fault_script=[{"match": "claim 3 ", "sequence": [], "then": "hang"}])
    project.write_config({"name": "gpt-4.1-mini", "type": "openai"}, simulator=simulator.url, concurrency=CONCURRENCY)
    with project.start("run", "--plain") as process:
        project.wait_for_records(12, process)
        process.send_signal(signal.SIGINT)
        time.sleep(0.5)
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "-m harness run --plain --config config.json" in output.splitlines()[-1]
    assert simulator.counts()["answered"] == len(project.records())


def _small_files_only() -> None:
    """As on a full disk: a file grows no further than this."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))


def test_a_full_disk_stops_the_run_keeps_what_came_back_and_the_same_command_goes_on(pilot, slow_simulator):
    with pilot.start("run", "--plain", before=_small_files_only) as process:
        output, _ = process.communicate(timeout=60)

    assert process.returncode == 3, output
    assert "cat " in output
    answered = slow_simulator.counts()["answered"]
    (aside,) = re.findall(r"cat '?([^' ]+)'? >>", output)
    saved = Path(aside).read_bytes().count(b"\n")
    assert 0 < len(pilot.records()) + saved == answered < 120
    with pilot.results.open("ab") as journal:
        journal.write(Path(aside).read_bytes())
    Path(aside).unlink()
    assert pilot.cli("run", "--plain").code == 0
    assert len({record["item_id"] for record in pilot.records()}) == 120 == len(pilot.records())
    assert slow_simulator.counts()["requests"] == 120


def test_a_server_that_is_not_there_yet_is_waited_for(project):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    project.write_config({"name": "gpt-4.1-mini", "type": "openai"}, simulator=f"http://127.0.0.1:{port}")
    with project.start("run", "--plain") as process:
        _wait_for_event(project, "offline")
        command = [sys.executable, "-m", "harness.simulator", "--port", str(port), "--parent-watch"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as server:
            output, _ = process.communicate(timeout=60)
            server.stdin.close()
    assert process.returncode == 0, output
    assert [record["retry_count"] for record in project.records()] == [0] * 20


def _wait_for_event(project, kind: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with contextlib.suppress(FileNotFoundError):
            if any(event["event"] == kind for event in project.events()):
                return
        time.sleep(0.05)
    raise AssertionError(f"no {kind} in the diary")


def test_an_interrupt_is_heeded_where_a_script_started_the_run_in_the_background(pilot):
    # Its shell starts such a command with SIGINT ignored.
    with _started_ignoring(pilot, signal.SIGINT) as process:
        pilot.wait_for_records(20, process)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == 130


def test_a_hangup_ends_nothing_under_nohup(pilot):
    with _started_ignoring(pilot, signal.SIGHUP) as process:
        pilot.wait_for_records(20, process)
        process.send_signal(signal.SIGHUP)
        process.communicate(timeout=60)
    assert process.returncode == 0
    assert len(pilot.records()) == 120


def test_a_second_process_on_the_folder_is_refused_with_the_pid_of_the_first(pilot):
    with pilot.start("run", "--plain") as process:
        pilot.wait_for_records(5, process)
        second = pilot.cli("run", "--plain")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert second.code == 2
    assert str(process.pid) in second.output
    assert "out" in second.output


def test_lines_can_be_followed_as_they_come(pilot):
    sizes, seen = set(), b""
    with pilot.start("run", "--plain") as process:
        while process.poll() is None:
            with contextlib.suppress(FileNotFoundError):
                data = pilot.results.read_bytes()
                # A reader may see half of a write, here as with `tail -f`; never anything taken back or changed.
                assert data.startswith(seen)
                whole = data[: data.rfind(b"\n") + 1]
                for line in whole[seen.rfind(b"\n") + 1 :].splitlines():
                    assert orjson.loads(line)["item_id"]
                seen = data
                sizes.add(whole.count(b"\n"))
            time.sleep(0.02)
        process.communicate()
    assert len(sizes) > 5
