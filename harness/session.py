"""One invocation over an open journal: what is left of the plan, everything it takes, and how it ended.

Everything opened here is closed here, in the opposite order, whatever happens in between.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread

from harness.budget import Budget
from harness.continuing import manifest_of, spent_usd, take_over, with_answers
from harness.dashboard import display_for
from harness.diary import PoolDiary
from harness.drift import DriftWatch
from harness.errors import JournalError, JournalWriteError
from harness.events import AT_MOST_USD, EVENTS_NAME, EventLog
from harness.findings import say
from harness.lane import LaneSpec, Surroundings
from harness.lifetimes import Interrupts, halt_without, interruptible, simulator_for
from harness.outcome import RunOutcome, summed_up
from harness.plan import unfinished
from harness.providers.registry import Registry
from harness.remaining import Remaining, remaining
from harness.retry import RetryPolicy
from harness.reuse import Taken
from harness.scheduler import WORTH_WAITING_S, Lane, run_lanes
from harness.schema import ProviderType
from harness.seeding import last_minute, seed_pools
from harness.stats import RunStats
from harness.watchers import PoolWatch, follow_local_threads, keep_written

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from harness.config import LaneConfig
    from harness.given import Given
    from harness.journal import Journal, Scan
    from harness.lane import LaneOutcome
    from harness.limits import PoolState
    from harness.manifest import Manifest
    from harness.record import Record


_NEXT_TO_NOTHING_USD = 1e-9


class Run:
    """One invocation over an open journal."""

    def __init__(self, given: Given, journal: Journal, on_trouble: Callable[[JournalError], None]) -> None:
        self.outcome: RunOutcome | None = None
        self._given = given
        self._journal = journal
        self._on_trouble = on_trouble
        self._stats = RunStats(journal.path)
        self._lanes: list[Lane] = []
        self._registry: Registry | None = None
        self._halted: str | None = None
        self._taken = Taken()

    def halt(self, reason: str) -> None:
        """Take no more work, end local generation at its next step, let what is in flight at the APIs finish."""
        if self._halted is None:
            self._halted = reason
            self._stats.note(reason)
        for lane in self._lanes:
            lane.halt()
        if self._registry is not None:
            self._registry.stop_local()

    async def run(self) -> RunOutcome:
        """Do what is left of the plan."""
        manifest = await anyio.to_thread.run_sync(manifest_of, self._given, self._journal)
        there = await anyio.to_thread.run_sync(self._remaining, self._journal.found)
        manifest.count_items(there.total)
        manifest.begin(command=self._given.options.command)
        manifest.write(self._given.folder)
        interrupted = await self._take_over(manifest, there)
        if self._taken.items:
            manifest.write(self._given.folder)
            found = with_answers(self._journal.found, self._taken.items)
            there = await anyio.to_thread.run_sync(self._remaining, found)
        spent = await anyio.to_thread.run_sync(spent_usd, self._given)
        left = [lane for lane in self._given.lanes if there.of(lane.variant.name)]
        for lane in self._given.lanes:
            self._announce(lane, there)
        self._stats.budget(self._given.max_cost_usd, spent)
        limit_usd = self._given.max_cost_usd
        budget = None if limit_usd is None else Budget(limit_usd, spent or 0.0)
        outcomes: list[LaneOutcome] = []
        if interrupted is None and (left or self._taken.items):
            outcomes, interrupted = await self._work(left, there, budget, manifest)
        reused = len(self._taken.items)
        self.outcome = replace(summed_up(self._given.folder, there, outcomes, interrupted), reused=reused)
        totals = {"recorded": self.outcome.recorded, "reused": reused, **self._local_totals()}
        manifest.end(exit_code=self.outcome.exit_code, totals=totals)
        try:
            manifest.write(self._given.folder)
        except JournalWriteError as error:
            say(f"warning {error}")
        return self.outcome

    async def _take_over(self, manifest: Manifest, there: Remaining) -> int | None:
        """Take what other runs have answered; the number of the signal that ended it, None where none did."""
        given, journal = self._given, self._journal

        async def take() -> None:
            self._taken = await take_over(given, journal, manifest, there, is_halted=lambda: self._halted is not None)

        return await interruptible(take, self.halt, signals=given.options.signals) if given.reuse else None

    def _local_totals(self) -> dict[str, Any]:
        totals = self._registry.local_totals() if self._registry else {}
        return {"local": {name: model.facts() for name, model in totals.items()}} if totals else {}

    def _remaining(self, found: Scan) -> Remaining:
        given, count = self._given, self._given.survey.count
        return remaining(
            given.lanes, given.prompts, count, found, retry_failed=given.options.retry_failed, shard=given.shard
        )

    def _announce(self, lane: LaneConfig, there: Remaining) -> None:
        name, variant = lane.variant.name, lane.variant
        pool = self._given.pool_of(name)
        sharers = sum(other is pool and there.of(each) > 0 for each, other in self._given.pools.items())
        self._stats.add_variant(
            name,
            variant.provider,
            variant.model,
            there.total[name],
            there.done[name],
            pool.requests_per_minute if pool else None,
            sharers=max(1, sharers),
            simulated=variant.simulated,
        )
        self._stats.found(name, failed=there.left_alone[name])
        if not there.of(name):
            self._stats.completed(name)

    async def _work(
        self, left: list[LaneConfig], there: Remaining, budget: Budget | None, manifest: Manifest
    ) -> tuple[list[LaneOutcome], int | None]:
        given, events_path = self._given, self._given.folder / EVENTS_NAME
        async with contextlib.AsyncExitStack() as stack:
            past = await anyio.to_thread.run_sync(last_minute, given.folders, given.pools)
            events = stack.enter_context(EventLog(events_path))
            events("begin", run_id=manifest.run_id, items_left=sum(there.of(lane.variant.name) for lane in left))
            self._taken.tell(events, self._stats.note, goes_on=self._journal.found.records > 0)
            simulator = await stack.enter_async_context(simulator_for(left, faults=given.options.faults))
            url = simulator.url if simulator else None
            day, tell = manifest.created_at[:10], self._on_pool_change(events)
            self._registry = Registry(
                given.environment, url, tell, given.lanes, day=day, shard=given.shard, cluster=given.cluster
            )
            stack.push_async_callback(self._registry.aclose)
            drift = DriftWatch(manifest.resolved)
            around = Surroundings(
                manifest.run_id,
                self._commit(drift, events),
                self._stats,
                events,
                self._on_trouble,
                budget=budget,
            )
            self._lanes = [self._make_lane(lane, there, around) for lane in left]
            seed_pools(self._registry.pools(), past, given.whole_config)
            async with anyio.create_task_group() as background:
                display = None if given.options.display == "none" else display_for(given.options.display)
                if display:
                    background.start_soon(display.run, self._stats)
                background.start_soon(follow_local_threads, self._registry, self._stats, events)
                background.start_soon(keep_written, drift, lambda: manifest.write(given.folder))
                if simulator:
                    background.start_soon(halt_without, simulator, self.halt)
                with anyio.CancelScope() as work:
                    interrupts = Interrupts(self.halt, work.cancel)
                    if given.options.signals:
                        background.start_soon(interrupts.watch)
                    worth_waiting_s = float("inf") if given.config.wait_for_quota else WORTH_WAITING_S
                    outcomes = await run_lanes(self._lanes, self._release, worth_waiting_s=worth_waiting_s)
                if display:
                    display.leave()
                background.cancel_scope.cancel()
            if work.cancelled_caught:
                outcomes = [lane.outcome() for lane in self._lanes]
            events("end", halted=self._halted, **self._cut(budget))
        return outcomes, interrupts.signal

    def _cut(self, budget: Budget | None) -> dict[str, Any]:
        """What the end cut off: attempts under way, and what they may have cost."""
        cut = {lane.name: number for lane in self._lanes if (number := lane.under_way())}
        counted = self._stats.cost_usd or 0.0
        at_most_usd = budget.spent_usd - counted if budget else 0.0
        facts: dict[str, Any] = {"cut": cut} if cut else {}
        return facts | ({AT_MOST_USD: at_most_usd} if at_most_usd > _NEXT_TO_NOTHING_USD else {})

    def _on_pool_change(self, events: EventLog) -> Callable[[list[str], PoolState], None]:
        watch, diary = PoolWatch(self._stats), PoolDiary(events)

        def changed(variants: list[str], state: PoolState) -> None:
            watch.changed(variants, state)
            diary.changed(variants, state)

        return changed

    def _commit(self, drift: DriftWatch, events: EventLog) -> Callable[[Record], Awaitable[None]]:
        async def commit(record: Record) -> None:
            await self._journal.writer.append(record.to_line())
            for fact, (before, now) in drift.changes(record).items():
                name = record.request.variant.name
                events("drift", variant=name, fact=fact, before=before, now=now)
                self._stats.note(f"{name}: {fact} changed from {before} to {now}; records hold both.")

        return commit

    def _make_lane(self, lane: LaneConfig, there: Remaining, around: Surroundings) -> Lane:
        assert self._registry is not None
        provider, pool = self._registry.connect(lane)
        name, local = lane.variant.name, lane.variant.provider is ProviderType.LOCAL
        made = Lane(
            LaneSpec(
                variant=lane.variant,
                provider=provider,
                pool=pool,
                requests=unfinished(lane.variant, lane.seed, self._given.prompts, there.skip),
                workers=pool.concurrency,
                policy=RetryPolicy(lane.model.max_retries),
                deadline_s=None if local else lane.model.timeout_s,
                # What another run was answered says nothing of the server that is asked now.
                proven=there.done[name] > self._taken.by_variant[name],
                pricing=self._given.prices.get(name),
            ),
            around,
        )
        self._stats.follow(name, made.oldest)
        return made

    async def _release(self, lane: Lane) -> None:
        """Local weights are freed when the last lane that uses them ends, so that the next ones can load."""
        if lane.spec.variant.provider is ProviderType.LOCAL:
            await lane.spec.provider.aclose()
