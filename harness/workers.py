"""One lane at work: pull → limit → call → record. Knows no other lane, no SDK, no torch and no screen.

A lane drives one variant with a fixed number of workers that pull from one lazy iterator.
"""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, TypeVar

import anyio

from harness.backlog import Backlog
from harness.diary import Diary
from harness.errors import AttemptTimeout, HarnessError, JournalError, LaneError, ProviderError
from harness.in_flight import RequestState
from harness.lane import LaneOutcome
from harness.limits import NOTHING, Need
from harness.purse import Purse
from harness.record import Record
from harness.schema import Failure, Timing
from harness.tokens import estimated_input, most_output
from harness.verdict import Again, GiveUp, Judge, Park, Rest

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from harness.backlog import Item
    from harness.in_flight import RequestInFlight
    from harness.lane import LaneSpec, Surroundings
    from harness.limits import Ticket
    from harness.schema import Completion

_T = TypeVar("_T")


class Lane:
    """Drives one variant to its end, to a park, or to a halt."""

    def __init__(self, spec: LaneSpec, around: Surroundings) -> None:
        self.spec = spec
        self.on_rest: Callable[[], None] = lambda: None
        """Called when the lane begins to wait for a quota."""
        self._around = around
        self._judge = Judge(spec.pool, spec.policy, proven=spec.proven)
        self._halted = anyio.Event()
        self._backlog = Backlog(spec.requests, spec.workers, self._halted)
        self._waiting: set[anyio.CancelScope] = set()
        self._withheld: list[Record] = []
        self._recorded = self._failed = 0
        self._diary = Diary(spec.variant.name, around)
        self._purse = Purse(around.budget, spec.pricing)
        self._parked: str | None = None

    @property
    def name(self) -> str:
        """The variant's name."""
        return self.spec.variant.name

    def oldest(self) -> RequestInFlight | None:
        """The request that was taken first of those that are not finished."""
        return self._backlog.oldest()

    def rests_for(self) -> float:
        """Seconds until the pool's quota is there again, 0 where it is."""
        return max(0.0, (self.spec.pool.rests_until or 0.0) - anyio.current_time())

    def halt(self) -> None:
        """Take no more work; what is in flight finishes, what waits for its turn does not."""
        self._halted.set()
        for scope in self._waiting:
            scope.cancel()

    def park(self, reason: str) -> None:
        """Halt, because nothing can succeed along this lane for now."""
        if self._parked is None and not self._halted.is_set():
            self._parked = reason
            self._diary.parked(reason)
        self.halt()

    async def run(self) -> LaneOutcome:
        """Work until nothing is left, the lane parks, or `halt` is called."""
        try:
            async with anyio.create_task_group() as workers:
                for _ in range(self.spec.workers):
                    workers.start_soon(self._work)
        finally:
            for item in self._backlog.unfinished():
                self._purse.settle(item, 0.0)
        await self._release_withheld()
        outcome = self.outcome()
        if outcome.complete:
            self._around.observer.completed(self.name)
        return outcome

    def outcome(self) -> LaneOutcome:
        """How far the lane has come; of use also where `run` was cancelled."""
        complete = self._backlog.is_exhausted and self._recorded == self._backlog.taken
        return LaneOutcome(self.name, self._recorded, self._failed, complete, self._parked)

    async def _work(self) -> None:
        pool = self.spec.pool
        while (item := await self._next()) is not None:
            if not await self._has_money(item):
                continue
            need = self._need(item) if pool.counts_tokens else NOTHING
            ticket = pool.acquire_nowait(need) or await self._wait_for_ticket(need)
            if ticket is None:
                return
            try:
                await self._attempt(item, ticket)
            finally:
                pool.release(ticket)

    async def _next(self) -> Item | None:
        try:
            return await self._backlog.next()
        except (HarnessError, OSError) as error:
            self.park(f"the prompts cannot be read any further: {error}")
            return None

    def _need(self, item: Item) -> Need:
        if item.need is None:
            item.need = Need(estimated_input(item.request), most_output(self.spec.variant))
        return item.need

    async def _has_money(self, item: Item) -> bool:
        """Whether the budget holds back what `item` may cost; else it was put back, or the lane parked."""
        if self._purse.has_paid(item):
            return True
        need = self._need(item)
        paid = self._purse.pay_nowait(item, need)
        if paid is None:
            # Not beyond the next item's due time: its money is reserved, and its end may be what this one waits for.
            paid = await self._unless_halted(lambda: self._purse.pay(item, need), until=self._backlog.next_due)
        if paid is None:
            self._backlog.again(item, anyio.current_time())
        elif not paid:
            self.park(self._purse.refusal(need))
        return bool(paid)

    async def _wait_for_ticket(self, need: Need) -> Ticket | None:
        """A ticket of the pool, None where the lane is halted first: a pause may last hours."""
        ticket = await self._unless_halted(lambda: self.spec.pool.acquire(need))
        if ticket is not None and self._halted.is_set():
            self.spec.pool.settle(ticket, sent=False)
            self.spec.pool.release(ticket)
            return None
        return ticket

    async def _unless_halted(self, wait: Callable[[], Awaitable[_T]], until: float | None = None) -> _T | None:
        """What `wait` brings, or None where the lane is halted, or `until` comes, first."""
        with anyio.CancelScope() as scope:
            if until is not None:
                scope.deadline = until
            self._waiting.add(scope)
            try:
                return await wait()
            finally:
                self._waiting.discard(scope)
        return None

    async def _attempt(self, item: Item, ticket: Ticket) -> None:
        around, pool, began_at, began = self._around, self.spec.pool, self._around.now(), anyio.current_time()
        self._diary.goes_on()
        around.observer.started(self.name)
        item.becomes(RequestState.SENT)
        item.sent += 1
        record: Record | None = None
        try:
            completion = await self._ask(item)
            self._judge.answered()
            pool.settle(ticket, completion.usage)
            pool.answered(completion.rate, ticket)
            took = completion.timing or Timing(began_at, anyio.current_time() - began, began - item.taken_at)
            record = self._made(item, took, completion)
        except ProviderError as error:
            # An answer that came too late for us may have been written, and counted, all the same.
            pool.settle(ticket, sent=error.sent, answered=isinstance(error, AttemptTimeout))
            took = Timing(began_at, anyio.current_time() - began, began - item.taken_at)
            record = self._failed_attempt(item, error, took)
        except Exception as error:  # noqa: BLE001 - a bug in one provider must not cost the other lanes their night
            self._diary.bug(traceback.format_exc(limit=20))
            self.park(
                f"an unexpected {type(error).__name__}: {error}. The traceback is in events.jsonl; please report it."
            )
        finally:
            if record is None:
                around.observer.dropped(self.name)
        if record is not None:
            await self._record(record)
            self._backlog.finished(item)
            if record.completion is not None:
                await self._release_withheld()

    async def _ask(self, item: Item) -> Completion:
        with anyio.move_on_after(self.spec.deadline_s):
            return await self.spec.provider.generate(item.request)
        raise AttemptTimeout(
            f"No whole answer came within {self.spec.deadline_s:g} s (timeout_s). Raise it if answers take that long."
        )

    def _failed_attempt(self, item: Item, error: ProviderError, took: Timing) -> Record | None:
        """Do what the judge says; the failure record where the item is given up."""
        item.sent -= not error.sent
        item.failures += self.spec.policy.counts(error)
        if self._halted.is_set() and isinstance(error, LaneError):
            # The halt's own doing: local generation that was told to stop.
            return None
        self._around.observer.attempt_failed(self.name, error.message)
        if isinstance(error, AttemptTimeout):
            self._purse.lost(item)
        match self._judge.judge(error, item.failures, item.number):
            case Again(due, event):
                self._backlog.again(item, due)
                self._diary.attempt(event, item, error, due)
            case Rest(due, reason):
                self._backlog.again(item, due)
                self._diary.attempt("quota_exhausted", item, error, due)
                if not self._halted.is_set():
                    self._diary.parked(reason, due)
                    self.on_rest()
            case Park(reason):
                self._withheld.clear()
                self._diary.attempt("refused", item, error)
                self.park(reason)
            case GiveUp(withhold) if self._parked is None:
                self._diary.attempt("failed", item, error)
                failure = Failure(type(error).__name__, error.message, error.status, error.retryable, item.sent)
                record = self._made(item, took, failure)
                self._purse.settle(item, 0.0)
                if not withhold:
                    return record
                self._withheld.append(record)
                self._backlog.finished(item)
        return None

    def _made(self, item: Item, took: Timing, outcome: Completion | Failure) -> Record:
        done = None if isinstance(outcome, Failure) else outcome
        cost_usd = self._purse.cost(done.usage) if done else None
        if done:
            self._purse.settle(item, cost_usd)
        return Record(
            run_id=self._around.run_id,
            request=item.request,
            completion=done,
            failure=outcome if isinstance(outcome, Failure) else None,
            timestamp=took.started_at,
            elapsed_seconds=took.elapsed_seconds,
            queued_seconds=took.queued_seconds,
            retry_count=max(0, item.sent - 1),
            cost_usd=cost_usd,
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
