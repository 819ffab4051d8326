from __future__ import annotations

import os
import pty
import subprocess
import sys
import time

import pytest

from harness.dashboard import display_for
from harness.dashboard.display import Expendable
from harness.dashboard.jsonlines import JsonDisplay
from harness.dashboard.live import LiveDisplay
from harness.dashboard.plain import PlainDisplay


@pytest.fixture
def on_terminal(monkeypatch):
    def pretend(is_terminal: bool, term: str | None = "xterm") -> None:
        monkeypatch.setattr(sys.stderr, "isatty", lambda: is_terminal)
        monkeypatch.delenv("TERM", raising=False)
        if term is not None:
            monkeypatch.setenv("TERM", term)

    return pretend


@pytest.mark.parametrize(
    ("is_terminal", "term", "mode", "chosen"),
    [
        (True, "xterm", "auto", LiveDisplay),
        (True, "xterm", "plain", PlainDisplay),
        (True, "dumb", "auto", PlainDisplay),
        (True, None, "auto", PlainDisplay),
        (False, "xterm", "auto", PlainDisplay),
        (False, "xterm", "plain", PlainDisplay),
    ],
)
def test_the_live_dashboard_is_for_terminals_that_can_draw_it(on_terminal, is_terminal, term, mode, chosen):
    on_terminal(is_terminal, term)
    assert isinstance(display_for(mode)._display, chosen)


def test_forced_colours_do_not_make_a_log_file_a_terminal(on_terminal, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    on_terminal(False)
    assert isinstance(display_for()._display, PlainDisplay)


def test_json_goes_to_stdout(capfd):
    display = display_for("json")._display
    assert isinstance(display, JsonDisplay)
    display._sink.write(b"{}\n")
    assert capfd.readouterr().out == "{}\n"


class Failing:
    def __init__(self, error: Exception) -> None:
        self._error = error

    async def run(self, stats) -> None:
        raise self._error


async def test_an_audience_that_left_is_no_error(stats):
    await Expendable(Failing(BrokenPipeError())).run(stats)
    assert stats.snapshot().errors == ()


async def test_a_bug_in_a_display_is_told_and_ends_nothing_else(stats, capsys):
    await Expendable(Failing(ZeroDivisionError("bug"))).run(stats)
    assert "ZeroDivisionError" in stats.snapshot().errors[0].message
    assert "ZeroDivisionError: bug" in capsys.readouterr().err


RUN = """
import anyio
from harness.dashboard import display_for
from harness.stats import RunStats

async def main():
    stats = RunStats()
    stats.add_variant("model@0.0", "claude", "model", 10)
    async with anyio.create_task_group() as group:
        group.start_soon(display_for("{mode}").run, stats)
        for _ in range(12):
            await anyio.sleep(0.1)
            stats.started("model@0.0")
        group.cancel_scope.cancel()
    raise SystemExit(7)

anyio.run(main)
"""


def test_a_run_outlives_its_terminal():
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm"}
    run = subprocess.Popen([sys.executable, "-c", RUN.format(mode="auto")], env=environment, stderr=theirs)
    os.close(theirs)
    seen = b""
    deadline = time.monotonic() + 30
    while b"model@0.0" not in seen and time.monotonic() < deadline:
        seen += os.read(ours, 4096)
    os.close(ours)
    assert b"variant" in seen
    assert run.wait(30) == 7


def test_a_run_outlives_whoever_read_its_events():
    command = [sys.executable, "-c", RUN.format(mode="json")]
    run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert '"event":"progress"' in run.stdout.readline()
    run.stdout.close()
    assert run.stderr.read() == ""
    assert run.wait(30) == 7
    run.stderr.close()
