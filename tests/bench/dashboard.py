"""CPU of the live dashboard with ten rows, as a share of one core, where every look finds something new to draw.

Both sides are the same loop, a hundred answers a second told to the statistics; the harness's side also draws them on a
pseudo-terminal of 130 x 40 that another process reads to nowhere. CPU is this process's, all threads, so the difference
is snapshot, layout and writing; what a terminal does with it is not the harness's to answer for.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import statistics
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
from rich.console import Console

from harness.dashboard.live import LiveDisplay
from harness.seen import ResultSeen
from harness.stats import RunStats
from tests.bench.measure import Row, in_turn, judged, median_of

if TYPE_CHECKING:
    from collections.abc import Iterator

SECONDS = 7.0
ROUNDS = 3
WIDTH, HEIGHT = 130, 40
ANSWERS_PER_SECOND = 100
TARGET = 0.03
_MODELS = (
    ("claude", "claude-sonnet-4-6"),
    ("gemini", "gemini-3.5-flash"),
    ("local", "Qwen/Qwen2.5-14B-Instruct"),
    ("local", "mistralai/Mistral-7B-Instruct-v0.3"),
    ("local", "microsoft/Phi-3-mini-4k-instruct"),
)


def rows() -> Iterator[Row]:
    """One row."""
    floors, ours = in_turn(ROUNDS, lambda: anyio.run(_cpu_share, None), _with_display)
    own = [100 * (our - floor) for our, floor in zip(ours, floors, strict=True)]
    yield Row(
        "live dashboard, 10 rows, 2 Hz, share of a core",
        median_of([100 * share for share in floors], "%"),
        median_of([100 * share for share in ours], "%"),
        "+" + median_of(own, "%"),
        judged(f"<= {TARGET:.0%}", reached=statistics.median(own) <= 100 * TARGET),
    )


def _with_display() -> float:
    with _terminal() as console:
        return anyio.run(_cpu_share, LiveDisplay(console))


async def _cpu_share(display: LiveDisplay | None) -> float:
    """The share of a core that this process uses while answers come in, drawn by `display` if there is one."""
    stats = RunStats(Path("out/full_pilot/results.jsonl"))
    names = [_add(stats, provider, f"{model}@{t}", model) for provider, model in _MODELS for t in ("0.0", "0.7")]
    async with anyio.create_task_group() as group:
        if display is not None:
            group.start_soon(display.run, stats)
        # The first frame pays for what rich imports and caches.
        await _tell_answers(stats, names, 1.0)
        before, began = time.process_time(), time.monotonic()
        await _tell_answers(stats, names, SECONDS)
        share = (time.process_time() - before) / (time.monotonic() - began)
        group.cancel_scope.cancel()
    return share


def _add(stats: RunStats, provider: str, name: str, model: str) -> str:
    stats.add_variant(name, provider, model, 393, 100, cap_rpm=None if provider == "local" else 50)
    stats.started(name)
    return name


async def _tell_answers(stats: RunStats, names: list[str], seconds: float) -> None:
    until = time.monotonic() + seconds
    for number, name in enumerate(itertools.cycle(names)):
        if time.monotonic() >= until:
            return
        reason = "length" if number % 20 == 0 else "stop"
        # What `finished` does with a record, and the lane's next attempt.
        stats.dropped(name)
        stats.count(ResultSeen(name, f"{number:032x}", f"p{number}", reason, None, 50, 2.0, 0.001))
        stats.started(name)
        await anyio.sleep(1 / ANSWERS_PER_SECOND)


@contextlib.contextmanager
def _terminal() -> Iterator[Console]:
    master, slave = os.openpty()
    with subprocess.Popen(["cat"], stdin=master, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as reader:
        os.close(master)
        try:
            with os.fdopen(slave, "w") as stream:
                yield Console(
                    file=stream,
                    width=WIDTH,
                    height=HEIGHT,
                    force_terminal=True,
                    color_system="256",
                    markup=False,
                    emoji=False,
                    highlight=False,
                    _environ={"TERM": "xterm-256color"},
                )
        finally:
            reader.terminate()
