"""Wall time of the whole harness against the bare client, where answers take their time and the slots are few.

Both sides send the same prompts to the same simulator, whose every answer takes exactly as long as it is told; the
bare side is a fixed pool of workers around the client. A side's time is the simulator's: from its first request to its last,
and the latency of that. So imports, preflight and opening the folder are left out, as is the last line's fsync, and
what remains is how soon a free slot is used again. The ideal is N x latency / C.
"""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, NamedTuple

from tests.bench.measure import Row, in_turn, judged, median_of
from tests.bench.sides import bare_claude, bare_openai, run_bare, run_harness, simulator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.bench.sides import BareClient
    from tests.conftest import Simulator

ROUNDS = 3
WARM_UP = 8


class _Client(NamedTuple):
    title: str
    kind: str
    model: str
    bare: BareClient


class _Load(NamedTuple):
    latency_s: float
    concurrency: int
    requests: int
    target: float


_OPENAI = _Client("OpenAI-compatible", "openai", "gpt-4.1-mini", bare_openai)
_CLAUDE = _Client("Claude", "claude", "claude-sonnet-4-6", bare_claude)
_SLOW = _Load(2.0, 64, 640, 0.98)
_WIDE = _Load(2.0, 256, 2560, 0.98)
_QUICK = _Load(0.2, 64, 3000, 0.94)


def rows() -> Iterator[Row]:
    """The OpenAI-compatible client under every load; Claude's where the most requests a second have to be sent."""
    for latency_s in (2.0, 0.2):
        with simulator(latency_s) as server:
            for client, load in ((_OPENAI, _SLOW), (_OPENAI, _WIDE), (_OPENAI, _QUICK), (_CLAUDE, _QUICK)):
                if load.latency_s == latency_s:
                    yield _row(server, client, load)


def _row(server: Simulator, client: _Client, load: _Load) -> Row:
    def bare(count: int) -> None:
        run_bare(client.bare, client.model, server.url, count, load.concurrency)

    def harness(count: int) -> None:
        run_harness(client.kind, client.model, server.url, count, concurrency=load.concurrency)

    bare(WARM_UP)
    harness(WARM_UP)
    floors, ours = in_turn(ROUNDS, lambda: _wall_s(server, load, bare), lambda: _wall_s(server, load, harness))
    shares = [floor / our for floor, our in zip(floors, ours, strict=True)]
    return Row(
        f"wall time, {client.title}, {load.latency_s:g} s latency, C = {load.concurrency}, N = {load.requests}",
        _described(floors, load),
        _described(ours, load),
        median_of([100 * share for share in shares], "%", 1),
        judged(f">= {load.target:.0%}", reached=statistics.median(shares) >= load.target),
    )


def _wall_s(server: Simulator, load: _Load, side: Callable[[int], None]) -> float:
    server.reset()
    side(load.requests)
    arrivals = [visit["t"] for visit in server.log()]
    if len(arrivals) != load.requests:
        raise RuntimeError(f"{len(arrivals)} requests arrived where {load.requests} were to be sent")
    return arrivals[-1] - arrivals[0] + load.latency_s


def _described(walls: list[float], load: _Load) -> str:
    ideal_s = load.requests * load.latency_s / load.concurrency
    return f"{median_of(walls, 's')}, {ideal_s / statistics.median(walls):.1%} of the ideal"
