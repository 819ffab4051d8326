"""How long the event loop is held up while a local model generates in its thread, beside a loop that has nothing to do.

A task sleeps 1 ms at a time; what it oversleeps is the lag. The requests go through the worker and the provider as a
lane's do, twice as many at a time as there are slots, and all tensor work is on one thread. Loading is not part of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import time
from typing import TYPE_CHECKING

from harness.local.provider import LocalProvider, make_engine
from harness.local.worker.batcher import LocalWorker
from tests.bench.local_models import MILLION, MILLIONS_27
from tests.bench.local_sides import SLOTS, one_thread, request_of, spec_of
from tests.bench.local_work import workload
from tests.bench.measure import Row, in_turn, judged, median_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Iterator, Sequence

    from harness.schema import Request
    from tests.bench.local_models import Shape

ROUNDS = 3
IDLE_S = 1.0
ANSWERS = ((MILLION, 96), (MILLIONS_27, 24))
TARGET_MS = 6.0
_TICK_S = 0.001


def rows() -> Iterator[Row]:
    """One row for each of two sizes of model."""
    with one_thread():
        for shape, answers in ANSWERS:
            yield _row(shape, answers)


def _row(shape: Shape, answers: int) -> Row:
    requests = [request_of(shape, item) for item in workload(answers)]
    with asyncio.Runner() as runner, contextlib.ExitStack() as end:
        provider = runner.run(_loaded(shape, requests[0], end))
        idle, busy = in_turn(
            ROUNDS,
            lambda: runner.run(_lag_p99_ms(asyncio.sleep(IDLE_S))),
            lambda: runner.run(_lag_p99_ms(_answer(provider, requests))),
        )
    return Row(
        f"event-loop lag while a local model of {shape.title} parameters generates, p99",
        median_of(idle, "ms"),
        median_of(busy, "ms"),
        f"{statistics.median(busy) - statistics.median(idle):+.2f} ms",
        judged(f"<= {TARGET_MS:g} ms", reached=statistics.median(busy) <= TARGET_MS),
    )


async def _loaded(shape: Shape, request: Request, end: contextlib.ExitStack) -> LocalProvider:
    """A provider whose model has answered `request`; `end` stops its thread."""
    worker = LocalWorker(make_engine)
    end.callback(worker.join, 10.0)
    end.callback(worker.stop)
    provider = LocalProvider(spec_of(shape), worker)
    await provider.generate(request)
    return provider


async def _answer(provider: LocalProvider, requests: Sequence[Request]) -> None:
    left = iter(requests)

    async def ask() -> None:
        for request in left:
            await provider.generate(request)

    async with asyncio.TaskGroup() as lane:
        for _ in range(2 * SLOTS):
            lane.create_task(ask())


async def _lag_p99_ms(work: Awaitable[object]) -> float:
    async with _ticking() as overslept_s:
        await work
    return statistics.quantiles(overslept_s, n=100)[-1] * 1000


@contextlib.asynccontextmanager
async def _ticking() -> AsyncIterator[list[float]]:
    overslept_s: list[float] = []

    async def tick() -> None:
        while True:
            before = time.perf_counter()
            await asyncio.sleep(_TICK_S)
            overslept_s.append(time.perf_counter() - before - _TICK_S)

    ticking = asyncio.create_task(tick())
    try:
        yield overslept_s
    finally:
        ticking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await ticking
