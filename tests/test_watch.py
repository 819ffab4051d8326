from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta

import anyio
import anyio.lowlevel
import pytest

from harness.errors import UsageError
from harness.journal.lock import folder_lock
from harness.manifest import Manifest
from harness.watch import Watch, watch_command

START = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)


class Folder:
    """A run's folder as its process would leave it, step by step."""

    def __init__(self, path) -> None:
        self.path = path
        self.manifest = Manifest.new("run")
        self.manifest.prompts = {"count": 10}
        self.manifest.variants = {"m@0.0": {"provider": "claude", "model": "m", "repeats": 1, "simulated": False}}

    def begin(self, at: float = 0.0) -> None:
        self.manifest.invocations.append({
            "started_at": (START + timedelta(seconds=at)).isoformat(), "ended_at": None, "exit_code": None,
        })  # fmt: skip
        self.manifest.write(self.path)
        (self.path / "results.jsonl").touch()

    def end(self, at: float = 60.0, exit_code: int = 0) -> None:
        self.manifest.invocations[-1] |= {
            "ended_at": (START + timedelta(seconds=at)).isoformat(), "exit_code": exit_code,
        }  # fmt: skip
        self.manifest.write(self.path)

    def answer(self, *items: int, at: float = 10.0) -> None:
        with (self.path / "results.jsonl").open("a") as file:
            for item in items:
                record = {
                    "item_id": f"{item:032x}",
                    "prompt_id": f"p{item}",
                    "provider": "claude",
                    "model": "m",
                    "variant": "m@0.0",
                    "simulated": False,
                    "finish_reason": "stop",
                    "tokens_used": {"input": 1, "output": 2, "total": 3},
                    "timestamp": (START + timedelta(seconds=at)).isoformat(),
                    "elapsed_seconds": 1.0,
                    "retry_count": 0,
                    "cost_usd": None,
                    "error": None,
                }
                file.write(json.dumps(record) + "\n")


class Looker:
    """A display that keeps what it could have shown: the run as it was at every change, and at last."""

    def __init__(self) -> None:
        self.seen = []
        self.left = False
        self.closed = False

    async def run(self, stats) -> None:
        try:
            while not self.closed:
                self.seen.append(stats.snapshot())
                await anyio.lowlevel.checkpoint()
        finally:
            self.seen.append(stats.snapshot())

    def leave(self) -> None:
        self.left = True


class Steps:
    """Stands in for `sleep`: each call does the next step of what the run does meanwhile."""

    def __init__(self, *steps) -> None:
        self._steps = list(steps)

    async def __call__(self, seconds: float) -> None:
        self._steps.pop(0)()
        await anyio.lowlevel.checkpoint()


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)


@pytest.fixture
def lookers():
    return []


@pytest.fixture
def watch(folder, lookers):
    """Watch the folder while the run goes through `steps`, one between two looks; the exit code."""

    def make_display():
        lookers.append(Looker())
        return lookers[-1]

    def run(*steps):
        return anyio.run(Watch(folder.path, make_display, sleep=Steps(*steps)).watch)

    return run


@pytest.fixture
def hold(folder):
    """Hold the folder as its run does, until told to let go."""
    held = []

    def let_go():
        held.pop().__exit__(None, None, None)

    def take():
        lock = folder_lock(folder.path)
        lock.__enter__()
        held.append(lock)
        return let_go

    yield take
    while held:
        let_go()


def test_a_run_that_is_over_is_shown_once_and_as_over(folder, watch, lookers):
    folder.begin()
    folder.answer(1, 2)
    folder.end(60.0, 3)
    assert watch() == 0
    (looker,) = lookers
    assert {snapshot.over for snapshot in looker.seen} == {True}
    last = looker.seen[-1]
    assert (last.counts.ok, last.counts.total, last.elapsed_s) == (2, 10, 60.0)
    assert last.notes[0].message == "The run ended with exit code 3."
    assert looker.left


def test_a_run_is_followed_until_it_lets_go_of_its_folder_and_nothing_of_it_is_missed(folder, watch, lookers, hold):
    folder.begin()
    folder.answer(1)
    let_go = hold()

    def finish():
        folder.answer(4)
        folder.end(60.0)
        let_go()

    assert watch(lambda: folder.answer(2, 3), finish) == 0
    (looker,) = lookers
    counts = [snapshot.counts.ok for snapshot in looker.seen]
    assert (sorted(set(counts)), counts[-1]) == ([0, 1, 3, 4], 4)
    assert (looker.seen[0].over, looker.seen[-1].over) == (False, True)


def test_a_run_whose_process_is_gone_is_over(folder, watch, lookers, hold):
    folder.begin()
    folder.answer(1, at=30.0)
    assert watch(hold()) == 0
    last = lookers[0].seen[-1]
    assert (last.over, last.elapsed_s) == (True, 31.0)
    assert "without a last word" in last.errors[0].message


def test_what_an_earlier_invocation_answered_is_resumed(folder, watch, lookers):
    folder.begin()
    folder.answer(1, 2)
    folder.end(60.0, 130)
    folder.begin(100.0)
    folder.answer(3, at=110.0)
    folder.end(120.0)
    watch()
    counts = lookers[0].seen[-1].counts
    assert (counts.resumed, counts.ok) == (2, 1)


