from __future__ import annotations

import io
import sys

import pytest
from rich.console import Console

from harness.dashboard.live import LiveDisplay, screen
from harness.stats import RunStats


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True

    @property
    def frames(self) -> int:
        """How many were drawn: each tells once how much time has passed."""
        return self.getvalue().count("elapsed")


@pytest.fixture
def terminal():
    return Terminal()


@pytest.fixture
def console(terminal):
    return Console(
        file=terminal, width=80, height=24, force_terminal=True, color_system=None, _environ={"TERM": "xterm"}
    )


@pytest.fixture
def display(console, clock, stage):
    return LiveDisplay(console, clock=clock, sleep=stage.sleep)


def nothing():
    pass


async def test_a_frame_is_drawn_at_once_and_again_only_after_a_change(stage, display, pilot, terminal):
    counted = []

    def look(change=nothing):
        def step():
            counted.append(terminal.frames)
            change()

        return step

    await stage.play(display, pilot, look(), look(lambda: pilot.note("changed")), look(), look())
    assert counted == [1, 1, 2, 2]


async def test_the_clock_moves_every_two_seconds_where_nothing_else_does(stage, display, pilot, terminal):
    await stage.play(display, pilot, *[nothing] * 11)
    at_once_and_last = 2
    assert terminal.frames - at_once_and_last == 2


async def test_the_last_frame_shows_how_it_ended_and_gives_the_cursor_back(stage, display, pilot, terminal, result):
    await stage.play(display, pilot, lambda: pilot.count(result("gemini-2.5-flash@0.0", None, "No.")))
    last = terminal.getvalue().rsplit("elapsed", 1)[1]
    assert last.count("stopped") == 10
    assert "results  out/pilot/results.jsonl" in last
    assert terminal.getvalue().endswith("\x1b[?25h")


@pytest.mark.parametrize("over", [False, True])
async def test_the_last_frame_of_who_watches_says_stopped_only_where_the_run_has(stage, display, terminal, clock, over):
    stats = RunStats(clock=clock, now=clock.wall, watched=True)
    stats.add_variant("m", "claude", "m", 3)
    await stage.play(display, stats, stats.ended if over else nothing)
    last = terminal.getvalue().rsplit("elapsed", 1)[1]
    assert ("stopped" in last) is over


async def test_what_is_printed_to_stderr_meanwhile_appears_above_the_frame(stage, display, pilot, terminal):
    await stage.play(display, pilot, lambda: print("a warning", file=sys.stderr))
    assert "a warning\n" in terminal.getvalue()


async def test_stdout_is_left_alone_where_it_goes_elsewhere(stage, display, pilot, terminal, capsys):
    await stage.play(display, pilot, lambda: print("an answer"))
    assert capsys.readouterr().out == "an answer\n"
    assert "an answer" not in terminal.getvalue()


async def test_a_screen_that_became_narrower_is_cleared_of_the_broken_frame(stage, display, pilot, terminal, console):
    def narrow():
        console.width = 60
        pilot.note("changed")

    await stage.play(display, pilot, narrow, nothing)
    assert terminal.getvalue().count("\x1b[2J") == 1


async def test_stderr_is_given_back_when_the_terminal_is_lost(stage, display, pilot, terminal, monkeypatch):
    def lose():
        def write(text):
            raise OSError(5, "Input/output error")

        monkeypatch.setattr(terminal, "write", write)
        pilot.note("changed")

    before = sys.stderr
    with pytest.raises(OSError, match="Input/output error"):
        await stage.play(display, pilot, lose, nothing)
    assert sys.stderr is before


def test_a_broken_pipe_does_not_end_the_program():
    class Broken(io.StringIO):
        def write(self, text):
            raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        screen(Broken()).print("anything")
