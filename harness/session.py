"""One invocation over an open journal: what is left of the plan, everything it takes, and how it ended.

Everything opened here is closed here, in the opposite order, whatever happens in between.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread

from harness.budget import Budget
from harness.config import pools_of, settings_of
from harness.dashboard import display_for
from harness.diary import PoolDiary
from harness.drift import DriftWatch
from harness.errors import JournalError, JournalWriteError
from harness.events import EVENTS_NAME, EventLog
from harness.findings import say
from harness.journal.tail import costs
from harness.lane import LaneSpec, Surroundings
from harness.lifetimes import Interrupts, halt_without, simulator_for
from harness.manifest import Manifest, describe_config, describe_variant, refuse_changed_variants
from harness.outcome import RunOptions, RunOutcome, summed_up
from harness.plan import unfinished
from harness.providers.registry import Registry
from harness.remaining import Remaining, remaining
from harness.resume import recovered_run_id, refuse_changed_prompts
from harness.retry import RetryPolicy
from harness.scheduler import WORTH_WAITING_S, Lane, run_lanes
from harness.schema import ProviderType
from harness.seeding import last_minute, seed_pools
from harness.stats import RunStats
from harness.watchers import PoolWatch, follow_local_threads, keep_written

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping
    from pathlib import Path

    from harness.config import Environment, LaneConfig, RunConfig
    from harness.journal import Journal
    from harness.lane import LaneOutcome
    from harness.limits import PoolState
    from harness.pricing import Pricing
    from harness.prompts import PromptSurvey
    from harness.record import Record
    from harness.schema import Prompt


@dataclass(frozen=True, slots=True)
class Given:
    """What a run starts from, all of it checked.

    Args:
        whole_config: `config` without the filters of this invocation.
        prices: of the variants of APIs; None where one is not known.
    """

    config: RunConfig
    whole_config: RunConfig
    environment: Environment
    options: RunOptions
    folder: Path
    lanes: tuple[LaneConfig, ...]
    prompts: Iterable[Prompt]
    survey: PromptSurvey
    prices: Mapping[str, Pricing | None] = field(default_factory=dict)


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
        manifest = await anyio.to_thread.run_sync(self._manifest)
        there = await anyio.to_thread.run_sync(self._remaining)
        spent_usd = await anyio.to_thread.run_sync(self._spent_usd)
        left = [lane for lane in self._given.lanes if there.of(lane.variant.name)]
        caps_rpm: dict[str, float | None] = {}
        for sharers in pools_of(self._given.lanes, self._given.environment).values():
            caps_rpm |= {lane.variant.name: settings_of(sharers).requests_per_minute for lane in sharers}
        for lane in self._given.lanes:
            self._announce(lane, there, caps_rpm.get(lane.variant.name))
        self._stats.budget(self._given.config.max_cost_usd, spent_usd)
        manifest.begin(command=self._given.options.command)
        manifest.write(self._given.folder)
        budget = Budget(self._given.config.max_cost_usd, spent_usd or 0.0)
        outcomes, interrupted = await self._work(left, there, budget, manifest) if left else ([], None)
        self.outcome = summed_up(self._given.folder, there, outcomes, interrupted)
        manifest.end(exit_code=self.outcome.exit_code, totals={"recorded": self.outcome.recorded})
        try:
            manifest.write(self._given.folder)
        except JournalWriteError as error:
            say(f"warning {error}")
        return self.outcome

    def _remaining(self) -> Remaining:
        given = self._given
        found, retry_failed = self._journal.found, given.options.retry_failed
        return remaining(given.lanes, given.prompts, given.survey.count, found, retry_failed=retry_failed)

    def _spent_usd(self) -> float | None:
        """What the folder's answers have cost; None where none of this run's will cost anything."""
        return costs(self._journal.path) if any(self._given.prices.values()) else None

    def _announce(self, lane: LaneConfig, there: Remaining, cap_rpm: float | None) -> None:
        name, variant = lane.variant.name, lane.variant
        self._stats.add_variant(
            name,
            variant.provider,
            variant.model,
            there.total[name],
            there.done[name] + there.left_alone[name],
            cap_rpm,
            simulated=variant.simulated,
        )
        if not there.of(name):
            self._stats.completed(name)

    def _manifest(self) -> Manifest:
        """The folder's manifest, brought up to date, once it is clear that this is still the same plan."""
        variants = [lane.variant for lane in self._given.lanes]
        manifest = Manifest.read(self._given.folder)
        if manifest is None:
            kinds = {variant.simulated for variant in variants}
            manifest = Manifest.new(recovered_run_id(self._journal.path, simulated=kinds))
        refuse_changed_variants(manifest, variants, self._given.folder)
        if self._journal.found.records and manifest.prompts.get("sha256") != self._given.survey.sha256:
            refuse_changed_prompts(self._journal.path, self._given.lanes, self._given.prompts)
        manifest.variants |= {variant.name: describe_variant(variant) for variant in variants}
        manifest.simulated = any(facts["simulated"] for facts in manifest.variants.values())
        # A narrower invocation (--num-prompts, --model) must not make the folder look smaller than it is.
        seen = manifest.prompts.get("count", 0) if manifest.prompts.get("sha256") == self._given.survey.sha256 else 0
        manifest.prompts = {
            "file": self._given.config.prompts_file,
            "sha256": self._given.survey.sha256,
            "count": max(seen, self._given.survey.count),
        }
        manifest.config = describe_config(self._given.whole_config)
        return manifest

    async def _work(
        self, left: list[LaneConfig], there: Remaining, budget: Budget, manifest: Manifest
    ) -> tuple[list[LaneOutcome], int | None]:
        given, events_path = self._given, self._given.folder / EVENTS_NAME
        past = await anyio.to_thread.run_sync(last_minute, self._journal.path, events_path, datetime.now(UTC))
        async with contextlib.AsyncExitStack() as stack:
            events = stack.enter_context(EventLog(events_path))
            events("begin", run_id=manifest.run_id, items_left=sum(there.of(lane.variant.name) for lane in left))
            simulator = await stack.enter_async_context(simulator_for(left, faults=given.options.faults))
            url = simulator.url if simulator else None
            self._registry = Registry(given.environment, url, self._on_pool_change(events), given.lanes)
            stack.push_async_callback(self._registry.aclose)
            drift = DriftWatch(manifest.resolved)
            around = Surroundings(
                manifest.run_id,
                self._commit(drift, events),
                self._stats,
                events,
                self._on_trouble,
                budget=budget if given.config.max_cost_usd is not None else None,
            )
            self._lanes = [self._make_lane(lane, there, around) for lane in left]
            seed_pools(self._registry.pools(), past)
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
                    background.start_soon(interrupts.watch)
                    worth_waiting_s = float("inf") if given.config.wait_for_quota else WORTH_WAITING_S
                    outcomes = await run_lanes(self._lanes, self._release, worth_waiting_s=worth_waiting_s)
                if display:
                    display.leave()
                background.cancel_scope.cancel()
            if work.cancelled_caught:
                outcomes = [lane.outcome() for lane in self._lanes]
            events("end", halted=self._halted)
        return outcomes, interrupts.signal

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
                proven=there.done[name] > 0,
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