def test_another_run_that_begins_meanwhile_is_shown_in_its_turn(folder, watch, lookers, hold, capsys):
    folder.begin()
    folder.answer(1)
    let_go = hold()

    def end_and_begin_anew():
        folder.end(60.0)
        let_go()
        hold()
        folder.begin(100.0)

    def finish():
        folder.answer(2, at=110.0)
        folder.end(120.0)
        let_go()

    assert watch(end_and_begin_anew, finish) == 0
    first, second = (looker.seen[-1] for looker in lookers)
    assert (first.counts.ok, first.elapsed_s) == (1, 60.0)
    assert (second.counts.resumed, second.counts.ok, second.elapsed_s) == (1, 1, 20.0)
    assert "Another run began" in capsys.readouterr().err


def test_a_run_that_holds_its_folder_and_has_not_begun_is_waited_for(folder, watch, lookers, hold, capsys):
    let_go = hold()

    def run():
        folder.begin()
        folder.end(60.0)
        let_go()

    assert watch(lambda: None, run) == 0
    assert len(lookers) == 1
    assert capsys.readouterr().err.count("has not begun yet") == 1


def test_a_run_that_begins_again_in_its_folder_is_waited_for(folder, watch, lookers, hold):
    folder.begin()
    folder.answer(1)
    folder.end(60.0)
    let_go = hold()

    def run():
        folder.begin(100.0)
        folder.end(120.0)
        let_go()

    watch(run)
    assert [looker.seen[-1].elapsed_s for looker in lookers] == [20.0]


@pytest.mark.parametrize("present", [[], ["run.json"], ["results.jsonl"]])
def test_a_folder_without_a_run_is_a_usage_error(folder, present):
    if present:
        folder.begin()
        for name in {"run.json", "results.jsonl"} - set(present):
            (folder.path / name).unlink()
    with pytest.raises(UsageError, match=r"There is no run in .* run\.json and results\.jsonl"):
        watch_command(folder.path, "json")
    with pytest.raises(UsageError):
        watch_command(folder.path / "nowhere", "json")


def test_lines_that_are_corrupt_are_noted_once_and_end_nothing(folder, watch, lookers):
    folder.begin()
    for item in range(3):
        with (folder.path / "results.jsonl").open("a") as file:
            file.write("{torn\n")
        folder.answer(item)
    folder.end()
    watch()
    last = lookers[0].seen[-1]
    assert last.counts.ok == 3
    assert ["no records" in note.message for note in last.notes] == [True]


def test_a_last_line_that_is_not_whole_yet_is_waited_for(folder, watch, lookers, hold):
    folder.begin()
    let_go = hold()
    folder.answer(1)
    results = folder.path / "results.jsonl"
    whole = results.read_bytes()
    results.write_bytes(whole[:-40])

    def complete():
        with results.open("ab") as file:
            file.write(whole[-40:])

    def finish():
        folder.end()
        let_go()

    watch(complete, finish)
    last = lookers[0].seen[-1]
    assert (last.counts.ok, last.notes) == (1, ())


def test_watching_leaves_the_folder_as_it_was(folder, watch):
    folder.begin()
    folder.answer(1)
    folder.end()
    before = {path.name: path.read_bytes() for path in folder.path.iterdir()}
    watch()
    assert {path.name: path.read_bytes() for path in folder.path.iterdir()} == before


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_watching_and_says_that_the_run_goes_on(folder, watch, lookers, hold, capsys, number, code):
    folder.begin()
    hold()
    assert watch(lambda: signal.raise_signal(number), *[lambda: None] * 1000) == code
    assert (lookers[0].left, lookers[0].seen[-1].over) == (True, False)
    assert "goes on" in capsys.readouterr().err


def test_when_whoever_looked_has_gone_nothing_is_watched_any_more(folder, watch, lookers, hold):
    folder.begin()
    hold()

    def close():
        lookers[0].closed = True

    assert watch(close, *[lambda: None] * 1000) == 0


def test_a_journal_is_read_in_pieces_with_the_screen_alive(folder, lookers):
    folder.begin()
    folder.answer(*range(5))
    folder.end()

    class Pieces:
        def __init__(self, path) -> None:
            self._lines = path.read_text().splitlines() if path.exists() else []
            self.skipped = 0

        @property
        def more(self):
            return bool(self._lines)

        def read(self):
            assert threading.current_thread() is not threading.main_thread()
            return [json.loads(self._lines.pop(0))] if self._lines else []

    def make_display():
        lookers.append(Looker())
        return lookers[-1]

    anyio.run(Watch(folder.path, make_display, open_lines=Pieces).watch)
    assert {snapshot.counts.ok for snapshot in lookers[0].seen} == set(range(6))


def test_nobody_reading_its_events_any_more_is_no_error(folder):
    folder.begin()
    folder.answer(*range(5))
    folder.end()
    code = "import sys, pathlib, harness.watch; harness.watch.watch_command(pathlib.Path(sys.argv[1]), 'json')"
    command = [sys.executable, "-c", code, folder.path]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


def test_a_run_is_shown_as_events_and_as_plain_lines(folder, capfd):
    folder.begin()
    folder.answer(1)
    folder.end()
    assert watch_command(folder.path, "json") == 0
    events = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert [event["event"] for event in events] == ["progress", "result", "done"]
    assert watch_command(folder.path, "plain") == 0
    assert f"1/10 done (10%)  1:00 elapsed | results in {folder.path / 'results.jsonl'}" in capfd.readouterr().err


def test_the_first_picture_of_a_run_that_is_over_is_the_whole_one(folder, capfd):
    folder.begin()
    folder.answer(1)
    folder.end()

    assert watch_command(folder.path, "plain") == 0

    lines = capfd.readouterr().err.splitlines()
    assert lines
    assert all("0/" not in line.split("done")[0] for line in lines if "done" in line)
