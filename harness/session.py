"""One invocation over an open journal: what is left of the plan, everything it takes, and how it ended.

Everything opened here is closed here, in the opposite order, whatever happens in between.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread

from harness.dashboard import display_for
from harness.drift import DriftWatch
from harness.errors import JournalError, JournalWriteError
from harness.events import EventLog
from harness.findings import say
from harness.lane import LaneSpec, Surroundings
from harness.lifetimes import Interrupts, halt_without, simulator_for
from harness.manifest import Manifest, describe_config, describe_variant, refuse_changed_variants
from harness.outcome import RunOptions, RunOutcome
from harness.plan import requests_for
from harness.providers.registry import Registry
from harness.resume import count_done, recovered_run_id, refuse_changed_prompts
from harness.retry import RetryPolicy
from harness.scheduler import Lane, run_lanes
from harness.schema import ProviderType
from harness.stats import RunStats
from harness.watchers import PoolWatch, follow_local_threads, keep_written

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from harness.config import Environment, LaneConfig, RunConfig
    from harness.journal import Journal
    from harness.lane import LaneOutcome
    from harness.prompts import PromptSurvey
    from harness.record import Record
    from harness.schema import Prompt

EVENTS_NAME = "events.jsonl"


@dataclass(frozen=True, slots=True)
class Given:
    """What a run starts from, all of it checked. `whole_config` is `config` without the filters of this invocation."""

    config: RunConfig
    whole_config: RunConfig
    environment: Environment
    options: RunOptions
    folder: Path
    lanes: tuple[LaneConfig, ...]
    prompts: Iterable[Prompt]
    survey: PromptSurvey


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
        self._done_before: dict[str, int] = {}

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
        done = self._done_before = await anyio.to_thread.run_sync(self._count_done)
        left = [lane for lane in self._given.lanes if done[lane.variant.name] < self._total(lane)]
        for lane in self._given.lanes:
            self._announce(lane, done[lane.variant.name])
        manifest.begin(command=self._given.options.command)
        manifest.write(self._given.folder)
        outcomes, interrupted = await self._work(left, manifest) if left else ([], None)
        self.outcome = self._sum_up(outcomes, sum(done.values()), interrupted)
        manifest.end(exit_code=self.outcome.exit_code, totals={"recorded": self.outcome.recorded})
        try:
            manifest.write(self._given.folder)
        except JournalWriteError as error:
            say(f"warning {error}")
        return self.outcome

    def _count_done(self) -> dict[str, int]:
        """How many items of each variant have an answer already."""
        done = self._journal.found.done
        return {
            lane.variant.name: count_done(lane, self._given.prompts, self._total(lane), done)
            for lane in self._given.lanes
        }

    def _total(self, lane: LaneConfig) -> int:
        return self._given.survey.count * lane.variant.repeats

    def _announce(self, lane: LaneConfig, done: int) -> None:
        variant = lane.variant
        local = variant.provider is ProviderType.LOCAL
        self._stats.add_variant(
            variant.name,
            variant.provider,
            variant.model,
            self._total(lane),
            done,
            None if local else lane.model.requests_per_minute,
            simulated=variant.simulated,
        )
        if done == self._total(lane):
            self._stats.completed(variant.name)

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

    async def _work(self, left: list[LaneConfig], manifest: Manifest) -> tuple[list[LaneOutcome], int | None]:
        watch = PoolWatch(self._stats)
        async with contextlib.AsyncExitStack() as stack:
            events = stack.enter_context(EventLog(self._given.folder / EVENTS_NAME))
            events("begin", run_id=manifest.run_id, items_left=len(left))
            simulator = await stack.enter_async_context(simulator_for(left))
            url = simulator.url if simulator else None
            self._registry = Registry(self._given.environment, url, watch.changed, left)
            stack.push_async_callback(self._registry.aclose)
            drift = DriftWatch(manifest.resolved)
            self._lanes = self._make_lanes(left, manifest.run_id, drift, events)
            async with anyio.create_task_group() as background:
                display = None if self._given.options.display == "none" else display_for(self._given.options.display)
                if display:
                    background.start_soon(display.run, self._stats)
                background.start_soon(follow_local_threads, self._registry, self._stats, events)
                background.start_soon(keep_written, drift, lambda: manifest.write(self._given.folder))
                if simulator:
                    background.start_soon(halt_without, simulator, self.halt)
                with anyio.CancelScope() as work:
                    interrupts = Interrupts(self.halt, work.cancel)
                    background.start_soon(interrupts.watch)
                    outcomes = await run_lanes(self._lanes, self._release)
                if display:
                    display.leave()
                background.cancel_scope.cancel()
            if work.cancelled_caught:
                outcomes = [lane.outcome() for lane in self._lanes]
            events("end", halted=self._halted)
        return outcomes, interrupts.signal

    def _make_lanes(self, left: list[LaneConfig], run_id: str, drift: DriftWatch, events: EventLog) -> list[Lane]:
        assert self._registry is not None

        async def commit(record: Record) -> None:
            await self._journal.writer.append(record.to_line())
            for fact, (before, now) in drift.changes(record).items():
                name = record.request.variant.name
                events("drift", variant=name, fact=fact, before=before, now=now)
                self._stats.note(f"{name}: {fact} changed from {before} to {now}; records hold both.")

        around = Surroundings(run_id, commit, self._stats, events, self._on_trouble)
        lanes = []
        for lane in left:
            provider, pool = self._registry.connect(lane)
            local = lane.variant.provider is ProviderType.LOCAL
            spec = LaneSpec(
                variant=lane.variant,
                provider=provider,
                pool=pool,
                requests=requests_for(lane.variant, lane.seed, self._given.prompts, self._journal.found.done),
                workers=pool.concurrency,
                policy=RetryPolicy(lane.model.max_retries),
                deadline_s=None if local else lane.model.timeout_s,
                proven=self._done_before[lane.variant.name] > 0,
            )
            lanes.append(Lane(spec, around))
        return lanes

    async def _release(self, lane: Lane) -> None:
        """Local weights are freed when the last lane that uses them ends, so that the next ones can load."""
        if lane.spec.variant.provider is ProviderType.LOCAL:
            await lane.spec.provider.aclose()

    def _sum_up(self, outcomes: list[LaneOutcome], done_before: int, interrupted: int | None) -> RunOutcome:
        recorded = sum(outcome.recorded for outcome in outcomes)
        failed = sum(outcome.failed for outcome in outcomes)
        parked = {outcome.name: outcome.parked for outcome in outcomes if outcome.parked}
        total = sum(self._total(lane) for lane in self._given.lanes)
        complete = done_before + recorded >= total
        exit_code = 128 + interrupted if interrupted else 3 if not complete else 1 if failed else 0
        return RunOutcome(
            self._given.folder,
            exit_code,
            total,
            done_before + recorded,
            recorded,
            failed,
            parked,
        )
