"""A run to look at, whose clock moves only when a test moves it, and a way to play a display against it."""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from harness.seen import ResultSeen
from harness.stats import RunStats

NAMES = (
    ("claude", "claude-sonnet-4-5-20250929"),
    ("gemini", "gemini-2.5-flash"),
    ("local", "Qwen/Qwen2.5-14B-Instruct"),
    ("local", "mistralai/Mistral-7B-Instruct-v0.3"),
    ("local", "microsoft/Phi-3-mini-4k-instruct"),
)
HOSTILE = "\x1b[31m\x1b]52;c;cm0gLXJm\x07\u202e\x9b2J\ud800\n[/foo]"


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def wall(self) -> datetime:
        return datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC) + timedelta(seconds=self.now - 1000.0)


class Stage:
    """Stands in for `sleep`: each call moves the clock and does the next step; after the last the display is stopped."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._steps = deque()
        self._scope: anyio.CancelScope | None = None

    async def sleep(self, seconds: float) -> None:
        self.clock.now += seconds
        if self._steps:
            self._steps.popleft()()
        else:
            self._scope.cancel()
        await anyio.lowlevel.checkpoint()

    async def play(self, display, stats, *steps) -> None:
        self._steps.extend(steps)
        with anyio.CancelScope() as self._scope:
            await display.run(stats)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def stage(clock):
    return Stage(clock)


@pytest.fixture
def stats(clock):
    return RunStats(Path("out/pilot/results.jsonl"), clock=clock, now=clock.wall)


@pytest.fixture
def result():
    def make(variant: str, finish_reason: str | None = "stop", error: str | None = None, **facts) -> ResultSeen:
        given = {"item_id": "0" * 32, "prompt_id": "p0", "output_tokens": 50, "elapsed_seconds": 2.0}
        return ResultSeen(variant, finish_reason=finish_reason, error=error, **{**given, **facts})

    return make


@pytest.fixture
def pilot(stats, clock, result):
    """Ten variants, all at work, with a little of everything."""
    for provider, model in NAMES:
        for temperature in ("0.0", "0.7"):
            name = f"{model}@{temperature}"
            stats.add_variant(name, provider, model, 393, 100, cap_rpm=None if provider == "local" else 50)
            for outcome in ("stop",) * 17 + ("length", "refusal"):
                stats.started(name)
                clock.now += 0.1
                stats.dropped(name)
                stats.count(result(name, outcome, cost_usd=0.001))
            stats.started(name)
    return stats


@pytest.fixture
def hostile():
    return HOSTILE
