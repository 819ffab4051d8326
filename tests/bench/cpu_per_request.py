"""CPU per request of the whole harness, records on disk included, against the bare client it is built on.

Both sides ask the same simulator, a process of its own that answers at once; both have 64 requests in flight. CPU is
this process's, user and system, all threads, because wall time would measure the simulator. What a run costs once
(reading the config, opening the folder) is in it, spread over its requests; imports are not, as a first run is not counted.
"""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

from tests.bench.measure import Row, in_turn, judged, median_of
from tests.bench.sides import bare_claude, bare_gemini, bare_openai, run_bare, run_harness, simulator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.bench.sides import BareClient

REQUESTS = 2000
CONCURRENCY = 64
ROUNDS = 5
TARGET_MS = 0.35


def rows() -> Iterator[Row]:
    """One row for each provider."""
    with simulator() as server:
        yield _row("OpenAI-compatible", "openai", "gpt-4.1-mini", server.url, bare_openai)
        yield _row("Claude", "claude", "claude-sonnet-4-6", server.url, bare_claude)
        yield _row("Gemini", "gemini", "gemini-3.5-flash", server.url, bare_gemini)


def _row(title: str, kind: str, model: str, url: str, client: BareClient) -> Row:
    def bare(count: int = REQUESTS) -> None:
        run_bare(client, model, url, count, CONCURRENCY)

    def harness(count: int = REQUESTS) -> None:
        run_harness(kind, model, url, count, concurrency=CONCURRENCY)

    bare(CONCURRENCY)
    harness(CONCURRENCY)
    floors, ours = in_turn(ROUNDS, lambda: _ms_each(bare), lambda: _ms_each(harness))
    more = [our - floor for our, floor in zip(ours, floors, strict=True)]
    return Row(
        f"CPU per request, {title}, C = {CONCURRENCY}",
        median_of(floors, "ms"),
        median_of(ours, "ms"),
        "+" + median_of(more, "ms"),
        judged(f"<= +{TARGET_MS} ms", reached=statistics.median(more) <= TARGET_MS),
    )


def _ms_each(work: Callable[[], None]) -> float:
    before = time.process_time()
    work()
    return (time.process_time() - before) / REQUESTS * 1000
