"""Local models through Ray against the thread, and what an item costs the process that keeps the journal.

A Ray cluster of this machine is started for each side and ended after it. What is timed begins once all weights are
loaded and ends with the last line on disk. The driver's CPU is all of this process's threads, Ray's own included; for
the thread, which computes in this process, there is no such figure.

How much one driver carries is measured with replicas that answer at once, with answers of the same size.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.cluster.actor import EngineActor
from harness.cluster.connection import RayConnection
from harness.cluster.executor import ClusterExecutor, ClusterPlan
from harness.cluster.look import Cluster
from harness.cluster.needs import CPU, LOCAL, Node, Placement
from harness.journal import open_journal
from harness.local.provider import LocalProvider, make_engine
from harness.local.worker.batcher import LocalWorker
from harness.record import Record
from tests.bench.local_models import MILLION
from tests.bench.local_sides import request_of, spec_of
from tests.bench.local_work import Item
from tests.bench.measure import Row, median_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractAsyncContextManager

    from harness.schema import Completion, Request

ROUNDS = 3
ITEMS = 400
TOKENS = 32
INSTANT_ITEMS = 3000
CORES = 2.0


@dataclass(frozen=True, slots=True)
class Measured:
    """Items per second of wall time, and milliseconds of this process's CPU for each."""

    rate: float
    cpu_ms: float


class InstantActor(EngineActor):
    """A replica that generates its first answer and gives it to everybody: it costs its own process next to nothing."""

    _first: Completion | None = None

    async def answer(self, request: Request, timeout_s: float | None) -> Any:
        """The first answer."""
        if self._first is None:
            answer = await super().answer(request, timeout_s)
            if isinstance(answer, Exception):
                return answer
            self._first = answer
        return self._first


def rows() -> Iterator[Row]:
    """Items per second with one and with two replicas, then what one driver carries."""
    sides: dict[str, Callable[[], Measured]] = {
        "thread": lambda: asyncio.run(_thread()),
        "one": lambda: asyncio.run(_replicas(1, EngineActor, ITEMS)),
        "two": lambda: asyncio.run(_replicas(2, EngineActor, ITEMS)),
        "instant": lambda: asyncio.run(_replicas(2, InstantActor, INSTANT_ITEMS)),
        "calls": lambda: asyncio.run(_calls()),
    }
    found: dict[str, list[Measured]] = {name: [] for name in sides}
    for number in range(ROUNDS):
        names = list(sides)
        for name in names[number % len(names) :] + names[: number % len(names)]:
            found[name].append(sides[name]())
    what = f"local, {MILLION.title} parameters, {TOKENS} tokens, items/s: the thread, and Ray with "
    for name, title in (("one", "1 replica"), ("two", "2 replicas")):
        thread, ray = ([side.rate for side in found[which]] for which in ("thread", name))
        ratio = median_of([there / here for there, here in zip(ray, thread, strict=True)], "x")
        yield Row(what + title, median_of(thread, "/s", 0), median_of(ray, "/s", 0), ratio, "none set")
    calls, ours = ([side.cpu_ms for side in found[which]] for which in ("calls", "instant"))
    more = median_of([our - call for our, call in zip(ours, calls, strict=True)], "ms")
    cpu = f"driver's CPU per item: a bare actor call with as large an answer, and all of the harness ({TOKENS} tokens)"
    yield Row(cpu, median_of(calls, "ms"), median_of(ours, "ms"), "+" + more, "none set")
    with_model = [side.cpu_ms for side in found["two"]]
    yield Row("the same while 2 replicas generate", "", median_of(with_model, "ms"), "", "none set")
    bare, rate = ([side.rate for side in found[which]] for which in ("calls", "instant"))
    share = median_of([100 * our / floor for our, floor in zip(rate, bare, strict=True)], "%", 0)
    carried = "items/s that one driver carries: bare actor calls, and all of the harness"
    yield Row(carried, median_of(bare, "/s", 0), median_of(rate, "/s", 0), share, "none set")


async def _thread() -> Measured:
    worker = LocalWorker(make_engine, device="cpu")
    provider = LocalProvider(spec_of(MILLION), worker)
    try:
        await provider.generate(_request(0))
        return await _timed(provider.generate, provider.in_flight, ITEMS)
    finally:
        await provider.aclose()
        worker.stop()
        await asyncio.to_thread(worker.join, 10.0)


async def _replicas(count: int, actor: type[EngineActor], items: int) -> Measured:
    plan, spec = _plan(count)
    executor = ClusterExecutor(plan, lambda address: RayConnection.open(address, actor))
    provider = executor.provider(spec, demo=False)
    try:
        # Every replica has to have its weights before the clock starts.
        while len(executor.loads()) < count:
            await asyncio.gather(*(provider.generate(_request(number)) for number in range(provider.in_flight)))
            await asyncio.sleep(0.5)
        return await _timed(provider.generate, provider.in_flight, items)
    finally:
        await provider.aclose()
        await executor.aclose()


async def _calls() -> Measured:
    """Nothing but calls of an actor and their answers, as many at a time."""
    plan, spec = _plan(1)
    connection = await asyncio.to_thread(RayConnection.open, LOCAL, InstantActor)
    try:
        replica = await connection.launch(spec, replace(plan.placements[spec], resources={CPU: 1.0}), 1, demo=False)
        await replica.answer(_request(0), None)
        in_flight = iter(range(INSTANT_ITEMS))

        async def call() -> None:
            for number in in_flight:
                await replica.answer(_request(number), None)

        began, cpu = time.monotonic(), time.process_time()
        await asyncio.gather(*(call() for _ in range(48)))
        return _figures(began, cpu, INSTANT_ITEMS)
    finally:
        await asyncio.to_thread(connection.close)


def _plan(count: int) -> tuple[ClusterPlan, Any]:
    spec = spec_of(MILLION)
    placement = Placement(count, {CPU: 1.0}, "cpu")
    return ClusterPlan(Cluster(LOCAL, (Node("here", {CPU: CORES}),)), {spec: placement}), spec


async def _timed(ask: Callable[[Request], Any], workers: int, items: int) -> Measured:
    """Ask for `items` with so many at a time, and write a record of each."""
    numbers = iter(range(items))
    with tempfile.TemporaryDirectory() as folder:
        journal: AbstractAsyncContextManager[Any] = open_journal(Path(folder))
        async with journal as opened:

            async def work() -> None:
                for number in numbers:
                    request = _request(number)
                    completion = await ask(request)
                    record = Record("bench", request, completion, None, datetime.now(UTC), 0.0, 0.0, 0)
                    await opened.writer.append(record.to_line())

            began, cpu = time.monotonic(), time.process_time()
            await asyncio.gather(*(work() for _ in range(workers)))
            return _figures(began, cpu, items)


def _figures(began: float, cpu: float, items: int) -> Measured:
    return Measured(items / (time.monotonic() - began), 1000 * (time.process_time() - cpu) / items)


def _request(number: int) -> Request:
    request = request_of(MILLION, Item(60, TOKENS, (0.0, 0.7)[number % 2], number))
    return replace(request, item_id=f"{number:032x}")
