"""A run of another process as statistics, from what its journal and its events say. Reads no file, shows nothing."""

from __future__ import annotations

import math
import time
from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING, Any

from harness.events import AT_MOST_USD
from harness.reuse import sentence
from harness.stats import RunStats
from harness.tally import Described, Tally

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from harness.manifest import Manifest
    from harness.tally import Batch

NO_RETRY_FAILED = "--no-retry-failed"


class RunClock:
    """The time of a run that is watched, in seconds since the epoch, so that what it did is seen when it did it.

    While something is told that happened earlier, that is the time. Once the run is over, time stands still.
    """

    def __init__(self, began: float, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._moment: float | None = began
        self._latest = began
        self._stopped = False

    def __call__(self) -> float:
        if self._moment is not None:
            return self._moment
        return self._latest if self._stopped else max(self._clock(), self._latest)

    def local_time(self) -> datetime:
        """The same as a date, in local time."""
        return datetime.fromtimestamp(self()).astimezone()

    def tell_of(self, moment: float) -> None:
        """What follows happened at `moment`, though not in the future."""
        self._moment = min(moment, self._clock())
        self._latest = max(self._latest, self._moment)

    def go_on(self) -> None:
        """What was to be told of the past has been."""
        self._moment = None

    def stop(self, moment: float | None) -> None:
        """The run was over at `moment`; None: with the last that is told of it."""
        self._stopped = True
        if moment is not None:
            self._latest = moment


class Replay:
    """The latest invocation in a manifest; earlier ones are what it resumed.

    Belongs to one thread, as `RunStats` does; the `tally`, which is slower, may be at work in another.
    """

    def __init__(self, manifest: Manifest, results_path: Path, clock: Callable[[], float] = time.time) -> None:
        invocation = manifest.invocations[-1]
        self._began = _seconds(invocation["started_at"])
        self._leaves_failed = NO_RETRY_FAILED in invocation.get("command", ())
        self._clock = RunClock(self._began, clock)
        self._variants: set[str] = set()
        self._failed_before: Counter[str] = Counter()
        self._spent_before_usd: float | None = None
        limit_usd = manifest.config.get("max_cost_usd")
        self._max_cost_usd = None if limit_usd is None else manifest.part.share(limit_usd)
        self._unreadable = 0
        self._manifest = manifest
        self._telling = {
            "reused": self._reused,
            "paused": self._paused,
            "resumed": self._resumed,
            "parked": self._parked,
            "unparked": self._unparked,
            "drift": self._drift,
            "loaded": self._loaded,
            "out_of_memory": self._noted,
            "replica_lost": self._noted,
            "end": self._end,
        }
        self.tally = Tally(self._began)
        self.stats = RunStats(results_path, clock=self._clock, now=self._clock.local_time, watched=True)
        self.stats.budget(self._max_cost_usd, None)
        for name, facts in manifest.variants.items():
            described = Described(facts["provider"], facts["model"], bool(facts.get("simulated")))
            self._add_variant(name, described, facts.get("repeats", 1), _cap_rpm(manifest, facts))
        self._clock.go_on()

    def apply(self, batch: Batch) -> None:
        """Take into account what the journal says."""
        stats = self.stats
        for name, described in batch.variants.items():
            if name not in self._variants:
                self._add_variant(name, described, 1, None)
        for name, items in batch.resumed.items():
            stats.found(name, resumed=items)
        self._failed_before.update(batch.failed_before)
        if self._leaves_failed:
            self._count_failed_before()
        if batch.spent_before_usd is not None:
            self._spent_before_usd = (self._spent_before_usd or 0.0) + batch.spent_before_usd
            stats.budget(self._max_cost_usd, self._spent_before_usd)
        for answer in batch.answers:
            self._clock.tell_of(answer.at)
            if answer.makes_good:
                stats.found(answer.result.variant, failed=-1)
            stats.count(answer.result, sent=answer.sent)
        self._clock.go_on()
        if batch.unreadable and not self._unreadable:
            stats.note("The journal has lines that are no records; they are left out here. A run says which they are.")
        self._unreadable += batch.unreadable

    def happened(self, events: Iterable[dict[str, Any]]) -> None:
        """Take into account what the events say; those of earlier invocations are history."""
        for event in events:
            try:
                moment = _seconds(event["time"])
                if moment >= self._began:
                    self._clock.tell_of(moment)
                    self._happened(event)
            except (KeyError, TypeError, ValueError, OverflowError):
                continue  # a diary that was torn by a full disk must not end the watching of it
        self._clock.go_on()

    def over(self, ended_at: str | None) -> None:
        """Nothing goes on any more: since `ended_at`, or None where the run has not said when."""
        self._clock.stop(None if ended_at is None else _seconds(ended_at))
        self.stats.ended()

    def all_told(self, exit_code: int | None) -> None:
        """The run is over and everything it left has been read. None: it was not able to say how it ended."""
        self._count_failed_before()
        if exit_code is None:
            self.stats.error("The run's process is gone without a last word. Give its command again to go on.")
        elif exit_code:
            self.stats.note(f"The run ended with exit code {exit_code}.")

    def _happened(self, event: dict[str, Any]) -> None:
        name = event.get("variant")
        if name is not None and name not in self._variants:
            return
        if at_most_usd := event.get(AT_MOST_USD):
            self.stats.maybe_spent(at_most_usd)
        tell = self._telling.get(event["event"])
        if tell is not None:
            tell(event)
        elif name is not None and event.get("message"):
            self.stats.attempt_failed(name, event["message"])

    def _reused(self, event: dict[str, Any]) -> None:
        if event["taken"] or event["left_out"]:
            self.stats.note(sentence(event["folder"], event["answers"], event["taken"], event["left_out"]))

    def _paused(self, event: dict[str, Any]) -> None:
        until = _seconds(event["until"]) if event["until"] else math.inf
        for name in self._variants.intersection(event["variants"]):
            self.stats.paused(name, until, event["reason"] or "")

    def _resumed(self, event: dict[str, Any]) -> None:
        for name in self._variants.intersection(event["variants"]):
            self.stats.resumed(name)

    def _parked(self, event: dict[str, Any]) -> None:
        until = _seconds(event["until"]) if event.get("until") else None
        self.stats.parked(event["variant"], event["reason"], until)

    def _unparked(self, event: dict[str, Any]) -> None:
        self.stats.unparked(event["variant"])

    def _drift(self, event: dict[str, Any]) -> None:
        fact, before, now = event["fact"], event["before"], event["now"]
        self.stats.note(f"{event['variant']}: {fact} changed from {before} to {now}; records hold both.")

    def _loaded(self, event: dict[str, Any]) -> None:
        self.stats.note(f"{event['model']} was loaded on {event['device']} in {event['seconds']:.1f} s.")
        for note in event["notes"]:
            self.stats.note(f"{event['model']}: {note}")

    def _noted(self, event: dict[str, Any]) -> None:
        if event["note"]:
            self.stats.note(event["note"])

    def _end(self, event: dict[str, Any]) -> None:
        if event["halted"]:
            self.stats.note(event["halted"])

    def _add_variant(self, name: str, described: Described, repeats: int, cap_rpm: float | None) -> None:
        self._variants.add(name)
        self.stats.add_variant(
            name,
            described.provider,
            described.model,
            self._manifest.items_of(name, repeats),
            cap_rpm=cap_rpm,
            simulated=described.simulated,
        )

    def _count_failed_before(self) -> None:
        # A run that tries them again has them still to do. In one that leaves them, and after any, they have failed.
        for name, items in self._failed_before.items():
            self.stats.found(name, failed=items)
        self._failed_before.clear()


def _cap_rpm(manifest: Manifest, variant: dict[str, Any]) -> float | None:
    """The cap that a manifest has for a variant's model, its pool's own before the model's."""
    config = manifest.config
    for model in config.get("models", ()):
        if (model.get("name"), model.get("label")) == (variant["model"], variant.get("label")):
            pool = config.get("pools", {}).get(model.get("pool"), {})
            cap_rpm: float | None = pool.get("requests_per_minute") or model.get("requests_per_minute")
            return None if cap_rpm is None else manifest.part.share(cap_rpm)
    return None


def _seconds(timestamp: str) -> float:
    return datetime.fromisoformat(timestamp).timestamp()
