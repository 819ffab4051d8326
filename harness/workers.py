"""One lane at work: pull → limit → call → record. Knows no other lane, no SDK, no torch and no screen.

A lane drives one variant with a fixed number of workers that pull from one lazy iterator.
"""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING

import anyio

from harness.admission import Admission, OutOfMoneyError
from harness.backlog import Backlog
from harness.diary import Diary
from harness.errors import AttemptTimeout, HarnessError, JournalError, LaneError, ProviderError
from harness.in_flight import RequestState
from harness.lane import LaneOutcome
from harness.record import Record
from harness.schema import Completion, Failure, ProviderType, Timing
from harness.verdict import Again, GiveUp, Judge, Park, Rest

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.admission import Passage
    from harness.backlog import Item
    from harness.in_flight import RequestInFlight
    from harness.lane import LaneSpec, Surroundings


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
        self._admission = Admission(spec, around.budget)
        self._withheld: list[Record] = []
        self._recorded = self._failed = 0
        self._diary = Diary(spec.variant.name, around)
        self._parked: str | None = None
        self._out_of_money = False

    @property
    def name(self) -> str:
        """The variant's name."""
        return self.spec.variant.name

    def oldest(self) -> RequestInFlight | None:
        """The request that was taken first of those that are not finished."""
        return self._backlog.oldest()

    def under_way(self) -> int:
        """How many requests were sent without a line in the journal: not back, or back when the disk refused."""
        return self._backlog.under_way()

    def rests_for(self) -> float:
        """Seconds until the pool's quota is there again, 0 where it is."""
        return max(0.0, (self.spec.pool.rests_until or 0.0) - anyio.current_time())

    def halt(self) -> None:
        """Take no more work; what is in flight finishes, what waits for its turn does not."""
        self._halted.set()
        self._admission.halt()

    def park(self, reason: str) -> None:
        """Halt, because nothing can succeed along this lane for now."""
        if self._parked is None and not self._halted.is_set():
            self._parked = reason
            self._diary.parked(reason)
        self.halt()

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
        complete = self._backlog.is_exhausted and self._recorded == self._backlog.taken
        return LaneOutcome(self.name, self._recorded, self._failed, complete, self._parked, self._out_of_money)

    async def _work(self) -> None:
        while (item := await self._next()) is not None:
            try:
                passage = await self._admission.enter(item)
            except OutOfMoneyError as error:
                self._out_of_money = True
                self.park(str(error))
                return
            if passage is None:
                return
            try:
                await self._attempt(item, passage)
            except Exception:  # noqa: BLE001 - a bug must not cost the other lanes their night
                self._bug()
            finally:
                passage.close()

    async def _next(self) -> Item | None:
        try:
            return await self._backlog.next()
        except (HarnessError, OSError) as error:
            self.park(f"the prompts cannot be read any further: {error}")
            return None

    async def _attempt(self, item: Item, passage: Passage) -> None:
        began_at, began = self._around.now(), anyio.current_time()
        self._diary.goes_on()
        self._around.observer.started(self.name)
        item.becomes(RequestState.SENT)
        item.sent += 1
        record: Record | None = None
        try:
            outcome = await self._ask(item)
            took = Timing(began_at, anyio.current_time() - began, began - item.taken_at)
            if isinstance(outcome, Completion):
                record = self._answered(item, outcome, outcome.timing or took, passage)
            else:
                record = self._failed_attempt(item, outcome, took, passage)
        finally:
            if record is None:
                self._around.observer.dropped(self.name)
        if record is not None:
            if await self._record(record):
                self._backlog.finished(item)
            if record.completion is not None:
                await self._release_withheld()

    async def _ask(self, item: Item) -> Completion | ProviderError:
        """One attempt at `item`; how it failed comes back as a value, so that what is done about it may fail too."""
        try:
            with anyio.move_on_after(self.spec.deadline_s):
                return await self.spec.provider.generate(item.request)
        except ProviderError as error:
            return error
        return AttemptTimeout(
            f"No whole answer came within {self.spec.deadline_s:g} s (timeout_s). Raise it if answers take that long."
        )

    def _answered(self, item: Item, completion: Completion, took: Timing, passage: Passage) -> Record:
        cost_usd = self.spec.pricing.cost(completion.usage) if self.spec.pricing else None
        passage.settle(completion.usage, cost_usd)
        if cost_usd is None and passage.held_usd:
            self._diary.unmetered(item, passage.held_usd)
        self._judge.answered()
        self.spec.pool.answered(completion.rate, passage.ticket)
        return self._made(item, took, completion, cost_usd)

    def _failed_attempt(self, item: Item, error: ProviderError, took: Timing, passage: Passage) -> Record | None:
        """Do what the judge says; the failure record where the item is given up."""
        billed = error.may_be_billed
        passage.settle(cost_usd=None if billed else 0.0, sent=error.sent, answered=billed)
        item.sent -= not error.sent
        item.failures += self.spec.policy.counts(error)
        if self._halted.is_set() and isinstance(error, LaneError):
            # The lane has parked on such a one already; or, of a local model, it is the halt's own doing.
            if self.spec.variant.provider is not ProviderType.LOCAL:
                self._diary.attempt("refused", item, error, None, None)
            return None
        self._around.observer.attempt_failed(self.name, error.message)
        at_most_usd = passage.held_usd if billed else None
        match self._judge.judge(error, item.failures, item.number):
            case Again(due, event):
                self._backlog.again(item, due)
                self._diary.attempt(event, item, error, due, at_most_usd)
            case Rest(due, reason):
                self._backlog.again(item, due)
                self._diary.attempt("quota_exhausted", item, error, due, at_most_usd)
                if not self._halted.is_set():
                    self._diary.parked(reason, due)
                    self.on_rest()
            case Park(reason):
                self._withheld.clear()
                self._diary.attempt("refused", item, error, None, at_most_usd)
                self.park(reason)
            case GiveUp(withhold) if self._parked is None:
                # Whether a withheld one has failed is not known yet: it may be all of the lane that is refused.
                self._diary.attempt("refused" if withhold else "failed", item, error, None, at_most_usd)
                failure = Failure(type(error).__name__, error.message, error.status, error.retryable, item.sent)
                record = self._made(item, took, failure)
                if not withhold:
                    return record
                self._withheld.append(record)
                self._backlog.finished(item)
        return None

    def _bug(self) -> None:
        told = traceback.format_exc(limit=20)
        self._diary.bug(told)
        last = told.strip().splitlines()[-1]
        self.park(f"an unexpected error: {last[:500]}. The traceback is in events.jsonl; please report it.")

    def _made(self, item: Item, took: Timing, outcome: Completion | Failure, cost_usd: float | None = None) -> Record:
        return Record(
            run_id=self._around.run_id,
            request=item.request,
            completion=outcome if isinstance(outcome, Completion) else None,
            failure=outcome if isinstance(outcome, Failure) else None,
            timestamp=took.started_at,
            elapsed_seconds=took.elapsed_seconds,
            queued_seconds=took.queued_seconds,
            retry_count=max(0, item.sent - 1),
            cost_usd=cost_usd,
        )

    async def _record(self, record: Record, *, under_way: bool = True) -> bool:
        """Make `record` durable; then it counts. Whether it could be.

        Args:
            under_way: whether an attempt was told to the observer as started, which this one ends.
        """
        durable, observer = False, self._around.observer
        try:
            await self._around.commit(record)
            durable = True
        except JournalError as error:
            self._around.on_trouble(error)
        finally:
            if under_way and not durable:
                observer.dropped(self.name)
        if durable:
            self._recorded += 1
            self._failed += record.failure is not None
            (observer.finished if under_way else observer.recorded)(self.name, record)
        return durable

    async def _release_withheld(self) -> None:
        while self._withheld:
            await self._record(self._withheld.pop(), under_way=False)
