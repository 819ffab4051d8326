"""Counts what happens in a run and hands out frozen snapshots of it. Knows no scheduler and no screen.

`RunStats` belongs to the event loop's thread: everything is called from there, and nothing in it waits. What others
hold is a `RunSnapshot`, which may go to any thread.
"""

from __future__ import annotations

import math
import time
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from harness.lane_stats import Hold, LaneStats
from harness.messages import Messages
from harness.money import Outlay
from harness.oldest import Oldest
from harness.seen import ErrorSeen, NoteSeen, ResultSeen, Seen
from harness.snapshot import LocalSnapshot, RunSnapshot

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from harness.in_flight import RequestInFlight
    from harness.record import Record

__all__ = ["LocalSnapshot", "RunSnapshot", "RunStats"]


class RunStats:
    """The mutable side.

    Args:
        clock: in seconds, monotonic.
        now: tells local time.
        watched: the run is another process's: what is in flight is unknown, and `ended` says when it is over.
    """

    def __init__(
        self,
        results_path: Path | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now().astimezone(),
        watched: bool = False,
    ) -> None:
        self._results_path = results_path
        self._clock = clock
        self._now = now
        self._began = clock()
        self._version = 0
        self._over: bool | None = False if watched else None
        self._lanes: dict[str, LaneStats] = {}
        self._oldest = Oldest()
        self._local: dict[str, LocalSnapshot] = {}
        self._messages = Messages()
        self._outlay = Outlay()
        self._listeners: list[Callable[[Seen], None]] = []

    @property
    def version(self) -> int:
        """Grows with every change that can be seen; a display need not look again before it does."""
        return self._version

    @property
    def cost_usd(self) -> float | None:
        """What the folder's answers have cost, and attempts without one may have; None where nothing has a price."""
        return self._outlay.total_usd

    def subscribe(self, listener: Callable[[Seen], None]) -> Callable[[], None]:
        """Call `listener` with whatever is seen from now on, and at once with the notes and errors kept so far.

        Returns:
            What ends it.
        """
        for seen in self._messages.seen():
            listener(seen)
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def add_variant(  # noqa: PLR0917 - one call a lane, in the order in which a lane is described
        self,
        name: str,
        provider: str,
        model: str,
        total: int,
        already_done: int = 0,
        cap_rpm: float | None = None,
        *,
        sharers: int = 1,
        simulated: bool = False,
    ) -> None:
        """Announce a variant with `total` items, of which `already_done` had their answer before this run.

        Args:
            sharers: how many variants with work left share `cap_rpm`.
        """
        self._lanes[name] = LaneStats(
            name=name,
            provider=provider,
            model=model,
            simulated=simulated,
            total=total,
            resumed=already_done,
            cap_rpm=cap_rpm,
            sharers=sharers,
            in_flight=0 if self._over is None else None,
        )
        self._version += 1

    def follow(self, name: str, source: Callable[[], RequestInFlight | None]) -> None:
        """Ask `source` for the variant's oldest request in flight whenever a snapshot is taken."""
        self._oldest.follow(name, source)

    def budget(self, max_cost_usd: float | None, spent_before_usd: float | None) -> None:
        """What the folder's answers may cost at most, and what those of earlier runs have cost; None where unknown."""
        self._outlay.limit_usd, self._outlay.before_usd = max_cost_usd, spent_before_usd
        self._version += 1

    def started(self, name: str) -> None:
        """An attempt is under way. Exactly one of `finished` and `dropped` follows."""
        self._lanes[name].start(self._clock())
        self._version += 1

    def attempt_failed(self, name: str, message: str) -> None:
        """The attempt under way failed, and why, whether or not its item is tried again. It ends nothing by itself."""
        self._keep_error(name, message)

    def dropped(self, name: str) -> None:
        """An attempt that was started is over without an outcome for its item."""
        self._lanes[name].end()
        self._version += 1

    def finished(self, name: str, record: Record) -> None:
        """An attempt that was started gave its item its outcome: `record`, which is on disk."""
        self._lanes[name].end()
        self.count(ResultSeen.of(name, record))

    def recorded(self, name: str, record: Record) -> None:
        """The line of an item is on disk whose attempt was over before."""
        self.count(ResultSeen.of(name, record))

    def maybe_spent(self, usd: float) -> None:
        """So much may have been charged for what no result tells the cost of."""
        self._outlay.add(usd)
        self._version += 1

    def count(self, result: ResultSeen, *, sent: int = 0) -> None:
        """Take a result into account that has no attempt under way here, and with it `sent` requests never started."""
        lane = self._lanes[result.variant]
        if sent:
            lane.sent(self._clock(), sent)
        lane.finish(self._clock(), result)
        self._outlay.add(result.cost_usd)
        self._version += 1
        self._tell(result)

    def found(self, name: str, *, resumed: int = 0, failed: int = 0) -> None:
        """So many more items of the variant have an answer, or a failure, of an earlier run than was known."""
        self._lanes[name].resumed += resumed
        self._lanes[name].add_failures(failed)
        self._version += 1

    def paused(self, name: str, until: float, reason: str) -> None:
        """The variant sends nothing before `until`, a time of the monotonic clock, or infinity where nobody can say."""
        lane = self._lanes[name]
        if lane.pause is None or (lane.pause.until, lane.pause.reason) != (until, reason):
            lane.pause = self._hold(reason, until)
            self._version += 1

    def resumed(self, name: str) -> None:
        """The variant's pause is over; where there was none, its park is, if time heals that."""
        lane = self._lanes[name]
        if lane.pause is not None:
            lane.pause = None
            self._version += 1
        elif lane.park is not None and math.isfinite(lane.park.until):
            self.unparked(name)

    def parked(self, name: str, reason: str, until: float | None = None) -> None:
        """The variant has stopped although items remain, until an attempt of it is `started` again.

        Args:
            until: when it goes on by itself, a time of the monotonic clock; None where somebody has to do something.
        """
        self._lanes[name].park = self._hold(reason, math.inf if until is None else until)
        self._version += 1

    def unparked(self, name: str) -> None:
        """The variant has not stopped after all, or no more."""
        self._lanes[name].park = None
        self._version += 1

    def completed(self, name: str) -> None:
        """The variant's lane has ended."""
        self._lanes[name].is_completed = True
        self._version += 1

    def local(self, status: LocalSnapshot) -> None:
        """What the thread of `status.device` is doing now."""
        if self._local.get(status.device) != status:
            self._local[status.device] = status
            self._version += 1

    def note(self, message: str) -> None:
        """Something to know that is no error."""
        self._messages.note(message, self._now())
        self._version += 1
        self._tell(NoteSeen(message))

    def error(self, message: str) -> None:
        """Something went wrong that belongs to no variant."""
        self._keep_error(None, message)

    def ended(self) -> None:
        """The run is over that is watched here."""
        self._over = True
        self._version += 1

    def snapshot(self) -> RunSnapshot:
        """The run as it is now."""
        clock, at = self._clock(), self._now()
        busy = {local.model for local in self._local.values() if local.model is not None}
        variants = tuple(lane.snapshot(clock, busy) for lane in self._lanes.values())
        if self._over:
            variants = tuple(replace(variant, eta_s=None) for variant in variants)
        return RunSnapshot(
            version=self._version,
            at=at,
            elapsed_s=clock - self._began,
            results_path=self._results_path,
            variants=variants,
            local=tuple(self._local.values()),
            cost_usd=self.cost_usd,
            errors=self._messages.errors,
            notes=self._messages.notes,
            max_cost_usd=self._outlay.limit_usd,
            oldest=self._oldest.of(variants, clock, at),
            over=self._over,
        )

    def _hold(self, reason: str, until: float) -> Hold:
        at = self._now() + timedelta(seconds=until - self._clock()) if math.isfinite(until) else None
        return Hold(reason, until, at)

    def _keep_error(self, variant: str | None, message: str) -> None:
        self._messages.error(variant, message, self._now())
        self._version += 1
        self._tell(ErrorSeen(variant, message))

    def _tell(self, seen: Seen) -> None:
        for listener in self._listeners:
            listener(seen)
