"""Lanes: pull → limit → call → record. Knows no SDK, no torch and no screen.

A lane drives one variant with a fixed number of workers that pull from one lazy iterator. A worker never sleeps on a
failed item: the item goes onto the lane's heap of due times and the worker takes the next one.
"""

from __future__ import annotations

import heapq
import itertools
import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio

from harness.errors import AttemptTimeout, HarnessError, JournalError, LaneError, ProviderError
from harness.lane import LaneOutcome
from harness.record import Record
from harness.schema import Failure, Timing
from harness.verdict import Again, GiveUp, Judge, Park

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from harness.lane import LaneSpec, Surroundings
    from harness.schema import Completion, Request


@dataclass(slots=True)
class _Item:
    request: Request
    number: int
    taken_at: float
    sent: int = 0
    failures: int = 0


class Lane:
    """Drives one variant to its end, to a park, or to a halt."""

    def __init__(self, spec: LaneSpec, around: Surroundings) -> None:
        self.spec = spec
        self._around = around
        self._judge = Judge(spec.pool, spec.policy, proven=spec.proven)
        self._halted = anyio.Event()
        self._waiting: set[anyio.CancelScope] = set()
        self._due: list[tuple[float, int, _Item]] = []
        self._order = itertools.count()
        self._withheld: list[Record] = []
        self._taken = self._recorded = self._failed = 0
        self._exhausted = False
        self._parked: str | None = None

    @property
    def name(self) -> str:
        """The variant's name."""
        return self.spec.variant.name

    def halt(self) -> None:
        """Take no more work; what is in flight finishes, what waits for its turn does not."""
        self._halted.set()
        for scope in self._waiting:
            scope.cancel()

    async def run(self) -> LaneOutcome:
        """Work until nothing is left, the lane parks, or `halt` is called."""
        async with anyio.create_task_group() as workers:
            for _ in range(self.spec.workers):
                workers.start_soon(self._work)
        await self._release_withheld()
        outcome = self.outcome()
        if outcome.complete:
            self._around.observer.completed(self.name)
        return outcome

    def outcome(self) -> LaneOutcome:
        """How far the lane has come; of use also where `run` was cancelled."""
        complete = self._exhausted and self._recorded == self._taken
        return LaneOutcome(self.name, self._recorded, self._failed, complete, self._parked)

    async def _work(self) -> None:
        pool = self.spec.pool
        while (item := await self._next()) is not None:
            slot = pool.acquire_nowait() or await self._wait_for_slot()
            if slot is None:
                return
            try:
                await self._attempt(item)
            finally:
                pool.release(slot)

    async def _wait_for_slot(self) -> object | None:
        """A slot of the pool; None where the lane is halted first: a pause may last hours, a parked lane wants none."""
        with anyio.CancelScope() as scope:
            self._waiting.add(scope)
            try:
                slot = await self.spec.pool.acquire()
            finally:
                self._waiting.discard(scope)
            if not self._halted.is_set():
                return slot
            self.spec.pool.release(slot)
        return None

    async def _next(self) -> _Item | None:
        """The next item that is due, else a new one, else None. Waits where all that is left is not due yet."""
        while not self._halted.is_set():
            if self._due and self._due[0][0] <= anyio.current_time():
                return heapq.heappop(self._due)[2]
            # The heap never holds more than a lane's worth: a provider in trouble must not be fed the whole file.
            if not self._exhausted and len(self._due) < self.spec.workers:
                request = self._pull()
                if request is not None:
                    self._taken += 1
                    return _Item(request, self._taken - 1, anyio.current_time())
                if self._parked:
                    return None
                self._exhausted = True
            if not self._due:
                # Whoever still has an item in flight puts it back, should it fail, and finds it again itself.
                return None
            with anyio.move_on_after(self._due[0][0] - anyio.current_time()):
                await self._halted.wait()
        return None

    def _pull(self) -> Request | None:
        try:
            return next(self.spec.requests, None)
        except (HarnessError, OSError) as error:
            self._park(f"the prompts cannot be read any further: {error}")
            return None

    async def _attempt(self, item: _Item) -> None:
        around, began_at, began = self._around, self._around.now(), anyio.current_time()
        around.observer.started(self.name)
        item.sent += 1
        record: Record | None = None
        try:
            completion = await self._ask(item.request)
            self._judge.answered()
            self.spec.pool.answered(completion.rate)
            took = completion.timing or Timing(began_at, anyio.current_time() - began, began - item.taken_at)
            record = self._made(item, took, completion)
        except ProviderError as error:
            took = Timing(began_at, anyio.current_time() - began, began - item.taken_at)
            record = self._failed_attempt(item, error, took)
        except Exception as error:  # noqa: BLE001 - a bug in one provider must not cost the other lanes their night
            around.events("internal_error", variant=self.name, traceback=traceback.format_exc(limit=20))
            self._park(
                f"an unexpected {type(error).__name__}: {error}. The traceback is in events.jsonl; please report it."
            )
        finally:
            if record is None:
                around.observer.dropped(self.name)
        if record is not None:
            await self._record(record)
            if record.completion is not None:
                await self._release_withheld()

    async def _ask(self, request: Request) -> Completion:
        with anyio.move_on_after(self.spec.deadline_s):
            return await self.spec.provider.generate(request)
        raise AttemptTimeout(
            f"No whole answer came within {self.spec.deadline_s:g} s (timeout_s). Raise it if answers take that long."
        )

    def _failed_attempt(self, item: _Item, error: ProviderError, took: Timing) -> Record | None:
        """Do what the judge says; the failure record where the item is given up."""
        item.sent -= not error.sent
        item.failures += self.spec.policy.counts(error)
        if self._halted.is_set() and isinstance(error, LaneError):
            # The halt's own doing: local generation that was told to stop.
            return None
        self._around.observer.attempt_failed(self.name, error.message)
        match self._judge.judge(error, item.failures, item.number):
            case Again(due, event):
                heapq.heappush(self._due, (due, next(self._order), item))
                self._around.events(
                    event,
                    variant=self.name,
                    item_id=item.request.item_id,
                    prompt_id=item.request.prompt.id,
                    error=type(error).__name__,
                    message=error.message,
                    status=error.status,
                    request_id=error.request_id,
                    attempts=item.sent,
                    wait_s=round(due - anyio.current_time(), 3),
                )
            case Park(reason):
                self._withheld.clear()
                self._park(reason)
            case GiveUp(withhold) if self._parked is None:
                failure = Failure(type(error).__name__, error.message, error.status, error.retryable, item.sent)
                record = self._made(item, took, failure)
                if not withhold:
                    return record
                self._withheld.append(record)
        return None

    def _made(self, item: _Item, took: Timing, outcome: Completion | Failure) -> Record:
        return Record(
            run_id=self._around.run_id,
            request=item.request,
            completion=None if isinstance(outcome, Failure) else outcome,
            failure=outcome if isinstance(outcome, Failure) else None,
            timestamp=took.started_at,
            elapsed_seconds=took.elapsed_seconds,
            queued_seconds=took.queued_seconds,
            retry_count=max(0, item.sent - 1),
        )

    async def _record(self, record: Record) -> None:
        durable = False
        try:
            await self._around.commit(record)
            durable = True
        except JournalError as error:
            self._around.on_trouble(error)
        finally:
            if not durable:
                self._around.observer.dropped(self.name)
        if durable:
            self._recorded += 1
            self._failed += record.failure is not None
            self._around.observer.finished(self.name, record)

    async def _release_withheld(self) -> None:
        while self._withheld:
            self._around.observer.started(self.name)
            await self._record(self._withheld.pop())

    def _park(self, reason: str) -> None:
        if self._parked is None and not self._halted.is_set():
            self._parked = reason
            self._around.events("parked", variant=self.name, reason=reason)
            self._around.observer.parked(self.name, reason)
        self.halt()


async def run_lanes(lanes: list[Lane], on_end: Callable[[Lane], Awaitable[None]] | None = None) -> list[LaneOutcome]:
    """Run all `lanes` at the same time; one that parks or ends never stops the others.

    Args:
        on_end: awaited as each lane ends, e.g. to release its provider.
    """
    outcomes: dict[str, LaneOutcome] = {}

    async def drive(lane: Lane) -> None:
        outcomes[lane.name] = await lane.run()
        if on_end:
            await on_end(lane)

    async with anyio.create_task_group() as group:
        for lane in lanes:
            group.start_soon(drive, lane)
    return [outcomes[lane.name] for lane in lanes]
