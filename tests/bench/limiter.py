"""How much of a cap of 600 requests a minute is used, and whether more ever arrive, both seen from the server.

The harness has the cap in its config; the bare side is one clock that sends a request, sleeps 60/600 s and never waits
for an answer. Both run at the same time, each against a simulator of its own that knows no cap, so that they share the
machine's moods; at ten requests a second neither is in the other's way. The share is 60 s over the time that 600 requests
in a row take once the first 600 are out: a count of whole minutes would depend on where in it a burst falls.
"""

from __future__ import annotations

import asyncio
import statistics
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from tests.bench.measure import Row, judged
from tests.bench.sides import bare_openai, prompt, run_harness, simulator

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.conftest import Simulator

CAP = 600
REQUESTS = 1300
LATENCY_S = 0.05
CONCURRENCY = 64
MODEL = "gpt-4.1-mini"
WINDOW_S = 60.0
TARGET = 0.985


def rows() -> Iterator[Row]:
    """The share that is used, and the fullest minute."""
    with ThreadPoolExecutor(1) as beside, simulator(LATENCY_S) as for_bare, simulator(LATENCY_S) as for_harness:
        bare = beside.submit(asyncio.run, _send_and_sleep(for_bare.url))
        run_harness("openai", MODEL, for_harness.url, REQUESTS, concurrency=CONCURRENCY, requests_per_minute=CAP)
        bare.result()
        floor, ours = _arrivals(for_bare), _arrivals(for_harness)
    yield Row(
        f"requests per minute used, cap {CAP}, at the server",
        f"{share_used(floor, CAP):.1%}",
        f"{share_used(ours, CAP):.1%}",
        f"{share_used(ours, CAP) - share_used(floor, CAP):+.1%}",
        judged(f">= {TARGET:.1%}", reached=share_used(ours, CAP) >= TARGET),
    )
    most, most_bare = fullest_window(ours, WINDOW_S), fullest_window(floor, WINDOW_S)
    yield Row(
        f"requests in the fullest {WINDOW_S:.0f} s, cap {CAP}, at the server",
        f"{most_bare}",
        f"{most}",
        f"{most - most_bare:+d}",
        judged(f"<= {CAP}", reached=most <= CAP),
    )


async def _send_and_sleep(url: str) -> None:
    async with bare_openai(url, MODEL, CONCURRENCY) as ask, asyncio.TaskGroup() as group:
        for number in range(REQUESTS):
            group.create_task(ask(prompt(number)))
            await asyncio.sleep(60.0 / CAP)


def _arrivals(server: Simulator) -> list[float]:
    times = [visit["t"] for visit in server.log()]
    if len(times) != REQUESTS:
        raise RuntimeError(f"{len(times)} requests arrived where {REQUESTS} were to be sent")
    return times


def share_used(times: Sequence[float], cap: int) -> float:
    """60 s over the median time that `cap` requests in a row take, the first `cap` left out; at most 1 for a strict cap.

    Args:
        times: of arrival, ascending, more than twice `cap` of them.
    """
    spans = [later - earlier for earlier, later in zip(times[cap:], times[2 * cap :], strict=False)]
    return 60.0 / statistics.median(spans)


def fullest_window(times: Sequence[float], window_s: float) -> int:
    """The most requests in any `window_s` seconds, its beginning included and its end not; `times` ascend."""
    first = most = 0
    for last, time in enumerate(times):
        while time - times[first] >= window_s:
            first += 1
        most = max(most, last - first + 1)
    return most
