"""Durable acknowledgements a second with 64 producers, and how long the event loop is held up meanwhile.

The harness's side is 64 tasks that hand lines to the journal's writer and wait until each is on disk; the bare side is a
loop in a thread that writes and fsyncs 64 of the same lines at a time. Both use one disk, that of `out/`, since a
temporary folder may be memory, where fsync is free. Beside both a task sleeps 1 ms at a time: what it oversleeps is the lag.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from harness.journal import open_journal
from tests.bench.measure import Row, in_turn, judged, median_of

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator, Sequence

LINES = 25_600
LINE_BYTES = 1000
PRODUCERS = 64
ROUNDS = 5
TARGET = 0.60
TARGET_LAG_MS = 15.0
_TICK_S = 0.001


class _Measured(NamedTuple):
    per_second: float
    lag_p99_ms: float


def rows() -> Iterator[Row]:
    """The rate, and the lag while it was reached."""
    lines = [_line(number) for number in range(LINES)]
    floors, ours = in_turn(
        ROUNDS,
        lambda: asyncio.run(_measured(asyncio.to_thread(_write_bare, lines))),
        lambda: asyncio.run(_measured(_append_all(lines))),
    )
    rates, bare_rates = [each.per_second for each in ours], [each.per_second for each in floors]
    lags, bare_lags = [each.lag_p99_ms for each in ours], [each.lag_p99_ms for each in floors]
    shares = [rate / bare for rate, bare in zip(rates, bare_rates, strict=True)]
    own_us = statistics.median(1e6 / rate - 1e6 / bare for rate, bare in zip(rates, bare_rates, strict=True))
    yield Row(
        f"durable acknowledgements, {PRODUCERS} producers, against fsync of {PRODUCERS} lines at a time",
        median_of(bare_rates, "/s", 0),
        median_of(rates, "/s", 0),
        f"{median_of([100 * share for share in shares], '%', 0)}, {own_us:+.0f} us a line",
        judged(f">= {TARGET:.0%}", reached=statistics.median(shares) >= TARGET),
    )
    yield Row(
        "event-loop lag meanwhile, p99",
        median_of(bare_lags, "ms"),
        median_of(lags, "ms"),
        f"{statistics.median(lags) - statistics.median(bare_lags):+.2f} ms",
        judged(f"<= {TARGET_LAG_MS:g} ms", reached=statistics.median(lags) <= TARGET_LAG_MS),
    )


def _line(number: int) -> bytes:
    start = b'{"item_id":"%032x","full_response":"' % number
    end = b'","error":null}\n'
    return start + b"x" * (LINE_BYTES - len(start) - len(end)) + end


async def _measured(work: Coroutine[None, None, float]) -> _Measured:
    overslept: list[float] = []

    async def tick() -> None:
        while True:
            before = time.perf_counter()
            await asyncio.sleep(_TICK_S)
            overslept.append(time.perf_counter() - before - _TICK_S)

    ticking = asyncio.create_task(tick())
    took_s = await work
    ticking.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await ticking
    return _Measured(LINES / took_s, statistics.quantiles(overslept, n=100)[-1] * 1000)


async def _append_all(lines: Sequence[bytes]) -> float:
    left = iter(lines)
    with _folder() as folder:
        async with open_journal(folder) as journal:

            async def produce() -> None:
                for line in left:
                    await journal.writer.append(line)

            began = time.perf_counter()
            async with asyncio.TaskGroup() as producers:
                for _ in range(PRODUCERS):
                    producers.create_task(produce())
            return time.perf_counter() - began


def _write_bare(lines: Sequence[bytes]) -> float:
    with _folder() as folder, (folder / "results.jsonl").open("ab", buffering=0) as file:
        began = time.perf_counter()
        for first in range(0, len(lines), PRODUCERS):
            file.write(b"".join(lines[first : first + PRODUCERS]))
            os.fsync(file.fileno())
        return time.perf_counter() - began


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    results = Path("out")
    results.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=results, prefix=".bench-") as folder:
        yield Path(folder)
